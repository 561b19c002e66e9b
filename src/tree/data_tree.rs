//! A snapshot of instance data, and the edits that make the next one.

use super::index::{Indexes, tuples_of};
use super::marks::{Mark, Marks};
use super::node::Slot;
use super::references::Tuple;
use super::{Branch, Cell, DataPath, Key, List, NodeRef, Plan, References, Value};
use crate::yang::{NodeKind, SchemaId, SchemaTree};
use std::fmt;
use std::sync::Arc;

/// A data tree. Cloning shares everything; an edit of the clone copies one spine.
#[derive(Clone)]
pub struct DataTree {
    plan: Arc<Plan>,
    root: Branch,
    indexes: Indexes,
    marks: Marks,
}

impl fmt::Debug for DataTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataTree({:?}", self.root)?;
        if !self.marks.is_empty() {
            write!(f, ", {:?}", self.marks.all())?;
        }
        f.write_str(")")
    }
}

impl PartialEq for DataTree {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root && self.marks == other.marks
    }
}

/// Why an edit is refused. It leaves the tree as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The path does not lead to a node of the needed kind.
    #[error("`{0}` cannot be set like this: expected {1}")]
    WrongKind(String, &'static str),
    /// It is none of what something can be noted about.
    #[error("nothing can be noted about `{0}`: expected a container, an entry, a leaf or a leaf-list as a whole")]
    NotNoted(String),
    /// The node that the edit is relative to does not exist.
    #[error("element not found")]
    NotFound,
}

/// Where an entry or value of an `ordered-by user` list goes (RFC 7950 §7.8.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// To the front.
    First,
    /// To the end.
    Last,
    /// In front of another one.
    Before(Key),
    /// Behind another one.
    After(Key),
}

