//! A certificate with its chain and its key, from PEM or PKCS#12.

use super::certificate::{Certificate, read_certificates};
use super::source::{SecretSource, TextSource};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::Pkcs12Archive;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::fmt;
use std::sync::Arc;
use x509_parser::der_parser::ber::Tag;
use x509_parser::der_parser::der::parse_der_sequence;
use zeroize::{Zeroize, Zeroizing};

/// Certificates of a chain at most: real ones have four, and all are sent with every handshake.
const CHAIN_MAX: usize = 16;

/// A keystore as `client-keystores client-keystore` configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStoreSpec {
    /// Its name.
    pub id: String,
    /// Where certificate and key are.
    pub material: KeyStoreMaterial,
}

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStoreMaterial {
    /// In PEM.
    Pem {
        /// The certificate and its chain.
        chain: TextSource,
        /// The key.
        key: SecretSource,
    },
    /// In PKCS#12: base64 in the configuration, binary in a file.
    Pkcs12 {
        /// The keystore.
        keystore: SecretSource,
        /// Its password.
        password: Option<Secret>,
    },
}

impl KeyStoreSpec {
    /// Returns whether it can change without a commit.
    #[must_use]
    pub fn is_file(&self) -> bool {
        match &self.material {
            KeyStoreMaterial::Pem { chain, key } => chain.is_file() || key.is_file(),
            KeyStoreMaterial::Pkcs12 { keystore, .. } => keystore.is_file(),
        }
    }
}

/// A certificate with its chain, and the key that is its own.
#[derive(Clone)]
pub struct KeyStore {
    /// Its name.
    pub id: String,
    /// The certificate, then those that lead to an authority.
    pub chain: Vec<Certificate>,
    certified: Arc<CertifiedKey>,
}

impl PartialEq for KeyStore {
    /// One certificate has one key, so that equal chains are enough.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.chain == other.chain
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("id", &self.id).field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl KeyStore {
    /// Loads a keystore; reads files.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(spec: &KeyStoreSpec, provider: &CryptoProvider) -> Result<Self, Diagnostics> {
        let (chain, key) = match &spec.material {
            KeyStoreMaterial::Pem { chain, key } => from_pem(chain, key, provider)?,
            KeyStoreMaterial::Pkcs12 { keystore, password } => {
                from_pkcs12(keystore, password.as_ref(), provider).map_err(Diagnostics::from)?
            }
        };
        if chain.len() > CHAIN_MAX {
            let said = format!("the chain has {} certificates, at most {CHAIN_MAX} are sent", chain.len());
            return Err(Diagnostic::error(said).into());
        }
        if !chain.first().is_some_and(|certificate| certificate.has_key_of(&key)) {
            let subject = chain.first().map_or("", |certificate| &certificate.subject);
            return Err(Diagnostic::error(format!("the key is not that of the certificate `{subject}`"))
                .hint("the certificate that the key belongs to must be the first one of the chain")
                .into());
        }
        let certified = Arc::new(CertifiedKey::new(chain.iter().map(|c| c.der().clone()).collect(), key));
        Ok(Self { id: spec.id.clone(), chain, certified })
    }

    /// Returns what TLS shows to a server.
    pub(in crate::transport) fn certified(&self) -> CertifiedKey {
        CertifiedKey::clone(&self.certified)
    }

    /// Returns the key, to sign with.
    pub(in crate::transport) fn signing_key(&self) -> &Arc<dyn SigningKey> {
        &self.certified.key
    }
}

fn from_pem(
    chain: &TextSource,
    key: &SecretSource,
    provider: &CryptoProvider,
) -> Result<(Vec<Certificate>, Arc<dyn SigningKey>), Diagnostics> {
    let chain = chain.read().and_then(|text| read_certificates(&text));
    let key = key.read().and_then(|text| read_key(&text)).and_then(|key| load_key(key, provider));
    match (chain, key) {
        (Ok(chain), Ok(key)) => Ok((chain, key)),
        (chain, key) => {
            let mut faults = Diagnostics::new();
            faults.extend(chain.err().into_iter().chain(key.err()));
            Err(faults)
        }
    }
}

