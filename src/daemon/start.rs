//! Builds the element from its folder and its files: everything that can fail before it is ready, fails here.

use super::faces::{Faces, announce_commits, announce_inventory, sessions};
use super::files::Loaded;
use super::folder::{DataFolder, say_created, socket_folder};
use super::look_again::{Heals, look_again};
use super::trial::try_out;
use super::{Found, HandlerBoard, Intake, KEY_FILE_NAME, Pages, Signals, Stopped, Voice};
use super::{announce_alarms, discover, plan_with, restore_checkpoints, watch_store};
use crate::clock::Clock;
use crate::codec::{self, Builder, Format};
use crate::datastore::{BootInput, BootOptions, Booted, Datastore, Participant, boot};
use crate::delivery::Deliveries;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::element::supervision::{
    NodeName, StartFindings, Supervisor, tell_start, tell_whole, watch_commits, watch_handlers, watch_room,
};
use crate::element::{
    AlarmRules, Handlers, Listener, ListenerOptions, Outbound, OwnUrl, RunningImpact, client_observer, remind,
};
use crate::ingest;
use crate::ledger::{ImpactSource, Ledger, LedgerOptions};
use crate::management::Management;
use crate::secret::{KeyRing, Sealer};
use crate::settings::{self, Places};
use crate::shell::server::{Notices, Sessions, ShellServer};
use crate::store::{AbortAt, FaultPoint, FolderLock, JOURNAL_NAME, Store, StoreOptions};
use crate::task::Scope;
use crate::transport::Transport;
use crate::tree::{DataTree, Plan};
use crate::web;
use crate::yang::is_builtin;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

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
    /// Folders of YANG modules that stand beside the product's own.
    pub schema_dirs: Vec<PathBuf>,
    /// Address of the HTTP listener, in place of the configured one.
    pub http_listen: Option<SocketAddr>,
    /// Whether a key is made though stored secrets were encrypted with one that is lost.
    pub new_key: bool,
    /// How warnings are told.
    pub voice: Voice,
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

