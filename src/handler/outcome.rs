//! What an attempt means for its delivery: the status policy, and Retry-After (RFC 9110 §10.2.3).

use crate::transport::{Answer, Attempt, FailureReason};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::time::Duration;

/// What an attempt means for its delivery, its lane and its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Delivered,
    /// Another attempt may arrive.
    Retry {
        /// Why this one did not.
        reason: FailureReason,
        /// Not before this time has passed, beside what the schedule says.
        after: Option<Duration>,
        /// Whether the receiver wants the whole lane to wait, not this delivery alone.
        pauses_lane: bool,
    },
    /// This message will never be taken: tried a few times, because a receiver that is being deployed may answer so for a
    /// moment, then buried; the lane goes on.
    GiveUp {
        /// Why not.
        reason: FailureReason,
    },
    /// No message will be taken until a person acts: tried a few times, then the handler is suspended and keeps its backlog.
    Suspend {
        /// Why not.
        reason: FailureReason,
    },
}

impl Outcome {
    /// Returns why the attempt failed.
    #[must_use]
    pub fn reason(&self) -> Option<FailureReason> {
        match self {
            Self::Delivered => None,
            Self::Retry { reason, .. } | Self::GiveUp { reason } | Self::Suspend { reason } => Some(*reason),
        }
    }

    fn retry(reason: FailureReason) -> Self {
        Self::Retry { reason, after: None, pauses_lane: false }
    }
}

/// Longest pause that a receiver can ask for: alarms are state, and a pause of days would be an outage of its own.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Judges an attempt by the policy for plain HTTP receivers.
///
/// A response that is not whole is a failure whatever its status line says, 2xx included: receivers recognise the
/// repeat by its delivery id. A refusal counts as one even where its body is not whole.
#[must_use]
pub fn classify(attempt: &Attempt, now: Timestamp) -> Outcome {
    match &attempt.result {
        Ok(answer) => of_answer(answer, now).unwrap_or(Outcome::Delivered),
        Err(fault) => match fault.partial.as_ref().and_then(|answer| of_answer(answer, now)) {
            Some(refusal) => refusal,
            // The name or the address is wrong; waiting changes nothing.
            None if matches!(fault.reason, FailureReason::EgressRefused | FailureReason::InvalidRequest) => {
                Outcome::Suspend { reason: fault.reason }
            }
            None if fault.reason.is_authentication() => Outcome::Suspend { reason: fault.reason },
            None => Outcome::retry(fault.reason),
        },
    }
}

fn of_answer(answer: &Answer, now: Timestamp) -> Option<Outcome> {
    let reason = answer.failure()?;
    Some(match answer.status {
        429 | 503 => {
            let after = answer.header("retry-after").and_then(|value| retry_after(value, now));
            Outcome::Retry { reason, after, pauses_lane: after.is_some() }
        }
        _ if reason.is_authentication() => Outcome::Suspend { reason },
        400 | 413 | 415 | 422 => Outcome::GiveUp { reason },
        404 | 405 | 410 => Outcome::Suspend { reason },
        _ => Outcome::retry(reason),
    })
}

/// Reads a Retry-After: seconds (a fraction counts as a whole one) or an HTTP date, at most [`RETRY_AFTER_MAX`]. `None` when
/// it is neither, or names no time to come.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match seconds(value) {
        Some(wait) => wait,
        None => Duration::try_from(http_date(value)?.duration_since(now)).ok()?,
    };
    (!wait.is_zero()).then(|| wait.min(RETRY_AFTER_MAX))
}

fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_number = !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    if !is_number || value.ends_with('.') {
        return None;
    }
    // More digits than fit are more than the limit, too.
    let whole = whole.parse().unwrap_or(u64::MAX);
    let above = u64::from(fraction.bytes().any(|b| b != b'0'));
    Some(Duration::from_secs(whole.saturating_add(above)))
}

