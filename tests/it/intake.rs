//! Alerts of Alertmanager's clients on their way into a real alarm list, and back.

use crate::harness::parts::Element;
use crate::peers::amtool::amtool;
use annunciator::alarm::{AlarmRecord, Severity};
use annunciator::clock::Clock;
use annunciator::daemon::{Intake, Pages};
use annunciator::ingest::{self, AlarmIntake, Alert, Contribution, IntakeError, LabelSet};
use annunciator::management::{AlarmError, AlarmName};
use annunciator::transport::{HttpServer, ServerLimits};
use annunciator::web::PageSource;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

fn clock() -> Clock {
    Clock::manual("2026-05-01T12:00:00Z".parse().unwrap())
}

fn intake(element: &Element) -> Intake {
    Intake::new(element.ledger.clone(), element.management.clone(), Arc::clone(&element.sealer), element.scope.clone())
}

fn set(pairs: &[(&str, &str)]) -> LabelSet {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What a client posts, mapped as the routes map it.
fn posted(
    intake: &Intake,
    labels: &[(&str, &str)],
    starts_at: Option<Timestamp>,
    ends_at: Option<&str>,
) -> Contribution {
    let alert = ingest::AlertParts {
        labels: set(labels),
        annotations: set(&[("summary", "It \"hurts\"\nhere"), ("team", "ops")]),
        starts_at,
        ends_at: ends_at.map(|time| time.parse().unwrap()),
        generator_url: "http://prometheus/graph?q=1".to_owned(),
    };
    intake.mapping().contribution(alert, intake.now()).unwrap()
}

async fn standing(intake: &Intake) -> Vec<Alert> {
    intake.alerts().await.unwrap().collect()
}

fn only(element: &Element) -> Arc<AlarmRecord> {
    let list = element.ledger.alarms();
    assert_eq!(list.len(), 1);
    Arc::clone(list.iter().next().unwrap())
}

const DISK: [(&str, &str); 5] = [
    ("alertname", "DiskFull"),
    ("instance", "db1"),
    ("job", "node"),
    ("path", "a\"b\\c,\n=é"),
    ("severity", "critical"),
];

#[tokio::test]
async fn an_alert_is_given_back_as_it_came_also_after_a_restart() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let element = Element::start(folder.path(), &clock);
    let taking = intake(&element);
    let began = clock.now();
    taking.report(vec![posted(&taking, &DISK, None, None)]).await.unwrap();
    clock.advance(Duration::from_secs(60));
    taking.report(vec![posted(&taking, &DISK, None, None)]).await.unwrap();
    let alarm = only(&element);
    assert_eq!((alarm.sequence, alarm.severity(), alarm.key.node.as_str()), (1, Severity::Critical, "lab"));
    let alerts = standing(&taking).await;
    let [Alert { labels, annotations, starts_at, updated_at, ends_at, generator_url, receivers, .. }] = &alerts[..]
    else {
        panic!("{alerts:?}")
    };
    assert_eq!(*labels, set(&DISK));
    assert_eq!(annotations.get("summary").map(String::as_str), Some("It \"hurts\"\nhere"));
    assert_eq!((*starts_at, *updated_at), (began, clock.now()));
    assert_eq!(*ends_at, clock.now() + Duration::from_secs(300));
    assert_eq!(generator_url, "http://prometheus/graph?q=1");
    assert_eq!(**receivers, ["wh1", "wh2"]);
    drop(taking);
    element.stop();

    let element = Element::start(folder.path(), &clock);
    let taking = intake(&element);
    assert_eq!(standing(&taking).await, alerts);
    let resolved = posted(&taking, &DISK, Some(began), Some("2026-05-01T12:00:30Z"));
    taking.report(vec![resolved]).await.unwrap();
    assert!(only(&element).is_cleared());
    assert_eq!(standing(&taking).await, []);
}

