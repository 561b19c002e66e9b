//! One handler's ordered way through the journal, as a state machine without tasks, clock or disk.

mod landing;
mod record;
mod supersession;
mod withholding;

use crate::alarm::{AlarmId, JournalPosition, Transition};
use crate::delivery::admission::{Admission, Principal, StandIn};
use crate::delivery::fate::Fate;
use crate::delivery::filter::FilteredBy;
use crate::delivery::health::{Condition, Health};
use crate::delivery::pace::Pace;
use crate::delivery::parcel::{Now, Parcel, Stage, Urgency};
use crate::delivery::reading::Restored;
use crate::delivery::spec::Terms;
use crate::handler::Outcome;
use crate::store::{LaneException, LaneFilter, Settlement};
use crate::transport::FailureReason;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Refusals of one delivery after which it is given up, or the handler suspended: a receiver that is being deployed
/// refuses for a moment.
const REFUSALS_MAX: u32 = 3;

/// Stands for a filter that is not the lane's present one.
const ANOTHER_FILTER: u32 = u32::MAX;

/// What the end of an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    /// It arrived; `resumed` when that ended a suspension.
    Delivered { resumed: bool },
    /// It is settled, without having arrived.
    Settled(Fate),
    /// There will be another attempt.
    Again,
    /// There will be another attempt, and the lane just became suspended.
    Suspended,
    /// The lane does not know it: it was settled before.
    Unknown,
}

/// The end of an attempt, as the delivery log numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) consequence: Consequence,
    /// Number of the delivery in the delivery log.
    pub(super) number: u64,
    /// Which attempt it was, from 1.
    pub(super) attempt: u32,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Landing {
    pub(super) outcome: Outcome,
    /// Status of the answer, 0 for none.
    pub(super) status: u16,
    pub(super) duration: Duration,
}

/// Where one delivery stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParcelView {
    pub(super) transition: Arc<Transition>,
    pub(super) number: Option<u64>,
    pub(super) attempts: u32,
    pub(super) revision: u64,
    pub(super) last_failure: Option<(FailureReason, u16)>,
    pub(super) in_place_of: Option<Arc<Principal>>,
    pub(super) stage: Stage,
}

/// A transition to be told again, or in another handler's place.
pub(super) type Inserted = (Arc<Transition>, Option<Arc<Principal>>);

/// Who a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) incarnation: Uuid,
    /// Its number in the delivery log.
    pub(super) number: u32,
    /// Where the journal was when it was created.
    pub(super) start: JournalPosition,
}

/// One handler's lane.
#[derive(Debug)]
pub(super) struct Lane {
    identity: Identity,
    terms: Terms,
    /// The configuration revision in force.
    revision: u64,
    /// Counts the filters since the process began.
    filter_number: u32,
    admission: Admission,
    /// Numbers of deliveries in the delivery log, of all lanes.
    numbers: Arc<AtomicU64>,
    /// Everything at or below was taken up.
    read: JournalPosition,
    unsettled: BTreeMap<JournalPosition, Parcel>,
    /// Unsettled transitions of each alarm, in order. One at most of each is not parked.
    chains: HashMap<AlarmId, VecDeque<JournalPosition>>,
    /// Unsettled ones that are no exceptions: the first holds the low-water mark.
    plain: BTreeSet<JournalPosition>,
    ready: BTreeSet<(Urgency, JournalPosition)>,
    withheld: BTreeSet<JournalPosition>,
    timers: BTreeSet<(Duration, JournalPosition)>,
    in_flight: usize,
    /// The highest position settled.
    top: JournalPosition,
    health: Health,
    pace: Pace,
    written_low: JournalPosition,
    written_condition: Condition,
    /// Exceptions that changed since they were written.
    unwritten: BTreeSet<JournalPosition>,
    /// Those that were taken up out of order, and have no row yet.
    unwritten_inserted: BTreeSet<JournalPosition>,
    /// What was settled before this process and is not read yet.
    settled_before: BTreeSet<JournalPosition>,
    /// What an earlier process took up out of order and is not read yet.
    inserted_before: BTreeMap<JournalPosition, (Arc<Transition>, LaneException)>,
    /// Whether the handler is gone.
    has_ended: bool,
    /// Settled exceptions whose rows are still there.
    gone: Vec<JournalPosition>,
    settlements: Vec<Settlement>,
    unwritten_filters: Vec<LaneFilter>,
}

