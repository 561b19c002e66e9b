//! What a person is told when input is refused: a message, a place, a data path and a hint.
//!
//! Diagnostics are collected, not returned at the first: whoever reads input pushes into a
//! [`Diagnostics`] and goes on, so that all faults of a file are told in one go.

mod nearest;
mod seldom;
mod source;
mod text;

pub use nearest::{nearest, nearest_within};
pub use seldom::Seldom;
pub use source::{Source, Span};
pub use text::{MESSAGE_CHARS_MAX, NAME_CHARS_MAX, is_steering, printable, shortened};

use std::fmt;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gravity {
    /// Told, and the work goes on.
    Warning,
    /// The input is refused.
    Error,
}

/// One thing that a person is told about their input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the input is refused because of it.
    pub gravity: Gravity,
    /// What is wrong and what was expected: lower case, no full stop, names in backticks. It may quote what the source
    /// conceals: whoever tells people takes [`Diagnostic::shown_message`].
    pub message: String,
    /// Where in the input, when the input is a text.
    pub span: Option<Span>,
    /// Where in the data tree, as a data path.
    pub data_path: Option<String>,
    /// What to do about it; people are told [`Diagnostic::shown_hint`].
    pub hint: Option<String>,
    /// The machine's name for the fault: the `error-app-tag` of RFC 7950 §15 or of the schema. Not among what
    /// people are shown.
    pub app_tag: Option<Box<str>>,
}

impl Diagnostic {
    /// Builds an error.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        let message = text::bounded(message.into());
        Self { gravity: Gravity::Error, message, span: None, data_path: None, hint: None, app_tag: None }
    }

    /// Builds a warning.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self { gravity: Gravity::Warning, ..Self::error(message) }
    }

    /// Says where in the input.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Says where in the input, when that is known.
    #[must_use]
    pub fn at_maybe(mut self, span: Option<Span>) -> Self {
        self.span = span.or(self.span);
        self
    }

    /// Says where in the data tree.
    #[must_use]
    pub fn on(mut self, data_path: impl Into<String>) -> Self {
        self.data_path = Some(data_path.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(text::bounded(hint.into()));
        self
    }

    /// Gives the machine's name for the fault.
    #[must_use]
    pub fn app_tag(mut self, app_tag: impl Into<Box<str>>) -> Self {
        self.app_tag = Some(app_tag.into());
        self
    }

    /// Says what to do about it, when that is known.
    #[must_use]
    pub fn hint_maybe(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// Returns the message as people may see it: without what steers a terminal, and with `*` where it quotes
    /// something that its source conceals.
    #[must_use]
    pub fn shown_message(&self) -> String {
        self.shown(&self.message)
    }

    /// Returns the hint as people may see it.
    #[must_use]
    pub fn shown_hint(&self) -> Option<String> {
        self.hint.as_deref().map(|hint| self.shown(hint))
    }

    fn shown(&self, said: &str) -> String {
        match self.span.as_ref().and_then(Span::concealed_text) {
            Some((open, secret)) => printable(&text::masked(said, open, secret)),
            None => printable(said),
        }
    }

    /// Adds a did-you-mean hint when one of `candidates` is close to what was written.
    #[must_use]
    pub fn did_you_mean<'a>(self, written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(written, candidates) {
            Some(name) => {
                let hint = format!("did you mean `{name}`?");
                self.hint(hint)
            }
            None => self,
        }
    }

    /// Returns whether the input is refused because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.gravity == Gravity::Error
    }
}

/// Characters of a source line shown on either side of the place, so that a one-line file of megabytes stays readable.
const EXCERPT_CHARS_MAX: usize = 100;

