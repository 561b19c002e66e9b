//! The handle on running that everybody shares.

use super::checkpoint::Checkpoints;
use super::confirmation;
use super::conflict::attribute;
use super::gate::{Confirms, ExclusiveLock, Gate, Holder, Unconfirmed};
use super::rebase::rebase;
use super::revision::{self, RevisionRecord};
use super::secrets::{self, RotateError, Rotated};
use super::transaction::{Ready, Rebased, Written};
use super::{
    Candidate, CommitContext, CommitError, CommitOutcome, CommitRequest, Committed, Conflict, Participant, Prepared,
    RollbackError, Snapshot,
};
use crate::clock::Clock;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::Sealer;
use crate::store::{FaultPoint, RowWrite, Store, StoreError};
use crate::tree::{DataTree, Delta, Plan};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

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
    gate: Gate,
    announcements: broadcast::Sender<Arc<Committed>>,
    checkpoints: Arc<Checkpoints>,
}

impl fmt::Debug for Datastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datastore").field("revision", &self.running().revision).finish_non_exhaustive()
    }
}

/// What a commit would do.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Running.
    pub before: Arc<Snapshot>,
    /// What would be running, with all that a commit changes of itself.
    pub after: DataTree,
    /// What is worth telling and refuses nothing.
    pub warnings: Diagnostics,
}

