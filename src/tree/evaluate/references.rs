//! What a leafref leads to, its predicates included (RFC 7950 §9.9).

use super::super::access::{Access, Node};
use super::super::{Key, Value};
use super::EvaluationError;
use crate::yang::{Leafref, SchemaId, SchemaTree};

/// Returns the schema node that a leafref's path starts down from: the root for an absolute one.
pub(crate) fn holder_of(schema: &SchemaTree, leaf: SchemaId, leafref: &Leafref) -> SchemaId {
    let ups = leafref.path.trim_start().split('/').take_while(|step| step.trim() == "..").count();
    if ups == 0 {
        return SchemaId::ROOT;
    }
    (0..ups).fold(leaf, |at, _| schema.node(at).data_parent)
}

/// Walks the instances that a leafref may refer to, those with one value only where it is given, until `visit` says to stop.
pub(crate) fn leafref_instances<'t>(
    access: &Access<'t>,
    from: &Node<'t>,
    leafref: &Leafref,
    value: Option<&Value>,
    visit: &mut impl FnMut(Node<'t>) -> bool,
) -> Result<(), EvaluationError> {
    let schema = access.plan().schema();
    let holder = holder_of(schema, from.id(), leafref);
    let Some(start) = from.ancestor(holder) else { return Ok(()) };
    let mut way = schema.ancestry(leafref.target);
    way.drain(..schema.ancestry(holder).len().min(way.len()));
    let mut bound = Vec::new();
    for predicate in &leafref.predicates {
        let Some(wanted) = value_at(access, from, predicate.up, predicate.value)? else { return Ok(()) };
        bound.push((predicate.key, wanted));
    }
    let walk = Walk { access, way: &way, bound: &bound, target: leafref.target, value };
    walk.down(start, 0, visit)?;
    Ok(())
}

/// Returns the value of a leaf that is so many steps up and then down from a node.
fn value_at<'t>(
    access: &Access<'t>,
    from: &Node<'t>,
    up: usize,
    leaf: SchemaId,
) -> Result<Option<&'t Value>, EvaluationError> {
    let mut at = from.clone();
    for _ in 0..up {
        match at.parent().cloned() {
            Some(parent) => at = parent,
            None => return Ok(None),
        }
    }
    let mut found = Vec::new();
    access.instances(&at, leaf, &mut found)?;
    Ok(found.first().and_then(Node::value))
}

struct Walk<'w, 't> {
    access: &'w Access<'t>,
    way: &'w [SchemaId],
    bound: &'w [(SchemaId, &'t Value)],
    target: SchemaId,
    value: Option<&'w Value>,
}

impl<'t> Walk<'_, 't> {
    /// Goes down one step; returns whether to go on.
    fn down(
        &self,
        at: &Node<'t>,
        depth: usize,
        visit: &mut impl FnMut(Node<'t>) -> bool,
    ) -> Result<bool, EvaluationError> {
        let Some(id) = self.way.get(depth) else {
            let is_it = self.value.is_none_or(|value| at.value() == Some(value));
            return Ok(!is_it || visit(at.clone()));
        };
        let node = self.access.schema_node(*id);
        let mut next = Vec::new();
        match node.as_list().map(|list| self.key(&list.keys)) {
            Some(Some(key)) => next.extend(self.access.entry(at, *id, &key)?),
            _ => self.access.child(at, *id, &mut next)?,
        }
        for node in &next {
            if self.passes(node)? && !self.down(node, depth + 1, visit)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the key of a list's entry where predicates and the value looked for say all of it.
    fn key(&self, keys: &[SchemaId]) -> Option<Key> {
        let value = |key: &SchemaId| {
            let bound = self.bound.iter().find(|(leaf, _)| leaf == key).map(|(_, value)| *value);
            bound.or_else(|| self.value.filter(|_| *key == self.target)).cloned()
        };
        keys.iter().map(value).collect::<Option<Vec<_>>>().filter(|values| !values.is_empty()).map(Key::new)
    }

    fn passes(&self, entry: &Node<'t>) -> Result<bool, EvaluationError> {
        for (leaf, wanted) in self.bound {
            if self.access.schema_node(*leaf).data_parent != entry.id() {
                continue;
            }
            let mut found = Vec::new();
            self.access.child(entry, *leaf, &mut found)?;
            if found.first().and_then(Node::value) != Some(wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
