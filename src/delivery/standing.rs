//! The alarms that stood when a lane was created, as it takes them up: each as the transition that made it so.

use crate::alarm::{self, AlarmId, AlarmRecord, JournalPosition, Transition};
use crate::ledger::Ledger;
use std::collections::VecDeque;
use std::sync::Arc;

/// Alarms to take up, the oldest first. Empty but for a new lane.
#[derive(Debug, Default)]
pub(super) struct Standing(VecDeque<(JournalPosition, AlarmId)>);

impl Standing {
    /// Finds the alarms whose newest transitions lie above `low`, up to `start`.
    pub(super) fn after(ledger: &Ledger, low: JournalPosition, start: JournalPosition) -> Self {
        if low >= start {
            return Self::default();
        }
        let list = ledger.alarms();
        let standing = list.iter().filter(|record| tellable(record).is_some());
        let mut found: Vec<(JournalPosition, AlarmId)> =
            standing.map(|record| (record.position, record.id)).filter(|(at, _)| *at > low && *at <= start).collect();
        found.sort_unstable();
        Self(found.into())
    }

    /// Returns the next transitions, at most `limit`, and the position up to which these are all.
    pub(super) fn next(
        &mut self,
        ledger: &Ledger,
        limit: usize,
        start: JournalPosition,
        base_url: Option<&str>,
    ) -> (Vec<Arc<Transition>>, JournalPosition) {
        let count = limit.min(self.0.len());
        let mut read = start;
        let mut transitions = Vec::with_capacity(count);
        for (position, alarm) in self.0.drain(..count) {
            read = position;
            // One that changed meanwhile is taken up where the journal tells that.
            let record = ledger.alarm(&alarm).filter(|record| record.position == position);
            let told = record.and_then(|record| Some(record.retold(tellable(&record)?, base_url)));
            transitions.extend(told.map(Arc::new));
        }
        (transitions, if self.0.is_empty() { start } else { read })
    }
}

/// Returns the state to tell a new handler: none of an alarm that is on a shelf, or does not stand as far as was announced.
fn tellable(record: &AlarmRecord) -> Option<alarm::Standing> {
    record.announced().filter(|announced| !announced.is_cleared && record.shelf.is_none())
}
