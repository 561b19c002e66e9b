//! What people ask of delivery: the log, why somebody was told or not, once more, go on.

use super::Deliveries;
use super::admission::{Admission, Principal};
use super::fate::{Fate, IN_PLACE_OF, standing_of};
use super::filter::{Filter, FilteredBy};
use super::handle::Shared;
use super::lane::Inserted;
use super::removed::Unread;
use super::runner::Command;
use super::running::Watcher;
use super::view::{DeliveryEntry, DeliveryState, DeliveryStep, LaneView};
use crate::alarm::{AlarmId, AlarmRecord, JournalPosition, Transition};
use crate::store::{AttemptRow, JOURNAL_READ_MAX, LaneFilter, LoggedLane, Settlement, StoreError};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::time::Duration;
use uuid::Uuid;

/// How long the loop that delivers may take to answer: it never waits for the disk, so this is a defect of ours.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Deliveries that one command sends again at most: each waits in memory and as a row until it arrived.
pub const RESEND_MAX: usize = 10_000;

/// Transitions of an alarm that are explained at most, the newest: as many as its history has by default.
pub const EXPLAINED_MAX: usize = 32;

/// Why delivery does not do what a person asks.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InquiryError {
    /// There is no such handler, or it is disabled.
    #[error("the alarm handler `{0}` is not configured, or it is disabled")]
    UnknownHandler(String),
    /// No delivery has this number.
    #[error("the delivery log has no delivery {0}")]
    UnknownDelivery(u64),
    /// The transition of a delivery is kept no more.
    #[error("delivery {0} cannot be sent again: what it told is no longer kept")]
    NotKept(u64),
    /// A delivery is still on its way.
    #[error("delivery {0} is not settled: it is attempted until it arrives")]
    NotSettled(u64),
    /// The lane of a delivery is no more.
    #[error("delivery {0} was for a handler that is no longer configured")]
    HandlerGone(u64),
    /// A delivery is sent again already.
    #[error("delivery {0} is on its way again already")]
    OnItsWay(u64),
    /// There are too many.
    #[error("{count} deliveries are too many to be sent again at once, at most {RESEND_MAX} are")]
    TooMany {
        /// So many are meant.
        count: usize,
        /// Since when as many as can be at once were settled, where a time parts them.
        newest_since: Option<Timestamp>,
    },
    /// The element is stopping.
    #[error("delivery has ended")]
    Ended,
    /// The store could not be read.
    #[error("the delivery log cannot be read")]
    Store(#[from] StoreError),
}

/// Which deliveries are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Those of one handler.
    pub handler: Option<String>,
    /// Those of one alarm.
    pub alarm: Option<AlarmId>,
    /// Those settled at or after a time; what is not settled is always meant.
    pub since: Option<Timestamp>,
    /// Those settled before a time; what is not settled is then not meant.
    pub until: Option<Timestamp>,
    /// Those that failed, at last or so far, and were not sent again since.
    pub only_failed: bool,
}

impl DeliveryQuery {
    fn wants(&self, entry: &DeliveryEntry) -> bool {
        self.handler.as_ref().is_none_or(|handler| *handler == entry.handler)
            && self.alarm.is_none_or(|alarm| alarm == entry.alarm)
            && self.since.is_none_or(|since| entry.time.is_none_or(|time| time >= since))
            && self.until.is_none_or(|until| entry.time.is_some_and(|time| time < until))
            && (!self.only_failed || entry.is_failed())
    }
}

/// What came of sending deliveries again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resent {
    /// So many are on their way again.
    pub sent: usize,
    /// What so many told is no longer kept.
    pub not_kept: usize,
    /// So many were for lanes that are no more.
    pub of_removed: usize,
    /// The first and the last number that they have in the delivery log; others may have some in between.
    pub numbers: Option<(u64, u64)>,
}

