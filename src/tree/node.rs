//! The nodes that trees are made of and share.

use super::{Key, Map, Value};
use crate::yang::SchemaId;
use std::sync::Arc;

/// What is in one container or list entry: its children that exist, in schema order.
///
/// A clone shares the content; comparing two that share is one pointer comparison.
#[derive(Clone, Debug)]
pub struct Branch(Arc<[Slot]>);

/// One existing child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Position among the schema children of the parent.
    pub(super) order: u32,
    /// The child's schema node.
    pub(super) id: SchemaId,
    pub(super) cell: Cell,
}

/// A child's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A leaf's value.
    Leaf(Value),
    /// A leaf-list's values in order: the user's, or sorted.
    LeafList(Arc<[Value]>),
    /// What is in a container; of a list entry, in a [`super::Change`].
    Container(Branch),
    /// A list's entries.
    List(Arc<List>),
    /// An `anydata` tree, as JSON text.
    AnyData(Arc<str>),
}

/// The entries of a list.
#[derive(Clone, Debug, Default)]
pub struct List {
    entries: Map<Key, Branch>,
    /// For `ordered-by user`: where each entry stands.
    order: Option<Order>,
}

/// An order that insertion does not renumber: labels with gaps.
#[derive(Clone, Debug, Default)]
struct Order {
    by_label: Map<u64, Key>,
    labels: Map<Key, u64>,
}

/// Distance between the labels of neighbours when there is room: 32 insertions in one gap before all are renumbered.
const LABEL_GAP: u64 = 1 << 32;

impl Default for Branch {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl PartialEq for Branch {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.0 == other.0
    }
}

impl Eq for Branch {}

impl Branch {
    /// Returns whether both share their content.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns whether there is no child.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Walks the children that exist, in schema order.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (SchemaId, &Cell)> {
        self.0.iter().map(|slot| (slot.id, &slot.cell))
    }

    pub(super) fn from_slots(slots: Vec<Slot>) -> Self {
        Self(slots.into())
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.0
    }

    pub(super) fn get(&self, order: u32) -> Option<&Cell> {
        self.find(order).ok().map(|at| &self.0[at].cell)
    }

    fn find(&self, order: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&order, |slot| slot.order)
    }

    pub(super) fn get_mut(&mut self, order: u32) -> Option<&mut Cell> {
        let at = self.find(order).ok()?;
        Some(&mut Arc::make_mut(&mut self.0)[at].cell)
    }

    pub(super) fn put(&mut self, order: u32, id: SchemaId, cell: Cell) -> Option<Cell> {
        match self.find(order) {
            Ok(at) => Some(std::mem::replace(&mut Arc::make_mut(&mut self.0)[at].cell, cell)),
            Err(at) => {
                let slot = Slot { order, id, cell };
                let (before, after) = self.0.split_at(at);
                self.0 = before.iter().cloned().chain(std::iter::once(slot)).chain(after.iter().cloned()).collect();
                None
            }
        }
    }

    pub(super) fn take(&mut self, order: u32) -> Option<Cell> {
        let at = self.find(order).ok()?;
        let cell = self.0[at].cell.clone();
        self.0 = self.0[..at].iter().chain(&self.0[at + 1..]).cloned().collect();
        Some(cell)
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries && (self.order.is_none() || self.keys().eq(other.keys()))
    }
}

impl Eq for List {}

impl List {
    pub(super) fn new(user_ordered: bool) -> Self {
        Self { entries: Map::default(), order: user_ordered.then(Order::default) }
    }

