//! The participant for the HTTP server: binds the new address beside the old one, then swaps.

use super::supervision::{Subject, Supervisor, Words};
use crate::alarm::{OwnType, Severity};
use crate::clock::Clock;
use crate::datastore::{CommitContext, Datastore, Participant, Prepared};
use crate::diagnostic::{Diagnostic, Diagnostics, Gravity};
use crate::retry::Schedule;
use crate::settings::{HttpServerSpec, Places, http_server};
use crate::task::Scope;
use crate::transport::{HttpServer, ServerLimits};
use crate::tree::{DataPath, DataTree};
use axum::Router;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long the requests under way at an address that is given up may take: as long as any request may.
const DRAIN: Duration = Duration::from_secs(60);

/// Pauses between tries for an address that cannot be had: whoever has it may be about to end, or may stay for days.
const RETRIES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// The alarming resource while the server does not listen where it is configured to.
const RESOURCE_TYPE: &str = "system";
const RESOURCE: &str = "http-server";

/// What a listener is built with.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// What answers requests.
    pub router: Router,
    /// Where its tasks run.
    pub runtime: Handle,
    /// What its tasks belong to.
    pub scope: Scope,
    /// The clock for its drain.
    pub clock: Clock,
    /// An address that wins over the configuration; its port may be 0.
    pub fixed: Option<SocketAddr>,
}

/// Keeps the HTTP server listening where it is configured to.
pub struct Listener {
    places: Places,
    options: ListenerOptions,
    in_use: Arc<Mutex<Option<InUse>>>,
    /// Bound ahead of the first commit, which takes it.
    reserved: Mutex<Option<(Wanted, HttpServer)>>,
    /// What running says and could not be had yet, and why.
    missing: Mutex<Option<(Wanted, Diagnostic)>>,
}

struct InUse {
    wanted: Wanted,
    bound: SocketAddr,
    serving: Scope,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Configured(HttpServerSpec),
    Fixed(SocketAddr),
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("bound", &self.local_addr()).finish_non_exhaustive()
    }
}

impl Listener {
    /// Builds the participant; nothing is bound.
    #[must_use]
    pub fn new(places: Places, options: ListenerOptions) -> Self {
        Self { places, options, in_use: Arc::default(), reserved: Mutex::default(), missing: Mutex::default() }
    }

    /// Binds the address that a configuration says, for the start that then commits it: what cannot be had is refused
    /// before anything is stored. Blocks; not for an asynchronous task.
    ///
    /// # Errors
    /// Why the address cannot be had, at the leaf that is to be changed.
    pub fn reserve(&self, tree: &DataTree) -> Result<(), Diagnostics> {
        let wanted = self.wanted(tree)?;
        match self.bind(&wanted) {
            Ok(server) => {
                *self.reserved() = Some((wanted, server));
                Ok(())
            }
            Err(error) => Err(self.refusal(tree, &wanted, &error).into()),
        }
    }

    fn reserved(&self) -> MutexGuard<'_, Option<(Wanted, HttpServer)>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what was bound ahead for this, else binds it now.
    fn bind_or_take(&self, wanted: &Wanted) -> io::Result<HttpServer> {
        match self.reserved().take() {
            Some((reserved, server)) if reserved == *wanted => Ok(server),
            _ => self.bind(wanted),
        }
    }

