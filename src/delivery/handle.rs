//! The handle on delivery: lanes are created, changed and removed by commits; how they fare is asked here.

use super::HandlerSpec;
use super::departures::Idleness;
use super::log::AttemptLog;
use super::parcel::kept_number;
use super::progress::Desk;
use super::removed;
use super::runner::{Command, Opening, Parts, Runner};
use super::status::{Board, HandlerStatus, lock};
use crate::alarm::JournalPosition;
use crate::clock::Clock;
use crate::handler::Notifier;
use crate::ledger::Ledger;
use crate::store::{LaneRow, LogRetention, NewLane, RowWrite, Store, StoreError};
use crate::task::Scope;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::mpsc;
use uuid::Uuid;

/// A handler, ready to be told.
#[derive(Debug, Clone)]
pub struct Handler {
    /// What it is configured to be.
    pub spec: HandlerSpec,
    /// What tells it.
    pub notifier: Arc<dyn Notifier>,
}

/// Why delivery does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The lanes cannot be read.
    #[error("the lanes cannot be read")]
    Store(#[from] StoreError),
    /// The system gives no thread or no runtime.
    #[error("the thread that delivers cannot be started")]
    Thread(#[from] std::io::Error),
}

/// A handle on delivery; clones share it.
#[derive(Debug, Clone)]
pub struct Deliveries(Arc<Shared>);

pub(super) struct Shared {
    pub(super) ledger: Ledger,
    pub(super) store: Store,
    commands: mpsc::UnboundedSender<Command>,
    board: Arc<Board>,
    directory: Mutex<Directory>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// The lanes there are, by handler.
#[derive(Debug, Default)]
struct Directory {
    /// Stored, and not yet taken up by this process.
    stored: BTreeMap<String, LaneRow>,
    running: BTreeMap<String, Uuid>,
}

impl Deliveries {
    /// Starts delivery on a thread of its own in the scope. Stored lanes rest until a commit, or the boot, puts their
    /// handlers.
    ///
    /// # Errors
    /// When the lanes cannot be read or the thread not be started.
    pub fn start(scope: &Scope, ledger: Ledger, store: Store, clock: Clock) -> Result<Self, StartError> {
        let lanes = store.lanes()?;
        let next = removed::settle_left_behind(&store, next_number(&store, &lanes)?)?;
        let stored = lanes.into_iter().map(|lane| (lane.handler.clone(), lane)).collect();
        let board = Arc::new(Board::default());
        let (commands, inbox) = mpsc::unbounded_channel();
        let idleness = Arc::new(Idleness::default());
        let (begin, end) = (Arc::clone(&idleness), Arc::clone(&idleness));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || begin.begin())
            .on_thread_unpark(move || end.end())
            .build()?;
        let log = AttemptLog::default();
        let parts = Parts {
            clock,
            board: Arc::clone(&board),
            desk: Desk::new(store.clone()),
            log: log.clone(),
            numbers: Arc::new(AtomicU64::new(next)),
            commands: inbox,
            idleness,
        };
        let runner = Runner::new(ledger.clone(), store.clone(), parts);
        let until = scope.clone();
        let writing = store.clone();
        scope.spawn_thread("delivery-log", move || log.run(&writing))?;
        scope.spawn_thread("delivery", move || {
            runtime.block_on(runner.run(&until));
            // A name that is still being resolved on a thread must not hold up the end.
            runtime.shutdown_background();
        })?;
        let directory = Mutex::new(Directory { stored, running: BTreeMap::new() });
        Ok(Self(Arc::new(Shared { ledger, store, commands, board, directory })))
    }

    /// Begins a change of the lanes, to be prepared as part of a commit.
    #[must_use]
    pub fn change(&self) -> LaneChange {
        LaneChange { deliveries: self.clone(), rows: Vec::new(), steps: Vec::new() }
    }

    /// Returns how every handler fares that is told about alarms, by name.
    #[must_use]
    pub fn statuses(&self) -> Vec<HandlerStatus> {
        self.0.board.read(*self.0.ledger.tail().borrow())
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Returns the lane of a handler that is told about alarms.
    pub(super) fn lane_of(&self, handler: &str) -> Option<Uuid> {
        lock(&self.0.directory).running.get(handler).copied()
    }

    pub(super) fn send(&self, command: Command) {
        // The other side ends with the element only; what is durable is taken up by the next start.
        if self.0.commands.send(command).is_err() {
            tracing::debug!("delivery has ended: a change of the handlers waits for the next start");
        }
    }
}

/// Returns the first number that no delivery has in the delivery log.
fn next_number(store: &Store, lanes: &[LaneRow]) -> Result<u64, StoreError> {
    let waiting = lanes.iter().flat_map(|lane| lane.exceptions.iter().filter_map(kept_number)).max().unwrap_or(0);
    let last = waiting.max(store.last_delivery_number()?).max(store.last_attempt_number()?);
    Ok(last.saturating_add(1))
}

/// A change of the lanes: rows for the commit's transaction, and steps for afterwards. Dropping it leaves all as it is.
pub struct LaneChange {
    deliveries: Deliveries,
    rows: Vec<RowWrite>,
    steps: Vec<Step>,
}

impl std::fmt::Debug for LaneChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaneChange").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

enum Step {
    Create {
        incarnation: Uuid,
        created: Arc<OnceLock<Created>>,
        handler: Arc<Handler>,
    },
    Adopt(Arc<Handler>),
    Change(Uuid, Arc<Handler>),
    Rename {
        from: String,
        handler: Arc<Handler>,
    },
    /// By name and lane: the name may be another's in the same commit.
    Remove(String, Uuid),
    /// Says the address that links begin with, when the change is taken into use.
    BaseUrl(Box<dyn FnOnce() -> Option<String> + Send>),
    Revision(Arc<OnceLock<u64>>),
    Keep(LogRetention),
}

/// What a lane's row was given when it was written.
#[derive(Debug, Clone, Copy)]
struct Created {
    number: u32,
    start: JournalPosition,
    at: Timestamp,
}

impl LaneChange {
    /// Puts a handler. One that has a lane keeps it, with its progress and the identifiers of its deliveries; the
    /// specification counts from the next attempt on, and what waits for a retry is retried at once. One that has none
    /// gets a lane that begins with the alarms that stand, where it is configured to, and goes on with the next transition
    /// after the commit.
    pub fn put(&mut self, handler: Handler) {
        let handler = Arc::new(handler);
        let directory = lock(&self.deliveries.0.directory);
        let id = &handler.spec.id;
        let step = match (directory.running.get(id), directory.stored.contains_key(id)) {
            (Some(incarnation), _) => Step::Change(*incarnation, handler),
            (None, true) => Step::Adopt(handler),
            (None, false) => {
                let (incarnation, created) = (Uuid::new_v4(), Arc::new(OnceLock::new()));
                let (name, told) = (id.clone(), Arc::clone(&created));
                let sends_standing = handler.spec.delivery.sends_standing;
                self.rows.push(Box::new(move |tx| {
                    let start = tx.last_position();
                    let low = if sends_standing { JournalPosition(0) } else { start };
                    let number = tx.create_lane(&NewLane { incarnation, handler: &name, start, low })?;
                    let at = tx.now();
                    told.get_or_init(|| Created { number, start, at });
                    Ok(())
                }));
                Step::Create { incarnation, created, handler }
            }
        };
        self.steps.push(step);
    }

    /// Gives a handler's lane another name: its progress and the identifiers of its deliveries stay. Without a lane of the
    /// old name this is [`LaneChange::put`].
    pub fn rename(&mut self, from: &str, handler: Handler) {
        let Some(incarnation) = self.deliveries.0.incarnation(from) else { return self.put(handler) };
        let name = handler.spec.id.clone();
        self.rows.push(Box::new(move |tx| tx.rename_lane(incarnation, &name)));
        self.steps.push(Step::Rename { from: from.to_owned(), handler: Arc::new(handler) });
    }

    /// Removes a handler's lane with all that waits in it; one that does not exist is fine. A handler that is disabled is
    /// removed, too: enabled again, it begins anew.
    pub fn remove(&mut self, id: &str) {
        let Some(incarnation) = self.deliveries.0.incarnation(id) else { return };
        self.rows.push(Box::new(move |tx| tx.remove_lane(incarnation)));
        self.steps.push(Step::Remove(id.to_owned(), incarnation));
    }

    /// Removes all lanes of handlers that are not named: at boot, those that the configuration does not have.
    pub fn keep_only(&mut self, names: &BTreeSet<String>) {
        let others: Vec<String> = {
            let directory = lock(&self.deliveries.0.directory);
            let all = directory.stored.keys().chain(directory.running.keys());
            all.filter(|name| !names.contains(*name)).cloned().collect()
        };
        for name in others {
            self.remove(&name);
        }
    }

    /// Sets the address that links in messages begin with where the transition brings none; it is asked for when the change
    /// is taken into use.
    pub fn set_base_url(&mut self, base_url: impl FnOnce() -> Option<String> + Send + 'static) {
        // First of all: a lane may make attempts as soon as it is open, and each must have the address.
        self.steps.insert(0, Step::BaseUrl(Box::new(base_url)));
    }

    /// Lets attempts be made under the revision that the change is part of; at a restart under the newest.
    pub fn follow_revision(&mut self, is_restart: bool) {
        let revision = Arc::new(OnceLock::new());
        if is_restart {
            // There is no new one, and so nothing to write.
            match self.deliveries.0.store.revision_heads(1) {
                Ok(heads) => drop(revision.set(heads.first().map_or(0, |head| head.number))),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the newest revision is unknown");
                }
            }
            self.steps.insert(0, Step::Revision(revision));
            return;
        }
        let told = Arc::clone(&revision);
        self.rows.push(Box::new(move |tx| {
            let number = tx.last_revision()?;
            told.get_or_init(|| number);
            Ok(())
        }));
        // First of all: a lane that is opened notes under which revision.
        self.steps.insert(0, Step::Revision(revision));
    }

    /// Sets what of the delivery log is kept.
    pub fn set_retention(&mut self, keep: LogRetention) {
        self.steps.push(Step::Keep(keep));
    }

    /// Returns the rows, and what takes the change into use once they are durable.
    #[must_use]
    pub fn into_parts(self) -> (Vec<RowWrite>, Box<dyn FnOnce() + Send>) {
        let Self { deliveries, rows, steps } = self;
        (rows, Box::new(move || deliveries.take(steps)))
    }
}

impl Shared {
    fn incarnation(&self, handler: &str) -> Option<Uuid> {
        let directory = lock(&self.directory);
        let running = directory.running.get(handler).copied();
        running.or_else(|| directory.stored.get(handler).map(|lane| lane.incarnation))
    }
}

impl Deliveries {
    fn take(&self, steps: Vec<Step>) {
        let mut directory = lock(&self.0.directory);
        // Names may change hands: all that are given up are so before the first is taken.
        let mut renamed: HashMap<String, Lane> = HashMap::new();
        for step in &steps {
            match step {
                Step::Rename { from, .. } => {
                    if let Some(lane) = directory.give_up(from) {
                        renamed.insert(from.clone(), lane);
                    }
                }
                Step::Remove(id, incarnation) => {
                    if let Some(Lane::Running(_)) = directory.give_up(id) {
                        self.send(Command::Close { incarnation: *incarnation });
                    }
                }
                _ => {}
            }
        }
        for step in steps {
            match step {
                Step::Create { incarnation, created, handler } => {
                    let Some(created) = created.get().copied() else {
                        tracing::error!(handler = handler.spec.id, "a lane was not written and is not used");
                        continue;
                    };
                    directory.running.insert(handler.spec.id.clone(), incarnation);
                    let row = new_row(incarnation, created, &handler);
                    self.send(Command::Open(Box::new(Opening { row, handler })));
                }
                Step::Adopt(handler) => {
                    let Some(row) = directory.stored.remove(&handler.spec.id) else { continue };
                    directory.running.insert(handler.spec.id.clone(), row.incarnation);
                    self.send(Command::Open(Box::new(Opening { row, handler })));
                }
                Step::Change(incarnation, handler) => self.send(Command::Change { incarnation, handler }),
                Step::Rename { from, handler } => match renamed.remove(&from) {
                    Some(Lane::Running(incarnation)) => {
                        directory.running.insert(handler.spec.id.clone(), incarnation);
                        self.send(Command::Change { incarnation, handler });
                    }
                    Some(Lane::Stored(row)) => {
                        directory.running.insert(handler.spec.id.clone(), row.incarnation);
                        self.send(Command::Open(Box::new(Opening { row: *row, handler })));
                    }
                    None => {}
                },
                Step::Remove(..) => {}
                Step::BaseUrl(ask) => self.send(Command::BaseUrl(ask().map(Into::into))),
                Step::Revision(revision) => {
                    if let Some(revision) = revision.get() {
                        self.send(Command::Revision(*revision));
                    }
                }
                Step::Keep(keep) => self.send(Command::Keep(keep)),
            }
        }
    }
}

/// A lane that gave up its name.
enum Lane {
    Running(Uuid),
    Stored(Box<LaneRow>),
}

impl Directory {
    fn give_up(&mut self, name: &str) -> Option<Lane> {
        let running = self.running.remove(name).map(Lane::Running);
        let stored = self.stored.remove(name).map(|row| Lane::Stored(Box::new(row)));
        running.or(stored)
    }
}

fn new_row(incarnation: Uuid, created: Created, handler: &Handler) -> LaneRow {
    let low = if handler.spec.delivery.sends_standing { JournalPosition(0) } else { created.start };
    LaneRow {
        incarnation,
        number: created.number,
        handler: handler.spec.id.clone(),
        low,
        start: created.start,
        condition: None,
        created: created.at,
        exceptions: Vec::new(),
        settled_above: BTreeSet::new(),
        sent: Vec::new(),
    }
}
