//! The one way from words to data: what a `set` line, a curly file and completion all walk.
//!
//! A [`Walker`] stands at a place in the schema and takes a token at a time: a name, the keys of an entry, a value,
//! `[ … ]`, `{ … }`. What it meets goes to a [`Sink`]; what it would take next, [`Walker::next`] tells.

use super::builder::{Builder, kind_name};
use super::lexer::{Token, TokenKind, quote_word};
use crate::diagnostic::{Diagnostic, Source, Span, nearest};
use crate::tree::{DataPath, Key, Value};
use crate::yang::{BaseType, NodeKind, SchemaId, SchemaNode, SchemaTree};
use std::sync::Arc;

/// What may come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The name of a child of this place.
    Child(DataPath),
    /// A key of an entry of this list, after these.
    Key(DataPath, Vec<Value>),
    /// The value of this leaf or leaf-list; for the latter `[` too.
    Value(DataPath),
    /// A further value of this leaf-list, or `]`.
    Values(DataPath),
    /// `;` or `}`: a strict notation ends a leaf's statement before the next begins.
    End,
}

/// What a walk meets.
pub trait Sink {
    /// A container or entry is entered.
    fn enter(&mut self, path: &DataPath, span: Span);
    /// A leaf is given a value.
    fn leaf(&mut self, path: &DataPath, text: &str, span: Span);
    /// A leaf-list is given a value.
    fn leaf_list_value(&mut self, path: &DataPath, text: &str, span: Span);
}

impl Sink for Builder<'_> {
    fn enter(&mut self, path: &DataPath, span: Span) {
        self.create(path, Some(span));
    }
    fn leaf(&mut self, path: &DataPath, text: &str, span: Span) {
        Builder::leaf(self, path, text, Some(span));
    }
    fn leaf_list_value(&mut self, path: &DataPath, text: &str, span: Span) {
        Builder::leaf_list_value(self, path, text, Some(span));
    }
}

/// A sink for walks that only want to know where they end.
#[derive(Debug, Default)]
pub struct Ignore;

impl Sink for Ignore {
    fn enter(&mut self, _path: &DataPath, _span: Span) {}
    fn leaf(&mut self, _path: &DataPath, _text: &str, _span: Span) {}
    fn leaf_list_value(&mut self, _path: &DataPath, _text: &str, _span: Span) {}
}

/// Braces inside braces at most: deeper than any schema in use, and a bound on hostile input.
const DEPTH_MAX: usize = 128;

/// Names listed in a hint at most; completion shows the rest.
const LISTED_MAX: usize = 10;

/// Walks tokens through a schema.
#[derive(Debug)]
pub struct Walker<'s> {
    schema: &'s SchemaTree,
    source: Arc<Source>,
    /// Whether a leaf's statement must end with `;`, names must be whole, and defaults of the notation are a file's.
    strict: bool,
    /// Where the statement began.
    base: DataPath,
    at: DataPath,
    next: Next,
    /// Whether the last thing met was an entered container or entry, so that `{` or `;` may follow.
    entered: bool,
    frames: Vec<DataPath>,
}

impl<'s> Walker<'s> {
    /// Starts at a container, an entry or the root.
    #[must_use]
    pub fn new(schema: &'s SchemaTree, source: &Arc<Source>, base: DataPath, strict: bool) -> Self {
        Self {
            schema,
            source: Arc::clone(source),
            strict,
            at: base.clone(),
            next: Next::Child(base.clone()),
            base,
            entered: false,
            frames: Vec::new(),
        }
    }

    /// Returns what would be taken next.
    #[must_use]
    pub fn next(&self) -> &Next {
        &self.next
    }

    /// Returns the place that names are looked up in.
    #[must_use]
    pub fn at(&self) -> &DataPath {
        &self.at
    }

