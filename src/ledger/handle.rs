//! The handle on the ledger: reports in, snapshots and transitions out.

use super::alarm_list::AlarmList;
use super::deadline::{BOOT_GRACE, Wake};
use super::decide::{Context, Staged};
use super::recorder::Recorder;
use super::recovery::recover;
use super::report::{ImpactSource, LedgerError, NoImpact, Report, Verdict};
use super::ring::{RING_MAX, Ring};
use crate::alarm::{AlarmId, AlarmRecord, Control, JournalPosition, Transition};
use crate::clock::Clock;
use crate::store::{Isolation, Refusal, Store, StoreError, WriteTransaction};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Reports decided in one job: a source with very many leaves room for others between.
const REPORTS_PER_JOB: usize = 256;

/// Alarms that one job ends or tells: as for reports.
const WORKED_OFF_PER_JOB: usize = 256;

/// What a ledger is opened with.
#[derive(Clone)]
pub struct LedgerOptions {
    /// What is made of alarms until a configuration says otherwise.
    pub control: Control,
    /// Transitions kept in memory for those who keep up.
    pub ring_max: usize,
    /// Who knows what depends on a resource.
    pub impact: Arc<dyn ImpactSource>,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self { control: Control::default(), ring_max: RING_MAX, impact: Arc::new(NoImpact) }
    }
}

impl std::fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LedgerOptions")
            .field("control", &self.control)
            .field("ring_max", &self.ring_max)
            .finish_non_exhaustive()
    }
}

/// A handle on the ledger; clones share it.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("tail", &*self.0.tail.borrow()).finish_non_exhaustive()
    }
}

pub(super) struct Inner {
    store: Store,
    clock: Clock,
    opened_at: Duration,
    /// Time from then on in which no deadline is over.
    grace: Duration,
    impact: Arc<dyn ImpactSource>,
    /// Reports refused since the start because the list was full.
    refused: AtomicU64,
    /// Whether the newest group could not be written because the disk is full.
    is_disk_full: AtomicBool,
    /// Touched by the writer's thread only.
    staged: Mutex<Staged>,
    published: Mutex<AlarmList>,
    ring: Mutex<Ring>,
    tail: watch::Sender<JournalPosition>,
    /// The same for threads that wait without a runtime.
    newest: Mutex<JournalPosition>,
    grown: Condvar,
    next_wake: watch::Sender<Wake>,
    recorder: Recorder,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.recorder.close();
    }
}

impl Ledger {
    /// Opens the ledger of a store: reads the alarm list back.
    ///
    /// # Errors
    /// Those of the store.
    pub fn open(store: Store, clock: Clock, options: LedgerOptions) -> Result<Self, LedgerError> {
        let recovered = recover(&store, Arc::new(options.control), clock.now())?;
        let list = recovered.list;
        let newest = list.position().max(store.opened_at());
        let recorder = Recorder::start(store.clone(), recovered.stored).map_err(|source| StoreError::Io {
            doing: "start a thread to record alarms in",
            path: store.data_dir().to_owned(),
            source: Arc::new(source),
        })?;
        recorder.put(list.clone());
        Ok(Self(Arc::new(Inner {
            opened_at: clock.elapsed(),
            // Who starts with nothing that could end has nobody to wait for.
            grace: if list.next_deadline().is_some() { BOOT_GRACE } else { Duration::ZERO },
            impact: options.impact,
            refused: AtomicU64::new(0),
            is_disk_full: AtomicBool::new(false),
            staged: Mutex::new(Staged::new(list.clone())),
            ring: Mutex::new(Ring::new(newest, options.ring_max)),
            tail: watch::Sender::new(newest),
            newest: Mutex::new(newest),
            grown: Condvar::new(),
            next_wake: watch::Sender::new(wake(&list)),
            published: Mutex::new(list),
            recorder,
            store,
            clock,
        })))
    }

    /// Decides reports in order and answers each when what it relies on is on the disk. Very many are decided in
    /// several groups.
    ///
    /// # Errors
    /// [`LedgerError`] when they could not be made durable; saying them again is safe.
    pub async fn report(&self, reports: Vec<Report>) -> Result<Vec<Verdict>, LedgerError> {
        let mut waiting = Vec::new();
        for some in chunks(reports) {
            let (tell, told) = oneshot::channel();
            let (run, ended) = (self.decide(some), self.ended());
            // A source that went away needs no answer; its transitions stand.
            let done = move |outcome| drop(tell.send(ended(outcome)));
            self.0.store.submit_async(Isolation::Shared, run, done).await?;
            waiting.push(told);
        }
        let mut verdicts = Vec::new();
        for told in waiting {
            verdicts.extend(told.await.unwrap_or(Err(StoreError::Closed))?);
        }
        Ok(verdicts)
    }

