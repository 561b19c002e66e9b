//! One transition on its way to one handler.

use super::admission::Principal;
use crate::alarm::{JournalPosition, Severity, Standing, Transition};
use crate::store::{LaneException, LaneExceptionState};
use crate::transport::FailureReason;
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
    /// Behind another transition of the same alarm.
    Parked,
    /// Next of its alarm.
    Ready,
    /// Next of its alarm, which is about the handler itself: held back while that fails.
    Withheld,
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

/// How urgent a parcel is; the least value goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency(u8);

impl Urgency {
    /// A person waits for it.
    pub(super) const SELF_TEST: Self = Self(0);

    /// Ranks by the worse of the severities before and after: that a critical alarm ended is as urgent as that it began.
    fn of(transition: &Transition) -> Self {
        if transition.key.is_self_test() {
            return Self::SELF_TEST;
        }
        let severity = |standing: &Standing| if standing.is_cleared { None } else { Some(standing.severity) };
        let worst = transition.before.as_ref().and_then(severity).max(severity(&transition.after.standing));
        Self(match worst.unwrap_or(transition.after.standing.severity) {
            Severity::Critical => 1,
            Severity::Major => 2,
            Severity::Minor => 3,
            Severity::Warning => 4,
            Severity::Indeterminate => 5,
        })
    }
}

/// One transition on its way to one handler.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) transition: Arc<Transition>,
    pub(super) urgency: Urgency,
    /// Its number in the delivery log, once something was logged of it.
    pub(super) number: Option<u64>,
    /// Attempts that ended.
    pub(super) attempts: u32,
    /// Attempts among them that the receiver refused for good.
    pub(super) refusals: u32,
    /// Why the last one failed, with the status of the answer.
    pub(super) last_failure: Option<(FailureReason, u16)>,
    /// The revision in force at its first attempt.
    pub(super) revision: u64,
    /// Which of the lane's filters let it through.
    pub(super) admitted_by: u32,
    /// Whether a person wants it again: nothing takes its place, and no filter keeps it back.
    pub(super) is_resend: bool,
    /// The suspended handler in whose place it is told.
    pub(super) in_place_of: Option<Arc<Principal>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<(FailureReason, u16)>,
    #[serde(skip_serializing_if = "is_zero")]
    revision: u64,
    #[serde(skip_serializing_if = "is_false")]
    is_resend: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_place_of: Option<Arc<Principal>>,
    /// The transition itself, where the journal does not have it: an alarm that stood before the lane began.
    #[serde(skip_serializing_if = "Option::is_none")]
    transition: Option<Arc<Transition>>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Reads what an exception keeps; the store holds text that this program wrote, and one that cannot be read costs a longer
/// patience, nothing else.
fn detail_of(exception: &LaneException) -> Detail {
    exception.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok()).unwrap_or_default()
}

/// Returns the transition that an exception brings along.
pub(super) fn kept_transition(exception: &LaneException) -> Option<Arc<Transition>> {
    detail_of(exception).transition
}

/// Returns the number of an exception in the delivery log.
pub(super) fn kept_number(exception: &LaneException) -> Option<u64> {
    detail_of(exception).number
}

impl Parcel {
    pub(super) fn new(transition: Arc<Transition>, stage: Stage) -> Self {
        Self {
            urgency: Urgency::of(&transition),
            transition,
            number: None,
            attempts: 0,
            refusals: 0,
            last_failure: None,
            revision: 0,
            admitted_by: 0,
            is_resend: false,
            in_place_of: None,
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
        let detail = detail_of(exception);
        Self {
            attempts: exception.attempts,
            refusals: detail.refusals,
            number: detail.number,
            last_failure: detail.last_failure,
            revision: detail.revision,
            is_resend: detail.is_resend,
            in_place_of: detail.in_place_of,
            tried_before: Duration::from_secs(detail.tried_for_seconds),
            // Waiting for the next attempt counts, in this process too.
            tried_since: (exception.attempts > 0).then_some(now.elapsed),
            is_exception: true,
            is_written: true,
            ..Self::new(transition, stage)
        }
    }

    pub(super) fn position(&self) -> JournalPosition {
        self.transition.position
    }

    pub(super) fn start(&mut self, revision: u64, now: Now) {
        self.tried_since.get_or_insert(now.elapsed);
        if self.attempts == 0 {
            self.revision = revision;
        }
        self.stage = Stage::InFlight;
    }

    /// Returns for how long it has been tried; the time that the element was down does not count.
    pub(super) fn tried_for(&self, now: Now) -> Duration {
        let since = self.tried_since.map_or(Duration::ZERO, |since| now.elapsed.saturating_sub(since));
        self.tried_before.saturating_add(since)
    }

    /// Begins its patience anew.
    pub(super) fn forget_tries(&mut self, now: Now) {
        (self.tried_before, self.tried_since, self.refusals) = (Duration::ZERO, None, 0);
        if self.stage == Stage::InFlight {
            self.tried_since = Some(now.elapsed);
        }
    }

    /// Returns its row; `keeps_transition` where no journal has it.
    pub(super) fn exception(&self, is_suspended: bool, keeps_transition: bool, now: Now) -> LaneException {
        let state = match self.stage {
            Stage::Parked => LaneExceptionState::Parked,
            Stage::Retrying { wall, .. } => LaneExceptionState::Retrying { next_at: wall },
            Stage::Ready | Stage::InFlight | Stage::Withheld if is_suspended => LaneExceptionState::Suspended,
            Stage::Ready | Stage::InFlight | Stage::Withheld => LaneExceptionState::Retrying { next_at: now.wall },
        };
        let detail = Detail {
            tried_for_seconds: self.tried_for(now).as_secs(),
            refusals: self.refusals,
            number: self.number,
            last_failure: self.last_failure,
            revision: self.revision,
            is_resend: self.is_resend,
            in_place_of: self.in_place_of.clone(),
            transition: keeps_transition.then(|| Arc::clone(&self.transition)),
        };
        let says_nothing = self.attempts == 0 && !self.is_resend && self.in_place_of.is_none() && !keeps_transition;
        let detail = if says_nothing { None } else { serde_json::to_string(&detail).ok() };
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
