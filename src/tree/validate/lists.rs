//! Numbers of elements, and tuples that must differ (RFC 7950 §7.7.5, §7.7.6, §7.8.3).

use super::super::access::Node;
use super::super::dependency::Constraint;
use super::super::evaluate::EvaluationError;
use super::super::index::tuples_of;
use super::super::{DataPath, Key, Value};
use super::{Fault, Validator};
use crate::diagnostic::Diagnostic;
use crate::yang::{NodeKind, SchemaId};
use std::collections::BTreeMap;

impl<'t> Validator<'t> {
    /// Checks the number of elements of a list or leaf-list as a whole, if what holds it exists.
    pub(super) fn count_of(&mut self, list: &DataPath) {
        let (min, max) = self.bounds(list.schema_id());
        if min == 0 && max.is_none() {
            return;
        }
        let schema = self.tree.schema();
        // What holds the list may be gone; then so are its constraints.
        let Some(parent) = list.parent(schema) else { return };
        let Some(parent) = self.find(&parent) else { return };
        let slot = self.node(list.schema_id()).slot;
        let stored = parent.branch().and_then(|branch| branch.get(slot));
        if stored.is_some() {
            let counted = self.access.count(&parent, list.schema_id());
            if let Some(count) = self.seen(list, Constraint::Children(parent.id()), counted) {
                self.elements(list, count);
            }
        } else {
            // Whether it is asked for, what is mandatory there says.
            let scope = self.scope_of(list);
            self.scope(&scope);
        }
    }

    fn bounds(&self, id: SchemaId) -> (u64, Option<u64>) {
        let node = self.node(id);
        match &node.kind {
            _ if !self.counts(node) => (0, None),
            NodeKind::List(list) => (list.min_elements, list.max_elements),
            NodeKind::LeafList(list) => (list.min_elements, list.max_elements),
            _ => (0, None),
        }
    }

    /// Checks a number of elements.
    pub(super) fn elements(&mut self, list: &DataPath, count: usize) {
        let (min, max) = self.bounds(list.schema_id());
        let (name, count) = (&self.node(list.schema_id()).name, count as u64);
        if count < min {
            let said = format!("`{name}` needs at least {min}, and has {count}");
            self.report(list, Fault::Count, Diagnostic::error(said).app_tag("too-few-elements"));
        }
        if let Some(max) = max
            && count > max
        {
            let said = format!("`{name}` may have at most {max}, and has {count}");
            self.report(list, Fault::Count, Diagnostic::error(said).app_tag("too-many-elements"));
        }
    }

    /// Checks the indexed tuples of all entries of a list.
    pub(super) fn unique_list(&mut self, list: &DataPath) {
        if self.tree.plan().uniques(list.schema_id()).is_empty() {
            return;
        }
        let Some(entries) = self.tree.get(list).and_then(|node| node.as_list()) else { return };
        for (key, _) in entries.in_key_order() {
            self.unique_entry(&list.entry(key.clone()));
        }
    }

    /// Checks the indexed tuples of the entries that a place is in.
    pub(super) fn unique_above(&mut self, path: &DataPath) {
        for list in self.tree.plan().uniques_above(path.schema_id()) {
            self.unique_entry(&path.ancestor(self.tree.schema(), *list));
        }
    }

    /// Checks the indexed tuples of an entry against those of the others.
    pub(super) fn unique_entry(&mut self, entry: &DataPath) {
        let plan = self.tree.plan();
        if plan.uniques(entry.schema_id()).is_empty() || !entry.is_entry(self.tree.schema()) {
            return;
        }
        let Some(branch) = self.tree.get(entry).and_then(|node| node.branch()) else { return };
        let mut tuples = Vec::new();
        tuples_of(plan, entry, branch, &mut tuples);
        for tuple in tuples {
            let alike: Vec<Key> = self.tree.indexes().tuples.alike(&tuple).cloned().collect();
            self.tell_alike(&tuple.list, tuple.index, &alike);
        }
    }

    fn tell_alike(&mut self, list: &DataPath, index: usize, alike: &[Key]) {
        let Some((first, others)) = alike.split_first() else { return };
        let leaves = self.node(list.schema_id()).as_list().and_then(|l| l.unique.get(index)).map_or(&[][..], |u| u);
        let names: Vec<String> = leaves.iter().map(|id| format!("`{}`", self.node(*id).name)).collect();
        for other in others {
            let said =
                format!("{} must be unique, and is the same in `{first:?}` and `{other:?}`", names.join(" with "));
            let diagnostic = Diagnostic::error(said).app_tag("data-not-unique");
            self.report(&list.entry(other.clone()), Fault::Unique(index), diagnostic);
        }
    }

    /// Checks a `unique` that no index can hold, since defaults in it depend on cases or conditions.
    pub(super) fn unique_by_looking(
        &mut self,
        holder: &Node<'t>,
        list: SchemaId,
        index: usize,
    ) -> Result<(), EvaluationError> {
        let mut entries = Vec::new();
        self.access.child(holder, list, &mut entries)?;
        let leaves = self.node(list).as_list().and_then(|l| l.unique.get(index)).map_or(&[][..], |u| u);
        let mut groups: BTreeMap<Vec<&'t Value>, Vec<Key>> = BTreeMap::new();
        for entry in &entries {
            let mut values = Vec::new();
            for leaf in leaves {
                let mut found = Vec::new();
                self.access.instances(entry, *leaf, &mut found)?;
                values.extend(found.first().and_then(Node::value));
            }
            if values.len() == leaves.len() {
                groups.entry(values).or_default().extend(entry.key().cloned());
            }
        }
        let whole = holder.path().child(list);
        for mut alike in groups.into_values() {
            alike.sort();
            self.tell_alike(&whole, index, &alike);
        }
        Ok(())
    }
}
