//! Alarms and handlers in full: as lines for people and as JSON for programs.

use super::columns::one_line;
use crate::alarm::{AlarmRecord, Contribution, Standing};
use crate::clock::format_utc;
use crate::delivery::HandlerStatus;
use crate::ledger::AlarmList;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::{self, Write};
use std::sync::Arc;

/// Writes a time as people read it.
pub(super) type LocalTime<'a> = dyn Fn(Timestamp) -> String + 'a;

/// Writes all that is known of an alarm, a thing a line.
pub(super) fn write_detail(
    record: &AlarmRecord,
    list: &AlarmList,
    local: &LocalTime<'_>,
    out: &mut dyn Write,
) -> fmt::Result {
    let AlarmRecord { id, key, state, .. } = record;
    writeln!(out, "alarm {id}")?;
    for (name, value) in [
        ("severity", standing(state.standing)),
        ("resource-type", key.resource_type.clone()),
        ("resource", key.resource.clone()),
        ("alarm-type", key.alarm_type.clone()),
        ("qualifier", key.qualifier.clone()),
        ("node", key.node.clone()),
        ("text", state.text.brief.clone()),
        ("created", local(record.time_created)),
        ("last-raised", local(record.last_raised)),
        ("last-changed", local(record.last_changed)),
        ("transitions", record.sequence.to_string()),
    ] {
        if !value.is_empty() {
            writeln!(out, "  {name:<14} {}", one_line(&value))?;
        }
    }
    section(out, "description", state.text.detailed.iter().map(|line| one_line(line)))?;
    section(out, "suggested-actions", state.text.suggested_actions.iter().map(|line| one_line(line)))?;
    let impact = state.impact.iter().map(|group| {
        let title = if group.title.is_empty() { &group.resource_type } else { &group.title };
        one_line(&format!("{title}: {}", group.resources.join(", ")))
    });
    section(out, "impacted-resources", impact)?;
    section(out, "sources", list.contributions(id).into_iter().flatten().map(|said| source(said, local)))?;
    let changes = record.status_changes.iter();
    let change = |standing_then, text: &str| one_line(&format!("{:<13} {text}", standing(standing_then)));
    section(
        out,
        "changes",
        changes.map(|c| format!("{} {}", local(c.time), change(c.standing, &c.text)).trim_end().to_owned()),
    )
}

fn section(out: &mut dyn Write, name: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    for (at, line) in lines.enumerate() {
        if at == 0 {
            writeln!(out, "  {name}")?;
        }
        writeln!(out, "    {line}")?;
    }
    Ok(())
}

fn standing(standing: Standing) -> String {
    let severity = standing.severity;
    if standing.is_cleared { format!("cleared ({severity})") } else { severity.to_string() }
}

fn source(said: &Contribution, local: &LocalTime<'_>) -> String {
    let who = if said.key.0.is_empty() { "operator or element" } else { said.key.0.as_str() };
    let until = said.ends_at.map(|time| format!(" until {}", local(time))).unwrap_or_default();
    one_line(&format!("{}{until}: {who}", said.severity))
}

/// Writes alarms as a JSON array.
pub(super) fn write_json(records: &[Arc<AlarmRecord>], list: &AlarmList, out: &mut dyn Write) -> fmt::Result {
    write_array(records.iter().map(|record| alarm_json(record, list)), out)
}

/// Writes handlers as a JSON array.
pub(super) fn write_handlers_json(handlers: &[HandlerStatus], out: &mut dyn Write) -> fmt::Result {
    write_array(handlers.iter().map(handler_json), out)
}

/// Writes values one by one: the array of very many alarms is never in memory as a whole.
fn write_array(values: impl Iterator<Item = Value>, out: &mut dyn Write) -> fmt::Result {
    let mut is_empty = true;
    out.write_char('[')?;
    for value in values {
        write!(out, "{}\n{value:#}", if is_empty { "" } else { "," })?;
        is_empty = false;
    }
    out.write_str(if is_empty { "]\n" } else { "\n]\n" })
}

fn alarm_json(record: &AlarmRecord, list: &AlarmList) -> Value {
    let AlarmRecord { id, key, state, .. } = record;
    let impact: Vec<Value> = state
        .impact
        .iter()
        .map(|group| json!({"resource_type": group.resource_type, "title": group.title, "resources": group.resources}))
        .collect();
    let sources: Vec<Value> = list
        .contributions(id)
        .into_iter()
        .flatten()
        .map(|c| json!({"source": c.key.0, "severity": c.severity, "ends_at": c.ends_at.map(format_utc)}))
        .collect();
    let changes: Vec<Value> = record
        .status_changes
        .iter()
        .map(|change| {
            let Standing { severity, is_cleared } = change.standing;
            json!({"time": format_utc(change.time), "severity": severity, "cleared": is_cleared, "text": change.text})
        })
        .collect();
    json!({
        "alarm_id": id.to_string(),
        "severity": record.severity(),
        "cleared": record.is_cleared(),
        "resource_type": key.resource_type,
        "resource_id": key.resource,
        "alarm_type": key.alarm_type,
        "qualifier": key.qualifier,
        "node_id": key.node,
        "brief_description": state.text.brief,
        "detailed_description": state.text.detailed,
        "suggested_actions": state.text.suggested_actions,
        "impacted_resources": impact,
        "sequence": record.sequence,
        "revision": record.revision,
        "time_created": format_utc(record.time_created),
        "last_raised": format_utc(record.last_raised),
        "last_changed": format_utc(record.last_changed),
        "last_updated": format_utc(record.last_updated),
        "sources": sources,
        "status_changes": changes,
    })
}

fn handler_json(handler: &HandlerStatus) -> Value {
    let failure = handler.last_failure.as_ref();
    json!({
        "name": handler.id,
        "kind": handler.kind.as_str(),
        "destination": handler.destination,
        "state": handler.state.to_string(),
        "waiting": handler.waiting,
        "delivered": handler.delivered,
        "given_up": handler.given_up,
        "last_success": handler.last_success.map(format_utc),
        "last_failure": failure.map(|(time, reason)| json!({"time": format_utc(*time), "reason": reason})),
    })
}
