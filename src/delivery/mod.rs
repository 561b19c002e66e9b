//! Lanes: one for each handler, its ordered and durable way through the journal.
//!
//! A lane is an incarnation, a low-water mark and exceptions. All up to the mark is settled, or an exception: something
//! that waits for another attempt, or behind such a one of the same alarm. What is above the mark is read again after a
//! crash, in order, and delivered under the same identifiers. Lanes are fed from the ledger's ring and read the disk when
//! they are behind; all run in one loop on one thread, whose only work is what came, ended or is due.
//!
//! A lane begins with the transition after the commit that creates it; alarms that stood before are not told. A handler
//! that is disabled loses its lane, and gets another when it is enabled again. A handler that answers that it takes nothing
//! (its token is refused, its address is gone) is suspended after a few tries: it keeps its backlog, nothing of it is given
//! up, and one delivery at a time probes whether it takes something again, at the last interval of its schedule.
//!
//! **Invariants**: for one handler and one alarm deliveries are in sequence, one in flight. A delivery is settled when it
//! arrived or was given up, with a reason in the log; never otherwise, while its handler is there. A lane that has nothing
//! to do costs neither a wake-up nor a write. No handler waits for another. Knows nothing of alarms about handlers.

mod flight;
mod handle;
mod lane;
mod parcel;
mod progress;
mod reading;
mod runner;
mod spec;
mod status;

#[cfg(test)]
mod tests;

pub use handle::{Deliveries, Handler, LaneChange, StartError};
pub use spec::{DeliverySpec, HandlerSpec};
pub use status::{HandlerState, HandlerStatus};
