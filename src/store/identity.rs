//! Which file is which: checked before anything of it is changed, so that a file of somebody else's stays theirs.

use super::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// What tells one of the store's files from any other SQLite file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// SQLite's `application_id`: four letters.
    application_id: i32,
    /// Tables that are in it since its first format, by which a file without the number is known.
    tables: [&'static str; 2],
    /// What it is called in messages.
    name: &'static str,
}

/// That of `journal.db`.
pub(super) const JOURNAL: Identity =
    Identity { application_id: i32::from_be_bytes(*b"AnnJ"), tables: ["journal", "revision"], name: "the journal" };

/// That of `records.db`.
pub(super) const RECORDS: Identity =
    Identity { application_id: i32::from_be_bytes(*b"AnnR"), tables: ["alarm", "checkpoint"], name: "the records" };

/// How long to wait for a file that an operator's `sqlite3` holds.
const BUSY_WAIT: Duration = Duration::from_secs(5);

impl Identity {
    /// Checks that an existing file is the store's, without changing it; one that is absent or empty is.
    ///
    /// # Errors
    /// [`StoreError::Foreign`], and those of the file system and the database.
    pub(super) fn check(self, path: &Path) -> Result<(), StoreError> {
        let foreign = |found: String, is_database| {
            let (path, expected) = (path.to_owned(), self.name);
            StoreError::Foreign { path, expected, found, is_database }
        };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("look at", path)(error)),
            Ok(file) if !file.is_file() => return Err(foreign("it is no file".to_owned(), true)),
            Ok(_) => {}
        }
        let (application_id, tables) = match self.read(path) {
            Ok(found) => found,
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
                return Err(foreign("it is no SQLite database".to_owned(), false));
            }
            Err(error) => return Err(StoreError::open(path)(error)),
        };
        let is_ours = application_id == self.application_id
            || (application_id == 0
                && (tables.is_empty() || self.tables.iter().all(|t| tables.iter().any(|f| f == t))));
        if is_ours {
            return Ok(());
        }
        let found = match tables.first() {
            _ if application_id != 0 => format!("its application_id is {application_id}"),
            Some(table) => format!("it has a table `{table}`"),
            None => "it is empty".to_owned(),
        };
        Err(foreign(found, true))
    }

    fn read(self, path: &Path) -> Result<(i32, Vec<String>), rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        let application_id = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        // Its own tables first, if it has them.
        let mut tables = connection.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name NOT IN (?1, ?2), name LIMIT 3",
        )?;
        let tables = tables.query_map(self.tables, |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok((application_id, tables))
    }

    /// Writes the number into the store's own file, where it is not there yet.
    pub(super) fn note(self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let found: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        if found == self.application_id {
            return Ok(());
        }
        connection.execute_batch(&format!("PRAGMA application_id = {}", self.application_id))
    }
}
