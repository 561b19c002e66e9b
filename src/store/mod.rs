//! What survives a crash: two SQLite files, one writer thread that commits what waits as one group, readers beside it.
//!
//! `journal.db` (WAL, `synchronous=FULL`) holds revisions, the journal, lanes and contributions; what is told as
//! written there is on the disk. `records.db` holds what can be late: the alarm list at a watermark, and tree
//! checkpoints, whose size would otherwise hold up the journal's writer.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use annunciator::{clock::Clock, store::Store};
//! # let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path(), Clock::system())?;
//! store.write(|tx| tx.set_meta("node-id", "n1"))?;
//! assert_eq!(store.meta("node-id")?.as_deref(), Some("n1"));
//! # Ok(()) }
//! ```
//!
//! **Invariants**: no tree, no schema, no decision: texts are opaque. One thread writes `journal.db`; reading never
//! waits for it. A job's completion runs after its group is on the disk, or with the error that undid the group. A
//! journal position is never used twice. Nothing is removed from the journal that a lane or a restart needs. Two
//! daemons never share a data folder, an older program never opens a newer file, and a file that is not the store's is
//! never changed.

mod aside;
mod attempts;
mod checkpointer;
mod contribution;
mod error;
mod fault;
mod health;
mod identity;
mod journal;
mod lane;
mod lock;
mod migration;
mod open;
mod queue;
mod reader;
mod records;
mod revision;
mod settled;
mod silence;
#[cfg(test)]
mod tests;
mod transaction;
mod writer;

pub use aside::files_set_aside;
pub use attempts::AttemptRow;
pub use contribution::ContributionRow;
pub use error::StoreError;
pub use fault::{AbortAt, Fault, FaultPoint, InjectedFault, UnknownFaultPoint};
pub use health::Refusal;
pub use journal::{JOURNAL_READ_MAX, JournalEntry};
pub use lane::{LaneException, LaneExceptionState, LaneProgress, LaneRow, NewLane};
pub use lock::FolderLock;
pub use open::{JOURNAL_NAME, RECORDS_NAME, Store, StoreOptions};
pub use records::{RecordChange, StoredAlarms};
pub use revision::{Checkpoint, NewRevision, Revision};
pub use settled::{LaneEnd, LaneFilter, LogRetention, LoggedLane, Settlement};
pub use silence::KeptAnswer;
pub use transaction::{RowWrite, WriteTransaction};
pub use writer::Isolation;
