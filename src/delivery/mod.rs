//! Lanes: one for each handler, its ordered and durable way through the journal.
//!
//! A lane is an incarnation, a low-water mark and exceptions. All up to the mark is settled, or an exception: something
//! that waits for another attempt, or behind such a one of the same alarm. What is above the mark is read again after a
//! crash, in order, and delivered under the same identifiers. Lanes are fed from the ledger's ring and read the disk when
//! they are behind; all run in one loop on one thread, whose only work is what came, ended or is due.
//!
//! A lane begins with the alarms that stand at the commit that creates it, unless its handler is not to send those, and
//! goes on with the transition after the commit. A handler that is disabled loses its lane, and gets another when it is
//! enabled again; one that is renamed keeps it. A handler whose receiver takes nothing (its token is refused, its address
//! is gone), or fails for long, is suspended: it keeps its backlog, nothing of it is given up, and one delivery at a time,
//! the newest, probes whether it takes something again, at the last interval of its schedule. Meanwhile its fallback, where
//! it has one, is told in its place.
//!
//! What becomes of a delivery is one of a closed list ([`Fate`]), written along with the progress that it is part of. What a
//! filter keeps back when the journal is read is not written for each: the filters that a lane read with are, from which
//! position on and by which revision, and that says the same.
//!
//! **Invariants**: for one handler and one alarm deliveries are in sequence, one in flight; only what a person sends again
//! may come later than its successor. A delivery is settled once, with a fate; never otherwise, while its handler is there.
//! A lane that has nothing to do costs neither a wake-up nor a write. No handler waits for another. Knows nothing of alarms
//! about handlers, but that one about a handler, or about its client, is withheld from it while its last attempt failed.

mod admission;
mod departures;
mod fate;
mod filter;
mod flight;
mod handle;
mod health;
mod inquiry;
mod lane;
mod log;
mod pace;
mod parcel;
mod progress;
mod reading;
mod removed;
mod runner;
mod running;
mod spec;
mod standing;
mod status;
mod succession;
mod view;

#[cfg(test)]
mod tests;

pub use fate::Fate;
pub use filter::{Filter, FilteredBy};
pub use handle::{Deliveries, Handler, LaneChange, StartError};
pub use inquiry::{
    Decision, DeliveryQuery, DeliveryRecord, EXPLAINED_MAX, Explanation, InquiryError, RESEND_MAX, Resent,
};
pub use pace::RateLimit;
pub use spec::{DeliverySpec, HandlerSpec, Order, SuspendAfter, UnknownOrder};
pub use status::{HandlerState, HandlerStatus};
pub use succession::Succession;
pub use view::{DeliveryEntry, DeliveryState, DeliveryStep, LaneView, WaitsFor};
