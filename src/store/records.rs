//! `records.db`: the alarm list at a watermark, and checkpoints of the configuration tree.

use super::error::{StoreError, from_sql, to_sql};
use super::fault::{self, Fault, FaultPoint};
use super::open::{RECORDS_NAME, merge_log};
use super::transaction::{read_meta, read_number};
use super::{Checkpoint, Store};
use crate::alarm::{AlarmId, AlarmRecord, JournalPosition};
use crate::clock::format_utc;
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

const WATERMARK: &str = "watermark";

/// A change of the stored alarm list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// The alarm is like this.
    Put(Arc<AlarmRecord>),
    /// The alarm is not in the list.
    Remove(AlarmId),
}

/// The alarm list as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredAlarms {
    /// Every transition at or below is in `records`; some above may be.
    pub watermark: JournalPosition,
    /// The alarms, by identifier.
    pub records: Vec<AlarmRecord>,
}

/// The connection to `records.db`, used by one thread at a time.
pub(super) struct Records {
    connection: Mutex<Connection>,
    fault: Option<Arc<dyn Fault>>,
}

impl Records {
    pub(super) fn new(connection: Connection, fault: Option<Arc<dyn Fault>>) -> Self {
        Self { connection: Mutex::new(connection), fault }
    }

    /// Reads the stored alarm list.
    pub(super) fn read_all(&self) -> Result<StoredAlarms, StoreError> {
        let doing = "read the alarm list";
        self.with(|connection| {
            let watermark = read_watermark(connection)?;
            let mut statement =
                connection.prepare_cached("SELECT id, body FROM alarm ORDER BY id").map_err(StoreError::sql(doing))?;
            let mut rows = statement.query([]).map_err(StoreError::sql(doing))?;
            let mut records = Vec::new();
            while let Some(row) = rows.next().map_err(StoreError::sql(doing))? {
                let id: [u8; 16] = row.get(0).map_err(StoreError::sql(doing))?;
                let body = row.get_ref(1).map_err(StoreError::sql(doing))?;
                let corrupt = |reason: String| StoreError::corrupt("alarm", Uuid::from_bytes(id), reason);
                let body = body.as_str().map_err(|e| corrupt(e.to_string()))?;
                records.push(serde_json::from_str(body).map_err(|e| corrupt(e.to_string()))?);
            }
            Ok(StoredAlarms { watermark, records })
        })
    }

    /// Reads the watermark of the stored alarm list.
    pub(super) fn watermark(&self) -> Result<JournalPosition, StoreError> {
        self.with(|connection| read_watermark(connection))
    }

