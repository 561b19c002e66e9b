//! Why the store could not do what it was asked.

use std::path::PathBuf;
use std::sync::Arc;

/// Why the store could not do what it was asked. Clones are told to everybody whom one failed group concerns.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another daemon uses the data folder.
    #[error("the data folder `{}` is in use by another {}: stop that one or give this one another folder", data_dir.display(), process(*.pid))]
    Locked {
        /// The data folder.
        data_dir: PathBuf,
        /// The process that has it, where that is known.
        pid: Option<u32>,
    },
    /// A file is not what its name says; it is left as it is.
    #[error("`{}` is not {expected} of an annunciator ({found}): it is left as it is", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What it is instead.
        found: String,
        /// Whether it is a database at all.
        is_database: bool,
    },
    /// A file was written by a newer program.
    #[error("`{}` has format {found}, and this program knows formats up to {known}: use the newer program, or restore a copy from before its start", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format that it has.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// The file system refused.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The database could not be opened or prepared.
    #[error("cannot open the database `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// SQLite refused a statement.
    #[error("cannot {doing}")]
    Sql {
        /// What was tried.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The disk, or the quota on it, is full: nothing of the group was written.
    #[error("the disk under the data folder is full")]
    Full,
    /// The system lets nobody write the file: it is read-only, or another's.
    #[error("cannot write `{}`: {said}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        said: String,
    },
    /// A file is not as it was written.
    #[error("`{}` is damaged: {said}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        said: String,
    },
    /// A value does not fit the file's format.
    #[error("cannot encode {what}")]
    Encode {
        /// What it was.
        what: &'static str,
        /// What the encoder said.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// A row cannot be read back.
    #[error("{table} row {row} cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// Which row.
        row: String,
        /// Why.
        reason: String,
    },
    /// A number is beyond what the file holds (63 bits).
    #[error("{what} {number} is too large to store")]
    TooLarge {
        /// What it counts.
        what: &'static str,
        /// The number.
        number: u64,
    },
    /// A transition was appended at or below the newest position.
    #[error("journal position {position} does not follow {newest}")]
    OutOfOrder {
        /// The position given.
        position: u64,
        /// The newest there is.
        newest: u64,
    },
    /// Another revision was written since the one that this one was built on.
    #[error("revision {found} was committed meanwhile, this one was built on revision {expected}")]
    RevisionMoved {
        /// The revision built on.
        expected: u64,
        /// The newest revision.
        found: u64,
    },
    /// Something named does not exist.
    #[error("there is no {what} `{name}`")]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A participant's row was refused by what it stands for.
    #[error("{0}")]
    Refused(String),
    /// More waits to be written than the store holds back.
    #[error("the store is busy: {waiting} writes wait already")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// The store is closed, or its writer died.
    #[error("the store is closed")]
    Closed,
    /// A job panicked; its group was undone.
    #[error("a write job failed unexpectedly, its group was undone")]
    JobPanicked,
    /// A fault that a test injected.
    #[error("injected fault at {0}")]
    Injected(super::FaultPoint),
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "process".to_owned(), |pid| format!("element, process {pid}"))
}

impl StoreError {
    /// Takes what SQLite said, telling a full disk apart.
    pub(super) fn sql(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sql { doing, source: Arc::new(source) },
        }
    }

    /// Takes what SQLite said when a database was opened, telling a full disk apart.
    pub(super) fn open(path: &std::path::Path) -> impl Fn(rusqlite::Error) -> Self + use<'_> {
        move |source| {
            let is_full = match source.sqlite_error() {
                Some(error) => {
                    error.code == rusqlite::ErrorCode::DiskFull
                        || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
                }
                None => false,
            };
            if is_full { Self::Full } else { Self::Open { path: path.to_owned(), source: Arc::new(source) } }
        }
    }

    /// Asks the system why a database could not be written, where SQLite says no more than that it could not.
    pub(super) fn asked_for(self, database: &std::path::Path) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, PermissionDenied, ReadOnly, SystemIoFailure};
        let Self::Sql { source, .. } = &self else { return self };
        let says_no_more =
            matches!(source.sqlite_error_code(), Some(SystemIoFailure | ReadOnly | CannotOpen | PermissionDenied));
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let files = [std::path::PathBuf::from(log), database.to_owned()];
        let refused = files.into_iter().filter(|_| says_no_more).find_map(|path| {
            let said = std::fs::OpenOptions::new().append(true).open(&path).err()?;
            // A log that is not there is made.
            (said.kind() != std::io::ErrorKind::NotFound).then(|| Self::Unwritable { path, said: said.to_string() })
        });
        refused.unwrap_or(self)
    }

    /// Names the file where SQLite says that it is damaged.
    pub(super) fn of_file(self, path: &std::path::Path) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let (Self::Sql { source, .. } | Self::Open { source, .. }) = &self else { return self };
        match source.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged { path: path.to_owned(), said: source.to_string() },
            _ => self,
        }
    }

    /// Returns whether what is in the file is not what was written.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Corrupt { .. })
    }

    pub(super) fn io(doing: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source: Arc::new(source) }
    }

    pub(super) fn encode(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Encode { what, source: Arc::new(source) }
    }

    #[allow(clippy::needless_pass_by_value, reason = "errors and numbers are handed in as they come")]
    pub(super) fn corrupt(table: &'static str, row: impl ToString, reason: impl ToString) -> Self {
        Self::Corrupt { table, row: row.to_string(), reason: reason.to_string() }
    }

    /// Returns whether it is the disk that refuses: then all writes are refused, until a person helps.
    pub(super) fn is_of_the_disk(&self) -> bool {
        matches!(
            self,
            Self::Full
                | Self::Sql { .. }
                | Self::Damaged { .. }
                | Self::Unwritable { .. }
                | Self::Io { .. }
                | Self::Injected(_)
        )
    }

    /// Returns whether the same write may succeed later without anybody changing it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Full
                | Self::Busy { .. }
                | Self::Sql { .. }
                | Self::Damaged { .. }
                | Self::Unwritable { .. }
                | Self::Injected(_)
        )
    }
}

/// Turns a counter into what SQLite holds.
pub(super) fn to_sql(what: &'static str, number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::TooLarge { what, number })
}

/// Turns what SQLite holds into a counter.
pub(super) fn from_sql(table: &'static str, number: i64) -> Result<u64, StoreError> {
    u64::try_from(number)
        .map_err(|_| StoreError::corrupt(table, number, "a negative number where a counter was expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_told_with_what_the_system_says() {
        let folder = tempfile::tempdir().unwrap();
        let failed =
            |code| StoreError::sql("commit")(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        // A folder can be opened for writing by nobody, whoever runs the test.
        let said = failed(rusqlite::ffi::SQLITE_IOERR_WRITE).asked_for(folder.path()).to_string();
        assert!(said.contains(&folder.path().display().to_string()) && said.contains("(os error "), "{said}");
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(failed(rusqlite::ffi::SQLITE_IOERR_WRITE).asked_for(file.path()).to_string(), "cannot commit");
        assert_eq!(failed(rusqlite::ffi::SQLITE_CONSTRAINT).asked_for(folder.path()).to_string(), "cannot commit");
    }

    #[test]
    fn a_full_disk_is_told_as_such_when_a_database_is_opened_too() {
        let path = std::path::Path::new("journal.db");
        let said = |code| StoreError::open(path)(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        for code in [rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_IOERR_SHMSIZE] {
            assert!(matches!(said(code), StoreError::Full), "{code}");
        }
        assert!(matches!(said(rusqlite::ffi::SQLITE_CORRUPT), StoreError::Open { .. }));
    }
}
