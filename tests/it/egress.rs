//! What clients connect to, how many connections they make, and what they repeat.

use crate::harness::http::{Answer, Gate, HttpReceiver};
use crate::harness::pki::Authority;
use crate::harness::supplies::{Given, LONG, end, plain, post};
use annunciator::transport::{EgressSpec, FailureReason, HttpClient, HttpClientSpec, PoolSpec, RetrySpec};
use std::sync::Arc;
use std::time::Duration;

fn build(spec: &HttpClientSpec) -> HttpClient {
    Given::trusting(Authority::new("a").pem()).build(spec)
}

fn with_rules(egress: EgressSpec) -> HttpClient {
    build(&HttpClientSpec { egress, ..plain() })
}

#[tokio::test]
async fn names_and_literals_are_judged_by_what_they_stand_for_and_connections_are_kept() {
    let receiver = HttpReceiver::start();
    let port = receiver.address().port();
    let public = EgressSpec { public_only: true, ..EgressSpec::default() };
    let client = with_rules(public.clone());
    for host in ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let attempt = post(&client, &format!("http://{host}:{port}/")).await;
        assert_eq!(end(&attempt), Err(FailureReason::EgressRefused), "{host}: {attempt:?}");
    }
    assert!(receiver.requests().is_empty());
    let range = |text: &str| text.parse().unwrap();
    let allow = vec![range("127.0.0.0/8"), range("::1")];
    let client = with_rules(EgressSpec { allow, ..public });
    for _ in 0..3 {
        assert_eq!(end(&post(&client, &format!("http://localhost:{port}/")).await), Ok(200));
    }
    assert!(receiver.requests().iter().all(|request| request.connection == 0), "one connection for all");
    let client = with_rules(EgressSpec { deny: vec![range("127.0.0.1"), range("::1")], ..EgressSpec::default() });
    let attempt = post(&client, &format!("http://localhost:{port}/")).await;
    assert_eq!(end(&attempt), Err(FailureReason::EgressRefused), "{attempt:?}");
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_pool_allows() {
    let receiver = HttpReceiver::start();
    let pool = PoolSpec { connections_max: 3, per_route_max: 2, idle: Duration::from_secs(5) };
    let client = Arc::new(build(&HttpClientSpec { pool: Some(pool), ..plain() }));
    let gate = Gate::new();
    receiver.then(Answer::status(200).held_by(&gate)).then(Answer::status(200).held_by(&gate));
    let url = receiver.url("/");
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, url) = (Arc::clone(&client), url.clone());
        all.spawn(async move { end(&post(&client, &url).await) });
    }
    let waiting = receiver.clone();
    tokio::task::spawn_blocking(move || waiting.wait_for(2)).await.unwrap();
    // Another host is not held up by it.
    let other = HttpReceiver::start();
    assert_eq!(end(&post(&client, &other.url("/")).await), Ok(200));
    assert_eq!(receiver.requests().len(), 2);
    gate.open();
    assert_eq!(all.join_all().await, vec![Ok(200); 8]);
}

#[tokio::test]
async fn what_fails_for_the_moment_is_repeated_within_the_attempt() {
    let receiver = HttpReceiver::start();
    let retries = Some(RetrySpec { retries_max: 2, interval: Duration::from_millis(1) });
    let client = build(&HttpClientSpec { retries, ..plain() });
    receiver.then(Answer::status(503)).then(Answer::close());
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(200));
    assert_eq!(receiver.requests().len(), 3);
    receiver.always(Answer::status(502));
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(502));
    assert_eq!(receiver.requests().len(), 6);
    for status in [500, 429, 404] {
        receiver.always(Answer::status(status));
        assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(status));
    }
    assert_eq!(receiver.requests().len(), 9, "what a repetition does not mend is not repeated");
    // An interval that does not fit into the attempt is not begun.
    let retries = Some(RetrySpec { retries_max: 2, interval: LONG * 2 });
    let client = build(&HttpClientSpec { retries, ..plain() });
    receiver.always(Answer::status(503));
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(503));
    assert_eq!(receiver.requests().len(), 10);
}
