//! The configuration datastores of RFC 8342: running, private candidates, and the revisions that running went through.
//!
//! A commit goes one way: rebase on running, validate, let every [`Participant`] prepare, write the revision together
//! with the participants' rows, take into use, announce. Whatever fails before the write leaves everything as it was;
//! what is written is in force, now or after a restart.
//!
//! A confirmed commit is taken back at its deadline, over a lost session and over a restart; meanwhile nobody else's
//! commit comes on top of it, so that what comes back is what was there.
//!
//! **Invariants**: one commit at a time; readers of running never wait for one. What is told as committed is on the
//! disk. Taking into use cannot fail. No leaf is known here by name. A stored revision always boots, unless its nodes
//! are unknown to the schema, which is told by path.

mod boot;
mod candidate;
mod checkpoint;
mod confirmation;
mod conflict;
mod error;
mod gate;
mod handle;
mod participant;
mod rebase;
mod revision;
mod secrets;
mod transaction;

#[cfg(test)]
mod tests;

pub use boot::{BootInput, BootOptions, Booted, boot};
pub use candidate::{Candidate, CommitOutcome, CommitRequest, Committed, Snapshot};
pub use confirmation::{TakeBackError, taken_back};
pub use conflict::Conflict;
pub use error::{BootError, CommitError, RollbackError};
pub use gate::{ExclusiveLock, Holder, Unconfirmed};
pub use handle::{Checked, Datastore, UndoError};
pub use participant::{CommitContext, Participant, Prepared};
pub use revision::RevisionRecord;
pub use secrets::{RotateError, Rotated, stored_secrets};
