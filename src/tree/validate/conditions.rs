//! `must` and `when`, and which of them a change touches (RFC 7950 §7.5.3, §7.21.5).

use super::super::access::Node;
use super::super::dependency::{Constraint, Trigger};
use super::super::evaluate::{EvaluationError, Evaluator};
use super::super::{Cell, Change, DataPath, DataTree, Key, Value};
use super::{Fault, Validator};
use crate::diagnostic::Diagnostic;
use crate::yang::SchemaId;
use crate::yang::xpath::{Route, is_within};
use std::collections::BTreeSet;

/// The constraints that changes touch, each with a place below which its places of evaluation are.
#[derive(Debug, Default)]
pub(in crate::tree) struct Touched(BTreeSet<(Constraint, DataPath)>);

impl Touched {
    /// Notes what a change touches.
    pub(in crate::tree) fn note(&mut self, tree: &DataTree, change: &Change) {
        let (schema, dependencies) = (tree.schema(), tree.plan().dependencies());
        let (path, cells) = match change {
            Change::Node { path, old, new } => (path.clone(), [old.as_ref(), new.as_ref()]),
            // What stands first among entries is for whoever looks from what holds them.
            Change::Order { path, .. } => (path.clone(), [None, None]),
        };
        let is_whole = match change {
            Change::Order { .. } => true,
            Change::Node { .. } => schema.node(path.schema_id()).ty().is_none(),
        };
        let triggers =
            if is_whole { dependencies.of_subtree(path.schema_id()) } else { dependencies.of_change(path.schema_id()) };
        for trigger in triggers {
            self.follow(tree, &path, cells, *trigger);
        }
        for constraint in dependencies.of_anything() {
            self.0.insert((*constraint, DataPath::ROOT));
        }
    }

    /// Goes the way from what changed to the places where a constraint is checked.
    fn follow(&mut self, tree: &DataTree, path: &DataPath, cells: [Option<&Cell>; 2], trigger: Trigger) {
        let schema = tree.schema();
        match trigger.route {
            Route::Within(holder) => {
                let is_list = schema.node(path.schema_id()).as_list().is_some() && !path.is_entry(schema);
                let place = match path.parent(schema) {
                    _ if !is_within(schema, holder, path.schema_id()) => path.ancestor(schema, holder),
                    // Of a list as a whole, all entries are meant.
                    Some(parent) if is_list => parent,
                    _ => path.clone(),
                };
                self.0.insert((trigger.constraint, place));
            }
            Route::Join { list, key, reference, within } => {
                let mut values = BTreeSet::new();
                keys_at(tree, path, cells, list, key, &mut values);
                for value in values {
                    for source in tree.references().to(key, &value).filter(|s| s.schema_id() == reference) {
                        self.0.insert((trigger.constraint, source.ancestor(schema, within)));
                    }
                }
            }
        }
    }

    /// Walks what was noted.
    pub(in crate::tree) fn places(&self) -> impl Iterator<Item = &(Constraint, DataPath)> {
        self.0.iter()
    }

    /// Checks what was noted.
    pub(super) fn check(self, validator: &mut Validator<'_>) {
        for (constraint, place) in self.0 {
            if let Some(node) = validator.find(&place) {
                validator.check_below(constraint, &node);
            }
        }
    }
}

/// Collects the values that a key leaf has in the entries of a list that a change is in or has in it.
fn keys_at(
    tree: &DataTree,
    path: &DataPath,
    cells: [Option<&Cell>; 2],
    list: SchemaId,
    key: SchemaId,
    found: &mut BTreeSet<Value>,
) {
    let schema = tree.schema();
    let at = schema.node(list).as_list().and_then(|l| l.keys.iter().position(|k| *k == key)).unwrap_or(0);
    let depth = usize::from(schema.node(list).list_depth);
    if let Some(own) = path.keys().get(depth.saturating_sub(1)).filter(|_| is_within(schema, path.schema_id(), list)) {
        found.extend(own.values().get(at).cloned());
        return;
    }
    for cell in cells.into_iter().flatten() {
        keys_in(tree, path.schema_id(), cell, list, at, found);
    }
    // Of an order, all entries stand elsewhere.
    if cells == [None, None]
        && let Some(entries) = tree.get(path).and_then(|node| node.as_list())
    {
        found.extend(entries.keys().filter_map(|k| k.values().get(at).cloned()));
    }
}

