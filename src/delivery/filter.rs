//! Which alarms a handler is told of: its `filter` container.

use crate::alarm::{AlarmKey, Notify, Severity, Standing, Transition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What lets alarms through; an empty set lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Filter {
    /// Severities.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub severities: BTreeSet<Severity>,
    /// Alarm types.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub alarm_types: BTreeSet<String>,
    /// Resource types.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub resource_types: BTreeSet<String>,
    /// Resources.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub resources: BTreeSet<String>,
    /// Nodes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub nodes: BTreeSet<String>,
    /// Which changes of the alarms that it lets through.
    #[serde(skip_serializing_if = "is_all")]
    pub notify: Notify,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_all(notify: &Notify) -> bool {
    *notify == Notify::default()
}

/// What did not let a transition through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilteredBy {
    /// Neither the severity before nor the one after is wanted.
    Severities,
    /// The alarm type is not.
    AlarmTypes,
    /// The resource type is not.
    ResourceTypes,
    /// The resource is not.
    Resources,
    /// The node is not.
    Nodes,
    /// It is not one of the changes that the handler is told of.
    Changes,
    /// It reminds other handlers of what still stands.
    Reminder,
    /// It is the test of another handler.
    SelfTest,
}

impl FilteredBy {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::Severities,
        Self::AlarmTypes,
        Self::ResourceTypes,
        Self::Resources,
        Self::Nodes,
        Self::Changes,
        Self::Reminder,
        Self::SelfTest,
    ];

    /// Returns the name of the leaf-list, or what else it is.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Severities => "severities",
            Self::AlarmTypes => "alarm-types",
            Self::ResourceTypes => "resource-types",
            Self::Resources => "resources",
            Self::Nodes => "nodes",
            Self::Changes => "notify-status-changes",
            Self::Reminder => "reminder of another handler",
            Self::SelfTest => "self-test of another handler",
        }
    }
}

impl fmt::Display for FilteredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Filter {
    /// Returns whether it lets everything through.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Says whether a transition passes: its alarm is one that is wanted, and it stood with a wanted severity before or
    /// stands with one after. Its end passes when it stood with a wanted severity at any time since it was raised: whoever
    /// heard of a standing alarm hears of its end, whatever was in between.
    ///
    /// # Errors
    /// What keeps it back.
    pub fn admit(&self, transition: &Transition) -> Result<(), FilteredBy> {
        self.admit_key(&transition.key)?;
        let is_wanted = |standing: &Standing| !standing.is_cleared && self.wants(standing.severity);
        let (before, after) = (transition.before.as_ref(), &transition.after.standing);
        let ends_wanted = || after.is_cleared && transition.stood.iter().any(|severity| self.wants(*severity));
        if !self.severities.is_empty() && !before.is_some_and(is_wanted) && !is_wanted(after) && !ends_wanted() {
            return Err(FilteredBy::Severities);
        }
        // Nothing changes by a reminder; whoever wants one gets it.
        if transition.is_reminder() || self.notify.tells(transition.before, *after) {
            Ok(())
        } else {
            Err(FilteredBy::Changes)
        }
    }

    /// Says whether the first raise of an alarm with this standing would pass.
    #[must_use]
    pub fn admits(&self, key: &AlarmKey, standing: Standing) -> bool {
        self.admit_key(key).is_ok() && self.wants(standing.severity) && self.notify.tells(None, standing)
    }

    fn admit_key(&self, key: &AlarmKey) -> Result<(), FilteredBy> {
        for (wanted, value, by) in [
            (&self.alarm_types, &key.alarm_type, FilteredBy::AlarmTypes),
            (&self.resource_types, &key.resource_type, FilteredBy::ResourceTypes),
            (&self.resources, &key.resource, FilteredBy::Resources),
            (&self.nodes, &key.node, FilteredBy::Nodes),
        ] {
            if !wanted.is_empty() && !wanted.contains(value) {
                return Err(by);
            }
        }
        Ok(())
    }

    /// Returns whether alarms of a severity are let through, as far as that goes.
    #[must_use]
    pub fn wants(&self, severity: Severity) -> bool {
        self.severities.is_empty() || self.severities.contains(&severity)
    }

    /// Says in a sentence why a transition was kept back by one of the sets.
    #[must_use]
    pub fn explain(&self, by: FilteredBy, transition: &Transition) -> String {
        let key = &transition.key;
        let (value, leaf) = match by {
            FilteredBy::Severities => return self.explain_severity(transition),
            FilteredBy::SelfTest => return "it is the self-test of another handler".to_owned(),
            FilteredBy::Reminder => return "it reminds other handlers".to_owned(),
            FilteredBy::Changes => return format!("`notify-status-changes` is `{}`", self.notify),
            FilteredBy::AlarmTypes => (&key.alarm_type, &self.alarm_types),
            FilteredBy::ResourceTypes => (&key.resource_type, &self.resource_types),
            FilteredBy::Resources => (&key.resource, &self.resources),
            FilteredBy::Nodes => (&key.node, &self.nodes),
        };
        let wanted: Vec<&str> = leaf.iter().map(String::as_str).collect();
        format!("`{value}` is not among `{by}` [ {} ]", wanted.join(" "))
    }

