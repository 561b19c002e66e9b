//! When to try again: a schedule of intervals whose last repeats, each with jitter.

use std::time::Duration;

/// Share by which an interval is lengthened or shortened at most, so that many retries do not come at once.
pub const JITTER: f64 = 0.2;

/// The last interval repeats for as long as it takes: never faster than this, whatever is configured, so that a receiver that
/// is down costs nothing worth mentioning.
const REPEATED_MIN: Duration = Duration::from_millis(100);

/// Who refuses everything is asked no more often than this whether that is still so.
const PROBE_MIN: Duration = Duration::from_secs(1);

/// A schedule of waiting times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schedule {
    intervals: Vec<Duration>,
}

impl Default for Schedule {
    /// Returns 0, 1, 5, 15, 60 and 300 seconds: quick for blips, patient for outages.
    fn default() -> Self {
        Self::new([0, 1, 5, 15, 60, 300].map(Duration::from_secs))
    }
}

impl Schedule {
    /// Builds a schedule; the last interval repeats. An empty one is a single interval of five minutes.
    #[must_use]
    pub fn new(intervals: impl IntoIterator<Item = Duration>) -> Self {
        let mut intervals: Vec<Duration> = intervals.into_iter().collect();
        if intervals.is_empty() {
            intervals.push(Duration::from_secs(300));
        }
        Self { intervals }
    }

    /// Returns how long to wait, a tenth of a second at least where the last interval repeats, after `failures` failed tries (1 for the first), `chance` in 0..1 deciding the jitter.
    #[must_use]
    pub fn wait(&self, failures: u32, chance: f64) -> Duration {
        let at = failures.max(1) as usize - 1;
        let interval = match self.intervals.get(at) {
            Some(interval) => *interval,
            None => self.intervals.last().map_or(REPEATED_MIN, |last| REPEATED_MIN.max(*last)),
        };
        jittered(interval, chance)
    }

    /// Returns how long to wait before asking again whether somebody who refused everything still does: the last interval, and
    /// a second at least.
    #[must_use]
    pub fn probe(&self, chance: f64) -> Duration {
        jittered(self.intervals.last().map_or(PROBE_MIN, |last| PROBE_MIN.max(*last)), chance)
    }
}

fn jittered(interval: Duration, chance: f64) -> Duration {
    interval.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_interval_repeats_and_jitter_stays_within_a_fifth() {
        let schedule = Schedule::default();
        assert_eq!(schedule.wait(1, 0.9), Duration::ZERO);
        assert_eq!(schedule.wait(2, 0.5), Duration::from_secs(1));
        assert_eq!(schedule.wait(99, 0.0), Duration::from_secs(240));
        assert_eq!(schedule.wait(99, 1.0), Duration::from_secs(360));
        let at_once = Schedule::new([Duration::ZERO, Duration::ZERO]);
        assert_eq!([1, 2, 3, u32::MAX].map(|failures| at_once.wait(failures, 0.5).as_millis()), [0, 0, 100, 100]);
        assert_eq!((at_once.probe(0.5), schedule.probe(0.5)), (PROBE_MIN, Duration::from_secs(300)));
    }
}
