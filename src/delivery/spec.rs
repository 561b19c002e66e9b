//! What an alarm handler is configured to be: which notifier, and how it is fed.

use crate::alarm::{Notify, Transition};
use crate::handler::NotifierSpec;
use crate::retry::Schedule;
use std::time::Duration;

/// An alarm handler as `alarm-handlers alarm-handler` configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerSpec {
    /// Its name.
    pub id: String,
    /// What it is for, in the operator's words.
    pub description: Option<String>,
    /// Whether it is told about alarms.
    pub is_enabled: bool,
    /// Which changes it is told about.
    pub notify: Notify,
    /// How often it is told again of what still stands; not at all without.
    pub reminder_interval: Option<Duration>,
    /// Whom it tells, and how.
    pub notifier: NotifierSpec,
    /// How it is fed.
    pub delivery: DeliverySpec,
}

impl HandlerSpec {
    /// Returns whether it is told about a transition: a reminder when it is for it, a change when it is of those that it wants.
    #[must_use]
    pub fn wants(&self, transition: &Transition) -> bool {
        if transition.is_reminder() {
            return transition.is_for(&self.id);
        }
        self.notify.tells(transition.before, transition.after.standing)
    }
}

/// How a handler is fed: its `delivery` container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySpec {
    /// Longest time of one attempt, from connecting to the end of the answer.
    pub attempt_timeout: Duration,
    /// When to try again.
    pub retries: Schedule,
    /// How long a delivery is tried before it is given up.
    pub retry_for: Duration,
    /// Deliveries under way at once at most; those of one alarm are always one after the other.
    pub max_in_flight: usize,
}

impl Default for DeliverySpec {
    /// Returns the defaults of the configuration: 30 seconds for an attempt, a day for a delivery, 64 at once.
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(30),
            retries: Schedule::default(),
            retry_for: Duration::from_secs(86_400),
            max_in_flight: 64,
        }
    }
}
