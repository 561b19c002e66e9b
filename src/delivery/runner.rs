//! The loop that delivers: reads for lanes that have room, starts attempts, takes their ends, gathers progress.

use super::flight::{Flight, Landed};
use super::handle::Handler;
use super::lane::{Consequence, GivenUp, Lane};
use super::parcel::Now;
use super::progress::Desk;
use super::reading::{self, Restored};
use super::status::{Board, HandlerState, LaneStatus, Sheet, lock};
use crate::alarm::{JournalPosition, Transition};
use crate::clock::Clock;
use crate::handler::{DeliveryId, Outcome};
use crate::ledger::Ledger;
use crate::store::{LaneException, Store};
use crate::task::Scope;
use crate::transport::FailureReason;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use uuid::Uuid;

/// How long attempts under way may take when the element ends; those that take longer are made again by the next start,
/// under the same identifiers.
const LAST_ATTEMPTS: Duration = Duration::from_secs(2);

/// How long to wait before progress that could not be written is written again: a full disk does not empty at once.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Ends of attempts that are taken before looking at the rest of the world again.
const LANDINGS_MAX: usize = 256;

/// Lanes that read the disk at the same time: as many as the store keeps connections for.
const DISK_READS_MAX: usize = 4;

/// What the handle tells the loop.
#[derive(Debug)]
pub(super) enum Command {
    Open { incarnation: Uuid, low: JournalPosition, exceptions: Vec<LaneException>, handler: Arc<Handler> },
    Change { incarnation: Uuid, handler: Arc<Handler> },
    Close { incarnation: Uuid },
    BaseUrl(Option<Arc<str>>),
}

/// A lane that takes part.
struct Running {
    lane: Lane,
    handler: Arc<Handler>,
    sheet: Sheet,
    is_reading: bool,
    wake_at: Option<Duration>,
}

/// A lane whose exceptions are being read.
struct Opening {
    low: JournalPosition,
    handler: Arc<Handler>,
}

/// The loop's state.
pub(super) struct Runner {
    ledger: Ledger,
    store: Store,
    clock: Clock,
    board: Arc<Board>,
    desk: Arc<Desk>,
    commands: mpsc::UnboundedReceiver<Command>,
    tail: watch::Receiver<JournalPosition>,
    newest: JournalPosition,
    lanes: HashMap<Uuid, Running>,
    opening: HashMap<Uuid, Opening>,
    flights: JoinSet<Landed>,
    routes: HashMap<Id, (Uuid, JournalPosition)>,
    reads: JoinSet<(Uuid, JournalPosition, Vec<Arc<Transition>>)>,
    openings: JoinSet<(Uuid, Restored)>,
    disk: Arc<Semaphore>,
    alarms: BTreeSet<(Duration, Uuid)>,
    awake: HashSet<Uuid>,
    base_url: Option<Arc<str>>,
    write_again_at: Option<Duration>,
}

impl Runner {
    pub(super) fn new(
        ledger: Ledger,
        store: Store,
        clock: Clock,
        board: Arc<Board>,
        desk: Arc<Desk>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let tail = ledger.tail();
        let newest = *tail.borrow();
        Self {
            ledger,
            store,
            clock,
            board,
            desk,
            commands,
            tail,
            newest,
            lanes: HashMap::new(),
            opening: HashMap::new(),
            flights: JoinSet::new(),
            routes: HashMap::new(),
            reads: JoinSet::new(),
            openings: JoinSet::new(),
            disk: Arc::new(Semaphore::new(DISK_READS_MAX)),
            alarms: BTreeSet::new(),
            awake: HashSet::new(),
            base_url: None,
            write_again_at: None,
        }
    }

