//! `show deliveries N detail`: one delivery with the requests and answers of its attempts.

use super::Engine;
use super::alarms::{is_json, print};
use super::columns::one_line;
use super::delivery_text::{entry_json, many, outcome, standing, told};
use super::fault::Fault;
use super::line::Call;
use crate::alarm::AlarmKey;
use crate::clock::format_utc;
use crate::delivery::{DeliveryEntry, DeliveryRecord};
use crate::diagnostic::printable;
use crate::shell::Status;
use crate::store::AttemptRow;
use crate::transport::RESPONSE_BODY_BYTES_MAX;
use serde_json::{Value, json};
use std::fmt::{self, Write};

/// Bytes of a body shown at most; the log keeps more.
const BODY_SHOWN_MAX: usize = 16 << 10;

/// Writes all that is kept of the delivery of a number.
pub(super) fn show(engine: &Engine, number: u64, call: &mut Call<'_>) -> Result<Status, Fault> {
    let deliveries = engine.management.deliveries().map_err(|error| told(&error))?;
    let record = deliveries.delivery(number).map_err(|error| told(&error.into()))?;
    let list = engine.management.alarms();
    let key = list.get(&record.entry.alarm).map(|alarm| &*alarm.key);
    if is_json(call) {
        let all = record_json(&record, key);
        return print(call, |out| writeln!(out, "{all}"));
    }
    let DeliveryRecord { entry, attempts, sent_again, again_of } = &record;
    let again = sent_again.as_ref().map(|other| match other.number {
        Some(number) => format!("as delivery {number}: {}", outcome(engine, other)),
        None => outcome(engine, other),
    });
    print(call, |out| {
        writeln!(out, "delivery {number}")?;
        for (name, value) in [
            ("handler", entry.handler.clone()),
            ("webhook-id", crate::management::delivery_id(entry)),
            ("alarm", entry.alarm.to_string()),
            ("resource", key.map(|key| key.resource.clone()).unwrap_or_default()),
            ("alarm-type", key.map(|key| key.alarm_type.clone()).unwrap_or_default()),
            ("transition", entry.sequence.to_string()),
            ("severity", standing(entry.standing).to_owned()),
            ("outcome", outcome(engine, entry)),
            ("sent-again", again.unwrap_or_default()),
            ("again-of", again_of.map(|number| format!("delivery {number}")).unwrap_or_default()),
            ("in-place-of", entry.in_place_of.clone().unwrap_or_default()),
            ("revision", entry.revision.to_string()),
            ("attempts", entry.attempts.to_string()),
            ("settled", entry.time.map(|time| engine.local_time(time).to_string()).unwrap_or_default()),
        ] {
            if !value.is_empty() {
                writeln!(out, "  {name:<12} {}", one_line(&value))?;
            }
        }
        write_attempts(entry, attempts, engine, out)
    })
}

/// What of an attempt was written out in full, for the next ones to be compared with.
#[derive(Default)]
struct Shown<'a> {
    request: Option<&'a AttemptRow>,
    response: Option<&'a AttemptRow>,
}

fn write_attempts(entry: &DeliveryEntry, attempts: &[AttemptRow], engine: &Engine, out: &mut dyn Write) -> fmt::Result {
    let mut shown = Shown::default();
    let mut last = 0;
    for attempt in attempts {
        write_missing(last, attempt.attempt, out)?;
        last = attempt.attempt;
        write_attempt(attempt, &mut shown, engine, out)?;
    }
    write_missing(last, entry.attempts.saturating_add(1), out)
}

/// Says which attempts lie between two that are not kept.
fn write_missing(before: u32, after: u32, out: &mut dyn Write) -> fmt::Result {
    let (first, last) = (before.saturating_add(1), after.saturating_sub(1));
    match first.cmp(&last) {
        std::cmp::Ordering::Greater => Ok(()),
        std::cmp::Ordering::Equal => writeln!(out, "attempt {first}: request and answer are not kept any more"),
        std::cmp::Ordering::Less => {
            writeln!(out, "attempts {first} to {last}: requests and answers are not kept any more")
        }
    }
}

