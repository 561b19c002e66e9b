//! From a document to the tree: every name is looked up in the schema, every fault told at its place.

use super::document::{Document, Kind, Limits, Name, Node, Notation, Place, Style, given_twice};
use super::names::{find_child, not_configuration};
use super::shape::emit_document;
use super::{Builder, Format, SecretNames, json, kind_name, yaml};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::tree::{Cell, DataPath, Key, Plan, Value};
use crate::yang::{BaseType, ListSchema, NodeKind, SchemaId, SchemaNode, SchemaTree, Type};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Merges a JSON text into the tree under construction. Faults are in the builder's diagnostics.
pub fn read_json(builder: &mut Builder<'_>, source: &Arc<Source>) {
    let mut found = Diagnostics::new();
    let document = json::parse(source, Limits::INPUT, &mut found);
    read(builder, source, document.as_ref(), found, Format::Json);
}

/// Merges a YAML text into the tree under construction. Faults are in the builder's diagnostics.
pub fn read_yaml(builder: &mut Builder<'_>, source: &Arc<Source>) {
    let mut found = Diagnostics::new();
    let document = yaml::parse(source, Limits::INPUT, &mut found);
    read(builder, source, document.as_ref(), found, Format::Yaml);
}

fn read(
    builder: &mut Builder<'_>,
    source: &Arc<Source>,
    document: Option<&Document<'_>>,
    found: Diagnostics,
    format: Format,
) {
    builder.diagnostics.append(found);
    match document {
        Some(document) => {
            load_document(builder, document);
            if builder.diagnostics.has_errors() {
                conceal_secrets(&SecretNames::of(builder.tree.schema()), source, &document.root);
            }
        }
        // Nothing is known of where values stand: whatever may be a secret is taken for one.
        None => SecretNames::of(builder.tree.schema()).conceal(source, format),
    }
}

/// Conceals what stands behind the name of a secret wherever it stands: of what is in the wrong place nobody knows what
/// it is.
fn conceal_secrets(names: &SecretNames, source: &Arc<Source>, node: &Node<'_>) {
    match &node.kind {
        Kind::Map(members) => members.iter().for_each(|(name, member)| {
            // A name that goes on behind that of a secret, as `password=…` does, has the secret in itself.
            let is_joined = names.conceal_in(&name.place.span(source));
            if is_joined || names.is_near(&name.text) {
                member.place.span(source).conceal();
            } else {
                conceal_secrets(names, source, member);
            }
        }),
        Kind::Sequence(items) => items.iter().for_each(|item| conceal_secrets(names, source, item)),
        Kind::Scalar { .. } => {
            names.conceal_in(&node.place.span(source));
        }
    }
}

/// Reads a JSON text and writes it in the form that `anydata` is kept in.
///
/// # Errors
/// The first fault, without a place: the text is a word of something else.
pub(super) fn compact_json(text: &str) -> Result<String, Diagnostic> {
    let source = Source::new("anydata", text);
    let mut found = Diagnostics::new();
    let document = json::parse(&source, Limits::INPUT, &mut found);
    if let Some(fault) = found.into_iter().next() {
        return Err(Diagnostic { span: None, ..fault });
    }
    let mut compact = String::new();
    let mut emitter = json::JsonEmitter::new(&mut compact, json::JsonLayout::Compact);
    match document.map(|document| emit_document(&mut emitter, &document.root)) {
        Some(Ok(())) => Ok(compact),
        _ => Err(Diagnostic::error("expected JSON")),
    }
}

