//! The handle on running that everybody shares.

use super::checkpoint::Checkpoints;
use super::conflict::attribute;
use super::rebase::rebase;
use super::revision::{self, RevisionRecord};
use super::transaction::{Ready, Rebased, Written};
use super::{
    Candidate, CommitContext, CommitError, CommitRequest, Committed, Participant, Prepared, RollbackError, Snapshot,
};
use crate::diagnostic::Diagnostics;
use crate::secret::Sealer;
use crate::store::{FaultPoint, RowWrite, Store, StoreError};
use crate::tree::{DataTree, Delta, Plan};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::broadcast;

/// Commits that a slow reader of announcements may be behind before it is told that it missed some; it then reads
/// running, so nothing is lost but the single steps.
const ANNOUNCEMENTS_KEPT: usize = 64;

/// The configuration datastores; clones share them.
#[derive(Clone)]
pub struct Datastore(Arc<Shared>);

struct Shared {
    store: Store,
    plan: Arc<Plan>,
    sealer: Arc<dyn Sealer>,
    participants: Vec<Arc<dyn Participant>>,
    running: RwLock<Arc<Snapshot>>,
    /// Held by the one commit under way.
    commit: Mutex<()>,
    announcements: broadcast::Sender<Arc<Committed>>,
    checkpoints: Arc<Checkpoints>,
}

impl fmt::Debug for Datastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datastore").field("revision", &self.running().revision).finish_non_exhaustive()
    }
}

/// What a datastore is built of.
pub(super) struct Parts {
    pub(super) store: Store,
    pub(super) plan: Arc<Plan>,
    pub(super) sealer: Arc<dyn Sealer>,
    pub(super) participants: Vec<Arc<dyn Participant>>,
    pub(super) running: Arc<Snapshot>,
    pub(super) checkpoints: Checkpoints,
}

