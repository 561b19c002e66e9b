//! Durable, ordered, signed deliveries: how many a second, how late, at what cost in memory, beside raw POSTs to the same
//! receiver and beside Alertmanager, in turns within one run.
//!
//! `cargo bench --bench deliveries [-- rates|alertmanager|latency|beside|backlog]`; without a word all of them. Figures are medians.
//! `load N` delivers to so many handlers and does nothing else, for a profiler.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark ends at the first surprise, prints its figures, and is no part of the element"
)]

use annunciator::alarm::{AlarmKey, AlarmText, ContributionKey, Control, Notify, Severity};
use annunciator::clock::Clock;
use annunciator::delivery::{Deliveries, DeliverySpec, Filter, Handler, HandlerSpec, HandlerState};
use annunciator::handler::webhook::{MessageFormat, WebhookSpec};
use annunciator::handler::{Clients, NotifierSpec, WebService};
use annunciator::ledger::{Ledger, LedgerOptions, Report};
use annunciator::secret::Secret;
use annunciator::store::Store;
use annunciator::task::Scope;
use annunciator::transport::{HttpClient, HttpClientSpec, HttpServer, NoSupplies, Scheme, ServerLimits, Transport};
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the element itself uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const MESSAGES: usize = 30_000;
const IN_FLIGHT: usize = 64;

/// Alarms that the messages are about, each raised and cleared in turn.
const ALARMS: usize = 1000;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A port that nobody listens on.
const DEAD: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

struct One(Arc<HttpClient>);

impl Clients for One {
    fn http_client(&self, _id: &str) -> Option<Arc<HttpClient>> {
        Some(Arc::clone(&self.0))
    }
}

/// Counts what it is sent, and notes when messages about `client-N` came.
struct Receiver {
    _runtime: Runtime,
    address: SocketAddr,
    received: watch::Receiver<usize>,
    body_bytes: Arc<AtomicUsize>,
    arrivals: Arc<Mutex<Vec<(usize, Instant)>>>,
}

impl Receiver {
    fn start(notes_arrivals: bool) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (count, received) = watch::channel(0);
        let (body_bytes, arrivals) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (size, notes) = (Arc::clone(&body_bytes), Arc::clone(&arrivals));
        let take = move |body: Bytes| {
            size.store(body.len(), Ordering::Relaxed);
            if notes_arrivals && let Some(number) = number_of(&body) {
                notes.lock().unwrap().push((number, Instant::now()));
            }
            count.send_modify(|count| *count += 1);
            async { StatusCode::NO_CONTENT }
        };
        let router = Router::new().fallback(post(take));
        // A hundred handlers on this one address, each with as many connections as it has deliveries in flight.
        let limits = ServerLimits {
            connections_max: 8192,
            connections_per_address_max: 8192,
            head_timeout: Duration::from_secs(600),
            crowded_head_timeout: Duration::from_secs(600),
            ..ServerLimits::default()
        };
        let server = runtime.block_on(HttpServer::bind(SocketAddr::from(([127, 0, 0, 1], 0)), limits)).unwrap();
        let address = server.local_addr();
        runtime.spawn(server.serve(router, Scope::new()));
        Self { _runtime: runtime, address, received, body_bytes, arrivals }
    }

    fn count(&self) -> usize {
        *self.received.borrow()
    }

    fn wait_for(&self, runtime: &Runtime, count: usize) {
        let mut received = self.received.clone();
        runtime.block_on(received.wait_for(|received| *received >= count)).unwrap();
    }
}