impl Lane {
    /// Takes up a lane where it was left.
    pub(super) fn new(
        identity: Identity,
        low: JournalPosition,
        terms: Terms,
        revision: u64,
        numbers: Arc<AtomicU64>,
        restored: Restored,
        now: Now,
    ) -> Self {
        let health = Health::restored(restored.condition.as_deref(), now);
        let is_known = restored.admission.is_some();
        let admission = restored.admission.unwrap_or_else(|| Admission::new(terms.filter.clone()));
        let mut lane = Self {
            identity,
            pace: Pace::new(terms.delivery.rate_limit),
            terms,
            revision,
            filter_number: 0,
            admission,
            numbers,
            read: low,
            unsettled: BTreeMap::new(),
            chains: HashMap::new(),
            plain: BTreeSet::new(),
            ready: BTreeSet::new(),
            withheld: BTreeSet::new(),
            timers: BTreeSet::new(),
            in_flight: 0,
            top: low,
            written_condition: health.condition(),
            health,
            written_low: low,
            unwritten: BTreeSet::new(),
            unwritten_inserted: BTreeSet::new(),
            settled_before: restored.settled_above,
            inserted_before: BTreeMap::new(),
            has_ended: false,
            gone: restored.missing.clone(),
            settlements: Vec::new(),
            unwritten_filters: Vec::new(),
        };
        let filter = lane.terms.filter.clone();
        if lane.admission.set_filter(filter, lane.next_read()) || !is_known {
            lane.note_admission();
        }
        restored.missing.iter().for_each(|position| lane.note_lost(*position, now.wall));
        lane.top = lane.settled_before.last().copied().unwrap_or(low).max(low);
        for time in restored.sent.iter().rev() {
            lane.pace.sent_before(Duration::try_from(now.wall.duration_since(*time)).unwrap_or_default(), now.elapsed);
        }
        let pause =
            lane.health.paused_until(now.elapsed).map_or(Duration::ZERO, |(at, _)| at.saturating_sub(now.elapsed));
        for (transition, exception) in restored.found {
            if transition.position > low {
                lane.inserted_before.insert(transition.position, (transition, exception));
                continue;
            }
            let chain = lane.chains.entry(transition.id).or_default();
            chain.push_back(transition.position);
            // No wait that this program writes down is longer, jitter included.
            let wait_max = lane.terms.delivery.retries.wait(exception.attempts, 1.0).max(pause);
            let mut parcel = Parcel::restored(transition, &exception, chain.len() == 1, wait_max, now);
            // What was not attempted yet has the filter of its first attempt before it.
            parcel.admitted_by = if parcel.attempts == 0 && !parcel.is_resend { ANOTHER_FILTER } else { 0 };
            let (id, position) = (parcel.transition.id, parcel.position());
            lane.unsettled.insert(position, parcel);
            lane.enlist(position);
            lane.hurry(id, position);
            lane.supersede_before(id, position, now);
        }
        lane
    }

    pub(super) fn incarnation(&self) -> Uuid {
        self.identity.incarnation
    }

    pub(super) fn number(&self) -> u32 {
        self.identity.number
    }

    pub(super) fn start_position(&self) -> JournalPosition {
        self.identity.start
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// Returns the position up to which the journal was taken up.
    pub(super) fn read(&self) -> JournalPosition {
        self.read
    }

    /// Returns how many transitions to read: none while many are under way, so that reading is done in portions.
    pub(super) fn room(&self, window: usize) -> usize {
        let is_full = self.unsettled.len() > window / 2 || self.exceptions() >= EXCEPTIONS_MAX;
        if is_full { 0 } else { window - self.unsettled.len() }
    }

    pub(super) fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    pub(super) fn exceptions(&self) -> usize {
        self.unsettled.len() - self.plain.len()
    }

    /// Returns whether no attempt is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.in_flight == 0
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.health.is_suspended()
    }

