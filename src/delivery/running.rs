//! A lane that takes part: with its handler, what it shows of itself, and who watches it.

use super::fate::Fate;
use super::flight::Landed;
use super::handle::Handler;
use super::lane::{Consequence, Finished, Landing, Lane, ParcelView};
use super::log::{AttemptLog, Ended};
use super::parcel::{Now, Stage};
use super::spec::Terms;
use super::standing::Standing;
use super::status::{HandlerState, Sheet, lock};
use super::view::{DeliveryEntry, DeliveryState, DeliveryStep, LaneView, WaitsFor};
use crate::alarm::{AlarmId, JournalPosition, Transition};
use crate::handler::{DeliveryId, Outcome};
use crate::transport::FailureReason;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// A lane that takes part.
pub(super) struct Running {
    pub(super) lane: Lane,
    pub(super) handler: Arc<Handler>,
    sheet: Sheet,
    pub(super) standing: Standing,
    pub(super) is_reading: bool,
    /// Whether it waits for its turn to start attempts.
    pub(super) has_a_turn: bool,
    pub(super) wake_at: Option<Duration>,
    /// Whether it was counted among those that do not come on.
    pub(super) is_counted_unwell: bool,
    pub(super) watchers: Vec<Watcher>,
}

/// Somebody who waits for the fate of one delivery.
pub(super) struct Watcher {
    pub(super) alarm: AlarmId,
    pub(super) told: Sender<DeliveryStep>,
}

impl Running {
    pub(super) fn new(lane: Lane, handler: Arc<Handler>, sheet: Sheet, standing: Standing) -> Self {
        Self {
            lane,
            handler,
            sheet,
            standing,
            is_reading: false,
            has_a_turn: false,
            wake_at: None,
            is_counted_unwell: false,
            watchers: Vec::new(),
        }
    }

    /// Puts a changed handler in the place of the old.
    pub(super) fn change(&mut self, handler: Arc<Handler>, now: Now) {
        self.lane.reconfigure(Terms::of(&handler.spec), now);
        {
            let mut sheet = lock(&self.sheet);
            (sheet.kind, sheet.destination) = (handler.notifier.kind(), handler.notifier.destination());
            sheet.handler.clone_from(&handler.spec.id);
        }
        self.handler = handler;
    }

    /// Takes the end of an attempt, or the defect of the notifier that made it.
    pub(super) fn take_landing(
        &mut self,
        position: JournalPosition,
        landed: Result<Landed, String>,
        log: &AttemptLog,
        now: Now,
    ) {
        let was_failing = self.lane.is_failing();
        let alarm = if self.watchers.is_empty() { None } else { self.lane.alarm_at(position) };
        let (finished, landing, failure) = match landed {
            Ok(Landed::Attempted(attempted)) => {
                let (landing, failure) = (attempted.landing, attempted.failure());
                let finished = self.lane.finish(position, landing, now);
                if finished.consequence != Consequence::Unknown {
                    log.put(Ended {
                        number: finished.number,
                        lane: self.lane.number(),
                        attempt: finished.attempt,
                        at: now.wall,
                        handler: attempted.handler,
                        message: attempted.message,
                        made: attempted.made,
                        reason: landing.outcome.reason(),
                    });
                }
                (finished, landing, failure)
            }
            Ok(Landed::Unwritable(why)) => {
                let landing = failed_landing();
                (self.lane.bury(position, now), landing, why)
            }
            Err(defect) => {
                let landing = failed_landing();
                (self.lane.finish(position, landing, now), landing, defect)
            }
        };
        self.tell(position, finished.consequence, &failure, was_failing);
        self.tell_watchers(alarm, finished, landing, &failure);
        self.count(finished.consequence, failure, now.wall);
    }

    fn count(&self, consequence: Consequence, failure: String, wall: Timestamp) {
        let mut sheet = lock(&self.sheet);
        match consequence {
            Consequence::Unknown => return,
            Consequence::Delivered { .. } => {
                sheet.delivered = sheet.delivered.saturating_add(1);
                sheet.last_success = Some(wall);
                return;
            }
            Consequence::Settled(fate) if fate.is_failure() => sheet.given_up = sheet.given_up.saturating_add(1),
            Consequence::Settled(_) | Consequence::Again | Consequence::Suspended => {}
        }
        sheet.last_failure = Some((wall, failure));
    }

    fn tell_watchers(&mut self, alarm: Option<AlarmId>, finished: Finished, landing: Landing, failure: &str) {
        if self.watchers.is_empty() {
            return;
        }
        let fate = match finished.consequence {
            Consequence::Delivered { .. } => Some(Fate::Delivered),
            Consequence::Settled(fate) => Some(fate),
            Consequence::Again | Consequence::Suspended | Consequence::Unknown => None,
        };
        let step = DeliveryStep {
            number: finished.number,
            attempt: finished.attempt,
            status: Some(landing.status).filter(|status| *status > 0),
            duration: landing.duration,
            failure: (!failure.is_empty()).then(|| failure.to_owned()),
            is_suspended: self.lane.is_suspended(),
            fate,
        };
        // Who went away watches no more.
        self.watchers.retain(|watcher| Some(watcher.alarm) != alarm || watcher.told.send(step.clone()).is_ok());
    }

