//! The path of a leafref, read (RFC 7950 §9.9.2, `path-arg` in §14).

use super::argument::{is_identifier_ref, shorten, split_ref};

/// Steps that a path may have, up and down: no schema is deeper than that.
const STEPS_MAX: usize = 200;

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeafrefPath {
    /// How many steps it goes up first; nothing for one from the root.
    pub(super) up: Option<usize>,
    /// The steps down.
    pub(super) steps: Vec<PathStep>,
}

/// A step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathStep {
    /// The name of the node, with its prefix when written.
    pub(super) name: String,
    /// `[key = current()/…]`
    pub(super) predicates: Vec<PathPredicate>,
}

/// A predicate: the leaf `key` has the value of the leaf at `up` steps up and `names` down from the referring leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPredicate {
    pub(super) key: String,
    pub(super) up: usize,
    pub(super) names: Vec<String>,
}

impl LeafrefPath {
    /// Returns all prefixes that the path uses.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &str> {
        let names = self.steps.iter().flat_map(|step| {
            let inner = step.predicates.iter().flat_map(|p| std::iter::once(&p.key).chain(&p.names));
            std::iter::once(&step.name).chain(inner)
        });
        names.filter_map(|name| split_ref(name).0)
    }
}

/// Reads a path; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<LeafrefPath, String> {
    let mut reader = Reader { rest: text };
    let up = if reader.take("/") {
        None
    } else {
        match reader.up()? {
            0 => return Err("it starts with neither `/` nor `../`".to_owned()),
            up => Some(up),
        }
    };
    let mut steps = Vec::new();
    loop {
        if steps.len() >= STEPS_MAX {
            return Err(format!("it has more than {STEPS_MAX} steps"));
        }
        let name = reader.name()?;
        let mut predicates = Vec::new();
        while reader.take("[") {
            if predicates.len() >= STEPS_MAX {
                return Err(format!("a step has more than {STEPS_MAX} predicates"));
            }
            predicates.push(reader.predicate()?);
        }
        steps.push(PathStep { name, predicates });
        if !reader.take("/") {
            break;
        }
    }
    reader.skip_blanks();
    if reader.rest.is_empty() {
        Ok(LeafrefPath { up, steps })
    } else {
        Err(format!("`{}` was not expected", shorten(reader.rest)))
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("expected `{token}` before `{}`", shorten(self.rest))) }
    }

    /// Counts the `../` that come next.
    fn up(&mut self) -> Result<usize, String> {
        let mut up = 0_usize;
        while self.take("..") {
            self.expect("/")?;
            up += 1;
            if up > STEPS_MAX {
                return Err(format!("it goes up more than {STEPS_MAX} steps"));
            }
        }
        Ok(up)
    }

    fn name(&mut self) -> Result<String, String> {
        self.skip_blanks();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if !is_identifier_ref(name) {
            return Err(format!("expected the name of a node before `{}`", shorten(self.rest)));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn predicate(&mut self) -> Result<PathPredicate, String> {
        let key = self.name()?;
        self.expect("=")?;
        self.expect("current")?;
        self.expect("(")?;
        self.expect(")")?;
        self.expect("/")?;
        let up = self.up()?;
        if up == 0 {
            return Err("`current()/` is followed by `../`".to_owned());
        }
        let mut names = vec![self.name()?];
        while self.take("/") {
            if names.len() >= STEPS_MAX {
                return Err(format!("a predicate has more than {STEPS_MAX} steps"));
            }
            names.push(self.name()?);
        }
        self.expect("]")?;
        Ok(PathPredicate { key, up, names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_up_and_down_with_predicates() {
        let path = parse("../../a:list[key = current()/../other]/leaf").unwrap();
        assert_eq!(path.up, Some(2));
        let predicate = PathPredicate { key: "key".into(), up: 1, names: vec!["other".into()] };
        assert_eq!(
            path.steps,
            [
                PathStep { name: "a:list".into(), predicates: vec![predicate] },
                PathStep { name: "leaf".into(), predicates: vec![] }
            ]
        );
        assert_eq!(parse("/a").map(|p| p.up), Ok(None));
    }

    #[test]
    fn a_wrong_path_says_what_is_wrong() {
        assert_eq!(parse("a/b"), Err("it starts with neither `/` nor `../`".to_owned()));
        assert_eq!(parse("/a/"), Err("expected the name of a node before ``".to_owned()));
        assert_eq!(parse("/a b"), Err("`b` was not expected".to_owned()));
        assert_eq!(parse("/a[b=1]"), Err("expected `current` before `1]`".to_owned()));
    }
}
