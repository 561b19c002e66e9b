//! Deadlines of contributions: what its source does not say again in time no longer holds.

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
    /// Ends contributions whose deadline is over, as time goes by, until the scope stops.
    pub async fn run_deadlines(&self, scope: &Scope) {
        tokio::select! {
            () = scope.stopped() => {}
            () = self.watch_deadlines() => {}
        }
    }

    async fn watch_deadlines(&self) {
        let mut next = self.next_deadline();
        loop {
            let deadline = *next.borrow_and_update();
            let Some(wait) = deadline.map(|deadline| self.wait_for(deadline)) else {
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

    /// Returns how long it is until a deadline may be over.
    fn wait_for(&self, deadline: Timestamp) -> Duration {
        let until = deadline.duration_since(self.clock().now());
        Duration::try_from(until).unwrap_or(Duration::ZERO).max(self.grace_left())
    }

    /// Ends the contributions whose deadline is over now, unless the element booted a moment ago. Returns how many
    /// alarms were looked at.
    ///
    /// # Errors
    /// [`LedgerError`] when that could not be made durable; nothing is changed then.
    pub async fn expire_due(&self) -> Result<usize, LedgerError> {
        if self.grace_left() > Duration::ZERO { Ok(0) } else { self.expire_now().await }
    }
}
