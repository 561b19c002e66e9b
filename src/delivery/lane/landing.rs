//! What the end of an attempt means for its delivery and for the lane.

use super::{Consequence, Finished, Landing, Lane, REFUSALS_MAX};
use crate::alarm::JournalPosition;
use crate::delivery::fate::Fate;
use crate::delivery::parcel::{Now, Stage};
use crate::handler::{DeliveryId, Outcome};
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

impl Lane {
    /// Takes the end of an attempt.
    pub(in crate::delivery) fn finish(&mut self, position: JournalPosition, landing: Landing, now: Now) -> Finished {
        let nothing = Finished { consequence: Consequence::Unknown, number: 0, attempt: 0 };
        let Some(parcel) = self.unsettled.get_mut(&position).filter(|parcel| parcel.stage == Stage::InFlight) else {
            return nothing;
        };
        parcel.attempts = parcel.attempts.saturating_add(1);
        let attempt = parcel.attempts;
        let number = *parcel.number.get_or_insert_with(|| self.numbers.fetch_add(1, Ordering::Relaxed));
        parcel.last_failure = landing.outcome.reason().map(|reason| (reason, landing.status));
        self.in_flight = self.in_flight.saturating_sub(1);
        let consequence = match landing.outcome {
            Outcome::Delivered => {
                self.settle(position, Fate::Delivered, Some(landing), now);
                self.health.note_taken();
                Consequence::Delivered { resumed: self.take_heart(now) }
            }
            Outcome::GiveUp { reason } => {
                parcel.refusals = parcel.refusals.saturating_add(1);
                let is_refused_again = parcel.refusals >= REFUSALS_MAX;
                if self.is_probe_of_refusal(position, now) {
                    self.health.hold_itself(&self.terms.delivery, now);
                    self.again(position, None, now);
                    Consequence::Again
                } else if !is_refused_again {
                    self.fail_again(position, None, landing, now)
                } else {
                    // The receiver works; it is this message that it does not take, as far as one message tells.
                    self.settle(position, Fate::Dead(reason), Some(landing), now);
                    self.health.note_refused(&self.terms.delivery, now);
                    self.take_heart(now);
                    Consequence::Settled(Fate::Dead(reason))
                }
            }
            Outcome::Suspend { .. } => {
                parcel.refusals = parcel.refusals.saturating_add(1);
                if parcel.refusals >= REFUSALS_MAX && !self.health.is_suspended() {
                    self.health.fail(&self.terms.delivery, self.in_flight, now);
                    self.suspend(position, landing, now)
                } else {
                    self.fail_again(position, None, landing, now)
                }
            }
            Outcome::Retry { reason, after, pauses_lane } => {
                let is_too_long = parcel.tried_for(now) >= self.terms.delivery.retry_for;
                if let Some(after) = after.filter(|_| pauses_lane) {
                    self.health.pause(after, now);
                }
                if is_too_long && !self.health.is_suspended() {
                    self.health.fail(&self.terms.delivery, self.in_flight, now);
                    self.settle(position, Fate::Expired(reason), Some(landing), now);
                    Consequence::Settled(Fate::Expired(reason))
                } else {
                    self.fail_again(position, after, landing, now)
                }
            }
        };
        Finished { consequence, number, attempt }
    }

    /// Takes note of a failure after which there is another attempt; the lane may be suspended by it.
    pub(super) fn fail_again(
        &mut self,
        position: JournalPosition,
        after: Option<Duration>,
        landing: Landing,
        now: Now,
    ) -> Consequence {
        if self.health.fail(&self.terms.delivery, self.in_flight, now) {
            return self.suspend(position, landing, now);
        }
        if self.give_way(position, landing, now) {
            return Consequence::Settled(Fate::Superseded);
        }
        self.again(position, after, now);
        Consequence::Again
    }

    pub(super) fn suspend(&mut self, position: JournalPosition, landing: Landing, now: Now) -> Consequence {
        self.health.suspend(Duration::ZERO, now);
        if !self.give_way(position, landing, now) {
            self.again(position, None, now);
        } else if let Some(parcel) = self.unsettled.values().next() {
            // The pace of probes is that of the retries, whichever delivery is next.
            let wait = self.terms.delivery.retries.probe(chance(self.incarnation(), parcel.position(), 0));
            self.health.suspend(wait, now);
        }
        Consequence::Suspended
    }

    /// Settles a transition under way that cannot be written as a message.
    pub(in crate::delivery) fn bury(&mut self, position: JournalPosition, now: Now) -> Finished {
        let is_under_way = self.unsettled.get(&position).is_some_and(|parcel| parcel.stage == Stage::InFlight);
        if !is_under_way {
            return Finished { consequence: Consequence::Unknown, number: 0, attempt: 0 };
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        let number = self.settle(position, Fate::Unwritable, None, now);
        Finished { consequence: Consequence::Settled(Fate::Unwritable), number, attempt: 1 }
    }

    /// Lets a delivery be attempted again, when the schedule and the receiver say so.
    pub(super) fn again(&mut self, position: JournalPosition, after: Option<Duration>, now: Now) {
        if let Some(parcel) = self.unsettled.get_mut(&position) {
            let chance = chance(self.identity.incarnation, position, parcel.attempts);
            if self.health.is_suspended() {
                parcel.stage = Stage::Ready;
                self.health.suspend(self.terms.delivery.retries.probe(chance), now);
            } else {
                let wait = self.terms.delivery.retries.wait(parcel.attempts, chance).max(after.unwrap_or_default());
                // The last attempt is made when its time is over, not an interval later.
                let left = self.terms.delivery.retry_for.saturating_sub(parcel.tried_for(now));
                parcel.stage = Stage::retrying(if left.is_zero() { wait } else { wait.min(left) }, now);
            }
        }
        self.enlist(position);
        self.except_chain(position);
    }

    /// Takes note that the receiver works. Returns whether the lane was suspended: what waited then gets all its time again.
    pub(super) fn take_heart(&mut self, now: Now) -> bool {
        let was_suspended = self.health.recover();
        self.release_withheld();
        if was_suspended {
            self.unsettled.values_mut().for_each(|parcel| parcel.forget_tries(now));
        }
        was_suspended
    }
}

/// Returns a number in 0..1 that spreads the retries of many deliveries, and is the same whenever it is asked for.
fn chance(incarnation: Uuid, position: JournalPosition, attempts: u32) -> f64 {
    let id = DeliveryId::new(incarnation, JournalPosition(position.0 ^ (u64::from(attempts) << 32)));
    let (high, _) = id.as_uuid().as_u64_pair();
    // The upper 32 bits are hash throughout; UUIDs keep their version further down.
    f64::from(u32::try_from(high >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