    /// Moves the write-ahead log into the file.
    pub(super) fn merge_log(&self) {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        merge_log(&connection, RECORDS_NAME);
        // Closing the file takes its side files with it; what still asks finds an empty database and is refused.
        if let Ok(closed) = Connection::open_in_memory() {
            *connection = closed;
        }
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        work(&mut self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store {
    /// Writes changes of the alarm list with the watermark that they lead to, in one transaction. Blocks the thread;
    /// the journal's writer is not held up.
    ///
    /// # Errors
    /// Those of the database; nothing is written then.
    pub fn write_records(
        &self,
        watermark: JournalPosition,
        changes: impl IntoIterator<Item = RecordChange>,
    ) -> Result<(), StoreError> {
        let doing = "write the alarm list";
        let records = self.records();
        fault::reach(records.fault.as_deref(), FaultPoint::BeforeRecords)?;
        records.with(|connection| {
            let tx = connection.transaction().map_err(StoreError::sql(doing))?;
            for change in changes {
                match change {
                    RecordChange::Put(record) => put_record(&tx, &record)?,
                    RecordChange::Remove(id) => {
                        tx.prepare_cached("DELETE FROM alarm WHERE id = ?1")
                            .and_then(|mut statement| statement.execute([id.as_uuid().as_bytes()]))
                            .map_err(StoreError::sql(doing))?;
                    }
                }
            }
            tx.prepare_cached(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .and_then(|mut statement| statement.execute((WATERMARK, watermark.0.to_string())))
            .map_err(StoreError::sql(doing))?;
            tx.commit().map_err(StoreError::sql(doing))
        })
    }

    /// Puts what [`Store::write_records`] wrote on the disk: only then may the journal be trimmed up to the watermark.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sync_records(&self) -> Result<(), StoreError> {
        self.records().with(|connection| sync(connection))
    }

    /// Reads the stored alarm list.
    ///
    /// # Errors
    /// Those of the database; [`StoreError::Corrupt`] for a row that cannot be read.
    pub fn read_records(&self) -> Result<StoredAlarms, StoreError> {
        self.records().read_all()
    }

    /// Writes the whole tree at a revision and puts it on the disk. Blocks the thread, not the journal's writer: call
    /// it from a background thread.
    ///
    /// # Errors
    /// Those of the database.
    pub fn write_checkpoint(&self, revision: u64, tree: &str) -> Result<(), StoreError> {
        let doing = "write a checkpoint";
        let revision = to_sql("revision", revision)?;
        self.records().with(|connection| {
            let tx = connection.transaction().map_err(StoreError::sql(doing))?;
            tx.execute("INSERT OR REPLACE INTO checkpoint (revision, tree) VALUES (?1, ?2)", (revision, tree))
                .map_err(StoreError::sql(doing))?;
            tx.execute("DELETE FROM checkpoint WHERE revision < (SELECT max(revision) FROM checkpoint)", [])
                .map_err(StoreError::sql(doing))?;
            tx.commit().map_err(StoreError::sql(doing))?;
            sync(connection)
        })
    }

    /// Returns the newest checkpoint.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        let found: Option<(i64, String)> = self.records().with(|connection| {
            connection
                .query_row("SELECT revision, tree FROM checkpoint ORDER BY revision DESC LIMIT 1", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()
                .map_err(StoreError::sql("read a checkpoint"))
        })?;
        found.map(|(revision, tree)| Ok(Checkpoint { revision: from_sql("checkpoint", revision)?, tree })).transpose()
    }

    pub(super) fn newest_checkpoint_revision(&self) -> Result<Option<u64>, StoreError> {
        let newest = self.records().with(|connection| {
            read_number(connection, "read a checkpoint", "SELECT max(revision) + 1 FROM checkpoint")
        })?;
        Ok(newest.checked_sub(1))
    }
}

fn read_watermark(connection: &Connection) -> Result<JournalPosition, StoreError> {
    match read_meta(connection, WATERMARK)? {
        None => Ok(JournalPosition(0)),
        Some(text) => text.parse().map(JournalPosition).map_err(|e| StoreError::corrupt("meta", WATERMARK, e)),
    }
}

fn put_record(tx: &Transaction<'_>, record: &AlarmRecord) -> Result<(), StoreError> {
    let body = serde_json::to_string(record).map_err(StoreError::encode("an alarm"))?;
    let position = to_sql("journal position", record.position.0)?;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO alarm (id, position, severity, is_cleared, resource, alarm_type, last_changed, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .and_then(|mut statement| {
        statement.execute((
            record.id.as_uuid().as_bytes(),
            position,
            record.state.standing.severity.as_str(),
            record.state.standing.is_cleared,
            &record.key.resource,
            &record.key.alarm_type,
            format_utc(record.last_changed),
            body,
        ))
    })
    .map_err(StoreError::sql("write the alarm list"))?;
    Ok(())
}

/// Moves the write-ahead log into the file; with `synchronous=NORMAL` this is what syncs it.
fn sync(connection: &Connection) -> Result<(), StoreError> {
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))
        .map_err(StoreError::sql("sync the records"))?;
    if busy == 0 { Ok(()) } else { Err(StoreError::Busy { waiting: 1 }) }
}
