//! Matchers of a query: `name="value"`, `!=`, `=~`, `!~`.

use super::LabelSet;
use regex::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take: a query comes from outside.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// One condition on a label; a label that is missing counts as empty.
#[derive(Debug, Clone)]
pub(super) struct Matcher {
    name: String,
    condition: Condition,
}

#[derive(Debug, Clone)]
enum Condition {
    Equal(String),
    NotEqual(String),
    Matches(Regex),
    MatchesNot(Regex),
}

impl Matcher {
    /// Reads a matcher; the value may be quoted or not.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("bad matcher `{text}`: expected `name=value`, or `!=`, `=~`, `!~` for `=`");
        let at = text.find(['=', '!']).ok_or_else(bad)?;
        let (name, rest) = text.split_at(at);
        let (name, is_quoted) = unquoted(name.trim()).ok_or_else(bad)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
        if name.is_empty() || !(is_quoted || name.chars().all(is_name)) {
            return Err(bad());
        }
        let operator = ["=~", "!~", "!=", "="].into_iter().find(|op| rest.starts_with(op)).ok_or_else(bad)?;
        let (value, _) = unquoted(rest.strip_prefix(operator).unwrap_or_default().trim()).ok_or_else(bad)?;
        let condition = match operator {
            "=" => Condition::Equal(value),
            "!=" => Condition::NotEqual(value),
            "=~" => Condition::Matches(whole(&value)?),
            _ => Condition::MatchesNot(whole(&value)?),
        };
        Ok(Self { name, condition })
    }

    pub(super) fn is_match(&self, labels: &LabelSet) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        match &self.condition {
            Condition::Equal(wanted) => value == wanted,
            Condition::NotEqual(wanted) => value != wanted,
            Condition::Matches(pattern) => pattern.is_match(value),
            Condition::MatchesNot(pattern) => !pattern.is_match(value),
        }
    }
}

/// Compiles a pattern that has to match the whole of a text.
pub(super) fn whole(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| format!("bad pattern `{pattern}`: {error}"))
}

/// Takes the quotes off, when there are any, and says whether there were.
fn unquoted(text: &str) -> Option<(String, bool)> {
    let Some(inner) = text.strip_prefix('"') else { return Some((text.to_owned(), false)) };
    let mut value = String::new();
    let mut chars = inner.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some((value, true)),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                // As in a pattern: the backslash stays.
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_match(matcher: &str) -> bool {
        let labels = LabelSet::from([("alertname".to_owned(), "HighLoad".to_owned())]);
        Matcher::parse(matcher).unwrap().is_match(&labels)
    }

    #[test]
    fn the_four_operators_match_the_whole_value() {
        assert!(is_match("alertname=HighLoad") && is_match(r#"alertname="HighLoad""#));
        assert!(!is_match("alertname=High") && is_match("alertname!=High"));
        assert!(is_match("alertname=~High.*") && !is_match("alertname=~High"));
        assert!(is_match("alertname!~High") && !is_match(r#"alertname!~"High|HighLoad""#));
        assert!(is_match("other=") && is_match("other!=x"));
        assert!(is_match(r#"alertname=~"\w+""#));
    }

    #[test]
    fn what_is_no_matcher_is_told() {
        for text in ["", "alertname", "=x", "a b=c", r#"a="b"#, "a=~(", "a!b"] {
            assert!(Matcher::parse(text).is_err(), "{text:?}");
        }
        assert!(Matcher::parse("a=~(x{1000}){1000}").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            if let Ok(matcher) = Matcher::parse(&text) {
                let _is_match: bool = matcher.is_match(&LabelSet::new());
            }
        }
    }
}