impl Datastore {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { store, plan, sealer, participants, running, checkpoints } = parts;
        Self(Arc::new(Shared {
            store,
            plan,
            sealer,
            participants,
            running: RwLock::new(running),
            commit: Mutex::new(()),
            announcements: broadcast::Sender::new(ANNOUNCEMENTS_KEPT),
            checkpoints: Arc::new(checkpoints),
        }))
    }

    /// Returns running. Never waits for a commit.
    #[must_use]
    pub fn running(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.running.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the schema with what was worked out of it.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.0.plan
    }

    /// Returns what seals and opens secrets.
    #[must_use]
    pub fn sealer(&self) -> &Arc<dyn Sealer> {
        &self.0.sealer
    }

    /// Starts a private candidate from running.
    #[must_use]
    pub fn candidate(&self) -> Candidate {
        Candidate::new(self.running())
    }

    /// Goes all the way of a commit up to the write, drops what was prepared and returns what is worth telling. Blocks.
    ///
    /// # Errors
    /// Why a commit would be refused now.
    pub fn check(&self, candidate: &Candidate) -> Result<Diagnostics, CommitError> {
        let _one_at_a_time = self.0.commit.lock().unwrap_or_else(PoisonError::into_inner);
        let change = self.rebased(candidate)?;
        if change.is_empty() {
            return Ok(Diagnostics::new());
        }
        Ok(self.ready(change)?.into_warnings())
    }

    /// Commits a candidate; it is durable and in force when this returns. `None` when there is nothing to commit.
    /// The candidate then stands on the new running; when refused, it is as it was. Blocks.
    ///
    /// # Errors
    /// Why it was refused; running is as it was.
    pub fn commit(&self, candidate: &mut Candidate, request: &CommitRequest) -> Result<Option<Committed>, CommitError> {
        let _one_at_a_time = self.0.commit.lock().unwrap_or_else(PoisonError::into_inner);
        let change = self.rebased(candidate)?;
        if change.is_empty() {
            candidate.stand_on(self.running());
            return Ok(None);
        }
        let committed = self.finish(self.ready(change)?, request, Vec::new())?;
        candidate.stand_on(self.running());
        Ok(Some((*committed).clone()))
    }

    /// Lets every participant look again at what is running. Blocks; no commit is under way meanwhile.
    ///
    /// # Errors
    /// Those of the store: what was built is then not in use.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.0.commit.lock().unwrap_or_else(PoisonError::into_inner);
        let running = self.running();
        let delta = Delta::default();
        let context = CommitContext { before: &running.tree, after: &running.tree, delta: &delta, boot: false };
        for participant in &self.0.participants {
            let Some(Prepared { rows, apply, .. }) = participant.refresh(&context) else { continue };
            if !rows.is_empty() {
                self.0.store.write(move |tx| rows.into_iter().try_for_each(|row| row(tx)))?;
            }
            apply();
        }
        Ok(())
    }

    fn rebased(&self, candidate: &Candidate) -> Result<Rebased, CommitError> {
        let running = self.running();
        match rebase(candidate, &running.tree, &*self.0.sealer) {
            Ok(tree) => Ok(Rebased::new(running, tree, &*self.0.sealer, false)),
            Err(clashes) => {
                let base = candidate.base().revision;
                Err(CommitError::Conflict(attribute(&self.0.store, &running, base, clashes)?))
            }
        }
    }

    fn ready(&self, change: Rebased) -> Result<Ready, CommitError> {
        let valid = change.validate().map_err(CommitError::Invalid)?;
        self.0.store.reach(FaultPoint::BeforePrepare)?;
        valid
            .prepare(&self.0.participants)
            .map_err(|(participant, diagnostics)| CommitError::Refused { participant, diagnostics })
    }

    /// Writes what is ready, takes it into use and announces it.
    pub(super) fn finish(
        &self,
        ready: Ready,
        request: &CommitRequest,
        rows: Vec<RowWrite>,
    ) -> Result<Arc<Committed>, StoreError> {
        self.0.store.reach(FaultPoint::BeforeRevision)?;
        let written: Written = ready.write(&self.0.store, request, rows)?;
        let delta_bytes = written.delta_bytes();
        // Behind the write a fault can only end the process, not the commit.
        drop(self.0.store.reach(FaultPoint::BeforeApply));
        let committed = written.take_into_use(|snapshot| {
            *self.0.running.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        });
        tracing::info!(
            revision = committed.revision,
            user = committed.user,
            via = committed.via,
            changes = committed.delta.changes.len(),
            "committed"
        );
        drop(self.0.store.reach(FaultPoint::BeforeAnnounce));
        // Without readers there is nobody to tell.
        drop(self.0.announcements.send(Arc::clone(&committed)));
        self.0.checkpoints.committed(&self.0.store, &self.running(), delta_bytes);
        Ok(committed)
    }

    /// Returns the newest revisions, newest first, at most `newest`.
    ///
    /// # Errors
    /// Those of the store.
    pub fn revisions(&self, newest: usize) -> Result<Vec<RevisionRecord>, StoreError> {
        Ok(self.0.store.revision_heads(newest)?.into_iter().map(RevisionRecord::from).collect())
    }

    /// Returns the tree of a kept revision.
    ///
    /// # Errors
    /// When it is not kept or cannot be read.
    pub fn tree_at(&self, revision: u64) -> Result<DataTree, RollbackError> {
        revision::tree_at(&self.0.store, &self.running(), revision)
    }

    /// Returns the announcements of commits from now on.
    #[must_use]
    pub fn announcements(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.0.announcements.subscribe()
    }

    /// Writes a checkpoint of running now, so that the next boot reads nothing else. Blocks.
    ///
    /// # Errors
    /// Those of the store.
    pub fn write_checkpoint(&self) -> Result<(), StoreError> {
        let running = self.running();
        if running.revision == 0 {
            return Ok(());
        }
        self.0.checkpoints.write(&self.0.store, &running)
    }
}
