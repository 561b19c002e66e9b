//! Commands that show alarms, and the handlers that deliver them.

use super::Engine;
use super::alarm_text::{self, Painted};
use super::columns::{Columns, Give};
use super::fault::Fault;
use super::line::{Call, Given};
use super::output::Output;
use super::pipe::Effect;
use crate::alarm::{AlarmRecord, OperatorState, Severity};
use crate::diagnostic::Diagnostic;
use crate::ledger::AlarmList;
use crate::management::alarm_json;
use crate::shell::Status;
use serde_json::Value;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// `show alarms`
pub(super) fn show(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    if given.has("summary") {
        return summary(engine, call);
    }
    if given.has("inventory") {
        return inventory(engine, call);
    }
    if given.has("explain") {
        return super::explain::show(engine, given, call);
    }
    let list = engine.management.alarms();
    let is_history = given.has("history");
    let shown = match given.word() {
        Some(id) => vec![find(&list, id, given, call)?],
        None => selected(&list, given, given.has("all") || is_history),
    };
    if is_json(call) {
        return json(engine, given.has("shelved"), &shown, call);
    }
    if shown.is_empty() && call.pipes.is_empty() {
        if call.is_terminal {
            call.say(if list.standing() == 0 { "No alarms stand.\n" } else { "No such alarm stands.\n" })?;
        }
        return Ok(Status::Done);
    }
    if is_history {
        return history(engine, &shown, call);
    }
    if given.has("detail") || given.word().is_some() {
        let now = engine.management.clock().now();
        return print(call, |out| {
            for (at, record) in shown.iter().enumerate() {
                out.write_str(if at == 0 { "" } else { "\n" })?;
                alarm_text::write_detail(record, &list, now, &|time| engine.local_time(time).to_string(), out)?;
            }
            Ok(())
        });
    }
    brief(engine, &shown, call)
}

/// Writes an alarm a line.
fn brief(engine: &Engine, shown: &[Arc<AlarmRecord>], call: &mut Call<'_>) -> Result<Status, Fault> {
    let mut table = Columns::new([
        "Severity",
        "Operator",
        "Shelf",
        "Resource type",
        "Resource",
        "Alarm type",
        "Qualifier",
        "Last changed",
        "Flapping",
        "Text",
    ]);
    let (now, painted) = (engine.management.clock().now(), Painted::of(call));
    let time = engine.brief_time(call);
    for record in shown {
        let key = &record.key;
        let hold = record.hold.filter(|hold| hold.is_flapping(now));
        let operator = match record.operator_state() {
            OperatorState::None | OperatorState::Shelved | OperatorState::UnShelved => String::new(),
            state => state.to_string(),
        };
        table.painted_row(
            painted.severity(record.severity(), record.is_cleared()),
            [
                if record.is_cleared() { "cleared".to_owned() } else { record.severity().to_string() },
                operator,
                record.shelf.clone().unwrap_or_default(),
                key.resource_type.clone(),
                key.resource.clone(),
                key.alarm_type.clone(),
                key.qualifier.clone(),
                time(record.last_changed),
                hold.map(|hold| format!("{} held back", hold.held_back)).unwrap_or_default(),
                record.state.text.brief.as_ref().to_owned(),
            ],
        );
    }
    let gives = [
        Give::Nothing,
        Give::Out(6, 4),
        Give::Out(6, 5),
        Give::Out(8, 2),
        Give::Cut(12),
        Give::Cut(14),
        Give::Out(8, 3),
        Give::Nothing,
        Give::Out(6, 1),
        Give::Cut(20),
    ];
    print_table(engine, call, table, gives)
}

