//! The person's side of the shell: a line editor for a terminal, a line feeder for scripts, both in front of a daemon.
//!
//! ```text
//! run ── connect ── run_on ─┬─ a terminal: interactive (keys, completion, pager, history, files)
//!                           └─ anything else: batch (files)
//! ```
//!
//! **Invariants**: a file is touched only when the person named it in the line that runs; what was typed as a secret
//! enters no history; without a terminal nothing but output is on standard output, and nothing runs after an error.

mod batch;
mod colours;
mod comments;
mod completion;
mod files;
mod history;
mod interactive;
mod keys;
mod link;
mod pager;
mod terminal;

use super::protocol::{self, FrameError, FromClient, FromDaemon};
use super::{Hello, Prompt, SOCKET_PATH_BYTES_MAX, socket_path};
use crate::diagnostic::{Diagnostic, printable};
use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the daemon may take to welcome a session: it makes an interpreter meanwhile.
const WELCOME_WITHIN: Duration = Duration::from_secs(10);

/// Returns columns and rows of the terminal, where there is one.
#[must_use]
pub fn terminal_size() -> Option<(u16, u16)> {
    interactive::terminal_size()
}

/// Where the lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The terminal when there is one, else standard input.
    Standard,
    /// These lines.
    Commands(Vec<String>),
    /// A file's lines.
    File(PathBuf),
}

/// How the client behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the lines come from.
    pub input: Input,
    /// Whether output stops at each full screen of a terminal.
    pub pager: bool,
    /// Whether colour may be used.
    pub colour: bool,
    /// Where history is kept: `$XDG_STATE_HOME/annunciator` or `~/.local/state/annunciator`; `None` keeps none.
    pub history_folder: Option<PathBuf>,
    /// What `~` means in a file name.
    pub home: Option<PathBuf>,
}

/// How the client ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All lines did what they say, or the person left.
    Done,
    /// A line failed; those behind it were not run.
    Failed,
    /// The daemon cannot be reached, refused the session, or went away.
    Unreachable,
    /// Nobody reads the output any more.
    OutputClosed,
    /// The output cannot be written: the device is full, say.
    OutputFailed,
}

impl Outcome {
    /// Returns the exit code: 0, 1 or 2, and for a closed output what the shell shows for `SIGPIPE`.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unreachable | Self::OutputFailed => 1,
            Self::Failed => 2,
            Self::OutputClosed => 141,
        }
    }
}

/// Connects to the daemon on `socket` and runs the lines of `options.input` there.
#[must_use]
pub fn run(socket: &Path, options: &Options) -> Outcome {
    if let Err(too_long) = socket_path::check(socket, SOCKET_PATH_BYTES_MAX) {
        complain(&Diagnostic::error(too_long.to_string()).hint(socket_path::TOO_LONG_HINT));
        return Outcome::Unreachable;
    }
    match UnixStream::connect(socket) {
        Ok(stream) => run_on(stream, options),
        Err(error) => {
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => "the socket belongs to the user that the daemon runs as",
                _ => "start a daemon with `annunciator run`, or name the socket of one that runs",
            };
            let message = format!("no daemon can be reached on `{}`: {error}", socket.display());
            complain(&Diagnostic::error(message).hint(hint));
            Outcome::Unreachable
        }
    }
}

/// Runs the lines of `options.input` on a connection, which may be one end of a socket pair within this process.
///
/// When the daemon goes away while a person sits at the prompt, a thread that waits for a key is left behind: the
/// process is expected to end.
#[must_use]
pub fn run_on(stream: UnixStream, options: &Options) -> Outcome {
    let has_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let lines = match &options.input {
        Input::Standard if has_terminal => None,
        Input::Standard => Some(batch::Lines::standard_input()),
        Input::Commands(commands) => Some(batch::Lines::commands(commands)),
        Input::File(path) => match batch::Lines::file(path) {
            Ok(lines) => Some(lines),
            Err(error) => {
                complain(&Diagnostic::error(format!("cannot read `{}`: {error}", path.display())));
                return Outcome::Failed;
            }
        },
    };
    let outcome = match lines {
        None => interactive::run(stream, options),
        Some(mut lines) => {
            let is_terminal = io::stdout().is_terminal();
            let mut outputs = batch::Outputs { out: &mut io::stdout().lock(), is_terminal, err: &mut io::stderr() };
            batch::run(stream, options, &mut lines, &mut outputs)
        }
    };
    outcome.unwrap_or_else(|lost| {
        complain(&lost.diagnostic());
        Outcome::Unreachable
    })
}

