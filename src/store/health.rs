//! Whether the store takes writes, as its newest group that had something to write tells.

use super::error::StoreError;
use crate::diagnostic::Seldom;
use jiff::Timestamp;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the log tells of groups that were undone: while the disk is full, every report ends in one.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Why the store takes no writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Since when.
    pub since: Timestamp,
    /// Why, for people.
    pub reason: Arc<str>,
    /// Whether that is because the disk is full.
    pub is_full: bool,
}

/// What the writer knows of the disk.
#[derive(Debug)]
pub(super) struct Health {
    refusal: watch::Sender<Option<Refusal>>,
    said: Seldom,
}

impl Health {
    pub(super) fn new(refusal: watch::Sender<Option<Refusal>>) -> Self {
        Self { refusal, said: Seldom::default() }
    }

    /// Notes that a group was written.
    pub(super) fn written(&mut self) {
        if self.refusal.borrow().is_some() {
            self.refusal.send_replace(None);
            self.said = Seldom::default();
        }
    }

    /// Notes that a group was undone, and tells the log now and then.
    pub(super) fn undone(&mut self, error: &StoreError, jobs: usize, now: Timestamp, elapsed: Duration) {
        if error.is_of_the_disk() {
            let reason: Arc<str> = chain(error).into();
            self.refusal.send_if_modified(|refusal| {
                if refusal.as_ref().is_some_and(|known| known.reason == reason) {
                    return false;
                }
                let since = refusal.as_ref().map_or(now, |known| known.since);
                let is_full = matches!(error, StoreError::Full);
                *refusal = Some(Refusal { since, reason, is_full });
                true
            });
        }
        if let Some(unsaid) = self.said.may(elapsed, SAY_EVERY) {
            tracing::warn!(jobs, unsaid, error = error as &dyn Error, "a group of writes was undone");
        }
    }
}

/// Writes an error with its causes.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}
