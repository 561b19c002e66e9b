//! Which schema nodes a path can lead to, worked out from the schema alone, and the way back from them.

use super::expression::{NodeTest, Route};
use super::syntax::Axis;
use crate::yang::{NodeKind, SchemaId, SchemaTree};
use std::collections::BTreeSet;

/// The schema nodes that an expression can select.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Nodes {
    /// The schema nodes; nothing where only the data decide.
    pub(super) ids: Option<BTreeSet<SchemaId>>,
    /// Whether text nodes below them are meant.
    pub(super) is_text: bool,
    /// The way back to where the expression is evaluated.
    pub(super) route: Route,
}

impl Nodes {
    /// Those of one schema node.
    pub(super) fn one(id: SchemaId, route: Route) -> Self {
        Self { ids: Some(BTreeSet::from([id])), is_text: false, route }
    }

    /// None at all.
    pub(super) fn none() -> Self {
        Self { ids: Some(BTreeSet::new()), is_text: false, route: Route::Within(SchemaId::ROOT) }
    }

    /// Those that only the data decide on.
    pub(super) fn unknown() -> Self {
        Self { ids: None, is_text: false, route: Route::Within(SchemaId::ROOT) }
    }

    /// Returns the only schema node.
    pub(super) fn only(&self) -> Option<SchemaId> {
        let ids = self.ids.as_ref().filter(|ids| ids.len() == 1)?;
        ids.first().copied()
    }
}

/// Returns the parent in the data tree; an operation stands for its input and output (RFC 7950 §6.4.1).
pub(super) fn parent(schema: &SchemaTree, id: SchemaId) -> Option<SchemaId> {
    if id == SchemaId::ROOT {
        return None;
    }
    let parent = schema.node(id).data_parent;
    match schema.node(parent).kind {
        NodeKind::Input | NodeKind::Output => Some(schema.node(parent).data_parent),
        _ => Some(parent),
    }
}

/// Returns the children in the data tree.
pub(super) fn children(schema: &SchemaTree, id: SchemaId) -> Vec<SchemaId> {
    let node = schema.node(id);
    if matches!(node.kind, NodeKind::Operation) {
        return node.children.iter().flat_map(|half| schema.node(*half).data_children.iter().copied()).collect();
    }
    let is_message = |id: &SchemaId| matches!(schema.node(*id).kind, NodeKind::Operation | NodeKind::Notification);
    node.data_children.iter().copied().chain(node.children.iter().copied().filter(is_message)).collect()
}

/// Returns whether `above` is `id` or an ancestor of it.
pub(crate) fn is_within(schema: &SchemaTree, id: SchemaId, above: SchemaId) -> bool {
    let mut at = Some(id);
    while let Some(here) = at {
        if here == above {
            return true;
        }
        at = parent(schema, here);
    }
    false
}

fn descendants(schema: &SchemaTree, id: SchemaId, found: &mut BTreeSet<SchemaId>) {
    let mut pending = children(schema, id);
    while let Some(next) = pending.pop() {
        if found.insert(next) {
            pending.extend(children(schema, next));
        }
    }
}

/// Returns whether a schema node passes a test.
pub(super) fn passes(schema: &SchemaTree, id: SchemaId, test: &NodeTest) -> bool {
    let node = schema.node(id);
    match test {
        NodeTest::Node => true,
        NodeTest::Text | NodeTest::Nothing => false,
        NodeTest::Any => id != SchemaId::ROOT,
        NodeTest::AnyOf(module) => id != SchemaId::ROOT && node.module == *module,
        NodeTest::Name(modules, name) => id != SchemaId::ROOT && node.name == *name && modules.contains(&node.module),
    }
}

