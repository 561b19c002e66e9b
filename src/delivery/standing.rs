//! The alarms that stood when a lane was created, as it takes them up: each as the transition that made it so.

use crate::alarm::{self, AlarmId, AlarmRecord, AlarmState, JournalPosition, Transition};
use crate::ledger::Ledger;
use std::collections::{BTreeSet, VecDeque};
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
            let told = record.and_then(|record| Some(transition(&record, tellable(&record)?, base_url)));
            transitions.extend(told.map(Arc::new));
        }
        (transitions, if self.0.is_empty() { start } else { read })
    }
}

/// Returns the state of an alarm that was announced last, which is not the present one where that is held back.
pub(super) fn announced(record: &AlarmRecord) -> Option<alarm::Standing> {
    match record.untold {
        None => Some(record.state.standing),
        Some(untold) => untold.announced,
    }
}

/// Returns the state to tell a new handler: none of an alarm that is on a shelf, or does not stand as far as was announced.
fn tellable(record: &AlarmRecord) -> Option<alarm::Standing> {
    announced(record).filter(|announced| !announced.is_cleared && record.shelf.is_none())
}

/// Tells of an alarm as the transition that brought it where it was announced to be.
pub(super) fn transition(record: &AlarmRecord, announced: alarm::Standing, base_url: Option<&str>) -> Transition {
    Transition {
        position: record.position,
        id: record.id,
        key: record.key.clone(),
        sequence: record.sequence,
        before: None,
        stood: BTreeSet::new(),
        raised: record.raised.unwrap_or_default(),
        project: record.project.clone(),
        moves: None,
        after: AlarmState { standing: announced, ..record.state.clone() },
        last_updated: record.last_updated,
        revision: record.revision,
        base_url: base_url.map(str::to_owned),
        reminds: Vec::new(),
    }
}
