//! Opening a data folder, and the handle that everybody shares.

use super::checkpointer::Checkpointer;
use super::error::StoreError;
use super::fault::{self, Fault, FaultPoint};
use super::health::{Health, Refusal};
use super::identity::Identity;
use super::queue::Queue;
use super::reader::ReadPool;
use super::records::Records;
use super::transaction::{JournalEnd, WriteTransaction, read_meta};
use super::writer::{Isolation, Pair, Writer};
use super::{FolderLock, identity, journal, migration};
use crate::alarm::JournalPosition;
use crate::clock::{Clock, format_utc};
use rusqlite::Connection;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Name of the file with the journal, the lanes and the revisions in the data folder.
pub const JOURNAL_NAME: &str = "journal.db";

/// Name of the file with the alarm list and the checkpoints of the configuration in the data folder.
pub const RECORDS_NAME: &str = "records.db";

/// How long the writer waits for a file that an operator's `sqlite3` holds.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Pages of the write-ahead log after which a commit moves them into the file: 16 MB, so that this happens seldom. Not so
/// for the journal's, which has a thread for that.
const WAL_PAGES: u32 = 4000;

/// How long the end waits for whoever still reads.
const MERGE_WAIT: Duration = Duration::from_secs(2);

/// Prepared statements kept: all that the writer has.
const STATEMENTS_MAX: usize = 64;

/// What a store is opened with, beside its folder and clock.
#[derive(Clone, Default)]
pub struct StoreOptions {
    /// What a test does at the points that a write passes; nothing in production.
    pub fault: Option<Arc<dyn Fault>>,
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions").field("fault", &self.fault.is_some()).finish()
    }
}

/// Key of the time at which the disk was tried last.
const PROBED_AT: &str = "probed-at";

/// A handle on an open data folder; clones share it. The last to go writes what waits and closes the files.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("data_dir", &self.0.data_dir).finish_non_exhaustive()
    }
}

