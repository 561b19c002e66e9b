//! `anydata` and `anyxml`, which the tree keeps as JSON: elements become members, repeated ones an array, texts strings.
//!
//! JSON knows more than elements and texts. What it has beyond them is written as JSON in an element's text, and an
//! attribute says so; so both ways end where they began.

use super::characters::{is_blank as is_blank_char, is_char, is_local_name, write_text};
use super::parse::{Parser, is_blank};
use super::tag::{Fault, Tag};
use super::tokens::Token;
use super::{JSON_NAMESPACE, characters};
use crate::codec::document::{Kind, Limits, Name, Node, Place, Style};
use crate::codec::json::{self, JsonEmitter, JsonLayout};
use crate::codec::shape::emit_document;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::yang::SchemaTree;
use std::borrow::Cow;
use std::fmt::{self, Write};

/// Reads what is in an element of which no schema knows anything, up to its end tag.
pub(super) fn read<'s>(parser: &mut Parser<'s, '_>, tag: &Tag<'s>) -> Result<Kind<'s>, Fault> {
    let is_json = tag.attributes.iter().any(|a| &*a.namespace.name == JSON_NAMESPACE && a.local == "json");
    let mut text: Cow<'s, str> = Cow::Borrowed("");
    let mut members: Vec<(Name<'s>, Node<'s>)> = Vec::new();
    loop {
        match parser.tokens.next()? {
            Token::Text(more, _) if text.is_empty() => text = more,
            Token::Text(more, _) => text.to_mut().push_str(&more),
            Token::Open(inner) => {
                let place = inner.place;
                let name = Name::new(name_of(parser.schema, tag, &inner), place);
                tell_attributes(parser, &inner);
                let kind = read(parser, &inner)?;
                let node = Node { place: Place::new(place.range().start, parser.tokens.at()), kind };
                join(&mut members, name, node);
            }
            Token::Close | Token::End => break,
        }
    }
    if is_json && members.is_empty() {
        return Ok(from_json(&text));
    }
    if members.is_empty() {
        return Ok(Kind::Scalar { text, style: Style::Xml });
    }
    if is_blank(&text) {
        return Ok(Kind::Map(members));
    }
    let said = format!("`{}` holds elements and text: one of the two can be kept", tag.local);
    Ok(Kind::Wrong(Box::new(Diagnostic::error(said))))
}

/// Puts a member beside others; several of one name are an array.
fn join<'s>(members: &mut Vec<(Name<'s>, Node<'s>)>, name: Name<'s>, node: Node<'s>) {
    // The last ones are the likeliest; further back only so far that hostile input does not take the square.
    const LOOKED_AT_MAX: usize = 1024;
    let found = members.iter_mut().rev().take(LOOKED_AT_MAX).find(|(other, _)| other.text == name.text);
    match found {
        Some((_, Node { kind: Kind::Sequence(items), place })) if items.len() > 1 => {
            *place = place.to(node.place);
            items.push(node);
        }
        Some((_, first)) => {
            let place = first.place.to(node.place);
            let before = std::mem::replace(first, Node { place, kind: Kind::Sequence(Vec::new()) });
            if let Kind::Sequence(items) = &mut first.kind {
                items.extend([before, node]);
            }
        }
        None => members.push((name, node)),
    }
}

/// Returns the name that a member of JSON has for an element: with its module, or its whole namespace, where that is another
/// than its parent's (RFC 7951 §5.5).
fn name_of<'s>(schema: &SchemaTree, parent: &Tag<'_>, tag: &Tag<'s>) -> Cow<'s, str> {
    if tag.namespace == parent.namespace {
        return Cow::Borrowed(tag.local);
    }
    match tag.namespace.module {
        Some(module) => Cow::Owned(format!("{}:{}", schema.module(module).name, tag.local)),
        None => Cow::Owned(format!("{{{}}}{}", tag.namespace.name, tag.local)),
    }
}

fn tell_attributes(parser: &mut Parser<'_, '_>, tag: &Tag<'_>) {
    for attribute in tag.attributes.iter().filter(|a| &*a.namespace.name != JSON_NAMESPACE) {
        let said = format!("the attribute `{}` of `{}` is not kept", attribute.local, tag.local);
        parser.found.push(Diagnostic::warning(said).at(attribute.place.span(parser.source)));
    }
}

/// Reads an element's text as JSON.
fn from_json<'s>(text: &str) -> Kind<'s> {
    let source = Source::new("json", text.trim_matches(is_blank_char));
    let mut found = Diagnostics::new();
    let document = json::parse(&source, Limits::INPUT, &mut found);
    match (document, found.into_iter().next()) {
        (Some(document), None) => owned(&document.root.kind),
        (_, fault) => {
            let why = fault.map_or_else(String::new, |fault| format!(": {}", fault.message));
            Kind::Wrong(Box::new(Diagnostic::error(format!("expected JSON in this element{why}"))))
        }
    }
}

