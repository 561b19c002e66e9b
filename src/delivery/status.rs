//! How the handlers fare, as people are shown it.

use crate::alarm::JournalPosition;
use crate::handler::Kind;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// What a handler does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HandlerState {
    /// Nothing waits for it.
    #[default]
    Idle,
    /// It is being told.
    Delivering,
    /// The last attempt failed, or some alarm waits for another attempt.
    Retrying,
    /// Several attempts in a row failed: one attempt is made at a time.
    Failing,
    /// It answers and takes nothing: the last several deliveries were refused for their bodies, and given up.
    Refused,
    /// It refuses everything: it is probed now and then, and what is for it waits.
    Suspended,
    /// It is configured and told of nothing.
    Disabled,
}

impl HandlerState {
    /// Returns the name that people are shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Delivering => "delivering",
            Self::Retrying => "retrying",
            Self::Failing => "failing",
            Self::Refused => "refused",
            Self::Suspended => "suspended",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for HandlerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A handler at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerStatus {
    /// Its name.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// Where it delivers to, without secrets.
    pub destination: String,
    /// What it does.
    pub state: HandlerState,
    /// Deliveries that are not settled. Journal positions that hold no transition may be counted in while it is behind.
    pub waiting: u64,
    /// Deliveries that arrived, since the element started.
    pub delivered: u64,
    /// Deliveries that were given up, since the element started.
    pub given_up: u64,
    /// When an attempt succeeded last, since the element started.
    pub last_success: Option<Timestamp>,
    /// When an attempt failed last since the element started, and why.
    pub last_failure: Option<(Timestamp, String)>,
}

/// What a lane says of itself.
#[derive(Debug, Clone)]
pub(super) struct LaneStatus {
    pub(super) handler: String,
    pub(super) kind: Kind,
    pub(super) destination: String,
    pub(super) state: HandlerState,
    pub(super) read: JournalPosition,
    pub(super) unsettled: usize,
    pub(super) delivered: u64,
    pub(super) given_up: u64,
    pub(super) last_success: Option<Timestamp>,
    pub(super) last_failure: Option<(Timestamp, String)>,
}

/// A lane's own sheet on the board.
pub(super) type Sheet = Arc<Mutex<LaneStatus>>;

/// Where lanes put up how they fare.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<BTreeMap<Uuid, Sheet>>);

impl Board {
    pub(super) fn put(&self, lane: Uuid, status: LaneStatus) -> Sheet {
        let sheet = Arc::new(Mutex::new(status));
        lock(&self.0).insert(lane, Arc::clone(&sheet));
        sheet
    }

    pub(super) fn remove(&self, lane: Uuid) {
        lock(&self.0).remove(&lane);
    }

    /// Returns all handlers, by name.
    pub(super) fn read(&self, tail: JournalPosition) -> Vec<HandlerStatus> {
        let sheets: Vec<Sheet> = lock(&self.0).values().cloned().collect();
        let mut all: Vec<HandlerStatus> = sheets.iter().map(|sheet| lock(sheet).at(tail)).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }
}

impl LaneStatus {
    fn at(&self, tail: JournalPosition) -> HandlerStatus {
        let unsettled = u64::try_from(self.unsettled).unwrap_or(u64::MAX);
        HandlerStatus {
            id: self.handler.clone(),
            kind: self.kind,
            destination: self.destination.clone(),
            state: self.state,
            waiting: unsettled.saturating_add(tail.0.saturating_sub(self.read.0)),
            delivered: self.delivered,
            given_up: self.given_up,
            last_success: self.last_success,
            last_failure: self.last_failure.clone(),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
