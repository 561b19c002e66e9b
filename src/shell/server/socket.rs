//! The shell's socket in the file system: private from its first moment, replaced when its daemon is dead.

use crate::persist;
use crate::shell::{SOCKET_PATH_BYTES_MAX, SocketPathTooLong, socket_path};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Why the shell's socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// No socket can have that path.
    #[error(transparent)]
    TooLong(#[from] SocketPathTooLong),
    /// Another daemon answers there.
    #[error("another daemon listens on `{}`", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has that name.
    #[error("`{}` exists and is no socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {step} `{}`", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    /// Returns what to do about it, where that is plain.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooLong(_) => Some(socket_path::TOO_LONG_HINT),
            Self::InUse { .. } => Some("stop that one, or give this one another socket with `--socket`"),
            Self::NotASocket { .. } => Some("move it away, or name another socket with `--socket`"),
            Self::Io { .. } => None,
        }
    }
}

/// A listening socket whose file goes with it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: the file is removed only while it is still this socket.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the shell's socket is left behind");
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Opens a listening socket at `path` with mode 0600.
///
/// It is made in a folder that nobody else may enter and then renamed, so it is never open to others, whatever the umask.
pub(super) fn listen(path: &Path) -> Result<(UnixListener, SocketFile), BindError> {
    let failed = |step| move |source| BindError::Io { step, path: path.to_owned(), source };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // The name is short, and yet what counts where the socket's own is shorter still.
    let nursery = parent.join(format!(".{:x}", std::process::id()));
    let longer_by = bytes(&nursery.join(NEWBORN)).saturating_sub(bytes(path));
    socket_path::check(path, SOCKET_PATH_BYTES_MAX.saturating_sub(longer_by))?;
    refuse_what_lives(path)?;
    remove_orphans(parent);
    remove_nursery(&nursery).map_err(failed("clean up beside"))?;
    persist::create_private_leaf(&nursery).map_err(failed("create a folder beside"))?;
    let opened = open_in(&nursery, path);
    let removed = remove_nursery(&nursery);
    let opened = opened.map_err(failed("listen on"))?;
    removed.map_err(failed("clean up beside"))?;
    Ok(opened)
}

/// Name of the socket before it is renamed.
const NEWBORN: &str = "s";

fn bytes(path: &Path) -> usize {
    path.as_os_str().len()
}

fn open_in(nursery: &Path, path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let newborn = nursery.join(NEWBORN);
    let listener = UnixListener::bind(&newborn)?;
    std::fs::set_permissions(&newborn, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    let identity = identity(&newborn)?;
    std::fs::rename(&newborn, path)?;
    Ok((listener, SocketFile { path: path.to_owned(), identity }))
}

fn remove_nursery(nursery: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(nursery) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what starts left behind that were killed between two steps: nothing but a socket that nobody listens on, in a
/// folder named after a process that is no more. What cannot be looked at or removed is left: it is in nobody's way.
fn remove_orphans(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for folder in entries.flatten().map(|entry| entry.path()) {
        let name = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix('.'));
        let Some(process) = name.and_then(|name| i32::from_str_radix(name, 16).ok()).filter(|id| *id > 0) else {
            continue;
        };
        let is_gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None) == Err(nix::Error::ESRCH);
        let is_nursery = |entry: io::Result<std::fs::DirEntry>| {
            entry
                .is_ok_and(|entry| entry.file_name() == NEWBORN && entry.file_type().is_ok_and(|kind| kind.is_socket()))
        };
        let is_orphan = is_gone
            && folder.symlink_metadata().is_ok_and(|about| about.is_dir())
            && std::fs::read_dir(&folder).is_ok_and(|mut inside| inside.all(is_nursery));
        if is_orphan && let Err(error) = remove_nursery(&folder) {
            tracing::debug!(path = %folder.display(), %error, "what a killed start left is still there");
        }
    }
}

fn refuse_what_lives(path: &Path) -> Result<(), BindError> {
    let failed = |step| move |source| BindError::Io { step, path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
        Ok(file) if !file.file_type().is_socket() => return Err(BindError::NotASocket { path: path.to_owned() }),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(BindError::InUse { path: path.to_owned() }),
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        // A full backlog: somebody listens, however busy.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(BindError::InUse { path: path.to_owned() }),
        Err(error) => Err(failed("connect to")(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_private_and_goes_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shell.sock");
        let (listener, file) = listen(&path).unwrap();
        assert_eq!(persist::mode(&path).unwrap(), 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        drop(UnixStream::connect(&path).unwrap());
        drop((listener, file));
        assert!(!path.exists());
    }

    #[test]
    fn a_live_daemons_socket_is_refused_and_a_dead_ones_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shell.sock");
        let (listener, file) = listen(&path).unwrap();
        assert!(matches!(listen(&path), Err(BindError::InUse { .. })));
        drop(listener);
        let (_second, second_file) = listen(&path).unwrap();
        drop(file);
        assert!(path.exists(), "the first one's end leaves the second one's socket");
        drop(second_file);
    }

    #[test]
    fn a_path_of_the_longest_length_works_and_one_byte_more_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["s", "annunciator.sock"] {
            let room = SOCKET_PATH_BYTES_MAX - bytes(folder.path()) - 2;
            let newborn = 2 + format!("{:x}", std::process::id()).len() + 1;
            let deep = folder.path().join("d".repeat(room - name.len().max(newborn)));
            persist::create_private_folder(&deep).unwrap();
            drop(listen(&deep.join(name)).unwrap());
            let deeper = deep.with_file_name(format!("{}d", deep.file_name().unwrap().display()));
            persist::create_private_folder(&deeper).unwrap();
            assert!(matches!(listen(&deeper.join(name)), Err(BindError::TooLong(_))), "{name}");
        }
    }

    #[test]
    fn what_a_killed_start_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        // Above the largest process number that Linux gives.
        let (orphan, other) = (folder.path().join(".7ffffff0"), folder.path().join(".7ffffff1"));
        for nursery in [&orphan, &other] {
            persist::create_private_folder(nursery).unwrap();
            drop(UnixListener::bind(nursery.join(NEWBORN)).unwrap());
        }
        persist::write_atomically(&other.join("mine"), b"precious", 0o600).unwrap();
        let _held = listen(&folder.path().join("shell.sock")).unwrap();
        assert!(!orphan.exists() && other.join("mine").exists());
    }

    #[test]
    fn a_file_in_the_way_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shell.sock");
        persist::write_atomically(&path, b"precious", 0o600).unwrap();
        assert!(matches!(listen(&path), Err(BindError::NotASocket { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }
}
