//! The seam to the alarm list: what ingest hands over, and what it asks for.

use super::Mapping;
use crate::alarm::{AlarmKey, AlarmText, Severity};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

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
    /// Some were not taken, and would not be later either; the others were. Each by its place in the report, from 0.
    #[error("{} of the reports are refused", .0.len())]
    Refused(Vec<(usize, String)>),
}

/// Takes contributions and shows what stands.
pub trait AlarmIntake: Send + Sync + 'static {
    /// Takes contributions; returns when they are durable.
    fn report(&self, contributions: Vec<Contribution>) -> impl Future<Output = Result<(), IntakeError>> + Send;

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
