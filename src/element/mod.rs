//! The parts of the element that follow the configuration, as participants of its commits.
//!
//! * [`Outbound`]: certificates and keys, the HTTP clients that use them, and the alarm handlers that deliver through
//!   these, each by its lane.
//! * [`AlarmRules`]: what is made of alarms: shelves, profiles, types, and what depends on what.
//! * [`Listener`]: the HTTP server.
//! * [`remind`]: handlers are told again of what still stands.
//! * [`RunningImpact`]: what depends on a resource, for the ledger.
//! * [`supervision`]: reports of parts become alarms of the element itself.
//!
//! **Invariants**: prepare builds beside what is in use and touches nothing of it; apply only swaps. What a commit does
//! not concern keeps its connections. At a restart a part builds what it can and tells the rest.

mod alarm_rules;
mod certificate_alarms;
mod client_alarms;
mod clients;
mod coverage;
mod crypto;
mod handlers;
mod impact;
mod inventory;
mod listener;
mod outbound;
mod registry;
mod reminders;
pub mod supervision;
mod topology;

#[cfg(test)]
mod tests;

pub use alarm_rules::{AlarmRules, Statuses};
pub use certificate_alarms::{CLIENT_KEYSTORE, SERVER_CERTIFICATE};
pub use client_alarms::client_observer;
pub use clients::HttpClients;
pub use crypto::{Crypto, LoadedKeyStore, Trusted};
pub use handlers::Handlers;
pub use impact::RunningImpact;
pub use inventory::CryptoEntry;
pub use listener::{Listener, ListenerOptions};
pub use outbound::{Outbound, OwnUrl};
pub use registry::Registry;
pub use reminders::{due, remind};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::{DataPath, DataTree};

/// Gives diagnostics of something built from an entry the entry's path, where they have none of their own.
fn placed(found: Diagnostics, tree: &DataTree, path: &DataPath) -> Diagnostics {
    let shown = path.display(tree.schema()).to_string();
    let mut placed = Diagnostics::new();
    placed.extend(found.into_iter().map(|diagnostic| match diagnostic.data_path {
        Some(_) => diagnostic,
        None => Diagnostic { data_path: Some(shown.clone()), ..diagnostic },
    }));
    placed
}
