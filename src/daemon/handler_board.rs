//! How all handlers fare that are configured, those that are told of nothing included.

use crate::delivery::{Deliveries, HandlerState, HandlerStatus};
use crate::element::Handlers;
use crate::management::HandlerStatuses;
use std::collections::BTreeMap;

/// The handlers as they are configured, and their lanes.
#[derive(Debug, Clone)]
pub struct HandlerBoard {
    deliveries: Deliveries,
    handlers: Handlers,
}

impl HandlerBoard {
    /// Builds it.
    #[must_use]
    pub fn new(deliveries: Deliveries, handlers: Handlers) -> Self {
        Self { deliveries, handlers }
    }
}

impl HandlerStatuses for HandlerBoard {
    fn statuses(&self) -> Vec<HandlerStatus> {
        let lanes = self.deliveries.statuses().into_iter().map(|status| (status.id.clone(), status));
        let mut all: BTreeMap<String, HandlerStatus> = lanes.collect();
        for (_, handler) in self.handlers.all() {
            let (spec, notifier) = (&handler.spec, &handler.notifier);
            // Lanes leave the path out, because they speak to everybody; here it is who may see the configuration.
            let destination = format!("{}{}", notifier.destination(), spec.notifier.shown_context());
            match all.get_mut(&spec.id) {
                Some(status) => status.destination = destination,
                None if spec.is_enabled => {}
                None => {
                    let status = HandlerStatus {
                        id: spec.id.clone(),
                        kind: notifier.kind(),
                        destination,
                        state: HandlerState::Disabled,
                        waiting: 0,
                        delivered: 0,
                        given_up: 0,
                        last_success: None,
                        last_failure: None,
                    };
                    all.insert(spec.id.clone(), status);
                }
            }
        }
        all.into_values().collect()
    }
}
