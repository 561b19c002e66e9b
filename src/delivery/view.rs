//! What people are shown of lanes and deliveries.

use super::HandlerState;
use super::fate::Fate;
use super::parcel::Stage;
use crate::alarm::{AlarmId, JournalPosition, Standing, Transition};
use crate::transport::FailureReason;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What a delivery that is not settled waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// An earlier transition of the same alarm.
    Earlier,
    /// Its turn.
    Turn,
    /// The handler, which is suspended, to be resumed or to be found to work again.
    Probe,
    /// The handler to work again: the alarm is about the handler itself.
    Recovery,
    /// The end of its attempt.
    Answer,
    /// Its next attempt.
    Retry(Timestamp),
}

impl WaitsFor {
    pub(super) fn of(stage: Stage) -> Self {
        match stage {
            Stage::Parked => Self::Earlier,
            Stage::Ready => Self::Turn,
            Stage::Withheld => Self::Recovery,
            Stage::InFlight => Self::Answer,
            Stage::Retrying { wall, .. } => Self::Retry(wall),
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "behind",
            Self::Turn => "waiting",
            Self::Probe => "suspended",
            Self::Recovery => "withheld",
            Self::Answer => "under-way",
            Self::Retry(_) => "retrying",
        }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is not settled.
    Waiting(WaitsFor),
    /// It is.
    Settled(Fate),
}

impl DeliveryState {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting(waits_for) => waits_for.as_str(),
            Self::Settled(fate) => fate.as_str(),
        }
    }
}

/// One delivery, as the delivery log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryEntry {
    /// Its number in the log; none before anything happened.
    pub number: Option<u64>,
    /// The handler.
    pub handler: String,
    /// The lane.
    pub incarnation: Uuid,
    /// The transition.
    pub position: JournalPosition,
    /// The alarm.
    pub alarm: AlarmId,
    /// The transition's number among those of its alarm.
    pub sequence: u64,
    /// How the alarm stood after it.
    pub standing: Standing,
    /// When it was settled.
    pub time: Option<Timestamp>,
    /// Attempts made.
    pub attempts: u32,
    /// The configuration revision in force at the first attempt, or at the end where there was none; while it waits for its
    /// first, the present one.
    pub revision: u64,
    /// How long the last attempt took, once it is settled.
    pub duration: Duration,
    /// Status of the last answer.
    pub status: Option<u16>,
    /// Why the last attempt failed, while it is not settled.
    pub last_failure: Option<FailureReason>,
    /// The suspended handler in whose place it is told.
    pub in_place_of: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
}

impl DeliveryEntry {
    /// Returns whether it failed, at last or so far.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        match self.state {
            DeliveryState::Settled(fate) => fate.is_failure(),
            DeliveryState::Waiting(_) => self.last_failure.is_some(),
        }
    }

    /// Returns why it is as it is, in one word; empty where there is nothing to say.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match (self.state, self.last_failure) {
            (DeliveryState::Settled(fate), _) => fate.reason(),
            (DeliveryState::Waiting(_), Some(reason)) => reason.as_str(),
            (DeliveryState::Waiting(_), None) => "",
        }
    }
}

/// A lane at one moment.
#[derive(Debug, Clone)]
pub struct LaneView {
    /// The handler.
    pub handler: String,
    /// The lane.
    pub incarnation: Uuid,
    /// The lane's number in the delivery log.
    pub number: u32,
    /// Where the journal was when it was created.
    pub start: JournalPosition,
    /// Up to where it took up the journal.
    pub read: JournalPosition,
    /// What it does.
    pub state: HandlerState,
    /// Since when it is suspended.
    pub suspended_since: Option<Timestamp>,
    /// Until when the receiver asked to be left alone.
    pub paused_until: Option<Timestamp>,
    /// Until when its own rate limit holds it.
    pub paced_until: Option<Timestamp>,
    /// Until when it makes no attempt because it is failing.
    pub held_until: Option<Timestamp>,
    /// When it is probed next, while it is suspended.
    pub probe_at: Option<Timestamp>,
    /// Its deliveries that are not settled: those that were asked for.
    pub waiting: Vec<(Arc<Transition>, DeliveryEntry)>,
}

/// A step of a delivery that somebody watches: an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStep {
    /// Number of the delivery in the delivery log.
    pub number: u64,
    /// Which attempt it was.
    pub attempt: u32,
    /// Status of the answer.
    pub status: Option<u16>,
    /// How long it took.
    pub duration: Duration,
    /// Why it failed, with what the system says; `None` when it did not.
    pub failure: Option<String>,
    /// Whether the handler is suspended.
    pub is_suspended: bool,
    /// What became of the delivery; `None` when it is attempted again.
    pub fate: Option<Fate>,
}
