//! Secrets: clear text that never prints itself, and the key that encrypts it at rest.
//!
//! **Invariants**: no `Debug`, `Display` or serialisation of clear text; clear text is zeroised on drop.

mod keyring;
mod mask;

pub use keyring::{KeyRing, KeyRingError};
pub use mask::{MASKED_BYTES_MIN, Mask};

use std::fmt;
use zeroize::Zeroizing;

/// What every sealed value starts with, as in the J-style CLI family.
pub const SEALED_PREFIX: &str = "$9$";

/// What stands for a secret where even its sealed form is not shown; refused as input.
pub const PLACEHOLDER: &str = "<secret>";

/// Clear text of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes clear text in.
    #[must_use]
    pub fn new(clear: impl Into<String>) -> Self {
        Self(Zeroizing::new(clear.into()))
    }

    /// Hands the clear text out, for the one place that sends it to the peer it is meant for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Why a sealed value cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not of the form `$9$` + base64 of the right length.
    #[error("not a value that this element has encrypted")]
    Malformed,
    /// Sealed with a key that is not in the key file.
    #[error("encrypted with a key that this element does not have")]
    UnknownKey,
    /// The text was altered.
    #[error("the encrypted value is damaged")]
    Damaged,
}

/// Encrypts and decrypts the values of secret leaves.
pub trait Sealer: Send + Sync + fmt::Debug {
    /// Encrypts clear text into `$9$…`. Twice the same clear text gives two texts.
    fn seal(&self, clear: &str) -> String;

    /// Returns whether a sealed value is sealed as new ones are; one that is not is sealed again when it is set again.
    fn is_current(&self, sealed: &str) -> bool;

    /// Makes a new key, with which everything is sealed from now on; what was sealed before still opens.
    ///
    /// # Errors
    /// When it cannot be made or kept; everything is then as it was.
    fn rotate(&self) -> Result<(), KeyRingError>;

    /// Decrypts `$9$…`.
    ///
    /// # Errors
    /// When the text is malformed, of a foreign key, or damaged.
    fn open(&self, sealed: &str) -> Result<Secret, OpenError>;
}
