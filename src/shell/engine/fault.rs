//! Why a command did not do what it says, and how that is told.

use crate::codec::path_words;
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span, printable};
use crate::shell::{Terminal, TerminalError};
use crate::tree::DataPath;
use crate::yang::SchemaTree;
use std::sync::Arc;

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
    /// Stretches of the line that hold a secret in clear.
    pub(super) secrets: &'a [(usize, usize)],
}

impl Telling<'_> {
    /// Tells a fault. A terminal that is gone need not be told.
    pub(super) fn tell(&self, fault: Fault, terminal: &mut dyn Terminal, is_terminal: bool) {
        let text = if is_terminal { self.for_terminal(fault) } else { self.for_script(fault) };
        terminal.write_error(&text).ok();
    }

    fn for_terminal(&self, fault: Fault) -> String {
        match fault {
            Fault::Syntax(diagnostics) => each(&diagnostics, |d| self.caret(d)),
            Fault::Failed(diagnostic) => with_hint(&format!("Error: {}", diagnostic.message), &diagnostic),
            Fault::Aborted(diagnostics) => each(&diagnostics, |d| self.aborted(d)),
            Fault::Input(diagnostics) => format!("{diagnostics}\n"),
            Fault::Terminal(TerminalError::Interrupted) => "Aborted: by user\n".to_owned(),
            Fault::Terminal(error) => format!("Error: {error}\n"),
        }
    }

    /// Dashes up to the place, then what is wrong there.
    fn caret(&self, diagnostic: &Diagnostic) -> String {
        let said = format!("syntax error: {}", diagnostic.message);
        let Some(span) = &diagnostic.span else { return with_hint(&said, diagnostic) };
        let (_, column) = span.line_column();
        let dashes = "-".repeat(self.prompt_width + column - 1);
        with_hint(&format!("{dashes}^\n{said}"), diagnostic)
    }

    fn aborted(&self, diagnostic: &Diagnostic) -> String {
        let said = match &diagnostic.data_path {
            Some(path) => format!("Aborted: '{}': {}", self.words(path), diagnostic.message),
            None => format!("Aborted: {}", diagnostic.message),
        };
        with_hint(&said, diagnostic)
    }

    /// Writes a data path as a person types it.
    fn words(&self, path: &str) -> String {
        match DataPath::parse(self.schema, path) {
            Ok(path) => path_words(self.schema, &path),
            Err(_) => path.to_owned(),
        }
    }

    fn for_script(&self, fault: Fault) -> String {
        let all: Diagnostics = match fault {
            Fault::Syntax(all) => all.into_iter().map(|d| self.masked(d)).fold(Diagnostics::new(), collect),
            Fault::Failed(diagnostic) => self.masked(diagnostic).into(),
            Fault::Aborted(all) | Fault::Input(all) => all,
            Fault::Terminal(error) => Diagnostic::error(error.to_string()).into(),
        };
        format!("{all}\n")
    }

    /// Points into a copy of the line without its secrets, and without what follows the place: that was not yet
    /// understood and may hold one.
    fn masked(&self, diagnostic: Diagnostic) -> Diagnostic {
        let Some(span) = diagnostic.span.clone() else { return diagnostic };
        let text: String = span
            .source
            .text()
            .char_indices()
            .take_while(|(at, _)| *at < span.end.max(span.start + 1))
            .map(|(at, c)| {
                let hidden = self.secrets.iter().any(|(start, end)| *start <= at && at < *end);
                if hidden { "*".repeat(c.len_utf8()) } else { c.to_string() }
            })
            .collect();
        let source: Arc<Source> = Source::new(span.source.name(), text);
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
        dropped => format!("{text}… and {dropped} more\n"),
    }
}

fn with_hint(said: &str, diagnostic: &Diagnostic) -> String {
    let said = printable(said);
    match &diagnostic.hint {
        Some(hint) => format!("{said}\nhint: {}\n", printable(hint)),
        None => format!("{said}\n"),
    }
}
