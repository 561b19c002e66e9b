//! Telling secrets apart by their clear text: sealing twice gives two texts.

use super::revision::load;
use super::{BootError, CommitError};
use crate::secret::{KeyRingError, Sealer};
use crate::store::Store;
use crate::tree::{Cell, Change, DataPath, DataTree, Delta, NodeRef, Plan, Value, diff};
use std::sync::Arc;

/// Returns the data paths of the secrets in the stored running configuration. Reads all of it: for a start that has to
/// know whether a key is needed.
///
/// # Errors
/// When the stored configuration cannot be read.
pub fn stored_secrets(store: &Store, plan: &Arc<Plan>) -> Result<Vec<String>, BootError> {
    let Some(loaded) = load(store, plan).map_err(BootError::Stored)? else { return Ok(Vec::new()) };
    let tree = loaded.snapshot.written;
    let mut paths = Vec::new();
    secrets_below(tree.root(), &DataPath::ROOT, &mut paths);
    Ok(paths.iter().map(|path| path.display(tree.schema()).to_string()).collect())
}

/// Collects the paths of secrets; as deep as the schema is.
fn secrets_below(at: NodeRef<'_>, path: &DataPath, found: &mut Vec<DataPath>) {
    let is_secret = |value: &Value| matches!(value, Value::Secret(_));
    if at.value().is_some_and(is_secret) || at.values().iter().any(is_secret) {
        found.push(path.clone());
    }
    if at.as_list().is_some() && at.key().is_none() {
        for entry in at.entries() {
            if let Some(key) = entry.key() {
                secrets_below(entry, &path.entry(key.clone()), found);
            }
        }
        return;
    }
    for child in at.children() {
        secrets_below(child, &path.child(child.id()), found);
    }
}

/// What a change of keys came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Values that the new key sealed.
    pub sealed: usize,
    /// Data paths of secrets that no key opens, which stay as they are.
    pub lost: Vec<String>,
}

/// Why keys are not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// A commit awaits confirmation.
    #[error("a commit awaits confirmation: confirm it or roll it back first")]
    Unconfirmed,
    /// The key cannot be made or kept.
    #[error(transparent)]
    Key(#[from] KeyRingError),
    /// The key is in use, and what is stored could not be sealed with it.
    #[error("the new key is in use, but what is stored could not be sealed with it")]
    Commit(#[from] CommitError),
}

/// Returns whether two values mean the same.
pub(super) fn is_same_value(sealer: &dyn Sealer, one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Secret(a), Value::Secret(b)) if a != b => {
            matches!((sealer.open(a), sealer.open(b)), (Ok(a), Ok(b)) if a == b)
        }
        _ => one == other,
    }
}

/// Returns whether two contents of a leaf or leaf-list mean the same; of anything else, whether they are equal.
pub(super) fn is_same_cell(sealer: &dyn Sealer, one: Option<&Cell>, other: Option<&Cell>) -> bool {
    match (one, other) {
        (Some(Cell::Leaf(a)), Some(Cell::Leaf(b))) => is_same_value(sealer, a, b),
        (Some(Cell::LeafList(a)), Some(Cell::LeafList(b))) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| is_same_value(sealer, a, b))
        }
        _ => one == other,
    }
}

/// Returns whether a value is no secret that an older key sealed.
fn is_current(sealer: &dyn Sealer, value: &Value) -> bool {
    !matches!(value, Value::Secret(sealed) if !sealer.is_current(sealed))
}

/// Seals all secrets of a tree anew that an older key sealed. Returns how many, and the paths of those that cannot be
/// opened, which stay as they are.
pub(super) fn reseal(sealer: &dyn Sealer, tree: &mut DataTree) -> (usize, Vec<DataPath>) {
    let mut paths = Vec::new();
    secrets_below(tree.root(), &DataPath::ROOT, &mut paths);
    let (mut sealed, mut lost) = (0, Vec::new());
    for path in paths {
        let Some(node) = tree.get(&path) else { continue };
        let anew = |value: &Value| match value {
            Value::Secret(old) if !sealer.is_current(old) => {
                let clear = sealer.open(old).ok()?;
                Value::sealed(&sealer.seal(clear.expose()))
            }
            other => Some(other.clone()),
        };
        let cell = match node.value() {
            Some(value) if is_current(sealer, value) => continue,
            Some(value) => anew(value).map(Cell::Leaf),
            None if node.values().iter().all(|value| is_current(sealer, value)) => continue,
            None => node.values().iter().map(anew).collect::<Option<_>>().map(Cell::LeafList),
        };
        match cell {
            // The cell is of the kind that was there.
            Some(cell) => sealed += usize::from(tree.put(&path, cell).is_ok()),
            None => lost.push(path),
        }
    }
    (sealed, lost)
}

/// Gives secrets whose clear text did not change their sealed form back, and returns what really differs.
pub(super) fn settle(sealer: &dyn Sealer, before: &DataTree, after: &mut DataTree) -> Delta {
    let delta = diff(before, after);
    let mut has_settled = false;
    for change in &delta.changes {
        let Change::Node { path, old: Some(old), new: Some(new) } = change else { continue };
        if let Some(kept) = kept(sealer, old, new) {
            // The cell is of the kind that was there; were it refused, the change would only show as one.
            has_settled |= after.put(path, kept).is_ok();
        }
    }
    if has_settled { diff(before, after) } else { delta }
}

fn kept(sealer: &dyn Sealer, old: &Cell, new: &Cell) -> Option<Cell> {
    match (old, new) {
        (Cell::Leaf(a @ Value::Secret(_)), Cell::Leaf(b @ Value::Secret(_))) => {
            (is_current(sealer, a) && is_same_value(sealer, a, b)).then(|| old.clone())
        }
        (Cell::LeafList(a), Cell::LeafList(b)) if b.iter().any(|v| matches!(v, Value::Secret(_))) => {
            let is_known = |old: &&Value, new: &Value| is_current(sealer, old) && is_same_value(sealer, old, new);
            let known = |new: &Value| a.iter().find(|old| is_known(old, new)).unwrap_or(new).clone();
            Some(Cell::LeafList(b.iter().map(known).collect()))
        }
        _ => None,
    }
}
