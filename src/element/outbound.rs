//! The participant for what goes out: certificates and keys, HTTP clients that use them, and the alarm handlers that
//! deliver through those.

use super::certificate_alarms::{CLIENT_KEYSTORE, SERVER_CERTIFICATE, look_at_certificates, look_at_failures};
use super::client_alarms::retire_unreached;
use super::clients::{ChangedClients, HttpClients};
use super::crypto::{Building, Crypto, CryptoChange};
use super::handlers::{ChangedHandlers, Handlers, keeping_lanes};
use super::inventory::{CryptoEntry, inventory, targets};
use super::registry::Occasion;
use super::supervision::Supervisor;
use crate::alarm::{ALARM_HANDLER, HTTP_CLIENT};
use crate::datastore::{CommitContext, Participant, Prepared};
use crate::delivery::{Deliveries, LaneChange};
use crate::diagnostic::Diagnostics;
use crate::secret::Sealer;
use crate::settings::{self, CertificateAlarms, Places};
use crate::transport::material::{KeyStore, TrustStore};
use crate::transport::{HttpClient, Supplies, Transport, Url};
use crate::tree::DataTree;
use jiff::Timestamp;
use std::collections::BTreeSet;
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
    supervisor: Option<Supervisor>,
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
    /// Its name as a participant.
    pub const NAME: &'static str = "alarm handlers";

    /// Builds the participant with nothing in use.
    #[must_use]
    pub fn new(places: Places, transport: Arc<Transport>, sealer: Arc<dyn Sealer>) -> Self {
        let (clients, handlers) = (HttpClients::default(), Handlers::default());
        Self {
            places,
            transport,
            sealer,
            crypto: Crypto::default(),
            clients,
            handlers,
            delivery: None,
            supervisor: None,
        }
    }

    /// Gives handlers their lanes. `own_url` is asked when a commit that concerns it is taken into use, so the participant
    /// that listens must come before this one.
    #[must_use]
    pub fn delivering(self, deliveries: Deliveries, own_url: OwnUrl) -> Self {
        Self { delivery: Some(Delivery { deliveries, own_url }), ..self }
    }

    /// Lets what the parts meet become alarms, which end with them.
    #[must_use]
    pub fn supervised(self, supervisor: Supervisor) -> Self {
        Self { supervisor: Some(supervisor), ..self }
    }

    /// Looks at the certificates in use: whose end comes is an alarm. `running` is the configuration in force.
    pub fn look_at_certificates(&self, running: &DataTree) {
        if let Some(supervisor) = &self.supervisor {
            let now = self.transport.now();
            look_at_certificates(supervisor, &self.crypto, settings::certificate_alarms(running), now);
        }
    }

    /// Tells of the certificates in use and of those that could not be loaded. `running` is the configuration in force.
    #[must_use]
    pub fn inventory(&self, running: &DataTree) -> Vec<CryptoEntry> {
        inventory(running, &self.places, &self.crypto, &self.clients)
    }

    /// Returns the addresses that handlers reach through a client.
    #[must_use]
    pub fn targets(&self, client: &str) -> Vec<Url> {
        targets(client, &self.clients, &self.handlers)
    }

    /// Builds a client like one in use, that remembers nothing of earlier connections and whose trouble alarms nobody;
    /// `None` where there is none of that name.
    ///
    /// # Errors
    /// Why there is none that can be used.
    pub fn client_to_try(&self, id: &str) -> Result<Option<HttpClient>, Diagnostics> {
        let Some(client) = self.clients.get(id) else {
            let failed = self.clients.failed().into_iter().find(|(name, _)| name == id);
            return failed.map_or(Ok(None), |(_, why)| Err(Diagnostics::clone(&why)));
        };
        self.transport
            .unobserved_client(client.spec(), &InUse { crypto: &self.crypto, clients: &self.clients })
            .map(Some)
    }

    /// Returns whether all that is configured could be built.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.crypto.keystores.is_whole()
            && self.crypto.trusted.is_whole()
            && self.clients.is_whole()
            && self.handlers.is_whole()
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
        handlers.change_lanes(&self.handlers, &mut lanes);
        lanes.follow_revision(change.is_restart());
        lanes.set_retention(settings::delivery_log(change.after));
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
        Self::NAME
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

