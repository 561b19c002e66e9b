//! How long the path of the shell's socket may be: the same for the daemon that makes it and for whoever connects.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest path of a socket, in bytes: `sun_path` of unix(7) without its end.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// What to do about a path that is too long.
pub(super) const TOO_LONG_HINT: &str =
    "give `run` and `shell` a shorter one with `--socket`, relative to where they start if need be";

/// A path that no socket can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the socket's path `{}` has {} bytes, and the system allows {bytes_max}", path.display(), path.as_os_str().len())]
pub struct SocketPathTooLong {
    /// The path.
    pub path: PathBuf,
    /// How many bytes it may have.
    pub bytes_max: usize,
}

/// Checks that a socket can have this path.
pub(super) fn check(path: &Path, bytes_max: usize) -> Result<(), SocketPathTooLong> {
    if path.as_os_str().as_bytes().len() <= bytes_max {
        return Ok(());
    }
    Err(SocketPathTooLong { path: path.to_owned(), bytes_max })
}
