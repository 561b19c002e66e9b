//! Making the edits of a candidate on a running that moved on, where both sides left each other's nodes alone.

use super::Candidate;
use super::conflict::{CONFLICTS_MAX, Clash, outcome, shown};
use super::secrets::{is_same_cell, is_same_value};
use crate::secret::Sealer;
use crate::tree::{Cell, Change, DataPath, DataTree, Delta, Key, Mark, MarkChange, Position, Value, diff};
use crate::yang::NodeKind;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Returns running with the edits of the candidate.
///
/// # Errors
/// The nodes that both sides changed, each in its own way.
pub(super) fn rebase(candidate: &Candidate, running: &DataTree, sealer: &dyn Sealer) -> Result<DataTree, Vec<Clash>> {
    let base = &candidate.base().written;
    if base.is_same(running) {
        return Ok(candidate.tree.clone());
    }
    let (ours, theirs) = (diff(base, &candidate.tree), diff(base, running));
    let mut merge = Merge {
        running,
        sealer,
        ours: by_path(&ours),
        theirs: by_path(&theirs),
        merged: Delta::default(),
        placements: Vec::new(),
        clashes: Vec::new(),
    };
    for change in &ours.changes {
        merge.our_change(change);
    }
    for change in &theirs.changes {
        merge.their_change(change);
    }
    merge.marks(&ours.marks, &theirs.marks);
    merge.finish()
}

fn by_path(delta: &Delta) -> HashMap<&DataPath, &Change> {
    delta.changes.iter().map(|change| (change.path(), change)).collect()
}

struct Merge<'a> {
    running: &'a DataTree,
    sealer: &'a dyn Sealer,
    ours: HashMap<&'a DataPath, &'a Change>,
    theirs: HashMap<&'a DataPath, &'a Change>,
    /// What to make on running.
    merged: Delta,
    /// Entries that came, and where they stood: their order is the user's, and others changed it too.
    placements: Vec<(DataPath, Position)>,
    clashes: Vec<Clash>,
}

impl<'a> Merge<'a> {
    fn clash(&mut self, path: &DataPath, ours: String, theirs: String) {
        if self.clashes.len() < CONFLICTS_MAX && !self.clashes.iter().any(|c| c.path == *path) {
            self.clashes.push(Clash::new(path, ours, theirs));
        }
    }

