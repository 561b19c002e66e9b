//! What the faces share: who is here, and the ways to the configuration and to the alarms.
//!
//! **Invariants**: faces decide nothing: whatever two of them do is here or below. A session that is dropped is gone.

pub mod alarm_json;
mod alarms;
mod deliveries;
mod facilities;
mod operations;
mod sessions;
mod shared;

pub use alarms::{AlarmError, AlarmName, HandlerStatuses};
pub use deliveries::{DeliveryError, TestStep, delivery_id};
pub use facilities::{Trial, TryError};
pub use operations::{InventoryEntry, OperatorRequest};
pub use sessions::{SESSIONS_MAX, Session, SessionHandle, SessionMode, SessionsExhausted};
pub use shared::SharedCandidate;

use crate::clock::Clock;
use crate::datastore::{Candidate, Datastore, RevisionRecord, RollbackError, Snapshot};
use crate::delivery::Deliveries;
use crate::store::StoreError;
use crate::tree::DataTree;
use alarms::AlarmSide;
use facilities::OutboundSide;
use sessions::Sessions;
use std::fmt;
use std::sync::Arc;

/// The element as its faces see it; clones share it.
#[derive(Clone)]
pub struct Management {
    datastore: Datastore,
    clock: Clock,
    sessions: Sessions,
    shared: SharedCandidate,
    alarm_side: Option<Arc<AlarmSide>>,
    deliveries: Option<Deliveries>,
    outbound_side: Option<Arc<OutboundSide>>,
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Management")
    }
}

/// Why a state of the configuration cannot be gone back to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackError {
    /// There were not so many commits, or they are not kept.
    #[error("there is no rollback {0}: expected 0 to {1}")]
    TooFar(usize, usize),
    /// The revision cannot be brought back.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Management {
    /// Builds it over the configuration; [`Management::with_alarms`] adds the alarms.
    #[must_use]
    pub fn new(datastore: Datastore, clock: Clock) -> Self {
        Self {
            datastore,
            clock,
            sessions: Sessions::default(),
            shared: SharedCandidate::default(),
            alarm_side: None,
            deliveries: None,
            outbound_side: None,
        }
    }

    /// Returns the datastore.
    #[must_use]
    pub fn datastore(&self) -> &Datastore {
        &self.datastore
    }

    /// Returns the source of time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Registers a session; it is gone when the handle is dropped.
    ///
    /// # Errors
    /// When there are too many.
    pub fn open_session(&self, user: &str, via: &str) -> Result<SessionHandle, SessionsExhausted> {
        self.sessions.open(user, via, self.clock.now())
    }

    /// Returns the sessions, in the order in which they came.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.sessions.list()
    }

    /// Returns the configuration in force.
    #[must_use]
    pub fn running(&self) -> Arc<Snapshot> {
        self.datastore.running()
    }

    /// Returns a private candidate.
    #[must_use]
    pub fn candidate(&self) -> Candidate {
        self.datastore.candidate()
    }

    /// Returns the candidate that sessions edit together.
    #[must_use]
    pub fn shared(&self) -> &SharedCandidate {
        &self.shared
    }

    /// Returns the commits, newest first, at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn commits(&self, newest: usize) -> Result<Vec<RevisionRecord>, StoreError> {
        self.datastore.revisions(newest)
    }

    /// Returns the configuration before the last `steps` commits; what is running for 0.
    ///
    /// # Errors
    /// When there were not so many, or it is not kept.
    pub fn back(&self, steps: usize) -> Result<DataTree, BackError> {
        if steps == 0 {
            return Ok(self.running().written.clone());
        }
        let commits = self.datastore.revisions(steps.saturating_add(1))?;
        match commits.get(steps) {
            Some(record) => Ok(self.datastore.tree_at(record.number)?),
            // Before the first commit there was nothing.
            None if commits.len() == steps && commits.last().is_some_and(|first| first.number == 1) => {
                Ok(DataTree::new(Arc::clone(self.datastore.plan())))
            }
            None => Err(BackError::TooFar(steps, commits.len().saturating_sub(1))),
        }
    }
}
