//! One attempt, from the transition to what its end means.

use super::handle::Handler;
use crate::alarm::{JournalPosition, Transition};
use crate::clock::Clock;
use crate::handler::{DeliveryId, Outcome, RenderContext};
use crate::transport::Attempt;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What an attempt needs.
pub(super) struct Flight {
    pub(super) handler: Arc<Handler>,
    pub(super) transition: Arc<Transition>,
    pub(super) incarnation: Uuid,
    pub(super) base_url: Option<Arc<str>>,
    pub(super) deadline: Duration,
    pub(super) clock: Clock,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Landed {
    /// It was made.
    Attempted {
        outcome: Outcome,
        /// Why it failed, for people; empty when it did not.
        failure: String,
    },
    /// There is no message to send.
    Unwritable(String),
}

impl Flight {
    pub(super) fn route(&self) -> (Uuid, JournalPosition) {
        (self.incarnation, self.transition.position)
    }

    pub(super) async fn fly(self) -> Landed {
        let delivery = DeliveryId::new(self.incarnation, self.transition.position);
        let context = RenderContext { base_url: self.base_url.as_deref(), delivery };
        let notifier = &self.handler.notifier;
        let message = match notifier.render(&self.transition, &context) {
            Ok(message) => message,
            Err(error) => return Landed::Unwritable(error.to_string()),
        };
        let attempt = notifier.send(&message, self.deadline).await;
        let outcome = notifier.classify(&attempt, self.clock.now());
        Landed::Attempted { outcome, failure: failure(outcome, &attempt) }
    }
}

fn failure(outcome: Outcome, attempt: &Attempt) -> String {
    let Some(reason) = outcome.reason() else { return String::new() };
    match &attempt.result {
        Ok(answer) => format!("{}: status {}", reason.as_str(), answer.status),
        Err(fault) => format!("{}: {}", reason.as_str(), fault.detail),
    }
}
