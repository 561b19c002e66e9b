//! What a lane reads from the disk: where it is behind, and what it left behind.

use crate::alarm::{JournalPosition, Transition};
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::store::{LaneException, Store, StoreError};
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

/// Reads the transitions of exceptions until that succeeds.
pub(super) async fn restore(
    store: Store,
    clock: Clock,
    disk: Arc<Semaphore>,
    exceptions: Vec<LaneException>,
) -> Restored {
    persist(&clock, &disk, move || {
        let (store, exceptions) = (store.clone(), exceptions.clone());
        move || find(&store, exceptions)
    })
    .await
}

fn find(store: &Store, exceptions: Vec<LaneException>) -> Result<Restored, StoreError> {
    let mut restored = Restored::default();
    for exception in exceptions {
        let position = exception.position;
        if let Some(transition) = store.transition(position)? {
            restored.found.push((Arc::new(transition), exception));
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
