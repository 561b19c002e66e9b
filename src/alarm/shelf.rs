//! Shelves: what puts an alarm out of sight (RFC 8632 §4.1.2, `alarm-shelving`). The first that matches has it.

use super::{AlarmKey, Contribution, Severity, qualifier};
use jiff::Timestamp;
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Bytes that a compiled pattern may take: it comes from configuration and clients, and is kept.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// Says which alarm types are derived from a name: a class of types stands for all of them.
pub trait TypeHierarchy {
    /// Returns whether an alarm type is `class` or derived from it.
    fn is_derived_or_self(&self, alarm_type: &str, class: &str) -> bool;
}

/// A pattern that has to match the whole of a text.
#[derive(Clone)]
pub struct Pattern(Regex);

/// A pattern that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a pattern: {reason}")]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, BadPattern> {
        let built = RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(PATTERN_BYTES_MAX).build();
        built.map(Self).map_err(|error| {
            let said = error.to_string();
            let reason = said.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            BadPattern { pattern: pattern.to_owned(), reason }
        })
    }

    /// Returns whether it matches the whole of a text.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

/// Which resources (RFC 8632, `resource-match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceMatch {
    /// A path into the configuration: an entry, or a list whose entries are all meant.
    Path(String),
    /// A pattern for the resource's name, for `TYPE/NAME` or for `TYPE/NAME@NODE`.
    Named(Pattern),
}

impl ResourceMatch {
    /// Reads a match: what begins with `/` is a path, all else a pattern.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text.starts_with('/') { Ok(Self::Path(text.to_owned())) } else { Pattern::new(text).map(Self::Named) }
    }

    /// Returns whether a resource is meant; `path` is where it is configured, when it is.
    #[must_use]
    pub fn is_match(&self, key: &AlarmKey, path: Option<&str>) -> bool {
        match self {
            Self::Path(wanted) => path.is_some_and(|path| {
                path.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '/']))
            }),
            Self::Named(pattern) => {
                let typed = format!("{}/{}", key.resource_type, key.resource);
                pattern.is_match(&key.resource)
                    || pattern.is_match(&typed)
                    || pattern.is_match(&format!("{typed}@{}", key.node))
            }
        }
    }
}

/// Which alarm types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeMatch {
    /// The type, or one that it is derived from.
    pub alarm_type: String,
    /// The qualifier.
    pub qualifier: Pattern,
}

impl TypeMatch {
    /// Returns whether an alarm is of such a type.
    #[must_use]
    pub fn is_match(&self, key: &AlarmKey, types: &dyn TypeHierarchy) -> bool {
        types.is_derived_or_self(&key.alarm_type, &self.alarm_type) && self.qualifier.is_match(&key.qualifier)
    }
}

/// A condition on a label, as clients of Alertmanager state them; a label that is missing counts as empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMatch {
    /// Name of the label.
    pub name: String,
    /// Value that it must have, or must not.
    pub value: LabelValue,
    /// Whether the value must match; else it must not.
    pub is_equal: bool,
}

/// The value of a [`LabelMatch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelValue {
    /// A text.
    Text(String),
    /// A pattern for the whole value.
    Pattern(Pattern),
}

impl LabelMatch {
    fn is_match(&self, labels: &BTreeMap<Cow<'_, str>, Cow<'_, str>>) -> bool {
        let value = labels.get(self.name.as_str()).map_or("", |value| value.as_ref());
        let is_match = match &self.value {
            LabelValue::Text(text) => value == text,
            LabelValue::Pattern(pattern) => pattern.is_match(value),
        };
        is_match == self.is_equal
    }
}

/// What must hold of an alarm for it to be on a shelf: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Its name.
    pub name: String,
    /// Resources, one of which must match; none for any.
    pub resources: Vec<ResourceMatch>,
    /// Types, one of which must match; none for any.
    pub alarm_types: Vec<TypeMatch>,
    /// Conditions on labels, all of which must hold.
    pub labels: Vec<LabelMatch>,
    /// When it begins to hold; always, where there is none.
    pub starts_at: Option<Timestamp>,
    /// When it no longer holds; never, where there is none.
    pub ends_at: Option<Timestamp>,
}

/// The alarm that shelves are asked about.
#[derive(Debug, Clone, Copy)]
pub struct Shelved<'a> {
    /// Its key.
    pub key: &'a AlarmKey,
    /// Its severity.
    pub severity: Severity,
    /// Where its resource is configured, when it is.
    pub path: Option<&'a str>,
    /// What several sources say of it.
    pub contributions: &'a [&'a Contribution],
}