/// Writes what changed, newest first.
fn history(engine: &Engine, shown: &[Arc<AlarmRecord>], call: &mut Call<'_>) -> Result<Status, Fault> {
    let mut changes = Vec::new();
    for record in shown {
        for change in &record.status_changes {
            let word = if change.standing.is_cleared { "cleared" } else { change.standing.severity.as_str() };
            changes.push((change.time, record, word.to_owned(), Arc::clone(&change.text)));
        }
        for change in &record.operator_changes {
            let said = format!("{} by {}", change.state, change.operator);
            changes.push((change.time, record, said, change.text.as_str().into()));
        }
    }
    changes.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.id.cmp(&b.1.id)));
    let local = engine.brief_time(call);
    let mut table = Columns::new(["Time", "Change", "Resource type", "Resource", "Alarm type", "Qualifier", "Text"]);
    for (time, record, said, text) in changes {
        let key = &record.key;
        table.row([
            local(time),
            said,
            key.resource_type.clone(),
            key.resource.clone(),
            key.alarm_type.clone(),
            key.qualifier.clone(),
            text.as_ref().to_owned(),
        ]);
    }
    let gives =
        [Give::Nothing, Give::Cut(10), Give::Out(8, 1), Give::Cut(10), Give::Cut(10), Give::Out(8, 2), Give::Cut(14)];
    print_table(engine, call, table, gives)
}

fn summary(engine: &Engine, call: &mut Call<'_>) -> Result<Status, Fault> {
    let summary = engine.management.alarm_summary();
    if is_json(call) {
        let value = alarm_json::within("summary", alarm_json::summary(&summary));
        return print(call, |out| writeln!(out, "{value:#}"));
    }
    let mut table = Columns::new(["Severity", "Total", "Standing", "Cleared", "Standing, closed", "Cleared, closed"]);
    let painted = Painted::of(call);
    for (severity, counts) in summary.by_severity() {
        let colour = if counts.not_cleared() > 0 { painted.severity(severity, false) } else { None };
        table.painted_row(
            colour,
            [
                severity.to_string(),
                counts.total().to_string(),
                counts.not_cleared().to_string(),
                counts.cleared().to_string(),
                counts.not_cleared_closed.to_string(),
                counts.cleared_closed.to_string(),
            ],
        );
    }
    print(call, |out| {
        table.write(out)?;
        if summary.shelved > 0 {
            writeln!(out, "On shelves, and not counted: {}", summary.shelved)?;
        }
        Ok(())
    })
}

fn inventory(engine: &Engine, call: &mut Call<'_>) -> Result<Status, Fault> {
    let inventory = engine.management.inventory();
    if is_json(call) {
        let types: Vec<Value> =
            inventory.iter().map(|entry| alarm_json::inventory_entry(&entry.alarm_type, &entry.spec)).collect();
        let value = alarm_json::within("alarm-inventory", serde_json::json!({ "alarm-type": types }));
        return print(call, |out| writeln!(out, "{value:#}"));
    }
    let mut table = Columns::new(["Alarm type", "Severities", "Clears", "Known", "Description"]);
    for entry in inventory {
        let severities: Vec<&str> = entry.spec.severities.iter().map(|severity| severity.as_str()).collect();
        table.row([
            entry.alarm_type,
            severities.join(", "),
            if entry.spec.will_clear { "yes" } else { "no" }.to_owned(),
            if entry.is_known { "yes" } else { "no" }.to_owned(),
            entry.spec.brief.unwrap_or_default(),
        ]);
    }
    print(call, |out| table.write(out))
}

/// Writes alarms in the shape of RFC 8632, one by one: very many are never in memory as a whole.
fn json(engine: &Engine, is_shelved: bool, shown: &[Arc<AlarmRecord>], call: &mut Call<'_>) -> Result<Status, Fault> {
    let (container, list, count, changed) = if is_shelved {
        ("shelved-alarms", "shelved-alarm", "number-of-shelved-alarms", "shelved-alarms-last-changed")
    } else {
        ("alarm-list", "alarm", "number-of-alarms", "last-changed")
    };
    let (number, newest) = alarm_json::newest(shown);
    let values = shown.iter().filter_map(|record| engine.management.alarm_value(record));
    print(call, |out| {
        write!(
            out,
            "{{\n  \"{}:alarms\": {{\n    \"{container}\": {{\n      \"{count}\": {number}",
            alarm_json::MODULE
        )?;
        if let Some(newest) = newest {
            write!(out, ",\n      \"{changed}\": \"{newest}\"")?;
        }
        let mut is_first = true;
        for value in values {
            if is_first {
                write!(out, ",\n      \"{list}\": [")?;
            } else {
                out.write_str(",")?;
            }
            // Line ends within texts are escaped, so these are the layout's own.
            write!(out, "\n        {}", format!("{value:#}").replace('\n', "\n        "))?;
            is_first = false;
        }
        out.write_str(if is_first { "\n    }\n  }\n}\n" } else { "\n      ]\n    }\n  }\n}\n" })
    })
}

