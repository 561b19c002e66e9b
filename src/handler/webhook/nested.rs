//! The nested format: objects for the parts, arrays for lines, `cleared` a JSON boolean.

use crate::alarm::{ImpactGroup, Transition};
use crate::clock::format_utc;
use crate::handler::description::{dashboard_link, detailed_lines};
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// Body in the nested format; the fields are written in this order.
#[derive(Debug, Serialize)]
pub(super) struct Nested<'a> {
    alarm_id: String,
    identifier: Identifier<'a>,
    cleared: bool,
    severity: &'static str,
    description: Texts<'a>,
    last_updated: String,
}

#[derive(Debug, Serialize)]
struct Identifier<'a> {
    alarm_type: &'a str,
    resource_id: &'a str,
    resource_type: &'a str,
    node_id: &'a str,
}

#[derive(Debug, Serialize)]
struct Texts<'a> {
    dashboard_link: String,
    brief_description: &'a str,
    detailed_description: Vec<Cow<'a, str>>,
    suggested_actions: &'a [String],
    #[serde(serialize_with = "impact")]
    impact_descriptions: &'a [ImpactGroup],
}

#[derive(Debug, Serialize)]
struct ImpactDescription<'a> {
    title: &'a str,
    impacted_dependencies: &'a [String],
}

impl<'a> Nested<'a> {
    pub(super) fn of(transition: &'a Transition, base_url: Option<&str>) -> Self {
        let Transition { id, key, after, last_updated, .. } = transition;
        Self {
            alarm_id: id.to_string(),
            identifier: Identifier {
                alarm_type: &key.alarm_type,
                resource_id: &key.resource,
                resource_type: &key.resource_type,
                node_id: &key.node,
            },
            cleared: after.standing.is_cleared,
            severity: after.standing.severity.as_str(),
            description: Texts {
                dashboard_link: dashboard_link(base_url, *id),
                brief_description: &after.text.brief,
                detailed_description: detailed_lines(transition),
                suggested_actions: &after.text.suggested_actions,
                impact_descriptions: &after.impact,
            },
            last_updated: format_utc(*last_updated),
        }
    }
}

/// Writes one member a kind, in the order of the groups.
fn impact<S: Serializer>(groups: &[ImpactGroup], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(groups.iter().map(|group| {
        let described = ImpactDescription { title: &group.title, impacted_dependencies: &group.resources };
        (&group.resource_type, described)
    }))
}
