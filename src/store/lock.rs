//! The lock on a data folder: two daemons never share one, and the second one says whose it is.

use super::StoreError;
use crate::persist;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the locked file in the data folder.
const LOCK_NAME: &str = "lock";

/// Longest process number that is read from the lock: far more digits than any system has.
const PID_BYTES_MAX: u64 = 20;

/// A data folder that no other process uses, until this is dropped.
#[derive(Debug)]
pub struct FolderLock {
    data_dir: PathBuf,
    /// Locked as long as it is open.
    _held: File,
    is_new: bool,
}

impl FolderLock {
    /// Locks a data folder, creating it with mode 0700 when it is not there; the folder that it is in must exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`], and those of the file system.
    pub fn take(data_dir: &Path) -> Result<Self, StoreError> {
        let is_new =
            persist::create_private_leaf(data_dir).map_err(StoreError::io("create the data folder", data_dir))?;
        let path = data_dir.join(LOCK_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::io("open the lock", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { data_dir: data_dir.to_owned(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::io("lock", &path)(source)),
        }
        if let Err(error) = note_holder(&mut file) {
            // The lock holds all the same: only whom a second process names is not known.
            tracing::warn!(%error, "the number of this process could not be written into `{}`", path.display());
        }
        Ok(Self { data_dir: data_dir.to_owned(), _held: file, is_new })
    }

    /// Returns the folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Undoes what taking the lock made, where nothing else has come into the folder.
    pub fn give_up(self) {
        if !self.is_new {
            return;
        }
        let removed = std::fs::remove_file(self.data_dir.join(LOCK_NAME));
        if let Err(error) = removed.and_then(|()| std::fs::remove_dir(&self.data_dir)) {
            tracing::debug!(%error, "the new data folder is left behind");
        }
    }

    /// Returns whether the folder was created by this.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }
}

fn note_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

/// Returns the process that holds the lock; `None` in the moment before it has written its number.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
