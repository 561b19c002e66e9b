//! The persistent ordered map: everything the tree needs of it, so that the crate behind can be changed in one place.

use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use std::fmt;

/// A persistent map in key order. Cloning copies a pointer; an edit copies `O(log n)` nodes.
pub struct Map<K, V>(OrdMap<K, V>);

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Ord + Clone, V: Clone> Default for Map<K, V> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// How one key differs between two maps.
#[derive(Debug, PartialEq, Eq)]
pub enum MapChange<'a, K, V> {
    /// Only in the new map.
    Added(&'a K, &'a V),
    /// In both, with these values (old, new).
    Changed(&'a K, &'a V, &'a V),
    /// Only in the old map.
    Removed(&'a K, &'a V),
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    /// Returns the number of entries, in constant time.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// Returns the stored key and value.
    #[must_use]
    pub fn get_key_value(&self, key: &K) -> Option<(&K, &V)> {
        self.0.get_key_value(key)
    }

    /// Returns the value of a key for changing it; the way to it is copied where it is shared.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// Sets the value of a key and returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// Walks the entries in key order.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// Walks the entries from a key on, that key included.
    pub fn from<'a>(&'a self, key: &K) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        self.0.range(key.clone()..)
    }

    /// Returns the entry before a key.
    #[must_use]
    pub fn before(&self, key: &K) -> Option<(&K, &V)> {
        self.0.range(..key.clone()).next_back()
    }

    /// Returns the last entry.
    #[must_use]
    pub fn last(&self) -> Option<(&K, &V)> {
        self.0.get_max().map(|(k, v)| (k, v))
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> Map<K, V> {
    /// Walks the differences in key order; what both maps share is passed over without being looked at.
    pub fn changes<'a>(&'a self, new: &'a Self) -> impl Iterator<Item = MapChange<'a, K, V>> {
        self.0.diff(&new.0).map(|item| match item {
            DiffItem::Add(key, value) => MapChange::Added(key, value),
            DiffItem::Update { old, new } => MapChange::Changed(new.0, old.1, new.1),
            DiffItem::Remove(key, value) => MapChange::Removed(key, value),
        })
    }
}

impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0) || (self.len() == other.len() && self.changes(other).next().is_none())
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for Map<K, V> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn expected(old: &BTreeMap<u16, u8>, new: &BTreeMap<u16, u8>) -> Vec<(u16, Option<u8>, Option<u8>)> {
        let keys: std::collections::BTreeSet<u16> = old.keys().chain(new.keys()).copied().collect();
        let row = |k: u16| (k, old.get(&k).copied(), new.get(&k).copied());
        keys.into_iter().map(row).filter(|(_, a, b)| a != b).collect()
    }

    proptest! {
        #[test]
        fn changes_are_those_of_a_plain_map(
            start in proptest::collection::btree_map(0u16..400, 0u8..3, 0..300),
            edits in proptest::collection::vec((0u16..400, proptest::option::of(0u8..3)), 0..60),
        ) {
            let mut old = Map::default();
            for (k, v) in &start { old.insert(*k, *v); }
            let (mut new, mut model) = (old.clone(), start.clone());
            for (k, v) in edits {
                if let Some(v) = v { new.insert(k, v); model.insert(k, v); } else { new.remove(&k); model.remove(&k); }
            }
            let got: Vec<_> = old.changes(&new).map(|c| match c {
                MapChange::Added(k, v) => (*k, None, Some(*v)),
                MapChange::Changed(k, a, b) => (*k, Some(*a), Some(*b)),
                MapChange::Removed(k, v) => (*k, Some(*v), None),
            }).collect();
            prop_assert_eq!(got, expected(&start, &model));
            prop_assert_eq!(new.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>(), model.into_iter().collect::<Vec<_>>());
        }
    }
}