/// Returns where a step leads from one schema node, before its test.
fn along(schema: &SchemaTree, from: SchemaId, axis: Axis) -> BTreeSet<SchemaId> {
    let mut found = BTreeSet::new();
    let ancestors = || std::iter::successors(parent(schema, from), |at| parent(schema, *at));
    match axis {
        Axis::SelfNode => {
            found.insert(from);
        }
        Axis::Child => found.extend(children(schema, from)),
        Axis::Parent => found.extend(parent(schema, from)),
        Axis::Ancestor => found.extend(ancestors()),
        Axis::AncestorOrSelf => found.extend(std::iter::once(from).chain(ancestors())),
        Axis::Descendant => descendants(schema, from, &mut found),
        Axis::DescendantOrSelf => {
            found.insert(from);
            descendants(schema, from, &mut found);
        }
        Axis::FollowingSibling | Axis::PrecedingSibling => {
            found.extend(parent(schema, from).into_iter().flat_map(|up| children(schema, up)));
        }
        Axis::Following | Axis::Preceding => descendants(schema, SchemaId::ROOT, &mut found),
        Axis::Attribute | Axis::Namespace => {}
    }
    found
}

/// Returns where a step leads.
pub(super) fn step(schema: &SchemaTree, from: &Nodes, axis: Axis, test: &NodeTest) -> Nodes {
    let route = route_along(schema, from, axis);
    let Some(ids) = &from.ids else {
        return Nodes { ids: None, is_text: matches!(test, NodeTest::Text), route };
    };
    if from.is_text {
        // Only the way up leads anywhere from a text.
        let up: BTreeSet<SchemaId> = match axis {
            Axis::Parent => ids.clone(),
            Axis::Ancestor | Axis::AncestorOrSelf => {
                ids.iter().flat_map(|id| along(schema, *id, Axis::AncestorOrSelf)).collect()
            }
            Axis::SelfNode if matches!(test, NodeTest::Node | NodeTest::Text) => return from.clone(),
            _ => BTreeSet::new(),
        };
        let up = up.into_iter().filter(|id| passes(schema, *id, test)).collect();
        return Nodes { ids: Some(up), is_text: false, route };
    }
    if matches!(test, NodeTest::Text) {
        let holders: BTreeSet<SchemaId> = match axis {
            Axis::Child => ids.clone(),
            Axis::Descendant | Axis::DescendantOrSelf => {
                ids.iter().flat_map(|id| along(schema, *id, Axis::DescendantOrSelf)).collect()
            }
            _ => BTreeSet::new(),
        };
        let leaves = holders.into_iter().filter(|id| schema.node(*id).ty().is_some()).collect();
        return Nodes { ids: Some(leaves), is_text: true, route };
    }
    let found = ids.iter().flat_map(|id| along(schema, *id, axis)).filter(|id| passes(schema, *id, test)).collect();
    Nodes { ids: Some(found), is_text: false, route }
}

/// Returns the way back after a step: going up may leave what held both ends.
fn route_along(schema: &SchemaTree, from: &Nodes, axis: Axis) -> Route {
    let everything = Route::Within(SchemaId::ROOT);
    let ups = match axis {
        Axis::SelfNode | Axis::Child | Axis::Descendant | Axis::DescendantOrSelf => return from.route,
        Axis::Parent | Axis::FollowingSibling | Axis::PrecedingSibling => 1,
        _ => return everything,
    };
    debug_assert_eq!(ups, 1);
    let Some(ids) = &from.ids else { return everything };
    if from.is_text {
        return from.route;
    }
    let mut route = from.route;
    for up in ids.iter().filter_map(|id| parent(schema, *id)) {
        route = match route {
            Route::Within(holder) if is_within(schema, up, holder) => Route::Within(holder),
            Route::Within(holder) if is_within(schema, holder, up) => Route::Within(up),
            Route::Join { list, .. } if is_within(schema, up, list) => route,
            _ => everything,
        };
    }
    route
}

/// Returns the way back from either of two.
pub(super) fn either(schema: &SchemaTree, one: Route, other: Route) -> Route {
    match (one, other) {
        _ if one == other => one,
        (Route::Within(a), Route::Within(b)) if is_within(schema, a, b) => Route::Within(b),
        (Route::Within(a), Route::Within(b)) if is_within(schema, b, a) => Route::Within(a),
        _ => Route::Within(SchemaId::ROOT),
    }
}
