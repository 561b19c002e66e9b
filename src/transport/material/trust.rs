//! The certificates that a client trusts in the place of those that the system does.

use super::certificate::{Certificate, read_certificates};
use super::source::TextSource;
use crate::diagnostic::{Diagnostic, Diagnostics};
use rustls::RootCertStore;
use std::sync::Arc;

/// The truststore as `crypto ssl server-truststore` configures it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustSpec(pub Vec<TrustedSpec>);

/// An entry of the truststore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedSpec {
    /// Its name.
    pub id: String,
    /// Its certificates.
    pub certificates: TextSource,
}

/// The certificates that a client trusts.
#[derive(Debug, Clone)]
pub struct TrustStore {
    entries: Vec<(String, Vec<Certificate>)>,
    roots: Arc<RootCertStore>,
}

impl PartialEq for TrustStore {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl TrustedSpec {
    /// Reads the certificates of the entry; reads files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn load(&self) -> Result<Vec<Certificate>, Diagnostics> {
        let found = self.certificates.read().and_then(|text| read_certificates(&text)).map_err(Diagnostics::from)?;
        let mut faults = Diagnostics::new();
        let mut roots = RootCertStore::empty();
        for certificate in &found {
            if let Err(error) = roots.add(certificate.der().clone()) {
                faults.push(Diagnostic::error(format!(
                    "the certificate `{}` cannot be trusted: {error}",
                    certificate.subject
                )));
            }
        }
        if faults.has_errors() { Err(faults) } else { Ok(found) }
    }
}

impl TrustStore {
    /// Builds it of entries that were loaded.
    #[must_use]
    pub fn new(entries: Vec<(String, Vec<Certificate>)>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(entries.iter().flat_map(|(_, all)| all).map(|c| c.der().clone()));
        Self { entries, roots: Arc::new(roots) }
    }

    /// Returns the certificates by the names of their entries.
    #[must_use]
    pub fn entries(&self) -> &[(String, Vec<Certificate>)] {
        &self.entries
    }

    /// Returns all certificates.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.entries.iter().flat_map(|(_, certificates)| certificates)
    }

    pub(in crate::transport) fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }
}
