//! The participant for what goes out: HTTP clients, and the alarm handlers that deliver through them.

use super::clients::{ChangedClients, HttpClients};
use super::handlers::{ChangedHandlers, Handlers, keeping_lanes};
use super::supervision::{ALARM_HANDLER, HTTP_CLIENT, Supervisor};
use crate::datastore::{CommitContext, Participant, Prepared};
use crate::delivery::{Deliveries, LaneChange};
use crate::diagnostic::Diagnostics;
use crate::secret::Sealer;
use crate::settings::{self, Places};
use crate::transport::Transport;
use std::fmt;
use std::sync::Arc;

/// Keeps clients and handlers as configured. One participant, because a handler is built with the clients of the same
/// commit.
pub struct Outbound {
    places: Places,
    transport: Arc<Transport>,
    sealer: Arc<dyn Sealer>,
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
    /// Builds the participant with nothing in use.
    #[must_use]
    pub fn new(places: Places, transport: Arc<Transport>, sealer: Arc<dyn Sealer>) -> Self {
        let (clients, handlers) = (HttpClients::default(), Handlers::default());
        Self { places, transport, sealer, clients, handlers, delivery: None, supervisor: None }
    }

    /// Gives handlers their lanes. `own_url` is asked when a commit that concerns it is taken into use, so the participant
    /// that listens must come before this one.
    #[must_use]
    pub fn delivering(self, deliveries: Deliveries, own_url: OwnUrl) -> Self {
        Self { delivery: Some(Delivery { deliveries, own_url }), ..self }
    }

    /// Lets alarms about clients and handlers end with them.
    #[must_use]
    pub fn supervised(self, supervisor: Supervisor) -> Self {
        Self { supervisor: Some(supervisor), ..self }
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
        "alarm handlers"
    }

    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics> {
        let mut faults = Diagnostics::new();
        let building = (&*self.transport, &*self.sealer);
        let clients = ChangedClients::prepare(change, self.places.http_client, building, &self.clients, &mut faults);
        let handlers =
            ChangedHandlers::prepare(change, &self.places, (&clients, &self.clients), &*self.sealer, &mut faults);
        if faults.has_errors() && !change.is_restart() {
            return Err(faults);
        }
        let (rows, change_lanes) = self.change_lanes(change, &handlers).map_or_else(
            || (Vec::new(), None),
            |lanes| {
                let (rows, apply) = lanes.into_parts();
                (rows, Some(apply))
            },
        );
        let (clients_in_use, handlers_in_use) = (self.clients.clone(), self.handlers.clone());
        let (supervisor, is_boot) = (self.supervisor.clone(), change.boot);
        let prepared = Prepared::applying(move || {
            let gone = (clients.gone(), handlers.silent());
            clients.apply(&clients_in_use);
            handlers.apply(&handlers_in_use);
            if let Some(supervisor) = &supervisor {
                gone.0.iter().for_each(|id| supervisor.retire(HTTP_CLIENT, id));
                gone.1.iter().for_each(|id| supervisor.retire(ALARM_HANDLER, id));
                if is_boot {
                    // What an earlier process said of parts that are there no more.
                    supervisor.retain(HTTP_CLIENT, &clients_in_use.names());
                    supervisor.retain(ALARM_HANDLER, &handlers_in_use.enabled());
                }
            }
            if let Some(change_lanes) = change_lanes {
                change_lanes();
            }
        });
        Ok(Prepared { rows, warnings: faults, ..prepared })
    }
}
