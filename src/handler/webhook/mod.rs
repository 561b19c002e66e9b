//! The webhook notifier: POSTs all that is known of the alarm as JSON, flat or nested.

mod flat;
mod nested;

use super::message::{DeliveryId, OutgoingMessage, RenderContext, RenderError, WEBHOOK_ID};
use super::signature::{SECRET_PREFIX, SigningKey, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign};
use super::web_service::{Clients, Endpoint, WORD_BYTES_MIN, WebService};
use super::{Kind, Notifier, Sending};
use crate::alarm::Transition;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::{Mask, Secret};
use crate::transport::header::CONTENT_TYPE;
use crate::transport::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::str::FromStr;
use std::sync::Arc;
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
    /// Secrets that messages are signed with: several while one takes the place of another.
    pub signing_secrets: Vec<Secret>,
    /// Headers sent along, by name.
    pub headers: Vec<(String, Secret)>,
}

/// Headers that say what the message is, or belong to the connection: nobody configures them.
const OWN_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Bytes that a body is given room for at first: most have less, and need not be moved while they grow.
const BODY_BYTES_USUAL: usize = 1024;

/// Posts transitions to a web service.
#[derive(Debug)]
pub struct WebhookNotifier {
    endpoint: Endpoint,
    format: MessageFormat,
    keys: Vec<SigningKey>,
    headers: HeaderMap,
    mask: Arc<Mask>,
}

impl WebhookNotifier {
    /// Builds the notifier. Connects to nobody.
    ///
    /// # Errors
    /// When the HTTP client is missing, the web service has no address, a secret is none, or a header cannot be sent.
    pub fn build(spec: &WebhookSpec, clients: &dyn Clients) -> Result<Self, Diagnostics> {
        let mut faults = Diagnostics::new();
        let endpoint = Endpoint::build(&spec.web_service, clients).map_err(|found| faults.extend(found));
        let mut keys = Vec::with_capacity(spec.signing_secrets.len());
        for secret in &spec.signing_secrets {
            match SigningKey::parse(secret.expose()) {
                Ok(key) => keys.push(key),
                Err(error) => faults.push(Diagnostic::error(format!("`signing-secret`: {error}"))),
            }
        }
        let mut headers = HeaderMap::with_capacity(spec.headers.len().saturating_add(4));
        for (name, value) in &spec.headers {
            match header(name, value) {
                Ok((name, value)) => drop(headers.insert(name, value)),
                Err(fault) => faults.push(fault),
            }
        }
        match endpoint {
            Ok(endpoint) if !faults.has_errors() => {
                let mask = Arc::new(Mask::new(&secrets(spec, &endpoint)));
                Ok(Self { endpoint, format: spec.message_format, keys, headers, mask })
            }
            _ => Err(faults),
        }
    }
}

/// Headers that say what is understood: their values stand in every other answer and are no secrets.
const OPEN_HEADERS: [&str; 7] =
    ["accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "pragma", "prefer"];

/// Returns what is sent, or signed with, and must not be seen where a receiver sends it back.
fn secrets(spec: &WebhookSpec, endpoint: &Endpoint) -> Vec<Secret> {
    let mut secrets = endpoint.hidden();
    for secret in &spec.signing_secrets {
        let text = secret.expose();
        let bare = text.strip_prefix(SECRET_PREFIX).unwrap_or(text).trim_end_matches('=');
        secrets.extend([secret.clone(), Secret::new(bare)]);
    }
    let closed =
        spec.headers.iter().filter(|(name, _)| !OPEN_HEADERS.iter().any(|open| open.eq_ignore_ascii_case(name)));
    for (_, value) in closed {
        let text = value.expose();
        let words = text.split(|c: char| c.is_whitespace() || ",;=:".contains(c));
        secrets.extend(words.filter(|word| word.len() >= WORD_BYTES_MIN).map(Secret::new));
        let pair = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
        let pair = pair.and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok().map(zeroize::Zeroizing::new));
        if let Some((_, password)) = pair.as_ref().and_then(|pair| std::str::from_utf8(pair).ok()?.split_once(':')) {
            secrets.push(Secret::new(password));
        }
        secrets.push(value.clone());
    }
    secrets
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), Diagnostic> {
    let lower = name.to_ascii_lowercase();
    if OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with("webhook-") {
        return Err(Diagnostic::error(format!("the header `{name}` is the element's own to send")));
    }
    let name = HeaderName::from_bytes(lower.as_bytes())
        .map_err(|_| Diagnostic::error(format!("`{name}` is not the name of a header")))?;
    let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
        Diagnostic::error(format!("the header `{name}` cannot hold its value: control characters are in it"))
    })?;
    // It may be a token.
    value.set_sensitive(true);
    Ok((name, value))
}

impl Notifier for WebhookNotifier {
    fn kind(&self) -> Kind {
        Kind::Webhook
    }

    fn render(&self, transition: &Transition, context: &RenderContext<'_>) -> Result<OutgoingMessage, RenderError> {
        let base_url = transition.base_url.as_deref().or(context.base_url);
        let body = body(self.format, transition, base_url)?;
        let id = HeaderValue::from_str(&context.delivery.to_string())
            .map_err(|source| RenderError::Header { name: WEBHOOK_ID, source })?;
        let mut headers = if self.headers.is_empty() { HeaderMap::with_capacity(4) } else { self.headers.clone() };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(HeaderName::from_static(WEBHOOK_ID), id);
        Ok(OutgoingMessage { headers, body: body.into() })
    }

    fn vouch(&self, message: &mut OutgoingMessage, delivery: DeliveryId, now: Timestamp) -> Result<(), RenderError> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let timestamp = now.as_second().to_string();
        let signatures = sign(&self.keys, &delivery.to_string(), &timestamp, &message.body);
        for (name, text) in [(WEBHOOK_TIMESTAMP, timestamp), (WEBHOOK_SIGNATURE, signatures)] {
            let value = HeaderValue::try_from(text).map_err(|source| RenderError::Header { name, source })?;
            message.headers.insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage, deadline: Duration) -> Sending<'a> {
        Box::pin(self.endpoint.post(message, deadline))
    }

    fn destination(&self) -> String {
        self.endpoint.shown()
    }

    fn masks(&self) -> Vec<Arc<Mask>> {
        let mut masks = self.endpoint.masks();
        masks.push(Arc::clone(&self.mask));
        masks
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
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    match format {
        MessageFormat::Flat => serde_json::to_writer(&mut body, &flat::Flat::of(transition, base_url))?,
        MessageFormat::Nested => serde_json::to_writer(&mut body, &nested::Nested::of(transition, base_url))?,
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
