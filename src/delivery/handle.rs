//! The handle on delivery: lanes are created, changed and removed by commits; how they fare is asked here.

use super::HandlerSpec;
use super::progress::Desk;
use super::runner::{Command, Runner};
use super::status::{Board, HandlerStatus, lock};
use crate::alarm::JournalPosition;
use crate::clock::Clock;
use crate::handler::Notifier;
use crate::ledger::Ledger;
use crate::store::{LaneRow, RowWrite, Store, StoreError};
use crate::task::Scope;
use std::collections::{BTreeMap, BTreeSet};
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

#[derive(Debug)]
struct Shared {
    ledger: Ledger,
    commands: mpsc::UnboundedSender<Command>,
    board: Arc<Board>,
    directory: Mutex<Directory>,
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
        let stored = store.lanes()?.into_iter().map(|lane| (lane.handler.clone(), lane)).collect();
        let board = Arc::new(Board::default());
        let (commands, inbox) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let desk = Desk::new(store.clone());
        let runner = Runner::new(ledger.clone(), store, clock, Arc::clone(&board), desk, inbox);
        let until = scope.clone();
        scope.spawn_thread("delivery", move || {
            runtime.block_on(runner.run(&until));
            // A name that is still being resolved on a thread must not hold up the end.
            runtime.shutdown_background();
        })?;
        let directory = Mutex::new(Directory { stored, running: BTreeMap::new() });
        Ok(Self(Arc::new(Shared { ledger, commands, board, directory })))
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

    fn send(&self, command: Command) {
        // The other side ends with the element only; what is durable is taken up by the next start.
        if self.0.commands.send(command).is_err() {
            tracing::debug!("delivery has ended: a change of the handlers waits for the next start");
        }
    }
}

/// A change of the lanes: rows for the commit's transaction, and steps for afterwards. Dropping it leaves all as it is.
pub struct LaneChange {
    deliveries: Deliveries,
    rows: Vec<RowWrite>,
    steps: Vec<Step>,
}

impl std::fmt::Debug for LaneChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaneChange").field("rows", &self.rows.len()).field("steps", &self.steps).finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Step {
    Create { incarnation: Uuid, start: Arc<OnceLock<JournalPosition>>, handler: Arc<Handler> },
    Adopt(Arc<Handler>),
    Change(Uuid, Arc<Handler>),
    Remove(String),
    BaseUrl(BaseUrl),
}

/// Says the address that links begin with, when the change is taken into use.
struct BaseUrl(Box<dyn FnOnce() -> Option<String> + Send>);

impl std::fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BaseUrl")
    }
}

impl LaneChange {
    /// Puts a handler. One that has a lane keeps it, with its progress and the identifiers of its deliveries; the
    /// specification counts from the next attempt on, and what waits for a retry is retried at once. One that has none
    /// gets a lane that begins with the next transition after the commit: what stood before is not told.
    pub fn put(&mut self, handler: Handler) {
        let handler = Arc::new(handler);
        let directory = lock(&self.deliveries.0.directory);
        let id = &handler.spec.id;
        let step = match (directory.running.get(id), directory.stored.contains_key(id)) {
            (Some(incarnation), _) => Step::Change(*incarnation, handler),
            (None, true) => Step::Adopt(handler),
            (None, false) => {
                let (incarnation, start) = (Uuid::new_v4(), Arc::new(OnceLock::new()));
                let (name, told) = (id.clone(), Arc::clone(&start));
                self.rows.push(Box::new(move |tx| {
                    let position = tx.last_position();
                    tx.create_lane(incarnation, &name, position)?;
                    told.get_or_init(|| position);
                    Ok(())
                }));
                Step::Create { incarnation, start, handler }
            }
        };
        self.steps.push(step);
    }

    /// Removes a handler's lane with all that waits in it; one that does not exist is fine. A handler that is disabled is
    /// removed, too: enabled again, it is told what happens from then on, not what happened meanwhile.
    pub fn remove(&mut self, id: &str) {
        let directory = lock(&self.deliveries.0.directory);
        let incarnation = directory.running.get(id).copied();
        let Some(incarnation) = incarnation.or_else(|| directory.stored.get(id).map(|lane| lane.incarnation)) else {
            return;
        };
        self.rows.push(Box::new(move |tx| tx.remove_lane(incarnation)));
        self.steps.push(Step::Remove(id.to_owned()));
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

    /// Sets the address that links in messages begin with; it is asked for when the change is taken into use.
    pub fn set_base_url(&mut self, base_url: impl FnOnce() -> Option<String> + Send + 'static) {
        // First of all: a lane may make attempts as soon as it is open, and each must have the address.
        self.steps.insert(0, Step::BaseUrl(BaseUrl(Box::new(base_url))));
    }

    /// Returns the rows, and what takes the change into use once they are durable.
    #[must_use]
    pub fn into_parts(self) -> (Vec<RowWrite>, Box<dyn FnOnce() + Send>) {
        let Self { deliveries, rows, steps } = self;
        (rows, Box::new(move || deliveries.take(steps)))
    }
}

impl Deliveries {
    fn take(&self, steps: Vec<Step>) {
        let mut directory = lock(&self.0.directory);
        for step in steps {
            match step {
                Step::Create { incarnation, start, handler } => {
                    let Some(low) = start.get().copied() else {
                        tracing::error!(handler = handler.spec.id, "a lane was not written and is not used");
                        continue;
                    };
                    directory.running.insert(handler.spec.id.clone(), incarnation);
                    self.send(Command::Open { incarnation, low, exceptions: Vec::new(), handler });
                }
                Step::Adopt(handler) => {
                    let Some(lane) = directory.stored.remove(&handler.spec.id) else { continue };
                    directory.running.insert(handler.spec.id.clone(), lane.incarnation);
                    let LaneRow { incarnation, low, exceptions, .. } = lane;
                    self.send(Command::Open { incarnation, low, exceptions, handler });
                }
                Step::Change(incarnation, handler) => self.send(Command::Change { incarnation, handler }),
                Step::Remove(id) => {
                    directory.stored.remove(&id);
                    if let Some(incarnation) = directory.running.remove(&id) {
                        self.send(Command::Close { incarnation });
                    }
                }
                Step::BaseUrl(BaseUrl(ask)) => self.send(Command::BaseUrl(ask().map(Into::into))),
            }
        }
    }
}
