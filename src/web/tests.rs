//! The pages over a source with one alarm.

use super::*;
use crate::alarm::{AlarmText, ImpactGroup, Severity};
use axum::http::Request;
use http_body_util::BodyExt as _;
use tower_service::Service as _;

struct One {
    record: Option<AlarmRecord>,
    faults: Vec<String>,
}

impl PageSource for One {
    async fn alarm(&self, id: AlarmId) -> Result<Option<AlarmRecord>, UnreadableError> {
        Ok(self.record.clone().filter(|record| record.key.id() == id))
    }

    fn faults(&self) -> Vec<String> {
        self.faults.clone()
    }
}

fn record(text: &str) -> AlarmRecord {
    let text = text.to_owned();
    let standing = Standing { severity: Severity::Major, is_cleared: false };
    let time = Timestamp::UNIX_EPOCH;
    AlarmRecord {
        key: Arc::new(AlarmKey {
            node: text.clone(),
            resource_type: text.clone(),
            resource: text.clone(),
            alarm_type: text.clone(),
            qualifier: text.clone(),
        }),
        state: AlarmState {
            standing,
            text: Arc::new(AlarmText {
                brief: text.as_str().into(),
                detailed: vec![text.clone()],
                suggested_actions: vec![text.clone()],
                ..AlarmText::default()
            }),
            impact: vec![ImpactGroup {
                resource_type: text.clone(),
                title: text.clone(),
                resources: vec![text.clone()],
            }],
        },
        time_created: time,
        last_updated: time,
        changes: vec![AlarmChange { time, standing, brief: text.into() }],
    }
}

async fn fetch(source: One, path: &str) -> (StatusCode, Option<String>, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router(Arc::new(source)).call(request).await.unwrap();
    let policy = response.headers().get(CONTENT_SECURITY_POLICY).map(|p| p.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, policy, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn an_alarm_has_a_page_on_which_every_text_is_escaped() {
    let hostile = "<script>alert('x')</script>\"&";
    let record = record(hostile);
    let path = format!("/alarms/{}", record.key.id());
    let (status, policy, page) = fetch(One { record: Some(record), faults: Vec::new() }, &path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(policy.unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.matches("<script").count(), 0);
    assert_eq!(page.matches("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;").count(), 13);
    assert!(page.contains(r#"<span class="badge major">major</span>"#));
}

#[tokio::test]
async fn what_is_not_there_has_a_page_that_says_so() {
    let unknown = format!("/alarms/{}", record("x").key.id());
    for path in [unknown.as_str(), "/alarms/%3Cscript%3E", "/alarms/", "/"] {
        let (status, policy, page) = fetch(One { record: None, faults: Vec::new() }, path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(policy.is_some() && page.contains("<h1>Not found</h1>") && !page.contains("<script>"), "{path}");
    }
}

#[tokio::test]
async fn health_says_what_keeps_the_element_from_its_work() {
    assert_eq!(fetch(One { record: None, faults: Vec::new() }, "/healthz").await.0, StatusCode::OK);
    let faults = vec!["the disk is full".to_owned()];
    let (status, _, text) = fetch(One { record: None, faults }, "/healthz").await;
    assert_eq!((status, text.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "the disk is full\n"));
}
