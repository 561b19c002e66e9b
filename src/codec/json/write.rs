//! Writing instance data as JSON (RFC 7951), piece by piece into a sink.

use crate::codec::shape::{Atom, Emitter, emit_at, emit_node};
use crate::tree::{DataPath, DataTree, NodeRef};
use std::fmt::{self, Write};

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonLayout {
    /// Without blanks, on one line.
    Compact,
    /// A line for each member, so many blanks for each level.
    Indented(u8),
}

impl JsonLayout {
    /// As people read it.
    pub const PRETTY: Self = Self::Indented(4);
}

/// Writes what is at a path, with the containers and list keys around it; for the root's path the whole tree.
///
/// Secrets are written sealed. A path at which there is nothing gives the ancestors that exist.
///
/// # Errors
/// Those of the sink.
pub fn write_json(out: &mut dyn Write, tree: &DataTree, path: &DataPath, layout: JsonLayout) -> fmt::Result {
    emit_at(&mut JsonEmitter::new(out, layout), tree.root(), path)
}

/// Writes the content of one node: an object for a container or list entry, an array for a list, else the value.
///
/// # Errors
/// Those of the sink.
pub fn write_json_node(out: &mut dyn Write, node: NodeRef<'_>, layout: JsonLayout) -> fmt::Result {
    emit_node(&mut JsonEmitter::new(out, layout), node)
}

/// Writes JSON tokens with what must stand between them.
pub(in crate::codec) struct JsonEmitter<'o> {
    out: &'o mut dyn Write,
    layout: JsonLayout,
    /// The open maps and lists, from the outside in: whether it is a list, how much is in it.
    open: Vec<(bool, usize)>,
}

impl<'o> JsonEmitter<'o> {
    pub(in crate::codec) fn new(out: &'o mut dyn Write, layout: JsonLayout) -> Self {
        Self { out, layout, open: Vec::new() }
    }

    fn line(&mut self) -> fmt::Result {
        let JsonLayout::Indented(width) = self.layout else { return Ok(()) };
        write!(self.out, "\n{:1$}", "", usize::from(width) * self.open.len())
    }

    /// Goes to where the next member or item stands.
    fn next(&mut self) -> fmt::Result {
        if let Some((_, count)) = self.open.last_mut() {
            *count += 1;
            if *count > 1 {
                self.out.write_char(',')?;
            }
        }
        self.line()
    }

    fn before_value(&mut self) -> fmt::Result {
        if matches!(self.open.last(), Some((true, _))) { self.next() } else { Ok(()) }
    }

    fn close(&mut self, bracket: char) -> fmt::Result {
        if let Some((_, count)) = self.open.pop()
            && count > 0
        {
            self.line()?;
        }
        self.out.write_char(bracket)
    }
}

impl Emitter for JsonEmitter<'_> {
    fn open_map(&mut self) -> fmt::Result {
        self.before_value()?;
        self.open.push((false, 0));
        self.out.write_char('{')
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        self.next()?;
        write_string(self.out, name)?;
        self.out.write_str(if self.layout == JsonLayout::Compact { ":" } else { ": " })
    }

    fn close_map(&mut self) -> fmt::Result {
        self.close('}')
    }

    fn open_list(&mut self) -> fmt::Result {
        self.before_value()?;
        self.open.push((true, 0));
        self.out.write_char('[')
    }

    fn close_list(&mut self) -> fmt::Result {
        self.close(']')
    }

    fn atom(&mut self, atom: Atom<'_>) -> fmt::Result {
        self.before_value()?;
        match atom {
            Atom::Text(text) => write_string(self.out, text),
            Atom::Number(text) => self.out.write_str(text),
            Atom::Boolean(true) => self.out.write_str("true"),
            Atom::Boolean(false) => self.out.write_str("false"),
            Atom::Null => self.out.write_str("null"),
            Atom::Empty => self.out.write_str("[null]"),
        }
    }
}

/// Writes a string with what RFC 8259 §7 wants escaped, and the other controls, which would steer a terminal.
fn write_string(out: &mut dyn Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c.is_control()) {
        let (plain, special) = rest.split_at(at);
        out.write_str(plain)?;
        let mut chars = special.chars();
        match chars.next() {
            Some('\n') => out.write_str("\\n")?,
            Some('\r') => out.write_str("\\r")?,
            Some('\t') => out.write_str("\\t")?,
            Some(c) if c.is_control() => write!(out, "\\u{:04x}", u32::from(c))?,
            Some(c) => write!(out, "\\{c}")?,
            None => {}
        }
        rest = chars.as_str();
    }
    out.write_str(rest)?;
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_escaped_as_json_wants_it() {
        let mut out = String::new();
        write_string(&mut out, "a\"\\\n\t\u{1b}\u{9b}é😀/").unwrap();
        assert_eq!(out, "\"a\\\"\\\\\\n\\t\\u001b\\u009bé😀/\"");
    }

    #[test]
    fn both_layouts_are_as_expected() {
        let say = |layout| {
            let mut out = String::new();
            let mut emitter = JsonEmitter::new(&mut out, layout);
            emitter.open_map().unwrap();
            emitter.name("a").unwrap();
            emitter.open_list().unwrap();
            emitter.atom(Atom::Number("1")).unwrap();
            emitter.atom(Atom::Empty).unwrap();
            emitter.close_list().unwrap();
            emitter.name("b").unwrap();
            emitter.open_map().unwrap();
            emitter.close_map().unwrap();
            emitter.close_map().unwrap();
            out
        };
        assert_eq!(say(JsonLayout::Compact), "{\"a\":[1,[null]],\"b\":{}}");
        assert_eq!(say(JsonLayout::Indented(2)), "{\n  \"a\": [\n    1,\n    [null]\n  ],\n  \"b\": {}\n}");
    }
}
