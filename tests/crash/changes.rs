//! Handlers that are dead, come, change and go while alarms come in.

use super::model::{Accepted, HANDLERS, Model, accepted, check_told, commit, handler, mark, without_repeats};
use crate::harness::element::Home;
use crate::harness::http::{Answer, HttpReceiver, Recorded};
use annunciator::handler::WEBHOOK_ID;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_dead_handler_costs_the_other_nothing() {
    let (home, receiver) = (Home::new(), HttpReceiver::start());
    let element = home.start(&[]);
    // A privileged port that nobody listens on, and that the system never gives to another test.
    let dead = SocketAddr::from(([127, 0, 0, 1], 1));
    commit(&home, &[handler("dead", dead), handler("alive", receiver.address())].concat());
    let mut model = Model::new(0xa11e);
    model.say(element.http(), 100);
    let alarms = model.check(&home);
    check_told(&receiver, &alarms);
    let handlers: Vec<Value> = serde_json::from_str(&home.told(&["show handlers | display json"])).unwrap();
    let of = |name: &str| handlers.iter().find(|handler| handler["name"] == name).unwrap();
    assert_eq!((&of("dead")["delivered"], &of("dead")["given_up"]), (&json!(0), &json!(0)), "{handlers:#?}");
    element.stop();
    // It may have been told that the other fails, too.
    let told = accepted(&receiver.requests()).into_values().flatten().filter(|one| one.alarm_type == "Flap").count();
    assert_eq!(u64::try_from(told).unwrap(), model.transitions.iter().sum::<u64>());
}

#[test]
fn handlers_that_come_change_and_go_under_load_do_not_disturb_the_others() {
    let home = Home::new();
    let [steady, changed, added] = std::array::from_fn(|_| HttpReceiver::start());
    let element = home.start(&[]);
    let address = element.http();
    commit(&home, &[handler("steady", steady.address()), handler("changed", changed.address())].concat());
    let mut model = Model::new(0x10ad);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            while !is_done.load(Ordering::SeqCst) {
                model.say(address, 1);
            }
        });
        // Whatever fails here ends the load, too: it is waited for.
        let ending = Ending(&is_done);
        steady.wait_for(20);
        home.commit(&[&format!("set {HANDLERS} changed webhook-notifier web-service context /new")]);
        changed.wait_until("the new path", |requests| requests.iter().any(|request| request.path == "/new"));
        mark(address, "before");
        commit(&home, &handler("added", added.address()));
        mark(address, "between");
        added.wait_for(20);
        // What still waits for it is warned of, when there is anything.
        let delete = format!("delete {HANDLERS} changed");
        assert_eq!(home.shell(&["configure", &delete, "commit"]).code, Some(0));
        mark(address, "after");
        added.wait_for(added.requests().len() + 20);
        drop(ending);
        load.join().unwrap();
    });
    check_told(&steady, &model.check(&home));
    for receiver in [&steady, &added] {
        receiver.wait_until("the last mark", |requests| marks(requests).contains("after"));
    }
    element.stop();

    let (told_steady, told_changed, told_added) =
        (accepted(&steady.requests()), accepted(&changed.requests()), accepted(&added.requests()));
    for (id, all) in &told_steady {
        assert_eq!(all.len(), without_repeats(all).len(), "{id} was repeated");
        // Whoever comes is told what happens from then on, and whoever goes what happened until then.
        let none = Vec::new();
        let later = told_added.get(id).unwrap_or(&none);
        assert_eq!(later.len(), without_repeats(later).len(), "{id} was repeated");
        assert!(updates(all).ends_with(&updates(later)), "{id}");
        let earlier = without_repeats(told_changed.get(id).unwrap_or(&none));
        assert!(updates(all).starts_with(&updates(&earlier)), "{id}");
        // The path changes once.
        assert!(earlier.is_sorted_by_key(|one| one.path == "/new"), "{earlier:#?}");
    }
    let all_marks = ["after", "before", "between"];
    assert_eq!(Vec::from_iter(marks(&steady.requests())), all_marks);
    assert_eq!(Vec::from_iter(marks(&added.requests())), ["after", "between"]);
    assert!(!marks(&changed.requests()).contains("after"));
}

#[test]
fn handlers_and_clients_that_are_renamed_together_keep_what_waits_and_its_identifiers() {
    let (home, first, second) = (Home::new(), HttpReceiver::start(), HttpReceiver::start());
    first.always(Answer::status(500));
    second.always(Answer::status(500));
    let element = home.start(&[]);
    commit(&home, &[handler("a", first.address()), handler("b", second.address())].concat());
    // What fails is tried again when the configuration changes, and not before.
    let waits = ["a", "b"].map(|name| format!("set {HANDLERS} {name} delivery retry-intervals [ 3600 ]"));
    commit(&home, &[waits.to_vec(), vec![format!("set {HANDLERS} a delivery fallback-handler b")]].concat());
    let mut model = Model::new(0x4e4e);
    model.say(element.http(), 3);
    first.wait_for(1);
    second.wait_for(1);
    let tried = |receiver: &HttpReceiver| -> BTreeSet<String> {
        receiver.requests().iter().map(|request| request.header(WEBHOOK_ID).unwrap().to_owned()).collect()
    };
    let before = [tried(&first), tried(&second)];
    first.always(Answer::status(204));
    second.always(Answer::status(204));
    // A commit that leaves something untold would say so, and this one says nothing.
    home.commit(&[
        &format!("rename {HANDLERS} a to primary"),
        &format!("rename {HANDLERS} b to backup"),
        "rename facilities http client a to the-client",
    ]);
    let alarms = model.check(&home);
    check_told(&first, &alarms);
    check_told(&second, &alarms);
    for (receiver, before) in [&first, &second].into_iter().zip(before) {
        let arrived = accepted(&receiver.requests()).into_values().flatten().map(|one| one.id).collect();
        assert!(before.is_subset(&arrived), "{before:?} {arrived:?}");
    }
    element.stop();
}

/// Ends the load when it is dropped, by a panic too.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn updates(told: &[Accepted]) -> Vec<&str> {
    told.iter().map(|one| one.last_updated.as_str()).collect()
}

/// Returns the marks that a receiver was told of.
fn marks(requests: &[Recorded]) -> BTreeSet<String> {
    let told = accepted(requests).into_values().flatten();
    told.filter(|one| one.alarm_type == "Mark").map(|one| one.resource).collect()
}