/// Merges a document into the tree under construction.
pub(super) fn load_document(builder: &mut Builder<'_>, document: &Document<'_>) {
    let schema = Arc::clone(builder.tree.schema());
    let plan = Arc::clone(builder.tree.plan());
    let mut loader =
        Loader { builder, schema: &schema, plan: &plan, source: document.source, notation: document.notation };
    if let Kind::Map(members) = &document.root.kind {
        loader.members(&DataPath::ROOT, members);
        return;
    }
    let expected = match document.notation {
        Notation::Json => "an object of top-level elements",
        Notation::Yaml => "a map of top-level elements",
    };
    let found = document.root.described(document.notation);
    let fault = Diagnostic::error(format!("expected {expected}, found {found}"));
    loader.report(&DataPath::ROOT, document.root.place, fault);
}

struct Loader<'l, 's> {
    builder: &'l mut Builder<'s>,
    schema: &'l SchemaTree,
    plan: &'l Plan,
    source: &'l Arc<Source>,
    notation: Notation,
}

impl Loader<'_, '_> {
    fn report(&mut self, path: &DataPath, place: Place, diagnostic: Diagnostic) {
        self.builder.report_on(path, Some(place.span(self.source)), diagnostic);
    }

    /// Returns whether the next diagnostic is kept, so that finding its places is worth the walk through the text.
    fn is_read(&self) -> bool {
        self.builder.diagnostics.dropped() == 0
    }

    fn report_twice(&mut self, path: &DataPath, what: &str, first: Place, again: Place) {
        let fault = given_twice(self.source, what, first, again, self.is_read());
        self.report(path, again, fault);
    }

