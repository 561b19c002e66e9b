//! The daemon's side of the shell: a private Unix socket, and sessions that each own an interpreter.
//!
//! **Invariants**: a session never delays another, nor the drain: whoever does not read waits alone; the socket is never
//! open to other users; a session that ends, for whatever reason, interrupts its line and drops its interpreter; a
//! connection takes a session's place only once it has said hello.

mod greeting;
mod notices;
mod session;
mod socket;
mod terminal;
#[cfg(test)]
mod tests;
mod wire;

pub use notices::{NoticeSwitch, Notices};
pub use socket::BindError;

use super::{Hello, Interpreter};
use crate::clock::Clock;
use crate::task::Scope;
use greeting::Greetings;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};

/// Sessions at once: each has a thread and a candidate; a team and its scripts stay far below.
pub const SESSIONS_MAX: usize = 64;

/// How long to wait when the system has no descriptor for a connection: some will be closed meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is known of a session when its interpreter is made.
#[derive(Debug, Clone)]
pub struct SessionStart {
    /// Its number, from 1.
    pub session: u64,
    /// Whom the socket says the far end is; the uid in digits when it has no name.
    pub user: String,
    /// The uid of the far end.
    pub uid: u32,
    /// What the far end said of itself.
    pub hello: Hello,
    /// Switches notices off and on.
    pub notices: NoticeSwitch,
}

/// Makes an interpreter for a session, on that session's thread.
pub type Factory = Arc<dyn Fn(SessionStart) -> Box<dyn Interpreter> + Send + Sync>;

/// The shell's open sessions; clones share them.
#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

struct Shared {
    scope: Scope,
    clock: Clock,
    node: String,
    notices: Notices,
    factory: Factory,
    greetings: Greetings,
    open: Arc<AtomicUsize>,
    last: AtomicU64,
    last_connection: AtomicU64,
    sessions_max: usize,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({} open)", self.count())
    }
}

/// One session's place among those allowed; given back when dropped.
#[derive(Debug)]
struct Slot {
    session: u64,
    open: Arc<AtomicUsize>,
}

impl Slot {
    fn session(&self) -> u64 {
        self.session
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sessions {
    /// Builds the set of sessions: they run in `scope`, name `node` to people, and get their language from `factory`.
    #[must_use]
    pub fn new(scope: Scope, clock: Clock, node: impl Into<String>, notices: Notices, factory: Factory) -> Self {
        Self(Arc::new(Shared {
            scope,
            clock,
            node: node.into(),
            notices,
            factory,
            greetings: Greetings::default(),
            open: Arc::default(),
            last: AtomicU64::new(0),
            last_connection: AtomicU64::new(0),
            sessions_max: SESSIONS_MAX,
        }))
    }

    /// Returns how many sessions are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Serves a connection as a session of its own; must be called on a runtime.
    ///
    /// `annunciator` alone gives one end of a socket pair here and the other to `client::run_on`.
    pub fn attach(&self, stream: UnixStream) {
        if self.0.scope.is_stopping() {
            return;
        }
        let connection = self.0.last_connection.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("shell connection {connection}");
        // Here and not in the task: tasks do not begin in the order in which their connections came.
        let greeting = self.0.greetings.begin();
        self.0.scope.spawn(name, session::serve(self.clone(), stream, greeting));
    }

    /// Takes a session's place; `Err` holds how many there are when none is free.
    fn slot(&self) -> Result<Slot, usize> {
        let open = Arc::clone(&self.0.open);
        let room = |count: usize| (count < self.0.sessions_max).then_some(count + 1);
        open.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).map_err(|_| self.0.sessions_max)?;
        Ok(Slot { session: self.0.last.fetch_add(1, Ordering::Relaxed) + 1, open })
    }

    fn scope(&self) -> &Scope {
        &self.0.scope
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn node(&self) -> &str {
        &self.0.node
    }

    fn notices(&self) -> &Notices {
        &self.0.notices
    }

    fn open(&self, start: SessionStart) -> Box<dyn Interpreter> {
        (self.0.factory)(start)
    }
}

/// The shell's socket, bound but not yet served.
#[derive(Debug)]
pub struct ShellServer {
    listener: UnixListener,
    file: socket::SocketFile,
}

impl ShellServer {
    /// Opens the socket with mode 0600, replacing a dead daemon's; must be called on a runtime.
    ///
    /// # Errors
    /// When another daemon listens there, something else has the name, or the system refuses.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let (listener, file) = socket::listen(path)?;
        let listener = UnixListener::from_std(listener).map_err(|source| BindError::Io {
            step: "listen on",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { listener, file })
    }

    /// Accepts connections until the sessions' scope stops.
    pub fn serve(self, sessions: Sessions) {
        let scope = sessions.scope().clone();
        scope.spawn("shell socket", async move {
            let Self { listener, file } = self;
            loop {
                tokio::select! {
                    accepted = listener.accept() => accept(accepted.map(|(stream, _)| stream), &sessions).await,
                    () = sessions.scope().stopped() => break,
                }
            }
            drop(file);
        });
    }
}

async fn accept(accepted: io::Result<UnixStream>, sessions: &Sessions) {
    match accepted {
        Ok(stream) => sessions.attach(stream),
        Err(error) => {
            tracing::warn!(%error, "a shell connection could not be accepted");
            sessions.clock().sleep(ACCEPT_PAUSE).await;
        }
    }
}
