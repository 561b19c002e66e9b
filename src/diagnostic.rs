//! What a person is told when input is refused: a message, a place, a data path and a hint.
//!
//! Diagnostics are collected, not returned at the first: whoever reads input pushes into a
//! [`Diagnostics`] and goes on, so that all faults of a file are told in one go.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gravity {
    /// Told, and the work goes on.
    Warning,
    /// The input is refused.
    Error,
}

/// A text that diagnostics point into: a file, a command line, a schema module.
pub struct Source {
    name: String,
    text: String,
    /// Stretches that no excerpt shows.
    concealed: Mutex<Vec<Range<usize>>>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for Source {}

impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, &self.text).hash(state);
    }
}

impl fmt::Debug for Source {
    /// Names the source without its text, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.name, self.text.len())
    }
}

impl Source {
    /// Builds a source from the name a person knows it by and its text.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), concealed: Mutex::default() })
    }

    /// Returns the name a person knows this text by (a file path, usually).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns line and column of a byte offset, both from 1, the column in characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// Keeps a stretch out of every excerpt, those of diagnostics made before included: it holds a secret in clear.
    pub fn conceal(&self, stretch: Range<usize>) {
        self.concealed.lock().unwrap_or_else(PoisonError::into_inner).push(stretch);
    }

    /// Returns a line as people may see it: without what steers a terminal, and with `*` for what is concealed.
    fn shown_line(&self, line: usize) -> String {
        let start = match line.saturating_sub(2) {
            _ if line <= 1 => 0,
            nth => self.text.match_indices('\n').nth(nth).map_or(self.text.len(), |(at, _)| at + 1),
        };
        let text = self.text.get(start..).and_then(|rest| rest.split('\n').next()).unwrap_or("");
        let concealed = self.concealed.lock().unwrap_or_else(PoisonError::into_inner);
        let here: Vec<&Range<usize>> =
            concealed.iter().filter(|range| range.start < start + text.len() && start < range.end).collect();
        let shown: String = text
            .trim_end_matches('\r')
            .char_indices()
            .map(|(at, c)| if here.iter().any(|range| range.contains(&(start + at))) { '*' } else { c })
            .collect();
        printable(&shown)
    }
}

/// A stretch of a [`Source`], in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Span {
    /// The text pointed into.
    pub source: Arc<Source>,
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// Points at `start..end` of a source.
    #[must_use]
    pub fn new(source: &Arc<Source>, start: usize, end: usize) -> Self {
        Self { source: Arc::clone(source), start, end }
    }

    /// Keeps the stretch out of every excerpt: see [`Source::conceal`].
    pub fn conceal(&self) {
        self.source.conceal(self.start..self.end);
    }

    /// Returns line and column of the start, both from 1.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        self.source.line_column(self.start)
    }
}

impl fmt::Display for Span {
    /// Writes `file:line:column`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name())
    }
}

/// One thing that a person is told about their input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the input is refused because of it.
    pub gravity: Gravity,
    /// What is wrong and what was expected: lower case, no full stop, names in backticks.
    pub message: String,
    /// Where in the input, when the input is a text.
    pub span: Option<Span>,
    /// Where in the data tree, as a data path.
    pub data_path: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The machine's name for the fault: the `error-app-tag` of RFC 7950 §15 or of the schema.
    pub app_tag: Option<Box<str>>,
}

impl Diagnostic {
    /// Builds an error.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            gravity: Gravity::Error,
            message: message.into(),
            span: None,
            data_path: None,
            hint: None,
            app_tag: None,
        }
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
        self.hint = Some(hint.into());
        self
    }

    /// Gives the machine's name for the fault.
    #[must_use]
    pub fn app_tag(mut self, app_tag: impl Into<Box<str>>) -> Self {
        self.app_tag = Some(app_tag.into());
        self
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
        write!(f, "{word}: {}", printable(&self.message))?;
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
            write!(f, "\n  path: {}", printable(path))?;
        }
        if let Some(app_tag) = &self.app_tag {
            write!(f, "\n  error-app-tag: {}", printable(app_tag))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", printable(hint))?;
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

/// Returns the text with control characters replaced one for one, so that input cannot steer the reader's terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' { if c == '\t' { ' ' } else { '\u{fffd}' } } else { c })
        .collect()
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
        if self.list.len() < DIAGNOSTICS_MAX {
            self.list.push(diagnostic);
        } else {
            self.dropped += 1;
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
            write!(f, "\n\n… and {} more", self.dropped)?;
        }
        Ok(())
    }
}

/// Longest word for which a neighbour is looked for: edit distance is quadratic.
const NEAREST_CHARS_MAX: usize = 64;

/// Returns the candidate that is a likely misspelling of `written`.
#[must_use]
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = written.chars().count();
    if length == 0 || length > NEAREST_CHARS_MAX {
        return None;
    }
    let allowed = match length {
        1..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .filter(|c| c.chars().count().abs_diff(length) <= allowed)
        .map(|c| (edit_distance(written, c), c))
        .filter(|(distance, _)| *distance <= allowed && *distance < length)
        .min()
        .map(|(_, c)| c)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let mut cost = (row[j] + usize::from(ca != *cb)).min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && Some(*cb) == previous && ca == b[j - 1] {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        before = row;
        row = next;
        previous = Some(ca);
    }
    row[b.len()]
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
    fn a_swapped_pair_is_one_edit() {
        assert_eq!(edit_distance("prot", "port"), 1);
        assert_eq!(nearest("x", ["port"]), None);
    }
}
