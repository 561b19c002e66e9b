//! The routes over an intake that remembers.

use super::*;
use crate::alarm::{AlarmId, Silence};
use crate::ingest::gate::LISTINGS_MAX;
use crate::ingest::{
    Admission, Alert, AlertState, Alerts, BODY_BYTES_MAX, Mapping, NativeAlarm, NativeResult, Once, ServerStatus,
    WriteAnswer, fingerprint,
};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Mutex;
use tower_service::Service as _;

#[derive(Default)]
struct Memory {
    taken: Mutex<Vec<Contribution>>,
    fault: Option<IntakeError>,
    silences: Mutex<Vec<Silence>>,
    admission: Admission,
}

impl AlarmIntake for Memory {
    async fn report(&self, contributions: Vec<Contribution>) -> Result<(), IntakeError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        self.taken.lock().unwrap().extend(contributions);
        Ok(())
    }

    async fn report_native(
        &self,
        alarms: Vec<NativeAlarm>,
        _once: Option<Once>,
        write: WriteAnswer,
    ) -> Result<String, IntakeError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let id: AlarmId = "6f0d4ae2-52b1-5c5e-9a3b-7d1e88c420f7".parse().unwrap();
        Ok(write(alarms.iter().map(|_| NativeResult::Taken { id, word: "raised" }).collect()))
    }

    fn alarm(&self, _id: AlarmId) -> Option<Value> {
        None
    }

    fn silences(&self) -> Vec<Silence> {
        self.silences.lock().unwrap().clone()
    }

    async fn put_silence(&self, silence: Silence) -> Result<(), IntakeError> {
        let mut silences = self.silences.lock().unwrap();
        silences.retain(|known| known.id != silence.id);
        silences.push(silence);
        Ok(())
    }

    fn admission(&self) -> Arc<Admission> {
        Arc::new(self.admission.clone())
    }

    async fn alerts(&self) -> Result<Alerts, IntakeError> {
        let taken = self.taken.lock().unwrap();
        let alert = |c: &Contribution| Alert {
            labels: c.labels.clone(),
            annotations: c.annotations.clone(),
            starts_at: c.starts_at,
            ends_at: c.ends_at,
            updated_at: c.starts_at,
            generator_url: c.generator_url.clone(),
            receivers: self.receivers().into(),
            state: AlertState::Active,
        };
        let all: Vec<Alert> = taken.iter().filter(|c| !c.is_resolved).map(alert).collect();
        Ok(Box::new(all.into_iter()))
    }

    fn receivers(&self) -> Vec<String> {
        vec!["wh1".to_owned()]
    }

    fn status(&self) -> ServerStatus {
        ServerStatus { started: self.now(), node: "n1".to_owned() }
    }

    fn mapping(&self) -> Arc<Mapping> {
        Arc::new(Mapping::new("n1"))
    }

    fn now(&self) -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn unready(&self) -> Option<String> {
        self.fault.as_ref().map(ToString::to_string)
    }
}

async fn call(intake: &Arc<Memory>, request: Request<Body>) -> (StatusCode, Value) {
    let response = router(Arc::clone(intake), Clock::manual(Timestamp::UNIX_EPOCH)).call(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn post(intake: &Arc<Memory>, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post("/api/v2/alerts").header(CONTENT_TYPE, kind).body(body.into()).unwrap();
    call(intake, request).await
}

async fn list(intake: &Arc<Memory>, query: &str) -> (StatusCode, Value) {
    call(intake, Request::get(format!("/api/v2/alerts{query}")).body(Body::empty()).unwrap()).await
}

const TWO: &str = r#"[{"labels":{"alertname":"A","severity":"critical"},"annotations":{"summary":"s"},
    "generatorURL":"http://p/g"},{"labels":{"alertname":"B","job":"j"}}]"#;

#[tokio::test]
async fn what_was_posted_is_shown_with_every_member_that_the_api_requires() {
    let intake = Arc::new(Memory::default());
    assert_eq!(post(&intake, "application/json; charset=utf-8", TWO).await.0, StatusCode::OK);
    let (status, shown) = list(&intake, "?filter=alertname%3D%22A%22&silenced=false&inhibited=true&active=true").await;
    assert_eq!(status, StatusCode::OK);
    let expected = json!([{
        "annotations": {"summary": "s"},
        "endsAt": "2026-05-01T12:05:00.000000Z",
        "fingerprint": fingerprint(&[("alertname", "A"), ("severity", "critical")]
            .map(|(n, v)| (n.to_owned(), v.to_owned())).into()).to_string(),
        "receivers": [{"name": "wh1"}],
        "startsAt": "2026-05-01T12:00:00.000000Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-05-01T12:00:00.000000Z",
        "generatorURL": "http://p/g",
        "labels": {"alertname": "A", "severity": "critical"},
    }]);
    assert_eq!(shown, expected);
    for (query, count) in
        [("", 2), ("?active=false", 0), ("?receiver=wh.", 2), ("?receiver=w", 0), ("?filter=job%3Dj", 1)]
    {
        assert_eq!(list(&intake, query).await.1.as_array().map(Vec::len), Some(count), "{query}");
    }
}

