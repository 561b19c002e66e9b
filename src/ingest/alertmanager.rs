//! The routes of Alertmanager's API v2 that clients need to report and to look.

use super::intake::{AlarmIntake, Contribution, IntakeError};
use super::listing::{LISTINGS_MAX, Listing, names};
use super::postable;
use super::query::AlertQuery;
use crate::clock::format_utc;
use crate::transport::USER_AGENT;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a body: Prometheus sends up to 256 alerts at once and drops a batch that is refused, so there is room for 16 KiB each.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Faulty alerts told in one answer: more than a person reads.
const FAULTS_TOLD_MAX: usize = 50;

/// How long a client waits for a place where too many read alerts already; then it is told to come again.
const LISTING_WAIT: Duration = Duration::from_secs(2);

/// Builds the routes over an intake.
pub fn router<I: AlarmIntake>(intake: Arc<I>) -> Router {
    routes(intake, LISTING_WAIT)
}

fn routes<I: AlarmIntake>(intake: Arc<I>, listing_wait: Duration) -> Router {
    let listings = Arc::new(Semaphore::new(LISTINGS_MAX));
    let show = async move |State(intake): State<Arc<I>>, RawQuery(query): RawQuery| {
        let place = tokio::time::timeout(listing_wait, Arc::clone(&listings).acquire_owned()).await;
        match place {
            Ok(Ok(place)) => show_alerts(&*intake, place, query).await,
            // The semaphore is never closed.
            _ => too_many_listings(),
        }
    };
    Router::new()
        .route("/api/v2/alerts", get(show).post(take_alerts::<I>))
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
    let Judged { contributions, numbers, mut faults } = judge(&*intake, posted);
    if !contributions.is_empty() {
        match intake.report(contributions).await {
            Ok(()) => {}
            Err(IntakeError::Refused(refused)) => {
                let number = |index: usize| numbers.get(index).copied().unwrap_or(index);
                faults.extend(refused.into_iter().map(|(index, why)| (number(index), why)));
            }
            Err(error @ IntakeError::Unavailable(_)) => return unavailable(&error),
        }
    }
    if faults.is_empty() { empty(StatusCode::OK) } else { said(StatusCode::BAD_REQUEST, &faults_text(&faults)) }
}

/// The alerts of a body.
struct Judged {
    /// Those that can be taken.
    contributions: Vec<Contribution>,
    /// Their numbers in the body, from 0.
    numbers: Vec<usize>,
    /// What is wrong with the others, by number.
    faults: BTreeMap<usize, String>,
}

/// Maps the alerts of a body.
fn judge<I: AlarmIntake>(intake: &I, posted: Vec<postable::Posted>) -> Judged {
    let (mapping, now) = (intake.mapping(), intake.now());
    let (mut contributions, mut numbers) = (Vec::with_capacity(posted.len()), Vec::with_capacity(posted.len()));
    let mut faults = BTreeMap::new();
    for (index, alert) in posted.into_iter().enumerate() {
        let judged = alert.and_then(|parts| {
            mapping.contribution(parts, now).map_err(|faults| faults.iter().map(ToString::to_string).collect())
        });
        match judged {
            Ok(contribution) => {
                contributions.push(contribution);
                numbers.push(index);
            }
            Err(wrong) => drop(faults.insert(index, wrong.join("; "))),
        }
    }
    Judged { contributions, numbers, faults }
}

fn faults_text(faults: &BTreeMap<usize, String>) -> String {
    let told = faults.iter().take(FAULTS_TOLD_MAX).map(|(number, why)| format!("alert {number}: {why}"));
    let mut told: Vec<String> = told.collect();
    if let Some(more) = faults.len().checked_sub(FAULTS_TOLD_MAX).filter(|more| *more > 0) {
        told.push(format!("… and {more} more"));
    }
    told.join("\n")
}

async fn show_alerts<I: AlarmIntake>(intake: &I, place: OwnedSemaphorePermit, query: Option<String>) -> Response {
    let query = match AlertQuery::parse(query.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(message) => return said(StatusCode::BAD_REQUEST, &message),
    };
    match intake.alerts().await {
        Ok(alerts) => respond(StatusCode::OK, "application/json", Body::new(Listing::new(alerts, query, place))),
        Err(error) => unavailable(&error),
    }
}

async fn show_receivers<I: AlarmIntake>(State(intake): State<Arc<I>>) -> Response {
    answer(StatusCode::OK, &names(&intake.receivers()))
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

/// Answers that the client shall come again.
fn too_many_listings() -> Response {
    let said = format!("{LISTINGS_MAX} clients read alerts at this moment: come again");
    let mut response = coded(StatusCode::TOO_MANY_REQUESTS, &said);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(LISTING_WAIT.as_secs()));
    response
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

fn respond(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
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
