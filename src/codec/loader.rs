//! From a document to the tree: every name is looked up in the schema, every fault told at its place.
//!
//! What the tree does not have yet is built from the leaves up and put there as a whole; what it has is merged into.

use super::Builder;
use super::document::{Document, Kind, Meaning, Name, Node, Notation, Place, given_twice};
use super::names::{find_child, not_configuration, without_module};
use super::shape::emit_document;
use super::{json, kind_name};
use crate::diagnostic::{Diagnostic, Source};
use crate::tree::{Branch, Cell, DataPath, Key, List, Plan, Value};
use crate::yang::{LeafListSchema, ListSchema, NodeKind, SchemaId, SchemaNode, SchemaTree};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Merges a document into the tree under construction.
pub(super) fn load_document(builder: &mut Builder<'_>, document: &Document<'_>) {
    let schema = Arc::clone(builder.tree.schema());
    let plan = Arc::clone(builder.tree.plan());
    let mut loader =
        Loader { builder, schema: &schema, plan: &plan, source: document.source, notation: document.notation };
    if let Kind::Map(members) = &document.root.kind {
        let members = loader.named(SchemaId::ROOT, members);
        return loader.merge_members(&DataPath::ROOT, members);
    }
    let expected = match document.notation {
        Notation::Json => "an object of top-level elements",
        Notation::Yaml => "a map of top-level elements",
        Notation::Xml => "top-level elements",
    };
    let found = document.root.described(document.notation);
    let fault = Diagnostic::error(format!("expected {expected}, found {found}"));
    loader.report(&DataPath::ROOT, document.root.place, fault);
}

pub(super) struct Loader<'l, 's> {
    pub(super) builder: &'l mut Builder<'s>,
    pub(super) schema: &'l SchemaTree,
    pub(super) plan: &'l Plan,
    pub(super) source: &'l Arc<Source>,
    pub(super) notation: Notation,
}

/// A member of a map with what its name stands for.
struct Member<'d> {
    name: &'d Name<'d>,
    node: &'d Node<'d>,
    child: Result<SchemaId, Box<Diagnostic>>,
}

/// The entries of a list so far.
struct Seen {
    keys: HashMap<Key, Place>,
    /// Their number, of a list without keys.
    count: u64,
}

impl Seen {
    fn new(count: usize, node: &Node<'_>) -> Self {
        let items = if let Kind::Sequence(items) = &node.kind { items.len() } else { 0 };
        Self { keys: HashMap::with_capacity(items), count: count as u64 }
    }
}

impl Loader<'_, '_> {
    pub(super) fn report(&mut self, path: &DataPath, place: Place, diagnostic: Diagnostic) {
        self.builder.report_on(path, Some(place.span(self.source)), diagnostic);
    }

    fn note(&mut self, path: &DataPath, place: Place) {
        if self.builder.is_locating() {
            self.builder.note(path, Some(place.span(self.source)));
        }
    }

    /// Returns whether the next diagnostic is kept, so that finding its places is worth the walk through the text.
    fn is_read(&self) -> bool {
        self.builder.diagnostics.dropped() == 0
    }

    fn report_twice(&mut self, path: &DataPath, what: &str, first: Place, again: Place) {
        let fault = given_twice(self.source, what, first, again, self.is_read());
        self.report(path, again, fault);
    }

    /// Keeps what was not understood, and may hold a secret, out of what is told.
    fn conceal(&self, node: &Node<'_>) {
        node.place.span(self.source).conceal();
    }

