//! What is told of each attempt to whoever watches over the clients.

use super::{ClientAlarmSpec, FailureReason};
use std::sync::Arc;
use std::time::Duration;

/// How an attempt of a client ended.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The client's name.
    pub client: &'a str,
    /// The remote host and port, with the scheme: `https://a.example:443`.
    pub origin: &'a str,
    /// Which alarms the client raises.
    pub alarms: &'a ClientAlarmSpec,
    /// How it ended.
    pub end: End<'a>,
    /// How long the remote host took to answer, repetitions and pauses between them not included; `None` where that says
    /// nothing of it.
    pub took: Option<Duration>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// A whole answer came.
    Answered {
        /// Its status.
        status: u16,
    },
    /// None came.
    Failed {
        /// Why.
        reason: FailureReason,
        /// What there is to say for people.
        detail: &'a str,
    },
}

/// Is told; must not wait.
pub type Observer = Arc<dyn Fn(&Observation<'_>) + Send + Sync>;
