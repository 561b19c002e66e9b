//! The web service that a notifier posts to: host, port, path, and the HTTP client it is reached through.

use super::OutgoingMessage;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::{Mask, Secret};
use crate::transport::{Attempt, HttpClient, Request, Url};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Bytes from which on a part of a secret counts for itself: longer than the names of schemes (`Bearer`, `Digest`), which are
/// no secrets.
pub(super) const WORD_BYTES_MIN: usize = 8;

/// Where to find HTTP clients by name.
pub trait Clients {
    /// Returns the client of a name.
    fn http_client(&self, id: &str) -> Option<Arc<HttpClient>>;
}

/// The `web-service` container of a notifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebService {
    /// Host name or IP address.
    pub hostname: String,
    /// Port.
    pub port: u16,
    /// Path, with a query when there is one.
    pub context: String,
    /// Name of the HTTP client.
    pub http_client: String,
}

/// A web service with its client.
#[derive(Clone)]
pub(super) struct Endpoint {
    client: Arc<HttpClient>,
    url: Url,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({} through {:?})", self.shown(), self.client)
    }
}

impl Endpoint {
    pub(super) fn build(service: &WebService, clients: &dyn Clients) -> Result<Self, Diagnostics> {
        let client = clients.http_client(&service.http_client).ok_or_else(|| {
            Diagnostic::error(format!("the HTTP client `{}` is not configured", service.http_client))
                .hint(format!("set facilities http client {}", service.http_client))
        })?;
        let url = client.address(&service.hostname, service.port, &service.context)?;
        Ok(Self { client, url })
    }

    pub(super) async fn post(&self, message: &OutgoingMessage, deadline: Duration) -> Attempt {
        let (headers, body) = (message.headers.clone(), message.body.clone());
        self.client.post(Request { url: self.url.clone(), headers, body, deadline }).await
    }

    /// Returns scheme, host and port: a path may hold a token.
    pub(super) fn shown(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Returns what finds the secrets of the client, and those in the address, where a peer sends them back.
    pub(super) fn masks(&self) -> Vec<Arc<Mask>> {
        self.client.masks()
    }

    /// Returns what of the address nobody is shown: the query, and its longer values.
    pub(super) fn hidden(&self) -> Vec<Secret> {
        let query = self.url.query().unwrap_or_default();
        let values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
        let long = values.filter(|value| value.len() >= WORD_BYTES_MIN);
        std::iter::once(query).chain(long).map(Secret::new).collect()
    }

    pub(super) fn shown_headers(&self, message: &OutgoingMessage) -> Vec<(String, String)> {
        self.client.shown_headers(&message.headers)
    }
}
