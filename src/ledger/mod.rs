//! The alarm list and its journal: decide, append, commit, publish, answer.
//!
//! A [`Report`] is decided against the alarm list on the thread of the journal's writer, inside the transaction that
//! appends what it changes. When the group is on the disk its transitions are published, in journal order, and only
//! then are the sources answered.
//!
//! **Invariants**: nothing is visible before it is durable. A source whose report changes nothing is answered after
//! the transition that it relies on is durable. A group that could not be committed leaves no trace in memory.
//! Subscribers see every transition once, in order. The alarm list is what the stored list at its watermark and the
//! journal behind it give. A standing alarm never gives way to another. RFC 8632 §3 and §4.5.

mod actions;
mod alarm_list;
mod deadline;
mod decide;
mod handle;
mod recorder;
mod recovery;
mod report;
mod ring;
#[cfg(test)]
mod tests;

pub use actions::{Answered, ReminderFor, SILENCES_MAX, SilenceError};
pub use alarm_list::AlarmList;
pub use deadline::BOOT_GRACE;
pub use handle::{Ledger, LedgerOptions};
pub use report::{Impact, ImpactSource, LedgerError, NoImpact, Outcome, Report, ReportError, Verdict};
