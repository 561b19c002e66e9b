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
pub struct Notices(broadcast::Sender<Notice>);

/// A notice on its way.
#[derive(Debug, Clone)]
struct Notice {
    text: Arc<str>,
    /// The session that did what is told, and knows.
    origin: Option<u64>,
}

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
        self.send_from(None, text);
    }

    /// Tells every such session but the one that did what is told.
    pub fn send_from(&self, origin: Option<u64>, text: &str) {
        let text: String = printable(text).chars().take(NOTICE_CHARS_MAX).collect();
        // The only error is that nobody listens.
        drop(self.0.send(Notice { text: text.into(), origin }));
    }

    /// Listens for the session of this number.
    pub(crate) fn listen(&self, session: u64) -> Listener {
        Listener { notices: self.0.subscribe(), session }
    }
}

/// One session's end of the hub.
#[derive(Debug)]
pub(crate) struct Listener {
    notices: broadcast::Receiver<Notice>,
    session: u64,
}

impl Listener {
    /// Waits for the next notice that is not of the session's own doing; for ever when the hub is gone.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            match self.notices.recv().await {
                Ok(Notice { origin, .. }) if origin == Some(self.session) => {}
                Ok(Notice { text, .. }) => return text.to_string(),
                Err(broadcast::error::RecvError::Lagged(missed)) => return format!("({missed} notices were missed)"),
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
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
