//! What must hold of a whole tree and not of one value: mandatory nodes, numbers of elements, uniqueness, references,
//! `must` and `when` (RFC 7950 §8).
//!
//! [`validate`] looks at everything. [`validate_change`] looks at what a delta touched, the constraints that read what
//! it touched, and whoever refers to what it took away; on a tree that was valid before, both say the same.

mod conditions;
mod lists;
mod mandatory;
mod references;

pub(super) use conditions::Touched;

use super::access::{Access, Node};
use super::dependency::Constraint;
use super::evaluate::EvaluationError;
use super::{Cell, Change, DataPath, DataTree, Delta};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::yang::{NodeKind, SchemaId, SchemaNode};
use std::collections::{BTreeMap, BTreeSet};

/// What a tree holds, and so what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Configuration: nothing is asked of state.
    Configuration,
    /// Configuration and state: what is mandatory or counted in state is asked for too.
    Everything,
}

/// Validates a whole tree of configuration (RFC 7950 §8).
#[must_use]
pub fn validate(tree: &DataTree) -> Diagnostics {
    validate_as(tree, Contents::Configuration)
}

/// Validates a whole tree.
#[must_use]
pub fn validate_as(tree: &DataTree, contents: Contents) -> Diagnostics {
    let mut validator = Validator::new(tree, contents);
    let root = validator.access.root().clone();
    validator.mandatory(&root);
    validator.inside(&root);
    for constraint in tree.plan().dependencies().constraints() {
        validator.check_below(*constraint, &root);
    }
    validator.found
}

/// Validates what is at a path and inside it, and nothing around it: a message (RFC 7950 §8.3.3) among the data that it
/// may look at and refer to.
#[must_use]
pub fn validate_inside(tree: &DataTree, path: &DataPath) -> Diagnostics {
    let mut validator = Validator::new(tree, Contents::Everything);
    if let Some(node) = validator.find(path) {
        validator.visit(&node);
        for constraint in tree.plan().dependencies().constraints() {
            if tree.schema().ancestry(constraint.anchor()).contains(&path.schema_id()) {
                validator.check_below(*constraint, &node);
            }
        }
    }
    validator.found
}

/// Validates what changed, given that `old` was valid; `delta` leads from `old` to `new`.
#[must_use]
pub fn validate_change(old: &DataTree, new: &DataTree, delta: &Delta) -> Diagnostics {
    let mut validator = Validator::new(new, Contents::Configuration);
    let mut scopes = BTreeSet::new();
    let mut lists = BTreeSet::new();
    let mut gone = BTreeSet::new();
    let mut touched = Touched::default();
    for change in &delta.changes {
        touched.note(new, change);
        let Change::Node { path, old: before, new: after } = change else { continue };
        scopes.insert(validator.scope_of(path));
        validator.lists_above(path, &mut lists);
        if after.is_some() {
            validator.what_came(path);
        }
        if let Some(cell) = before {
            validator.targets_in(path, cell, &mut gone);
        }
        if let Some(Cell::Container(_)) = after {
            validator.unique_entry(path);
        }
        validator.unique_above(path);
    }
    for scope in scopes {
        validator.scope(&scope);
    }
    for list in lists {
        validator.count_of(&list);
    }
    for (target, value) in gone {
        validator.left_dangling(old, target, &value);
    }
    touched.check(&mut validator);
    validator.found
}

struct Validator<'t> {
    tree: &'t DataTree,
    access: Access<'t>,
    contents: Contents,
    found: Diagnostics,
    /// What was told: one fault can be reached from several sides.
    told: BTreeSet<(DataPath, Fault)>,
    /// What a `must` that looks at nothing around it says on a plain container with nothing set in it: always the same.
    on_empty: BTreeMap<Constraint, bool>,
}

/// What a fault is about, for telling it once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Missing(SchemaId),
    Count,
    Dangling,
    Unique(usize),
    Constraint(Constraint),
    When(SchemaId, usize),
}

impl<'t> Validator<'t> {
    fn new(tree: &'t DataTree, contents: Contents) -> Self {
        Self {
            tree,
            access: Access::new(tree),
            contents,
            found: Diagnostics::new(),
            told: BTreeSet::new(),
            on_empty: BTreeMap::new(),
        }
    }