/// Finds N in a message about `client-N`.
fn number_of(body: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("client-")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// POSTs bodies of the size that deliveries have, as many at once as a handler does.
fn raw(receiver: &Receiver) -> f64 {
    let runtime = current_thread();
    let client = reqwest::Client::builder().no_proxy().http1_only().build().unwrap();
    let body = Bytes::from(vec![b'x'; receiver.body_bytes.load(Ordering::Relaxed)]);
    let url = format!("http://{}/", receiver.address);
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

/// An element without its configuration: what stores, decides and delivers.
struct Element {
    clock: Clock,
    scope: Scope,
    store: Store,
    ledger: Ledger,
    deliveries: Deliveries,
}

impl Element {
    fn open(folder: &Path) -> Self {
        let (clock, scope) = (Clock::system(), Scope::new());
        let store = Store::open(folder, clock.clone()).unwrap();
        let control = Control { alarms_max: 1_000_000, ..Control::default() };
        let options = LedgerOptions { control, ..LedgerOptions::default() };
        let ledger = Ledger::open(store.clone(), clock.clone(), options).unwrap();
        let deliveries = Deliveries::start(&scope, ledger.clone(), store.clone(), clock.clone()).unwrap();
        Self { clock, scope, store, ledger, deliveries }
    }

    fn put(&self, handlers: Vec<Handler>) {
        let mut lanes = self.deliveries.change();
        for handler in handlers {
            lanes.put(handler);
        }
        let (rows, apply) = lanes.into_parts();
        self.store.write(move |tx| rows.into_iter().try_for_each(|row| row(tx))).unwrap();
        apply();
    }

    fn handlers(&self, name: &str, count: usize, receiver: SocketAddr) -> Vec<Handler> {
        let spec = HttpClientSpec { scheme: Scheme::Http, ..HttpClientSpec::new("c1") };
        let client = Arc::new(Transport::new(&self.clock).client(&spec, &NoSupplies).unwrap());
        (0..count).map(|number| handler(&format!("{name}{number}"), receiver, &client)).collect()
    }

    fn close(self) {
        current_thread().block_on(self.scope.drain(&self.clock, Duration::from_secs(20))).unwrap();
        self.ledger.close();
        self.store.close();
    }
}

fn handler(id: &str, receiver: SocketAddr, client: &Arc<HttpClient>) -> Handler {
    let web_service = WebService {
        hostname: receiver.ip().to_string(),
        port: receiver.port(),
        context: "/".to_owned(),
        http_client: "c1".to_owned(),
    };
    let notifier = NotifierSpec::Webhook(WebhookSpec {
        web_service,
        message_format: MessageFormat::Nested,
        signing_secrets: vec![Secret::new(SECRET)],
        headers: Vec::new(),
    });
    let delivery = DeliverySpec { max_in_flight: IN_FLIGHT, ..DeliverySpec::default() };
    Handler {
        notifier: notifier.build(&One(Arc::clone(client))).unwrap(),
        spec: HandlerSpec {
            id: id.to_owned(),
            description: None,
            is_enabled: true,
            notify: Notify::default(),
            reminder_interval: None,
            notifier,
            filter: Filter::default(),
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
        brief: "The HTTP client cannot connect to a remote host".into(),
        detailed: vec!["Nobody listens on the port.".to_owned(); 4],
        suggested_actions: vec!["Check that the remote host is running.".to_owned(); 4],
        ..AlarmText::default()
    };
    Report::Raise { key, severity: Severity::Major, text, contribution, ends_at: None, note: None }
}

/// Reports alarms to an element with so many handlers on one receiver, and waits until it has been told of all; returns
/// deliveries a second.
fn durable(receiver: &Receiver, handlers: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let element = Element::open(folder.path());
    element.put(element.handlers("h", handlers, receiver.address));
    let runtime = current_thread();
    let rounds = (MESSAGES / ALARMS / handlers).max(4);
    let (before, started) = (receiver.count(), Instant::now());
    for round in 0..rounds {
        element.ledger.report_blocking((0..ALARMS).map(|alarm| report(alarm, round % 2 == 0)).collect()).unwrap();
    }
    let deliveries = rounds * ALARMS * handlers;
    for share in 1..=10 {
        receiver.wait_for(&runtime, before + deliveries / 10 * share);
        let statuses = element.deliveries.statuses();
        if let Some(failure) = statuses.iter().find_map(|status| status.last_failure.as_ref()) {
            eprintln!("  {handlers} handlers, after {share}0 %: an attempt failed: {failure:?}");
        }
    }
    let rate = per_second(deliveries, started.elapsed());
    element.close();
    rate
}

fn rates(receiver: &Receiver) {
    // The first round warms up, and tells how long a message is.
    durable(receiver, 1);
    let counts = [1, 10, 100];
    let (mut raws, mut durables) = (Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        raws.push(raw(receiver));
        for (rates, count) in durables.iter_mut().zip(counts) {
            rates.push(durable(receiver, count));
        }
    }
    let raw = median(raws);
    println!("body: {} bytes, {IN_FLIGHT} in flight", receiver.body_bytes.load(Ordering::Relaxed));
    println!("raw POSTs:                              {raw:>8.0} a second");
    for (rates, count) in durables.into_iter().zip(counts) {
        let rate = median(rates);
        println!("durable signed deliveries, {count:>3} handlers: {rate:>8.0} a second, ratio {:.2}", rate / raw);
    }
}

/// Alertmanager, killed when dropped.
struct Alertmanager(Child);

impl Drop for Alertmanager {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Lets Alertmanager tell of alerts, each its own group; returns webhooks a second. `None` where it is not installed.
fn alertmanager(receiver: &Receiver) -> Option<f64> {
    const ALERTS: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "route:\n  receiver: r\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 1h\n  repeat_interval: 1h\n\
         receivers:\n- name: r\n  webhook_configs:\n  - url: http://{}/\n    send_resolved: false\n",
        receiver.address
    );
    let file = folder.path().join("config.yml");
    annunciator::persist::write_atomically(&file, config.as_bytes(), 0o600).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("prometheus-alertmanager")
        .args([
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", folder.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=".to_owned(),
            "--log.level=error".to_owned(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let _alertmanager = Alertmanager(child);
    let runtime = current_thread();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = format!("http://127.0.0.1:{port}");
    runtime.block_on(async {
        while client.get(format!("{base}/-/ready")).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let (before, started) = (receiver.count(), Instant::now());
    let numbers: Vec<usize> = (0..ALERTS).collect();
    for some in numbers.chunks(64) {
        let alerts: Vec<serde_json::Value> = some
            .iter()
            .map(|number| {
                serde_json::json!({"labels": {"alertname": "failed-connection", "instance": format!("client-{number}"),
                    "severity": "major"}, "annotations": {"summary": "The HTTP client cannot connect to a remote host"}})
            })
            .collect();
        let body = serde_json::Value::Array(alerts).to_string();
        let request =
            client.post(format!("{base}/api/v2/alerts")).header("content-type", "application/json").body(body);
        assert!(runtime.block_on(request.send()).unwrap().status().is_success());
    }
    receiver.wait_for(&runtime, before + ALERTS);
    Some(per_second(ALERTS, started.elapsed()))
}

fn beside_alertmanager(receiver: &Receiver) {
    durable(receiver, 1);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let Some(rate) = alertmanager(receiver) else {
            println!("Alertmanager is not installed");
            return;
        };
        theirs.push(rate);
        ours.push(durable(receiver, 1));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("Alertmanager:              {theirs:>8.0} webhooks a second");
    println!("durable signed deliveries: {ours:>8.0} a second, {:.1} times as many", ours / theirs);
}

/// Raises alarms at an even rate beside so many dead handlers; returns the delays from the raise to the message, rising.
fn delays(rate: usize, dead: usize) -> Vec<Duration> {
    // The first seconds are not counted: connections are opened in them, and the dead are found to be dead.
    const TIME: Duration = Duration::from_secs(8);
    const WARMING: Duration = Duration::from_secs(3);
    let (receiver, folder) = (Receiver::start(true), tempfile::tempdir().unwrap());
    let element = Element::open(folder.path());
    element.put(element.handlers("dead", dead, DEAD));
    element.put(element.handlers("h", 1, receiver.address));
    let (per_tick, ticks) = ((rate / 1000).max(1), TIME.as_millis() as usize);
    let (mut raised, started) = (Vec::with_capacity(per_tick * ticks), Instant::now());
    for tick in 0..ticks {
        let due = Duration::from_millis(tick as u64);
        if let Some(wait) = due.checked_sub(started.elapsed()) {
            std::thread::sleep(wait);
        }
        let now = Instant::now();
        let numbers = tick * per_tick..(tick + 1) * per_tick;
        raised.extend(numbers.clone().map(|_| now));
        element.ledger.report_blocking(numbers.map(|number| report(number, true)).collect()).unwrap();
    }
    receiver.wait_for(&current_thread(), per_tick * ticks);
    element.close();
    let arrivals = receiver.arrivals.lock().unwrap();
    let counted = arrivals.iter().filter(|(number, _)| raised[*number].saturating_duration_since(started) >= WARMING);
    let mut delays: Vec<Duration> = counted.map(|(number, at)| at.saturating_duration_since(raised[*number])).collect();
    delays.sort_unstable();
    delays
}

fn latency(cases: &[(usize, usize)]) {
    for (rate, dead) in cases {
        let (bare, delays) = (synced_writes(), delays(*rate, *dead));
        println!("  1000 bare synced writes a second:          {}", Spread(&bare));
        println!("{rate:>6} raises a second, {dead:>3} dead handlers: {}", Spread(&delays));
    }
}

/// Writes as much as a group of a few alarms has to a file and syncs it, a thousand times a second; returns how long that
/// took, rising: nothing that is durable is faster.
fn synced_writes() -> Vec<Duration> {
    const WRITES: u64 = 3000;
    const FILE_BYTES: u64 = 32 << 20;
    let file = tempfile::tempfile().unwrap();
    let page = [0x5a_u8; 12 << 10];
    for at in (0..FILE_BYTES).step_by(page.len()) {
        file.write_all_at(&page, at).unwrap();
    }
    file.sync_all().unwrap();
    let started = Instant::now();
    let mut took = Vec::new();
    for number in 0..WRITES {
        if let Some(wait) = Duration::from_millis(number).checked_sub(started.elapsed()) {
            std::thread::sleep(wait);
        }
        let begun = Instant::now();
        file.write_all_at(&page, number * page.len() as u64 % FILE_BYTES).unwrap();
        file.sync_all().unwrap();
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    took
}

/// Durations, rising, of which a few are told.
struct Spread<'a>(&'a [Duration]);

impl std::fmt::Display for Spread<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize];
        write!(f, "p50 {:>8.2?}, p99 {:>8.2?}, max {:>8.2?}", at(0.5), at(0.99), at(1.0))
    }
}

/// Lets a million transitions of a hundred thousand alarms wait for a dead handler, and starts again with them.
fn backlog() {
    const STANDING: usize = 100_000;
    const WAITING: usize = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let element = Element::open(folder.path());
    element.put(element.handlers("dead", 1, DEAD));
    let before = resident_megabytes();
    let accepted = AtomicU64::new(0);
    let started = Instant::now();
    for round in 0..WAITING / STANDING {
        for first in (0..STANDING).step_by(ALARMS) {
            let is_raise = round % 2 == 0 || round + 1 == WAITING / STANDING;
            let reports = (first..first + ALARMS).map(|alarm| report(alarm, is_raise)).collect();
            let verdicts = element.ledger.report_blocking(reports).unwrap();
            accepted.fetch_add(verdicts.len() as u64, Ordering::Relaxed);
        }
    }
    let rate = per_second(accepted.load(Ordering::Relaxed) as usize, started.elapsed());
    let waiting = element.deliveries.statuses()[0].waiting;
    println!("accepted durably in thousands: {rate:.0} a second; {waiting} deliveries wait");
    println!("memory: {before} MB before, {} MB with {STANDING} alarms and the backlog", resident_megabytes());
    element.close();
    let started = Instant::now();
    let element = Element::open(folder.path());
    let opened = started.elapsed();
    element.put(element.handlers("dead", 1, DEAD));
    while element.deliveries.statuses().first().is_none_or(|status| status.state == HandlerState::Idle) {
        std::thread::yield_now();
    }
    println!("restart: {opened:.2?} to open, {:.2?} to the first attempt", started.elapsed());
    element.close();
}

fn resident_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}

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
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_asked = |section: &str| asked.is_empty() || asked.iter().any(|word| word == section);
    let receiver = Receiver::start(false);
    if let Some(handlers) = asked.iter().skip_while(|word| *word != "load").nth(1) {
        let handlers = handlers.parse().unwrap();
        let rates: Vec<f64> = (0..ROUNDS).map(|_| durable(&receiver, handlers)).collect();
        println!("{handlers} handlers: {rates:.0?}, median {:.0}", median(rates.clone()));
        return;
    }
    if is_asked("rates") {
        rates(&receiver);
    }
    if is_asked("alertmanager") {
        beside_alertmanager(&receiver);
    }
    if is_asked("latency") {
        latency(&[(1000, 0), (5000, 0), (10_000, 0)]);
    }
    if is_asked("beside") {
        latency(&[(1000, 0), (1000, 100), (1000, 0), (1000, 100), (1000, 0), (1000, 100)]);
    }
    if is_asked("backlog") {
        backlog();
    }
}