impl DataTree {
    /// Builds an empty tree.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, root: Branch::default(), indexes: Indexes::default(), marks: Marks::default() }
    }

    /// Builds a tree from its top-level nodes.
    #[must_use]
    pub fn assemble(plan: Arc<Plan>, children: Vec<(SchemaId, Cell)>) -> Self {
        let root = Branch::assemble(&plan, children);
        let mut tree = Self { plan, root: root.clone(), indexes: Indexes::default(), marks: Marks::default() };
        for (id, cell) in root.iter() {
            tree.index(&DataPath::ROOT.child(id), cell, true);
        }
        tree
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &Arc<SchemaTree> {
        self.plan.schema()
    }

    /// Returns the schema with what was worked out of it.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Returns the index of references.
    #[must_use]
    pub fn references(&self) -> &References {
        &self.indexes.references
    }

    /// Returns the indexes.
    pub(super) fn indexes(&self) -> &Indexes {
        &self.indexes
    }

    /// Returns the root.
    #[must_use]
    pub fn root(&self) -> NodeRef<'_> {
        NodeRef::root(&self.plan, &self.root, self.marks.root())
    }

    pub(super) fn root_branch(&self) -> &Branch {
        &self.root
    }

    /// Returns whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// Returns whether both share their content: nothing was edited since one was cloned from the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.root.is_same(&other.root) && self.marks.is_same(&other.marks)
    }

    /// Returns what is noted about nodes.
    pub(super) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Returns what is noted about a node.
    #[must_use]
    pub fn mark(&self, path: &DataPath) -> Mark {
        self.marks.get(self.schema(), path).cloned().unwrap_or_default()
    }

    /// Returns everything that is noted, in the order of the tree.
    #[must_use]
    pub fn all_marks(&self) -> Vec<(DataPath, Mark)> {
        self.marks.all().into_iter().map(|change| (change.path, change.new)).collect()
    }

    /// Sets what is noted about a node and returns what was. It goes with the node.
    ///
    /// # Errors
    /// When nothing is there, or it is what nothing can be noted about: the root, a list as a whole, a key, a single value
    /// of a leaf-list.
    pub fn set_mark(&mut self, path: &DataPath, mark: &Mark) -> Result<Mark, EditError> {
        let node = self.schema().node(path.schema_id());
        let is_whole = path.keys().len() == usize::from(node.list_depth);
        if path.schema_id() == SchemaId::ROOT || node.is_key() || !is_whole {
            return Err(EditError::NotNoted(path.display(self.schema()).to_string()));
        }
        if self.get(path).is_none() {
            return Err(EditError::NotFound);
        }
        let plan = Arc::clone(&self.plan);
        Ok(self.marks.set(plan.schema(), path, mark))
    }

    /// Returns whether something is inactive.
    #[must_use]
    pub fn has_inactive(&self) -> bool {
        self.marks.has_inactive()
    }

    /// Returns whether nothing is noted about any node.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.marks.is_empty()
    }

    /// Returns whether a node or something that it is in is inactive.
    #[must_use]
    pub fn is_inactive(&self, path: &DataPath) -> bool {
        let schema = self.schema();
        let mut at = Some(path.clone());
        while let Some(path) = at.filter(|_| self.has_inactive()) {
            if self.mark(&path).is_inactive {
                return true;
            }
            at = path.parent(schema);
        }
        false
    }

    /// Returns what is in force: the tree without what is inactive, and without notes.
    #[must_use]
    pub fn in_force(&self) -> Self {
        let mut tree = self.clone();
        tree.marks = Marks::default();
        for path in self.marks.inactive() {
            tree.remove(&path);
        }
        tree
    }

    /// Returns the node at a path; defaults are not found.
    #[must_use]
    pub fn get(&self, path: &DataPath) -> Option<NodeRef<'_>> {
        self.root().descend(path)
    }

    /// Sets a leaf and returns its value before. Ancestors come into being; other cases of its choices vanish.
    ///
    /// # Errors
    /// When the path does not lead to a leaf, or leads to a key.
    pub fn set(&mut self, path: &DataPath, value: Value) -> Result<Option<Value>, EditError> {
        let node = self.schema().node(path.schema_id());
        if node.as_leaf().is_none() || node.is_key() {
            return Err(self.wrong_kind(path, "a leaf that is no key"));
        }
        match self.put(path, Cell::Leaf(value))? {
            Some(Cell::Leaf(before)) => Ok(Some(before)),
            _ => Ok(None),
        }
    }

    /// Adds a value to a leaf-list; returns whether it was not there before.
    ///
    /// # Errors
    /// When the path does not lead to a leaf-list, or the neighbour named is not there.
    pub fn add_value(&mut self, path: &DataPath, value: Value, position: &Position) -> Result<bool, EditError> {
        let node = self.schema().node(path.schema_id());
        let NodeKind::LeafList(list) = &node.kind else { return Err(self.wrong_kind(path, "a leaf-list")) };
        let user_ordered = list.user_ordered;
        let mut values = match self.get(path) {
            Some(found) => found.values().to_vec(),
            None => Vec::new(),
        };
        if values.contains(&value) {
            return Ok(false);
        }
        if user_ordered {
            let find = |key: &Key| values.iter().position(|v| key.values().first() == Some(v));
            let at = match position {
                Position::First => 0,
                Position::Last => values.len(),
                Position::Before(key) => find(key).ok_or(EditError::NotFound)?,
                Position::After(key) => find(key).ok_or(EditError::NotFound)? + 1,
            };
            values.insert(at, value);
        } else {
            let at = values.binary_search(&value).unwrap_or_else(|at| at);
            values.insert(at, value);
        }
        self.put(path, Cell::LeafList(values.into()))?;
        Ok(true)
    }

    /// Sets all values of a leaf-list, in this order where the order is the user's; repeated values are kept once.
    ///
    /// # Errors
    /// When the path does not lead to a leaf-list.
    pub fn set_values(&mut self, path: &DataPath, values: Vec<Value>) -> Result<(), EditError> {
        let NodeKind::LeafList(list) = &self.schema().node(path.schema_id()).kind else {
            return Err(self.wrong_kind(path, "a leaf-list"));
        };
        let mut seen = std::collections::HashSet::new();
        let mut kept: Vec<Value> = values.into_iter().filter(|v| seen.insert(v.clone())).collect();
        if !list.user_ordered {
            kept.sort();
        }
        if kept.is_empty() {
            self.remove(path);
            return Ok(());
        }
        self.put(path, Cell::LeafList(kept.into())).map(|_| ())
    }

    /// Brings a presence container or a list entry into being; returns whether it was not there before.
    ///
    /// For a non-presence container this only removes the other cases of its choices: it has no existence of its own.
    ///
    /// # Errors
    /// When the path leads to neither.
    pub fn create(&mut self, path: &DataPath) -> Result<bool, EditError> {
        let schema = Arc::clone(self.schema());
        let node = schema.node(path.schema_id());
        if !(matches!(node.kind, NodeKind::Container { .. }) || path.is_entry(&schema)) {
            return Err(self.wrong_kind(path, "a container or a list entry"));
        }
        if self.get(path).is_some() {
            return Ok(false);
        }
        self.put(path, Cell::Container(Branch::default()))?;
        Ok(true)
    }

    /// Removes what is at a path and returns it: a leaf, a leaf-list or one value of it, a container, an entry, a whole list.
    pub fn remove(&mut self, path: &DataPath) -> Option<Cell> {
        let schema = Arc::clone(self.schema());
        if let Some(value) = path.leaf_list_value(&schema) {
            let whole = DataPath::new(path.schema_id(), path.keys()[..path.keys().len() - 1].to_vec());
            let values = self.get(&whole)?.values().to_vec();
            let kept: Vec<Value> = values.iter().filter(|v| *v != value).cloned().collect();
            if kept.len() == values.len() {
                return None;
            }
            if kept.is_empty() {
                return self.remove(&whole);
            }
            return self.put(&whole, Cell::LeafList(kept.into())).ok().flatten();
        }
        if path.schema_id() == SchemaId::ROOT {
            let before = std::mem::take(&mut self.root);
            self.indexes = Indexes::default();
            self.marks = Marks::default();
            return Some(Cell::Container(before));
        }
        if schema.node(path.schema_id()).is_key() {
            return None;
        }
        let chain = schema.ancestry(path.schema_id());
        let before = self.tuples_above(path);
        let taken = take(&schema, &mut self.root, &chain, path.keys())?;
        self.index(path, &taken, false);
        self.retuple(path, &before);
        self.forget_gone(path);
        Some(taken)
    }

    /// Forgets what is noted about a node that went, and about the containers that went with it.
    fn forget_gone(&mut self, path: &DataPath) {
        if self.marks.is_empty() {
            return;
        }
        let plan = Arc::clone(&self.plan);
        let mut gone = path.clone();
        while let Some(above) = gone.parent(plan.schema()).filter(|above| above.schema_id() != SchemaId::ROOT) {
            if self.get(&above).is_some() {
                break;
            }
            gone = above;
        }
        self.marks.forget(plan.schema(), &gone);
    }

    /// Moves an entry of an `ordered-by user` list.
    ///
    /// # Errors
    /// When the entry or the neighbour named is not there, or the order is not the user's.
    pub fn move_entry(&mut self, path: &DataPath, position: &Position) -> Result<(), EditError> {
        let schema = Arc::clone(self.schema());
        let (Some(key), true) = (path.keys().last().cloned(), path.is_entry(&schema)) else {
            return Err(self.wrong_kind(path, "a list entry"));
        };
        let whole = DataPath::new(path.schema_id(), path.keys()[..path.keys().len() - 1].to_vec());
        let list = self.get(&whole).and_then(|n| n.as_list()).ok_or(EditError::NotFound)?;
        if list.get(&key).is_none() {
            return Err(EditError::NotFound);
        }
        if !list.is_user_ordered() {
            return Err(self.wrong_kind(path, "an entry of a list that the user orders"));
        }
        let before = |wanted: &Key| list.keys().take_while(|k| *k != wanted).filter(|k| **k != key).last().cloned();
        let behind = match position {
            Position::First => None,
            Position::Last => list.keys().filter(|k| **k != key).last().cloned(),
            Position::After(other) | Position::Before(other) if list.get(other).is_none() => {
                return Err(EditError::NotFound);
            }
            Position::After(other) => Some(other.clone()),
            Position::Before(other) => before(other),
        };
        let chain = schema.ancestry(path.schema_id());
        if let Some(list) = list_mut(&schema, &mut self.root, &chain, path.keys()) {
            list.move_behind(&key, behind.as_ref());
        }
        Ok(())
    }

    /// Puts a whole cell at a path and returns what was there. [`Cell::Container`] stands for an entry's content too.
    ///
    /// # Errors
    /// When the cell is not of the node's kind.
    pub fn put(&mut self, path: &DataPath, cell: Cell) -> Result<Option<Cell>, EditError> {
        let plan = Arc::clone(&self.plan);
        let schema = plan.schema();
        let node = schema.node(path.schema_id());
        let fits = match (&node.kind, &cell) {
            (NodeKind::Leaf(leaf), Cell::Leaf(_)) => !leaf.is_key,
            (NodeKind::LeafList(_), Cell::LeafList(_))
            | (NodeKind::Container { .. }, Cell::Container(_))
            | (NodeKind::AnyData, Cell::AnyData(_)) => true,
            (NodeKind::List(_), Cell::Container(_)) => path.is_entry(schema),
            _ => false,
        };
        if !fits {
            return Err(self.wrong_kind(path, "another kind of content"));
        }
        if path.keys().len() != usize::from(node.list_depth) {
            return Err(self.wrong_kind(path, "the keys of all lists on the way"));
        }
        let chain = schema.ancestry(path.schema_id());
        let mut effects = Effects::default();
        let tuples = self.tuples_above(path);
        let new = cell.clone();
        let before = put(&plan, &mut self.root, &DataPath::ROOT, &chain, path.keys(), cell, &mut effects);
        for (gone, cell) in &effects.excluded {
            self.index(gone, cell, false);
            self.marks.forget(schema, gone);
        }
        if !self.marks.is_empty() && matches!(new, Cell::Container(_)) {
            self.marks.forget_below(schema, path);
            if self.get(path).is_none() {
                self.forget_gone(path);
            }
        }
        // An entry's key leaves may be references too.
        for entry in &effects.created {
            let plan = Arc::clone(&self.plan);
            self.indexes.note_values(&plan, entry, &Cell::Container(Branch::default()), true);
        }
        if let Some(before) = &before {
            self.index(path, before, false);
        }
        self.index(path, &new, true);
        self.retuple(path, &tuples);
        Ok(before)
    }

    fn wrong_kind(&self, path: &DataPath, expected: &'static str) -> EditError {
        EditError::WrongKind(path.display(self.schema()).to_string(), expected)
    }

    /// Adds what is inside a cell to the indexes, or takes it out.
    fn index(&mut self, path: &DataPath, cell: &Cell, add: bool) {
        let plan = Arc::clone(&self.plan);
        self.indexes.note(&plan, path, cell, add);
    }

    /// Returns the tuples of the entries that a place is in.
    fn tuples_above(&self, path: &DataPath) -> Vec<Tuple> {
        let mut found = Vec::new();
        for list in self.plan.uniques_above(path.schema_id()) {
            let entry = path.ancestor(self.schema(), *list);
            if let Some(node) = self.get(&entry)
                && let Some(branch) = node.branch()
            {
                tuples_of(&self.plan, &entry, branch, &mut found);
            }
        }
        found
    }

    /// Brings the tuples of the entries that a place is in up to date.
    fn retuple(&mut self, path: &DataPath, before: &[Tuple]) {
        let after = self.tuples_above(path);
        if before != after {
            for tuple in before {
                self.indexes.tuples.remove(tuple);
            }
            for tuple in after {
                self.indexes.tuples.add(tuple);
            }
        }
    }
}

