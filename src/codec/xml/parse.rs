//! Reading XML text into a document with positions: the schema says which elements are lists and where text is a value.

use super::tag::{Fault, Tag};
use super::tokens::{Token, Tokens};
use super::{JSON_NAMESPACE, any};
use crate::codec::builder::not_a_value;
use crate::codec::document::{Document, Kind, Limits, Meaning, Name, Node, Notation, Place, Style, too_large};
use crate::codec::kind_name;
use crate::codec::marks;
use crate::codec::names::{find_child, not_among};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::tree::{Form, Value, ValueError};
use crate::yang::{BaseType, NodeKind, SchemaId, SchemaNode, SchemaTree, Type};
use std::borrow::Cow;
use std::sync::Arc;

/// Namespaces of the attributes that change what an edit does (RFC 6241 §7.2, RFC 7950 §7.8.6): passing over one would do
/// something else than is asked for.
const EDITING: [&str; 2] = ["urn:ietf:params:xml:ns:netconf:base:1.0", "urn:ietf:params:xml:ns:yang:1"];

/// Namespace of the attribute that marks defaults (RFC 6243 §6), which says nothing new.
const WITH_DEFAULTS: &str = "urn:ietf:params:xml:ns:netconf:default:1.0";

/// Elements that stand around data in NETCONF, RESTCONF and in files of other products.
const WRAPPERS: [&str; 6] = ["data", "config", "rpc-reply", "rpc", "action", "notification"];

/// The element that stands beside what a notification says (RFC 5277 §4).
const EVENT_TIME: &str = "eventTime";

/// Reads an XML text whose top-level elements are children of `start`. The first fault of XML itself ends the reading: what
/// follows it cannot be told apart reliably.
pub(in crate::codec) fn parse<'s>(
    source: &'s Arc<Source>,
    schema: &'s SchemaTree,
    start: SchemaId,
    limits: Limits,
    found: &mut Diagnostics,
) -> Option<Document<'s>> {
    if source.text().len() > limits.bytes {
        found.push(too_large(source, limits));
        return None;
    }
    let read = Tokens::new(source.text(), schema, limits).and_then(|tokens| {
        let mut parser = Parser { tokens, schema, source, found: &mut *found };
        let mut members = Vec::new();
        parser.top(start, &mut members)?;
        Ok(members)
    });
    match read {
        Ok(members) => {
            let place = Place::new(0, source.text().len());
            Some(Document { source, notation: Notation::Xml, root: Node { place, kind: Kind::Map(members) } })
        }
        Err(fault) => {
            let (place, diagnostic) = *fault.0;
            found.push(diagnostic.at(place.span(source)));
            None
        }
    }
}

pub(super) type Members<'s> = Vec<(Name<'s>, Node<'s>)>;

pub(super) struct Parser<'s, 'd> {
    pub(super) tokens: Tokens<'s>,
    pub(super) schema: &'s SchemaTree,
    pub(super) source: &'s Arc<Source>,
    pub(super) found: &'d mut Diagnostics,
}

