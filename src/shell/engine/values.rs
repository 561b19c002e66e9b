//! What the schema and the data offer at a place: names, keys, values.

use crate::codec::{Next, shown_name};
use crate::tree::{DataPath, DataTree, Key, List, NodeRef, Value};
use crate::yang::{BaseType, Leafref, NodeKind, SchemaId, SchemaNode, SchemaTree, Status, Type};
use std::borrow::Cow;

/// Entries looked at for one answer at most: with the look-up by prefix far more than are shown, and a bound on time
/// where the keys have no order that a prefix follows.
pub(super) const SCANNED_MAX: usize = 50_000;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// What is there.
    Existing,
    /// Containers and entries, there or not.
    Places,
    /// Whatever can be set.
    Values,
}

/// Finds what begins with a prefix.
pub(super) struct Offers<'t> {
    tree: &'t DataTree,
    offer: Offer,
    prefix: &'t str,
}

/// Takes a text and its help; returns whether there was room for it.
type Take<'f> = dyn FnMut(&str, &str) -> bool + 'f;

impl<'t> Offers<'t> {
    pub(super) fn new(tree: &'t DataTree, offer: Offer, prefix: &'t str) -> Self {
        Self { tree, offer, prefix }
    }

    fn schema(&self) -> &'t SchemaTree {
        self.tree.schema()
    }

    fn node(&self, id: SchemaId) -> &'t SchemaNode {
        self.schema().node(id)
    }

    /// Tells what may come next, and returns how many more there are.
    pub(super) fn each(&self, next: &Next, take: &mut Take<'_>) -> usize {
        match next {
            Next::Child(at) => self.children(at, take),
            Next::Key(list, given) => self.keys(list, given, take),
            Next::Value(path) => self.values(path, false, take),
            Next::Values(path) => self.values(path, true, take),
            Next::End => 0,
        }
    }

    fn children(&self, at: &DataPath, take: &mut Take<'_>) -> usize {
        let there = self.tree.get(at);
        let mut more = 0;
        for id in &self.node(at.schema_id()).data_children {
            let node = self.node(*id);
            let name = shown_name(self.schema(), *id);
            let is_offered = match self.offer {
                Offer::Existing => there.is_some_and(|there| there.child_by_id(*id).is_some()),
                Offer::Places => matches!(node.kind, NodeKind::Container { .. } | NodeKind::List(_)),
                Offer::Values => node.status != Status::Obsolete,
            };
            if is_offered
                && node.config
                && !node.is_key()
                && name.starts_with(self.prefix)
                && !take(&name, &node.summary())
            {
                more += 1;
            }
        }
        more
    }

    /// Offers the keys that exist, and says what a new one is.
    fn keys(&self, list: &DataPath, given: &[Value], take: &mut Take<'_>) -> usize {
        let node = self.node(list.schema_id());
        let Some(schema) = node.as_list() else { return 0 };
        let Some(leaf) = schema.keys.get(given.len()).map(|id| self.node(*id)) else { return 0 };
        if self.offer != Offer::Existing {
            take(&format!("<{}>", leaf.name), &leaf.summary());
        }
        let found = self.tree.get(list);
        let more = match found.and_then(|node| node.as_list()) {
            Some(entries) => self.existing_keys(node, entries, given, take),
            None => 0,
        };
        // Keys that can only be one of some values are offered all, there or not.
        let is_closed =
            leaf.ty().is_some_and(|ty| !matches!(ty.base, BaseType::String { .. } | BaseType::Integer { .. }));
        if self.offer != Offer::Existing && is_closed && found.is_none() {
            return more + self.typed_values(list, leaf, take);
        }
        more
    }

    fn existing_keys(&self, list: &SchemaNode, entries: &List, given: &[Value], take: &mut Take<'_>) -> usize {
        let mut more = 0;
        let mut has_room = true;
        let mut offered = 0usize;
        let is_all = self.prefix.is_empty() && list.as_list().is_some_and(|schema| schema.keys.len() == 1);
        let mut told: Option<&Value> = None;
        for (key, branch) in self.beginning(entries, given).take(SCANNED_MAX) {
            let Some((before, value)) = key.values().get(..given.len()).zip(key.values().get(given.len())) else {
                continue;
            };
            if before != given || told == Some(value) {
                continue;
            }
            let text = value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
            if !text.starts_with(self.prefix) {
                continue;
            }
            told = Some(value);
            if has_room {
                has_room = take(&text, &self.entry_help(list, key, branch));
                offered += usize::from(has_room);
            }
            if !has_room && is_all {
                // With nothing typed all are meant, and their number is known.
                return entries.len().saturating_sub(offered);
            }
            more += usize::from(!has_room);
        }
        more
    }

    /// Walks the entries from the first whose key can begin with what is typed; texts are in order, so the walk ends
    /// behind the last.
    fn beginning<'e>(
        &self,
        entries: &'e List,
        given: &[Value],
    ) -> Box<dyn Iterator<Item = (&'e Key, &'e crate::tree::Branch)> + 'e> {
        let at = given.len();
        let is_text = |key: &Key| matches!(key.values().get(at), Some(Value::Text(_)));
        if !entries.first_key().is_some_and(is_text) {
            return Box::new(entries.in_key_order());
        }
        let mut start = given.to_vec();
        start.push(Value::Text(self.prefix.into()));
        let (given, prefix) = (given.to_vec(), self.prefix.to_owned());
        Box::new(entries.from_key(&Key::new(start)).take_while(move |(key, _)| {
            key.values().get(..at) == Some(given.as_slice())
                && key.values().get(at).is_some_and(|v| v.as_str().is_some_and(|text| text.starts_with(&prefix)))
        }))
    }

    /// Returns an entry's own description, or else what the list is for.
    fn entry_help(&self, list: &SchemaNode, key: &Key, branch: &crate::tree::Branch) -> String {
        let cell = crate::tree::Cell::Container(branch.clone());
        let entry = NodeRef::of_cell(self.tree.plan(), list.id, Some(key), &cell);
        match entry.child("description").and_then(|leaf| leaf.value()).and_then(Value::as_str) {
            Some(text) => text.lines().next().unwrap_or("").to_owned(),
            None => list.summary(),
        }
    }

    fn values(&self, path: &DataPath, is_inside: bool, take: &mut Take<'_>) -> usize {
        let node = self.node(path.schema_id());
        let is_list = matches!(node.kind, NodeKind::LeafList(_));
        if self.offer == Offer::Existing {
            let there = self.tree.get(path).map_or(&[][..], |node| node.values());
            let texts = there.iter().map(ToString::to_string).filter(|text| text.starts_with(self.prefix));
            return texts.filter(|text| !take(text, &node.summary())).count();
        }
        let more = self.typed_values(path, node, take);
        if is_list && self.prefix.is_empty() {
            if is_inside {
                take("]", "Ends the values");
            } else {
                take("[", "Begins several values");
            }
        }
        more
    }

    fn typed_values(&self, path: &DataPath, node: &SchemaNode, take: &mut Take<'_>) -> usize {
        let Some(ty) = node.ty() else { return 0 };
        if node.is_secret() {
            take("<secret>", &node.summary());
            return 0;
        }
        self.values_of(path, node, ty, take)
    }

    fn values_of(&self, path: &DataPath, node: &SchemaNode, ty: &Type, take: &mut Take<'_>) -> usize {
        let mut more = 0;
        let mut offer = |text: &str, help: &str| {
            if text.starts_with(self.prefix) && !take(text, help) {
                more += 1;
            }
        };
        let about = |description: &Option<std::sync::Arc<str>>| first_sentence(description.as_deref().unwrap_or(""));
        match &ty.base {
            BaseType::Boolean => ["true", "false"].iter().for_each(|word| offer(word, &node.summary())),
            BaseType::Enumeration(members) => members.iter().for_each(|m| offer(&m.name, &about(&m.description))),
            BaseType::Bits(bits) => bits.iter().for_each(|bit| offer(&bit.name, &about(&bit.description))),
            BaseType::IdentityRef { bases } => {
                for (at, identity) in self.schema().identities().iter().enumerate() {
                    let Ok(at) = u32::try_from(at) else { break };
                    let id = crate::yang::IdentityId(at);
                    if bases.iter().all(|base| *base != id && self.schema().is_derived_or_self(id, *base)) {
                        offer(&identity.name, &about(&identity.description));
                    }
                }
            }
            BaseType::Leafref(leafref) => return self.targets(path, leafref, take),
            BaseType::Union(members) => {
                let mut more = 0;
                for member in members {
                    more += self.values_of(path, node, member, take);
                }
                return more;
            }
            _ => {
                take(&format!("<{}>", local(&ty.name)), &value_help(node));
            }
        }
        more
    }

    /// Offers the values that a reference may have.
    fn targets(&self, path: &DataPath, leafref: &Leafref, take: &mut Take<'_>) -> usize {
        let target = self.node(leafref.target);
        let holder = self.node(target.data_parent);
        let shared = self.shared_keys(path, leafref);
        let is_first_key = holder.as_list().is_some_and(|list| list.keys.first() == Some(&leafref.target));
        if is_first_key && shared.len() + 1 == usize::from(holder.list_depth) {
            let found = self.tree.get(&DataPath::new(holder.id, shared));
            if let Some(list) = found.and_then(|node| node.as_list()) {
                return self.existing_keys(holder, list, &[], take);
            }
            take(&format!("<{}>", target.name), &target.summary());
            return 0;
        }
        let mut found = Vec::new();
        collect(self.tree.root(), &self.schema().ancestry(leafref.target), &shared, &mut found);
        found.sort_unstable();
        found.dedup();
        found.retain(|text| text.starts_with(self.prefix));
        found.iter().filter(|text| !take(text, &target.summary())).count()
    }

    /// Returns the keys that a relative reference shares with its target: those of the lists above where both part.
    fn shared_keys(&self, path: &DataPath, leafref: &Leafref) -> Vec<Key> {
        let ups = leafref.path.trim_start().split('/').take_while(|step| step.trim() == "..").count();
        if ups == 0 {
            return Vec::new();
        }
        let above = (0..ups).fold(path.schema_id(), |at, _| self.node(at).data_parent);
        path.ancestor(self.schema(), above).keys().to_vec()
    }
}