fn write_attempt<'a>(
    attempt: &'a AttemptRow,
    shown: &mut Shown<'a>,
    engine: &Engine,
    out: &mut dyn Write,
) -> fmt::Result {
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
    if let Some(remote) = &attempt.remote {
        writeln!(out, "  answered by  {}", one_line(remote))?;
    }
    let request = |row: &'a AttemptRow| Message {
        attempt: row.attempt,
        first: format!("POST {}", row.destination),
        headers: &row.request_headers,
        body: &row.request_body,
        is_cut: false,
    };
    if !request(attempt).write("request", shown.request.map(request), out)? {
        shown.request = Some(attempt);
    }
    let Some(status) = attempt.status else { return Ok(()) };
    let response = |row: &'a AttemptRow| Message {
        attempt: row.attempt,
        first: format!("status {}", row.status.unwrap_or(status)),
        headers: &row.response_headers,
        body: &row.response_body,
        is_cut: is_cut(row),
    };
    if !response(attempt).write("response", shown.response.map(response), out)? {
        shown.response = Some(attempt);
    }
    Ok(())
}

/// Returns whether the answer went on behind what is kept of its body.
fn is_cut(attempt: &AttemptRow) -> bool {
    let kept = attempt.response_body.len();
    let said = attempt.response_headers.lines().filter_map(|line| line.split_once(": "));
    let mut length =
        said.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value.parse::<usize>());
    match length.next_back() {
        // Secrets in it were replaced, so that what is kept may be shorter than what was read.
        Some(Ok(length)) => length > RESPONSE_BODY_BYTES_MAX && kept >= RESPONSE_BODY_BYTES_MAX / 2,
        _ => kept >= RESPONSE_BODY_BYTES_MAX,
    }
}

/// A request or an answer.
struct Message<'a> {
    attempt: u32,
    first: String,
    headers: &'a str,
    body: &'a [u8],
    is_cut: bool,
}

impl Message<'_> {
    /// Returns the headers that are not as another message has them, when nothing else is otherwise.
    fn differing(&self, other: &Message<'_>) -> Option<Vec<&str>> {
        if (&self.first, self.body) != (&other.first, other.body) {
            return None;
        }
        let name = |line: &str| line.split_once(": ").map(|(name, _)| name.to_owned());
        let (ours, theirs): (Vec<&str>, Vec<&str>) = (self.headers.lines().collect(), other.headers.lines().collect());
        let is_alike = ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| name(a) == name(b));
        is_alike.then(|| ours.into_iter().zip(theirs).filter(|(a, b)| a != b).map(|(ours, _)| ours).collect())
    }

    /// Writes it; where it is as one before, only what is not. Returns whether it is.
    fn write(&self, what: &str, before: Option<Message<'_>>, out: &mut dyn Write) -> Result<bool, fmt::Error> {
        let before = before.and_then(|before| Some((before.attempt, self.differing(&before)?)));
        if let Some((attempt, differing)) = before {
            let but = if differing.is_empty() { "" } else { ", but for" };
            writeln!(out, "  {what:<12} as in attempt {attempt}{but}")?;
            differing.into_iter().try_for_each(|line| write_line(line, out))?;
            return Ok(true);
        }
        writeln!(out, "  {what:<12} {}", one_line(&printable(&self.first)))?;
        self.headers.lines().try_for_each(|line| write_line(line, out))?;
        let shown = self.body.get(..BODY_SHOWN_MAX).unwrap_or(self.body);
        if !shown.is_empty() {
            writeln!(out)?;
            String::from_utf8_lossy(shown).lines().try_for_each(|line| write_line(line, out))?;
        }
        let rest = u64::try_from(self.body.len().saturating_sub(shown.len())).unwrap_or(u64::MAX);
        if rest > 0 {
            writeln!(out, "    … {} are kept", many(rest, "more byte", "more bytes"))?;
        }
        if self.is_cut {
            writeln!(
                out,
                "    … the answer went on: of its body the first {} KiB are kept",
                RESPONSE_BODY_BYTES_MAX >> 10
            )?;
        }
        Ok(false)
    }
}

