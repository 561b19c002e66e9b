//! The routes of Alertmanager's API v2 that clients need to report and to look.

use super::answer::{answer, check_json, empty, respond, said, text};
use super::gate::Gate;
use super::intake::{AlarmIntake, Contribution, IntakeError};
use super::listing::{Listing, names};
use super::native::refusal;
use super::query::AlertQuery;
use super::{native, postable, silences};
use crate::clock::{Clock, format_utc};
use crate::transport::USER_AGENT;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;
use std::collections::BTreeMap;
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
    let Judged { contributions, numbers, mut faults } = judge(intake, posted);
    if !contributions.is_empty() {
        match intake.report(contributions).await {
            Ok(()) => {}
            Err(IntakeError::Refused(refused)) => {
                let number = |index: usize| numbers.get(index).copied().unwrap_or(index);
                faults.extend(refused.into_iter().map(|(index, why)| (number(index), why)));
            }
            Err(error @ IntakeError::Unavailable(_)) => return Err(unavailable(&error)),
            Err(error) => return Err(refusal(&error)),
        }
    }
    Ok(if faults.is_empty() { empty(StatusCode::OK) } else { said(StatusCode::BAD_REQUEST, &faults_text(&faults)) })
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

async fn show_alerts<I: AlarmIntake>(
    State((intake, gate)): Shared<I>,
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
    let place = match gate.listing().await {
        Ok(place) => place,
        Err(refused) => return refused,
    };
    match intake.alerts().await {
        Ok(alerts) => respond(StatusCode::OK, "application/json", Body::new(Listing::new(alerts, query, place))),
        Err(error) => unavailable(&error),
    }
}

async fn show_receivers<I: AlarmIntake>(State((intake, _)): Shared<I>, headers: HeaderMap) -> Response {
    if let Err(refused) = Gate::admit(&intake.admission(), &headers) {
        return refused;
    }
    answer(StatusCode::OK, &names(&intake.receivers()))
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