    fn in_use(&self) -> MutexGuard<'_, Option<InUse>> {
        lock(&self.in_use)
    }

    /// Returns where the server listens, when it does.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.in_use().as_ref().map(|in_use| in_use.bound)
    }

    fn wanted(&self, tree: &DataTree) -> Result<Wanted, Diagnostics> {
        match self.options.fixed {
            Some(address) => Ok(Wanted::Fixed(address)),
            None => http_server(tree).map(Wanted::Configured),
        }
    }

    fn bind(&self, wanted: &Wanted) -> io::Result<HttpServer> {
        self.options.runtime.block_on(bind(wanted))
    }

    fn missing(&self) -> MutexGuard<'_, Option<(Wanted, Diagnostic)>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries again, until the scope stops, for the address that running says and that could not be had: at a restart,
    /// or when a commit was taken back. Says so once, raises an alarm while it lasts, and says when it is over.
    pub async fn keep(&self, datastore: &Datastore, supervisor: &Supervisor, scope: &Scope) {
        let mut commits = datastore.announcements();
        let (schedule, mut failures, mut said) = (Schedule::new(RETRIES), 0, None);
        loop {
            let fault = self.mend(datastore).await;
            let wait = fault.as_ref().map(|_| {
                failures += 1;
                schedule.wait(failures, 0.5)
            });
            tell(supervisor, fault.as_ref(), said.as_deref());
            if fault.is_none() {
                failures = 0;
            }
            said = fault.map(|fault| fault.message);
            let again = async {
                match wait {
                    Some(wait) => self.options.clock.sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = scope.stopped() => return,
                // Missed ones are no matter: running is looked at.
                _ = commits.recv() => {}
                () = again => {}
            }
        }
    }

    /// Binds what running says where that is not in use; returns why it could not be had.
    async fn mend(&self, datastore: &Datastore) -> Option<Diagnostic> {
        let running = datastore.running();
        // What cannot be read was told when it came into force.
        let wanted = self.wanted(&running.tree).ok()?;
        if self.in_use().as_ref().is_some_and(|in_use| in_use.wanted == wanted) {
            *self.missing() = None;
            return None;
        }
        match bind(&wanted).await {
            Ok(server) => {
                self.take_late(datastore, wanted, server);
                None
            }
            Err(error) => {
                let fault = self.refusal(&running.tree, &wanted, &error);
                self.make_way(&wanted, &error);
                *self.missing() = Some((wanted, fault.clone()));
                Some(fault)
            }
        }
    }

    /// Takes a server into use beside all commits: only where running still says so, which a commit that is being put
    /// into force changes before it swaps.
    fn take_late(&self, datastore: &Datastore, wanted: Wanted, server: HttpServer) {
        let mut in_use = self.in_use();
        if self.wanted(&datastore.running().tree).ok().as_ref() != Some(&wanted) {
            return;
        }
        let taken = serve(&self.options, wanted, server);
        if let Some(before) = in_use.replace(taken) {
            before.serving.stop();
        }
        *self.missing() = None;
    }

    /// Gives up the own address that is in the way of what running says: both have the same port.
    fn make_way(&self, wanted: &Wanted, error: &io::Error) {
        let Wanted::Configured(spec) = wanted else { return };
        let mut in_use = self.in_use();
        let is_own = in_use.as_ref().is_some_and(|in_use| in_use.bound.port() == spec.port);
        if error.kind() == io::ErrorKind::AddrInUse
            && is_own
            && let Some(before) = in_use.take()
        {
            before.serving.stop();
        }
    }

    /// Returns what is told with every commit while the address in running cannot be had.
    fn reminder(&self, wanted: &Wanted) -> Option<Diagnostics> {
        let missing = self.missing();
        let (_, fault) = missing.as_ref().filter(|(missing, _)| missing == wanted)?;
        Some(Diagnostic { gravity: Gravity::Warning, ..fault.clone() }.into())
    }

    /// Says why an address cannot be had, at the leaf that is to be changed.
    fn refusal(&self, tree: &DataTree, wanted: &Wanted, error: &io::Error) -> Diagnostic {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "address in use".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            io::ErrorKind::AddrNotAvailable => "this machine does not have the address".to_owned(),
            _ => error.to_string(),
        };
        let spec = match wanted {
            Wanted::Fixed(address) => {
                return Diagnostic::error(format!("cannot listen on `{address}` (`--http-listen`): {why}"))
                    .hint("choose another address with `--http-listen`, or stop what listens there");
            }
            Wanted::Configured(spec) => spec,
        };
        let is_the_port = matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied);
        let leaf = if is_the_port { self.places.http_server_port } else { self.places.http_server_address };
        let path = DataPath::new(leaf, Vec::new()).display(tree.schema()).to_string();
        let is_start = self.in_use().is_none();
        let is_own = self.in_use().as_ref().is_some_and(|in_use| in_use.bound.port() == spec.port);
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse if is_own => {
                "this element itself listens on that port at another address: change the port as well"
            }
            io::ErrorKind::AddrInUse if is_start => {
                "choose another port, or another address for this start with `--http-listen`, or stop what listens there"
            }
            io::ErrorKind::AddrInUse => "choose another port, or stop what listens there",
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege",
            _ => "the address must be one of this machine's, `0.0.0.0` or `::` for all of them",
        };
        // As it is written in a URL: `[::1]:8008`.
        let bracketed = spec.address.contains(':').then(|| format!("[{}]", spec.address));
        let shown = bracketed.as_deref().unwrap_or(&spec.address);
        Diagnostic::error(format!("cannot listen on `{shown}:{}`: {why}", spec.port)).on(path).hint(hint)
    }

    fn apply(&self, wanted: Wanted, server: HttpServer) -> impl FnOnce() + Send + use<> {
        let (options, in_use) = (self.options.clone(), Arc::clone(&self.in_use));
        move || {
            let mut in_use = lock(&in_use);
            let before = in_use.replace(serve(&options, wanted, server));
            drop(in_use);
            if let Some(before) = before {
                before.serving.stop();
            }
        }
    }
}

