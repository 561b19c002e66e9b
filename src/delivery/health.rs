//! How a lane fares: failures in a row, pauses that the receiver asks for, suspension and its probes.

use super::DeliverySpec;
use super::parcel::Now;
use crate::handler::RETRY_AFTER_MAX;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Failures in a row after which a lane makes one attempt at a time: a receiver that is down is not helped by more, and
/// one that comes back is not met by all at once.
pub(super) const FAILING_AFTER: u32 = 8;

/// Attempts that a lane begins with at once. Many lanes that all begin with all that they may have in flight would open
/// thousands of connections in one moment, more than a receiver's listener has room for.
pub(super) const REACH_AT_FIRST: usize = 8;

/// Deliveries after which a lane may have one more in flight: a quarter more in each round of a full lane.
const DELIVERIES_PER_STEP: usize = 4;

/// Deliveries in a row that are given up because their bodies are refused, after which it is the handler that is wrong, not
/// some message: its format, or the address that it posts to.
pub(super) const REFUSED_AFTER: u32 = 3;

/// How a lane fares.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Deliveries since the last failure.
    delivered_in_row: usize,
    pub(super) failures_in_row: u32,
    /// When the first of them was; that of an earlier process counts as now.
    failing_since: Option<Duration>,
    /// Failures, those that came at once as one, since the lane is failing.
    tries: u32,
    /// A failing lane makes no attempt before this.
    held_until: Duration,
    /// Failures, those that came at once as one, since an attempt succeeded.
    rounds: u32,
    /// What is about the handler itself is not what finds out whether it works before this.
    itself_held_until: Duration,
    suspension: Option<Suspension>,
    paused: Option<Pause>,
    /// Deliveries given up since one arrived, because their bodies are refused.
    refused_in_row: u32,
}

#[derive(Debug, Clone, Copy)]
struct Suspension {
    since: Timestamp,
    /// The next probe is not before this.
    probe_at: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Duration,
    wall: Timestamp,
    /// How long it was to be.
    wait: Duration,
}

/// What a restart takes up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Condition {
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_until: Option<Timestamp>,
    /// How long the pause was to be, in seconds; a clock that was set back must not make it longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_for: Option<u64>,
    is_unwell: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_refused: bool,
}

impl Condition {
    /// Writes it down.
    pub(super) fn text(self) -> String {
        // Times and a flag have no way to fail.
        serde_json::to_string(&self).unwrap_or_default()
    }
}

impl Health {
    /// Takes up what an earlier process wrote. A pause that ends later than it can comes from a clock that was set since.
    pub(super) fn restored(condition: Option<&str>, now: Now) -> Self {
        // The store holds text that this program wrote; what cannot be read is found out anew by the next attempt.
        let condition: Condition = condition.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let pause = |until: Timestamp| {
            let longest = condition.paused_for.map_or(RETRY_AFTER_MAX, Duration::from_secs).min(RETRY_AFTER_MAX);
            let wait = Duration::try_from(until.duration_since(now.wall)).unwrap_or_default().min(longest);
            let wall = now.wall.checked_add(wait).unwrap_or(until);
            (!wait.is_zero()).then(|| Pause { until: now.elapsed.saturating_add(wait), wall, wait: longest })
        };
        Self {
            delivered_in_row: 0,
            failures_in_row: u32::from(condition.is_unwell),
            failing_since: condition.is_unwell.then_some(now.elapsed),
            tries: 0,
            held_until: Duration::ZERO,
            rounds: 0,
            itself_held_until: Duration::ZERO,
            suspension: condition.suspended_since.map(|since| Suspension { since, probe_at: now.elapsed }),
            paused: condition.paused_until.and_then(pause),
            refused_in_row: if condition.is_refused { REFUSED_AFTER } else { 0 },
        }
    }

    /// Returns what a restart needs to know.
    pub(super) fn condition(&self) -> Condition {
        Condition {
            suspended_since: self.suspension.map(|suspension| suspension.since),
            paused_until: self.paused.map(|pause| pause.wall),
            // Rounded up: what is cut off would be waited for too little.
            paused_for: self.paused.map(|pause| pause.wait.as_secs().saturating_add(1)),
            is_unwell: self.is_unwell(),
            is_refused: self.is_refused(),
        }
    }

    /// Returns whether the last attempt failed.
    pub(super) fn is_unwell(&self) -> bool {
        self.failures_in_row > 0
    }

    /// Returns whether the receiver answers and takes nothing.
    pub(super) fn is_refused(&self) -> bool {
        self.refused_in_row >= REFUSED_AFTER
    }

    /// Takes note of a delivery that arrived.
    pub(super) fn note_taken(&mut self) {
        self.refused_in_row = 0;
    }