/// Builds an element and lets it run. Blocks for the disk; must be called on a runtime with several threads.
///
/// # Errors
/// Faulty files (2), what the system refuses (1), or a signal that came early. The store is then as it was.
pub async fn start(options: &StartOptions, signals: Option<&Signals>) -> Result<Running, Stopped> {
    super::open_files::raise_limit();
    let (clock, scope) = (Clock::system(), Scope::new());
    let plan = plan_with(&options.schema_dirs, options.voice)?;
    let places =
        Places::of(plan.schema()).ok_or_else(|| Stopped::failed("start", "the schema is not the product's"))?;
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
    let found = find(options);
    let first_keys = first_keys(options)?;
    let loaded = first_keys.as_ref().map(|keys| tokio::task::block_in_place(|| load(&found, &plan, keys))).transpose();
    let loaded = loaded.map_err(Stopped::Refused)?.flatten();
    go_on(signals)?;
    let (folder, lock, shell) = tokio::task::block_in_place(|| claim(options, loaded, &plan, &http))?;
    go_on(signals)?;
    let store = open_store(options, lock, &clock)?;
    let sealer: Arc<dyn Sealer> = Arc::new(folder.keys(&store, &plan, options.new_key, options.config_override)?);
    let impact = Arc::new(RunningImpact::default());
    let ledger_options =
        LedgerOptions { impact: Arc::clone(&impact) as Arc<dyn ImpactSource>, ..LedgerOptions::default() };
    let ledger = Ledger::open(store.clone(), clock.clone(), ledger_options)
        .map_err(|e| Stopped::caused("read the alarm list", &e))?;
    let supervisor = Supervisor::new(clock.clone());
    supervisor.adopt(&ledger);
    let deliveries = Deliveries::start(&scope, ledger.clone(), store.clone(), clock.clone())
        .map_err(|e| Stopped::caused("start delivery", &e))?;
    let listening = Arc::clone(&http);
    let own_url: OwnUrl = Arc::new(move || listening.local_addr().map(|address| format!("http://{address}")));
    let transport = Transport::new(&clock).observed_by(client_observer(supervisor.clone()));
    let outbound = Outbound::new(places, Arc::new(transport), Arc::clone(&sealer))
        .delivering(deliveries.clone(), Arc::clone(&own_url))
        .supervised(supervisor.clone());
    let outbound = Arc::new(outbound);
    let board = HandlerBoard::new(deliveries.clone(), outbound.handlers().clone());
    let told = deliveries.clone();
    let told_handlers = outbound.handlers().clone();
    let statuses = Arc::new(move || told.statuses());
    let rules = AlarmRules::new(places, ledger.clone(), Arc::clone(&impact), statuses, Arc::clone(&sealer));
    // The listener comes first: the handlers ask for its address. What is made of alarms comes before those who are told.
    let participants: Vec<Arc<dyn Participant>> =
        vec![Arc::clone(&http) as Arc<dyn Participant>, Arc::new(rules), Arc::clone(&outbound) as Arc<dyn Participant>];
    let opener = Arc::clone(&sealer);
    let booting = BootOptions {
        store: store.clone(),
        plan,
        sealer,
        participants,
        scope: scope.clone(),
        revisions_kept: settings::revisions_kept,
    };
    go_on(signals)?;
    let (datastore, findings) = take_up(options, booting, &found)?;
    impact.bind(datastore.clone(), own_url);
    let stored_node = stored_node(&store)?;
    let management =
        Management::new(datastore, clock.clone()).with_alarms(ledger.clone(), stored_node, Arc::new(board));
    let management = management.with_deliveries(deliveries.clone());
    let (listening, datastore) = (Arc::clone(&http), management.datastore().clone());
    let (reports, stopping) = (supervisor.clone(), scope.clone());
    scope.spawn("http listener", async move { listening.keep(&datastore, &reports, &stopping).await });
    look_again(&scope, &management, Arc::clone(&outbound), heals(&findings, &supervisor, &management));
    let own_parts = Arc::clone(&outbound);
    let watched = Watched {
        supervisor,
        ledger: ledger.clone(),
        deliveries,
        handlers: told_handlers,
        outbound: own_parts,
        findings,
    };
    supervise(&scope, watched, &management, &options.data_dir);
    let management = management.with_outbound(outbound, Handle::current());
    let node = management.node();
    let intake = Intake::new(ledger.clone(), management.clone(), Arc::clone(&opener), scope.clone());
    let pages = Pages::new(management.clone(), scope.clone());
    faces.open(ingest::router(Arc::new(intake), clock.clone()).merge(web::router(Arc::new(pages))));
    let notices = Notices::new();
    announce_alarms(&scope, &ledger, &clock, &notices);
    watch_store(&scope, &store, &clock, &notices);
    restore_checkpoints(&scope, &store, management.datastore());
    let (deadlines, stopping) = (ledger.clone(), scope.clone());
    scope.spawn("alarm deadlines", async move { deadlines.run_deadlines(&stopping).await });
    let sessions = sessions(&scope, &clock, &node, &notices, &management);
    announce_commits(&scope, &management, &notices);
    announce_inventory(&scope, &management, &notices);
    let (confirmations, stopping) = (management.datastore().clone(), scope.clone());
    scope.spawn("confirmations", async move { confirmations.run_confirmations(&stopping).await });
    shell.serve(sessions.clone());
    Ok(Running { management, sessions, scope, clock, node, http, ledger, store })
}

/// Returns who is told when all is built that a start could not build, where looking again can build it.
fn heals(findings: &StartFindings, supervisor: &Supervisor, management: &Management) -> Option<Heals> {
    let (supervisor, named) = (supervisor.clone(), management.clone());
    let heals: Heals = Arc::new(move || tell_whole(&supervisor, &named.node()));
    findings.may_heal.then_some(heals)
}

/// What the element watches of itself.
struct Watched {
    supervisor: Supervisor,
    ledger: Ledger,
    deliveries: Deliveries,
    handlers: Handlers,
    outbound: Arc<Outbound>,
    findings: StartFindings,
}