impl Shelf {
    /// Returns whether it holds at a time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|at| at <= now) && self.ends_at.is_none_or(|at| at > now)
    }

    /// Returns when that changes next after a time.
    #[must_use]
    pub fn next_edge(&self, now: Timestamp) -> Option<Timestamp> {
        [self.starts_at, self.ends_at].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Returns whether an alarm belongs on it, when it holds.
    #[must_use]
    pub fn is_match(&self, alarm: &Shelved<'_>, types: &dyn TypeHierarchy) -> bool {
        (self.resources.is_empty() || self.resources.iter().any(|wanted| wanted.is_match(alarm.key, alarm.path)))
            && (self.alarm_types.is_empty() || self.alarm_types.iter().any(|wanted| wanted.is_match(alarm.key, types)))
            && (self.labels.is_empty() || self.has_labels(alarm))
    }

    /// An alarm that several label sets make is silenced when all of them are: each is an alert of its own to its client.
    fn has_labels(&self, alarm: &Shelved<'_>) -> bool {
        let says = |labels: &BTreeMap<Cow<'_, str>, Cow<'_, str>>| self.labels.iter().all(|l| l.is_match(labels));
        let own = labels_of(alarm.key, alarm.severity);
        let mut sets = alarm.contributions.iter().filter(|said| !said.key.0.is_empty()).peekable();
        if sets.peek().is_none() {
            return says(&own);
        }
        sets.all(|said| {
            let mut labels = own.clone();
            for (name, value) in qualifier::to_labels(&said.key.0).unwrap_or_default() {
                labels.insert(Cow::Owned(name), Cow::Owned(value));
            }
            says(&labels)
        })
    }
}

/// Returns an alarm's parts as labels, under the names that its clients give them.
fn labels_of(key: &AlarmKey, severity: Severity) -> BTreeMap<Cow<'_, str>, Cow<'_, str>> {
    let mut labels: BTreeMap<Cow<'_, str>, Cow<'_, str>> = BTreeMap::new();
    for (name, value) in qualifier::to_labels(&key.qualifier).unwrap_or_default() {
        labels.insert(Cow::Owned(name), Cow::Owned(value));
    }
    for (name, value) in [
        ("alertname", key.alarm_type.as_str()),
        ("resource", &key.resource),
        ("resource_type", &key.resource_type),
        ("node", &key.node),
        ("severity", severity.as_str()),
    ] {
        labels.insert(Cow::Borrowed(name), Cow::Borrowed(value));
    }
    labels
}

/// All shelves, in order; cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelves(Arc<Vec<Shelf>>);

impl Shelves {
    /// Puts shelves in order.
    #[must_use]
    pub fn new(shelves: Vec<Shelf>) -> Self {
        Self(Arc::new(shelves))
    }

    /// Returns them in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Shelf> {
        self.0.iter()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the first shelf that holds and matches.
    #[must_use]
    pub fn find(&self, alarm: &Shelved<'_>, now: Timestamp, types: &dyn TypeHierarchy) -> Option<&str> {
        let holds = |shelf: &&Shelf| shelf.is_active(now) && shelf.is_match(alarm, types);
        self.0.iter().find(holds).map(|shelf| shelf.name.as_str())
    }

    /// Returns when the next of them begins or ends to hold.
    #[must_use]
    pub fn next_edge(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|shelf| shelf.next_edge(now)).min()
    }
}

impl<'a> IntoIterator for &'a Shelves {
    type Item = &'a Shelf;
    type IntoIter = std::slice::Iter<'a, Shelf>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::AlarmText;

    struct Flat;

    impl TypeHierarchy for Flat {
        fn is_derived_or_self(&self, alarm_type: &str, class: &str) -> bool {
            alarm_type == class || (class == "external-service" && alarm_type == "failed-connection")
        }
    }

    fn key() -> AlarmKey {
        let text = str::to_owned;
        AlarmKey {
            node: text("n1"),
            resource_type: text("http-client"),
            resource: text("c1"),
            alarm_type: text("failed-connection"),
            qualifier: text("https://a.example:443"),
        }
    }

