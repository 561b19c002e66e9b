//! The parts in use, by the names of the entries that they are built from.

use crate::datastore::CommitContext;
use crate::diagnostic::Diagnostics;
use crate::tree::DataPath;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Parts of one kind; clones share them.
pub struct Registry<T>(Arc<RwLock<HashMap<String, Slot<T>>>>);

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
        Self(Arc::default())
    }
}

impl<T> fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({})", self.len())
    }
}

impl<T> Registry<T> {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Slot<T>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the part of a name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<T>> {
        match self.read().get(id) {
            Some(Slot::InUse(part)) => Some(Arc::clone(part)),
            _ => None,
        }
    }

    /// Returns all parts, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Arc<T>)> {
        let mut all: Vec<_> = self
            .read()
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
        let mut failed: Vec<_> = self
            .read()
            .iter()
            .filter_map(|(id, slot)| match slot {
                Slot::InUse(_) => None,
                Slot::Failed(why) => Some((id.clone(), Arc::clone(why))),
            })
            .collect();
        failed.sort_by(|(one, _), (other, _)| one.cmp(other));
        failed
    }

    /// Returns how many parts are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().values().filter(|slot| matches!(slot, Slot::InUse(_))).count()
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
            match slot {
                Some(slot) => parts.insert(id, slot),
                None => parts.remove(&id),
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
