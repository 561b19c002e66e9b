//! The answers that all routes give.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use std::time::Duration;

/// Answers with a JSON string, as Alertmanager's API says for its own faults.
pub(super) fn said(status: StatusCode, message: &str) -> Response {
    answer(status, &Value::from(message))
}

/// Answers with code and message, as Alertmanager's API says for faults of HTTP.
pub(super) fn coded(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({"code": status.as_u16(), "message": message}))
}

/// Answers that the client shall come again.
pub(super) fn retry_later(message: &str, after: Duration) -> Response {
    let mut response = coded(StatusCode::TOO_MANY_REQUESTS, message);
    let seconds = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub(super) fn answer(status: StatusCode, value: &Value) -> Response {
    respond(status, "application/json", value.to_string())
}

pub(super) fn text(status: StatusCode, text: &str) -> Response {
    respond(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

pub(super) fn respond(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Refuses a body that does not say that it is JSON.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), Response> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json =
        |kind: &str| kind.split(';').next().is_some_and(|k| k.trim().eq_ignore_ascii_case("application/json"));
    if kind.is_some_and(is_json) {
        return Ok(());
    }
    let message = format!("the content type is {}; expected `application/json`", kind.unwrap_or("missing"));
    Err(coded(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message))
}

/// Says what kind of JSON a value is.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
