//! Groupings that nobody uses: expanded apart, so that their faults are told before somebody does.

use super::compile::Compiler;
use super::draft::DraftKind;
use super::keyword::Keyword;
use super::statement::StatementId;

impl Compiler<'_> {
    /// Expands the groupings that no node comes from, apart from the tree.
    pub(super) fn expand_unused_groupings(&mut self) {
        for module in self.set.module_ids() {
            for body in self.set.bodies(module).collect::<Vec<_>>() {
                let mut pending: Vec<StatementId> = vec![body];
                while let Some(at) = pending.pop() {
                    let is_grouping = self.set.statements.keyword(at) == Some(Keyword::Grouping);
                    if is_grouping && !self.used.contains(&at) {
                        self.expand_apart(at);
                    }
                    let children = self.set.statements.get(at).children.iter().rev().copied();
                    pending.extend(children.filter(|c| self.set.statements.keyword(*c).is_some()));
                }
            }
        }
    }

    fn expand_apart(&mut self, grouping: StatementId) {
        let name = self.set.statements.shared_argument(grouping);
        let module = self.set.module_of(grouping);
        match self.drafts.add_apart(DraftKind::Container, name, module, grouping) {
            Ok(apart) => {
                self.apart.push(apart);
                self.uses.push(grouping);
                self.expand_body(apart, grouping, module);
                self.uses.pop();
            }
            Err(refusal) => self.fault_at(grouping, refusal.message()),
        }
    }
}