    /// Returns how many braces are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.frames.len()
    }

    /// Takes one token.
    ///
    /// # Errors
    /// Why it cannot stand here, with its place.
    pub fn step(&mut self, token: &Token, sink: &mut impl Sink) -> Result<(), Diagnostic> {
        let span = token.span(&self.source);
        match (&token.kind, self.next.clone()) {
            (TokenKind::Word(name), Next::Child(at)) => self.child(&at, name, token, span, sink),
            (TokenKind::Word(text), Next::Key(list, given)) => self.key(&list, given, text, span, sink),
            (TokenKind::Word(text), Next::Value(path)) => {
                match self.schema.node(path.schema_id()).kind {
                    NodeKind::LeafList(_) => sink.leaf_list_value(&path, text, span),
                    _ => sink.leaf(&path, text, span),
                }
                self.after_leaf();
                Ok(())
            }
            (TokenKind::Word(text), Next::Values(path)) => {
                sink.leaf_list_value(&path, text, span);
                Ok(())
            }
            (TokenKind::BracketOpen, Next::Value(path))
                if matches!(self.schema.node(path.schema_id()).kind, NodeKind::LeafList(_)) =>
            {
                self.next = Next::Values(path);
                Ok(())
            }
            (TokenKind::BracketClose, Next::Values(_)) => {
                self.after_leaf();
                Ok(())
            }
            (TokenKind::Open, Next::Child(_)) if self.entered => self.open(span),
            (TokenKind::Close, Next::Child(_) | Next::End) if !self.frames.is_empty() => {
                self.close();
                Ok(())
            }
            (TokenKind::Semicolon, Next::Child(_) | Next::End) => {
                self.end_statement();
                Ok(())
            }
            _ => Err(self.unexpected(token).at(span)),
        }
    }

    fn after_leaf(&mut self) {
        self.entered = false;
        self.next = if self.strict { Next::End } else { Next::Child(self.at.clone()) };
    }

    fn open(&mut self, span: Span) -> Result<(), Diagnostic> {
        if self.frames.len() >= DEPTH_MAX {
            return Err(Diagnostic::error(format!("more than {DEPTH_MAX} braces inside each other")).at(span));
        }
        self.frames.push(std::mem::replace(&mut self.base, self.at.clone()));
        self.entered = false;
        Ok(())
    }

    fn close(&mut self) {
        if let Some(base) = self.frames.pop() {
            self.base = base;
        }
        self.end_statement();
    }

    /// Goes back to where the statement began, for the next one; after a fault too.
    pub fn end_statement(&mut self) {
        self.at = self.base.clone();
        self.next = Next::Child(self.at.clone());
        self.entered = false;
    }

    fn child(
        &mut self,
        at: &DataPath,
        name: &str,
        token: &Token,
        span: Span,
        sink: &mut impl Sink,
    ) -> Result<(), Diagnostic> {
        let id = self.find_child(at, name, !token.quoted).map_err(|d| d.at(span.clone()))?;
        let node = self.schema.node(id);
        let path = at.child(id);
        if !node.config {
            let said = format!("`{}` is state and cannot be configured", node.name);
            return Err(Diagnostic::error(said).at(span).on(path.display(self.schema).to_string()));
        }
        match &node.kind {
            NodeKind::Container { .. } => {
                sink.enter(&path, span);
                self.at = path.clone();
                self.entered = true;
                self.next = Next::Child(path);
            }
            NodeKind::List(_) => self.next = Next::Key(path, Vec::new()),
            NodeKind::Leaf(leaf) if leaf.is_key => {
                let said = format!("`{}` is a key: it is given with its entry and cannot be changed", node.name);
                return Err(Diagnostic::error(said).at(span).hint("rename the entry, or make another one"));
            }
            NodeKind::Leaf(leaf) if matches!(leaf.ty.base, BaseType::Empty) => {
                sink.leaf(&path, "", span);
                self.after_leaf();
            }
            // What is in `anydata` stands as one word of JSON.
            NodeKind::Leaf(_) | NodeKind::LeafList(_) | NodeKind::AnyData => self.next = Next::Value(path),
            _ => {
                let said = format!("`{}` is {} and cannot be configured", node.name, kind_name(&node.kind));
                return Err(Diagnostic::error(said).at(span));
            }
        }
        Ok(())
    }

    fn key(
        &mut self,
        list: &DataPath,
        mut given: Vec<Value>,
        text: &str,
        span: Span,
        sink: &mut impl Sink,
    ) -> Result<(), Diagnostic> {
        let node = self.schema.node(list.schema_id());
        let keys = node.as_list().map_or(&[][..], |l| &l.keys);
        let Some(leaf) = keys.get(given.len()).map(|id| self.schema.node(*id)) else {
            return Err(Diagnostic::error(format!("`{}` has no keys", node.name)).at(span));
        };
        if let Some(ty) = leaf.ty() {
            let value = Value::parse(self.schema, ty, text).map_err(|e| {
                Diagnostic::error(format!("key `{}` of `{}`: {e}", leaf.name, node.name)).at(span.clone())
            })?;
            given.push(value);
        }
        if given.len() < keys.len() {
            self.next = Next::Key(list.clone(), given);
            return Ok(());
        }
        let entry = list.entry(Key::new(given));
        sink.enter(&entry, span);
        self.at = entry.clone();
        self.entered = true;
        self.next = Next::Child(entry);
        Ok(())
    }

    /// Returns the child that a name stands for: whole, `module:name`, or, where abbreviation is allowed, a prefix of only one.
    fn find_child(&self, at: &DataPath, name: &str, may_abbreviate: bool) -> Result<SchemaId, Diagnostic> {
        let schema = self.schema;
        let parent = schema.node(at.schema_id());
        if let Some(id) = schema.child(parent.id, name) {
            return Ok(id);
        }
        let children: Vec<&SchemaNode> = parent.data_children.iter().map(|id| schema.node(*id)).collect();
        let same: Vec<SchemaId> = children.iter().filter(|n| &*n.name == name).map(|n| n.id).collect();
        if !same.is_empty() {
            let names: Vec<String> = same.iter().map(|id| format!("`{}`", schema.qualified_name(*id))).collect();
            return Err(
                Diagnostic::error(format!("`{name}` is ambiguous")).hint(format!("write {}", names.join(" or ")))
            );
        }
        let beginning: Vec<&SchemaNode> = children.iter().copied().filter(|n| n.name.starts_with(name)).collect();
        match beginning.as_slice() {
            [only] if may_abbreviate && !self.strict => return Ok(only.id),
            [_, _, ..] if may_abbreviate && !self.strict => {
                let names: Vec<String> = beginning.iter().map(|n| format!("`{}`", n.name)).collect();
                return Err(Diagnostic::error(format!("`{name}` is ambiguous: {}", names.join(", "))));
            }
            _ => {}
        }
        let place =
            if parent.id == SchemaId::ROOT { "the configuration".to_owned() } else { format!("`{}`", parent.name) };
        let said = Diagnostic::error(format!("unknown element: `{name}` is not an element of {place}"));
        if let Some(close) = nearest(name, children.iter().map(|n| &*n.name)) {
            return Err(said.hint(format!("did you mean `{close}`?")));
        }
        let mut names: Vec<&str> =
            children.iter().filter(|n| n.config && !n.is_key()).map(|n| &*n.name).take(LISTED_MAX).collect();
        if children.len() > LISTED_MAX {
            names.push("…");
        }
        Err(if names.is_empty() { said } else { said.hint(format!("expected one of {}", names.join(", "))) })
    }

    fn unexpected(&self, token: &Token) -> Diagnostic {
        let found = match &token.kind {
            TokenKind::Word(text) => format!("`{text}`"),
            TokenKind::Open => "`{`".to_owned(),
            TokenKind::Close => "`}`".to_owned(),
            TokenKind::BracketOpen => "`[`".to_owned(),
            TokenKind::BracketClose => "`]`".to_owned(),
            TokenKind::Semicolon => "`;`".to_owned(),
            TokenKind::Pipe => "`|`".to_owned(),
        };
        Diagnostic::error(format!("unexpected {found}: expected {}", self.expected()))
    }

    /// Says what may come next.
    #[must_use]
    pub fn expected(&self) -> String {
        let name = |path: &DataPath| self.schema.node(path.schema_id()).name.clone();
        match &self.next {
            Next::Child(at) if at.schema_id() == SchemaId::ROOT => "the name of an element".to_owned(),
            Next::Child(at) => format!("the name of an element of `{}`", name(at)),
            Next::Key(list, given) => {
                let keys = self.schema.node(list.schema_id()).as_list().map_or(&[][..], |l| &l.keys);
                let key = keys.get(given.len()).map_or("", |id| &self.schema.node(*id).name);
                format!("the key `{key}` of `{}`", name(list))
            }
            Next::Value(path) => {
                let ty = self.schema.node(path.schema_id()).ty().map_or("JSON", |ty| ty.shown_name());
                format!("a value for `{}` ({ty})", name(path))
            }
            Next::Values(path) => format!("a value for `{}` or `]`", name(path)),
            Next::End => "`;`".to_owned(),
        }
    }

    /// Gives a fault the place in the data that the walk had reached, where it has none.
    #[must_use]
    pub(super) fn placed(&self, fault: Diagnostic) -> Diagnostic {
        if fault.data_path.is_some() || self.at.schema_id() == SchemaId::ROOT {
            return fault;
        }
        fault.on(self.at.display(self.schema).to_string())
    }

    /// Ends the walk.
    ///
    /// # Errors
    /// When it is in the middle of something.
    pub fn finish(&self, end: usize) -> Result<(), Diagnostic> {
        let span = Span::new(&self.source, end, end);
        match self.next {
            Next::Child(_) | Next::End if self.frames.is_empty() => Ok(()),
            Next::Child(_) | Next::End => Err(Diagnostic::error("`{` without its `}`").at(span)),
            _ => Err(Diagnostic::error(format!("incomplete: expected {}", self.expected())).at(span)),
        }
    }
}

/// Writes a path as words, as a person types it, each quoted where it must be.
#[must_use]
pub fn path_words(schema: &SchemaTree, path: &DataPath) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut keys = path.keys().iter();
    for id in schema.ancestry(path.schema_id()) {
        words.push(shown_name(schema, id));
        if matches!(schema.node(id).kind, NodeKind::List(_) | NodeKind::LeafList(_))
            && let Some(key) = keys.next()
        {
            words.extend(key.values().iter().map(|v| quote_word(&v.to_string()).into_owned()));
        }
    }
    words.join(" ")
}

/// Returns a node's name, with its module where the name alone means another one.
#[must_use]
pub fn shown_name(schema: &SchemaTree, id: SchemaId) -> String {
    let node = schema.node(id);
    if schema.child(node.data_parent, &node.name) == Some(id) {
        node.name.to_string()
    } else {
        schema.qualified_name(id)
    }
}
