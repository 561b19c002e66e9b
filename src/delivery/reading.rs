//! What a lane reads from the disk: where it is behind, and what it left behind.

use super::admission::Admission;
use super::parcel::kept_transition;
use crate::alarm::{JournalPosition, Transition};
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::store::{LaneException, LaneRow, Store, StoreError};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// How long to wait before the disk is read again that could not be read.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Exceptions of a lane, read back.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// With their transitions, rising.
    pub(super) found: Vec<(Arc<Transition>, LaneException)>,
    /// Those whose transitions the journal does not have: a damaged file. Nothing can be delivered of them.
    pub(super) missing: Vec<JournalPosition>,
    /// How the lane fared.
    pub(super) condition: Option<String>,
    /// What it let through last.
    pub(super) admission: Option<Admission>,
    /// What is settled above its low-water mark.
    pub(super) settled_above: BTreeSet<JournalPosition>,
    /// When it sent something, the newest first.
    pub(super) sent: Vec<Timestamp>,
}

/// Reads transitions until that succeeds.
pub(super) async fn read(
    ledger: Ledger,
    clock: Clock,
    disk: Arc<Semaphore>,
    from: JournalPosition,
    limit: usize,
) -> Vec<Arc<Transition>> {
    persist(&clock, &disk, move || {
        let ledger = ledger.clone();
        move || ledger.read(from, limit)
    })
    .await
}

/// Reads what a lane left behind until that succeeds.
pub(super) async fn restore(store: Store, clock: Clock, disk: Arc<Semaphore>, lane: Arc<LaneRow>) -> Restored {
    persist(&clock, &disk, move || {
        let (store, lane) = (store.clone(), Arc::clone(&lane));
        move || find(&store, &lane)
    })
    .await
}

fn find(store: &Store, lane: &LaneRow) -> Result<Restored, StoreError> {
    let newest = store.lane_filters(lane.number)?.into_iter().next();
    let mut restored = Restored {
        condition: lane.condition.clone(),
        settled_above: lane.settled_above.clone(),
        sent: lane.sent.clone(),
        admission: newest.and_then(|newest| serde_json::from_str(&newest.filter).ok()),
        ..Restored::default()
    };
    for exception in &lane.exceptions {
        let position = exception.position;
        let transition = match kept_transition(exception) {
            Some(transition) => Some(transition),
            None => store.transition(position)?.map(Arc::new),
        };
        if let Some(transition) = transition {
            restored.found.push((transition, exception.clone()));
        } else {
            tracing::error!(position = position.0, "the journal lacks a transition that a lane was to deliver");
            restored.missing.push(position);
        }
    }
    Ok(restored)
}

async fn persist<T, E, W>(clock: &Clock, disk: &Semaphore, work: impl Fn() -> W) -> T
where
    T: Send + 'static,
    E: Error + Send + 'static,
    W: FnOnce() -> Result<T, E> + Send + 'static,
{
    loop {
        let done = {
            // Nobody closes the semaphore; were it closed, the disk would merely be asked more.
            let _turn = disk.acquire().await;
            spawn_blocking(work()).await
        };
        match done {
            Ok(Ok(value)) => return value,
            Ok(Err(error)) => tracing::warn!(error = &error as &dyn Error, "a lane cannot read the journal yet"),
            Err(error) => tracing::error!(%error, "reading the journal failed unexpectedly"),
        }
        clock.sleep(AFTER_FAILURE).await;
    }
}
