//! Alarms and handlers in full: as lines for people and as JSON for programs.

use super::columns::one_line;
use super::line::Call;
use super::pipe::Effect;
use crate::alarm::{AlarmRecord, Contribution, ContributionKey, OperatorChange, Severity, Standing, Untold, UntoldBy};
use crate::clock::format_utc;
use crate::delivery::{HandlerStatus, LaneView};
use crate::ledger::AlarmList;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::{self, Write};

/// Writes a time as people read it.
pub(super) type LocalTime<'a> = dyn Fn(Timestamp) -> String + 'a;

/// The colours of severities, on terminals that want any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Painted(bool);

/// A colour: an SGR parameter of a terminal.
pub(super) type Colour = u8;

impl Painted {
    /// Returns whether what a command prints may be in colours: on a terminal, and not where a pipe would take them for text.
    pub(super) fn of(call: &Call<'_>) -> Self {
        let is_plain = call.pipes.iter().any(|pipe| pipe.pipe.effect != Effect::NoMore);
        Self(call.is_terminal && !is_plain && call.terminal.hello().colour)
    }

    pub(super) fn is_on(self) -> bool {
        self.0
    }

    /// Returns the colour of a severity.
    pub(super) fn severity(self, severity: Severity, is_cleared: bool) -> Option<Colour> {
        let colour = match severity {
            _ if is_cleared => 32,
            Severity::Critical => 31,
            Severity::Major => 91,
            Severity::Minor => 33,
            Severity::Warning => 36,
            Severity::Indeterminate => 90,
        };
        self.0.then_some(colour)
    }

    /// Puts a text into a colour.
    pub(super) fn paint(colour: Option<Colour>, text: &str) -> String {
        colour.map_or_else(|| text.to_owned(), |colour| format!("\u{1b}[{colour}m{text}\u{1b}[0m"))
    }
}

/// Writes all that is known of an alarm, a thing a line.
pub(super) fn write_detail(
    record: &AlarmRecord,
    list: &AlarmList,
    now: Timestamp,
    local: &LocalTime<'_>,
    out: &mut dyn Write,
) -> fmt::Result {
    let AlarmRecord { id, key, state, .. } = record;
    writeln!(out, "alarm {id}")?;
    let reported = record.reported.map(|severity| format!("{severity}, before profiles")).unwrap_or_default();
    for (name, value) in [
        ("severity", standing(state.standing)),
        ("reported", reported),
        ("operator", operator_state(record)),
        ("shelf", record.shelf.clone().unwrap_or_default()),
        ("resource-type", key.resource_type.clone()),
        ("resource", key.resource.clone()),
        ("alarm-type", key.alarm_type.clone()),
        ("qualifier", key.qualifier.clone()),
        ("node", key.node.clone()),
        ("project", record.project.clone().unwrap_or_default()),
        ("text", state.text.brief.as_ref().to_owned()),
        ("created", local(record.time_created)),
        ("last-raised", local(record.last_raised)),
        ("last-changed", local(record.last_changed)),
        ("transitions", record.sequence.to_string()),
        ("handlers-know", untold(record)),
        ("held-back", held_back(record, now, local)),
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
    let correlation = &state.text.correlation;
    section(out, "root-cause-resources", correlation.root_causes.iter().map(|name| one_line(&name.to_string())))?;
    section(out, "related-alarms", correlation.related.iter().map(ToString::to_string))?;
    section(out, "sources", list.contributions(id).into_iter().flatten().map(|said| source(said, local)))?;
    section(out, "operator-states", record.operator_changes.iter().map(|change| operator_change(change, local)))?;
    let changes = record.status_changes.iter();
    let change = |then: Standing, text: &str| {
        let word = if then.is_cleared { "cleared" } else { then.severity.as_str() };
        one_line(&format!("{word:<13} {text}"))
    };
    section(
        out,
        "changes",
        changes.map(|c| format!("{} {}", local(c.time), change(c.standing, &c.text)).trim_end().to_owned()),
    )
}

fn operator_state(record: &AlarmRecord) -> String {
    record.operator_changes.first().map(|change| format!("{} by {}", change.state, change.operator)).unwrap_or_default()
}

fn operator_change(change: &OperatorChange, local: &LocalTime<'_>) -> String {
    let said = format!("{} {} by {} {}", local(change.time), change.state, change.operator, change.text);
    one_line(said.trim_end())
}

/// Says what handlers know of an alarm, where that is not what the list shows.
fn untold(record: &AlarmRecord) -> String {
    let Some(Untold { announced, by }) = record.untold else { return String::new() };
    let known = announced.map_or_else(|| "nothing".to_owned(), standing);
    let why = match by {
        UntoldBy::Policy => "`notify-status-changes` does not tell this change",
        UntoldBy::Shelf => "it is, or was, on a shelf",
        UntoldBy::Hold => "its type has a hold-down",
    };
    format!("{known}: {why}")
}

fn held_back(record: &AlarmRecord, now: Timestamp, local: &LocalTime<'_>) -> String {
    let Some(hold) = record.hold else { return String::new() };
    let mut said = Vec::new();
    if hold.held_back > 0 {
        let flaps = if hold.is_flapping(now) { " (flapping)" } else { "" };
        said.push(format!("{} changes{flaps}", hold.held_back));
    }
    said.extend(hold.until.map(|until| format!("told at {} unless it changes back", local(until))));
    said.join(", ")
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
    let who = match said.key.0.as_str() {
        "" => "the default source",
        ContributionKey::OWN => "this element",
        other => other,
    };
    let until = said.ends_at.map(|time| format!(" until {}", local(time))).unwrap_or_default();
    one_line(&format!("{}{until}: {who}", said.severity))
}

/// Writes handlers, with their lanes where they have any, as a JSON array.
pub(super) fn write_handlers_json<'a>(
    handlers: &[HandlerStatus],
    lane: &dyn Fn(&str) -> Option<&'a LaneView>,
    out: &mut dyn Write,
) -> fmt::Result {
    write_array(handlers.iter().map(|handler| handler_json(handler, lane(&handler.id))), out)
}

/// Writes values one by one: the array of very many alarms is never in memory as a whole.
fn write_array(values: impl Iterator<Item = Value>, out: &mut dyn Write) -> fmt::Result {
    let mut is_empty = true;
    out.write_char('[')?;
    for value in values {
        // Line ends within texts are escaped, so these are the layout's own.
        let text = format!("{value:#}").replace('\n', "\n  ");
        write!(out, "{}\n  {text}", if is_empty { "" } else { "," })?;
        is_empty = false;
    }
    out.write_str(if is_empty { "]\n" } else { "\n]\n" })
}

fn handler_json(handler: &HandlerStatus, lane: Option<&LaneView>) -> Value {
    let failure = handler.last_failure.as_ref();
    let time = |of: fn(&LaneView) -> Option<Timestamp>| lane.and_then(of).map(format_utc);
    json!({
        "name": handler.id,
        "kind": handler.kind.as_str(),
        "destination": handler.destination,
        "state": handler.state.to_string(),
        "suspended_since": time(|lane| lane.suspended_since),
        "next_probe": time(|lane| lane.probe_at),
        "retry_after_until": time(|lane| lane.paused_until),
        "rate_limit_until": time(|lane| lane.paced_until),
        "failing_until": time(|lane| lane.held_until),
        "waiting": handler.waiting,
        "delivered": handler.delivered,
        "given_up": handler.given_up,
        "last_success": handler.last_success.map(format_utc),
        "last_failure": failure.map(|(time, reason)| json!({"time": format_utc(*time), "reason": reason})),
    })
}
