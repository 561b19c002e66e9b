//! The one source of time: the system's clock, or one that a test moves by hand.

use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A handle on a source of time; clones share it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    System { started: Instant },
    Manual { state: Mutex<Manual>, moved: Notify },
}

#[derive(Debug, Clone, Copy)]
struct Manual {
    wall: Timestamp,
    elapsed: Duration,
}

impl Clock {
    /// Builds the system's clock.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the place that the rule sends everybody to")]
    pub fn system() -> Self {
        Self(Arc::new(Kind::System { started: Instant::now() }))
    }

    /// Builds a clock that stands still until [`Clock::advance`] or [`Clock::set_wall`] moves it.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        let state = Mutex::new(Manual { wall: start, elapsed: Duration::ZERO });
        Self(Arc::new(Kind::Manual { state, moved: Notify::new() }))
    }

    /// Returns the wall-clock time. It may step backwards.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is the place that the rule sends everybody to")]
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Kind::System { .. } => Timestamp::now(),
            Kind::Manual { state, .. } => state.lock().unwrap_or_else(PoisonError::into_inner).wall,
        }
    }

    /// Returns the time since this clock was built. It never steps backwards.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match &*self.0 {
            Kind::System { started } => started.elapsed(),
            Kind::Manual { state, .. } => state.lock().unwrap_or_else(PoisonError::into_inner).elapsed,
        }
    }

    /// Waits for a duration on this clock.
    pub async fn sleep(&self, duration: Duration) {
        match &*self.0 {
            Kind::System { .. } => tokio::time::sleep(duration).await,
            Kind::Manual { .. } => self.sleep_until(self.elapsed().saturating_add(duration)).await,
        }
    }

    /// Waits until [`Clock::elapsed`] is `deadline` or later; not at all when it is so already. For who read the clock a
    /// moment ago: a manual clock that is moved in between is not missed.
    pub async fn sleep_until(&self, deadline: Duration) {
        match &*self.0 {
            Kind::System { started } => {
                if let Some(at) = started.checked_add(deadline) {
                    tokio::time::sleep_until(at.into()).await;
                } else {
                    std::future::pending::<()>().await;
                }
            }
            Kind::Manual { moved, .. } => loop {
                let notified = moved.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if self.elapsed() >= deadline {
                    return;
                }
                notified.await;
            },
        }
    }

    /// Moves a manual clock forward, wall and elapsed time alike; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual { state, moved } = &*self.0 {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.elapsed = state.elapsed.saturating_add(by);
            state.wall = state.wall.checked_add(by).unwrap_or(Timestamp::MAX);
            moved.notify_waiters();
        }
    }

    /// Sets the wall time of a manual clock, backwards too; does nothing to the system's.
    pub fn set_wall(&self, wall: Timestamp) {
        if let Kind::Manual { state, .. } = &*self.0 {
            state.lock().unwrap_or_else(PoisonError::into_inner).wall = wall;
        }
    }
}

/// Writes a time as UTC with six fractional digits and `Z`: the form of every time that leaves the element.
#[must_use]
pub fn format_utc(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_fractional_digits_and_z() {
        let time: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap_or_default();
        assert_eq!(format_utc(time), "2026-05-01T12:00:00.000000Z");
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_moved() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let sleeper = {
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(5)).await }
        };
        let mover = async {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_secs(5));
        };
        tokio::join!(sleeper, mover);
        assert_eq!(clock.elapsed(), Duration::from_secs(5));
    }
}
