//! Commands about alarm handlers: how they fare, a test, going on.

use super::Engine;
use super::alarm_text;
use super::alarms::{is_json, print, print_table};
use super::columns::{Columns, Give, one_line};
use super::delivery_text::{held, holds, told};
use super::fault::Fault;
use super::line::{Call, Given};
use crate::alarm::JournalPosition;
use crate::delivery::{DeliveryStep, HandlerState, HandlerStatus, LaneView};
use crate::diagnostic::Diagnostic;
use crate::management::TestStep;
use crate::shell::Status;

/// `show handlers`
pub(super) fn show(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let handlers = engine.management.handlers();
    // An element that delivers nothing has none.
    let lanes = match engine.management.deliveries() {
        Ok(deliveries) => deliveries.lanes().map_err(|error| told(&error.into()))?,
        Err(_) => Vec::new(),
    };
    let lane = |id: &str| lanes.iter().find(|lane| lane.handler == id);
    if is_json(call) {
        return print(call, |out| alarm_text::write_handlers_json(&handlers, &lane, out));
    }
    if handlers.is_empty() && call.pipes.is_empty() {
        return call.nothing("No handler is told of alarms.\n");
    }
    let (time, is_narrow) = (engine.brief_time(call), engine.is_narrow(call));
    let names = [
        "Name",
        "Kind",
        "Destination",
        "State",
        "Held",
        "Waiting",
        "Delivered",
        "Given up",
        "Last success",
        "Last failure",
    ];
    let mut table = Columns::new(names);
    for HandlerStatus { id, kind, destination, state, waiting, delivered, given_up, last_success, last_failure } in
        handlers
    {
        // What is cut off on a narrow screen must not be why.
        let failure = last_failure.map(|(at, reason)| {
            if is_narrow { format!("{reason}, {}", time(at)) } else { format!("{}: {reason}", time(at)) }
        });
        let held = lane(&id).map(|lane| held(lane, &time)).unwrap_or_default();
        table.row([
            id,
            kind.to_string(),
            destination,
            state.to_string(),
            held,
            waiting.to_string(),
            delivered.to_string(),
            if given_up == 0 { String::new() } else { given_up.to_string() },
            last_success.map_or_else(|| "never".to_owned(), &time),
            failure.unwrap_or_default(),
        ]);
    }
    let gives = [
        Give::Cut(8),
        Give::Out(16, 1),
        Give::Out(28, 3),
        Give::Nothing,
        Give::Nothing,
        Give::Nothing,
        Give::Out(9, 4),
        Give::Out(8, 5),
        Give::Out(8, 2),
        Give::Cut(12),
    ];
    print_table(engine, call, table, gives)
}

/// `request alarm-handlers alarm-handler NAME test|resume`
pub(super) fn request(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let name = given.option("alarm-handler").unwrap_or_default().to_owned();
    refuse_untold(engine, &name)?;
    if given.has("test") { test(engine, &name, call) } else { resume(engine, &name, call) }
}

/// Refuses a handler that is told of nothing, and says why it is not.
fn refuse_untold(engine: &Engine, name: &str) -> Result<(), Fault> {
    let handlers = engine.management.handlers();
    match handlers.iter().find(|status| status.id == name) {
        Some(status) if status.state == HandlerState::Disabled => {
            let said = Diagnostic::error(format!("the alarm handler `{name}` is disabled: it is told of nothing"));
            Err(Fault::Failed(said.hint("its leaf `enabled` says so: delete it, and `commit`")))
        }
        Some(_) => Ok(()),
        None => {
            let said = Diagnostic::error(format!("no alarm handler `{name}` is configured"));
            Err(Fault::Failed(said.did_you_mean(name, handlers.iter().map(|status| status.id.as_str()))))
        }
    }
}

fn resume(engine: &Engine, name: &str, call: &mut Call<'_>) -> Result<Status, Fault> {
    let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
    let lanes = deliveries.lanes().map_err(|error| told(&error.into()))?;
    let is_held = lanes.iter().find(|lane| lane.handler == name).is_none_or(is_held);
    deliveries.resume(name).map_err(|error| told(&error.into()))?;
    call.say(&if is_held {
        format!("The alarm handler {name} is tried again, with all that waits for it.\n")
    } else {
        format!("The alarm handler {name} works: there was nothing to resume.\n")
    })?;
    Ok(Status::Done)
}

/// Returns whether something can be tried at once that otherwise comes later.
fn is_held(lane: &LaneView) -> bool {
    !matches!(lane.state, HandlerState::Idle | HandlerState::Delivering) || lane.paused_until.is_some()
}

fn test(engine: &Engine, name: &str, call: &mut Call<'_>) -> Result<Status, Fault> {
    let mut failed = None;
    let verdict = engine.management.test_handler(name, &mut |step| {
        let line = tested(engine, &step);
        if !line.is_empty() && failed.is_none() {
            failed = call.say(&line).err();
        }
    });
    if let Some(failed) = failed {
        return Err(failed);
    }
    verdict.map_err(|error| told(&error))?;
    Ok(Status::Done)
}

fn tested(engine: &Engine, step: &TestStep) -> String {
    match step {
        TestStep::Raised(JournalPosition(position)) => {
            format!("Raised a self-test alarm for this handler only, journal position {position}.\n")
        }
        TestStep::Lane(lane) => {
            let held = holds(engine, Some(lane));
            if held.is_empty() {
                String::new()
            } else {
                format!("What holds it up: {}.\n", held.trim_start_matches("; "))
            }
        }
        TestStep::Attempted(DeliveryStep { number, attempt, status, duration, failure, is_suspended, .. }) => {
            let result = match (failure, status) {
                (Some(failure), _) => format!("failed: {failure}"),
                (None, Some(status)) => format!("delivered: status {status}"),
                (None, None) => "delivered".to_owned(),
            };
            let millis = duration.as_millis();
            let suspended = if *is_suspended { " The handler is suspended." } else { "" };
            format!("Delivery {number}, attempt {attempt}: {} after {millis} ms.{suspended}\n", one_line(&result))
        }
        TestStep::Cleared => "Cleared the self-test alarm.\n".to_owned(),
    }
}