/// Returns the one alarm whose identifier begins so.
pub(super) fn find(list: &AlarmList, id: &str, given: &Given, call: &Call<'_>) -> Result<Arc<AlarmRecord>, Fault> {
    let id = id.to_ascii_lowercase();
    let mut found = list.iter().filter(|record| record.id.to_string().starts_with(&id));
    let span = given.words.first().map(|token| token.span(&call.source));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(Arc::clone(only)),
        (Some(_), Some(_)) => {
            Err(Diagnostic::error(format!("several alarms have an identifier that begins with `{id}`"))
                .at_maybe(span)
                .into())
        }
        (None, _) => {
            let said = Diagnostic::error(format!("no alarm has an identifier that begins with `{id}`"));
            Err(said.at_maybe(span).hint("`show alarms all detail` shows the identifiers").into())
        }
    }
}

/// Returns whether an alarm is one of those that are asked for.
pub(super) fn is_wanted(record: &AlarmRecord, given: &Given) -> bool {
    let severity = |option: &str| given.option(option).and_then(|text| text.parse::<Severity>().ok());
    let is_same = |option: &str, text: &str| given.option(option).is_none_or(|wanted| wanted == text);
    let key = &record.key;
    severity("severity").is_none_or(|severity| severity == record.severity())
        && severity("min-severity").is_none_or(|severity| severity <= record.severity())
        && is_same("resource-type", &key.resource_type)
        && is_same("resource", &key.resource)
        && is_same("alarm-type", &key.alarm_type)
        && is_same("qualifier", &key.qualifier)
        && is_same("node", &key.node)
        && is_same("operator-state", record.operator_state().as_str())
        && given.option("shelf").is_none_or(|wanted| record.shelf.as_deref() == Some(wanted))
}

/// Returns the alarms that are asked for: the worst first, of one severity the newest first, those cleared at the end.
fn selected(list: &AlarmList, given: &Given, with_cleared: bool) -> Vec<Arc<AlarmRecord>> {
    let is_shelved = given.has("shelved") || given.option("shelf").is_some();
    let is_shown = |record: &AlarmRecord| {
        record.shelf.is_some() == is_shelved
            && (with_cleared || is_shelved || !record.is_cleared())
            && is_wanted(record, given)
    };
    let mut shown: Vec<Arc<AlarmRecord>> = list.iter().filter(|record| is_shown(record)).cloned().collect();
    shown.sort_by(|a, b| {
        let worst_first = a.is_cleared().cmp(&b.is_cleared()).then(b.severity().cmp(&a.severity()));
        worst_first.then(b.last_changed.cmp(&a.last_changed)).then(a.id.cmp(&b.id))
    });
    shown
}

pub(super) fn is_json(call: &Call<'_>) -> bool {
    call.pipes.iter().any(|pipe| pipe.pipe.effect == Effect::Display)
}

/// Sends what a writer writes through the pipes of the line.
pub(super) fn print(call: &mut Call<'_>, write: impl FnOnce(&mut Output<'_>) -> fmt::Result) -> Result<Status, Fault> {
    let is_painted = Painted::of(call).is_on();
    let pipes = std::mem::take(&mut call.pipes);
    let mut output = Output::new(call.terminal, call.is_terminal, &pipes)?.painted(is_painted);
    output.write(write);
    output.finish()?;
    Ok(Status::Done)
}

/// Sends a table through the pipes of the line. On a screen no row is wider than that.
pub(super) fn print_table<const N: usize>(
    engine: &Engine,
    call: &mut Call<'_>,
    table: Columns<N>,
    gives: [Give; N],
) -> Result<Status, Fault> {
    let table = table.fit(engine.screen(call), gives);
    print(call, |out| table.write(out))
}
