//! Says once when the disk refuses writes, tries it again, and says when it takes them again.

use crate::clock::Clock;
use crate::datastore::Datastore;
use crate::shell::server::Notices;
use crate::store::{Refusal, Store, StoreError};
use crate::task::Scope;
use std::time::Duration;

/// How often a disk that refuses is tried: senders that were told to come again find out as soon.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// Watches the store until the scope stops.
pub fn watch_store(scope: &Scope, store: &Store, clock: &Clock, notices: &Notices) {
    let (store, clock, notices, stopping) = (store.clone(), clock.clone(), notices.clone(), scope.clone());
    scope.spawn("store watch", async move {
        tokio::select! {
            () = stopping.stopped() => {}
            () = watch(&store, &clock, &notices) => {}
        }
    });
}

/// Writes running as a whole when the file was set aside that held it so, until the scope stops: a start then does not need
/// revisions that are kept no longer.
pub fn restore_checkpoints(scope: &Scope, store: &Store, datastore: &Datastore) {
    let (mut era, datastore, stopping) = (store.records_era(), datastore.clone(), scope.clone());
    scope.spawn("checkpoint watch", async move {
        let mut done = 0;
        loop {
            let now = *era.borrow_and_update();
            if now != done {
                let writing = datastore.clone();
                let written = tokio::task::spawn_blocking(move || writing.write_checkpoint()).await;
                if let Ok(Err(error)) = written {
                    tracing::warn!(error = &error as &dyn std::error::Error, "running was not written as a whole");
                }
                done = now;
            }
            tokio::select! {
                () = stopping.stopped() => return,
                changed = era.changed() => if changed.is_err() { return },
            }
        }
    });
}

async fn watch(store: &Store, clock: &Clock, notices: &Notices) {
    let mut refusal = store.refusal();
    loop {
        let Ok(reason) = refusal.wait_for(Option::is_some).await.map(|refusal| refusal.clone()) else { return };
        if let Some(Refusal { reason, .. }) = reason {
            tracing::error!(%reason, "nothing can be written: reports and commits are refused until it can");
            notices.send(&format!("*** Reports and commits are refused: {reason}"));
        }
        while refusal.borrow_and_update().is_some() {
            clock.sleep(PROBE_EVERY).await;
            // Why it failed is in the refusal itself.
            if matches!(store.probe().await, Err(StoreError::Closed)) {
                return;
            }
        }
        tracing::info!("what comes is written again: reports and commits are taken");
        notices.send("*** Reports and commits are taken again.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Fault, FaultPoint, InjectedFault, StoreOptions};
    use jiff::Timestamp;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A disk that is full while told so.
    #[derive(Default)]
    struct Full(AtomicBool);

    impl Fault for Full {
        fn reach(&self, point: FaultPoint) -> Result<(), InjectedFault> {
            let is_full = point == FaultPoint::BeforeCommit && self.0.load(Ordering::SeqCst);
            if is_full { Err(InjectedFault) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn a_disk_that_refuses_is_told_and_tried_until_it_takes_writes_again() {
        let (folder, clock, scope) = (tempfile::tempdir().unwrap(), Clock::manual(Timestamp::UNIX_EPOCH), Scope::new());
        let full = Arc::new(Full::default());
        let options = StoreOptions { fault: Some(Arc::clone(&full) as Arc<dyn Fault>) };
        let store = Store::open_with(folder.path(), clock.clone(), options).unwrap();
        let notices = Notices::new();
        let mut heard = notices.listen(1);
        watch_store(&scope, &store, &clock, &notices);
        assert!(store.probe().await.is_ok() && store.refusal().borrow().is_none());

        full.0.store(true, Ordering::SeqCst);
        assert!(store.probe().await.is_err());
        assert_eq!(store.refusal().borrow().as_ref().map(|refusal| refusal.since), Some(Timestamp::UNIX_EPOCH));
        assert!(heard.next().await.starts_with("*** Reports and commits are refused: "));

        full.0.store(false, Ordering::SeqCst);
        let told = heard.next();
        tokio::pin!(told);
        let told = loop {
            clock.advance(PROBE_EVERY);
            tokio::select! {
                biased;
                told = &mut told => break told,
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(told, "*** Reports and commits are taken again.");
        assert!(store.refusal().borrow().is_none());
        scope.drain(&Clock::system(), Duration::from_secs(10)).await.unwrap();
    }
}
