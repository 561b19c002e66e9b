//! `annunciator run`: start, say so, run until told to stop, drain.

use super::{LogForm, Running, Signals, StartOptions, Stopped, Voice, start};
use crate::shell::client;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;

/// How long draining may take: a request under way has a deadline of a minute, and people wait for a restart.
const DRAIN_DEADLINE: Duration = Duration::from_secs(20);

/// What `run` is given.
#[derive(Debug)]
pub struct RunOptions {
    /// Configuration files and folders.
    pub config: Vec<PathBuf>,
    /// Whether the files take the place of what is stored.
    pub config_override: bool,
    /// Folder of everything that the element keeps.
    pub data_dir: PathBuf,
    /// Socket of the shell.
    pub socket: PathBuf,
    /// Folders of YANG modules that stand beside the product's own.
    pub schema_dirs: Vec<PathBuf>,
    /// Address of the HTTP listener, in place of the configured one.
    pub http_listen: Option<SocketAddr>,
    /// A shell in this terminal; leaving it stops the element.
    pub shell: Option<client::Options>,
    /// Whether a key is made though stored secrets were encrypted with one that is lost.
    pub new_key: bool,
    /// Form of the log.
    pub log: LogForm,
    /// Fault point at which the process ends itself.
    pub crash_at: Option<String>,
}

/// Runs an element until SIGTERM, SIGINT, SIGHUP or SIGQUIT, or until its shell is left.
///
/// # Errors
/// Why it could not start.
pub fn run(options: RunOptions) -> Result<u8, Stopped> {
    let runtime = runtime()?;
    let shell = options.shell;
    let options = StartOptions {
        config: options.config,
        config_override: options.config_override,
        data_dir: options.data_dir,
        socket: options.socket,
        schema_dirs: options.schema_dirs,
        http_listen: options.http_listen,
        new_key: options.new_key,
        voice: Voice::Log(options.log),
        crash_at: options.crash_at,
    };
    let code = runtime.block_on(async {
        let mut signals = Signals::catch()?;
        let running = start(&options, Some(&signals)).await?;
        if signals.received().is_none() {
            say_ready(&running.ready_line(&options));
        }
        let code = match shell {
            None => {
                let name = signals.wait().await;
                tracing::info!("{name}: draining");
                0
            }
            Some(shell) => tokio::select! {
                // As `annunciator shell` ends; one without an outcome met a fault of its own.
                outcome = shell_on(&running, shell)? => outcome.map_or(1, client::Outcome::exit_code),
                name = signals.wait() => {
                    tracing::info!("{name}: draining");
                    0
                }
            },
        };
        match running.drain(DRAIN_DEADLINE).await {
            Ok(()) => Ok(code),
            Err(late) => Err(Stopped::failed("stop in time", format!("still running: {}", late.join(", ")))),
        }
    });
    // A thread that waits for a key in a terminal has nothing to finish.
    runtime.shutdown_background();
    code
}

/// Says on standard output that the element is ready, and in the log, unless both are the same place.
fn say_ready(said: &str) {
    let mut out = std::io::stdout();
    if !is_same_file(out.as_fd(), std::io::stderr().as_fd()) {
        tracing::info!("{said}");
    }
    // Whoever started the element may have closed its output; it runs all the same.
    drop(writeln!(out, "{said}").and_then(|()| out.flush()));
}

fn is_same_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let identity = |file: BorrowedFd<'_>| {
        let about = File::from(file.try_clone_to_owned().ok()?).metadata().ok()?;
        Some((about.dev(), about.ino()))
    };
    matches!((identity(one), identity(other)), (Some(one), Some(other)) if one == other)
}

/// Builds the runtime of faces and tasks: as many workers as a small machine has cores.
///
/// # Errors
/// When the system starts no thread.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Stopped> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Stopped::failed("start the runtime", e))
}

/// Opens a shell on a running element in this terminal; the future ends when it is left.
///
/// # Errors
/// When the system gives no socket pair or thread.
pub(super) fn shell_on(
    running: &Running,
    options: client::Options,
) -> Result<impl Future<Output = Option<client::Outcome>>, Stopped> {
    let failed = |e: std::io::Error| Stopped::failed("open a shell in this terminal", e);
    let (near, far) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
    far.set_nonblocking(true).map_err(failed)?;
    running.sessions.attach(UnixStream::from_std(far).map_err(failed)?);
    let (left, leaving) = tokio::sync::oneshot::channel();
    let client = move || {
        // The element may have stopped first; then nobody waits for the outcome.
        left.send(client::run_on(near, &options)).ok();
    };
    std::thread::Builder::new().name("shell client".to_owned()).spawn(client).map_err(failed)?;
    Ok(async move { leaving.await.ok() })
}