/// All that is kept of one delivery.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// The delivery.
    pub entry: DeliveryEntry,
    /// Its attempts that are kept.
    pub attempts: Vec<AttemptRow>,
    /// The delivery that it was sent again as, the newest where there are several.
    pub sent_again: Option<DeliveryEntry>,
    /// The number of the delivery that it is sent again of.
    pub again_of: Option<u64>,
}

/// What was decided of one transition for one handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is a delivery.
    Delivery(Box<DeliveryEntry>),
    /// It was a delivery of a lane that is no more: its handler was removed, or disabled and enabled again.
    Former(Box<DeliveryEntry>),
    /// A filter kept it back.
    Filtered {
        /// By what.
        by: FilteredBy,
        /// In a sentence.
        why: String,
        /// The configuration revision in force.
        revision: u64,
    },
    /// It happened before the handler was there, and was not told as a standing alarm.
    BeforeHandler,
    /// The handler has not come so far in the journal; so many positions lie before it.
    NotReached(u64),
    /// What became of it is no longer kept.
    NoRecord,
}

/// One transition of an alarm, and what each handler made of it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The transition.
    pub transition: Arc<Transition>,
    /// By handler.
    pub decisions: Vec<(String, Decision)>,
}

impl Deliveries {
    /// Returns how all lanes are, with their unsettled deliveries of one alarm, or all of them. Blocks for a moment.
    ///
    /// # Errors
    /// When delivery has ended.
    pub fn look(&self, alarm: Option<AlarmId>) -> Result<Vec<LaneView>, InquiryError> {
        let (told, answer) = sync_channel(1);
        self.send(Command::Look { alarm, told });
        answer.recv_timeout(ANSWER_WITHIN).map_err(|_| InquiryError::Ended)
    }

