//! Pages for people: the alarm that a notification's `dashboard_link` points to, and the element's health.
//!
//! **Invariants**: shows, changes nothing. Every text is escaped; the pages have neither script nor anything loaded from
//! elsewhere, and say so in their content security policy.

mod escape;
mod page;

use crate::alarm::{AlarmId, AlarmKey, AlarmState, Standing};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use std::future::Future;
use std::sync::Arc;

/// An alarm as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRecord {
    /// Its key.
    pub key: Arc<AlarmKey>,
    /// Its state.
    pub state: AlarmState,
    /// When it was raised for the first time.
    pub time_created: Timestamp,
    /// When its state changed last.
    pub last_updated: Timestamp,
    /// Its latest changes, newest first.
    pub changes: Vec<AlarmChange>,
}

/// One change of an alarm's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmChange {
    /// When.
    pub time: Timestamp,
    /// How it stood from then on.
    pub standing: Standing,
    /// Its brief description then.
    pub brief: Arc<str>,
}

/// Why a page cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the alarm list cannot be read now: {0}")]
pub struct UnreadableError(pub String);

/// What the pages show.
pub trait PageSource: Send + Sync + 'static {
    /// Returns an alarm; `None` when there is none of that identifier.
    fn alarm(&self, id: AlarmId) -> impl Future<Output = Result<Option<AlarmRecord>, UnreadableError>> + Send;

    /// Returns what keeps the element from its work; empty when nothing does.
    fn faults(&self) -> Vec<String>;
}

/// Nothing but the page's own style.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Builds the routes over a source.
pub fn router<S: PageSource>(source: Arc<S>) -> Router {
    Router::new()
        .route("/alarms/{alarm_id}", get(alarm_page::<S>))
        .route("/healthz", get(health::<S>))
        .fallback(async || html(StatusCode::NOT_FOUND, page::not_found("there is no page of this address")))
        .with_state(source)
}

async fn alarm_page<S: PageSource>(State(source): State<Arc<S>>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<AlarmId>() else {
        return html(StatusCode::NOT_FOUND, page::not_found("this is not the identifier of an alarm"));
    };
    match source.alarm(id).await {
        Ok(Some(record)) => html(StatusCode::OK, page::alarm(id, &record)),
        Ok(None) => html(
            StatusCode::NOT_FOUND,
            page::not_found("there is no alarm of this identifier: it was purged, or belongs to another element"),
        ),
        Err(error) => html(StatusCode::SERVICE_UNAVAILABLE, page::unavailable(&error.to_string())),
    }
}

async fn health<S: PageSource>(State(source): State<Arc<S>>) -> Response {
    let faults = source.faults();
    let (status, text) = if faults.is_empty() {
        (StatusCode::OK, "ok".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, faults.join("\n"))
    };
    respond(status, "text/plain; charset=utf-8", text + "\n")
}

fn html(status: StatusCode, page: String) -> Response {
    respond(status, "text/html; charset=utf-8", page)
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
