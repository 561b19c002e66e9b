//! Tokens of the J-style notations: words, quoted words and punctuation, each with its place.

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_until, take_while, take_while1};
use nom::character::complete::{anychar, char, satisfy};
use nom::combinator::{map, opt, recognize, value};
use nom::multi::{fold_many0, many0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use std::borrow::Cow;
use std::sync::Arc;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenKind {
    /// A word, its quotes and escapes taken away.
    Word(String),
    /// `{`
    Open,
    /// `}`
    Close,
    /// `[`
    BracketOpen,
    /// `]`
    BracketClose,
    /// `;`
    Semicolon,
    /// `|`
    Pipe,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Offset of its first byte.
    pub start: usize,
    /// Offset behind its last byte.
    pub end: usize,
    /// Whether it was written in quotes.
    pub quoted: bool,
}

impl Token {
    /// Returns the text of a word.
    #[must_use]
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Word(text) => Some(text),
            _ => None,
        }
    }

    /// Returns its place in a source.
    #[must_use]
    pub fn span(&self, source: &Arc<Source>) -> Span {
        Span::new(source, self.start, self.end)
    }
}

/// Characters that end a plain word, white space aside.
const SPECIAL: &str = ";{}[]\"|";

fn is_word_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !SPECIAL.contains(c)
}

/// White space and comments: `#` and `!` to the end of the line, where a token could begin, and `/* … */`.
fn blank(input: &str) -> IResult<&str, ()> {
    let comment = alt((
        recognize((satisfy(|c| c == '#' || c == '!'), opt(is_not("\n")))),
        recognize((tag("/*"), take_until("*/"), tag("*/"))),
    ));
    value((), many0(alt((take_while1(char::is_whitespace), comment)))).parse(input)
}

fn escaped(input: &str) -> IResult<&str, char> {
    preceded(
        char('\\'),
        alt((value('\n', char('n')), value('\t', char('t')), value('\r', char('r')), satisfy(|c| "\"\\'".contains(c)))),
    )
    .parse(input)
}

fn double_quoted(input: &str) -> IResult<&str, String> {
    let part = alt((map(escaped, String::from), map(is_not("\"\\"), str::to_owned)));
    let text = fold_many0(part, String::new, |mut all, part| {
        all.push_str(&part);
        all
    });
    delimited(char('"'), text, char('"')).parse(input)
}

fn single_quoted(input: &str) -> IResult<&str, String> {
    map(delimited(char('\''), take_while(|c| c != '\''), char('\'')), str::to_owned).parse(input)
}

fn token(input: &str) -> IResult<&str, (TokenKind, bool)> {
    alt((
        value((TokenKind::Open, false), char('{')),
        value((TokenKind::Close, false), char('}')),
        value((TokenKind::BracketOpen, false), char('[')),
        value((TokenKind::BracketClose, false), char(']')),
        value((TokenKind::Semicolon, false), char(';')),
        value((TokenKind::Pipe, false), char('|')),
        map(double_quoted, |text| (TokenKind::Word(text), true)),
        map(single_quoted, |text| (TokenKind::Word(text), true)),
        map(take_while1(is_word_char), |text: &str| (TokenKind::Word(text.to_owned()), false)),
    ))
    .parse(input)
}

/// Splits `start..end` of a source into tokens. Faults do not end it: what is no token is told and passed over.
#[must_use]
pub fn lex(source: &Arc<Source>, start: usize, end: usize) -> (Vec<Token>, Diagnostics) {
    let mut tokens = Vec::new();
    let mut faults = Diagnostics::new();
    let whole = source.text().get(start..end).unwrap_or("");
    // Editors of some systems put a byte order mark in front of a file.
    let mut rest = if start == 0 { whole.trim_start_matches('\u{feff}') } else { whole };
    let offset = |rest: &str| start + (whole.len() - rest.len());
    loop {
        rest = blank(rest).map_or(rest, |(rest, ())| rest);
        if rest.is_empty() {
            return (tokens, faults);
        }
        let at = offset(rest);
        // What begins like a quote or a comment but has no end is told as such, not taken as a word.
        let unfinished = rest.starts_with("/*") || (rest.starts_with('\'') && single_quoted(rest).is_err());
        match token(rest) {
            Ok((after, (kind, quoted))) if !unfinished => {
                tokens.push(Token { kind, start: at, end: offset(after), quoted });
                rest = after;
            }
            _ => {
                let (said, skipped) = fault(rest);
                if rest.starts_with(['"', '\'']) {
                    // What a quote begins that has no end may be anything, and be it a secret.
                    source.conceal(at + 1..at + skipped);
                }
                faults.push(said.at(Span::new(source, at, at + skipped)));
                rest = rest.get(skipped..).unwrap_or("");
            }
        }
    }
}

/// Says why no token begins here, and how many bytes to pass over.
fn fault(rest: &str) -> (Diagnostic, usize) {
    let line = rest.find('\n').unwrap_or(rest.len());
    if rest.starts_with("/*") {
        return (Diagnostic::error("a comment without its end").hint("close it with `*/`"), rest.len());
    }
    if rest.starts_with('"') {
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return (Diagnostic::error("not a token"), at + 1),
                '\\' => match chars.next() {
                    Some((_, c)) if !"ntr\"\\'".contains(c) => {
                        let said = Diagnostic::error(format!("unknown escape `\\{}`", c.escape_default()))
                            .hint(r#"known are \n \t \r \" \' and \\"#);
                        return (said, line.max(1));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
    if rest.starts_with(['"', '\'']) {
        return (Diagnostic::error("a quoted text without its end").hint("close the quote"), line.max(1));
    }
    let width = anychar::<_, nom::error::Error<&str>>(rest).map_or(1, |(_, c)| c.len_utf8());
    (Diagnostic::error("a control character may not stand here"), width)
}

/// Returns the word as it must be written: in double quotes when it is empty or has a character with a meaning.
#[must_use]
pub fn quote_word(text: &str) -> Cow<'_, str> {
    let plain = !text.is_empty()
        && text.chars().all(|c| is_word_char(c) && !"\\'".contains(c))
        && !text.starts_with(['#', '!'])
        && !text.contains(['#', '!'])
        && !text.starts_with("/*");
    if plain {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let source = Source::new("t", text);
        lex(&source, 0, text.len()).0.iter().map(|t| t.word().unwrap_or("·").to_owned()).collect()
    }

    #[test]
    fn words_quotes_comments_and_punctuation() {
        assert_eq!(
            words("a{b;} # x\n/* y */ \"c \\\"d\" 'e f' g#h ! i"),
            ["a", "·", "b", "·", "·", "c \"d", "e f", "g#h"]
        );
    }

    #[test]
    fn every_fault_is_told_and_the_rest_is_read() {
        let source = Source::new("t", "a \"b\nc \u{1} d /* e");
        let (tokens, faults) = lex(&source, 0, source.text().len());
        assert_eq!(tokens.iter().filter_map(Token::word).collect::<Vec<_>>(), ["a", "c", "d"]);
        assert_eq!(faults.error_count(), 3);
    }

    proptest! {
        #[test]
        fn a_quoted_word_reads_back(text in "\\PC*|[ -~\\n\\t]*") {
            let written = quote_word(&text).into_owned();
            prop_assert_eq!(words(&written), vec![text]);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let source = Source::new("t", text.clone());
            let _tokens = lex(&source, 0, text.len());
        }
    }
}
