//! Commands about deliveries: the log, and once more.

use super::Engine;
use super::alarms::{find, is_json, print, print_table};
use super::columns::{Columns, Give};
use super::delivery_text::{entry_json, many, standing, told};
use super::fault::Fault;
use super::line::{Call, Given};
use super::{delivery_detail, times};
use crate::alarm::AlarmId;
use crate::delivery::{DeliveryEntry, DeliveryQuery, Resent};
use crate::diagnostic::Diagnostic;
use crate::shell::Status;
use serde_json::Value;
use std::fmt::Write as _;
use std::ops::ControlFlow;

/// `show deliveries`
pub(super) fn show(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    if let Some(number) = number(given, call)? {
        return delivery_detail::show(engine, number, call);
    }
    let query = query(engine, given, call)?;
    refuse_unheard(engine, &query)?;
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
        let all: Vec<Value> = entries.iter().map(|entry| entry_json(entry, key(&entry.alarm).as_deref())).collect();
        return print(call, |out| writeln!(out, "{}", Value::Array(all)));
    }
    if entries.is_empty() && call.pipes.is_empty() {
        let is_all = query == DeliveryQuery::default();
        return call.nothing(if is_all { "No deliveries.\n" } else { "No such deliveries.\n" });
    }
    let names =
        ["Number", "Time", "Handler", "Outcome", "Result", "Tries", "Severity", "Resource", "Alarm type", "Alarm"];
    let mut table = Columns::new(names);
    let time = engine.brief_time(call);
    let is_brief = engine.screen(call).is_some();
    for entry in &entries {
        let key = key(&entry.alarm);
        let alarm = entry.alarm.to_string();
        table.row([
            entry.number.map_or_else(|| "-".to_owned(), |number| number.to_string()),
            entry.time.map_or_else(|| "-".to_owned(), &time),
            entry.handler.clone(),
            entry.state.as_str().to_owned(),
            result(entry),
            entry.attempts.to_string(),
            standing(entry.standing).to_owned(),
            key.as_ref().map(|key| key.resource.clone()).unwrap_or_default(),
            key.map(|key| key.alarm_type.clone()).unwrap_or_default(),
            // As much of it as commands need to find the alarm.
            if is_brief { alarm.chars().take(ALARM_CHARS).collect() } else { alarm },
        ]);
    }
    let gives = [
        Give::Nothing,
        Give::Nothing,
        Give::Cut(8),
        Give::Nothing,
        Give::Cut(12),
        Give::Out(5, 1),
        Give::Out(8, 3),
        Give::Cut(10),
        Give::Out(10, 2),
        Give::Nothing,
    ];
    print_table(engine, call, table, gives)
}

/// Characters of an alarm's identifier on a screen: one of four billion, and twice what commands ask for.
const ALARM_CHARS: usize = 8;

/// Returns the last answer's status, and why it, or what came instead of one, is a failure.
fn result(entry: &DeliveryEntry) -> String {
    let status = entry.status.map(|status| status.to_string()).unwrap_or_default();
    [status.as_str(), entry.reason()].join(" ").trim().to_owned()
}

/// `request deliveries resend`
pub(super) fn resend(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let one = number(given, call)?;
    let query = query(engine, given, call)?;
    let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
    if let Some(number) = one {
        let (entry, again) = deliveries.resend(number).map_err(|error| told(&error.into()))?;
        call.say(&format!("Delivery {number} is sent to {} again, as delivery {again}.\n", entry.handler))?;
        return Ok(Status::Done);
    }
    let resent = deliveries.resend_all(&query).map_err(|error| told(&error.into()))?;
    call.say(&resent_text(&resent))?;
    Ok(Status::Done)
}

fn resent_text(resent: &Resent) -> String {
    let Resent { sent, not_kept, of_removed, numbers } = *resent;
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let numbered = match numbers {
        Some((first, last)) if first == last => format!(", as delivery {first}"),
        Some((first, last)) if last - first < count(sent) => format!(", as deliveries {first} to {last}"),
        Some((first, _)) => format!(", as deliveries from {first} on"),
        None => String::new(),
    };
    let mut said = match sent {
        0 => "No delivery is sent again.\n".to_owned(),
        1 => format!("1 delivery is sent again{numbered}.\n"),
        sent => format!("{sent} deliveries are sent again{numbered}.\n"),
    };
    if not_kept > 0 {
        said.push_str(&format!("{} not: what was told is no longer kept.\n", many(count(not_kept), "is", "are")));
    }
    if of_removed > 0 {
        let gone = "the handler is no longer configured";
        said.push_str(&format!("{} not: {gone}.\n", many(count(of_removed), "is", "are")));
    }
    said
}

/// Refuses to look for deliveries of a handler that nobody knows.
fn refuse_unheard(engine: &Engine, query: &DeliveryQuery) -> Result<(), Fault> {
    let Some(handler) = &query.handler else { return Ok(()) };
    let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
    let mut known = deliveries.logged_handlers().map_err(|error| told(&error.into()))?;
    known.extend(engine.management.handlers().into_iter().map(|status| status.id));
    if known.contains(handler) {
        return Ok(());
    }
    let said = Diagnostic::error(format!(
        "no alarm handler `{handler}` is configured, and the delivery log knows of none that was"
    ));
    let near = said.clone().did_you_mean(handler, known.iter().map(String::as_str));
    let hinted = if near.hint.is_some() { near } else { said.hint("`show handlers` lists those that are configured") };
    Err(Fault::Failed(hinted))
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
        // A whole one may be of an alarm that is no longer in the list.
        Some(id) => Some(match id.parse() {
            Ok(id) => id,
            Err(_) => find(&engine.management.alarms(), id, given, call)?.id,
        }),
    };
    let (since, until) = times::stretch(engine, given)?;
    let handler = given.option("handler").map(str::to_owned);
    Ok(DeliveryQuery { handler, alarm, since, until, only_failed: given.has("failed") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_is_told_with_its_numbers() {
        let told = |sent, numbers| resent_text(&Resent { sent, numbers, ..Resent::default() });
        assert_eq!(told(0, None), "No delivery is sent again.\n");
        assert_eq!(told(1, Some((7, 7))), "1 delivery is sent again, as delivery 7.\n");
        assert_eq!(told(3, Some((7, 9))), "3 deliveries are sent again, as deliveries 7 to 9.\n");
        assert_eq!(told(3, Some((7, 19))), "3 deliveries are sent again, as deliveries from 7 on.\n");
        let resent = Resent { not_kept: 1, of_removed: 2, ..Resent::default() };
        let rest = "1 is not: what was told is no longer kept.\n2 are not: the handler is no longer configured.\n";
        assert_eq!(resent_text(&resent), format!("No delivery is sent again.\n{rest}"));
    }
}
