//! `facilities crypto`: whom clients trust, what they show, and when an end that comes is an alarm.

use super::reader::Reader;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::Sealer;
use crate::transport::material::{KeyStoreMaterial, KeyStoreSpec, SecretSource, TextSource, TrustedSpec};
use crate::tree::{DataPath, DataTree, NodeRef, Value};
use std::path::PathBuf;

/// Reads a keystore.
///
/// # Errors
/// What cannot be read, each with its path.
pub fn client_keystore(node: NodeRef<'_>, path: &DataPath, sealer: &dyn Sealer) -> Result<KeyStoreSpec, Diagnostics> {
    let mut reader = Reader::new(node, path);
    let id = reader.mandatory_text("id");
    let material = if reader.value("keystore").is_some() || reader.value("keystore-file").is_some() {
        let keystore = secret_source(&mut reader, "keystore", "keystore-file", sealer);
        let password = reader.secret("password", sealer).ok();
        (|| Some(KeyStoreMaterial::Pkcs12 { keystore: keystore?, password: password? }))()
    } else {
        let chain = text_source(&mut reader, "certificate-chain", "certificate-chain-file");
        let key = secret_source(&mut reader, "private-key", "private-key-file", sealer);
        (|| Some(KeyStoreMaterial::Pem { chain: chain?, key: key? }))()
    };
    let read = (|| Some(KeyStoreSpec { id: id?, material: material? }))();
    reader.finish(read)
}

/// Reads an entry of the truststore.
///
/// # Errors
/// What cannot be read, each with its path.
pub fn server_certificate(node: NodeRef<'_>, path: &DataPath) -> Result<TrustedSpec, Diagnostics> {
    let mut reader = Reader::new(node, path);
    let id = reader.mandatory_text("id");
    let certificates = text_source(&mut reader, "certificate", "certificate-file");
    let read = (|| Some(TrustedSpec { id: id?, certificates: certificates? }))();
    reader.finish(read)
}

fn text_source(reader: &mut Reader<'_, '_>, leaf: &str, file: &str) -> Option<TextSource> {
    match (reader.text(leaf), reader.text(file)) {
        (Some(text), None) => Some(TextSource::Inline(text)),
        (None, Some(path)) => Some(TextSource::File(PathBuf::from(path))),
        (text, _) => {
            one_of(reader, leaf, file, text.is_some());
            None
        }
    }
}

fn secret_source(reader: &mut Reader<'_, '_>, leaf: &str, file: &str, sealer: &dyn Sealer) -> Option<SecretSource> {
    match (reader.secret(leaf, sealer).ok()?, reader.text(file)) {
        (Some(secret), None) => Some(SecretSource::Inline(secret)),
        (None, Some(path)) => Some(SecretSource::File(PathBuf::from(path))),
        (secret, _) => {
            one_of(reader, leaf, file, secret.is_some());
            None
        }
    }
}

/// Reports that both or neither of two leaves are there, of which one must be.
fn one_of(reader: &mut Reader<'_, '_>, leaf: &str, file: &str, has_both: bool) {
    let said = if has_both {
        Diagnostic::error(format!("`{leaf}` and `{file}` exclude each other")).hint("delete one of them")
    } else {
        Diagnostic::error(format!("`{leaf}` is not configured")).hint(format!("set `{leaf}`, or `{file}`"))
    };
    reader.report(leaf, said);
}

/// When the end of a certificate that comes is an alarm, in days before; 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateAlarms {
    /// A warning.
    pub warning: u16,
    /// A minor alarm.
    pub minor: u16,
    /// A major alarm.
    pub major: u16,
    /// Whether one that has ended is no critical alarm.
    pub disables_critical: bool,
}

/// Reads when the end of a certificate is an alarm.
#[must_use]
pub fn certificate_alarms(tree: &DataTree) -> CertificateAlarms {
    let leaf = |name: &str| tree.root().leaf(&format!("facilities/crypto/certificate-alarms/{name}"));
    let days = |name: &str| leaf(name).and_then(Value::as_u64).and_then(|days| u16::try_from(days).ok()).unwrap_or(0);
    CertificateAlarms {
        warning: days("warning-threshold"),
        minor: days("minor-threshold"),
        major: days("major-threshold"),
        disables_critical: leaf("disable-critical").and_then(Value::as_bool).unwrap_or(false),
    }
}
