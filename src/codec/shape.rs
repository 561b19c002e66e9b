//! The shape that RFC 7951 gives instance data, told as a stream of maps, lists and atoms that a notation writes down.

use super::document::{Kind, Limits, Node, Style};
use super::marks;
use crate::diagnostic::{Diagnostics, Source};
use crate::tree::{DataPath, Key, NodeRef, Value};
use crate::yang::{BaseType, NodeKind, SchemaId, SchemaTree, Type};
use std::borrow::Cow;
use std::fmt;

/// What is neither map nor list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Atom<'a> {
    Text(&'a str),
    Number(&'a str),
    Boolean(bool),
    Null,
    /// A leaf without a value: `[null]` (RFC 7951 §6.9).
    Empty,
}

/// A notation being written: calls come well nested, [`Emitter::name`] in front of each member of a map.
pub(super) trait Emitter {
    fn open_map(&mut self) -> fmt::Result;
    fn name(&mut self, name: &str) -> fmt::Result;
    fn close_map(&mut self) -> fmt::Result;
    fn open_list(&mut self) -> fmt::Result;
    fn close_list(&mut self) -> fmt::Result;
    fn atom(&mut self, atom: Atom<'_>) -> fmt::Result;
}

/// The rest of the way to the subtree that is wanted; at its end, everything is.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) chain: &'a [SchemaId],
    pub(super) keys: &'a [Key],
}

pub(super) const EVERYTHING: Way<'static> = Way { chain: &[], keys: &[] };

impl<'a> Way<'a> {
    /// Takes the next list key off, when the way goes through one entry.
    pub(super) fn key(self) -> (Option<&'a Key>, Self) {
        match self.keys.split_first() {
            Some((key, keys)) => (Some(key), Self { keys, ..self }),
            None => (None, self),
        }
    }
}

/// Tells what is at a path, with the containers and list entries around it; all of the tree for the root's path.
pub(super) fn emit_at(out: &mut impl Emitter, root: NodeRef<'_>, path: &DataPath) -> fmt::Result {
    let chain = root.plan().schema().ancestry(path.schema_id());
    emit(out, root, Way { chain: &chain, keys: path.keys() })
}

/// Tells a node's content: of a container or list entry its members, of a list its entries, of a leaf its value.
pub(super) fn emit_node(out: &mut impl Emitter, node: NodeRef<'_>) -> fmt::Result {
    emit(out, node, EVERYTHING)
}

/// Tells a list entry's content without its key leaves, which its path already says.
pub(super) fn emit_without_keys(out: &mut impl Emitter, node: NodeRef<'_>) -> fmt::Result {
    out.open_map()?;
    for child in node.children() {
        member(out, child, EVERYTHING)?;
    }
    out.close_map()
}

fn emit(out: &mut impl Emitter, node: NodeRef<'_>, way: Way<'_>) -> fmt::Result {
    let schema = node.plan().schema();
    if let Some(list) = node.as_list() {
        out.open_list()?;
        match way.key() {
            (Some(key), rest) => {
                if let Some(entry) = list.get(key).and_then(|_| node.entry(key)) {
                    emit_map(out, entry, rest)?;
                }
            }
            (None, _) => {
                for entry in node.entries() {
                    emit_map(out, entry, EVERYTHING)?;
                }
            }
        }
        return out.close_list();
    }
    match &node.schema_node().kind {
        NodeKind::Leaf(leaf) => match node.value() {
            Some(value) => emit_value(out, schema, &leaf.ty, value),
            None => out.atom(Atom::Null),
        },
        NodeKind::LeafList(list) => {
            let wanted = way.keys.first().and_then(|key| key.values().first());
            out.open_list()?;
            for value in node.values().iter().filter(|value| wanted.is_none_or(|w| w == *value)) {
                emit_value(out, schema, &list.ty, value)?;
            }
            out.close_list()
        }
        NodeKind::AnyData => emit_any(out, node.any_data().unwrap_or("null")),
        _ => emit_map(out, node, way),
    }
}

fn emit_map(out: &mut impl Emitter, node: NodeRef<'_>, way: Way<'_>) -> fmt::Result {
    out.open_map()?;
    if let Some(mark) = node.mark() {
        out.name("@")?;
        marks::emit(out, mark)?;
    }
    for leaf in node.key_leaves() {
        member(out, leaf, EVERYTHING)?;
    }
    match way.chain.split_first() {
        None => {
            for child in node.children() {
                member(out, child, EVERYTHING)?;
            }
        }
        Some((next, chain)) => {
            for child in node.children().filter(|child| child.id() == *next) {
                member(out, child, Way { chain, keys: way.keys })?;
            }
        }
    }
    out.close_map()
}

fn member(out: &mut impl Emitter, node: NodeRef<'_>, way: Way<'_>) -> fmt::Result {
    let schema = node.plan().schema();
    let name = if schema.needs_qualification(node.id()) {
        Cow::Owned(schema.qualified_name(node.id()))
    } else {
        Cow::Borrowed(&*node.schema_node().name)
    };
    out.name(&name)?;
    emit(out, node, way)?;
    let Some(mark) = node.mark() else { return Ok(()) };
    match &node.schema_node().kind {
        NodeKind::Leaf(_) | NodeKind::AnyData => {
            out.name(&format!("@{name}"))?;
            marks::emit(out, mark)
        }
        NodeKind::LeafList(_) => {
            out.name(&format!("@{name}"))?;
            marks::emit_each(out, mark, if way.keys.is_empty() { node.values().len() } else { 1 })
        }
        _ => Ok(()),
    }
}

/// Tells one value in the form that RFC 7951 §6 gives its type.
pub(super) fn emit_value(out: &mut impl Emitter, schema: &SchemaTree, ty: &Type, value: &Value) -> fmt::Result {
    match value {
        Value::Empty => out.atom(Atom::Empty),
        Value::Boolean(b) => out.atom(Atom::Boolean(*b)),
        Value::Int(_) | Value::Uint(_) => {
            let text = value.to_string();
            let is_text = is_64_bit(schema, ty, value, &text);
            out.atom(if is_text { Atom::Text(&text) } else { Atom::Number(&text) })
        }
        Value::Text(text)
        | Value::Enumeration(text)
        | Value::Bits(text)
        | Value::Identity(text)
        | Value::Instance(text)
        | Value::Secret(text) => out.atom(Atom::Text(text)),
        Value::Decimal(..) | Value::Binary(_) => out.atom(Atom::Text(&value.to_string())),
    }
}

/// Returns whether an integer value is of a 64-bit type: of a union, the member that takes the value first.
fn is_64_bit(schema: &SchemaTree, ty: &Type, value: &Value, text: &str) -> bool {
    match &ty.base {
        BaseType::Integer { kind, .. } => kind.is_64_bit(),
        BaseType::Leafref(leafref) => is_64_bit(schema, &leafref.target_type, value, text),
        BaseType::Union(members) => members
            .iter()
            .find(|member| Value::parse(schema, member, text).as_ref() == Ok(value))
            .is_none_or(|member| is_64_bit(schema, member, value, text)),
        _ => true,
    }
}

/// Tells `anydata`, which the tree keeps as JSON text.
fn emit_any(out: &mut impl Emitter, text: &str) -> fmt::Result {
    let source = Source::new("anydata", text);
    // Only readers make such texts, from documents; another text has no shape to tell.
    match super::json::parse(&source, Limits::STORED, &mut Diagnostics::new()) {
        Some(document) => emit_document(out, &document.root),
        None => Err(fmt::Error),
    }
}

/// Tells a document's node as it is; a plain scalar means what YAML 1.2's JSON schema makes of it.
pub(super) fn emit_document(out: &mut impl Emitter, node: &Node<'_>) -> fmt::Result {
    match &node.kind {
        Kind::Map(members) => {
            out.open_map()?;
            for (name, member) in members {
                out.name(&name.text)?;
                emit_document(out, member)?;
            }
            out.close_map()
        }
        Kind::Sequence(items) => {
            out.open_list()?;
            for item in items {
                emit_document(out, item)?;
            }
            out.close_list()
        }
        Kind::Scalar { .. } if node.is_null() => out.atom(Atom::Null),
        Kind::Scalar { text, style } => out.atom(match style {
            Style::Boolean => Atom::Boolean(text == "true"),
            Style::Number => Atom::Number(text),
            Style::Plain if matches!(&**text, "true" | "false") => Atom::Boolean(text == "true"),
            Style::Plain if is_json_number(text) => Atom::Number(text),
            Style::Null => Atom::Null,
            Style::Plain | Style::Quoted | Style::Xml => Atom::Text(text),
        }),
        Kind::Value(value) => out.atom(Atom::Text(&value.to_string())),
        // What is wrong is reported where the document is read and written by nobody.
        Kind::Wrong(_) => Err(fmt::Error),
    }
}

pub(super) fn is_json_number(text: &str) -> bool {
    let source = Source::new("", text);
    let document = super::json::parse(&source, Limits::INPUT, &mut Diagnostics::new());
    let whole = text.trim().len() == text.len();
    whole && document.is_some_and(|d| matches!(d.root.kind, Kind::Scalar { style: Style::Number, .. }))
}
