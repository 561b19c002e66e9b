//! The downstream receiver over HTTP, fed by the real webhook client.

use annunciator::clock::Clock;
use annunciator::receive::{Credentials, Event, Receiver, ReceiverOptions, Verdict};
use annunciator::secret::Secret;
use annunciator::task::Scope;
use annunciator::transport::{
    Authentication, HeaderMap, HeaderValue, HttpClient, HttpClientSpec, NoSupplies, Request, Scheme, Transport, Url,
};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;
use tokio::sync::mpsc;

const RAISE: &str = include_str!("../golden/webhook-flat-raise.json");
const CHANGE: &str = include_str!("../golden/webhook-nested-change.json");
const CLEAR: &str = include_str!("../golden/webhook-nested-clear.json");

struct World {
    scope: Scope,
    clock: Clock,
    address: SocketAddr,
    events: mpsc::Receiver<Event>,
    table: annunciator::receive::SharedTable,
}

impl World {
    async fn start(credentials: Option<Credentials>, fail_every: Option<u64>) -> Self {
        let (scope, clock) = (Scope::new(), Clock::system());
        let listen = "127.0.0.1:0".parse().unwrap();
        let fail_every = fail_every.and_then(NonZeroU64::new);
        let options = ReceiverOptions { listen, credentials, secrets: Vec::new(), fail_every };
        let (receiver, events) = Receiver::bind(options, &clock).await.unwrap();
        let (address, table) = (receiver.local_addr(), receiver.table());
        scope.spawn("receiver", receiver.serve(scope.clone()));
        Self { scope, clock, address, events, table }
    }

    fn client(&self, authentication: Authentication) -> HttpClient {
        let spec = HttpClientSpec { scheme: Scheme::Http, authentication, ..HttpClientSpec::new("c1") };
        Transport::new(&self.clock).client(&spec, &NoSupplies).unwrap()
    }

    async fn post(&self, client: &HttpClient, id: &str, body: &'static str) -> (u16, String) {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("webhook-id", HeaderValue::from_str(id).unwrap());
        let url = Url::parse(&format!("http://{}/any/path", self.address)).unwrap();
        let request = Request { url, headers, body: body.into(), deadline: Duration::from_secs(20) };
        let answer = client.post(request).await.result.unwrap();
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn notifications_of_both_formats_are_correlated_and_repeats_and_stale_ones_are_told() {
    let mut world = World::start(None, None).await;
    let client = world.client(Authentication::None);
    let mut said = Vec::new();
    for (id, body) in [("d1", RAISE), ("d1", RAISE), ("d3", CLEAR), ("d2", CHANGE), ("d3", CLEAR), ("d4", "{}")] {
        said.push(world.post(&client, id, body).await);
    }
    let words: Vec<(u16, &str)> = said.iter().map(|(s, t)| (*s, t.split([':', '\n']).next().unwrap())).collect();
    assert_eq!(
        words,
        [
            (200, "raised"),
            (200, "repeat"),
            (200, "cleared"),
            (200, "stale"),
            (200, "repeat"),
            (400, "`cleared` is missing")
        ]
    );
    let Some(Event::Taken(first)) = world.events.recv().await else { panic!("no event") };
    assert_eq!((first.verdict, first.delivery.as_deref()), (Verdict::Raised, Some("d1")));
    let line = Event::Taken(first).to_string();
    assert!(line.contains("raised") && line.contains("failed-connection http-client/billing-api@node-1"), "{line}");
    assert!(world.table.with(ToString::to_string).starts_with("0 standing, 1 cleared\n"));
    assert_eq!(world.scope.drain(&world.clock, Duration::from_secs(20)).await, Ok(()));
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_refused() {
    let credentials = Credentials { username: "wh".to_owned(), password: Secret::new("right") };
    let world = World::start(Some(credentials), None).await;
    let basic = |word: &str| Authentication::Basic { username: "wh".to_owned(), password: Some(Secret::new(word)) };
    for (authentication, status) in [(Authentication::None, 401), (basic("wrong"), 401), (basic("right"), 200)] {
        assert_eq!(world.post(&world.client(authentication), "d1", RAISE).await.0, status);
    }
}

#[tokio::test]
async fn a_failure_on_purpose_leaves_the_notification_for_the_retry() {
    let world = World::start(None, Some(2)).await;
    let client = world.client(Authentication::None);
    let mut statuses = Vec::new();
    for (id, body) in [("d1", RAISE), ("d2", CHANGE), ("d2", CHANGE)] {
        statuses.push(world.post(&client, id, body).await);
    }
    assert_eq!(statuses.get(1).map(|s| s.0), Some(503));
    assert_eq!(statuses.get(2), Some(&(200, "changed\n".to_owned())));
}