    /// Shows deliveries until told to stop: those that are not settled, then the settled, the newest first. Blocks for the
    /// disk.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn log(
        &self,
        query: &DeliveryQuery,
        mut see: impl FnMut(DeliveryEntry) -> ControlFlow<()>,
    ) -> Result<(), InquiryError> {
        let lanes_known = self.shared().store.logged_lanes()?;
        let is_unread = |lane: &&LoggedLane| lane.ended.as_ref().is_some_and(|end| end.low < end.at);
        let former: HashSet<Uuid> = lanes_known.values().filter(is_unread).map(|lane| lane.incarnation).collect();
        let mut recorded: HashSet<(Uuid, JournalPosition)> = HashSet::new();
        let mut has_enough = false;
        // Whenever it was: that there is a word of it counts.
        let whenever = DeliveryQuery { since: None, until: None, ..query.clone() };
        self.recorded(&whenever, |entry| {
            if former.contains(&entry.incarnation) {
                recorded.insert((entry.incarnation, entry.position));
            }
            if !query.wants(&entry) {
                return ControlFlow::Continue(());
            }
            let flow = see(entry);
            has_enough = flow.is_break();
            flow
        })?;
        if has_enough || query.only_failed {
            return Ok(());
        }
        // What a removed lane had not come to.
        let Shared { ledger, store, .. } = self.shared();
        let of_alarm = query.alarm.map(|alarm| store.transitions_of(&alarm, JOURNAL_READ_MAX)).transpose()?;
        for (number, lane) in &lanes_known {
            if query.handler.as_ref().is_some_and(|handler| *handler != lane.handler) {
                continue;
            }
            let Some(unread) = Unread::of(store, *number, lane)? else { continue };
            let is_known = |position| recorded.contains(&(lane.incarnation, position));
            let mut see =
                |entry: DeliveryEntry| if query.wants(&entry) { see(entry) } else { ControlFlow::Continue(()) };
            if unread.each(ledger, store, of_alarm.as_deref(), is_known, &mut see)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Shows deliveries of which there is a word: those that lanes have in memory, then those in the log.
    fn recorded(
        &self,
        query: &DeliveryQuery,
        mut see: impl FnMut(DeliveryEntry) -> ControlFlow<()>,
    ) -> Result<(), InquiryError> {
        let lanes = self.look(query.alarm)?;
        self.settle();
        let mut waiting: Vec<DeliveryEntry> =
            lanes.into_iter().flat_map(|lane| lane.waiting.into_iter().map(|(_, entry)| entry)).collect();
        // What was sent again has not failed any more: the newest word counts, whether or not it is one that is meant.
        let mut told = BTreeSet::new();
        let mut is_newest =
            |entry: &DeliveryEntry| !query.only_failed || told.insert((entry.incarnation, entry.position));
        waiting.retain(|entry| is_newest(entry) && query.wants(entry));
        waiting.sort_by(|a, b| b.position.cmp(&a.position).then_with(|| a.handler.cmp(&b.handler)));
        for entry in waiting {
            if see(entry).is_break() {
                return Ok(());
            }
        }
        let names = self.names()?;
        let store = &self.shared().store;
        // The newest come first, and so does what stands behind the record of a delivery.
        let mut in_place_of: Option<Settlement> = None;
        store.settled(|settled| {
            if settled.fate == IN_PLACE_OF {
                in_place_of = Some(*settled);
                return ControlFlow::Continue(());
            }
            let beside = in_place_of.take().filter(|beside| beside.number == settled.number);
            match entry(settled, beside, &names).filter(|entry| is_newest(entry) && query.wants(entry)) {
                Some(entry) => see(entry),
                None => ControlFlow::Continue(()),
            }
        })?;
        Ok(())
    }

    /// Returns all that is kept of the delivery of a number.
    ///
    /// # Errors
    /// When there is none, or the log cannot be read.
    pub fn delivery(&self, number: u64) -> Result<DeliveryRecord, InquiryError> {
        let mut found = None;
        self.recorded(&DeliveryQuery::default(), |entry| {
            if entry.number != Some(number) {
                return ControlFlow::Continue(());
            }
            found = Some(entry);
            ControlFlow::Break(())
        })?;
        let entry = found.ok_or(InquiryError::UnknownDelivery(number))?;
        let mut same = Vec::new();
        let query = DeliveryQuery { alarm: Some(entry.alarm), ..DeliveryQuery::default() };
        self.log(&query, |other| {
            if (other.incarnation, other.position) == (entry.incarnation, entry.position) {
                same.push(other);
            }
            ControlFlow::Continue(())
        })?;
        let place = same.iter().position(|other| other.number == Some(number));
        let again_of = place.and_then(|place| same.get(place + 1)).and_then(|other| other.number);
        let sent_again = if place > Some(0) { same.into_iter().next() } else { None };
        Ok(DeliveryRecord { entry, attempts: self.shared().store.attempts(number)?, sent_again, again_of })
    }

    /// Returns the handlers of which the delivery log tells, those no longer configured included.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn logged_handlers(&self) -> Result<BTreeSet<String>, InquiryError> {
        Ok(self.names()?.into_values().map(|(_, handler)| handler).collect())
    }

    /// Returns how all lanes are, without what waits in them. Blocks for a moment.
    ///
    /// # Errors
    /// When delivery has ended.
    pub fn lanes(&self) -> Result<Vec<LaneView>, InquiryError> {
        // No alarm has this identifier.
        self.look(Some(AlarmId::from_uuid(Uuid::nil())))
    }

    /// Tries at once whatever waits for a handler, suspended or not.
    ///
    /// # Errors
    /// When there is no such handler.
    pub fn resume(&self, handler: &str) -> Result<(), InquiryError> {
        let incarnation = self.lane_of(handler).ok_or_else(|| InquiryError::UnknownHandler(handler.to_owned()))?;
        self.send(Command::Resume { incarnation });
        Ok(())
    }

    /// Tells what becomes of a handler's attempts to tell of one alarm, from now on.
    ///
    /// # Errors
    /// When there is no such handler.
    pub fn watch(&self, handler: &str, alarm: AlarmId) -> Result<Receiver<DeliveryStep>, InquiryError> {
        let incarnation = self.lane_of(handler).ok_or_else(|| InquiryError::UnknownHandler(handler.to_owned()))?;
        let (told, steps) = channel();
        self.send(Command::Watch { incarnation, watcher: Watcher { alarm, told } });
        Ok(steps)
    }

    /// Sends one settled delivery again, under the identifier that it had. Returns it and the number that it has from now on.
    /// Blocks for the disk.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn resend(&self, number: u64) -> Result<(DeliveryEntry, u64), InquiryError> {
        let DeliveryRecord { entry, .. } = self.delivery(number)?;
        if matches!(entry.state, DeliveryState::Waiting(_)) {
            return Err(InquiryError::NotSettled(number));
        }
        if self.lane_of(&entry.handler) != Some(entry.incarnation) {
            return Err(InquiryError::HandlerGone(number));
        }
        let transition = self.transition(&entry)?.ok_or(InquiryError::NotKept(number))?;
        let principal = self.principal(&entry)?;
        let numbers = self.insert(entry.incarnation, vec![(transition, principal)])?;
        let again = numbers.first().copied().ok_or(InquiryError::OnItsWay(number))?;
        Ok((entry, again))
    }

    /// Sends settled deliveries again that reached their handler's receiver, or were to, each under the identifier that it
    /// had. Blocks for the disk.
    ///
    /// # Errors
    /// Why none is.
    pub fn resend_all(&self, query: &DeliveryQuery) -> Result<Resent, InquiryError> {
        if let Some(handler) = &query.handler
            && self.lane_of(handler).is_none()
        {
            return Err(InquiryError::UnknownHandler(handler.clone()));
        }
        let mut chosen: BTreeMap<Uuid, BTreeMap<JournalPosition, DeliveryEntry>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut resent = Resent::default();
        // What was sent again and arrived has not failed any more: the newest word counts, so all must be seen.
        let all = DeliveryQuery { only_failed: false, until: None, ..query.clone() };
        self.recorded(&all, |entry| {
            let DeliveryState::Settled(fate) = entry.state else {
                seen.insert((entry.incarnation, entry.position));
                return ControlFlow::Continue(());
            };
            let is_told = fate.is_failure() || fate == Fate::Delivered && !query.only_failed;
            let is_late = query.until.is_some_and(|until| entry.time.is_none_or(|time| time >= until));
            if !seen.insert((entry.incarnation, entry.position)) || !is_told || is_late {
                return ControlFlow::Continue(());
            }
            if self.lane_of(&entry.handler) == Some(entry.incarnation) {
                chosen.entry(entry.incarnation).or_default().insert(entry.position, entry);
            } else {
                resent.of_removed += 1;
            }
            ControlFlow::Continue(())
        })?;
        let count: usize = chosen.values().map(BTreeMap::len).sum();
        if count > RESEND_MAX {
            let times = chosen.values().flat_map(BTreeMap::values).filter_map(|entry| entry.time);
            return Err(InquiryError::TooMany { count, newest_since: newest_since(times.collect(), RESEND_MAX) });
        }
        for (incarnation, entries) in chosen {
            let mut transitions = Vec::with_capacity(entries.len());
            for entry in entries.values() {
                match self.transition(entry)? {
                    Some(transition) => transitions.push((transition, self.principal(entry)?)),
                    None => resent.not_kept += 1,
                }
            }
            let numbers = self.insert(incarnation, transitions)?;
            resent.sent += numbers.len();
            let ends = numbers.iter().min().copied().zip(numbers.iter().max().copied());
            resent.numbers = match (resent.numbers, ends) {
                (Some(known), Some(more)) => Some((known.0.min(more.0), known.1.max(more.1))),
                (known, more) => known.or(more),
            };
        }
        Ok(resent)
    }

    /// Explains what each handler made of the newest transitions of an alarm, the newest first. Blocks for the disk.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn explain(&self, record: &AlarmRecord) -> Result<Vec<Explanation>, InquiryError> {
        let mut transitions = self.shared().store.transitions_of(&record.id, EXPLAINED_MAX)?;
        if transitions.first().is_none_or(|newest| newest.position < record.position) {
            transitions.splice(0..0, record.announced().map(|announced| record.retold(announced, None)));
        }
        let mut logged: BTreeMap<(Uuid, JournalPosition), DeliveryEntry> = BTreeMap::new();
        let lanes = self.look(Some(record.id))?;
        let query = DeliveryQuery { alarm: Some(record.id), ..DeliveryQuery::default() };
        self.log(&query, |entry| {
            logged.entry((entry.incarnation, entry.position)).or_insert(entry);
            ControlFlow::Continue(())
        })?;
        let mut filters: BTreeMap<u32, Vec<LaneFilter>> = BTreeMap::new();
        for lane in &lanes {
            filters.insert(lane.number, self.shared().store.lane_filters(lane.number)?);
        }
        // The newest word on each transition by lanes that are no more.
        let mut former: BTreeMap<JournalPosition, BTreeMap<String, DeliveryEntry>> = BTreeMap::new();
        for ((incarnation, position), entry) in &logged {
            if lanes.iter().all(|lane| lane.incarnation != *incarnation) {
                let of_handlers = former.entry(*position).or_default();
                let known = of_handlers.entry(entry.handler.clone()).or_insert_with(|| entry.clone());
                if known.time < entry.time {
                    *known = entry.clone();
                }
            }
        }
        let mut explain = |transition: Transition| {
            let transition = Arc::new(transition);
            let decide = |lane: &LaneView| {
                let known = logged.get(&(lane.incarnation, transition.position)).cloned();
                let filters = filters.get(&lane.number).map(Vec::as_slice).unwrap_or_default();
                (lane.handler.clone(), decision(lane, &transition, known, filters))
            };
            let mut decisions: Vec<(String, Decision)> = lanes.iter().map(decide).collect();
            for (handler, entry) in former.remove(&transition.position).unwrap_or_default() {
                let former = Decision::Former(Box::new(entry));
                match decisions.iter_mut().find(|(name, _)| *name == handler) {
                    None => decisions.push((handler, former)),
                    Some((_, decision)) if *decision == Decision::BeforeHandler => *decision = former,
                    // What its present lane made of it counts.
                    Some(_) => {}
                }
            }
            decisions.sort_by(|(a, _), (b, _)| a.cmp(b));
            Explanation { transition, decisions }
        };
        Ok(transitions.into_iter().map(&mut explain).collect())
    }

    fn insert(&self, incarnation: Uuid, transitions: Vec<Inserted>) -> Result<Vec<u64>, InquiryError> {
        let (told, answer) = sync_channel(1);
        self.send(Command::Insert { incarnation, transitions, told });
        Ok(answer.recv_timeout(ANSWER_WITHIN).map_err(|_| InquiryError::Ended)??)
    }

    /// Lets what was settled a moment ago be written, so that it is seen. Where that cannot be, it is not, as after a crash.
    fn settle(&self) {
        if let Err(error) = self.shared().store.write(|_| Ok(())) {
            tracing::debug!(error = &error as &dyn std::error::Error, "the newest outcomes are not in the log yet");
        }
    }

    /// Finds the lane in whose handler's place a delivery was.
    fn principal(&self, entry: &DeliveryEntry) -> Result<Option<Arc<Principal>>, InquiryError> {
        let Some(handler) = &entry.in_place_of else { return Ok(None) };
        let names = self.names()?.into_iter().rev();
        let lane = names.filter(|(_, (_, name))| name == handler).map(|(lane, _)| lane).next();
        Ok(lane.map(|lane| Arc::new(Principal { lane, handler: handler.clone() })))
    }

    /// Finds what a delivery told: in the journal, or in the alarm list as long as the alarm has not changed since.
    fn transition(&self, entry: &DeliveryEntry) -> Result<Option<Arc<Transition>>, InquiryError> {
        let shared = self.shared();
        if let Some(transition) = shared.store.transition(entry.position)? {
            return Ok(Some(Arc::new(transition)));
        }
        let record = shared.ledger.alarm(&entry.alarm).filter(|record| record.position == entry.position);
        Ok(record.and_then(|record| Some(Arc::new(record.retold(record.announced()?, None)))))
    }

    fn names(&self) -> Result<BTreeMap<u32, (Uuid, String)>, InquiryError> {
        let lanes = self.shared().store.logged_lanes()?;
        Ok(lanes.into_iter().map(|(number, lane)| (number, (lane.incarnation, lane.handler))).collect())
    }
}

