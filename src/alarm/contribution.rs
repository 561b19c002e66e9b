//! What the sources of one alarm say of it, each with its severity and deadline, and what that comes to.

use super::{AlarmText, Reading, Severity};
use jiff::Timestamp;
use std::sync::Arc;

/// Contributions to one alarm at most: one alarm is one condition; more label sets than this mean that the labels
/// are mapped wrongly, and each costs memory and a row.
pub const CONTRIBUTIONS_MAX: usize = 256;

/// Which contribution to an alarm: the label set of an outside source (severity included), or none for a source that
/// says all of the alarm itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContributionKey(pub String);

impl ContributionKey {
    /// The key under which the element speaks of itself: an operator cannot clear what the element sees.
    pub const OWN: &'static str = "element";

    /// Returns the key under which the element speaks of itself.
    #[must_use]
    pub fn own() -> Self {
        Self(Self::OWN.to_owned())
    }

    /// Returns whether the element speaks of itself.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.0 == Self::OWN
    }
}

/// What one source says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// Which one.
    pub key: ContributionKey,
    /// Its severity.
    pub severity: Severity,
    /// Its texts.
    pub text: Arc<AlarmText>,
    /// When it no longer holds, unless said again.
    pub ends_at: Option<Timestamp>,
    /// What the source wants to be given back; nobody else looks into it.
    pub note: Option<Arc<str>>,
    /// Rises with each contribution that comes or changes its severity: of two of one severity the later gives the text.
    pub turn: u64,
    /// The row in which it is stored; 0 until it is.
    pub row: i64,
}

/// An alarm has as many contributions as [`CONTRIBUTIONS_MAX`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the alarm has {CONTRIBUTIONS_MAX} contributions already: are the labels that tell resources apart mapped to its key?"
)]
pub struct TooManyContributions;

/// All that is said of one alarm; cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contributions(Arc<Vec<Contribution>>);

impl<'a> IntoIterator for &'a Contributions {
    type Item = &'a Contribution;
    type IntoIter = std::slice::Iter<'a, Contribution>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Contributions {
    /// Returns them, in the order in which they came.
    pub fn iter(&self) -> std::slice::Iter<'_, Contribution> {
        self.0.iter()
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether nothing stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns one.
    #[must_use]
    pub fn get(&self, key: &ContributionKey) -> Option<&Contribution> {
        self.0.iter().find(|c| c.key == *key)
    }

