//! Writing instance data as block-style YAML that every YAML 1.1 and 1.2 reader takes for the same.

use crate::codec::shape::{Atom, Emitter, emit_at, emit_node};
use crate::tree::{DataPath, DataTree, NodeRef};
use std::fmt::{self, Write};

/// Writes what is at a path, with the containers and list keys around it; for the root's path the whole tree.
///
/// Secrets are written sealed. A path at which there is nothing gives the ancestors that exist.
///
/// # Errors
/// Those of the sink.
pub fn write_yaml(out: &mut dyn Write, tree: &DataTree, path: &DataPath) -> fmt::Result {
    emit_at(&mut YamlEmitter::new(out), tree.root(), path)
}

/// Writes the content of one node: a map for a container or list entry, a sequence for a list, else the value.
///
/// # Errors
/// Those of the sink.
pub fn write_yaml_node(out: &mut dyn Write, node: NodeRef<'_>) -> fmt::Result {
    emit_node(&mut YamlEmitter::new(out), node)
}

/// Blanks for one level.
const INDENT: usize = 2;

/// YAML lets a name on one line have 1024 characters at most (YAML 1.2.2 §7.4.2); a longer one needs `?` in front.
const NAME_BYTES_MAX: usize = 1000;

/// What the next node hangs on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    Name,
    Dash,
}

struct Open {
    is_list: bool,
    is_empty: bool,
    indent: usize,
    behind: Behind,
}

struct YamlEmitter<'o> {
    out: &'o mut dyn Write,
    open: Vec<Open>,
    behind: Behind,
}

impl<'o> YamlEmitter<'o> {
    fn new(out: &'o mut dyn Write) -> Self {
        Self { out, open: Vec::new(), behind: Behind::Nothing }
    }

    /// Goes to where the next name or dash stands and returns the indentation there.
    fn next(&mut self) -> Result<usize, fmt::Error> {
        let Some(open) = self.open.last_mut() else { return Ok(0) };
        let first = std::mem::replace(&mut open.is_empty, false);
        match (first, open.behind) {
            // The first member of a list's item stands on the line of the dash.
            (true, Behind::Dash) => self.out.write_char(' ')?,
            (true, Behind::Name) => write!(self.out, "\n{:1$}", "", open.indent)?,
            (true, Behind::Nothing) | (false, _) => write!(self.out, "{:1$}", "", open.indent)?,
        }
        Ok(open.indent)
    }

    fn before_value(&mut self) -> fmt::Result {
        if self.open.last().is_some_and(|open| open.is_list) {
            self.next()?;
            self.out.write_char('-')?;
            self.behind = Behind::Dash;
        }
        Ok(())
    }

    fn open(&mut self, is_list: bool) -> fmt::Result {
        self.before_value()?;
        let indent = self.open.last().map_or(0, |open| open.indent + INDENT);
        self.open.push(Open { is_list, is_empty: true, indent, behind: self.behind });
        Ok(())
    }

    fn close(&mut self, empty: &str) -> fmt::Result {
        match self.open.pop() {
            Some(Open { is_empty: true, behind, .. }) => {
                self.behind = behind;
                self.scalar(empty)
            }
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, text: &str) -> fmt::Result {
        let blank = if self.behind == Behind::Nothing { "" } else { " " };
        writeln!(self.out, "{blank}{text}")
    }
}

impl Emitter for YamlEmitter<'_> {
    fn open_map(&mut self) -> fmt::Result {
        self.open(false)
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        let indent = self.next()?;
        let written = quoted(name);
        if written.len() > NAME_BYTES_MAX {
            write!(self.out, "? {written}\n{:indent$}:", "")?;
        } else {
            write!(self.out, "{written}:")?;
        }
        self.behind = Behind::Name;
        Ok(())
    }

    fn close_map(&mut self) -> fmt::Result {
        self.close("{}")
    }

    fn open_list(&mut self) -> fmt::Result {
        self.open(true)
    }

    fn close_list(&mut self) -> fmt::Result {
        self.close("[]")
    }

    fn atom(&mut self, atom: Atom<'_>) -> fmt::Result {
        self.before_value()?;
        match atom {
            Atom::Text(text) => self.scalar(&quoted(text)),
            Atom::Number(text) => self.scalar(text),
            Atom::Boolean(true) => self.scalar("true"),
            Atom::Boolean(false) => self.scalar("false"),
            Atom::Null => self.scalar("null"),
            Atom::Empty => self.scalar("[null]"),
        }
    }
}

