//! What the tree works out of a schema once, so that edits and validation need not.

use super::Value;
use crate::yang::{BaseType, NodeKind, SchemaId, SchemaTree, Type};
use std::sync::Arc;

/// A schema with what edits and validation look up all the time.
#[derive(Debug)]
pub struct Plan {
    schema: Arc<SchemaTree>,
    facts: Vec<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    /// Whether it or something below it is a reference.
    holds_references: bool,
    /// Whether it or something below it is the target of a reference.
    holds_targets: bool,
    /// The choices between it and its data parent, with the case it is in; the outermost last.
    choices: Vec<(SchemaId, SchemaId)>,
    defaults: Vec<Value>,
}

impl Plan {
    /// Works a schema out.
    #[must_use]
    pub fn new(schema: Arc<SchemaTree>) -> Arc<Self> {
        let mut facts: Vec<Facts> = schema.nodes().iter().map(|_| Facts::default()).collect();
        for node in schema.nodes() {
            let own = &mut facts[node.id.index()];
            own.choices = choices(&schema, node.id);
            if let Some(ty) = node.ty() {
                let texts = match &node.kind {
                    NodeKind::Leaf(leaf) => leaf.default.as_slice(),
                    NodeKind::LeafList(list) => &list.defaults,
                    _ => &[],
                };
                // The compiler has checked them; one that does not parse is no default.
                own.defaults = texts.iter().filter_map(|text| Value::parse(&schema, ty, text).ok()).collect();
                let mut targets = Vec::new();
                targets_of(ty, &mut targets);
                if !targets.is_empty() {
                    mark(&schema, &mut facts, node.id, |f| &mut f.holds_references);
                }
                for target in targets {
                    mark(&schema, &mut facts, target, |f| &mut f.holds_targets);
                }
            }
        }
        Arc::new(Self { schema, facts })
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

/// Collects the leaves that a type refers to; a union may refer to several.
pub(super) fn targets_of(ty: &Type, found: &mut Vec<SchemaId>) {
    match &ty.base {
        BaseType::Leafref(leafref) => found.push(leafref.target),
        BaseType::Union(members) => members.iter().for_each(|member| targets_of(member, found)),
        _ => {}
    }
}
