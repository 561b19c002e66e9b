//! Types of leaves with their leafrefs resolved to the leaves they lead to (RFC 7950 §9.9).

use super::argument::split_ref;
use super::draft::DraftKind;
use super::finish::Finish;
use super::keyword::Keyword;
use super::leafref_path::{LeafrefPath, PathPredicate};
use super::module_set::Prefixed;
use super::schema::{BaseType, Leafref, LeafrefPredicate, NodeKind, SchemaId, Type};
use super::statement::StatementId;
use super::types::{RawType, Shape};
use crate::diagnostic::{Diagnostic, nearest};
use std::sync::Arc;

/// Deepest nesting of leafrefs, typedefs and unions in a type: following it recurses.
const DEPTH_MAX: usize = 64;

/// Types that a leaf may come down to, leafrefs followed: each may be tried for each value.
const MEMBERS_MAX: usize = 4096;

/// How far the type of a node is.
#[derive(Debug, Clone)]
enum State {
    New,
    Active,
    /// Nothing for one whose fault is told.
    Done(Option<Resolved>),
}

/// A type with its leafrefs resolved.
#[derive(Debug, Clone)]
struct Resolved {
    ty: Arc<Type>,
    /// How many types it comes down to.
    members: usize,
    /// How many types deep it is.
    depth: usize,
}

/// Where a leafref leads.
struct Target {
    id: SchemaId,
    predicates: Vec<LeafrefPredicate>,
    resolved: Resolved,
}

/// The types of all nodes while they are resolved.
struct Table {
    states: Vec<State>,
    depth: usize,
}

impl Finish<'_, '_> {
    /// Resolves the type of every leaf and leaf-list.
    pub(super) fn resolve_types(&mut self) {
        let mut table = Table { states: vec![State::New; self.nodes.len()], depth: 0 };
        for at in 0..self.nodes.len() {
            let id = self.nodes[at].id;
            if let Some(resolved) = self.type_of_node(&mut table, id) {
                match &mut self.nodes[at].kind {
                    NodeKind::Leaf(leaf) => leaf.ty = resolved.ty,
                    NodeKind::LeafList(list) => list.ty = resolved.ty,
                    _ => {}
                }
            }
        }
    }

    fn type_of_node(&mut self, table: &mut Table, id: SchemaId) -> Option<Resolved> {
        let statement = match self.draft(id).kind {
            DraftKind::Leaf | DraftKind::LeafList => self.draft(id).property(Keyword::Type)?,
            _ => return None,
        };
        if let State::Done(done) = &table.states[id.index()] {
            return done.clone();
        }
        table.states[id.index()] = State::Active;
        let raw = self.compiler.type_of(statement);
        let done = self.instantiate(table, id, &raw);
        table.states[id.index()] = State::Done(done.clone());
        done
    }

    fn instantiate(&mut self, table: &mut Table, leaf: SchemaId, raw: &RawType) -> Option<Resolved> {
        let (base, members, depth) = match &raw.shape {
            Shape::Broken => return None,
            Shape::Plain(ty) => return Some(Resolved { ty: Arc::clone(ty), members: raw.members, depth: raw.depth }),
            Shape::Union(types) => {
                let mut parts = Vec::new();
                for part in types {
                    parts.push(self.instantiate(table, leaf, part)?);
                }
                let members = parts.iter().map(|p| p.members).fold(0, usize::saturating_add);
                let depth = parts.iter().map(|p| p.depth).max().unwrap_or(0);
                (BaseType::Union(parts.into_iter().map(|p| p.ty).collect()), members, depth)
            }
            // Where it leads depends on who uses the grouping.
            Shape::Leafref { .. } if self.is_apart(leaf) => return None,
            Shape::Leafref { path, require_instance, on_delete } => {
                let target = self.resolve_target(table, leaf, *path, *require_instance)?;
                let leafref = self.leafref(leaf, *path, *require_instance, on_delete.clone(), &target);
                (BaseType::Leafref(leafref), target.resolved.members.saturating_add(1), target.resolved.depth)
            }
        };
        if members > MEMBERS_MAX || depth >= DEPTH_MAX {
            let name = &self.nodes[leaf.index()].name;
            let what = format!("type of `{name}` comes down to more than {MEMBERS_MAX} types or {DEPTH_MAX} levels");
            let span = self.nodes[leaf.index()].span.clone();
            self.compiler.faults.push(Diagnostic::error(what).at_maybe(span));
            return None;
        }
        let default = raw.default.map(|d| self.compiler.set.statements.shared_argument(d));
        let ty = Type { name: Arc::clone(&raw.name), base, default, units: raw.units.clone() };
        Some(Resolved { ty: Arc::new(ty), members, depth: depth + 1 })
    }

