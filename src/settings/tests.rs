//! What the product's schema says reaches the parts as typed values.

use super::*;
use crate::alarm::Severity;
use crate::codec::{Builder, read_json};
use crate::delivery::{Order, RateLimit, SuspendAfter};
use crate::diagnostic::Source;
use crate::handler::NotifierSpec;
use crate::handler::webhook::MessageFormat;
use crate::secret::{KeyRing, Sealer, Secret};
use crate::transport::{Authentication, Scheme};
use crate::tree::{DataPath, DataTree, Plan, validate};
use crate::yang::builtin_schema;
use std::time::Duration;

fn tree(sealer: &dyn Sealer, json: &str) -> DataTree {
    let schema = builtin_schema().unwrap_or_else(|faults| panic!("{faults}"));
    let mut builder = Builder::new(DataTree::new(Plan::new(schema)), sealer);
    read_json(&mut builder, &Source::new("t.json", json));
    let found = validate(&builder.tree);
    builder.validated(found);
    assert!(!builder.diagnostics.has_errors(), "{}", builder.diagnostics);
    builder.tree
}

fn path(tree: &DataTree, text: &str) -> DataPath {
    DataPath::parse(tree.schema(), text).unwrap()
}

const CLIENT: &str = "/annunciator-facilities:facilities/http/client[id='c1']";

#[test]
fn a_client_has_its_defaults_its_timeouts_and_an_opened_password() {
    let ring = KeyRing::ephemeral().unwrap();
    let tree = tree(
        &ring,
        r#"{"facilities": {"http": {"client": [
            {"id": "c1", "scheme": "http", "connect-timeout": 0, "socket-timeout": 3,
             "http-basic-authn": {"username": "u", "password": "s3cret"}},
            {"id": "c2"}]}}}"#,
    );
    let at = path(&tree, CLIENT);
    let spec = http_client(tree.get(&at).unwrap(), &at, &ring).unwrap();
    assert_eq!((spec.id.as_str(), spec.scheme, spec.connect_timeout), ("c1", Scheme::Http, None));
    assert_eq!(spec.socket_timeout, Some(Duration::from_secs(3)));
    let password = Some(Secret::new("s3cret"));
    assert_eq!(spec.authentication, Authentication::Basic { username: "u".to_owned(), password });
    let at = path(&tree, "/annunciator-facilities:facilities/http/client[id='c2']");
    assert_eq!(
        http_client(tree.get(&at).unwrap(), &at, &ring).unwrap(),
        crate::transport::HttpClientSpec::new("c2"),
        "the defaults of the schema and of the type are the same"
    );
}

#[test]
fn a_secret_of_another_key_is_told_by_path() {
    let ring = KeyRing::ephemeral().unwrap();
    let tree = tree(
        &ring,
        r#"{"facilities": {"http": {"client": [
            {"id": "c1", "http-basic-authn": {"username": "u", "password": "s3cret"}}]}}}"#,
    );
    let at = path(&tree, CLIENT);
    let faults = http_client(tree.get(&at).unwrap(), &at, &KeyRing::ephemeral().unwrap()).unwrap_err();
    let fault = faults.iter().next().unwrap();
    assert_eq!(fault.data_path.as_deref(), Some(&*format!("{CLIENT}/http-basic-authn/password")));
    assert!(!faults.to_string().contains("s3cret"));
}

#[test]
fn a_handler_has_its_notifier_and_the_defaults_of_its_delivery() {
    let ring = KeyRing::ephemeral().unwrap();
    let tree = tree(
        &ring,
        r#"{"facilities": {"http": {"client": [{"id": "c1"}]}},
            "environments": {"environment": {"base-url": "https://a.example", "alarms": {
              "ingest": {"default-severity": "minor"},
              "alarm-handlers": {"alarm-handler": [{"id": "wh1", "webhook-notifier": {
                "web-service": {"hostname": "h", "port": 8080, "context": "/x", "http-client": "c1"},
                "message-format": "flat"}}]}}}}}"#,
    );
    let text = "/annunciator-environments:environments/environment/alarms/alarm-handlers/alarm-handler[id='wh1']";
    let at = path(&tree, text);
    let spec = handler(tree.get(&at).unwrap(), &at, &ring).unwrap();
    assert!(spec.is_enabled && spec.id == "wh1" && spec.description.is_none());
    assert_eq!(spec.delivery, crate::delivery::DeliverySpec::default());
    let NotifierSpec::Webhook(webhook) = &spec.notifier;
    assert_eq!((webhook.message_format, webhook.web_service.port), (MessageFormat::Flat, 8080));
    assert_eq!(environment(&tree).base_url.as_deref(), Some("https://a.example"));
    assert_eq!(ingest(&tree, &ring).0.default_severity, Severity::Minor);
}

