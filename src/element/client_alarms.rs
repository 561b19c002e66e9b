//! How HTTP clients fare, as alarms about them: one for each kind of trouble and remote host.

use super::clients::HttpClients;
use super::handlers::Handlers;
use super::supervision::{SlidingWindow, Subject, Supervisor, Words};
use crate::alarm::{HTTP_CLIENT, OwnType, Severity};
use crate::transport::{ClientAlarmSpec, End, FailureReason, Observation, Observer, SlowThresholds};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How bad trouble with a remote host is: what depends on the client is impacted, and the element itself is not.
const SEVERITY: Severity = Severity::Minor;

/// Returns who turns what clients meet into alarms.
#[must_use]
pub fn client_observer(supervisor: Supervisor) -> Observer {
    Arc::new(move |seen| observe(&supervisor, seen))
}

fn observe(supervisor: &Supervisor, seen: &Observation<'_>) {
    let verdicts = verdicts(seen.alarms, seen.end);
    for (own, verdict) in verdicts {
        // Nothing is said of most attempts to anybody: what stands nowhere is not looked up.
        let subject = || Subject::new(own, HTTP_CLIENT, seen.client).qualified(seen.origin);
        match verdict {
            Verdict::Nothing => {}
            Verdict::Fine if supervisor.watches_nothing() => {}
            Verdict::Fine => supervisor.fine(&subject(), seen.alarms.quiet),
            Verdict::Fault => supervisor.fault(&subject(), SEVERITY, window(seen.alarms), || words(seen.end)),
        }
    }
    observe_pace(supervisor, seen);
}

/// Judges how long an answer took; that none came is another kind of trouble.
fn observe_pace(supervisor: &Supervisor, seen: &Observation<'_>) {
    let (End::Answered { .. }, Some(took)) = (seen.end, seen.took) else { return };
    let subject = || Subject::new(OwnType::SlowConnection, HTTP_CLIENT, seen.client).qualified(seen.origin);
    if let Some(severity) = slowness(seen.alarms.slow, took) {
        let SlidingWindow { faults_to_raise, duration } = window(seen.alarms);
        // Slow answers that come one after the other are as far apart as they are slow.
        let duration = if duration.is_zero() { duration } else { duration.saturating_add(took) };
        let words = || Words::detail(format!("An answer took {:.1} s.", took.as_secs_f64()));
        supervisor.fault(&subject(), severity, SlidingWindow { faults_to_raise, duration }, words);
    } else if !supervisor.watches_nothing() {
        supervisor.fine(&subject(), seen.alarms.quiet);
    }
}

/// Returns how bad it is that an answer took so long; `None` when it was fast enough.
fn slowness(thresholds: SlowThresholds, took: Duration) -> Option<Severity> {
    let SlowThresholds { warning, minor, major, critical } = thresholds;
    [(Severity::Critical, critical), (Severity::Major, major), (Severity::Minor, minor), (Severity::Warning, warning)]
        .into_iter()
        .find_map(|(severity, from)| from.is_some_and(|from| took >= from).then_some(severity))
}

/// What an attempt says of one kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Nothing,
    Fine,
    Fault,
}

/// Judges an attempt. Trouble whose alarm is switched off is not looked at, but an alarm that stands from before is still
/// cleared.
fn verdicts(alarms: &ClientAlarmSpec, end: End<'_>) -> [(OwnType, Verdict); 3] {
    use Verdict::{Fault, Fine, Nothing};
    let (connection, authentication, communication) = match end {
        // An answer that had begun came over a connection.
        End::Failed { reason, has_begun: false, .. } if reason.is_connection() => (Fault, Nothing, Nothing),
        End::Failed { reason, .. } if reason.is_authentication() => (Fine, Fault, Nothing),
        // A fault of ours says nothing of the other side.
        End::Failed { reason: FailureReason::InvalidRequest, .. } => (Nothing, Nothing, Nothing),
        End::Failed { .. } => (Fine, Nothing, Fault),
        End::Answered { failure, .. } => match failure {
            None | Some(FailureReason::Redirect) => (Fine, Fine, Fine),
            Some(reason) if reason.is_authentication() => (Fine, Fault, Nothing),
            Some(FailureReason::ServerError | FailureReason::UnexpectedStatus) => (Fine, Nothing, Fault),
            Some(_) if alarms.counts_client_errors => (Fine, Fine, Fault),
            Some(_) => (Fine, Fine, Fine),
        },
    };
    let unless_off = |is_on: bool, verdict| if verdict == Fault && !is_on { Nothing } else { verdict };
    [
        (OwnType::FailedConnection, unless_off(alarms.failed_connection, connection)),
        (OwnType::FailedAuthentication, unless_off(alarms.failed_authentication, authentication)),
        (OwnType::FailedCommunication, unless_off(alarms.failed_communication, communication)),
    ]
}

