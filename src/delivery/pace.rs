//! Pacing: at most so many messages in any stretch of a period.

use std::collections::VecDeque;
use std::time::Duration;

/// How many messages a handler takes in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Messages.
    pub messages: u32,
    /// In this time.
    pub per: Duration,
}

/// What was sent by an earlier process was so before time began: the longest period that can be configured is a day.
const BEFORE: Duration = Duration::from_secs(86_400);

/// Times of the newest messages: no stretch of the period has more than the limit, wherever it begins.
#[derive(Debug, Default)]
pub(super) struct Pace {
    limit: Option<RateLimit>,
    /// Rising, each later by [`BEFORE`]; at most as many as the limit allows in one period.
    sent: VecDeque<Duration>,
}

impl Pace {
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, sent: VecDeque::new() }
    }

    /// Puts another limit into force; what was sent counts.
    pub(super) fn set(&mut self, limit: Option<RateLimit>) {
        self.limit = limit;
        match limit {
            None => self.sent.clear(),
            Some(limit) => {
                while self.sent.len() > limit.messages.max(1) as usize {
                    self.sent.pop_front();
                }
            }
        }
    }

    /// Returns when the next message may go; `None` for now.
    pub(super) fn held_until(&self, now: Duration) -> Option<Duration> {
        let limit = self.limit?;
        if self.sent.len() < limit.messages.max(1) as usize {
            return None;
        }
        self.sent
            .front()
            .map(|oldest| oldest.saturating_add(limit.per).saturating_sub(BEFORE))
            .filter(|free| *free > now)
    }

    /// Takes note of a message that went so long before now. These come first, the oldest of them first.
    pub(super) fn sent_before(&mut self, age: Duration, now: Duration) {
        if let Some(at) = now.saturating_add(BEFORE).checked_sub(age) {
            self.note(at);
        }
    }

    /// Takes note of a message that goes now.
    pub(super) fn sent(&mut self, now: Duration) {
        self.note(now.saturating_add(BEFORE));
    }

    fn note(&mut self, at: Duration) {
        let Some(limit) = self.limit else { return };
        if self.sent.len() >= limit.messages.max(1) as usize {
            self.sent.pop_front();
        }
        self.sent.push_back(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_an_earlier_process_sent_counts() {
        let mut pace = Pace::new(Some(RateLimit { messages: 2, per: Duration::from_secs(10) }));
        let now = Duration::from_millis(5);
        for age in [100_000, 30, 8, 3] {
            pace.sent_before(Duration::from_secs(age), now);
        }
        assert_eq!(pace.held_until(now), Some(Duration::from_millis(2005)));
    }

    proptest! {
        #[test]
        fn no_stretch_of_a_period_has_more_than_the_limit_and_nobody_waits_longer_than_needed(
            messages in 1_u32..6, per in 1_u64..20, gaps in prop::collection::vec(0_u64..8, 1..60),
        ) {
            let per = Duration::from_secs(per);
            let mut pace = Pace::new(Some(RateLimit { messages, per }));
            let (mut now, mut sent): (Duration, Vec<Duration>) = (Duration::ZERO, Vec::new());
            for gap in gaps {
                now += Duration::from_secs(gap);
                let recent = sent.iter().filter(|at| now.saturating_sub(**at) < per).count();
                prop_assert_eq!(pace.held_until(now).is_some(), recent >= messages as usize);
                if let Some(until) = pace.held_until(now) {
                    now = until;
                }
                prop_assert_eq!(pace.held_until(now), None);
                pace.sent(now);
                sent.push(now);
            }
        }
    }
}
