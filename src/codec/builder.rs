//! What all readers feed: a tree under construction that remembers where in the input each node came from.

use super::Format;
use super::load::compact_json;
use super::marks::Noted;
use super::placeholder::{CLEAR_PREFIX, Placeholder, placeholder};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::secret::{OpenError, SEALED_PREFIX, Sealer, Secret};
use crate::tree::{Cell, DataPath, DataTree, Position, Value, ValueError};
use crate::yang::{NodeKind, SchemaId, SchemaNode, Type};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What input may hold, and how strictly it is held to its notation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Whether state (`config false`) may stand beside configuration.
    pub has_state: bool,
    /// Whether names and values are written as RFC 7951 says and in no other way that could be understood, such as names
    /// without their modules and numbers as strings.
    pub is_exact: bool,
}

/// A tree being built from input, with all faults found so far.
pub struct Builder<'s> {
    /// The tree.
    pub tree: DataTree,
    /// What was wrong.
    pub diagnostics: Diagnostics,
    pub(super) rules: Rules,
    sealer: &'s dyn Sealer,
    origins: HashMap<DataPath, Span>,
    /// The documents merged so far: where in them a node stands is only looked up for a fault.
    documents: Vec<(Format, Arc<Source>)>,
    /// How many of them have given their places.
    located: usize,
    /// Whether the places of all nodes are noted.
    locating: bool,
    /// What is noted about nodes that come into being while the input is read.
    pub(super) noted: Vec<Noted>,
    /// Places with a fault of their own: that they are missing, too, says nothing new.
    faulty: HashSet<DataPath>,
}

impl<'s> Builder<'s> {
    /// Starts from a tree that input is merged into.
    #[must_use]
    pub fn new(tree: DataTree, sealer: &'s dyn Sealer) -> Self {
        Self {
            tree,
            diagnostics: Diagnostics::new(),
            rules: Rules::default(),
            sealer,
            origins: HashMap::new(),
            documents: Vec::new(),
            located: 0,
            locating: false,
            noted: Vec::new(),
            faulty: HashSet::new(),
        }
    }

    /// Sets what input may hold and how strictly it is read; the default is configuration, as people write it.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Adds a diagnostic.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Adds an error about a place in the data.
    pub fn report_on(&mut self, path: &DataPath, span: Option<Span>, diagnostic: Diagnostic) {
        let shown = path.display(self.tree.schema()).to_string();
        self.faulty.insert(path.clone());
        self.diagnostics.push(diagnostic.at_maybe(span).on(shown));
    }

    /// Parses a value; a secret's clear text is sealed, a sealed one is checked to open here.
    ///
    /// # Errors
    /// A diagnostic without a place.
    pub fn value(&self, node: &SchemaNode, ty: &Type, text: &str) -> Result<Value, Diagnostic> {
        parse_value(&self.tree, self.sealer, node, ty, text)
    }

    /// Sets a leaf, or `anydata` from JSON, from text. A secret whose clear text is unchanged keeps its sealed form.
    pub fn leaf(&mut self, path: &DataPath, text: &str, span: Option<Span>) {
        let schema = self.tree.schema().clone();
        let node = schema.node(path.schema_id());
        let Some(ty) = node.ty() else { return self.any_data(path, text, span) };
        if let (true, Some(span)) = (node.is_secret(), &span) {
            span.conceal();
        }
        match self.value(node, ty, text) {
            Err(diagnostic) => self.report_on(path, span, diagnostic),
            Ok(value) => {
                self.note(path, span);
                let value = self.kept(path, value);
                // The kind was looked up above: the edit cannot be refused for it.
                if let Err(e) = self.tree.set(path, value) {
                    self.report_on(path, None, Diagnostic::error(e.to_string()));
                }
            }
        }
    }

    fn any_data(&mut self, path: &DataPath, text: &str, span: Option<Span>) {
        let put = compact_json(text).and_then(|json| {
            let put = self.tree.put(path, Cell::AnyData(json.into()));
            put.map_err(|e| Diagnostic::error(e.to_string()))
        });
        match put {
            Ok(_) => self.note(path, span),
            Err(diagnostic) => self.report_on(path, span, diagnostic),
        }
    }

