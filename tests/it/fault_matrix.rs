//! Whatever a receiver does: the reason that is written down, what becomes of the delivery, of the lane and of the alarm
//! about the handler.

use crate::harness::http::{Answer, HttpReceiver};
use crate::harness::pki::{Authority, EXPIRED, NOT_YET, VALID};
use crate::harness::secure::{self, SecureFront};
use crate::harness::supplies::{Given, trusting};
use annunciator::alarm::{ALARM_HANDLER, AlarmKey, AlarmText, ContributionKey, Notify, OwnType, Severity};
use annunciator::clock::Clock;
use annunciator::delivery::{
    Deliveries, DeliveryEntry, DeliveryQuery, DeliverySpec, DeliveryState, Fate, Filter, Handler, HandlerSpec,
    HandlerState, WaitsFor,
};
use annunciator::element::supervision::{Subject, Supervisor, look_at_handlers};
use annunciator::handler::webhook::{MessageFormat, WebhookSpec};
use annunciator::handler::{Clients, NotifierSpec, WebService};
use annunciator::ledger::{Ledger, LedgerOptions, Report};
use annunciator::retry::Schedule;
use annunciator::store::Store;
use annunciator::task::Scope;
use annunciator::transport::FailureReason as Reason;
use annunciator::transport::{EgressSpec, HttpClient, HttpClientSpec, NoSupplies, Scheme, Transport};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a delivery, and of its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Delivered,
    /// It is tried again and again.
    Retried(Reason),
    /// The receiver asked to be left alone.
    Paused(Reason),
    /// It is buried; the handler works.
    Dead(Reason),
    /// It waits for the handler, which is suspended and alarmed.
    Suspended(Reason),
}
use Expected::{Dead, Delivered, Paused, Retried, Suspended};

/// Attempts of a delivery that is tried again, until its next one is an hour away.
const TRIES: u32 = 4;

fn raw(bytes: &str) -> Answer {
    Answer::raw(bytes.replace('\n', "\r\n"))
}

/// A peer's behaviour, by name.
fn behaviours() -> Vec<(String, Answer, Expected)> {
    let mut all: Vec<(String, Answer, Expected)> = Vec::new();
    let mut add = |name: &str, answer: Answer, expected: Expected| all.push((name.to_owned(), answer, expected));
    for status in [200, 201, 202, 204, 205, 206, 226, 299] {
        add(&format!("status-{status}"), Answer::status(status), Delivered);
    }
    for status in [301, 302, 303, 304, 307, 308] {
        let away = Answer::status(status).header("location", "http://169.254.169.254/latest/meta-data");
        add(&format!("status-{status}"), away, Retried(Reason::Redirect));
    }
    for status in [400, 413, 415, 422] {
        add(&format!("status-{status}"), Answer::status(status), Dead(Reason::BodyRefused));
    }
    for status in [401, 403] {
        add(&format!("status-{status}"), Answer::status(status), Suspended(Reason::AuthenticationRefused));
    }
    add("status-407", Answer::status(407), Suspended(Reason::AuthenticationRefused));
    for status in [404, 405] {
        add(&format!("status-{status}"), Answer::status(status), Suspended(Reason::NotFound));
    }
    add("status-410", Answer::status(410), Suspended(Reason::Gone));
    for status in [402, 406, 408, 409, 418, 425, 428, 431, 451] {
        add(&format!("status-{status}"), Answer::status(status), Retried(Reason::RequestRefused));
    }
    for status in [500, 501, 502, 503, 504, 507, 599] {
        add(&format!("status-{status}"), Answer::status(status), Retried(Reason::ServerError));
    }
    add("status-429", Answer::status(429), Retried(Reason::Throttled));
    for (name, after) in
        [("garbage", "soon"), ("negative", "-5"), ("past", "Sun, 06 Nov 1994 08:49:37 GMT"), ("zero", "0")]
    {
        let answer = Answer::status(429).header("retry-after", after);
        add(&format!("retry-after-{name}"), answer, Retried(Reason::Throttled));
    }
    for (name, after) in [("seconds", "3600"), ("fraction", "1200.5"), ("date", "Sat, 01 Jan 2124 00:00:00 GMT")] {
        let answer = Answer::status(429).header("retry-after", after);
        add(&format!("retry-after-{name}"), answer, Paused(Reason::Throttled));
    }
    let unavailable = Answer::status(503).header("retry-after", "3600");
    add("retry-after-503", unavailable, Paused(Reason::ServerError));
    add("status-999", raw("HTTP/1.1 999 What\ncontent-length: 0\n\n"), Retried(Reason::UnexpectedStatus));
    add("long-body", Answer::status(200).body(vec![b'x'; 1 << 20]), Delivered);
    add("endless-body", Answer::endless(200), Delivered);
    add("endless-refusal", Answer::endless(400), Dead(Reason::BodyRefused));
    add("dripping-body", Answer::dripping(200), Retried(Reason::Timeout));
    add("dripping-refusal", Answer::dripping(410), Suspended(Reason::Gone));
    add("silence", Answer::silence(), Retried(Reason::Timeout));
    add("dripping-head", Answer::dripping_head(200), Retried(Reason::Timeout));
    add("reset-in-body", Answer::reset_in_body(200), Retried(Reason::ConnectionReset));
    let hints = "HTTP/1.1 103 Early Hints\nlink: </a>\n\nHTTP/1.1 204 No Content\n\n";
    add("early-hints", raw(hints), Delivered);
    let switching = "HTTP/1.1 101 Switching Protocols\nconnection: upgrade\nupgrade: x\n\n";
    add("switching-protocols", raw(switching), Retried(Reason::UnexpectedStatus));
    add(
        "two-lengths",
        raw("HTTP/1.1 200 OK\ncontent-length: 1\ncontent-length: 2\n\nab"),
        Retried(Reason::ProtocolError),
    );
    add("more-than-promised", raw("HTTP/1.1 200 OK\ncontent-length: 2\n\nok and more"), Delivered);
    add("truncated-body", Answer::truncated(200), Retried(Reason::ConnectionReset));
    add("close", Answer::close(), Retried(Reason::ConnectionReset));
    add("reset", Answer::reset(), Retried(Reason::ConnectionReset));
    add("no-http", raw("SSH-2.0-OpenSSH_9.2\n"), Retried(Reason::ProtocolError));
    add("half-a-head", raw("HTTP/1.1 200 OK\ncontent-le"), Retried(Reason::ConnectionReset));
    add("bad-status-line", raw("HTTP/1.1 abc OK\n\n"), Retried(Reason::ProtocolError));
    add("bad-length", raw("HTTP/1.1 200 OK\ncontent-length: many\n\n"), Retried(Reason::ProtocolError));
    add(
        "bad-chunk",
        raw("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\nzz\nabc\n0\n\n"),
        Retried(Reason::ProtocolError),
    );
    add("chunks-cut", raw("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n5\nab"), Retried(Reason::ConnectionReset));
    add(
        "huge-header",
        raw(&format!("HTTP/1.1 200 OK\nx: {}\n\n", "y".repeat(1 << 20))),
        Retried(Reason::ProtocolError),
    );
    add("http-1.0", raw("HTTP/1.0 200 OK\n\nthanks"), Delivered);
    add("continue", raw("HTTP/1.1 100 Continue\n\nHTTP/1.1 204 No Content\n\n"), Delivered);
    add("gzip", Answer::status(200).header("content-encoding", "gzip").body("not gzip"), Delivered);
    add("html", Answer::status(200).header("content-type", "text/html").body("<html>login"), Delivered);
    all
}