    pub(super) fn is_failing(&self) -> bool {
        self.health.is_failing()
    }

    pub(super) fn is_retrying(&self) -> bool {
        !self.timers.is_empty() || self.health.is_unwell() && !self.unsettled.is_empty()
    }

    /// Returns until when nothing goes because of the handler's own limit.
    pub(super) fn held_by_pace(&self, now: Duration) -> Option<Duration> {
        self.pace.held_until(now)
    }

    pub(super) fn attempt_timeout(&self) -> Duration {
        self.terms.delivery.attempt_timeout
    }

    /// Returns which alarm an unsettled transition is about.
    pub(super) fn alarm_at(&self, position: JournalPosition) -> Option<AlarmId> {
        self.unsettled.get(&position).map(|parcel| parcel.transition.id)
    }

    /// Returns the first position that was not taken up.
    fn next_read(&self) -> JournalPosition {
        JournalPosition(self.read.0.saturating_add(1))
    }

    /// Says whether a transition is for this handler, and in whose place where not in its own.
    fn admit(&self, transition: &Transition) -> Result<Option<Arc<Principal>>, FilteredBy> {
        if transition.key.is_self_test() {
            let is_own = transition.key.resource == self.terms.handler;
            return if is_own { Ok(None) } else { Err(FilteredBy::SelfTest) };
        }
        if !transition.is_for(&self.terms.handler) {
            return Err(FilteredBy::Reminder);
        }
        self.admission.admit(transition)
    }

    /// Takes up transitions that come next, in order; there is nothing else up to `read`.
    pub(super) fn offer(&mut self, transitions: Vec<Arc<Transition>>, read: JournalPosition, now: Now) {
        for transition in transitions {
            let position = transition.position;
            if position <= self.read {
                continue;
            }
            self.read = position;
            if self.settled_before.remove(&position) || self.inserted_before.contains_key(&position) {
                continue;
            }
            // What is read and kept back is told by the filters that the lane read with.
            if let Ok(in_place_of) = self.admit(&transition) {
                self.append(transition, in_place_of, now);
            }
        }
        self.read = self.read.max(read);
        if self.settled_before.first().is_some_and(|first| *first <= self.read) {
            self.settled_before = self.settled_before.split_off(&self.next_read());
        }
        if !self.inserted_before.is_empty() {
            let ahead = self.inserted_before.split_off(&self.next_read());
            for (_, (transition, exception)) in std::mem::replace(&mut self.inserted_before, ahead) {
                let parcel = Parcel::restored(transition, &exception, false, Duration::ZERO, now);
                self.squeeze_in(parcel);
            }
        }
    }

    fn append(&mut self, transition: Arc<Transition>, in_place_of: Option<Arc<Principal>>, now: Now) {
        let (id, position) = (transition.id, transition.position);
        let chain = self.chains.entry(id).or_default();
        let first = chain.front().copied();
        chain.push_back(position);
        let stage = if first.is_none() { Stage::Ready } else { Stage::Parked };
        let mut parcel = Parcel::new(transition, stage);
        (parcel.admitted_by, parcel.in_place_of) = (self.filter_number, in_place_of);
        self.unsettled.insert(position, parcel);
        self.plain.insert(position);
        if first.is_some_and(|first| self.unsettled.get(&first).is_some_and(|parcel| parcel.is_exception)) {
            self.except(position);
        }
        self.enlist(position);
        self.hurry(id, position);
        self.supersede_before(id, position, now);
    }

