//! Alertmanager's silences: shelves with an end.

use super::LabelSet;
use super::answer::{answer, check_json, empty, kind, said};
use super::gate::Gate;
use super::intake::{AlarmIntake, IntakeError};
use super::native::refusal;
use crate::alarm::shelf::{LabelMatch, LabelValue, Pattern};
use crate::alarm::{Silence, SilenceMatcher};
use crate::clock::format_utc;
use crate::transport::Url;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// Conditions of a silence: people write a handful.
const MATCHERS_MAX: usize = 64;

/// Bytes of a name, value or comment.
const TEXT_BYTES_MAX: usize = 4096;

pub(super) async fn list<I: AlarmIntake>(
    State((intake, _)): State<(Arc<I>, Arc<Gate>)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = Gate::admit(&intake.admission(), &headers) {
        return refused;
    }
    let matchers = match filters(query.as_deref().unwrap_or_default()) {
        Ok(matchers) => matchers,
        Err(message) => return said(StatusCode::BAD_REQUEST, &message),
    };
    let now = intake.now();
    let mut silences = intake.silences();
    silences.retain(|silence| matchers.iter().all(|matcher| matcher.is_match(&matched_labels(silence))));
    // Those that hold first, then those to come, then those that are over.
    silences.sort_by_key(|silence| (!silence.is_active(now), silence.is_over(now), silence.ends_at, silence.id));
    answer(StatusCode::OK, &silences.iter().map(|silence| silence_json(silence, now)).collect())
}

fn filters(query: &str) -> Result<Vec<super::matcher::Matcher>, String> {
    let mut url = Url::parse("http://query/").map_err(|error| error.to_string())?;
    url.set_query(Some(query));
    let filters = url.query_pairs().filter(|(name, _)| name == "filter").map(|(_, value)| value.into_owned());
    filters.map(|text| super::matcher::Matcher::parse(&text)).collect()
}

/// A silence is found by the labels that its matchers name.
fn matched_labels(silence: &Silence) -> LabelSet {
    silence.matchers.iter().map(|matcher| (matcher.name.clone(), matcher.value.clone())).collect()
}

pub(super) async fn show<I: AlarmIntake>(
    State((intake, _)): State<(Arc<I>, Arc<Gate>)>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = Gate::admit(&intake.admission(), &headers) {
        return refused;
    }
    match find(&*intake, &id) {
        Some(silence) => answer(StatusCode::OK, &silence_json(&silence, intake.now())),
        None => not_found(&id),
    }
}

pub(super) async fn expire<I: AlarmIntake>(
    State((intake, _)): State<(Arc<I>, Arc<Gate>)>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = Gate::admit(&intake.admission(), &headers) {
        return refused;
    }
    let (Some(silence), now) = (find(&*intake, &id), intake.now()) else { return not_found(&id) };
    if silence.is_over(now) {
        let message = format!("the silence {} is over already", silence.id);
        return said(StatusCode::INTERNAL_SERVER_ERROR, &message);
    }
    match intake.put_silence(ended(&silence, now)).await {
        Ok(()) => empty(StatusCode::OK),
        Err(error) => refusal(&error),
    }
}

fn ended(silence: &Silence, now: Timestamp) -> Silence {
    Silence { starts_at: silence.starts_at.min(now), ends_at: now, updated_at: now, ..silence.clone() }
}

fn find<I: AlarmIntake>(intake: &I, id: &str) -> Option<Silence> {
    let id: Uuid = id.parse().ok()?;
    intake.silences().into_iter().find(|silence| silence.id == id)
}

fn not_found(id: &str) -> Response {
    let shown: String = id.chars().take(60).collect();
    said(StatusCode::NOT_FOUND, &format!("there is no silence `{shown}`"))
}

pub(super) async fn put<I: AlarmIntake>(
    State((intake, gate)): State<(Arc<I>, Arc<Gate>)>,
    request: Request<Body>,
) -> Response {
    match put_one(&*intake, &gate, request).await {
        Ok(id) => answer(StatusCode::OK, &json!({ "silenceID": id.to_string() })),
        Err(refused) => refused,
    }
}

