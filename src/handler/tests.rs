//! The contract that every kind of notifier keeps.

use super::webhook::{MessageFormat, WebhookSpec};
use super::*;
use crate::alarm::{AlarmKey, AlarmState, AlarmText, ImpactGroup, JournalPosition, Severity, Standing};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::transport::{
    Answer, Authentication, FailureReason, HttpClient, HttpClientSpec, NoSupplies, Scheme, Transport,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Address of the web UI in tests.
pub(crate) const BASE_URL: &str = "https://annunciator.example/";

const PASSWORD: &str = "a-password-to-look-for";

/// Builds a transition of an alarm with everything that can be said of one.
pub(crate) fn transition(sequence: u64, severity: Severity, is_cleared: bool) -> Transition {
    let key = AlarmKey {
        node: "node-1".to_owned(),
        resource_type: "http-client".to_owned(),
        resource: "billing-api".to_owned(),
        alarm_type: "failed-connection".to_owned(),
        qualifier: r#"datacenter="eu-1",url="https://billing.example/v1?a=1,b=2""#.to_owned(),
    };
    let list = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let text = AlarmText {
        brief: "The HTTP client cannot connect to a remote host".into(),
        detailed: list(&["Nobody listens on the port.", "Said \"refused\" — 3 times."]),
        suggested_actions: list(&["Check that the remote host is running.", "Check the firewalls between."]),
        ..AlarmText::default()
    };
    let impact = vec![
        ImpactGroup {
            resource_type: "alarm-handler".to_owned(),
            title: "Alarm handlers".to_owned(),
            resources: list(&["wh1", "wh2"]),
        },
        ImpactGroup {
            resource_type: "service".to_owned(),
            title: "Services".to_owned(),
            resources: list(&["billing"]),
        },
    ];
    let before = (sequence > 1).then_some(Standing { severity: Severity::Major, is_cleared: false });
    let seconds = i64::try_from(sequence).unwrap();
    Transition {
        position: JournalPosition(sequence + 40),
        id: key.id(),
        key: key.into(),
        sequence,
        before,
        after: AlarmState { standing: Standing { severity, is_cleared }, text: text.into(), impact },
        last_updated: Timestamp::new(1_777_636_800 + seconds, 250_000_000).unwrap(),
        revision: 3,
        reminds: Vec::new(),
        stood: std::collections::BTreeSet::new(),
        raised: JournalPosition(0),
        project: None,
        moves: None,
        base_url: None,
    }
}

struct Named(BTreeMap<String, Arc<HttpClient>>);

impl Clients for Named {
    fn http_client(&self, id: &str) -> Option<Arc<HttpClient>> {
        self.0.get(id).cloned()
    }
}

fn clients() -> Named {
    let spec = HttpClientSpec {
        scheme: Scheme::Http,
        authentication: Authentication::Basic { username: "u".to_owned(), password: Some(Secret::new(PASSWORD)) },
        ..HttpClientSpec::new("c1")
    };
    let client = Transport::new(&Clock::system()).client(&spec, &NoSupplies).unwrap();
    Named(BTreeMap::from([("c1".to_owned(), Arc::new(client))]))
}

fn specs(kind: Kind, http_client: &str) -> Vec<NotifierSpec> {
    let web_service = WebService {
        hostname: "127.0.0.1".to_owned(),
        port: 1,
        context: "/in/t0ken".to_owned(),
        http_client: http_client.to_owned(),
    };
    match kind {
        Kind::Webhook => MessageFormat::ALL
            .map(|message_format| {
                NotifierSpec::Webhook(WebhookSpec {
                    web_service: web_service.clone(),
                    message_format,
                    signing_secrets: Vec::new(),
                    headers: Vec::new(),
                })
            })
            .to_vec(),
    }
}

fn all() -> impl Iterator<Item = (Kind, Arc<dyn Notifier>)> {
    Kind::ALL
        .into_iter()
        .flat_map(|kind| specs(kind, "c1").into_iter().map(move |spec| (kind, spec.build(&clients()).unwrap())))
}

fn context() -> RenderContext<'static> {
    RenderContext { base_url: Some(BASE_URL), delivery: DeliveryId::new(Uuid::from_u128(7), JournalPosition(41)) }
}

