//! The newest transitions in memory, so that who keeps up never reads the disk.

use crate::alarm::{JournalPosition, Transition};
use std::collections::VecDeque;
use std::sync::Arc;

/// Transitions kept: about a second's worth at full load and some 10 MB; who is further behind reads the disk.
pub(super) const RING_MAX: usize = 8192;

/// The newest transitions, in journal order.
#[derive(Debug)]
pub(super) struct Ring {
    transitions: VecDeque<Arc<Transition>>,
    /// From here on every transition is in the ring.
    complete_from: JournalPosition,
    capacity: usize,
}

impl Ring {
    /// Builds an empty ring behind the newest position.
    pub(super) fn new(newest: JournalPosition, capacity: usize) -> Self {
        Self { transitions: VecDeque::new(), complete_from: next(newest), capacity: capacity.max(1) }
    }

    pub(super) fn push(&mut self, transition: Arc<Transition>) {
        if self.transitions.len() >= self.capacity
            && let Some(oldest) = self.transitions.pop_front()
        {
            self.complete_from = next(oldest.position);
        }
        self.transitions.push_back(transition);
    }

    /// Returns the transitions at and after `from`, at most `limit`; `None` when some may be on the disk only.
    pub(super) fn read(&self, from: JournalPosition, limit: usize) -> Option<Vec<Arc<Transition>>> {
        if from < self.complete_from {
            return None;
        }
        let start = self.transitions.partition_point(|t| t.position < from);
        Some(self.transitions.iter().skip(start).take(limit).cloned().collect())
    }
}

/// Returns the position behind one.
pub(super) fn next(position: JournalPosition) -> JournalPosition {
    JournalPosition(position.0.saturating_add(1))
}
