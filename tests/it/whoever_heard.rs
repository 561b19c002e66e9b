//! Whoever heard of a standing alarm hears of its end: by its project, by a filter of then, or in the place of another.

use crate::harness::element::Home;
use crate::harness::http::{Answer, HttpReceiver, Recorded};

const HANDLER: &str = "set environments environment alarms alarm-handlers alarm-handler";
const RESOURCE: &str = "environments environment alarms resources resource";

/// Returns the lines that configure a handler, with what else there is to say of it.
fn handler(id: &str, receiver: &HttpReceiver, more: &[&str]) -> Vec<String> {
    let service = format!("{HANDLER} {id} webhook-notifier web-service");
    let mut lines = vec![
        format!("set facilities http client {id}-client scheme http"),
        format!("{service} hostname 127.0.0.1"),
        format!("{service} port {}", receiver.address().port()),
        format!("{service} http-client {id}-client"),
        format!("{HANDLER} {id} webhook-notifier message-format flat"),
    ];
    lines.extend(more.iter().map(|more| format!("{HANDLER} {id} {more}")));
    lines
}

fn commit(home: &Home, lines: &[String]) {
    home.commit(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

fn raise(home: &Home, resource: &str, severity: &str) {
    home.told(&[&format!(
        "request alarms raise resource-type db resource {resource} alarm-type broken severity {severity}"
    )]);
}

fn clear(home: &Home, resource: &str) {
    home.told(&[&format!("request alarms clear resource-type db resource {resource} alarm-type broken")]);
}

/// Returns what a receiver was told of the resources of the test, resource after resource because there is an order for
/// each alarm only, each once however often it was attempted.
fn told(requests: &[Recorded]) -> Vec<String> {
    let mut told = Vec::new();
    for request in requests {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        if body["resource_type"] == "db" {
            let state = if body["cleared"] == "true" { "cleared" } else { body["severity"].as_str().unwrap() };
            told.push(format!("{} {state}", body["resource_id"].as_str().unwrap()));
        }
    }
    by_resource(&mut told);
    told.dedup();
    told
}

fn by_resource(told: &mut [String]) {
    told.sort_by(|a, b| a.split(' ').next().cmp(&b.split(' ').next()));
}

fn wait_for(receiver: &HttpReceiver, expected: &[&str]) {
    let requests = receiver.wait_until(&expected.join(", "), |requests| told(requests).len() >= expected.len());
    let mut expected: Vec<String> = expected.iter().map(|&told| told.to_owned()).collect();
    by_resource(&mut expected);
    assert_eq!(told(&requests), expected);
}

fn alarm_id(home: &Home, resource: &str) -> String {
    let listed = home.told(&["show alarms | display json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let mut all = listed["annunciator-alarms:alarms"]["alarm-list"]["alarm"].as_array().unwrap().iter();
    all.find(|alarm| alarm["resource-id"] == resource).unwrap()["alarm-id"].as_str().unwrap().to_owned()
}

fn explained(home: &Home, resource: &str) -> String {
    home.told(&[&format!("show alarms {} explain", alarm_id(home, resource))])
}

#[test]
fn an_alarm_goes_to_the_handlers_of_its_project_and_ends_for_all_who_heard_of_it() {
    let home = Home::new();
    let element = home.start(&[]);
    let (alpha, beta) = (HttpReceiver::start(), HttpReceiver::start());
    let mut lines = handler("alpha", &alpha, &["filter projects alpha"]);
    lines.extend(handler("beta", &beta, &["filter projects [ beta gamma ]"]));
    lines.push(format!("set {RESOURCE} db one project alpha"));
    lines.push(format!("set {RESOURCE} db two project gamma"));
    commit(&home, &lines);
    for resource in ["one", "two", "three"] {
        raise(&home, resource, "major");
    }
    wait_for(&alpha, &["one major"]);
    wait_for(&beta, &["two major"]);
    let why = explained(&home, "three");
    assert!(why.contains("filtered by projects: the resource belongs to no project of `resources`"), "{why}");
    assert!(explained(&home, "one").contains("its project `alpha` is not among `projects` [ beta gamma ]"));
    // One goes to another project, the other out of the configuration; a crash makes no difference.
    let moved = [format!("set {RESOURCE} db one project beta"), format!("delete {RESOURCE} db two")];
    commit(&home, &moved);
    element.crash();
    let _element = home.start(&[]);
    raise(&home, "one", "minor");
    clear(&home, "two");
    clear(&home, "one");
    wait_for(&alpha, &["one major", "one minor", "one cleared"]);
    wait_for(&beta, &["two major", "one minor", "two cleared", "one cleared"]);
}

#[test]
fn a_filter_that_is_narrowed_still_lets_the_end_through_of_what_was_told() {
    let home = Home::new();
    let element = home.start(&[]);
    let receiver = HttpReceiver::start();
    commit(&home, &handler("wh1", &receiver, &[]));
    raise(&home, "one", "minor");
    wait_for(&receiver, &["one minor"]);
    // The commit warns of what nobody is told of any more.
    let narrowed = format!("{HANDLER} wh1 filter severities critical");
    assert_eq!(home.shell(&["configure", &narrowed, "commit"]).code, Some(0));
    raise(&home, "two", "minor");
    raise(&home, "one", "warning");
    element.crash();
    let _element = home.start(&[]);
    clear(&home, "two");
    clear(&home, "one");
    raise(&home, "three", "critical");
    wait_for(&receiver, &["one minor", "one cleared", "three critical"]);
}

#[test]
fn what_a_fallback_is_told_in_the_place_of_another_is_explained_and_ends_for_it_too() {
    let home = Home::new();
    let element = home.start(&[]);
    let (pager, fallback) = (HttpReceiver::start(), HttpReceiver::start());
    pager.always(Answer::status(401));
    let mut lines = handler("fallback", &fallback, &["filter severities critical"]);
    lines.extend(handler("pager", &pager, &["delivery fallback-handler fallback", "delivery retry-intervals 0"]));
    commit(&home, &lines);
    raise(&home, "one", "major");
    wait_for(&fallback, &["one major"]);
    raise(&home, "two", "major");
    wait_for(&fallback, &["one major", "two major"]);
    for resource in ["one", "two"] {
        let why = explained(&home, resource);
        assert!(why.contains("  fallback: delivered, status 200, in place of pager, delivery "), "{why}");
    }
    element.crash();
    let _element = home.start(&[]);
    for resource in ["one", "two"] {
        let why = explained(&home, resource);
        assert!(why.contains("  fallback: delivered, status 200, in place of pager, delivery "), "{why}");
    }
    raise(&home, "three", "major");
    wait_for(&fallback, &["one major", "two major", "three major"]);
    // It works again: what is for it goes to it alone, but for the ends of what the other heard of.
    pager.always(Answer::status(200));
    home.told(&["request alarm-handlers alarm-handler pager test"]);
    for resource in ["one", "two", "three"] {
        clear(&home, resource);
    }
    raise(&home, "four", "major");
    raise(&home, "five", "critical");
    wait_for(
        &fallback,
        &["one major", "two major", "three major", "one cleared", "two cleared", "three cleared", "five critical"],
    );
    let why = explained(&home, "four");
    assert!(why.contains("  fallback: filtered by severities"), "{why}");
}
