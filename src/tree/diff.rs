//! What differs between two snapshots, as a list of changes that can be applied and turned round.

use super::map::MapChange;
use super::{Branch, Cell, DataPath, DataTree, Key, List, MarkChange};
use crate::yang::{NodeKind, SchemaId, SchemaTree};
use std::sync::Arc;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A leaf, a leaf-list, a presence container, a list entry or `anydata` came, went or got another value. Of a
    /// presence container or an entry exactly one side is there: what differs inside is told by itself.
    Node {
        /// Where.
        path: DataPath,
        /// What was there.
        old: Option<Cell>,
        /// What is there now.
        new: Option<Cell>,
    },
    /// The entries of an `ordered-by user` list stand in another order, those that came or went included.
    Order {
        /// The list.
        path: DataPath,
        /// The keys in the old order.
        old: Arc<[Key]>,
        /// The keys in the new order.
        new: Arc<[Key]>,
    },
}

impl Change {
    /// Returns where the change is.
    #[must_use]
    pub fn path(&self) -> &DataPath {
        match self {
            Self::Node { path, .. } | Self::Order { path, .. } => path,
        }
    }
}

/// All differences, in schema order, entries in key order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// The changes.
    pub changes: Vec<Change>,
    /// What is noted otherwise about nodes.
    pub marks: Vec<MarkChange>,
}

/// What happened to one entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryChange {
    /// It came.
    Created,
    /// It went.
    Removed,
    /// Something in it changed.
    Changed,
}

/// Returns what differs from `old` to `new`; what both share is not looked at.
#[must_use]
pub fn diff(old: &DataTree, new: &DataTree) -> Delta {
    let mut delta = Delta::default();
    if !old.is_same(new) {
        let mut differ = Differ { schema: new.schema(), delta: &mut delta };
        differ.branch(&DataPath::ROOT, old.root_branch(), new.root_branch());
        delta.marks = old.marks().changes(new.marks());
    }
    delta
}

struct Differ<'a> {
    schema: &'a SchemaTree,
    delta: &'a mut Delta,
}

impl Differ<'_> {
    fn branch(&mut self, path: &DataPath, old: &Branch, new: &Branch) {
        if old.is_same(new) {
            return;
        }
        let (mut left, mut right) = (old.slots().iter().peekable(), new.slots().iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return,
                (Some(l), Some(r)) => l.order.min(r.order),
                (Some(one), None) | (None, Some(one)) => one.order,
            };
            let l = left.next_if(|slot| slot.order == order);
            let r = right.next_if(|slot| slot.order == order);
            if let Some(id) = l.or(r).map(|slot| slot.id) {
                self.cell(&path.child(id), l.map(|slot| &slot.cell), r.map(|slot| &slot.cell));
            }
        }
    }

    fn cell(&mut self, path: &DataPath, old: Option<&Cell>, new: Option<&Cell>) {
        let node = self.schema.node(path.schema_id());
        match (&node.kind, old, new) {
            (NodeKind::List(_), ..) => self.list(path, as_list(old), as_list(new)),
            (NodeKind::Container { .. }, Some(Cell::Container(old)), Some(Cell::Container(new))) => {
                self.branch(path, old, new);
            }
            (NodeKind::Container { presence: None }, ..) => {
                let empty = Branch::default();
                self.branch(path, as_branch(old).unwrap_or(&empty), as_branch(new).unwrap_or(&empty));
            }
            _ if old != new => {
                self.delta.changes.push(Change::Node { path: path.clone(), old: old.cloned(), new: new.cloned() });
            }
            _ => {}
        }
    }

    fn list(&mut self, path: &DataPath, old: Option<&List>, new: Option<&List>) {
        let none = List::default();
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        for change in old.entries().changes(new.entries()) {
            let (key, before, after) = match change {
                MapChange::Changed(key, before, after) => {
                    self.branch(&path.entry(key.clone()), before, after);
                    continue;
                }
                MapChange::Added(key, after) => (key, None, Some(after)),
                MapChange::Removed(key, before) => (key, Some(before), None),
            };
            self.delta.changes.push(Change::Node {
                path: path.entry(key.clone()),
                old: before.cloned().map(Cell::Container),
                new: after.cloned().map(Cell::Container),
            });
        }
        let user_ordered = old.is_user_ordered() || new.is_user_ordered();
        if user_ordered && !old.keys().eq(new.keys()) {
            let keys = |list: &List| list.keys().cloned().collect();
            self.delta.changes.push(Change::Order { path: path.clone(), old: keys(old), new: keys(new) });
        }
    }
}

