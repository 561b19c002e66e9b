//! Commits of the product's configuration, and what the parts make of them.

use super::supervision::{Subject, Supervisor};
use super::{Listener, ListenerOptions, Outbound};
use crate::alarm::OwnType;
use crate::clock::Clock;
use crate::codec::read_json;
use crate::datastore::{BootInput, BootOptions, Booted, CommitError, CommitRequest, Datastore, boot};
use crate::diagnostic::Source;
use crate::handler::Clients;
use crate::secret::KeyRing;
use crate::settings::{self, Places};
use crate::store::Store;
use crate::task::Scope;
use crate::transport::Transport;
use crate::tree::{DataPath, Plan, Value};
use crate::yang::builtin_schema;
use axum::Router;
use axum::routing::get;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use tokio::runtime::Runtime;

const CLIENTS: &str = "/annunciator-facilities:facilities/http/client";
const HANDLERS: &str = "/annunciator-environments:environments/environment/alarms/alarm-handlers/alarm-handler";
const PORT: &str = "/annunciator-system:system/http-server/port";

const FILE: &str = r#"{
  "facilities": {"http": {"client": [{"id": "c1", "scheme": "http"}, {"id": "c2", "scheme": "http"}]}},
  "environments": {"environment": {"alarms": {"alarm-handlers": {"alarm-handler": [
    {"id": "h1", "webhook-notifier": {"web-service": {"hostname": "127.0.0.1", "port": 9, "http-client": "c1"}}},
    {"id": "h2", "webhook-notifier": {"web-service": {"hostname": "127.0.0.1", "port": 9, "http-client": "c2"}}}
  ]}}}}}"#;

struct Element {
    folder: tempfile::TempDir,
    runtime: Runtime,
    key: Arc<KeyRing>,
    plan: Arc<Plan>,
    scope: Scope,
}

struct Running {
    datastore: Datastore,
    outbound: Arc<Outbound>,
    listener: Arc<Listener>,
    booted: Vec<(&'static str, crate::diagnostic::Diagnostics)>,
}

impl Element {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            runtime: Runtime::new().unwrap(),
            key: Arc::new(KeyRing::ephemeral().unwrap()),
            plan: Plan::new(builtin_schema().unwrap()),
            scope: Scope::new(),
        }
    }

    fn boot(&self, fixed: Option<SocketAddr>) -> Running {
        let places = Places::of(self.plan.schema()).unwrap();
        let clock = Clock::system();
        let outbound = Arc::new(Outbound::new(places, Arc::new(Transport::new(&clock)), Arc::clone(&self.key) as _));
        let listener = Arc::new(Listener::new(
            places,
            ListenerOptions {
                router: Router::new().route("/ping", get(|| async { "pong" })),
                runtime: self.runtime.handle().clone(),
                scope: self.scope.clone(),
                clock: clock.clone(),
                fixed,
            },
        ));
        let options = BootOptions {
            store: Store::open(self.folder.path(), clock).unwrap(),
            plan: Arc::clone(&self.plan),
            sealer: Arc::clone(&self.key) as _,
            participants: vec![Arc::clone(&outbound) as _, Arc::clone(&listener) as _],
            scope: self.scope.clone(),
            revisions_kept: settings::revisions_kept,
        };
        let sources = [Source::new("a.json", FILE)];
        let input = BootInput {
            sources: &sources,
            read: &|b, s| read_json(b, s),
            unreadable: &std::collections::BTreeMap::new(),
            is_override: false,
        };
        let Booted { datastore, refusals, .. } = boot(options, input).unwrap_or_else(|e| panic!("{e}"));
        Running { datastore, outbound, listener, booted: refusals }
    }
}

impl Running {
    fn commit(&self, edits: &[(&str, Option<Value>)]) -> Result<(), CommitError> {
        let mut candidate = self.datastore.candidate();
        for (path, value) in edits {
            let path = DataPath::parse(self.datastore.plan().schema(), path).unwrap();
            match value {
                Some(value) => drop(candidate.tree.set(&path, value.clone()).unwrap()),
                None => drop(candidate.tree.remove(&path)),
            }
        }
        self.datastore.commit(&mut candidate, &CommitRequest::default()).map(|_| ())
    }

    /// Commits, and returns what was warned of.
    fn commit_warned(&self, edits: &[(&str, Option<Value>)]) -> String {
        let mut committed = self.datastore.announcements();
        self.commit(edits).unwrap();
        committed.try_recv().unwrap().warnings.to_string()
    }
}

