//! One thing that is watched: from single faults and successes to whether its alarm stands. Pure; times are handed in.

use crate::alarm::Severity;
use std::collections::VecDeque;
use std::time::Duration;

/// How many faults within how long make an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlidingWindow {
    /// Faults that raise the alarm; 1, or 0, lets the first one do so.
    pub faults_to_raise: u16,
    /// Within which time they must come; zero lets the first one raise the alarm.
    pub duration: Duration,
}

impl SlidingWindow {
    /// Lets the first fault raise the alarm.
    pub const AT_ONCE: Self = Self { faults_to_raise: 1, duration: Duration::ZERO };
}

impl Default for SlidingWindow {
    /// Returns two faults in ten seconds.
    fn default() -> Self {
        Self { faults_to_raise: 2, duration: Duration::from_secs(10) }
    }
}

/// Faults remembered at most: no window needs more than it counts to, and a window that counts to more is no watch.
const FAULTS_MAX: usize = 1000;

/// What is said of the alarm that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) severity: Severity,
    pub(super) brief: Option<String>,
    pub(super) detail: Vec<String>,
}

/// One thing that is watched.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// When there were faults, and how bad they were.
    faults: VecDeque<(Duration, Severity)>,
    /// Time during which faults count.
    window: Duration,
    standing: Option<Said>,
    /// When a standing alarm clears, unless there is a fault before.
    clears_at: Option<Duration>,
}

impl Watch {
    /// Takes up an alarm that stood before this process.
    pub(super) fn standing(said: Said) -> Self {
        Self { standing: Some(said), ..Self::default() }
    }

    pub(super) fn said(&self) -> Option<&Said> {
        self.standing.as_ref()
    }

    /// Returns when to look again although nothing is said.
    pub(super) fn clears_at(&self) -> Option<Duration> {
        self.clears_at
    }

    /// Takes a fault; returns whether what stands changed. It is as bad as the window's number of faults agree on, so that one
    /// that is worse, or milder, than the others changes nothing. While the alarm stands, only another severity does that:
    /// the words of each single fault are not worth a change of the alarm.
    pub(super) fn fault(&mut self, now: Duration, said: Said, window: SlidingWindow) -> bool {
        self.clears_at = None;
        self.window = window.duration;
        self.forget(now);
        if self.faults.len() >= FAULTS_MAX {
            self.faults.pop_front();
        }
        self.faults.push_back((now, said.severity));
        match self.agreed(window) {
            Some(severity) if self.standing.as_ref().is_none_or(|standing| standing.severity != severity) => {
                self.set(Said { severity, ..said })
            }
            _ => false,
        }
    }

    /// Returns the highest severity that as many faults as raise the alarm have, or exceed.
    fn agreed(&self, window: SlidingWindow) -> Option<Severity> {
        let needed = if window.duration.is_zero() { 1 } else { usize::from(window.faults_to_raise.max(1)) };
        let mut severities: Vec<Severity> = self.faults.iter().map(|(_, severity)| *severity).collect();
        severities.sort_unstable();
        severities.iter().nth_back(needed.saturating_sub(1)).copied()
    }

    /// Raises the alarm at once, or changes what is said of it; returns whether anything changed.
    pub(super) fn raise(&mut self, said: Said) -> bool {
        self.clears_at = None;
        self.standing.as_ref() != Some(&said) && self.set(said)
    }

    /// Takes a success: the alarm clears after a quiet time. Returns whether it cleared at once.
    pub(super) fn fine(&mut self, now: Duration, quiet: Duration) -> bool {
        if self.standing.is_none() {
            return false;
        }
        if quiet.is_zero() {
            return self.clear();
        }
        self.clears_at.get_or_insert(now.saturating_add(quiet));
        false
    }

    /// Clears the alarm at once; returns whether it stood.
    pub(super) fn clear(&mut self) -> bool {
        self.faults.clear();
        self.clears_at = None;
        self.standing.take().is_some()
    }

    /// Clears the alarm when its quiet time is over; returns whether it is.
    pub(super) fn ripen(&mut self, now: Duration) -> bool {
        self.clears_at.is_some_and(|at| at <= now) && self.clear()
    }

    /// Returns whether there is nothing to remember.
    pub(super) fn is_idle(&mut self, now: Duration) -> bool {
        self.forget(now);
        self.standing.is_none() && self.faults.is_empty()
    }

