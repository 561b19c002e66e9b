//! Progress of all lanes on its way to the disk: gathered, and written along with the next group.

use crate::store::{LaneProgress, Settlement, Store, StoreError, WriteTransaction};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use uuid::Uuid;

/// Where progress waits for the writer.
pub(super) struct Desk {
    store: Store,
    waiting: Mutex<Waiting>,
    /// Told when a write failed; what was to be written waits again.
    pub(super) failed: Notify,
}

#[derive(Default)]
struct Waiting {
    lanes: HashMap<Uuid, LaneProgress>,
    /// Whether a write is with the writer that will take what waits.
    is_called_for: bool,
}

impl Desk {
    pub(super) fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, waiting: Mutex::default(), failed: Notify::new() })
    }

    /// Puts a lane's progress down, and calls for the writer unless that has been done.
    pub(super) fn put(self: &Arc<Self>, progress: LaneProgress) {
        self.lock().put_newer(progress);
        self.call();
    }

    /// Calls for the writer when something waits that it was not called for.
    pub(super) fn call(self: &Arc<Self>) {
        {
            let mut waiting = self.lock();
            if waiting.is_called_for || waiting.lanes.is_empty() {
                return;
            }
            waiting.is_called_for = true;
        }
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (here, there) = (Arc::clone(self), Arc::clone(self));
        let (put, take) = (Arc::clone(&taken), taken);
        let run = move |tx: &mut WriteTransaction<'_>| {
            let lanes = here.take();
            let outcome = write(tx, &lanes);
            *put.lock().unwrap_or_else(PoisonError::into_inner) = lanes;
            outcome
        };
        let done = move |outcome: Result<(), StoreError>| {
            if let Err(error) = outcome {
                there.give_back(std::mem::take(&mut *take.lock().unwrap_or_else(PoisonError::into_inner)), &error);
            }
        };
        if let Err(error) = self.store.ride(run, done) {
            self.give_back(Vec::new(), &error);
        }
    }

    /// Writes what waits, and returns when it is on the disk. What could not be written waits again.
    pub(super) async fn flush(self: &Arc<Self>) -> Result<(), StoreError> {
        let (here, taken) = (Arc::clone(self), Arc::new(Mutex::new(Vec::new())));
        let put = Arc::clone(&taken);
        let written = self.store.write_async(move |tx| {
            let lanes = here.take();
            let outcome = write(tx, &lanes);
            *put.lock().unwrap_or_else(PoisonError::into_inner) = lanes;
            outcome
        });
        let written = written.await;
        if let Err(error) = &written {
            self.give_back(std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner)), error);
        }
        written
    }

    fn take(&self) -> Vec<LaneProgress> {
        let mut waiting = self.lock();
        waiting.is_called_for = false;
        waiting.lanes.drain().map(|(_, progress)| progress).collect()
    }

    fn give_back(&self, lanes: Vec<LaneProgress>, error: &StoreError) {
        {
            let mut waiting = self.lock();
            waiting.is_called_for = false;
            for progress in lanes {
                waiting.put_older(progress);
            }
        }
        // The store says why, once; this comes as often as it is tried.
        tracing::debug!(error = error as &dyn std::error::Error, "progress of deliveries could not be written yet");
        self.failed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn put_newer(&mut self, progress: LaneProgress) {
        match self.lanes.entry(progress.incarnation) {
            Entry::Vacant(entry) => {
                entry.insert(progress);
            }
            Entry::Occupied(mut entry) => merge(entry.get_mut(), progress),
        }
    }

    fn put_older(&mut self, mut older: LaneProgress) {
        if let Some(newer) = self.lanes.remove(&older.incarnation) {
            merge(&mut older, newer);
        }
        self.lanes.insert(older.incarnation, older);
    }
}

/// Adds newer progress to older. What is settled stays so, and its row need not be put first.
fn merge(older: &mut LaneProgress, newer: LaneProgress) {
    older.low = newer.low;
    older.put.retain(|old| {
        !newer.settled.contains(&old.position) && newer.put.iter().all(|new| new.position != old.position)
    });
    older.put.extend(newer.put);
    older.settled.extend(newer.settled);
    older.settlements.extend(newer.settlements);
    older.condition = newer.condition.or(older.condition.take());
    older.filters.extend(newer.filters);
    older.is_last |= newer.is_last;
}

fn write(tx: &mut WriteTransaction<'_>, lanes: &[LaneProgress]) -> Result<(), StoreError> {
    for progress in lanes {
        match tx.record_progress(progress) {
            // The handler was removed a moment ago, and its lane with it.
            Ok(()) | Err(StoreError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        if progress.is_last {
            tx.forget_exceptions(progress.incarnation)?;
        }
    }
    let settled: Vec<Settlement> = lanes.iter().flat_map(|lane| lane.settlements.iter().copied()).collect();
    tx.append_settled(&settled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::JournalPosition;
    use crate::store::{LaneException, LaneExceptionState};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn exception(position: u64, attempts: u32) -> LaneException {
        let state = LaneExceptionState::Parked;
        LaneException { position: JournalPosition(position), state, attempts, detail: None }
    }

    /// What the store holds after writes.
    fn apply(rows: &mut BTreeMap<u64, u32>, progress: &LaneProgress) {
        for position in &progress.settled {
            rows.remove(&position.0);
        }
        for exception in &progress.put {
            rows.insert(exception.position.0, exception.attempts);
        }
    }

    proptest! {
        #[test]
        fn merged_progress_writes_what_one_after_the_other_would(
            steps in prop::collection::vec((prop::collection::btree_set(0_u64..12, 0..4), prop::collection::btree_set(0_u64..12, 0..4)), 1..6),
        ) {
            let mut settled_ever = std::collections::BTreeSet::new();
            let (mut rows, mut merged): (BTreeMap<u64, u32>, Option<LaneProgress>) = (BTreeMap::new(), None);
            for (number, (put, settled)) in (0_u32..).zip(steps) {
                // A lane never writes what it settled.
                let put = put.into_iter().filter(|p| !settled_ever.contains(p) && !settled.contains(p)).map(|p| exception(p, number)).collect();
                settled_ever.extend(settled.iter().copied());
                let settled = settled.into_iter().map(JournalPosition).collect();
                let progress = LaneProgress { incarnation: Uuid::nil(), low: JournalPosition(u64::from(number)), put, settled, settlements: Vec::new(), condition: None, filters: Vec::new(), is_last: false };
                apply(&mut rows, &progress);
                match &mut merged {
                    None => merged = Some(progress),
                    Some(older) => merge(older, progress),
                }
            }
            let mut at_once = BTreeMap::new();
            apply(&mut at_once, &merged.unwrap());
            prop_assert_eq!(at_once, rows);
        }
    }
}