#[test]
fn a_handler_has_its_filter_its_secrets_and_its_limits() {
    let ring = KeyRing::ephemeral().unwrap();
    let tree = tree(
        &ring,
        r#"{"facilities": {"http": {"client": [{"id": "c1"}]}},
            "environments": {"environment": {"alarms": {"alarm-handlers": {"alarm-handler": [
              {"id": "wh2", "webhook-notifier": {"web-service": {"hostname": "h", "port": 1, "http-client": "c1"}}},
              {"id": "wh1", "webhook-notifier": {
                "web-service": {"hostname": "h", "port": 8080, "http-client": "c1"},
                "signing-secret": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
                "header": [{"name": "X-Token", "value": "t0ken"}]},
               "filter": {"severities": ["critical", "major"], "alarm-types": ["a b"], "nodes": ["n1"]},
               "delivery": {"order": "latest-state", "rate-limit": {"messages": 5, "per": 2}, "send-standing": false,
                 "suspend-after": {"failures": 3, "period": 60}, "fallback-handler": "wh2"}}]}}}}}"#,
    );
    let text = "/annunciator-environments:environments/environment/alarms/alarm-handlers/alarm-handler[id='wh1']";
    let at = path(&tree, text);
    let spec = handler(tree.get(&at).unwrap(), &at, &ring).unwrap();
    assert_eq!(spec.filter.severities, [Severity::Critical, Severity::Major].into());
    assert_eq!((spec.filter.alarm_types.len(), spec.filter.nodes.len(), spec.filter.resources.len()), (1, 1, 0));
    let delivery = crate::delivery::DeliverySpec {
        order: Order::LatestState,
        rate_limit: Some(RateLimit { messages: 5, per: Duration::from_secs(2) }),
        suspend_after: SuspendAfter { failures: 3, period: Duration::from_secs(60) },
        fallback: Some("wh2".to_owned()),
        sends_standing: false,
        ..crate::delivery::DeliverySpec::default()
    };
    assert_eq!(spec.delivery, delivery);
    let NotifierSpec::Webhook(webhook) = &spec.notifier;
    assert_eq!(webhook.signing_secrets.len(), 2);
    assert_eq!(webhook.signing_secrets[0], Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    assert_eq!(webhook.headers, [("X-Token".to_owned(), Secret::new("t0ken"))]);
    // With another key no secret opens, and each is told at its place.
    let faults = handler(tree.get(&at).unwrap(), &at, &KeyRing::ephemeral().unwrap()).unwrap_err();
    let places: Vec<_> = faults.iter().filter_map(|fault| fault.data_path.clone()).collect();
    assert!(places.iter().any(|place| place.ends_with("header[name='X-Token']/value")), "{places:?}");
    assert!(places.iter().any(|place| place.ends_with("signing-secret")), "{places:?}");
}

#[test]
fn what_is_not_configured_has_the_schemas_defaults() {
    let ring = KeyRing::ephemeral().unwrap();
    let tree = tree(&ring, "{}");
    assert_eq!(http_server(&tree).unwrap(), HttpServerSpec { address: "127.0.0.1".to_owned(), port: 8008 });
    assert_eq!(revisions_kept(&tree), 1000);
    assert_eq!(ingest(&tree, &ring).0.default_severity, Severity::Major);
    assert_eq!(environment(&tree), Environment::default());
    assert!(Places::of(tree.schema()).is_some());
}
