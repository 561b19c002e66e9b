//! Revisions as stored: read and written, applied at boot, turned back for a rollback.

use super::{RollbackError, Snapshot};
use crate::codec::{StoredError, delta_from_json, delta_to_json, tree_from_json, tree_to_json};
use crate::store::{Revision, Store, StoreError};
use crate::tree::{DataTree, Delta, Plan};
use jiff::Timestamp;
use std::sync::Arc;

/// A revision as people list it, without its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRecord {
    /// Its number, from 1, without gaps.
    pub number: u64,
    /// When it was made.
    pub time: Timestamp,
    /// Who made it.
    pub user: String,
    /// Over which face.
    pub via: String,
    /// The label given to it.
    pub label: Option<String>,
    /// The comment given to it.
    pub comment: Option<String>,
}

impl From<Revision> for RevisionRecord {
    fn from(stored: Revision) -> Self {
        Self {
            number: stored.number,
            time: stored.time,
            user: stored.user,
            via: stored.via,
            label: stored.label,
            comment: stored.comment,
        }
    }
}

/// Writes a change as it is stored.
pub(super) fn write_delta(plan: &Plan, delta: &Delta) -> String {
    delta_to_json(delta, plan)
}

/// Reads the change of a stored revision.
pub(super) fn read_delta(plan: &Arc<Plan>, stored: &Revision) -> Result<Delta, RollbackError> {
    delta_from_json(plan, &stored.delta).map_err(|reason| unreadable(stored.number, &reason))
}

/// Writes a whole tree as it is stored.
pub(super) fn write_tree(tree: &DataTree) -> String {
    tree_to_json(tree)
}

fn unreadable(revision: u64, reason: &StoredError) -> RollbackError {
    RollbackError::Unreadable { revision, reason: reason.to_string() }
}

/// Running as stored, and what it was read from.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    /// The revision of the checkpoint read; 0 without one.
    pub(super) checkpoint: u64,
    /// Its size.
    pub(super) checkpoint_bytes: usize,
    /// Size of the changes since.
    pub(super) delta_bytes: usize,
}

/// Reads running: the newest checkpoint, and the changes since. `None` before the first revision.
pub(super) fn load(store: &Store, plan: &Arc<Plan>) -> Result<Option<Loaded>, RollbackError> {
    let mut loaded = Loaded {
        snapshot: Snapshot::new(0, DataTree::new(Arc::clone(plan))),
        checkpoint: 0,
        checkpoint_bytes: 0,
        delta_bytes: 0,
    };
    let mut written = DataTree::new(Arc::clone(plan));
    if let Some(checkpoint) = store.newest_checkpoint()? {
        written = tree_from_json(plan, &checkpoint.tree).map_err(|reason| unreadable(checkpoint.revision, &reason))?;
        loaded.snapshot.revision = checkpoint.revision;
        loaded.checkpoint = checkpoint.revision;
        loaded.checkpoint_bytes = checkpoint.tree.len();
        check_history(store, checkpoint.revision)?;
    }
    for stored in store.deltas_since(loaded.snapshot.revision)? {
        read_delta(plan, &stored)?.apply(&mut written);
        loaded.snapshot.revision = stored.number;
        loaded.delta_bytes = loaded.delta_bytes.saturating_add(stored.delta.len());
    }
    loaded.snapshot = Snapshot::new(loaded.snapshot.revision, written);
    Ok((loaded.snapshot.revision > 0).then_some(loaded))
}

/// Refuses a checkpoint newer than the newest revision: the two files are of different copies of the data folder.
fn check_history(store: &Store, checkpoint: u64) -> Result<(), RollbackError> {
    let newest = store.revision_heads(1)?.first().map_or(0, |newest| newest.number);
    if newest >= checkpoint {
        return Ok(());
    }
    Err(RollbackError::Store(StoreError::Corrupt {
        table: "checkpoint",
        row: checkpoint.to_string(),
        reason: format!("the newest revision is {newest}: `records.db` and `journal.db` are not of the same time"),
    }))
}

/// Returns the tree of a kept revision: from running back, by turning changes round.
pub(super) fn tree_at(store: &Store, running: &Snapshot, revision: u64) -> Result<DataTree, RollbackError> {
    let mut tree = running.written.clone();
    if revision == running.revision {
        return Ok(tree);
    }
    let not_kept = || -> Result<RollbackError, StoreError> {
        let oldest = store.oldest_revision()?;
        Ok(RollbackError::NotKept { revision, oldest, newest: running.revision })
    };
    let oldest = store.oldest_revision()?;
    if revision > running.revision || oldest.is_none_or(|oldest| revision < oldest) {
        return Err(not_kept()?);
    }
    let mut number = running.revision;
    while number > revision {
        // One at a time: the first revisions may be as large as the tree.
        let Some(stored) = store.revision(number)? else { return Err(not_kept()?) };
        read_delta(tree.plan(), &stored)?.inverse().apply(&mut tree);
        number -= 1;
    }
    Ok(tree)
}