async fn put_one<I: AlarmIntake>(intake: &I, gate: &Gate, request: Request<Body>) -> Result<Uuid, Response> {
    check_json(request.headers())?;
    let body = gate.take(&intake.admission(), request).await?;
    let bad = |message: &str| said(StatusCode::BAD_REQUEST, message);
    let value: Value =
        serde_json::from_slice(&body.bytes).map_err(|error| bad(&format!("the body is not JSON: {error}")))?;
    let now = intake.now();
    let (id, silence) = read(&value, now).map_err(|faults| bad(&faults.join("\n")))?;
    let Some(id) = id else { return store(intake, silence).await };
    let Some(old) = find(intake, &id) else { return Err(not_found(&id)) };
    if !old.is_over(now) && old.matchers == silence.matchers {
        // One that has begun keeps its beginning.
        let starts_at = if old.starts_at <= now { old.starts_at } else { silence.starts_at };
        return store(intake, Silence { id: old.id, starts_at, ..silence }).await;
    }
    // Other conditions make another silence.
    let new = store(intake, silence).await?;
    if !old.is_over(now) {
        store(intake, ended(&old, now)).await?;
    }
    Ok(new)
}

async fn store<I: AlarmIntake>(intake: &I, silence: Silence) -> Result<Uuid, Response> {
    let id = silence.id;
    match intake.put_silence(silence).await {
        Ok(()) => Ok(id),
        Err(error @ IntakeError::Refused(_)) => Err(said(StatusCode::BAD_REQUEST, &error.to_string())),
        Err(error) => Err(refusal(&error)),
    }
}

/// Reads a silence, with the identifier of the one that it changes; or says all that is wrong with it.
fn read(value: &Value, now: Timestamp) -> Result<(Option<String>, Silence), Vec<String>> {
    let Value::Object(members) = value else { return Err(vec![format!("it is {}; expected an object", kind(value))]) };
    let mut faults = Vec::new();
    let id = text(members, "id", &mut faults);
    let created_by = text(members, "createdBy", &mut faults);
    let comment = text(members, "comment", &mut faults);
    let starts_at = time(members, "startsAt", &mut faults).unwrap_or(now).max(now);
    let ends_at = time(members, "endsAt", &mut faults);
    match ends_at {
        None => faults.push("`endsAt` is missing: a silence has an end".to_owned()),
        Some(ends) if ends <= now => faults.push("`endsAt` is in the past".to_owned()),
        Some(ends) if ends <= starts_at => faults.push("`endsAt` is not after `startsAt`".to_owned()),
        Some(_) => {}
    }
    if created_by.is_empty() {
        faults.push("`createdBy` is missing".to_owned());
    }
    let matchers = matchers(members.get("matchers"), &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let silence = Silence {
        id: Uuid::new_v4(),
        matchers,
        starts_at,
        ends_at: ends_at.unwrap_or(now),
        updated_at: now,
        created_by,
        comment,
    };
    if silence.shelf().is_ok_and(|shelf| shelf.labels.iter().all(matches_empty)) {
        return Err(vec![
            "at least one matcher must not match the empty text: else it would match everything".to_owned(),
        ]);
    }
    Ok((Some(id).filter(|id| !id.is_empty()), silence))
}

fn matches_empty(label: &LabelMatch) -> bool {
    let is_match = match &label.value {
        LabelValue::Text(text) => text.is_empty(),
        LabelValue::Pattern(pattern) => pattern.is_match(""),
    };
    is_match == label.is_equal
}

fn matchers(value: Option<&Value>, faults: &mut Vec<String>) -> Vec<SilenceMatcher> {
    let Some(Value::Array(items)) = value else {
        faults.push("`matchers` is missing; expected an array".to_owned());
        return Vec::new();
    };
    if items.is_empty() || items.len() > MATCHERS_MAX {
        faults.push(format!("`matchers` has {} entries; expected 1 to {MATCHERS_MAX}", items.len()));
        return Vec::new();
    }
    items.iter().enumerate().filter_map(|(number, item)| matcher(number, item, faults)).collect()
}

fn matcher(number: usize, item: &Value, faults: &mut Vec<String>) -> Option<SilenceMatcher> {
    let Value::Object(members) = item else {
        faults.push(format!("matcher {number} is {}; expected an object", kind(item)));
        return None;
    };
    let flag = |name: &str, default: bool| members.get(name).and_then(Value::as_bool).unwrap_or(default);
    let (is_regex, is_equal) = (flag("isRegex", false), flag("isEqual", true));
    let (name, value) = (text(members, "name", faults), text(members, "value", faults));
    if name.is_empty() {
        faults.push(format!("matcher {number} has no `name`"));
    }
    if is_regex && let Err(error) = Pattern::new(&value) {
        faults.push(format!("matcher {number}: {error}"));
    }
    Some(SilenceMatcher { name, value, is_regex, is_equal })
}

fn text(members: &Map<String, Value>, name: &str, faults: &mut Vec<String>) -> String {
    match members.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.len() <= TEXT_BYTES_MAX => text.clone(),
        Some(Value::String(text)) => {
            faults.push(format!("`{name}` is {} bytes long; at most {TEXT_BYTES_MAX} are taken", text.len()));
            String::new()
        }
        Some(other) => {
            faults.push(format!("`{name}` is {}; expected a string", kind(other)));
            String::new()
        }
    }
}