    /// Adds a value to a leaf-list from text.
    pub fn leaf_list_value(&mut self, path: &DataPath, text: &str, span: Option<Span>) {
        let schema = self.tree.schema().clone();
        let node = schema.node(path.schema_id());
        let Some(ty) = node.ty() else { return };
        if let (true, Some(span)) = (node.is_secret(), &span) {
            span.conceal();
        }
        match self.value(node, ty, text) {
            Err(diagnostic) => self.report_on(path, span, diagnostic),
            Ok(value) => {
                self.note(path, span);
                let known =
                    self.tree.get(path).is_some_and(|n| n.values().iter().any(|v| self.is_same_secret(v, &value)));
                if known {
                    return;
                }
                if let Err(e) = self.tree.add_value(path, value, &Position::Last) {
                    self.report_on(path, None, Diagnostic::error(e.to_string()));
                }
            }
        }
    }

    /// Adds values to a leaf-list that has some, in time that grows with their number and not with its square.
    pub(super) fn merge_values(&mut self, path: &DataPath, more: &[Value]) {
        let mut values = self.tree.get(path).map_or_else(Vec::new, |found| found.values().to_vec());
        let clear = |value: &Value| match value {
            Value::Secret(sealed) => self.sealer.open(sealed).ok(),
            _ => None,
        };
        let secrets: Vec<Secret> = values.iter().filter_map(clear).collect();
        // A repeated value that is no secret is dropped when the values are set.
        let is_known =
            |value: &Value| !secrets.is_empty() && clear(value).is_some_and(|clear| secrets.contains(&clear));
        values.extend(more.iter().filter(|value| !is_known(value)).cloned());
        if let Err(e) = self.tree.set_values(path, values) {
            self.report_on(path, None, Diagnostic::error(e.to_string()));
        }
    }

    /// Brings a container or list entry into being.
    pub fn create(&mut self, path: &DataPath, span: Option<Span>) {
        self.note(path, span);
        if let Err(e) = self.tree.create(path) {
            self.report_on(path, None, Diagnostic::error(e.to_string()));
        }
    }

    /// Remembers where a node came from; the first mention counts.
    pub fn note(&mut self, path: &DataPath, span: Option<Span>) {
        if let Some(span) = span {
            self.origins.entry(path.clone()).or_insert(span);
        }
    }

    /// Returns where a node itself was given.
    pub(super) fn given_at(&self, path: &DataPath) -> Option<&Span> {
        self.origins.get(path)
    }

    /// Returns whether a text is a value that a leaf does not have yet; what is no value changes nothing.
    pub(super) fn would_change(&self, path: &DataPath, text: &str) -> bool {
        let node = self.tree.schema().node(path.schema_id());
        let value = node.ty().and_then(|ty| self.value(node, ty, text).ok());
        let before = self.tree.get(path).and_then(|node| node.value());
        value.zip(before).is_some_and(|(value, before)| !self.is_same_secret(before, &value))
    }

    /// Remembers a document that has been merged.
    pub(super) fn remember(&mut self, format: Format, source: &Arc<Source>) {
        if !self.locating {
            self.documents.push((format, Arc::clone(source)));
        }
    }

    /// Returns whether the places of all nodes are noted.
    pub(super) fn is_locating(&self) -> bool {
        self.locating
    }

    /// Notes the places of all nodes of the documents merged so far, by reading them again: that costs nothing as long as
    /// nobody asks, which is when there is no fault.
    fn locate(&mut self) {
        for (format, source) in self.documents.iter().skip(self.located) {
            let mut scratch = Builder::new(DataTree::new(Arc::clone(self.tree.plan())), self.sealer);
            scratch.rules = self.rules;
            scratch.locating = true;
            super::read(&mut scratch, *format, source);
            for (path, span) in scratch.origins {
                self.origins.entry(path).or_insert(span);
            }
        }
        self.located = self.documents.len();
    }

    /// Returns where a node came from, or else the nearest ancestor that came from somewhere.
    #[must_use]
    pub fn origin(&mut self, path: &DataPath) -> Option<Span> {
        self.locate();
        let schema = self.tree.schema();
        let mut at = path.clone();
        loop {
            if let Some(span) = self.origins.get(&at) {
                return Some(span.clone());
            }
            if at.schema_id() == SchemaId::ROOT {
                return None;
            }
            at = at.parent(schema)?;
            // The path of a list's parent drops its key; the entry itself is asked first.
            if schema.node(at.schema_id()).as_list().is_some() && !at.is_entry(schema) {
                at = at.parent(schema)?;
            }
        }
    }

