//! The signed statement by which a client proves to a token endpoint who it is: `private_key_jwt` (RFC 7523 §2.2).

use super::material::KeyStore;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls::sign::SigningKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;
use x509_parser::der_parser::der::parse_der_sequence;

/// How long a statement holds, in seconds: longer than a slow network takes, and too short to be worth stealing.
const HOLDS_SECONDS: i64 = 60;

/// The statement's type, as the token endpoint is told (RFC 7523 §2.2).
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why a statement cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum AssertionError {
    /// The key is of a kind that no algorithm of RFC 7518 is for.
    #[error("the key of the keystore cannot sign statements")]
    Unsupported,
    /// Signing failed.
    #[error("the statement cannot be signed: {0}")]
    Signing(#[source] rustls::Error),
}

/// Who makes statements.
pub(super) struct Signer {
    keystore: Arc<KeyStore>,
    algorithm: &'static Algorithm,
    key_id: Option<String>,
    audience: String,
}

/// A way to sign (RFC 7518 §3.1, RFC 8037 §3.1).
struct Algorithm {
    name: &'static str,
    scheme: SignatureScheme,
    /// Bytes of each of the two numbers of an ECDSA signature.
    ecdsa: Option<usize>,
}

const ALGORITHMS: [Algorithm; 4] = [
    Algorithm { name: "RS256", scheme: SignatureScheme::RSA_PKCS1_SHA256, ecdsa: None },
    Algorithm { name: "ES256", scheme: SignatureScheme::ECDSA_NISTP256_SHA256, ecdsa: Some(32) },
    Algorithm { name: "ES384", scheme: SignatureScheme::ECDSA_NISTP384_SHA384, ecdsa: Some(48) },
    Algorithm { name: "EdDSA", scheme: SignatureScheme::ED25519, ecdsa: None },
];

impl Signer {
    pub(super) fn new(
        keystore: Arc<KeyStore>,
        key_id: Option<String>,
        audience: String,
    ) -> Result<Self, AssertionError> {
        let algorithm = algorithm(keystore.signing_key()).ok_or(AssertionError::Unsupported)?;
        Ok(Self { keystore, algorithm, key_id, audience })
    }

    /// Makes a statement that `client` is who it says.
    pub(super) fn sign(&self, client: &str, now: Timestamp) -> Result<String, AssertionError> {
        let mut header = json!({ "alg": self.algorithm.name, "typ": "JWT" });
        if let (Some(key_id), Some(header)) = (&self.key_id, header.as_object_mut()) {
            header.insert("kid".to_owned(), json!(key_id));
        }
        let issued = now.as_second();
        let claims = json!({
            "iss": client,
            "sub": client,
            "aud": self.audience,
            "jti": Uuid::new_v4().to_string(),
            "iat": issued,
            "exp": issued.saturating_add(HOLDS_SECONDS),
        });
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signer = self.keystore.signing_key().choose_scheme(&[self.algorithm.scheme]);
        let signature =
            signer.ok_or(AssertionError::Unsupported)?.sign(signed.as_bytes()).map_err(AssertionError::Signing)?;
        let signature = match self.algorithm.ecdsa {
            None => signature,
            Some(width) => fixed(&signature, width).ok_or(AssertionError::Unsupported)?,
        };
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

fn algorithm(key: &Arc<dyn SigningKey>) -> Option<&'static Algorithm> {
    if key.algorithm() == SignatureAlgorithm::Anonymous {
        return None;
    }
    ALGORITHMS.iter().find(|algorithm| key.choose_scheme(&[algorithm.scheme]).is_some())
}

/// Turns an ECDSA signature of TLS, a sequence of two integers, into that of RFC 7518 §3.4: both of fixed width, side by side.
fn fixed(signature: &[u8], width: usize) -> Option<Vec<u8>> {
    let (_, sequence) = parse_der_sequence(signature).ok()?;
    let mut fixed = Vec::with_capacity(width.saturating_mul(2));
    for number in sequence.as_sequence().ok()?.iter().take(2) {
        let digits = number.as_slice().ok()?;
        let digits = digits.iter().position(|byte| *byte != 0).map_or(&[][..], |at| digits.get(at..).unwrap_or(&[]));
        fixed.resize(fixed.len().saturating_add(width.checked_sub(digits.len())?), 0);
        fixed.extend_from_slice(digits);
    }
    (fixed.len() == width.saturating_mul(2)).then_some(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_signature_are_padded_and_stripped() {
        // SEQUENCE { INTEGER 0x00ff, INTEGER 0x01 }
        let der = [0x30, 0x07, 0x02, 0x02, 0x00, 0xff, 0x02, 0x01, 0x01];
        assert_eq!(fixed(&der, 2).unwrap(), [0, 0xff, 0, 1]);
        assert_eq!(fixed(&der, 1).unwrap(), [0xff, 1]);
        for garbage in [&[][..], &[0x30], &[0x30, 0x03, 0x02, 0x01, 0x01], &[0x30, 0x80], &[0xff; 9]] {
            assert_eq!(fixed(garbage, 1), None);
        }
    }
}
