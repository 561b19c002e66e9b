//! The answer to `GET /api/v2/alerts`, written while it is read: however many alerts stand, only a piece is in memory.

use super::fingerprint;
use super::intake::{Alert, AlertState, Alerts};
use super::query::AlertQuery;
use crate::clock::format_utc;
use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

/// How long a client may take to read an answer: 30 MB at 2 Mbit/s.
const READ_WITHIN: Duration = Duration::from_secs(120);

/// Bytes of a piece, about: some dozens of alerts, a fraction of a millisecond's work.
const PIECE_BYTES: usize = 32 << 10;

/// Alerts looked at for one piece: those that a filter keeps out cost time, too.
const LOOKED_AT_MAX: usize = 256;

/// The client did not read the answer in time.
#[derive(Debug, thiserror::Error)]
#[error("the answer was not read within {} s", READ_WITHIN.as_secs())]
pub(super) struct TooSlow;

/// The body of an answer.
pub(super) struct Listing {
    alerts: Alerts,
    query: AlertQuery,
    told: Option<Told>,
    stage: Stage,
    late: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    First,
    Rest,
    Done,
}

/// The receivers of the alert before this one: mostly those of the next, too.
struct Told {
    receivers: Arc<[String]>,
    is_wanted: bool,
    json: Value,
}

impl Listing {
    pub(super) fn new(alerts: Alerts, query: AlertQuery, place: OwnedSemaphorePermit) -> Self {
        let late = Box::pin(tokio::time::sleep(READ_WITHIN));
        Self { alerts, query, told: None, stage: Stage::Begin, late, _place: place }
    }

    /// Writes the next piece; empty when of all that was looked at nothing is wanted.
    fn piece(&mut self) -> String {
        let mut piece = String::new();
        if self.stage == Stage::Begin {
            self.stage = Stage::First;
            piece.push('[');
        }
        for _ in 0..LOOKED_AT_MAX {
            let Some(alert) = self.alerts.next() else {
                self.stage = Stage::Done;
                piece.push_str("]\n");
                break;
            };
            if self.is_wanted(&alert) {
                piece.push_str(if self.stage == Stage::First { "" } else { ",\n" });
                self.stage = Stage::Rest;
                let receivers = self.told.as_ref().map_or(&Value::Null, |told| &told.json);
                piece.push_str(&alert_json(&alert, receivers).to_string());
            }
            if piece.len() >= PIECE_BYTES {
                break;
            }
        }
        piece
    }

    fn is_wanted(&mut self, alert: &Alert) -> bool {
        let is_known = self.told.as_ref().is_some_and(|told| Arc::ptr_eq(&told.receivers, &alert.receivers));
        if !is_known {
            let (receivers, is_wanted) = (Arc::clone(&alert.receivers), self.query.wants_receivers(&alert.receivers));
            self.told = Some(Told { json: names(&receivers), is_wanted, receivers });
        }
        self.told.as_ref().is_some_and(|told| told.is_wanted) && self.query.wants(alert)
    }
}

impl HttpBody for Listing {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        if self.stage == Stage::Done {
            return Poll::Ready(None);
        }
        if self.late.as_mut().poll(cx).is_ready() {
            tracing::debug!("an answer was not read in time");
            self.stage = Stage::Done;
            return Poll::Ready(Some(Err(TooSlow)));
        }
        let piece = self.piece();
        if piece.is_empty() {
            // Others get their turn before more is looked at.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.stage == Stage::Done
    }
}

fn alert_json(alert: &Alert, receivers: &Value) -> Value {
    let (state, silenced_by) = match &alert.state {
        AlertState::Active => ("active", [].as_slice()),
        AlertState::Silenced { by } => ("suppressed", by.as_slice()),
    };
    json!({
        "annotations": alert.annotations,
        "endsAt": format_utc(alert.ends_at),
        "fingerprint": fingerprint(&alert.labels).to_string(),
        "receivers": receivers,
        "startsAt": format_utc(alert.starts_at),
        "status": {"inhibitedBy": [], "silencedBy": silenced_by, "state": state},
        "updatedAt": format_utc(alert.updated_at),
        "generatorURL": alert.generator_url,
        "labels": alert.labels,
    })
}

/// Writes names as the API shows receivers.
pub(super) fn names(names: &[String]) -> Value {
    names.iter().map(|name| json!({ "name": name })).collect()
}
