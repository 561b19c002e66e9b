//! What must hold between the properties of one node: defaults of their types, mandatory against default, counts.

use super::draft::Draft;
use super::finish::Finish;
use super::keyword::Keyword;
use super::schema::{NodeKind, SchemaId};
use super::statement::StatementId;
use crate::diagnostic::Diagnostic;
use std::sync::Arc;

impl Finish<'_, '_> {
    /// Checks every node, and gives leaves their defaults and units.
    pub(super) fn check_nodes(&mut self) {
        for at in 0..self.nodes.len() {
            let id = self.nodes[at].id;
            match self.nodes[at].kind {
                NodeKind::Leaf(_) => self.finish_leaf(id),
                NodeKind::LeafList(_) => {
                    self.finish_leaf_list(id);
                    self.check_counts(id);
                }
                NodeKind::List(_) => self.check_counts(id),
                NodeKind::Operation | NodeKind::Notification => self.check_place(id),
                _ => {}
            }
        }
    }

    fn tell_at(&mut self, at: StatementId, what: String) {
        let span = self.compiler.set.statements.span(at);
        self.compiler.faults.push(Diagnostic::error(what).at(span));
    }

    /// Returns the `default` of the typedef that a leaf's type comes from.
    fn default_of_type(&mut self, id: SchemaId) -> Option<StatementId> {
        let statement = self.draft(id).property(Keyword::Type)?;
        self.compiler.type_of(statement).default
    }

    fn finish_leaf(&mut self, id: SchemaId) {
        let node = &self.nodes[id.index()];
        let NodeKind::Leaf(leaf) = &node.kind else { return };
        let (ty, is_key, mandatory, name) = (Arc::clone(&leaf.ty), leaf.is_key, node.mandatory, Arc::clone(&node.name));
        let own = self.draft(id).property(Keyword::Default);
        if let Some(own) = own.filter(|_| mandatory) {
            self.tell_at(own, format!("leaf `{name}` is mandatory and has a default"));
        }
        let statement = match own {
            Some(own) => Some(own),
            None if mandatory || is_key => None,
            None => self.default_of_type(id),
        };
        let at = own.or_else(|| self.draft(id).property(Keyword::Type)).or(statement);
        let canonical = statement.and_then(|s| self.compiler.default_of(&ty, s, at.unwrap_or(s)));
        if let NodeKind::Leaf(leaf) = &mut self.nodes[id.index()].kind {
            // The default of a key is ignored (RFC 7950 §7.8.2): an entry cannot be without its keys.
            leaf.default = canonical.filter(|_| !is_key);
            if leaf.units.is_none() {
                leaf.units.clone_from(&ty.units);
            }
        }
    }

    fn finish_leaf_list(&mut self, id: SchemaId) {
        let node = &self.nodes[id.index()];
        let NodeKind::LeafList(list) = &node.kind else { return };
        let (ty, min_elements, name, config) =
            (Arc::clone(&list.ty), list.min_elements, Arc::clone(&node.name), node.config);
        let mut statements: Vec<StatementId> = self.draft(id).all(Keyword::Default).collect();
        if let Some(first) = statements.first().copied().filter(|_| min_elements > 0) {
            self.tell_at(first, format!("leaf-list `{name}` has both a default and `min-elements`"));
        }
        let mut at = None;
        if statements.is_empty() && min_elements == 0 {
            statements.extend(self.default_of_type(id));
            at = self.draft(id).property(Keyword::Type);
        }
        let mut defaults: Vec<Arc<str>> = Vec::new();
        for statement in statements {
            let Some(canonical) = self.compiler.default_of(&ty, statement, at.unwrap_or(statement)) else { continue };
            if config && defaults.contains(&canonical) {
                self.tell_at(statement, format!("default `{canonical}` of leaf-list `{name}` is there twice"));
            }
            defaults.push(canonical);
        }
        if let NodeKind::LeafList(list) = &mut self.nodes[id.index()].kind {
            list.defaults = defaults;
            if list.units.is_none() {
                list.units.clone_from(&ty.units);
            }
        }
    }

    fn check_counts(&mut self, id: SchemaId) {
        let (min, max) = match &self.nodes[id.index()].kind {
            NodeKind::List(list) => (list.min_elements, list.max_elements),
            NodeKind::LeafList(list) => (list.min_elements, list.max_elements),
            _ => return,
        };
        if let Some(max) = max.filter(|max| min > *max) {
            let draft: &Draft = self.draft(id);
            let at = draft.property(Keyword::MinElements).or(draft.property(Keyword::MaxElements));
            if let Some(at) = at {
                self.tell_at(at, format!("`min-elements` {min} is above `max-elements` {max}"));
            }
        }
    }

    /// RFC 7950 §7.15, §7.16: neither actions nor notifications in a message, nor in a list without key.
    fn check_place(&mut self, id: SchemaId) {
        let mut at = self.nodes[id.index()].parent;
        while let Some(above) = at {
            let node = &self.nodes[above.index()];
            let what = match &node.kind {
                NodeKind::Input | NodeKind::Output | NodeKind::Notification => "in an operation or notification",
                NodeKind::List(list) if list.keys.is_empty() && self.draft(above).property(Keyword::Key).is_none() => {
                    "in a list without key"
                }
                _ => {
                    at = node.parent;
                    continue;
                }
            };
            let span = self.nodes[id.index()].span.clone();
            let what = format!(
                "`{}` stands {what}, where neither actions nor notifications can be",
                self.nodes[id.index()].name
            );
            self.compiler.faults.push(Diagnostic::error(what).at_maybe(span));
            return;
        }
    }
}
