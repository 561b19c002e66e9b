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

impl Transition {
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