#[tokio::test]
async fn the_sound_alerts_of_a_batch_are_taken_and_the_faulty_are_told_by_number() {
    let intake = Arc::new(Memory::default());
    let body = r#"[{"labels":{"alertname":"A"}},{"labels":{"job":"j"}},{"labels":{"alertname":7}}]"#;
    let (status, message) = post(&intake, "application/json", body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        message,
        "alert 1: `labels.alertname` is missing: it names the alarm type\n\
         alert 2: `labels.alertname` is a number; expected a string"
    );
    assert_eq!(intake.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_refused_with_the_reason() {
    let intake = Arc::new(Memory::default());
    assert_eq!(post(&intake, "application/json", "{").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(&intake, "text/plain", TWO).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    assert_eq!(post(&intake, "application/json", large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(list(&intake, "?filter=%3D").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(list(&intake, "?active=perhaps").await.0, StatusCode::BAD_REQUEST);
    let deleted = Request::delete("/api/v2/alerts").body(Body::empty()).unwrap();
    assert_eq!(call(&intake, deleted).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert!(intake.taken.lock().unwrap().is_empty());
}

/// Posts so many alerts.
async fn fill(intake: &Arc<Memory>, alerts: usize) {
    let all: Vec<Value> = (0..alerts).map(|n| json!({"labels": {"alertname": "A", "n": n.to_string()}})).collect();
    assert_eq!(post(intake, "application/json", Value::from(all).to_string()).await.0, StatusCode::OK);
}

fn listing() -> Request<Body> {
    Request::get("/api/v2/alerts").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_answer_comes_in_pieces_of_bounded_size_and_is_whole() {
    let intake = Arc::new(Memory::default());
    fill(&intake, 2000).await;
    let mut router = router(Arc::clone(&intake), Clock::manual(Timestamp::UNIX_EPOCH));
    let mut body = router.call(listing()).await.unwrap().into_body();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap();
        assert!(piece.len() < 40 << 10, "{}", piece.len());
        whole.extend_from_slice(&piece);
    }
    let shown: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(shown.as_array().map(Vec::len), Some(2000));
    // Nothing is wanted for longer than one piece looks at.
    assert_eq!(list(&intake, "?filter=n%3D1999").await.1.as_array().map(Vec::len), Some(1));
    assert_eq!(list(&intake, "?filter=n%3Dx").await, (StatusCode::OK, json!([])));
}

#[tokio::test]
async fn whoever_comes_while_too_many_read_is_told_to_come_again() {
    let (intake, clock) = (Arc::new(Memory::default()), Clock::manual(Timestamp::UNIX_EPOCH));
    fill(&intake, 10).await;
    let mut router = router(Arc::clone(&intake), clock.clone());
    let mut reading = Vec::new();
    for _ in 0..LISTINGS_MAX {
        reading.push(router.call(listing()).await.unwrap());
    }
    let refused = router.call(listing());
    tokio::pin!(refused);
    let refused = loop {
        tokio::select! {
            biased;
            refused = &mut refused => break refused.unwrap(),
            () = tokio::task::yield_now() => clock.advance(std::time::Duration::from_secs(1)),
        }
    };
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    reading.pop();
    assert_eq!(router.call(listing()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_the_alarm_list_refuses_is_told_by_its_number_in_the_body() {
    let fault = Some(IntakeError::Refused(vec![(0, "too much".to_owned()), (1, "too much".to_owned())]));
    let intake = Arc::new(Memory { fault, ..Memory::default() });
    let body = r#"[{"labels":{}},{"labels":{"alertname":"A"}},7,{"labels":{"alertname":"B"}}]"#;
    let (status, message) = post(&intake, "application/json", body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        message,
        "alert 0: `labels.alertname` is missing: it names the alarm type\nalert 1: too much\n\
         alert 2: it is a number; expected an object\nalert 3: too much"
    );
}

#[tokio::test]
async fn success_is_not_answered_when_the_intake_does_not_take() {
    let fault = Some(IntakeError::Unavailable("the disk is full".to_owned()));
    let intake = Arc::new(Memory { fault, ..Memory::default() });
    let (status, message) = post(&intake, "application/json", TWO).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(message, "reports are not taken now: the disk is full");
    let ready = Request::get("/-/ready").body(Body::empty()).unwrap();
    assert_eq!(call(&intake, ready).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

async fn native(intake: &Arc<Memory>, body: &str) -> (StatusCode, Value) {
    let request = Request::post("/api/v1/alarms").header(CONTENT_TYPE, "application/json").body(body.to_owned().into());
    call(intake, request.unwrap()).await
}

#[tokio::test]
async fn each_alarm_of_a_native_request_has_its_own_result() {
    let intake = Arc::new(Memory::default());
    let good = r#"{"resource_type": "database", "resource_id": "db1", "alarm_type": "down"}"#;
    let bad = r#"{"resource_type": "database"}"#;
    let (status, answer) = native(&intake, &format!("[{good}, {bad}]")).await;
    assert_eq!(status, StatusCode::MULTI_STATUS);
    let results = answer.get("results").unwrap();
    assert_eq!(results[0]["result"], "raised");
    assert_eq!(results[1]["error"], "`resource_id` is missing or empty; `alarm_type` is missing or empty");
    assert_eq!(native(&intake, good).await.0, StatusCode::OK);
    assert_eq!(native(&intake, &format!(r#"{{"alarms": [{bad}]}}"#)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(native(&intake, "7").await.0, StatusCode::BAD_REQUEST);
    let busy = Arc::new(Memory {
        fault: Some(IntakeError::Busy { after: std::time::Duration::from_secs(2) }),
        ..Memory::default()
    });
    assert_eq!(native(&busy, good).await.0, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn with_tokens_nobody_without_one_reports_or_looks() {
    let tokens = Some(vec![Admission::digest("a-token-of-some-length")]);
    let intake = Arc::new(Memory { admission: Admission { tokens, ..Admission::default() }, ..Memory::default() });
    assert_eq!(post(&intake, "application/json", TWO).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(list(&intake, "").await.0, StatusCode::UNAUTHORIZED);
    for path in ["/api/v2/silences", "/api/v2/status", "/api/v2/receivers", "/api/v1/alarms/x"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(call(&intake, request).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    let request = Request::post("/api/v2/alerts")
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, "Bearer a-token-of-some-length")
        .body(TWO.into())
        .unwrap();
    assert_eq!(call(&intake, request).await.0, StatusCode::OK);
    let ready = Request::get("/-/ready").body(Body::empty()).unwrap();
    assert_eq!(call(&intake, ready).await.0, StatusCode::OK, "health needs no token");
}

#[tokio::test]
async fn a_silence_is_put_up_changed_found_and_ended() {
    let intake = Arc::new(Memory::default());
    let body = |id: &str, value: &str, ends: &str| {
        format!(
            r#"{{"id":"{id}","matchers":[{{"name":"alertname","value":"{value}","isRegex":false}}],"startsAt":"2026-05-01T12:00:00Z","endsAt":"{ends}","createdBy":"ops","comment":"c"}}"#
        )
    };
    let put = async |text: String| {
        let request = Request::post("/api/v2/silences").header(CONTENT_TYPE, "application/json").body(text.into());
        let (status, answer) = call(&intake, request.unwrap()).await;
        (status, answer.get("silenceID").and_then(Value::as_str).map(str::to_owned))
    };
    let (status, id) = put(body("", "A", "2026-05-01T13:00:00Z")).await;
    assert_eq!(status, StatusCode::OK);
    let id = id.unwrap();
    assert_eq!(put(body(&id, "A", "2026-05-01T14:00:00Z")).await, (StatusCode::OK, Some(id.clone())));
    let (_, other) = put(body(&id, "B", "2026-05-01T14:00:00Z")).await;
    assert_ne!(other.as_ref(), Some(&id), "other conditions make another silence");
    assert_eq!(
        put(body("00000000-0000-4000-8000-000000000000", "A", "2026-05-01T14:00:00Z")).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(put(body("", "A", "2026-05-01T11:00:00Z")).await.0, StatusCode::BAD_REQUEST);
    let get = async |path: &str| call(&intake, Request::get(path).body(Body::empty()).unwrap()).await;
    let (_, all) = get("/api/v2/silences?filter=alertname%3DB").await;
    assert_eq!((all.as_array().unwrap().len(), &all[0]["status"]["state"]), (1, &Value::from("active")));
    assert_eq!(get(&format!("/api/v2/silence/{id}")).await.1["status"]["state"], "expired");
    let path = format!("/api/v2/silence/{}", other.unwrap());
    let delete = Request::delete(&path).body(Body::empty()).unwrap();
    assert_eq!(call(&intake, delete).await.0, StatusCode::OK);
    assert_eq!(get(&path).await.1["status"]["state"], "expired");
}

#[tokio::test]
async fn every_route_is_in_the_description_of_the_api() {
    let intake = Arc::new(Memory::default());
    let (status, document) = call(&intake, Request::get("/api/v1/openapi.json").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    for (path, method) in [
        ("/api/v1/alarms", "post"),
        ("/api/v1/alarms/{alarm_id}", "get"),
        ("/api/v1/openapi.json", "get"),
        ("/api/v2/alerts", "get"),
        ("/api/v2/alerts", "post"),
        ("/api/v2/silences", "get"),
        ("/api/v2/silences", "post"),
        ("/api/v2/silence/{silence_id}", "get"),
        ("/api/v2/silence/{silence_id}", "delete"),
        ("/api/v2/status", "get"),
        ("/api/v2/receivers", "get"),
        ("/-/healthy", "get"),
        ("/-/ready", "get"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
}
