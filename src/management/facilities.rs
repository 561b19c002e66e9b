//! The facilities as faces see them: certificates, trying HTTP clients out, changing the key of secrets.

use super::Management;
use crate::datastore::{CommitRequest, RotateError, Rotated};
use crate::diagnostic::Diagnostics;
use crate::element::{CryptoEntry, Outbound};
use crate::transport::{Step, Url};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The part that has the clients, and where they can be tried.
pub(super) struct OutboundSide {
    outbound: Arc<Outbound>,
    runtime: Handle,
}

/// Why a client cannot be tried out.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// Nobody has this element's clients.
    #[error("this element has no HTTP clients")]
    NotKept,
    /// There is none of the name.
    #[error("there is no HTTP client `{0}`")]
    Unknown(String),
    /// It could not be built.
    #[error("the HTTP client `{id}` cannot be used: {}", .why.iter().map(|d| d.message.as_str()).collect::<Vec<_>>().join("; "))]
    NotBuilt {
        /// Its name.
        id: String,
        /// Why.
        why: Diagnostics,
    },
    /// It is not known what to try.
    #[error("no alarm handler uses the HTTP client `{0}`, so that it is not known what to reach")]
    NoTarget(String),
    /// The address is none.
    #[error("`{0}` is not an `http://` or `https://` address")]
    NotAnAddress(String),
}

/// What is told of a client that is tried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// An address comes next.
    Begins(Url),
    /// A step was made.
    Made(Step),
}

impl Management {
    /// Adds the part that has the clients.
    #[must_use]
    pub fn with_outbound(self, outbound: Arc<Outbound>, runtime: Handle) -> Self {
        Self { outbound_side: Some(Arc::new(OutboundSide { outbound, runtime })), ..self }
    }

    /// Returns the certificates in use, and what could not be loaded.
    #[must_use]
    pub fn crypto(&self) -> Vec<CryptoEntry> {
        let side = self.outbound_side.as_ref();
        side.map_or_else(Vec::new, |side| side.outbound.inventory(&self.running().tree))
    }

    /// Returns the names of the HTTP clients in use.
    #[must_use]
    pub fn http_clients(&self) -> Vec<String> {
        let side = self.outbound_side.as_ref();
        side.map_or_else(Vec::new, |side| side.outbound.clients().all().into_iter().map(|(id, _)| id).collect())
    }

    /// Tries a client out: the way to `url`, or to each address that handlers reach through it. Tells of each step, and
    /// returns whether all went well. Blocks; not for an asynchronous task.
    ///
    /// # Errors
    /// Why there is nothing to try.
    pub fn try_client(&self, id: &str, url: Option<&str>, tell: &mut dyn FnMut(Trial)) -> Result<bool, TryError> {
        let side = self.outbound_side.as_ref().ok_or(TryError::NotKept)?;
        let targets = match url {
            Some(text) => {
                let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                let url = url.filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
                vec![url.ok_or_else(|| TryError::NotAnAddress(text.to_owned()))?]
            }
            None => side.outbound.targets(id),
        };
        let mut went_well = true;
        let is_nothing = targets.is_empty();
        for url in targets {
            // A new one for each, so that nothing of one is left for the next.
            let built = side.outbound.client_to_try(id).map_err(|why| TryError::NotBuilt { id: id.to_owned(), why });
            let client = built?.ok_or_else(|| TryError::Unknown(id.to_owned()))?;
            tell(Trial::Begins(url.clone()));
            went_well &= side.runtime.block_on(client.probe(&url, |step| tell(Trial::Made(step))));
        }
        if is_nothing {
            let built = side.outbound.client_to_try(id).map_err(|why| TryError::NotBuilt { id: id.to_owned(), why });
            built?.ok_or_else(|| TryError::Unknown(id.to_owned()))?;
            return Err(TryError::NoTarget(id.to_owned()));
        }
        Ok(went_well)
    }

    /// Makes a new key and commits running with all of its secrets sealed by it. Blocks.
    ///
    /// # Errors
    /// Why that could not be done.
    pub fn rotate_secrets(&self, request: &CommitRequest) -> Result<Rotated, RotateError> {
        self.datastore.rotate_secrets(request)
    }
}
