//! What somebody was promised, or has a right to know, is there after a crash.

use crate::harness::element::Home;
use crate::harness::http::{Answer, HttpReceiver, Recorded};
use std::collections::BTreeSet;

const HANDLER: &str = "environments environment alarms alarm-handlers alarm-handler";

/// More than a lane reads at once.
const MANY: usize = 2_200;

fn configure(home: &Home, handlers: &[(&str, &HttpReceiver)], more: &[&str]) {
    let mut lines = vec!["set facilities http client c scheme http".to_owned()];
    for (id, receiver) in handlers {
        let service = format!("set {HANDLER} {id} webhook-notifier web-service");
        lines.push(format!("{service} hostname 127.0.0.1"));
        lines.push(format!("{service} port {}", receiver.address().port()));
        lines.push(format!("{service} http-client c"));
        lines.push(format!("set {HANDLER} {id} webhook-notifier message-format flat"));
    }
    lines.extend(more.iter().map(|line| (*line).to_owned()));
    home.commit(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

fn raise(home: &Home, count: usize) {
    let raises: Vec<String> = (0..count)
        .map(|number| {
            format!("request alarms raise resource-type db resource r{number} alarm-type broken severity major")
        })
        .collect();
    home.told(&raises.iter().map(String::as_str).collect::<Vec<_>>());
}

fn ids(requests: &[Recorded]) -> Vec<String> {
    let told = requests.iter().filter(|request| request.text().contains("\"db\""));
    told.map(|request| request.header("webhook-id").unwrap().to_owned()).collect()
}

/// Counts the listed deliveries of an outcome that are about the alarms of the test.
fn count(home: &Home, command: &str, outcome: &str) -> usize {
    let listed = home.told(&[command]);
    listed.lines().filter(|line| line.contains(outcome) && line.contains(" broken ")).count()
}

#[test]
fn a_handler_that_is_deleted_with_a_full_lane_leaves_a_word_on_each_though_the_process_ends_at_once() {
    let home = Home::new();
    let element = home.start(&[]);
    let receiver = HttpReceiver::start();
    receiver.always(Answer::status(503));
    configure(&home, &[("big", &receiver)], &[]);
    raise(&home, MANY);
    let _warned = home.shell(&["configure", &format!("delete {HANDLER} big"), "commit"]);
    element.crash();
    let _element = home.start(&[]);
    assert_eq!(count(&home, "show deliveries handler big", "removed"), MANY);
    let listed = home.told(&["show alarms | display json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let all = listed["annunciator-alarms:alarms"]["alarm-list"]["alarm"].as_array().unwrap();
    for at in [0, MANY / 2, MANY - 1] {
        let why = home.told(&[&format!("show alarms {} explain", all[at]["alarm-id"].as_str().unwrap())]);
        assert!(why.contains("big: removed"), "{why}");
    }
}

#[test]
fn what_is_said_to_be_sent_again_is_so_though_the_process_ends_at_once() {
    let home = Home::new();
    let element = home.start(&[]);
    let receiver = HttpReceiver::start();
    configure(&home, &[("wh1", &receiver)], &[]);
    raise(&home, 40);
    let before: BTreeSet<String> =
        ids(&receiver.wait_until("all", |requests| ids(requests).len() >= 40)).into_iter().collect();
    receiver.always(Answer::status(503));
    let told = home.told(&["request deliveries resend handler wh1 since 1d"]);
    element.crash();
    let seen = receiver.count();
    receiver.always(Answer::status(204));
    assert!(told.contains("40"), "{told}");
    let _element = home.start(&[]);
    let again = receiver.wait_until("all again", |requests| {
        let delivered = requests[seen..].iter().filter(|request| request.status == Some(204));
        ids(&delivered.cloned().collect::<Vec<_>>()).into_iter().collect::<BTreeSet<_>>().len() >= 40
    });
    assert_eq!(ids(&again).into_iter().collect::<BTreeSet<_>>(), before);
}

#[test]
fn what_is_written_to_have_arrived_is_not_told_again_though_an_earlier_one_still_waits() {
    let home = Home::new();
    let element = home.start(&[]);
    let receiver = HttpReceiver::start();
    // The first of all is refused for ever, and holds the lane's low-water mark.
    let refuses = |request: &Recorded| Answer::status(if request.text().contains("\"r0\"") { 503 } else { 204 });
    receiver.always(Answer::decided(refuses));
    configure(&home, &[("wh1", &receiver)], &[]);
    raise(&home, 60);
    let is_taken = |request: &&Recorded| !request.text().contains("\"r0\"");
    receiver.wait_until("all but one", |requests| requests.iter().filter(is_taken).count() >= 59);
    // The answer tells what is written: reading the log waits for that. Alarms of the element itself are among it.
    let listed = home.told(&["show deliveries"]);
    assert_eq!(count(&home, "show deliveries", "delivered"), 59, "{listed}");
    element.crash();
    let _element = home.start(&[]);
    raise(&home, 61);
    let is_next = |request: &Recorded| request.text().contains("\"r60\"");
    let requests = receiver.wait_until("the next", |requests| requests.iter().any(is_next));
    let told: Vec<&str> = requests.iter().filter(is_taken).filter_map(|request| request.header("webhook-id")).collect();
    assert_eq!(told.len(), told.iter().collect::<BTreeSet<_>>().len());
}