/// Reads the one key of a text in PEM.
fn read_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Diagnostic> {
    let mut keys = PrivateKeyDer::pem_slice_iter(pem);
    let expected = "expected PEM: lines from `-----BEGIN PRIVATE KEY-----`, `-----BEGIN EC PRIVATE KEY-----` or \
                    `-----BEGIN RSA PRIVATE KEY-----` to the matching `END`";
    // What OpenSSL writes in front of an encrypted key, in the old form and in that of PKCS#8.
    let is_encrypted = [b"ENCRYPTED PRIVATE KEY".as_slice(), b"Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| pem.windows(mark.len()).any(|window| window == *mark));
    if is_encrypted {
        return Err(Diagnostic::error("the private key is encrypted with a password")
            .hint("decrypt it with `openssl pkey`: this element encrypts it itself; or use a PKCS#12 keystore"));
    }
    let mut key = match keys.next() {
        Some(Ok(key)) => key,
        Some(Err(_)) => return Err(Diagnostic::error("the private key is not PEM").hint(expected)),
        None => return Err(Diagnostic::error("there is no private key in it").hint(expected)),
    };
    if keys.next().is_some() {
        key.zeroize();
        return Err(Diagnostic::error("there is more than one private key in it"));
    }
    Ok(key)
}

fn load_key(mut key: PrivateKeyDer<'static>, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, Diagnostic> {
    let loaded = provider.key_provider.load_private_key(key.clone_key());
    key.zeroize();
    loaded.map_err(|error| {
        let said = match error {
            // Says only which kinds were tried.
            rustls::Error::General(_) => "the private key is damaged, or of a kind that is not supported".to_owned(),
            error => format!("the private key cannot be used: {error}"),
        };
        Diagnostic::error(said).hint("supported are RSA of 2048 to 8192 bits, EC on P-256 and P-384, and Ed25519")
    })
}

fn from_pkcs12(
    keystore: &SecretSource,
    password: Option<&Secret>,
    provider: &CryptoProvider,
) -> Result<(Vec<Certificate>, Arc<dyn SigningKey>), Diagnostic> {
    let mut bytes = keystore.read()?;
    if !keystore.is_file() {
        bytes.retain(|byte| !byte.is_ascii_whitespace());
        bytes = STANDARD
            .decode(&*bytes)
            .map(Zeroizing::new)
            .map_err(|_| Diagnostic::error("the keystore is not base64").hint("`base64 -w0 FILE` writes it so"))?;
    }
    if !has_mac(&bytes)? {
        return Err(Diagnostic::error("the PKCS#12 keystore is not protected against changes (it has no MAC)")
            .hint("write it again with a password: `openssl pkcs12 -export`"));
    }
    let password = password.map_or("", Secret::expose);
    let archive = Pkcs12Archive::from_pkcs12(&bytes, password).map_err(|error| match error {
        p12_keystore::error::Error::MacError(_) => Diagnostic::error("the password is not that of the keystore"),
        other => Diagnostic::error(format!("the PKCS#12 keystore cannot be read: {other}")),
    })?;
    let [bag] = archive.keys.as_slice() else {
        let said = format!("the PKCS#12 keystore has {} private keys, expected one", archive.keys.len());
        return Err(Diagnostic::error(said));
    };
    let key = load_key(PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()).into(), provider)?;
    let found: Result<Vec<Certificate>, Diagnostic> = archive
        .certs
        .iter()
        .map(|bag| Certificate::from_der(CertificateDer::from(bag.cert.as_der().to_vec())))
        .collect();
    Ok((chain_of(found?, &key), key))
}

/// Returns whether a PKCS#12 keystore has a MAC, without which any password fits (RFC 7292 §4).
fn has_mac(bytes: &[u8]) -> Result<bool, Diagnostic> {
    let malformed = || Diagnostic::error("the keystore is not PKCS#12");
    let (_, outer) = parse_der_sequence(bytes).map_err(|_| malformed())?;
    let parts = outer.as_sequence().map_err(|_| malformed())?;
    Ok(parts.get(2).is_some_and(|mac| mac.header.tag() == Tag::Sequence))
}

/// Puts the certificate of the key first and its issuers behind; others are left out.
fn chain_of(mut found: Vec<Certificate>, key: &Arc<dyn SigningKey>) -> Vec<Certificate> {
    let fits = |certificate: &Certificate| certificate.has_key_of(key);
    let Some(first) = found.iter().position(fits) else { return found };
    let mut chain = vec![found.swap_remove(first)];
    while let Some(last) = chain.last()
        && last.issuer != last.subject
        && let Some(next) = found.iter().position(|certificate| certificate.subject == last.issuer)
    {
        chain.push(found.swap_remove(next));
    }
    chain
}
