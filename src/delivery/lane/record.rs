//! What a lane has written down: its progress through the journal, its exceptions, and what became of each delivery.

use super::{Landing, Lane, REPEATS_MAX};
use crate::alarm::{AlarmId, JournalPosition};
use crate::delivery::fate::{Fate, IN_PLACE_OF, standing_code};
use crate::delivery::health::Condition;
use crate::delivery::parcel::{Now, Parcel};
use crate::store::{LaneException, LaneFilter, LaneProgress, Settlement};
use jiff::Timestamp;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

impl Lane {
    /// Returns what changed since it was asked last.
    pub(in crate::delivery) fn progress(&mut self, now: Now) -> Option<LaneProgress> {
        while let Some(first) = self.plain.first().copied() {
            if first.0.saturating_add(REPEATS_MAX) >= self.top.0 {
                break;
            }
            self.except_chain(first);
        }
        let low = self.plain.first().map_or(self.read, |first| JournalPosition(first.0.saturating_sub(1)));
        let put = self.changed_exceptions(low, now);
        let condition = self.health.condition();
        let condition = (condition != self.written_condition).then_some(condition);
        let is_same = low == self.written_low && put.is_empty() && self.gone.is_empty() && !self.has_ended;
        let says_nothing = self.settlements.is_empty() && condition.is_none() && self.unwritten_filters.is_empty();
        if is_same && says_nothing {
            return None;
        }
        self.written_low = low;
        if let Some(condition) = &condition {
            self.written_condition = *condition;
        }
        let lane = self.identity.number;
        Some(LaneProgress {
            incarnation: self.incarnation(),
            low,
            put,
            settled: std::mem::take(&mut self.gone),
            settlements: std::mem::take(&mut self.settlements),
            condition: condition.map(Condition::text),
            filters: std::mem::take(&mut self.unwritten_filters).into_iter().map(|filter| (lane, filter)).collect(),
            is_last: self.has_ended,
        })
    }

    /// Returns what was settled since progress was asked for.
    #[cfg(test)]
    pub(in crate::delivery) fn noted(&self) -> &[Settlement] {
        &self.settlements
    }

    /// Returns the rows of exceptions at or below the low-water mark; those above are read again after a restart, in order.
    /// What somebody wants again is no part of that order and has its row wherever it is.
    fn changed_exceptions(&mut self, low: JournalPosition, now: Now) -> Vec<LaneException> {
        let mut changed = std::mem::take(&mut self.unwritten_inserted);
        if self.unwritten.first().is_some_and(|first| *first <= low) {
            let above = self.unwritten.split_off(&JournalPosition(low.0.saturating_add(1)));
            changed.append(&mut std::mem::replace(&mut self.unwritten, above));
        }
        let is_suspended = self.is_suspended();
        let mut put = Vec::with_capacity(changed.len());
        for position in changed {
            let start = self.identity.start;
            if let Some(parcel) = self.unsettled.get_mut(&position) {
                parcel.is_written = true;
                // The journal may have been trimmed behind what is old.
                let keeps_transition = position <= start || parcel.is_resend || parcel.in_place_of.is_some();
                put.push(parcel.exception(is_suspended, keeps_transition, now));
            }
        }
        put
    }

    /// Takes note of what the lane lets through from here on.
    pub(super) fn note_admission(&mut self) {
        let from = self.next_read();
        // Names, numbers and severities only.
        let filter = serde_json::to_string(&self.admission).unwrap_or_default();
        self.unwritten_filters.push(LaneFilter { from, revision: self.revision, filter });
    }

    /// Writes down that there is nothing left to deliver.
    pub(super) fn note_lost(&mut self, position: JournalPosition, time: Timestamp) {
        let (fate, reason) = Fate::Lost.codes();
        self.settlements.push(Settlement {
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            position,
            alarm: AlarmId::from_uuid(Uuid::nil()),
            sequence: 0,
            lane: self.identity.number,
            time,
            attempts: 0,
            revision: 0,
            duration: Duration::ZERO,
            status: 0,
            reason,
            fate,
            standing: 0,
        });
    }

    pub(super) fn note(&mut self, parcel: &Parcel, fate: Fate, landing: Option<Landing>, time: Timestamp) -> u64 {
        let number = parcel.number.unwrap_or_else(|| self.numbers.fetch_add(1, Ordering::Relaxed));
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let (code, reason) = fate.codes();
        self.settlements.push(Settlement {
            number,
            position: parcel.position(),
            alarm: parcel.transition.id,
            sequence: narrow(parcel.transition.sequence),
            lane: self.identity.number,
            time,
            attempts: parcel.attempts,
            revision: narrow(if parcel.attempts > 0 { parcel.revision } else { self.revision }),
            duration: landing.map_or(Duration::ZERO, |landing| landing.duration),
            status: landing.map_or(parcel.last_failure.map_or(0, |(_, status)| status), |landing| landing.status),
            reason,
            fate: code,
            standing: standing_code(parcel.transition.after.standing),
        });
        if let (Some(principal), Some(told)) = (&parcel.in_place_of, self.settlements.last()) {
            let beside = Settlement { fate: IN_PLACE_OF, revision: principal.lane, ..*told };
            self.settlements.push(beside);
        }
        number
    }
}
