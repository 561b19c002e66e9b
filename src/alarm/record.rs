//! The alarm list's entry for one alarm (RFC 8632 §4.5).

use super::{
    AlarmId, AlarmKey, AlarmState, Hold, JournalPosition, Moves, OPERATOR_CHANGES_MAX, OperatorChange, OperatorState,
    Severity, Standing, Transition,
};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Status changes kept for one alarm unless configured otherwise (RFC 8632, `max-alarm-status-changes`).
pub const STATUS_CHANGES_MAX: usize = 32;

/// Who sets operator states that no operator sets.
pub(super) const ELEMENT: &str = "annunciator";

/// One entry of an alarm's history (RFC 8632, `status-change`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    /// When it changed.
    pub time: Timestamp,
    /// How it stood then.
    pub standing: Standing,
    /// Its brief text then.
    pub text: Arc<str>,
}

/// Why handlers know another state of an alarm than the list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UntoldBy {
    /// `notify-status-changes` says so.
    Policy,
    /// The alarm is on a shelf.
    Shelf,
    /// Its newest change has not lasted long enough.
    Hold,
}

/// That handlers know another state of an alarm than the list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untold {
    /// The state that was announced last; `None` when none ever was.
    pub announced: Option<Standing>,
    /// Why.
    pub by: UntoldBy,
}

/// All that is known of one alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmRecord {
    /// The alarm.
    pub id: AlarmId,
    /// The alarm's key.
    pub key: Arc<AlarmKey>,
    /// Severity, clearance, texts, impact.
    pub state: AlarmState,
    /// Position of its newest transition; 0 before the first.
    pub position: JournalPosition,
    /// Number of its newest transition among its own, from 1; 0 before the first.
    pub sequence: u64,
    /// The configuration revision in force at its newest transition.
    pub revision: u64,
    /// When its newest transition happened; strictly rising.
    pub last_updated: Timestamp,
    /// When it came into the list (`time-created`).
    pub time_created: Timestamp,
    /// When it was raised last (`last-raised`); a change of severity is not a raise.
    pub last_raised: Timestamp,
    /// When anything of it changed last, its text included (`last-changed`).
    pub last_changed: Timestamp,
    /// Its history, newest first (`status-change`).
    pub status_changes: Vec<StatusChange>,
    /// What operators made of it, newest first (`operator-state-change`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operator_changes: Vec<OperatorChange>,
    /// The shelf that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shelf: Option<String>,
    /// The severity that its sources say, where a profile put another in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Severity>,
    /// Whether handlers know another state than this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<Untold>,
    /// What is held back of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Severities with which it was announced to stand since it was raised last, the newest left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stood: BTreeSet<Severity>,
    /// Where the journal was when it was announced that it was raised; `None` when it does not stand, or that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised: Option<JournalPosition>,
    /// The project that its resource belonged to at its newest transition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The same as `stood` with the project then, where that was not `project` throughout.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stood_in: BTreeSet<(Severity, Option<String>)>,
}

impl AlarmRecord {
    /// Tells of the alarm as the transition that brought it where it was announced to be, as far as that is still known.
    #[must_use]
    pub fn retold(&self, announced: Standing, base_url: Option<&str>) -> Transition {
        Transition {
            position: self.position,
            id: self.id,
            key: self.key.clone(),
            sequence: self.sequence,
            before: None,
            stood: BTreeSet::new(),
            raised: self.raised.unwrap_or_default(),
            project: self.project.clone(),
            moves: None,
            after: AlarmState { standing: announced, ..self.state.clone() },
            last_updated: self.last_updated,
            revision: self.revision,
            base_url: base_url.map(str::to_owned),
            reminds: Vec::new(),
        }
    }

    /// Returns whether the condition is gone.
    #[must_use]
    pub fn is_cleared(&self) -> bool {
        self.state.standing.is_cleared
    }

