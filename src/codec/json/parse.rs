//! Reading JSON text into a document with positions (RFC 8259, nothing beyond it).

use crate::codec::document::{
    Document, Kind, Limits, Name, Node, Notation, Place, Style, report_duplicates, too_deep, too_large, too_many_nodes,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use std::borrow::Cow;
use std::sync::Arc;

/// Reads a JSON text. The first syntax fault ends the reading: what follows it cannot be told apart reliably.
pub(in crate::codec) fn parse<'s>(
    source: &'s Arc<Source>,
    limits: Limits,
    found: &mut Diagnostics,
) -> Option<Document<'s>> {
    if source.text().len() > limits.bytes {
        found.push(too_large(source, limits));
        return None;
    }
    let mut parser = Parser { source, text: source.text(), at: 0, depth: 0, nodes: 0, limits, found };
    match parser.document() {
        Ok(root) => Some(Document { source, notation: Notation::Json, root }),
        Err(fault) => {
            found.push(*fault);
            None
        }
    }
}

struct Parser<'s, 'd> {
    source: &'s Arc<Source>,
    text: &'s str,
    at: usize,
    depth: usize,
    nodes: usize,
    limits: Limits,
    found: &'d mut Diagnostics,
}

/// Boxed: the way that nearly always succeeds stays small.
type Fault = Box<Diagnostic>;