fn clients_failed(running: &Running) -> Vec<String> {
    running.outbound.clients().failed().into_iter().map(|(id, _)| id).collect()
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn ping(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_a_commit_does_not_concern_stays_as_it_is() {
    let element = Element::new();
    let running = element.boot(Some(local()));
    let (clients, handlers) = (running.outbound.clients(), running.outbound.handlers());
    assert_eq!((clients.len(), handlers.len()), (2, 2));
    let (c1, c2) = (clients.http_client("c1").unwrap(), clients.http_client("c2").unwrap());
    let (h1, h2) = (handlers.get("h1").unwrap(), handlers.get("h2").unwrap());
    running.commit(&[(&format!("{CLIENTS}[id='c1']/socket-timeout"), Some(Value::Uint(3)))]).unwrap();
    assert!(!Arc::ptr_eq(&c1, &clients.http_client("c1").unwrap()));
    assert!(Arc::ptr_eq(&c2, &clients.http_client("c2").unwrap()));
    assert!(!Arc::ptr_eq(&h1, &handlers.get("h1").unwrap()), "it delivers through the client that changed");
    assert!(Arc::ptr_eq(&h2, &handlers.get("h2").unwrap()));
    let gone = [(&*format!("{HANDLERS}[id='h2']"), None), (&*format!("{CLIENTS}[id='c2']"), None)];
    running.commit(&gone).unwrap();
    assert!(handlers.get("h2").is_none() && clients.http_client("c2").is_none());
    let names: Vec<_> = handlers.all().into_iter().map(|(id, _)| id).collect();
    assert_eq!(names, ["h1"]);
}

#[test]
fn a_handler_that_cannot_be_built_refuses_the_commit_at_its_path() {
    let element = Element::new();
    let running = element.boot(Some(local()));
    let path = format!("{HANDLERS}[id='h1']/webhook-notifier/web-service/hostname");
    let refused = running.commit(&[(&path, Some(Value::Text("169.254.169.254".into())))]).unwrap_err();
    let CommitError::Refused { diagnostics, .. } = refused else { panic!("{refused}") };
    assert_eq!(diagnostics.iter().next().unwrap().data_path.as_deref(), Some(&*format!("{HANDLERS}[id='h1']")));
}

#[test]
fn the_server_moves_and_a_port_in_use_refuses_the_whole_commit() {
    let element = Element::new();
    // Held at another address, so that the port is nobody else's here.
    let holder = TcpListener::bind("127.0.0.2:0").unwrap();
    let free = holder.local_addr().unwrap().port();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |port: u16| (PORT, Some(Value::Uint(port.into())));
    // The default port may be in use on this machine: the first boot is with one that is not.
    drop(element.boot(Some(local())));
    let running = element.boot(None);
    running.commit(&[port(free)]).unwrap();
    let bound = running.listener.local_addr().unwrap();
    assert_eq!(bound.port(), free);
    assert!(ping(bound).ends_with("pong"));
    let client = running.outbound.clients().http_client("c1").unwrap();
    let timeout = format!("{CLIENTS}[id='c1']/socket-timeout");
    let refused =
        running.commit(&[port(taken.local_addr().unwrap().port()), (&timeout, Some(Value::Uint(3)))]).unwrap_err();
    let CommitError::Refused { participant, diagnostics } = refused else { panic!("{refused}") };
    assert_eq!((participant, diagnostics.iter().next().unwrap().data_path.as_deref()), ("http server", Some(PORT)));
    assert!(Arc::ptr_eq(&client, &running.outbound.clients().http_client("c1").unwrap()));
    assert_eq!(running.listener.local_addr(), Some(bound));
    assert!(ping(bound).ends_with("pong"));
}

#[test]
fn a_stored_configuration_boots_without_the_parts_that_cannot_be_built() {
    let mut element = Element::new();
    let running = element.boot(Some(local()));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    // With a fixed address the port is not looked at, and gets stored.
    running.commit(&[(PORT, Some(Value::Uint(taken.local_addr().unwrap().port().into())))]).unwrap();
    let username = format!("{CLIENTS}[id='c1']/http-basic-authn/username");
    let password = format!("{CLIENTS}[id='c1']/http-basic-authn/password");
    let sealed = crate::secret::Sealer::seal(&*element.key, "s3cret");
    running.commit(&[(&username, Some(Value::Text("u".into()))), (&password, Value::sealed(&sealed))]).unwrap();
    drop(running);
    element.key = Arc::new(KeyRing::ephemeral().unwrap());
    let running = element.boot(None);
    assert_eq!(running.datastore.running().revision, 3);
    let told: Vec<_> = running.booted.iter().map(|(name, found)| (*name, found.error_count())).collect();
    assert_eq!(
        told,
        [("alarm handlers", 1), ("http server", 1)],
        "the client, without what follows for its handler, and the port"
    );
    assert!(running.outbound.handlers().get("h1").is_none() && clients_failed(&running) == ["c1"]);
    assert!(running.outbound.handlers().get("h2").is_some());
    assert_eq!(running.listener.local_addr(), None);
}

#[test]
fn an_address_that_was_in_use_is_taken_once_it_is_free_and_told_until_then() {
    let element = Element::new();
    let running = element.boot(Some(local()));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    running.commit(&[(PORT, Some(Value::Uint(address.port().into())))]).unwrap();
    drop(running);
    let running = element.boot(None);
    assert_eq!(running.listener.local_addr(), None);
    let username = format!("{CLIENTS}[id='c1']/socket-timeout");
    let warned = running.commit_warned(&[(&username, Some(Value::Uint(7)))]);
    assert!(warned.contains("address in use"), "{warned}");
    let supervisor = Supervisor::new(Clock::system());
    let subject = Subject::new(OwnType::ConfigurationNotBuilt, "system", "http-server");
    let keeping = async {
        let keep = running.listener.keep(&running.datastore, &supervisor, &element.scope);
        let watch = async {
            while !supervisor.stands(&subject) {
                tokio::task::yield_now().await;
            }
            drop(taken);
            while running.listener.local_addr().is_none() || supervisor.stands(&subject) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = keep => {}
            () = watch => {}
        }
    };
    element.runtime.block_on(keeping);
    assert!(ping(address).ends_with("pong"));
    assert_eq!(running.commit_warned(&[(&username, Some(Value::Uint(8)))]), "");
}