/// Why one revision alone cannot be undone.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UndoError {
    /// What it changed was changed again later.
    #[error("{} of the nodes that the revision changed were changed since", .0.len())]
    Conflict(Vec<Conflict>),
    /// It is not kept or cannot be read.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
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
            gate: Gate::new(),
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

    /// Returns the source of time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.0.store.clock()
    }

    /// Gives the configuration to one session: commits of all others are refused until the lock is dropped. Waits for a
    /// commit under way.
    ///
    /// # Errors
    /// Who has it.
    pub fn lock(&self, holder: Holder) -> Result<ExclusiveLock, Holder> {
        let _one_at_a_time = self.one_at_a_time();
        self.0.gate.take(holder)
    }

    /// Returns who holds the configuration exclusively.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        self.0.gate.holder()
    }

    /// Returns the commit that awaits confirmation.
    #[must_use]
    pub fn unconfirmed(&self) -> Option<Unconfirmed> {
        self.0.gate.unconfirmed()
    }

    pub(super) fn watch_unconfirmed(&self) -> watch::Receiver<Option<Unconfirmed>> {
        self.0.gate.watch()
    }

    pub(super) fn settle(&self, unconfirmed: Option<Unconfirmed>) {
        self.0.gate.set_unconfirmed(unconfirmed);
    }

    pub(super) fn participants(&self) -> &[Arc<dyn Participant>] {
        &self.0.participants
    }

    pub(super) fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.0.commit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes all the way of a commit up to the write, drops what was prepared, and returns what would be done and what is
    /// worth telling. Confirms nothing. Blocks.
    ///
    /// # Errors
    /// Why a commit would be refused now.
    pub fn check(&self, candidate: &Candidate, request: &CommitRequest) -> Result<Checked, CommitError> {
        let _one_at_a_time = self.one_at_a_time();
        let change = self.rebased(candidate)?;
        let mut checked =
            Checked { before: self.running(), after: change.tree().clone(), warnings: Diagnostics::new() };
        if !change.is_empty() {
            let locked = match self.0.gate.admit(request, true) {
                // It keeps others from committing, not from knowing whether what they have is valid.
                Err(CommitError::Locked(holder)) => Some(holder),
                admitted => admitted.map(|_| None)?,
            };
            checked.warnings = self.ready(change)?.into_warnings();
            checked.warnings.extend(locked.map(|holder| {
                Diagnostic::warning(format!("the configuration is locked by {holder}: it cannot be committed now"))
            }));
        }
        Ok(checked)
    }

    /// Commits a candidate; it is durable and in force when this returns. The candidate then stands on the new running;
    /// when refused, it is as it was. A commit without [`CommitRequest::confirm_within`] confirms the one that awaits it,
    /// where it comes from the session that made that, or [`CommitRequest::confirms`].
    /// Blocks.
    ///
    /// # Errors
    /// Why it was refused; running is as it was, and so is what awaits confirmation.
    pub fn commit(&self, candidate: &mut Candidate, request: &CommitRequest) -> Result<CommitOutcome, CommitError> {
        let _one_at_a_time = self.one_at_a_time();
        let change = self.rebased(candidate)?;
        let confirms = self.0.gate.admit(request, !change.is_empty())?;
        let awaited = self.unconfirmed().filter(|_| confirms == Confirms::Yes);
        if change.is_empty() {
            candidate.stand_on(self.running());
            return self.commit_nothing(awaited, request.confirm_within);
        }
        let running = change.before_revision();
        let back_to = awaited.as_ref().map_or(running, |awaited| awaited.back_to);
        let unconfirmed = request.confirm_within.map(|within| self.awaiting(back_to, running + 1, within, request));
        let mut rows = Vec::new();
        if unconfirmed.is_some() || awaited.is_some() {
            rows.push(confirmation::row(unconfirmed.as_ref())?);
        }
        let needed = unconfirmed.as_ref().map(|unconfirmed| unconfirmed.back_to);
        let committed = self.finish(self.ready(change)?, request, rows, needed)?;
        self.settle(unconfirmed.clone());
        candidate.stand_on(self.running());
        let confirmed = awaited.filter(|_| unconfirmed.is_none());
        Ok(CommitOutcome::Committed { committed, unconfirmed, confirmed })
    }

    /// Confirms, or prolongs, what awaits confirmation.
    fn commit_nothing(
        &self,
        awaited: Option<Unconfirmed>,
        confirm_within: Option<Duration>,
    ) -> Result<CommitOutcome, CommitError> {
        let Some(awaited) = awaited else { return Ok(CommitOutcome::Nothing) };
        let unconfirmed = confirm_within.map(|within| self.until(within, awaited.clone()));
        let row = confirmation::row(unconfirmed.as_ref())?;
        self.0.store.write(row)?;
        self.settle(unconfirmed.clone());
        Ok(unconfirmed.map_or(CommitOutcome::Confirmed(awaited), CommitOutcome::Prolonged))
    }

    fn awaiting(&self, back_to: u64, revision: u64, within: Duration, request: &CommitRequest) -> Unconfirmed {
        let unconfirmed = Unconfirmed {
            revision,
            back_to,
            deadline: self.clock().now(),
            user: request.user.clone(),
            via: request.via.clone(),
            session: request.editor,
            deadline_elapsed: Duration::ZERO,
        };
        self.until(within, unconfirmed)
    }

    fn until(&self, within: Duration, mut unconfirmed: Unconfirmed) -> Unconfirmed {
        unconfirmed.deadline = self.clock().now().checked_add(within).unwrap_or(jiff::Timestamp::MAX);
        unconfirmed.deadline_elapsed = self.clock().elapsed().saturating_add(within);
        unconfirmed
    }

    /// Undoes one revision on a candidate, and leaves what came after it.
    ///
    /// # Errors
    /// When the revision is not kept, or the candidate has the same nodes otherwise.
    pub fn undo(&self, candidate: &mut Candidate, revision: u64) -> Result<(), UndoError> {
        let before = match revision.checked_sub(1) {
            Some(0) | None => DataTree::new(Arc::clone(&self.0.plan)),
            Some(before) => self.tree_at(before)?,
        };
        let mut undoing = Candidate::new(Arc::new(Snapshot::new(revision, self.tree_at(revision)?)));
        undoing.replace(before);
        match rebase(&undoing, &candidate.tree, &*self.0.sealer) {
            Ok(tree) => {
                candidate.replace(tree);
                Ok(())
            }
            Err(clashes) => Err(UndoError::Conflict(attribute(&self.0.store, &self.running(), revision, clashes)?)),
        }
    }

    /// Makes a new key and commits running with all of its secrets sealed by it. Revisions before keep what older keys
    /// sealed, so these stay. Blocks.
    ///
    /// # Errors
    /// When the key cannot be kept, or the commit is refused: the key is in use then, and what is stored stays as it was.
    pub fn rotate_secrets(&self, request: &CommitRequest) -> Result<Rotated, RotateError> {
        // A commit would confirm what awaits confirmation.
        if self.unconfirmed().is_some() {
            return Err(RotateError::Unconfirmed);
        }
        self.0.sealer.rotate()?;
        let mut candidate = self.candidate();
        let mut tree = candidate.tree.clone();
        let (sealed, lost) = secrets::reseal(&*self.0.sealer, &mut tree);
        candidate.replace(tree);
        self.commit(&mut candidate, request)?;
        let schema = self.0.plan.schema();
        Ok(Rotated { sealed, lost: lost.iter().map(|path| path.display(schema).to_string()).collect() })
    }

    /// Lets every participant look again at what is running. Blocks; no commit is under way meanwhile.
    ///
    /// # Errors
    /// Those of the store: what was built is then not in use.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.one_at_a_time();
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

    /// Returns running, and what it would be with the edits of a candidate.
    ///
    /// # Errors
    /// What both the candidate and others changed since it was taken.
    pub fn preview(&self, candidate: &Candidate) -> Result<(Arc<Snapshot>, DataTree), CommitError> {
        let change = self.rebased(candidate)?;
        Ok((Arc::clone(change.before()), change.tree().clone()))
    }

    /// Lets a candidate in which nothing is edited follow running.
    pub fn follow(&self, candidate: &mut Candidate) {
        let running = self.running();
        if running.revision != candidate.base().revision && !candidate.is_changed() {
            candidate.stand_on(running);
        }
    }

    fn rebased(&self, candidate: &Candidate) -> Result<Rebased, CommitError> {
        let running = self.running();
        match rebase(candidate, &running.written, &*self.0.sealer) {
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

    /// Writes what is ready, takes it into use and announces it. `needed` is a revision that may have to come back.
    pub(super) fn finish(
        &self,
        ready: Ready,
        request: &CommitRequest,
        rows: Vec<RowWrite>,
        needed: Option<u64>,
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
        self.0.checkpoints.committed(&self.0.store, &self.running(), delta_bytes, needed);
        Ok(committed)
    }

    /// Returns the newest revisions, newest first, at most `newest`, and of those only as many as the configuration keeps:
    /// that some more may still be stored is nobody's business.
    ///
    /// # Errors
    /// Those of the store.
    pub fn revisions(&self, newest: usize) -> Result<Vec<RevisionRecord>, StoreError> {
        let kept = self.0.checkpoints.kept(&self.running().tree);
        Ok(self.0.store.revision_heads(newest.min(kept.max(1)))?.into_iter().map(RevisionRecord::from).collect())
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
