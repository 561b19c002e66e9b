//! The loop that delivers: reads for lanes that have room, starts attempts, takes their ends, gathers progress.

use super::admission::{Principal, StandIn};
use super::departures::{Departures, Idleness};
use super::flight::{Flight, Landed};
use super::handle::Handler;
use super::lane::{Identity, Inserted, Lane, WINDOW};
use super::log::AttemptLog;
use super::parcel::Now;
use super::progress::Desk;
use super::reading::{self, Restored};
use super::running::{Running, Watcher};
use super::spec::Terms;
use super::standing::Standing;
use super::status::{Board, HandlerState, LaneStatus};
use super::view::LaneView;
use crate::alarm::{AlarmId, JournalPosition, Transition};
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::store::{LaneRow, LogRetention, Store, StoreError};
use crate::task::Scope;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::SyncSender;
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

/// Unsettled transitions that all lanes together hold that do not come on, each an even share: some ten megabytes. The
/// share does not depend on what the others hold at the moment: who gave up what it read would read it again, for ever.
const UNWELL_MAX: usize = 65_536;

/// What a lane that does not come on holds at the least.
const SMALL_WINDOW: usize = 32;

/// What the handle tells the loop.
pub(super) enum Command {
    Open(Box<Opening>),
    Change { incarnation: Uuid, handler: Arc<Handler> },
    Close { incarnation: Uuid },
    BaseUrl(Option<Arc<str>>),
    Revision(u64),
    Keep(LogRetention),
    Resume { incarnation: Uuid },
    Insert { incarnation: Uuid, transitions: Vec<Inserted>, told: SyncSender<Result<Vec<u64>, StoreError>> },
    Look { alarm: Option<AlarmId>, told: SyncSender<Vec<LaneView>> },
    Watch { incarnation: Uuid, watcher: Watcher },
}

impl Command {
    /// Returns whether it is for a lane that is being opened, and can wait until that is there.
    fn is_for_one_of(&self, opening: &HashMap<Uuid, Arc<Handler>>) -> bool {
        match self {
            Self::Resume { incarnation } | Self::Insert { incarnation, .. } | Self::Watch { incarnation, .. } => {
                opening.contains_key(incarnation)
            }
            _ => false,
        }
    }
}

/// A lane to be taken up.
pub(super) struct Opening {
    pub(super) row: LaneRow,
    pub(super) handler: Arc<Handler>,
}

/// The loop's state.
pub(super) struct Runner {
    ledger: Ledger,
    store: Store,
    clock: Clock,
    board: Arc<Board>,
    desk: Arc<Desk>,
    log: AttemptLog,
    numbers: Arc<AtomicU64>,
    commands: mpsc::UnboundedReceiver<Command>,
    tail: watch::Receiver<JournalPosition>,
    newest: JournalPosition,
    lanes: HashMap<Uuid, Running>,
    opening: HashMap<Uuid, Arc<Handler>>,
    /// What lanes were told that are being opened.
    early: Vec<Command>,
    flights: JoinSet<Landed>,
    departures: Departures,
    routes: HashMap<Id, (Uuid, JournalPosition)>,
    reads: JoinSet<(Uuid, JournalPosition, Vec<Arc<Transition>>)>,
    openings: JoinSet<(Arc<LaneRow>, Restored)>,
    /// Writes that somebody waits for.
    writes: JoinSet<()>,
    disk: Arc<Semaphore>,
    alarms: BTreeSet<(Duration, Uuid)>,
    awake: HashSet<Uuid>,
    /// Lanes that do not come on.
    unwell: usize,
    /// Whether who stands in for whom has to be found out again.
    is_rearranged: bool,
    base_url: Option<Arc<str>>,
    revision: u64,
    write_again_at: Option<Duration>,
}

/// What the loop is built with, beside the ledger and the store.
pub(super) struct Parts {
    pub(super) clock: Clock,
    pub(super) board: Arc<Board>,
    pub(super) desk: Arc<Desk>,
    pub(super) log: AttemptLog,
    pub(super) numbers: Arc<AtomicU64>,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) idleness: Arc<Idleness>,
}