    fn leafref(
        &self,
        leaf: SchemaId,
        path_at: StatementId,
        require_instance: bool,
        on_delete: Option<Arc<str>>,
        target: &Target,
    ) -> Leafref {
        let mut own = self.draft(leaf).extensions.iter().copied();
        let on_leaf = own.find(|s| self.compiler.is_own_extension(*s, "on-delete"));
        Leafref {
            path: self.compiler.set.statements.shared_argument(path_at),
            module: self.compiler.set.module_of(path_at),
            prefixes: self.compiler.set.known_prefixes(path_at),
            target: target.id,
            target_type: Arc::clone(&target.resolved.ty),
            require_instance,
            predicates: target.predicates.clone(),
            on_delete: on_delete.or_else(|| on_leaf.map(|s| self.compiler.set.statements.shared_argument(s))),
        }
    }

    fn resolve_target(
        &mut self,
        table: &mut Table,
        leaf: SchemaId,
        path_at: StatementId,
        require_instance: bool,
    ) -> Option<Target> {
        let path = self.compiler.paths.get(&path_at).cloned().flatten()?;
        let (target, predicates) = match self.follow(leaf, path_at, &path) {
            Ok(found) => found,
            Err(fault) => {
                let fault = fault?;
                let what = format!("leafref `{}` leads nowhere: {}", self.nodes[leaf.index()].name, fault.message);
                self.tell(path_at, Diagnostic { message: what, ..fault });
                return None;
            }
        };
        if !matches!(self.nodes[target.index()].kind, NodeKind::Leaf(_) | NodeKind::LeafList(_)) {
            let what = format!(
                "leafref `{}` leads to `{}`, which is not a leaf",
                self.nodes[leaf.index()].name,
                self.nodes[target.index()].name
            );
            self.tell(path_at, Diagnostic::error(what));
            return None;
        }
        let is_state = !self.nodes[target.index()].config && !self.is_in_message(target);
        if require_instance && self.nodes[leaf.index()].config && is_state {
            let what = format!(
                "leafref `{}` is configuration, its target `{}` is not",
                self.nodes[leaf.index()].name,
                self.nodes[target.index()].name
            );
            self.tell(path_at, Diagnostic::error(what).hint("add `require-instance false;`"));
        }
        let (from, to) = (&self.nodes[leaf.index()], &self.nodes[target.index()]);
        if from.module == to.module && from.status < to.written.status {
            let (ours, its) = (from.status.name(), to.written.status.name());
            let what = format!("leafref `{}` is {ours}, its target `{}` is {its}", from.name, to.name);
            self.tell(path_at, Diagnostic::error(what));
        }
        if matches!(table.states[target.index()], State::Active) {
            let what = format!("leafref `{}` leads back to itself", self.nodes[leaf.index()].name);
            self.tell(path_at, Diagnostic::error(what));
            return None;
        }
        if table.depth >= DEPTH_MAX {
            self.tell(path_at, Diagnostic::error(format!("leafrefs lead to leafrefs more than {DEPTH_MAX} deep")));
            return None;
        }
        table.depth += 1;
        let resolved = self.type_of_node(table, target);
        table.depth -= 1;
        Some(Target { id: target, predicates, resolved: resolved? })
    }

    fn is_in_message(&self, id: SchemaId) -> bool {
        let mut above = std::iter::successors(Some(id), |at| self.nodes[at.index()].parent);
        above.any(|at| matches!(self.nodes[at.index()].kind, NodeKind::Operation | NodeKind::Notification))
    }

    fn tell(&mut self, at: StatementId, fault: Diagnostic) {
        let span = self.compiler.set.statements.argument_span(at);
        self.compiler.faults.push(fault.at(span));
    }

    /// Follows a path; the error is empty when it is told already.
    fn follow(
        &self,
        leaf: SchemaId,
        path_at: StatementId,
        path: &LeafrefPath,
    ) -> Result<(SchemaId, Vec<LeafrefPredicate>), Option<Diagnostic>> {
        let mut at = match path.up {
            None => SchemaId::ROOT,
            Some(up) => self.above(leaf, up)?,
        };
        let mut predicates = Vec::new();
        for step in &path.steps {
            at = self.step(leaf, path_at, at, &step.name)?;
            let before = predicates.len();
            for predicate in &step.predicates {
                let read = self.predicate(leaf, path_at, at, predicate)?;
                if predicates.iter().skip(before).any(|p: &LeafrefPredicate| p.key == read.key) {
                    let name = &self.nodes[read.key.index()].name;
                    return Err(Some(Diagnostic::error(format!("`{name}` has two predicates"))));
                }
                predicates.push(read);
            }
        }
        Ok((at, predicates))
    }

