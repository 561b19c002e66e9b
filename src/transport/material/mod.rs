//! Certificates and keys of TLS connections: read from the configuration or from files, checked as a whole.
//!
//! **Invariants**: a key is in no `Debug`, no error and no log, and its text is zeroised once it is read. What is loaded
//! fits together: a [`KeyStore`] has a certificate whose key is its own.

mod certificate;
mod keystore;
mod source;
mod trust;

pub(super) use certificate::shown;
pub use certificate::{Certificate, Validity};
pub use keystore::{KeyStore, KeyStoreMaterial, KeyStoreSpec};
pub use source::{FILE_BYTES_MAX, SecretSource, TextSource};
pub use trust::{TrustSpec, TrustStore, TrustedSpec};
