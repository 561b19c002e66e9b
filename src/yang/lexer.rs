//! Module text into tokens (RFC 7950 §6.1): words, quoted texts with their trimming, braces, semicolons, comments.

use super::keyword::Keyword;
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use std::iter::Peekable;
use std::str::CharIndices;
use std::sync::Arc;

/// The keyword of the statement that says which version of YANG a module is in.
const VERSION: &str = "yang-version";

/// Columns a tab counts for when quoted text is trimmed (RFC 7950 §6.1.3).
const TAB_COLUMNS: usize = 8;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Unquoted text.
    Word(String),
    /// The value of a quoted text.
    Quoted(String),
    /// `{`
    Open,
    /// `}`
    Close,
    /// `;`
    Semicolon,
}

impl TokenKind {
    /// Returns the text of a word or a quoted text.
    fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Quoted(text) => Some(text),
            _ => None,
        }
    }

    /// Returns how a diagnostic names the token.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Quoted(_) => "a quoted text".to_owned(),
            Self::Open => "`{`".to_owned(),
            Self::Close => "`}`".to_owned(),
            Self::Semicolon => "`;`".to_owned(),
        }
    }
}

/// A token and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: TokenKind,
    /// Offset of the first byte.
    pub(super) start: usize,
    /// Offset behind the last byte.
    pub(super) end: usize,
}

/// Cuts a module text into tokens; faults are reported and skipped.
pub(super) struct Lexer<'a> {
    source: &'a Arc<Source>,
    chars: Peekable<CharIndices<'a>>,
    line_start: usize,
    /// Whether `yang-version 1.1` was read: some texts are wrong from then on that were not before.
    is_1_1: bool,
    /// Whether a quoted text or a comment does not end where it should, so that nothing behind it is what it seems.
    is_broken: bool,
    faults: &'a mut Diagnostics,
}

impl<'a> Lexer<'a> {
    /// Builds a lexer for a text.
    pub(super) fn new(source: &'a Arc<Source>, faults: &'a mut Diagnostics) -> Self {
        let text = source.text();
        let mut chars = text.char_indices().peekable();
        if chars.next_if(|(_, c)| *c == '\u{feff}').is_some() {
            let fault = Diagnostic::error("a module does not begin with a byte order mark")
                .hint("save it as UTF-8 without one");
            faults.push(fault.at(Span::new(source, 0, '\u{feff}'.len_utf8())));
        }
        Self { source, chars, line_start: 0, is_1_1: false, is_broken: false, faults }
    }

    /// Reads all tokens; the flag says whether they can be told apart.
    pub(super) fn run(mut self) -> (Vec<Token>, bool) {
        let mut tokens: Vec<Token> = Vec::new();
        while let Some(token) = self.token() {
            let is_version = tokens.last().is_some_and(|t| matches!(&t.kind, TokenKind::Word(w) if w == VERSION));
            if is_version && token.kind.text() == Some("1.1") {
                self.is_1_1 = true;
            }
            tokens.push(token);
        }
        (tokens, self.is_broken)
    }