fn write_line(line: &str, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "    {}", printable(line).replace('\n', " "))
}

fn record_json(record: &DeliveryRecord, key: Option<&AlarmKey>) -> Value {
    let DeliveryRecord { entry, attempts, sent_again, again_of } = record;
    let mut all = entry_json(entry, key);
    if let Some(all) = all.as_object_mut() {
        let kept = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        all.insert("sent_again_as".to_owned(), json!(sent_again.as_ref().and_then(|other| other.number)));
        all.insert("again_of".to_owned(), json!(again_of));
        all.insert("tries_not_kept".to_owned(), json!(entry.attempts.saturating_sub(kept)));
        all.insert("tries".to_owned(), attempts.iter().map(attempt_json).collect());
    }
    all
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
        "request": {
            "method": "POST",
            "headers": headers(&attempt.request_headers),
            "body": String::from_utf8_lossy(&attempt.request_body),
        },
        "response": attempt.status.map(|status| json!({
            "status": status,
            "headers": headers(&attempt.response_headers),
            "body": String::from_utf8_lossy(&attempt.response_body),
            "body_is_cut": is_cut(attempt),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::time::Duration;

    fn attempt(number: u32, body: usize, headers: &str) -> AttemptRow {
        AttemptRow {
            number: 7,
            lane: 1,
            attempt: number,
            time: Timestamp::UNIX_EPOCH,
            duration: Duration::ZERO,
            reason: Some("server-error".to_owned()),
            detail: String::new(),
            remote: None,
            destination: "http://a.example:80/in".to_owned(),
            request_headers: format!("content-type: application/json\nwebhook-timestamp: {number}\n"),
            request_body: "{}".into(),
            status: Some(500),
            response_headers: headers.to_owned(),
            response_body: vec![b'x'; body].into(),
        }
    }

    #[test]
    fn an_answer_that_went_on_is_told_from_one_that_fits() {
        let most = RESPONSE_BODY_BYTES_MAX;
        assert!(!is_cut(&attempt(1, most - 1, "")));
        assert!(is_cut(&attempt(1, most, "")));
        assert!(!is_cut(&attempt(1, most, "Content-Length: 65536\n")));
        assert!(is_cut(&attempt(1, most, "content-length: 65537\n")));
        // Shorter than it was, with placeholders for secrets.
        assert!(is_cut(&attempt(1, most - 100, "content-length: 65537\n")));
        // Ended early.
        assert!(!is_cut(&attempt(1, 10, "content-length: 65537\n")));
    }

    #[test]
    fn a_request_that_is_as_before_is_not_written_again() {
        let rows = [attempt(1, 0, ""), attempt(2, 0, "")];
        let message = |row: &AttemptRow| Message {
            attempt: row.attempt,
            first: format!("POST {}", row.destination),
            headers: Box::leak(row.request_headers.clone().into_boxed_str()),
            body: b"{}",
            is_cut: false,
        };
        let (mut first, mut second, mut third) = (String::new(), String::new(), String::new());
        assert!(!message(&rows[0]).write("request", None, &mut first).unwrap());
        assert!(message(&rows[1]).write("request", Some(message(&rows[0])), &mut second).unwrap());
        assert!(message(&rows[0]).write("request", Some(message(&rows[0])), &mut third).unwrap());
        let all = "  request      POST http://a.example:80/in\n    content-type: application/json\n    \
                   webhook-timestamp: 1\n\n    {}\n";
        assert_eq!(first, all);
        assert_eq!(second, "  request      as in attempt 1, but for\n    webhook-timestamp: 2\n");
        assert_eq!(third, "  request      as in attempt 1\n");
    }

    #[test]
    fn attempts_that_are_not_kept_are_said() {
        let missing = |before, after| {
            let mut text = String::new();
            write_missing(before, after, &mut text).unwrap();
            text
        };
        assert_eq!(missing(0, 1), "");
        assert_eq!(missing(0, 2), "attempt 1: request and answer are not kept any more\n");
        assert_eq!(missing(0, 134), "attempts 1 to 133: requests and answers are not kept any more\n");
    }
}