    /// Reads the members of what is at `path`.
    fn members(&mut self, path: &DataPath, members: &[(Name<'_>, Node<'_>)]) {
        let mut seen: Vec<(SchemaId, &Name<'_>)> = Vec::with_capacity(members.len());
        for (name, node) in members {
            let child = match find_child(self.schema, path.schema_id(), &name.text) {
                Ok(child) => child,
                Err(fault) => {
                    self.conceal(node);
                    self.report(path, name.place, *fault);
                    continue;
                }
            };
            let schema = self.schema.node(child);
            if let Some((_, first)) = seen.iter().find(|(id, _)| *id == child) {
                // The same text twice was told when the document was read; here it is one node under both its names.
                if first.text != name.text {
                    self.report_twice(path, &format!("`{}`", schema.name), first.place, name.place);
                }
                self.conceal(node);
                continue;
            }
            let other_case = seen.iter().find(|(id, _)| self.plan.excludes(child, *id)).map(|(_, first)| *first);
            seen.push((child, name));
            if let Some(first) = other_case {
                let fault = self.two_cases(child, name, first);
                self.conceal(node);
                self.report(path, name.place, fault);
                continue;
            }
            if !schema.config {
                self.report(path, name.place, not_configuration(schema));
            } else if !schema.is_key() {
                self.node(&path.child(child), name.place, node);
            }
        }
    }

    /// Keeps what was not understood, and may hold a secret, out of what is told.
    fn conceal(&self, node: &Node<'_>) {
        node.place.span(self.source).conceal();
    }

    fn two_cases(&self, child: SchemaId, name: &Name<'_>, first: &Name<'_>) -> Diagnostic {
        let choice = self.plan.choices(child).first().map_or("", |(choice, _)| &*self.schema.node(*choice).name);
        let place = if self.is_read() { first.place.span(self.source).to_string() } else { String::new() };
        let said = format!("`{}` excludes `{}`, which is given at {place}", name.text, first.text);
        Diagnostic::error(said).hint(format!("they are alternatives of the choice `{choice}`: keep one of the two"))
    }

    /// Reads what is given for a data node; `name` is where its name stands.
    fn node(&mut self, path: &DataPath, name: Place, node: &Node<'_>) {
        let schema = self.schema.node(path.schema_id());
        if schema.is_secret() {
            self.conceal(node);
        }
        match &schema.kind {
            NodeKind::Container { .. } => self.container(path, name, node),
            NodeKind::List(list) => self.list(path, list, node),
            NodeKind::Leaf(leaf) => {
                if let Some(text) = self.scalar(path, schema, &leaf.ty, node) {
                    self.builder.leaf(path, text, Some(node.place.span(self.source)));
                }
            }
            NodeKind::LeafList(list) => self.leaf_list(path, &list.ty, node),
            NodeKind::AnyData => self.any_data(path, node),
            kind => {
                let fault =
                    Diagnostic::error(format!("`{}` is {} and cannot be configured", schema.name, kind_name(kind)));
                self.report(path, name, fault);
            }
        }
    }

    fn container(&mut self, path: &DataPath, name: Place, node: &Node<'_>) {
        let schema = self.schema.node(path.schema_id());
        let members = match &node.kind {
            Kind::Map(members) => members.as_slice(),
            // YAML's empty value is how people write a container with nothing in it.
            Kind::Scalar { style: Style::Plain, .. } if node.is_null() => &[],
            _ => return self.wrong_form(path, node),
        };
        let span = Some(name.span(self.source));
        if schema.is_presence_container() {
            self.builder.create(path, span);
        } else {
            self.builder.note(path, span);
        }
        self.members(path, members);
    }

    fn list(&mut self, path: &DataPath, list: &ListSchema, node: &Node<'_>) {
        let items = match &node.kind {
            Kind::Sequence(items) => items.as_slice(),
            Kind::Scalar { style: Style::Plain, .. } if node.is_null() => &[],
            _ => return self.wrong_form(path, node),
        };
        let mut seen: HashMap<Key, Place> = HashMap::with_capacity(items.len());
        for item in items {
            let Kind::Map(members) = &item.kind else {
                self.wrong_form(path, item);
                continue;
            };
            let Some(key) = self.key(path, list, item.place, members) else { continue };
            if let Some(first) = seen.get(&key) {
                let what = format!("the entry {}", self.shown_key(list, &key));
                self.report_twice(path, &what, *first, item.place);
                continue;
            }
            seen.insert(key.clone(), item.place);
            let entry = path.entry(key);
            self.builder.create(&entry, Some(item.place.span(self.source)));
            self.members(&entry, members);
        }
    }

    /// Reads the key leaves of an entry; reports those that are missing or wrong.
    fn key(
        &mut self,
        path: &DataPath,
        list: &ListSchema,
        place: Place,
        members: &[(Name<'_>, Node<'_>)],
    ) -> Option<Key> {
        let mut values = Vec::with_capacity(list.keys.len());
        let mut missing = Vec::new();
        for id in &list.keys {
            let leaf = self.schema.node(*id);
            let Some(ty) = leaf.ty() else { continue };
            let given = members.iter().find(|(name, _)| self.schema.child(path.schema_id(), &name.text) == Some(*id));
            let Some((_, node)) = given else {
                missing.push(format!("`{}`", leaf.name));
                continue;
            };
            // The path of a leaf in an entry that has no key yet is that of the list.
            let Some(text) = self.scalar(path, leaf, ty, node) else { continue };
            match self.builder.value(leaf, ty, text) {
                Ok(value) => values.push(value),
                Err(fault) => self.report(path, node.place, fault),
            }
        }
        if !missing.is_empty() {
            let name = &self.schema.node(path.schema_id()).name;
            let word = if missing.len() == 1 { "key" } else { "keys" };
            let fault = Diagnostic::error(format!("this entry of `{name}` lacks its {word} {}", missing.join(", ")));
            let hint = self.example(path.schema_id());
            self.report(path, place, fault.hint(hint));
        }
        (values.len() == list.keys.len()).then(|| Key::new(values))
    }

    fn shown_key(&self, list: &ListSchema, key: &Key) -> String {
        let pairs = list.keys.iter().zip(key.values());
        pairs.map(|(id, value)| format!("`{}` = `{value}`", self.schema.node(*id).name)).collect::<Vec<_>>().join(", ")
    }

    fn leaf_list(&mut self, path: &DataPath, ty: &Type, node: &Node<'_>) {
        let items = match &node.kind {
            Kind::Sequence(items) => items.as_slice(),
            Kind::Scalar { style: Style::Plain, .. } if node.is_null() => &[],
            _ => return self.wrong_form(path, node),
        };
        let schema = self.schema.node(path.schema_id());
        let mut values: HashMap<Value, Place> = HashMap::new();
        // A secret is sealed differently each time: its clear text is what must not repeat.
        let mut secrets: HashSet<&str> = HashSet::new();
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let Some(text) = self.scalar(path, schema, ty, item) else { continue };
            let first = if schema.is_secret() {
                (!secrets.insert(text)).then_some(Place::default())
            } else {
                // A text that is no value of the type is reported when it is added.
                Value::parse(self.schema, ty, text).ok().and_then(|value| values.insert(value, item.place))
            };
            match first {
                Some(_) if schema.is_secret() => {
                    let fault = Diagnostic::error(format!("a value of `{}` is given twice", schema.name));
                    self.report(path, item.place, fault.hint("keep one of the two"));
                }
                Some(first) => {
                    let what = format!("the value `{text}` of `{}`", schema.name);
                    self.report_twice(path, &what, first, item.place);
                }
                None => kept.push((text, Some(item.place.span(self.source)))),
            }
        }
        self.builder.leaf_list_values(path, kept);
    }