    /// Reads tokens up to the first definition of a module: those of the sections before it.
    pub(super) fn run_header(mut self) -> Vec<Token> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut depth = 0_usize;
        while let Some(token) = self.token() {
            match &token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                TokenKind::Word(word) if depth == 1 => {
                    let starts = tokens
                        .last()
                        .is_some_and(|t| matches!(t.kind, TokenKind::Open | TokenKind::Close | TokenKind::Semicolon));
                    if starts && Keyword::parse(word).is_some_and(is_definition) {
                        break;
                    }
                }
                _ => {}
            }
            tokens.push(token);
        }
        tokens
    }

    fn token(&mut self) -> Option<Token> {
        loop {
            let (start, c) = self.next()?;
            let kind = match c {
                ' ' | '\t' | '\n' | '\r' => continue,
                '{' => TokenKind::Open,
                '}' => TokenKind::Close,
                ';' => TokenKind::Semicolon,
                '"' | '\'' => TokenKind::Quoted(self.concatenation(start, c)),
                '/' if self.skip_comment(start) => continue,
                _ => TokenKind::Word(self.word(start, c)),
            };
            let end = self.offset();
            return Some(Token { kind, start, end });
        }
    }

    fn next(&mut self) -> Option<(usize, char)> {
        let (at, c) = self.chars.next()?;
        if c == '\n' {
            self.line_start = at + 1;
        }
        if is_forbidden(c) {
            let fault = Diagnostic::error(format!("character U+{:04X} is not allowed in a module", u32::from(c)));
            self.fault(fault, at, at + c.len_utf8());
        }
        Some((at, c))
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.source.text().len(), |(at, _)| *at)
    }

    fn fault(&mut self, fault: Diagnostic, start: usize, end: usize) {
        self.faults.push(fault.at(Span::new(self.source, start, end)));
    }

    /// Skips the comment whose first slash was read; returns whether there was one.
    fn skip_comment(&mut self, start: usize) -> bool {
        match self.peek() {
            Some('/') => {
                while self.peek().is_some_and(|c| c != '\n') {
                    let _skipped = self.next();
                }
                true
            }
            Some('*') => {
                let _star = self.next();
                let mut previous = ' ';
                while let Some((_, c)) = self.next() {
                    if previous == '*' && c == '/' {
                        return true;
                    }
                    previous = c;
                }
                self.is_broken = true;
                let fault = Diagnostic::error("comment is not closed").hint("add `*/`");
                self.fault(fault, start, start + 2);
                true
            }
            _ => false,
        }
    }

    fn word(&mut self, start: usize, first: char) -> String {
        let mut word = String::from(first);
        let mut said = false;
        while let Some((at, c)) = self.chars.peek().copied() {
            if matches!(c, ' ' | '\t' | '\n' | '\r' | '{' | '}' | ';') {
                break;
            }
            let previous = word.chars().next_back().unwrap_or(' ');
            let is_comment = matches!((previous, c), ('/', '/' | '*') | ('*', '/'));
            let is_quote = matches!(c, '"' | '\'');
            if (is_comment || is_quote) && !said {
                said = true;
                let what = if is_quote { "a quotation mark" } else { "a comment mark" };
                let fault = Diagnostic::error(format!("unquoted text contains {what}")).hint("put the text in quotes");
                self.fault(fault, start, at + c.len_utf8());
            }
            word.push(c);
            let _taken = self.next();
        }
        word
    }

    /// Reads quoted texts joined by `+`, the first quotation mark being read already.
    fn concatenation(&mut self, start: usize, quote: char) -> String {
        let mut text = self.quoted(start, quote);
        loop {
            let here = (self.chars.clone(), self.line_start);
            self.skip_blanks();
            if self.peek() != Some('+') {
                (self.chars, self.line_start) = here;
                return text;
            }
            let plus = self.offset();
            let _plus = self.next();
            self.skip_blanks();
            let Some((at, mark)) = self.chars.next_if(|(_, c)| matches!(c, '"' | '\'')) else {
                self.is_broken = true;
                let fault = Diagnostic::error("expected a quoted text after `+`");
                self.fault(fault, plus, plus + 1);
                return text;
            };
            text.push_str(&self.quoted(at, mark));
        }
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.chars.peek().copied() {
                Some((_, ' ' | '\t' | '\n' | '\r')) => {
                    let _blank = self.next();
                }
                Some((at, '/')) => {
                    let here = (self.chars.clone(), self.line_start);
                    let _slash = self.next();
                    if !self.skip_comment(at) {
                        (self.chars, self.line_start) = here;
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    fn quoted(&mut self, start: usize, quote: char) -> String {
        let column = self.column(start);
        let mut text = String::new();
        while let Some((at, c)) = self.next() {
            match c {
                _ if c == quote => return text,
                '\\' if quote == '"' => self.escape(at, &mut text),
                '\r' if self.peek() == Some('\n') => {}
                '\n' if quote == '"' => {
                    text.truncate(text.trim_end_matches([' ', '\t']).len());
                    text.push('\n');
                    self.skip_indentation(column, &mut text);
                }
                _ => text.push(c),
            }
        }
        self.is_broken = true;
        let fault = Diagnostic::error("quoted text is not closed").hint(format!("add `{quote}`"));
        self.fault(fault, start, start + 1);
        text
    }

    /// Returns the column behind the quotation mark, tabs counted as they are in trimming.
    fn column(&self, quote_at: usize) -> usize {
        let before = self.source.text().get(self.line_start..quote_at).unwrap_or("");
        before.chars().map(|c| if c == '\t' { TAB_COLUMNS } else { 1 }).sum::<usize>() + 1
    }

    fn skip_indentation(&mut self, column: usize, text: &mut String) {
        let mut skipped = 0;
        while skipped < column {
            match self.peek() {
                Some(' ') => skipped += 1,
                Some('\t') => {
                    skipped += TAB_COLUMNS;
                    // What a tab reaches beyond the column stays, as blanks.
                    text.extend(std::iter::repeat_n(' ', skipped.saturating_sub(column)));
                }
                _ => return,
            }
            let _blank = self.next();
        }
    }

    fn escape(&mut self, at: usize, text: &mut String) {
        match self.peek() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some(c @ ('"' | '\\')) => text.push(c),
            other => {
                // YANG 1 keeps an unknown escape as it stands (RFC 6020 §6.1.3); 1.1 forbids it.
                text.push('\\');
                let what = "backslash in a double-quoted text is followed by neither `n`, `t`, `\"` nor `\\`";
                let fault = if self.is_1_1 { Diagnostic::error(what) } else { Diagnostic::warning(what) };
                let fault = fault.hint("write `\\\\`, or use single quotes");
                self.fault(fault, at, at + 1 + other.map_or(0, char::len_utf8));
                return;
            }
        }
        let _escaped = self.next();
    }
}

/// Returns whether a statement stands behind the sections of a module that say what it is and needs.
fn is_definition(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(
        keyword,
        K::Extension
            | K::Feature
            | K::Identity
            | K::Typedef
            | K::Grouping
            | K::Container
            | K::Leaf
            | K::LeafList
            | K::List
            | K::Choice
            | K::Anydata
            | K::Anyxml
            | K::Uses
            | K::Augment
            | K::Rpc
            | K::Notification
            | K::Deviation
    )
}

/// Returns whether YANG forbids the character (RFC 7950 §14, `yang-char`).
fn is_forbidden(c: char) -> bool {
    (c.is_control() && c < '\u{80}' && c != '\u{7f}' && !matches!(c, '\t' | '\n' | '\r'))
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> (Vec<TokenKind>, Vec<String>) {
        let source = Source::new("m.yang", text);
        let mut faults = Diagnostics::new();
        let (tokens, _) = Lexer::new(&source, &mut faults).run();
        (tokens.into_iter().map(|t| t.kind).collect(), faults.iter().map(|f| f.message.clone()).collect())
    }

    fn quoted(text: &str) -> String {
        match lex(text).0.as_slice() {
            [TokenKind::Quoted(value)] => value.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn comments_and_blanks_separate_tokens() {
        let (tokens, faults) = lex("a /* b { */ c // d\n;");
        assert_eq!(tokens, [TokenKind::Word("a".into()), TokenKind::Word("c".into()), TokenKind::Semicolon]);
        assert!(faults.is_empty());
    }

    #[test]
    fn double_quoted_text_is_trimmed_to_the_column_of_its_quote() {
        assert_eq!(quoted("  \"first  \n    second\n   third\n fourth\""), "first\n second\nthird\nfourth");
        assert_eq!(quoted("\t\"a\n\t\t  b\""), "a\n         b");
    }

    #[test]
    fn quoted_texts_are_joined_and_escapes_replaced() {
        assert_eq!(quoted("\"a\\tb\\\\\" + 'c\\n' /* x */ + \"\\\"\""), "a\tb\\c\\n\"");
    }

    #[test]
    fn faults_of_the_text_are_told() {
        assert_eq!(lex("\"abc").1, ["quoted text is not closed"]);
        assert_eq!(lex("/* abc").1, ["comment is not closed"]);
        assert_eq!(lex("http://a").1, ["unquoted text contains a comment mark"]);
        assert_eq!(lex("'a' + b").1, ["expected a quoted text after `+`"]);
        assert_eq!(lex("a\u{1}b").1, ["character U+0001 is not allowed in a module"]);
    }
}
