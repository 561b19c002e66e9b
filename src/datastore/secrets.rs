//! Telling secrets apart by their clear text: sealing twice gives two texts.

use super::BootError;
use super::revision::load;
use crate::secret::Sealer;
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
    let tree = loaded.snapshot.tree;
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
            is_same_value(sealer, a, b).then(|| old.clone())
        }
        (Cell::LeafList(a), Cell::LeafList(b)) if b.iter().any(|v| matches!(v, Value::Secret(_))) => {
            let known = |new: &Value| a.iter().find(|old| is_same_value(sealer, old, new)).unwrap_or(new).clone();
            Some(Cell::LeafList(b.iter().map(known).collect()))
        }
        _ => None,
    }
}
