//! What waits for the writer: jobs, bounded, and riders that go along with the next group.

use super::StoreError;
use super::transaction::WriteTransaction;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Jobs that wait at most: some groups' worth, so that the writer is never idle and a source feels back-pressure early.
const JOBS_MAX: usize = 1024;

/// Riders that wait at most: one for each handler of a large element, and as many again.
const RIDERS_MAX: usize = 32_768;

/// How late a rider may be when nothing else is committed.
pub(super) const RIDER_WAIT: Duration = Duration::from_millis(50);

/// A write that the writer runs inside a group, and what it tells afterwards.
pub(super) trait Job: Send {
    /// Runs the write.
    fn run(&mut self, tx: &mut WriteTransaction<'_>) -> Result<(), StoreError>;
    /// Says how the group ended; called once, in the order of the jobs.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
    /// Whether its failure leaves the rest of the group alone.
    fn is_isolated(&self) -> bool;
}

pub(super) type BoxedJob = Box<dyn Job>;

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<BoxedJob>,
    riders: VecDeque<BoxedJob>,
    is_closed: bool,
}

/// The queue between everybody and the writer.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    room: Condvar,
    room_for_async: Notify,
}

/// What the writer finds when it looks.
pub(super) enum Found {
    /// Jobs, then riders, for one group.
    Work,
    /// Nothing, and nothing will come.
    Closed,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job in; blocks while there is no room.
    pub(super) fn push(&self, job: BoxedJob) -> Result<(), StoreError> {
        let mut waiting = self.lock();
        while waiting.jobs.len() >= JOBS_MAX && !waiting.is_closed {
            waiting = self.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        self.admit(waiting, job)
    }

    /// Puts a job in; waits while there is no room.
    pub(super) async fn push_async(&self, job: BoxedJob) -> Result<(), StoreError> {
        let mut job = Some(job);
        loop {
            let room = self.room_for_async.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let waiting = self.lock();
                if (waiting.jobs.len() < JOBS_MAX || waiting.is_closed)
                    && let Some(job) = job.take()
                {
                    return self.admit(waiting, job);
                }
            }
            room.await;
        }
    }

    fn admit(&self, mut waiting: MutexGuard<'_, Waiting>, job: BoxedJob) -> Result<(), StoreError> {
        if waiting.is_closed {
            return Err(StoreError::Closed);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Puts a rider in; never blocks.
    pub(super) fn push_rider(&self, rider: BoxedJob) -> Result<(), StoreError> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(StoreError::Closed);
        }
        if waiting.riders.len() >= RIDERS_MAX {
            return Err(StoreError::Busy { waiting: waiting.riders.len() });
        }
        waiting.riders.push_back(rider);
        let is_first = waiting.riders.len() == 1;
        drop(waiting);
        if is_first {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for work: for a job, or for riders that have waited [`RIDER_WAIT`].
    pub(super) fn wait(&self) -> Found {
        let mut waiting = self.lock();
        loop {
            if !waiting.jobs.is_empty() {
                return Found::Work;
            }
            if waiting.is_closed {
                return if waiting.riders.is_empty() { Found::Closed } else { Found::Work };
            }
            if waiting.riders.is_empty() {
                waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            } else {
                let (after, _) = self
                    .filled
                    .wait_timeout_while(waiting, RIDER_WAIT, |w| w.jobs.is_empty() && !w.is_closed)
                    .unwrap_or_else(PoisonError::into_inner);
                drop(after);
                return Found::Work;
            }
        }
    }

    /// Takes the next job without waiting.
    pub(super) fn take_job(&self) -> Option<BoxedJob> {
        let mut waiting = self.lock();
        let was_full = waiting.jobs.len() >= JOBS_MAX;
        let job = waiting.jobs.pop_front();
        drop(waiting);
        if was_full {
            self.room.notify_all();
            self.room_for_async.notify_waiters();
        }
        job
    }

    /// Takes all riders.
    pub(super) fn take_riders(&self) -> VecDeque<BoxedJob> {
        std::mem::take(&mut self.lock().riders)
    }

    /// Takes no more; what waits is still done.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_all();
        self.room.notify_all();
        self.room_for_async.notify_waiters();
    }
}
