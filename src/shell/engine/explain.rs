//! Who was told of an alarm, and why the others were not.

use super::Engine;
use super::alarms::{find, is_json, print};
use super::columns::one_line;
use super::delivery_text::{entry_json, holds, many, outcome, standing, told};
use super::fault::Fault;
use super::line::{Call, Given};
use crate::alarm::UntoldBy;
use crate::clock::format_utc;
use crate::delivery::{Decision, DeliveryState, Explanation, LaneView};
use crate::diagnostic::Diagnostic;
use crate::shell::Status;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// `show alarms A explain`
pub(super) fn show(engine: &Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let Some(id) = given.word() else {
        return Err(Diagnostic::error("`explain` is of one alarm").hint("show alarms ALARM_ID explain").into());
    };
    let list = engine.management.alarms();
    let record = find(&list, id, given, call)?;
    let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
    let explained = deliveries.explain(&record).map_err(|error| told(&error.into()))?;
    let lanes = deliveries.look(Some(record.id)).map_err(|error| told(&error.into()))?;
    if is_json(call) {
        let all: Vec<Value> = explained.iter().map(explanation_json).collect();
        return print(call, |out| writeln!(out, "{}", Value::Array(all)));
    }
    print(call, |out| {
        writeln!(out, "alarm {}", record.id)?;
        if let Some(shelf) = &record.shelf {
            writeln!(out, "  it is on the shelf {}: no handler is told of its changes", one_line(shelf))?;
        } else if let Some(untold) = record.untold {
            let why = match untold.by {
                UntoldBy::Policy => "`alarms control notify-status-changes` says so",
                UntoldBy::Shelf => "it was on a shelf when it came to it",
                UntoldBy::Hold => "it has not lasted for its hold-down",
            };
            writeln!(out, "  no handler is told of its present state: {why}")?;
        }
        if lanes.is_empty() {
            writeln!(out, "  no handler is told of alarms")?;
        }
        for Explanation { transition, decisions } in &explained {
            let state = standing(transition.after.standing);
            let time = engine.local_time(transition.last_updated);
            writeln!(out, "change {}  {state}  {time}  revision {}", transition.sequence, transition.revision)?;
            for (handler, decision) in decisions {
                let lane = lanes.iter().find(|lane| lane.handler == *handler);
                writeln!(out, "  {handler}: {}", one_line(&decided(engine, decision, lane)))?;
            }
        }
        Ok(())
    })
}

/// Says in a sentence what a handler made of a transition.
fn decided(engine: &Engine, decision: &Decision, lane: Option<&LaneView>) -> String {
    match decision {
        Decision::Former(entry) => {
            let entry = Decision::Delivery(entry.clone());
            let since = match lane {
                Some(_) => "before the handler was taken into use anew",
                None => "the handler is no longer in use",
            };
            format!("{}; {since}", decided(engine, &entry, None))
        }
        Decision::Delivery(entry) => {
            let mut said = outcome(engine, entry);
            if let Some(other) = &entry.in_place_of {
                said.push_str(&format!(", in place of {other}"));
            }
            if let Some(number) = entry.number {
                said.push_str(&format!(", delivery {number}"));
            }
            if entry.attempts > 0 {
                said.push_str(&format!(", {}", many(entry.attempts, "attempt", "attempts")));
            }
            if let Some(time) = entry.time {
                said.push_str(&format!(", {}", engine.local_time(time)));
            }
            if entry.revision > 0 {
                said.push_str(&format!(", revision {}", entry.revision));
            }
            if matches!(entry.state, DeliveryState::Waiting(_)) {
                said.push_str(&holds(engine, lane));
            }
            said
        }
        Decision::Filtered { by, why, revision } => format!("filtered by {by}: {why}, revision {revision}"),
        Decision::BeforeHandler => "not told: it happened before the handler was configured".to_owned(),
        Decision::NotReached(positions) => {
            format!("waiting: at most {positions} changes of all alarms lie before it{}", holds(engine, lane))
        }
        Decision::NoRecord => "what became of it is no longer kept".to_owned(),
    }
}

fn explanation_json(explanation: &Explanation) -> Value {
    let decision = |(handler, decision): &(String, Decision)| {
        let (outcome, rest) = match decision {
            Decision::Delivery(entry) | Decision::Former(entry) => (entry.state.as_str(), entry_json(entry, None)),
            Decision::Filtered { by, why, revision } => {
                ("filtered", json!({"by": by.as_str(), "why": why, "revision": revision}))
            }
            Decision::BeforeHandler => ("before-handler", Value::Null),
            Decision::NotReached(positions) => ("waiting", json!({"positions_before": positions})),
            Decision::NoRecord => ("no-record", Value::Null),
        };
        json!({"handler": handler, "outcome": outcome, "detail": rest})
    };
    json!({
        "sequence": explanation.transition.sequence,
        "severity": explanation.transition.after.standing.severity.as_str(),
        "cleared": explanation.transition.after.standing.is_cleared,
        "last_updated": format_utc(explanation.transition.last_updated),
        "revision": explanation.transition.revision,
        "handlers": explanation.decisions.iter().map(decision).collect::<Vec<_>>(),
    })
}
