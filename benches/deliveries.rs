//! Durable, ordered deliveries beside raw POSTs to the same receiver, in turns within one run.
//!
//! `cargo bench --bench deliveries`. Each figure is the median of the rounds; the ratio is that of the medians.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark ends at the first surprise, prints its figures, and is no part of the element"
)]

use annunciator::alarm::{AlarmKey, AlarmText, ContributionKey, Notify, Severity};
use annunciator::clock::Clock;
use annunciator::delivery::{Deliveries, DeliverySpec, Handler, HandlerSpec};
use annunciator::handler::webhook::{MessageFormat, WebhookSpec};
use annunciator::handler::{Clients, NotifierSpec, WebService};
use annunciator::ledger::{Ledger, LedgerOptions, Report};
use annunciator::store::Store;
use annunciator::task::Scope;
use annunciator::transport::{HttpClient, HttpClientSpec, HttpServer, Scheme, ServerLimits, Transport};
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

const ROUNDS: usize = 5;
const MESSAGES: usize = 30_000;
const IN_FLIGHT: usize = 64;

/// Alarms that the messages are about, each raised and cleared in turn.
const ALARMS: usize = 1000;

struct One(Arc<HttpClient>);

impl Clients for One {
    fn http_client(&self, _id: &str) -> Option<Arc<HttpClient>> {
        Some(Arc::clone(&self.0))
    }
}

/// Counts what it is sent.
struct Receiver {
    _runtime: Runtime,
    address: SocketAddr,
    received: watch::Receiver<usize>,
    body_bytes: watch::Receiver<usize>,
}

impl Receiver {
    fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (count, received) = watch::channel(0);
        let (size, body_bytes) = watch::channel(0);
        let take = move |body: Bytes| {
            size.send_replace(body.len());
            count.send_modify(|count| *count += 1);
            async { StatusCode::NO_CONTENT }
        };
        let router = Router::new().fallback(post(take));
        let limits = ServerLimits::default();
        let server = runtime.block_on(HttpServer::bind(SocketAddr::from(([127, 0, 0, 1], 0)), limits)).unwrap();
        let address = server.local_addr();
        runtime.spawn(server.serve(router, Scope::new()));
        Self { _runtime: runtime, address, received, body_bytes }
    }

    fn count(&self) -> usize {
        *self.received.borrow()
    }

    fn wait_for(&self, runtime: &Runtime, count: usize) {
        let mut received = self.received.clone();
        runtime.block_on(received.wait_for(|received| *received >= count)).unwrap();
    }
}

/// POSTs bodies of the size that deliveries have, as many at once as a handler does.
fn raw(receiver: &Receiver) -> f64 {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = reqwest::Client::builder().no_proxy().http1_only().build().unwrap();
    let (url, body) = (format!("http://{}/", receiver.address), Bytes::from(vec![b'x'; *receiver.body_bytes.borrow()]));
    let started = Instant::now();
    runtime.block_on(async {
        let mut workers = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            let (client, url, body) = (client.clone(), url.clone(), body.clone());
            workers.spawn(async move {
                for _ in 0..MESSAGES / IN_FLIGHT {
                    let response = client.post(&url).body(body.clone()).send().await.unwrap();
                    assert_eq!(response.bytes().await.unwrap().len(), 0);
                }
            });
        }
        workers.join_all().await;
    });
    per_second(MESSAGES / IN_FLIGHT * IN_FLIGHT, started.elapsed())
}

/// Reports alarms to a ledger on the disk, and waits until the receiver has been told of all.
fn durable(receiver: &Receiver) -> f64 {
    let (folder, clock, scope) = (tempfile::tempdir().unwrap(), Clock::system(), Scope::new());
    let store = Store::open(folder.path(), clock.clone()).unwrap();
    let ledger = Ledger::open(store.clone(), clock.clone(), LedgerOptions::default()).unwrap();
    let deliveries = Deliveries::start(&scope, ledger.clone(), store.clone(), clock.clone()).unwrap();
    let mut lanes = deliveries.change();
    lanes.put(handler(receiver.address, &clock));
    let (rows, apply) = lanes.into_parts();
    store.write(move |tx| rows.into_iter().try_for_each(|row| row(tx))).unwrap();
    apply();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (before, started) = (receiver.count(), Instant::now());
    for round in 0..MESSAGES / ALARMS {
        ledger.report_blocking((0..ALARMS).map(|alarm| report(alarm, round % 2 == 0)).collect()).unwrap();
    }
    receiver.wait_for(&runtime, before + MESSAGES);
    let rate = per_second(MESSAGES, started.elapsed());
    runtime.block_on(scope.drain(&clock, Duration::from_secs(20))).unwrap();
    ledger.close();
    store.close();
    rate
}

fn handler(receiver: SocketAddr, clock: &Clock) -> Handler {
    let spec = HttpClientSpec { scheme: Scheme::Http, ..HttpClientSpec::new("c1") };
    let client = Arc::new(Transport::new(clock).client(&spec).unwrap());
    let web_service = WebService {
        hostname: "127.0.0.1".to_owned(),
        port: receiver.port(),
        context: "/".to_owned(),
        http_client: "c1".to_owned(),
    };
    let notifier = NotifierSpec::Webhook(WebhookSpec { web_service, message_format: MessageFormat::Nested });
    let delivery = DeliverySpec { max_in_flight: IN_FLIGHT, ..DeliverySpec::default() };
    Handler {
        notifier: notifier.build(&One(client)).unwrap(),
        spec: HandlerSpec {
            id: "h1".to_owned(),
            description: None,
            is_enabled: true,
            notify: Notify::default(),
            reminder_interval: None,
            notifier,
            delivery,
        },
    }
}

fn report(alarm: usize, is_raise: bool) -> Report {
    let key = AlarmKey {
        node: "node-1".to_owned(),
        resource_type: "http-client".to_owned(),
        resource: format!("client-{alarm}"),
        alarm_type: "failed-connection".to_owned(),
        qualifier: String::new(),
    };
    let contribution = ContributionKey::default();
    if !is_raise {
        return Report::Clear { key, contribution, text: None };
    }
    let text = AlarmText {
        brief: "The HTTP client cannot connect to a remote host".to_owned(),
        detailed: vec!["Nobody listens on the port.".to_owned(); 4],
        suggested_actions: vec!["Check that the remote host is running.".to_owned(); 4],
        ..AlarmText::default()
    };
    Report::Raise { key, severity: Severity::Major, text, contribution, ends_at: None, note: None }
}

#[allow(clippy::cast_precision_loss, reason = "some thousands are exact")]
fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    // The raw client asks for one although it speaks plain HTTP.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let receiver = Receiver::start();
    // The first round warms up, and tells how long a message is.
    durable(&receiver);
    let (mut raws, mut durables) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raws.push(raw(&receiver));
        durables.push(durable(&receiver));
    }
    let (raw, durable) = (median(raws), median(durables));
    println!("body: {} bytes, {IN_FLIGHT} in flight, medians of {ROUNDS}", *receiver.body_bytes.borrow());
    println!("raw POSTs:          {raw:>8.0} a second");
    println!("durable deliveries: {durable:>8.0} a second");
    println!("ratio:              {:>8.2}", durable / raw);
}
