//! One attempt, from the transition to what its end means.

use super::handle::Handler;
use super::lane::Landing;
use crate::alarm::{JournalPosition, Transition};
use crate::clock::Clock;
use crate::handler::{DeliveryId, OutgoingMessage, RenderContext};
use crate::transport::{Attempt, concealed_text};
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
    Attempted(Box<Attempted>),
    /// There is no message to send.
    Unwritable(String),
}

/// An attempt that was made.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) landing: Landing,
    pub(super) message: OutgoingMessage,
    pub(super) made: Attempt,
    /// What made it, which a commit may have replaced since.
    pub(super) handler: Arc<Handler>,
}

impl Flight {
    pub(super) fn route(&self) -> (Uuid, JournalPosition) {
        (self.incarnation, self.transition.position)
    }

    pub(super) async fn fly(self) -> Landed {
        let delivery = DeliveryId::new(self.incarnation, self.transition.position);
        let context = RenderContext { base_url: self.base_url.as_deref(), delivery };
        let notifier = &self.handler.notifier;
        let mut message = match notifier.render(&self.transition, &context) {
            Ok(message) => message,
            Err(error) => return Landed::Unwritable(error.to_string()),
        };
        if let Err(error) = notifier.vouch(&mut message, delivery, self.clock.now()) {
            return Landed::Unwritable(error.to_string());
        }
        let mut made = notifier.send(&message, self.deadline).await;
        if let Err(fault) = &mut made.result {
            fault.detail = concealed_text(&notifier.masks(), &fault.detail).into_owned();
        }
        let outcome = notifier.classify(&made, self.clock.now());
        let answer = made.result.as_ref().map_or_else(|fault| fault.partial.as_ref(), Some);
        let status = answer.map_or(0, |answer| answer.status);
        let landing = Landing { outcome, status, duration: made.duration };
        Landed::Attempted(Box::new(Attempted { landing, message, made, handler: self.handler }))
    }
}

impl Attempted {
    /// Says why it failed; empty when it did not.
    pub(super) fn failure(&self) -> String {
        let Some(reason) = self.landing.outcome.reason() else { return String::new() };
        match &self.made.result {
            Ok(answer) => format!("{}: status {}", reason.as_str(), answer.status),
            Err(fault) => format!("{}: {}", reason.as_str(), fault.detail),
        }
    }
}
