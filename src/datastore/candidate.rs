//! One state of running, and the private tree that becomes the next.

use super::Unconfirmed;
use crate::clock::format_utc;
use crate::diagnostic::Diagnostics;
use crate::tree::{DataTree, Delta, diff};
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One state of running: immutable, shared by whoever reads.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The revision that it is; 0 before the first.
    pub revision: u64,
    /// The configuration that is in force.
    pub tree: DataTree,
    /// The configuration as it is written: with what is inactive, and with comments.
    pub written: DataTree,
}

impl Snapshot {
    /// Builds a state from the configuration as it is written.
    #[must_use]
    pub fn new(revision: u64, written: DataTree) -> Self {
        Self { revision, tree: written.in_force(), written }
    }
}

/// A private candidate: edited freely, seen by nobody, built on one state of running.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The configuration being edited, as it is written.
    pub tree: DataTree,
    base: Arc<Snapshot>,
}

impl Candidate {
    /// Starts from a state of running.
    #[must_use]
    pub fn new(base: Arc<Snapshot>) -> Self {
        Self { tree: base.written.clone(), base }
    }

    /// Returns the state of running that the candidate was built on.
    #[must_use]
    pub fn base(&self) -> &Arc<Snapshot> {
        &self.base
    }

    /// Returns what was edited.
    #[must_use]
    pub fn delta(&self) -> Delta {
        diff(&self.base.written, &self.tree)
    }

    /// Returns whether anything differs from what the candidate was built on.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        !self.tree.is_same(&self.base.written) && !self.delta().is_empty()
    }

    /// Puts a whole tree in the place of what was edited.
    pub fn replace(&mut self, tree: DataTree) {
        self.tree = tree;
    }

    /// Stands on another state of running, with nothing edited.
    pub(super) fn stand_on(&mut self, base: Arc<Snapshot>) {
        *self = Self::new(base);
    }
}

/// Who asks for a commit, and what is kept of that with the revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitRequest {
    /// Who.
    pub user: String,
    /// Over which face: `cli`, `boot`, `rollback` …
    pub via: String,
    /// A label to find the revision by.
    pub label: Option<String>,
    /// A comment for people.
    pub comment: Option<String>,
    /// The face's own number of the session that asks, which need not be told of what it did itself; not kept.
    pub session: Option<u64>,
    /// The session of the element that asks, which may hold the lock or await confirmation; 0 for none.
    pub editor: u64,
    /// Says, without changes, that what awaits confirmation is to stay: from any session of the user who made it.
    pub confirms: bool,
    /// Takes the commit back unless another one confirms it within this time.
    pub confirm_within: Option<Duration>,
}

/// What came of a commit that was not refused.
#[derive(Debug, Clone)]
pub enum CommitOutcome {
    /// There was nothing to commit.
    Nothing,
    /// There was nothing to commit, and what awaited confirmation is now permanent.
    Confirmed(Unconfirmed),
    /// There was nothing to commit, and what awaits confirmation has a new deadline.
    Prolonged(Unconfirmed),
    /// A new revision is in force.
    Committed {
        /// What it did.
        committed: Arc<Committed>,
        /// Until when it has to be confirmed, when it has to.
        unconfirmed: Option<Unconfirmed>,
        /// What awaited confirmation and is now permanent.
        confirmed: Option<Unconfirmed>,
    },
}

impl CommitOutcome {
    /// Returns what the commit did, when there was anything to commit.
    #[must_use]
    pub fn committed(self) -> Option<Arc<Committed>> {
        match self {
            Self::Committed { committed, .. } => Some(committed),
            Self::Nothing | Self::Confirmed(_) | Self::Prolonged(_) => None,
        }
    }
}

/// What a commit did; announced when it is in force.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The new revision.
    pub revision: u64,
    /// Who.
    pub user: String,
    /// Over which face.
    pub via: String,
    /// The number that the request gave of its session.
    pub session: Option<u64>,
    /// The comment given to it.
    pub comment: Option<String>,
    /// When.
    pub time: Timestamp,
    /// What is worth telling and refused nothing.
    pub warnings: Diagnostics,
    /// What changed, rebased on the revision before.
    pub delta: Arc<Delta>,
}

impl Committed {
    /// Returns whether it takes back a commit that nobody confirmed.
    #[must_use]
    pub fn is_taken_back(&self) -> bool {
        self.via == TAKEN_BACK_VIA
    }
}

/// Over what a commit comes that takes one back.
pub(super) const TAKEN_BACK_VIA: &str = "rollback";

impl fmt::Display for Committed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revision {} by {} via {} at {}", self.revision, self.user, self.via, format_utc(self.time))
    }
}
