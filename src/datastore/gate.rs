//! Who may commit now: the holder of the exclusive lock, and whoever may go on while a commit awaits confirmation.

use super::{CommitError, CommitRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Where the store keeps the commit that awaits confirmation.
pub(super) const UNCONFIRMED_KEY: &str = "unconfirmed-commit";

/// A commit that is taken back at its deadline unless a commit confirms it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// The newest revision that awaits confirmation.
    pub revision: u64,
    /// The revision that comes back otherwise.
    pub back_to: u64,
    /// When it is taken back.
    pub deadline: Timestamp,
    /// Who made it.
    pub user: String,
    /// Over which face.
    pub via: String,
    /// The session that made it; 0 after a restart.
    #[serde(skip)]
    pub session: u64,
    /// The deadline on the clock that never steps; what is left at a restart is worked out of the wall-clock time.
    #[serde(skip)]
    pub(super) deadline_elapsed: Duration,
}

/// Who holds the configuration exclusively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The session.
    pub session: u64,
    /// Who.
    pub user: String,
    /// Over which face.
    pub via: String,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {} {} {}", self.session, self.user, self.via)
    }
}

/// What stands between a candidate and running besides validity. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    holder: Arc<Mutex<Option<Holder>>>,
    unconfirmed: watch::Sender<Option<Unconfirmed>>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { holder: Arc::default(), unconfirmed: watch::Sender::new(None) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Holder>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn holder(&self) -> Option<Holder> {
        self.lock().clone()
    }

    pub(super) fn unconfirmed(&self) -> Option<Unconfirmed> {
        self.unconfirmed.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Option<Unconfirmed>> {
        self.unconfirmed.subscribe()
    }

    pub(super) fn set_unconfirmed(&self, unconfirmed: Option<Unconfirmed>) {
        self.unconfirmed.send_replace(unconfirmed);
    }

    /// Gives the lock to a session.
    pub(super) fn take(&self, holder: Holder) -> Result<ExclusiveLock, Holder> {
        let mut held = self.lock();
        if let Some(holder) = &*held {
            return Err(holder.clone());
        }
        let session = holder.session;
        *held = Some(holder);
        Ok(ExclusiveLock { gate: self.clone(), session })
    }

    /// Tells whether a commit may go on, and whether it confirms what awaits it.
    pub(super) fn admit(&self, request: &CommitRequest, has_changes: bool) -> Result<Confirms, CommitError> {
        if let Some(holder) = self.holder()
            && holder.session != request.editor
        {
            return Err(CommitError::Locked(holder));
        }
        let Some(unconfirmed) = self.unconfirmed() else { return Ok(Confirms::Yes) };
        let is_own = unconfirmed.session == request.editor && request.editor != 0;
        // Whoever made it may have lost the session that it was made in, and then says in so many words that it confirms.
        let is_said = request.confirms && !has_changes && unconfirmed.user == request.user;
        let is_plain = !request.confirms && !has_changes && request.confirm_within.is_none();
        match (is_own || is_said, is_plain) {
            (true, _) => Ok(Confirms::Yes),
            (false, true) => Ok(Confirms::No),
            (false, false) => Err(CommitError::Unconfirmed(unconfirmed)),
        }
    }
}

/// Whether a commit that is admitted confirms what awaits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirms {
    Yes,
    /// It has no changes and comes from another session: it does nothing.
    No,
}

/// Holds the configuration exclusively; dropping it gives it up.
#[derive(Debug)]
pub struct ExclusiveLock {
    gate: Gate,
    session: u64,
}

impl Drop for ExclusiveLock {
    fn drop(&mut self) {
        let mut held = self.gate.lock();
        if held.as_ref().is_some_and(|holder| holder.session == self.session) {
            *held = None;
        }
    }
}
