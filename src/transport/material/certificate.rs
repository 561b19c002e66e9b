//! A certificate and what people are told of it.

use crate::diagnostic::Diagnostic;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::sign::SigningKey;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Certificates in one place at most: seven times as many as a system trusts.
const CERTIFICATES_MAX: usize = 1000;

/// Characters kept of a name in a certificate: one that is longer was made to be looked at by nobody.
const NAME_CHARS_MAX: usize = 512;

/// A certificate (RFC 5280).
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    /// Whom it is about.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// When it begins to be valid.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// SHA-256 of all of it, in pairs of hexadecimal digits.
    pub fingerprint: String,
}

/// Whether a certificate is valid at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Not yet.
    NotYet,
    /// For so long from now on.
    Valid(SignedDuration),
    /// No more.
    Expired,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.subject)
    }
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_der(der: CertificateDer<'static>) -> Result<Self, Diagnostic> {
        let (rest, parsed) = X509Certificate::from_der(&der)
            .map_err(|error| Diagnostic::error(format!("a certificate cannot be read: {error}")))?;
        if !rest.is_empty() {
            return Err(Diagnostic::error("a certificate has more bytes than it should"));
        }
        let name = |text: String| text.chars().take(NAME_CHARS_MAX).collect::<String>();
        let (subject, issuer) = (name(parsed.subject().to_string()), name(parsed.issuer().to_string()));
        let validity = parsed.validity();
        let (not_before, not_after) = (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
        let mut fingerprint = String::new();
        for (at, byte) in Sha256::digest(&der).iter().enumerate() {
            let separator = if at == 0 { "" } else { ":" };
            // Writing into a `String` has no error.
            write!(fingerprint, "{separator}{byte:02X}").ok();
        }
        Ok(Self { der, subject, issuer, not_before, not_after, fingerprint })
    }

    /// Returns it in DER.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Returns whether a key is the one that it is about.
    pub(super) fn has_key_of(&self, key: &Arc<dyn SigningKey>) -> bool {
        // Compared here and not by rustls, which reads no certificates of version 1; those can be shown all the same.
        let Some(public) = key.public_key() else { return false };
        X509Certificate::from_der(&self.der).is_ok_and(|(_, parsed)| parsed.public_key().raw == &*public)
    }

    /// Returns whether it is valid.
    #[must_use]
    pub fn validity(&self, now: Timestamp) -> Validity {
        if now < self.not_before {
            Validity::NotYet
        } else if now > self.not_after {
            Validity::Expired
        } else {
            Validity::Valid(self.not_after.duration_since(now))
        }
    }

    /// Returns what is worth telling about its dates.
    #[must_use]
    pub fn warning(&self, now: Timestamp) -> Option<Diagnostic> {
        let state = match self.validity(now) {
            Validity::Valid(_) => return None,
            Validity::NotYet => "is not valid yet",
            Validity::Expired => "has expired",
        };
        let (from, to) = (shown(self.not_before), shown(self.not_after));
        let subject = &self.subject;
        Some(Diagnostic::warning(format!("the certificate `{subject}` {state}: it is valid from {from} to {to}")))
    }

    /// Returns a sentence about when it is valid.
    #[must_use]
    pub fn dates(&self) -> String {
        format!("`{}` is valid from {} to {}.", self.subject, shown(self.not_before), shown(self.not_after))
    }
}

/// Reads all certificates of a text in PEM (RFC 7468); what else is in it is passed over.
pub(super) fn read_certificates(pem: &[u8]) -> Result<Vec<Certificate>, Diagnostic> {
    let mut found: Vec<Certificate> = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem) {
        let der = der.map_err(|error| not_pem(&error))?;
        if found.len() >= CERTIFICATES_MAX {
            return Err(Diagnostic::error(format!("there are more than {CERTIFICATES_MAX} certificates")));
        }
        let number = found.len().saturating_add(1);
        found.push(Certificate::from_der(der).map_err(|fault| Diagnostic {
            message: format!("{} (the {number}. of the text)", fault.message),
            ..fault
        })?);
    }
    if found.is_empty() {
        return Err(Diagnostic::error("there is no certificate in it")
            .hint("expected PEM: lines from `-----BEGIN CERTIFICATE-----` to `-----END CERTIFICATE-----`"));
    }
    Ok(found)
}

/// Says what is wrong with a text; nothing of it is quoted.
fn not_pem(error: &pem::Error) -> Diagnostic {
    let what = match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("there is no line `-----END {}-----`", String::from_utf8_lossy(end_marker))
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a line that begins with `-----BEGIN` does not end in `-----`".to_owned()
        }
        pem::Error::Base64Decode(_) => "what is between `BEGIN` and `END` is not base64".to_owned(),
        other => other.to_string(),
    };
    Diagnostic::error(format!("the text is not PEM: {what}"))
}

/// A time beyond what can be told, as `99991231235959Z` is, is the last that can.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Writes a time as people compare it with others.
pub(in crate::transport) fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
