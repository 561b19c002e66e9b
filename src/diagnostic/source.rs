//! Texts that diagnostics point into, places in them, and what of them no excerpt may show.

use super::printable;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

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

    /// Returns the text up to an offset as a source of its own, with what is concealed in it.
    #[must_use]
    pub fn up_to(&self, end: usize) -> Arc<Self> {
        let text = self.text.get(..end).unwrap_or(&self.text);
        let concealed = self.concealed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Arc::new(Self { name: self.name.clone(), text: text.to_owned(), concealed: Mutex::new(concealed) })
    }

    /// Returns the first concealed place of `start..end`.
    fn concealed_from(&self, start: usize, end: usize) -> Option<usize> {
        let concealed = self.concealed.lock().unwrap_or_else(PoisonError::into_inner);
        let overlapping = concealed.iter().filter(|range| range.start < end.min(range.end) && start < range.end);
        overlapping.map(|range| range.start.max(start)).min()
    }

    /// Returns a line as people may see it: without what steers a terminal, and with `*` for what is concealed.
    pub(super) fn shown_line(&self, line: usize) -> String {
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

    /// Returns the text pointed at in two, where part of it is concealed: what stands before that, and all from there
    /// on, which no message may quote.
    pub(super) fn concealed_text(&self) -> Option<(&str, &str)> {
        let text = self.source.text().get(self.start..self.end).filter(|text| !text.is_empty())?;
        let first = self.source.concealed_from(self.start, self.end)?;
        text.split_at_checked(first - self.start)
    }
}

impl fmt::Display for Span {
    /// Writes `file:line:column`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name())
    }
}
