//! What time does to alarms: contributions that are not said again end, what was held back is told, shelves begin and end.

use super::handle::Ledger;
use super::report::LedgerError;
use crate::task::Scope;
use jiff::Timestamp;
use std::time::Duration;

/// Time after a boot in which no deadline is over: sources could not say anything while the element was down.
pub const BOOT_GRACE: Duration = Duration::from_secs(300);

/// Longest sleep: the wall clock may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// Pause after a failure: a full disk does not empty at once.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

impl Ledger {
    /// Does what is due as time goes by, until the scope stops.
    pub async fn run_deadlines(&self, scope: &Scope) {
        tokio::select! {
            () = scope.stopped() => {}
            () = self.watch_deadlines() => {}
        }
    }

    async fn watch_deadlines(&self) {
        let mut next = self.next_wake();
        loop {
            let wake = *next.borrow_and_update();
            let Some(wait) = self.wait_for(wake) else {
                if next.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if wait > Duration::ZERO {
                tokio::select! {
                    () = self.clock().sleep(wait.min(SLEEP_MAX)) => {}
                    changed = next.changed() => if changed.is_err() { return; },
                }
            } else if let Err(error) = self.expire_due().await {
                // The store says why, once; this comes every second.
                tracing::debug!(error = &error as &dyn std::error::Error, "alarms could not be ended in time");
                self.clock().sleep(AFTER_FAILURE).await;
            }
        }
    }

    /// Returns how long it is until something may be due; `None` when nothing will be.
    fn wait_for(&self, wake: Wake) -> Option<Duration> {
        let until =
            |time: Timestamp| Duration::try_from(time.duration_since(self.clock().now())).unwrap_or(Duration::ZERO);
        let deadline = wake.deadline.map(|time| until(time).max(self.grace_left()));
        deadline.into_iter().chain(wake.turn.map(until)).min()
    }

    /// Does what is due now: tells what was held back for long enough, lets shelves begin and end, and ends the
    /// contributions whose deadline is over, unless the element booted a moment ago. Returns how many alarms were looked at.
    ///
    /// # Errors
    /// [`LedgerError`] when that could not be made durable; nothing is changed then.
    pub async fn expire_due(&self) -> Result<usize, LedgerError> {
        self.work_off(self.grace_left() == Duration::ZERO).await
    }
}

/// When to look again although nobody said anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wake {
    /// When the next contribution no longer holds.
    pub(super) deadline: Option<Timestamp>,
    /// When the next change is told that was held back, or a shelf begins or ends to hold.
    pub(super) turn: Option<Timestamp>,
}