    /// Returns the earliest deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|c| c.ends_at).min()
    }

    /// Takes what a source says, in place of what it said before. Returns whether anything differs.
    ///
    /// # Errors
    /// [`TooManyContributions`].
    pub fn raise(
        &mut self,
        key: ContributionKey,
        severity: Severity,
        text: AlarmText,
        ends_at: Option<Timestamp>,
        note: Option<Arc<str>>,
    ) -> Result<bool, TooManyContributions> {
        let turn = self.0.iter().map(|c| c.turn).max().unwrap_or(0).saturating_add(1);
        match self.0.iter().position(|c| c.key == key) {
            Some(at) => {
                let Some(old) = self.0.get(at) else { return Ok(false) };
                let turn = if old.severity == severity { old.turn } else { turn };
                let text = if *old.text == text { Arc::clone(&old.text) } else { Arc::new(text) };
                let new = Contribution { key, severity, text, ends_at, note, turn, row: old.row };
                if *old == new {
                    return Ok(false);
                }
                if let Some(slot) = Arc::make_mut(&mut self.0).get_mut(at) {
                    *slot = new;
                }
            }
            None if self.0.len() >= CONTRIBUTIONS_MAX => return Err(TooManyContributions),
            None => {
                let text = Arc::new(text);
                let all = Arc::make_mut(&mut self.0);
                // Most alarms have one contribution, and there are very many alarms.
                all.reserve_exact(1);
                all.push(Contribution { key, severity, text, ends_at, note, turn, row: 0 });
            }
        }
        Ok(true)
    }

    /// Notes in which row a contribution is stored.
    pub fn stored(&mut self, key: &ContributionKey, row: i64) {
        if let Some(contribution) = Arc::make_mut(&mut self.0).iter_mut().find(|c| c.key == *key) {
            contribution.row = row;
        }
    }

    /// Puts back a contribution that was stored.
    pub fn restore(&mut self, contribution: Contribution) {
        let all = Arc::make_mut(&mut self.0);
        all.retain(|c| c.key != contribution.key);
        all.reserve_exact(1);
        all.push(contribution);
        all.sort_by_key(|c| c.turn);
    }

    /// Takes away what a source said. Returns whether it had said anything.
    pub fn clear(&mut self, key: &ContributionKey) -> bool {
        let has = self.get(key).is_some();
        if has {
            Arc::make_mut(&mut self.0).retain(|c| c.key != *key);
        }
        has
    }

    /// Takes away what no longer holds at `now`; returns which.
    pub fn expire(&mut self, now: Timestamp) -> Vec<ContributionKey> {
        let is_over = |c: &Contribution| c.ends_at.is_some_and(|ends_at| ends_at <= now);
        let over: Vec<ContributionKey> = self.0.iter().filter(|c| is_over(c)).map(|c| c.key.clone()).collect();
        if !over.is_empty() {
            Arc::make_mut(&mut self.0).retain(|c| !is_over(c));
        }
        over
    }

    /// Returns what they come to: the highest severity, with the texts of the latest that has it.
    #[must_use]
    pub fn reading(&self) -> Reading {
        match self.0.iter().max_by_key(|c| (c.severity, c.turn)) {
            Some(top) => Reading::Standing { severity: top.severity, text: Arc::clone(&top.text) },
            None => Reading::Gone { text: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn key(name: &str) -> ContributionKey {
        ContributionKey(name.to_owned())
    }

    fn text(brief: &str) -> AlarmText {
        AlarmText { brief: brief.into(), ..AlarmText::default() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_highest_that_stands_gives_severity_and_text() {
        let mut all = Contributions::default();
        all.raise(key("w"), Severity::Warning, text("slow"), None, None).unwrap();
        all.raise(key("c"), Severity::Critical, text("dead"), None, None).unwrap();
        assert_eq!(all.reading(), Reading::Standing { severity: Severity::Critical, text: text("dead").into() });
        assert!(all.clear(&key("c")));
        assert_eq!(all.reading(), Reading::Standing { severity: Severity::Warning, text: text("slow").into() });
        assert!(all.clear(&key("w")) && !all.clear(&key("w")));
        assert_eq!(all.reading(), Reading::Gone { text: None });
    }

    #[test]
    fn saying_the_same_again_with_a_later_deadline_only_moves_the_deadline() {
        let mut all = Contributions::default();
        all.raise(key("a"), Severity::Minor, text("x"), Some(at(10)), None).unwrap();
        all.raise(key("b"), Severity::Minor, text("y"), Some(at(20)), None).unwrap();
        assert!(all.raise(key("a"), Severity::Minor, text("x"), Some(at(30)), None).unwrap());
        assert!(!all.raise(key("a"), Severity::Minor, text("x"), Some(at(30)), None).unwrap());
        assert_eq!(all.reading(), Reading::Standing { severity: Severity::Minor, text: text("y").into() });
        assert_eq!(all.next_deadline(), Some(at(20)));
        assert_eq!(all.expire(at(20)), [key("b")]);
        assert_eq!(all.next_deadline(), Some(at(30)));
    }

    #[test]
    fn one_more_than_allowed_is_refused_and_changes_nothing() {
        let mut all = Contributions::default();
        for n in 0..CONTRIBUTIONS_MAX {
            all.raise(key(&n.to_string()), Severity::Minor, text(""), None, None).unwrap();
        }
        let before = all.clone();
        assert_eq!(all.raise(key("x"), Severity::Critical, text(""), None, None), Err(TooManyContributions));
        assert_eq!(all, before);
        assert!(all.raise(key("0"), Severity::Critical, text(""), None, None).unwrap());
    }

    proptest! {
        #[test]
        fn the_severity_is_the_highest_of_what_stands(
            steps in proptest::collection::vec((0_u8..5, 0_usize..6, proptest::option::of(0_i64..60)), 0..60)
        ) {
            let (mut all, mut model) = (Contributions::default(), BTreeMap::new());
            for (now, (source, what, ends_at)) in (0_i64..).zip(steps) {
                let source = key(&source.to_string());
                if let Some(severity) = Severity::ALL.get(what) {
                    all.raise(source.clone(), *severity, text(""), ends_at.map(at), None).unwrap();
                    model.insert(source, (*severity, ends_at));
                } else {
                    prop_assert_eq!(all.clear(&source), model.remove(&source).is_some());
                }
                all.expire(at(now));
                model.retain(|_, (_, ends_at)| ends_at.is_none_or(|ends_at| ends_at > now));
                let highest = model.values().map(|(severity, _)| *severity).max();
                let read = match all.reading() {
                    Reading::Standing { severity, .. } => Some(severity),
                    Reading::Gone { .. } => None,
                };
                prop_assert_eq!(read, highest);
                prop_assert_eq!(all.next_deadline(), model.values().filter_map(|(_, e)| e.map(at)).min());
            }
        }
    }
}