    fn any_data(&mut self, path: &DataPath, node: &Node<'_>) {
        let mut text = String::new();
        let mut emitter = json::JsonEmitter::new(&mut text, json::JsonLayout::Compact);
        let put = match emit_document(&mut emitter, node) {
            Ok(()) => self.builder.tree.put(path, Cell::AnyData(text.into())).map(|_| ()).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        self.builder.note(path, Some(node.place.span(self.source)));
        if let Err(message) = put {
            self.report(path, node.place, Diagnostic::error(message));
        }
    }

    /// Returns the text of a scalar whose form fits the type, or reports that it does not.
    fn scalar<'n>(&mut self, path: &DataPath, leaf: &SchemaNode, ty: &Type, node: &'n Node<'_>) -> Option<&'n str> {
        let Kind::Scalar { text, style } = &node.kind else {
            let only_null = |items: &[Node<'_>]| matches!(items, [only] if only.is_null());
            if matches!(&node.kind, Kind::Sequence(items) if only_null(items))
                && takes(ty, &|b| matches!(b, BaseType::Empty))
            {
                return Some("");
            }
            self.wrong_form(path, node);
            return None;
        };
        let fits = match style {
            Style::Quoted => true,
            // A leaf without a value is an oversight, where no value is not the value; nor is YAML's word for none a text.
            Style::Plain => !node.is_null() || takes(ty, &|b| matches!(b, BaseType::Empty)),
            Style::Number => takes(ty, &|b| matches!(b, BaseType::Integer { .. } | BaseType::Decimal64 { .. })),
            Style::Boolean => takes(ty, &|b| matches!(b, BaseType::Boolean)),
            Style::Null => takes(ty, &|b| matches!(b, BaseType::Empty)),
        };
        if !fits {
            let fault = self.misfit(leaf, ty, node, text, *style);
            self.report(path, node.place, fault);
            return None;
        }
        let is_nothing = *style == Style::Null || (*style == Style::Plain && node.is_null() && is_only_empty(ty));
        Some(if is_nothing { "" } else { text })
    }

    /// Says that a scalar's form is not one that values of the type have, and what to write instead.
    fn misfit(&self, leaf: &SchemaNode, ty: &Type, node: &Node<'_>, text: &str, style: Style) -> Diagnostic {
        let (name, ty_name, found) = (&leaf.name, ty.shown_name(), node.described(self.notation));
        let article = if ty_name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        let fault =
            Diagnostic::error(format!("`{name}` is {article} {ty_name}: expected a value of it, found {found}"));
        // A secret is not quoted back.
        let quotable = !leaf.is_secret();
        match style {
            Style::Plain if text.is_empty() => {
                fault.hint("give it a value, leave it out, or write `\"\"` if the empty text is meant")
            }
            Style::Plain => fault.hint(format!(
                "`{text}` is YAML for no value: leave it out, or write `\"{text}\"` if the text is meant"
            )),
            Style::Null => fault.hint("leave it out: JSON's `null` is no value here"),
            Style::Number | Style::Boolean if quotable => match Value::parse(self.schema, ty, text) {
                Ok(_) => fault.hint(format!("write `\"{text}\"`")),
                // In quotes it would be no value either: what is one helps more.
                Err(error) => Diagnostic::error(format!("`{name}`: {}", error.message)).hint_maybe(error.hint),
            },
            _ => fault,
        }
    }

    /// Reports a node whose form is not that of its schema node, with an example of the right one.
    fn wrong_form(&mut self, path: &DataPath, node: &Node<'_>) {
        let schema = self.schema.node(path.schema_id());
        let expected = match (&schema.kind, self.notation) {
            (NodeKind::Container { .. }, Notation::Json) => "an object",
            (NodeKind::Container { .. }, Notation::Yaml) => "a map",
            (NodeKind::List(_), Notation::Json) => "an array of objects",
            (NodeKind::List(_), Notation::Yaml) => "a sequence of maps",
            (NodeKind::LeafList(_), Notation::Json) => "an array of values",
            (NodeKind::LeafList(_), Notation::Yaml) => "a sequence of values",
            _ => "one value",
        };
        let found = node.described(self.notation);
        let said = format!("`{}` is {}: expected {expected}, found {found}", schema.name, kind_name(&schema.kind));
        let hint = self.example(path.schema_id());
        self.report(path, node.place, Diagnostic::error(said).hint(hint));
    }

    /// Returns how a node is written.
    fn example(&self, id: SchemaId) -> String {
        let node = self.schema.node(id);
        let name = &node.name;
        match (&node.kind, self.notation) {
            (NodeKind::Container { .. }, Notation::Json) => format!("write `\"{name}\": {{ … }}`"),
            (NodeKind::Container { .. }, Notation::Yaml) => format!("write `{name}:` and its elements below, indented"),
            (NodeKind::List(list), Notation::Json) => {
                let keys: Vec<String> =
                    list.keys.iter().map(|key| format!("\"{}\": …", self.schema.node(*key).name)).collect();
                format!("write `\"{name}\": [{{ {}, … }}]`", keys.join(", "))
            }
            (NodeKind::List(list), Notation::Yaml) => {
                let keys: Vec<String> =
                    list.keys.iter().map(|key| format!("{}: …", self.schema.node(*key).name)).collect();
                format!("write `{name}:` and below it `- {}` for each entry", keys.join(", "))
            }
            (NodeKind::LeafList(_), Notation::Json) => format!("write `\"{name}\": [ … ]`"),
            (NodeKind::LeafList(_), Notation::Yaml) => format!("write `{name}: [ … ]`, or `- …` for each value below"),
            (_, Notation::Json) => format!("write `\"{name}\": …`"),
            (_, Notation::Yaml) => format!("write `{name}: …`"),
        }
    }
}

/// Returns whether a type, or a member of a union, is of a kind.
fn takes(ty: &Type, wanted: &dyn Fn(&BaseType) -> bool) -> bool {
    match &ty.base {
        BaseType::Leafref(leafref) => takes(&leafref.target_type, wanted),
        BaseType::Union(members) => members.iter().any(|member| takes(member, wanted)),
        base => wanted(base),
    }
}

/// Returns whether a type has no other value than none, so that YAML's `~` and `null` are not texts.
fn is_only_empty(ty: &Type) -> bool {
    match &ty.base {
        BaseType::Leafref(leafref) => is_only_empty(&leafref.target_type),
        base => matches!(base, BaseType::Empty),
    }
}