    fn node(&self, id: SchemaId) -> &'t SchemaNode {
        self.tree.schema().node(id)
    }

    /// Returns whether anything is asked of a node.
    fn counts(&self, node: &SchemaNode) -> bool {
        node.config || self.contents == Contents::Everything
    }

    /// Reports a fault, unless it is told already.
    fn report(&mut self, path: &DataPath, fault: Fault, diagnostic: Diagnostic) {
        if self.told.insert((path.clone(), fault)) {
            let path = path.display(self.tree.schema()).to_string();
            self.found.push(diagnostic.on(path));
        }
    }

    /// Returns the result of a look at the tree; what ends in too much work is reported.
    fn seen<T>(&mut self, on: &DataPath, constraint: Constraint, looked: Result<T, EvaluationError>) -> Option<T> {
        match looked {
            Ok(seen) => Some(seen),
            Err(error) => {
                let name = &self.node(on.schema_id()).name;
                let what = match constraint {
                    Constraint::Must(..) => "`must`",
                    Constraint::Children(_) => "`when`",
                    Constraint::Reference(_) => "reference",
                    Constraint::Unique(..) => "`unique`",
                };
                let said = format!("a {what} of `{name}` cannot be judged: it {error}");
                self.report(on, Fault::Constraint(constraint), Diagnostic::error(said));
                None
            }
        }
    }

    /// Returns a node, those that are there by themselves included.
    fn find(&mut self, path: &DataPath) -> Option<Node<'t>> {
        let found = self.access.find(path);
        self.seen(path, Constraint::Children(path.schema_id()), found).flatten()
    }

    /// Returns the nearest place at or above a path whose existence is somebody's decision: what is mandatory, is mandatory there.
    fn scope_of(&self, path: &DataPath) -> DataPath {
        let schema = self.tree.schema();
        let mut at = schema.node(path.schema_id()).data_parent;
        while at != SchemaId::ROOT && !self.node(at).is_presence_container() && self.node(at).as_list().is_none() {
            at = self.node(at).data_parent;
        }
        path.ancestor(schema, at)
    }

    /// Collects the lists and leaf-lists that a path goes through, as wholes.
    fn lists_above(&self, path: &DataPath, found: &mut BTreeSet<DataPath>) {
        let schema = self.tree.schema();
        for id in schema.ancestry(path.schema_id()) {
            let node = self.node(id);
            if matches!(node.kind, NodeKind::List(_) | NodeKind::LeafList(_)) {
                let above = usize::from(node.list_depth) - usize::from(node.as_list().is_some());
                found.insert(DataPath::new(id, path.keys().iter().take(above).cloned().collect()));
            }
        }
    }

    /// Checks what is mandatory in a place that exists: a presence container, an entry, the root.
    fn scope(&mut self, path: &DataPath) {
        if self.tree.get(path).is_some()
            && let Some(node) = self.find(path)
        {
            self.mandatory(&node);
        }
    }

    /// Checks what came into being at a path, with everything in it.
    fn what_came(&mut self, path: &DataPath) {
        let schema = self.tree.schema();
        if !self.tree.plan().is_checked(path.schema_id()) {
            return;
        }
        if path.is_entry(schema) {
            if let Some(entry) = self.find(path) {
                self.visit(&entry);
            }
        } else if let Some(parent) = path.parent(schema)
            && let Some(parent) = self.find(&parent)
        {
            self.visit_child(&parent, path.schema_id());
        }
    }

    /// Checks a node that is stored, with everything in it. The numbers of the list it is an entry of are checked elsewhere.
    fn visit(&mut self, node: &Node<'t>) {
        if let Some(value) = node.value() {
            if self.tree.plan().holds_references(node.id()) {
                self.reference(node, value);
            }
            return;
        }
        let schema = self.node(node.id());
        if schema.is_presence_container() || schema.as_list().is_some() {
            self.mandatory(node);
        }
        for key in schema.as_list().map_or(&[][..], |list| &list.keys) {
            if self.tree.plan().holds_references(*key) {
                self.visit_child(node, *key);
            }
        }
        self.inside(node);
    }

    fn inside(&mut self, node: &Node<'t>) {
        let plan = self.tree.plan();
        let Some(branch) = node.branch() else { return };
        for (id, _) in branch.iter().filter(|(id, _)| plan.is_checked(*id)) {
            self.visit_child(node, id);
        }
    }

    fn visit_child(&mut self, parent: &Node<'t>, id: SchemaId) {
        let mut found = Vec::new();
        let looked = self.access.child(parent, id, &mut found);
        if self.seen(&parent.path(), Constraint::Children(parent.id()), looked).is_none() {
            return;
        }
        if matches!(self.node(id).kind, NodeKind::List(_) | NodeKind::LeafList(_)) {
            let list = parent.path().child(id);
            self.elements(&list, found.len());
            self.unique_list(&list);
        }
        let is_deep = self.node(id).ty().is_none() || self.tree.plan().holds_references(id);
        for node in found.iter().filter(|node| is_deep && !node.is_implicit()) {
            self.visit(node);
        }
    }
}