fn keys_in(tree: &DataTree, id: SchemaId, cell: &Cell, list: SchemaId, at: usize, found: &mut BTreeSet<Value>) {
    let schema = tree.schema();
    let mut inside = |branch: &super::super::Branch| {
        for (child, cell) in branch.iter().filter(|(child, _)| is_within(schema, list, *child)) {
            keys_in(tree, child, cell, list, at, found);
        }
    };
    match cell {
        Cell::Container(branch) => inside(branch),
        Cell::List(entries) => {
            entries.in_key_order().for_each(|(_, branch)| inside(branch));
            if id == list {
                found.extend(entries.keys().map(Key::values).filter_map(|values| values.get(at).cloned()));
            }
        }
        Cell::Leaf(_) | Cell::LeafList(_) | Cell::AnyData(_) => {}
    }
}

impl<'t> Validator<'t> {
    /// Checks a constraint on all its places at or below a node.
    pub(super) fn check_below(&mut self, constraint: Constraint, node: &Node<'t>) {
        let anchor = constraint.anchor();
        let is_asked = match constraint {
            Constraint::Children(_) => true,
            Constraint::Unique(_, list, _) => self.counts(self.node(list)),
            Constraint::Must(..) | Constraint::Reference(_) => self.counts(self.node(anchor)),
        };
        if !is_asked {
            return;
        }
        let mut places = Vec::new();
        let looked = self.access.instances(node, anchor, &mut places);
        self.seen(&node.path(), constraint, looked);
        for place in places {
            let checked = self.check(constraint, &place);
            self.seen(&place.path(), constraint, checked);
        }
    }

    fn check(&mut self, constraint: Constraint, on: &Node<'t>) -> Result<(), EvaluationError> {
        match constraint {
            Constraint::Must(id, index) => self.must(constraint, on, id, index),
            Constraint::Children(_) => self.conditions_of_children(on),
            Constraint::Reference(_) => {
                if let Some(value) = on.value().filter(|_| !on.is_implicit()) {
                    self.reference(on, value);
                }
                Ok(())
            }
            Constraint::Unique(_, list, index) => self.unique_by_looking(on, list, index),
        }
    }

    fn must(
        &mut self,
        constraint: Constraint,
        on: &Node<'t>,
        id: SchemaId,
        index: usize,
    ) -> Result<(), EvaluationError> {
        let node = self.node(id);
        let Some(must) = node.musts.get(index) else { return Ok(()) };
        let Some(expression) = &must.expression else { return Ok(()) };
        let is_constant = on.is_implicit() && self.tree.plan().dependencies().is_closed(constraint);
        let holds = match self.on_empty.get(&constraint).filter(|_| is_constant) {
            Some(holds) => *holds,
            None => Evaluator::new(&self.access).holds(expression, on)?,
        };
        if is_constant {
            self.on_empty.insert(constraint, holds);
        }
        if holds {
            return Ok(());
        }
        let flat = must.xpath.split_whitespace().collect::<Vec<_>>().join(" ");
        let diagnostic = match &must.error_message {
            Some(message) => Diagnostic::error(&**message),
            None => Diagnostic::error(format!("`{}` must satisfy `{flat}`", node.name)),
        };
        let diagnostic = diagnostic.app_tag(must.error_app_tag.as_deref().unwrap_or("must-violation"));
        let diagnostic = match &must.error_message {
            Some(_) => diagnostic.hint(format!("`{}` must satisfy `{flat}`", node.name)),
            None => diagnostic,
        };
        self.report(&on.path(), Fault::Constraint(constraint), diagnostic);
        Ok(())
    }

    /// Checks that no child is there whose conditions do not hold, and that those are there that they ask for.
    fn conditions_of_children(&mut self, on: &Node<'t>) -> Result<(), EvaluationError> {
        let Some(branch) = on.branch() else { return Ok(()) };
        let plan = self.tree.plan();
        for (id, _) in branch.iter().filter(|(id, _)| plan.is_conditional(*id)) {
            if !self.counts(self.node(id)) {
                continue;
            }
            let mut children = Vec::new();
            self.access.child(on, id, &mut children)?;
            for child in &children {
                if let Some((at, index)) = self.access.first_false(on, Some(child), id)? {
                    self.tell_forbidden(child, at, index);
                }
            }
        }
        if self.node(on.id()).is_presence_container() || self.node(on.id()).as_list().is_some() {
            self.mandatory(on);
        } else {
            let scope = self.scope_of(&on.path());
            self.scope(&scope);
        }
        Ok(())
    }

    fn tell_forbidden(&mut self, child: &Node<'t>, at: SchemaId, index: usize) {
        let Some((when, _)) = self.node(at).whens.get(index) else { return };
        let flat = when.xpath.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = &self.node(child.id()).name;
        let diagnostic =
            Diagnostic::error(format!("`{name}` may not be configured here: it is there only when `{flat}`"))
                .hint(format!("delete `{name}`, or make the condition hold"));
        self.report(&child.path(), Fault::When(at, index), diagnostic);
    }
}
