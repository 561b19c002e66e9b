//! What a lane lets through: its handler's filter, those of the handlers that it stands in for, and for the end of an alarm
//! those that were in force while it stood.

use super::filter::{Filter, FilteredBy};
use crate::alarm::{ALARM_HANDLER, JournalPosition, Transition};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Filters of former times that a lane keeps: an alarm that stands through more changes of the configuration than this is
/// judged by the newest of them.
const FORMER_MAX: usize = 16;

/// A handler in whose place another one is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Principal {
    /// Its lane's number in the delivery log, which stays when it is renamed.
    pub(super) lane: u32,
    /// Its name then.
    pub(super) handler: String,
}

impl Principal {
    /// Returns whether an alarm is about this handler.
    fn is_subject_of(&self, transition: &Transition) -> bool {
        transition.key.resource_type == ALARM_HANDLER && transition.key.resource == self.handler
    }
}

/// A handler in whose place another one is told, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct StandIn {
    pub(super) principal: Arc<Principal>,
    pub(super) filter: Filter,
}

impl StandIn {
    /// Returns whether the handler hears of a transition for the other: what that would, and what is the matter with it.
    fn is_told(&self, transition: &Transition) -> bool {
        self.principal.is_subject_of(transition) || self.filter.admit(transition).is_ok()
    }
}

/// A filter that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Former {
    /// The first position that was read without it.
    until: JournalPosition,
    filter: Filter,
    /// Whose it was, where it was another handler's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<Arc<Principal>>,
}

/// What a lane lets through, as it is written down with the position from which it reads with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Admission {
    /// The handler's own filter.
    #[serde(flatten)]
    pub(super) filter: Filter,
    /// Those of suspended handlers for which it stands in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stands_in_for: Vec<StandIn>,
    /// Those of former times, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<Former>,
}

impl Admission {
    pub(super) fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Says whether a transition passes, and in whose place the handler is told where it is not in its own.
    ///
    /// # Errors
    /// What of the handler's own filter keeps it back.
    pub(super) fn admit(&self, transition: &Transition) -> Result<Option<Arc<Principal>>, FilteredBy> {
        let own = match self.filter.admit(transition) {
            Ok(()) => return Ok(None),
            Err(by) => by,
        };
        if let Some(other) = self.stands_in_for.iter().find(|other| other.is_told(transition)) {
            return Ok(Some(Arc::clone(&other.principal)));
        }
        match self.former(transition) {
            Some(former) => Ok(former.principal.clone()),
            None => Err(own),
        }
    }

    /// Finds the filter by which the handler heard of an alarm that ends: one that was in force while it stood. Whoever heard
    /// of a standing alarm hears of its end, also when the configuration changed in between.
    fn former(&self, transition: &Transition) -> Option<&Former> {
        if self.former.is_empty() || !transition.after.standing.is_cleared || transition.is_reminder() {
            return None;
        }
        let raised = transition.raised_at()?;
        let is_told = |former: &Former| {
            let is_about = former.principal.as_ref().is_some_and(|principal| principal.is_subject_of(transition));
            is_about || former.filter.admit(transition).is_ok()
        };
        self.former.iter().find(|former| former.until > raised && is_told(former))
    }

    /// Puts another filter into force from a position on; returns whether it is another.
    pub(super) fn set_filter(&mut self, filter: Filter, from: JournalPosition) -> bool {
        if filter == self.filter {
            return false;
        }
        let old = std::mem::replace(&mut self.filter, filter);
        self.retire(Former { until: from, filter: old, principal: None });
        true
    }

    /// Says for whom the handler stands in from a position on; returns whether that is another than before.
    pub(super) fn stand_in_for(&mut self, others: Vec<StandIn>, from: JournalPosition) -> bool {
        if others == self.stands_in_for {
            return false;
        }
        for old in std::mem::replace(&mut self.stands_in_for, others) {
            if !self.stands_in_for.contains(&old) {
                self.retire(Former { until: from, filter: old.filter, principal: Some(old.principal) });
            }
        }
        true
    }

    /// Returns whether the handler stands in for that of a lane.
    pub(super) fn is_stand_in_for(&self, lane: u32) -> bool {
        self.stands_in_for.iter().any(|other| other.principal.lane == lane)
    }

    /// Returns whether the handler stands in for any other.
    pub(super) fn is_stand_in(&self) -> bool {
        !self.stands_in_for.is_empty()
    }

