//! The index of references: for every leaf that leafrefs lead to, who refers to which of its values.

use super::{DataPath, Map, Value};
use crate::yang::SchemaId;

/// The edges of a snapshot, in a persistent set that the next snapshot shares.
#[derive(Clone, Debug, Default)]
pub struct References(Map<Edge, ()>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    target: SchemaId,
    value: Value,
    source: DataPath,
}

impl References {
    pub(super) fn add(&mut self, target: SchemaId, value: &Value, source: &DataPath) {
        self.0.insert(Edge { target, value: value.clone(), source: source.clone() }, ());
    }

    pub(super) fn remove(&mut self, target: SchemaId, value: &Value, source: &DataPath) {
        self.0.remove(&Edge { target, value: value.clone(), source: source.clone() });
    }

    /// Walks the leaves that refer to a value of the target leaf, by path.
    pub fn to<'a>(&'a self, target: SchemaId, value: &'a Value) -> impl Iterator<Item = &'a DataPath> {
        let first = Edge { target, value: value.clone(), source: DataPath::ROOT };
        self.0
            .from(&first)
            .map(|(edge, ())| edge)
            .take_while(move |edge| edge.target == target && edge.value == *value)
            .map(|edge| &edge.source)
    }

    /// Returns the number of edges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether nothing refers to anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for References {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