/// Lets what parts report become alarms, and reminds handlers of those that stand.
fn supervise(scope: &Scope, watched: Watched, management: &Management, data_dir: &Path) {
    let Watched { supervisor, ledger, deliveries, handlers, outbound, findings } = watched;
    let named = management.clone();
    let node: NodeName = Arc::new(move || named.node());
    let clock = management.clock().clone();
    tell_start(&supervisor, &node(), &findings);
    let (own, all, name, stopping) = (supervisor.clone(), ledger.clone(), Arc::clone(&node), scope.clone());
    scope.spawn("supervision", async move { own.run(&all, &name, &stopping).await });
    let (own, time, stopping) = (supervisor.clone(), clock.clone(), scope.clone());
    scope.spawn("handler supervision", async move {
        watch_handlers(&own, || deliveries.statuses(), &time, &stopping).await;
    });
    let (own, name, stopping) = (supervisor.clone(), Arc::clone(&node), scope.clone());
    let commits = management.datastore().announcements();
    scope.spawn("configuration supervision", async move {
        watch_commits(&own, &name, commits, move || outbound.is_whole(), &stopping).await;
    });
    let (all, time, stopping, folder) = (ledger.clone(), clock.clone(), scope.clone(), data_dir.to_owned());
    scope.spawn("storage supervision", async move {
        watch_room(&supervisor, &all, &node, &folder, &time, &stopping).await;
    });
    let (all, stopping) = (ledger.clone(), scope.clone());
    scope.spawn("reminders", async move { remind(&all, &handlers, &clock, &stopping).await });
    // What depends on what may be otherwise than when the alarms were raised.
    scope.spawn("impact", async move {
        let refreshed = tokio::task::spawn_blocking(move || ledger.set_control(None, true)).await;
        if let Ok(Err(error)) = refreshed {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the impact of alarms could not be looked up again"
            );
        }
    });
}

/// Ends a start that is not wanted any more.
fn go_on(signals: Option<&Signals>) -> Result<(), Stopped> {
    signals.and_then(Signals::received).map_or(Ok(()), |signal| Err(Stopped::Asked(signal)))
}

/// Looks for the configuration files.
fn find(options: &StartOptions) -> Found {
    let fallback = PathBuf::from(DEFAULT_CONFIG);
    match &options.config[..] {
        [] if fallback.is_dir() => discover(&[fallback]),
        named => discover(named),
    }
}

/// Returns what opens and seals secrets in a first look at files that are to be loaded; `None` where what is stored is
/// taken up.
fn first_keys(options: &StartOptions) -> Result<Option<Arc<dyn Sealer>>, Stopped> {
    if options.data_dir.join(JOURNAL_NAME).exists() && !options.config_override {
        return Ok(None);
    }
    let path = options.data_dir.join(KEY_FILE_NAME);
    let keys = if path.exists() { KeyRing::load(&path) } else { KeyRing::ephemeral() };
    keys.map(|keys| Some(Arc::new(keys) as Arc<dyn Sealer>)).map_err(|e| Stopped::caused("use the key", &e))
}

/// Looks at the files before anything is created: faulty ones leave no trace. `None` where there are none.
fn load<'k>(found: &Found, plan: &Arc<Plan>, keys: &'k Arc<dyn Sealer>) -> Result<Option<Loaded<'k>>, Diagnostics> {
    let files = found.all(plan, &**keys)?;
    if files.is_empty() {
        return Ok(None);
    }
    let loaded = Loaded::from_files(files, plan, &**keys)?;
    // The start tells the warnings itself, when it takes the parts into use.
    match try_out(&loaded, keys) {
        Ok(_) => Ok(Some(loaded)),
        Err(faults) => Err(loaded.placed(faults)),
    }
}

/// Takes what only one element can have, before anything is stored: the data folder, the HTTP address, the shell's socket.
fn claim(
    options: &StartOptions,
    loaded: Option<Loaded<'_>>,
    plan: &Arc<Plan>,
    http: &Listener,
) -> Result<(DataFolder, FolderLock, ShellServer), Stopped> {
    let (folder, lock) = DataFolder::take(&options.data_dir, options.voice)?;
    let bound = reserve_http(options, loaded, plan, http).and_then(|()| {
        socket_folder(&options.socket)?;
        ShellServer::bind(&options.socket).map_err(|error| match error.hint() {
            Some(hint) => Stopped::failed_with_hint("open the shell's socket", error, hint),
            None => Stopped::caused("open the shell's socket", &error),
        })
    });
    match bound {
        Ok(shell) => {
            if lock.is_new() {
                say_created(&options.data_dir, "for all that the element keeps");
            }
            Ok((folder, lock, shell))
        }
        Err(stopped) => {
            lock.give_up();
            Err(stopped)
        }
    }
}

