//! What the tree works out of a schema once, so that edits and validation need not.

use super::Value;
use super::dependency::{Dependencies, is_indexable, is_looked_up, leafrefs};
use crate::yang::{BaseType, NodeKind, SchemaId, SchemaNode, SchemaTree, Type};
use std::sync::Arc;

/// A schema with what edits and validation look up all the time.
#[derive(Debug)]
pub struct Plan {
    schema: Arc<SchemaTree>,
    facts: Vec<Facts>,
    dependencies: Dependencies,
    /// Whether there are instance-identifiers, so that any node may be referred to.
    has_instance_identifiers: bool,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own about a node")]
struct Facts {
    /// Whether it or something below it is a reference.
    holds_references: bool,
    /// Whether it or something below it is the target of a reference.
    holds_targets: bool,
    /// The choices between it and its data parent, with the case it is in; the outermost last.
    choices: Vec<(SchemaId, SchemaId)>,
    defaults: Vec<Value>,
    /// Whether it is a leaf or leaf-list whose values are indexed, since leafrefs to it are no look-ups.
    is_indexed_target: bool,
    /// Whether it or something below it is one.
    holds_indexed_targets: bool,
    /// Whether it or something below it is a list with an indexed `unique`.
    holds_uniques: bool,
    /// The lists it is in, itself left out, that have an indexed `unique`.
    uniques_above: Vec<SchemaId>,
    /// For a list: the indexed `unique`s with the ways to their leaves.
    uniques: Vec<Unique>,
    /// Whether an instance has more to be checked than its values: references, numbers, what is mandatory.
    is_checked: bool,
    /// Whether it, or a choice or case that it is in, has a `when`.
    is_conditional: bool,
}

/// A `unique` of a list.
#[derive(Debug)]
pub(super) struct Unique {
    /// Its position among those of the list.
    pub(super) index: usize,
    /// The ways from the list down to its leaves.
    pub(super) ways: Vec<Vec<SchemaId>>,
}

impl Plan {
    /// Works a schema out.
    #[must_use]
    pub fn new(schema: Arc<SchemaTree>) -> Arc<Self> {
        let mut has_instance_identifiers = false;
        let mut facts: Vec<Facts> = schema.nodes().iter().map(|_| Facts::default()).collect();
        for node in schema.nodes() {
            let own = &mut facts[node.id.index()];
            own.choices = choices(&schema, node.id);
            own.is_conditional = is_conditional(&schema, node.id);
            if let Some(ty) = node.ty() {
                let texts = match &node.kind {
                    NodeKind::Leaf(leaf) => leaf.default.as_slice(),
                    NodeKind::LeafList(list) => &list.defaults,
                    _ => &[],
                };
                // The compiler has checked them; one that does not parse is no default.
                own.defaults = texts.iter().filter_map(|text| Value::parse(&schema, ty, text).ok()).collect();
                let mut found = Vec::new();
                leafrefs(ty, &mut found);
                if !found.is_empty() || holds_instance_identifier(ty) {
                    mark(&schema, &mut facts, node.id, |f| &mut f.holds_references);
                }
                has_instance_identifiers |= holds_instance_identifier(ty);
                for leafref in found {
                    mark(&schema, &mut facts, leafref.target, |f| &mut f.holds_targets);
                    if !is_looked_up(&schema, node.id, leafref) {
                        facts[leafref.target.index()].is_indexed_target = true;
                        mark(&schema, &mut facts, leafref.target, |f| &mut f.holds_indexed_targets);
                    }
                }
            }
        }
        for node in schema.nodes() {
            let uniques = uniques(&schema, node.id);
            if !uniques.is_empty() {
                mark(&schema, &mut facts, node.id, |f| &mut f.holds_uniques);
            }
            facts[node.id.index()].uniques = uniques;
        }
        for node in schema.nodes().iter().skip(1) {
            let mut above = facts[node.data_parent.index()].uniques_above.clone();
            if !facts[node.data_parent.index()].uniques.is_empty() {
                above.push(node.data_parent);
            }
            facts[node.id.index()].uniques_above = above;
        }
        for node in schema.nodes().iter().rev() {
            let own = &facts[node.id.index()];
            if own.is_checked || own.holds_references || is_counted(node) || node.mandatory {
                mark(&schema, &mut facts, node.id, |f| &mut f.is_checked);
            }
        }
        let dependencies = Dependencies::new(&schema);
        Arc::new(Self { schema, facts, dependencies, has_instance_identifiers })
    }

    /// Returns which constraints a change can touch.
    pub(super) fn dependencies(&self) -> &Dependencies {
        &self.dependencies
    }

    /// Returns whether any node may be referred to, by an instance-identifier.
    pub(super) fn has_instance_identifiers(&self) -> bool {
        self.has_instance_identifiers
    }

    /// Returns whether the values of a leaf or leaf-list are indexed.
    pub(super) fn is_indexed_target(&self, id: SchemaId) -> bool {
        self.facts[id.index()].is_indexed_target
    }