    /// Lets what must arrive before a transition be as urgent as that: a critical alarm must not wait because it began as a
    /// warning. Along a chain, what comes earlier is never less urgent than what comes later.
    fn hurry(&mut self, id: AlarmId, position: JournalPosition) {
        let Some(chain) = self.chains.get(&id).filter(|chain| chain.len() > 1) else { return };
        let at = chain.partition_point(|other| *other < position);
        let behind = chain.get(at + 1).and_then(|next| self.unsettled.get(next)).map(|parcel| parcel.urgency);
        let Some(mut urgency) = self.unsettled.get(&position).map(|parcel| parcel.urgency) else { return };
        urgency = behind.map_or(urgency, |behind| behind.min(urgency));
        for other in chain.iter().take(at + 1).rev() {
            let Some(parcel) = self.unsettled.get_mut(other) else { continue };
            if parcel.urgency > urgency {
                if self.ready.remove(&(parcel.urgency, *other)) {
                    self.ready.insert((urgency, *other));
                }
                parcel.urgency = urgency;
            } else if *other != position {
                break;
            }
        }
    }

    /// Takes up transitions that were read before: again, because a person wants that, or because this handler stands in
    /// for another. Those that a person wants have numbers at once, to be told; returns those that were not there already.
    pub(super) fn insert(&mut self, transitions: Vec<Inserted>, is_resend: bool) -> Vec<u64> {
        let mut numbers = Vec::new();
        for (transition, in_place_of) in transitions {
            let position = transition.position;
            if position > self.read || self.unsettled.contains_key(&position) {
                continue;
            }
            let mut parcel = Parcel::new(transition, Stage::Parked);
            (parcel.is_resend, parcel.admitted_by) = (is_resend, self.filter_number);
            parcel.in_place_of = in_place_of;
            if is_resend {
                let number = self.numbers.fetch_add(1, Ordering::Relaxed);
                parcel.number = Some(number);
                numbers.push(number);
            }
            self.squeeze_in(parcel);
            self.unwritten_inserted.insert(position);
        }
        numbers
    }

    /// Takes up a transition out of order, at its place among those of its alarm.
    fn squeeze_in(&mut self, mut parcel: Parcel) {
        let (id, position) = (parcel.transition.id, parcel.position());
        let chain = self.chains.entry(id).or_default();
        parcel.stage = if chain.is_empty() { Stage::Ready } else { Stage::Parked };
        let at = chain.partition_point(|other| *other < position);
        chain.insert(at, position);
        self.unsettled.insert(position, parcel);
        self.except(position);
        self.enlist(position);
        self.hurry(id, position);
    }

    /// Returns the next transition to attempt now, which is under way from then on.
    pub(super) fn start(&mut self, now: Now) -> Option<Arc<Transition>> {
        self.ripen(now);
        let is_paced = self.health.paused_until(now.elapsed).is_some() || self.pace.held_until(now.elapsed).is_some();
        let is_held = self.health.held_until(now.elapsed).is_some()
            || self.in_flight >= self.health.in_flight_max(&self.terms.delivery, now.elapsed);
        if is_paced || is_held && !self.is_test_next() {
            return None;
        }
        loop {
            let position = self.take_ready().or_else(|| self.take_probe(now))?;
            let revision = self.revision;
            let filter_number = self.filter_number;
            let kept_back = {
                let parcel = self.unsettled.get(&position)?;
                let is_asked_for = parcel.is_resend || parcel.in_place_of.is_some();
                let is_judged = parcel.attempts > 0 || is_asked_for || parcel.admitted_by == filter_number;
                if is_judged { None } else { self.admit(&parcel.transition).err() }
            };
            if let Some(by) = kept_back {
                self.settle(position, Fate::Filtered(by), None, now);
                continue;
            }
            if self.is_to_be_withheld(position, now) {
                self.withhold(position);
                continue;
            }
            let parcel = self.unsettled.get_mut(&position)?;
            parcel.admitted_by = filter_number;
            parcel.start(revision, now);
            self.in_flight += 1;
            self.pace.sent(now.elapsed);
            return Some(Arc::clone(&parcel.transition));
        }
    }

    /// Returns whether what goes next is a test that was not attempted yet. Somebody waits for it: it is an attempt more, at
    /// its own time, of a lane that makes one at a time, and changes nothing for what else waits.
    fn is_test_next(&self) -> bool {
        let next = self.ready.first().filter(|(urgency, _)| *urgency == Urgency::SELF_TEST);
        let is_new = |position| self.unsettled.get(position).is_some_and(|parcel| parcel.attempts == 0);
        self.in_flight == 0 && next.is_some_and(|(_, position)| is_new(position))
    }

