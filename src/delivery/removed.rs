//! What becomes of what waited for a handler that is removed: the lane writes down what it had in memory; what it had not
//! read is told from the journal, and what an end of the process kept it from writing is written by the next start.

use super::admission::Admission;
use super::fate::{Fate, standing_code};
use super::parcel::kept_transition;
use super::view::{DeliveryEntry, DeliveryState};
use crate::alarm::{AlarmId, JournalPosition, Transition};
use crate::ledger::Ledger;
use crate::store::{JOURNAL_READ_MAX, LaneEnd, LaneFilter, LoggedLane, Settlement, Store, StoreError};
use std::ops::ControlFlow;
use std::time::Duration;
use uuid::Uuid;

/// Writes down that what lanes left behind that are no more was removed with them; returns the first number that no delivery
/// has then.
pub(super) fn settle_left_behind(store: &Store, first: u64) -> Result<u64, StoreError> {
    let left = store.left_behind()?;
    if left.is_empty() {
        return Ok(first);
    }
    let logged = store.logged_lanes()?;
    let (fate, reason) = Fate::Removed.codes();
    let (mut next, mut settled, mut lanes) = (first, Vec::with_capacity(left.len()), Vec::new());
    for (lane, incarnation, exception) in left {
        lanes.push(incarnation);
        let transition = match kept_transition(&exception) {
            Some(transition) => Some(Transition::clone(&transition)),
            None => store.transition(exception.position)?,
        };
        let end = logged.get(&lane).and_then(|lane| lane.ended.as_ref());
        settled.push(Settlement {
            number: next,
            position: exception.position,
            alarm: transition.as_ref().map_or(AlarmId::from_uuid(Uuid::nil()), |transition| transition.id),
            sequence: transition.as_ref().map_or(0, |known| u32::try_from(known.sequence).unwrap_or(u32::MAX)),
            lane,
            time: end.map_or_else(|| store.clock().now(), |end| end.time),
            attempts: exception.attempts,
            revision: end.map_or(0, |end| u32::try_from(end.revision).unwrap_or(u32::MAX)),
            duration: Duration::ZERO,
            status: 0,
            reason,
            fate,
            standing: transition.map_or(0, |transition| standing_code(transition.after.standing)),
        });
        next = next.saturating_add(1);
    }
    lanes.dedup();
    store.write(move |tx| {
        tx.append_settled(&settled)?;
        lanes.iter().try_for_each(|lane| tx.forget_exceptions(*lane))
    })?;
    Ok(next)
}

/// A lane that is no more, and did not come to the end of the journal.
pub(super) struct Unread<'a> {
    lane: &'a LoggedLane,
    end: &'a LaneEnd,
    filters: Vec<LaneFilter>,
}

impl<'a> Unread<'a> {
    /// Returns what a lane left unread, if the journal still has anything of it.
    pub(super) fn of(store: &Store, number: u32, lane: &'a LoggedLane) -> Result<Option<Self>, StoreError> {
        let Some(end) = lane.ended.as_ref().filter(|end| end.low < end.at) else { return Ok(None) };
        let first = store.read_journal(JournalPosition(end.low.0.saturating_add(1)), 1)?;
        if first.first().is_none_or(|first| first.position > end.at) {
            return Ok(None);
        }
        Ok(Some(Self { lane, end, filters: store.lane_filters(number)? }))
    }

    /// Shows what it was to deliver of some transitions, or of all; `is_known` says of what there is a record.
    pub(super) fn each(
        &self,
        ledger: &Ledger,
        store: &Store,
        of: Option<&[Transition]>,
        is_known: impl Fn(JournalPosition) -> bool,
        see: &mut impl FnMut(DeliveryEntry) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let mut show = |transition: &Transition| {
            if is_known(transition.position) || !self.had_to_tell(ledger, transition) {
                return ControlFlow::Continue(());
            }
            see(self.entry(transition))
        };
        if let Some(transitions) = of {
            return Ok(transitions.iter().try_for_each(show));
        }
        let mut from = self.end.low;
        loop {
            let read = store.read_journal(JournalPosition(from.0.saturating_add(1)), JOURNAL_READ_MAX)?;
            let Some(last) = read.last().map(|transition| transition.position) else { break };
            if read
                .iter()
                .take_while(|transition| transition.position <= self.end.at)
                .try_for_each(&mut show)
                .is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
            if last >= self.end.at {
                break;
            }
            from = last;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn had_to_tell(&self, ledger: &Ledger, transition: &Transition) -> bool {
        let position = transition.position;
        if position <= self.end.low || position > self.end.at || !transition.is_for(&self.lane.handler) {
            return false;
        }
        if transition.key.is_self_test() && transition.key.resource != self.lane.handler {
            return false;
        }
        // It began with the alarms that stood.
        let stood = || ledger.alarm(&transition.id).is_some_and(|record| record.position == position);
        if position <= self.end.start && (transition.after.standing.is_cleared || !stood()) {
            return false;
        }
        let filter = self.filters.iter().find(|filter| filter.from <= position).or(self.filters.last());
        let admission = filter.and_then(|row| serde_json::from_str::<Admission>(&row.filter).ok());
        admission.is_none_or(|admission| admission.admit(transition).is_ok())
    }

    fn entry(&self, transition: &Transition) -> DeliveryEntry {
        DeliveryEntry {
            number: None,
            handler: self.lane.handler.clone(),
            incarnation: self.lane.incarnation,
            position: transition.position,
            alarm: transition.id,
            sequence: transition.sequence,
            standing: transition.after.standing,
            time: Some(self.end.time),
            attempts: 0,
            revision: self.end.revision,
            duration: Duration::ZERO,
            status: None,
            last_failure: None,
            in_place_of: None,
            state: DeliveryState::Settled(Fate::Removed),
        }
    }
}