    /// Does what [`Ledger::report`] does, blocking the thread. Not for an asynchronous task.
    ///
    /// # Errors
    /// As [`Ledger::report`].
    pub fn report_blocking(&self, reports: Vec<Report>) -> Result<Vec<Verdict>, LedgerError> {
        let mut waiting = Vec::new();
        for some in chunks(reports) {
            let (tell, told) = mpsc::sync_channel(1);
            let (run, ended) = (self.decide(some), self.ended());
            // A source that went away needs no answer; its transitions stand.
            let done = move |outcome| drop(tell.send(ended(outcome)));
            self.0.store.submit(Isolation::Shared, run, done)?;
            waiting.push(told);
        }
        let mut verdicts = Vec::new();
        for told in waiting {
            verdicts.extend(told.recv().unwrap_or(Err(StoreError::Closed))?);
        }
        Ok(verdicts)
    }

    /// Takes alarms out of the list that are still as the caller saw them; returns how many. Nobody is told: an
    /// alarm that changes again afterwards comes into the list anew.
    ///
    /// # Errors
    /// [`LedgerError`] when that could not be made durable.
    pub async fn purge(&self, seen: Vec<Arc<AlarmRecord>>) -> Result<usize, LedgerError> {
        self.stage(move |inner, tx| {
            let mut staged = inner.staged();
            let mut purged = 0;
            for record in seen {
                let is_same = staged.list.get(&record.id).is_some_and(|now| now.last_changed == record.last_changed);
                if is_same && staged.remove(tx, record.id)? {
                    purged += 1;
                }
            }
            Ok(purged)
        })
        .await
    }

    /// Returns a snapshot of all alarms. Never waits for the disk.
    #[must_use]
    pub fn alarms(&self) -> AlarmList {
        lock(&self.0.published).clone()
    }

    /// Returns one alarm. Never waits for the disk.
    #[must_use]
    pub fn alarm(&self, id: &AlarmId) -> Option<Arc<AlarmRecord>> {
        lock(&self.0.published).get(id).cloned()
    }

    /// Returns why reports are refused, while the disk takes no writes.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.0.store.refusal().borrow().clone()
    }

    /// Returns a view of the newest durable position; it changes when there is something new to read.
    #[must_use]
    pub fn tail(&self) -> watch::Receiver<JournalPosition> {
        self.0.tail.subscribe()
    }

    /// Waits until the newest durable position is behind another one, for a while at most; returns it. Blocks the thread.
    #[must_use]
    pub fn wait_behind(&self, position: JournalPosition, wait: Duration) -> JournalPosition {
        let newest = lock(&self.0.newest);
        let waited = self.0.grown.wait_timeout_while(newest, wait, |newest| *newest <= position);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Returns the transitions at and after `from` that are published, oldest first, at most `limit`. Reads the disk,
    /// blocking the thread, when they are no longer in memory.
    ///
    /// # Errors
    /// Those of the store.
    pub fn read(&self, from: JournalPosition, limit: usize) -> Result<Vec<Arc<Transition>>, LedgerError> {
        if let Some(transitions) = self.read_ring(from, limit) {
            return Ok(transitions);
        }
        // What is on the disk and not yet published must not be seen, so the tail is looked at first.
        let tail = *self.0.tail.borrow();
        let transitions = self.0.store.read_journal(from, limit)?;
        Ok(transitions.into_iter().take_while(|t| t.position <= tail).map(Arc::new).collect())
    }

    /// Returns what [`Ledger::read`] returns when that is in memory, else `None`. Never waits for the disk.
    #[must_use]
    pub fn read_ring(&self, from: JournalPosition, limit: usize) -> Option<Vec<Arc<Transition>>> {
        lock(&self.0.ring).read(from, limit)
    }

    /// Stores the alarm list and ends the thread that does so; blocks until that is done. Called when no more
    /// reports come; what comes nevertheless is in the journal.
    pub fn close(&self) {
        self.0.recorder.close();
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn next_wake(&self) -> watch::Receiver<Wake> {
        self.0.next_wake.subscribe()
    }

    pub(super) fn impact_source(&self) -> &dyn ImpactSource {
        &*self.0.impact
    }

    /// Returns whether the newest change of alarms could not be written because the disk is full, and nothing else was since.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.0.is_disk_full.load(Ordering::Relaxed) && self.0.store.refusal().borrow().is_some()
    }

    /// Returns how many reports were refused since the start because the list was full of standing alarms.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    pub(super) fn grace_left(&self) -> Duration {
        self.0.grace.saturating_sub(self.0.clock.elapsed().saturating_sub(self.0.opened_at))
    }

    pub(super) async fn work_off(&self, with_deadlines: bool) -> Result<usize, LedgerError> {
        let mut worked_off = 0;
        loop {
            let some = self.stage(move |inner, tx| inner.work_off_some(tx, with_deadlines)).await?;
            worked_off += some;
            if some < WORKED_OFF_PER_JOB {
                return Ok(worked_off);
            }
        }
    }

    /// Runs work on the staged list inside the writer's transaction and waits until it is durable and published.
    pub(super) async fn stage<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (tell, told) = oneshot::channel();
        let (inner, ended) = (Arc::clone(&self.0), self.ended());
        let run = move |tx: &mut WriteTransaction<'_>| work(&inner, tx);
        // Whoever asked and went away needs no answer.
        self.0.store.submit_async(Isolation::Shared, run, move |outcome| drop(tell.send(ended(outcome)))).await?;
        Ok(told.await.unwrap_or(Err(StoreError::Closed))?)
    }

    /// Does what [`Ledger::stage`] does, blocking the thread. Not for an asynchronous task.
    pub(super) fn stage_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (tell, told) = mpsc::sync_channel(1);
        let (inner, ended) = (Arc::clone(&self.0), self.ended());
        let run = move |tx: &mut WriteTransaction<'_>| work(&inner, tx);
        // Whoever asked and went away needs no answer.
        self.0.store.submit(Isolation::Shared, run, move |outcome| drop(tell.send(ended(outcome))))?;
        Ok(told.recv().unwrap_or(Err(StoreError::Closed))?)
    }

    fn decide(
        &self,
        reports: Vec<Report>,
    ) -> impl FnOnce(&mut WriteTransaction<'_>) -> Result<Vec<Verdict>, StoreError> + Send + 'static {
        let inner = Arc::clone(&self.0);
        move |tx| {
            let (context, mut staged) = (inner.context(), inner.staged());
            reports.into_iter().map(|report| staged.report(tx, report, context)).collect()
        }
    }

    /// Returns what to do, on the writer's thread, when a group ended: publish it or forget it.
    fn ended<T>(&self) -> impl FnOnce(Result<T, StoreError>) -> Result<T, StoreError> + Send + 'static {
        let inner = Arc::clone(&self.0);
        move |outcome| {
            inner.is_disk_full.store(matches!(&outcome, Err(StoreError::Full)), Ordering::Relaxed);
            match &outcome {
                Ok(_) => inner.publish(),
                Err(_) => inner.forget(),
            }
            outcome
        }
    }
}

