//! What must be there: mandatory leaves and choices, least numbers of elements (RFC 7950 §7.6.5, §7.7.5, §7.9.4).

use super::super::access::Node;
use super::super::dependency::Constraint;
use super::super::{Branch, DataPath};
use super::{Fault, Validator};
use crate::diagnostic::Diagnostic;
use crate::yang::{NodeKind, SchemaId, SchemaNode};

impl<'t> Validator<'t> {
    /// Checks what is mandatory in a node that exists.
    pub(super) fn mandatory(&mut self, node: &Node<'t>) {
        for child in &self.node(node.id()).children {
            self.mandatory_child(node, *child);
        }
    }

    fn mandatory_child(&mut self, parent: &Node<'t>, child: SchemaId) {
        let node = self.node(child);
        let Some(branch) = parent.branch() else { return };
        let is_choice = matches!(node.kind, NodeKind::Choice { .. });
        if !(self.counts(node) || is_choice) {
            return;
        }
        let is_stored = branch.get(node.slot).is_some();
        match &node.kind {
            NodeKind::Leaf(_) | NodeKind::AnyData
                if node.mandatory && !node.is_key() && !is_stored && self.is_asked_for(parent, child) =>
            {
                self.missing(&parent.path(), node);
            }
            NodeKind::Choice { .. } => {
                let chosen = node.children.iter().find(|case| self.case_exists(**case, branch));
                match chosen {
                    Some(case) => {
                        for child in &self.node(*case).children {
                            self.mandatory_child(parent, *child);
                        }
                    }
                    None if node.mandatory && self.counts(node) && self.is_asked_for(parent, child) => {
                        self.nothing_chosen(&parent.path(), node);
                    }
                    None => {}
                }
            }
            NodeKind::Container { presence: None } if self.tree.plan().is_checked(child) => {
                let mut found = Vec::new();
                let looked = self.access.child(parent, child, &mut found);
                self.seen(&parent.path(), Constraint::Children(parent.id()), looked);
                for inner in &found {
                    self.mandatory(inner);
                }
            }
            NodeKind::List(list) if list.min_elements > 0 => self.none_at_all(parent, child, is_stored),
            NodeKind::LeafList(list) if list.min_elements > 0 => self.none_at_all(parent, child, is_stored),
            _ => {}
        }
    }

    fn none_at_all(&mut self, parent: &Node<'t>, list: SchemaId, is_stored: bool) {
        if !is_stored && self.is_asked_for(parent, list) {
            self.elements(&parent.path().child(list), 0);
        }
    }

    /// Returns whether the conditions of a node that is not there hold: without them, nobody asks for it.
    pub(super) fn is_asked_for(&mut self, parent: &Node<'t>, child: SchemaId) -> bool {
        let allowed = self.access.is_allowed(parent, child);
        self.seen(&parent.path(), Constraint::Children(parent.id()), allowed).unwrap_or(false)
    }

    fn case_exists(&self, case: SchemaId, branch: &Branch) -> bool {
        self.node(case).children.iter().any(|child| {
            let node = self.node(*child);
            match node.kind {
                NodeKind::Choice { .. } => node.children.iter().any(|case| self.case_exists(*case, branch)),
                _ => branch.get(node.slot).is_some(),
            }
        })
    }

    fn missing(&mut self, path: &DataPath, node: &SchemaNode) {
        let parent = &self.node(node.data_parent).name;
        let expected = node.ty().map_or_else(String::new, |ty| format!(" ({})", ty.shown_name()));
        let place = if node.data_parent == SchemaId::ROOT { String::new() } else { format!(" in `{parent}`") };
        let diagnostic = Diagnostic::error(format!("`{}` is mandatory{place} and is not configured", node.name))
            .hint(format!("set `{}`{expected}", node.name));
        self.report(&path.child(node.id), Fault::Missing(node.id), diagnostic);
    }

    fn nothing_chosen(&mut self, path: &DataPath, node: &SchemaNode) {
        let parent = self.node(node.data_parent);
        let mut names = Vec::new();
        for case in &node.children {
            names.extend(self.node(*case).children.iter().map(|id| format!("`{}`", self.node(*id).name)));
        }
        let place = if parent.id == SchemaId::ROOT { "configuration" } else { &parent.name };
        let diagnostic = Diagnostic::error(format!("`{place}` needs one of {}", names.join(", ")))
            .hint(format!("{} is a mandatory choice", node.name))
            .app_tag("missing-choice");
        self.report(path, Fault::Missing(node.id), diagnostic);
    }
}
