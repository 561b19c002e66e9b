//! Deliveries and what holds them up, in words and as JSON.

use super::Engine;
use super::fault::Fault;
use crate::alarm::{AlarmKey, Standing};
use crate::clock::format_utc;
use crate::delivery::{DeliveryEntry, DeliveryState, Fate, HandlerState, InquiryError, LaneView, RESEND_MAX, WaitsFor};
use crate::diagnostic::Diagnostic;
use crate::management::DeliveryError;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::error::Error as _;

/// Says what keeps a whole lane from going on.
pub(super) fn holds(engine: &Engine, lane: Option<&LaneView>) -> String {
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

pub(super) fn outcome(engine: &Engine, entry: &DeliveryEntry) -> String {
    let mut said = match entry.state {
        DeliveryState::Settled(Fate::Superseded) => "superseded: a newer change of the alarm took its place".to_owned(),
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

/// Says in a few words what keeps a lane from its next attempt, and until when; empty where nothing does.
pub(super) fn held(lane: &LaneView, time: &dyn Fn(Timestamp) -> String) -> String {
    let mut said = Vec::new();
    if let Some(since) = lane.suspended_since {
        said.push(format!("since {}", time(since)));
    }
    // The last to end is what counts, and what the others say is no news then.
    let reasons = [
        (lane.paused_until, "Retry-After until"),
        (lane.paced_until, "rate-limit until"),
        (lane.held_until, "next attempt"),
        (lane.probe_at, "probe"),
    ];
    let last = reasons.into_iter().filter_map(|(until, what)| Some((until?, what))).max_by_key(|(until, _)| *until);
    said.extend(last.map(|(until, what)| format!("{what} {}", time(until))));
    said.join(", ")
}

/// Returns a number with what it counts.
pub(super) fn many(count: impl Into<u64>, one: &str, several: &str) -> String {
    let count = count.into();
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}

/// Tells a person why delivery does not do something, and what to do instead.
pub(super) fn told(error: &DeliveryError) -> Fault {
    let mut said = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        said.push_str(&format!(": {cause}"));
        at = cause.source();
    }
    let said = Diagnostic::error(said);
    Fault::Failed(match error {
        DeliveryError::Inquiry(InquiryError::TooMany { newest_since: Some(since), .. }) => said.hint(format!(
            "`since {since}` has at most {RESEND_MAX}, `until {since}` the others: `since` counts from the time on, `until` up to it"
        )),
        DeliveryError::Inquiry(InquiryError::TooMany { newest_since: None, .. }) => {
            said.hint("`handler`, `since` and `until` say which are meant")
        }
        DeliveryError::Inquiry(InquiryError::OnItsWay(_) | InquiryError::NotSettled(_)) => {
            said.hint("`show deliveries` lists first what is on its way")
        }
        DeliveryError::Inquiry(InquiryError::UnknownDelivery(_)) => said.hint("`show deliveries` lists those that are kept"),
        _ => said,
    })
}

pub(super) fn standing(standing: Standing) -> &'static str {
    if standing.is_cleared { "cleared" } else { standing.severity.as_str() }
}

pub(super) fn entry_json(entry: &DeliveryEntry, key: Option<&AlarmKey>) -> Value {
    let next = match entry.state {
        DeliveryState::Waiting(WaitsFor::Retry(at)) => Some(format_utc(at)),
        _ => None,
    };
    json!({
        "number": entry.number,
        "handler": entry.handler,
        "webhook_id": crate::management::delivery_id(entry),
        "alarm_id": entry.alarm.to_string(),
        "resource_type": key.map(|key| &key.resource_type),
        "resource": key.map(|key| &key.resource),
        "alarm_type": key.map(|key| &key.alarm_type),
        "qualifier": key.map(|key| &key.qualifier),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::JournalPosition;
    use uuid::Uuid;

    fn lane() -> LaneView {
        LaneView {
            handler: "h1".to_owned(),
            incarnation: Uuid::nil(),
            number: 1,
            start: JournalPosition(0),
            read: JournalPosition(0),
            state: HandlerState::Retrying,
            suspended_since: None,
            paused_until: None,
            paced_until: None,
            held_until: None,
            probe_at: None,
            waiting: Vec::new(),
        }
    }

    #[test]
    fn what_holds_a_lane_is_said_with_its_end() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let said = |lane: LaneView| held(&lane, &|time| time.as_second().to_string());
        assert_eq!(said(lane()), "");
        assert_eq!(said(LaneView { paused_until: at(5), paced_until: at(3), ..lane() }), "Retry-After until 5");
        assert_eq!(said(LaneView { paced_until: at(3), ..lane() }), "rate-limit until 3");
        assert_eq!(said(LaneView { held_until: at(4), ..lane() }), "next attempt 4");
        let suspended = LaneView { suspended_since: at(1), probe_at: at(9), ..lane() };
        assert_eq!(said(suspended.clone()), "since 1, probe 9");
        assert_eq!(said(LaneView { paused_until: at(20), ..suspended }), "since 1, Retry-After until 20");
    }

    #[test]
    fn one_is_not_several() {
        assert_eq!(
            [many(1_u32, "attempt", "attempts"), many(0_u32, "attempt", "attempts")],
            ["1 attempt", "0 attempts"]
        );
    }
}