impl fmt::Display for Diagnostic {
    /// Writes message, place with the source line and carets, data path and hint, without a trailing newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.gravity {
            Gravity::Error => "error",
            Gravity::Warning => "warning",
        };
        write!(f, "{word}: {}", self.shown_message())?;
        if let Some(span) = &self.span {
            let (line, column) = span.line_column();
            write!(f, "\n  --> {span}")?;
            let skipped = (column - 1).saturating_sub(EXCERPT_CHARS_MAX / 2);
            let shown = excerpt(&span.source.shown_line(line), skipped);
            if !shown.trim().is_empty() {
                let left = column - 1 - skipped;
                let width = span
                    .source
                    .text()
                    .get(span.start..span.end)
                    .map_or(1, |t| t.split('\n').next().unwrap_or("").chars().count());
                let room = shown.chars().count().saturating_sub(left).max(1);
                write!(f, "\n   | {shown}\n   | {}{}", " ".repeat(left), "^".repeat(width.clamp(1, room)))?;
            }
        }
        if let Some(path) = &self.data_path {
            write!(f, "\n  path: {}", printable(&shortened(path, MESSAGE_CHARS_MAX)))?;
        }
        if let Some(hint) = self.shown_hint() {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Returns so much of a line as a diagnostic shows, with `…` where it goes on.
fn excerpt(line: &str, skipped: usize) -> String {
    let goes_on = line.chars().nth(skipped + EXCERPT_CHARS_MAX).is_some();
    let shown = line.chars().skip(skipped).take(EXCERPT_CHARS_MAX).enumerate();
    let cut = |at: usize| (at == 0 && skipped > 0) || (at + 1 == EXCERPT_CHARS_MAX && goes_on);
    shown.map(|(at, c)| if cut(at) { '…' } else { c }).collect()
}

/// Faults kept for one piece of input: more than a person reads, and a bound on memory for hostile input.
pub const DIAGNOSTICS_MAX: usize = 200;

/// A bounded collection of diagnostics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    errors: usize,
    dropped: usize,
}

impl Diagnostics {
    /// Builds an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; past [`DIAGNOSTICS_MAX`] it is only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.is_error());
        if self.list.len() >= DIAGNOSTICS_MAX {
            self.dropped += 1;
            // An error that nobody sees is worse than a warning that nobody sees.
            let Some(weakest) = self.list.iter().rposition(|d| diagnostic.is_error() && !d.is_error()) else { return };
            self.list.remove(weakest);
        }
        self.list.push(diagnostic);
    }

    /// Counts some more that are not kept.
    pub fn drop_more(&mut self, count: usize) {
        self.dropped += count;
    }

    /// Adds all of another collection, those that it only counted included.
    pub fn append(&mut self, other: Self) {
        self.count_dropped(&other);
        self.extend(other);
    }

    /// Counts what another collection has counted and not kept.
    pub fn count_dropped(&mut self, other: &Self) {
        let kept = other.list.iter().filter(|diagnostic| diagnostic.is_error()).count();
        self.errors += other.errors.saturating_sub(kept);
        self.dropped += other.dropped;
    }

    /// Returns how many there are, for a last line: `3 errors`.
    #[must_use]
    pub fn summary(&self) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let errors = format!("{} error{}", self.errors, plural(self.errors));
        match self.dropped {
            0 => errors,
            dropped => format!("{errors}; {dropped} of all that is told are not shown: mend those above first"),
        }
    }

    /// Returns whether at least one is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Returns how many errors were pushed, those not kept included.
    #[must_use]
    pub fn error_count(&self) -> usize {
        self.errors
    }

    /// Returns whether nothing was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns those kept, in the order pushed.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Returns how many were counted but not kept.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Returns `Err(self)` when there are errors, else the value with the warnings.
    ///
    /// # Errors
    /// The collection itself, when it has an error.
    pub fn into_result<T>(self, value: T) -> Result<(T, Self), Self> {
        if self.has_errors() { Err(self) } else { Ok((value, self)) }
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, iter: I) {
        for diagnostic in iter {
            self.push(diagnostic);
        }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        let mut all = Self::new();
        all.push(diagnostic);
        all
    }
}