#[tokio::test]
async fn the_same_condition_at_two_severities_is_one_alarm_of_the_higher() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let element = Element::start(folder.path(), &clock);
    let intake = intake(&element);
    let named = |severity| [("alertname", "Slow"), ("instance", "db1"), ("severity", severity)];
    let both = ["warning", "critical"].map(|severity| posted(&intake, &named(severity), None, None));
    intake.report(both.to_vec()).await.unwrap();
    assert_eq!(only(&element).severity(), Severity::Critical);
    assert_eq!(standing(&intake).await.len(), 2);
    let ended = posted(&intake, &named("critical"), Some(clock.now()), Some("2026-05-01T12:00:00Z"));
    intake.report(vec![ended]).await.unwrap();
    assert_eq!(only(&element).severity(), Severity::Warning);
    let name = AlarmName {
        resource_type: "external".to_owned(),
        resource: "db1".to_owned(),
        alarm_type: "Slow".to_owned(),
        qualifier: String::new(),
    };
    let management = element.management.clone();
    let cleared = tokio::task::spawn_blocking(move || management.clear_alarm(name)).await.unwrap();
    assert!(matches!(cleared, Err(AlarmError::StandsByOthers)), "{cleared:?}");
}

#[tokio::test]
async fn an_alert_that_cannot_be_kept_is_told_and_the_others_are_taken() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let element = Element::start(folder.path(), &clock);
    let intake = intake(&element);
    let long = "x".repeat(3000);
    let faulty = [("alertname", "Long"), ("a", long.as_str()), ("b", long.as_str())];
    let batch = vec![posted(&intake, &DISK, None, None), posted(&intake, &faulty, None, None)];
    match intake.report(batch).await {
        Err(IntakeError::Refused(told)) => {
            assert_eq!(told.len(), 1);
            assert!(told.iter().all(|(at, why)| *at == 1 && why.starts_with("the alarm's key has")), "{told:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(only(&element).key.alarm_type, "DiskFull");
    element.scope.stop();
    assert!(matches!(intake.report(Vec::new()).await, Err(IntakeError::Unavailable(_))));
}

#[tokio::test]
async fn the_page_of_an_alarm_shows_its_record() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let element = Element::start(folder.path(), &clock);
    let intake = intake(&element);
    intake.report(vec![posted(&intake, &DISK, None, None)]).await.unwrap();
    let record = only(&element);
    let pages = Pages::new(element.management.clone(), element.scope.clone());
    let shown = pages.alarm(record.id).await.unwrap().unwrap();
    assert_eq!((shown.key, shown.state), (record.key.clone(), record.state.clone()));
    assert_eq!(shown.changes.len(), 1);
    assert_eq!(pages.faults(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amtool_adds_queries_and_resolves_alarms_that_a_restart_keeps() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
    let add = ["alert", "add", "DiskFull", "instance=db1:9100", "severity=critical", "--annotation=summary=Disk full"];
    let element = Element::start(folder.path(), &clock);
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap(), ServerLimits::default()).await.unwrap();
    let address = server.local_addr();
    element.scope.spawn(
        "listener",
        server.serve(ingest::router(Arc::new(intake(&element)), clock.clone()), element.scope.clone()),
    );
    let Some((is_done, said)) = amtool(address, &add).await else {
        eprintln!("amtool is not installed: nothing tested");
        return;
    };
    assert!(is_done, "{said}");
    assert_eq!(&*only(&element).state.text.brief, "Disk full");
    element.scope.drain(&clock, Duration::from_secs(20)).await.unwrap();
    element.stop();

    let element = Element::start(folder.path(), &clock);
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap(), ServerLimits::default()).await.unwrap();
    let address = server.local_addr();
    element.scope.spawn(
        "listener",
        server.serve(ingest::router(Arc::new(intake(&element)), clock.clone()), element.scope.clone()),
    );
    let (is_done, said) = amtool(address, &["alert", "query", "severity=critical", "-o", "json"]).await.unwrap();
    assert!(is_done, "{said}");
    let shown: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(shown.pointer("/0/labels/instance").and_then(|v| v.as_str()), Some("db1:9100"));
    assert_eq!(shown.pointer("/0/annotations/summary").and_then(|v| v.as_str()), Some("Disk full"));
    assert_eq!(shown.pointer("/0/receivers/0/name").and_then(|v| v.as_str()), Some("wh1"));
    let mut resolve = add.to_vec();
    resolve.extend(["--start=2020-01-01T00:00:00Z", "--end=2020-01-01T00:00:01Z"]);
    let (is_done, said) = amtool(address, &resolve).await.unwrap();
    assert!(is_done, "{said}");
    assert!(only(&element).is_cleared());
    element.scope.drain(&clock, Duration::from_secs(20)).await.unwrap();
}
