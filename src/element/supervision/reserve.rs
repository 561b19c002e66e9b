//! A file that keeps some room on the disk: when the disk is full, what must be said of that can still be stored and told.

use crate::persist;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the file in the data folder.
const NAME: &str = "reserve";

/// Bytes that it keeps: hundreds of transitions with all that is written about their deliveries.
const BYTES: usize = 2 << 20;

/// Bytes that must be free for it to be made: on a disk that has less it would itself be what fills it.
const FREE_BYTES_MIN: u64 = 16 << 20;

/// What the file begins as; the rest follows from it.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// The room kept under one data folder.
#[derive(Debug, Clone)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self(data_dir.join(NAME))
    }

    /// Keeps the room, where `free` bytes of the disk allow it; returns whether it is kept.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn keep(&self, free: u64) -> io::Result<bool> {
        if std::fs::metadata(&self.0).is_ok_and(|found| found.len() >= BYTES as u64) {
            return Ok(true);
        }
        if free < FREE_BYTES_MIN {
            return Ok(false);
        }
        persist::write_atomically(&self.0, &content(), 0o600)?;
        Ok(true)
    }

    /// Gives the room up; returns whether it was kept.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn spend(&self) -> io::Result<bool> {
        match std::fs::remove_file(&self.0) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Returns bytes that no file system stores in less room than they take (xorshift).
fn content() -> Vec<u8> {
    let mut state = SEED;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(BYTES / 8)
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_where_there_is_enough_and_spent_once() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(folder.path());
        assert!(!reserve.keep(FREE_BYTES_MIN - 1).unwrap() && !reserve.spend().unwrap());
        assert!(reserve.keep(FREE_BYTES_MIN).unwrap());
        assert_eq!(std::fs::metadata(folder.path().join(NAME)).unwrap().len(), BYTES as u64);
        assert!(reserve.keep(0).unwrap(), "what is there is kept");
        assert!(reserve.spend().unwrap() && !reserve.spend().unwrap());
    }
}