fn time(members: &Map<String, Value>, name: &str, faults: &mut Vec<String>) -> Option<Timestamp> {
    let text = text(members, name, faults);
    if text.is_empty() || text.starts_with("0001-01-01T00:00:00") {
        return None;
    }
    let read = super::time::parse(&text);
    if read.is_none() {
        faults.push(format!(
            "`{name}` is `{}`; expected a time like `2026-05-01T12:00:00Z`",
            text.chars().take(40).collect::<String>()
        ));
    }
    read
}

fn silence_json(silence: &Silence, now: Timestamp) -> Value {
    let state = match (silence.is_over(now), silence.is_active(now)) {
        (true, _) => "expired",
        (false, true) => "active",
        (false, false) => "pending",
    };
    let matchers = silence.matchers.iter().map(|matcher| {
        let SilenceMatcher { name, value, is_regex, is_equal } = matcher;
        json!({"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal})
    });
    json!({
        "id": silence.id.to_string(),
        "status": {"state": state},
        "updatedAt": format_utc(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": format_utc(silence.ends_at),
        "matchers": matchers.collect::<Vec<_>>(),
        "startsAt": format_utc(silence.starts_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_silence_of_amtool_is_read() {
        let value = json!({
            "matchers": [{"name": "alertname", "value": "Disk.*", "isRegex": true, "isEqual": true}],
            "startsAt": "2026-05-01T11:00:00.000Z", "endsAt": "2026-05-01T13:00:00.000Z",
            "createdBy": "ops", "comment": "at work"
        });
        let (id, silence) = read(&value, now()).unwrap();
        assert_eq!((id, silence.starts_at, silence.matchers.len()), (None, now(), 1));
    }

    #[test]
    fn all_that_is_wrong_with_a_silence_is_told() {
        let value =
            json!({"matchers": [{"value": "(", "isRegex": true}, 7], "endsAt": "2026-05-01T11:00:00Z", "comment": 1});
        let text = read(&value, now()).unwrap_err().join("\n");
        for expected in
            ["no `name`", "is not a pattern", "matcher 1 is a number", "in the past", "`createdBy`", "`comment` is"]
        {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let all = json!({"matchers": [{"name": "a", "value": ".*", "isRegex": true}], "endsAt": "2026-05-01T13:00:00Z", "createdBy": "x"});
        assert!(read(&all, now()).unwrap_err().join("").contains("match everything"));
    }
}
