//! Killed and stopped at random moments: what was acknowledged arrives, in order, and repeats to the letter.

use super::model::{Chance, Model, alerts, check_told, commit, fail_at_random, handler, post};
use crate::harness::element::Home;
use crate::harness::http::HttpReceiver;
use nix::sys::signal::Signal;
use std::io::Write;

/// Kills unless told otherwise: a quarter of a minute, and enough for each phase of a delivery to be hit.
const CRASHES: usize = 100;

#[allow(clippy::disallowed_methods, reason = "how often it is killed is said from outside")]
fn crashes() -> usize {
    std::env::var("ANNUNCIATOR_CRASHES").ok().and_then(|number| number.parse().ok()).unwrap_or(CRASHES)
}

#[test]
fn whatever_was_acknowledged_arrives_in_order_through_crashes_and_failing_receivers() {
    let home = Home::new();
    let [flaky, steady] = std::array::from_fn(|_| HttpReceiver::start());
    let crashes = crashes();
    fail_at_random(&flaky, 0x5eed, 400 * crashes);
    let (mut model, mut moments) = (Model::new(0xa1a5), Chance(0xdead));
    let mut element = home.start(&[]);
    // No base URL: links name the port of the run in which the alarm changed, which the system chooses anew each time.
    commit(&home, &[handler("flaky", flaky.address()), handler("steady", steady.address())].concat());
    for _ in 0..crashes {
        let address = element.http();
        let until = flaky.count() + 5 + moments.below(60);
        let unacknowledged = std::thread::scope(|scope| {
            let load = scope.spawn(|| model.load(address));
            flaky.wait_for_count(until);
            assert_eq!(element.process.crash().signal, Some(9));
            load.join().unwrap()
        });
        tear_log(&home);
        element = home.start(&[]);
        // It may have been taken or not; a client says it again, as Prometheus does.
        post(element.http(), &alerts(&unacknowledged)).unwrap();
        model.acknowledge(&unacknowledged);
    }
    model.say(element.http(), 20);
    let alarms = model.check(&home);
    check_told(&flaky, &alarms);
    check_told(&steady, &alarms);
    element.stop();
}

/// Leaves what a loss of power leaves: a part of a frame behind the last whole one.
fn tear_log(home: &Home) {
    let log = home.data().join("journal.db-wal");
    if let Ok(mut file) = std::fs::OpenOptions::new().append(true).open(log) {
        file.write_all(&[0x5a; 1234]).unwrap();
    }
}

#[test]
fn an_element_that_is_stopped_and_goes_on_loses_nothing() {
    let (home, receiver) = (Home::new(), HttpReceiver::start());
    fail_at_random(&receiver, 0x570, 500);
    let mut model = Model::new(0x1ce);
    let element = home.start(&[]);
    commit(&home, &handler("wh", receiver.address()));
    let address = element.http();
    for _ in 0..5 {
        let until = receiver.count() + 10;
        std::thread::scope(|scope| {
            let load = scope.spawn(|| model.say(address, 15));
            receiver.wait_for_count(until);
            element.process.signal(Signal::SIGSTOP);
            // Whoever speaks to it meanwhile waits; whatever it sent was answered.
            element.process.signal(Signal::SIGCONT);
            load.join().unwrap();
        });
    }
    check_told(&receiver, &model.check(&home));
    element.stop();
}
