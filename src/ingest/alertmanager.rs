//! The routes of Alertmanager's API v2 that clients need to report and to look.

use super::answer::{answer, check_json, empty, said, text};
use super::gate::Gate;
use super::intake::{AlarmIntake, Alert, AlertState, Contribution, IntakeError};
use super::matcher::{Matcher, whole};
use super::native::refusal;
use super::{fingerprint, native, postable, silences};
use crate::clock::{Clock, format_utc};
use crate::transport::{USER_AGENT, Url};
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use regex::Regex;
use serde_json::{Value, json};
use std::sync::Arc;

/// Faulty alerts told in one answer: more than a person reads.
const FAULTS_TOLD_MAX: usize = 50;

/// What the routes share.
type Shared<I> = State<(Arc<I>, Arc<Gate>)>;

/// Builds the routes over an intake.
pub fn router<I: AlarmIntake>(intake: Arc<I>, clock: Clock) -> Router {
    Router::new()
        .route("/api/v1/alarms", post(native::take::<I>))
        .route("/api/v1/alarms/{alarm_id}", get(native::show_one::<I>))
        .route("/api/v1/openapi.json", get(native::openapi))
        .route("/api/v2/alerts", get(show_alerts::<I>).post(take_alerts::<I>))
        .route("/api/v2/silences", get(silences::list::<I>).post(silences::put::<I>))
        .route("/api/v2/silence/{silence_id}", get(silences::show::<I>).delete(silences::expire::<I>))
        .route("/api/v2/status", get(show_status::<I>))
        .route("/api/v2/receivers", get(show_receivers::<I>))
        .route("/-/healthy", get(async || text(StatusCode::OK, "OK")))
        .route("/-/ready", get(show_ready::<I>))
        .method_not_allowed_fallback(async || {
            super::answer::coded(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
        })
        .with_state((intake, Arc::new(Gate::new(clock))))
}

async fn take_alerts<I: AlarmIntake>(State((intake, gate)): Shared<I>, request: Request<Body>) -> Response {
    taken_alerts(&*intake, &gate, request).await.unwrap_or_else(|refused| refused)
}

async fn taken_alerts<I: AlarmIntake>(intake: &I, gate: &Gate, request: Request<Body>) -> Result<Response, Response> {
    let admission = intake.admission();
    check_json(request.headers())?;
    let body = gate.take(&admission, request).await?;
    let posted = postable::read(&body.bytes).map_err(|message| said(StatusCode::BAD_REQUEST, &message))?;
    gate.spend(&admission, posted.len())?;
    let (contributions, mut faults) = judge(intake, posted);
    if !contributions.is_empty() {
        match intake.report(contributions).await {
            Ok(()) => {}
            Err(IntakeError::Refused(refused)) => faults.extend(refused),
            Err(error @ IntakeError::Unavailable(_)) => return Err(unavailable(&error)),
            Err(error) => return Err(refusal(&error)),
        }
    }
    Ok(if faults.is_empty() { empty(StatusCode::OK) } else { said(StatusCode::BAD_REQUEST, &faults_text(&faults)) })
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

async fn show_alerts<I: AlarmIntake>(
    State((intake, _)): Shared<I>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = Gate::admit(&intake.admission(), &headers) {
        return refused;
    }
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

async fn show_receivers<I: AlarmIntake>(State((intake, _)): Shared<I>, headers: HeaderMap) -> Response {
    if let Err(refused) = Gate::admit(&intake.admission(), &headers) {
        return refused;
    }
    answer(StatusCode::OK, &Value::Array(names(&intake.receivers())))
}

/// Answers as a lone Alertmanager does: no cluster, and no configuration file to show.
async fn show_status<I: AlarmIntake>(State((intake, _)): Shared<I>, headers: HeaderMap) -> Response {
    if let Err(refused) = Gate::admit(&intake.admission(), &headers) {
        return refused;
    }
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

async fn show_ready<I: AlarmIntake>(State((intake, _)): Shared<I>) -> Response {
    match intake.unready() {
        None => text(StatusCode::OK, "OK"),
        Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, &reason),
    }
}

fn unavailable(error: &IntakeError) -> Response {
    said(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
}

#[cfg(test)]
mod tests;
