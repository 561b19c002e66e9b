//! One handler's ordered way through the journal, as a state machine without tasks, clock or disk.

use super::DeliverySpec;
use super::parcel::{Now, Parcel, Stage};
use super::reading::Restored;
use crate::alarm::{AlarmId, JournalPosition, Transition};
use crate::handler::{DeliveryId, Outcome, RETRY_AFTER_MAX};
use crate::store::{LaneException, LaneExceptionState, LaneProgress};
use crate::transport::FailureReason;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Unsettled transitions that a lane holds at most: twice the most that can be in flight, and some megabytes that lanes at
/// the same place share.
pub(super) const WINDOW: usize = 2048;

/// Exceptions past which a lane reads no further: each is a row that is written again with each of its retries.
pub(super) const EXCEPTIONS_MAX: usize = 1024;

/// Settled transitions above the low-water mark at most, roughly: these are delivered again after a crash. What holds the
/// mark back for longer becomes an exception.
const REPEATS_MAX: u64 = 1024;

/// Failures in a row after which a lane makes one attempt at a time: a receiver that is down is not helped by more, and
/// one that comes back is not met by all at once.
pub(super) const FAILING_AFTER: u32 = 8;

/// Refusals of one delivery after which it is given up, or the handler suspended: a receiver that is being deployed
/// refuses for a moment.
const REFUSALS_MAX: u32 = 3;

/// Why a delivery is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// The receiver refuses it each time.
    Refused(FailureReason),
    /// It was tried for as long as the handler is configured to.
    TriedTooLong(FailureReason),
    /// It cannot be written as a message.
    Unwritable,
}

/// What the end of an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    /// Settled; `resumed` when it ended a suspension.
    Delivered { resumed: bool },
    /// Settled, without having arrived.
    GivenUp(GivenUp),
    /// There will be another attempt.
    Again,
    /// There will be another attempt, and the lane just became suspended.
    Suspended,
    /// The lane does not know it: it was settled before.
    Unknown,
}

/// How a lane fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    /// Probing; the next probe is not before this.
    Suspended {
        probe_at: Duration,
    },
}

/// One handler's lane.
#[derive(Debug)]
pub(super) struct Lane {
    incarnation: Uuid,
    spec: DeliverySpec,
    /// Everything at or below was taken up.
    read: JournalPosition,
    unsettled: BTreeMap<JournalPosition, Parcel>,
    /// Unsettled transitions of each alarm, in order: the first is the one that may be attempted.
    chains: HashMap<AlarmId, VecDeque<JournalPosition>>,
    /// Unsettled ones that are no exceptions: the first holds the low-water mark.
    plain: BTreeSet<JournalPosition>,
    ready: BTreeSet<JournalPosition>,
    timers: BTreeSet<(Duration, JournalPosition)>,
    in_flight: usize,
    /// The highest position settled.
    top: JournalPosition,
    paused_until: Duration,
    failures_in_row: u32,
    health: Health,
    written_low: JournalPosition,
    /// Exceptions that changed since they were written.
    unwritten: BTreeSet<JournalPosition>,
    /// Settled exceptions whose rows are still there.
    gone: Vec<JournalPosition>,
}

impl Lane {
    /// Takes up a lane where it was left.
    pub(super) fn new(
        incarnation: Uuid,
        low: JournalPosition,
        spec: DeliverySpec,
        restored: Restored,
        now: Now,
    ) -> Self {
        let mut lane = Self {
            incarnation,
            spec,
            read: low,
            unsettled: BTreeMap::new(),
            chains: HashMap::new(),
            plain: BTreeSet::new(),
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            in_flight: 0,
            top: low,
            paused_until: Duration::ZERO,
            failures_in_row: 0,
            health: Health::Good,
            written_low: low,
            unwritten: BTreeSet::new(),
            gone: restored.missing,
        };
        // No wait that this program writes down is longer, jitter included.
        let wait_max = lane.spec.retries.wait(u32::MAX, 1.0).max(RETRY_AFTER_MAX);
        for (transition, exception) in restored.found {
            if exception.state == LaneExceptionState::Suspended {
                lane.health = Health::Suspended { probe_at: now.elapsed };
            }
            let chain = lane.chains.entry(transition.id).or_default();
            chain.push_back(transition.position);
            let parcel = Parcel::restored(transition, &exception, chain.len() == 1, wait_max, now);
            let position = parcel.position();
            lane.unsettled.insert(position, parcel);
            lane.enlist(position);
        }
        lane
    }