    fn predicate(
        &self,
        leaf: SchemaId,
        path_at: StatementId,
        list: SchemaId,
        predicate: &PathPredicate,
    ) -> Result<LeafrefPredicate, Option<Diagnostic>> {
        let key = self.step(leaf, path_at, list, &predicate.key)?;
        let mut value = self.above(leaf, predicate.up)?;
        for name in &predicate.names {
            value = self.step(leaf, path_at, value, name)?;
        }
        for end in [key, value] {
            if !matches!(self.nodes[end.index()].kind, NodeKind::Leaf(_)) {
                let what = format!("`{}` in a predicate is not a leaf", self.nodes[end.index()].name);
                return Err(Some(Diagnostic::error(what)));
            }
        }
        if !matches!(&self.nodes[key.index()].kind, NodeKind::Leaf(leaf) if leaf.is_key) {
            let what = format!("`{}` in a predicate is not a key of its list", self.nodes[key.index()].name);
            return Err(Some(Diagnostic::error(what)));
        }
        Ok(LeafrefPredicate { key, value, up: predicate.up })
    }

    /// Goes up in the data tree; the input and output of an operation stand for the operation (RFC 7950 §6.4.1).
    fn above(&self, leaf: SchemaId, up: usize) -> Result<SchemaId, Option<Diagnostic>> {
        let mut at = leaf;
        for _ in 0..up {
            if at == SchemaId::ROOT {
                let fault = Diagnostic::error("it goes up beyond the root");
                return Err(Some(fault.hint("`..` counts neither choices nor cases")));
            }
            let node = &self.nodes[at.index()];
            at = match node.kind {
                NodeKind::Input | NodeKind::Output => self.nodes[node.data_parent.index()].data_parent,
                _ => node.data_parent,
            };
        }
        Ok(at)
    }

    fn step(
        &self,
        leaf: SchemaId,
        path_at: StatementId,
        at: SchemaId,
        name: &str,
    ) -> Result<SchemaId, Option<Diagnostic>> {
        let (prefix, local) = split_ref(name);
        let named = self.by_name.get(&at).and_then(|names| names.get(local)).map_or(&[][..], Vec::as_slice);
        let of = |module| named.iter().copied().find(|id| self.nodes[id.index()].module == module);
        let found = match prefix.map(|p| self.compiler.set.resolve_prefix(path_at, Some(p))) {
            Some(Prefixed::Module(module)) => of(module).or_else(|| self.message(leaf, at, local)),
            Some(_) => return Err(None),
            // RFC 7950 §6.4.1: without prefix it is the module of the leaf; published typedefs mean their own.
            None => of(self.nodes[leaf.index()].module)
                .or_else(|| of(self.compiler.set.module_of(path_at)))
                .or_else(|| self.message(leaf, at, local)),
        };
        found.ok_or_else(|| Some(self.missing(at, name, local, named)))
    }

    /// Returns the notification of that name, or the half that `leaf` is in of the operation of that name.
    fn message(&self, leaf: SchemaId, at: SchemaId, name: &str) -> Option<SchemaId> {
        let children = self.nodes[at.index()].children.iter().copied();
        let found = children.into_iter().find(|id| {
            let node = &self.nodes[id.index()];
            &*node.name == name && matches!(node.kind, NodeKind::Operation | NodeKind::Notification)
        })?;
        if matches!(self.nodes[found.index()].kind, NodeKind::Notification) {
            return Some(found);
        }
        let halves = &self.nodes[found.index()].children;
        let mut above = std::iter::successors(Some(leaf), |id| self.nodes[id.index()].parent);
        above.find(|id| halves.contains(id)).or_else(|| halves.first().copied())
    }

    fn missing(&self, at: SchemaId, name: &str, local: &str, named: &[SchemaId]) -> Diagnostic {
        let place = match self.nodes[at.index()].kind {
            NodeKind::Root => "the top level".to_owned(),
            _ => format!("`{}`", self.nodes[at.index()].name),
        };
        let fault = Diagnostic::error(format!("{place} has no node `{name}`"));
        let children = self.nodes[at.index()].data_children.iter().map(|id| &*self.nodes[id.index()].name);
        if let Some(other) = named.first() {
            let module = &self.compiler.set.modules[self.nodes[other.index()].module.index()];
            return fault.hint(format!("there is one in module `{}`: use a prefix that stands for it", module.name));
        }
        match nearest(local, children) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        }
    }
}
