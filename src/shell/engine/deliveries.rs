//! Commands about deliveries: the log, once more, who was told and why, and a handler's test.

use super::Engine;
use super::alarms::{find, is_json, print};
use super::columns::{Columns, one_line};
use super::fault::Fault;
use super::line::{Call, Given};
use crate::alarm::{AlarmId, JournalPosition, Standing, UntoldBy};
use crate::clock::format_utc;
use crate::delivery::{
    Decision, DeliveryEntry, DeliveryQuery, DeliveryState, DeliveryStep, Explanation, HandlerState, LaneView, Resent,
    WaitsFor,
};
use crate::diagnostic::Diagnostic;
use crate::management::{DeliveryError, TestStep};
use crate::shell::Status;
use crate::store::AttemptRow;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Value, json};
use std::error::Error as _;
use std::fmt::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

/// Bytes of a body shown at most; the log keeps more.
const BODY_SHOWN_MAX: usize = 16 << 10;

/// `show deliveries`
pub(super) fn show(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    if let Some(number) = number(given, call)? {
        return detail(engine, number, call);
    }
    if given.has("detail") {
        return Err(Diagnostic::error("`detail` is of one delivery").hint("show deliveries N detail").into());
    }
    let query = query(engine, given, call)?;
    let limit = match given.option("last") {
        None => usize::MAX,
        Some(text) => text.parse().map_err(|_| Diagnostic::error(format!("`{text}` is not a number")))?,
    };
    let list = engine.management.alarms();
    let mut entries = Vec::new();
    let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
    deliveries
        .log(&query, |entry| {
            if entries.len() >= limit {
                return ControlFlow::Break(());
            }
            entries.push(entry);
            ControlFlow::Continue(())
        })
        .map_err(|error| told(&error.into()))?;
    let key = |alarm: &AlarmId| list.get(alarm).map(|record| record.key.clone());
    if is_json(call) {
        let all: Vec<Value> = entries.iter().map(entry_json).collect();
        return print(call, |out| writeln!(out, "{}", Value::Array(all)));
    }
    if entries.is_empty() && call.pipes.is_empty() {
        if call.is_terminal {
            call.say("No such delivery is kept.\n")?;
        }
        return Ok(Status::Done);
    }
    let mut table = Columns::new([
        "Number",
        "Time",
        "Handler",
        "Outcome",
        "Reason",
        "Status",
        "Attempts",
        "Severity",
        "Resource",
        "Alarm type",
        "Alarm",
    ]);
    for entry in &entries {
        let key = key(&entry.alarm);
        table.row([
            entry.number.map_or_else(|| "-".to_owned(), |number| number.to_string()),
            entry.time.map_or_else(|| "-".to_owned(), |time| engine.local_time(time).to_string()),
            entry.handler.clone(),
            entry.state.as_str().to_owned(),
            entry.reason().to_owned(),
            entry.status.map_or_else(String::new, |status| status.to_string()),
            entry.attempts.to_string(),
            standing(entry.standing).to_owned(),
            key.as_ref().map(|key| key.resource.clone()).unwrap_or_default(),
            key.map(|key| key.alarm_type.clone()).unwrap_or_default(),
            entry.alarm.to_string(),
        ]);
    }
    print(call, |out| table.write(out))
}

fn detail(engine: &Engine, number: u64, call: &mut Call<'_>) -> Result<Status, Fault> {
    let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
    let (entry, attempts) = deliveries.delivery(number).map_err(|error| told(&error.into()))?;
    if is_json(call) {
        let mut all = entry_json(&entry);
        if let Some(all) = all.as_object_mut() {
            all.insert("tries".to_owned(), attempts.iter().map(attempt_json).collect());
        }
        return print(call, |out| writeln!(out, "{all}"));
    }
    let webhook_id = crate::management::delivery_id(&entry);
    print(call, |out| {
        writeln!(out, "delivery {number}")?;
        for (name, value) in [
            ("handler", entry.handler.clone()),
            ("webhook-id", webhook_id),
            ("alarm", entry.alarm.to_string()),
            ("transition", entry.sequence.to_string()),
            ("severity", standing(entry.standing).to_owned()),
            ("outcome", outcome(engine, &entry)),
            ("in-place-of", entry.in_place_of.clone().unwrap_or_default()),
            ("revision", entry.revision.to_string()),
            ("attempts", entry.attempts.to_string()),
            ("settled", entry.time.map(|time| engine.local_time(time).to_string()).unwrap_or_default()),
        ] {
            if !value.is_empty() {
                writeln!(out, "  {name:<12} {}", one_line(&value))?;
            }
        }
        if attempts.is_empty() && entry.attempts > 0 {
            writeln!(out, "its requests and answers are not kept")?;
        }
        attempts.iter().try_for_each(|attempt| write_attempt(attempt, engine, out))
    })
}

