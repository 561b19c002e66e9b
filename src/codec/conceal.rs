//! Where in a text a secret in clear may stand, whether or not the text can be read.
//!
//! A reader that understands a text conceals the values of secret leaves by their places. What this adds is for a text
//! that is faulty: whatever stands behind the name of a secret leaf, or behind something close to one, may be a secret.

use super::Format;
use crate::diagnostic::{Source, Span, nearest_within};
use crate::yang::SchemaTree;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// Letters of an abbreviation that is taken for the name of a secret leaf; fewer begin too much else.
const BEGUN_CHARS_MIN: usize = 3;

/// The names of a schema's secret leaves, and those of all its other nodes.
#[derive(Debug, Clone, Default)]
pub struct SecretNames {
    secret: Vec<Arc<str>>,
    others: HashSet<Arc<str>>,
}

impl SecretNames {
    /// Collects them.
    #[must_use]
    pub fn of(schema: &SchemaTree) -> Self {
        let (secret, others): (Vec<_>, Vec<_>) = schema.nodes().iter().partition(|node| node.is_secret());
        let mut secret: Vec<Arc<str>> = secret.into_iter().map(|node| Arc::clone(&node.name)).collect();
        secret.sort_unstable();
        secret.dedup();
        let others = others.into_iter().map(|node| Arc::clone(&node.name));
        Self { others: others.filter(|name| !secret.contains(name)).collect(), secret }
    }

    /// Takes words that are no names of the schema and mean something else, as those of commands do.
    #[must_use]
    pub fn knowing(mut self, words: impl IntoIterator<Item = &'static str>) -> Self {
        let others = words.into_iter().map(Arc::from).filter(|word| !self.secret.contains(word));
        self.others.extend(others.collect::<Vec<Arc<str>>>());
        self
    }

    /// Returns whether a word is the name of a secret leaf, an abbreviation or a misspelling of one.
    pub(super) fn is_near(&self, word: &str) -> bool {
        if self.others.contains(word) {
            return false;
        }
        let word = word.to_lowercase();
        let is_begun = word.chars().count() >= BEGUN_CHARS_MIN;
        self.secret.iter().any(|name| word.contains(&**name) || (is_begun && name.starts_with(&word)))
            || self.secret.iter().any(|name| {
                // A letter in four: `open` is no misspelling of `token`.
                nearest_within(&word, [&**name], (name.chars().count() / 4).max(1)).is_some()
            })
    }

    /// Returns the stretches of a text behind the names of secrets: the rest of the line, and where what is there is
    /// quoted, in brackets, or of YAML indented, so far as that goes.
    #[must_use]
    pub fn stretches(&self, text: &str, format: Format) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((start, end)) = next_word(text, at) {
            at = end;
            if !text.get(start..end).is_some_and(|word| self.is_near(word)) {
                continue;
            }
            if let Some(stretch) = behind(text, start, end, format) {
                at = stretch.end;
                found.push(stretch);
            }
        }
        found
    }

    /// Keeps what stands behind the name of a secret in one word of a text out of what is told; returns whether anything
    /// does.
    pub(super) fn conceal_in(&self, word: &Span) -> bool {
        let text = word.source.text().get(word.start..word.end).unwrap_or("");
        let text = text.trim_end_matches(['"', '\'']);
        let stretches = self.stretches(text, Format::Json);
        let has_any = !stretches.is_empty();
        for found in stretches {
            word.source.conceal(word.start + found.start..word.start + found.end);
        }
        has_any
    }

    /// Keeps what may be a secret out of what is told about a text that could not be read.
    pub fn conceal(&self, source: &Source, format: Format) {
        self.stretches(source.text(), format).into_iter().for_each(|stretch| source.conceal(stretch));
    }
}

/// Returns the next run of characters that names have.
fn next_word(text: &str, from: usize) -> Option<(usize, usize)> {
    let is_named = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let start = from + text.get(from..)?.find(is_named)?;
    let rest = text.get(start..)?;
    Some((start, start + rest.find(|c| !is_named(c)).unwrap_or(rest.len())))
}

/// Returns what may be the value of the name that stands at `name..end`.
fn behind(text: &str, name: usize, end: usize, format: Format) -> Option<Range<usize>> {
    let rest = text.get(end..)?;
    let between = |c: char| c.is_whitespace() || c == ':' || c == '=';
    // The quote that the name itself may stand in.
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start_matches(between);
    let first = rest.chars().next()?;
    let start = text.len() - rest.len();
    let length = match first {
        '"' | '\'' => quoted(rest, first),
        '[' | '{' => bracketed(rest),
        _ => 0,
    };
    // Lines of commands stand alone: what is not closed ends with its line, and hides none of those behind.
    let length = if format == Format::Set && length == rest.len() && !is_closed(rest, first) { 0 } else { length };
    let mut stop = line_end(text, start + length);
    if format == Format::Yaml {
        stop = indented(text, name, stop);
    }
    Some(start..stop)
}

fn line_end(text: &str, from: usize) -> usize {
    text.get(from..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| from + at)
}

/// Returns whether what begins a text, and goes on to its very end, is closed there.
fn is_closed(text: &str, open: char) -> bool {
    let close = match open {
        '[' => ']',
        '{' => '}',
        quote => quote,
    };
    text.chars().nth(1).is_some() && text.ends_with(close)
}

