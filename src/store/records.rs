//! `records.db`: the alarm list at a watermark, and checkpoints of the configuration tree.

use super::aside::{self, Saved};
use super::error::{StoreError, from_sql, to_sql};
use super::fault::{self, Fault, FaultPoint};
use super::open::{RECORDS_NAME, merge_log, open_file};
use super::transaction::{read_meta, read_number};
use super::{Checkpoint, Store, identity, migration};
use crate::alarm::{AlarmId, AlarmRecord, JournalPosition};
use crate::clock::{Clock, format_utc};
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
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

/// Times that the file is set aside at most while a process runs: a disk that damages each new one is not healed by more.
const SET_ASIDE_MAX: u64 = 3;

/// The connection to `records.db`, used by one thread at a time. A file that is found damaged is set aside, and a new one
/// begun: what is in it is kept elsewhere, too, or can be missed.
pub(super) struct Records {
    path: PathBuf,
    clock: Clock,
    slot: Mutex<Slot>,
    era: watch::Sender<u64>,
    fault: Option<Arc<dyn Fault>>,
}

enum Slot {
    Open(Connection),
    /// A new file could not be begun; it is tried again.
    Lost,
    Closed,
}

impl Records {
    /// Opens the file, and sets it aside when it is damaged.
    pub(super) fn open(path: &Path, clock: Clock, fault: Option<Arc<dyn Fault>>) -> Result<Self, StoreError> {
        let era = watch::Sender::new(0);
        let mut records = Self { path: path.to_owned(), clock, slot: Mutex::new(Slot::Lost), era, fault };
        let opened = match identity::RECORDS.check(path) {
            Err(error @ StoreError::Foreign { is_database: true, .. }) => return Err(error),
            Err(StoreError::Foreign { found, .. }) => Err(StoreError::Damaged { path: path.to_owned(), said: found }),
            Err(error) => Err(error.of_file(path)),
            Ok(()) => records.begin(),
        };
        let opened = match opened {
            Err(error) if error.is_damage() => {
                records.set_aside(&error)?;
                records.begin()?
            }
            opened => opened?,
        };
        records.slot = Mutex::new(Slot::Open(opened));
        Ok(records)
    }

