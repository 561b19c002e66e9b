//! The participant for what goes out: HTTP clients, and the alarm handlers that deliver through them.

use super::clients::{ChangedClients, HttpClients};
use super::handlers::{ChangedHandlers, Handlers};
use crate::datastore::{CommitContext, Participant, Prepared};
use crate::diagnostic::Diagnostics;
use crate::secret::Sealer;
use crate::settings::Places;
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
}

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
        Self { places, transport, sealer, clients: HttpClients::default(), handlers: Handlers::default() }
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
}

impl Participant for Outbound {
    fn name(&self) -> &'static str {
        "alarm handlers"
    }

    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics> {
        let mut faults = Diagnostics::new();
        let building = (&*self.transport, &*self.sealer);
        let clients = ChangedClients::prepare(change, self.places.http_client, building, &self.clients, &mut faults);
        let handlers = ChangedHandlers::prepare(change, &self.places, &clients, &self.clients, &mut faults);
        if faults.has_errors() && !change.is_restart() {
            return Err(faults);
        }
        let (clients_in_use, handlers_in_use) = (self.clients.clone(), self.handlers.clone());
        let prepared = Prepared::applying(move || {
            clients.apply(&clients_in_use);
            handlers.apply(&handlers_in_use);
        });
        Ok(Prepared { warnings: faults, ..prepared })
    }
}