fn as_list(cell: Option<&Cell>) -> Option<&List> {
    match cell {
        Some(Cell::List(list)) => Some(list),
        _ => None,
    }
}

fn as_branch(cell: Option<&Cell>) -> Option<&Branch> {
    match cell {
        Some(Cell::Container(branch)) => Some(branch),
        _ => None,
    }
}

impl Delta {
    /// Returns whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.marks.is_empty()
    }

    /// Returns the delta that leads back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let turned = self.changes.iter().rev().map(|change| match change.clone() {
            Change::Node { path, old, new } => Change::Node { path, old: new, new: old },
            Change::Order { path, old, new } => Change::Order { path, old: new, new: old },
        });
        // Orders go last: they name entries that the other changes bring back.
        let (orders, mut changes): (Vec<Change>, Vec<Change>) =
            turned.partition(|change| matches!(change, Change::Order { .. }));
        changes.extend(orders);
        let turned = |change: &MarkChange| MarkChange {
            path: change.path.clone(),
            old: change.new.clone(),
            new: change.old.clone(),
        };
        Self { changes, marks: self.marks.iter().map(turned).collect() }
    }

    /// Makes the changes in a tree: what goes first, then what comes, then orders.
    ///
    /// A change whose place is gone is left out, so that a delta can be applied to a tree that has moved on.
    pub fn apply(&self, tree: &mut DataTree) {
        for change in &self.changes {
            if let Change::Node { path, new: None, .. } = change {
                tree.remove(path);
            }
        }
        for change in &self.changes {
            if let Change::Node { path, new: Some(cell), .. } = change {
                // The kinds were right when the delta was made from this schema; a foreign one changes nothing.
                tree.put(path, cell.clone()).ok();
            }
        }
        for change in &self.changes {
            if let Change::Order { path, new, .. } = change {
                let mut behind = super::Position::First;
                for key in new.iter() {
                    // An entry that is gone has no place in the order.
                    if tree.move_entry(&path.entry(key.clone()), &behind).is_ok() {
                        behind = super::Position::After(key.clone());
                    }
                }
            }
        }
        for change in &self.marks {
            // What went took along what was noted about it.
            tree.set_mark(&change.path, &change.new).ok();
        }
    }

    /// Tells what happened to the entries of one list, each entry once, by path. `old` and `new` are the snapshots of the delta.
    #[must_use]
    pub fn entries_of(&self, list: SchemaId, old: &DataTree, new: &DataTree) -> Vec<(DataPath, EntryChange)> {
        let schema = new.schema();
        let depth = usize::from(schema.node(list).list_depth);
        let way = schema.ancestry(list);
        let mut paths = Vec::new();
        for change in &self.changes {
            let path = change.path();
            if path.keys().len() >= depth && schema.ancestry(path.schema_id()).contains(&list) {
                paths.push(DataPath::new(list, path.keys()[..depth].to_vec()));
            } else if let (Change::Node { path, old, new }, true) = (change, way.contains(&path.schema_id())) {
                for cell in [old, new].into_iter().flatten() {
                    entries_below(&way, path, cell, &mut paths);
                }
            }
        }
        paths.sort();
        paths.dedup();
        let what = |path: &DataPath| match (old.get(path).is_some(), new.get(path).is_some()) {
            (false, true) => Some(EntryChange::Created),
            (true, false) => Some(EntryChange::Removed),
            (true, true) => Some(EntryChange::Changed),
            (false, false) => None,
        };
        paths.into_iter().filter_map(|path| what(&path).map(|change| (path, change))).collect()
    }
}

/// Collects the entries of the list at the end of `way` that are inside a cell.
fn entries_below(way: &[SchemaId], path: &DataPath, cell: &Cell, found: &mut Vec<DataPath>) {
    let Some(at) = way.iter().position(|id| *id == path.schema_id()) else { return };
    match cell {
        Cell::Container(_) if at + 1 == way.len() => found.push(path.clone()),
        Cell::Container(branch) => {
            if let Some((id, cell)) = branch.iter().find(|(id, _)| way.get(at + 1) == Some(id)) {
                entries_below(way, &path.child(id), cell, found);
            }
        }
        Cell::List(list) => {
            for (key, branch) in list.iter() {
                entries_below(way, &path.entry(key.clone()), &Cell::Container(branch.clone()), found);
            }
        }
        _ => {}
    }
}