struct One(Arc<HttpClient>);

impl Clients for One {
    fn http_client(&self, _id: &str) -> Option<Arc<HttpClient>> {
        Some(Arc::clone(&self.0))
    }
}

fn handler(id: &str, hostname: &str, port: u16, clock: &Clock) -> Handler {
    let spec = HttpClientSpec { scheme: Scheme::Http, ..HttpClientSpec::new("c1") };
    handler_with(Transport::new(clock).client(&spec, &NoSupplies).unwrap(), id, hostname, port)
}

fn handler_with(client: HttpClient, id: &str, hostname: &str, port: u16) -> Handler {
    let web_service =
        WebService { hostname: hostname.to_owned(), port, context: "/".to_owned(), http_client: "c1".to_owned() };
    let (signing_secrets, headers) = (Vec::new(), Vec::new());
    let notifier = NotifierSpec::Webhook(WebhookSpec {
        web_service,
        message_format: MessageFormat::Flat,
        signing_secrets,
        headers,
    });
    let intervals = [Duration::ZERO; 3].into_iter().chain([Duration::from_secs(3600)]);
    let delivery = DeliverySpec {
        attempt_timeout: Duration::from_secs(2),
        retries: Schedule::new(intervals),
        ..DeliverySpec::default()
    };
    Handler {
        notifier: notifier.build(&One(Arc::new(client))).unwrap(),
        spec: HandlerSpec {
            notify: Notify::default(),
            reminder_interval: None,
            id: id.to_owned(),
            description: None,
            is_enabled: true,
            notifier,
            filter: Filter::default(),
            delivery,
        },
    }
}