/// Says what became of the address; `before` is what was said last.
fn tell(supervisor: &Supervisor, fault: Option<&Diagnostic>, before: Option<&str>) {
    let subject = Subject::new(OwnType::ConfigurationNotBuilt, RESOURCE_TYPE, RESOURCE);
    let Some(fault) = fault else {
        if before.is_some() {
            tracing::info!("the HTTP server listens again where it is configured to");
        }
        return supervisor.clear(&subject);
    };
    if before != Some(fault.message.as_str()) {
        tracing::warn!("{}; it is tried again until it can be had", fault.message);
    }
    supervisor.raise(&subject, Severity::Major, Words::detail(fault.message.clone()));
}

/// Lets a bound server answer.
fn serve(options: &ListenerOptions, wanted: Wanted, server: HttpServer) -> InUse {
    let (bound, serving) = (server.local_addr(), Scope::new());
    start(options, server, &serving);
    tracing::info!(address = %bound, "listening");
    InUse { wanted, bound, serving }
}

async fn bind(wanted: &Wanted) -> io::Result<HttpServer> {
    let limits = ServerLimits::default();
    match wanted {
        Wanted::Fixed(address) => HttpServer::bind(*address, limits).await,
        Wanted::Configured(spec) => {
            let mut refused = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            for address in tokio::net::lookup_host((spec.address.as_str(), spec.port)).await? {
                match HttpServer::bind(address, limits).await {
                    Ok(server) => return Ok(server),
                    Err(error) => refused = error,
                }
            }
            Err(refused)
        }
    }
}

fn lock(in_use: &Mutex<Option<InUse>>) -> MutexGuard<'_, Option<InUse>> {
    in_use.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts serving, until the server's own scope or that of the element stops; then lets the requests under way end.
fn start(options: &ListenerOptions, server: HttpServer, serving: &Scope) {
    let _context = options.runtime.enter();
    let (all, own, clock, router) =
        (options.scope.clone(), serving.clone(), options.clock.clone(), options.router.clone());
    let name = format!("http server on {}", server.local_addr());
    options.scope.spawn(name, async move {
        let done = server.serve(router, own.clone());
        tokio::pin!(done);
        tokio::select! {
            () = &mut done => {}
            () = all.stopped() => {
                own.stop();
                done.await;
            }
        }
        if let Err(late) = own.drain(&clock, DRAIN).await {
            tracing::warn!(?late, "requests were not finished in time");
        }
    });
}

impl Participant for Listener {
    fn name(&self) -> &'static str {
        "http server"
    }

    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics> {
        let is_concerned = change.concerns(self.places.http_server);
        if !is_concerned && self.missing().is_none() {
            return Ok(Prepared::nothing());
        }
        let wanted = self.wanted(change.after)?;
        if self.in_use().as_ref().is_some_and(|in_use| in_use.wanted == wanted) {
            return Ok(Prepared::nothing());
        }
        // What is missing already is not this commit's fault, and is tried again.
        if let Some(warnings) = self.reminder(&wanted) {
            return Ok(Prepared { warnings, ..Prepared::nothing() });
        }
        match self.bind_or_take(&wanted) {
            Ok(server) => Ok(Prepared::applying(self.apply(wanted, server))),
            Err(error) => {
                let fault = self.refusal(change.after, &wanted, &error);
                if !change.is_restart() {
                    return Err(fault.into());
                }
                *self.missing() = Some((wanted, fault.clone()));
                Ok(Prepared { warnings: fault.into(), ..Prepared::nothing() })
            }
        }
    }
}