fn write_attempt(attempt: &AttemptRow, engine: &Engine, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "attempt {}", attempt.attempt)?;
    let result = match (&attempt.reason, attempt.status) {
        (None, Some(status)) => format!("delivered: status {status}"),
        (None, None) => "delivered".to_owned(),
        (Some(reason), Some(status)) => format!("{reason}: status {status} {}", attempt.detail),
        (Some(reason), None) => format!("{reason}: {}", attempt.detail),
    };
    writeln!(out, "  time         {}", engine.local_time(attempt.time))?;
    writeln!(out, "  duration     {} ms", attempt.duration.as_millis())?;
    writeln!(out, "  result       {}", one_line(result.trim_end()))?;
    let remote = attempt.remote.as_deref().map(|remote| format!(", answered by {remote}")).unwrap_or_default();
    writeln!(out, "  destination  {}{remote}", one_line(&attempt.destination))?;
    write_message("request", &attempt.request_headers, &attempt.request_body, out)?;
    if attempt.status.is_some() {
        write_message("response", &attempt.response_headers, &attempt.response_body, out)?;
    }
    Ok(())
}

fn write_message(what: &str, headers: &str, body: &[u8], out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "  {what}")?;
    for header in headers.lines() {
        writeln!(out, "    {}", crate::diagnostic::printable(header).replace('\n', " "))?;
    }
    let shown = body.get(..BODY_SHOWN_MAX).unwrap_or(body);
    if !shown.is_empty() {
        writeln!(out)?;
        let text = String::from_utf8_lossy(shown);
        for line in text.lines() {
            writeln!(out, "    {}", crate::diagnostic::printable(line).replace('\n', " "))?;
        }
    }
    if shown.len() < body.len() {
        writeln!(out, "    … {} more bytes", body.len() - shown.len())?;
    }
    Ok(())
}

/// `request deliveries resend`
pub(super) fn resend(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let one = number(given, call)?;
    let query = query(engine, given, call)?;
    let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
    if let Some(number) = one {
        let entry = deliveries.resend(number).map_err(|error| told(&error.into()))?;
        let webhook_id = crate::management::delivery_id(&entry);
        call.say(&format!("Delivery {number} is sent to {} again as {webhook_id}.\n", entry.handler))?;
        return Ok(Status::Done);
    }
    if !query.only_failed && (query.handler.is_none() || query.since.is_none()) {
        let said = Diagnostic::error("expected which deliveries: a number, `failed`, or `handler` with `since`");
        return Err(said.hint("request deliveries resend failed").into());
    }
    let Resent { sent, not_kept, of_removed } = deliveries.resend_all(&query).map_err(|error| told(&error.into()))?;
    let mut said = format!("{sent} deliveries are sent again.\n");
    if not_kept > 0 {
        said.push_str(&format!("{not_kept} are not: what they told is no longer kept.\n"));
    }
    if of_removed > 0 {
        said.push_str(&format!("{of_removed} are not: they were for handlers that are no longer configured.\n"));
    }
    call.say(&said)?;
    Ok(Status::Done)
}

/// `show alarms A explain`
pub(super) fn explain(engine: &Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
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
                said.push_str(&format!(", {} attempts", entry.attempts));
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

/// Says what keeps a whole lane from going on.
fn holds(engine: &Engine, lane: Option<&LaneView>) -> String {
    let Some(lane) = lane else { return String::new() };
    let mut said = String::new();
    if let Some(since) = lane.suspended_since {
        said.push_str(&format!("; the handler is suspended since {}", engine.local_time(since)));
    } else if lane.state == HandlerState::Failing {
        said.push_str("; the handler is failing: one attempt is made at a time");
    }
    if let Some(until) = lane.paused_until {
        said.push_str(&format!("; throttled: its receiver asked to be left alone until {}", engine.local_time(until)));
    }
    if let Some(until) = lane.paced_until {
        said.push_str(&format!("; throttled by its rate-limit until {}", engine.local_time(until)));
    }
    said
}

fn outcome(engine: &Engine, entry: &DeliveryEntry) -> String {
    let mut said = match entry.state {
        DeliveryState::Settled(fate) => fate.as_str().to_owned(),
        DeliveryState::Waiting(WaitsFor::Earlier) => "waiting behind an earlier change of the alarm".to_owned(),
        DeliveryState::Waiting(WaitsFor::Probe) => "waiting for the suspended handler".to_owned(),
        DeliveryState::Waiting(WaitsFor::Turn) => "waiting for its turn".to_owned(),
        DeliveryState::Waiting(WaitsFor::Recovery) => {
            "withheld: it is about the handler, whose last attempt failed".to_owned()
        }
        DeliveryState::Waiting(WaitsFor::Answer) => "under way".to_owned(),
        DeliveryState::Waiting(WaitsFor::Retry(at)) => format!("retrying, next at {}", engine.local_time(at)),
    };
    if !entry.reason().is_empty() {
        said.push_str(&format!(", {}", entry.reason()));
    }
    if let Some(status) = entry.status {
        said.push_str(&format!(", status {status}"));
    }
    said
}

/// `request alarm-handlers alarm-handler NAME test|resume`
pub(super) fn handler(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let name = given.option("alarm-handler").unwrap_or_default().to_owned();
    match (given.has("test"), given.has("resume")) {
        (true, false) => test(engine, &name, call),
        (false, true) => {
            let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
            deliveries.resume(&name).map_err(|error| told(&error.into()))?;
            call.say(&format!("The alarm handler {name} is tried again, with all that waits for it.\n"))?;
            Ok(Status::Done)
        }
        _ => Err(Diagnostic::error("expected `test` or `resume` behind the name of the alarm handler").into()),
    }
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

/// Reads the number given, when one is.
fn number(given: &Given, call: &Call<'_>) -> Result<Option<u64>, Fault> {
    let Some(word) = given.word() else { return Ok(None) };
    let span = given.words.first().map(|token| token.span(&call.source));
    match word.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Diagnostic::error(format!("`{word}` is not the number of a delivery")).at_maybe(span).into()),
    }
}