    /// Delivers until the scope stops.
    pub(super) async fn run(mut self, scope: &Scope) {
        let desk = Arc::clone(&self.desk);
        let clock = self.clock.clone();
        let stopped = scope.stopped();
        tokio::pin!(stopped);
        loop {
            self.look_around();
            // After looking at the journal's end: whatever is below it and was raised after a commit finds that commit's
            // commands here, so that a handler that is gone is not told of it.
            while let Ok(command) = self.commands.try_recv() {
                self.obey(command);
            }
            self.work();
            let wake_at = self.wake_at();
            let sleep = async {
                match wake_at {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = &mut stopped => break,
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    // The handle is gone: nobody will add a lane, those there are go on.
                    None if self.lanes.is_empty() && self.opening.is_empty() => break,
                    None => self.commands.close(),
                },
                Some(landed) = self.flights.join_next_with_id(), if !self.flights.is_empty() => self.take_landings(landed),
                Some(read) = self.reads.join_next(), if !self.reads.is_empty() => self.take_read(read),
                Some(opened) = self.openings.join_next(), if !self.openings.is_empty() => self.take_opened(opened),
                changed = self.tail.changed() => if changed.is_err() { break },
                () = desk.failed.notified() => self.write_again_at = Some(self.now().elapsed.saturating_add(AFTER_FAILURE)),
                () = sleep => {}
            }
        }
        self.end().await;
    }

