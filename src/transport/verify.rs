//! Judging the certificate of a server: by whom the client trusts, its dates, and the host that it was issued for.

use super::material::TrustStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::fmt;
use std::sync::Arc;

/// Judges certificates as a client is configured to.
pub(super) struct ServerJudge {
    /// `None` where nobody is trusted.
    web: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates that are trusted themselves, whatever they say that they may be used for.
    trusted: Option<Arc<TrustStore>>,
    checks_hostname: bool,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for ServerJudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerJudge").field("checks_hostname", &self.checks_hostname).finish_non_exhaustive()
    }
}

impl ServerJudge {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        trusted: Option<Arc<TrustStore>>,
        checks_hostname: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        // The only fault is that there are no roots.
        let web = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build().ok();
        Self { web, trusted, checks_hostname, provider: Arc::clone(provider) }
    }

    /// Judges a certificate that stands in the truststore itself: a server that signed its own, often marked as an
    /// authority, which no path of certificates leads to.
    fn verify_own(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Option<Verdict> {
        let own = self.trusted.as_ref()?.certificates().find(|known| known.der() == certificate)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < own.not_before.as_second() {
            return Some(Err(CertificateError::NotValidYet.into()));
        }
        if now > own.not_after.as_second() {
            return Some(Err(CertificateError::Expired.into()));
        }
        let parsed = match rustls::server::ParsedCertificate::try_from(certificate) {
            Ok(parsed) => parsed,
            Err(error) => return Some(Err(error)),
        };
        let named = rustls::client::verify_server_name(&parsed, name);
        Some(self.unless_name(named.map(|()| ServerCertVerified::assertion())))
    }

    /// Lets a certificate for another host pass where the host is not looked at; that is the last thing that is checked.
    fn unless_name(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_hostname => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }
}

type Verdict = Result<ServerCertVerified, Error>;

impl ServerCertVerifier for ServerJudge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Verdict {
        if let Some(verdict) = self.verify_own(end_entity, server_name, now) {
            return verdict;
        }
        let Some(web) = &self.web else { return Err(CertificateError::UnknownIssuer.into()) };
        self.unless_name(web.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
