//! TLS of outbound clients: one provider, one reading of the system's trust for the clients built together.

use super::client::HttpClient;
use super::{HttpClientSpec, Scheme};
use crate::clock::Clock;
use crate::diagnostic::{Diagnostic, Diagnostics};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the system's trust is kept: clients built by one commit or at boot share one reading (a few milliseconds
/// and some hundred kilobytes each), and a certificate authority added to the system is seen by the next commit but soon.
const ROOTS_KEPT: Duration = Duration::from_secs(10);

/// Builds HTTP clients; one per element.
pub struct Transport {
    clock: Clock,
    provider: Arc<CryptoProvider>,
    roots: Trust,
}

enum Trust {
    System(Mutex<Option<(Duration, Arc<RootCertStore>)>>),
    Given(Arc<RootCertStore>),
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl Transport {
    /// Builds a transport that trusts whom the system trusts.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self::build(clock, Trust::System(Mutex::new(None)))
    }

    /// Builds a transport that trusts the given roots only.
    #[must_use]
    pub fn with_roots(clock: &Clock, roots: RootCertStore) -> Self {
        Self::build(clock, Trust::Given(Arc::new(roots)))
    }

    fn build(clock: &Clock, roots: Trust) -> Self {
        Self { clock: clock.clone(), provider: Arc::new(rustls::crypto::ring::default_provider()), roots }
    }

    /// Builds a client. Connects to nobody.
    ///
    /// # Errors
    /// Everything that is wrong with the specification, or with the system's trust when the scheme needs it.
    pub fn client(&self, spec: &HttpClientSpec) -> Result<HttpClient, Diagnostics> {
        let mut faults = Diagnostics::new();
        let tls = self.tls(spec.scheme).map_err(|d| faults.push(d)).ok();
        let client = HttpClient::build(spec, &self.clock, tls);
        match client {
            Ok(client) if !faults.has_errors() => Ok(client),
            Ok(_) => Err(faults),
            Err(more) => {
                faults.extend(more);
                Err(faults)
            }
        }
    }

    fn tls(&self, scheme: Scheme) -> Result<ClientConfig, Diagnostic> {
        let roots = match (scheme, &self.roots) {
            // Never used, so that a machine without any root can still speak plain HTTP.
            (Scheme::Http, _) => Arc::new(RootCertStore::empty()),
            (Scheme::Https, Trust::Given(roots)) => Arc::clone(roots),
            (Scheme::Https, Trust::System(kept)) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let now = self.clock.elapsed();
                match kept.as_ref() {
                    Some((read, roots)) if now.saturating_sub(*read) < ROOTS_KEPT => Arc::clone(roots),
                    _ => {
                        let roots = system_roots()?;
                        *kept = Some((now, Arc::clone(&roots)));
                        roots
                    }
                }
            }
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Diagnostic::error(format!("TLS cannot be set up: {error}")))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn system_roots() -> Result<Arc<RootCertStore>, Diagnostic> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(loaded.certs);
    for error in &loaded.errors {
        tracing::warn!(%error, "a trusted certificate of the system cannot be read");
    }
    tracing::debug!(added, ignored, "read the trusted certificates of the system");
    if added == 0 {
        return Err(Diagnostic::error("the system has no trusted certificates, which the scheme `https` needs")
            .hint("install the package `ca-certificates`, or set `SSL_CERT_FILE` for the daemon"));
    }
    Ok(Arc::new(roots))
}
