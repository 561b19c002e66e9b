//! What happens in the element, told to the people who sit at a shell.

use crate::diagnostic::printable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::broadcast;

/// Notices kept for a session that is slow to take them: a screen; the rest is only counted.
const NOTICES_MAX: usize = 64;

/// Longest notice, in characters: a few lines on a screen.
const NOTICE_CHARS_MAX: usize = 1000;

/// Hands notices to every session that wants them; clones share it.
#[derive(Debug, Clone)]
pub struct Notices(broadcast::Sender<Arc<str>>);

impl Default for Notices {
    fn default() -> Self {
        Self::new()
    }
}

impl Notices {
    /// Builds a hub that nobody listens to.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::Sender::new(NOTICES_MAX))
    }

    /// Tells every interactive session that has not switched notices off; never waits.
    pub fn send(&self, text: &str) {
        let text: String = printable(text).chars().take(NOTICE_CHARS_MAX).collect();
        // The only error is that nobody listens.
        drop(self.0.send(text.into()));
    }

    pub(crate) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// One session's end of the hub.
#[derive(Debug)]
pub(crate) struct Listener(broadcast::Receiver<Arc<str>>);

impl Listener {
    /// Waits for the next notice; for ever when the hub is gone.
    pub(crate) async fn next(&mut self) -> String {
        match self.0.recv().await {
            Ok(text) => text.to_string(),
            Err(broadcast::error::RecvError::Lagged(missed)) => format!("({missed} notices were missed)"),
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Whether a session wants notices; its interpreter switches it, clones share it.
#[derive(Debug, Clone)]
pub struct NoticeSwitch(Arc<AtomicBool>);

impl Default for NoticeSwitch {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl NoticeSwitch {
    /// Switches notices on or off.
    pub fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    /// Returns whether notices are wanted.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
