//! The pure alarm model (RFC 8632): what an alarm is, which of its states differ, and what a transition records.
//!
//! **Invariants**: no I/O, no async, no clock: times are handed in. Cleared is not a severity. A transition is
//! made only when something that is announced differs.

mod contribution;
mod control;
mod decide;
mod filter;
mod hold;
mod key;
mod notify;
mod operator;
mod own;
pub mod qualifier;
mod record;
mod severity;
pub mod shelf;
mod silence;
mod state;
mod summary;
#[cfg(test)]
mod tests;
mod transition;

pub use contribution::{CONTRIBUTIONS_MAX, Contribution, ContributionKey, Contributions, TooManyContributions};
pub use control::{ALARMS_MAX, Control, Profile, TypeSpec, Types};
pub use decide::{Announced, Change, Circumstances, Reading, announce_held, decide, set_operator_state};
pub use filter::{AlarmFilter, Clearance, CompressFilter, SeverityBound};
pub use hold::Hold;
pub use key::{ALARM_HANDLER, ALARM_NAMESPACE, AlarmId, AlarmKey, HTTP_CLIENT, SELF_TEST};
pub use notify::Notify;
pub use operator::{OPERATOR_CHANGES_MAX, OperatorChange, OperatorState, REMARK_CHARS_MAX, UnknownOperatorState};
pub use own::{OwnType, OwnTypeTexts, TypeClass, UnknownOwnType};
pub use record::{AlarmRecord, STATUS_CHANGES_MAX, StatusChange, Untold, UntoldBy};
pub use severity::{Severity, UnknownSeverity};
pub use silence::{Silence, SilenceMatcher};
pub use state::{AlarmState, AlarmText, Correlation, ImpactGroup, ResourceName, Standing};
pub use summary::{SeveritySummary, Summary};
pub use transition::{JournalPosition, Moves, Transition};
