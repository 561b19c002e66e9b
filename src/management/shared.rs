//! The candidate that several sessions edit together.

use crate::datastore::{Candidate, Datastore};
use crate::tree::{DataTree, diff};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The one candidate of `configure shared`; clones share it. What is edited stays until somebody commits or reverts it,
/// or the element stops.
#[derive(Debug, Clone, Default)]
pub struct SharedCandidate(Arc<Mutex<Option<Candidate>>>);

impl SharedCandidate {
    fn lock(&self) -> MutexGuard<'_, Option<Candidate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is edited now; running when nothing is.
    #[must_use]
    pub fn get(&self, datastore: &Datastore) -> Candidate {
        let mut shared = self.lock();
        match &*shared {
            Some(candidate) if candidate.is_changed() => candidate.clone(),
            // Nothing is edited: what others committed meanwhile is what editing starts from.
            _ => shared.insert(datastore.candidate()).clone(),
        }
    }

    /// Puts back what one session made of it. What others edited since is kept, on top.
    pub fn put(&self, taken: &DataTree, made: Candidate) {
        let mut shared = self.lock();
        let theirs = shared.as_ref().map(|candidate| diff(taken, &candidate.tree));
        let made = shared.insert(made);
        if let Some(theirs) = theirs.filter(|theirs| !theirs.is_empty()) {
            theirs.apply(&mut made.tree);
        }
    }
}
