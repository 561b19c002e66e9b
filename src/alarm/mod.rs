//! The pure alarm model (RFC 8632): what an alarm is, which of its states differ, and what a transition records.
//!
//! **Invariants**: no I/O, no async, no clock: times are handed in. Cleared is not a severity. A transition is
//! made only when something that is announced differs.

mod contribution;
mod key;
mod own;
pub mod qualifier;
mod record;
mod severity;
mod state;
mod transition;

pub use contribution::{CONTRIBUTIONS_MAX, Contribution, ContributionKey, Contributions, TooManyContributions};
pub use key::{ALARM_NAMESPACE, AlarmId, AlarmKey};
pub use own::{OwnType, OwnTypeTexts, TypeClass, UnknownOwnType};
pub use record::{AlarmRecord, Change, Circumstances, Reading, STATUS_CHANGES_MAX, StatusChange, decide};
pub use severity::{Severity, UnknownSeverity};
pub use state::{AlarmState, AlarmText, ImpactGroup, Standing};
pub use transition::{JournalPosition, Transition};