    /// Looks the names of members up.
    fn named<'d>(&self, parent: SchemaId, members: &'d [(Name<'d>, Node<'d>)]) -> Vec<Member<'d>> {
        let exact = self.builder.rules.is_exact;
        let child = |name: &Name<'_>| match &name.meaning {
            Meaning::Node(child) => Ok(*child),
            Meaning::Unknown(fault) => Err(fault.clone()),
            // What is noted about a node is told apart by who reads it.
            Meaning::Text if name.text.starts_with('@') => Ok(parent),
            Meaning::Text => {
                let child = find_child(self.schema, parent, &name.text)?;
                if exact && !name.text.contains(':') && self.schema.needs_qualification(child) {
                    return Err(Box::new(without_module(self.schema, child)));
                }
                Ok(child)
            }
        };
        members.iter().map(|(name, node)| Member { name, node, child: child(name) }).collect()
    }

    /// Returns what a member stands for where it can be read, else reports why not; `seen` are those before it.
    fn readable<'d>(
        &mut self,
        path: &DataPath,
        member: Member<'d>,
        seen: &mut Vec<(SchemaId, &'d Name<'d>)>,
    ) -> Option<(SchemaId, &'d Name<'d>, &'d Node<'d>)> {
        let Member { name, node, child } = member;
        if name.text.starts_with('@') {
            self.annotation(path, name, node);
            return None;
        }
        let child = match child {
            Ok(child) => child,
            Err(fault) => {
                self.conceal(node);
                self.report(path, name.place, *fault);
                return None;
            }
        };
        let schema = self.schema.node(child);
        if let Some((_, first)) = seen.iter().find(|(id, _)| *id == child) {
            // The same name twice was told when the text was read, unless it is XML, where it may well be.
            if first.text != name.text || self.notation == Notation::Xml {
                self.report_twice(path, &format!("`{}`", schema.name), first.place, name.place);
            }
            self.conceal(node);
            return None;
        }
        let other_case = seen.iter().find(|(id, _)| self.plan.excludes(child, *id)).map(|(_, first)| *first);
        seen.push((child, name));
        if let Some(first) = other_case {
            let fault = self.two_cases(child, name, first);
            self.conceal(node);
            self.report(path, name.place, fault);
            return None;
        }
        if !schema.config && !self.builder.rules.has_state {
            self.report(path, name.place, not_configuration(schema));
            return None;
        }
        (!schema.is_key()).then_some((child, name, node))
    }

    fn two_cases(&self, child: SchemaId, name: &Name<'_>, first: &Name<'_>) -> Diagnostic {
        let choice = self.plan.choices(child).first().map_or("", |(choice, _)| &*self.schema.node(*choice).name);
        let place = if self.is_read() { first.place.span(self.source).to_string() } else { String::new() };
        let said = format!("`{}` excludes `{}`, which is given at {place}", name.text, first.text);
        Diagnostic::error(said).hint(format!("they are alternatives of the choice `{choice}`: keep one of the two"))
    }

    /// Merges members into what is at a path.
    fn merge_members(&mut self, path: &DataPath, members: Vec<Member<'_>>) {
        let mut seen = Vec::with_capacity(members.len());
        for member in members {
            if let Some((child, name, node)) = self.readable(path, member, &mut seen) {
                self.merge(&path.child(child), name.place, node);
            }
        }
    }

    /// Merges what is given for a data node into the tree; `name` is where its name stands.
    fn merge(&mut self, path: &DataPath, name: Place, node: &Node<'_>) {
        let schema = self.schema.node(path.schema_id());
        let is_there = self.builder.tree.get(path).is_some();
        match &schema.kind {
            NodeKind::List(list) => {
                let before = self.builder.tree.get(path).and_then(|node| node.as_list()).map_or(0, List::len);
                let mut seen = Seen::new(before, node);
                for item in self.items(path, node) {
                    let Some((key, members)) = self.entry(path, list, item, &mut seen) else { continue };
                    let entry = path.entry(key);
                    self.note(&entry, item.place);
                    if self.builder.tree.get(&entry).is_some() {
                        self.merge_members(&entry, members);
                    } else {
                        let content = self.cells(&entry, members);
                        self.put(&entry, item.place, Cell::Container(content));
                    }
                }
            }
            NodeKind::Container { .. } if is_there => {
                if let Some(members) = self.container_members(path, name, node) {
                    self.merge_members(path, members);
                }
            }
            _ => match self.cell(path, name, node) {
                Some(Cell::Leaf(value)) => {
                    let value = self.builder.kept(path, value);
                    self.put(path, node.place, Cell::Leaf(value));
                }
                Some(Cell::LeafList(values)) if is_there => self.builder.merge_values(path, &values),
                Some(cell) => self.put(path, node.place, cell),
                None => {}
            },
        }
    }

    fn put(&mut self, path: &DataPath, place: Place, cell: Cell) {
        if let Err(e) = self.builder.tree.put(path, cell) {
            self.report(path, place, Diagnostic::error(e.to_string()));
        }
    }

    /// Builds the children of a container or an entry that is not there yet.
    fn cells(&mut self, path: &DataPath, members: Vec<Member<'_>>) -> Branch {
        let mut seen = Vec::with_capacity(members.len());
        let mut cells = Vec::with_capacity(members.len());
        for member in members {
            if let Some((child, name, node)) = self.readable(path, member, &mut seen)
                && let Some(cell) = self.cell(&path.child(child), name.place, node)
            {
                cells.push((child, cell));
            }
        }
        Branch::assemble(self.plan, cells)
    }

    /// Builds a data node that is not there yet.
    fn cell(&mut self, path: &DataPath, name: Place, node: &Node<'_>) -> Option<Cell> {
        let schema = self.schema.node(path.schema_id());
        if schema.is_secret() {
            self.conceal(node);
        }
        match &schema.kind {
            NodeKind::Container { .. } => {
                let members = self.container_members(path, name, node)?;
                Some(Cell::Container(self.cells(path, members)))
            }
            NodeKind::List(list) => {
                let mut seen = Seen::new(0, node);
                let mut entries = Vec::new();
                for item in self.items(path, node) {
                    let Some((key, members)) = self.entry(path, list, item, &mut seen) else { continue };
                    let entry = path.entry(key.clone());
                    self.note(&entry, item.place);
                    entries.push((key, self.cells(&entry, members)));
                }
                Some(Cell::List(Arc::new(List::assemble(list.user_ordered, entries))))
            }
            NodeKind::Leaf(leaf) => {
                let value = self.value(path, schema, &leaf.ty, node)?;
                self.note(path, node.place);
                Some(Cell::Leaf(value))
            }
            NodeKind::LeafList(list) => Some(Cell::LeafList(self.leaf_list(path, list, node).into())),
            NodeKind::AnyData => self.any_data(path, node),
            kind => {
                let fault =
                    Diagnostic::error(format!("`{}` is {} and cannot be configured", schema.name, kind_name(kind)));
                self.report(path, name, fault);
                None
            }
        }
    }

    fn container_members<'d>(&mut self, path: &DataPath, name: Place, node: &'d Node<'d>) -> Option<Vec<Member<'d>>> {
        let members = match &node.kind {
            Kind::Map(members) => members.as_slice(),
            // YAML's empty value is how people write a container with nothing in it.
            Kind::Scalar { .. } if node.is_yaml_null() => &[],
            _ => {
                self.wrong_form(path, node);
                return None;
            }
        };
        self.note(path, name);
        Some(self.named(path.schema_id(), members))
    }

    /// Returns the items of a sequence, or reports that it is none.
    fn items<'d>(&mut self, path: &DataPath, node: &'d Node<'d>) -> &'d [Node<'d>] {
        match &node.kind {
            Kind::Sequence(items) => items,
            Kind::Scalar { .. } if node.is_yaml_null() => &[],
            _ => {
                self.wrong_form(path, node);
                &[]
            }
        }
    }

    /// Returns key and members of an item of a list; one without key, or with one that is there already, is reported.
    fn entry<'d>(
        &mut self,
        path: &DataPath,
        list: &ListSchema,
        item: &'d Node<'d>,
        seen: &mut Seen,
    ) -> Option<(Key, Vec<Member<'d>>)> {
        let Kind::Map(members) = &item.kind else {
            self.wrong_form(path, item);
            return None;
        };
        let members = self.named(path.schema_id(), members);
        if list.keys.is_empty() {
            // Entries without keys may be alike (RFC 7950 §7.8.2): each further one is another.
            seen.count += 1;
            return Some((Key::position(seen.count), members));
        }
        let key = self.key(path, list, item.place, &members)?;
        if let Some(first) = seen.keys.get(&key) {
            let what = format!("the entry {}", self.shown_key(list, &key));
            self.report_twice(path, &what, *first, item.place);
            return None;
        }
        seen.keys.insert(key.clone(), item.place);
        Some((key, members))
    }

    /// Reads the key leaves of an entry; reports those that are missing or wrong.
    fn key(&mut self, path: &DataPath, list: &ListSchema, place: Place, members: &[Member<'_>]) -> Option<Key> {
        let mut values = Vec::with_capacity(list.keys.len());
        let mut missing = Vec::new();
        for id in &list.keys {
            let leaf = self.schema.node(*id);
            let Some(ty) = leaf.ty() else { continue };
            match members.iter().find(|member| member.child.as_ref().ok() == Some(id)) {
                // The path of a leaf in an entry that has no key yet is that of the list.
                Some(Member { node, .. }) => values.extend(self.value(path, leaf, ty, node)),
                None => missing.push(format!("`{}`", leaf.name)),
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

    /// Reads the values of a leaf-list; of configuration each may stand once, and is sorted where the order is not the user's.
    fn leaf_list(&mut self, path: &DataPath, list: &LeafListSchema, node: &Node<'_>) -> Vec<Value> {
        let items = self.items(path, node);
        let schema = self.schema.node(path.schema_id());
        let mut seen: HashMap<Value, Place> = HashMap::new();
        // A secret is sealed differently each time: its clear text is what must not repeat.
        let mut secrets: HashSet<&str> = HashSet::new();
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let Some(value) = self.value(path, schema, &list.ty, item) else { continue };
            if let (Kind::Scalar { text, .. }, true) = (&item.kind, schema.is_secret()) {
                if !secrets.insert(text) {
                    let fault = Diagnostic::error(format!("a value of `{}` is given twice", schema.name));
                    self.report(path, item.place, fault.hint("keep one of the two"));
                    continue;
                }
            } else if schema.config {
                if let Some(first) = seen.get(&value).copied() {
                    self.report_twice(path, &format!("the value `{value}` of `{}`", schema.name), first, item.place);
                    continue;
                }
                seen.insert(value.clone(), item.place);
            }
            if self.builder.is_locating() {
                self.note(path, item.place);
                self.note(&path.entry(Key::One(value.clone())), item.place);
            }
            values.push(value);
        }
        if schema.config && !list.user_ordered {
            values.sort();
        }
        values
    }

    fn any_data(&mut self, path: &DataPath, node: &Node<'_>) -> Option<Cell> {
        if let Some(fault) = first_wrong(node) {
            self.report(path, node.place, fault.clone());
            return None;
        }
        // RFC 7951 §5.5: `anydata` holds nodes; only `anyxml` may be anything. The element that is kept as JSON is both.
        let is_nothing =
            matches!(&node.kind, Kind::Scalar { text, .. } if text.trim().is_empty()) || node.is_yaml_null();
        let is_object = matches!(&node.kind, Kind::Map(_)) || is_nothing && self.notation != Notation::Json;
        if self.builder.rules.is_exact && !is_object && self.schema.node(path.schema_id()).written.keyword == "anydata"
        {
            self.wrong_form(path, node);
            return None;
        }
        let mut text = String::new();
        let mut emitter = json::JsonEmitter::new(&mut text, json::JsonLayout::Compact);
        if let Err(e) = emit_document(&mut emitter, node) {
            self.report(path, node.place, Diagnostic::error(e.to_string()));
            return None;
        }
        self.note(path, node.place);
        Some(Cell::AnyData(text.into()))
    }

    /// Reports a node whose form is not that of its schema node, with an example of the right one.
    pub(super) fn wrong_form(&mut self, path: &DataPath, node: &Node<'_>) {
        if let Kind::Wrong(fault) = &node.kind {
            return self.report(path, node.place, (**fault).clone());
        }
        let schema = self.schema.node(path.schema_id());
        let expected = self.expected(schema);
        let found = node.described(self.notation);
        let said = format!("`{}` is {}: expected {expected}, found {found}", schema.name, kind_name(&schema.kind));
        let hint = self.example(path.schema_id());
        self.report(path, node.place, Diagnostic::error(said).hint(hint));
    }

    fn expected(&self, schema: &SchemaNode) -> &'static str {
        match (&schema.kind, self.notation) {
            (NodeKind::Container { .. } | NodeKind::AnyData, Notation::Json) => "an object",
            (NodeKind::Container { .. } | NodeKind::AnyData, Notation::Yaml) => "a map",
            (NodeKind::List(_), Notation::Json) => "an array of objects",
            (NodeKind::List(_), Notation::Yaml) => "a sequence of maps",
            (NodeKind::LeafList(_), Notation::Json) => "an array of values",
            (NodeKind::LeafList(_), Notation::Yaml) => "a sequence of values",
            (NodeKind::Container { .. } | NodeKind::AnyData | NodeKind::List(_), Notation::Xml) => "elements",
            _ => "one value",
        }
    }

    /// Returns how a node is written.
    fn example(&self, id: SchemaId) -> String {
        let node = self.schema.node(id);
        let name = &node.name;
        let keys = |shown: &dyn Fn(&str) -> String| {
            let keys = node.as_list().map_or(&[][..], |list| &list.keys).iter();
            keys.map(|key| shown(&self.schema.node(*key).name)).collect::<Vec<_>>()
        };
        match (&node.kind, self.notation) {
            (NodeKind::Container { .. } | NodeKind::AnyData, Notation::Json) => format!("write `\"{name}\": {{ … }}`"),
            (NodeKind::Container { .. }, Notation::Yaml) => format!("write `{name}:` and its elements below, indented"),
            (NodeKind::List(_), Notation::Json) => {
                format!("write `\"{name}\": [{{ {}, … }}]`", keys(&|key| format!("\"{key}\": …")).join(", "))
            }
            (NodeKind::List(_), Notation::Yaml) => {
                let keys = keys(&|key| format!("{key}: …")).join(", ");
                format!("write `{name}:` and below it `- {keys}` for each entry")
            }
            (NodeKind::List(_), Notation::Xml) => {
                format!("write `<{name}>{}…</{name}>`", keys(&|key| format!("<{key}>…</{key}>")).concat())
            }
            (NodeKind::LeafList(_), Notation::Json) => format!("write `\"{name}\": [ … ]`"),
            (NodeKind::LeafList(_), Notation::Yaml) => format!("write `{name}: [ … ]`, or `- …` for each value below"),
            (_, Notation::Xml) => format!("write `<{name}>…</{name}>`"),
            (_, Notation::Json) => format!("write `\"{name}\": …`"),
            (_, Notation::Yaml) => format!("write `{name}: …`"),
        }
    }
}

/// Returns why a document, or something in it, cannot be kept.
fn first_wrong<'n>(node: &'n Node<'_>) -> Option<&'n Diagnostic> {
    match &node.kind {
        Kind::Wrong(fault) => Some(fault),
        Kind::Map(members) => members.iter().find_map(|(_, member)| first_wrong(member)),
        Kind::Sequence(items) => items.iter().find_map(first_wrong),
        Kind::Scalar { .. } | Kind::Value(_) => None,
    }
}