impl<'s> Parser<'s, '_> {
    fn document(&mut self) -> Result<Node<'s>, Fault> {
        // RFC 8259 §8.1: a reader may ignore a byte order mark.
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        self.blanks();
        let root = self.value()?;
        self.blanks();
        if self.peek().is_some() {
            return Err(self.unexpected("the end of the text").into());
        }
        Ok(root)
    }

    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn fault(&self, start: usize, end: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(Place::new(start, end).span(self.source))
    }

    /// Builds the fault of finding something else than expected here, with a hint for the usual slips.
    fn unexpected(&self, expected: &str) -> Diagnostic {
        let Some(c) = self.rest().chars().next() else {
            return self.fault(self.at, self.at, format!("the text ends here: expected {expected}"));
        };
        let fault = self.fault(self.at, self.at + c.len_utf8(), format!("expected {expected}, found `{c}`"));
        match c {
            '\'' => fault.hint("JSON quotes with `\"`"),
            '/' | '#' => fault.hint("JSON has no comments; a `.yaml` file may have them"),
            '}' | ']' if expected.starts_with("a ") => fault.hint("the last member has no comma behind it"),
            c if c.is_ascii_alphabetic() => fault.hint("JSON writes names and texts in `\"`"),
            _ => fault,
        }
    }

    fn value(&mut self) -> Result<Node<'s>, Fault> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Box::new(too_many_nodes(self.limits).at(Place::new(self.at, self.at + 1).span(self.source))));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.nested(Self::members)?,
            Some(b'[') => self.nested(Self::items)?,
            Some(b'"') => Kind::Scalar { text: self.string()?, style: Style::Quoted },
            Some(b'-' | b'0'..=b'9') => Kind::Scalar { text: Cow::Borrowed(self.number()?), style: Style::Number },
            _ => self.word()?,
        };
        Ok(Node { place: Place::new(start, self.at), kind })
    }

    fn nested(&mut self, inside: fn(&mut Self) -> Result<Kind<'s>, Fault>) -> Result<Kind<'s>, Fault> {
        if self.depth == self.limits.depth {
            return Err(Box::new(too_deep(self.limits).at(Place::new(self.at, self.at + 1).span(self.source))));
        }
        self.depth += 1;
        self.at += 1;
        let kind = inside(self);
        self.depth -= 1;
        kind
    }

    fn members(&mut self) -> Result<Kind<'s>, Fault> {
        let mut members = Vec::new();
        self.blanks();
        if self.eat(b'}') {
            return Ok(Kind::Map(members));
        }
        loop {
            self.blanks();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a name in `\"`").into());
            }
            let name = Name::new(self.string()?, Place::new(start, self.at));
            self.blanks();
            if !self.eat(b':') {
                return Err(self.unexpected("`:` behind the name").into());
            }
            self.blanks();
            members.push((name, self.value()?));
            self.blanks();
            if self.eat(b'}') {
                report_duplicates(self.source, &members, self.found);
                return Ok(Kind::Map(members));
            }
            if !self.eat(b',') {
                return Err(self.unexpected("`,` or `}`").into());
            }
        }
    }

    fn items(&mut self) -> Result<Kind<'s>, Fault> {
        let mut items = Vec::new();
        self.blanks();
        if self.eat(b']') {
            return Ok(Kind::Sequence(items));
        }
        loop {
            self.blanks();
            items.push(self.value()?);
            self.blanks();
            if self.eat(b']') {
                return Ok(Kind::Sequence(items));
            }
            if !self.eat(b',') {
                return Err(self.unexpected("`,` or `]`").into());
            }
        }
    }

    fn word(&mut self) -> Result<Kind<'s>, Fault> {
        for (word, style) in [("true", Style::Boolean), ("false", Style::Boolean), ("null", Style::Null)] {
            if let Some(after) = self.rest().strip_prefix(word)
                && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            {
                self.at += word.len();
                return Ok(Kind::Scalar { text: Cow::Borrowed(word), style });
            }
        }
        Err(self.unexpected("a value").into())
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> Result<&'s str, Fault> {
        let start = self.at;
        self.eat(b'-');
        if self.eat(b'0') {
            if self.peek().is_some_and(|b| b.is_ascii_digit()) {
                return Err(self.fault(start, self.at + 1, "a number does not start with `0`").into());
            }
        } else if !self.digits() {
            return Err(self.unexpected("a digit").into());
        }
        if self.eat(b'.') && !self.digits() {
            return Err(self.unexpected("a digit behind the point").into());
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'-') {
                self.eat(b'+');
            }
            if !self.digits() {
                return Err(self.unexpected("a digit of the exponent").into());
            }
        }
        Ok(self.text.get(start..self.at).unwrap_or(""))
    }

    fn string(&mut self) -> Result<Cow<'s, str>, Fault> {
        let opening = self.at;
        self.at += 1;
        let mut whole: Option<String> = None;
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b >= 0x20 && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            let run = self.text.get(start..self.at).unwrap_or("");
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match whole {
                        None => Cow::Borrowed(run),
                        Some(text) => Cow::Owned(text + run),
                    });
                }
                Some(b'\\') => {
                    let text = whole.get_or_insert_default();
                    text.push_str(run);
                    let c = self.escape()?;
                    text.push(c);
                }
                Some(_) => {
                    return Err(Box::new(
                        self.fault(self.at, self.at + 1, "a control character inside a string")
                            .hint("write a line break as `\\n` and a tab as `\\t`"),
                    ));
                }
                None => return Err(self.fault(opening, opening + 1, "this string has no end: expected `\"`").into()),
            }
        }
    }

    /// Reads an escape sequence, which starts here.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let simple = match self.text.as_bytes().get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => {
                return Err(Box::new(
                    self.fault(start, start + 1, "not an escape sequence of JSON").hint("write a backslash as `\\\\`"),
                ));
            }
        };
        self.at += 2;
        Ok(simple)
    }

    fn unicode_escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let first = self.code_unit()?;
        let code = match first {
            0xd800..=0xdbff => {
                let second = if self.rest().starts_with("\\u") { self.code_unit()? } else { 0 };
                match second {
                    0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => first,
                }
            }
            _ => first,
        };
        char::from_u32(code)
            .ok_or_else(|| self.fault(start, self.at, "half of a surrogate pair stands for no character").into())
    }

    fn code_unit(&mut self) -> Result<u32, Fault> {
        let digits = self.text.get(self.at + 2..self.at + 6).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|d| u32::from_str_radix(d, 16).ok()) {
            Some(unit) => {
                self.at += 6;
                Ok(unit)
            }
            None => Err(self.fault(self.at, self.at + 2, "expected four hexadecimal digits behind `\\u`").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn faults(text: &str) -> Vec<String> {
        let source = Source::new("a.json", text);
        let mut found = Diagnostics::new();
        let document = parse(&source, Limits::INPUT, &mut found);
        assert!(document.is_some() || found.has_errors());
        found.iter().map(|d| format!("{}: {}", d.span.as_ref().unwrap(), d.message)).collect()
    }

    #[test]
    fn each_slip_is_told_at_its_place() {
        for (text, expected) in [
            ("", "a.json:1:1: the text ends here: expected a value"),
            ("{\"a\": 1,}", "a.json:1:9: expected a name in `\"`, found `}`"),
            ("{\n  a: 1}", "a.json:2:3: expected a name in `\"`, found `a`"),
            ("{\"a\" 1}", "a.json:1:6: expected `:` behind the name, found `1`"),
            ("[1 2]", "a.json:1:4: expected `,` or `]`, found `2`"),
            ("[01]", "a.json:1:2: a number does not start with `0`"),
            ("[1.]", "a.json:1:4: expected a digit behind the point, found `]`"),
            ("[nul]", "a.json:1:2: expected a value, found `n`"),
            ("[\"a", "a.json:1:2: this string has no end: expected `\"`"),
            ("[\"\\x\"]", "a.json:1:3: not an escape sequence of JSON"),
            ("[\"\\ud800\"]", "a.json:1:3: half of a surrogate pair stands for no character"),
            ("[\"\\u12g4\"]", "a.json:1:3: expected four hexadecimal digits behind `\\u`"),
            ("[] []", "a.json:1:4: expected the end of the text, found `[`"),
            ("{\"é\": 1, \"é\": 2}", "a.json:1:10: `é` is given twice: first at a.json:1:2"),
        ] {
            assert_eq!(faults(text), [expected], "{text}");
        }
        assert_eq!(faults(&"[".repeat(100_000)), ["a.json:1:65: nested deeper than 64 levels"]);
    }

    #[test]
    fn escapes_and_pairs_are_read() {
        let source = Source::new("a.json", r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#);
        let mut found = Diagnostics::new();
        let document = parse(&source, Limits::INPUT, &mut found).unwrap();
        let Kind::Scalar { text, .. } = document.root.kind else { panic!("no scalar") };
        assert_eq!(text, "a\"\\/\u{8}\u{c}\n\r\té😀");
    }

    proptest! {
        #[test]
        fn it_accepts_what_the_other_parser_accepts(text in "[\\[\\]{}\",:0-9eE+.tru\\\\nfalse \\n-]{0,24}") {
            let source = Source::new("a.json", text.clone());
            let mut found = Diagnostics::new();
            let ours = parse(&source, Limits::INPUT, &mut found).is_some();
            let numbers_too_large = serde_json::from_str::<serde_json::Value>(&text)
                .is_err_and(|e| e.to_string().contains("number out of range"));
            prop_assert_eq!(ours, serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() || numbers_too_large);
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let source = Source::new("a.json", text);
            parse(&source, Limits::INPUT, &mut Diagnostics::new());
        }
    }
}
