//! The signals that ask for an end, caught from the first moment: one that comes early ends the start in order.

use super::Stopped;
use crate::task::Scope;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The signals that ask for a drain; clones share them.
#[derive(Debug, Clone)]
pub struct Signals(watch::Receiver<Option<&'static str>>);

impl Signals {
    /// Catches SIGTERM, SIGINT, SIGHUP (a terminal was closed) and SIGQUIT from now on; must be called on a runtime.
    ///
    /// # Errors
    /// When the system does not let them be caught.
    pub fn catch() -> Result<Self, Stopped> {
        let failed = |e: std::io::Error| Stopped::failed("catch signals", e);
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
        let mut quit = signal(SignalKind::quit()).map_err(failed)?;
        let (tell, told) = watch::channel(None);
        // A task of its own: the start blocks its thread. It belongs to no scope, as it lasts as long as the process.
        Scope::new().spawn("signals", async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                _ = hang_up.recv() => "SIGHUP",
                _ = quit.recv() => "SIGQUIT",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::{StartOptions, Voice, start};

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_signal_that_comes_early_ends_the_start_and_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.set");
        crate::persist::write_atomically(&file, b"set environments environment name lab\n", 0o600).unwrap();
        let options = StartOptions {
            config: vec![file],
            config_override: false,
            data_dir: folder.path().join("data"),
            socket: folder.path().join("data/annunciator.sock"),
            schema_dirs: Vec::new(),
            http_listen: Some("127.0.0.1:0".parse().unwrap()),
            new_key: false,
            voice: Voice::Person,
            crash_at: None,
        };
        let (_tell, told) = watch::channel(Some("SIGTERM"));
        let Err(stopped) = start(&options, Some(&Signals(told))).await else { panic!("it started") };
        assert_eq!((stopped.exit_code(), stopped.to_string().starts_with("SIGTERM came before")), (0, true));
        assert!(!options.data_dir.exists());
    }
}