fn window(alarms: &ClientAlarmSpec) -> SlidingWindow {
    SlidingWindow { faults_to_raise: alarms.faults, duration: alarms.window }
}

fn words(end: End<'_>) -> Words {
    Words::detail(match end {
        End::Answered { status, .. } => format!("The answer had the status {status}."),
        End::Failed { reason, detail, .. } => format!("{reason}: {detail}"),
    })
}

/// Ends the alarms about remote hosts that nothing reaches through a client any more: nobody would ever clear them.
pub(super) fn retire_unreached(supervisor: &Supervisor, clients: &HttpClients, handlers: &Handlers) {
    let watched = supervisor.watched(HTTP_CLIENT);
    if watched.is_empty() {
        return;
    }
    let mut reached: BTreeSet<(String, String)> = BTreeSet::new();
    for (_, handler) in handlers.all() {
        let service = handler.spec.notifier.web_service();
        let Some((service, client)) = service.and_then(|s| Some((s, clients.get(&s.http_client)?))) else { continue };
        if let Some(origin) = client.origin_of(&service.hostname, service.port) {
            reached.insert((service.http_client.clone(), origin));
        }
    }
    for (id, client) in clients.all() {
        // The token endpoint is reached by the client, and through the one that it names.
        if let Some(origin) = client.token_origin() {
            reached.extend(client.spec().token_client().map(|inner| (inner.to_owned(), origin.clone())));
            reached.insert((id, origin));
        }
    }
    for subject in watched {
        if !subject.qualifier.is_empty() && !reached.contains(&(subject.resource.clone(), subject.qualifier.clone())) {
            supervisor.clear(&subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use jiff::Timestamp;

    fn told(end: End<'_>, alarms: &ClientAlarmSpec) -> Vec<(&'static str, Verdict)> {
        verdicts(alarms, end).into_iter().map(|(own, verdict)| (own.as_str(), verdict)).collect()
    }

    #[test]
    fn each_end_of_an_attempt_says_what_it_can() {
        use Verdict::{Fault, Fine, Nothing};
        let on = ClientAlarmSpec::default();
        let of = |end, alarms: &ClientAlarmSpec| {
            let all: Vec<Verdict> = told(end, alarms).into_iter().map(|(_, verdict)| verdict).collect();
            <[Verdict; 3]>::try_from(all).unwrap()
        };
        let failed = |reason| End::Failed { reason, detail: "", has_begun: false };
        let answered = |status| End::Answered { status, failure: FailureReason::of_status(status) };
        for (end, expected) in [
            (answered(200), [Fine, Fine, Fine]),
            (answered(404), [Fine, Fine, Fine]),
            (answered(401), [Fine, Fault, Nothing]),
            (answered(407), [Fine, Fault, Nothing]),
            (answered(500), [Fine, Nothing, Fault]),
            (failed(FailureReason::Dns), [Fault, Nothing, Nothing]),
            (failed(FailureReason::TlsCertificate), [Fault, Nothing, Nothing]),
            (failed(FailureReason::ProxyAuthentication), [Fine, Fault, Nothing]),
            (failed(FailureReason::TokenRefused), [Fine, Fault, Nothing]),
            (failed(FailureReason::Timeout), [Fine, Nothing, Fault]),
            (failed(FailureReason::ConnectionReset), [Fault, Nothing, Nothing]),
            (
                End::Failed { reason: FailureReason::ConnectionReset, detail: "", has_begun: true },
                [Fine, Nothing, Fault],
            ),
            (failed(FailureReason::ProtocolError), [Fine, Nothing, Fault]),
        ] {
            assert_eq!(of(end, &on), expected, "{end:?}");
        }
        let counting = ClientAlarmSpec { counts_client_errors: true, ..ClientAlarmSpec::default() };
        assert_eq!(of(answered(404), &counting), [Fine, Fine, Fault]);
        let off = ClientAlarmSpec { failed_communication: false, ..ClientAlarmSpec::default() };
        assert_eq!(of(answered(500), &off), [Fine, Nothing, Nothing]);
        assert_eq!(of(answered(200), &off), [Fine, Fine, Fine]);
    }

    #[test]
    fn two_faults_in_the_window_raise_an_alarm_about_one_host_and_only_success_there_clears_it() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let supervisor = Supervisor::new(clock.clone());
        let observer = client_observer(supervisor.clone());
        let alarms = ClientAlarmSpec::default();
        let see = |origin: &str, status| {
            let end = End::Answered { status, failure: FailureReason::of_status(status) };
            observer(&Observation { client: "c1", origin, alarms: &alarms, end, took: None });
        };
        let subject = |origin: &str| Subject::new(OwnType::FailedCommunication, HTTP_CLIENT, "c1").qualified(origin);
        let (one, other) = ("https://a.example:443", "https://b.example:443");
        see(one, 503);
        see(other, 503);
        assert!(!supervisor.stands(&subject(one)) && !supervisor.stands(&subject(other)));
        see(one, 503);
        assert!(supervisor.stands(&subject(one)) && !supervisor.stands(&subject(other)));
        see(other, 200);
        assert!(supervisor.stands(&subject(one)));
        let quick = ClientAlarmSpec { quiet: Duration::ZERO, ..ClientAlarmSpec::default() };
        observer(&Observation {
            client: "c1",
            origin: one,
            alarms: &quick,
            end: End::Answered { status: 204, failure: None },
            took: None,
        });
        assert!(!supervisor.stands(&subject(one)));
    }

    #[test]
    fn slow_answers_raise_an_alarm_as_bad_as_they_are_and_fast_ones_clear_it() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let supervisor = Supervisor::new(clock.clone());
        let observer = client_observer(supervisor.clone());
        let alarms = ClientAlarmSpec { quiet: Duration::ZERO, ..ClientAlarmSpec::default() };
        let origin = "https://a.example:443";
        let see = |alarms: &ClientAlarmSpec, took: u64| {
            clock.advance(Duration::from_secs(took));
            let took = Some(Duration::from_secs(took));
            observer(&Observation {
                client: "c1",
                origin,
                alarms,
                end: End::Answered { status: 200, failure: None },
                took,
            });
        };
        let subject = Subject::new(OwnType::SlowConnection, HTTP_CLIENT, "c1").qualified(origin);
        see(&alarms, 12);
        assert!(!supervisor.stands(&subject));
        see(&alarms, 12);
        assert!(supervisor.stands(&subject), "two slow answers, one after the other");
        see(&alarms, 1);
        assert!(!supervisor.stands(&subject));
        let off = ClientAlarmSpec { slow: SlowThresholds::NONE, ..alarms.clone() };
        see(&off, 12);
        see(&off, 12);
        assert!(!supervisor.stands(&subject));
        let all = |took| slowness(SlowThresholds::default(), Duration::from_secs(took));
        let expected =
            [None, Some(Severity::Warning), Some(Severity::Minor), Some(Severity::Major), Some(Severity::Critical)];
        assert_eq!([1, 2, 5, 30, 31].map(all), expected);
        let only_minor = SlowThresholds { warning: None, ..SlowThresholds::default() };
        assert_eq!(slowness(only_minor, Duration::from_secs(3)), None);
    }
}