struct Shared {
    data_dir: PathBuf,
    clock: Clock,
    queue: Arc<Queue>,
    readers: ReadPool,
    records: Records,
    opened_at: JournalPosition,
    refusal: watch::Sender<Option<Refusal>>,
    fault: Option<Arc<dyn Fault>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens a data folder, creating it and its files when they are not there.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Newer`], and those of the file system and the database.
    pub fn open(data_dir: &Path, clock: Clock) -> Result<Self, StoreError> {
        Self::open_with(data_dir, clock, StoreOptions::default())
    }

    /// Opens a data folder with options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(data_dir: &Path, clock: Clock, options: StoreOptions) -> Result<Self, StoreError> {
        Self::open_locked(FolderLock::take(data_dir)?, clock, options)
    }

    /// Opens a data folder that this process has locked, creating its files when they are not there.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Foreign`], and those of the file system and the database.
    pub fn open_locked(lock: FolderLock, clock: Clock, options: StoreOptions) -> Result<Self, StoreError> {
        let data_dir = lock.data_dir().to_owned();
        let (journal_path, records_path) = (data_dir.join(JOURNAL_NAME), data_dir.join(RECORDS_NAME));
        // Never begun anew by itself: it holds the configuration, and what nobody was told yet.
        let of_journal = |error: StoreError| error.of_file(&journal_path);
        identity::JOURNAL.check(&journal_path).map_err(of_journal)?;
        let mut connection =
            open_file(&journal_path, "FULL", migration::JOURNAL, identity::JOURNAL).map_err(of_journal)?;
        let records = Records::open(&records_path, clock.clone(), options.fault.clone())?;
        // The alarm list is ahead when the journal lost its end, or was put back from an older copy: its positions are used,
        // too, and what it knows of them is told again.
        let (written, known) = (journal::newest_position(&connection).map_err(of_journal)?, records.watermark()?.0);
        if written < known {
            let alarms = journal::mend(&mut connection, written, &records.read_all()?).map_err(of_journal)?;
            tracing::error!(
                path = %journal_path.display(),
                written,
                known,
                alarms,
                "the journal ends before what the alarm list knows: the file is damaged, or was put back from an older \
                 copy; the newest states of alarms are put back and told, earlier ones and commits may be lost"
            );
        }
        let newest = written.max(known);
        let beside = open_file(&journal_path, "FULL", migration::JOURNAL, identity::JOURNAL)?;
        let checkpointer = Checkpointer::start(&journal_path, &mut connection, beside)?;
        let queue = Arc::new(Queue::default());
        let refusal = watch::Sender::new(None);
        let writer = Writer {
            connection,
            end: JournalEnd { handed_out: newest, written: newest },
            queue: Arc::clone(&queue),
            clock: clock.clone(),
            fault: options.fault.clone(),
            health: Health::new(refusal.clone()),
        };
        let thread = std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || {
                let connection = writer.run();
                // Who else has the log open keeps it from being emptied.
                drop(checkpointer);
                merge_log(&connection, JOURNAL_NAME);
                drop(connection);
                // Only now may another process have the folder.
                drop(lock);
            })
            .map_err(StoreError::io("start a thread to write", &journal_path))?;
        Ok(Self(Arc::new(Shared {
            data_dir,
            clock,
            queue,
            readers: ReadPool::new(&journal_path),
            records,
            opened_at: JournalPosition(newest),
            refusal,
            fault: options.fault,
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Returns the data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.0.data_dir
    }

    /// Returns the clock that the store was opened with.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns the newest journal position when the store was opened.
    #[must_use]
    pub fn opened_at(&self) -> JournalPosition {
        self.0.opened_at
    }

    /// Hands a write to the writer; `done` is told, on the writer's thread, when it is on the disk or undone. Blocks
    /// while too many wait.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is not called then.
    pub fn submit<T: Send + 'static>(
        &self,
        isolation: Isolation,
        run: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
        done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.0.queue.push(Box::new(Pair { run: Some(run), value: None, done, isolation }))
    }

    /// Hands a write to the writer like [`Store::submit`], waiting without blocking the thread.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is not called then.
    pub async fn submit_async<T: Send + 'static>(
        &self,
        isolation: Isolation,
        run: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
        done: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.0.queue.push_async(Box::new(Pair { run: Some(run), value: None, done, isolation })).await
    }

    /// Lets a write ride along with the next group, at most 50 ms late: for progress that costs no sync of its own.
    /// `run` may collect what it writes when it is called. Never blocks; isolated from the rest of its group.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when very many wait, [`StoreError::Closed`]; `done` is not called then.
    pub fn ride(
        &self,
        run: impl FnOnce(&mut WriteTransaction<'_>) -> Result<(), StoreError> + Send + 'static,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let isolation = Isolation::Isolated;
        self.0.queue.push_rider(Box::new(Pair { run: Some(run), value: None, done, isolation }))
    }

    /// Writes and blocks until it is on the disk. Not for the writer's own thread nor for an asynchronous task.
    ///
    /// # Errors
    /// Those of `run` and of the database; nothing is written then.
    pub fn write<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = mpsc::sync_channel(1);
        // Whoever asked waits below; should that thread have gone, nobody needs the answer.
        self.submit(Isolation::Isolated, run, move |outcome| drop(tell.send(outcome)))?;
        told.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Writes and waits until it is on the disk.
    ///
    /// # Errors
    /// Those of `run` and of the database; nothing is written then.
    pub async fn write_async<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        // A caller that gave up needs no answer; the write stands.
        self.submit_async(Isolation::Isolated, run, move |outcome| drop(tell.send(outcome))).await?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Reads a setting of the store: node identifier, digests of boot files …
    ///
    /// # Errors
    /// Those of the database.
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.read(|connection| read_meta(connection, key))
    }

    /// Writes a setting of the store and blocks until it is on the disk.
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.write(move |tx| tx.set_meta(&key, &value))
    }

    /// Returns why writes are refused, while they are; it changes with the first that succeeds again.
    #[must_use]
    pub fn refusal(&self) -> watch::Receiver<Option<Refusal>> {
        self.0.refusal.subscribe()
    }

    /// Writes a little and waits until it is on the disk, to see whether it takes writes again.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let now = format_utc(self.0.clock.now());
        self.write_async(move |tx| tx.set_meta(PROBED_AT, &now)).await
    }

    /// Passes a point of a commit; does nothing in production.
    ///
    /// # Errors
    /// [`StoreError::Injected`] where a test wants the commit to fail.
    pub fn reach(&self, point: FaultPoint) -> Result<(), StoreError> {
        fault::reach(self.0.fault.as_deref(), point)
    }

    /// Takes no more writes, finishes those that wait, merges the write-ahead logs into their files, and blocks until
    /// that is done. Reading still works.
    pub fn close(&self) {
        self.0.readers.rest();
        self.0.close();
        self.0.records.merge_log();
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.0.readers.read(read)
    }

    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.0.queue
    }

    /// Returns how often `records.db` was set aside since the store was opened, and while it was, because it was damaged.
    #[must_use]
    pub fn records_era(&self) -> watch::Receiver<u64> {
        self.0.records.era()
    }

    pub(super) fn records(&self) -> &Records {
        &self.0.records
    }
}

impl Shared {
    fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The last handle may be dropped by a completion, on the writer's thread, which cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("the journal's writer ended unexpectedly");
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// Moves a write-ahead log into its file and empties it, so that the file alone is a whole copy.
///
/// A log has some 32 MB at most, and whoever reads is waited for no longer than [`MERGE_WAIT`]; what is not
/// merged now is merged at the next start.
pub(super) fn merge_log(connection: &Connection, name: &str) {
    let merged = connection
        .busy_timeout(MERGE_WAIT)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)));
    match merged {
        Ok(0) => {}
        Ok(_) => tracing::info!("the write-ahead log of `{name}` is being read and stays until the next start"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the write-ahead log of `{name}` was not merged");
        }
    }
}

pub(super) fn open_file(
    path: &Path,
    synchronous: &str,
    steps: &[&str],
    identity: Identity,
) -> Result<Connection, StoreError> {
    // SQLite gives its side files the mode of the main one, so the mode is right before SQLite sees the file.
    let doing = "create the database";
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::io(doing, path))?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(StoreError::io(doing, path))?;
    let is_new = file.metadata().map_err(StoreError::io(doing, path))?.len() == 0;
    drop(file);
    let failed = StoreError::open(path);
    let mut connection = Connection::open(path).map_err(&failed)?;
    connection.busy_timeout(BUSY_WAIT).map_err(&failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // What a file is made with; said of another it would be written to.
    let first = if is_new && identity == identity::RECORDS { "PRAGMA auto_vacuum = INCREMENTAL;" } else { "" };
    let pragmas = format!(
        "{first} PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = {WAL_PAGES};
         PRAGMA trusted_schema = OFF;"
    );
    connection.execute_batch(&pragmas).map_err(&failed)?;
    migration::migrate(&mut connection, path, steps)?;
    identity.note(&connection).map_err(&failed)?;
    Ok(connection)
}
