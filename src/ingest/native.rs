//! `POST /api/v1/alarms`: alarms as the element itself speaks of them, one or many, each with its own result.

use super::answer::{answer, check_json, coded, kind, retry_later};
use super::gate::Gate;
use super::intake::{AlarmIntake, IntakeError, NativeAlarm, NativeResult, Once};
use super::mapping::{CLOCK_AHEAD_MAX, LABEL_BYTES_MAX};
use super::time;
use crate::alarm::{AlarmId, AlarmText, Correlation, ResourceName, Severity};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Alarms of one request: a batch is decided as one, and others wait for it.
pub const ALARMS_MAX: usize = 1000;

/// Resources and alarms that an alarm may be linked to, each: hints for people.
const LINKS_MAX: usize = 100;

/// Lines of a text: some screens.
const LINES_MAX: usize = 500;

/// Characters of an idempotency key: a UUID fits several times.
const KEY_CHARS_MAX: usize = 255;

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// When to come again when the element cannot take reports: as long as a full disk needs a person, but not for ever.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

pub(super) async fn take<I: AlarmIntake>(
    State((intake, gate)): State<(Arc<I>, Arc<Gate>)>,
    request: Request<Body>,
) -> Response {
    taken(&*intake, &gate, request).await.unwrap_or_else(|refused| refused)
}

async fn taken<I: AlarmIntake>(intake: &I, gate: &Gate, request: Request<Body>) -> Result<Response, Response> {
    let admission = intake.admission();
    check_json(request.headers())?;
    let key = idempotency_key(request.headers())?;
    let body = gate.take(&admission, request).await?;
    let value: Value = serde_json::from_slice(&body.bytes)
        .map_err(|error| coded(StatusCode::BAD_REQUEST, &format!("the body is not JSON: {error}")))?;
    let items = items(&value)?;
    gate.spend(&admission, items.len())?;
    let now = intake.now();
    let mut refused: Vec<Option<Vec<String>>> = Vec::with_capacity(items.len());
    let mut alarms = Vec::with_capacity(items.len());
    for item in items {
        match read(item, now) {
            Ok(alarm) => {
                alarms.push(alarm);
                refused.push(None);
            }
            Err(faults) => refused.push(Some(faults)),
        }
    }
    let once = key.map(|key| Once { key, digest: hex(&Sha256::digest(&body.bytes)) });
    let write = move |results: Vec<NativeResult>| results_json(refused, results).to_string();
    match intake.report_native(alarms, once, Box::new(write)).await {
        Ok(text) => Ok(results_answer(text)),
        Err(error) => Err(refusal(&error)),
    }
}

/// Returns the answer of a refused request.
pub(super) fn refusal(error: &IntakeError) -> Response {
    match error {
        IntakeError::Busy { after } => retry_later(&error.to_string(), *after),
        IntakeError::Conflict => coded(StatusCode::CONFLICT, &error.to_string()),
        IntakeError::Refused(_) => coded(StatusCode::BAD_REQUEST, &error.to_string()),
        IntakeError::Unavailable(_) => {
            let mut response = coded(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
            response.headers_mut().insert(axum::http::header::RETRY_AFTER, UNAVAILABLE_RETRY.as_secs().into());
            response
        }
    }
}

/// Answers 200 when all alarms were taken, 207 when some were and 400 when none was.
fn results_answer(text: String) -> Response {
    let (mut taken, mut refused) = (0_usize, 0_usize);
    if let Ok(Value::Object(members)) = serde_json::from_str::<Value>(&text) {
        for result in members.get("results").and_then(Value::as_array).into_iter().flatten() {
            if result.get("error").is_some() {
                refused += 1;
            } else {
                taken += 1;
            }
        }
    }
    let status = match (taken, refused) {
        (_, 0) => StatusCode::OK,
        (0, _) => StatusCode::BAD_REQUEST,
        _ => StatusCode::MULTI_STATUS,
    };
    super::answer::respond(status, "application/json", text)
}

fn results_json(refused: Vec<Option<Vec<String>>>, results: Vec<NativeResult>) -> Value {
    let mut results = results.into_iter();
    let each = refused.into_iter().enumerate().map(|(index, faults)| {
        let result = match faults {
            Some(faults) => NativeResult::Refused(faults.join("; ")),
            None => results.next().unwrap_or(NativeResult::Refused("it was not decided".to_owned())),
        };
        match result {
            NativeResult::Taken { id, word } => json!({"index": index, "result": word, "alarm_id": id.to_string()}),
            NativeResult::Refused(error) => json!({"index": index, "result": "refused", "error": error}),
        }
    });
    json!({ "results": each.collect::<Vec<_>>() })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Response> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= KEY_CHARS_MAX => Ok(Some(key.to_owned())),
        _ => {
            let said = format!("`Idempotency-Key` is 1 to {KEY_CHARS_MAX} visible characters");
            Err(coded(StatusCode::BAD_REQUEST, &said))
        }
    }
}