    fn tell(&self, position: JournalPosition, consequence: Consequence, failure: &str, was_failing: bool) {
        if matches!(consequence, Consequence::Delivered { resumed: false }) && !was_failing {
            return;
        }
        let (handler, to) = (self.handler.spec.id.as_str(), self.handler.notifier.destination());
        match consequence {
            Consequence::Unknown => {}
            Consequence::Delivered { resumed: true } => tracing::info!(handler, to, "the handler takes alarms again"),
            Consequence::Delivered { .. } => tracing::info!(handler, to, "the handler is reached again"),
            Consequence::Again if !was_failing && self.lane.is_failing() => {
                tracing::warn!(handler, to, failure, "the handler fails: what is for it waits and is retried");
            }
            Consequence::Again => tracing::debug!(handler, to, failure, position = position.0, "an attempt failed"),
            Consequence::Suspended => {
                tracing::warn!(handler, to, failure, "the handler is suspended, and probed now and then");
            }
            Consequence::Settled(fate) => {
                let delivery = DeliveryId::new(self.lane.incarnation(), position).to_string();
                let fate = fate.as_str();
                tracing::warn!(handler, to, failure, delivery, position = position.0, fate, "a delivery is given up");
            }
        }
    }

    /// Shows how the lane fares.
    pub(super) fn show(&self) {
        let mut sheet = lock(&self.sheet);
        (sheet.state, sheet.read, sheet.unsettled) = (self.state(), self.lane.read(), self.lane.unsettled());
    }

    fn state(&self) -> HandlerState {
        if self.lane.is_suspended() {
            HandlerState::Suspended
        } else if self.lane.is_failing() {
            HandlerState::Failing
        } else if self.lane.health().is_refused() {
            HandlerState::Refused
        } else if self.lane.is_retrying() {
            HandlerState::Retrying
        } else if self.lane.unsettled() > 0 {
            HandlerState::Delivering
        } else {
            HandlerState::Idle
        }
    }

    /// Returns how the lane is, with its deliveries of one alarm, or all.
    pub(super) fn view(&self, alarm: Option<&AlarmId>, now: Now) -> LaneView {
        let wall = |until: Duration| {
            let wait = until.saturating_sub(now.elapsed);
            now.wall.checked_add(wait).unwrap_or(Timestamp::MAX)
        };
        LaneView {
            handler: self.handler.spec.id.clone(),
            incarnation: self.lane.incarnation(),
            number: self.lane.number(),
            start: self.lane.start_position(),
            read: self.lane.read(),
            state: self.state(),
            suspended_since: self.lane.health().suspended_since(),
            paused_until: self.lane.health().paused_until(now.elapsed).map(|(_, until)| until),
            paced_until: self.lane.held_by_pace(now.elapsed).map(wall),
            held_until: self.lane.health().held_until(now.elapsed).map(wall),
            probe_at: self.lane.health().probe_at().map(wall),
            waiting: self.lane.look(alarm).into_iter().map(|parcel| self.entry(parcel)).collect(),
        }
    }

    fn entry(&self, parcel: ParcelView) -> (Arc<Transition>, DeliveryEntry) {
        let ParcelView { transition, number, attempts, revision, last_failure, in_place_of, stage } = parcel;
        let entry = DeliveryEntry {
            number,
            handler: self.handler.spec.id.clone(),
            incarnation: self.lane.incarnation(),
            position: transition.position,
            alarm: transition.id,
            sequence: transition.sequence,
            standing: transition.after.standing,
            time: None,
            attempts,
            revision: if attempts > 0 { revision } else { self.lane.revision() },
            duration: Duration::ZERO,
            status: last_failure.map(|(_, status)| status).filter(|status| *status > 0),
            last_failure: last_failure.map(|(reason, _)| reason),
            in_place_of: in_place_of.map(|principal| principal.handler.clone()),
            state: DeliveryState::Waiting(match stage {
                Stage::Ready if self.lane.is_suspended() => WaitsFor::Probe,
                stage => WaitsFor::of(stage),
            }),
        };
        (transition, entry)
    }
}

/// An attempt that never left: a defect of ours, which another attempt may not meet.
fn failed_landing() -> Landing {
    let outcome = Outcome::Retry { reason: FailureReason::InvalidRequest, after: None, pauses_lane: false };
    Landing { outcome, status: 0, duration: Duration::ZERO }
}
