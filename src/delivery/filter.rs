//! Which alarms a handler is told of: its `filter` container.

use crate::alarm::{AlarmKey, Notify, Severity, Standing, Transition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What lets alarms through; an empty set lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Projects that resources belong to.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub projects: BTreeSet<String>,
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
    /// The project is neither the one before nor the one now.
    Projects,
    /// It is not one of the changes that the handler is told of.
    Changes,
    /// It reminds other handlers of what still stands.
    Reminder,
    /// It is the test of another handler.
    SelfTest,
}

impl FilteredBy {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::Severities,
        Self::AlarmTypes,
        Self::ResourceTypes,
        Self::Resources,
        Self::Nodes,
        Self::Projects,
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
            Self::Projects => "projects",
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
    /// heard of a standing alarm hears of its end, whatever was in between. The same goes for the projects that its resource
    /// belonged to meanwhile.
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
        if !self.projects.is_empty() && !self.admits_project(transition) {
            return Err(FilteredBy::Projects);
        }
        // Nothing changes by a reminder; whoever wants one gets it.
        if transition.is_reminder() || self.notify.tells(transition.before, *after) {
            Ok(())
        } else {
            Err(FilteredBy::Changes)
        }
    }

    /// Returns whether an alarm stands in a wanted project with a wanted severity, or did before; for its end at any time since
    /// it was raised.
    fn admits_project(&self, transition: &Transition) -> bool {
        let Some(moves) = &transition.moves else { return self.wants_project(transition.project.as_deref()) };
        let wants = |severity, project: Option<&str>| self.wants(severity) && self.wants_project(project);
        let stands = |standing: &Standing, project| !standing.is_cleared && wants(standing.severity, project);
        let (before, after) = (transition.before.as_ref(), &transition.after.standing);
        stands(after, transition.project.as_deref())
            || before.is_some_and(|before| stands(before, moves.before.as_deref()))
            || after.is_cleared && moves.stood.iter().any(|(severity, project)| wants(*severity, project.as_deref()))
    }

    /// Says whether the first raise of an alarm with this standing would pass.
    #[must_use]
    pub fn admits(&self, key: &AlarmKey, project: Option<&str>, standing: Standing) -> bool {
        self.admit_key(key).is_ok()
            && self.wants_project(project)
            && self.wants(standing.severity)
            && self.notify.tells(None, standing)
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

    fn wants_project(&self, project: Option<&str>) -> bool {
        self.projects.is_empty() || project.is_some_and(|project| self.projects.contains(project))
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
            FilteredBy::Projects => return self.explain_project(transition),
            FilteredBy::AlarmTypes => (&key.alarm_type, &self.alarm_types),
            FilteredBy::ResourceTypes => (&key.resource_type, &self.resource_types),
            FilteredBy::Resources => (&key.resource, &self.resources),
            FilteredBy::Nodes => (&key.node, &self.nodes),
        };
        let wanted: Vec<&str> = leaf.iter().map(String::as_str).collect();
        format!("`{value}` is not among `{by}` [ {} ]", wanted.join(" "))
    }

    fn explain_project(&self, transition: &Transition) -> String {
        let quoted = |project: &str| format!("`{project}`");
        let name = |project: Option<&str>| project.map_or_else(|| "no project".to_owned(), quoted);
        let now = name(transition.project.as_deref());
        let wanted: Vec<&str> = self.projects.iter().map(String::as_str).collect();
        let wanted = wanted.join(" ");
        match &transition.moves {
            None if transition.project.is_none() => {
                format!("the resource belongs to no project of `resources`, and `projects` is [ {wanted} ]")
            }
            None => format!("its project {now} is not among `projects` [ {wanted} ]"),
            Some(moves) => {
                let before = name(moves.before.as_deref());
                format!(
                    "neither its project before, {before}, nor the one now, {now}, is among `projects` [ {wanted} ]"
                )
            }
        }
    }

    fn explain_severity(&self, transition: &Transition) -> String {
        let state = |standing: &Standing| if standing.is_cleared { "cleared" } else { standing.severity.as_str() };
        let after = state(&transition.after.standing);
        let wanted: Vec<&str> = self.severities.iter().map(|severity| severity.as_str()).collect();
        let wanted = wanted.join(" ");
        match transition.before.as_ref().map(state) {
            None => format!("`{after}` is not among `severities` [ {wanted} ]"),
            Some(before) => format!("neither `{before}` before nor `{after}` after is among `severities` [ {wanted} ]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::Moves;
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
    fn whoever_heard_of_a_standing_alarm_of_a_project_hears_of_its_end_although_the_project_changed() {
        let of = |projects: &[&str], severities: &[Severity]| Filter {
            projects: projects.iter().map(|name| (*name).to_owned()).collect(),
            severities: severities.iter().copied().collect(),
            ..Filter::default()
        };
        let (major, minor) = (standing(Severity::Major, false), standing(Severity::Minor, false));
        let gone = standing(Severity::Minor, true);
        let mut raise = change(None, major);
        assert_eq!(of(&["a"], &[]).admit(&raise), Err(FilteredBy::Projects));
        raise.project = Some("a".to_owned());
        assert_eq!(of(&["a"], &[]).admit(&raise), Ok(()));
        assert_eq!(of(&["b"], &[]).admit(&raise), Err(FilteredBy::Projects));
        // Its resource goes to another project, and then to none.
        let mut moved = change(Some(major), minor);
        moved.project = Some("b".to_owned());
        moved.moves = Some(Box::new(Moves { before: Some("a".to_owned()), stood: BTreeSet::new() }));
        let mut end = change(Some(minor), gone);
        let stood = [(Severity::Major, Some("a".to_owned()))].into();
        end.moves = Some(Box::new(Moves { before: Some("b".to_owned()), stood }));
        for (filter, told) in [
            (of(&["a"], &[]), [true, true]),
            (of(&["b"], &[]), [true, true]),
            (of(&["c"], &[]), [false, false]),
            (of(&["a"], &[Severity::Major]), [true, true]),
            // It was never minor in `a`, nor major in `b`.
            (of(&["a"], &[Severity::Minor]), [false, false]),
            (of(&["b"], &[Severity::Major]), [false, false]),
            (of(&["b"], &[Severity::Minor]), [true, true]),
        ] {
            end.stood = [Severity::Major].into();
            assert_eq!([filter.admit(&moved).is_ok(), filter.admit(&end).is_ok()], told, "{filter:?}");
        }
        let said = of(&["c"], &[]).explain(FilteredBy::Projects, &moved);
        assert_eq!(said, "neither its project before, `a`, nor the one now, `b`, is among `projects` [ c ]");
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
            (Filter { projects: one(), ..Filter::default() }, FilteredBy::Projects),
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
