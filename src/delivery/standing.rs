//! The alarms that stood when a lane was created, as it takes them up: each as the transition that made it so.

use crate::alarm::{AlarmId, AlarmRecord, JournalPosition, Transition};
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
        // What is on a shelf, or was not told yet, is told to nobody.
        let is_told = |record: &AlarmRecord| record.shelf.is_none() && record.untold.is_none();
        let standing = list.iter().filter(|record| !record.is_cleared() && is_told(record));
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
            let record = ledger.alarm(&alarm).filter(|record| record.position == position && !record.is_cleared());
            transitions.extend(record.map(|record| Arc::new(transition(&record, base_url))));
        }
        (transitions, if self.0.is_empty() { start } else { read })
    }
}

/// Tells of an alarm as the transition that brought it where it is.
pub(super) fn transition(record: &AlarmRecord, base_url: Option<&str>) -> Transition {
    Transition {
        position: record.position,
        id: record.id,
        key: record.key.clone(),
        sequence: record.sequence,
        before: None,
        after: record.state.clone(),
        last_updated: record.last_updated,
        revision: record.revision,
        reminds: Vec::new(),
        base_url: base_url.map(str::to_owned),
    }
}
