//! What reports alarms from outside: Alertmanager's API v2, so that Prometheus and amtool work unchanged.
//!
//! * `mapping`: an alert's labels → an alarm's key, severity and texts; pure.
//! * `alertmanager`: the HTTP routes; [`router`] gives them.
//! * [`AlarmIntake`]: the seam to the alarm list, which whoever builds the element implements.
//!
//! **Invariants**: decides nothing about alarms: it translates alerts into [`Contribution`]s and hands them over. An
//! answer of success is given only when the intake has said so. A batch with faulty alerts: the others are taken, the
//! faulty are told by number, because clients drop a batch that is refused. No panic on any input; every size has a limit.

mod alertmanager;
mod fingerprint;
mod intake;
mod listing;
mod mapping;
mod matcher;
mod postable;
mod query;
mod time;

pub use alertmanager::{BODY_BYTES_MAX, router};
pub use fingerprint::{Fingerprint, fingerprint};
pub use intake::{AlarmIntake, Alert, AlertState, Alerts, Contribution, IntakeError, LabelSet, ServerStatus};
pub use mapping::{AlertParts, Mapping, MappingFault, RESOLVE_TIMEOUT};