fn entry(
    settled: &Settlement,
    beside: Option<Settlement>,
    names: &BTreeMap<u32, (Uuid, String)>,
) -> Option<DeliveryEntry> {
    let (incarnation, handler) = names.get(&settled.lane)?.clone();
    let principal = beside.and_then(|beside| names.get(&beside.revision));
    Some(DeliveryEntry {
        number: Some(settled.number),
        handler,
        incarnation,
        position: settled.position,
        alarm: settled.alarm,
        sequence: u64::from(settled.sequence),
        standing: standing_of(settled.standing),
        time: Some(settled.time),
        attempts: settled.attempts,
        revision: u64::from(settled.revision),
        duration: settled.duration,
        status: Some(settled.status).filter(|status| *status > 0),
        last_failure: None,
        in_place_of: principal.map(|(_, handler)| handler.clone()),
        state: DeliveryState::Settled(Fate::of_codes(settled.fate, settled.reason)?),
    })
}

/// Returns the earliest of some times since which at most so many of them are.
fn newest_since(mut times: Vec<Timestamp>, most: usize) -> Option<Timestamp> {
    times.sort_unstable_by(|a, b| b.cmp(a));
    let beyond = *times.get(most)?;
    times.into_iter().take(most).rfind(|time| *time > beyond)
}