    /// Returns whether it or something below it has its values indexed.
    pub(super) fn holds_indexed_targets(&self, id: SchemaId) -> bool {
        self.facts[id.index()].holds_indexed_targets
    }

    /// Returns whether it or something below it is a list with an indexed `unique`.
    pub(super) fn holds_uniques(&self, id: SchemaId) -> bool {
        self.facts[id.index()].holds_uniques
    }

    /// Returns the lists above that have an indexed `unique`.
    pub(super) fn uniques_above(&self, id: SchemaId) -> &[SchemaId] {
        &self.facts[id.index()].uniques_above
    }

    /// Returns the indexed `unique`s of a list.
    pub(super) fn uniques(&self, id: SchemaId) -> &[Unique] {
        &self.facts[id.index()].uniques
    }

    /// Returns whether an instance has more to be checked than its values.
    pub(super) fn is_checked(&self, id: SchemaId) -> bool {
        self.facts[id.index()].is_checked
    }

    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &Arc<SchemaTree> {
        &self.schema
    }

    /// Returns a leaf's default value.
    #[must_use]
    pub fn default(&self, id: SchemaId) -> Option<&Value> {
        self.facts[id.index()].defaults.first()
    }

    /// Returns a leaf's or leaf-list's default values.
    #[must_use]
    pub fn defaults(&self, id: SchemaId) -> &[Value] {
        &self.facts[id.index()].defaults
    }

    /// Returns whether the node or something below it is a reference.
    #[must_use]
    pub fn holds_references(&self, id: SchemaId) -> bool {
        self.facts[id.index()].holds_references
    }

    /// Returns whether the node or something below it is the target of a reference.
    #[must_use]
    pub fn holds_targets(&self, id: SchemaId) -> bool {
        self.facts[id.index()].holds_targets
    }

    /// Returns the choices between the node and its data parent, each with the case that the node is in.
    #[must_use]
    pub fn choices(&self, id: SchemaId) -> &[(SchemaId, SchemaId)] {
        &self.facts[id.index()].choices
    }

    /// Returns whether the node, or a choice or case that it is in, has a `when`.
    #[must_use]
    pub fn is_conditional(&self, id: SchemaId) -> bool {
        self.facts[id.index()].is_conditional
    }

    /// Returns whether two siblings are in different cases of one choice, so that only one may exist.
    #[must_use]
    pub fn excludes(&self, one: SchemaId, other: SchemaId) -> bool {
        let others = self.choices(other);
        self.choices(one).iter().any(|(choice, case)| others.iter().any(|(c, k)| c == choice && k != case))
    }
}

fn choices(schema: &SchemaTree, id: SchemaId) -> Vec<(SchemaId, SchemaId)> {
    let mut found = Vec::new();
    let mut at = id;
    while let Some(parent) = schema.node(at).parent {
        match &schema.node(parent).kind {
            NodeKind::Choice { .. } => found.push((parent, at)),
            NodeKind::Case => {}
            _ => break,
        }
        at = parent;
    }
    found
}

fn is_conditional(schema: &SchemaTree, id: SchemaId) -> bool {
    let mut at = id;
    loop {
        let node = schema.node(at);
        if !node.whens.is_empty() {
            return true;
        }
        match node.parent {
            Some(parent) if matches!(schema.node(parent).kind, NodeKind::Choice { .. } | NodeKind::Case) => at = parent,
            _ => return false,
        }
    }
}

fn mark(schema: &SchemaTree, facts: &mut [Facts], from: SchemaId, flag: fn(&mut Facts) -> &mut bool) {
    let mut at = from;
    loop {
        *flag(&mut facts[at.index()]) = true;
        if at == SchemaId::ROOT {
            return;
        }
        at = schema.node(at).data_parent;
    }
}

fn holds_instance_identifier(ty: &Type) -> bool {
    match &ty.base {
        BaseType::InstanceIdentifier { .. } => true,
        BaseType::Union(members) => members.iter().any(|member| holds_instance_identifier(member)),
        BaseType::Leafref(leafref) => holds_instance_identifier(&leafref.target_type),
        _ => false,
    }
}

fn is_counted(node: &SchemaNode) -> bool {
    match &node.kind {
        NodeKind::List(list) => list.min_elements > 0 || list.max_elements.is_some() || !list.unique.is_empty(),
        NodeKind::LeafList(list) => list.min_elements > 0 || list.max_elements.is_some(),
        _ => false,
    }
}

/// Returns the `unique`s of a list that an index can hold.
fn uniques(schema: &SchemaTree, id: SchemaId) -> Vec<Unique> {
    let Some(list) = schema.node(id).as_list() else { return Vec::new() };
    let above = schema.ancestry(id).len();
    let way = |leaf: &SchemaId| schema.ancestry(*leaf).into_iter().skip(above).collect();
    let tuples = list.unique.iter().enumerate();
    let indexable = tuples.filter(|(_, leaves)| !leaves.is_empty() && is_indexable(schema, id, leaves));
    indexable.map(|(index, leaves)| Unique { index, ways: leaves.iter().map(way).collect() }).collect()
}
