//! Revisions of the configuration, and the checkpoints that a boot starts from.

use super::error::{StoreError, from_sql, to_sql};
use super::transaction::read_number;
use super::{RowWrite, Store, WriteTransaction};
use crate::alarm::JournalPosition;
use crate::clock::format_utc;
use jiff::Timestamp;
use rusqlite::{Connection, Params, Row};

/// A revision about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevision {
    /// The revision that it was built on, 0 for the first: the write is refused when another came between.
    pub parent: u64,
    /// When it was made.
    pub time: Timestamp,
    /// Who made it.
    pub user: String,
    /// Over which face: `cli`, `boot`, `rollback` …
    pub via: String,
    /// The label given to it.
    pub label: Option<String>,
    /// The comment given to it.
    pub comment: Option<String>,
    /// The reversible change, in a form that the store does not look into.
    pub delta: String,
}

/// A revision as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its number, from 1, without gaps.
    pub number: u64,
    /// When it was made.
    pub time: Timestamp,
    /// Who made it.
    pub user: String,
    /// Over which face.
    pub via: String,
    /// The label given to it.
    pub label: Option<String>,
    /// The comment given to it.
    pub comment: Option<String>,
    /// The reversible change.
    pub delta: String,
    /// The newest journal position when it was written.
    pub journal_position: JournalPosition,
}

/// The whole tree at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The revision.
    pub revision: u64,
    /// The tree, in a form that the store does not look into.
    pub tree: String,
}

const COLUMNS: &str = "number, time, user, via, label, comment, delta, journal_position";

impl WriteTransaction<'_> {
    /// Appends a revision and returns its number.
    ///
    /// # Errors
    /// [`StoreError::RevisionMoved`] when the newest revision is not the parent; else those of the database.
    pub fn append_revision(&mut self, revision: &NewRevision) -> Result<u64, StoreError> {
        let newest = newest_number(self.connection)?;
        if newest != revision.parent {
            return Err(StoreError::RevisionMoved { expected: revision.parent, found: newest });
        }
        let number = newest.saturating_add(1);
        self.bytes = self.bytes.saturating_add(revision.delta.len());
        self.execute(
            "write the revision",
            "INSERT INTO revision (number, time, user, via, label, comment, delta, journal_position)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                to_sql("revision", number)?,
                format_utc(revision.time),
                &revision.user,
                &revision.via,
                &revision.label,
                &revision.comment,
                &revision.delta,
                to_sql("journal position", self.last_position().0)?,
            ),
        )?;
        Ok(number)
    }
}

impl WriteTransaction<'_> {
    /// Returns the newest revision, one that this group appended included; 0 when there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_revision(&self) -> Result<u64, StoreError> {
        newest_number(self.connection)
    }
}

impl Store {
    /// Writes a revision with the rows of the participants, in one transaction; returns its number when it is on the
    /// disk. Blocks the thread: asynchronous callers use a blocking task.
    ///
    /// # Errors
    /// [`StoreError::RevisionMoved`]; the first error of a participant's rows; those of the database. Nothing is
    /// written then.
    pub fn commit_revision(&self, revision: NewRevision, rows: Vec<RowWrite>) -> Result<u64, StoreError> {
        self.write(move |tx| {
            let number = tx.append_revision(&revision)?;
            for row in rows {
                row(tx)?;
            }
            Ok(number)
        })
    }

