//! What is odd about a module and not wrong: imports that nobody uses, revisions out of order, statements without effect.

use super::compile::Compiler;
use super::keyword::Keyword;
use super::statement::StatementId;
use crate::diagnostic::Diagnostic;
use std::collections::HashSet;

/// Longest identifier that every implementation must take (RFC 7950 §6.2).
const IDENTIFIER_BYTES_PORTABLE: usize = 64;

impl Compiler<'_> {
    /// Tells what is odd about all modules.
    pub(super) fn advise(&mut self) {
        for module in self.set.module_ids() {
            for body in self.set.bodies(module).collect::<Vec<_>>() {
                self.advise_on_imports(body);
                self.advise_on_revisions(body);
                self.advise_below(body);
            }
        }
    }

    fn warn(&mut self, at: StatementId, what: String, hint: &str) {
        let warning = Diagnostic::warning(what).at(self.set.statements.span(at));
        self.faults.push(if hint.is_empty() { warning } else { warning.hint(hint) });
    }

    fn advise_on_imports(&mut self, body: StatementId) {
        let imports: Vec<StatementId> = self.set.statements.all(body, Keyword::Import).collect();
        if imports.is_empty() {
            return;
        }
        let mut used = HashSet::new();
        self.collect_prefixes(body, &mut used);
        for import in imports {
            let Some(prefix) = self.set.statements.first_argument(import, Keyword::Prefix) else { continue };
            if !used.contains(&*prefix) {
                let what = format!("module `{}` is imported and not used", self.set.statements.argument(import));
                self.warn(import, what, "");
            }
        }
    }

    /// Collects what stands before a colon in arguments that may hold names: more than the prefixes, never less.
    fn collect_prefixes(&self, top: StatementId, used: &mut HashSet<String>) {
        let mut pending = vec![top];
        while let Some(at) = pending.pop() {
            let statement = self.set.statements.get(at);
            match self.set.statements.keyword(at) {
                None => {
                    if let super::statement::Word::Extension { prefix, .. } = &statement.word {
                        used.insert(prefix.to_string());
                    }
                }
                Some(
                    Keyword::Description
                    | Keyword::Reference
                    | Keyword::Contact
                    | Keyword::Organization
                    | Keyword::Namespace
                    | Keyword::ErrorMessage,
                ) => continue,
                Some(_) => {}
            }
            let text = statement.argument.as_deref().unwrap_or("");
            for (colon, _) in text.match_indices(':') {
                let before = text.get(..colon).unwrap_or("");
                let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
                let start = before.rfind(|c| !is_part(c)).map_or(0, |last| last + 1);
                used.extend(before.get(start..).filter(|p| !p.is_empty()).map(str::to_owned));
            }
            pending.extend(&statement.children);
        }
    }

    fn advise_on_revisions(&mut self, body: StatementId) {
        let revisions: Vec<StatementId> = self.set.statements.all(body, Keyword::Revision).collect();
        for pair in revisions.windows(2) {
            let [newer, older] = pair else { continue };
            let (newer, older) = (self.set.statements.argument(*newer), self.set.statements.argument(*older));
            if newer <= older {
                let what = format!("revision {older} stands behind {newer}");
                self.warn(pair[1], what, "the latest revision comes first, each date once");
                return;
            }
        }
        if revisions.is_empty() && self.options.strict {
            let what = format!("{} has no revision", self.set.statements.describe(body));
            self.warn(body, what, "add `revision YYYY-MM-DD { description \"…\"; }`");
        }
    }

    fn advise_below(&mut self, top: StatementId) {
        let mut pending = vec![(top, false)];
        while let Some((at, in_message)) = pending.pop() {
            let Some(keyword) = self.set.statements.keyword(at) else { continue };
            match keyword {
                Keyword::Config if in_message => {
                    let what = "`config` says nothing in an operation or notification".to_owned();
                    self.warn(at, what, "");
                }
                Keyword::List => self.advise_on_keys(at),
                Keyword::Type => self.advise_on_union(at),
                _ => {}
            }
            if self.options.strict {
                self.advise_on_form(at, keyword);
            }
            let is_message = matches!(keyword, Keyword::Rpc | Keyword::Action | Keyword::Notification);
            let children = self.set.statements.get(at).children.iter().rev();
            pending.extend(children.map(|child| (*child, in_message || is_message)));
        }
    }

    fn advise_on_keys(&mut self, list: StatementId) {
        let Some(key) = self.set.statements.first_argument(list, Keyword::Key) else { return };
        let keys: Vec<&str> = key.split_ascii_whitespace().collect();
        for leaf in self.set.statements.all(list, Keyword::Leaf).collect::<Vec<_>>() {
            if !keys.contains(&self.set.statements.argument(leaf)) {
                continue;
            }
            let ignored = [Keyword::Default, Keyword::Mandatory].into_iter().find_map(|keyword| {
                let found = self.set.statements.first(leaf, keyword)?;
                (self.set.statements.argument(found) != "true").then_some((found, keyword))
            });
            if let Some((at, keyword)) = ignored {
                let what = format!("`{keyword}` says nothing on the key `{}`", self.set.statements.argument(leaf));
                self.warn(at, what, "an entry always has its keys");
            }
        }
    }

    /// RFC 6020 §9.12: unions of YANG 1 have neither `empty` nor `leafref`, which published modules do not know.
    fn advise_on_union(&mut self, union: StatementId) {
        if self.set.is_1_1(union) || self.set.statements.argument(union) != "union" {
            return;
        }
        for member in self.set.statements.all(union, Keyword::Type).collect::<Vec<_>>() {
            let name = self.set.statements.argument(member);
            if matches!(name, "empty" | "leafref") {
                let what = format!("`{name}` is in a union, which only YANG 1.1 allows");
                self.warn(member, what, "add `yang-version 1.1;` to the module");
            }
        }
    }

    /// What guidelines for authors ask for (RFC 8407 §4).
    fn advise_on_form(&mut self, at: StatementId, keyword: Keyword) {
        use Keyword as K;
        let needs_description = matches!(
            keyword,
            K::Module
                | K::Submodule
                | K::Revision
                | K::Extension
                | K::Feature
                | K::Identity
                | K::Typedef
                | K::Grouping
                | K::Container
                | K::Leaf
                | K::LeafList
                | K::List
                | K::Choice
                | K::Anydata
                | K::Anyxml
                | K::Rpc
                | K::Action
                | K::Notification
        );
        if needs_description && self.set.statements.first(at, K::Description).is_none() {
            let what = format!("{} has no description", self.set.statements.describe(at));
            self.warn(at, what, "");
        }
        if matches!(keyword, K::Module | K::Submodule) {
            for wanted in [K::Organization, K::Contact] {
                if self.set.statements.first(at, wanted).is_none() {
                    let what = format!("{} has no `{wanted}`", self.set.statements.describe(at));
                    self.warn(at, what, "");
                }
            }
        }
        let is_name = super::argument::is_definition(keyword);
        if is_name && self.set.statements.argument(at).len() > IDENTIFIER_BYTES_PORTABLE {
            let what = format!("name is longer than {IDENTIFIER_BYTES_PORTABLE} characters");
            self.warn(at, what, "not every implementation takes it (RFC 7950 §6.2)");
        }
    }
}
