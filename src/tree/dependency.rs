//! Which constraints a change can touch: for each schema node, who reads it and the way back to the places of evaluation.

use super::evaluate::holder_of;
use crate::yang::xpath::{Read, Route, is_within};
use crate::yang::{BaseType, Leafref, NodeKind, SchemaId, SchemaTree, Type};
use std::collections::BTreeSet;

/// Something that is checked on each instance of a schema node, and depends on more than that instance's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Constraint {
    /// A `must` of a node, by position.
    Must(SchemaId, usize),
    /// The `when`s of the children of a node, and what is mandatory because of them.
    Children(SchemaId),
    /// The references of a leaf or leaf-list whose path has predicates.
    Reference(SchemaId),
    /// A `unique` of a list, by position, whose defaults depend on more than the entry: on a node that holds the list.
    Unique(SchemaId, SchemaId, usize),
}

impl Constraint {
    /// Returns the schema node on whose instances it is checked.
    pub(super) fn anchor(self) -> SchemaId {
        match self {
            Self::Must(id, _) | Self::Children(id) | Self::Reference(id) | Self::Unique(id, ..) => id,
        }
    }
}

/// A constraint that a change of a node can touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trigger {
    /// Which.
    pub(super) constraint: Constraint,
    /// The way from what changed to the places where it is checked.
    pub(super) route: Route,
}

/// The constraints of a schema by what they read.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    constraints: Vec<Constraint>,
    /// By schema node: what a change of an instance touches.
    own: Vec<Vec<Trigger>>,
    /// By schema node: what the coming or going of an instance with all in it touches.
    below: Vec<Vec<Trigger>>,
    /// Those that may read anything.
    anything: Vec<Constraint>,
    /// Those that read only what is in the plain container on which they are checked.
    closed: BTreeSet<Constraint>,
}

impl Dependencies {
    /// Works out the dependencies of a schema.
    pub(super) fn new(schema: &SchemaTree) -> Self {
        let collector = Collector {
            schema,
            own: vec![BTreeSet::new(); schema.nodes().len()],
            constraints: BTreeSet::new(),
            anything: BTreeSet::new(),
        };
        collector.collect()
    }

    /// Returns all constraints.
    pub(super) fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// Returns what a change of an instance touches.
    pub(super) fn of_change(&self, id: SchemaId) -> &[Trigger] {
        self.own.get(id.index()).map_or(&[], Vec::as_slice)
    }

    /// Returns what the coming or going of an instance with all in it touches.
    pub(super) fn of_subtree(&self, id: SchemaId) -> &[Trigger] {
        self.below.get(id.index()).map_or(&[], Vec::as_slice)
    }

    /// Returns whether a constraint reads only what is in the plain container on which it is checked.
    pub(super) fn is_closed(&self, constraint: Constraint) -> bool {
        self.closed.contains(&constraint)
    }

    /// Returns those that any change touches.
    pub(super) fn of_anything(&self) -> &[Constraint] {
        &self.anything
    }
}

struct Collector<'s> {
    schema: &'s SchemaTree,
    own: Vec<BTreeSet<Trigger>>,
    constraints: BTreeSet<Constraint>,
    anything: BTreeSet<Constraint>,
}

