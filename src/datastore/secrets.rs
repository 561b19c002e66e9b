//! Telling secrets apart by their clear text: sealing twice gives two texts.

use crate::secret::Sealer;
use crate::tree::{Cell, Change, DataTree, Delta, Value, diff};

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