/// Returns a text as a scalar that no reader takes for anything but this text: plain where that is certain, else quoted.
fn quoted(text: &str) -> String {
    if is_plainly_a_text(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Line separators fold, a byte order mark and other controls may not stand: escaped, all of them survive.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') || is_noncharacter(c) => {
                match u32::from(c) {
                    code @ 0..=0xff => push(&mut out, format_args!("\\x{code:02x}")),
                    code @ 0x100..=0xffff => push(&mut out, format_args!("\\u{code:04x}")),
                    code => push(&mut out, format_args!("\\U{code:08x}")),
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push(out: &mut String, piece: fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    out.write_fmt(piece).ok();
}

/// U+FFFE and U+FFFF of any plane: outside what YAML lets stand unescaped (YAML 1.2.2 §5.1).
fn is_noncharacter(c: char) -> bool {
    u32::from(c) & 0xfffe == 0xfffe
}

/// Words that some YAML 1.1 or 1.2 reader takes for a boolean, a number or nothing, in whatever case.
const WORDS_WITH_A_MEANING: &[&str] =
    &["y", "yes", "n", "no", "true", "false", "on", "off", "null", "nan", "inf", "infinity"];

/// Whether a text needs no quotes: it starts like a word, so it is no number, date or indicator, holds nothing that
/// structures YAML, and is no word with a meaning. Others that would do without are quoted too, which harms nobody.
fn is_plainly_a_text(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '$'));
    let ends_well = !text.ends_with([' ', ':']);
    let only_tame = text.chars().all(|c| c.is_ascii_alphanumeric() || " _-./:@$=+()%;".contains(c));
    starts_well
        && ends_well
        && only_tame
        && !text.contains(": ")
        && !WORDS_WITH_A_MEANING.iter().any(|word| word.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::document::{Document, Limits};
    use crate::codec::shape::emit_document;
    use crate::codec::{json, yaml};
    use crate::diagnostic::{Diagnostics, Source};
    use proptest::prelude::*;

    fn to_yaml(document: &Document<'_>) -> String {
        let mut out = String::new();
        emit_document(&mut YamlEmitter::new(&mut out), &document.root).unwrap();
        out
    }

    fn to_json(document: &Document<'_>) -> String {
        let mut out = String::new();
        let mut emitter = json::JsonEmitter::new(&mut out, json::JsonLayout::Compact);
        emit_document(&mut emitter, &document.root).unwrap();
        out
    }

    fn from_json_to_yaml(text: &str) -> String {
        let source = Source::new("a.json", text);
        to_yaml(&json::parse(&source, Limits::INPUT, &mut Diagnostics::new()).unwrap())
    }

    #[test]
    fn blocks_are_laid_out_as_people_write_them() {
        assert_eq!(
            from_json_to_yaml(
                r#"{"m:a": {"b": 1, "c": {}, "d": []}, "l": [{"id": "x", "v": ["1", true]}, {"id": "no"}], "n": [[1, [2]], {}], "e": [null]}"#
            ),
            "m:a:\n  b: 1\n  c: {}\n  d: []\nl:\n  - id: x\n    v:\n      - \"1\"\n      - true\n  - id: \"no\"\n\"n\":\n  - - 1\n    - - 2\n  - {}\ne:\n  - null\n"
        );
        assert_eq!(from_json_to_yaml("{}"), "{}\n");
        assert_eq!(from_json_to_yaml("\"a\""), "a\n");
    }

    #[test]
    fn quotes_stand_where_a_reader_could_err() {
        for text in [
            "",
            "no",
            "Yes",
            "ON",
            "null",
            "~",
            "017",
            "1e3",
            ".5",
            "-",
            "- a",
            "? a",
            ": a",
            "a: b",
            "a #b",
            " a",
            "a ",
            "a:",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a`",
            "'a'",
            "\"a\"",
            "{a",
            "[a",
            "a, b",
            "2001-01-01",
            "1:30",
            "=",
            "<<",
            "a\nb",
            "é",
            "+1",
            ".inf",
            "0x1f",
            "---",
            "...",
            "y",
        ] {
            assert!(quoted(text).starts_with('"'), "{text}");
        }
        for text in ["$9$abc+/=", "https://host:8080/path", "wh1", "/a/b", "a-b_c.d", "major", "two words", "a (b)"] {
            assert_eq!(quoted(text), text);
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let text = prop_oneof![
            any::<String>(),
            "[a-z0-9:# \\-?~.'\"\\n\\t&*!|>%@{}\\[\\],]{0,6}",
            "[x\\\\\u{85}\u{2028}\u{feff}]{1,3}"
        ];
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            text.clone().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
                proptest::collection::btree_map(text.clone(), inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_json()) {
            let value = serde_json::json!({ "root": value });
            let text = value.to_string();
            let source = Source::new("a.json", text);
            let document = json::parse(&source, Limits::INPUT, &mut Diagnostics::new()).unwrap();
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&to_json(&document)).unwrap(), &value);
            let written = Source::new("a.yaml", to_yaml(&document));
            let mut found = Diagnostics::new();
            let again = yaml::parse(&written, Limits::INPUT, &mut found);
            prop_assert!(again.is_some(), "{}\n{}", written.text(), found);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&to_json(&again.unwrap())).unwrap(), value, "{}", written.text());
        }
    }

    #[test]
    fn a_name_too_long_for_one_line_reads_back() {
        let name = "é".repeat(3000);
        let json_text = format!("{{\"a\":{{\"{name}\":{{\"b\":1}}}}}}");
        let written = Source::new("a.yaml", from_json_to_yaml(&json_text));
        let again = yaml::parse(&written, Limits::INPUT, &mut Diagnostics::new()).unwrap();
        assert_eq!(to_json(&again), json_text);
    }
}