    /// Returns the severity, the last one that was not clear.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.state.standing.severity
    }

    /// Returns the severity that its sources say, before profiles.
    #[must_use]
    pub fn reported_severity(&self) -> Severity {
        self.reported.unwrap_or(self.severity())
    }

    /// Returns the newest operator state.
    #[must_use]
    pub fn operator_state(&self) -> OperatorState {
        self.operator_changes.first().map(|change| change.state).unwrap_or_default()
    }

    /// Returns the changes that came while the alarm was on a shelf, the newest first, as far as the histories go back.
    pub fn changes_on_shelves(&self) -> impl Iterator<Item = &StatusChange> {
        let moves =
            |change: &&OperatorChange| matches!(change.state, OperatorState::Shelved | OperatorState::UnShelved);
        let is_on_shelf = move |time: Timestamp| {
            let newest = self.operator_changes.iter().filter(moves).find(|change| change.time <= time);
            newest.is_some_and(|change| change.state == OperatorState::Shelved)
        };
        self.status_changes.iter().filter(move |change| is_on_shelf(change.time))
    }

    /// Returns the state that was announced last; `None` when none ever was.
    #[must_use]
    pub fn announced(&self) -> Option<Standing> {
        match self.untold {
            Some(untold) => untold.announced,
            None => Some(self.state.standing),
        }
    }

    /// Returns when its newest change is told, unless it is undone before.
    #[must_use]
    pub fn held_until(&self) -> Option<Timestamp> {
        self.hold.and_then(|hold| hold.until)
    }

    /// Begins an alarm that is not in the list.
    pub(super) fn new(id: AlarmId, key: Arc<AlarmKey>, state: AlarmState, time: Timestamp) -> Self {
        Self {
            id,
            key,
            state,
            position: JournalPosition::default(),
            sequence: 0,
            revision: 0,
            last_updated: time,
            time_created: time,
            last_raised: time,
            last_changed: time,
            status_changes: Vec::new(),
            operator_changes: Vec::new(),
            shelf: None,
            reported: None,
            untold: None,
            hold: None,
            stood: BTreeSet::new(),
            raised: None,
            project: None,
            stood_in: BTreeSet::new(),
        }
    }

    /// Applies a transition read from the journal, as a restart does; `current` is the alarm before it.
    #[must_use]
    pub fn replay(current: Option<&Self>, transition: &Transition, status_changes_max: usize) -> Self {
        let time = transition.last_updated;
        let mut record = match current {
            Some(current) => current.clone(),
            None => Self::new(transition.id, Arc::clone(&transition.key), transition.after.clone(), time),
        };
        let is_change = current.is_none_or(|current| !current.says_the_same(&transition.after));
        record.take(transition);
        if is_change {
            record.note_change(current, time, status_changes_max);
        }
        record
    }

    /// Takes over what a transition says.
    fn take(&mut self, transition: &Transition) {
        if transition.after.standing.is_cleared {
            (self.stood, self.stood_in, self.raised) = (BTreeSet::new(), BTreeSet::new(), None);
        } else {
            (self.stood, self.stood_in) = (transition.stood_before(), transition.stood_in());
            self.raised = transition.raised_at();
        }
        self.project.clone_from(&transition.project);
        self.state = transition.after.clone();
        self.position = transition.position;
        self.sequence = transition.sequence;
        self.revision = transition.revision;
        self.last_updated = transition.last_updated;
        self.untold = None;
    }

    /// Returns where else its resource belonged while it was announced to stand, for a transition from it at which the resource
    /// belongs to `project`.
    #[must_use]
    pub fn moves(&self, project: Option<&str>) -> Option<Box<Moves>> {
        if self.stood_in.is_empty() && self.project.as_deref() == project {
            return None;
        }
        let stood = if self.stood_in.is_empty() {
            self.stood.iter().map(|severity| (*severity, self.project.clone())).collect()
        } else {
            self.stood_in.clone()
        };
        Some(Box::new(Moves { before: self.project.clone(), stood }))
    }

    /// Returns the alarm after its own transition was numbered.
    #[must_use]
    pub fn announced_by(mut self, transition: &Transition) -> Self {
        self.take(transition);
        self
    }

    /// Returns whether [`AlarmRecord::replay`] of its newest transition, from `current`, comes to the same: it does not bring
    /// back shelves, profiles and what is held back.
    #[must_use]
    pub fn is_replayed_from(&self, current: Option<&Self>) -> bool {
        match current {
            Some(current) => {
                (&self.shelf, self.reported, self.hold) == (&current.shelf, current.reported, current.hold)
            }
            None => (&self.shelf, self.reported, self.hold) == (&None, None, None),
        }
    }

    /// Returns a time for what happens to it now: later than all that happened before.
    #[must_use]
    pub fn next_time(&self, now: Timestamp) -> Timestamp {
        later(now, Some(self.last_changed.max(self.last_updated)))
    }

    /// Returns whether neither severity nor clearance nor `alarm-text` differ: what else there is to say of an alarm is no
    /// change of its status (RFC 8632, `status-change`).
    pub(super) fn says_the_same(&self, state: &AlarmState) -> bool {
        self.state.standing == state.standing && self.state.text.brief == state.text.brief
    }

    /// Notes that the state is now as it is, and what follows from that (RFC 8632: `last-changed`, `last-raised`, `status-change`).
    pub(super) fn note_change(&mut self, before: Option<&Self>, time: Timestamp, status_changes_max: usize) {
        let stood = before.is_some_and(|before| !before.is_cleared());
        if !self.is_cleared() && !stood {
            self.last_raised = time;
            if self.operator_state() == OperatorState::Closed {
                // Whoever closed it said that it was resolved; it is not, and somebody has to look again.
                self.note_operator(time, ELEMENT, OperatorState::None, "raised again after it was closed");
            }
        }
        self.last_changed = time;
        let change = StatusChange { time, standing: self.state.standing, text: Arc::clone(&self.state.text.brief) };
        self.status_changes.truncate(status_changes_max.max(1) - 1);
        // The history of very many alarms is short.
        self.status_changes.reserve_exact(1);
        self.status_changes.insert(0, change);
    }

    /// Notes what an operator, or the element, made of it; each entry is later than the one before.
    pub(super) fn note_operator(&mut self, time: Timestamp, operator: &str, state: OperatorState, text: &str) {
        let after = self.operator_changes.first().map(|newest| newest.time);
        let change =
            OperatorChange { time: later(time, after), operator: operator.to_owned(), state, text: text.to_owned() };
        self.operator_changes.truncate(OPERATOR_CHANGES_MAX - 1);
        self.operator_changes.insert(0, change);
    }

    /// Forgets all status changes but the newest; returns how many that were.
    pub fn compress(&mut self) -> usize {
        let gone = self.status_changes.len().saturating_sub(1);
        self.status_changes.truncate(1);
        gone
    }
}

/// Returns a time in whole microseconds, or one more than another when it is not beyond that.
pub(super) fn later(time: Timestamp, than: Option<Timestamp>) -> Timestamp {
    let time = whole_microseconds(time);
    match than {
        Some(than) if time <= than => whole_microseconds(than).checked_add(1.microsecond()).unwrap_or(Timestamp::MAX),
        _ => time,
    }
}

fn whole_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
