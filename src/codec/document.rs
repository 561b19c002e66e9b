//! What JSON and YAML readers hand over: a tree of names and texts that remembers where each stood.

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::tree::Value;
use crate::yang::SchemaId;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Bounds on a document, held while it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Maps and sequences inside one another.
    pub(super) depth: usize,
    /// Maps, sequences and scalars together.
    pub(super) nodes: usize,
    /// Size of the text. Below 4 GiB: a [`Place`] counts in 32 bits.
    pub(super) bytes: usize,
}

impl Limits {
    /// For input: three times as deep as the deepest place of the product's schema, so that readers may recurse on any
    /// thread's stack; a million list entries of ten nodes; what an element of this size still reads in seconds.
    pub(super) const INPUT: Self = Self { depth: 64, nodes: 10_000_000, bytes: 256 << 20 };

    /// For what this element has stored itself: it must read back whatever it could hold, so only the counters bound it;
    /// deeper than input by what a change wraps around it.
    pub(super) const STORED: Self = Self { depth: 128, nodes: u32::MAX as usize, bytes: u32::MAX as usize };
}

/// A stretch of the document's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// Builds a place from byte offsets, which [`Limits::bytes`] keeps within 32 bits.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    /// Returns the place from the start of this one to the end of another.
    pub(super) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end.max(self.start) }
    }

    /// Returns the place as a range of bytes.
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the place as a span of its source.
    pub(super) fn span(self, source: &Arc<Source>) -> Span {
        Span::new(source, self.start as usize, self.end as usize)
    }
}

/// A whole text, read.
#[derive(Debug)]
pub(super) struct Document<'s> {
    pub(super) source: &'s Arc<Source>,
    pub(super) notation: Notation,
    pub(super) root: Node<'s>,
}

/// The notation a document was written in, for examples in hints and for what a scalar's form says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    Json,
    Yaml,
    Xml,
}

/// A map, a sequence or a scalar.
#[derive(Debug)]
pub(super) struct Node<'s> {
    pub(super) place: Place,
    pub(super) kind: Kind<'s>,
}

#[derive(Debug)]
pub(super) enum Kind<'s> {
    Scalar {
        text: Cow<'s, str>,
        style: Style,
    },
    Map(Vec<(Name<'s>, Node<'s>)>),
    Sequence(Vec<Node<'s>>),
    /// A leaf's value that the reader had to make itself: its names have prefixes, which nobody else can resolve.
    Value(Value),
    /// What is no value, and why; told where its path is known.
    Wrong(Box<Diagnostic>),
}

/// The name of a member of a map.
#[derive(Debug)]
pub(super) struct Name<'s> {
    pub(super) text: Cow<'s, str>,
    pub(super) place: Place,
    pub(super) meaning: Meaning,
}

/// What a reader knows of a name.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    /// Nothing: its text says it.
    Text,
    /// The schema node that it stands for.
    Node(SchemaId),
    /// That it stands for none, and why.
    Unknown(Box<Diagnostic>),
}

impl<'s> Name<'s> {
    /// Builds a name of which only the text is known.
    pub(super) fn new(text: Cow<'s, str>, place: Place) -> Self {
        Self { text, place, meaning: Meaning::Text }
    }
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// YAML without quotes: its text, uninterpreted.
    Plain,
    /// In quotes (or a YAML block scalar): a text.
    Quoted,
    /// A JSON number.
    Number,
    /// `true` or `false` of JSON.
    Boolean,
    /// `null` of JSON.
    Null,
    /// The text of an XML element.
    Xml,
}

impl Node<'_> {
    /// Returns whether nothing is said: JSON's `null`, or YAML's plain `null`, `~` or emptiness.
    pub(super) fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { style: Style::Null, .. } => true,
            Kind::Scalar { text, style: Style::Plain } => matches!(&**text, "" | "~" | "null" | "Null" | "NULL"),
            _ => false,
        }
    }
}

/// Maps with fewer members are searched one by one: cheaper than a hash table.
const FEW_MEMBERS: usize = 8;

/// Reports the members of a map that have the name of an earlier one, with both places.
pub(super) fn report_duplicates(source: &Arc<Source>, members: &[(Name<'_>, Node<'_>)], found: &mut Diagnostics) {
    let mut seen: HashMap<&str, Place> = HashMap::new();
    for (index, (name, _)) in members.iter().enumerate() {
        let first = if members.len() <= FEW_MEMBERS {
            members.iter().take(index).find(|(other, _)| other.text == name.text).map(|(other, _)| other.place)
        } else {
            let first = seen.get(&*name.text).copied();
            seen.entry(&name.text).or_insert(name.place);
            first
        };
        if let Some(first) = first {
            found.push(given_twice(source, &format!("`{}`", name.text), first, name.place, found.dropped() == 0));
        }
    }
}

/// Builds the diagnostic of what may be said once and is said again. Counting lines walks the text from its start:
/// where nobody will read the result, `locate` spares it.
pub(super) fn given_twice(source: &Arc<Source>, what: &str, first: Place, again: Place, locate: bool) -> Diagnostic {
    let place = if locate { first.span(source).to_string() } else { String::new() };
    Diagnostic::error(format!("{what} is given twice: first at {place}"))
        .at(again.span(source))
        .hint("keep one of the two")
}

/// Builds the diagnostic of a text larger than a reader takes.
pub(super) fn too_large(source: &Arc<Source>, limits: Limits) -> Diagnostic {
    let (size, most) = (source.text().len() >> 20, limits.bytes >> 20);
    Diagnostic::error(format!("`{}` has {size} MiB: expected at most {most} MiB", source.name()))
        .hint("split it into several files")
}

/// Builds the diagnostic of a text with more nodes than a reader takes.
pub(super) fn too_many_nodes(limits: Limits) -> Diagnostic {
    Diagnostic::error(format!("more than {} values in one text", limits.nodes)).hint("split it into several files")
}

/// Builds the diagnostic of maps and sequences nested deeper than a reader takes.
pub(super) fn too_deep(limits: Limits) -> Diagnostic {
    Diagnostic::error(format!("nested deeper than {} levels", limits.depth))
}
