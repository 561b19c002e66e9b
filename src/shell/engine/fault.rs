//! Why a command did not do what it says, and how that is told.

use crate::codec::path_words;
use crate::diagnostic::{Diagnostic, Diagnostics, MESSAGE_CHARS_MAX, Span, printable, shortened};
use crate::shell::{Terminal, TerminalError};
use crate::tree::DataPath;
use crate::yang::SchemaTree;

/// Why a command was refused or failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The line is not a command, or what it says cannot stand there.
    Syntax(Diagnostics),
    /// The command cannot be done.
    Failed(Diagnostic),
    /// A transaction was refused.
    Aborted(Diagnostics),
    /// A file says what cannot be.
    Input(Diagnostics),
    /// The person gave up, or cannot be asked.
    Terminal(TerminalError),
}

impl From<Diagnostic> for Fault {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Syntax(diagnostic.into())
    }
}

impl From<TerminalError> for Fault {
    fn from(error: TerminalError) -> Self {
        Self::Terminal(error)
    }
}

impl Fault {
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(Diagnostic::error(message))
    }

    pub(super) fn aborted(message: impl Into<String>) -> Self {
        Self::Aborted(Diagnostic::error(message).into())
    }
}

/// How a fault of one line is told.
pub(super) struct Telling<'a> {
    pub(super) schema: &'a SchemaTree,
    /// Characters in front of the line on the screen.
    pub(super) prompt_width: usize,
}

impl Telling<'_> {
    /// Tells a fault. A terminal that is gone need not be told.
    pub(super) fn tell(&self, fault: Fault, terminal: &mut dyn Terminal, is_terminal: bool) {
        let text = if is_terminal { self.for_terminal(fault) } else { Self::for_script(fault) };
        terminal.write_error(&text).ok();
    }

    fn for_terminal(&self, fault: Fault) -> String {
        match fault {
            Fault::Syntax(diagnostics) => each(&diagnostics, |d| self.caret(d)),
            Fault::Failed(diagnostic) => with_hint(&format!("Error: {}", diagnostic.shown_message()), &diagnostic),
            Fault::Aborted(diagnostics) => each(&diagnostics, |d| self.aborted(d)),
            Fault::Input(diagnostics) => format!("{diagnostics}\n"),
            Fault::Terminal(TerminalError::Interrupted) => "Aborted: by user\n".to_owned(),
            Fault::Terminal(error) => format!("Error: {error}\n"),
        }
    }

    /// Dashes up to the place, then what is wrong there.
    fn caret(&self, diagnostic: &Diagnostic) -> String {
        let said = format!("syntax error: {}", diagnostic.shown_message());
        let Some(span) = &diagnostic.span else { return with_hint(&said, diagnostic) };
        let (_, column) = span.line_column();
        let dashes = "-".repeat(self.prompt_width + column - 1);
        with_hint(&format!("{dashes}^\n{said}"), diagnostic)
    }

    fn aborted(&self, diagnostic: &Diagnostic) -> String {
        let said = match &diagnostic.data_path {
            Some(path) => format!("Aborted: '{}': {}", self.words(path), diagnostic.shown_message()),
            None => format!("Aborted: {}", diagnostic.shown_message()),
        };
        with_hint(&said, diagnostic)
    }

    /// Writes a data path as a person types it.
    fn words(&self, path: &str) -> String {
        match DataPath::parse(self.schema, path) {
            Ok(path) => shortened(&path_words(self.schema, &path), MESSAGE_CHARS_MAX).into_owned(),
            Err(_) => shortened(path, MESSAGE_CHARS_MAX).into_owned(),
        }
    }

    fn for_script(fault: Fault) -> String {
        let all: Diagnostics = match fault {
            Fault::Syntax(all) => all.into_iter().map(Self::cut).fold(Diagnostics::new(), collect),
            Fault::Failed(diagnostic) => Self::cut(diagnostic).into(),
            Fault::Aborted(all) | Fault::Input(all) => all,
            Fault::Terminal(error) => Diagnostic::error(error.to_string()).into(),
        };
        format!("{all}\n")
    }

    /// Points into a copy of the line without what follows the place: that was not yet understood and may hold a secret.
    fn cut(diagnostic: Diagnostic) -> Diagnostic {
        let Some(span) = diagnostic.span.clone() else { return diagnostic };
        let source = span.source.up_to(span.end.max(span.start + 1));
        diagnostic.at(Span::new(&source, span.start, span.end))
    }
}

fn collect(mut all: Diagnostics, diagnostic: Diagnostic) -> Diagnostics {
    all.push(diagnostic);
    all
}

fn each(diagnostics: &Diagnostics, tell: impl Fn(&Diagnostic) -> String) -> String {
    let text: String = diagnostics.iter().map(tell).collect();
    match diagnostics.dropped() {
        0 => text,
        dropped => format!("{text}… and {dropped} more that are not shown\n"),
    }
}

fn with_hint(said: &str, diagnostic: &Diagnostic) -> String {
    let said = printable(said);
    match diagnostic.shown_hint() {
        Some(hint) => format!("{said}\nhint: {hint}\n"),
        None => format!("{said}\n"),
    }
}
