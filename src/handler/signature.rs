//! Signatures of webhooks by the Standard Webhooks specification, `v1`: HMAC-SHA256 over identifier, time and body.
//!
//! **Invariants**: pure. A secret is in no `Debug` and no error. Signatures are compared in constant time.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;
use std::fmt;

/// Header with the time of the attempt, in seconds since 1970.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";

/// Header with the signatures, a blank between two.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// What a secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";

/// How far the time of a message may be from the receiver's, in seconds: the tolerance of the specification's libraries.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Bytes of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Secrets are written with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A secret with which webhooks are signed.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// A text that is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a signing secret: expected `whsec_` and 24 to 64 bytes in base64")]
pub struct NotASecret;

/// Why a message is not taken for genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header is missing.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// The time is none.
    #[error("the header `webhook-timestamp` is no number of seconds")]
    BadTimestamp,
    /// The message is too old, or from the future.
    #[error("the message is {}, at most {TOLERANCE_SECONDS} are tolerated", age(*.0))]
    OutOfTime(i64),
    /// No signature is by one of the secrets.
    #[error("no signature matches")]
    NoMatch,
}

/// Says how old a message of so many seconds is.
fn age(seconds: i64) -> String {
    let many = seconds.unsigned_abs();
    if seconds < 0 { format!("{many} seconds ahead of this clock") } else { format!("{many} seconds old") }
}

impl SigningKey {
    /// Reads a secret, with or without its prefix.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(secret: &str) -> Result<Self, NotASecret> {
        let encoded = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
        let bytes = zeroize::Zeroizing::new(BASE64.decode(encoded).map_err(|_| NotASecret)?);
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(NotASecret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    fn context(&self, id: &str, timestamp: &str, body: &[u8]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        context
    }

    /// Appends `v1,` and the signature.
    fn sign_into(&self, id: &str, timestamp: &str, body: &[u8], into: &mut String) {
        into.push_str("v1,");
        STANDARD.encode_string(self.context(id, timestamp, body).sign(), into);
    }
}

/// Writes the signatures of a message by all secrets, the first first.
#[must_use]
pub fn sign(keys: &[SigningKey], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut signatures = String::with_capacity(keys.len().saturating_mul(48));
    for key in keys {
        if !signatures.is_empty() {
            signatures.push(' ');
        }
        key.sign_into(id, timestamp, body, &mut signatures);
    }
    signatures
}

/// Checks that a message is signed with one of the secrets, near the time `now` in seconds.
///
/// # Errors
/// Why it is not taken for genuine.
pub fn verify<'h>(
    keys: &[SigningKey],
    header: impl Fn(&'static str) -> Option<&'h str>,
    body: &[u8],
    now: i64,
) -> Result<(), VerifyError> {
    let required = |name| header(name).ok_or(VerifyError::Missing(name));
    let id = required(super::WEBHOOK_ID)?;
    let timestamp = required(WEBHOOK_TIMESTAMP)?;
    let signatures = required(WEBHOOK_SIGNATURE)?;
    let seconds: i64 = timestamp.parse().map_err(|_| VerifyError::BadTimestamp)?;
    let distance = now.saturating_sub(seconds);
    if distance.saturating_abs() > TOLERANCE_SECONDS {
        return Err(VerifyError::OutOfTime(distance));
    }
    for signature in signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")) {
        let Ok(bytes) = BASE64.decode(signature) else { continue };
        for key in keys {
            let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
            if hmac::verify(&key.0, &signed, &bytes).is_ok() {
                return Ok(());
            }
        }
    }
    Err(VerifyError::NoMatch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From the specification's own test data.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: &str = "1614265330";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const AT: i64 = 1_614_265_330;

    fn key(secret: &str) -> SigningKey {
        SigningKey::parse(secret).unwrap()
    }

    fn check(signatures: &str, body: &[u8], now: i64) -> Result<(), VerifyError> {
        let headers = |name| match name {
            WEBHOOK_TIMESTAMP => Some(TIMESTAMP),
            WEBHOOK_SIGNATURE => Some(signatures),
            _ => Some(ID),
        };
        verify(&[key(SECRET)], headers, body, now)
    }

    #[test]
    fn signatures_are_those_of_the_specification() {
        for secret in [SECRET.to_owned(), format!("whsec_{SECRET}")] {
            assert_eq!(sign(&[key(&secret)], ID, TIMESTAMP, BODY), SIGNATURE);
        }
        let other = key("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let both = sign(&[other, key(SECRET)], ID, TIMESTAMP, BODY);
        assert!(both.ends_with(&format!(" {SIGNATURE}")), "{both}");
    }

    #[test]
    fn a_message_is_genuine_by_any_of_its_signatures_within_five_minutes() {
        assert_eq!(check(SIGNATURE, BODY, AT), Ok(()));
        let many = format!("v1a,hnO3f9T8Ytu9 v1,AAAA v1,!! {SIGNATURE}");
        assert_eq!(check(&many, BODY, AT + 300), Ok(()));
        assert_eq!(check(SIGNATURE, BODY, AT + 301), Err(VerifyError::OutOfTime(301)));
        assert_eq!(check(SIGNATURE, BODY, AT - 301), Err(VerifyError::OutOfTime(-301)));
        assert!(VerifyError::OutOfTime(-301).to_string().starts_with("the message is 301 seconds ahead of this clock"));
        assert!(VerifyError::OutOfTime(301).to_string().starts_with("the message is 301 seconds old"));
        assert_eq!(check(SIGNATURE, b"{}", AT), Err(VerifyError::NoMatch));
        assert_eq!(check("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", BODY, AT), Err(VerifyError::NoMatch));
        let without = |missing: &'static str| {
            verify(&[key(SECRET)], |name| (name != missing).then_some("1"), BODY, 1).unwrap_err()
        };
        for name in [crate::handler::WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE] {
            assert_eq!(without(name), VerifyError::Missing(name));
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for text in ["", "whsec_", "whsec_not base64", "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &short, &long] {
            assert_eq!(SigningKey::parse(text).unwrap_err(), NotASecret, "{text}");
        }
        assert!(SigningKey::parse(&STANDARD.encode([7; 25]).replace('=', "")).is_ok());
    }

    proptest! {
        #[test]
        fn no_header_panics(id in ".*", timestamp in ".*", signature in ".*", body in prop::collection::vec(any::<u8>(), 0..99)) {
            let headers = |name| Some(match name {
                WEBHOOK_TIMESTAMP => timestamp.as_str(),
                WEBHOOK_SIGNATURE => signature.as_str(),
                _ => id.as_str(),
            });
            prop_assert!(verify(&[key(SECRET)], headers, &body, AT).is_err());
        }
    }
}
