//! How often something may be said: what happens very often is said now and then, with how often it was not.

use std::time::Duration;

/// Remembers when something was said last. Pure: the caller tells the time.
#[derive(Debug, Clone, Default)]
pub struct Seldom {
    said_at: Option<Duration>,
    unsaid: u64,
}

impl Seldom {
    /// Returns whether it may be said at `now` when it was not said within `every`, and how often it was kept back since.
    pub fn may(&mut self, now: Duration, every: Duration) -> Option<u64> {
        if self.said_at.is_some_and(|at| now.saturating_sub(at) < every) {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        self.said_at = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_said_at_once_and_then_seldom_with_how_often() {
        let (mut seldom, every) = (Seldom::default(), Duration::from_secs(10));
        let said = [0, 1, 9, 10, 19, 30, 40].map(|at| seldom.may(Duration::from_secs(at), every));
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
    }
}
