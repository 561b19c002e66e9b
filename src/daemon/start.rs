//! Builds the element from its folder and its files: everything that can fail before it is ready, fails here.

use super::{Intake, Pages, announce_alarms};
use super::{KEY_FILE_NAME, Stopped, builtin_plan, check::tell_warnings, discover, load};
use crate::clock::Clock;
use crate::codec::{self, Builder, Format};
use crate::datastore::{BootInput, BootOptions, Booted, Committed, Participant, boot};
use crate::delivery::Deliveries;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::element::supervision::{NodeName, Supervisor, watch_handlers};
use crate::element::{Listener, ListenerOptions, Outbound, OwnUrl, RunningImpact, client_observer};
use crate::ingest;
use crate::ledger::{ImpactSource, Ledger, LedgerOptions};
use crate::management::Management;
use crate::persist;
use crate::secret::{KeyRing, Sealer};
use crate::settings::{self, Places};
use crate::shell::engine::{Engine, EngineSession};
use crate::shell::server::{Notices, Sessions, ShellServer};
use crate::shell::{Candidates, Interpreter, Prompt, Status, Terminal};
use crate::store::{AbortAt, FaultPoint, JOURNAL_NAME, Store, StoreOptions};
use crate::task::Scope;
use crate::transport::Transport;
use crate::tree::Plan;
use crate::web;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Handle;
use tower_service::Service as _;

/// Where an element is built from.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Configuration files and folders; none stands for `config/`, where that exists.
    pub config: Vec<PathBuf>,
    /// Whether the files take the place of what is stored.
    pub config_override: bool,
    /// Folder of everything that the element keeps.
    pub data_dir: PathBuf,
    /// Socket of the shell.
    pub socket: PathBuf,
    /// Address of the HTTP listener, in place of the configured one.
    pub http_listen: Option<SocketAddr>,
    /// Fault point at which the process ends itself.
    pub crash_at: Option<String>,
}

/// An element that runs.
pub struct Running {
    /// What faces share.
    pub management: Management,
    /// The shell's sessions.
    pub sessions: Sessions,
    /// Owns the tasks.
    pub scope: Scope,
    /// The source of time.
    pub clock: Clock,
    /// The node's name.
    pub node: String,
    /// The HTTP listener.
    pub http: Arc<Listener>,
    ledger: Ledger,
    store: Store,
}

/// The folder that is looked into when none is named.
const DEFAULT_CONFIG: &str = "config";