    /// Takes the most urgent one; the newest where it is to find out whether the receiver works again.
    fn take_ready(&mut self) -> Option<JournalPosition> {
        let next = match self.ready.first() {
            Some(first) if self.is_suspended() && first.0 != Urgency::SELF_TEST => {
                self.ready.iter().max_by_key(|(_, position)| *position).copied()
            }
            first => first.copied(),
        }?;
        self.ready.remove(&next);
        Some(next.1)
    }

    /// Puts other terms into force: for all attempts from now on, and those that wait do so no longer.
    pub(super) fn reconfigure(&mut self, terms: Terms, now: Now) {
        let has_other_filter = self.admission.set_filter(terms.filter.clone(), self.next_read());
        let has_other_order = terms.delivery.order != self.terms.delivery.order;
        self.pace.set(terms.delivery.rate_limit);
        self.terms = terms;
        if has_other_filter {
            self.filter_number = self.filter_number.saturating_add(1).min(ANOTHER_FILTER - 1);
            // What was taken up with the old filter is written down, so that a restart does not read it with the new one.
            for position in std::mem::take(&mut self.plain) {
                self.except(position);
            }
            self.note_admission();
        }
        if has_other_order {
            self.supersede_all(now);
        }
        self.resume(now);
    }

    /// Tries everything again that waits, at once.
    pub(super) fn resume(&mut self, now: Now) {
        self.health.end_pause();
        if self.health.resume() {
            self.unsettled.values_mut().for_each(|parcel| parcel.forget_tries(now));
        }
        self.release_withheld();
        for (_, position) in std::mem::take(&mut self.timers) {
            if let Some(parcel) = self.unsettled.get_mut(&position) {
                parcel.stage = Stage::Ready;
            }
            self.enlist(position);
        }
    }