impl Collector<'_> {
    fn collect(mut self) -> Dependencies {
        let schema = self.schema;
        for node in schema.nodes() {
            for (index, must) in node.musts.iter().enumerate() {
                let constraint = Constraint::Must(node.id, index);
                self.constrain(constraint, node.id, Route::Within(node.id));
                self.visibility(constraint, node.id, Route::Within(node.id), &mut BTreeSet::new());
                if let Some(expression) = &must.expression {
                    self.reads(constraint, &expression.reads, None, &mut BTreeSet::new());
                    if expression.reads_anything {
                        self.anything.insert(constraint);
                    }
                }
            }
            for (when, _) in &node.whens {
                let constraint = Constraint::Children(node.data_parent);
                self.constrain(constraint, node.id, Route::Within(node.data_parent));
                for held in data_nodes_of(schema, node.id) {
                    self.constrain(constraint, held, Route::Within(node.data_parent));
                    // A plain container comes and goes with what is in it.
                    if can_be_implied(schema, held) {
                        for below in descendants(schema, held) {
                            self.constrain(constraint, below, Route::Within(node.data_parent));
                        }
                    }
                }
                if let Some(expression) = &when.expression {
                    self.reads(constraint, &expression.reads, None, &mut BTreeSet::new());
                    if expression.reads_anything {
                        self.anything.insert(constraint);
                    }
                }
            }
            if let Some(ty) = node.ty() {
                let mut found = Vec::new();
                leafrefs(ty, &mut found);
                for leafref in found {
                    self.leafref(node.id, leafref);
                }
            }
            for (index, unique) in node.as_list().map_or(&[][..], |list| &list.unique).iter().enumerate() {
                if is_indexable(schema, node.id, unique) {
                    continue;
                }
                let constraint = Constraint::Unique(node.data_parent, node.id, index);
                let route = Route::Within(node.data_parent);
                self.constrain(constraint, node.id, route);
                for leaf in unique {
                    self.constrain(constraint, *leaf, route);
                    self.visibility(constraint, *leaf, route, &mut BTreeSet::new());
                }
            }
        }
        self.finish()
    }

    fn leafref(&mut self, leaf: SchemaId, leafref: &Leafref) {
        let constraint = Constraint::Reference(leaf);
        let everywhere = Route::Within(SchemaId::ROOT);
        let before = self.constraints.len();
        // A default target counts as long as it is in use.
        self.visibility(constraint, leafref.target, everywhere, &mut BTreeSet::new());
        for predicate in &leafref.predicates {
            let holder = (0..predicate.up).fold(leaf, |at, _| self.schema.node(at).data_parent);
            let value = Read { node: predicate.value, route: Route::Within(holder), deep: false };
            self.reads(constraint, &[value], None, &mut BTreeSet::new());
            if !self.schema.node(predicate.key).is_key() {
                let key = Read { node: predicate.key, route: everywhere, deep: false };
                self.reads(constraint, &[key], None, &mut BTreeSet::new());
            }
        }
        // A relative path into a list from inside it needs nothing more: the index of references knows who refers there.
        if self.constraints.len() > before {
            self.constrain(constraint, leaf, Route::Within(leaf));
        }
    }

    fn constrain(&mut self, constraint: Constraint, node: SchemaId, route: Route) {
        self.constraints.insert(constraint);
        if let Some(triggers) = self.own.get_mut(node.index()) {
            triggers.insert(Trigger { constraint, route });
        }
    }

    /// Notes reads of an expression; `behind` is the way on from where that expression is evaluated.
    fn reads(
        &mut self,
        constraint: Constraint,
        reads: &[Read],
        behind: Option<Route>,
        seen: &mut BTreeSet<(SchemaId, Route)>,
    ) {
        for read in reads {
            let route = behind.map_or(read.route, |behind| self.joined(read.route, behind));
            self.constrain(constraint, read.node, route);
            if read.deep {
                for below in descendants(self.schema, read.node) {
                    self.constrain(constraint, below, route);
                    self.visibility(constraint, below, route, seen);
                }
            }
            self.visibility(constraint, read.node, route, seen);
        }
    }

    /// Notes what decides whether a node is there by itself: the cases and conditions of it and of the plain containers
    /// that it is in.
    fn visibility(
        &mut self,
        constraint: Constraint,
        node: SchemaId,
        route: Route,
        seen: &mut BTreeSet<(SchemaId, Route)>,
    ) {
        if !seen.insert((node, route)) || !can_be_implied(self.schema, node) {
            return;
        }
        let schema = self.schema;
        let mut at = node;
        loop {
            let holder = schema.node(at).data_parent;
            let route = self.joined(Route::Within(holder), route);
            let mut inner = Some(at);
            while let Some(id) = inner.filter(|id| *id != holder) {
                let above = schema.node(id);
                for (when, _) in &above.whens {
                    if let Some(expression) = &when.expression {
                        self.reads(constraint, &expression.reads, Some(route), seen);
                        if expression.reads_anything {
                            self.anything.insert(constraint);
                        }
                    }
                }
                if matches!(above.kind, NodeKind::Choice { .. }) {
                    for sibling in data_nodes_of(schema, id) {
                        self.constrain(constraint, sibling, route);
                        for below in descendants(schema, sibling) {
                            self.constrain(constraint, below, route);
                        }
                    }
                }
                inner = above.parent;
            }
            // What is in a plain container makes it be there, conditions or not.
            if is_guarded(schema, at) && schema.node(at).ty().is_none() {
                for below in descendants(schema, at) {
                    self.constrain(constraint, below, route);
                }
            }
            let is_plain = matches!(schema.node(holder).kind, NodeKind::Container { presence: None });
            if !is_plain {
                return;
            }
            at = holder;
        }
    }

    /// Joins two ways: from what changed to some node, and from that node on.
    fn joined(&self, first: Route, then: Route) -> Route {
        let everywhere = Route::Within(SchemaId::ROOT);
        match (first, then) {
            (Route::Within(a), Route::Within(b)) if is_within(self.schema, a, b) => then,
            (Route::Within(a), Route::Within(b)) if is_within(self.schema, b, a) => first,
            (Route::Join { list, key, reference, within }, Route::Within(b)) => {
                if is_within(self.schema, within, b) {
                    Route::Join { list, key, reference, within: b }
                } else {
                    first
                }
            }
            (Route::Within(a), Route::Join { list, .. }) if is_within(self.schema, a, list) => then,
            _ => everywhere,
        }
    }

    fn finish(self) -> Dependencies {
        let mut below = self.own.clone();
        // Parents come before children: what is below is whole when its turn comes.
        for node in self.schema.nodes().iter().skip(1).rev() {
            let own = below.get(node.id.index()).cloned().unwrap_or_default();
            if let Some(above) = below.get_mut(node.data_parent.index()) {
                above.extend(own);
            }
        }
        let mut closed: BTreeSet<Constraint> = self.constraints.difference(&self.anything).copied().collect();
        closed.retain(|constraint| matches!(constraint, Constraint::Must(..)));
        for (at, triggers) in self.own.iter().enumerate() {
            let Some(node) = self.schema.nodes().get(at) else { continue };
            for trigger in triggers {
                let anchor = trigger.constraint.anchor();
                let is_inside = trigger.route == Route::Within(anchor) && is_within(self.schema, node.id, anchor);
                if !is_inside {
                    closed.remove(&trigger.constraint);
                }
            }
        }
        closed.retain(|constraint| {
            matches!(self.schema.node(constraint.anchor()).kind, NodeKind::Container { presence: None })
        });
        let listed = |sets: Vec<BTreeSet<Trigger>>| sets.into_iter().map(|set| set.into_iter().collect()).collect();
        Dependencies {
            constraints: self.constraints.into_iter().collect(),
            own: listed(self.own),
            below: listed(below),
            anything: self.anything.into_iter().collect(),
            closed,
        }
    }
}

