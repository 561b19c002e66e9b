//! Handlers that change their names, with each other too: what waits goes where it was to go.

use crate::harness::element::Home;
use crate::harness::http::{Answer, HttpReceiver, Recorded};
use std::collections::BTreeSet;

const HANDLER: &str = "set environments environment alarms alarm-handlers alarm-handler";
const RENAME: &str = "rename environments environment alarms alarm-handlers alarm-handler";
const DELETE: &str = "delete environments environment alarms alarm-handlers alarm-handler";

const OF_P: [&str; 3] = ["a1", "a2", "a3"];
const OF_Q: [&str; 3] = ["b1", "b2", "b3"];

/// An element with two handlers, each with alarms of its own that wait for its receiver.
fn two_that_wait(home: &Home, p: &HttpReceiver, q: &HttpReceiver) {
    let mut lines = vec!["set facilities http client c scheme http".to_owned()];
    for (id, receiver, resources) in [("p", p, OF_P), ("q", q, OF_Q)] {
        receiver.always(Answer::status(401));
        let service = format!("{HANDLER} {id} webhook-notifier web-service");
        lines.push(format!("{service} hostname 127.0.0.1"));
        lines.push(format!("{service} port {}", receiver.address().port()));
        lines.push(format!("{service} http-client c"));
        lines.push(format!("{HANDLER} {id} webhook-notifier message-format flat"));
        lines.push(format!("{HANDLER} {id} filter resources [ {} ]", resources.join(" ")));
        lines.push(format!("{HANDLER} {id} delivery retry-intervals 0"));
    }
    home.commit(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    for resource in OF_P.iter().chain(&OF_Q) {
        home.told(&[&format!(
            "request alarms raise resource-type db resource {resource} alarm-type broken severity major"
        )]);
    }
    for receiver in [p, q] {
        receiver.wait_until("a refusal", |requests| !requests.is_empty());
        receiver.always(Answer::status(503));
    }
}

fn told(requests: &[Recorded]) -> BTreeSet<String> {
    let delivered = requests.iter().filter(|request| request.status == Some(204));
    let resource = |request: &Recorded| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        body["resource_id"].as_str().unwrap().to_owned()
    };
    delivered.map(resource).filter(|resource| resource.len() == 2).collect()
}

fn wait_for(receiver: &HttpReceiver, expected: &[&str]) {
    let requests = receiver.wait_until("its alarms", |requests| told(requests).len() >= expected.len());
    assert_eq!(told(&requests), expected.iter().map(|&told| told.to_owned()).collect());
}

fn let_come(home: &Home, receivers: [&HttpReceiver; 2], handlers: &[&str]) {
    for receiver in receivers {
        receiver.always(Answer::status(204));
    }
    for handler in handlers {
        home.told(&[&format!("request alarm-handlers alarm-handler {handler} resume")]);
    }
}

#[test]
fn two_handlers_that_swap_their_names_keep_each_what_waits_for_it_over_a_crash_too() {
    let home = Home::new();
    let element = home.start(&[]);
    let (p, q) = (HttpReceiver::start(), HttpReceiver::start());
    two_that_wait(&home, &p, &q);
    home.commit(&[&format!("{RENAME} p to between"), &format!("{RENAME} q to p"), &format!("{RENAME} between to q")]);
    element.crash();
    let _element = home.start(&[]);
    let_come(&home, [&p, &q], &["p", "q"]);
    wait_for(&p, &OF_P);
    wait_for(&q, &OF_Q);
}

#[test]
fn one_that_takes_the_name_of_another_that_is_renamed_keeps_its_own_lane() {
    let home = Home::new();
    let _element = home.start(&[]);
    let (p, q) = (HttpReceiver::start(), HttpReceiver::start());
    two_that_wait(&home, &p, &q);
    let described = format!("{HANDLER} r description renamed filter resources [ a1 a2 ]");
    home.commit(&[&format!("{RENAME} p to r"), &format!("{RENAME} q to p"), &described]);
    let_come(&home, [&p, &q], &["p", "r"]);
    wait_for(&q, &OF_Q);
    // What was attempted before is told, whatever the filter says now.
    p.wait_until("what it waited for", |requests| told(requests).len() >= 2);
    assert!(told(&p.requests()).iter().all(|told| OF_P.contains(&told.as_str())));
}

#[test]
fn one_that_takes_the_name_of_another_that_goes_has_its_own_lane_and_the_end_of_the_other_is_warned_of() {
    let home = Home::new();
    let _element = home.start(&[]);
    let (p, q) = (HttpReceiver::start(), HttpReceiver::start());
    two_that_wait(&home, &p, &q);
    let ran = home.shell(&["configure", &format!("{DELETE} p"), &format!("{RENAME} q to p"), "commit"]);
    let said = &ran.stderr;
    assert!(said.contains("alarm handler `p` is replaced with 3 notifications that wait"), "{said}");
    let_come(&home, [&p, &q], &["p"]);
    wait_for(&q, &OF_Q);
    assert!(told(&p.requests()).is_empty());
    let removed = home.told(&["show deliveries handler p | match removed | count"]);
    assert!(removed.contains('3'), "{removed}");
}