    /// Takes note of a delivery that is given up because its body is refused.
    pub(super) fn note_refused(&mut self, spec: &DeliverySpec, now: Now) {
        self.refused_in_row = self.refused_in_row.saturating_add(1);
        self.hold_itself(spec, now);
    }

    /// Holds what is about the handler itself for as long as a delivery would wait for its next attempt.
    pub(super) fn hold_itself(&mut self, spec: &DeliverySpec, now: Now) {
        self.rounds = self.rounds.saturating_add(1);
        let wait = spec.retries.wait(self.rounds.max(self.refused_in_row), 0.5);
        self.itself_held_until = now.elapsed.saturating_add(wait);
    }

    /// Returns when what is about the handler itself may find out whether that works, where nothing else can.
    pub(super) fn itself_held_until(&self) -> Duration {
        self.itself_held_until
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failures_in_row >= FAILING_AFTER
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspension.is_some()
    }

    pub(super) fn suspended_since(&self) -> Option<Timestamp> {
        self.suspension.map(|suspension| suspension.since)
    }

    /// Returns until when the receiver asked to be left alone.
    pub(super) fn paused_until(&self, now: Duration) -> Option<(Duration, Timestamp)> {
        self.paused.filter(|pause| pause.until > now).map(|pause| (pause.until, pause.wall))
    }

    pub(super) fn probe_at(&self) -> Option<Duration> {
        self.suspension.map(|suspension| suspension.probe_at)
    }

    /// Returns how many attempts may be under way.
    pub(super) fn in_flight_max(&self, spec: &DeliverySpec, now: Duration) -> usize {
        match self.suspension {
            Some(suspension) => usize::from(suspension.probe_at <= now),
            None if self.is_failing() => 1,
            None => {
                spec.max_in_flight.clamp(1, REACH_AT_FIRST.saturating_add(self.delivered_in_row / DELIVERIES_PER_STEP))
            }
        }
    }

    /// Returns until when a failing lane makes no attempt: what waits for it is tried at the pace at which one delivery
    /// would be, however much that is, and costs the others nothing.
    pub(super) fn held_until(&self, now: Duration) -> Option<Duration> {
        (self.is_failing() && !self.is_suspended() && self.held_until > now).then_some(self.held_until)
    }

    /// Takes note of a failed attempt, while so many are still under way. Returns whether it is one too many.
    pub(super) fn fail(&mut self, spec: &DeliverySpec, in_flight: usize, now: Now) -> bool {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.delivered_in_row = 0;
        if in_flight == 0 {
            self.hold_itself(spec, now);
        }
        if self.is_failing() && in_flight == 0 {
            self.tries = self.tries.saturating_add(1);
            self.held_until = now.elapsed.saturating_add(spec.retries.wait(self.tries, 0.5));
        }
        let since = *self.failing_since.get_or_insert(now.elapsed);
        let limit = spec.suspend_after;
        !self.is_suspended()
            && self.failures_in_row >= limit.failures
            && now.elapsed.saturating_sub(since) >= limit.period
    }

    /// Leaves the receiver alone for a time; a longer one that it asked for before counts.
    pub(super) fn pause(&mut self, wait: Duration, now: Now) {
        let until = now.elapsed.saturating_add(wait);
        if self.paused.is_none_or(|pause| pause.until < until) {
            self.paused = Some(Pause { until, wall: now.wall.checked_add(wait).unwrap_or(Timestamp::MAX), wait });
        }
    }

    /// Suspends the lane, unless it is; the next probe is after a time.
    pub(super) fn suspend(&mut self, wait: Duration, now: Now) {
        let since = self.suspension.map_or(now.wall, |suspension| suspension.since);
        self.suspension = Some(Suspension { since, probe_at: now.elapsed.saturating_add(wait) });
    }

    /// Takes note that the receiver works. Returns whether the lane was suspended.
    pub(super) fn recover(&mut self) -> bool {
        self.delivered_in_row = self.delivered_in_row.saturating_add(1);
        self.failures_in_row = 0;
        self.failing_since = None;
        self.tries = 0;
        self.rounds = 0;
        self.suspension.take().is_some()
    }

    /// Begins anew at somebody's word: that the last attempt failed stays so. Returns whether the lane was suspended.
    pub(super) fn resume(&mut self) -> bool {
        self.refused_in_row = 0;
        self.failures_in_row = self.failures_in_row.min(1);
        self.failing_since = None;
        self.tries = 0;
        self.rounds = 0;
        self.itself_held_until = Duration::ZERO;
        self.suspension.take().is_some()
    }

    /// Forgets what the receiver asked for.
    pub(super) fn end_pause(&mut self) {
        self.paused = None;
    }
}