/// What an edit does besides what it was asked for.
#[derive(Default)]
struct Effects {
    /// What was of another case of a choice, and went.
    excluded: Vec<(DataPath, Cell)>,
    /// The entries on the way that were not there before.
    created: Vec<DataPath>,
}

/// Removes the siblings that a child of a choice's case excludes.
fn exclude(plan: &Plan, branch: &mut Branch, here: &DataPath, child: SchemaId, excluded: &mut Vec<(DataPath, Cell)>) {
    if plan.choices(child).is_empty() {
        return;
    }
    let gone: Vec<Slot> = branch.slots().iter().filter(|s| plan.excludes(child, s.id)).cloned().collect();
    for slot in gone {
        branch.take(slot.order);
        excluded.push((here.child(slot.id), slot.cell));
    }
}

/// Puts a cell below a branch, creating what is on the way.
fn put(
    plan: &Plan,
    branch: &mut Branch,
    here: &DataPath,
    chain: &[SchemaId],
    keys: &[Key],
    cell: Cell,
    effects: &mut Effects,
) -> Option<Cell> {
    let (id, rest) = chain.split_first()?;
    exclude(plan, branch, here, *id, &mut effects.excluded);
    let node = plan.schema().node(*id);
    let path = here.child(*id);
    if let NodeKind::List(schema) = &node.kind {
        let (key, keys) = keys.split_first()?;
        if branch.get(node.slot).is_none() {
            branch.put(node.slot, *id, Cell::List(Arc::new(List::new(schema.user_ordered))));
        }
        let Some(Cell::List(list)) = branch.get_mut(node.slot) else { return None };
        let list = Arc::make_mut(list);
        if rest.is_empty() {
            let Cell::Container(content) = cell else { return None };
            return list.put(key.clone(), content).map(Cell::Container);
        }
        if list.get(key).is_none() {
            list.put(key.clone(), Branch::default());
            effects.created.push(path.entry(key.clone()));
        }
        let entry = list.get_mut(key)?;
        return put(plan, entry, &path.entry(key.clone()), rest, keys, cell, effects);
    }
    if rest.is_empty() {
        let is_empty_shell =
            matches!(&cell, Cell::Container(content) if content.is_empty()) && !node.is_presence_container();
        return if is_empty_shell { branch.take(node.slot) } else { branch.put(node.slot, *id, cell) };
    }
    if branch.get(node.slot).is_none() {
        branch.put(node.slot, *id, Cell::Container(Branch::default()));
    }
    let Some(Cell::Container(inner)) = branch.get_mut(node.slot) else { return None };
    let before = put(plan, inner, &path, rest, keys, cell, effects);
    if inner.is_empty() && !node.is_presence_container() {
        branch.take(node.slot);
    }
    before
}