/// Returns whether the entry alone says which values the leaves of a `unique` have, defaults included.
pub(super) fn is_indexable(schema: &SchemaTree, list: SchemaId, leaves: &[SchemaId]) -> bool {
    leaves.iter().all(|leaf| {
        let mut at = Some(*leaf);
        let mut way = std::iter::from_fn(|| {
            let here = at.filter(|id| *id != list)?;
            at = schema.node(here).parent;
            Some(here)
        });
        let is_plain = |id: SchemaId| {
            let node = schema.node(id);
            node.whens.is_empty() && !matches!(node.kind, NodeKind::Choice { .. } | NodeKind::Case)
        };
        schema.node(*leaf).as_leaf().is_some_and(|l| l.default.is_none()) || way.all(is_plain)
    })
}

/// Returns whether a look-up finds what a leafref refers to: the keys of all lists between where its path starts down and
/// its target are said by the value or by predicates.
pub(super) fn is_looked_up(schema: &SchemaTree, leaf: SchemaId, leafref: &Leafref) -> bool {
    let holder = holder_of(schema, leaf, leafref);
    let mut at = schema.node(leafref.target).data_parent;
    while at != holder && at != SchemaId::ROOT {
        if let Some(list) = schema.node(at).as_list() {
            let is_said = |key: &SchemaId| {
                *key == leafref.target || leafref.predicates.iter().any(|predicate| predicate.key == *key)
            };
            if !list.keys.iter().all(is_said) {
                return false;
            }
        }
        at = schema.node(at).data_parent;
    }
    true
}

/// Collects the leafrefs of a type, those in unions included.
pub(super) fn leafrefs<'y>(ty: &'y Type, found: &mut Vec<&'y Leafref>) {
    match &ty.base {
        BaseType::Leafref(leafref) => found.push(leafref),
        BaseType::Union(members) => members.iter().for_each(|member| leafrefs(member, found)),
        _ => {}
    }
}

/// Returns the data nodes that a choice or case holds; of a data node, itself.
pub(super) fn data_nodes_of(schema: &SchemaTree, id: SchemaId) -> Vec<SchemaId> {
    let mut found = Vec::new();
    let mut pending = vec![id];
    while let Some(at) = pending.pop() {
        match schema.node(at).kind {
            NodeKind::Choice { .. } | NodeKind::Case => pending.extend(&schema.node(at).children),
            NodeKind::Operation | NodeKind::Notification | NodeKind::Input | NodeKind::Output => {}
            _ => found.push(at),
        }
    }
    found
}

fn descendants(schema: &SchemaTree, id: SchemaId) -> Vec<SchemaId> {
    let mut found = Vec::new();
    let mut pending = schema.node(id).data_children.clone();
    while let Some(at) = pending.pop() {
        pending.extend(&schema.node(at).data_children);
        found.push(at);
    }
    found
}

/// Returns whether a node, or a choice or case that it is in, decides by a condition or by being chosen whether it is there.
fn is_guarded(schema: &SchemaTree, id: SchemaId) -> bool {
    let node = schema.node(id);
    let is_in_case = node.parent.is_some_and(|parent| matches!(schema.node(parent).kind, NodeKind::Case));
    !node.whens.is_empty() || is_in_case
}

/// Returns whether a node can be there without being stored.
fn can_be_implied(schema: &SchemaTree, id: SchemaId) -> bool {
    match &schema.node(id).kind {
        NodeKind::Container { presence } => presence.is_none(),
        NodeKind::Leaf(leaf) => leaf.default.is_some(),
        NodeKind::LeafList(list) => !list.defaults.is_empty(),
        _ => false,
    }
}