/// The session is over before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lost(String);

impl Lost {
    fn diagnostic(&self) -> Diagnostic {
        Diagnostic::error(format!("the shell session ended: {}", self.0))
    }

    /// Says why, for a goodbye.
    fn goodbye(reason: &str) -> Self {
        Self(if reason.is_empty() { "the daemon closed it".to_owned() } else { printable(reason) })
    }

    /// Says why, for what came in place of a message.
    fn instead_of_message(error: Option<FrameError>) -> Self {
        Self(error.map_or_else(|| "the daemon is gone".to_owned(), |error| error.to_string()))
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self(format!("the daemon is gone: {error}"))
    }
}

/// What the daemon said when it opened the session.
#[derive(Debug)]
struct Welcome {
    node: String,
    user: String,
    prompt: Prompt,
}

/// Says hello and waits for the welcome and the first prompt.
fn greet(stream: &mut UnixStream, hello: Hello) -> Result<Welcome, Lost> {
    stream.set_read_timeout(Some(WELCOME_WITHIN))?;
    if let Err(lost) = send(stream, &FromClient::Hello(hello)) {
        return Err(parting(stream, lost));
    }
    let (node, user) = match receive(stream)? {
        FromDaemon::Welcome { version, node, user, .. } if version == protocol::VERSION => (node, user),
        FromDaemon::Welcome { version, .. } => {
            return Err(Lost(format!(
                "the daemon speaks version {version} of the shell protocol, this client version {}: use the same release",
                protocol::VERSION
            )));
        }
        FromDaemon::Goodbye { reason } => return Err(Lost::goodbye(&reason)),
        _ => return Err(Lost("the daemon's first message was no welcome".to_owned())),
    };
    let prompt = loop {
        match receive(stream)? {
            FromDaemon::Prompt(prompt) => break prompt,
            FromDaemon::Goodbye { reason } => return Err(Lost::goodbye(&reason)),
            _ => {}
        }
    };
    stream.set_read_timeout(None)?;
    Ok(Welcome { node, user, prompt })
}

/// Returns what the daemon said when it left; `unsaid` when it left without a word.
fn parting(stream: &mut UnixStream, unsaid: Lost) -> Lost {
    while let Ok(message) = receive(stream) {
        if let FromDaemon::Goodbye { reason } = message {
            return Lost::goodbye(&reason);
        }
    }
    unsaid
}

fn receive(stream: &mut UnixStream) -> Result<FromDaemon, Lost> {
    match protocol::read(stream) {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(Lost::instead_of_message(None)),
        Err(error) => Err(Lost::instead_of_message(Some(error))),
    }
}

fn send(stream: &mut UnixStream, message: &FromClient) -> Result<(), Lost> {
    let frame = protocol::encode(message).map_err(|error| Lost(error.to_string()))?;
    Ok(stream.write_all(&frame)?)
}

/// Tells the person what is wrong, on standard error.
fn complain(diagnostic: &Diagnostic) {
    // In one piece: the editor may be drawing its prompt. When standard error is closed there is nobody to tell.
    drop(io::stderr().write_all(format!("{diagnostic}\n").as_bytes()));
}

/// Runs lines as a script and returns what came out of it.
#[cfg(test)]
pub(crate) fn feed_for_tests(stream: UnixStream, lines: &str) -> (Outcome, String, String) {
    let options = Options { input: Input::Standard, pager: false, colour: false, history_folder: None, home: None };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut outputs = batch::Outputs { out: &mut out, is_terminal: false, err: &mut err };
    let outcome = batch::run(stream, &options, &mut batch::Lines::text("script", lines), &mut outputs);
    let outcome = outcome.unwrap_or_else(|lost| {
        drop(writeln!(err, "{}", lost.diagnostic()));
        Outcome::Unreachable
    });
    (outcome, String::from_utf8_lossy(&out).into_owned(), String::from_utf8_lossy(&err).into_owned())
}
