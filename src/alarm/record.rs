//! The alarm list's entry for one alarm (RFC 8632 §4.5), and the rules by which it changes.

use super::{AlarmId, AlarmKey, AlarmState, AlarmText, JournalPosition, Severity, Standing, Transition};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Status changes kept for one alarm unless configured otherwise (RFC 8632, `max-alarm-status-changes`).
pub const STATUS_CHANGES_MAX: usize = 32;

/// One entry of an alarm's history (RFC 8632, `status-change`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    /// When it changed.
    pub time: Timestamp,
    /// How it stood then.
    pub standing: Standing,
    /// Its brief text then.
    pub text: String,
}

/// All that is known of one alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmRecord {
    /// The alarm.
    pub id: AlarmId,
    /// The alarm's key.
    pub key: AlarmKey,
    /// Severity, clearance, texts, impact.
    pub state: AlarmState,
    /// Position of its newest transition.
    pub position: JournalPosition,
    /// Number of its newest transition among its own, from 1.
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
}

impl AlarmRecord {
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

    /// Applies a transition read from the journal, as a restart does; `current` is the alarm before it.
    #[must_use]
    pub fn replay(current: Option<&Self>, transition: &Transition, status_changes_max: usize) -> Self {
        // The first transition of an alarm says that it came into the list anew, whatever was there.
        let current = current.filter(|_| transition.before.is_some());
        let time = transition.last_updated;
        let standing = transition.after.standing;
        let was_standing = transition.before.is_some_and(|before| !before.is_cleared);
        let mut record = Self {
            id: transition.id,
            key: transition.key.clone(),
            state: transition.after.clone(),
            position: transition.position,
            sequence: transition.sequence,
            revision: transition.revision,
            last_updated: time,
            time_created: current.map_or(time, |c| c.time_created),
            last_raised: current.map_or(time, |c| c.last_raised),
            last_changed: time,
            status_changes: current.map(|c| c.status_changes.clone()).unwrap_or_default(),
        };
        if !standing.is_cleared && !was_standing {
            record.last_raised = time;
        }
        record.remember(time, status_changes_max);
        record
    }

    fn remember(&mut self, time: Timestamp, status_changes_max: usize) {
        let change = StatusChange { time, standing: self.state.standing, text: self.state.text.brief.clone() };
        self.status_changes.truncate(status_changes_max.max(1) - 1);
        self.status_changes.insert(0, change);
    }
}

/// What the sources of an alarm say of it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// At least one says that it stands.
    Standing {
        /// The highest severity that stands.
        severity: Severity,
        /// Its texts.
        text: AlarmText,
    },
    /// None does.
    Gone {
        /// What to say of it now; `None` keeps what was said.
        text: Option<AlarmText>,
    },
}

/// Under what circumstances a change is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// The wall-clock time.
    pub now: Timestamp,
    /// A time that the change must be later than even for an alarm that is not in the list: it may have been before.
    pub not_before: Option<Timestamp>,
    /// The configuration revision in force.
    pub revision: u64,
    /// Status changes kept.
    pub status_changes_max: usize,
}

/// What a reading changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something that is announced: a raise, a change of severity, a clear, a raise after a clear. The position is
    /// still that of the transition before; the impact is not computed yet.
    Announced(Transition),
    /// Only the texts: the record changes and nobody is told.
    Quiet(AlarmRecord),
}

/// Decides what a reading changes; `None` when nothing does.
#[must_use]
pub fn decide(
    key: &AlarmKey,
    current: Option<&AlarmRecord>,
    reading: Reading,
    circumstances: &Circumstances,
) -> Option<Change> {
    let (standing, text) = match (reading, current) {
        (Reading::Standing { severity, text }, _) => (Standing { severity, is_cleared: false }, text),
        (Reading::Gone { .. }, None) => return None,
        (Reading::Gone { .. }, Some(current)) if current.is_cleared() => return None,
        (Reading::Gone { text }, Some(current)) => {
            let standing = Standing { severity: current.severity(), is_cleared: true };
            (standing, text.unwrap_or_else(|| current.state.text.clone()))
        }
    };
    let time = change_time(current, circumstances);
    match current {
        Some(current) if current.state.standing == standing => (current.state.text != text).then(|| {
            let mut record = current.clone();
            record.state.text = text;
            record.last_changed = time;
            record.remember(time, circumstances.status_changes_max);
            Change::Quiet(record)
        }),
        _ => Some(Change::Announced(Transition {
            position: current.map(|c| c.position).unwrap_or_default(),
            id: current.map_or_else(|| key.id(), |c| c.id),
            key: key.clone(),
            sequence: current.map_or(1, |c| c.sequence.saturating_add(1)),
            before: current.map(|c| c.state.standing),
            after: AlarmState { standing, text, impact: current.map(|c| c.state.impact.clone()).unwrap_or_default() },
            last_updated: time,
            revision: circumstances.revision,
        })),
    }
}

/// Returns now in whole microseconds, or one more than the last change when the clock is not beyond that.
fn change_time(current: Option<&AlarmRecord>, circumstances: &Circumstances) -> Timestamp {
    let now = whole_microseconds(circumstances.now);
    let before = current.map(|c| c.last_changed.max(c.last_updated)).max(circumstances.not_before);
    match before {
        Some(before) if now <= before => {
            whole_microseconds(before).checked_add(1.microsecond()).unwrap_or(Timestamp::MAX)
        }
        _ => now,
    }
}

fn whole_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}
