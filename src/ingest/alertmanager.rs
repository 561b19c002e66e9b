//! The routes of Alertmanager's API v2 that clients need to report and to look.

use super::intake::{AlarmIntake, Alert, AlertState, Contribution, IntakeError};
use super::matcher::{Matcher, whole};
use super::{fingerprint, postable};
use crate::clock::format_utc;
use crate::transport::{USER_AGENT, Url};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use regex::Regex;
use serde_json::{Value, json};
use std::sync::Arc;

/// Bytes of a body: Prometheus sends up to 256 alerts at once and drops a batch that is refused, so there is room for 16 KiB each.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Faulty alerts told in one answer: more than a person reads.
const FAULTS_TOLD_MAX: usize = 50;

/// Builds the routes over an intake.
pub fn router<I: AlarmIntake>(intake: Arc<I>) -> Router {
    Router::new()
        .route("/api/v2/alerts", get(show_alerts::<I>).post(take_alerts::<I>))
        .route("/api/v2/status", get(show_status::<I>))
        .route("/api/v2/receivers", get(show_receivers::<I>))
        .route("/-/healthy", get(async || text(StatusCode::OK, "OK")))
        .route("/-/ready", get(show_ready::<I>))
        .method_not_allowed_fallback(async || {
            coded(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(intake)
}

async fn take_alerts<I: AlarmIntake>(
    State(intake): State<Arc<I>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if !is_json(&headers) {
        let said = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("missing");
        let message = format!("the content type is {said}; expected `application/json`");
        return coded(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message);
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("the body is larger than {BODY_BYTES_MAX} bytes; send fewer alerts at once");
            return coded(StatusCode::PAYLOAD_TOO_LARGE, &message);
        }
        Err(_) => return said(StatusCode::BAD_REQUEST, "the body ended early"),
    };
    let posted = match postable::read(&body) {
        Ok(posted) => posted,
        Err(message) => return said(StatusCode::BAD_REQUEST, &message),
    };
    let (contributions, mut faults) = judge(&*intake, posted);
    if !contributions.is_empty() {
        match intake.report(contributions).await {
            Ok(()) => {}
            Err(IntakeError::Refused(refused)) => faults.extend(refused),
            Err(error @ IntakeError::Unavailable(_)) => return unavailable(&error),
        }
    }
    if faults.is_empty() { empty(StatusCode::OK) } else { said(StatusCode::BAD_REQUEST, &faults_text(&faults)) }
}

/// Maps the alerts of a body: those that can be taken, and what is wrong with the others, by number from 0.
fn judge<I: AlarmIntake>(intake: &I, posted: Vec<postable::Posted>) -> (Vec<Contribution>, Vec<String>) {
    let (mapping, now) = (intake.mapping(), intake.now());
    let mut contributions = Vec::with_capacity(posted.len());
    let mut faults = Vec::new();
    for (index, alert) in posted.into_iter().enumerate() {
        let judged = alert.and_then(|parts| {
            mapping.contribution(parts, now).map_err(|faults| faults.iter().map(ToString::to_string).collect())
        });
        match judged {
            Ok(contribution) => contributions.push(contribution),
            Err(wrong) => faults.push(format!("alert {index}: {}", wrong.join("; "))),
        }
    }
    (contributions, faults)
}

fn faults_text(faults: &[String]) -> String {
    let mut told: Vec<String> = faults.iter().take(FAULTS_TOLD_MAX).cloned().collect();
    if let Some(more) = faults.len().checked_sub(FAULTS_TOLD_MAX).filter(|more| *more > 0) {
        told.push(format!("… and {more} more"));
    }
    told.join("\n")
}

async fn show_alerts<I: AlarmIntake>(State(intake): State<Arc<I>>, RawQuery(query): RawQuery) -> Response {
    let query = match AlertQuery::parse(query.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(message) => return said(StatusCode::BAD_REQUEST, &message),
    };
    match intake.alerts().await {
        Ok(alerts) => {
            let shown = alerts.iter().filter(|alert| query.is_match(alert)).map(alert_json).collect();
            answer(StatusCode::OK, &Value::Array(shown))
        }
        Err(error) => unavailable(&error),
    }
}

/// What a query asks for.
#[derive(Debug)]
struct AlertQuery {
    matchers: Vec<Matcher>,
    receiver: Option<Regex>,
    is_active_wanted: bool,
    is_silenced_wanted: bool,
}

impl AlertQuery {
    /// Reads a query string. `inhibited` and `unprocessed` are accepted: no alert here is either.
    fn parse(query: &str) -> Result<Self, String> {
        let mut wanted =
            Self { matchers: Vec::new(), receiver: None, is_active_wanted: true, is_silenced_wanted: true };
        let mut url = Url::parse("http://query/").map_err(|error| error.to_string())?;
        url.set_query(Some(query));
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "filter" => wanted.matchers.push(Matcher::parse(&value)?),
                "receiver" => wanted.receiver = Some(whole(&value)?),
                "active" => wanted.is_active_wanted = boolean(&name, &value)?,
                "silenced" => wanted.is_silenced_wanted = boolean(&name, &value)?,
                "inhibited" | "unprocessed" => drop(boolean(&name, &value)?),
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn is_match(&self, alert: &Alert) -> bool {
        let is_state_wanted = match alert.state {
            AlertState::Active => self.is_active_wanted,
            AlertState::Silenced { .. } => self.is_silenced_wanted,
        };
        is_state_wanted
            && self.matchers.iter().all(|matcher| matcher.is_match(&alert.labels))
            && self.receiver.as_ref().is_none_or(|pattern| alert.receivers.iter().any(|name| pattern.is_match(name)))
    }
}

fn boolean(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("`{name}` is `{value}`; expected `true` or `false`")),
    }
}

fn alert_json(alert: &Alert) -> Value {
    let (state, silenced_by) = match &alert.state {
        AlertState::Active => ("active", [].as_slice()),
        AlertState::Silenced { by } => ("suppressed", by.as_slice()),
    };
    json!({
        "annotations": alert.annotations,
        "endsAt": format_utc(alert.ends_at),
        "fingerprint": fingerprint(&alert.labels),
        "receivers": names(&alert.receivers),
        "startsAt": format_utc(alert.starts_at),
        "status": {"inhibitedBy": [], "silencedBy": silenced_by, "state": state},
        "updatedAt": format_utc(alert.updated_at),
        "generatorURL": alert.generator_url,
        "labels": alert.labels,
    })
}

fn names(names: &[String]) -> Vec<Value> {
    names.iter().map(|name| json!({ "name": name })).collect()
}

async fn show_receivers<I: AlarmIntake>(State(intake): State<Arc<I>>) -> Response {
    answer(StatusCode::OK, &Value::Array(names(&intake.receivers())))
}

/// Answers as a lone Alertmanager does: no cluster, and no configuration file to show.
async fn show_status<I: AlarmIntake>(State(intake): State<Arc<I>>) -> Response {
    let status = intake.status();
    let status = json!({
        "cluster": {"name": status.node, "peers": [], "status": "disabled"},
        "config": {"original": ""},
        "uptime": format_utc(status.started),
        "versionInfo": {"branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "",
            "version": USER_AGENT},
    });
    answer(StatusCode::OK, &status)
}

async fn show_ready<I: AlarmIntake>(State(intake): State<Arc<I>>) -> Response {
    match intake.unready() {
        None => text(StatusCode::OK, "OK"),
        Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &reason),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn unavailable(error: &IntakeError) -> Response {
    said(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
}

/// Answers with a JSON string, as the API says for its own faults.
fn said(status: StatusCode, message: &str) -> Response {
    answer(status, &Value::from(message))
}

/// Answers with code and message, as the API says for faults of HTTP.
fn coded(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({"code": status.as_u16(), "message": message}))
}

fn answer(status: StatusCode, value: &Value) -> Response {
    respond(status, "application/json", value.to_string())
}

fn text(status: StatusCode, text: &str) -> Response {
    respond(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
