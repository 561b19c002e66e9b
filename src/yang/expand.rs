//! Definitions into drafts, groupings copied to where they are used (RFC 7950 §7.5 to §7.16).

use super::augment::Step;
use super::compile::Compiler;
use super::draft::{DraftId, DraftKind, Refusal};
use super::keyword::Keyword;
use super::schema::ModuleId;
use super::statement::StatementId;
use crate::diagnostic::Diagnostic;
use std::sync::Arc;

/// Deepest nesting of groupings in groupings: expanding them recurses.
const USES_DEPTH_MAX: usize = 64;

/// The properties that a node takes over from its statement.
const PROPERTIES: [Keyword; 15] = [
    Keyword::Type,
    Keyword::Units,
    Keyword::Default,
    Keyword::Config,
    Keyword::Mandatory,
    Keyword::MinElements,
    Keyword::MaxElements,
    Keyword::OrderedBy,
    Keyword::Presence,
    Keyword::Key,
    Keyword::Unique,
    Keyword::Must,
    Keyword::Status,
    Keyword::Description,
    Keyword::Reference,
];

impl Compiler<'_> {
    /// Expands the nodes of all implemented modules.
    pub(super) fn expand_modules(&mut self) {
        for module in self.set.module_ids() {
            if self.set.modules[module.index()].implemented {
                for body in self.set.bodies_inside_out(module) {
                    self.expand_body(DraftId::ROOT, body, module);
                }
            }
        }
    }

    /// Adds the nodes that a statement's substatements define below a draft; returns them.
    pub(super) fn expand_body(&mut self, parent: DraftId, body: StatementId, module: ModuleId) -> Vec<DraftId> {
        let before = self.drafts.get(parent).children.len();
        for child in self.set.statements.get(body).children.iter().copied() {
            match self.set.statements.keyword(child) {
                Some(Keyword::Uses) => self.expand_uses(parent, child, module),
                // Of an operation's, which are added with it.
                Some(Keyword::Input | Keyword::Output) | None => {}
                Some(keyword) => {
                    if let Some(kind) = DraftKind::of(keyword) {
                        self.expand_node(parent, kind, child, module);
                    }
                }
            }
        }
        self.drafts.get(parent).children.get(before..).unwrap_or_default().to_vec()
    }

    fn refuse(&mut self, at: StatementId, refusal: Refusal) {
        self.fault_at(at, refusal.message());
    }

    fn add(
        &mut self,
        parent: DraftId,
        kind: DraftKind,
        name: Arc<str>,
        module: ModuleId,
        at: StatementId,
    ) -> Option<DraftId> {
        match self.drafts.add(parent, kind, name, module, at) {
            Ok(id) => Some(id),
            Err(refusal) => {
                self.refuse(at, refusal);
                None
            }
        }
    }

    fn expand_node(&mut self, parent: DraftId, kind: DraftKind, statement: StatementId, module: ModuleId) {
        let name = self.set.statements.shared_argument(statement);
        let is_shorthand = self.drafts.get(parent).kind == DraftKind::Choice && kind != DraftKind::Case;
        let parent = if is_shorthand {
            // RFC 7950 §7.9.2: a node directly in a choice stands in a case of its name.
            match self.add(parent, DraftKind::Case, Arc::clone(&name), module, statement) {
                Some(case) => case,
                None => return,
            }
        } else {
            parent
        };
        let Some(id) = self.add(parent, kind, name, module, statement) else { return };
        let is_enabled = self.features_hold(statement);
        let draft = self.drafts.get_mut(id);
        draft.is_enabled = is_enabled;
        self.read_properties(id, statement);
        if is_shorthand {
            // The conditions of the node are those of its case, so that the case is absent with it.
            self.drafts.get_mut(parent).is_enabled = is_enabled;
        }
        if kind == DraftKind::Operation {
            for (kind, keyword) in [(DraftKind::Input, Keyword::Input), (DraftKind::Output, Keyword::Output)] {
                let own = self.set.statements.first(statement, keyword);
                let name = Arc::from(keyword.as_str());
                let Some(half) = self.add(id, kind, name, module, own.unwrap_or(statement)) else { return };
                if let Some(own) = own {
                    self.read_properties(half, own);
                    self.expand_body(half, own, module);
                }
            }
        } else {
            self.expand_body(id, statement, module);
        }
    }

    fn read_properties(&mut self, id: DraftId, statement: StatementId) {
        let draft = self.drafts.get_mut(id);
        for child in self.set.statements.get(statement).children.iter().copied() {
            match self.set.statements.keyword(child) {
                Some(Keyword::When) => draft.whens.push((child, false)),
                Some(Keyword::IfFeature) => draft.if_features.push(child),
                Some(keyword) if PROPERTIES.contains(&keyword) => draft.add(keyword, child),
                Some(_) => {}
                None => draft.extensions.push(child),
            }
        }
    }

    fn expand_uses(&mut self, parent: DraftId, uses: StatementId, module: ModuleId) {
        let name = self.set.statements.argument(uses);
        // What is not found is told where statements are checked, once.
        let mut told = crate::diagnostic::Diagnostics::new();
        let Some(grouping) = self.definitions.find(self.set, uses, Keyword::Grouping, name, &mut told) else { return };
        // A grouping that uses itself is told where statements are checked, a full schema where the last node was refused.
        if self.uses.contains(&grouping) || self.drafts.is_full() {
            return;
        }
        self.expansions += 1;
        if self.uses.len() >= USES_DEPTH_MAX || self.expansions > EXPANSIONS_MAX {
            if self.expansions <= EXPANSIONS_MAX + 1 {
                self.fault_at(uses, format!("groupings use each other more than {USES_DEPTH_MAX} deep or too often"));
            }
            return;
        }
        self.used.insert(grouping);
        self.uses.push(grouping);
        let added = self.expand_body(parent, grouping, module);
        self.uses.pop();
        self.condition(&added, uses);
        for refine in self.set.statements.all(uses, Keyword::Refine).collect::<Vec<_>>() {
            if let Some(target) = self.find_among(&added, refine, module, Step::Refine) {
                self.refine(target, refine);
            }
        }
        for augment in self.set.statements.all(uses, Keyword::Augment).collect::<Vec<_>>() {
            if self.set.statements.argument(augment).starts_with('/') {
                let fault = Diagnostic::error("the path of an augment in `uses` starts with a name")
                    .hint("it leads from where the grouping is used");
                self.faults.push(fault.at(self.set.statements.argument_span(augment)));
                continue;
            }
            if let Some(target) = self.find_among(&added, augment, module, Step::UsesAugment) {
                self.augment_node(target, augment, module);
            }
        }
    }

    /// Puts the `when` and `if-feature` of a `uses` or `augment` on the nodes that it added.
    pub(super) fn condition(&mut self, added: &[DraftId], statement: StatementId) {
        let holds = self.features_hold(statement);
        let when = self.set.statements.first(statement, Keyword::When);
        let features: Vec<StatementId> = self.set.statements.all(statement, Keyword::IfFeature).collect();
        let is_augment = self.set.statements.keyword(statement) == Some(Keyword::Augment);
        for id in added.iter().copied() {
            let draft = self.drafts.get_mut(id);
            draft.is_enabled &= holds;
            draft.whens.extend(when.map(|when| (when, true)));
            // Who reads the modules finds the features at the node that is written, not at its implied case.
            let written = self.written(id);
            let draft = self.drafts.get_mut(written);
            if is_augment {
                draft.augment_features.extend(&features);
            } else {
                draft.if_features.extend(&features);
            }
        }
    }

    /// Returns the node in an implied case, any other node itself.
    pub(super) fn written(&self, id: DraftId) -> DraftId {
        let draft = self.drafts.get(id);
        let is_implied = draft.kind == DraftKind::Case
            && draft.statement.is_some_and(|s| self.set.statements.keyword(s) != Some(Keyword::Case));
        draft.children.first().copied().filter(|_| is_implied).unwrap_or(id)
    }

    fn refine(&mut self, target: DraftId, refine: StatementId) {
        let mut has_default = false;
        for child in self.set.statements.get(refine).children.iter().copied() {
            let kind = self.drafts.get(target).kind;
            let Some(keyword) = self.set.statements.keyword(child) else {
                self.drafts.get_mut(target).extensions.push(child);
                continue;
            };
            if !kind.takes(keyword) {
                self.fault_at(child, format!("`{keyword}` does not apply to {}", kind.name()));
                continue;
            }
            match keyword {
                Keyword::Default if kind == DraftKind::LeafList && !self.set.is_1_1(child) => {
                    self.fault_at(child, "leaf-lists of YANG 1 have no defaults");
                }
                Keyword::Must => self.drafts.get_mut(target).add(keyword, child),
                Keyword::IfFeature => {
                    let holds = self.feature_holds(child);
                    let draft = self.drafts.get_mut(target);
                    draft.is_enabled &= holds;
                    draft.if_features.push(child);
                }
                Keyword::Default if has_default => {
                    let draft = self.drafts.get_mut(target);
                    if kind == DraftKind::LeafList {
                        draft.add(keyword, child);
                    } else {
                        self.fault_at(child, format!("{} has one default", kind.name()));
                    }
                }
                _ => {
                    has_default |= keyword == Keyword::Default;
                    self.drafts.get_mut(target).set(keyword, child);
                }
            }
        }
    }
}

/// Uses that one compilation expands: groupings that use groupings twice double with each step, even without nodes.
const EXPANSIONS_MAX: usize = 1_000_000;
