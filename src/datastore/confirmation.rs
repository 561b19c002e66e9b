//! Confirmed commits: arming, confirming, and taking back what nobody confirmed.

use super::candidate::TAKEN_BACK_VIA;
use super::gate::{UNCONFIRMED_KEY, Unconfirmed};
use super::handle::Datastore;
use super::transaction::Rebased;
use super::{CommitRequest, Committed, RevisionRecord, RollbackError};
use crate::store::{RowWrite, Store, StoreError};
use crate::task::Scope;
use jiff::Timestamp;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Pause before another try to take a commit back that the store refused: a full disk is not emptied in milliseconds.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a commit could not be taken back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TakeBackError {
    /// None awaits confirmation.
    #[error("no commit awaits confirmation")]
    Nothing,
    /// The revision before it cannot be read.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads the commit that awaited confirmation when the element stopped.
pub(super) fn stored(store: &Store) -> Result<Option<Unconfirmed>, StoreError> {
    let Some(text) = store.meta(UNCONFIRMED_KEY)? else { return Ok(None) };
    let mut unconfirmed: Unconfirmed = serde_json::from_str(&text).map_err(|e| StoreError::Corrupt {
        table: "meta",
        row: UNCONFIRMED_KEY.to_owned(),
        reason: e.to_string(),
    })?;
    unconfirmed.deadline_elapsed = store.clock().elapsed() + left(unconfirmed.deadline, store.clock().now());
    Ok(Some(unconfirmed))
}

/// Returns the time from `now` to `deadline`; none when it is over.
pub(super) fn left(deadline: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(deadline.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// Returns what keeps, or forgets, the unconfirmed commit in the transaction of a revision.
pub(super) fn row(unconfirmed: Option<&Unconfirmed>) -> Result<RowWrite, StoreError> {
    let Some(unconfirmed) = unconfirmed else { return Ok(Box::new(|tx| tx.remove_meta(UNCONFIRMED_KEY))) };
    let text = serde_json::to_string(unconfirmed)
        .map_err(|source| StoreError::Encode { what: "the unconfirmed commit", source: Arc::new(source) })?;
    Ok(Box::new(move |tx| tx.set_meta(UNCONFIRMED_KEY, &text)))
}

/// Returns who takes a commit back, and what is said of it.
pub(super) fn request(unconfirmed: &Unconfirmed) -> CommitRequest {
    let Unconfirmed { revision, back_to, user, .. } = unconfirmed;
    CommitRequest {
        user: "system".to_owned(),
        via: TAKEN_BACK_VIA.to_owned(),
        comment: Some(format!("revision {revision} by {user} was not confirmed; back to revision {back_to}")),
        ..CommitRequest::default()
    }
}

/// Returns the revisions that a revision took back, when it is one that took something back.
#[must_use]
pub fn taken_back(record: &RevisionRecord) -> Option<RangeInclusive<u64>> {
    let said = record.comment.as_deref().filter(|_| record.via == TAKEN_BACK_VIA)?;
    let newest = said.strip_prefix("revision ")?.split(' ').next()?.parse().ok()?;
    let back_to: u64 = said.rsplit(' ').next()?.parse().ok()?;
    Some(back_to.checked_add(1)?..=newest)
}

impl Datastore {
    /// Takes back what nobody confirmed: the revision before it is in force again when this returns, as a new revision.
    /// Parts that cannot be built again are told in its warnings and left as they are. Blocks.
    ///
    /// # Errors
    /// When nothing awaits confirmation, or the store cannot be read or written; running is then as it was.
    pub fn take_back(&self) -> Result<Arc<Committed>, TakeBackError> {
        let _one_at_a_time = self.one_at_a_time();
        self.take_back_if(|_| true)
    }

    fn take_back_due(&self, due: &Unconfirmed) -> Result<Arc<Committed>, TakeBackError> {
        let _one_at_a_time = self.one_at_a_time();
        // Confirmed or prolonged while this waited for its turn.
        self.take_back_if(|unconfirmed| unconfirmed == due)
    }

    fn take_back_if(&self, is_meant: impl FnOnce(&Unconfirmed) -> bool) -> Result<Arc<Committed>, TakeBackError> {
        let unconfirmed = self.unconfirmed().filter(is_meant).ok_or(TakeBackError::Nothing)?;
        let running = self.running();
        let tree = self.tree_at(unconfirmed.back_to)?;
        let change = Rebased::new(running, tree, &**self.sealer(), false);
        let (valid, invalid) = change.take_as_stored();
        let (mut ready, refusals) = valid.prepare_what_can(self.participants());
        ready.warn(invalid);
        for (participant, diagnostics) in refusals {
            tracing::error!(participant, %diagnostics, "an earlier configuration is back, but not all could be built");
            ready.warn(diagnostics);
        }
        let committed = self.finish(ready, &request(&unconfirmed), vec![row(None)?], None)?;
        self.settle(None);
        tracing::warn!(
            unconfirmed = unconfirmed.revision,
            back_to = unconfirmed.back_to,
            "a commit that nobody confirmed was taken back"
        );
        Ok(committed)
    }

    /// Takes back what is not confirmed at its deadline, until the scope stops. What still awaits confirmation then is
    /// taken up again at the next start.
    pub async fn run_confirmations(&self, scope: &Scope) {
        let mut watched = self.watch_unconfirmed();
        loop {
            let unconfirmed = watched.borrow_and_update().clone();
            let deadline = async {
                match &unconfirmed {
                    Some(unconfirmed) => self.clock().sleep_until(unconfirmed.deadline_elapsed).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = scope.stopped() => return,
                changed = watched.changed() => if changed.is_err() { return },
                () = deadline => if let Some(unconfirmed) = unconfirmed { self.end_at_deadline(unconfirmed).await },
            }
        }
    }

    async fn end_at_deadline(&self, unconfirmed: Unconfirmed) {
        let datastore = self.clone();
        let ended = tokio::task::spawn_blocking(move || datastore.take_back_due(&unconfirmed)).await;
        match ended {
            Ok(Ok(_) | Err(TakeBackError::Nothing)) => {}
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an unconfirmed commit was not taken back");
                self.clock().sleep(RETRY_AFTER).await;
            }
            Err(error) => {
                tracing::error!(%error, "taking back an unconfirmed commit failed unexpectedly");
                self.clock().sleep(RETRY_AFTER).await;
            }
        }
    }
}
