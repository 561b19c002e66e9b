//! The webhook notifier on the wire.

use crate::harness::http::{Answer, HttpReceiver};
use annunciator::alarm::{AlarmKey, AlarmState, JournalPosition, Severity, Standing, Transition};
use annunciator::clock::Clock;
use annunciator::handler::webhook::{MessageFormat, WebhookSpec};
use annunciator::handler::{Clients, DeliveryId, NotifierSpec, Outcome, RenderContext, WebService};
use annunciator::transport::{FailureReason, HttpClient, HttpClientSpec, NoSupplies, Scheme, Transport};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

struct One(Arc<HttpClient>);

impl Clients for One {
    fn http_client(&self, id: &str) -> Option<Arc<HttpClient>> {
        (self.0.id() == id).then(|| Arc::clone(&self.0))
    }
}

fn transition() -> Transition {
    let parts = ["n1", "service", "billing", "failed-connection", ""].map(str::to_owned);
    let [node, resource_type, resource, alarm_type, qualifier] = parts;
    let key = AlarmKey { node, resource_type, resource, alarm_type, qualifier };
    Transition {
        position: JournalPosition(9),
        id: key.id(),
        key: key.into(),
        sequence: 1,
        before: None,
        after: AlarmState {
            standing: Standing { severity: Severity::Minor, is_cleared: false },
            text: Arc::default(),
            impact: Vec::new(),
        },
        last_updated: Timestamp::UNIX_EPOCH,
        revision: 1,
        reminds: Vec::new(),
        stood: std::collections::BTreeSet::new(),
        raised: JournalPosition(0),
        project: None,
        moves: None,
        base_url: None,
    }
}

#[tokio::test]
async fn a_message_is_the_same_on_every_attempt_and_each_answer_has_its_outcome() {
    let receiver = HttpReceiver::start();
    receiver.then(Answer::status(503).header("Retry-After", "7")).then(Answer::status(422)).then(Answer::status(410));
    let spec = HttpClientSpec { scheme: Scheme::Http, ..HttpClientSpec::new("c1") };
    let clients = One(Arc::new(Transport::new(&Clock::system()).client(&spec, &NoSupplies).unwrap()));
    let web_service = WebService {
        hostname: "localhost".to_owned(),
        port: receiver.address().port(),
        context: "/postme?key=1".to_owned(),
        http_client: "c1".to_owned(),
    };
    let notifier = NotifierSpec::Webhook(WebhookSpec {
        web_service,
        message_format: MessageFormat::Flat,
        signing_secrets: Vec::new(),
        headers: Vec::new(),
    });
    let notifier = notifier.build(&clients).unwrap();
    let delivery = DeliveryId::new(uuid::Uuid::from_u128(1), JournalPosition(9));
    let message = notifier.render(&transition(), &RenderContext { base_url: None, delivery }).unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        let attempt = notifier.send(&message, Duration::from_secs(20)).await;
        outcomes.push(notifier.classify(&attempt, Timestamp::UNIX_EPOCH));
    }
    let after = Some(Duration::from_secs(7));
    assert_eq!(
        outcomes,
        [
            Outcome::Retry { reason: FailureReason::ServerError, after, pauses_lane: true },
            Outcome::GiveUp { reason: FailureReason::BodyRefused },
            Outcome::Suspend { reason: FailureReason::Gone },
            Outcome::Delivered,
        ]
    );
    let requests = receiver.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_eq!(request.path, "/postme?key=1");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("webhook-id"), Some(delivery.to_string().as_str()));
        assert_eq!(request.body, message.body);
    }
}
