//! The participant for what goes out: certificates and keys, HTTP clients that use them, and the alarm handlers that
//! deliver through those.

use super::clients::{ChangedClients, HttpClients};
use super::crypto::{Building, Crypto, CryptoChange};
use super::handlers::{ChangedHandlers, Handlers, keeping_lanes};
use super::registry::Occasion;
use crate::datastore::{CommitContext, Participant, Prepared};
use crate::delivery::{Deliveries, LaneChange};
use crate::diagnostic::Diagnostics;
use crate::secret::Sealer;
use crate::settings::{self, Places};
use crate::transport::Transport;
use std::fmt;
use std::sync::Arc;

/// Keeps certificates, clients and handlers as configured. One participant, because each is built with those of the same
/// commit.
pub struct Outbound {
    places: Places,
    transport: Arc<Transport>,
    sealer: Arc<dyn Sealer>,
    crypto: Crypto,
    clients: HttpClients,
    handlers: Handlers,
    delivery: Option<Delivery>,
}

/// Where handlers have their lanes, and how people reach the element when no address of its web interface is configured.
struct Delivery {
    deliveries: Deliveries,
    own_url: OwnUrl,
}

/// Returns the address at which the element listens, when it does.
pub type OwnUrl = Arc<dyn Fn() -> Option<String> + Send + Sync>;

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("clients", &self.clients)
            .field("handlers", &self.handlers)
            .finish_non_exhaustive()
    }
}

impl Outbound {
    /// Builds the participant with nothing in use.
    #[must_use]
    pub fn new(places: Places, transport: Arc<Transport>, sealer: Arc<dyn Sealer>) -> Self {
        let (clients, handlers) = (HttpClients::default(), Handlers::default());
        Self { places, transport, sealer, crypto: Crypto::default(), clients, handlers, delivery: None }
    }

    /// Gives handlers their lanes. `own_url` is asked when a commit that concerns it is taken into use, so the participant
    /// that listens must come before this one.
    #[must_use]
    pub fn delivering(self, deliveries: Deliveries, own_url: OwnUrl) -> Self {
        Self { delivery: Some(Delivery { deliveries, own_url }), ..self }
    }

    /// Returns the certificates and keys in use.
    #[must_use]
    pub fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    /// Returns the clients in use.
    #[must_use]
    pub fn clients(&self) -> &HttpClients {
        &self.clients
    }

    /// Returns the handlers in use.
    #[must_use]
    pub fn handlers(&self) -> &Handlers {
        &self.handlers
    }

    fn change_lanes(&self, change: &CommitContext<'_>, handlers: &ChangedHandlers) -> Option<LaneChange> {
        let Delivery { deliveries, own_url } = self.delivery.as_ref()?;
        let mut lanes = deliveries.change();
        handlers.change_lanes(&mut lanes);
        if change.boot {
            lanes.keep_only(&keeping_lanes(change, &self.places, handlers));
        }
        if change.concerns(self.places.environment) || change.concerns(self.places.http_server) {
            let (configured, own_url) = (settings::environment(change.after).base_url, Arc::clone(own_url));
            lanes.set_base_url(move || configured.or_else(|| own_url()));
        }
        Some(lanes)
    }
}

impl Participant for Outbound {
    fn name(&self) -> &'static str {
        "alarm handlers"
    }

    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics> {
        let occasion = Occasion::of(change);
        let (built, told) = self.build(change, occasion);
        if told.has_errors() && occasion == Occasion::Commit {
            return Err(told);
        }
        Ok(Prepared { warnings: told, ..self.taking(change, built) })
    }

    fn refresh(&self, running: &CommitContext<'_>) -> Option<Prepared> {
        let (built, told) = self.build(running, Occasion::Refresh);
        for diagnostic in &told {
            tracing::debug!(%diagnostic, "what could not be built before still cannot, or cannot be read again");
        }
        (!built.is_empty()).then(|| self.taking(running, built))
    }
}

/// What is built and not yet in use.
struct Built {
    crypto: CryptoChange,
    clients: ChangedClients,
    handlers: ChangedHandlers,
}

impl Built {
    fn is_empty(&self) -> bool {
        self.crypto.is_empty() && self.clients.is_empty() && self.handlers.is_empty()
    }
}

impl Outbound {
    fn build(&self, change: &CommitContext<'_>, occasion: Occasion) -> (Built, Diagnostics) {
        let mut told = Diagnostics::new();
        let building =
            Building { change, occasion, places: &self.places, transport: &self.transport, sealer: &*self.sealer };
        let crypto = CryptoChange::prepare(&building, &self.crypto, &mut told);
        let clients = ChangedClients::prepare(&building, (&self.crypto, &crypto), &self.clients, &mut told);
        let handlers = ChangedHandlers::prepare(&building, &clients, &self.clients, &self.handlers, &mut told);
        (Built { crypto, clients, handlers }, told)
    }

    fn taking(&self, change: &CommitContext<'_>, built: Built) -> Prepared {
        let (rows, change_lanes) = self.change_lanes(change, &built.handlers).map_or_else(
            || (Vec::new(), None),
            |lanes| {
                let (rows, apply) = lanes.into_parts();
                (rows, Some(apply))
            },
        );
        let (crypto, clients, handlers) = (self.crypto.clone(), self.clients.clone(), self.handlers.clone());
        let prepared = Prepared::applying(move || {
            built.crypto.apply(&crypto);
            built.clients.apply(&clients);
            built.handlers.apply(&handlers);
            if let Some(change_lanes) = change_lanes {
                change_lanes();
            }
        });
        Prepared { rows, ..prepared }
    }
}
