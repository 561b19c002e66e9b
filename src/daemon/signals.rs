//! The signals that ask for an end, caught from the first moment: one that comes early ends the start in order.

use super::Stopped;
use crate::task::Scope;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The signals that ask for a drain; clones share them.
#[derive(Debug, Clone)]
pub struct Signals(watch::Receiver<Option<&'static str>>);

impl Signals {
    /// Catches SIGTERM and SIGINT from now on; must be called on a runtime.
    ///
    /// # Errors
    /// When the system does not let them be caught.
    pub fn catch() -> Result<Self, Stopped> {
        let failed = |e: std::io::Error| Stopped::failed("catch signals", e);
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let (tell, told) = watch::channel(None);
        // A task of its own: the start blocks its thread. It belongs to no scope, as it lasts as long as the process.
        Scope::new().spawn("signals", async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tell.send_replace(Some(name));
            // Later ones are caught, and change nothing.
            std::future::pending::<()>().await;
        });
        Ok(Self(told))
    }

    /// Returns the one that has come, if one has.
    #[must_use]
    pub fn received(&self) -> Option<&'static str> {
        *self.0.borrow()
    }

    /// Waits for one; returns at once when one has come already.
    pub async fn wait(&mut self) -> &'static str {
        match self.0.wait_for(Option::is_some).await {
            Ok(name) => name.unwrap_or("a signal"),
            // The task ends with the runtime, and whoever waits with it.
            Err(_) => std::future::pending().await,
        }
    }
}
