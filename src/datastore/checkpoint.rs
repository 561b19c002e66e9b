//! Checkpoints in the background: when one is due, who writes it, and which revisions go then.

use super::Snapshot;
use super::revision::{Loaded, write_tree};
use crate::store::{Store, StoreError};
use crate::task::Scope;
use crate::tree::DataTree;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Changes of fewer bytes are never worth a checkpoint: a boot reads them in a few milliseconds.
const DELTA_BYTES_MIN: usize = 64 << 10;

/// Commits between two removals of old revisions, and so the revisions that are stored at most beside those kept: a
/// removal is a write of its own, and a checkpoint where few are kept, and should cost the commits little.
const PRUNE_EVERY: u64 = 20;

/// Tells how many revisions are to be kept, from running.
pub(super) type RevisionsKept = fn(&DataTree) -> usize;

/// Keeps boots short and revisions bounded.
pub(super) struct Checkpoints {
    sizes: Mutex<Sizes>,
    is_busy: AtomicBool,
    scope: Scope,
    kept: RevisionsKept,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    /// The revision of the newest checkpoint; 0 without one.
    checkpoint: u64,
    checkpoint_bytes: usize,
    /// Of the changes since the newest checkpoint.
    delta_bytes: usize,
    /// The newest revision when old ones were removed.
    pruned_at: u64,
    /// How many were to be kept then.
    pruned_to: u64,
}

impl Checkpoints {
    pub(super) fn new(scope: Scope, kept: RevisionsKept, loaded: Option<&Loaded>) -> Self {
        let sizes = loaded.map_or_else(Sizes::default, |loaded| Sizes {
            checkpoint: loaded.checkpoint,
            checkpoint_bytes: loaded.checkpoint_bytes,
            delta_bytes: loaded.delta_bytes,
            pruned_at: 0,
            pruned_to: 0,
        });
        Self { sizes: Mutex::new(sizes), is_busy: AtomicBool::new(false), scope, kept }
    }

    fn sizes(&self) -> MutexGuard<'_, Sizes> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many revisions are kept as a configuration says.
    pub(super) fn kept(&self, tree: &DataTree) -> usize {
        (self.kept)(tree)
    }

    /// Counts a revision in, and starts what has become due. `needed` is the oldest revision that may have to come back.
    pub(super) fn committed(
        self: &Arc<Self>,
        store: &Store,
        snapshot: &Arc<Snapshot>,
        delta_bytes: usize,
        needed: Option<u64>,
    ) {
        let sizes = {
            let mut sizes = self.sizes();
            sizes.delta_bytes = sizes.delta_bytes.saturating_add(delta_bytes);
            *sizes
        };
        let work = self.due(sizes, snapshot, needed);
        if work.is_nothing() || self.is_busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, store, snapshot) = (Arc::clone(self), store.clone(), Arc::clone(snapshot));
        let started = self.scope.spawn_thread("checkpoint", move || {
            if let Err(error) = this.run(&store, &snapshot, work) {
                tracing::warn!(error = &error as &dyn std::error::Error, "a checkpoint was not written");
            }
            this.is_busy.store(false, Ordering::Release);
        });
        if let Err(error) = started {
            self.is_busy.store(false, Ordering::Release);
            tracing::warn!(%error, "no thread to write a checkpoint");
        }
    }

    fn due(&self, sizes: Sizes, snapshot: &Snapshot, needed: Option<u64>) -> Work {
        let kept = u64::try_from((self.kept)(&snapshot.tree)).unwrap_or(u64::MAX);
        let kept = kept.max(needed.map_or(0, |needed| snapshot.revision.saturating_sub(needed).saturating_add(1)));
        let is_long = sizes.delta_bytes > DELTA_BYTES_MIN && sizes.delta_bytes > sizes.checkpoint_bytes / 2;
        // Revisions after the checkpoint cannot be removed.
        let holds_revisions = snapshot.revision.saturating_sub(sizes.checkpoint) > kept.saturating_add(PRUNE_EVERY);
        let is_due = snapshot.revision.saturating_sub(sizes.pruned_at) >= PRUNE_EVERY || kept < sizes.pruned_to;
        let has_old = snapshot.revision > kept && is_due;
        Work { checkpoint: is_long || holds_revisions, prune: has_old || holds_revisions, kept }
    }

    fn run(&self, store: &Store, snapshot: &Snapshot, work: Work) -> Result<(), StoreError> {
        if work.checkpoint {
            self.write(store, snapshot)?;
        }
        if work.prune {
            store.prune_revisions(usize::try_from(work.kept).unwrap_or(usize::MAX))?;
            let mut sizes = self.sizes();
            (sizes.pruned_at, sizes.pruned_to) = (snapshot.revision, work.kept);
        }
        Ok(())
    }

    /// Writes a checkpoint. Blocks the thread.
    pub(super) fn write(&self, store: &Store, snapshot: &Snapshot) -> Result<(), StoreError> {
        let before = self.sizes().delta_bytes;
        let text = write_tree(&snapshot.written);
        store.write_checkpoint(snapshot.revision, &text)?;
        let mut sizes = self.sizes();
        // Commits that came meanwhile are not in the checkpoint, and still count.
        sizes.delta_bytes = sizes.delta_bytes.saturating_sub(before);
        sizes.checkpoint = snapshot.revision;
        sizes.checkpoint_bytes = text.len();
        Ok(())
    }
}

/// What has become due.
#[derive(Debug, Clone, Copy)]
struct Work {
    checkpoint: bool,
    prune: bool,
    /// Revisions to keep.
    kept: u64,
}

impl Work {
    fn is_nothing(self) -> bool {
        !self.checkpoint && !self.prune
    }
}