/// Takes a cell out from below a branch, and the containers and lists that it leaves empty.
fn take(schema: &SchemaTree, branch: &mut Branch, chain: &[SchemaId], keys: &[Key]) -> Option<Cell> {
    let (id, rest) = chain.split_first()?;
    let node = schema.node(*id);
    if rest.is_empty() && (node.as_list().is_none() || keys.is_empty()) {
        return branch.take(node.slot);
    }
    // Look before the first copy: a removal of what is not there must share everything.
    branch.get(node.slot)?;
    match branch.get_mut(node.slot)? {
        Cell::Container(inner) => {
            let taken = take(schema, inner, rest, keys)?;
            if inner.is_empty() && !node.is_presence_container() {
                branch.take(node.slot);
            }
            Some(taken)
        }
        Cell::List(list) => {
            let (key, keys) = keys.split_first()?;
            let list = Arc::make_mut(list);
            let taken = if rest.is_empty() {
                list.take(key).map(Cell::Container)?
            } else {
                take(schema, list.get_mut(key)?, rest, keys)?
            };
            if list.is_empty() {
                branch.take(node.slot);
            }
            Some(taken)
        }
        _ => None,
    }
}

fn list_mut<'a>(schema: &SchemaTree, branch: &'a mut Branch, chain: &[SchemaId], keys: &[Key]) -> Option<&'a mut List> {
    let (id, rest) = chain.split_first()?;
    match branch.get_mut(schema.node(*id).slot)? {
        Cell::Container(inner) => list_mut(schema, inner, rest, keys),
        Cell::List(list) => {
            let list = Arc::make_mut(list);
            if rest.is_empty() {
                return Some(list);
            }
            let (key, keys) = keys.split_first()?;
            list_mut(schema, list.get_mut(key)?, rest, keys)
        }
        _ => None,
    }
}
