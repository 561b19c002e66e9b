//! What refers to other nodes: keys, unique tuples, default cases (RFC 7950 §7.8, §7.9).

use super::argument::split_ref;
use super::draft::{DraftId, DraftKind};
use super::finish::Finish;
use super::keyword::Keyword;
use super::module_set::Prefixed;
use super::schema::{BaseType, NodeKind, SchemaId};
use super::statement::StatementId;
use super::types::Shape;
use crate::diagnostic::{Diagnostic, nearest};

impl Finish<'_, '_> {
    /// Resolves keys, unique tuples and default cases.
    pub(super) fn resolve_lists(&mut self) {
        for at in 0..self.nodes.len() {
            let id = self.nodes[at].id;
            match self.nodes[at].kind {
                NodeKind::List(_) => {
                    self.resolve_keys(id);
                    self.resolve_unique(id);
                }
                NodeKind::Choice { .. } => self.resolve_default_case(id),
                _ => {}
            }
        }
    }

    fn fault(&mut self, at: StatementId, fault: Diagnostic) {
        let span = self.compiler.set.statements.argument_span(at);
        self.compiler.faults.push(fault.at(span));
    }

    fn resolve_keys(&mut self, list: SchemaId) {
        let Some(statement) = self.draft(list).property(Keyword::Key) else {
            if self.nodes[list.index()].config && !self.is_apart(list) {
                let what = format!("list `{}` has no key, which configuration needs", self.nodes[list.index()].name);
                let span = self.nodes[list.index()].span.clone();
                self.compiler.faults.push(Diagnostic::error(what).at_maybe(span).hint("add `key …;`"));
            }
            return;
        };
        let text = self.compiler.set.statements.shared_argument(statement);
        let mut keys: Vec<SchemaId> = Vec::new();
        for name in text.split_ascii_whitespace() {
            let Some(key) = self.child_named(list, statement, name) else {
                let names = self.nodes[list.index()].children.iter().map(|id| &*self.nodes[id.index()].name);
                let what = format!("key `{name}` is not a leaf of list `{}`", self.nodes[list.index()].name);
                let fault = Diagnostic::error(what).did_you_mean(split_ref(name).1, names);
                self.fault(statement, fault);
                continue;
            };
            if keys.contains(&key) {
                self.fault(statement, Diagnostic::error(format!("key `{name}` is named twice")));
                continue;
            }
            if let Some(what) = self.unfit_for_key(list, key) {
                self.fault(statement, Diagnostic::error(format!("key `{name}` {what}")));
                continue;
            }
            let (ours, its) = (self.nodes[list.index()].status, self.nodes[key.index()].written.status);
            if ours < its {
                let what = format!("key `{name}` is {}, its list is {}", its.name(), ours.name());
                self.fault(statement, Diagnostic::error(what));
            }
            keys.push(key);
        }
        for key in &keys {
            if let NodeKind::Leaf(leaf) = &mut self.nodes[key.index()].kind {
                leaf.is_key = true;
            }
        }
        if let NodeKind::List(schema) = &mut self.nodes[list.index()].kind {
            schema.keys = keys;
        }
    }

