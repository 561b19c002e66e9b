//! Alarms about the handler itself: held back while it takes nothing, as long as something else can find out that it does.

use super::Lane;
use crate::alarm::{ALARM_HANDLER, HTTP_CLIENT, JournalPosition};
use crate::delivery::parcel::{Now, Stage};
use std::time::Duration;

impl Lane {
    /// Returns whether a transition is about this handler, or about the client that it delivers through. The test that a
    /// person asked for is not.
    fn is_about_itself(&self, position: JournalPosition) -> bool {
        let Some(parcel) = self.unsettled.get(&position) else { return false };
        let key = &parcel.transition.key;
        let is_handler = key.resource_type == ALARM_HANDLER && key.resource == self.terms.handler;
        let is_client = key.resource_type == HTTP_CLIENT && Some(&key.resource) == self.terms.http_client.as_ref();
        (is_handler || is_client) && !key.is_self_test()
    }

    fn takes_nothing(&self) -> bool {
        self.health.is_unwell() || self.health.is_refused()
    }

    /// Returns whether nothing but alarms about the handler is left to find out with whether it works.
    fn has_only_itself(&self) -> bool {
        self.in_flight == 0 && self.unsettled.keys().all(|position| self.is_about_itself(*position))
    }

    /// Returns whether a transition whose turn it is waits until the handler works.
    pub(super) fn is_to_be_withheld(&self, position: JournalPosition, now: Now) -> bool {
        let is_probe = || self.has_only_itself() && self.health.itself_held_until() <= now.elapsed;
        self.takes_nothing() && self.is_about_itself(position) && !is_probe()
    }

    /// Holds a transition back.
    pub(super) fn withhold(&mut self, position: JournalPosition) {
        self.withheld.insert(position);
        if let Some(parcel) = self.unsettled.get_mut(&position) {
            parcel.stage = Stage::Withheld;
        }
        self.except_chain(position);
    }

    /// Lets what is about the handler go, unless it takes nothing.
    pub(super) fn release_withheld(&mut self) {
        if self.takes_nothing() {
            return;
        }
        for position in std::mem::take(&mut self.withheld) {
            if let Some(parcel) = self.unsettled.get_mut(&position) {
                parcel.stage = Stage::Ready;
            }
            self.enlist(position);
        }
    }

    /// Takes the newest alarm about the handler, where nothing else is left to find out with whether it works: at the pace at
    /// which one delivery would be retried, one at a time.
    pub(super) fn take_probe(&mut self, now: Now) -> Option<JournalPosition> {
        self.probes_itself_at().filter(|at| *at <= now.elapsed)?;
        let newest = self.withheld.pop_last()?;
        if let Some(parcel) = self.unsettled.get_mut(&newest) {
            parcel.stage = Stage::Ready;
        }
        Some(newest)
    }

    /// Returns when an alarm about the handler is to find out whether it works; `None` where something else can.
    pub(super) fn probes_itself_at(&self) -> Option<Duration> {
        (!self.withheld.is_empty() && self.has_only_itself()).then(|| self.health.itself_held_until())
    }

    /// Returns whether a refusal only tells again what is known: that the receiver takes no message. An alarm about that is
    /// not given up for it as long as it would be retried for anything else.
    pub(super) fn is_probe_of_refusal(&self, position: JournalPosition, now: Now) -> bool {
        let has_time = |tried: Duration| tried < self.terms.delivery.retry_for;
        self.health.is_refused()
            && self.is_about_itself(position)
            && self.unsettled.get(&position).is_some_and(|parcel| has_time(parcel.tried_for(now)))
    }
}