#[test]
fn every_kind_is_what_its_specification_says() {
    for (kind, notifier) in all() {
        assert_eq!(notifier.kind(), kind);
        assert_eq!(Kind::ALL.iter().filter(|k| k.as_str() == kind.as_str()).count(), 1);
    }
}

#[test]
fn every_kind_names_a_client_that_is_missing() {
    for spec in Kind::ALL.into_iter().flat_map(|kind| specs(kind, "gone")) {
        let faults = spec.build(&clients()).unwrap_err();
        assert!(faults.to_string().contains("`gone`"), "{faults}");
        assert_eq!(spec.http_client(), Some("gone"));
    }
}

#[test]
fn every_kind_writes_the_same_bytes_each_time_and_says_which_alarm() {
    for (kind, notifier) in all() {
        for (severity, is_cleared) in Severity::ALL.into_iter().flat_map(|s| [(s, false), (s, true)]) {
            let transition = transition(2, severity, is_cleared);
            let message = notifier.render(&transition, &context()).unwrap();
            assert_eq!(message, notifier.render(&transition, &context()).unwrap());
            let body = String::from_utf8(message.body.to_vec()).unwrap();
            assert!(body.contains(&transition.id.to_string()), "{kind}: {body}");
            assert!(body.contains(severity.as_str()), "{kind}: {body}");
            let id = message.headers.get(WEBHOOK_ID).unwrap();
            assert_eq!(id.to_str().unwrap(), context().delivery.to_string());
        }
    }
}

#[test]
fn no_kind_shows_a_secret_or_a_path_that_may_hold_one() {
    for (kind, notifier) in all() {
        let message = notifier.render(&transition(1, Severity::Major, false), &context()).unwrap();
        let shown = format!("{} {:?} {message:?}", notifier.destination(), notifier.shown_headers(&message));
        for secret in [PASSWORD, "t0ken"] {
            assert!(!shown.contains(secret), "{kind}: {shown}");
        }
        assert!(!format!("{notifier:?}").contains("t0ken"));
    }
}

#[test]
fn no_kind_takes_a_redirect_or_a_refusal_for_success() {
    for (kind, notifier) in all() {
        for status in (100..200).chain(300..600) {
            let answer = Answer { status, ..Answer::default() };
            let attempt = Attempt { duration: Duration::ZERO, remote: None, result: Ok(answer) };
            assert_ne!(notifier.classify(&attempt, Timestamp::UNIX_EPOCH), Outcome::Delivered, "{kind} {status}");
        }
    }
}

#[tokio::test]
async fn every_kind_says_why_nobody_answered() {
    for (kind, notifier) in all() {
        let message = notifier.render(&transition(1, Severity::Major, false), &context()).unwrap();
        let attempt = notifier.send(&message, Duration::from_secs(10)).await;
        let fault = attempt.result.clone().unwrap_err();
        assert_eq!(fault.reason, FailureReason::ConnectionRefused, "{kind}: {fault:?}");
        assert!(!fault.detail.contains("t0ken"), "{kind}: {fault:?}");
        assert!(matches!(notifier.classify(&attempt, Timestamp::UNIX_EPOCH), Outcome::Retry { .. }));
    }
}

#[test]
fn a_delivery_id_is_of_its_lane_and_position() {
    let id = |lane, position| DeliveryId::new(Uuid::from_u128(lane), JournalPosition(position));
    assert_eq!(id(1, 2), id(1, 2));
    assert_ne!(id(1, 2), id(1, 3));
    assert_ne!(id(1, 2), id(2, 2));
    assert_eq!(id(1, 2).as_uuid().get_version_num(), 5);
}
