//! Commands about alarms and the handlers that deliver them.

use super::Engine;
use super::columns::Columns;
use super::fault::Fault;
use super::line::{Call, Given};
use super::output::Output;
use super::pipe::Effect;
use crate::alarm::{AlarmRecord, Severity};
use crate::delivery::HandlerStatus;
use crate::diagnostic::Diagnostic;
use crate::ledger::{AlarmList, Outcome};
use crate::management::{AlarmError, AlarmName};
use crate::shell::Status;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// `show alarms`
pub(super) fn show(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    if given.has("explain") {
        return super::deliveries::explain(engine, given, call);
    }
    let list = engine.management.alarms();
    let shown = match given.word() {
        Some(id) => vec![find(&list, id, given, call)?],
        None => selected(&list, given),
    };
    let is_detailed = given.has("detail") || given.word().is_some();
    if is_json(call) {
        return print(call, |out| super::alarm_text::write_json(&shown, &list, out));
    }
    if shown.is_empty() && call.pipes.is_empty() {
        if call.is_terminal {
            call.say(if list.standing() == 0 { "No alarms stand.\n" } else { "No such alarm stands.\n" })?;
        }
        return Ok(Status::Done);
    }
    if is_detailed {
        return print(call, |out| {
            for (at, record) in shown.iter().enumerate() {
                out.write_str(if at == 0 { "" } else { "\n" })?;
                super::alarm_text::write_detail(record, &list, &|time| engine.local_time(time).to_string(), out)?;
            }
            Ok(())
        });
    }
    let mut table =
        Columns::new(["Severity", "Resource type", "Resource", "Alarm type", "Qualifier", "Last changed", "Text"]);
    for record in &shown {
        let key = &record.key;
        table.row([
            if record.is_cleared() { "cleared".to_owned() } else { record.severity().to_string() },
            key.resource_type.clone(),
            key.resource.clone(),
            key.alarm_type.clone(),
            key.qualifier.clone(),
            engine.local_time(record.last_changed).to_string(),
            record.state.text.brief.clone(),
        ]);
    }
    print(call, |out| table.write(out))
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

/// Returns the alarms that are asked for: the worst first, of one severity the newest first, those cleared at the end.
fn selected(list: &AlarmList, given: &Given) -> Vec<Arc<AlarmRecord>> {
    let severity: Option<Severity> = given.option("severity").and_then(|text| text.parse().ok());
    let is_same = |option: &str, text: &str| given.option(option).is_none_or(|wanted| wanted == text);
    let is_wanted = |record: &AlarmRecord| {
        (given.has("all") || !record.is_cleared())
            && severity.is_none_or(|severity| severity == record.severity())
            && is_same("resource-type", &record.key.resource_type)
            && is_same("resource", &record.key.resource)
            && is_same("alarm-type", &record.key.alarm_type)
    };
    let mut shown: Vec<Arc<AlarmRecord>> = list.iter().filter(|record| is_wanted(record)).cloned().collect();
    shown.sort_by(|a, b| {
        let worst_first = a.is_cleared().cmp(&b.is_cleared()).then(b.severity().cmp(&a.severity()));
        worst_first.then(b.last_changed.cmp(&a.last_changed)).then(a.id.cmp(&b.id))
    });
    shown
}

/// `request alarms raise`
pub(super) fn raise(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    // The table takes nothing else.
    let severity = given.option("severity").and_then(|text| text.parse().ok()).unwrap_or(Severity::Indeterminate);
    let said = engine.management.raise_alarm(name(given), severity, given.option("text"));
    let (id, outcome) = said.map_err(|error| refused(&error))?;
    let came_to = match outcome {
        Outcome::Announced(transition) => match transition.before {
            Some(before) if !before.is_cleared => {
                format!("severity changed from {} to {}", before.severity, transition.after.standing.severity)
            }
            _ => format!("raised with severity {}", transition.after.standing.severity),
        },
        Outcome::TextChanged => "text changed; handlers are not told of texts alone".to_owned(),
        Outcome::Unchanged => "it stands so already; nothing changed".to_owned(),
    };
    call.say(&format!("Alarm {id}: {came_to}.\n"))?;
    Ok(Status::Done)
}

/// `request alarms clear`
pub(super) fn clear(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let record = engine.management.clear_alarm(name(given)).map_err(|error| refused(&error))?;
    let id = record.id;
    if record.is_cleared() {
        call.say(&format!("Alarm {id}: cleared.\n"))?;
    } else {
        let severity = record.severity();
        call.say(&format!("Alarm {id}: still stands with severity {severity}, because other sources say so.\n"))?;
    }
    Ok(Status::Done)
}

fn name(given: &Given) -> AlarmName {
    let text = |option: &str| given.option(option).unwrap_or_default().to_owned();
    AlarmName {
        resource_type: text("resource-type"),
        resource: text("resource"),
        alarm_type: text("alarm-type"),
        qualifier: text("qualifier"),
    }
}

/// Says why, with the causes.
fn refused(error: &AlarmError) -> Fault {
    let mut said = error.to_string();
    let mut at: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(cause) = at {
        said.push_str(&format!(": {cause}"));
        at = cause.source();
    }
    let diagnostic = Diagnostic::error(said);
    Fault::Failed(match error {
        AlarmError::NotStanding => diagnostic.hint("`show alarms` lists those that stand"),
        AlarmError::StandsByOthers => diagnostic.hint("`show alarms detail` shows what each source says"),
        _ => diagnostic,
    })
}

/// `show handlers`
pub(super) fn handlers(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let handlers = engine.management.handlers();
    if is_json(call) {
        return print(call, |out| super::alarm_text::write_handlers_json(&handlers, out));
    }
    if handlers.is_empty() && call.pipes.is_empty() {
        if call.is_terminal {
            call.say("No handler is told of alarms.\n")?;
        }
        return Ok(Status::Done);
    }
    let mut table = Columns::new([
        "Name",
        "Kind",
        "Destination",
        "State",
        "Waiting",
        "Delivered",
        "Given up",
        "Last success",
        "Last failure",
    ]);
    for HandlerStatus { id, kind, destination, state, waiting, delivered, given_up, last_success, last_failure } in
        handlers
    {
        let failure = last_failure.map(|(time, reason)| format!("{}: {reason}", engine.local_time(time)));
        table.row([
            id,
            kind.to_string(),
            destination,
            state.to_string(),
            waiting.to_string(),
            delivered.to_string(),
            if given_up == 0 { String::new() } else { given_up.to_string() },
            last_success.map_or_else(|| "never".to_owned(), |time| engine.local_time(time).to_string()),
            failure.unwrap_or_default(),
        ]);
    }
    print(call, |out| table.write(out))
}

pub(super) fn is_json(call: &Call<'_>) -> bool {
    call.pipes.iter().any(|pipe| pipe.pipe.effect == Effect::Display)
}

/// Sends what a writer writes through the pipes of the line.
pub(super) fn print(call: &mut Call<'_>, write: impl FnOnce(&mut Output<'_>) -> fmt::Result) -> Result<Status, Fault> {
    let pipes = std::mem::take(&mut call.pipes);
    let mut output = Output::new(call.terminal, call.is_terminal, &pipes)?;
    output.write(write);
    output.finish()?;
    Ok(Status::Done)
}
