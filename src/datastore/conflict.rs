//! What two sides made of the same node, told by path, who and when.

use super::Snapshot;
use super::revision::read_delta;
use crate::secret::PLACEHOLDER;
use crate::store::{Store, StoreError};
use crate::tree::{Cell, Change, DataPath, Value};
use crate::yang::SchemaTree;
use jiff::Timestamp;

/// Conflicts told at most: more than a person settles one by one, and each costs a search for who made it.
pub(super) const CONFLICTS_MAX: usize = 100;

/// A node that was edited here and committed differently by others meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Which node.
    pub path: DataPath,
    /// Who committed it.
    pub user: String,
    /// When.
    pub time: Timestamp,
    /// In which revision.
    pub revision: u64,
    /// What the candidate makes of it: a value, `(created)`, `(deleted)`, `(reordered)`; secrets as a placeholder.
    pub ours: String,
    /// What running has, in the same form.
    pub theirs: String,
}

/// A conflict of which it is not known yet who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clash {
    pub(super) path: DataPath,
    pub(super) ours: String,
    pub(super) theirs: String,
}

impl Clash {
    /// Builds the clash of two changes at a path.
    pub(super) fn new(path: &DataPath, ours: String, theirs: String) -> Self {
        Self { path: path.clone(), ours, theirs }
    }
}

/// Writes what a change made of its node.
pub(super) fn outcome(change: &Change) -> String {
    match change {
        Change::Node { new, .. } => shown(new.as_ref()),
        Change::Order { .. } => "(reordered)".to_owned(),
    }
}

/// Writes a node's content for people.
pub(super) fn shown(cell: Option<&Cell>) -> String {
    match cell {
        None => "(deleted)".to_owned(),
        Some(Cell::Leaf(value)) => shown_value(value),
        Some(Cell::LeafList(values)) => {
            let values: Vec<String> = values.iter().map(shown_value).collect();
            format!("[ {} ]", values.join(" "))
        }
        Some(Cell::Container(_) | Cell::List(_)) => "(created)".to_owned(),
        Some(Cell::AnyData(text)) => text.to_string(),
    }
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::Secret(_) => PLACEHOLDER.to_owned(),
        other => other.to_string(),
    }
}

/// Finds out who made each clash, newest revision first.
pub(super) fn attribute(
    store: &Store,
    running: &Snapshot,
    base_revision: u64,
    mut clashes: Vec<Clash>,
) -> Result<Vec<Conflict>, StoreError> {
    let schema = running.tree.schema();
    let mut found = Vec::new();
    let mut number = running.revision;
    while number > base_revision && !clashes.is_empty() {
        let Some(stored) = store.revision(number)? else { break };
        number -= 1;
        let Ok(delta) = read_delta(running.tree.plan(), &stored) else { continue };
        let touches = |clash: &Clash| delta.changes.iter().any(|c| overlap(schema, c.path(), &clash.path));
        // What no stored change overlaps came about indirectly; it is told with the oldest revision looked at.
        let is_oldest = number == base_revision;
        let (made_here, rest) = clashes.into_iter().partition(|clash| is_oldest || touches(clash));
        clashes = rest;
        found.extend(made_here.into_iter().map(|clash: Clash| Conflict {
            path: clash.path,
            user: stored.user.clone(),
            time: stored.time,
            revision: stored.number,
            ours: clash.ours,
            theirs: clash.theirs,
        }));
    }
    // A revision between may be gone or unreadable: the conflict is told all the same.
    for clash in clashes {
        found.push(Conflict {
            path: clash.path,
            user: "unknown".to_owned(),
            time: store.clock().now(),
            revision: running.revision,
            ours: clash.ours,
            theirs: clash.theirs,
        });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn overlap(schema: &SchemaTree, one: &DataPath, other: &DataPath) -> bool {
    one.is_within(schema, other) || other.is_within(schema, one)
}