    /// Gives the diagnostics of a validation their places in the input.
    pub fn validated(&mut self, found: Diagnostics) {
        let schema = self.tree.schema().clone();
        self.diagnostics.count_dropped(&found);
        for diagnostic in found {
            let path = diagnostic.data_path.as_deref().and_then(|path| DataPath::parse(&schema, path).ok());
            if path.as_ref().is_some_and(|path| self.faulty.contains(path)) {
                continue;
            }
            let span = path.and_then(|path| self.origin(&path));
            self.diagnostics.push(diagnostic.at_maybe(span));
        }
    }

    /// Returns a value to be set: the one before, where it is the same secret.
    pub(super) fn kept(&self, path: &DataPath, value: Value) -> Value {
        match self.tree.get(path).and_then(|node| node.value()) {
            Some(before) if self.is_same_secret(before, &value) => before.clone(),
            _ => value,
        }
    }

    fn is_same_secret(&self, one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Secret(a), Value::Secret(b)) => {
                a == b || matches!((self.sealer.open(a), self.sealer.open(b)), (Ok(a), Ok(b)) if a == b)
            }
            _ => one == other,
        }
    }
}

/// Parses a value by its schema node; a secret's clear text is checked, then sealed.
///
/// # Errors
/// A diagnostic without a place.
pub fn parse_value(
    tree: &DataTree,
    sealer: &dyn Sealer,
    node: &SchemaNode,
    ty: &Type,
    text: &str,
) -> Result<Value, Diagnostic> {
    if !node.is_secret() {
        return Value::parse(tree.schema(), ty, text).map_err(|error| not_a_value(node, error));
    }
    if let Some(clear) = text.strip_prefix(CLEAR_PREFIX) {
        check_secret(tree, node, ty, clear)?;
        return Ok(Value::Secret(sealer.seal(clear).into()));
    }
    if let Some(found) = placeholder(text) {
        return Err(not_a_secret(node, found));
    }
    if text.starts_with(SEALED_PREFIX) {
        return match sealer.open(text) {
            Ok(clear) => check_secret(tree, node, ty, clear.expose()).map(|()| Value::Secret(text.into())),
            Err(e) => Err(Diagnostic::error(format!("`{}`: {e}", node.name)).hint(match e {
                OpenError::UnknownKey => {
                    "give the secret in clear text: another element's encrypted form means nothing here"
                }
                _ => "give the secret in clear text, or copy the whole `$9$…` form",
            })),
        };
    }
    check_secret(tree, node, ty, text)?;
    Ok(Value::Secret(sealer.seal(text).into()))
}

/// Says why a text is not a value of a leaf.
pub(super) fn not_a_value(node: &SchemaNode, error: ValueError) -> Diagnostic {
    let said = Diagnostic::error(format!("`{}`: {}", node.name, error.message)).hint_maybe(error.hint);
    match error.error_app_tag {
        Some(app_tag) => said.app_tag(&*app_tag),
        None => said,
    }
}

/// Says that a text only stands for a secret.
fn not_a_secret(node: &SchemaNode, found: Placeholder) -> Diagnostic {
    let what = match found {
        Placeholder::Display => "only what is shown in place of a secret",
        Placeholder::Foreign => "another product's encrypted form (`$8$…`), which means nothing here",
    };
    Diagnostic::error(format!("`{}` is given {what}", node.name)).hint(
        "give the secret in clear text, or in the `$9$…` form that `show` prints; `$0$` in front of a text says that it \
         is the secret itself",
    )
}

/// Checks a secret's clear text against its type without quoting it back.
fn check_secret(tree: &DataTree, node: &SchemaNode, ty: &Type, clear: &str) -> Result<(), Diagnostic> {
    Value::parse(tree.schema(), ty, clear).map(|_| ()).map_err(|_| {
        Diagnostic::error(format!("`{}`: the secret does not fit its type `{}`", node.name, ty.shown_name()))
    })
}

/// Returns what a node is called in messages.
#[must_use]
pub fn kind_name(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Root => "the root",
        NodeKind::Container { .. } => "a container",
        NodeKind::List(_) => "a list",
        NodeKind::Leaf(_) => "a leaf",
        NodeKind::LeafList(_) => "a leaf-list",
        NodeKind::AnyData => "anydata",
        NodeKind::Choice { .. } | NodeKind::Case => "a choice",
        NodeKind::Operation | NodeKind::Input | NodeKind::Output => "an operation",
        NodeKind::Notification => "a notification",
    }
}