/// Builds an element and lets it run. Blocks for the disk; must be called on a runtime.
///
/// # Errors
/// Faulty files (2), or what the system refuses (1). The store is then as it was.
pub async fn start(options: &StartOptions) -> Result<Running, Stopped> {
    let (clock, scope) = (Clock::system(), Scope::new());
    let files = config_files(options)?;
    let plan = builtin_plan()?;
    if !options.data_dir.join(JOURNAL_NAME).exists() {
        first_look(options, &files, &plan)?;
    }
    let folder =
        |e: std::io::Error| Stopped::failed("create the data folder", format!("`{}`: {e}", options.data_dir.display()));
    persist::create_private_folder(&options.data_dir).map_err(folder)?;
    let store = open_store(options, &clock)?;
    let keys = KeyRing::load_or_create(&options.data_dir.join(KEY_FILE_NAME));
    let sealer: Arc<dyn Sealer> = Arc::new(keys.map_err(|e| Stopped::failed("use the key", chain(&e)))?);
    let places =
        Places::of(plan.schema()).ok_or_else(|| Stopped::failed("start", "the schema is not the product's"))?;
    let impact = Arc::new(RunningImpact::default());
    let ledger_options =
        LedgerOptions { impact: Arc::clone(&impact) as Arc<dyn ImpactSource>, ..LedgerOptions::default() };
    let ledger = Ledger::open(store.clone(), clock.clone(), ledger_options)
        .map_err(|e| Stopped::failed("read the alarm list", chain(&e)))?;
    let supervisor = Supervisor::new(clock.clone());
    supervisor.adopt(&ledger);
    let deliveries = Deliveries::start(&scope, ledger.clone(), store.clone(), clock.clone())
        .map_err(|e| Stopped::failed("start delivery", chain(&e)))?;
    let faces = Faces::default();
    let http = Arc::new(Listener::new(
        places,
        ListenerOptions {
            router: faces.router(),
            runtime: Handle::current(),
            scope: scope.clone(),
            clock: clock.clone(),
            fixed: options.http_listen,
        },
    ));
    let listening = Arc::clone(&http);
    let own_url: OwnUrl = Arc::new(move || listening.local_addr().map(|address| format!("http://{address}")));
    let transport = Transport::new(&clock).observed_by(client_observer(supervisor.clone()));
    let outbound = Outbound::new(places, Arc::new(transport), Arc::clone(&sealer))
        .delivering(deliveries.clone(), own_url)
        .supervised(supervisor.clone());
    let outbound = Arc::new(outbound);
    // The listener comes first: the handlers ask for its address.
    let participants: Vec<Arc<dyn Participant>> =
        vec![Arc::clone(&http) as Arc<dyn Participant>, Arc::clone(&outbound) as Arc<dyn Participant>];
    let booting = BootOptions {
        store: store.clone(),
        plan,
        sealer,
        participants,
        scope: scope.clone(),
        revisions_kept: settings::revisions_kept,
    };
    let sources: Vec<Arc<Source>> = files.iter().map(|file| Arc::clone(&file.source)).collect();
    let input = BootInput { sources: &sources, read: &read_file, is_override: options.config_override };
    let booted = tokio::task::block_in_place(|| boot(booting, input));
    let Booted { datastore, warnings, refusals } = booted?;
    tell_warnings(&warnings);
    if let (Some(_), None) = (options.http_listen, http.local_addr()) {
        // Whoever names an address waits for it there; a stored one that cannot be had keeps nobody from the shell.
        let mut all = Diagnostics::new();
        for (_, diagnostics) in refusals {
            all.extend(diagnostics);
        }
        return Err(Stopped::Refused(all));
    }
    for (participant, diagnostics) in &refusals {
        tracing::error!(participant, "the stored configuration is in force, but not all of it could be built");
        tell_warnings(diagnostics);
    }
    impact.bind(datastore.clone());
    let stored_node = stored_node(&store)?;
    let management = Management::new(datastore, clock.clone()).with_alarms(
        ledger.clone(),
        stored_node,
        Arc::new(deliveries.clone()),
    );
    supervise(&scope, &supervisor, &ledger, &management, deliveries);
    look_again(&scope, &management, outbound);
    let node = management.node();
    let intake = Intake::new(ledger.clone(), management.clone(), scope.clone());
    let pages = Pages::new(management.clone(), scope.clone());
    faces.open(ingest::router(Arc::new(intake)).merge(web::router(Arc::new(pages))));
    let notices = Notices::new();
    announce_alarms(&scope, &ledger, &clock, &notices);
    let (deadlines, stopping) = (ledger.clone(), scope.clone());
    scope.spawn("alarm deadlines", async move { deadlines.run_deadlines(&stopping).await });
    let sessions = sessions(&scope, &clock, &node, &notices, &management);
    announce_commits(&scope, &management, &notices);
    let (confirmations, stopping) = (management.datastore().clone(), scope.clone());
    scope.spawn("confirmations", async move { confirmations.run_confirmations(&stopping).await });
    let server =
        ShellServer::bind(&options.socket).map_err(|e| Stopped::failed("open the shell's socket", chain(&e)))?;
    server.serve(sessions.clone());
    Ok(Running { management, sessions, scope, clock, node, http, ledger, store })
}