/// Returns the alarms of a body: an array, an object with an array `alarms`, or one alarm.
fn items(value: &Value) -> Result<&[Value], Response> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        Value::Object(members) => match members.get("alarms") {
            Some(Value::Array(items)) => items.as_slice(),
            Some(other) => {
                let said = format!("`alarms` is {}; expected an array", kind(other));
                return Err(coded(StatusCode::BAD_REQUEST, &said));
            }
            None => std::slice::from_ref(value),
        },
        other => {
            let said = format!("the body is {}; expected an alarm, or an array of alarms", kind(other));
            return Err(coded(StatusCode::BAD_REQUEST, &said));
        }
    };
    if items.len() > ALARMS_MAX {
        let said = format!("there are {} alarms; at most {ALARMS_MAX} are taken at once", items.len());
        return Err(coded(StatusCode::PAYLOAD_TOO_LARGE, &said));
    }
    Ok(items)
}

/// Members that an alarm may have.
const MEMBERS: [&str; 15] = [
    "action",
    "alarm_type",
    "brief_description",
    "cleared",
    "detailed_description",
    "ends_at",
    "node_id",
    "qualifier",
    "related_alarms",
    "resource_id",
    "resource_type",
    "root_cause_resources",
    "severity",
    "source",
    "suggested_actions",
];

/// Reads one alarm, or says all that is wrong with it.
fn read(item: &Value, now: Timestamp) -> Result<NativeAlarm, Vec<String>> {
    let Value::Object(members) = item else { return Err(vec![format!("it is {}; expected an object", kind(item))]) };
    let mut item = Item { members, faults: Vec::new() };
    item.check_names();
    let resource_type = item.name("resource_type", true);
    let resource = item.name("resource_id", true);
    let alarm_type = item.name("alarm_type", true);
    let qualifier = item.name("qualifier", false);
    let node = item.name("node_id", false);
    let source = item.name("source", false);
    let severity = item.severity();
    let is_raise = item.is_raise();
    let ends_at = item.time("ends_at");
    if ends_at.is_some_and(|at| at <= now) && is_raise {
        item.faults.push("`ends_at` is past: to end an alarm say `\"action\": \"clear\"`".to_owned());
    }
    let text = AlarmText {
        brief: item.text("brief_description").split_whitespace().collect::<Vec<_>>().join(" ").into(),
        detailed: item.lines("detailed_description"),
        suggested_actions: item.lines("suggested_actions"),
        correlation: Correlation {
            root_causes: item.resources("root_cause_resources"),
            related: item.alarms("related_alarms"),
        },
    };
    if !item.faults.is_empty() {
        return Err(item.faults);
    }
    let node = Some(node).filter(|node| !node.is_empty());
    Ok(NativeAlarm { node, resource_type, resource, alarm_type, qualifier, source, severity, is_raise, text, ends_at })
}

struct Item<'a> {
    members: &'a Map<String, Value>,
    faults: Vec<String>,
}

