//! How many attempts may start: one for each that ended, and more only while the thread has time to spare. Where receivers
//! are slow, as many are soon under way as the handlers allow; where the processor is what there is too little of, more
//! connections would make every attempt cost more and none arrive sooner.

use crate::clock::Clock;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Attempts that may start although none has ended: as many as one handler has under way unless configured otherwise.
const AT_REST: usize = 64;

/// How often it is looked at whether the thread has time to spare, while somebody waits for that. Timers tell no less.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The thread has time to spare when it did nothing for one part in so many.
const SPARE: u32 = 3;

/// Attempts more that may start then: so many, or one for each [`GROWTH`] that are under way.
const MORE: usize = 32;

/// Attempts under way for each of which one more may start when there is time to spare: thousands are reached in some
/// hundredths of a second.
const GROWTH: usize = 4;

/// Of so many ends one is not followed by a start, so that what was begun while there was time for it is not kept up for ever.
const FEWER_EVERY: usize = 16;

/// How long a thread had nothing to do, as its runtime tells.
#[derive(Debug)]
pub(super) struct Idleness {
    /// What a processor does is not part of the time that tests own.
    clock: Clock,
    /// Nanoseconds.
    since: AtomicU64,
    /// Nanoseconds.
    total: AtomicU64,
}

impl Default for Idleness {
    fn default() -> Self {
        Self { clock: Clock::system(), since: AtomicU64::new(0), total: AtomicU64::new(0) }
    }
}

impl Idleness {
    /// Says that the thread has nothing to do.
    pub(super) fn begin(&self) {
        self.since.store(self.nanoseconds(), Ordering::Relaxed);
    }

    /// Says that the thread has something to do again.
    pub(super) fn end(&self) {
        let spent = self.nanoseconds().saturating_sub(self.since.load(Ordering::Relaxed));
        self.total.fetch_add(spent, Ordering::Relaxed);
    }

    fn nanoseconds(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The lanes that have something to start, in the order of their turns, and how much of it may.
#[derive(Debug)]
pub(super) struct Departures {
    allowed: usize,
    landed: usize,
    queue: VecDeque<Uuid>,
    idleness: Arc<Idleness>,
    /// Since when, and with how much idleness before, somebody waits for time to spare.
    looked: Option<(Duration, u64)>,
}

impl Departures {
    pub(super) fn new(idleness: Arc<Idleness>) -> Self {
        Self { allowed: AT_REST, landed: 0, queue: VecDeque::new(), idleness, looked: None }
    }

    /// Takes note of the end of an attempt; so many are under way still.
    pub(super) fn landed(&mut self, under_way: usize) {
        self.landed = self.landed.wrapping_add(1);
        if under_way < AT_REST || !self.landed.is_multiple_of(FEWER_EVERY) {
            self.allowed = self.allowed.saturating_add(1);
        }
    }

    /// Gives a lane its turn behind the others.
    pub(super) fn enqueue(&mut self, lane: Uuid) {
        self.queue.push_back(lane);
    }

    /// Returns whose turn it is, and how much it may start: as much as every other that waits.
    pub(super) fn next(&mut self) -> Option<(Uuid, usize)> {
        let share = self.allowed.div_ceil(self.queue.len().max(1));
        if share == 0 {
            return None;
        }
        Some((self.queue.pop_front()?, share))
    }

    /// Takes note that attempts started.
    pub(super) fn started(&mut self, count: usize) {
        self.allowed = self.allowed.saturating_sub(count);
    }

    /// Allows more where there is time to spare; so many are under way. Returns after how long to look again when nothing
    /// happens meanwhile, if anybody waits.
    pub(super) fn look(&mut self, under_way: usize) -> Option<Duration> {
        if self.queue.is_empty() {
            // What was allowed and not used is not saved up.
            self.allowed = self.allowed.min(AT_REST);
            self.looked = None;
            return None;
        }
        let now = self.idleness.clock.elapsed();
        let idle = self.idleness.total.load(Ordering::Relaxed);
        let (since, before) = *self.looked.get_or_insert((now, idle));
        let passed = now.saturating_sub(since);
        if passed < LOOK_EVERY {
            return Some(LOOK_EVERY.saturating_sub(passed));
        }
        self.looked = Some((now, idle));
        if Duration::from_nanos(idle.saturating_sub(before)) >= passed / SPARE {
            self.allowed = self.allowed.saturating_add(MORE.max(under_way / GROWTH));
        }
        Some(LOOK_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn lane(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn departures() -> (Departures, Clock, Arc<Idleness>) {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let idleness = Arc::new(Idleness { clock: clock.clone(), ..Idleness::default() });
        (Departures::new(Arc::clone(&idleness)), clock, idleness)
    }

    #[test]
    fn turns_are_taken_evenly_and_what_was_not_used_is_not_saved_up() {
        let (mut departures, ..) = departures();
        (1..=4).for_each(|number| departures.enqueue(lane(number)));
        assert_eq!(departures.next(), Some((lane(1), 16)));
        departures.started(16);
        assert_eq!(departures.next(), Some((lane(2), 16)));
        departures.started(2);
        assert_eq!(departures.next(), Some((lane(3), 23)));
        assert_eq!(departures.next(), Some((lane(4), 46)));
        (0..100).for_each(|_| departures.landed(0));
        assert_eq!(departures.look(0), None);
        departures.enqueue(lane(1));
        assert_eq!(departures.next(), Some((lane(1), AT_REST)));
    }

    #[test]
    fn attempts_replace_those_that_ended_and_become_fewer_until_there_is_time_to_spare() {
        let (mut departures, clock, idleness) = departures();
        departures.enqueue(lane(1));
        departures.started(AT_REST);
        assert_eq!((departures.look(1000), departures.next()), (Some(LOOK_EVERY), None));
        (0..FEWER_EVERY).for_each(|_| departures.landed(1000));
        assert_eq!(departures.next(), Some((lane(1), FEWER_EVERY - 1)));
        departures.enqueue(lane(1));
        departures.started(FEWER_EVERY - 1);
        // Busy for all of a while.
        clock.advance(LOOK_EVERY);
        assert_eq!((departures.look(1000), departures.next()), (Some(LOOK_EVERY), None));
        idleness.begin();
        clock.advance(LOOK_EVERY / 2);
        idleness.end();
        assert_eq!((departures.look(1000), departures.next()), (Some(LOOK_EVERY / 2), None));
        clock.advance(LOOK_EVERY / 2);
        assert_eq!(departures.look(1000), Some(LOOK_EVERY));
        assert_eq!(departures.next(), Some((lane(1), 1000 / GROWTH)));
    }
}