fn query(engine: &Engine, given: &Given, call: &Call<'_>) -> Result<DeliveryQuery, Fault> {
    let alarm = match given.option("alarm") {
        None => None,
        Some(id) => Some(find(&engine.management.alarms(), id, given, call)?.id),
    };
    let since = match given.option("since") {
        None => None,
        Some(text) => Some(time(engine, text)?),
    };
    let handler = given.option("handler").map(str::to_owned);
    Ok(DeliveryQuery { handler, alarm, since, only_failed: given.has("failed") })
}

/// Reads a time: how long ago (`30s`, `10m`, `2h`, `1d`), or a date and time, of this zone where it names none.
fn time(engine: &Engine, text: &str) -> Result<Timestamp, Fault> {
    let now = engine.management.clock().now();
    if let Some(ago) = ago(text) {
        return Ok(now.checked_sub(ago).unwrap_or(Timestamp::MIN));
    }
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let local = text.parse::<DateTime>().ok().and_then(|time| time.to_zoned(engine.zone.clone()).ok());
    local.map(|time| time.timestamp()).ok_or_else(|| {
        let said = Diagnostic::error(format!("`{text}` is not a time"));
        said.hint("`30m`, `2h` or `1d` for so long ago, or a date and time like 2026-05-01T12:00:00").into()
    })
}

fn ago(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.saturating_mul(seconds)))
}

fn told(error: &DeliveryError) -> Fault {
    let mut said = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        said.push_str(&format!(": {cause}"));
        at = cause.source();
    }
    Fault::Failed(Diagnostic::error(said))
}

fn standing(standing: Standing) -> &'static str {
    if standing.is_cleared { "cleared" } else { standing.severity.as_str() }
}

fn entry_json(entry: &DeliveryEntry) -> Value {
    let next = match entry.state {
        DeliveryState::Waiting(WaitsFor::Retry(at)) => Some(format_utc(at)),
        _ => None,
    };
    json!({
        "number": entry.number,
        "handler": entry.handler,
        "webhook_id": crate::management::delivery_id(entry),
        "alarm_id": entry.alarm.to_string(),
        "sequence": entry.sequence,
        "severity": entry.standing.severity.as_str(),
        "cleared": entry.standing.is_cleared,
        "outcome": entry.state.as_str(),
        "in_place_of": entry.in_place_of,
        "reason": entry.reason(),
        "status": entry.status,
        "attempts": entry.attempts,
        "next_attempt": next,
        "time": entry.time.map(format_utc),
        "duration_ms": u64::try_from(entry.duration.as_millis()).unwrap_or(u64::MAX),
        "revision": entry.revision,
        "journal_position": entry.position.0,
    })
}

fn attempt_json(attempt: &AttemptRow) -> Value {
    let headers = |lines: &str| -> Value {
        lines.lines().filter_map(|line| line.split_once(": ")).map(|(name, value)| json!([name, value])).collect()
    };
    json!({
        "attempt": attempt.attempt,
        "time": format_utc(attempt.time),
        "duration_ms": u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
        "reason": attempt.reason,
        "detail": attempt.detail,
        "destination": attempt.destination,
        "remote": attempt.remote,
        "request": {"headers": headers(&attempt.request_headers), "body": String::from_utf8_lossy(&attempt.request_body)},
        "response": attempt.status.map(|status| json!({
            "status": status,
            "headers": headers(&attempt.response_headers),
            "body": String::from_utf8_lossy(&attempt.response_body),
        })),
    })
}

fn explanation_json(explanation: &Explanation) -> Value {
    let decision = |(handler, decision): &(String, Decision)| {
        let (outcome, rest) = match decision {
            Decision::Delivery(entry) | Decision::Former(entry) => (entry.state.as_str(), entry_json(entry)),
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
