//! Connections that have not said hello yet: bounded, and the one that has been silent longest makes room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Connections at once that have not said hello: a client says it at once, so more than a few are clients gone wrong.
pub(super) const GREETINGS_MAX: usize = 32;

/// The connections that have not said hello yet, oldest first; clones share them.
///
/// A newcomer displaces the oldest rather than being refused: whoever says hello at once is never kept out by silence.
#[derive(Debug, Clone, Default)]
pub(super) struct Greetings(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    connections: VecDeque<(u64, oneshot::Sender<()>)>,
}

/// One connection among them; dropped when it has said hello or is gone.
#[derive(Debug)]
pub(super) struct Greeting {
    id: u64,
    displaced: oneshot::Receiver<()>,
    all: Greetings,
}

impl Greetings {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection, and displaces the oldest one where there are too many.
    pub(super) fn begin(&self) -> Greeting {
        let (displace, displaced) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.last += 1;
        let id = waiting.last;
        if waiting.connections.len() >= GREETINGS_MAX {
            // Dropping its sender is what displaces it.
            waiting.connections.pop_front();
        }
        waiting.connections.push_back((id, displace));
        Greeting { id, displaced, all: self.clone() }
    }
}

impl Greeting {
    /// Waits until a newer connection needs the place.
    pub(super) async fn displaced(&mut self) {
        // Nothing is ever sent: the sender's end is the message.
        (&mut self.displaced).await.ok();
    }
}

impl Drop for Greeting {
    fn drop(&mut self) {
        self.all.lock().connections.retain(|(id, _)| *id != self.id);
    }
}
