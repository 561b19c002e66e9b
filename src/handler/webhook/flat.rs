//! The flat format: thirteen keys, all values strings, all always there.

use crate::alarm::{ImpactGroup, Transition};
use crate::clock::format_utc;
use crate::handler::description::{dashboard_link, detailed_lines};
use serde::Serialize;

/// Body in the flat format; the fields are written in this order.
#[derive(Debug, Serialize)]
pub(super) struct Flat<'a> {
    alarm_id: String,
    alarm_type: &'a str,
    resource_id: &'a str,
    resource_type: &'a str,
    node_id: &'a str,
    cleared: &'static str,
    severity: &'static str,
    dashboard_link: String,
    brief_description: &'a str,
    detailed_description: String,
    impacted_resources: String,
    suggested_actions: String,
    last_updated: String,
}

impl<'a> Flat<'a> {
    pub(super) fn of(transition: &'a Transition, base_url: Option<&str>) -> Self {
        let Transition { id, key, after, last_updated, .. } = transition;
        Self {
            alarm_id: id.to_string(),
            alarm_type: &key.alarm_type,
            resource_id: &key.resource,
            resource_type: &key.resource_type,
            node_id: &key.node,
            cleared: if after.standing.is_cleared { "true" } else { "false" },
            severity: after.standing.severity.as_str(),
            dashboard_link: dashboard_link(base_url, *id),
            brief_description: &after.text.brief,
            detailed_description: detailed_lines(transition).join("\n"),
            impacted_resources: after.impact.iter().map(impact_line).collect::<Vec<_>>().join("\n"),
            suggested_actions: after.text.suggested_actions.join("\n"),
            last_updated: format_utc(*last_updated),
        }
    }
}

/// Writes `TITLE (TYPE): id, id`.
fn impact_line(group: &ImpactGroup) -> String {
    format!("{} ({}): {}", group.title, group.resource_type, group.resources.join(", "))
}
