//! What people note about nodes: comments, and that a node is inactive, kept though not in force.
//!
//! Marks stand beside the nodes in a persistent tree of their own, so that nodes without any cost nothing.

use super::{DataPath, Key, Map};
use crate::yang::{SchemaId, SchemaTree};
use std::sync::Arc;

/// What is noted about one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// A comment for people.
    pub comment: Option<Arc<str>>,
    /// Whether it is not in force, with all that is in it.
    pub is_inactive: bool,
}

impl Mark {
    /// Returns whether nothing is noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One difference between the marks of two snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkChange {
    /// The node.
    pub path: DataPath,
    /// What was noted.
    pub old: Mark,
    /// What is noted now.
    pub new: Mark,
}

/// A step from a node to another below it: to a child, or from a list to an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Child(SchemaId),
    Entry(Key),
}

/// The marks of a node and of what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MarkNode {
    own: Mark,
    below: Map<Step, Arc<MarkNode>>,
    /// How many nodes are inactive, this one and those below.
    inactive: usize,
}

impl MarkNode {
    pub(super) fn own(&self) -> &Mark {
        &self.own
    }

    pub(super) fn child(&self, id: SchemaId) -> Option<&Self> {
        self.below.get(&Step::Child(id)).map(|node| &**node)
    }

    pub(super) fn entry(&self, key: &Key) -> Option<&Self> {
        // A clone of a key copies a pointer or a short text.
        self.below.get(&Step::Entry(key.clone())).map(|node| &**node)
    }

    fn is_empty(&self) -> bool {
        self.own.is_empty() && self.below.is_empty()
    }
}

/// The marks of a tree. Cloning copies a pointer.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks(Option<Arc<MarkNode>>);

impl PartialEq for Marks {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.0 == other.0
    }
}

impl Marks {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn root(&self) -> Option<&MarkNode> {
        self.0.as_deref()
    }

    pub(super) fn has_inactive(&self) -> bool {
        self.0.as_ref().is_some_and(|root| root.inactive > 0)
    }

    pub(super) fn get(&self, schema: &SchemaTree, path: &DataPath) -> Option<&Mark> {
        let found =
            steps(schema, path).into_iter().try_fold(self.root()?, |node, step| node.below.get(&step).map(|n| &**n));
        found.map(MarkNode::own)
    }

    /// Sets what is noted about a node and returns what was.
    pub(super) fn set(&mut self, schema: &SchemaTree, path: &DataPath, mark: &Mark) -> Mark {
        let mut before = Mark::default();
        self.change(&steps(schema, path), &mut |node| before = std::mem::replace(&mut node.own, mark.clone()));
        before
    }

    /// Forgets what is noted about a node and all that is in it.
    pub(super) fn forget(&mut self, schema: &SchemaTree, path: &DataPath) {
        self.change(&steps(schema, path), &mut |node| *node = MarkNode::default());
    }

    /// Forgets what is noted about all that is in a node.
    pub(super) fn forget_below(&mut self, schema: &SchemaTree, path: &DataPath) {
        self.change(&steps(schema, path), &mut |node| node.below = Map::default());
    }

    fn change(&mut self, steps: &[Step], edit: &mut dyn FnMut(&mut MarkNode)) {
        let mut root = self.0.take().unwrap_or_default();
        change(Arc::make_mut(&mut root), steps, edit);
        self.0 = (!root.is_empty()).then_some(root);
    }

    /// Collects the outermost nodes that are inactive.
    pub(super) fn inactive(&self) -> Vec<DataPath> {
        let mut found = Vec::new();
        if let Some(root) = self.root() {
            inactive(root, &DataPath::ROOT, &mut found);
        }
        found
    }

    /// Collects all marks, in the order of the tree.
    pub(super) fn all(&self) -> Vec<MarkChange> {
        Self::default().changes(self)
    }

    /// Collects what differs between two sets of marks.
    pub(super) fn changes(&self, new: &Self) -> Vec<MarkChange> {
        let mut found = Vec::new();
        if !self.is_same(new) {
            compare(self.root(), new.root(), &DataPath::ROOT, &mut found);
        }
        found
    }
}

fn steps(schema: &SchemaTree, path: &DataPath) -> Vec<Step> {
    let mut keys = path.keys().iter();
    let mut steps = Vec::new();
    for id in schema.ancestry(path.schema_id()) {
        steps.push(Step::Child(id));
        if schema.node(id).as_list().is_some() {
            steps.extend(keys.next().cloned().map(Step::Entry));
        }
    }
    steps
}

fn change(node: &mut MarkNode, steps: &[Step], edit: &mut dyn FnMut(&mut MarkNode)) {
    let Some((step, rest)) = steps.split_first() else {
        let inside = node.inactive - usize::from(node.own.is_inactive);
        edit(node);
        let inside = if node.below.is_empty() { 0 } else { inside };
        node.inactive = inside + usize::from(node.own.is_inactive);
        return;
    };
    let mut below = node.below.get(step).cloned().unwrap_or_default();
    node.inactive -= below.inactive;
    change(Arc::make_mut(&mut below), rest, edit);
    node.inactive += below.inactive;
    if below.is_empty() {
        node.below.remove(step);
    } else {
        node.below.insert(step.clone(), below);
    }
}

fn below(path: &DataPath, step: &Step) -> DataPath {
    match step {
        Step::Child(id) => path.child(*id),
        Step::Entry(key) => path.entry(key.clone()),
    }
}

fn inactive(node: &MarkNode, path: &DataPath, found: &mut Vec<DataPath>) {
    if node.own.is_inactive {
        found.push(path.clone());
    } else if node.inactive > 0 {
        node.below.iter().for_each(|(step, inner)| inactive(inner, &below(path, step), found));
    }
}

fn compare(old: Option<&MarkNode>, new: Option<&MarkNode>, path: &DataPath, found: &mut Vec<MarkChange>) {
    use super::map::MapChange;
    let none = MarkNode::default();
    let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
    if old.own != new.own {
        found.push(MarkChange { path: path.clone(), old: old.own.clone(), new: new.own.clone() });
    }
    for change in old.below.changes(&new.below) {
        match change {
            MapChange::Added(step, after) => compare(None, Some(after), &below(path, step), found),
            MapChange::Changed(step, before, after) => compare(Some(before), Some(after), &below(path, step), found),
            MapChange::Removed(step, before) => compare(Some(before), None, &below(path, step), found),
        }
    }
}
