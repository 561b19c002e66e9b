//! What clients of a test are built with, without an element.

use super::pki::Identity;
use annunciator::clock::Clock;
use annunciator::secret::Secret;
use annunciator::transport::material::{
    KeyStore, KeyStoreMaterial, KeyStoreSpec, SecretSource, TextSource, TrustStore, TrustedSpec,
};
use annunciator::transport::{
    Attempt, FailureReason, HeaderMap, HttpClient, HttpClientSpec, Request, Scheme, Supplies, Transport, Url,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for what must succeed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A truststore, keystores and other clients.
pub(crate) struct Given {
    truststore: Arc<TrustStore>,
    keystores: HashMap<String, Arc<KeyStore>>,
    clients: HashMap<String, Arc<HttpClient>>,
}

impl Supplies for Given {
    fn truststore(&self) -> Option<Arc<TrustStore>> {
        Some(Arc::clone(&self.truststore))
    }
    fn keystore(&self, id: &str) -> Option<Arc<KeyStore>> {
        self.keystores.get(id).cloned()
    }
    fn client(&self, id: &str) -> Option<Arc<HttpClient>> {
        self.clients.get(id).cloned()
    }
}

/// Builds transports that trust nobody but who is named.
pub(crate) fn transport() -> Transport {
    Transport::with_roots(&Clock::system(), rustls::RootCertStore::empty())
}

impl Given {
    /// Trusts the certificates of a text in PEM.
    pub(crate) fn trusting(pem: &str) -> Self {
        let spec = TrustedSpec { id: "t".to_owned(), certificates: TextSource::Inline(pem.to_owned()) };
        let certificates = spec.load().unwrap_or_else(|faults| panic!("{faults}"));
        let truststore = Arc::new(TrustStore::new(vec![(spec.id, certificates)]));
        Self { truststore, keystores: HashMap::new(), clients: HashMap::new() }
    }

    pub(crate) fn keystore(mut self, id: &str, identity: &Identity) -> Self {
        let material = KeyStoreMaterial::Pem {
            chain: TextSource::Inline(identity.certificate_pem.clone()),
            key: SecretSource::Inline(Secret::new(identity.key_pem.clone())),
        };
        let loaded = transport().keystore(&KeyStoreSpec { id: id.to_owned(), material });
        self.keystores.insert(id.to_owned(), Arc::new(loaded.unwrap_or_else(|faults| panic!("{faults}"))));
        self
    }

    pub(crate) fn with_client(mut self, client: HttpClient) -> Self {
        self.clients.insert(client.id().to_owned(), Arc::new(client));
        self
    }

    pub(crate) fn build(&self, spec: &HttpClientSpec) -> HttpClient {
        transport().client(spec, self).unwrap_or_else(|faults| panic!("{faults}"))
    }
}

/// Returns a specification that trusts the truststore.
pub(crate) fn trusting() -> HttpClientSpec {
    let mut spec = HttpClientSpec::new("c1");
    spec.tls.uses_truststore = true;
    spec
}

/// Returns a specification without TLS.
pub(crate) fn plain() -> HttpClientSpec {
    HttpClientSpec { scheme: Scheme::Http, ..HttpClientSpec::new("c1") }
}

pub(crate) async fn post(client: &HttpClient, url: &str) -> Attempt {
    post_within(client, url, LONG).await
}

pub(crate) async fn post_within(client: &HttpClient, url: &str, deadline: Duration) -> Attempt {
    let url = Url::parse(url).unwrap();
    client.post(Request { url, headers: HeaderMap::new(), body: "{\"a\":1}".into(), deadline }).await
}

/// Returns the status of an attempt, or why there is none.
pub(crate) fn end(attempt: &Attempt) -> Result<u16, FailureReason> {
    match &attempt.result {
        Ok(answer) => Ok(answer.status),
        Err(fault) => Err(fault.reason),
    }
}