    pub(super) fn incarnation(&self) -> Uuid {
        self.incarnation
    }

    /// Returns the position up to which the journal was taken up.
    pub(super) fn read(&self) -> JournalPosition {
        self.read
    }

    /// Returns how many transitions to read: none while many are under way, so that reading is done in portions.
    pub(super) fn room(&self) -> usize {
        let is_full = self.unsettled.len() > WINDOW / 2 || self.exceptions() >= EXCEPTIONS_MAX;
        if is_full { 0 } else { WINDOW - self.unsettled.len() }
    }

    pub(super) fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    pub(super) fn exceptions(&self) -> usize {
        self.unsettled.len() - self.plain.len()
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.health != Health::Good
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failures_in_row >= FAILING_AFTER
    }

    pub(super) fn is_retrying(&self) -> bool {
        !self.timers.is_empty() || self.failures_in_row > 0 && !self.unsettled.is_empty()
    }

    pub(super) fn attempt_timeout(&self) -> Duration {
        self.spec.attempt_timeout
    }

    /// Takes up transitions that come next, in order; there is nothing else up to `read`.
    pub(super) fn offer(&mut self, transitions: Vec<Arc<Transition>>, read: JournalPosition) {
        for transition in transitions {
            let (id, position) = (transition.id, transition.position);
            if position <= self.read {
                continue;
            }
            self.read = position;
            let chain = self.chains.entry(id).or_default();
            let first = chain.front().copied();
            chain.push_back(position);
            let stage = if first.is_none() { Stage::Ready } else { Stage::Parked };
            self.unsettled.insert(position, Parcel::new(transition, stage));
            self.plain.insert(position);
            if first.is_some_and(|first| self.unsettled.get(&first).is_some_and(|parcel| parcel.is_exception)) {
                self.except(position);
            }
            self.enlist(position);
        }
        self.read = self.read.max(read);
    }

    /// Returns the next transition to attempt now, which is under way from then on.
    pub(super) fn start(&mut self, now: Now) -> Option<Arc<Transition>> {
        self.ripen(now);
        if self.paused_until > now.elapsed || self.in_flight >= self.in_flight_max(now) {
            return None;
        }
        let position = self.ready.pop_first()?;
        let parcel = self.unsettled.get_mut(&position)?;
        parcel.start(now);
        self.in_flight += 1;
        Some(Arc::clone(&parcel.transition))
    }

    /// Takes the end of an attempt.
    pub(super) fn finish(&mut self, position: JournalPosition, outcome: Outcome, now: Now) -> Consequence {
        let Some(parcel) = self.unsettled.get_mut(&position).filter(|parcel| parcel.stage == Stage::InFlight) else {
            return Consequence::Unknown;
        };
        parcel.attempts = parcel.attempts.saturating_add(1);
        self.in_flight = self.in_flight.saturating_sub(1);
        match outcome {
            Outcome::Delivered => {
                self.settle(position);
                Consequence::Delivered { resumed: self.take_heart(now) }
            }
            Outcome::GiveUp { reason } => {
                parcel.refusals = parcel.refusals.saturating_add(1);
                if parcel.refusals < REFUSALS_MAX {
                    return self.again(position, None, now);
                }
                // The receiver works; it is this message that it does not take.
                self.settle(position);
                self.take_heart(now);
                Consequence::GivenUp(GivenUp::Refused(reason))
            }
            Outcome::Suspend { .. } => {
                parcel.refusals = parcel.refusals.saturating_add(1);
                let is_enough = parcel.refusals >= REFUSALS_MAX && self.health == Health::Good;
                if is_enough {
                    self.health = Health::Suspended { probe_at: now.elapsed };
                }
                let consequence = self.again(position, None, now);
                if is_enough { Consequence::Suspended } else { consequence }
            }
            Outcome::Retry { reason, after, pauses_lane } => {
                if self.health == Health::Good && parcel.tried_for(now) >= self.spec.retry_for {
                    self.failures_in_row = self.failures_in_row.saturating_add(1);
                    self.settle(position);
                    return Consequence::GivenUp(GivenUp::TriedTooLong(reason));
                }
                if let Some(after) = after.filter(|_| pauses_lane) {
                    self.paused_until = self.paused_until.max(now.elapsed.saturating_add(after));
                }
                self.again(position, after, now)
            }
        }
    }