/// Returns a copy that outlives the text it was read from.
fn owned<'s>(kind: &Kind<'_>) -> Kind<'s> {
    let node = |node: &Node<'_>| Node { place: Place::default(), kind: owned(&node.kind) };
    match kind {
        Kind::Scalar { text, style } => Kind::Scalar { text: Cow::Owned(text.to_string()), style: *style },
        Kind::Sequence(items) => Kind::Sequence(items.iter().map(node).collect()),
        Kind::Map(members) => {
            let name = |name: &Name<'_>| Name::new(Cow::Owned(name.text.to_string()), Place::default());
            Kind::Map(members.iter().map(|(n, member)| (name(n), node(member))).collect())
        }
        Kind::Value(value) => Kind::Value(value.clone()),
        Kind::Wrong(fault) => Kind::Wrong(fault.clone()),
    }
}

/// Writes JSON as what is in an element, and the rest of the element: from behind its name to its end tag.
pub(super) struct AnyWriter<'o, 's> {
    pub(super) out: &'o mut dyn Write,
    pub(super) schema: &'s SchemaTree,
    pub(super) indent: Option<u8>,
}

impl AnyWriter<'_, '_> {
    /// Writes an element whose start tag stands but for its `>`; `namespace` is the one that holds in it.
    pub(super) fn element(&mut self, name: &str, namespace: &str, depth: usize, node: &Node<'_>) -> fmt::Result {
        match &node.kind {
            Kind::Scalar { text, style: Style::Quoted | Style::Xml } if text.chars().all(is_char) => {
                self.out.write_char('>')?;
                write_text(self.out, text)?;
            }
            Kind::Map(members) if self.is_natural(members, namespace) => {
                self.out.write_char('>')?;
                for (inner, member) in members {
                    self.member(&inner.text, namespace, depth + 1, member)?;
                }
                self.line(depth)?;
            }
            _ => {
                write!(self.out, " xmlns:j=\"{JSON_NAMESPACE}\" j:json=\"\">")?;
                write_text(self.out, &json_text(node)?)?;
            }
        }
        write!(self.out, "</{name}>")
    }

    fn member(&mut self, name: &str, outside: &str, depth: usize, node: &Node<'_>) -> fmt::Result {
        let Some((namespace, local)) = self.split(name, outside) else { return Err(fmt::Error) };
        let single = std::slice::from_ref(node);
        let items = match &node.kind {
            // One item, or none, would not come back as an array.
            Kind::Sequence(items) if items.len() > 1 => items.as_slice(),
            _ => single,
        };
        for item in items {
            self.line(depth)?;
            write!(self.out, "<{local}")?;
            if namespace != outside {
                self.out.write_str(" xmlns=\"")?;
                characters::write_attribute(self.out, &namespace)?;
                self.out.write_char('"')?;
            }
            self.element(local, &namespace, depth, item)?;
        }
        Ok(())
    }

    fn line(&mut self, depth: usize) -> fmt::Result {
        match self.indent {
            Some(width) => write!(self.out, "\n{:1$}", "", usize::from(width) * depth),
            None => Ok(()),
        }
    }

    /// Returns whether all members have names that come back as they are.
    fn is_natural(&self, members: &[(Name<'_>, Node<'_>)], outside: &str) -> bool {
        !members.is_empty() && members.iter().all(|(name, _)| self.split(&name.text, outside).is_some())
    }

    /// Returns namespace and local name of a member.
    fn split<'n>(&self, name: &'n str, outside: &str) -> Option<(String, &'n str)> {
        let (namespace, local) = if let Some(rest) = name.strip_prefix('{') {
            let (namespace, local) = rest.rsplit_once('}')?;
            let is_modules = self.schema.modules().iter().any(|module| *module.namespace == *namespace);
            (Some(namespace.to_owned()).filter(|n| !is_modules && n.chars().all(is_char))?, local)
        } else if let Some((module, local)) = name.split_once(':') {
            let module = self.schema.module(self.schema.module_by_name(module)?);
            (module.namespace.to_string(), local)
        } else {
            return is_local_name(name).then(|| (outside.to_owned(), name));
        };
        (is_local_name(local) && namespace != outside).then_some((namespace, local))
    }
}

/// Returns a node as JSON without characters that XML cannot carry.
fn json_text(node: &Node<'_>) -> Result<String, fmt::Error> {
    let mut text = String::new();
    emit_document(&mut JsonEmitter::new(&mut text, JsonLayout::Compact), node)?;
    // Only strings hold such characters, and there they may be escaped.
    if text.chars().all(is_char) {
        return Ok(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_char(c) { escaped.push(c) } else { write!(escaped, "\\u{:04x}", u32::from(c))? }
    }
    Ok(escaped)
}
