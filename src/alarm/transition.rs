//! One state change of one alarm: what the journal holds and handlers deliver.

use super::{AlarmId, AlarmKey, AlarmState, Severity, Standing};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Number of a transition in the journal: rises by at least one, is never used again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JournalPosition(pub u64);

/// Severities and projects with which one alarm stood that are kept at most: a resource belongs to one project, mostly.
const MOVES_MAX: usize = 64;

/// One state change of one alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Where it stands in the journal.
    pub position: JournalPosition,
    /// The alarm.
    pub id: AlarmId,
    /// The alarm's key.
    pub key: Arc<AlarmKey>,
    /// Number of this transition among those of its alarm, from 1, without gaps.
    pub sequence: u64,
    /// How the alarm stood when it was announced last; `None` for the first announcement.
    pub before: Option<Standing>,
    /// Severities with which it was announced to stand earlier since it was raised last, beside that of `before`: whoever
    /// heard of one of them must hear of its end. Always empty in journals of a version that did not keep it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stood: BTreeSet<Severity>,
    /// The alarm after it.
    pub after: AlarmState,
    /// Where the journal was when it was raised last, if that was before. 0 where it is not said, and in journals of a version
    /// that did not keep it.
    #[serde(default, skip_serializing_if = "is_at_start")]
    pub raised: JournalPosition,
    /// The project that its resource belongs to, as it was configured then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Where else its resource belonged while the alarm was announced to stand; `None` where that was always `project`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves: Option<Box<Moves>>,
    /// When it happened: strictly later than the alarm's transition before it, even when the clock stepped back.
    pub last_updated: Timestamp,
    /// The configuration revision in force.
    pub revision: u64,
    /// Handlers that are reminded of what still stands; with none it is a change, and for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reminds: Vec<String>,
    /// What links to the alarm begin with, as it was then: a message about this transition never changes. `None` where
    /// there was no address, and in journals of a version that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
}

/// Where an alarm's resource belonged while the alarm was announced to stand, when that was not one project throughout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moves {
    /// The project at the transition before.
    pub before: Option<String>,
    /// Severities with which the alarm was announced to stand since it was raised last, beside that of `before`, and the
    /// project then.
    pub stood: BTreeSet<(Severity, Option<String>)>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_at_start(position: &JournalPosition) -> bool {
    *position == JournalPosition(0)
}

impl Transition {
    /// Returns the severities and projects with which it was announced to stand before, since it was raised last; nothing where
    /// its project was always the same.
    #[must_use]
    pub fn stood_in(&self) -> BTreeSet<(Severity, Option<String>)> {
        let Some(moves) = &self.moves else { return BTreeSet::new() };
        let before =
            self.before.filter(|before| !before.is_cleared).map(|before| (before.severity, moves.before.clone()));
        let mut all = moves.stood.clone();
        // A resource that is moved more often while an alarm stands is told of by its first moves, and the one before.
        if all.len() < MOVES_MAX {
            all.extend(before);
        }
        all
    }

    /// Returns where it was raised last; `None` where it does not stand, did not, or that is not known.
    #[must_use]
    pub fn raised_at(&self) -> Option<JournalPosition> {
        if self.raised != JournalPosition(0) {
            return Some(self.raised);
        }
        let stood = self.before.is_some_and(|before| !before.is_cleared);
        (!stood && !self.after.standing.is_cleared).then_some(self.position)
    }

    /// Returns the severities with which it was announced to stand before, since it was raised last.
    #[must_use]
    pub fn stood_before(&self) -> BTreeSet<Severity> {
        let mut all = self.stood.clone();
        all.extend(self.before.filter(|before| !before.is_cleared).map(|before| before.severity));
        all
    }

    /// Returns whether nothing changed, and some handlers are told again of what still stands.
    #[must_use]
    pub fn is_reminder(&self) -> bool {
        !self.reminds.is_empty()
    }

    /// Returns whether it is for a handler at all: a reminder is for those that want one.
    #[must_use]
    pub fn is_for(&self, handler: &str) -> bool {
        self.reminds.is_empty() || self.reminds.iter().any(|name| name == handler)
    }
}