impl Item<'_> {
    fn check_names(&mut self) {
        for name in self.members.keys().filter(|name| !MEMBERS.contains(&name.as_str())) {
            let shown: String = name.chars().take(40).collect();
            self.faults.push(format!("`{shown}` is not a member of an alarm; expected {}", MEMBERS.join(", ")));
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> String {
        match self.get(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => {
                let said = format!("`{name}` is {}; expected a string", kind(other));
                self.faults.push(said);
                String::new()
            }
        }
    }

    /// Reads a part of the alarm's key.
    fn name(&mut self, name: &str, is_required: bool) -> String {
        let text = self.text(name);
        if text.len() > LABEL_BYTES_MAX {
            self.faults.push(format!("`{name}` is {} bytes long; at most {LABEL_BYTES_MAX} are taken", text.len()));
            return String::new();
        }
        if text.contains(char::is_control) {
            self.faults.push(format!("`{name}` has a control character in it; names are one line of text"));
            return String::new();
        }
        if is_required && text.trim().is_empty() {
            self.faults.push(format!("`{name}` is missing or empty"));
        }
        text
    }

    fn severity(&mut self) -> Option<Severity> {
        let text = self.text("severity");
        if text.is_empty() {
            return None;
        }
        let shown: String = text.chars().take(40).collect();
        let read = text.parse().map_err(|_| {
            let names = Severity::ALL.map(Severity::as_str).join(", ");
            self.faults.push(format!("`severity` is `{shown}`; expected {names}"));
        });
        read.ok()
    }

    fn is_raise(&mut self) -> bool {
        let cleared = match self.get("cleared") {
            None => None,
            Some(Value::Bool(cleared)) => Some(*cleared),
            Some(Value::String(text)) if text == "true" => Some(true),
            Some(Value::String(text)) if text == "false" => Some(false),
            Some(_) => {
                self.faults.push("`cleared` is neither true nor false".to_owned());
                None
            }
        };
        let action = match self.text("action").as_str() {
            "" => None,
            "raise" => Some(true),
            "clear" => Some(false),
            _ => {
                self.faults.push("`action` is neither `raise` nor `clear`".to_owned());
                None
            }
        };
        if let (Some(is_raise), Some(cleared)) = (action, cleared)
            && is_raise == cleared
        {
            self.faults.push("`action` and `cleared` say different things: one is enough".to_owned());
        }
        action.or(cleared.map(|cleared| !cleared)).unwrap_or(true)
    }

    fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name);
        if text.is_empty() {
            return None;
        }
        let shown: String = text.chars().take(40).collect();
        let read = time::parse(&text);
        if read.is_none() {
            self.faults.push(format!("`{name}` is `{shown}`; expected a time like `2026-05-01T12:00:00Z`"));
        }
        read
    }

    /// Reads lines: a text with its own line ends, or an array of lines.
    fn lines(&mut self, name: &str) -> Vec<String> {
        let lines: Vec<String> = match self.get(name) {
            None => Vec::new(),
            Some(Value::String(text)) => text.lines().map(str::to_owned).collect(),
            Some(Value::Array(lines)) => {
                let lines: Option<Vec<String>> = lines.iter().map(|l| l.as_str().map(str::to_owned)).collect();
                if lines.is_none() {
                    self.faults.push(format!("`{name}` has something other than strings in it"));
                }
                lines.unwrap_or_default()
            }
            Some(other) => {
                let said = format!("`{name}` is {}; expected a string or an array of strings", kind(other));
                self.faults.push(said);
                Vec::new()
            }
        };
        if lines.len() > LINES_MAX {
            self.faults.push(format!("`{name}` has {} lines; at most {LINES_MAX} are taken", lines.len()));
        }
        lines
    }

    fn links<T>(&mut self, name: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        match self.get(name) {
            None => Vec::new(),
            Some(Value::Array(items)) if items.len() <= LINKS_MAX => {
                let links: Vec<T> = items.iter().filter_map(&read).collect();
                if links.len() != items.len() {
                    self.faults.push(format!("`{name}` has something in it that is not {expected}"));
                }
                links
            }
            Some(Value::Array(items)) => {
                let said = format!("`{name}` has {} entries; at most {LINKS_MAX} are taken", items.len());
                self.faults.push(said);
                Vec::new()
            }
            Some(other) => {
                let said = format!("`{name}` is {}; expected an array, each {expected}", kind(other));
                self.faults.push(said);
                Vec::new()
            }
        }
    }

    fn resources(&mut self, name: &str) -> Vec<ResourceName> {
        self.links(name, "an object with `resource_type` and `resource_id`", |item| {
            let text = |member: &str| item.get(member).and_then(Value::as_str).filter(|t| t.len() <= LABEL_BYTES_MAX);
            let (resource_type, resource) = (text("resource_type")?.to_owned(), text("resource_id")?.to_owned());
            Some(ResourceName { resource_type, resource })
        })
    }

    fn alarms(&mut self, name: &str) -> Vec<AlarmId> {
        self.links(name, "the identifier of an alarm", |item| item.as_str()?.parse().ok())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Says that the sender's clock is ahead, when it is.
pub(super) fn clock_ahead(name: &str, time: Timestamp, now: Timestamp) -> Option<String> {
    let ahead = time.duration_since(now);
    let is_ahead = Duration::try_from(ahead).is_ok_and(|ahead| ahead > CLOCK_AHEAD_MAX);
    is_ahead.then(|| format!("`{name}` ({time}) is {} s in the future: is the sender's clock ahead?", ahead.as_secs()))
}

pub(super) async fn openapi() -> Response {
    super::answer::respond(StatusCode::OK, "application/json", super::OPENAPI)
}

/// Answers what one alarm is like, for a client that has its identifier.
pub(super) async fn show_one<I: AlarmIntake>(
    State((intake, _)): State<(Arc<I>, Arc<Gate>)>,
    axum::extract::Path(id): axum::extract::Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = Gate::admit(&intake.admission(), &headers) {
        return refused;
    }
    match id.parse::<AlarmId>().ok().and_then(|id| intake.alarm(id)) {
        Some(alarm) => answer(StatusCode::OK, &alarm),
        None => coded(StatusCode::NOT_FOUND, "there is no alarm of this identifier"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_alarm_is_read_with_all_that_it_may_have() {
        let item = json!({
            "resource_type": "database", "resource_id": "db1", "alarm_type": "disk-full", "qualifier": "/var",
            "severity": "major", "brief_description": "Disk\n full", "detailed_description": "one\ntwo",
            "suggested_actions": ["a", "b"], "node_id": "n2", "source": "s", "ends_at": "2026-05-01T13:00:00Z",
            "root_cause_resources": [{"resource_type": "disk", "resource_id": "sda"}],
            "related_alarms": ["6f0d4ae2-52b1-5c5e-9a3b-7d1e88c420f7"],
        });
        let alarm = read(&item, now()).unwrap();
        assert!(alarm.is_raise && alarm.severity == Some(Severity::Major) && alarm.node.as_deref() == Some("n2"));
        assert_eq!((&*alarm.text.brief, alarm.text.detailed.len()), ("Disk full", 2));
        assert_eq!((alarm.text.correlation.root_causes.len(), alarm.text.correlation.related.len()), (1, 1));
        let least = json!({"resource_type": "a", "resource_id": "b", "alarm_type": "c", "cleared": "true"});
        assert!(!read(&least, now()).unwrap().is_raise);
    }

    #[test]
    fn all_that_is_wrong_with_an_alarm_is_told() {
        let long = "x".repeat(10 << 20);
        let item = json!({
            "resource_type": long, "resource_id": "", "sevrity": "major", "severity": "worst", "action": "raise",
            "cleared": true, "detailed_description": 7, "ends_at": "soon", "related_alarms": ["x"],
            "qualifier": "a\u{0}b",
        });
        let faults = read(&item, now()).unwrap_err();
        let text = faults.join("\n");
        for expected in [
            "`sevrity` is not a member",
            "`resource_type` is 10485760 bytes long",
            "`resource_id` is missing",
            "`alarm_type` is missing",
            "`severity` is `worst`",
            "say different things",
            "`detailed_description` is a number",
            "`ends_at` is `soon`",
            "`related_alarms` has something",
            "`qualifier` has a control character",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(text.len() < 2000);
    }

    proptest! {
        #[test]
        fn no_value_panics(text in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                drop(read(&value, now()));
                drop(items(&value));
            }
        }
    }
}