/// Lets what parts report become alarms.
fn supervise(scope: &Scope, supervisor: &Supervisor, ledger: &Ledger, management: &Management, deliveries: Deliveries) {
    let named = management.clone();
    let node: NodeName = Arc::new(move || named.node());
    let (own, ledger, stopping) = (supervisor.clone(), ledger.clone(), scope.clone());
    scope.spawn("supervision", async move { own.run(&ledger, &node, &stopping).await });
    let (own, clock, stopping) = (supervisor.clone(), management.clock().clone(), scope.clone());
    scope.spawn("handler supervision", async move {
        watch_handlers(&own, || deliveries.statuses(), &clock, &stopping).await;
    });
}

/// How often material that is in files is read again, what could not be built is tried again, and the dates of certificates
/// are looked at: a certificate that was renewed is in use soon enough, and reading a few files costs nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Looks at what is running from time to time.
fn look_again(scope: &Scope, management: &Management, outbound: Arc<Outbound>) {
    let (datastore, clock, stopping) = (management.datastore().clone(), management.clock().clone(), scope.clone());
    scope.spawn("material", async move {
        loop {
            tokio::select! {
                () = stopping.stopped() => return,
                () = clock.sleep(LOOK_AGAIN) => {}
            }
            let (datastore, outbound) = (datastore.clone(), Arc::clone(&outbound));
            let looking = tokio::task::spawn_blocking(move || {
                if let Err(error) = datastore.refresh() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "what was built anew could not be recorded"
                    );
                }
                outbound.look_at_certificates(&datastore.running().tree);
            });
            if let Err(error) = looking.await {
                tracing::error!(%error, "looking at certificates and clients again failed unexpectedly");
            }
        }
    });
}

/// Reads the files of a first start before anything is created: faulty ones leave no trace.
fn first_look(options: &StartOptions, files: &[super::ConfigFile], plan: &Arc<Plan>) -> Result<(), Stopped> {
    let path = options.data_dir.join(KEY_FILE_NAME);
    let keys = if path.exists() { KeyRing::load_or_create(&path) } else { KeyRing::ephemeral() };
    let keys = keys.map_err(|e| Stopped::failed("use the key", chain(&e)))?;
    load(files, plan, &keys).map(|_| ()).map_err(Stopped::Refused)
}

fn config_files(options: &StartOptions) -> Result<Vec<super::ConfigFile>, Stopped> {
    let fallback = PathBuf::from(DEFAULT_CONFIG);
    let paths = if options.config.is_empty() && fallback.is_dir() { vec![fallback] } else { options.config.clone() };
    discover(&paths).map_err(Stopped::Refused)
}

fn read_file(builder: &mut Builder<'_>, source: &Arc<Source>) {
    match Format::from_path(Path::new(source.name())) {
        Some(format) => codec::read(builder, format, source),
        None => builder.report(Diagnostic::error(format!("`{}` has no known extension", source.name()))),
    }
}

fn open_store(options: &StartOptions, clock: &Clock) -> Result<Store, Stopped> {
    let mut store_options = StoreOptions::default();
    if let Some(point) = &options.crash_at {
        let (name, nth) = point.split_once(':').unwrap_or((point, "1"));
        let point: FaultPoint = name.parse().map_err(|e| Stopped::failed("use --crash-at", e))?;
        let nth = nth.parse().map_err(|e| Stopped::failed("use --crash-at", e))?;
        store_options.fault = Some(Arc::new(AbortAt::new(point, nth)));
    }
    Store::open_with(&options.data_dir, clock.clone(), store_options)
        .map_err(|e| Stopped::failed("use the data folder", chain(&e)))
}

/// Where the store keeps the host name of the first start.
const NODE_KEY: &str = "node-id";

/// Returns the host name at the first start, which a renamed host does not change.
fn stored_node(store: &Store) -> Result<String, Stopped> {
    if let Some(node) = store.meta(NODE_KEY)? {
        return Ok(node);
    }
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let node = host.filter(|name| !name.is_empty()).unwrap_or_else(|| "annunciator".to_owned());
    store.set_meta(NODE_KEY, &node)?;
    Ok(node)
}

