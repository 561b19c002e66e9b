//! The J-style shell: its language runs in the daemon, `annunciator shell` is a line editor in front of it.
//!
//! * [`Interpreter`]: the language, one per session; `engine` implements it.
//! * [`Terminal`]: what a running command sees of the person in front of it; the socket server, the demo and tests implement it.
//!
//! **Invariants**: files named in a command are the client's, never opened with the daemon's rights; a session that
//! goes away interrupts its command and discards its candidate.

pub mod client;
pub mod engine;
pub mod protocol;
pub mod server;
mod socket_path;

pub use socket_path::{SOCKET_PATH_BYTES_MAX, SocketPathTooLong};

use crate::diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

/// What the far end says of itself when it connects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the event protocol that it speaks.
    pub version: u32,
    /// Whether a person sits there: prompts, status lines and notices are wanted.
    pub is_terminal: bool,
    /// Columns and rows, when it is a terminal.
    pub size: Option<(u16, u16)>,
    /// How it came: `console`, `script`, `command`.
    pub via: String,
    /// Whether colour may be used.
    pub colour: bool,
}

/// What a client may say of how it came.
pub const VIAS: [&str; 3] = ["console", "script", "command"];

/// How a client came that says anything else.
pub const OTHER_VIA: &str = "other";

/// How a command line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It did what it says.
    Done,
    /// It was refused or failed.
    Failed,
    /// It ended the session.
    Closed,
}

/// What stands in front of the line being typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Lines above the prompt (the `[edit …]` banner), without the last newline; empty for none.
    pub banner: String,
    /// The prompt itself.
    pub text: String,
    /// `operational` or `configuration`: history is kept for each.
    pub mode: String,
    /// Whether there are edits that the end of the session would discard.
    #[serde(default)]
    pub has_edits: bool,
}

/// Says that edits end with a session that nobody can be asked in; told on standard error.
#[must_use]
pub fn discarded() -> Diagnostic {
    Diagnostic::warning("uncommitted changes are discarded")
        .hint("`commit` puts them into force; `exit no-confirm` discards them without this warning")
}

/// One way to go on, for completion and help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The text that would stand in the line, quoted if it must be; empty for a mere remark such as `<hostname>`.
    pub text: String,
    /// What is shown for it.
    pub display: String,
    /// One line of help.
    pub help: String,
}

/// Answer to a completion or help request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidates {
    /// Byte offset in the line from which a candidate's text replaces what is typed.
    pub start: usize,
    /// In the order shown; bounded by [`CANDIDATES_MAX`].
    pub list: Vec<Candidate>,
    /// How many more there are.
    pub more: usize,
    /// What is wrong with the line before the cursor, when nothing can follow it.
    pub fault: Option<String>,
}

/// Candidates sent at most: two screens; a person types another letter rather than reading on.
pub const CANDIDATES_MAX: usize = 100;

/// How an answer is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskKind {
    /// One line, seen, kept out of history.
    Line,
    /// One line, masked, kept out of history.
    Secret,
    /// Lines up to Ctrl-D.
    Multiline,
    /// `yes` or `no`.
    YesNo,
}

/// Why a command cannot go on with its terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TerminalError {
    /// Ctrl-C, or the far end went away.
    #[error("interrupted")]
    Interrupted,
    /// There is nobody to ask: not a terminal.
    #[error("this needs an answer, and there is no terminal to ask")]
    NotInteractive,
}

/// What a running command sees of the person or script in front of it.
pub trait Terminal {
    /// Returns what the far end said of itself, with its present size.
    fn hello(&self) -> Hello;

    /// Writes output; waits while the far end does not read.
    ///
    /// # Errors
    /// [`TerminalError::Interrupted`]: the command ends as soon as it can.
    fn write(&mut self, text: &str) -> Result<(), TerminalError>;

    /// Writes what is wrong: kept apart from output, so that a script's output is only what it asked for.
    ///
    /// # Errors
    /// When the far end went away; after Ctrl-C a command may still say that it was interrupted.
    fn write_error(&mut self, text: &str) -> Result<(), TerminalError> {
        self.write(text)
    }

    /// Says whether the running command's output may stop at each full screen; it may unless told otherwise.
    fn paginate(&mut self, _wanted: bool) {}

    /// Says whether a blank completes the word in front of it; it does unless told otherwise.
    fn complete_on_space(&mut self, _wanted: bool) {}

    /// Keeps the running line out of the far end's history: it holds a secret in clear.
    fn forget_line(&mut self) {}

    /// Asks a question and waits for the answer; for yes or no the answer is `yes` or `no`.
    ///
    /// # Errors
    /// When interrupted, or when nobody can answer.
    fn ask(&mut self, kind: AskKind, prompt: &str) -> Result<String, TerminalError>;

    /// Reads a file with the far end's rights, at most `bytes_max` of it.
    ///
    /// # Errors
    /// What to tell the person, when it cannot be read.
    fn read_file(&mut self, path: &str, bytes_max: usize) -> Result<String, String>;

    /// Writes a file with the far end's rights, atomically.
    ///
    /// # Errors
    /// What to tell the person, when it cannot be written.
    fn write_file(&mut self, path: &str, content: &str) -> Result<(), String>;

    /// Returns whether Ctrl-C was pressed or the far end went away since the command began.
    fn is_interrupted(&self) -> bool;
}

/// The shell's language, one value per session.
pub trait Interpreter: Send {
    /// Returns what to show in front of the next line.
    fn prompt(&self) -> Prompt;

    /// Runs one line. Faults are told on the terminal; the result says whether to go on.
    fn line(&mut self, line: &str, terminal: &mut dyn Terminal) -> Status;

    /// Returns how the word at byte offset `position` may go on.
    fn complete(&mut self, line: &str, position: usize) -> Candidates;

    /// Returns what may stand at byte offset `position`, for `?`.
    fn help(&mut self, line: &str, position: usize) -> Candidates;
}
