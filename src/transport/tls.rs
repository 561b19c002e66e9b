//! TLS of outbound clients: one provider, one reading of the system's trust for the clients built together.

use super::HttpClientSpec;
use super::client::HttpClient;
use super::material::{Certificate, KeyStore, KeyStoreSpec, TrustStore};
use super::observe::Observer;
use super::spec::{TlsSpec, TlsVersion};
use super::verify::ServerJudge;
use crate::clock::Clock;
use crate::diagnostic::{Diagnostic, Diagnostics};
use jiff::Timestamp;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the system's trust is kept: clients built by one commit or at boot share one reading (a few milliseconds
/// and some hundred kilobytes each), and a certificate authority added to the system is seen by the next commit but soon.
const ROOTS_KEPT: Duration = Duration::from_secs(10);

/// Where a client finds what it refers to by name.
pub trait Supplies {
    /// Returns the truststore; `None` when it could not be loaded.
    fn truststore(&self) -> Option<Arc<TrustStore>>;
    /// Returns a keystore; `None` when it is not there or could not be loaded.
    fn keystore(&self, id: &str) -> Option<Arc<KeyStore>>;
    /// Returns another client.
    fn client(&self, id: &str) -> Option<Arc<HttpClient>>;
}

/// Supplies nothing: for clients that refer to nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoSupplies;

impl Supplies for NoSupplies {
    fn truststore(&self) -> Option<Arc<TrustStore>> {
        None
    }
    fn keystore(&self, _id: &str) -> Option<Arc<KeyStore>> {
        None
    }
    fn client(&self, _id: &str) -> Option<Arc<HttpClient>> {
        None
    }
}

/// Builds HTTP clients; one per element.
pub struct Transport {
    clock: Clock,
    provider: Arc<CryptoProvider>,
    roots: Trust,
    observer: Observer,
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

    /// Builds a transport that trusts the given roots in the place of the system's.
    #[must_use]
    pub fn with_roots(clock: &Clock, roots: RootCertStore) -> Self {
        Self::build(clock, Trust::Given(Arc::new(roots)))
    }

    fn build(clock: &Clock, roots: Trust) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self { clock: clock.clone(), provider, roots, observer: Arc::new(|_| {}) }
    }

    /// Has somebody told how the clients built from now on fare.
    #[must_use]
    pub fn observed_by(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// Loads a keystore, which may be in files.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn keystore(&self, spec: &KeyStoreSpec) -> Result<KeyStore, Diagnostics> {
        KeyStore::load(spec, &self.provider)
    }

    /// Returns what is worth telling about the dates of certificates.
    #[must_use]
    pub fn warnings<'a>(&self, certificates: impl IntoIterator<Item = &'a Certificate>) -> Diagnostics {
        let mut told = Diagnostics::new();
        told.extend(certificates.into_iter().filter_map(|certificate| certificate.warning(self.clock.now())));
        told
    }

    /// Builds a client. Connects to nobody.
    ///
    /// # Errors
    /// Everything that is wrong with the specification, or with the system's trust when the client needs it.
    pub fn client(&self, spec: &HttpClientSpec, supplies: &dyn Supplies) -> Result<HttpClient, Diagnostics> {
        HttpClient::build(spec, self, supplies)
    }

    /// Builds a client whose trouble nobody is told of: for trying it out.
    ///
    /// # Errors
    /// As [`Transport::client`].
    pub fn unobserved_client(&self, spec: &HttpClientSpec, supplies: &dyn Supplies) -> Result<HttpClient, Diagnostics> {
        HttpClient::build_observed(spec, self, supplies, Arc::new(|_| {}))
    }

    /// Returns the time by which certificates are judged.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Makes the settings of TLS connections. `is_needed` is whether any is made: a machine without any root can still
    /// speak plain HTTP.
    pub(super) fn tls(
        &self,
        spec: &TlsSpec,
        http2: bool,
        is_needed: bool,
        supplies: &dyn Supplies,
    ) -> Result<ClientConfig, Diagnostics> {
        let mut faults = Diagnostics::new();
        let trusted = spec.uses_truststore.then(|| supplies.truststore());
        let roots =
            match &trusted {
                _ if !is_needed => Ok(Arc::new(RootCertStore::empty())),
                Some(Some(store)) => Ok(Arc::clone(store.roots())),
                Some(None) => Err(Diagnostic::error("the truststore cannot be used")
                    .hint("`show crypto` tells what is wrong with it")),
                None => self.roots(),
            };
        let roots = roots.map_err(|fault| faults.push(fault)).ok();
        let keystore = spec.client_keystore.as_deref().map(|id| {
            let found = supplies.keystore(id);
            if found.is_none() {
                faults.push(
                    Diagnostic::error(format!("the keystore `{id}` cannot be used"))
                        .hint("`show crypto` tells what is wrong with it"),
                );
            }
            found
        });
        let versions: &[_] = match spec.minimum_version {
            TlsVersion::Tls12 => &[&TLS13, &TLS12],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .map_err(|error| Diagnostic::error(format!("TLS cannot be set up: {error}")))?;
        let Some(roots) = roots.filter(|_| !faults.has_errors()) else { return Err(faults) };
        let judge = ServerJudge::new(roots, trusted.flatten(), spec.checks_hostname, &self.provider);
        // What is "dangerous" about it is that it takes the place of the usual judge, which it asks.
        let builder =
            builder.dangerous().with_custom_certificate_verifier(Arc::new(judge) as Arc<dyn ServerCertVerifier>);
        let mut config = match keystore.flatten() {
            Some(keystore) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(keystore.certified()))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols =
            if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
        Ok(config)
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, Diagnostic> {
        let kept = match &self.roots {
            Trust::Given(roots) => return Ok(Arc::clone(roots)),
            Trust::System(kept) => kept,
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.elapsed();
        match kept.as_ref() {
            Some((read, roots)) if now.saturating_sub(*read) < ROOTS_KEPT => Ok(Arc::clone(roots)),
            _ => {
                let roots = system_roots()?;
                *kept = Some((now, Arc::clone(&roots)));
                Ok(roots)
            }
        }
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