    /// Takes the ends of attempts under way for a moment, then writes where all lanes are.
    async fn end(mut self) {
        let clock = self.clock.clone();
        let enough = clock.sleep(LAST_ATTEMPTS);
        tokio::pin!(enough);
        while !self.flights.is_empty() {
            tokio::select! {
                Some(landed) = self.flights.join_next_with_id() => self.take_landings(landed),
                () = &mut enough => break,
            }
        }
        let now = self.now();
        for running in self.lanes.values_mut() {
            if let Some(progress) = running.lane.progress(now) {
                self.desk.put(progress);
            }
            running.show();
        }
        if let Err(error) = self.desk.flush().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the last progress of deliveries could not be written: the next start repeats them");
        }
    }

    fn now(&self) -> Now {
        Now { elapsed: self.clock.elapsed(), wall: self.clock.now() }
    }

    /// Wakes the lanes for which there is something new or whose time has come.
    fn look_around(&mut self) {
        let newest = *self.tail.borrow_and_update();
        if newest > self.newest {
            self.newest = newest;
            let reading = self.lanes.iter().filter(|(_, running)| running.lane.room() > 0);
            self.awake.extend(reading.map(|(lane, _)| *lane));
        }
        if self.alarms.is_empty() && self.write_again_at.is_none() {
            return;
        }
        let elapsed = self.clock.elapsed();
        while let Some((at, lane)) = self.alarms.first().copied().filter(|(at, _)| *at <= elapsed) {
            self.alarms.remove(&(at, lane));
            if let Some(running) = self.lanes.get_mut(&lane) {
                running.wake_at = None;
            }
            self.awake.insert(lane);
        }
        if self.write_again_at.is_some_and(|at| at <= elapsed) {
            self.write_again_at = None;
            self.desk.call();
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        let lane = self.alarms.first().map(|(at, _)| *at);
        match (lane, self.write_again_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Lets every lane that is awake do what it can.
    fn work(&mut self) {
        if self.awake.is_empty() {
            return;
        }
        let now = self.now();
        for lane in std::mem::take(&mut self.awake) {
            self.serve(lane, now);
        }
    }

    fn serve(&mut self, incarnation: Uuid, now: Now) {
        let Some(running) = self.lanes.get_mut(&incarnation) else { return };
        let room = running.lane.room();
        if room > 0 && !running.is_reading && running.lane.read() < self.newest {
            let from = JournalPosition(running.lane.read().0.saturating_add(1));
            if let Some(mut transitions) = self.ledger.read_ring(from, room) {
                // The ring may have grown since commands were taken.
                transitions.retain(|transition| transition.position <= self.newest);
                let is_all = transitions.len() < room;
                running.offer(transitions, is_all, self.newest);
            } else {
                running.is_reading = true;
                let (ledger, clock, disk) = (self.ledger.clone(), self.clock.clone(), Arc::clone(&self.disk));
                let newest = self.newest;
                let read = reading::read(ledger, clock, disk, from, room);
                self.reads.spawn(async move { (incarnation, newest, read.await) });
            }
        }
        while let Some(transition) = running.lane.start(now) {
            let flight = Flight {
                handler: Arc::clone(&running.handler),
                transition,
                incarnation,
                base_url: self.base_url.clone(),
                deadline: running.lane.attempt_timeout(),
                clock: self.clock.clone(),
            };
            let route = flight.route();
            let task = self.flights.spawn(flight.fly());
            self.routes.insert(task.id(), route);
        }
        // A portion that is done with at once leaves room for the next.
        if running.lane.room() > 0 && !running.is_reading && running.lane.read() < self.newest {
            self.awake.insert(incarnation);
        }
        if let Some(progress) = running.lane.progress(now) {
            self.desk.put(progress);
        }
        let wake_at = running.lane.wake_at().filter(|at| *at > now.elapsed);
        if wake_at != running.wake_at {
            if let Some(old) = std::mem::replace(&mut running.wake_at, wake_at) {
                self.alarms.remove(&(old, incarnation));
            }
            self.alarms.extend(wake_at.map(|at| (at, incarnation)));
        }
        running.show();
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Open { incarnation, low, exceptions, handler } => {
                let opening = Opening { low, handler };
                if exceptions.is_empty() {
                    self.open(incarnation, opening, Restored::default());
                } else {
                    self.opening.insert(incarnation, opening);
                    let restored =
                        reading::restore(self.store.clone(), self.clock.clone(), Arc::clone(&self.disk), exceptions);
                    self.openings.spawn(async move { (incarnation, restored.await) });
                }
            }
            Command::Change { incarnation, handler } => {
                let now = self.now();
                if let Some(running) = self.lanes.get_mut(&incarnation) {
                    running.lane.reconfigure(handler.spec.delivery.clone(), now);
                    {
                        let mut sheet = lock(&running.sheet);
                        (sheet.kind, sheet.destination) = (handler.notifier.kind(), handler.notifier.destination());
                    }
                    running.handler = handler;
                    self.awake.insert(incarnation);
                } else if let Some(opening) = self.opening.get_mut(&incarnation) {
                    opening.handler = handler;
                }
            }
            Command::Close { incarnation } => {
                self.opening.remove(&incarnation);
                if let Some(running) = self.lanes.remove(&incarnation)
                    && let Some(at) = running.wake_at
                {
                    self.alarms.remove(&(at, incarnation));
                }
                self.board.remove(incarnation);
            }
            Command::BaseUrl(base_url) => self.base_url = base_url,
        }
    }

    fn open(&mut self, incarnation: Uuid, opening: Opening, restored: Restored) {
        let Opening { low, handler } = opening;
        let status = LaneStatus {
            handler: handler.spec.id.clone(),
            kind: handler.notifier.kind(),
            destination: handler.notifier.destination(),
            state: HandlerState::Idle,
            read: low,
            unsettled: 0,
            delivered: 0,
            given_up: 0,
            last_success: None,
            last_failure: None,
        };
        let sheet = self.board.put(incarnation, status);
        let lane = Lane::new(incarnation, low, handler.spec.delivery.clone(), restored, self.now());
        self.lanes.insert(incarnation, Running { lane, handler, sheet, is_reading: false, wake_at: None });
        self.awake.insert(incarnation);
    }

    fn take_opened(&mut self, opened: Result<(Uuid, Restored), JoinError>) {
        match opened {
            Ok((incarnation, restored)) => {
                if let Some(opening) = self.opening.remove(&incarnation) {
                    self.open(incarnation, opening, restored);
                }
            }
            Err(error) => tracing::error!(%error, "a lane could not be opened: a restart repairs it"),
        }
    }

    fn take_read(&mut self, read: Result<(Uuid, JournalPosition, Vec<Arc<Transition>>), JoinError>) {
        match read {
            Ok((incarnation, newest, transitions)) => {
                let Some(running) = self.lanes.get_mut(&incarnation) else { return };
                running.is_reading = false;
                // A portion that is not full may have been cut short by the store; the next one tells.
                let is_all = transitions.is_empty();
                running.offer(transitions, is_all, newest);
                self.awake.insert(incarnation);
            }
            Err(error) => tracing::error!(%error, "a lane could not be read: a restart repairs it"),
        }
    }

    fn take_landings(&mut self, first: Result<(Id, Landed), JoinError>) {
        let now = self.now();
        self.take_landing(first, now);
        for _ in 0..LANDINGS_MAX {
            let Some(next) = self.flights.try_join_next_with_id() else { break };
            self.take_landing(next, now);
        }
    }

    fn take_landing(&mut self, landed: Result<(Id, Landed), JoinError>, now: Now) {
        let (task, landed) = match landed {
            Ok(landed) => landed,
            // A defect of a notifier is no reason to lose an alarm.
            Err(error) => {
                let outcome = Outcome::Retry { reason: FailureReason::InvalidRequest, after: None, pauses_lane: false };
                (error.id(), Landed::Attempted { outcome, failure: format!("the notifier failed: {error}") })
            }
        };
        let Some((incarnation, position)) = self.routes.remove(&task) else { return };
        let Some(running) = self.lanes.get_mut(&incarnation) else { return };
        running.take_landing(position, landed, now);
        self.awake.insert(incarnation);
    }
}

impl Running {
    /// Hands over what was read, without what the handler is not told about; `is_all` says that there is nothing else up to
    /// `newest`.
    fn offer(&mut self, mut transitions: Vec<Arc<Transition>>, is_all: bool, newest: JournalPosition) {
        let last = transitions.last().map(|transition| transition.position).unwrap_or_default();
        transitions.retain(|transition| self.handler.spec.wants(transition));
        self.lane.offer(transitions, if is_all { newest } else { last });
    }

    fn take_landing(&mut self, position: JournalPosition, landed: Landed, now: Now) {
        let was_failing = self.lane.is_failing();
        let (consequence, failure) = match landed {
            Landed::Attempted { outcome, failure } => (self.lane.finish(position, outcome, now), failure),
            Landed::Unwritable(why) => (self.lane.bury(position), why),
        };
        self.log(position, consequence, &failure, was_failing);
        let mut sheet = lock(&self.sheet);
        match consequence {
            Consequence::Unknown => return,
            Consequence::Delivered { .. } => {
                sheet.delivered = sheet.delivered.saturating_add(1);
                sheet.last_success = Some(now.wall);
                return;
            }
            Consequence::GivenUp(_) => sheet.given_up = sheet.given_up.saturating_add(1),
            Consequence::Again | Consequence::Suspended => {}
        }
        sheet.last_failure = Some((now.wall, failure));
    }

    fn log(&self, position: JournalPosition, consequence: Consequence, failure: &str, was_failing: bool) {
        let (handler, to) = (self.handler.spec.id.as_str(), self.handler.notifier.destination());
        match consequence {
            Consequence::Unknown => {}
            Consequence::Delivered { resumed: true } => tracing::info!(handler, to, "the handler takes alarms again"),
            Consequence::Delivered { .. } => {
                if was_failing {
                    tracing::info!(handler, to, "the handler is reached again");
                }
            }
            Consequence::Again if !was_failing && self.lane.is_failing() => {
                tracing::warn!(handler, to, failure, "the handler fails: what is for it waits and is retried");
            }
            Consequence::Again => tracing::debug!(handler, to, failure, position = position.0, "an attempt failed"),
            Consequence::Suspended => {
                tracing::warn!(
                    handler,
                    to,
                    failure,
                    "the handler refuses everything: it is suspended, and probed now and then"
                );
            }
            Consequence::GivenUp(why) => {
                let delivery = DeliveryId::new(self.lane.incarnation(), position).to_string();
                let why = match why {
                    GivenUp::Refused(_) => "refused",
                    GivenUp::TriedTooLong(_) => "tried for too long",
                    GivenUp::Unwritable => "cannot be written as a message",
                };
                tracing::warn!(handler, to, failure, delivery, position = position.0, why, "a delivery is given up");
            }
        }
    }

    fn show(&self) {
        let unsettled = self.lane.unsettled();
        let state = if self.lane.is_suspended() {
            HandlerState::Suspended
        } else if self.lane.is_failing() {
            HandlerState::Failing
        } else if self.lane.is_retrying() {
            HandlerState::Retrying
        } else if unsettled > 0 {
            HandlerState::Delivering
        } else {
            HandlerState::Idle
        };
        let mut sheet = lock(&self.sheet);
        (sheet.state, sheet.read, sheet.unsettled) = (state, self.lane.read(), unsettled);
    }
}