/// Collects the values of a leaf below a node, over all entries on the way but those whose keys are given.
fn collect(at: NodeRef<'_>, way: &[SchemaId], keys: &[Key], found: &mut Vec<String>) {
    if found.len() >= SCANNED_MAX {
        return;
    }
    let Some((id, rest)) = way.split_first() else {
        found.extend(at.value().into_iter().chain(at.values()).map(ToString::to_string));
        return;
    };
    let Some(child) = at.child_by_id(*id) else { return };
    if child.as_list().is_none() {
        return collect(child, rest, keys, found);
    }
    match keys.split_first() {
        Some((key, keys)) => {
            if let Some(entry) = child.entry(key) {
                collect(entry, rest, keys, found);
            }
        }
        None => child.entries().take(SCANNED_MAX).for_each(|entry| collect(entry, rest, &[], found)),
    }
}

/// Returns what a leaf is for, with its default.
fn value_help(node: &SchemaNode) -> String {
    match node.as_leaf().and_then(|leaf| leaf.default.as_deref()) {
        Some(default) => format!("{} [{default}]", node.summary()),
        None => node.summary(),
    }
}

fn first_sentence(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.find(". ") {
        Some(end) => flat.get(..=end).unwrap_or("").to_owned(),
        None => flat,
    }
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}