fn decision(
    lane: &LaneView,
    transition: &Transition,
    known: Option<DeliveryEntry>,
    filters: &[LaneFilter],
) -> Decision {
    if let Some(entry) = known {
        return Decision::Delivery(Box::new(entry));
    }
    let position = transition.position;
    if transition.key.is_self_test() && transition.key.resource != lane.handler {
        let why = Filter::default().explain(FilteredBy::SelfTest, transition);
        return Decision::Filtered { by: FilteredBy::SelfTest, why, revision: transition.revision };
    }
    if !transition.is_for(&lane.handler) {
        let why = Filter::default().explain(FilteredBy::Reminder, transition);
        return Decision::Filtered { by: FilteredBy::Reminder, why, revision: transition.revision };
    }
    if position > lane.read {
        return Decision::NotReached(position.0.saturating_sub(lane.read.0));
    }
    if position <= lane.start {
        return Decision::BeforeHandler;
    }
    let read_with = filters.iter().find(|filter| filter.from <= position);
    let Some((read_with, admission)) =
        read_with.and_then(|row| Some((row, serde_json::from_str::<Admission>(&row.filter).ok()?)))
    else {
        return Decision::NoRecord;
    };
    match admission.admit(transition) {
        Err(by) => {
            let why = admission.filter.explain(by, transition);
            // The one that was in force: that of the filter, or a later one that did not change it.
            Decision::Filtered { by, why, revision: read_with.revision.max(transition.revision) }
        }
        Ok(_) => Decision::NoRecord,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_parts_what_can_be_had_at_once_from_the_rest() {
        let at = |seconds: &[i64]| seconds.iter().map(|s| Timestamp::from_second(*s).unwrap()).collect::<Vec<_>>();
        let since = |seconds: &[i64], most| newest_since(at(seconds), most).map(Timestamp::as_second);
        assert_eq!(since(&[1, 2, 3, 4], 2), Some(3));
        // Those of one moment cannot be parted: fewer then.
        assert_eq!(since(&[1, 3, 2, 2, 4], 3), Some(3));
        assert_eq!(since(&[2, 2, 2], 2), None);
        assert_eq!(since(&[1, 2], 2), None);
    }
}
