//! Hold-down: a raise or a clear is told only after it has lasted; what comes and goes meanwhile is counted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is held back of an alarm whose type has a hold-down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// When the newest change is told, unless it is undone before; `None` while nothing waits to be told.
    pub until: Option<Timestamp>,
    /// Changes of the state that nobody was told of, since the alarm began to come and go.
    pub held_back: u64,
    /// Until when the alarm counts as flapping, unless it changes again.
    pub flaps_until: Timestamp,
}

impl Hold {
    /// Returns whether the alarm comes and goes: some of that was held back a moment ago.
    #[must_use]
    pub fn is_flapping(&self, now: Timestamp) -> bool {
        self.held_back >= 2 && now < self.flaps_until
    }
}
