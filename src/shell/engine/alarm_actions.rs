//! What an operator says of alarms: they stand, they are gone, somebody takes care of them, they may be forgotten.

use super::Engine;
use super::alarms::{find, is_wanted};
use super::fault::Fault;
use super::line::{Call, Given};
use crate::alarm::{AlarmFilter, AlarmId, Clearance, CompressFilter, OperatorState, Severity, SeverityBound};
use crate::diagnostic::Diagnostic;
use crate::ledger::Outcome;
use crate::management::{AlarmError, AlarmName, OperatorRequest};
use crate::shell::Status;
use jiff::Timestamp;
use std::time::Duration;

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
        Outcome::Held => "changed; handlers are not told now, and `show alarms detail` says why".to_owned(),
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

/// `request alarms set-operator-state`
pub(super) fn set_operator_state(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    // The table takes nothing else.
    let state = given.option("state").and_then(|text| text.parse().ok()).unwrap_or(OperatorState::None);
    let alarms = meant(engine, given, call)?;
    let (operator, text) = (engine.user.clone(), given.option("text").unwrap_or_default().to_owned());
    let request = OperatorRequest { alarms, state, operator, text };
    let changed = engine.management.set_operator_state(request).map_err(|error| refused(&error))?;
    for record in &changed {
        call.say(&format!("Alarm {}: {state}.\n", record.id))?;
    }
    Ok(Status::Done)
}

/// Returns the alarms that a line is about: that of an identifier, or all that have what is named.
fn meant(engine: &Engine, given: &Given, call: &Call<'_>) -> Result<Vec<AlarmId>, Fault> {
    let list = engine.management.alarms();
    if let Some(id) = given.word() {
        return Ok(vec![find(&list, id, given, call)?.id]);
    }
    let names = ["resource-type", "resource", "alarm-type", "qualifier", "node", "severity"];
    if names.iter().all(|name| given.option(name).is_none()) {
        let said = Diagnostic::error("incomplete: expected ALARM_ID, or what the alarms have");
        return Err(said.hint("`show alarms detail` shows the identifiers").into());
    }
    let found: Vec<AlarmId> = list.iter().filter(|record| is_wanted(record, given)).map(|record| record.id).collect();
    if found.is_empty() { Err(Fault::failed("there is no such alarm")) } else { Ok(found) }
}

/// `request alarms purge-alarms`
pub(super) fn purge(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    purge_some(engine, given, call, false)
}

/// `request alarms purge-shelved-alarms`
pub(super) fn purge_shelved(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    purge_some(engine, given, call, true)
}

fn purge_some(engine: &mut Engine, given: &Given, call: &mut Call<'_>, is_shelved: bool) -> Result<Status, Fault> {
    let filter = filter(given, engine.management.clock().now())?;
    let purged = engine.management.purge_alarms(filter, is_shelved).map_err(|error| refused(&error))?;
    call.say(&format!("purged-alarms {purged}\n"))?;
    Ok(Status::Done)
}

/// `request alarms compress-alarms`
pub(super) fn compress(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    compress_some(engine, given, call, false)
}

/// `request alarms compress-shelved-alarms`
pub(super) fn compress_shelved(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    compress_some(engine, given, call, true)
}

fn compress_some(engine: &mut Engine, given: &Given, call: &mut Call<'_>, is_shelved: bool) -> Result<Status, Fault> {
    let text = |option: &str| given.option(option).map(str::to_owned);
    let filter =
        CompressFilter { resource: text("resource"), alarm_type: text("alarm-type"), qualifier: text("qualifier") };
    let compressed = engine.management.compress_alarms(filter, is_shelved).map_err(|error| refused(&error))?;
    call.say(&format!("compressed-alarms {compressed}\n"))?;
    Ok(Status::Done)
}

/// Reads RFC 8632's filter.
fn filter(given: &Given, now: Timestamp) -> Result<AlarmFilter, Fault> {
    let severity = |option: &str| given.option(option).and_then(|text| text.parse::<Severity>().ok());
    let bounds = [
        severity("severity-below").map(SeverityBound::Below),
        severity("severity-is").map(SeverityBound::Is),
        severity("severity-above").map(SeverityBound::Above),
    ];
    let mut bounds = bounds.into_iter().flatten();
    let bound = bounds.next();
    if bounds.next().is_some() {
        return Err(Fault::failed("only one of `severity-below`, `severity-is` and `severity-above` may be given"));
    }
    // The table takes nothing else.
    let clearance = given.option("alarm-clearance-status").unwrap_or_default();
    let age = given.option("older-than").map(age).transpose()?;
    Ok(AlarmFilter {
        clearance: Clearance::ALL.into_iter().find(|c| c.as_str() == clearance).unwrap_or_default(),
        changed_before: age.map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN)),
        severity: bound,
        operator_state: given.option("operator-state").and_then(|text| text.parse().ok()),
        operator: given.option("operator-user").map(str::to_owned),
    })
}

/// Reads an age: a number and `s`, `m`, `h`, `d` or `w`.
fn age(text: &str) -> Result<Duration, Fault> {
    let unit = text.chars().last().and_then(|unit| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        'w' => Some(604_800),
        _ => None,
    });
    let digits = text.trim_end_matches(['s', 'm', 'h', 'd', 'w']);
    let number = digits.parse::<u64>().ok().filter(|_| digits.len() + 1 == text.len());
    let seconds = unit.zip(number).and_then(|(unit, number)| number.checked_mul(unit));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let said = format!("`{text}` is not an age: expected a number and s, m, h, d or w");
        Fault::Failed(Diagnostic::error(said).hint("`7d` is seven days"))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800), ("4w", 2_419_200)] {
            assert_eq!(age(text).ok(), Some(Duration::from_secs(seconds)));
        }
        for text in ["", "7", "d", "7dd", "-1d", "7y", "99999999999999999999d", "18446744073709551615w", "é"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