/// Returns the length of a quoted text, all that follows when it has no end.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if quote == '"' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns the length of what is in brackets, all that follows when they are not closed.
fn bracketed(text: &str) -> usize {
    let mut depth = 0usize;
    let mut rest = text;
    while let Some(at) = rest.find(['[', '{', ']', '}', '"']) {
        let here = rest.get(at..).unwrap_or("");
        let skipped = match here.chars().next() {
            Some('[' | '{') => {
                depth += 1;
                1
            }
            Some('"') => quoted(here, '"'),
            _ => {
                depth = depth.saturating_sub(1);
                1
            }
        };
        rest = here.get(skipped..).unwrap_or("");
        if depth == 0 {
            return text.len() - rest.len();
        }
    }
    text.len()
}

/// Goes on over the lines that are indented deeper than the name at `name`, or are items of a sequence beside it.
fn indented(text: &str, name: usize, from: usize) -> usize {
    let before = text.get(..name).unwrap_or("");
    let line = before.get(before.rfind('\n').map_or(0, |at| at + 1)..).unwrap_or("");
    let column = line.chars().take_while(|c| *c == ' ' || *c == '-').count();
    let mut stop = from;
    while let Some(next) = text.get(stop..).and_then(|rest| rest.strip_prefix('\n')) {
        let line = next.split('\n').next().unwrap_or("");
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if !content.is_empty() && indent <= column && !(indent == column && content.starts_with('-')) {
            break;
        }
        stop += 1 + line.len();
    }
    stop
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yang::builtin_schema;
    use proptest::prelude::*;

    fn masked(text: &str, format: Format) -> String {
        let names = SecretNames::of(&builtin_schema().unwrap());
        let stretches = names.stretches(text, format);
        let shown = text.char_indices().map(|(at, c)| match c {
            c if c.is_whitespace() => c,
            _ if stretches.iter().any(|stretch| stretch.contains(&at)) => '*',
            c => c,
        });
        shown.collect()
    }

    #[test]
    fn what_follows_the_name_of_a_secret_on_its_line_is_concealed() {
        for (text, shown) in [
            ("set http-basic-authn password P17 x\nset a", "set http-basic-authn password *** *\nset a"),
            ("set pasword P17", "set pasword ***"),
            ("set passw P17", "set passw ***"),
            ("set PASSWORD P17", "set PASSWORD ***"),
            ("set passwords P17", "set passwords ***"),
            ("set password \"P17", "set password ****"),
            ("password 'P\n17';\nport 80;", "password **\n****\nport 80;"),
            ("password\n    P17;\nport 80;", "password\n    ****\nport 80;"),
            ("password", "password"),
            ("set part P17 port 80 pa x", "set part P17 port 80 pa x"),
        ] {
            assert_eq!(masked(text, Format::Curly), shown);
        }
    }

    #[test]
    fn what_is_joined_to_a_name_is_concealed() {
        for (text, shown) in [
            ("set password=P17", "set password=***"),
            ("set passwrod=P17 x", "set passwrod=*** *"),
            ("set password:P17", "set password:***"),
            ("set password/P17", "set password****"),
            ("{\"password=P17\": 1}", "{\"password=***** **"),
            ("http-basic-authn: password=P17", "http-basic-authn: password=***"),
        ] {
            assert_eq!(masked(text, Format::Set), shown);
        }
    }

    #[test]
    fn a_quote_that_nothing_closes_conceals_no_other_command() {
        let text = "set password \"P17\nset a b\nset c d";
        assert_eq!(masked(text, Format::Set), "set password ****\nset a b\nset c d");
        assert_eq!(masked("set password [ P17\nset a", Format::Set), "set password * ***\nset a");
        assert_eq!(masked("set password \"P\n17\"\nset a", Format::Set), "set password **\n***\nset a");
        assert_eq!(masked("set password \"P\n17\"", Format::Set), "set password **\n***");
        assert_eq!(masked(text, Format::Curly), "set password ****\n*** * *\n*** * *");
    }

    #[test]
    fn what_goes_on_over_lines_is_concealed_to_its_end() {
        let json = "{\"password\": [\n \"P]\",\n \"17\"\n ],\n \"port\": 80, \"pasword\" \"x\"}";
        let shown = "{\"password\": *\n *****\n ****\n **\n \"port\": 80, \"pasword\" ****";
        assert_eq!(masked(json, Format::Json), shown);
        let yaml = "- password: |\n    P\n\n    17\n  port: 80\n- password:\n  - P17\n  - x\n  port: 80\n";
        let shown = "- password: *\n    *\n\n    **\n  port: 80\n- password:\n  * ***\n  * *\n  port: 80\n";
        assert_eq!(masked(yaml, Format::Yaml), shown);
        assert_eq!(masked("a: {password: {b: [1,\n2]}}\nc: d", Format::Yaml), "a: {password: *** ***\n****\nc: d");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(password|pasword|[ \\n:=\\[\\]{}\"'|\\\\é-]|[a-z]){0,40}") {
            for format in Format::ALL {
                masked(&text, format);
            }
        }
    }
}