impl<'s> Parser<'s, '_> {
    /// Reads the top-level elements, those in wrappers included.
    fn top(&mut self, start: SchemaId, members: &mut Members<'s>) -> Result<(), Fault> {
        let mut wrappers = 0usize;
        loop {
            match self.tokens.next()? {
                Token::Open(tag) if self.is_wrapper(&tag, wrappers) => {
                    wrappers += 1;
                    self.attributes(&tag, true);
                }
                Token::Open(tag) if wrappers > 0 && tag.local == EVENT_TIME && tag.namespace.module.is_none() => {
                    self.tokens.skip()?;
                }
                Token::Open(tag) => self.element(start, &tag, members)?,
                Token::Close => wrappers = wrappers.saturating_sub(1),
                Token::Text(text, place) if !is_blank(&text) => {
                    let said = Diagnostic::error("expected an element, found text");
                    return Err(Fault::new((first_character(&text, place), said)));
                }
                Token::Text(..) => {}
                Token::End => return Ok(()),
            }
        }
    }

    /// Returns whether an element only stands around data: `data` of a reply, `config` of a request or a file, the envelope
    /// of a message.
    fn is_wrapper(&self, tag: &Tag<'_>, outside: usize) -> bool {
        outside < WRAPPERS.len()
            && WRAPPERS.contains(&tag.local)
            && tag.namespace.module.is_none_or(|module| {
                // A module's own element of that name comes first.
                let named = self.schema.children_named(SchemaId::ROOT, tag.local);
                !named.iter().any(|id| self.schema.node(*id).module == module)
            })
    }

    /// Reads an element and puts it among the members of its parent.
    fn element(&mut self, parent: SchemaId, tag: &Tag<'s>, members: &mut Members<'s>) -> Result<(), Fault> {
        let meaning = match self.child(parent, tag) {
            Ok(child) => Meaning::Node(child),
            Err(fault) => Meaning::Unknown(fault),
        };
        let name_place = Place::new(tag.place.range().start + 1, tag.place.range().start + 1 + tag.name.len());
        let name = Name { text: Cow::Borrowed(tag.local), place: name_place, meaning };
        let Meaning::Node(child) = name.meaning else {
            self.tokens.skip()?;
            let place = Place::new(tag.place.range().start, self.tokens.at());
            members.push((name, Node { place, kind: Kind::Map(Vec::new()) }));
            return Ok(());
        };
        let schema = self.schema.node(child);
        let notes = self.attributes(tag, matches!(schema.kind, NodeKind::AnyData));
        let mut node = self.content(schema, tag)?;
        if !notes.is_empty() {
            let note = Node { place: tag.place, kind: Kind::Map(notes) };
            let name = |text: String| Name::new(Cow::Owned(text), name_place);
            match (&schema.kind, &mut node.kind) {
                (NodeKind::Leaf(_) | NodeKind::LeafList(_) | NodeKind::AnyData, _) => {
                    members.push((name(format!("@{}", self.schema.qualified_name(child))), note));
                }
                (_, Kind::Map(inside)) => inside.push((name("@".to_owned()), note)),
                _ => {}
            }
        }
        if !matches!(schema.kind, NodeKind::List(_) | NodeKind::LeafList(_)) {
            members.push((name, node));
            return Ok(());
        }
        // Entries need not stand together (RFC 7950 §7.8.5); mostly they do.
        let is_it = |(name, _): &&mut (Name<'s>, Node<'s>)| matches!(name.meaning, Meaning::Node(id) if id == child);
        match members.iter_mut().rev().find(is_it) {
            Some((_, Node { kind: Kind::Sequence(items), place })) => {
                *place = place.to(node.place);
                items.push(node);
            }
            _ => members.push((name, Node { place: node.place, kind: Kind::Sequence(vec![node]) })),
        }
        Ok(())
    }

    /// Returns the schema node of an element.
    fn child(&self, parent: SchemaId, tag: &Tag<'_>) -> Result<SchemaId, Box<Diagnostic>> {
        let named = self.schema.children_named(parent, tag.local);
        let module = tag.namespace.module;
        let of = |id: &SchemaId| &self.schema.module(self.schema.node(*id).module).namespace;
        if let Some(child) = module.and_then(|module| named.iter().find(|id| self.schema.node(**id).module == module)) {
            return Ok(*child);
        }
        let said = |what: String| Box::new(Diagnostic::error(what));
        let in_which = if tag.namespace.is_none() {
            "has no namespace".to_owned()
        } else if module.is_none() {
            format!("is in the namespace `{}`, which is of no module here", tag.namespace.name)
        } else {
            format!("is in the namespace `{}`", tag.namespace.name)
        };
        match named {
            [] if module.is_some() => Err(Box::new(not_among(self.schema, parent, tag.local))),
            [] => Err(find_child(self.schema, parent, tag.local).err().map_or_else(
                || said(format!("`{}` {in_which}", tag.local)),
                |fault| {
                    Box::new(Diagnostic::error(format!("`{}` {in_which}", tag.local)).hint_maybe(fault.hint.clone()))
                },
            )),
            [only, ..] => Err(Box::new(
                Diagnostic::error(format!("`{}` {in_which}: it is another element", tag.local))
                    .hint(format!("write `xmlns=\"{}\"` on it, or around it", of(only))),
            )),
        }
    }

    /// Takes what is noted about an element (RFC 7952 §5.1); tells which attributes are not heeded, and refuses those that
    /// ask for an edit.
    fn attributes(&mut self, tag: &Tag<'s>, takes_any: bool) -> Members<'s> {
        let mut notes = Members::new();
        for attribute in &tag.attributes {
            let namespace = &*attribute.namespace.name;
            if namespace == marks::NAMESPACE && matches!(attribute.local, marks::COMMENT | marks::INACTIVE) {
                let name = Name::new(Cow::Owned(format!("{}:{}", marks::MODULE, attribute.local)), attribute.place);
                let kind = Kind::Scalar { text: attribute.value.clone(), style: Style::Xml };
                notes.push((name, Node { place: attribute.place, kind }));
                continue;
            }
            if namespace == WITH_DEFAULTS || (takes_any && (namespace.is_empty() || namespace == JSON_NAMESPACE)) {
                continue;
            }
            let name = attribute.local;
            let said = if EDITING.contains(&namespace) {
                Diagnostic::error(format!("the attribute `{name}` asks for an edit, and a document holds data only"))
                    .hint("leave it out, or make the edit with `delete`, `insert` or `load`")
            } else if namespace.is_empty() {
                Diagnostic::error(format!("`{}` has no attribute `{name}`", tag.local))
                    .hint("data stands in elements, attributes are annotations and have a namespace")
            } else {
                Diagnostic::warning(format!("the annotation `{name}` of `{}` is passed over", tag.local))
            };
            self.found.push(said.at(attribute.place.span(self.source)));
        }
        notes
    }

    /// Reads what is in an element, up to its end tag.
    fn content(&mut self, schema: &'s SchemaNode, tag: &Tag<'s>) -> Result<Node<'s>, Fault> {
        match &schema.kind {
            NodeKind::Leaf(leaf) => self.value(schema, &leaf.ty, tag),
            NodeKind::LeafList(list) => self.value(schema, &list.ty, tag),
            NodeKind::AnyData => {
                let kind = any::read(self, tag)?;
                Ok(Node { place: Place::new(tag.place.range().start, self.tokens.at()), kind })
            }
            _ => self.members(schema, tag),
        }
    }

    fn members(&mut self, schema: &'s SchemaNode, tag: &Tag<'s>) -> Result<Node<'s>, Fault> {
        let mut members = Vec::new();
        let mut wrong = None;
        loop {
            match self.tokens.next()? {
                Token::Open(inner) => self.element(schema.id, &inner, &mut members)?,
                Token::Text(text, place) if !is_blank(&text) => wrong = wrong.or(Some(first_character(&text, place))),
                Token::Text(..) => {}
                Token::Close | Token::End => break,
            }
        }
        let place = Place::new(tag.place.range().start, self.tokens.at());
        let Some(at) = wrong else { return Ok(Node { place, kind: Kind::Map(members) }) };
        let what = format!("`{}` is {}: it holds elements and no text", schema.name, kind_name(&schema.kind));
        Ok(Node { place: at, kind: Kind::Wrong(Box::new(Diagnostic::error(what))) })
    }

    /// Reads the text of a leaf or of one value of a leaf-list.
    fn value(&mut self, schema: &SchemaNode, ty: &Type, tag: &Tag<'s>) -> Result<Node<'s>, Fault> {
        let mut text: Cow<'s, str> = Cow::Borrowed("");
        let (mut place, mut wrong) = (tag.place, None);
        loop {
            match self.tokens.next()? {
                Token::Text(more, at) if text.is_empty() => (text, place) = (more, at),
                Token::Text(more, at) => {
                    text.to_mut().push_str(&more);
                    place = place.to(at);
                }
                Token::Open(inner) => {
                    wrong = wrong.or(Some(inner.place));
                    self.tokens.skip()?;
                }
                Token::Close | Token::End => break,
            }
        }
        if let Some(at) = wrong {
            let what = format!("`{}` is {}: it holds a value and no elements", schema.name, kind_name(&schema.kind));
            return Ok(Node { place: at, kind: Kind::Wrong(Box::new(Diagnostic::error(what))) });
        }
        if !has_names(ty) || schema.is_secret() {
            return Ok(Node { place, kind: Kind::Scalar { text, style: Style::Xml } });
        }
        let kind = match self.named_value(ty, &text) {
            Ok(value) => Kind::Value(value),
            Err(error) => Kind::Wrong(Box::new(not_a_value(schema, error))),
        };
        Ok(Node { place, kind })
    }

    /// Makes the value of the element that has just ended.
    fn named_value(&self, ty: &Type, text: &str) -> Result<Value, ValueError> {
        let modules = |prefix: &str| {
            let module = self.tokens.scopes.find(prefix)?.module?;
            Some(Arc::clone(&self.schema.module(module).name))
        };
        Value::parse_form(self.schema, ty, text, Form::Xml(&modules))
    }
}

/// Returns where the first character stands that is no blank.
fn first_character(text: &str, place: Place) -> Place {
    let range = place.range();
    // Of a text with references in it only its start is known.
    let blanks = text.len() - text.trim_start().len();
    if text.len() == range.len() { Place::new(range.start + blanks, range.end) } else { place }
}

pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(super::characters::is_blank)
}

/// Returns whether values of a type may have names with prefixes in them.
fn has_names(ty: &Type) -> bool {
    match &ty.base {
        BaseType::IdentityRef { .. } | BaseType::InstanceIdentifier { .. } => true,
        BaseType::Leafref(leafref) => has_names(&leafref.target_type),
        BaseType::Union(members) => members.iter().any(|member| has_names(member)),
        _ => false,
    }
}
