//! Where material is: in the configuration itself, or in a file of the element's machine.

use crate::diagnostic::Diagnostic;
use crate::secret::Secret;
use nix::libc::O_NONBLOCK;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes of a file at most: four times what a system's bundle of all authorities has.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// Material that is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextSource {
    /// In the configuration.
    Inline(String),
    /// In a file.
    File(PathBuf),
}

/// Material that is a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In the configuration.
    Inline(Secret),
    /// In a file.
    File(PathBuf),
}

impl TextSource {
    /// Returns whether it can change without a commit.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    pub(super) fn read(&self) -> Result<Zeroizing<Vec<u8>>, Diagnostic> {
        match self {
            Self::Inline(text) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
            Self::File(path) => read_file(path),
        }
    }
}

impl SecretSource {
    /// Returns whether it can change without a commit.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    pub(super) fn read(&self) -> Result<Zeroizing<Vec<u8>>, Diagnostic> {
        match self {
            Self::Inline(secret) => Ok(Zeroizing::new(secret.expose().as_bytes().to_vec())),
            Self::File(path) => read_file(path),
        }
    }
}

/// Reads a file of material. Nothing of its content is in an error.
fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Diagnostic> {
    let name = path.display();
    let failed = |error: io::Error| Diagnostic::error(format!("the file `{name}` cannot be read: {error}"));
    let (file, length) = open_regular(path).map_err(failed)?;
    if length > FILE_BYTES_MAX {
        return Err(Diagnostic::error(format!(
            "the file `{name}` has {length} bytes, at most {FILE_BYTES_MAX} are read"
        )));
    }
    // Room for all of it, so that growing leaves no copy behind that is not zeroised.
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1)));
    file.take(length.saturating_add(1)).read_to_end(&mut content).map_err(failed)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > length {
        return Err(Diagnostic::error(format!("the file `{name}` grows while it is read")).hint("commit again"));
    }
    Ok(content)
}

/// Opens a file without waiting for whoever is at the other end of a pipe.
fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    let about = file.metadata()?;
    if about.is_file() { Ok((file, about.len())) } else { Err(io::Error::other("not a regular file")) }
}
