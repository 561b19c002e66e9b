//! The parts in use, by the names of the entries that they are built from.

use crate::datastore::CommitContext;
use crate::diagnostic::Diagnostics;
use crate::tree::DataPath;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Parts of one kind; clones share them.
pub struct Registry<T>(Arc<RwLock<Slots<T>>>);

struct Slots<T> {
    slots: HashMap<String, Slot<T>>,
    /// The names of those that could not be built, so that a commit need not look through all to find none.
    failed: BTreeSet<String>,
}

/// What there is under a name.
#[derive(Debug)]
pub(super) enum Slot<T> {
    /// A part in use.
    InUse(Arc<T>),
    /// What a stored configuration says and could not be built, and why not.
    Failed(Arc<Diagnostics>),
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        match self {
            Self::InUse(part) => Self::InUse(Arc::clone(part)),
            Self::Failed(why) => Self::Failed(Arc::clone(why)),
        }
    }
}

impl<T> Clone for Registry<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Slots { slots: HashMap::new(), failed: BTreeSet::new() })))
    }
}

impl<T> fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({})", self.len())
    }
}

impl<T> Registry<T> {
    fn read(&self) -> RwLockReadGuard<'_, Slots<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the part of a name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<T>> {
        match self.read().slots.get(id) {
            Some(Slot::InUse(part)) => Some(Arc::clone(part)),
            _ => None,
        }
    }

    /// Returns all parts, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Arc<T>)> {
        let mut all: Vec<_> = self
            .read()
            .slots
            .iter()
            .filter_map(|(id, slot)| match slot {
                Slot::InUse(part) => Some((id.clone(), Arc::clone(part))),
                Slot::Failed(_) => None,
            })
            .collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Returns what is configured and could not be built, by name, and why not.
    #[must_use]
    pub fn failed(&self) -> Vec<(String, Arc<Diagnostics>)> {
        let slots = self.read();
        let why = |id: &String| match slots.slots.get(id) {
            Some(Slot::Failed(why)) => Some((id.clone(), Arc::clone(why))),
            _ => None,
        };
        slots.failed.iter().filter_map(why).collect()
    }

    /// Returns whether all that is configured could be built.
    pub(super) fn is_whole(&self) -> bool {
        self.read().failed.is_empty()
    }

    /// Returns the names of what may be otherwise when it is built again: what could not be built, and what `may_change`.
    pub(super) fn unsettled(&self, may_change: impl Fn(&T) -> bool) -> Vec<String> {
        let slots = self.read();
        let is_unsettled = |slot: &Slot<T>| match slot {
            Slot::InUse(part) => may_change(part),
            Slot::Failed(_) => true,
        };
        slots.slots.iter().filter(|(_, slot)| is_unsettled(slot)).map(|(id, _)| id.clone()).collect()
    }

    /// Returns the names of all that is configured, whether or not it could be built.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.read().slots.keys().cloned().collect()
    }

    /// Returns how many parts are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        let slots = self.read();
        slots.slots.len().saturating_sub(slots.failed.len())
    }

    /// Returns whether none is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What becomes of a name.
#[derive(Debug)]
pub(super) enum Fate<'a, T> {
    /// It does not change.
    Stays,
    /// It is configured no more.
    Goes,
    /// What it stands for cannot be built.
    Fails,
    /// This takes its place.
    Becomes(&'a Arc<T>),
}

/// The parts that change: what takes a name's place, `None` where the name goes.
#[derive(Debug)]
pub(super) struct Changed<T>(HashMap<String, Option<Slot<T>>>);

impl<T> Default for Changed<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Changed<T> {
    pub(super) fn put(&mut self, id: String, part: Arc<T>) {
        self.0.insert(id, Some(Slot::InUse(part)));
    }

    pub(super) fn remove(&mut self, id: String) {
        self.0.insert(id, None);
    }

    /// Takes note of what could not be built. A commit is then refused and this is dropped; at a restart it is what there
    /// is to tell, and later it keeps what is in use.
    pub(super) fn fail(&mut self, id: String, why: Diagnostics, occasion: Occasion, in_use: &Registry<T>) {
        if occasion != Occasion::Refresh || in_use.get(&id).is_none() {
            self.0.insert(id, Some(Slot::Failed(Arc::new(why))));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Walks the names of what changes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the names that go.
    pub(super) fn gone(&self) -> Vec<String> {
        self.each().filter(|(_, fate)| matches!(fate, Fate::Goes)).map(|(id, _)| id.clone()).collect()
    }

    /// Walks what becomes of the names that change.
    pub(super) fn each(&self) -> impl Iterator<Item = (&String, Fate<'_, T>)> {
        self.0.keys().map(|id| (id, self.fate(id)))
    }

    /// Returns what becomes of a name.
    pub(super) fn fate(&self, id: &str) -> Fate<'_, T> {
        match self.0.get(id) {
            None => Fate::Stays,
            Some(None) => Fate::Goes,
            Some(Some(Slot::Failed(_))) => Fate::Fails,
            Some(Some(Slot::InUse(part))) => Fate::Becomes(part),
        }
    }

    /// Returns the part of a name as it will be.
    pub(super) fn upon(&self, in_use: &Registry<T>, id: &str) -> Option<Arc<T>> {
        match self.fate(id) {
            Fate::Stays => in_use.get(id),
            Fate::Becomes(part) => Some(Arc::clone(part)),
            Fate::Goes | Fate::Fails => None,
        }
    }

    /// Takes the parts into use.
    pub(super) fn apply(self, in_use: &Registry<T>) {
        let mut parts = in_use.0.write().unwrap_or_else(PoisonError::into_inner);
        for (id, slot) in self.0 {
            parts.failed.remove(&id);
            if let Some(Slot::Failed(_)) = slot {
                parts.failed.insert(id.clone());
            }
            match slot {
                Some(slot) => parts.slots.insert(id, slot),
                None => parts.slots.remove(&id),
            };
        }
    }
}

/// Why parts are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A commit: what cannot be built refuses it.
    Commit,
    /// A restart: what cannot be built is told.
    Restart,
    /// What is running is looked at again: material outside of the configuration may have changed.
    Refresh,
}

impl Occasion {
    pub(super) fn of(change: &CommitContext<'_>) -> Self {
        if change.is_restart() { Self::Restart } else { Self::Commit }
    }
}

/// Returns the name of an entry of a list with one key.
pub(super) fn entry_name(path: &DataPath) -> Option<String> {
    path.keys().last()?.values().first().map(ToString::to_string)
}
