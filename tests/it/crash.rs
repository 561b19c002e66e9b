//! A process that dies in the middle of a commit: what is there afterwards is the old revision or the new, never a mixture.

use crate::harness::element::{Element, Home};
use nix::sys::signal::Signal;
use std::time::Duration;

/// The points of a commit at which the process can be made to die, and whether the new revision is on the disk by then.
const POINTS: [(&str, bool); 6] = [
    ("before-prepare", false),
    ("before-revision", false),
    ("before-commit", false),
    ("after-commit", true),
    ("before-apply", true),
    ("before-announce", true),
];

const ACKNOWLEDGED: &str = "Commit complete.";

/// Rounds of killing at any moment: enough for every phase of a commit to be hit in most runs.
const ROUNDS: u64 = 20;

fn severity(number: u64) -> &'static str {
    if number.is_multiple_of(2) { "minor" } else { "major" }
}

/// What each numbered commit makes of several parts of the tree; all of it or nothing must be found.
fn change(number: u64) -> Vec<String> {
    let mut lines = vec![
        format!("set environments environment name n{number}"),
        format!("set environments environment alarms ingest default-severity {}", severity(number)),
        format!("set facilities http client c{} scheme http", number % 5),
        format!("set facilities http client fixed connect-timeout {}", number % 250),
        format!("set facilities http client fixed http-basic-authn username u{number} password p{number}"),
        format!("set system revisions-kept {}", 100 + number),
    ];
    // Four clients come and go.
    if number > 4 {
        lines.push(format!("delete facilities http client c{}", (number + 1) % 5));
    }
    lines
}

/// Returns running after so many commits, secrets left out: each is sealed anew.
fn expected(number: u64) -> String {
    let mut clients: Vec<u64> = (1..=number).rev().take(4).map(|n| n % 5).collect();
    clients.sort_unstable();
    if number == 0 {
        return String::new();
    }
    let lines: Vec<String> = clients.iter().map(|n| format!("set facilities http client c{n} scheme http\n")).collect();
    let clients = lines.concat();
    format!(
        "set environments environment name n{number}\n\
         set environments environment alarms ingest default-severity {}\n\
         {clients}\
         set facilities http client fixed connect-timeout {}\n\
         set facilities http client fixed http-basic-authn username u{number}\n\
         set system revisions-kept {}\n",
        severity(number),
        number % 250,
        100 + number
    )
}

fn without_secrets(running: &str) -> String {
    running.split_inclusive('\n').filter(|line| !line.contains(" password $9$")).collect()
}

/// Types one commit into a shell and returns whether it was acknowledged.
fn commit(home: &Home, number: u64) -> bool {
    let change = change(number);
    let lines: Vec<&str> =
        std::iter::once("configure").chain(change.iter().map(String::as_str)).chain(["commit"]).collect();
    home.shell(&lines).stdout.contains(ACKNOWLEDGED)
}

/// Checks that running is what `number` commits make, through all that reads it.
fn holds(home: &Home, element: &Element, number: u64) {
    assert_eq!(without_secrets(&home.running()), expected(number));
    assert_eq!(element.revision(), number);
    let revisions = home.told(&["show system commit"]).matches(" by ").count() as u64;
    assert_eq!(revisions, number);
    if number > 1 {
        let before = home.told(&["configure", "rollback 1", "show | display set", "rollback"]);
        assert_eq!(without_secrets(&before), expected(number - 1));
    }
}

#[test]
fn a_death_at_any_point_of_a_commit_leaves_the_old_revision_or_the_new() {
    for (point, is_durable) in POINTS {
        let home = Home::new();
        let element = home.start(&[]);
        assert!(commit(&home, 1) && commit(&home, 2), "{point}");
        element.stop();

        let element = home.start(&["--crash-at", point]);
        assert!(!commit(&home, 3), "{point}");
        assert_eq!(element.process.finish().signal, Some(Signal::SIGABRT as i32), "{point}");

        let element = home.start(&[]);
        let number = if is_durable { 3 } else { 2 };
        holds(&home, &element, number);
        // The element goes on from there.
        assert!(commit(&home, number + 1), "{point}");
        element.stop();
        holds(&home, &home.start(&[]), number + 1);
    }
}

#[test]
fn a_death_at_a_later_commit_keeps_those_before() {
    for (point, is_durable) in POINTS {
        let home = Home::new();
        let element = home.start(&[]);
        assert!(commit(&home, 1), "{point}");
        element.stop();
        let element = home.start(&["--crash-at", &format!("{point}:3")]);
        assert!(commit(&home, 2) && commit(&home, 3) && !commit(&home, 4), "{point}");
        drop(element);
        holds(&home, &home.start(&[]), if is_durable { 4 } else { 3 });
    }
}

#[test]
fn a_death_at_the_first_start_leaves_no_half_loaded_file() {
    // A start prepares before there is anything to lose, so that point is not one of its own.
    for (point, is_durable) in POINTS.into_iter().skip(1) {
        let lines = format!("{}\n", change(1).join("\n"));
        let home = Home::with(&[("a.set", &lines)]);
        let died = home.run_to_end(&["--config", "a.set", "--crash-at", point]);
        assert_eq!((died.signal, died.stdout.as_str()), (Some(Signal::SIGABRT as i32), ""), "{point}");
        // Without the file, what is on the disk shows; with it, an empty store loads it.
        let element = home.start(&[]);
        assert_eq!(without_secrets(&home.running()), expected(u64::from(is_durable)), "{point}");
        element.stop();
    }
}

#[test]
fn an_element_that_is_killed_at_any_moment_has_the_last_commit_or_the_one_under_way() {
    let home = Home::new();
    let mut done = 0;
    for round in 0..ROUNDS {
        let element = home.start(&[]);
        let mut session = home.open_shell();
        session.type_line("configure");
        // More than will be acknowledged before the kill; each moment lies in another phase of a commit.
        for number in done + 1..=done + 50 {
            change(number).iter().map(String::as_str).chain(["commit"]).for_each(|line| session.type_line(line));
        }
        for _ in 0..round % 4 {
            session.wait_for_line(ACKNOWLEDGED);
        }
        session.lines_within(Duration::from_micros(round * 1_733 % 10_000), ACKNOWLEDGED);
        element.process.crash();
        // What was said before the death is still read after it.
        let acknowledged = session.finish().stdout.matches(ACKNOWLEDGED).count() as u64;

        let element = home.start(&[]);
        let found = element.revision();
        assert!(found == done + acknowledged || found == done + acknowledged + 1, "{found}: {done} + {acknowledged}");
        holds(&home, &element, found);
        done = found;
    }
}
