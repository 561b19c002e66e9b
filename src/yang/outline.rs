//! What a module text says of itself and needs, without compiling it: for those who look for the texts of a set.

use super::keyword::Keyword;
use super::statement::{StatementId, Statements};
use crate::diagnostic::{Diagnostics, Source};
use std::collections::HashSet;
use std::sync::Arc;

/// What a text says of itself in its first sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: Arc<str>,
    /// The module it is a part of, for a submodule.
    pub belongs_to: Option<Arc<str>>,
    /// Its latest revision.
    pub revision: Option<Arc<str>>,
    /// The modules it imports.
    pub imports: Vec<Wanted>,
    /// The submodules it includes.
    pub includes: Vec<Wanted>,
}

/// A text that another one asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The name of the module or submodule.
    pub name: Arc<str>,
    /// The revision, when it matters.
    pub revision: Option<Arc<str>>,
}

impl Outline {
    /// Reads the outline of a text; `None` for one that does not open a module or submodule. Faults are left to
    /// [`compile`](super::compile()).
    #[must_use]
    pub fn read(source: &Arc<Source>) -> Option<Self> {
        let mut statements = Statements::default();
        let top = *statements.outline(source, &mut Diagnostics::new())?.first()?;
        let belongs_to = match statements.keyword(top)? {
            Keyword::Module => None,
            Keyword::Submodule => Some(statements.first_argument(top, Keyword::BelongsTo)?),
            _ => return None,
        };
        let wanted = |keyword| {
            let one = |at: StatementId| Wanted {
                name: statements.shared_argument(at),
                revision: statements.first_argument(at, Keyword::RevisionDate),
            };
            statements.all(top, keyword).map(one).collect()
        };
        Some(Self {
            name: statements.shared_argument(top),
            belongs_to,
            revision: statements.all(top, Keyword::Revision).map(|r| statements.shared_argument(r)).max(),
            imports: wanted(Keyword::Import),
            includes: wanted(Keyword::Include),
        })
    }
}

/// Returns the texts that refer to none of the unreadable ones, directly or not, and how many of them were looked up.
pub(super) fn apart_from(sources: &[Arc<Source>], looked_up: usize, unreadable: &[usize]) -> (Vec<Arc<Source>>, usize) {
    let outlines: Vec<Option<Outline>> = sources.iter().map(Outline::read).collect();
    let name = |at: usize| match outlines.get(at) {
        Some(Some(outline)) => Some(outline.name.to_string()),
        // It may be broken at its very beginning; then its file is named for it.
        _ => sources.get(at).map(|source| stem(source.name()).to_owned()),
    };
    let mut lost: HashSet<String> = unreadable.iter().filter_map(|at| name(*at)).collect();
    let mut left: Vec<usize> = (0..sources.len()).filter(|at| !unreadable.contains(at)).collect();
    loop {
        let before = left.len();
        left.retain(|at| {
            let Some(Some(outline)) = outlines.get(*at) else { return false };
            let asks = outline.imports.iter().chain(&outline.includes).map(|w| &*w.name);
            let refers = asks.chain(outline.belongs_to.as_deref()).any(|asked| lost.contains(asked));
            if refers {
                lost.insert(outline.name.to_string());
            }
            !refers
        });
        if left.len() == before {
            break;
        }
    }
    let given = sources.len().saturating_sub(looked_up);
    let found = left.iter().filter(|at| **at >= given).count();
    (left.into_iter().filter_map(|at| sources.get(at).cloned()).collect(), found)
}

fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.strip_suffix(".yang").unwrap_or(name);
    name.split('@').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_what_it_is_and_needs() {
        let text =
            "submodule s { belongs-to m { prefix m; } import a { prefix a; revision-date 2020-01-01; } include b;
            revision 2019-01-01; revision 2021-01-01; leaf x { type broken";
        let outline = Outline::read(&Source::new("s.yang", text)).unwrap();
        assert_eq!((&*outline.name, outline.belongs_to.as_deref()), ("s", Some("m")));
        assert_eq!(outline.revision.as_deref(), Some("2021-01-01"));
        assert_eq!(outline.imports, [Wanted { name: "a".into(), revision: Some("2020-01-01".into()) }]);
        assert_eq!(outline.includes, [Wanted { name: "b".into(), revision: None }]);
        assert!(Outline::read(&Source::new("x.yang", "leaf a;")).is_none());
        assert!(Outline::read(&Source::new("x.yang", "")).is_none());
    }
}