impl Inner {
    pub(super) fn staged(&self) -> MutexGuard<'_, Staged> {
        lock(&self.staged)
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context { now: self.clock.now(), impact: &*self.impact, refused: &self.refused }
    }

    fn work_off_some(&self, tx: &mut WriteTransaction<'_>, with_deadlines: bool) -> Result<usize, StoreError> {
        let (context, mut staged) = (self.context(), self.staged());
        if staged.list.is_shelf_due(context.now) {
            staged.list.rebuild_control(context.now);
            staged.is_changed = true;
            for id in staged.list.ids() {
                staged.revise(tx, id, false, context)?;
            }
        }
        let mut some = 0;
        while some < WORKED_OFF_PER_JOB && staged.tell_one(tx, context)? {
            some += 1;
        }
        while with_deadlines && some < WORKED_OFF_PER_JOB && staged.expire_one(tx, context)?.is_some() {
            some += 1;
        }
        Ok(some)
    }

    /// Shows what the group changed. The first of a group's jobs does so for all of them: all are durable.
    fn publish(&self) {
        let mut staged = self.staged();
        if !std::mem::take(&mut staged.is_changed) {
            return;
        }
        let list = staged.list.clone();
        let transitions = std::mem::take(&mut staged.transitions);
        drop(staged);
        let newest = transitions.last().map(|t| t.position);
        *lock(&self.published) = list.clone();
        {
            let mut ring = lock(&self.ring);
            for transition in transitions {
                ring.push(transition);
            }
        }
        if let Some(newest) = newest {
            self.tail.send_replace(newest);
            *lock(&self.newest) = newest;
            self.grown.notify_all();
        }
        let wake = wake(&list);
        self.next_wake.send_if_modified(|known| std::mem::replace(known, wake) != wake);
        self.recorder.put(list);
    }

    /// Undoes what the group changed; harmless when another of its jobs did so already.
    fn forget(&self) {
        let list = lock(&self.published).clone();
        *self.staged() = Staged::new(list);
    }
}

fn wake(list: &AlarmList) -> Wake {
    Wake { deadline: list.next_deadline(), turn: list.next_turn() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Splits reports into jobs, in order.
fn chunks(reports: Vec<Report>) -> impl Iterator<Item = Vec<Report>> {
    let mut left = reports.into_iter();
    std::iter::from_fn(move || {
        let some: Vec<Report> = left.by_ref().take(REPORTS_PER_JOB).collect();
        if some.is_empty() { None } else { Some(some) }
    })
}
