//! The indexes of a snapshot: who refers to which value of which leaf, where values are, which tuples entries have.

use super::{DataPath, Key, Map, Value};
use crate::yang::SchemaId;
use std::sync::Arc;

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

/// What `unique` compares: the tuples that the entries of lists have, in a persistent set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tuples(Map<Tuple, ()>);

/// One entry's values for one `unique`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tuple {
    /// The list as a whole.
    pub(super) list: DataPath,
    /// Which `unique` of the list.
    pub(super) index: usize,
    /// The values of its leaves.
    pub(super) values: Arc<[Value]>,
    /// The entry.
    pub(super) key: Key,
}

impl Tuples {
    pub(super) fn add(&mut self, tuple: Tuple) {
        self.0.insert(tuple, ());
    }

    pub(super) fn remove(&mut self, tuple: &Tuple) {
        self.0.remove(tuple);
    }

    /// Walks the entries that have the same values, by key.
    pub(super) fn alike<'a>(&'a self, tuple: &'a Tuple) -> impl Iterator<Item = &'a Key> {
        // No key comes before this one.
        let first = Tuple { key: Key::One(Value::Empty), ..tuple.clone() };
        let same =
            |other: &Tuple| other.list == tuple.list && other.index == tuple.index && other.values == tuple.values;
        self.0.from(&first).map(|(other, ())| other).take_while(move |other| same(other)).map(|other| &other.key)
    }
}
