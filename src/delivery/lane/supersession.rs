//! When a newer state of an alarm takes the place of those that wait before it.

use super::{Landing, Lane};
use crate::alarm::{AlarmId, JournalPosition};
use crate::delivery::fate::Fate;
use crate::delivery::parcel::{Now, Stage};
use crate::delivery::spec::Order;

impl Lane {
    /// Lets a newer transition take the place of one that just failed. Returns whether it did.
    pub(super) fn give_way(&mut self, position: JournalPosition, landing: Landing, now: Now) -> bool {
        let Some(parcel) = self.unsettled.get(&position) else { return false };
        let newest = self.chains.get(&parcel.transition.id).and_then(|chain| chain.back().copied());
        let gives_way = self.terms.delivery.order == Order::LatestState && !parcel.is_resend && newest > Some(position);
        if gives_way {
            self.settle(position, Fate::Superseded, Some(landing), now);
        }
        gives_way
    }

    /// Lets a transition take the place of the earlier ones of its alarm, where the handler wants the newest only.
    pub(super) fn supersede_before(&mut self, id: AlarmId, position: JournalPosition, now: Now) {
        // The end of a test is of no interest to who was not told that it began.
        let is_test = self.unsettled.get(&position).is_some_and(|parcel| parcel.transition.key.is_self_test());
        if self.terms.delivery.order != Order::LatestState && !is_test {
            return;
        }
        let chain = self.chains.get(&id).into_iter().flatten();
        let is_superseded = |at: &JournalPosition| {
            let parcel = self.unsettled.get(at);
            *at < position && parcel.is_some_and(|parcel| parcel.stage != Stage::InFlight && !parcel.is_resend)
        };
        let superseded: Vec<JournalPosition> = chain.copied().filter(is_superseded).collect();
        for position in superseded {
            self.settle(position, Fate::Superseded, None, now);
        }
    }

    pub(super) fn supersede_all(&mut self, now: Now) {
        let newest = self.chains.iter().filter_map(|(id, chain)| Some((*id, *chain.back()?)));
        let newest: Vec<(AlarmId, JournalPosition)> = newest.collect();
        for (id, position) in newest {
            self.supersede_before(id, position, now);
        }
    }
}