    fn explain_severity(&self, transition: &Transition) -> String {
        let state = |standing: &Standing| if standing.is_cleared { "cleared" } else { standing.severity.as_str() };
        let before = transition.before.as_ref().map_or("nothing", state);
        let after = state(&transition.after.standing);
        let wanted: Vec<&str> = self.severities.iter().map(|severity| severity.as_str()).collect();
        format!("neither `{before}` before nor `{after}` after is among `severities` [ {} ]", wanted.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::tests::transition;
    use proptest::prelude::*;

    fn standing(severity: Severity, is_cleared: bool) -> Standing {
        Standing { severity, is_cleared }
    }

    fn change(before: Option<Standing>, after: Standing) -> Transition {
        let mut change = transition(2, after.severity, after.is_cleared);
        change.before = before;
        change
    }

    #[test]
    fn whoever_heard_of_a_standing_alarm_hears_of_its_end_and_nobody_else_does() {
        let filter = Filter { severities: [Severity::Critical].into(), ..Filter::default() };
        let admits = |before, after| filter.admit(&change(before, after)).is_ok();
        let (critical, minor) = (standing(Severity::Critical, false), standing(Severity::Minor, false));
        assert!(admits(None, critical) && admits(Some(critical), minor));
        assert!(admits(Some(minor), critical) && admits(Some(critical), standing(Severity::Critical, true)));
        assert!(!admits(None, minor) && !admits(Some(minor), standing(Severity::Minor, true)));
        assert!(!admits(Some(minor), standing(Severity::Warning, false)));
        // In between it was of no interest, and its end is told all the same; not so where it never was.
        let mut end = change(Some(minor), standing(Severity::Minor, true));
        end.stood = [Severity::Critical, Severity::Major].into();
        assert_eq!(filter.admit(&end), Ok(()));
        end.stood = [Severity::Warning, Severity::Major].into();
        assert_eq!(filter.admit(&end), Err(FilteredBy::Severities));
        // It was told that the alarm ended; another one of no interest follows.
        assert!(!admits(Some(standing(Severity::Critical, true)), minor));
    }

    #[test]
    fn each_set_keeps_back_what_is_not_in_it_and_says_so() {
        let change = transition(1, Severity::Major, false);
        let one = || BTreeSet::from(["other".to_owned()]);
        for (filter, by) in [
            (Filter { alarm_types: one(), ..Filter::default() }, FilteredBy::AlarmTypes),
            (Filter { resource_types: one(), ..Filter::default() }, FilteredBy::ResourceTypes),
            (Filter { resources: one(), ..Filter::default() }, FilteredBy::Resources),
            (Filter { nodes: one(), ..Filter::default() }, FilteredBy::Nodes),
        ] {
            assert_eq!(filter.admit(&change), Err(by));
            let said = filter.explain(by, &change);
            assert!(said.contains(by.as_str()) && said.contains("other"), "{said}");
            let stored: Filter = serde_json::from_str(&serde_json::to_string(&filter).unwrap()).unwrap();
            assert_eq!(stored, filter);
        }
        assert_eq!(Filter::default().admit(&change), Ok(()));
    }

    proptest! {
        /// Follows what somebody who is told by the filter believes: an alarm of a wanted severity stands in the belief
        /// exactly when it stands, and whatever is believed to stand does.
        #[test]
        fn what_is_believed_of_wanted_severities_is_so(
            wanted in prop::collection::btree_set(prop::sample::select(Severity::ALL.to_vec()), 1..5),
            states in prop::collection::vec((prop::sample::select(Severity::ALL.to_vec()), any::<bool>()), 1..20),
        ) {
            let filter = Filter { severities: wanted.clone(), ..Filter::default() };
            let (mut before, mut belief): (Option<Standing>, Option<Standing>) = (None, None);
            let mut stood = BTreeSet::new();
            for (severity, is_cleared) in states {
                let after = standing(severity, is_cleared);
                let mut change = change(before, after);
                change.stood = std::mem::take(&mut stood);
                if filter.admit(&change).is_ok() {
                    belief = Some(after);
                }
                prop_assert!(!after.is_cleared || belief.is_none_or(|belief| belief.is_cleared));
                if !is_cleared {
                    stood = change.stood_before();
                }
                let wanted = |s: &Standing| !s.is_cleared && wanted.contains(&s.severity);
                prop_assert_eq!(Some(after).filter(wanted), belief.filter(wanted));
                before = Some(after);
            }
        }
    }
}
