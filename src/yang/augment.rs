//! Nodes added to other modules' nodes by `augment` (RFC 7950 §7.17), and the paths that lead to them (§6.5).

use super::argument::split_ref;
use super::compile::Compiler;
use super::draft::{DraftId, DraftKind};
use super::keyword::Keyword;
use super::module_set::Prefixed;
use super::schema::ModuleId;
use super::statement::StatementId;
use crate::diagnostic::{Diagnostic, nearest};

/// Which statement a path stands in, for what a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Refine,
    UsesAugment,
    Augment,
    Deviation,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Refine => "refine",
            Self::UsesAugment | Self::Augment => "augment",
            Self::Deviation => "deviation",
        }
    }
}

/// An `augment` that was applied.
#[derive(Debug)]
pub(super) struct Augmented {
    pub(super) statement: StatementId,
    pub(super) target: DraftId,
    pub(super) added: Vec<DraftId>,
}

impl Compiler<'_> {
    /// Applies the augments of all implemented modules; one may build on another, so it goes round until none fits any more.
    pub(super) fn apply_augments(&mut self) {
        let mut pending: Vec<(ModuleId, StatementId)> = Vec::new();
        for (module, body) in self.set.texts_inside_out() {
            if self.set.modules[module.index()].implemented {
                pending.extend(self.set.statements.all(body, Keyword::Augment).map(|augment| (module, augment)));
            }
        }
        loop {
            let before = pending.len();
            let mut missed = Vec::new();
            for (module, augment) in pending {
                if !self.set.statements.argument(augment).starts_with('/') {
                    let fault = Diagnostic::error("the path of an augment at the top level starts with `/`");
                    self.faults.push(fault.at(self.set.statements.argument_span(augment)));
                    continue;
                }
                match self.lookup(&self.top_level(), augment, module) {
                    Ok(target) => self.augment_node(target, augment, module),
                    Err(_) => missed.push((module, augment)),
                }
            }
            pending = missed;
            if pending.is_empty() || pending.len() == before {
                break;
            }
        }
        for (module, augment) in pending {
            let _told = self.find_among(&self.top_level(), augment, module, Step::Augment);
        }
    }

    /// Returns the nodes at the top level.
    pub(super) fn top_level(&self) -> Vec<DraftId> {
        self.drafts.get(DraftId::ROOT).children.clone()
    }

    /// Finds the node that the path of a statement leads to, from one of `start` down; reports what is missing. `own` is the
    /// module whose nodes the statement's own ones are: where a grouping is used, that of the user.
    pub(super) fn find_among(
        &mut self,
        start: &[DraftId],
        at: StatementId,
        own: ModuleId,
        step: Step,
    ) -> Option<DraftId> {
        match self.lookup(start, at, own) {
            Ok(found) => Some(found),
            Err(Some(fault)) => {
                let what = format!("target of the {} is not there: {}", step.name(), fault.message);
                let told = Diagnostic { message: what, ..fault };
                self.faults.push(told.at(self.set.statements.argument_span(at)));
                None
            }
            Err(None) => None,
        }
    }

    /// Follows the path of a statement; the error is empty when it is told already.
    fn lookup(&self, start: &[DraftId], at: StatementId, own: ModuleId) -> Result<DraftId, Option<Diagnostic>> {
        let text = self.set.statements.argument(at);
        let mut here: Option<DraftId> = None;
        for step in text.trim_start_matches('/').split('/') {
            let (prefix, name) = split_ref(step);
            let module = match (prefix, self.set.resolve_prefix(at, prefix)) {
                (None, _) => own,
                // The prefix of the text itself means its own nodes, wherever they are used.
                (Some(_), Prefixed::Module(module)) if module == self.set.module_of(at) => own,
                (Some(_), Prefixed::Module(module)) => module,
                (Some(_), Prefixed::Missing) => return Err(None),
                (Some(prefix), Prefixed::Unknown) => return Err(Some(self.set.unknown_prefix(at, prefix))),
            };
            let among = here.map_or(start, |id| &self.drafts.get(id).children);
            let found = among.iter().copied().find(|id| {
                let draft = self.drafts.get(*id);
                &*draft.name == name && draft.module == module
            });
            here = Some(found.ok_or_else(|| Some(self.missing_step(here, among, step, name)))?);
        }
        here.ok_or(None)
    }

    fn missing_step(&self, here: Option<DraftId>, among: &[DraftId], step: &str, name: &str) -> Diagnostic {
        let place = here.map_or_else(|| "the top level".to_owned(), |id| format!("`{}`", self.drafts.get(id).name));
        let fault = Diagnostic::error(format!("{place} has no node `{step}`"));
        let names: Vec<&str> = among.iter().map(|id| &*self.drafts.get(*id).name).collect();
        let is_choice = here.is_some_and(|id| self.drafts.get(id).kind == DraftKind::Choice);
        if names.contains(&name) {
            return fault.hint("a node of that name is there in another module: a prefix says which is meant");
        }
        match nearest(name, names.iter().copied()) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None if is_choice => fault.hint("a path names the choice, the case and then the node"),
            None => fault,
        }
    }

    /// Adds the nodes of an `augment` statement to a node.
    pub(super) fn augment_node(&mut self, target: DraftId, augment: StatementId, module: ModuleId) {
        let kind = self.drafts.get(target).kind;
        let is_good = matches!(
            kind,
            DraftKind::Container
                | DraftKind::List
                | DraftKind::Choice
                | DraftKind::Case
                | DraftKind::Input
                | DraftKind::Output
                | DraftKind::Notification
        );
        if !is_good {
            self.fault_at(augment, format!("target of the augment is {}, which has no children", kind.name()));
            return;
        }
        for child in self.set.statements.get(augment).children.iter().copied() {
            let Some(keyword) = self.set.statements.keyword(child) else { continue };
            let misplaced = match keyword {
                Keyword::Case => kind != DraftKind::Choice,
                Keyword::Action | Keyword::Notification => !matches!(kind, DraftKind::Container | DraftKind::List),
                _ => false,
            };
            if misplaced {
                self.fault_at(child, format!("`{keyword}` cannot be added to {}", kind.name()));
                return;
            }
        }
        let added = self.expand_body(target, augment, module);
        self.condition(&added, augment);
        self.refuse_mandatory(target, augment, &added);
        self.augmented.push(Augmented { statement: augment, target, added });
    }

    /// RFC 7950 §7.17: without a `when`, data that was valid before an augment of another module must stay valid.
    fn refuse_mandatory(&mut self, target: DraftId, augment: StatementId, added: &[DraftId]) {
        let is_foreign = added.iter().any(|id| self.drafts.get(*id).module != self.drafts.get(target).module);
        let is_conditional = self.set.is_1_1(augment) && self.set.statements.first(augment, Keyword::When).is_some();
        if !is_foreign || is_conditional {
            return;
        }
        let above =
            std::iter::successors(Some(target), |id| Some(self.drafts.get(*id).parent).filter(|p| *p != DraftId::ROOT));
        let is_configuration = above.into_iter().all(|id| {
            let draft = self.drafts.get(id);
            let is_data = !matches!(draft.kind, DraftKind::Input | DraftKind::Output | DraftKind::Notification);
            is_data && draft.property(Keyword::Config).is_none_or(|c| self.set.statements.argument(c) == "true")
        });
        // A new case demands nothing until it is chosen.
        if !is_configuration || self.drafts.get(target).kind == DraftKind::Choice {
            return;
        }
        for id in added.iter().copied() {
            self.tell_mandatory(id);
        }
    }

    /// Reports what is mandatory in an added node and not conditional (RFC 7950 §3, "mandatory node").
    fn tell_mandatory(&mut self, id: DraftId) {
        let draft = self.drafts.get(id);
        if !draft.is_enabled {
            return;
        }
        let says = |keyword, is_so: fn(&str) -> bool| {
            draft.property(keyword).filter(|s| is_so(self.set.statements.argument(*s)))
        };
        if says(Keyword::Config, |c| c == "false").is_some() {
            return;
        }
        let demand = match draft.kind {
            DraftKind::Leaf | DraftKind::Choice | DraftKind::AnyData => says(Keyword::Mandatory, |m| m == "true"),
            DraftKind::List | DraftKind::LeafList => says(Keyword::MinElements, |n| n != "0"),
            DraftKind::Container if draft.property(Keyword::Presence).is_none() => {
                for child in draft.children.clone() {
                    self.tell_mandatory(child);
                }
                return;
            }
            _ => None,
        };
        if let Some(demand) = demand {
            let what = format!(
                "`{}` is mandatory, which a node added to another module's configuration cannot be",
                draft.name
            );
            let fault = Diagnostic::error(what).hint("give the augment a `when`");
            self.faults.push(fault.at(self.set.statements.span(demand)));
        }
    }
}
