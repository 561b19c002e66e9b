//! `deviation` statements (RFC 7950 §7.20.3): what an implementation does differently from its modules.

use super::augment::Step;
use super::compile::Compiler;
use super::draft::{DraftId, DraftKind};
use super::keyword::Keyword;
use super::statement::StatementId;
use crate::diagnostic::Diagnostic;
use std::collections::HashMap;

impl Compiler<'_> {
    /// Applies the deviations of all implemented modules.
    pub(super) fn apply_deviations(&mut self) {
        let mut deviations = Vec::new();
        for module in self.set.module_ids().filter(|m| self.set.modules[m.index()].implemented) {
            for body in self.set.bodies(module) {
                deviations.extend(self.set.statements.all(body, Keyword::Deviation));
            }
        }
        // All targets are found before any is taken out, so that deviations do not depend on their order.
        let targets: Vec<(DraftId, StatementId)> = deviations
            .into_iter()
            .filter_map(|d| {
                let own = self.set.module_of(d);
                Some((self.find_among(&self.top_level(), d, own, Step::Deviation)?, d))
            })
            .collect();
        self.check_removals(&targets);
        for (target, deviation) in targets {
            for deviate in self.set.statements.all(deviation, Keyword::Deviate).collect::<Vec<_>>() {
                self.deviate(target, deviate);
            }
        }
    }

    /// What is not supported has no other differences (RFC 7950 §7.20.3).
    fn check_removals(&mut self, targets: &[(DraftId, StatementId)]) {
        let mut deviates: HashMap<DraftId, Vec<StatementId>> = HashMap::new();
        for (target, deviation) in targets {
            deviates.entry(*target).or_default().extend(self.set.statements.all(*deviation, Keyword::Deviate));
        }
        let mut all: Vec<(DraftId, Vec<StatementId>)> = deviates.into_iter().collect();
        all.sort_unstable();
        for (target, deviates) in all {
            let removal = deviates.iter().copied().find(|d| self.set.statements.argument(*d) == "not-supported");
            if let Some(removal) = removal.filter(|_| deviates.len() > 1) {
                let what =
                    format!("`{}` is not supported and deviates in another way too", self.drafts.get(target).name);
                self.fault_at(removal, what);
            }
        }
    }

    fn deviate(&mut self, target: DraftId, deviate: StatementId) {
        let how = self.set.statements.argument(deviate);
        if how == "not-supported" {
            self.drafts.get_mut(target).is_removed = true;
        }
        let kind = self.drafts.get(target).kind;
        let mut replaced = Vec::new();
        for child in self.set.statements.get(deviate).children.iter().copied() {
            let Some(keyword) = self.set.statements.keyword(child) else { continue };
            if !allowed(how).contains(&keyword) {
                self.fault_at(child, format!("`deviate {how}` does not take `{keyword}`"));
            } else if !kind.takes(keyword) {
                self.fault_at(child, format!("`{keyword}` does not apply to {}", kind.name()));
            } else {
                match how {
                    "add" => self.deviate_add(target, keyword, child),
                    "delete" => self.deviate_delete(target, keyword, child),
                    _ => self.deviate_replace(target, keyword, child, &mut replaced),
                }
            }
        }
    }

    fn deviate_add(&mut self, target: DraftId, keyword: Keyword, child: StatementId) {
        let draft = self.drafts.get(target);
        let is_repeatable = matches!(keyword, Keyword::Must | Keyword::Unique)
            || keyword == Keyword::Default && draft.kind == DraftKind::LeafList;
        if !is_repeatable && draft.property(keyword).is_some() {
            let fault =
                Diagnostic::error(format!("`{}` has `{keyword}` already", draft.name)).hint("use `deviate replace`");
            self.faults.push(fault.at(self.set.statements.span(child)));
            return;
        }
        self.drafts.get_mut(target).add(keyword, child);
    }

    fn deviate_replace(&mut self, target: DraftId, keyword: Keyword, child: StatementId, replaced: &mut Vec<Keyword>) {
        let draft = self.drafts.get(target);
        if replaced.contains(&keyword) {
            self.fault_at(child, format!("`deviate replace` has more than one `{keyword}`"));
            return;
        }
        // Every node is configuration or not, whether it says so or takes it from above.
        let is_there = draft.property(keyword).is_some() || keyword == Keyword::Config;
        if !is_there {
            let fault =
                Diagnostic::error(format!("`{}` has no `{keyword}` to replace", draft.name)).hint("use `deviate add`");
            self.faults.push(fault.at(self.set.statements.span(child)));
            return;
        }
        replaced.push(keyword);
        let is_foreign = self.set.module_of(child) != self.drafts.get(target).module;
        let draft = self.drafts.get_mut(target);
        draft.has_foreign_type |= keyword == Keyword::Type && is_foreign;
        draft.set(keyword, child);
    }

    fn deviate_delete(&mut self, target: DraftId, keyword: Keyword, child: StatementId) {
        let draft = self.drafts.get(target);
        let text = self.set.statements.argument(child);
        let found = draft.all(keyword).find(|s| self.set.statements.argument(*s) == text);
        let Some(found) = found else {
            let what = format!("`{}` has no {} to delete", draft.name, self.set.statements.describe(child));
            self.fault_at(child, what);
            return;
        };
        self.drafts.get_mut(target).remove(found);
    }
}

fn allowed(how: &str) -> &'static [Keyword] {
    use Keyword as K;
    match how {
        "add" => &[K::Units, K::Must, K::Unique, K::Default, K::Config, K::Mandatory, K::MinElements, K::MaxElements],
        "replace" => &[K::Type, K::Units, K::Default, K::Config, K::Mandatory, K::MinElements, K::MaxElements],
        "delete" => &[K::Units, K::Must, K::Unique, K::Default],
        _ => &[],
    }
}