/// Binds the HTTP address where it is known before what is stored is read; a stored one that cannot be had keeps nobody
/// from the shell.
fn reserve_http(
    options: &StartOptions,
    loaded: Option<Loaded<'_>>,
    plan: &Arc<Plan>,
    http: &Listener,
) -> Result<(), Stopped> {
    match loaded {
        Some(loaded) => http.reserve(loaded.tree()).map_err(|refused| Stopped::Refused(loaded.placed(refused))),
        None if options.http_listen.is_some() => {
            http.reserve(&DataTree::new(Arc::clone(plan))).map_err(Stopped::Refused)
        }
        None => Ok(()),
    }
}

/// Takes up what is stored, or the files, and tells what is worth telling.
fn take_up(options: &StartOptions, booting: BootOptions, found: &Found) -> Result<(Datastore, StartFindings), Stopped> {
    let sources: Vec<Arc<Source>> = found.files.iter().map(|file| Arc::clone(&file.source)).collect();
    let boot_input = BootInput {
        sources: &sources,
        read: &read_file,
        unreadable: &found.unreadable,
        is_override: options.config_override,
    };
    let booted = tokio::task::block_in_place(|| boot(booting, boot_input))?;
    let Booted { datastore, warnings, changed_files, taken_back, refusals } = booted;
    options.voice.warn(&warnings);
    if datastore.running().revision == 0 && sources.is_empty() {
        options.voice.warn(&nothing_configured(options).into());
    }
    for (participant, diagnostics) in &refusals {
        tracing::error!(participant, "the stored configuration is in force, but not all of it could be built");
        options.voice.warn(diagnostics);
    }
    let not_built = refusals.iter().flat_map(|(_, diagnostics)| diagnostics.iter());
    let said = |diagnostic: &Diagnostic| match &diagnostic.data_path {
        Some(path) => format!("{path}: {}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let findings = StartFindings {
        not_built: not_built.map(said).collect(),
        may_heal: refusals.iter().all(|(participant, _)| *participant == Outbound::NAME),
        changed_files: changed_files.iter().map(said).collect(),
        taken_back,
    };
    Ok((datastore, findings))
}

fn nothing_configured(options: &StartOptions) -> Diagnostic {
    let said = if !options.config.is_empty() {
        "there is no configuration file where `--config` says: the element starts with an empty configuration"
            .to_owned()
    } else if Path::new(DEFAULT_CONFIG).is_dir() {
        format!("there is no configuration file in `{DEFAULT_CONFIG}/`: the element starts with an empty configuration")
    } else {
        format!("there is no folder `{DEFAULT_CONFIG}/` here: the element starts with an empty configuration")
    };
    Diagnostic::warning(said).hint("name files with `--config`, or configure the element in `annunciator shell`")
}

fn read_file(builder: &mut Builder<'_>, source: &Arc<Source>) {
    match Format::from_path(Path::new(source.name())) {
        Some(format) => codec::read(builder, format, source),
        None => builder.report(Diagnostic::error(format!("`{}` has no known extension", source.name()))),
    }
}

fn open_store(options: &StartOptions, lock: FolderLock, clock: &Clock) -> Result<Store, Stopped> {
    let mut store_options = StoreOptions::default();
    if let Some(point) = &options.crash_at {
        let (name, nth) = point.split_once(':').unwrap_or((point, "1"));
        let point: FaultPoint = name.parse().map_err(|e| Stopped::failed("use --crash-at", e))?;
        let nth = nth.parse().map_err(|e| Stopped::failed("use --crash-at", e))?;
        store_options.fault = Some(Arc::new(AbortAt::new(point, nth)));
    }
    Ok(Store::open_locked(lock, clock.clone(), store_options)?)
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

impl Running {
    /// Stops: takes no more work, finishes what is under way, closes the store.
    ///
    /// # Errors
    /// The names of those that are late at the deadline.
    pub async fn drain(&self, deadline: std::time::Duration) -> Result<(), Vec<String>> {
        let drained = self.scope.drain(&self.clock, deadline).await;
        self.forget_site_modules();
        self.ledger.close();
        self.store.close();
        drained
    }

    /// With modules of the site, writes running as a whole: a later start without them then need not read changes that
    /// tell of nodes it does not know, only to find them gone again.
    fn forget_site_modules(&self) {
        let datastore = self.management.datastore();
        let has_site_modules = datastore.plan().schema().modules().iter().any(|m| !is_builtin(&m.name));
        if !has_site_modules {
            return;
        }
        if let Err(error) = datastore.write_checkpoint() {
            tracing::warn!(error = &error as &dyn std::error::Error, "running was not written as a whole");
        }
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
