//! One transition on its way to one handler.

use crate::alarm::{JournalPosition, Transition};
use crate::store::{LaneException, LaneExceptionState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// The time on both scales: what is waited for, and what is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    /// Never steps back; waiting is reckoned on it.
    pub(super) elapsed: Duration,
    /// What a restart understands.
    pub(super) wall: Timestamp,
}

/// Where a parcel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Behind an earlier transition of the same alarm.
    Parked,
    /// Next of its alarm.
    Ready,
    /// An attempt is under way.
    InFlight,
    /// Its next attempt has a time.
    Retrying {
        /// On the scale that never steps back.
        at: Duration,
        /// The same, as it is written down.
        wall: Timestamp,
    },
}

/// One transition on its way to one handler.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) transition: Arc<Transition>,
    /// Attempts that ended.
    pub(super) attempts: u32,
    /// Attempts among them that the receiver refused for good.
    pub(super) refusals: u32,
    /// For how long it was tried before this process, or before the handler was resumed.
    tried_before: Duration,
    /// When its first attempt since then began.
    tried_since: Option<Duration>,
    pub(super) stage: Stage,
    /// Whether the low-water mark may pass it.
    pub(super) is_exception: bool,
    /// Whether the store has a row of it.
    pub(super) is_written: bool,
}

/// What is kept of a parcel beside the columns of its row.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Detail {
    tried_for_seconds: u64,
    refusals: u32,
}

impl Parcel {
    pub(super) fn new(transition: Arc<Transition>, stage: Stage) -> Self {
        Self {
            transition,
            attempts: 0,
            refusals: 0,
            tried_before: Duration::ZERO,
            tried_since: None,
            stage,
            is_exception: false,
            is_written: false,
        }
    }

    /// Takes up what an earlier process left. A time of the next attempt that is further away than `wait_max` comes from a
    /// clock that was set since.
    pub(super) fn restored(
        transition: Arc<Transition>,
        exception: &LaneException,
        is_next: bool,
        wait_max: Duration,
        now: Now,
    ) -> Self {
        let stage = match exception.state {
            _ if !is_next => Stage::Parked,
            LaneExceptionState::Retrying { next_at } => {
                let wait = Duration::try_from(next_at.duration_since(now.wall)).unwrap_or_default().min(wait_max);
                Stage::retrying(wait, now)
            }
            LaneExceptionState::Parked | LaneExceptionState::Suspended => Stage::Ready,
        };
        // The store holds text that this program wrote; one that cannot be read costs a longer patience, nothing else.
        let detail: Detail = exception.detail.as_deref().and_then(|d| serde_json::from_str(d).ok()).unwrap_or_default();
        Self {
            attempts: exception.attempts,
            refusals: detail.refusals,
            tried_before: Duration::from_secs(detail.tried_for_seconds),
            is_exception: true,
            is_written: true,
            ..Self::new(transition, stage)
        }
    }

    pub(super) fn position(&self) -> JournalPosition {
        self.transition.position
    }

    pub(super) fn start(&mut self, now: Now) {
        self.tried_since.get_or_insert(now.elapsed);
        self.stage = Stage::InFlight;
    }

    /// Returns for how long it has been tried; the time that the element was down does not count.
    pub(super) fn tried_for(&self, now: Now) -> Duration {
        let since = self.tried_since.map_or(Duration::ZERO, |since| now.elapsed.saturating_sub(since));
        self.tried_before.saturating_add(since)
    }

    /// Begins its patience anew.
    pub(super) fn forget_tries(&mut self) {
        (self.tried_before, self.tried_since, self.refusals) = (Duration::ZERO, None, 0);
    }

    /// Returns its row.
    pub(super) fn exception(&self, is_suspended: bool, now: Now) -> LaneException {
        let state = match self.stage {
            Stage::Parked => LaneExceptionState::Parked,
            Stage::Retrying { wall, .. } => LaneExceptionState::Retrying { next_at: wall },
            Stage::Ready | Stage::InFlight if is_suspended => LaneExceptionState::Suspended,
            Stage::Ready | Stage::InFlight => LaneExceptionState::Retrying { next_at: now.wall },
        };
        let tried_for_seconds = self.tried_for(now).as_secs();
        let detail = Detail { tried_for_seconds, refusals: self.refusals };
        let detail = if self.attempts == 0 { None } else { serde_json::to_string(&detail).ok() };
        LaneException { position: self.position(), state, attempts: self.attempts, detail }
    }
}

impl Stage {
    pub(super) fn retrying(wait: Duration, now: Now) -> Self {
        Self::Retrying {
            at: now.elapsed.saturating_add(wait),
            wall: now.wall.checked_add(wait).unwrap_or(Timestamp::MAX),
        }
    }
}