/// Reads the three forms of RFC 9110 §5.6.7.
fn http_date(value: &str) -> Option<Timestamp> {
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| DateTime::strptime(form, value).ok())
        .and_then(|time| time.to_zoned(TimeZone::UTC).ok())
        .map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Fault;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "1994-11-06T08:49:30Z".parse().unwrap()
    }

    fn answered(status: u16, retry_after: Option<&str>) -> Outcome {
        let headers = retry_after.iter().map(|v| ("retry-after".to_owned(), (*v).to_owned())).collect();
        let answer = Answer { status, headers, ..Answer::default() };
        classify(&Attempt { duration: Duration::ZERO, remote: None, result: Ok(answer) }, now())
    }

    fn failed(reason: FailureReason, partial: Option<u16>) -> Outcome {
        let partial = partial.map(|status| Answer { status, ..Answer::default() });
        let result = Err(Fault { reason, detail: String::new(), partial });
        classify(&Attempt { duration: Duration::ZERO, remote: None, result }, now())
    }

    #[test]
    fn every_status_has_its_consequence() {
        for status in 100..=599 {
            let outcome = answered(status, None);
            match status {
                200..=299 => assert_eq!(outcome, Outcome::Delivered, "{status}"),
                400 | 413 | 415 | 422 => assert!(matches!(outcome, Outcome::GiveUp { .. }), "{status}"),
                401 | 403 | 404 | 405 | 407 | 410 | 495 | 496 => {
                    assert!(matches!(outcome, Outcome::Suspend { .. }), "{status}");
                }
                _ => assert!(matches!(outcome, Outcome::Retry { pauses_lane: false, after: None, .. }), "{status}"),
            }
        }
        assert_eq!(answered(302, None).reason(), Some(FailureReason::Redirect));
    }

    #[test]
    fn retry_after_pauses_the_lane_on_429_and_503_only() {
        let wait = Some(Duration::from_secs(7));
        for status in [429, 503] {
            assert!(
                matches!(answered(status, Some("7")), Outcome::Retry { after, pauses_lane: true, .. } if after == wait)
            );
        }
        for status in [301, 500, 502] {
            assert!(matches!(answered(status, Some("7")), Outcome::Retry { after: None, pauses_lane: false, .. }));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_to_come() {
        let seconds = |value| retry_after(value, now()).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0.25 "), Some(1));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(seconds("Sunday, 06-Nov-94 08:49:37 GMT"), Some(7));
        assert_eq!(seconds("Sun Nov  6 08:49:37 1994"), Some(7));
        assert_eq!(seconds("86400"), Some(3600));
        assert_eq!(seconds("99999999999999999999999"), Some(3600));
        assert_eq!(seconds("Mon, 07 Nov 1994 08:49:37 GMT"), Some(3600));
        for garbage in ["", "0", "-1", "+1", "1e3", "soon", "1.", ".5", "Sun, 06 Nov 1994 08:49:00 GMT", "٣"] {
            assert_eq!(seconds(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn a_response_that_is_not_whole_is_no_success_and_a_refusal_stays_one() {
        assert_eq!(failed(FailureReason::Timeout, Some(200)).reason(), Some(FailureReason::Timeout));
        assert!(matches!(failed(FailureReason::Timeout, Some(410)), Outcome::Suspend { reason: FailureReason::Gone }));
        assert!(matches!(failed(FailureReason::Dns, None), Outcome::Retry { .. }));
        for reason in [FailureReason::EgressRefused, FailureReason::ProxyAuthentication, FailureReason::TokenRefused] {
            assert!(matches!(failed(reason, None), Outcome::Suspend { .. }), "{reason}");
        }
    }

    proptest! {
        #[test]
        fn no_retry_after_panics_or_exceeds_the_limit(value in ".*") {
            prop_assert!(retry_after(&value, now()).is_none_or(|wait| wait <= RETRY_AFTER_MAX && !wait.is_zero()));
        }
    }
}