impl Runner {
    pub(super) fn new(ledger: Ledger, store: Store, parts: Parts) -> Self {
        let tail = ledger.tail();
        let newest = *tail.borrow();
        let Parts { clock, board, desk, log, numbers, commands, idleness } = parts;
        Self {
            ledger,
            store,
            clock,
            board,
            desk,
            log,
            numbers,
            commands,
            tail,
            newest,
            lanes: HashMap::new(),
            opening: HashMap::new(),
            early: Vec::new(),
            flights: JoinSet::new(),
            departures: Departures::new(idleness),
            routes: HashMap::new(),
            reads: JoinSet::new(),
            openings: JoinSet::new(),
            writes: JoinSet::new(),
            disk: Arc::new(Semaphore::new(DISK_READS_MAX)),
            alarms: BTreeSet::new(),
            awake: HashSet::new(),
            unwell: 0,
            is_rearranged: false,
            base_url: None,
            revision: 0,
            write_again_at: None,
        }
    }

    /// Delivers until the scope stops.
    pub(super) async fn run(mut self, until: &Scope) {
        let (clock, desk) = (self.clock.clone(), Arc::clone(&self.desk));
        let stopped = until.stopped();
        tokio::pin!(stopped);
        loop {
            self.look_around();
            // All that was told, before anything is done: a lane that is to go makes no attempt any more.
            while let Ok(command) = self.commands.try_recv() {
                self.obey(command);
            }
            self.work();
            let wake_at = self.wake_at();
            let look_after = self.departures.look(self.flights.len());
            let has_more = !self.awake.is_empty();
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
                Some(_) = self.writes.join_next(), if !self.writes.is_empty() => {}
                changed = self.tail.changed() => if changed.is_err() { break },
                () = desk.failed.notified() => self.write_again_at = Some(self.now().elapsed.saturating_add(AFTER_FAILURE)),
                () = sleep => {}
                () = tokio::time::sleep(look_after.unwrap_or_default()), if look_after.is_some() => {}
                () = tokio::task::yield_now(), if has_more => {}
            }
        }
        self.end().await;
    }

    /// Takes the ends of attempts under way for a moment, then writes where all lanes are.
    async fn end(mut self) {
        let clock = self.clock.clone();
        let enough = clock.sleep(LAST_ATTEMPTS);
        tokio::pin!(enough);
        while !self.flights.is_empty() || !self.writes.is_empty() {
            tokio::select! {
                Some(landed) = self.flights.join_next_with_id() => self.take_landings(landed),
                Some(_) = self.writes.join_next() => {}
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
        self.log.close();
    }

    fn now(&self) -> Now {
        Now { elapsed: self.clock.elapsed(), wall: self.clock.now() }
    }

    /// Wakes the lanes for which there is something new or whose time has come.
    fn look_around(&mut self) {
        let newest = *self.tail.borrow_and_update();
        if newest > self.newest {
            self.newest = newest;
            let reading = self.lanes.iter().filter(|(_, running)| self.room(running) > 0);
            let reading: Vec<Uuid> = reading.map(|(lane, _)| *lane).collect();
            self.awake.extend(reading);
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

    /// Returns how many transitions a lane may take up.
    fn room(&self, running: &Running) -> usize {
        running.lane.room(if running.lane.health().is_unwell() { share(self.unwell) } else { WINDOW })
    }

    /// Lets every lane that is awake do what it can.
    fn work(&mut self) {
        // As long as lanes are being opened, nobody knows who is suspended; what was so counts meanwhile.
        if self.is_rearranged && self.opening.is_empty() {
            self.is_rearranged = false;
            self.arrange_fallbacks();
        }
        let now = self.now();
        let awake = std::mem::take(&mut self.awake);
        for lane in &awake {
            self.take_up(*lane, now);
        }
        let mut touched = awake;
        while let Some((lane, share)) = self.departures.next() {
            if let Some(running) = self.lanes.get_mut(&lane) {
                running.has_a_turn = false;
            }
            self.start(lane, share, now);
            touched.insert(lane);
        }
        for lane in touched {
            self.settle_down(lane, now);
        }
    }

    /// Lets a lane read what it has room for, and gives it a turn.
    fn take_up(&mut self, incarnation: Uuid, now: Now) {
        let Some(running) = self.lanes.get(&incarnation) else { return };
        let room = self.room(running);
        if room > 0 && !running.is_reading && running.lane.read() < self.newest {
            self.read(incarnation, room, now);
        }
        let Some(running) = self.lanes.get_mut(&incarnation) else { return };
        if running.lane.is_at_rest() {
            // A first attempt waits for nobody else's.
            self.start(incarnation, 1, now);
        } else if !std::mem::replace(&mut running.has_a_turn, true) {
            self.departures.enqueue(incarnation);
        }
    }

    /// Lets a lane start so many attempts at most; gives it another turn when there may be more.
    fn start(&mut self, incarnation: Uuid, most: usize, now: Now) {
        let Some(running) = self.lanes.get_mut(&incarnation) else { return };
        // Who comes back from a failure looks at what waits first, and then begins with the most urgent.
        if running.is_reading && running.lane.unsettled() <= SMALL_WINDOW {
            return;
        }
        let mut started = 0;
        while started < most
            && let Some(transition) = running.lane.start(now)
        {
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
            started += 1;
        }
        self.departures.started(started);
        if started == most && !std::mem::replace(&mut running.has_a_turn, true) {
            self.departures.enqueue(incarnation);
        }
    }

    /// Gathers what a lane has to write and to say, and when it wants to be woken.
    fn settle_down(&mut self, incarnation: Uuid, now: Now) {
        let Some(running) = self.lanes.get_mut(&incarnation) else { return };
        let is_unwell = running.lane.health().is_unwell();
        if is_unwell != std::mem::replace(&mut running.is_counted_unwell, is_unwell) {
            self.unwell = if is_unwell { self.unwell.saturating_add(1) } else { self.unwell.saturating_sub(1) };
        }
        let window = share(self.unwell);
        if is_unwell && running.lane.unsettled() > window.saturating_mul(2) {
            running.lane.shrink(window);
        }
        if let Some(progress) = running.lane.progress(now) {
            self.desk.put(progress);
        }
        let wake_at = running.lane.wake_at(now.elapsed).filter(|at| *at > now.elapsed);
        if wake_at != running.wake_at {
            if let Some(old) = std::mem::replace(&mut running.wake_at, wake_at) {
                self.alarms.remove(&(old, incarnation));
            }
            self.alarms.extend(wake_at.map(|at| (at, incarnation)));
        }
        running.show();
        // A portion that is done with at once leaves room for the next.
        let is_ready = !running.is_reading && running.lane.read() < self.newest;
        if is_ready && self.lanes.get(&incarnation).is_some_and(|running| self.room(running) > 0) {
            self.awake.insert(incarnation);
        }
    }

    /// Lets a lane take up what comes next: alarms that stood when it was created, then the journal.
    fn read(&mut self, incarnation: Uuid, room: usize, now: Now) {
        let Some(running) = self.lanes.get_mut(&incarnation) else { return };
        if running.lane.read() < running.lane.start_position() {
            let start = running.lane.start_position();
            let (transitions, read) = running.standing.next(&self.ledger, room, start, self.base_url.as_deref());
            running.lane.offer(transitions, read, now);
            return;
        }
        let from = JournalPosition(running.lane.read().0.saturating_add(1));
        if let Some(mut transitions) = self.ledger.read_ring(from, room) {
            // The ring may have grown since commands were taken.
            transitions.retain(|transition| transition.position <= self.newest);
            // Less than was asked for is all there is.
            let read = if transitions.len() < room { self.newest } else { JournalPosition(0) };
            running.lane.offer(transitions, read, now);
        } else {
            running.is_reading = true;
            let (ledger, clock, disk) = (self.ledger.clone(), self.clock.clone(), Arc::clone(&self.disk));
            let newest = self.newest;
            let read = reading::read(ledger, clock, disk, from, room);
            self.reads.spawn(async move { (incarnation, newest, read.await) });
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.now();
        if command.is_for_one_of(&self.opening) {
            self.early.push(command);
            return;
        }
        match command {
            Command::Open(opening) => {
                let Opening { row, handler } = *opening;
                self.opening.insert(row.incarnation, handler);
                let (row, disk) = (Arc::new(row), Arc::clone(&self.disk));
                let restored = reading::restore(self.store.clone(), self.clock.clone(), disk, Arc::clone(&row));
                self.openings.spawn(async move { (row, restored.await) });
            }
            Command::Change { incarnation, handler } => {
                if let Some(running) = self.lanes.get_mut(&incarnation) {
                    running.change(handler, now);
                    self.is_rearranged = true;
                    self.awake.insert(incarnation);
                } else if let Some(opening) = self.opening.get_mut(&incarnation) {
                    *opening = handler;
                }
            }
            Command::Close { incarnation } => self.close(incarnation, now),
            Command::BaseUrl(base_url) => self.base_url = base_url,
            Command::Revision(revision) => {
                self.revision = revision;
                self.lanes.values_mut().for_each(|running| running.lane.set_revision(revision));
            }
            Command::Keep(keep) => self.log.keep(keep),
            Command::Resume { incarnation } => {
                if let Some(running) = self.lanes.get_mut(&incarnation) {
                    running.lane.resume(now);
                    self.is_rearranged = true;
                    self.awake.insert(incarnation);
                }
            }
            Command::Insert { incarnation, transitions, told } => {
                let lane = self.lanes.get_mut(&incarnation);
                let numbers = lane.map(|running| running.lane.insert(transitions, true)).unwrap_or_default();
                self.awake.insert(incarnation);
                self.settle_down(incarnation, now);
                // Who is told that it is sent again relies on it, whatever happens next.
                let desk = Arc::clone(&self.desk);
                self.writes.spawn(async move { tell(&told, desk.flush().await.map(|()| numbers)) });
            }
            Command::Look { alarm, told } => {
                let views = self.lanes.values().map(|running| running.view(alarm.as_ref(), now));
                let mut views: Vec<LaneView> = views.collect();
                views.sort_by(|a, b| a.handler.cmp(&b.handler));
                tell(&told, views);
            }
            Command::Watch { incarnation, watcher } => {
                if let Some(running) = self.lanes.get_mut(&incarnation) {
                    running.watchers.push(watcher);
                }
            }
        }
    }

    fn close(&mut self, incarnation: Uuid, now: Now) {
        self.opening.remove(&incarnation);
        if let Some(mut running) = self.lanes.remove(&incarnation) {
            if let Some(at) = running.wake_at {
                self.alarms.remove(&(at, incarnation));
            }
            self.unwell = self.unwell.saturating_sub(usize::from(running.is_counted_unwell));
            running.lane.end(now);
            if let Some(progress) = running.lane.progress(now) {
                self.desk.put(progress);
            }
            self.is_rearranged = true;
        }
        self.board.remove(incarnation);
    }

    fn open(&mut self, row: &LaneRow, handler: Arc<Handler>, restored: Restored) {
        let status = LaneStatus {
            handler: handler.spec.id.clone(),
            kind: handler.notifier.kind(),
            destination: handler.notifier.destination(),
            state: HandlerState::Idle,
            read: row.low,
            unsettled: 0,
            delivered: 0,
            given_up: 0,
            last_success: None,
            last_failure: None,
        };
        let sheet = self.board.put(row.incarnation, status);
        let identity = Identity { incarnation: row.incarnation, number: row.number, start: row.start };
        let (terms, numbers) = (Terms::of(&handler.spec), Arc::clone(&self.numbers));
        let lane = Lane::new(identity, row.low, terms, self.revision, numbers, restored, self.now());
        let standing = Standing::after(&self.ledger, row.low, row.start);
        self.is_rearranged |= lane.is_suspended()
            || lane.admission().is_stand_in()
            || self.lanes.values().any(|running| running.lane.is_suspended());
        self.lanes.insert(row.incarnation, Running::new(lane, handler, sheet, standing));
        self.awake.insert(row.incarnation);
    }

    fn take_opened(&mut self, opened: Result<(Arc<LaneRow>, Restored), JoinError>) {
        match opened {
            Ok((row, restored)) => {
                if let Some(handler) = self.opening.remove(&row.incarnation) {
                    self.open(&row, handler, restored);
                }
            }
            Err(error) => tracing::error!(%error, "a lane could not be opened: a restart repairs it"),
        }
        // Those for lanes that are still being opened, or were closed instead, find their way by themselves.
        for command in std::mem::take(&mut self.early) {
            self.obey(command);
        }
    }

    fn take_read(&mut self, read: Result<(Uuid, JournalPosition, Vec<Arc<Transition>>), JoinError>) {
        match read {
            Ok((incarnation, newest, transitions)) => {
                let now = self.now();
                let Some(running) = self.lanes.get_mut(&incarnation) else { return };
                running.is_reading = false;
                // A portion that is not full may have been cut short by the store; the next one tells.
                let read = if transitions.is_empty() { newest } else { JournalPosition(0) };
                running.lane.offer(transitions, read, now);
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
            Ok((task, landed)) => (task, Ok(landed)),
            // A defect of a notifier is no reason to lose an alarm.
            Err(error) => (error.id(), Err(format!("the notifier failed: {error}"))),
        };
        self.departures.landed(self.flights.len());
        let Some((incarnation, position)) = self.routes.remove(&task) else { return };
        let Some(running) = self.lanes.get_mut(&incarnation) else { return };
        let was_suspended = running.lane.is_suspended();
        running.take_landing(position, landed, &self.log, now);
        self.is_rearranged |= was_suspended != running.lane.is_suspended();
        self.awake.insert(incarnation);
    }

    /// Finds out which handlers stand in for suspended ones, and gives them what waits for those.
    fn arrange_fallbacks(&mut self) {
        let by_name: BTreeMap<&str, Uuid> =
            self.lanes.iter().map(|(lane, running)| (running.handler.spec.id.as_str(), *lane)).collect();
        let mut stand_ins: HashMap<Uuid, Vec<StandIn>> = HashMap::new();
        let mut handed_over: Vec<(Uuid, Arc<Principal>, Vec<Arc<Transition>>)> = Vec::new();
        for running in self.lanes.values().filter(|running| running.lane.is_suspended()) {
            let Some(fallback) = self.fallback_of(running, &by_name) else { continue };
            let (lane, handler) = (running.lane.number(), running.handler.spec.id.clone());
            let principal = Arc::new(Principal { lane, handler });
            let is_new = self.lanes.get(&fallback).is_some_and(|other| !other.lane.admission().is_stand_in_for(lane));
            if is_new {
                handed_over.push((fallback, Arc::clone(&principal), running.lane.newest_waiting()));
            }
            let filter = running.lane.admission().filter.clone();
            stand_ins.entry(fallback).or_default().push(StandIn { principal, filter });
        }
        for (lane, running) in &mut self.lanes {
            let mut others = stand_ins.remove(lane).unwrap_or_default();
            others.sort_by_key(|other| other.principal.lane);
            running.lane.stand_in_for(others);
        }
        for (fallback, principal, waiting) in handed_over {
            let Some(running) = self.lanes.get_mut(&fallback) else { continue };
            // What it is told anyway, and what is no longer so, is nothing to stand in for.
            let is_news = |transition: &Arc<Transition>| {
                let record = self.ledger.alarm(&transition.id);
                let is_newest = record.is_some_and(|record| record.position == transition.position);
                is_newest
                    && !transition.key.is_self_test()
                    && running.lane.admission().filter.admit(transition).is_err()
            };
            let news = waiting.into_iter().filter(is_news);
            let news = news.map(|transition| (transition, Some(Arc::clone(&principal)))).collect();
            running.lane.insert(news, false);
            self.awake.insert(fallback);
        }
    }

    /// Follows fallback handlers to the first that is not suspended itself.
    fn fallback_of(&self, from: &Running, by_name: &BTreeMap<&str, Uuid>) -> Option<Uuid> {
        let mut seen = HashSet::from([from.lane.incarnation()]);
        let mut at = from;
        loop {
            let name = at.handler.spec.delivery.fallback.as_deref()?;
            let lane = *by_name.get(name)?;
            if !seen.insert(lane) {
                return None;
            }
            at = self.lanes.get(&lane)?;
            if !at.lane.is_suspended() {
                return Some(lane);
            }
        }
    }
}

/// Returns how many transitions each of so many lanes holds that do not come on.
fn share(unwell: usize) -> usize {
    (UNWELL_MAX / unwell.max(1)).clamp(SMALL_WINDOW, WINDOW)
}

/// Answers somebody who may have gone away.
fn tell<T>(told: &SyncSender<T>, answer: T) {
    if told.try_send(answer).is_err() {
        tracing::trace!("whoever asked delivery does not wait any more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_that_do_not_come_on_share_what_they_hold_evenly_and_none_is_left_without() {
        assert_eq!((share(0), share(1), share(32)), (WINDOW, WINDOW, WINDOW));
        assert_eq!((share(100), share(1000)), (655, 65));
        assert_eq!((share(2048), share(1_000_000)), (SMALL_WINDOW, SMALL_WINDOW));
    }
}