    fn unfit_for_key(&self, list: SchemaId, key: SchemaId) -> Option<&'static str> {
        let node = &self.nodes[key.index()];
        if !matches!(node.kind, NodeKind::Leaf(_)) {
            return Some("is not a leaf");
        }
        if node.config != self.nodes[list.index()].config {
            return Some("differs from its list in `config`");
        }
        if !node.whens.is_empty() {
            return Some("has a `when`, so it could be absent");
        }
        let statement = self.draft(key).property(Keyword::Type)?;
        let is_1_1 = self.compiler.set.is_1_1(statement);
        if !node.written.if_features.is_empty() {
            return Some("has an `if-feature`, so it could be absent");
        }
        let is_empty = matches!(self.kind_of_type(statement), Some(BaseType::Empty));
        (!is_1_1 && is_empty).then_some("is of type `empty`, which YANG 1 does not allow for keys")
    }

    fn kind_of_type(&self, statement: StatementId) -> Option<&BaseType> {
        match &self.compiler.types.get(&statement)?.as_ref()?.shape {
            Shape::Plain(ty) => Some(&ty.base),
            _ => None,
        }
    }

    /// Returns the child of a node of that name, of the module that the prefix says or the node's own.
    fn child_named(&self, parent: SchemaId, at: StatementId, name: &str) -> Option<SchemaId> {
        let (prefix, local) = split_ref(name);
        let module = match prefix.map(|p| self.compiler.set.resolve_prefix(at, Some(p))) {
            None => self.nodes[parent.index()].module,
            // The prefix of the text itself means its own nodes, wherever a grouping brings them.
            Some(Prefixed::Module(module)) if module == self.compiler.set.module_of(at) => {
                self.nodes[parent.index()].module
            }
            Some(Prefixed::Module(module)) => module,
            Some(_) => return None,
        };
        self.nodes[parent.index()].children.iter().copied().find(|id| {
            let node = &self.nodes[id.index()];
            &*node.name == local && node.module == module
        })
    }

    fn resolve_unique(&mut self, list: SchemaId) {
        let statements: Vec<StatementId> = self.draft(list).all(Keyword::Unique).collect();
        let mut tuples = Vec::new();
        for statement in statements {
            let text = self.compiler.set.statements.shared_argument(statement);
            let mut tuple = Vec::new();
            for path in text.split_ascii_whitespace() {
                let steps = path.split('/');
                let found = steps.into_iter().try_fold(list, |at, step| self.child_named(at, statement, step));
                match found.filter(|id| matches!(self.nodes[id.index()].kind, NodeKind::Leaf(_))) {
                    None => {
                        let what = format!("`{path}` is not a leaf below list `{}`", self.nodes[list.index()].name);
                        self.fault(statement, Diagnostic::error(what));
                    }
                    Some(leaf) if self.nodes[leaf.index()].list_depth != self.nodes[list.index()].list_depth => {
                        let what = format!("`{path}` is in a list below `{}`", self.nodes[list.index()].name);
                        self.fault(statement, Diagnostic::error(what));
                    }
                    Some(leaf) => tuple.push(leaf),
                }
            }
            let is_mixed = tuple.windows(2).any(|pair| match pair {
                [one, other] => self.nodes[one.index()].config != self.nodes[other.index()].config,
                _ => false,
            });
            if is_mixed {
                let what = format!("`unique {text}` mixes configuration and state");
                self.fault(statement, Diagnostic::error(what));
            }
            tuples.push(tuple);
        }
        if let NodeKind::List(schema) = &mut self.nodes[list.index()].kind {
            schema.unique = tuples;
        }
    }

    fn resolve_default_case(&mut self, choice: SchemaId) {
        let Some(statement) = self.draft(choice).property(Keyword::Default) else { return };
        let name = self.compiler.set.statements.shared_argument(statement);
        let Some(case) = self.child_named(choice, statement, &name) else {
            if self.is_switched_off(choice, &name) {
                return;
            }
            let names = self.nodes[choice.index()].children.iter().map(|id| &*self.nodes[id.index()].name);
            let fault = Diagnostic::error(format!("choice `{}` has no case `{name}`", self.nodes[choice.index()].name));
            let fault = match nearest(&name, names) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            };
            self.fault(statement, fault);
            return;
        };
        if self.nodes[choice.index()].mandatory {
            let what = format!("choice `{}` is mandatory and has a default", self.nodes[choice.index()].name);
            self.fault(statement, Diagnostic::error(what));
        }
        if let Some(node) = self.demanding(case) {
            let what = format!("default case `{name}` has the mandatory node `{}`", self.nodes[node.index()].name);
            self.fault(statement, Diagnostic::error(what));
        }
        self.nodes[choice.index()].kind = NodeKind::Choice { default: Some(case) };
    }

    /// Returns a node below one that has to be there whenever that one is (RFC 7950 §3, "mandatory node").
    fn demanding(&self, above: SchemaId) -> Option<SchemaId> {
        self.nodes[above.index()].children.iter().copied().find_map(|id| {
            let node = &self.nodes[id.index()];
            match &node.kind {
                NodeKind::List(list) if list.min_elements > 0 => Some(id),
                NodeKind::LeafList(list) if list.min_elements > 0 => Some(id),
                NodeKind::Container { presence: None } => self.demanding(id),
                _ => node.mandatory.then_some(id),
            }
        })
    }

    /// Returns whether a child of that name is there in the modules, but not here: its features are off or it is deviated.
    fn is_switched_off(&self, parent: SchemaId, name: &str) -> bool {
        let local = split_ref(name).1;
        let children: &[DraftId] = &self.draft(parent).children;
        children.iter().any(|id| {
            let draft = self.compiler.drafts.get(*id);
            draft.kind == DraftKind::Case && &*draft.name == local && draft.id.is_none()
        })
    }
}
