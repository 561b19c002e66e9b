//! The one thread that writes `journal.db`: it runs what waits as one transaction, commits, and tells everybody.

use super::error::StoreError;
use super::fault::{self, Fault, FaultPoint};
use super::health::Health;
use super::queue::{BoxedJob, Found, Job, Queue};
use super::transaction::{JournalEnd, WriteTransaction};
use crate::clock::Clock;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Jobs in a group at most: a group of this size is bound by the rows, not by the sync.
const GROUP_JOBS_MAX: usize = 256;

/// Bytes of text in a group at most: keeps the write-ahead log of one group well below its checkpoint size.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Time that a group takes before its commit at most: whoever came first does not wait for all who came later.
const GROUP_TIME_MAX: Duration = Duration::from_millis(5);

/// What a job's failure means for the others in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// The whole group is undone: for writes that cannot fail but with the database.
    Shared,
    /// Only the job's own writes are undone (a savepoint).
    Isolated,
}

/// The writing side: the connection and where the journal ends.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) end: JournalEnd,
    pub(super) queue: Arc<Queue>,
    pub(super) clock: Clock,
    pub(super) fault: Option<Arc<dyn Fault>>,
    pub(super) health: Health,
}

/// A job built of two closures.
pub(super) struct Pair<T, R, D> {
    pub(super) run: Option<R>,
    pub(super) value: Option<T>,
    pub(super) done: D,
    pub(super) isolation: Isolation,
}

impl<T, R, D> Job for Pair<T, R, D>
where
    T: Send,
    R: FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send,
    D: FnOnce(Result<T, StoreError>) + Send,
{
    fn run(&mut self, tx: &mut WriteTransaction<'_>) -> Result<(), StoreError> {
        let Some(run) = self.run.take() else { return Ok(()) };
        self.value = Some(run(tx)?);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, done, .. } = *self;
        done(outcome.and_then(|()| value.ok_or(StoreError::Closed)));
    }

    fn is_isolated(&self) -> bool {
        self.isolation == Isolation::Isolated
    }
}

/// A job that ran, and its own failure if it was isolated.
struct Ran {
    job: BoxedJob,
    outcome: Result<(), StoreError>,
}

impl Writer {
    /// Writes until the queue is closed and empty; hands the connection back.
    pub(super) fn run(mut self) -> Connection {
        let closing = CloseOnDrop(Arc::clone(&self.queue));
        while let Found::Work = self.queue.wait() {
            self.write_group();
        }
        drop(closing);
        self.connection
    }

    fn write_group(&mut self) {
        let mut ran = Vec::new();
        let rows_before = self.connection.total_changes();
        let failure = self.run_group(&mut ran).err();
        let path = Path::new(self.connection.path().unwrap_or_default()).to_owned();
        let failure = failure.map(|error| error.asked_for(&path).of_file(&path));
        match &failure {
            // A group of which nothing is left to write says nothing of the disk.
            None if self.connection.total_changes() == rows_before => {}
            None => self.health.written(),
            Some(error) => {
                self.undo();
                self.health.undone(error, ran.len(), self.clock.now(), self.clock.elapsed());
            }
        }
        for Ran { job, outcome } in ran {
            let outcome = match (&failure, outcome) {
                // An isolated job is told its own failure: its caller can act on that.
                (None, outcome) | (Some(_), outcome @ Err(_)) => outcome.map_err(|own| own.of_file(&path)),
                (Some(error), Ok(())) => Err(error.clone()),
            };
            if catch_unwind(AssertUnwindSafe(|| job.finish(outcome))).is_err() {
                tracing::error!("telling the outcome of a write failed unexpectedly");
            }
        }
    }

    /// Runs what waits and commits it; an error concerns all that ran.
    fn run_group(&mut self, ran: &mut Vec<Ran>) -> Result<(), StoreError> {
        let begun = self.clock.elapsed();
        let riders = self.queue.take_riders();
        let mut failure =
            self.connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::sql("begin a group")).err();
        let mut tx = WriteTransaction {
            connection: &self.connection,
            end: &mut self.end,
            fault: self.fault.as_deref(),
            bytes: 0,
            now: self.clock.now(),
        };
        for rider in riders {
            run_job(rider, &mut tx, &mut failure, ran);
        }
        for _ in 0..GROUP_JOBS_MAX {
            // Whoever still waits when the group has failed gets a group of their own.
            if failure.is_some() && !ran.is_empty() {
                break;
            }
            if tx.bytes >= GROUP_BYTES_MAX || self.clock.elapsed().saturating_sub(begun) >= GROUP_TIME_MAX {
                break;
            }
            let Some(job) = self.queue.take_job() else { break };
            run_job(job, &mut tx, &mut failure, ran);
        }
        if let Some(error) = failure {
            return Err(error);
        }
        let fault = self.fault.as_deref();
        fault::reach(fault, FaultPoint::BeforeCommit)?;
        self.connection.execute_batch("COMMIT").map_err(StoreError::sql("commit a group"))?;
        // The group is durable: a fault here can only end the process, not the group.
        fault::reach(fault, FaultPoint::AfterCommit).or(Ok(()))
    }

    fn undo(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(error = &error as &dyn std::error::Error, "a group of writes could not be rolled back");
        }
    }
}

/// Runs a job; once the group has failed, further jobs are only collected to be told.
fn run_job(job: BoxedJob, tx: &mut WriteTransaction<'_>, failure: &mut Option<StoreError>, ran: &mut Vec<Ran>) {
    let mut entry = Ran { job, outcome: Ok(()) };
    if failure.is_none() {
        let isolated = entry.job.is_isolated();
        let result = if isolated { run_isolated(&mut entry.job, tx) } else { run_caught(&mut entry.job, tx).map(Ok) };
        match result {
            Ok(outcome) => entry.outcome = outcome,
            Err(error) => *failure = Some(error),
        }
    }
    ran.push(entry);
}

/// Runs a job between savepoints: the outer error is the group's, the inner one its own.
fn run_isolated(job: &mut BoxedJob, tx: &mut WriteTransaction<'_>) -> Result<Result<(), StoreError>, StoreError> {
    tx.connection.execute_batch("SAVEPOINT job").map_err(StoreError::sql("begin a write"))?;
    let outcome = run_caught(job, tx);
    if let Err(error) = &outcome {
        if tx.connection.is_autocommit() {
            // SQLite gave up the whole transaction, as it does when the disk is full.
            return Err(error.clone());
        }
        tx.connection.execute_batch("ROLLBACK TO job").map_err(StoreError::sql("undo a write"))?;
    }
    tx.connection.execute_batch("RELEASE job").map_err(StoreError::sql("end a write"))?;
    Ok(outcome)
}

fn run_caught(job: &mut BoxedJob, tx: &mut WriteTransaction<'_>) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(|| job.run(tx))).unwrap_or(Err(StoreError::JobPanicked))
}

/// Closes the queue when the writer ends, by a panic too, so that nobody waits for it.
struct CloseOnDrop(Arc<Queue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
        while let Some(job) = self.0.take_job() {
            job.finish(Err(StoreError::Closed));
        }
    }
}