    /// Settles a transition under way that cannot be written as a message.
    pub(super) fn bury(&mut self, position: JournalPosition) -> Consequence {
        if self.unsettled.get(&position).is_none_or(|parcel| parcel.stage != Stage::InFlight) {
            return Consequence::Unknown;
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        self.settle(position);
        Consequence::GivenUp(GivenUp::Unwritable)
    }

    /// Puts another specification into force: for all attempts from now on, and those that wait do so no longer.
    pub(super) fn reconfigure(&mut self, spec: DeliverySpec, now: Now) {
        self.spec = spec;
        self.paused_until = Duration::ZERO;
        self.take_heart(now);
        for (_, position) in std::mem::take(&mut self.timers) {
            if let Some(parcel) = self.unsettled.get_mut(&position) {
                parcel.stage = Stage::Ready;
                self.ready.insert(position);
            }
        }
    }

    /// Returns when to look again although nothing came or ended.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let is_held = !self.ready.is_empty() && self.in_flight == 0;
        let held_until = match self.health {
            Health::Suspended { probe_at } if is_held => Some(probe_at.max(self.paused_until)),
            Health::Good if !self.ready.is_empty() && self.paused_until > Duration::ZERO => Some(self.paused_until),
            _ => None,
        };
        match (timer, held_until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Returns what changed since it was asked last.
    pub(super) fn progress(&mut self, now: Now) -> Option<LaneProgress> {
        while let Some(first) = self.plain.first().copied() {
            if first.0.saturating_add(REPEATS_MAX) >= self.top.0 {
                break;
            }
            self.except_chain(first);
        }
        let low = self.plain.first().map_or(self.read, |first| JournalPosition(first.0.saturating_sub(1)));
        let put = self.changed_exceptions(low, now);
        if low == self.written_low && put.is_empty() && self.gone.is_empty() {
            return None;
        }
        self.written_low = low;
        Some(LaneProgress { incarnation: self.incarnation, low, put, settled: std::mem::take(&mut self.gone) })
    }

    /// Returns the rows of exceptions at or below the low-water mark; those above are read again after a restart, in order.
    fn changed_exceptions(&mut self, low: JournalPosition, now: Now) -> Vec<LaneException> {
        if self.unwritten.first().is_none_or(|first| *first > low) {
            return Vec::new();
        }
        let above = self.unwritten.split_off(&JournalPosition(low.0.saturating_add(1)));
        let changed = std::mem::replace(&mut self.unwritten, above);
        let is_suspended = self.is_suspended();
        let mut put = Vec::with_capacity(changed.len());
        for position in changed {
            if let Some(parcel) = self.unsettled.get_mut(&position) {
                parcel.is_written = true;
                put.push(parcel.exception(is_suspended, now));
            }
        }
        put
    }

    fn in_flight_max(&self, now: Now) -> usize {
        match self.health {
            Health::Suspended { probe_at } => usize::from(probe_at <= now.elapsed),
            Health::Good if self.is_failing() => 1,
            Health::Good => self.spec.max_in_flight.max(1),
        }
    }

    /// Makes those ready whose time has come.
    fn ripen(&mut self, now: Now) {
        while let Some((at, position)) = self.timers.first().copied().filter(|(at, _)| *at <= now.elapsed) {
            self.timers.remove(&(at, position));
            if let Some(parcel) = self.unsettled.get_mut(&position) {
                parcel.stage = Stage::Ready;
                self.ready.insert(position);
            }
        }
    }

    /// Lets a delivery be attempted again, when the schedule and the receiver say so.
    fn again(&mut self, position: JournalPosition, after: Option<Duration>, now: Now) -> Consequence {
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        if let Some(parcel) = self.unsettled.get_mut(&position) {
            let chance = chance(self.incarnation, position, parcel.attempts);
            match &mut self.health {
                Health::Suspended { probe_at } => {
                    parcel.stage = Stage::Ready;
                    *probe_at = now.elapsed.saturating_add(self.spec.retries.wait(u32::MAX, chance));
                }
                Health::Good => {
                    let wait = self.spec.retries.wait(parcel.attempts, chance);
                    parcel.stage = Stage::retrying(wait.max(after.unwrap_or_default()), now);
                }
            }
        }
        self.enlist(position);
        self.except_chain(position);
        Consequence::Again
    }

    /// Takes note that the receiver works. Returns whether the lane was suspended: what waited then gets all its time again.
    fn take_heart(&mut self, now: Now) -> bool {
        self.failures_in_row = 0;
        if self.health == Health::Good {
            return false;
        }
        self.health = Health::Good;
        for parcel in self.unsettled.values_mut() {
            parcel.forget_tries();
            if parcel.stage == Stage::InFlight {
                parcel.start(now);
            }
        }
        true
    }

    fn settle(&mut self, position: JournalPosition) {
        let Some(parcel) = self.unsettled.remove(&position) else { return };
        self.plain.remove(&position);
        self.unwritten.remove(&position);
        if parcel.is_written {
            self.gone.push(position);
        }
        self.top = self.top.max(position);
        let Some(chain) = self.chains.get_mut(&parcel.transition.id) else { return };
        chain.pop_front();
        let Some(next) = chain.front().copied() else {
            self.chains.remove(&parcel.transition.id);
            return;
        };
        if let Some(parcel) = self.unsettled.get_mut(&next) {
            parcel.stage = Stage::Ready;
            self.ready.insert(next);
        }
    }

    /// Puts a parcel where its stage says.
    fn enlist(&mut self, position: JournalPosition) {
        match self.unsettled.get(&position).map(|parcel| parcel.stage) {
            Some(Stage::Ready) => {
                self.ready.insert(position);
            }
            Some(Stage::Retrying { at, .. }) => {
                self.timers.insert((at, position));
            }
            Some(Stage::Parked | Stage::InFlight) | None => {}
        }
    }

    /// Makes a transition an exception, and with it all that wait behind it.
    fn except_chain(&mut self, position: JournalPosition) {
        self.except(position);
        let Some(id) = self.unsettled.get(&position).map(|parcel| parcel.transition.id) else { return };
        let Some(chain) = self.chains.get(&id) else { return };
        // From the end: those before an exception's first follower are exceptions already.
        let followers: Vec<JournalPosition> =
            chain.iter().rev().copied().take_while(|at| self.plain.contains(at)).collect();
        for follower in followers {
            self.except(follower);
        }
    }

    fn except(&mut self, position: JournalPosition) {
        let Some(parcel) = self.unsettled.get_mut(&position) else { return };
        parcel.is_exception = true;
        self.plain.remove(&position);
        self.unwritten.insert(position);
    }
}

/// Returns a number in 0..1 that spreads the retries of many deliveries, and is the same whenever it is asked for.
fn chance(incarnation: Uuid, position: JournalPosition, attempts: u32) -> f64 {
    let id = DeliveryId::new(incarnation, JournalPosition(position.0 ^ (u64::from(attempts) << 32)));
    let (high, _) = id.as_uuid().as_u64_pair();
    // The upper 32 bits are hash throughout; UUIDs keep their version further down.
    f64::from(u32::try_from(high >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