    /// Says for whom this handler stands in from now on.
    pub(super) fn stand_in_for(&mut self, others: Vec<StandIn>) {
        if self.admission.stand_in_for(others, self.next_read()) {
            self.note_admission();
        }
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// Settles everything as removed with its handler.
    pub(super) fn end(&mut self, now: Now) {
        let all: Vec<JournalPosition> = self.unsettled.keys().copied().collect();
        for position in all {
            self.settle(position, Fate::Removed, None, now);
        }
        for (_, (transition, exception)) in std::mem::take(&mut self.inserted_before) {
            let parcel = Parcel::restored(transition, &exception, false, Duration::ZERO, now);
            self.note(&parcel, Fate::Removed, None, now.wall);
        }
        self.has_ended = true;
    }

    /// Forgets what was read and not attempted, the newest first, until so many are left: it is read again later. For lanes
    /// that do not come on, so that very many of them do not take all memory.
    pub(super) fn shrink(&mut self, keep: usize) {
        let bound = self.top.max(self.identity.start);
        while self.unsettled.len() > keep {
            let Some((position, parcel)) = self.unsettled.last_key_value() else { return };
            let position = *position;
            let is_untouched = parcel.attempts == 0 && matches!(parcel.stage, Stage::Parked | Stage::Ready);
            if !is_untouched || parcel.is_exception || position <= bound {
                return;
            }
            let (id, urgency) = (parcel.transition.id, parcel.urgency);
            self.unsettled.remove(&position);
            self.plain.remove(&position);
            self.ready.remove(&(urgency, position));
            self.read = JournalPosition(position.0.saturating_sub(1));
            if let Some(chain) = self.chains.get_mut(&id) {
                chain.pop_back();
            }
            self.wake_chain(id);
        }
    }

    /// Returns when to look again although nothing came or ended.
    pub(super) fn wake_at(&self, now: Duration) -> Option<Duration> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let own = self.probes_itself_at();
        if self.ready.is_empty() && own.is_none() {
            return timer;
        }
        let paused = self.health.paused_until(now).map(|(until, _)| until);
        let probe = self.health.probe_at().filter(|_| self.in_flight == 0);
        let failing = self.health.held_until(now).filter(|_| self.in_flight == 0);
        let own = own.filter(|_| self.ready.is_empty());
        let held = paused.max(probe).max(failing).max(self.pace.held_until(now)).max(own);
        match (timer, held) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Returns where deliveries stand: those of one alarm, or all.
    pub(super) fn look(&self, alarm: Option<&AlarmId>) -> Vec<ParcelView> {
        let wanted = self.unsettled.values().filter(|parcel| alarm.is_none_or(|id| *id == parcel.transition.id));
        let view = |parcel: &Parcel| ParcelView {
            transition: Arc::clone(&parcel.transition),
            number: parcel.number,
            attempts: parcel.attempts,
            revision: parcel.revision,
            last_failure: parcel.last_failure,
            in_place_of: parcel.in_place_of.clone(),
            stage: parcel.stage,
        };
        wanted.map(view).collect()
    }

    /// Returns the newest waiting transition of each alarm, for a handler that stands in.
    pub(super) fn newest_waiting(&self) -> Vec<Arc<Transition>> {
        let newest = self.chains.values().filter_map(|chain| chain.back()).filter_map(|at| self.unsettled.get(at));
        let mut all: Vec<_> = newest.map(|parcel| Arc::clone(&parcel.transition)).collect();
        all.sort_by_key(|transition| transition.position);
        all
    }

    /// Makes those ready whose time has come.
    fn ripen(&mut self, now: Now) {
        while let Some((at, position)) = self.timers.first().copied().filter(|(at, _)| *at <= now.elapsed) {
            self.timers.remove(&(at, position));
            if let Some(parcel) = self.unsettled.get_mut(&position) {
                parcel.stage = Stage::Ready;
            }
            self.enlist(position);
        }
    }

    /// Takes a transition out and writes down what became of it; returns its number in the delivery log.
    fn settle(&mut self, position: JournalPosition, fate: Fate, landing: Option<Landing>, now: Now) -> u64 {
        let Some(parcel) = self.unsettled.remove(&position) else { return 0 };
        let number = self.note(&parcel, fate, landing, now.wall);
        self.plain.remove(&position);
        self.unwritten.remove(&position);
        self.unwritten_inserted.remove(&position);
        self.withheld.remove(&position);
        match parcel.stage {
            Stage::Ready => drop(self.ready.remove(&(parcel.urgency, position))),
            Stage::Retrying { at, .. } => drop(self.timers.remove(&(at, position))),
            Stage::Parked | Stage::InFlight | Stage::Withheld => {}
        }
        if parcel.is_written {
            self.gone.push(position);
        }
        self.top = self.top.max(position);
        let Some(chain) = self.chains.get_mut(&parcel.transition.id) else { return number };
        if let Some(at) = chain.iter().position(|other| *other == position) {
            chain.remove(at);
        }
        self.wake_chain(parcel.transition.id);
        number
    }

    /// Lets the first of an alarm go on when no other does.
    fn wake_chain(&mut self, id: AlarmId) {
        let Some(chain) = self.chains.get(&id) else { return };
        let Some(next) = chain.front().copied() else {
            self.chains.remove(&id);
            return;
        };
        let is_active = |at: &JournalPosition| self.unsettled.get(at).is_some_and(|other| other.stage != Stage::Parked);
        if !chain.iter().any(is_active)
            && let Some(parcel) = self.unsettled.get_mut(&next)
        {
            parcel.stage = Stage::Ready;
            self.enlist(next);
        }
    }

    /// Puts a parcel where its stage says.
    fn enlist(&mut self, position: JournalPosition) {
        let Some(parcel) = self.unsettled.get(&position) else { return };
        match parcel.stage {
            Stage::Ready => {
                self.ready.insert((parcel.urgency, position));
            }
            Stage::Retrying { at, .. } => {
                self.timers.insert((at, position));
            }
            Stage::Withheld => {
                self.withheld.insert(position);
            }
            Stage::Parked | Stage::InFlight => {}
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
