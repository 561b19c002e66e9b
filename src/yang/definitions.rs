//! Where typedefs, groupings, identities, features and extensions are found (RFC 7950 §5.5).

use super::keyword::Keyword;
use super::module_set::ModuleSet;
use super::schema::ModuleId;
use super::statement::StatementId;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use std::collections::HashMap;
use std::sync::Arc;

/// The definitions of all modules.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    by_name: HashMap<(ModuleId, Keyword), HashMap<Arc<str>, StatementId>>,
    /// Those below a statement of a module; the first of a name.
    scoped: HashMap<(StatementId, Keyword), HashMap<Arc<str>, StatementId>>,
}

/// The statements that define something that others name.
const DEFINING: [Keyword; 5] =
    [Keyword::Typedef, Keyword::Grouping, Keyword::Identity, Keyword::Feature, Keyword::Extension];

impl Definitions {
    /// Collects the definitions of all modules; a name that is taken is reported.
    pub(super) fn collect(set: &ModuleSet, faults: &mut Diagnostics) -> Self {
        let mut all = Self::default();
        for module in set.module_ids() {
            for body in set.bodies(module) {
                for child in set.statements.get(body).children.iter().copied() {
                    let Some(keyword) = set.statements.keyword(child).filter(|k| DEFINING.contains(k)) else {
                        continue;
                    };
                    let name = set.statements.shared_argument(child);
                    let names = all.by_name.entry((module, keyword)).or_default();
                    if let Some(first) = names.get(&name) {
                        faults.push(taken(set, child, *first));
                    } else {
                        names.insert(name, child);
                    }
                }
                all.collect_scoped(set, body);
            }
        }
        all
    }

    fn collect_scoped(&mut self, set: &ModuleSet, body: StatementId) {
        let mut pending: Vec<StatementId> = set.statements.get(body).children.clone();
        while let Some(at) = pending.pop() {
            for child in set.statements.get(at).children.iter().copied() {
                let Some(keyword) = set.statements.keyword(child) else { continue };
                if matches!(keyword, Keyword::Typedef | Keyword::Grouping) {
                    let names = self.scoped.entry((at, keyword)).or_default();
                    names.entry(set.statements.shared_argument(child)).or_insert(child);
                }
                pending.push(child);
            }
        }
    }

    /// Finds a definition below one of the statements that enclose `at`, the top level left out, inner ones first.
    pub(super) fn scoped(&self, set: &ModuleSet, at: StatementId, keyword: Keyword, name: &str) -> Option<StatementId> {
        self.scopes(set, at, keyword).find_map(|names| names.get(name)).copied()
    }

    fn scopes<'s>(
        &'s self,
        set: &'s ModuleSet,
        at: StatementId,
        keyword: Keyword,
    ) -> impl Iterator<Item = &'s HashMap<Arc<str>, StatementId>> {
        let enclosing = std::iter::successors(set.statements.get(at).parent, |id| set.statements.get(*id).parent);
        enclosing.filter_map(move |id| self.scoped.get(&(id, keyword)))
    }

    /// Returns a definition at the top level of a module.
    pub(super) fn top(&self, module: ModuleId, keyword: Keyword, name: &str) -> Option<StatementId> {
        self.by_name.get(&(module, keyword)).and_then(|names| names.get(name)).copied()
    }

    /// Finds what `text` names where `at` stands: unprefixed names are looked for outwards. Reports what is not found.
    pub(super) fn find(
        &self,
        set: &ModuleSet,
        at: StatementId,
        keyword: Keyword,
        text: &str,
        faults: &mut Diagnostics,
    ) -> Option<StatementId> {
        let (module, name) = set.resolve_name(at, text, faults)?;
        let own = module == set.module_of(at);
        let scoped = if own { self.scoped(set, at, keyword, name) } else { None };
        let found = scoped.or_else(|| self.top(module, keyword, name));
        if found.is_none() {
            // Who uses a type does not care that it would be a typedef.
            let what = if keyword == Keyword::Typedef { "type" } else { keyword.as_str() };
            let fault = if own {
                Diagnostic::error(format!("{what} `{name}` is not defined"))
            } else {
                let module = &set.modules[module.index()].name;
                Diagnostic::error(format!("{what} `{name}` is not defined in module `{module}`"))
            };
            faults.push(self.hint(set, fault, at, module, keyword, text).at(set.statements.argument_span(at)));
        }
        found
    }

    fn hint(
        &self,
        set: &ModuleSet,
        fault: Diagnostic,
        at: StatementId,
        module: ModuleId,
        keyword: Keyword,
        text: &str,
    ) -> Diagnostic {
        let (prefix, name) = super::argument::split_ref(text);
        let mut known: Vec<&str> =
            self.by_name.get(&(module, keyword)).into_iter().flat_map(|n| n.keys().map(|k| &**k)).collect();
        if prefix.is_none() {
            known.extend(self.scopes(set, at, keyword).flat_map(|names| names.keys().map(|k| &**k)));
            if keyword == Keyword::Typedef {
                known.extend(super::types::BUILTIN_NAMES);
            }
        }
        known.sort_unstable();
        match (nearest(name, known), prefix) {
            (Some(near), Some(prefix)) => fault.hint(format!("did you mean `{prefix}:{near}`?")),
            (Some(near), None) => fault.hint(format!("did you mean `{near}`?")),
            (None, _) => fault,
        }
    }
}

/// Builds the diagnostic for a name that is defined twice.
pub(super) fn taken(set: &ModuleSet, second: StatementId, first: StatementId) -> Diagnostic {
    let what = format!("{} is defined twice", set.statements.describe(second));
    let hint = format!("the other one is at {}", set.statements.span(first));
    Diagnostic::error(what).at(set.statements.argument_span(second)).hint(hint)
}