    fn is_on(shelf: &Shelf) -> bool {
        let path = Some("/annunciator-facilities:facilities/http/client[id='c1']");
        let alarm = Shelved { key: &key(), severity: Severity::Major, path, contributions: &[] };
        shelf.is_match(&alarm, &Flat)
    }

    fn resource(text: &str) -> Shelf {
        Shelf { resources: vec![ResourceMatch::parse(text).unwrap()], ..Shelf::default() }
    }

    fn of_type(alarm_type: &str, qualifier: &str) -> Shelf {
        let qualifier = Pattern::new(qualifier).unwrap();
        Shelf { alarm_types: vec![TypeMatch { alarm_type: alarm_type.to_owned(), qualifier }], ..Shelf::default() }
    }

    #[test]
    fn a_shelf_without_criteria_takes_everything_and_criteria_must_all_hold() {
        assert!(is_on(&Shelf::default()));
        let both = Shelf { resources: resource("c1").resources, ..of_type("failed-connection", ".*") };
        assert!(is_on(&both));
        assert!(!is_on(&Shelf { resources: resource("c2").resources, ..of_type("failed-connection", ".*") }));
    }

    #[test]
    fn resources_are_matched_whole_by_name_type_and_node_or_by_path() {
        for wanted in ["c1", "c.", "http-client/.*", "http-client/c1@n1", ".*@n1"] {
            assert!(is_on(&resource(wanted)), "{wanted}");
        }
        for path in ["", "[id='c1']"] {
            assert!(is_on(&resource(&format!("/annunciator-facilities:facilities/http/client{path}"))), "{path}");
        }
        for other in ["c", "http-client", "/annunciator-facilities:facilities/http/cli", "client/c1"] {
            assert!(!is_on(&resource(other)), "{other}");
        }
        assert!(ResourceMatch::parse("(").is_err());
    }

    #[test]
    fn a_class_of_types_stands_for_all_that_are_derived_from_it() {
        assert!(is_on(&of_type("external-service", ".*")) && is_on(&of_type("failed-connection", "https://.*")));
        assert!(!is_on(&of_type("system", ".*")) && !is_on(&of_type("failed-connection", "")));
    }

    #[test]
    fn a_silence_holds_when_all_label_sets_of_the_alarm_match() {
        let label = |name: &str, value: &str| LabelMatch {
            name: name.to_owned(),
            value: LabelValue::Pattern(Pattern::new(value).unwrap()),
            is_equal: true,
        };
        let shelf = |labels| Shelf { labels, ..Shelf::default() };
        assert!(is_on(&shelf(vec![label("alertname", "failed-.*"), label("resource", "c1")])));
        assert!(!is_on(&shelf(vec![label("team", "ops")])));
        let said = |labels: &str| Contribution {
            key: crate::alarm::ContributionKey(labels.to_owned()),
            severity: Severity::Major,
            text: Arc::new(AlarmText::default()),
            ends_at: None,
            note: None,
            turn: 1,
            row: 0,
        };
        let (ops, dev) = (said("team=\"ops\""), said("team=\"dev\""));
        let key = key();
        let holds = |shelf: &Shelf, contributions: &[&Contribution]| {
            shelf.is_match(&Shelved { key: &key, severity: Severity::Major, path: None, contributions }, &Flat)
        };
        let team = shelf(vec![label("team", "ops")]);
        assert!(holds(&team, &[&ops]) && !holds(&team, &[&ops, &dev]));
        let not = LabelMatch { is_equal: false, ..label("team", "ops") };
        assert!(holds(&shelf(vec![not]), &[&dev]));
    }

    #[test]
    fn the_first_shelf_that_holds_has_the_alarm() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let named =
            |name: &str, starts_at, ends_at| Shelf { name: name.to_owned(), starts_at, ends_at, ..Shelf::default() };
        let shelves = Shelves::new(vec![named("a", at(10), at(20)), named("b", None, at(30))]);
        let key = key();
        let alarm = Shelved { key: &key, severity: Severity::Minor, path: None, contributions: &[] };
        let found = |second| shelves.find(&alarm, at(second).unwrap(), &Flat).map(str::to_owned);
        assert_eq!(
            [5, 10, 19, 20, 30].map(found),
            [Some("b"), Some("a"), Some("a"), Some("b"), None].map(|s| s.map(str::to_owned))
        );
        assert_eq!([5, 10, 20, 30].map(|s| shelves.next_edge(at(s).unwrap())), [at(10), at(20), at(30), None]);
    }
}
