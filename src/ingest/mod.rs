//! What reports alarms from outside: the element's own API, and Alertmanager's API v2, so that Prometheus and amtool work
//! unchanged.
//!
//! * `mapping`: an alert's labels → an alarm's key, severity and texts; pure.
//! * `alertmanager`, `silences`, `native`: the HTTP routes; [`router`] gives them.
//! * `gate`: tokens, rates, and bounds on what is under way.
//! * [`AlarmIntake`]: the seam to the alarm list, which whoever builds the element implements.
//!
//! **Invariants**: decides nothing about alarms: it translates alerts into [`Contribution`]s and hands them over. An
//! answer of success is given only when the intake has said so. A batch with faulty alerts: the others are taken, the
//! faulty are told by number, because clients drop a batch that is refused. No panic on any input; every size has a limit.

#![allow(clippy::result_large_err, reason = "the error of a route is the response itself, which is moved once")]

mod alertmanager;
mod answer;
mod fingerprint;
mod gate;
mod intake;
mod listing;
mod mapping;
mod matcher;
mod native;
mod postable;
mod query;
mod silences;
mod time;

pub use alertmanager::router;
pub use fingerprint::{Fingerprint, fingerprint};
pub use gate::{Admission, BODY_BYTES_MAX, Rate};
pub use intake::{
    AlarmIntake, Alert, AlertState, Alerts, Contribution, IntakeError, LabelSet, NativeAlarm, NativeResult, Once,
    ServerStatus, WriteAnswer,
};
pub use mapping::{AlertParts, Mapping, MappingFault, RESOLVE_TIMEOUT};
pub use native::ALARMS_MAX;

/// The description of the HTTP interface for programs.
pub const OPENAPI: &str = include_str!("../../docs/openapi.json");