/// What the HTTP listener serves: bound before the parts behind it exist, it says so until they do.
#[derive(Debug, Clone, Default)]
struct Faces(Arc<OnceLock<Router>>);

impl Faces {
    fn router(&self) -> Router {
        let faces = Arc::clone(&self.0);
        Router::new().fallback(move |request: Request<Body>| {
            let faces = Arc::clone(&faces);
            async move {
                match faces.get() {
                    Some(router) => match router.clone().call(request).await {
                        Ok(response) => response,
                        Err(never) => match never {},
                    },
                    None => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
                }
            }
        })
    }

    /// Opens the faces; the first router counts.
    fn open(&self, router: Router) {
        self.0.get_or_init(|| router);
    }
}

fn sessions(scope: &Scope, clock: &Clock, node: &str, notices: &Notices, management: &Management) -> Sessions {
    let (management, name) = (management.clone(), node.to_owned());
    let factory = Arc::new(move |start: crate::shell::server::SessionStart| {
        let session = EngineSession {
            user: start.user,
            node: name.clone(),
            via: start.hello.via,
            notices: start.notices,
            session: Some(start.session),
        };
        match Engine::new(management.clone(), session) {
            Ok(engine) => Box::new(engine) as Box<dyn Interpreter>,
            Err(exhausted) => Box::new(Refusal(exhausted.to_string())),
        }
    });
    Sessions::new(scope.clone(), clock.clone(), node, notices.clone(), factory)
}

/// Answers a session for which there is no room.
struct Refusal(String);

impl Interpreter for Refusal {
    fn prompt(&self) -> Prompt {
        Prompt { banner: String::new(), text: "> ".to_owned(), mode: "operational".to_owned(), has_edits: false }
    }

    fn line(&mut self, _line: &str, terminal: &mut dyn Terminal) -> Status {
        // The session ends either way.
        terminal.write_error(&format!("error: {}\n", self.0)).ok();
        Status::Closed
    }

    fn complete(&mut self, _line: &str, _position: usize) -> Candidates {
        Candidates::default()
    }

    fn help(&mut self, _line: &str, _position: usize) -> Candidates {
        Candidates::default()
    }
}

/// Tells people at the shell about commits that others make.
fn announce_commits(scope: &Scope, management: &Management, notices: &Notices) {
    let mut commits = management.datastore().announcements();
    let (notices, stopping) = (notices.clone(), scope.clone());
    scope.spawn("commit notices", async move {
        loop {
            let committed = tokio::select! {
                () = stopping.stopped() => return,
                committed = commits.recv() => committed,
            };
            match committed {
                Ok(c) => {
                    let comment = c.comment.as_deref().filter(|_| c.via == "rollback").map(|said| format!(": {said}"));
                    let comment = comment.unwrap_or_default();
                    let Committed { user, via, revision, .. } = &*c;
                    let said = format!("Commit performed by {user} via {via}, revision {revision}{comment}.");
                    notices.send_from(c.session, &said);
                }
                // Too many at once to tell each: the next one is told again.
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            }
        }
    });
}

/// Writes an error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        text.push_str(&format!(": {cause}"));
        at = cause.source();
    }
    text
}

impl Running {
    /// Stops: takes no more work, finishes what is under way, closes the store.
    ///
    /// # Errors
    /// The names of those that are late at the deadline.
    pub async fn drain(&self, deadline: std::time::Duration) -> Result<(), Vec<String>> {
        let drained = self.scope.drain(&self.clock, deadline).await;
        self.ledger.close();
        self.store.close();
        drained
    }

    /// Says in one line that the element is ready, and where.
    #[must_use]
    pub fn ready_line(&self, options: &StartOptions) -> String {
        let http = self.http.local_addr().map_or_else(|| "no HTTP".to_owned(), |at| format!("HTTP http://{at}"));
        let revision = self.management.running().revision;
        format!(
            "annunciator ready: node {}, revision {revision}, shell {}, {http}",
            self.node,
            options.socket.display()
        )
    }
}