    /// Returns the number of entries, in constant time.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns an entry's stored key and content.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<(&Key, &Branch)> {
        self.entries.get_key_value(key)
    }

    /// Walks the entries in their order: the user's, or by key.
    #[must_use]
    #[allow(clippy::iter_without_into_iter, reason = "a boxed iterator type in a public signature helps nobody")]
    pub fn iter(&self) -> Box<dyn Iterator<Item = (&Key, &Branch)> + '_> {
        match &self.order {
            None => Box::new(self.entries.iter()),
            Some(order) => Box::new(order.by_label.iter().filter_map(|(_, key)| self.entries.get_key_value(key))),
        }
    }

    /// Walks the keys in the entries' order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.iter().map(|(key, _)| key)
    }

    /// Walks the entries by key, whoever decides their order.
    pub fn in_key_order(&self) -> impl Iterator<Item = (&Key, &Branch)> {
        self.entries.iter()
    }

    /// Walks the entries by key from a key on, that key included, whoever decides their order.
    pub fn from_key<'a>(&'a self, key: &Key) -> impl Iterator<Item = (&'a Key, &'a Branch)> + use<'a> {
        self.entries.from(key)
    }

    /// Returns the first key by key order.
    #[must_use]
    pub fn first_key(&self) -> Option<&Key> {
        self.entries.iter().next().map(|(key, _)| key)
    }

    /// Returns whether the user decides the order.
    #[must_use]
    pub fn is_user_ordered(&self) -> bool {
        self.order.is_some()
    }

    /// Walks the entries in their order, each with a number that places it where the order is the user's.
    pub(super) fn labelled(&self) -> Box<dyn Iterator<Item = (u64, &Key, &Branch)> + '_> {
        match &self.order {
            None => Box::new(self.entries.iter().map(|(key, branch)| (0, key, branch))),
            Some(order) => {
                Box::new(order.by_label.iter().filter_map(|(label, key)| {
                    self.entries.get_key_value(key).map(|(key, branch)| (*label, key, branch))
                }))
            }
        }
    }

    /// Returns the number that places an entry where the order is the user's.
    pub(super) fn label(&self, key: &Key) -> u64 {
        self.order.as_ref().and_then(|order| order.labels.get(key)).copied().unwrap_or(0)
    }

    pub(super) fn entries(&self) -> &Map<Key, Branch> {
        &self.entries
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Branch> {
        self.entries.get_mut(key)
    }

    /// Sets an entry; a new one stands last.
    pub(super) fn put(&mut self, key: Key, content: Branch) -> Option<Branch> {
        if let Some(order) = &mut self.order
            && order.labels.get(&key).is_none()
        {
            order.push(key.clone());
        }
        self.entries.insert(key, content)
    }

    pub(super) fn take(&mut self, key: &Key) -> Option<Branch> {
        if let Some(order) = &mut self.order {
            order.remove(key);
        }
        self.entries.remove(key)
    }

    /// Moves an existing entry behind another, or to the front; does nothing where the order is not the user's.
    pub(super) fn move_behind(&mut self, key: &Key, behind: Option<&Key>) {
        if let Some(order) = &mut self.order
            && behind != Some(key)
            && self.entries.get(key).is_some()
        {
            order.remove(key);
            order.insert_behind(key.clone(), behind);
        }
    }
}

impl Order {
    fn push(&mut self, key: Key) {
        let label = self.by_label.last().map_or(LABEL_GAP, |(last, _)| last.saturating_add(LABEL_GAP));
        if label == u64::MAX {
            self.renumber();
            return self.push(key);
        }
        self.place(label, key);
    }

    fn place(&mut self, label: u64, key: Key) {
        self.labels.insert(key.clone(), label);
        self.by_label.insert(label, key);
    }

    fn remove(&mut self, key: &Key) {
        if let Some(label) = self.labels.remove(key) {
            self.by_label.remove(&label);
        }
    }

    fn insert_behind(&mut self, key: Key, behind: Option<&Key>) {
        let low = behind.and_then(|k| self.labels.get(k)).copied().unwrap_or(0);
        let high = self.by_label.from(&(low + 1)).next().map(|(label, _)| *label);
        match high {
            None => self.push(key),
            Some(high) if high - low > 1 => self.place(low + (high - low) / 2, key),
            Some(_) => {
                self.renumber();
                self.insert_behind(key, behind);
            }
        }
    }

    fn renumber(&mut self) {
        let keys: Vec<Key> = self.by_label.iter().map(|(_, key)| key.clone()).collect();
        *self = Self::default();
        for (index, key) in keys.into_iter().enumerate() {
            self.place((index as u64 + 1) * LABEL_GAP, key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Key {
        Key::One(Value::Uint(n))
    }

    #[test]
    fn the_users_order_survives_a_hundred_insertions_in_one_gap() {
        let mut list = List::new(true);
        list.put(key(0), Branch::default());
        list.put(key(1), Branch::default());
        for n in 2..100 {
            list.put(key(n), Branch::default());
            list.move_behind(&key(n), Some(&key(0)));
        }
        let got: Vec<Key> = list.keys().cloned().collect();
        let expected: Vec<Key> = std::iter::once(0).chain((2..100).rev()).chain([1]).map(key).collect();
        assert_eq!(got, expected);
    }
}
