//! What a write job sees of the group's transaction: typed writes, no SQL.

use super::FaultPoint;
use super::error::{StoreError, from_sql, to_sql};
use super::fault::{self, Fault};
use crate::alarm::JournalPosition;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params};

/// A participant's rows, written in the same transaction as the revision that they belong to.
pub type RowWrite = Box<dyn FnOnce(&mut WriteTransaction<'_>) -> Result<(), StoreError> + Send>;

/// Where the next transition goes; never steps back, not even when a group is undone.
#[derive(Debug, Default)]
pub(super) struct JournalEnd {
    /// The newest position handed out.
    pub(super) handed_out: u64,
    /// The newest position written.
    pub(super) written: u64,
}

/// The transaction that a group of jobs shares.
pub struct WriteTransaction<'a> {
    pub(super) connection: &'a Connection,
    pub(super) end: &'a mut JournalEnd,
    pub(super) fault: Option<&'a dyn Fault>,
    /// Bytes of text written so far: bounds the group.
    pub(super) bytes: usize,
    pub(super) now: Timestamp,
}

impl std::fmt::Debug for WriteTransaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteTransaction").field("end", &self.end).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl WriteTransaction<'_> {
    /// Hands out the next journal position. One that is not used stays a gap.
    ///
    /// # Errors
    /// When positions are exhausted.
    pub fn next_position(&mut self) -> Result<JournalPosition, StoreError> {
        let next = self.end.handed_out.saturating_add(1);
        to_sql("journal position", next)?;
        self.end.handed_out = next;
        Ok(JournalPosition(next))
    }

    /// Returns the newest position handed out: where something that begins now begins.
    #[must_use]
    pub fn last_position(&self) -> JournalPosition {
        JournalPosition(self.end.handed_out)
    }

    /// Returns the wall-clock time at which the group was begun.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Writes a value under a key; replaces what was there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.bytes = self.bytes.saturating_add(value.len());
        self.execute(
            "write a setting of the store",
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )?;
        Ok(())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_meta(&mut self, key: &str) -> Result<(), StoreError> {
        self.execute("remove a setting of the store", "DELETE FROM meta WHERE key = ?1", [key])?;
        Ok(())
    }

    /// Reads a value, those written by this group included.
    ///
    /// # Errors
    /// Those of the database.
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        read_meta(self.connection, key)
    }

    pub(super) fn execute(&self, doing: &'static str, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(StoreError::sql(doing))?;
        statement.execute(params).map_err(StoreError::sql(doing))
    }

    pub(super) fn reach(&self, point: FaultPoint) -> Result<(), StoreError> {
        fault::reach(self.fault, point)
    }
}

pub(super) fn read_meta(connection: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    let doing = "read a setting of the store";
    let mut statement =
        connection.prepare_cached("SELECT value FROM meta WHERE key = ?1").map_err(StoreError::sql(doing))?;
    statement.query_row([key], |row| row.get(0)).optional().map_err(StoreError::sql(doing))
}

/// Reads a number that SQLite computes, `NULL` as zero.
pub(super) fn read_number(connection: &Connection, doing: &'static str, sql: &str) -> Result<u64, StoreError> {
    let number: Option<i64> = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(StoreError::sql(doing))?;
    from_sql("computed", number.unwrap_or(0))
}