/// Returns what stands of each handler's only delivery.
fn entries(deliveries: &Deliveries) -> BTreeMap<String, DeliveryEntry> {
    let mut found = BTreeMap::new();
    deliveries
        .log(&DeliveryQuery::default(), |entry| {
            found.insert(entry.handler.clone(), entry);
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

fn is_as_expected(expected: Expected, entry: &DeliveryEntry, state: HandlerState, is_alarmed: bool) -> bool {
    let failed = |reason| entry.last_failure == Some(reason);
    let retried = matches!(entry.state, DeliveryState::Waiting(WaitsFor::Retry(_)));
    match expected {
        Delivered => {
            entry.state == DeliveryState::Settled(Fate::Delivered) && state == HandlerState::Idle && !is_alarmed
        }
        Dead(reason) => {
            entry.state == DeliveryState::Settled(Fate::Dead(reason)) && state == HandlerState::Idle && !is_alarmed
        }
        Retried(reason) => {
            retried && failed(reason) && entry.attempts == TRIES && state == HandlerState::Retrying && !is_alarmed
        }
        Paused(reason) => {
            retried && failed(reason) && entry.attempts == 1 && state == HandlerState::Retrying && !is_alarmed
        }
        Suspended(reason) => {
            entry.state == DeliveryState::Waiting(WaitsFor::Probe)
                && failed(reason)
                && state == HandlerState::Suspended
                && is_alarmed
        }
    }
}

#[test]
fn whatever_a_receiver_does_has_its_reason_its_lane_state_and_its_alarm() {
    let (folder, clock, scope) = (tempfile::tempdir().unwrap(), Clock::system(), Scope::new());
    let store = Store::open(folder.path(), clock.clone()).unwrap();
    let ledger = Ledger::open(store.clone(), clock.clone(), LedgerOptions::default()).unwrap();
    let deliveries = Deliveries::start(&scope, ledger.clone(), store.clone(), clock.clone()).unwrap();
    let (mut receivers, mut expected) = (Vec::new(), BTreeMap::new());
    let mut lanes = deliveries.change();
    for (name, answer, what) in behaviours() {
        let receiver = HttpReceiver::start();
        receiver.always(answer);
        lanes.put(handler(&name, "127.0.0.1", receiver.address().port(), &clock));
        receivers.push(receiver);
        expected.insert(name, what);
    }
    // A privileged port that nobody listens on, and a name that no resolver knows (RFC 6761).
    for (name, hostname, what) in [
        ("refused", "127.0.0.1", Retried(Reason::ConnectionRefused)),
        ("no-name", "nobody.invalid", Retried(Reason::Dns)),
    ] {
        lanes.put(handler(name, hostname, 1, &clock));
        expected.insert(name.to_owned(), what);
    }
    // A name that resolves to an address that the client may not connect to: it is looked at when it is resolved.
    let public = EgressSpec { public_only: true, ..EgressSpec::default() };
    let spec = HttpClientSpec { scheme: Scheme::Http, egress: public, ..HttpClientSpec::new("c1") };
    let client = Transport::new(&clock).client(&spec, &NoSupplies).unwrap();
    lanes.put(handler_with(client, "egress", "localhost", receivers[0].address().port()));
    expected.insert("egress".to_owned(), Suspended(Reason::EgressRefused));
    // Servers whose certificates are not right.
    let (ours, theirs, behind) = (Authority::new("ours"), Authority::new("theirs"), HttpReceiver::start());
    let given = Given::trusting(ours.pem());
    let mut fronts = Vec::new();
    for (name, identity, what) in [
        ("tls", ours.server(&["localhost"], VALID), Delivered),
        ("tls-expired", ours.server(&["localhost"], EXPIRED), Retried(Reason::TlsCertificate)),
        ("tls-not-yet", ours.server(&["localhost"], NOT_YET), Retried(Reason::TlsCertificate)),
        ("tls-hostname", ours.server(&["elsewhere.example"], VALID), Retried(Reason::TlsCertificate)),
        ("tls-unknown", theirs.server(&["localhost"], VALID), Retried(Reason::TlsCertificate)),
    ] {
        let front = SecureFront::start(&behind, &identity, &secure::Clients::Anybody);
        lanes.put(handler_with(given.build(&trusting()), name, "localhost", front.port()));
        fronts.push(front);
        expected.insert(name.to_owned(), what);
    }
    assert!(expected.len() >= 40);
    let (rows, apply) = lanes.into_parts();
    store.write(move |tx| rows.into_iter().try_for_each(|row| row(tx))).unwrap();
    apply();
    let text = |text: &str| text.to_owned();
    let key = AlarmKey {
        node: text("n1"),
        resource_type: text("service"),
        resource: text("s1"),
        alarm_type: text("broken"),
        qualifier: String::new(),
    };
    let (severity, contribution) = (Severity::Major, ContributionKey::default());
    let report = Report::Raise { key, severity, text: AlarmText::default(), contribution, ends_at: None, note: None };
    ledger.report_blocking(vec![report]).unwrap();

    let supervisor = Supervisor::new(clock.clone());
    let wrong = loop {
        let statuses = deliveries.statuses();
        look_at_handlers(&supervisor, &statuses);
        let entries = entries(&deliveries);
        let wrong: Vec<String> = expected
            .iter()
            .filter_map(|(name, expected)| {
                let (Some(entry), Some(status)) = (entries.get(name), statuses.iter().find(|s| s.id == *name)) else {
                    return Some(format!("{name}: nothing is known of it"));
                };
                let state = status.state;
                let is_alarmed =
                    supervisor.stands(&Subject::new(OwnType::HandlerSuspended, ALARM_HANDLER, name.as_str()));
                let is_right = is_as_expected(*expected, entry, state, is_alarmed);
                (!is_right).then(|| format!("{name}: expected {expected:?}, found {state} {is_alarmed} {entry:?}"))
            })
            .collect();
        if wrong.is_empty() || clock.elapsed() > Duration::from_secs(20) {
            break wrong;
        }
        receivers[0].wait_for_count(0);
    };
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
