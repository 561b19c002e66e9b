//! Notifiers: what turns a transition into a message, sends it, and judges the answer.
//!
//! Every kind has one anatomy: a folder with a `Spec`, a notifier built from it, and the rendering as a pure function
//! with golden files. [`Kind::ALL`] is the list; the contract test at the end of this file walks it.
//!
//! **Invariants**: [`Notifier::render`] is pure: the same transition and context give the same bytes, whenever and however
//! often. A notifier makes one attempt at a time, keeps no state about deliveries and never waits between attempts: pacing
//! and retries are `delivery`'s. Secrets are in no `Debug` and no rendered message that is logged.

mod description;
mod message;
mod outcome;
mod signature;
mod web_service;
pub mod webhook;

pub use message::{DeliveryId, OutgoingMessage, RenderContext, RenderError, WEBHOOK_ID};
pub use outcome::{Outcome, RETRY_AFTER_MAX, classify, retry_after};
pub use signature::{
    NotASecret, SECRET_PREFIX, SigningKey, TOLERANCE_SECONDS, VerifyError, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign,
    verify,
};
pub use web_service::{Clients, WebService};

use crate::alarm::Transition;
use crate::diagnostic::Diagnostics;
use crate::secret::Mask;
use crate::transport::Attempt;
use jiff::Timestamp;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// An attempt under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Attempt> + Send + 'a>>;

/// What delivers to one kind of system.
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Returns the kind.
    fn kind(&self) -> Kind;

    /// Writes the message about a transition.
    ///
    /// # Errors
    /// When this transition can never be written as a message of this kind; it is then given up, with this reason.
    fn render(&self, transition: &Transition, context: &RenderContext<'_>) -> Result<OutgoingMessage, RenderError>;

    /// Adds what is of one attempt: the time, and what vouches for it. The body stays as it is.
    ///
    /// # Errors
    /// When a header cannot hold it.
    fn vouch(&self, message: &mut OutgoingMessage, delivery: DeliveryId, now: Timestamp) -> Result<(), RenderError> {
        let _ = (message, delivery, now);
        Ok(())
    }

    /// Makes one attempt, which ends at the deadline at the latest.
    fn send<'a>(&'a self, message: &'a OutgoingMessage, deadline: Duration) -> Sending<'a>;

    /// Judges an attempt. `now` is for an answer that names a time.
    fn classify(&self, attempt: &Attempt, now: Timestamp) -> Outcome {
        classify(attempt, now)
    }

    /// Returns where it delivers to, as people are shown it: without secrets.
    fn destination(&self) -> String;

    /// Returns what finds its secrets in what a receiver sends back.
    fn masks(&self) -> Vec<Arc<Mask>>;

    /// Returns the headers of a message as the delivery log shows them: secrets as a placeholder.
    fn shown_headers(&self, message: &OutgoingMessage) -> Vec<(String, String)>;
}

/// The kinds of notifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// POSTs the alarm as JSON.
    Webhook,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 1] = [Self::Webhook];

    /// Returns the name of its case in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook-notifier",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a notifier is configured to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifierSpec {
    /// A webhook.
    Webhook(webhook::WebhookSpec),
}

impl NotifierSpec {
    /// Builds the notifier. Connects to nobody.
    ///
    /// # Errors
    /// Everything that is wrong with the specification.
    pub fn build(&self, clients: &dyn Clients) -> Result<Arc<dyn Notifier>, Diagnostics> {
        match self {
            Self::Webhook(spec) => Ok(Arc::new(webhook::WebhookNotifier::build(spec, clients)?)),
        }
    }

    /// Returns the web service that it posts to, when it does.
    #[must_use]
    pub fn web_service(&self) -> Option<&WebService> {
        match self {
            Self::Webhook(spec) => Some(&spec.web_service),
        }
    }

    /// Returns the path that it delivers to, for those who may see the configuration; of a query only that there is one.
    #[must_use]
    pub fn shown_context(&self) -> String {
        let Self::Webhook(spec) = self;
        let context = &spec.web_service.context;
        let slash = if context.starts_with('/') { "" } else { "/" };
        match context.split_once('?') {
            Some((path, _)) => format!("{slash}{path}?…"),
            None => format!("{slash}{context}"),
        }
    }

    /// Returns the same with the name of its HTTP client left out.
    #[must_use]
    pub fn without_client(&self) -> Self {
        match self {
            Self::Webhook(spec) => {
                let web_service = WebService { http_client: String::new(), ..spec.web_service.clone() };
                Self::Webhook(webhook::WebhookSpec { web_service, ..spec.clone() })
            }
        }
    }

    /// Returns whom it tells: host, port and path.
    #[must_use]
    pub fn receiver(&self) -> (&str, u16, &str) {
        match self {
            Self::Webhook(spec) => (&spec.web_service.hostname, spec.web_service.port, &spec.web_service.context),
        }
    }

    /// Returns the named HTTP client that it delivers through, when it does.
    #[must_use]
    pub fn http_client(&self) -> Option<&str> {
        match self {
            Self::Webhook(spec) => Some(&spec.web_service.http_client),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