    fn begin(&self) -> Result<Connection, StoreError> {
        let opened = open_file(&self.path, "NORMAL", migration::RECORDS, identity::RECORDS);
        let opened = opened.map_err(|error| error.of_file(&self.path))?;
        if let Err(error) = let_shrink(&opened, &self.path) {
            let error = error.of_file(&self.path);
            if error.is_damage() {
                return Err(error);
            }
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "`{RECORDS_NAME}` could not be rewritten and gives no room back to the disk: that is tried with the next start"
            );
        }
        Ok(opened)
    }

    fn set_aside(&self, error: &StoreError) -> Result<(), StoreError> {
        let aside = aside::set_aside(&self.path, self.clock.now())?;
        tracing::error!(
            path = %self.path.display(),
            aside = %aside.display(),
            %error,
            "the file is damaged: it was set aside and is begun anew. Standing alarms come from the journal; older history, and \
             requests and answers of deliveries, are in the file set aside only"
        );
        self.era.send_modify(|era| *era = era.saturating_add(1));
        Ok(())
    }

    pub(super) fn era(&self) -> watch::Receiver<u64> {
        self.era.subscribe()
    }

    /// Reads the stored alarm list.
    pub(super) fn read_all(&self) -> Result<StoredAlarms, StoreError> {
        self.with_patience(|connection| read_alarms(connection))
    }

    /// Reads the watermark of the stored alarm list.
    pub(super) fn watermark(&self) -> Result<JournalPosition, StoreError> {
        self.with_patience(|connection| read_watermark(connection))
    }

    /// Moves the write-ahead log into the file.
    pub(super) fn merge_log(&self) {
        let mut slot = self.lock();
        if let Slot::Open(connection) = &*slot {
            merge_log(connection, RECORDS_NAME);
        }
        // Closing the file takes its side files with it; what still asks is refused.
        *slot = Slot::Closed;
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the file. When it is found damaged, it is set aside and the work fails: the next finds the new one.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut slot = self.lock();
        let connection = match &mut *slot {
            Slot::Open(connection) => connection,
            Slot::Closed => return Err(StoreError::Closed),
            Slot::Lost => {
                *slot = Slot::Open(self.begin()?);
                let Slot::Open(connection) = &mut *slot else { return Err(StoreError::Closed) };
                connection
            }
        };
        let error = match work(connection).map_err(|error| error.of_file(&self.path)) {
            Err(error) if error.is_damage() && *self.era.borrow() < SET_ASIDE_MAX => error,
            outcome => return outcome,
        };
        let saved = Saved::from(connection);
        *slot = Slot::Lost;
        // What stands in the way is told with the next work, which tries again.
        if let Err(error) = self.set_aside(&error) {
            tracing::error!(error = &error as &dyn std::error::Error, "a damaged file could not be set aside");
            return Err(error);
        }
        let mut begun = self.begin()?;
        if let Err(error) = saved.write(&mut begun) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what could still be read of the damaged file was not taken over"
            );
        }
        *slot = Slot::Open(begun);
        Err(error)
    }

    /// Works on the file, and once more on the new one when it is found damaged.
    pub(super) fn with_patience<T>(
        &self,
        work: impl Fn(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.with(&work) {
            Err(error) if error.is_damage() => self.with(&work),
            outcome => outcome,
        }
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
        let era = *self.records_era().borrow();
        self.write_records_of(era, false, watermark, changes)
    }

    /// Writes changes of the alarm list to the file that is in use since it was set aside `era` times: another has not what they
    /// follow. `is_whole` puts them in the place of all that is there.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when another file is in use by now; else those of the database. Nothing is written then.
    pub fn write_records_of(
        &self,
        era: u64,
        is_whole: bool,
        watermark: JournalPosition,
        changes: impl IntoIterator<Item = RecordChange>,
    ) -> Result<(), StoreError> {
        let doing = "write the alarm list";
        let records = self.records();
        fault::reach(records.fault.as_deref(), FaultPoint::BeforeRecords)?;
        records.with(|connection| {
            if *records.era.borrow() != era {
                return Err(StoreError::Missing { what: "alarm list of era", name: era.to_string() });
            }
            let tx = connection.transaction().map_err(StoreError::sql(doing))?;
            if is_whole {
                tx.execute("DELETE FROM alarm", []).map_err(StoreError::sql(doing))?;
            }
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
            put_watermark(&tx, watermark)?;
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
        self.records().with_patience(|connection| {
            let tx = connection.transaction().map_err(StoreError::sql(doing))?;
            put_checkpoint(&tx, revision, tree)?;
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
        self.records().with_patience(|connection| read_checkpoint(connection))
    }

    pub(super) fn newest_checkpoint_revision(&self) -> Result<Option<u64>, StoreError> {
        let newest = self.records().with_patience(|connection| {
            read_number(connection, "read a checkpoint", "SELECT max(revision) + 1 FROM checkpoint")
        })?;
        Ok(newest.checked_sub(1))
    }
}

/// What `PRAGMA auto_vacuum` says of a file that can give room back piece by piece.
const INCREMENTAL: u64 = 2;

/// Rewrites a file of an older program so that it can give room back; nothing for any other.
fn let_shrink(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let doing = "rewrite the file";
    if read_number(connection, doing, "PRAGMA auto_vacuum")? == INCREMENTAL {
        return Ok(());
    }
    tracing::info!(path = %path.display(), "the file is rewritten once, so that it can give room back to the disk");
    let rewrite = "PRAGMA auto_vacuum = INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
    connection.execute_batch(rewrite).map_err(StoreError::sql(doing))
}

/// Reads the newest checkpoint.
pub(super) fn read_checkpoint(connection: &Connection) -> Result<Option<Checkpoint>, StoreError> {
    let found: Option<(i64, String)> = connection
        .query_row("SELECT revision, tree FROM checkpoint ORDER BY revision DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
        .map_err(StoreError::sql("read a checkpoint"))?;
    found.map(|(revision, tree)| Ok(Checkpoint { revision: from_sql("checkpoint", revision)?, tree })).transpose()
}

pub(super) fn put_checkpoint(tx: &Transaction<'_>, revision: i64, tree: &str) -> Result<(), StoreError> {
    tx.execute("INSERT OR REPLACE INTO checkpoint (revision, tree) VALUES (?1, ?2)", (revision, tree))
        .map(drop)
        .map_err(StoreError::sql("write a checkpoint"))
}

/// Reads the alarm list with its watermark.
pub(super) fn read_alarms(connection: &Connection) -> Result<StoredAlarms, StoreError> {
    let doing = "read the alarm list";
    let watermark = read_watermark(connection)?;
    let mut statement =
        connection.prepare_cached("SELECT id, body FROM alarm ORDER BY id").map_err(StoreError::sql(doing))?;
    let mut rows = statement.query([]).map_err(StoreError::sql(doing))?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::sql(doing))? {
        let id = row.get_ref(0).map_err(StoreError::sql(doing))?;
        let id = id.as_blob().ok().and_then(|id| Uuid::from_slice(id).ok()).unwrap_or_default();
        let corrupt = |reason: String| StoreError::corrupt("alarm", id, reason);
        let body = row.get_ref(1).map_err(StoreError::sql(doing))?;
        let body = body.as_str().map_err(|e| corrupt(e.to_string()))?;
        let record: AlarmRecord = serde_json::from_str(body).map_err(|e| corrupt(e.to_string()))?;
        if *record.id.as_uuid() != id {
            return Err(corrupt(format!("it holds the alarm {}", record.id)));
        }
        records.push(record);
    }
    Ok(StoredAlarms { watermark, records })
}

pub(super) fn put_watermark(tx: &Transaction<'_>, watermark: JournalPosition) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .and_then(|mut statement| statement.execute((WATERMARK, watermark.0.to_string())))
    .map(drop)
    .map_err(StoreError::sql("write the alarm list"))
}

fn read_watermark(connection: &Connection) -> Result<JournalPosition, StoreError> {
    match read_meta(connection, WATERMARK)? {
        None => Ok(JournalPosition(0)),
        Some(text) => text.parse().map(JournalPosition).map_err(|e| StoreError::corrupt("meta", WATERMARK, e)),
    }
}

pub(super) fn put_record(tx: &Transaction<'_>, record: &AlarmRecord) -> Result<(), StoreError> {
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