    fn retire(&mut self, former: Former) {
        self.former.truncate(FORMER_MAX - 1);
        self.former.insert(0, former);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::{AlarmKey, Severity, Standing};
    use crate::handler::tests::transition;

    fn only(severity: Severity) -> Filter {
        Filter { severities: [severity].into(), ..Filter::default() }
    }

    /// The end of an alarm of major severity that was raised at a position.
    fn end(raised: u64) -> Transition {
        let mut end = transition(9, Severity::Major, true);
        end.before = Some(Standing { severity: Severity::Major, is_cleared: false });
        end.raised = JournalPosition(raised);
        end
    }

    #[test]
    fn the_end_of_an_alarm_passes_what_was_in_force_while_it_stood() {
        let mut admission = Admission::new(only(Severity::Major));
        assert!(admission.set_filter(only(Severity::Critical), JournalPosition(10)));
        assert!(!admission.set_filter(only(Severity::Critical), JournalPosition(11)));
        assert_eq!(admission.admit(&end(9)), Ok(None));
        // It was raised after that, and nobody was told.
        assert_eq!(admission.admit(&end(10)), Err(FilteredBy::Severities));
        // What is not its end is judged by the filter in force.
        let mut change = end(9);
        change.after.standing = Standing { severity: Severity::Minor, is_cleared: false };
        assert_eq!(admission.admit(&change), Err(FilteredBy::Severities));
        // A restart knows all that.
        let stored: Admission = serde_json::from_str(&serde_json::to_string(&admission).unwrap()).unwrap();
        assert_eq!(stored, admission);
        // What an earlier version wrote is the filter alone.
        let stored: Admission = serde_json::from_str(&serde_json::to_string(&admission.filter).unwrap()).unwrap();
        assert_eq!(stored, Admission::new(only(Severity::Critical)));
    }

    #[test]
    fn a_handler_that_stood_in_for_another_hears_of_the_end_of_what_it_was_told_in_its_place() {
        let principal = Arc::new(Principal { lane: 3, handler: "pager".to_owned() });
        let other = StandIn { principal: Arc::clone(&principal), filter: only(Severity::Major) };
        let mut admission = Admission::new(only(Severity::Critical));
        assert!(admission.stand_in_for(vec![other], JournalPosition(5)));
        assert!(admission.is_stand_in_for(3) && !admission.is_stand_in_for(4));
        assert_eq!(admission.admit(&transition(1, Severity::Major, false)), Ok(Some(Arc::clone(&principal))));
        assert!(admission.stand_in_for(Vec::new(), JournalPosition(20)));
        assert_eq!(admission.admit(&transition(1, Severity::Major, false)), Err(FilteredBy::Severities));
        assert_eq!(admission.admit(&end(7)), Ok(Some(principal)));
        assert_eq!(admission.admit(&end(20)), Err(FilteredBy::Severities));
    }

    #[test]
    fn who_stands_in_for_another_hears_why_and_when_that_ends() {
        let principal = Arc::new(Principal { lane: 3, handler: "pager".to_owned() });
        let mut admission = Admission::new(only(Severity::Critical));
        let nothing = Filter { resources: ["elsewhere".to_owned()].into(), ..only(Severity::Critical) };
        admission
            .stand_in_for(vec![StandIn { principal: Arc::clone(&principal), filter: nothing }], JournalPosition(5));
        let about = |handler: &str, before: Option<Standing>, is_cleared| {
            let mut transition = transition(1, Severity::Major, is_cleared);
            let (resource_type, resource) = (ALARM_HANDLER.to_owned(), handler.to_owned());
            transition.key = AlarmKey { resource_type, resource, ..AlarmKey::clone(&transition.key) }.into();
            (transition.before, transition.raised) = (before, JournalPosition(7));
            transition
        };
        assert_eq!(admission.admit(&about("pager", None, false)), Ok(Some(Arc::clone(&principal))));
        assert!(admission.admit(&about("other", None, false)).is_err());
        admission.stand_in_for(Vec::new(), JournalPosition(20));
        let stood = Some(Standing { severity: Severity::Major, is_cleared: false });
        assert_eq!(admission.admit(&about("pager", stood, true)), Ok(Some(principal)));
        assert!(admission.admit(&about("pager", None, false)).is_err());
    }

    #[test]
    fn no_more_than_so_many_former_filters_are_kept() {
        let mut admission = Admission::default();
        for at in 0..100_u64 {
            let severity = if at % 2 == 0 { Severity::Minor } else { Severity::Critical };
            admission.set_filter(only(severity), JournalPosition(at));
        }
        assert_eq!(admission.former.len(), FORMER_MAX);
    }
}