    /// Returns the nearest node above a path that one side removed or created as a whole.
    fn above(&self, changes: &HashMap<&'a DataPath, &'a Change>, path: &DataPath) -> Option<&'a Change> {
        let schema = self.running.schema();
        let mut at = path.parent(schema);
        while let Some(path) = at {
            if let Some(change) = changes.get(&path) {
                return Some(change);
            }
            at = path.parent(schema);
        }
        None
    }

    fn our_change(&mut self, ours: &'a Change) {
        let path = ours.path();
        if let Some(above) = self.above(&self.theirs, path) {
            // Both removed it, one of them with all around it.
            if !is_removal(ours) {
                self.clash(path, outcome(ours), outcome(above));
            }
            return;
        }
        match (ours, self.theirs.get(path).copied()) {
            (_, None) => self.merged.changes.push(ours.clone()),
            (Change::Node { old, new, .. }, Some(theirs @ Change::Node { new: their_new, .. })) => {
                if is_same_cell(self.sealer, new.as_ref(), their_new.as_ref()) {
                    return;
                }
                match self.merged_values(path, old.as_ref(), new.as_ref(), their_new.as_ref()) {
                    Some(values) => {
                        let (old, new) = (their_new.clone(), Some(Cell::LeafList(values.into())));
                        let new = new.filter(|cell| !matches!(cell, Cell::LeafList(values) if values.is_empty()));
                        self.merged.changes.push(Change::Node { path: path.clone(), old, new });
                    }
                    None => self.clash(path, outcome(ours), outcome(theirs)),
                }
            }
            (Change::Order { old, new, .. }, Some(Change::Order { new: their_new, .. })) => {
                self.our_order(ours, old, new, their_new);
            }
            // An order and a node are never at one path.
            (_, Some(theirs)) => self.clash(path, outcome(ours), outcome(theirs)),
        }
    }

    /// Takes what we noted otherwise about nodes, unless they noted something else about them.
    fn marks(&mut self, ours: &[MarkChange], theirs: &[MarkChange]) {
        let theirs: HashMap<&DataPath, &MarkChange> = theirs.iter().map(|change| (&change.path, change)).collect();
        for change in ours {
            match theirs.get(&change.path) {
                Some(other) if other.new != change.new => {
                    self.clash(&change.path, noted(&change.new), noted(&other.new));
                }
                _ => self.merged.marks.push(change.clone()),
            }
        }
    }

    fn their_change(&mut self, theirs: &'a Change) {
        if let Some(above) = self.above(&self.ours, theirs.path())
            && !is_removal(theirs)
        {
            self.clash(theirs.path(), outcome(above), outcome(theirs));
        }
    }

    /// Merges a leaf-list whose order nobody decides: its values are nodes, each for itself. `None` where it is none.
    fn merged_values(
        &self,
        path: &DataPath,
        old: Option<&Cell>,
        new: Option<&Cell>,
        theirs: Option<&Cell>,
    ) -> Option<Vec<Value>> {
        match &self.running.schema().node(path.schema_id()).kind {
            NodeKind::LeafList(list) if !list.user_ordered => {}
            _ => return None,
        }
        let (old, new) = (values(old), values(new));
        let has = |values: &[Value], value: &Value| values.iter().any(|v| is_same_value(self.sealer, v, value));
        let mut merged: Vec<Value> = values(theirs).iter().filter(|v| !has(old, v) || has(new, v)).cloned().collect();
        for value in new.iter().filter(|v| !has(old, v)) {
            if !has(&merged, value) {
                merged.push(value.clone());
            }
        }
        merged.sort();
        Some(merged)
    }

    /// Merges an order that changed on both sides: it changes by entries that come and go as well.
    fn our_order(&mut self, ours: &'a Change, old: &[Key], new: &Arc<[Key]>, their_new: &[Key]) {
        let path = ours.path();
        let (we_reordered, they_reordered) = (is_reordered(old, new), is_reordered(old, their_new));
        let common: HashSet<&Key> = new.iter().filter(|k| their_new.contains(k)).collect();
        let shared = |keys: &'_ [Key]| keys.iter().filter(|k| common.contains(k)).cloned().collect::<Vec<_>>();
        if we_reordered && they_reordered && shared(new) != shared(their_new) {
            self.clash(path, outcome(ours), "(reordered)".to_owned());
        } else if we_reordered {
            self.merged.changes.push(ours.clone());
        } else {
            let known: HashSet<&Key> = old.iter().collect();
            let mut behind = Position::First;
            for key in new.iter() {
                if !known.contains(key) {
                    self.placements.push((path.entry(key.clone()), behind));
                }
                behind = Position::After(key.clone());
            }
        }
    }

    fn finish(mut self) -> Result<DataTree, Vec<Clash>> {
        if !self.clashes.is_empty() {
            return Err(self.clashes);
        }
        let mut tree = self.running.clone();
        self.merged.apply(&mut tree);
        for (path, position) in &self.placements {
            // The neighbour may have gone meanwhile; the entry then stays where new ones stand, at the end.
            drop(tree.move_entry(path, position));
        }
        self.side_effects(&tree);
        if self.clashes.is_empty() { Ok(tree) } else { Err(self.clashes) }
    }

    /// Finds what our edits removed although we did not touch it: another case of a choice that others chose.
    fn side_effects(&mut self, tree: &DataTree) {
        for change in &diff(self.running, tree).changes {
            let Change::Node { path, old, new } = change else { continue };
            if !self.ours.contains_key(path) && self.above(&self.ours, path).is_none() {
                self.clash(path, shown(new.as_ref()), shown(old.as_ref()));
            }
        }
    }
}

/// Returns what is noted about a node, as a conflict tells it.
fn noted(mark: &Mark) -> String {
    let comment = mark.comment.iter().map(|comment| format!("/* {comment} */"));
    let words: Vec<String> = mark.is_inactive.then(|| "inactive".to_owned()).into_iter().chain(comment).collect();
    if words.is_empty() { "nothing noted".to_owned() } else { words.join(" ") }
}

fn is_removal(change: &Change) -> bool {
    matches!(change, Change::Node { new: None, .. })
}

fn values(cell: Option<&Cell>) -> &[Value] {
    match cell {
        Some(Cell::LeafList(values)) => values,
        _ => &[],
    }
}

/// Returns whether entries that stayed stand in another order.
fn is_reordered(old: &[Key], new: &[Key]) -> bool {
    let (before, after): (HashSet<&Key>, HashSet<&Key>) = (old.iter().collect(), new.iter().collect());
    !old.iter().filter(|k| after.contains(k)).eq(new.iter().filter(|k| before.contains(k)))
}
