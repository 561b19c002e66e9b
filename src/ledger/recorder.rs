//! The thread that stores the alarm list a moment later, and trims the journal behind it.

use super::alarm_list::AlarmList;
use crate::alarm::JournalPosition;
use crate::diagnostic::Seldom;
use crate::store::{Store, StoreError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long changes are gathered: an alarm that changes often is written once, and a restart replays little.
const GATHER: Duration = Duration::from_millis(100);

/// Share of the time that storing may take under load: after a write that took a moment, twenty as long are gathered.
const GATHER_TIMES: u32 = 20;

/// Longest time that changes are gathered: a restart replays as much of the journal.
const GATHER_MAX: Duration = Duration::from_secs(2);

/// Transitions that stay in the journal although nobody needs them to go on: people ask what was told, and send it again.
const KEPT: u64 = 50_000;

/// How long to wait after a failure: a full disk does not empty at once.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How often the log tells of failures.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Positions after which the journal is trimmed: some megabytes.
const TRIM_EVERY: u64 = 4096;

#[derive(Default)]
struct Desk {
    latest: Option<AlarmList>,
    is_closing: bool,
}

/// Where the newest list is put for the thread.
#[derive(Default)]
struct Shared {
    desk: Mutex<Desk>,
    filled: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stores the alarm list in the background.
pub(super) struct Recorder {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Starts the thread; `stored` is what the store holds already.
    pub(super) fn start(store: Store, stored: AlarmList) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let work = Work {
            era: *store.records_era().borrow(),
            store,
            trimmed: JournalPosition(0),
            stored,
            gather: GATHER,
            shared: Arc::clone(&shared),
            failures: Seldom::default(),
        };
        let thread = std::thread::Builder::new().name("alarm-recorder".to_owned()).spawn(move || work.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Hands over the newest list.
    pub(super) fn put(&self, list: AlarmList) {
        self.shared.lock().latest = Some(list);
        self.shared.filled.notify_one();
    }

    /// Stores what was handed over and ends the thread; blocks until that is done.
    pub(super) fn close(&self) {
        self.shared.lock().is_closing = true;
        self.shared.filled.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the alarm recorder ended unexpectedly");
        }
    }
}

struct Work {
    store: Store,
    stored: AlarmList,
    /// How often the file had been set aside that holds what is stored.
    era: u64,
    trimmed: JournalPosition,
    /// How long changes are gathered now.
    gather: Duration,
    shared: Arc<Shared>,
    failures: Seldom,
}

impl Work {
    fn run(mut self) {
        while let Some(list) = self.next() {
            let started = self.store.clock().elapsed();
            let written = self.write(&list);
            let took = self.store.clock().elapsed().saturating_sub(started);
            self.gather = took.saturating_mul(GATHER_TIMES).clamp(GATHER, GATHER_MAX);
            match written {
                Ok(()) => {
                    self.stored = list;
                    self.trim();
                }
                Err(error) => {
                    if let Some(unsaid) = self.failures.may(self.store.clock().elapsed(), SAY_EVERY) {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(
                            error,
                            unsaid,
                            "the alarm list could not be stored: the journal keeps what it lacks"
                        );
                    }
                    if !self.put_back(list) {
                        return;
                    }
                }
            }
        }
    }

    fn write(&mut self, list: &AlarmList) -> Result<(), StoreError> {
        let era = *self.store.records_era().borrow();
        if era != self.era {
            // A new file has nothing, or what could be read of the one before.
            let nothing = AlarmList::default();
            self.store.write_records_of(era, true, list.position(), list.changes_since(&nothing))?;
            self.era = era;
            return Ok(());
        }
        let mut changes = list.changes_since(&self.stored).peekable();
        // A deadline that moved is no business of the stored list.
        if changes.peek().is_none() && list.position() == self.stored.position() {
            return Ok(());
        }
        self.store.write_records_of(era, false, list.position(), changes)
    }

    /// Waits for a list, then a moment for a newer one; `None` when there is nothing left and nothing will come.
    fn next(&self) -> Option<AlarmList> {
        let desk = self.shared.lock();
        let desk = self
            .shared
            .filled
            .wait_while(desk, |desk| desk.latest.is_none() && !desk.is_closing)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut desk, _) = self
            .shared
            .filled
            .wait_timeout_while(desk, self.gather, |desk| !desk.is_closing)
            .unwrap_or_else(PoisonError::into_inner);
        desk.latest.take()
    }

    /// Puts a list back that could not be stored, unless a newer one came, and waits. Returns whether to go on: when
    /// closing, the journal keeps what the list does not.
    fn put_back(&self, list: AlarmList) -> bool {
        let mut desk = self.shared.lock();
        desk.latest.get_or_insert(list);
        let (desk, _) = self
            .shared
            .filled
            .wait_timeout_while(desk, AFTER_FAILURE, |desk| !desk.is_closing)
            .unwrap_or_else(PoisonError::into_inner);
        !desk.is_closing
    }

    fn trim(&mut self) {
        let watermark = self.stored.position();
        if watermark.0.saturating_sub(self.trimmed.0) < TRIM_EVERY {
            return;
        }
        let up_to = JournalPosition(watermark.0.saturating_sub(KEPT));
        match self.store.sync_records().and_then(|()| self.store.trim_behind(up_to)) {
            Ok(()) => self.trimmed = watermark,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the journal could not be trimmed");
            }
        }
    }
}
