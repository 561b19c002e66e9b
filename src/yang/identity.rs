//! The identities of all modules and what they are derived from (RFC 7950 §7.18).

use super::compile::Compiler;
use super::keyword::Keyword;
use super::schema::{Identity, IdentityId, ModuleId};
use super::statement::StatementId;
use crate::diagnostic::Diagnostic;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The identities while modules are compiled.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// All of them, those whose features are off left out.
    pub(super) list: Vec<Identity>,
    by_statement: HashMap<StatementId, IdentityId>,
    by_name: HashMap<(ModuleId, Arc<str>), IdentityId>,
}

impl Identities {
    /// Returns the identity that a statement defines, unless its features are off.
    pub(super) fn of(&self, statement: StatementId) -> Option<IdentityId> {
        self.by_statement.get(&statement).copied()
    }

    /// Returns the identity of that name.
    pub(super) fn named(&self, module: ModuleId, name: &str) -> Option<IdentityId> {
        self.by_name.get(&(module, Arc::from(name))).copied()
    }

    /// Returns whether an identity is derived from another one.
    pub(super) fn is_derived(&self, identity: IdentityId, base: IdentityId) -> bool {
        let mut seen = HashSet::new();
        let mut pending = vec![identity];
        while let Some(at) = pending.pop() {
            let Some(here) = self.list.get(at.index()) else { continue };
            for next in here.bases.iter().copied() {
                if next == base {
                    return true;
                }
                if seen.insert(next) {
                    pending.push(next);
                }
            }
        }
        false
    }
}

impl Compiler<'_> {
    /// Collects the identities and links them to their bases.
    pub(super) fn collect_identities(&mut self) {
        let mut statements = Vec::new();
        for module in self.set.module_ids() {
            for body in self.set.bodies(module) {
                statements.extend(self.set.statements.all(body, Keyword::Identity).map(|s| (module, s)));
            }
        }
        statements.retain(|(_, statement)| self.features_hold(*statement));
        for (module, statement) in &statements {
            let Ok(id) = u32::try_from(self.identities.list.len()).map(IdentityId) else { return };
            let name = self.set.statements.shared_argument(*statement);
            let description = self.set.statements.first_argument(*statement, Keyword::Description);
            self.identities.by_statement.insert(*statement, id);
            self.identities.by_name.insert((*module, Arc::clone(&name)), id);
            self.identities.list.push(Identity { module: *module, name, bases: Vec::new(), description });
        }
        for (_, statement) in &statements {
            let bases = self.bases(*statement);
            if let Some(id) = self.identities.of(*statement) {
                self.identities.list[id.index()].bases = bases;
            }
        }
        for (_, statement) in &statements {
            let Some(id) = self.identities.of(*statement) else { continue };
            if self.identities.is_derived(id, id) {
                let what = format!("identity `{}` is derived from itself", self.set.statements.argument(*statement));
                self.faults.push(Diagnostic::error(what).at(self.set.statements.argument_span(*statement)));
                // Cut, so that nobody who follows the bases runs in a circle.
                self.identities.list[id.index()].bases.clear();
            }
        }
    }

    /// Resolves the `base` substatements; those whose features are off are left out.
    pub(super) fn bases(&mut self, statement: StatementId) -> Vec<IdentityId> {
        let bases: Vec<StatementId> = self.set.statements.all(statement, Keyword::Base).collect();
        let mut found = Vec::new();
        for base in bases {
            let name = self.set.statements.argument(base);
            let target = self.definitions.find(self.set, base, Keyword::Identity, name, &mut self.faults);
            if let Some(target) = target {
                self.check_status(base, statement, target);
            }
            found.extend(target.and_then(|target| self.identities.of(target)));
        }
        found
    }
}
