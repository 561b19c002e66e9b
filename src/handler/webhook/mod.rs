//! The webhook notifier: POSTs all that is known of the alarm as JSON, flat or nested.

mod flat;
mod nested;

use super::message::{OutgoingMessage, RenderContext, RenderError, WEBHOOK_ID};
use super::web_service::{Clients, Endpoint, WebService};
use super::{Kind, Notifier, Sending};
use crate::alarm::Transition;
use crate::diagnostic::Diagnostics;
use crate::transport::header::CONTENT_TYPE;
use crate::transport::{HeaderMap, HeaderName, HeaderValue};
use std::str::FromStr;
use std::time::Duration;

/// Form of the body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum MessageFormat {
    /// One level; all values are strings, lines are joined by newlines.
    #[default]
    Flat,
    /// Objects and arrays.
    Nested,
}

impl MessageFormat {
    /// All.
    pub const ALL: [Self; 2] = [Self::Flat, Self::Nested];

    /// Returns the name that configuration uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Nested => "nested",
        }
    }
}

/// A text that names no message format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a message format: expected `flat` or `nested`")]
pub struct UnknownMessageFormat(pub String);

impl FromStr for MessageFormat {
    type Err = UnknownMessageFormat;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|f| f.as_str() == text).ok_or_else(|| UnknownMessageFormat(text.to_owned()))
    }
}

/// The `webhook-notifier` case of an alarm handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSpec {
    /// Where to post.
    pub web_service: WebService,
    /// Form of the body.
    pub message_format: MessageFormat,
}

/// Posts transitions to a web service.
#[derive(Debug)]
pub struct WebhookNotifier {
    endpoint: Endpoint,
    format: MessageFormat,
}

impl WebhookNotifier {
    /// Builds the notifier. Connects to nobody.
    ///
    /// # Errors
    /// When the HTTP client is missing or the web service has no address.
    pub fn build(spec: &WebhookSpec, clients: &dyn Clients) -> Result<Self, Diagnostics> {
        Ok(Self { endpoint: Endpoint::build(&spec.web_service, clients)?, format: spec.message_format })
    }
}

impl Notifier for WebhookNotifier {
    fn kind(&self) -> Kind {
        Kind::Webhook
    }

    fn render(&self, transition: &Transition, context: &RenderContext<'_>) -> Result<OutgoingMessage, RenderError> {
        let body = body(self.format, transition, context.base_url)?;
        let id = HeaderValue::from_str(&context.delivery.to_string())
            .map_err(|source| RenderError::Header { name: WEBHOOK_ID, source })?;
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static(WEBHOOK_ID), id);
        Ok(OutgoingMessage { headers, body: body.into() })
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage, deadline: Duration) -> Sending<'a> {
        Box::pin(self.endpoint.post(message, deadline))
    }

    fn destination(&self) -> String {
        self.endpoint.shown()
    }

    fn shown_headers(&self, message: &OutgoingMessage) -> Vec<(String, String)> {
        self.endpoint.shown_headers(message)
    }
}

/// Writes the body of a webhook.
///
/// # Errors
/// None that is known of: the writer of JSON can fail by type.
pub fn body(format: MessageFormat, transition: &Transition, base_url: Option<&str>) -> serde_json::Result<Vec<u8>> {
    match format {
        MessageFormat::Flat => serde_json::to_vec(&flat::Flat::of(transition, base_url)),
        MessageFormat::Nested => serde_json::to_vec(&nested::Nested::of(transition, base_url)),
    }
}

#[cfg(test)]
mod tests;
