//! Named tasks that are stopped together: one signal, one deadline, and the names of those who are late.

use crate::clock::Clock;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Owns tasks; clones share them.
#[derive(Debug, Clone)]
pub struct Scope(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stop: watch::Sender<bool>,
    running: Mutex<Running>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    names: BTreeMap<u64, String>,
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl Scope {
    /// Builds a scope without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            stop: watch::Sender::new(false),
            running: Mutex::new(Running::default()),
            ended: Notify::new(),
        }))
    }

    /// Starts a task on the current runtime under a name.
    #[allow(clippy::disallowed_methods, reason = "this is the place that the rule sends everybody to")]
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let ending = self.register(name);
        tokio::spawn(async move {
            let _ending = ending;
            task.await;
        });
    }

    /// Starts a thread under a name; it is waited for like a task.
    ///
    /// # Errors
    /// When the system starts no further thread.
    pub fn spawn_thread(&self, name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let ending = self.register(name);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ending = ending;
            work();
        })?;
        Ok(())
    }

    fn register(&self, name: impl Into<String>) -> Ending {
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.next += 1;
        let id = running.next;
        running.names.insert(id, name.into());
        Ending { scope: self.clone(), id }
    }

    /// Waits until [`Scope::stop`] or [`Scope::drain`] is called.
    pub async fn stopped(&self) {
        let mut stop = self.0.stop.subscribe();
        // The sender lives in `self`, so the only error, a dropped sender, cannot happen while this waits.
        if stop.wait_for(|stopped| *stopped).await.is_err() {}
    }

    /// Returns whether the tasks were told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.stop.borrow()
    }

    /// Tells the tasks to stop.
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// Tells the tasks to stop and waits for them.
    ///
    /// # Errors
    /// The names of those that still run when the deadline is over.
    pub async fn drain(&self, clock: &Clock, deadline: Duration) -> Result<(), Vec<String>> {
        self.stop();
        let all_ended = async {
            loop {
                let ended = self.0.ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if self.names().is_empty() {
                    return;
                }
                ended.await;
            }
        };
        tokio::select! {
            () = all_ended => Ok(()),
            () = clock.sleep(deadline) => {
                let late = self.names();
                if late.is_empty() { Ok(()) } else { Err(late) }
            }
        }
    }

    fn names(&self) -> Vec<String> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).names.values().cloned().collect()
    }
}

/// Takes a task's name off the list when the task ends, by a panic too.
#[derive(Debug)]
struct Ending {
    scope: Scope,
    id: u64,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.scope.0.running.lock().unwrap_or_else(PoisonError::into_inner).names.remove(&self.id);
        self.scope.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn draining_names_who_is_late() {
        let (clock, scope) = (Clock::system(), Scope::new());
        let inner = scope.clone();
        scope.spawn("prompt", async move { inner.stopped().await });
        scope.spawn("stuck", std::future::pending());
        assert_eq!(scope.drain(&clock, Duration::from_millis(50)).await, Err(vec!["stuck".to_owned()]));
    }
}