impl fmt::Display for Diagnostics {
    /// Writes all, an empty line between two, and how many more there were.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        if self.dropped > 0 {
            write!(f, "\n\n… and {} more that are not shown", self.dropped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_points_at_the_place_and_hints() {
        let source = Source::new("a.yaml", "filter:\n  severty: major\n");
        let said = Diagnostic::error("`severty` is not an element of `filter`")
            .at(Span::new(&source, 10, 17))
            .did_you_mean("severty", ["severities", "severity"])
            .to_string();
        assert_eq!(
            said,
            "error: `severty` is not an element of `filter`\n  --> a.yaml:2:3\n   |   severty: major\n   |   ^^^^^^^\nhint: did you mean `severity`?"
        );
    }

    #[test]
    fn what_is_concealed_is_in_no_excerpt() {
        let source = Source::new("a.conf", "user ann;\npassword s3cret; port x;\n");
        let diagnostic = Diagnostic::error("not a number").at(Span::new(&source, 31, 32));
        source.conceal(19..25);
        let text = diagnostic.to_string();
        assert!(text.contains("   | password ******; port x;\n   |                      ^"), "{text}");
    }

    #[test]
    fn a_long_line_shows_that_it_goes_on() {
        let text = format!("{}x{}", "a".repeat(100), "b".repeat(100));
        let source = Source::new("a.conf", text.as_str());
        let told = Diagnostic::error("no").at(Span::new(&source, 100, 101)).to_string();
        let shown = told.lines().nth(2).unwrap().trim_start_matches("   | ");
        assert!(shown.starts_with("…a") && shown.ends_with("b…"), "{told}");
        assert_eq!(shown.chars().count(), EXCERPT_CHARS_MAX);
        assert_eq!(told.lines().nth(3).unwrap().find('^'), told.lines().nth(2).unwrap().replace('…', ".").find('x'));
    }

    #[test]
    fn escape_sequences_in_input_do_not_reach_the_terminal() {
        assert!(!Diagnostic::error("bad `\u{1b}[2J`").to_string().contains('\u{1b}'));
    }

    #[test]
    fn errors_are_kept_before_warnings() {
        let mut all = Diagnostics::new();
        all.extend((0..DIAGNOSTICS_MAX).map(|at| Diagnostic::warning(at.to_string())));
        all.push(Diagnostic::error("wrong"));
        assert!(all.iter().any(Diagnostic::is_error) && all.iter().count() == DIAGNOSTICS_MAX);
        assert_eq!((all.dropped(), all.error_count()), (1, 1));
        all.push(Diagnostic::warning("odd"));
        assert_eq!(all.dropped(), 2);
    }

    #[test]
    fn what_is_only_counted_stays_counted() {
        let mut many = Diagnostics::new();
        (0..10_000).for_each(|_| many.push(Diagnostic::error("no")));
        let mut all = Diagnostics::from(Diagnostic::warning("yes"));
        all.append(many);
        assert_eq!((all.error_count(), all.iter().count(), all.dropped()), (10_000, DIAGNOSTICS_MAX, 9_801));
        assert_eq!(all.summary(), "10000 errors; 9801 of all that is told are not shown: mend those above first");
        assert_eq!(Diagnostics::from(Diagnostic::error("no")).summary(), "1 error");
    }

    #[test]
    fn a_message_does_not_quote_what_is_concealed() {
        let source = Source::new("a.conf", "password \"a b\" c;");
        source.conceal(9..17);
        let diagnostic =
            Diagnostic::error("unexpected `a b`: expected `;`").at(Span::new(&source, 9, 14)).hint("not `a`");
        assert_eq!(
            diagnostic.to_string(),
            "error: unexpected `*****`: expected `;`\n  --> a.conf:1:10\n   | password ********\n   |          ^^^^^\n\
             hint: not `*****`"
        );
    }
}
