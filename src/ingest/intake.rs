//! The seam to the alarm list: what ingest hands over, and what it asks for.

use super::{Admission, Mapping};
use crate::alarm::{AlarmId, AlarmKey, AlarmText, Severity, Silence};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Labels of an alert, sorted by name; none is empty.
pub type LabelSet = BTreeMap<String, String>;

/// What one label set says of one alarm. An alarm has the highest severity of the contributions that stand, and clears
/// when the last one is resolved or passes its `ends_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The alarm.
    pub key: AlarmKey,
    /// All labels, the severity's included: what makes two contributions the same.
    pub labels: LabelSet,
    /// Annotations as they came.
    pub annotations: LabelSet,
    /// Severity while it stands.
    pub severity: Severity,
    /// Texts.
    pub text: AlarmText,
    /// When the condition began.
    pub starts_at: Timestamp,
    /// When it ends unless it is reported again.
    pub ends_at: Timestamp,
    /// Whether it has ended: `ends_at` is not in the future.
    pub is_resolved: bool,
    /// Where the client shows the cause; may be empty.
    pub generator_url: String,
}

/// An alert that stands, as `GET /api/v2/alerts` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Labels.
    pub labels: LabelSet,
    /// Annotations.
    pub annotations: LabelSet,
    /// When the condition began.
    pub starts_at: Timestamp,
    /// When it ends unless it is reported again.
    pub ends_at: Timestamp,
    /// When it was last reported.
    pub updated_at: Timestamp,
    /// Where the client shows the cause; may be empty.
    pub generator_url: String,
    /// Names of the handlers that are told of it.
    pub receivers: Arc<[String]>,
    /// Whether handlers are told of it.
    pub state: AlertState,
}

/// Alerts as they stood at one moment, made while they are asked for.
pub type Alerts = Box<dyn Iterator<Item = Alert> + Send>;

/// Whether handlers are told of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertState {
    /// They are.
    Active,
    /// Shelves keep it from them.
    Silenced {
        /// Names of the shelves.
        by: Vec<String>,
    },
}

/// What `GET /api/v2/status` tells of this element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStatus {
    /// When the process started.
    pub started: Timestamp,
    /// Name of this node.
    pub node: String,
}

/// Why reports are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Not now: the disk is full, the element drains, too much waits. The client tries again.
    #[error("reports are not taken now: {0}")]
    Unavailable(String),
    /// More comes than is taken: the client comes again.
    #[error("too much waits to be taken")]
    Busy {
        /// After what time.
        after: Duration,
    },
    /// Another request had the same idempotency key.
    #[error("another request had the same `Idempotency-Key`")]
    Conflict,
    /// Some were not taken, and would not be later either; the others were. Each by its place in what was handed over, from 0.
    #[error("{}", .0.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join("\n"))]
    Refused(Vec<(usize, String)>),
}

/// An alarm as `POST /api/v1/alarms` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeAlarm {
    /// The node; this one where it is not said.
    pub node: Option<String>,
    /// The kind of the alarming resource.
    pub resource_type: String,
    /// The alarming resource.
    pub resource: String,
    /// The alarm type.
    pub alarm_type: String,
    /// What tells apart alarms of one type on one resource; usually empty.
    pub qualifier: String,
    /// Which of several sources says so; empty where there is one only.
    pub source: String,
    /// How bad it is; the type says where the sender does not.
    pub severity: Option<Severity>,
    /// Whether the condition holds; else it is gone.
    pub is_raise: bool,
    /// Texts.
    pub text: AlarmText,
    /// When it no longer holds, unless it is said again.
    pub ends_at: Option<Timestamp>,
}

/// What became of a [`NativeAlarm`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NativeResult {
    /// It was taken.
    Taken {
        /// The alarm.
        id: AlarmId,
        /// What that changed: `raised`, `changed`, `cleared`, `held`, `text-changed` or `unchanged`.
        word: &'static str,
    },
    /// It was not.
    Refused(String),
}

/// The name of a request that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The client's name for it.
    pub key: String,
    /// Digest of its body.
    pub digest: String,
}

/// Writes the answer to a request.
pub type WriteAnswer = Box<dyn FnOnce(Vec<NativeResult>) -> String + Send>;

/// Takes contributions and shows what stands.
pub trait AlarmIntake: Send + Sync + 'static {
    /// Takes contributions; returns when they are durable.
    fn report(&self, contributions: Vec<Contribution>) -> impl Future<Output = Result<(), IntakeError>> + Send;

    /// Takes native alarms; returns what `write` makes of the results when they are durable. A request that was answered
    /// before is given the same answer, and nothing of it is decided again.
    fn report_native(
        &self,
        alarms: Vec<NativeAlarm>,
        once: Option<Once>,
        write: WriteAnswer,
    ) -> impl Future<Output = Result<String, IntakeError>> + Send;

    /// Returns one alarm, as the element shows it to programs.
    fn alarm(&self, id: AlarmId) -> Option<serde_json::Value>;

    /// Returns the silences, those that are over included.
    fn silences(&self) -> Vec<Silence>;

    /// Puts up a silence, or changes the one of its identifier; returns when that is durable.
    fn put_silence(&self, silence: Silence) -> impl Future<Output = Result<(), IntakeError>> + Send;

    /// Returns who may report, and how much.
    fn admission(&self) -> Arc<Admission>;

    /// Returns the alerts that stand, sorted by fingerprint.
    fn alerts(&self) -> impl Future<Output = Result<Alerts, IntakeError>> + Send;

    /// Returns the names of the handlers.
    fn receivers(&self) -> Vec<String>;

    /// Returns what there is to tell of this element.
    fn status(&self) -> ServerStatus;

    /// Returns the mapping in force.
    fn mapping(&self) -> Arc<Mapping>;

    /// Returns the time.
    fn now(&self) -> Timestamp;

    /// Returns why the element cannot take reports; `None` when it can.
    fn unready(&self) -> Option<String>;
}