/// What is in use, for a client that is built beside it.
struct InUse<'a> {
    crypto: &'a Crypto,
    clients: &'a HttpClients,
}

impl Supplies for InUse<'_> {
    fn truststore(&self) -> Option<Arc<TrustStore>> {
        Some(self.crypto.truststore())
    }

    fn keystore(&self, id: &str) -> Option<Arc<KeyStore>> {
        self.crypto.keystores.get(id).map(|loaded| Arc::clone(&loaded.keystore))
    }

    fn client(&self, id: &str) -> Option<Arc<HttpClient>> {
        self.clients.get(id)
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
        let watching = self.watching(change, &built);
        let (crypto, clients, handlers) = (self.crypto.clone(), self.clients.clone(), self.handlers.clone());
        let prepared = Prepared::applying(move || {
            built.crypto.apply(&crypto);
            built.clients.apply(&clients);
            built.handlers.apply(&handlers);
            if let Some(watching) = watching {
                watching.parts_changed(&crypto, &clients, &handlers);
            }
            if let Some(change_lanes) = change_lanes {
                change_lanes();
            }
        });
        Prepared { rows, ..prepared }
    }

    fn watching(&self, change: &CommitContext<'_>, built: &Built) -> Option<Watching> {
        let supervisor = self.supervisor.clone()?;
        let looks_at_dates = !built.crypto.is_empty() || change.concerns(self.places.certificate_alarms);
        Some(Watching {
            supervisor,
            is_boot: change.boot,
            gone: [
                (CLIENT_KEYSTORE, built.crypto.keystores.gone()),
                (SERVER_CERTIFICATE, built.crypto.trusted.gone()),
                (HTTP_CLIENT, built.clients.gone()),
                (ALARM_HANDLER, built.handlers.silent()),
            ],
            dates: looks_at_dates.then(|| (settings::certificate_alarms(change.after), self.transport.now())),
        })
    }
}

/// What to say to the supervisor once a change is in use.
struct Watching {
    supervisor: Supervisor,
    is_boot: bool,
    /// By kind, what is there no more.
    gone: [(&'static str, Vec<String>); 4],
    dates: Option<(CertificateAlarms, Timestamp)>,
}

impl Watching {
    fn parts_changed(&self, crypto: &Crypto, clients: &HttpClients, handlers: &Handlers) {
        let supervisor = &self.supervisor;
        for (kind, names) in &self.gone {
            for id in names {
                supervisor.retire(kind, id);
            }
        }
        if self.is_boot {
            // What an earlier process said of parts that are there no more.
            supervisor.retain(CLIENT_KEYSTORE, &crypto.keystores.names());
            supervisor.retain(SERVER_CERTIFICATE, &crypto.trusted.names());
            supervisor.retain(HTTP_CLIENT, &clients.names());
            supervisor.retain(ALARM_HANDLER, &speaking(handlers));
        }
        look_at_failures(supervisor, CLIENT_KEYSTORE, &crypto.keystores);
        look_at_failures(supervisor, SERVER_CERTIFICATE, &crypto.trusted);
        look_at_failures(supervisor, HTTP_CLIENT, clients);
        look_at_failures(supervisor, ALARM_HANDLER, handlers);
        if let Some((thresholds, now)) = self.dates {
            look_at_certificates(supervisor, crypto, thresholds, now);
        }
        retire_unreached(supervisor, clients, handlers);
    }
}

/// Returns the names of the handlers that are told about alarms, or would be if they could be built.
fn speaking(handlers: &Handlers) -> BTreeSet<String> {
    let mut names = handlers.names();
    for (id, handler) in handlers.all() {
        if !handler.spec.is_enabled {
            names.remove(&id);
        }
    }
    names
}
