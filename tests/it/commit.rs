//! Commits that meet the world: a part of the element that refuses, and two people at once.

use crate::harness::element::{Home, answers_http};
use std::net::TcpListener;

/// A loopback address that no other test uses, so that a port that is free on it stays free.
const ALONE: &str = "127.77.0.1";

fn free_port() -> u16 {
    TcpListener::bind((ALONE, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn a_part_that_cannot_follow_refuses_the_commit_and_keeps_serving() {
    let port = free_port();
    let home = Home::with(&[("a.set", &format!("set system http-server address {ALONE} port {port}\n"))]);
    let element = home.start_as_configured(&["--config", "a.set"]);
    let listening = element.http();
    assert_eq!(listening.to_string(), format!("{ALONE}:{port}"));
    assert!(answers_http(listening));
    let before = home.running();

    let taken = TcpListener::bind((ALONE, 0)).unwrap();
    let set = format!("set system http-server port {}", taken.local_addr().unwrap().port());
    let said = home.shell(&["configure", "set environments environment name x", &set, "commit"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(said.stderr.contains(&format!("cannot listen on `{ALONE}:")), "{}", said.stderr);
    assert!(
        said.stderr.contains("system/http-server/port\nhint: choose another port, or stop what listens there"),
        "{}",
        said.stderr
    );
    assert_eq!(home.running(), before);
    assert!(answers_http(listening));

    let free = free_port();
    home.commit(&[&format!("set system http-server port {free}")]);
    assert!(answers_http(format!("{ALONE}:{free}").parse().unwrap()));
    element.stop();
}

#[test]
fn a_first_start_on_a_port_in_use_is_refused_and_leaves_no_revision() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = Home::with(&[("a.yaml", &format!("system:\n  http-server:\n    port: {port}\n"))]);
    let said = home.annunciator(&["run", "--config", "a.yaml"], "");
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(said.stderr.contains("--> a.yaml:3:11"), "{}", said.stderr);
    assert_eq!(home.start(&["--config", "a.yaml"]).revision(), 1);
}

#[test]
fn the_command_lines_port_in_use_is_told_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = Home::new().annunciator(&["run", "--http-listen", &address], "");
    assert_ne!(said.code, Some(0));
    assert!(said.stderr.contains("hint: choose another address with `--http-listen`"), "{}", said.stderr);
    assert!(!said.stdout.contains("ready"), "{}", said.stdout);
}

#[test]
fn what_refers_to_nothing_aborts_the_commit_and_names_both_ends() {
    let home = Home::new();
    let _element = home.start(&[]);
    let said = home.shell(&[
        "configure",
        "set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier web-service hostname h",
        "set environments environment alarms alarm-handlers alarm-handler wh1 webhook-notifier web-service http-client c",
        "commit",
    ]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    for told in [
        "`port` is mandatory in `web-service`",
        "alarm-handler[id='wh1']/webhook-notifier/web-service/port",
        "`http-client` refers to client `c`, which does not exist",
        "alarm-handler[id='wh1']/webhook-notifier/web-service/http-client",
    ] {
        assert!(said.stderr.contains(told), "{told}\n{}", said.stderr);
    }
    assert_eq!(home.running(), "");
}
