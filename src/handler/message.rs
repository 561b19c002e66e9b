//! What a notifier writes, and what it is told beside the transition.

use crate::alarm::JournalPosition;
use crate::transport::HeaderMap;
use bytes::Bytes;
use std::fmt;
use uuid::Uuid;

/// Header that carries the delivery id.
pub const WEBHOOK_ID: &str = "webhook-id";

/// Identifier of one delivery: the same on every retry, after every restart, and when it is sent again by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(Uuid);

impl DeliveryId {
    /// Makes the identifier: a UUID version 5 of the position (in decimal digits) in the namespace of the lane's incarnation.
    /// A handler that is deleted and configured again is another lane; one that is renamed is the same.
    #[must_use]
    pub fn new(lane_incarnation: Uuid, position: JournalPosition) -> Self {
        Self(Uuid::new_v5(&lane_incarnation, position.0.to_string().as_bytes()))
    }

    /// Returns the UUID.
    #[must_use]
    pub fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What a notifier is told beside the transition.
#[derive(Debug, Clone, Copy)]
pub struct RenderContext<'a> {
    /// Address of the web UI for a transition that was written down without one.
    pub base_url: Option<&'a str>,
    /// The delivery.
    pub delivery: DeliveryId,
}

/// A message ready to be sent: the same bytes on every attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Headers; one that is marked sensitive is shown as a placeholder.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Why a transition cannot be written as a message.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The format cannot hold it.
    #[error("the alarm cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// A header cannot hold it.
    #[error("the header `{name}` cannot hold its value")]
    Header {
        /// The header.
        name: &'static str,
        /// What the library says.
        #[source]
        source: crate::transport::header::InvalidHeaderValue,
    },
}
