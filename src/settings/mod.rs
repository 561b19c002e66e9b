//! The typed view of the configuration: from entries of the tree to what the parts of the element are built from.
//!
//! **Invariants**: the only place that knows leaves by name. No I/O. Secrets are opened here and nowhere else, and are
//! in no diagnostic. Reads single entries, so that the cost of a commit follows the change and not the tree.

mod alarm_control;
mod crypto;
mod environment;
mod handler;
mod http_client;
mod ingest;
mod places;
mod reader;
mod resources;
mod system;

#[cfg(test)]
mod tests;

pub use alarm_control::alarm_control;
pub use crypto::{CertificateAlarms, certificate_alarms, client_keystore, server_certificate};
pub use environment::{Environment, environment};
pub use handler::handler;
pub use http_client::http_client;
pub use ingest::{IngestSpec, ingest};
pub use places::Places;
pub use resources::{ResourceSpec, resource};
pub use system::{HttpServerSpec, delivery_log, http_server, revisions_kept};