    /// Returns the newest revisions, newest first, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub fn revisions(&self, limit: usize) -> Result<Vec<Revision>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = format!("SELECT {COLUMNS} FROM revision ORDER BY number DESC LIMIT ?1");
        self.read(|connection| read_revisions(connection, &sql, [limit]))
    }

    /// Returns the newest revisions without their changes (`delta` is empty), newest first, at most `limit`: a change
    /// can be as large as the tree, and a list of revisions needs none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn revision_heads(&self, limit: usize) -> Result<Vec<Revision>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let columns = COLUMNS.replace("delta", "'' AS delta");
        let sql = format!("SELECT {columns} FROM revision ORDER BY number DESC LIMIT ?1");
        self.read(|connection| read_revisions(connection, &sql, [limit]))
    }

    /// Returns the number of the oldest revision kept.
    ///
    /// # Errors
    /// Those of the database.
    pub fn oldest_revision(&self) -> Result<Option<u64>, StoreError> {
        let oldest = self.read(|connection| {
            read_number(connection, "read the oldest revision", "SELECT min(number) FROM revision")
        })?;
        Ok((oldest > 0).then_some(oldest))
    }

    /// Returns one revision.
    ///
    /// # Errors
    /// Those of the database.
    pub fn revision(&self, number: u64) -> Result<Option<Revision>, StoreError> {
        let number = to_sql("revision", number)?;
        let sql = format!("SELECT {COLUMNS} FROM revision WHERE number = ?1");
        self.read(|connection| Ok(read_revisions(connection, &sql, [number])?.into_iter().next()))
    }

    /// Returns the newest revision.
    ///
    /// # Errors
    /// Those of the database.
    pub fn latest_revision(&self) -> Result<Option<Revision>, StoreError> {
        Ok(self.revisions(1)?.into_iter().next())
    }

    /// Returns the revisions after `revision`, oldest first: what a boot applies to a checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when one is missing between; else those of the database.
    pub fn deltas_since(&self, revision: u64) -> Result<Vec<Revision>, StoreError> {
        let after = to_sql("revision", revision)?;
        let sql = format!("SELECT {COLUMNS} FROM revision WHERE number > ?1 ORDER BY number");
        let deltas = self.read(|connection| read_revisions(connection, &sql, [after]))?;
        for (expected, delta) in (revision.saturating_add(1)..).zip(&deltas) {
            if delta.number != expected {
                return Err(StoreError::corrupt("revision", expected, "it is missing"));
            }
        }
        Ok(deltas)
    }

    /// Removes old revisions, keeping the newest `keep` and all that a boot needs after the newest checkpoint.
    /// Returns how many were removed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn prune_revisions(&self, keep: usize) -> Result<usize, StoreError> {
        let Some(checkpoint) = self.newest_checkpoint_revision()? else { return Ok(0) };
        let keep = u64::try_from(keep.max(1)).unwrap_or(u64::MAX);
        self.write(move |tx| {
            let last_removed = newest_number(tx.connection)?.saturating_sub(keep).min(checkpoint);
            let last_removed = to_sql("revision", last_removed)?;
            tx.execute("prune revisions", "DELETE FROM revision WHERE number <= ?1", [last_removed])
        })
    }
}

fn newest_number(connection: &Connection) -> Result<u64, StoreError> {
    read_number(connection, "read the newest revision", "SELECT max(number) FROM revision")
}

fn read_revisions(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<Revision>, StoreError> {
    let doing = "read revisions";
    let mut statement = connection.prepare_cached(sql).map_err(StoreError::sql(doing))?;
    let mut rows = statement.query(params).map_err(StoreError::sql(doing))?;
    let mut revisions = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::sql(doing))? {
        let (revision, time, number, position) = read_row(row).map_err(StoreError::sql(doing))?;
        revisions.push(Revision {
            number: from_sql("revision", number)?,
            time: time.parse().map_err(|e| StoreError::corrupt("revision", number, e))?,
            journal_position: JournalPosition(from_sql("revision", position)?),
            ..revision
        });
    }
    Ok(revisions)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<(Revision, String, i64, i64)> {
    let revision = Revision {
        number: 0,
        time: Timestamp::UNIX_EPOCH,
        user: row.get("user")?,
        via: row.get("via")?,
        label: row.get("label")?,
        comment: row.get("comment")?,
        delta: row.get("delta")?,
        journal_position: JournalPosition(0),
    };
    Ok((revision, row.get("time")?, row.get("number")?, row.get("journal_position")?))
}