    fn set(&mut self, said: Said) -> bool {
        self.standing = Some(said);
        true
    }

    fn forget(&mut self, now: Duration) {
        let window = self.window;
        self.faults.retain(|(at, _)| now.saturating_sub(*at) < window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(severity: Severity) -> Said {
        Said { severity, brief: None, detail: Vec::new() }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn two_faults_in_ten_seconds_raise_and_further_apart_they_do_not() {
        let mut watch = Watch::default();
        let window = SlidingWindow::default();
        assert!(!watch.fault(seconds(0), said(Severity::Minor), window));
        assert!(!watch.fault(seconds(10), said(Severity::Minor), window));
        assert!(watch.fault(seconds(19), said(Severity::Minor), window));
        assert!(!watch.fault(seconds(20), said(Severity::Minor), window));
        assert!(!watch.fault(seconds(21), said(Severity::Major), window));
        assert!(watch.fault(seconds(22), said(Severity::Major), window));
    }

    #[test]
    fn one_fault_of_another_severity_does_not_change_an_alarm_and_two_do() {
        let mut watch = Watch::default();
        let window = SlidingWindow::default();
        watch.fault(seconds(0), said(Severity::Critical), window);
        assert!(watch.fault(seconds(1), said(Severity::Warning), window));
        assert_eq!(watch.said().map(|said| said.severity), Some(Severity::Warning));
        assert!(watch.fault(seconds(2), said(Severity::Critical), window));
        assert!(!watch.fault(seconds(20), said(Severity::Minor), window));
        assert!(watch.fault(seconds(21), said(Severity::Minor), window));
        assert_eq!(watch.said().map(|said| said.severity), Some(Severity::Minor));
    }

    #[test]
    fn a_window_of_one_or_of_no_time_lets_the_first_fault_raise() {
        let one = SlidingWindow { faults_to_raise: 1, duration: seconds(10) };
        let no_time = SlidingWindow { faults_to_raise: 5, duration: Duration::ZERO };
        for window in [one, no_time, SlidingWindow::AT_ONCE] {
            assert!(Watch::default().fault(seconds(0), said(Severity::Minor), window));
        }
    }

    #[test]
    fn an_alarm_clears_after_a_quiet_time_that_a_fault_ends() {
        let mut watch = Watch::default();
        watch.raise(said(Severity::Minor));
        assert!(!watch.fine(seconds(0), seconds(5)));
        assert!(!watch.fine(seconds(3), seconds(5)));
        assert!(!watch.ripen(seconds(4)));
        watch.fault(seconds(4), said(Severity::Minor), SlidingWindow::default());
        assert!(!watch.ripen(seconds(9)));
        watch.fine(seconds(9), seconds(5));
        assert_eq!(watch.clears_at(), Some(seconds(14)));
        assert!(watch.ripen(seconds(14)));
        assert!(watch.said().is_none() && !watch.clear());
    }

    proptest! {
        /// The model keeps all faults of all time and counts anew each time.
        #[test]
        fn an_alarm_stands_exactly_when_the_window_was_full_and_no_quiet_time_has_passed(
            steps in prop::collection::vec((0_u64..6, 0_u8..3), 1..60),
            faults_to_raise in 1_u16..4, window in 1_u64..12, quiet in 1_u64..8,
        ) {
            let mut watch = Watch::default();
            let sliding = SlidingWindow { faults_to_raise, duration: seconds(window) };
            let (mut now, mut faults, mut stands, mut fine_since) = (0, Vec::new(), false, None);
            for (elapsed, what) in steps {
                now += elapsed;
                watch.ripen(seconds(now));
                if stands && fine_since.is_some_and(|since| now - since >= quiet) {
                    (stands, fine_since) = (false, None);
                    faults.clear();
                }
                match what {
                    0 => {
                        watch.fault(seconds(now), said(Severity::Minor), sliding);
                        faults.push(now);
                        fine_since = None;
                        let recent = faults.iter().filter(|at| now - **at < window).count();
                        stands = stands || recent >= usize::from(faults_to_raise);
                    }
                    1 => {
                        watch.fine(seconds(now), seconds(quiet));
                        if stands {
                            fine_since = fine_since.or(Some(now));
                        }
                    }
                    _ => {}
                }
                prop_assert_eq!(watch.said().is_some(), stands);
            }
        }
    }
}
