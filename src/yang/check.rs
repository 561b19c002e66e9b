//! What can be judged where it is written, used or not: types, uses, features, extension statements, scoped names.

use super::compile::Compiler;
use super::definitions::taken;
use super::keyword::Keyword;
use super::leafref_path;
use super::module_set::Prefixed;
use super::schema::ModuleId;
use super::statement::{StatementId, Word};
use super::types::Shape;
use super::xpath;
use crate::diagnostic::{Diagnostic, nearest};
use std::collections::HashMap;
use std::sync::Arc;

impl Compiler<'_> {
    /// Checks all statements of all modules.
    pub(super) fn check_statements(&mut self) {
        let mut uses_of = HashMap::new();
        for module in self.set.module_ids() {
            for body in self.set.bodies(module).collect::<Vec<_>>() {
                self.check_statement(body, None, &mut uses_of);
            }
        }
        self.check_grouping_cycles(&uses_of);
    }

    fn check_statement(
        &mut self,
        statement: StatementId,
        grouping: Option<StatementId>,
        uses_of: &mut HashMap<StatementId, Vec<(StatementId, StatementId)>>,
    ) {
        let mut grouping = grouping;
        match self.set.statements.keyword(statement) {
            None => {
                self.check_extension(statement);
                self.check_below_extension(statement);
                return;
            }
            Some(Keyword::Type) => {
                let _memoized = self.type_of(statement);
            }
            Some(Keyword::Typedef) => {
                self.check_scoped_name(statement, Keyword::Typedef);
                self.check_typedef(statement);
            }
            Some(Keyword::Grouping) => {
                self.check_scoped_name(statement, Keyword::Grouping);
                grouping = Some(statement);
            }
            Some(Keyword::Uses) => {
                let name = self.set.statements.argument(statement);
                let found = self.definitions.find(self.set, statement, Keyword::Grouping, name, &mut self.faults);
                if let Some(found) = found {
                    self.check_status(statement, statement, found);
                }
                if let (Some(grouping), Some(found)) = (grouping, found) {
                    uses_of.entry(grouping).or_default().push((found, statement));
                }
            }
            Some(Keyword::IfFeature) => {
                let _memoized = self.feature_holds(statement);
            }
            Some(Keyword::Path) => self.read_path(statement),
            Some(Keyword::Must | Keyword::When) => {
                let statements = &self.set.statements;
                let fault = xpath::check_syntax(statements.argument(statement), &statements.argument_span(statement));
                self.faults.extend(fault);
            }
            Some(_) => {}
        }
        for child in self.set.statements.get(statement).children.iter().copied() {
            self.check_statement(child, grouping, uses_of);
        }
    }

    fn read_path(&mut self, statement: StatementId) {
        let path = match leafref_path::parse(self.set.statements.argument(statement)) {
            Ok(path) => Some(Arc::new(path)),
            Err(what) => {
                self.fault_at(statement, format!("path is wrong: {what}"));
                None
            }
        };
        let mut is_good = path.is_some();
        for prefix in path.iter().flat_map(|p| p.prefixes()) {
            if self.set.resolve_prefix(statement, Some(prefix)) == Prefixed::Unknown {
                let fault = self.set.unknown_prefix(statement, prefix);
                self.faults.push(fault.at(self.set.statements.argument_span(statement)));
                is_good = false;
            }
        }
        self.paths.insert(statement, path.filter(|_| is_good));
    }

    /// A definition below the top level must not take a name that is visible there (RFC 7950 §5.5).
    fn check_scoped_name(&mut self, statement: StatementId, keyword: Keyword) {
        let name = self.set.statements.argument(statement);
        if keyword == Keyword::Typedef && super::types::BUILTIN_NAMES.contains(&name) {
            self.fault_at(statement, format!("`{name}` is a built-in type"));
            return;
        }
        let Some(parent) = self.set.statements.get(statement).parent else { return };
        if self.set.statements.get(parent).parent.is_none() {
            // At the top level the collection of definitions has told.
            return;
        }
        let module: ModuleId = self.set.module_of(statement);
        // The first of two is found as itself.
        let other = self
            .definitions
            .scoped(self.set, statement, keyword, name)
            .filter(|found| *found != statement)
            .or_else(|| self.definitions.scoped(self.set, parent, keyword, name))
            .or_else(|| self.definitions.top(module, keyword, name));
        if let Some(other) = other {
            self.faults.push(taken(self.set, statement, other));
        }
    }

    fn check_typedef(&mut self, statement: StatementId) {
        let Some(ty) = self.set.statements.first(statement, Keyword::Type) else { return };
        let raw = self.type_of(ty);
        let Shape::Plain(plain) = &raw.shape else { return };
        match (self.set.statements.first(statement, Keyword::Default), raw.default) {
            (Some(own), _) => {
                let _canonical = self.default_of(plain, own, own);
            }
            // RFC 7950 §7.3.4: a default that the type does not allow any more needs another one in its place.
            (None, Some(inherited)) => {
                let _canonical = self.default_of(plain, inherited, ty);
            }
            (None, None) => {}
        }
    }

    fn check_extension(&mut self, statement: StatementId) {
        let Word::Extension { prefix, name } = &self.set.statements.get(statement).word else { return };
        let module = match self.set.resolve_prefix(statement, Some(prefix)) {
            Prefixed::Module(module) => module,
            Prefixed::Missing => return,
            Prefixed::Unknown => {
                let fault = self.set.unknown_prefix(statement, prefix);
                self.faults.push(fault.at(self.set.statements.span(statement)));
                return;
            }
        };
        let Some(extension) = self.definitions.top(module, Keyword::Extension, name) else {
            let defining = &self.set.modules[module.index()];
            let fault = Diagnostic::error(format!("module `{}` has no extension `{name}`", defining.name));
            let known: Vec<&str> = self
                .set
                .bodies(module)
                .flat_map(|body| self.set.statements.all(body, Keyword::Extension))
                .map(|s| self.set.statements.argument(s))
                .collect();
            let fault = match nearest(name, known) {
                Some(near) => fault.hint(format!("did you mean `{prefix}:{near}`?")),
                None => fault,
            };
            self.faults.push(fault.at(self.set.statements.span(statement)));
            return;
        };
        let takes = self.set.statements.first_argument(extension, Keyword::Argument);
        let has = self.set.statements.get(statement).argument.is_some();
        let what = match (&takes, has) {
            (Some(argument), false) => format!("`{prefix}:{name}` has no argument, which is its `{argument}`"),
            (None, true) => format!("`{prefix}:{name}` takes no argument"),
            _ => return self.check_own_extension(statement),
        };
        self.faults.push(Diagnostic::error(what).at(self.set.statements.span(statement)));
    }

    /// What stands below is the extension's own affair, but YANG's own statements have their arguments everywhere.
    fn check_below_extension(&mut self, statement: StatementId) {
        let mut pending = self.set.statements.get(statement).children.clone();
        while let Some(at) = pending.pop() {
            let Some(keyword) = self.set.statements.keyword(at) else { continue };
            if self.set.statements.get(at).argument.is_none()
                && let Some(fault) = super::argument::check(&self.set.statements, at, keyword)
            {
                self.faults.push(fault.at(self.set.statements.span(at)));
            }
            pending.extend(&self.set.statements.get(at).children);
        }
    }

    /// Checks the use of the extensions that the element itself understands.
    fn check_own_extension(&mut self, statement: StatementId) {
        if self.is_own_extension(statement, "on-delete") && self.set.statements.argument(statement) != "prune" {
            let fault = Diagnostic::error(format!(
                "`{}` is not a way to treat a deletion",
                self.set.statements.argument(statement)
            ));
            self.faults.push(fault.hint("expected `prune`").at(self.set.statements.argument_span(statement)));
        }
    }

    fn check_grouping_cycles(&mut self, uses_of: &HashMap<StatementId, Vec<(StatementId, StatementId)>>) {
        let mut starts: Vec<StatementId> = uses_of.keys().copied().collect();
        starts.sort_unstable();
        let mut done = std::collections::HashSet::new();
        for start in starts {
            let mut way: Vec<(StatementId, usize)> = vec![(start, 0)];
            while let Some((grouping, next)) = way.last_mut() {
                let grouping = *grouping;
                let edge = uses_of.get(&grouping).and_then(|all| all.get(*next)).copied();
                *next += 1;
                match edge {
                    Some((to, uses)) if way.iter().any(|(on_way, _)| *on_way == to) => {
                        self.fault_at(uses, format!("grouping `{}` uses itself", self.set.statements.argument(to)));
                    }
                    Some((to, _)) if !done.contains(&to) => way.push((to, 0)),
                    Some(_) => {}
                    None => {
                        done.insert(grouping);
                        way.pop();
                    }
                }
            }
        }
    }
}
