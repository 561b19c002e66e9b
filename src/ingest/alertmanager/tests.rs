//! The routes over an intake that remembers.

use super::*;
use crate::ingest::{Alert, AlertState, Alerts, Mapping, ServerStatus, fingerprint};
use axum::http::Request;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use std::sync::Mutex;
use tower_service::Service as _;

#[derive(Default)]
struct Memory {
    taken: Mutex<Vec<Contribution>>,
    fault: Option<IntakeError>,
}

impl AlarmIntake for Memory {
    async fn report(&self, contributions: Vec<Contribution>) -> Result<(), IntakeError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        self.taken.lock().unwrap().extend(contributions);
        Ok(())
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
    let response = router(Arc::clone(intake)).call(request).await.unwrap();
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
    let mut body = router(Arc::clone(&intake)).call(listing()).await.unwrap().into_body();
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
    let intake = Arc::new(Memory::default());
    fill(&intake, 10).await;
    let mut router = routes(Arc::clone(&intake), Duration::ZERO);
    let mut reading = Vec::new();
    for _ in 0..LISTINGS_MAX {
        reading.push(router.call(listing()).await.unwrap());
    }
    let refused = router.call(listing()).await.unwrap();
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
