//! The HTTP listener as a participant: the new address is bound beside the old one before the commit is written.

use crate::datastore::{CommitContext, Participant, Prepared};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::settings;
use crate::task::Scope;
use crate::transport::{HttpServer, ServerLimits};
use axum::Router;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;

/// The element's HTTP listener.
#[derive(Clone)]
pub struct HttpListener(Arc<Shared>);

struct Shared {
    runtime: Handle,
    scope: Scope,
    /// The address of the command line, which wins over the configuration.
    fixed: Option<SocketAddr>,
    /// What is served; set once the parts behind it exist, before the first address is.
    router: Mutex<Router>,
    serving: Mutex<Option<Serving>>,
}

struct Serving {
    configured: SocketAddr,
    bound: SocketAddr,
    /// Stops this address without stopping the element.
    scope: Scope,
}

impl fmt::Debug for HttpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpListener({:?})", self.address())
    }
}

impl HttpListener {
    /// Builds a listener that is bound nowhere yet; `fixed` wins over the configuration. Must be called on a runtime.
    #[must_use]
    pub fn new(scope: Scope, fixed: Option<SocketAddr>) -> Self {
        Self(Arc::new(Shared {
            runtime: Handle::current(),
            scope,
            fixed,
            router: Mutex::new(Router::new()),
            serving: Mutex::new(None),
        }))
    }

    /// Sets what addresses taken into use from now on serve.
    pub fn set_router(&self, router: Router) {
        *self.0.router.lock().unwrap_or_else(PoisonError::into_inner) = router;
    }

    /// Returns the address that is served, with the port that the system chose for port 0.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.serving.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|s| s.bound)
    }

    fn configured(&self) -> Option<SocketAddr> {
        self.0.serving.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|s| s.configured)
    }

    /// Returns the address to serve; a name stands for the first address that it resolves to.
    fn wanted(&self, change: &CommitContext<'_>) -> Result<SocketAddr, Diagnostics> {
        if let Some(fixed) = self.0.fixed {
            return Ok(fixed);
        }
        let settings::HttpServerSpec { address: host, port } = settings::http_server(change.after)?;
        let fault = |cause: String| {
            Diagnostic::error(format!("`{host}` is no address to listen on: {cause}"))
                .on("/annunciator-system:system/http-server/address")
                .hint("give an address of this machine, such as 127.0.0.1 or 0.0.0.0")
        };
        let mut found = (host.as_str(), port).to_socket_addrs().map_err(|e| Diagnostics::from(fault(e.to_string())))?;
        found.next().ok_or_else(|| fault("the name has no address".to_owned()).into())
    }

    /// Takes a bound address into use and lets the one before finish what is under way.
    fn serve(&self, configured: SocketAddr, server: HttpServer) {
        let scope = Scope::new();
        let bound = server.local_addr();
        let router = self.0.router.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let serving = Serving { configured, bound, scope: scope.clone() };
        let before = self.0.serving.lock().unwrap_or_else(PoisonError::into_inner).replace(serving);
        if let Some(before) = before {
            before.scope.stop();
        }
        let element = self.0.scope.clone();
        let stopper = scope.clone();
        let _entered = self.0.runtime.enter();
        self.0.scope.spawn(format!("HTTP listener {bound}"), async move {
            let served = server.serve(router, scope);
            tokio::pin!(served);
            tokio::select! {
                () = &mut served => return,
                () = element.stopped() => stopper.stop(),
            }
            served.await;
        });
        tracing::info!(address = %bound, "serving HTTP");
    }
}

impl Participant for HttpListener {
    fn name(&self) -> &'static str {
        "http-server"
    }

    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics> {
        let wanted = self.wanted(change)?;
        if self.configured() == Some(wanted) {
            return Ok(Prepared::nothing());
        }
        let bound = self.0.runtime.block_on(HttpServer::bind(wanted, ServerLimits::default()));
        let server = bound.map_err(|error| {
            let said = Diagnostic::error(format!("cannot listen on {wanted}: {error}"));
            let path = "/annunciator-system:system/http-server/port";
            Diagnostics::from(match self.0.fixed {
                Some(_) => said.hint("choose another address with `--http-listen`"),
                None => said.on(path).hint("choose a free port, or an address of this machine"),
            })
        })?;
        let listener = self.clone();
        Ok(Prepared::applying(move || listener.serve(wanted, server)))
    }
}
