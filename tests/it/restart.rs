//! What is committed, and what is undone, stays so over an orderly stop and over a crash.

use crate::harness::element::Home;

fn names(home: &Home) -> String {
    home.told(&["show configuration environments | display set"])
}

fn rename(home: &Home, name: &str) {
    home.commit(&[&format!("set environments environment name {name}")]);
}

#[test]
fn a_commit_survives_an_orderly_stop() {
    let home = Home::new();
    let element = home.start(&[]);
    assert_eq!(element.revision(), 0);
    home.commit(&[
        "set environments environment name lab",
        "set facilities http client c1 http-basic-authn username ann password s3cret",
        "set facilities http client \"c 2\" scheme http",
    ]);
    let running = home.running();
    assert!(running.contains("password $9$"), "{running}");
    let finished = element.stop();
    assert!(finished.stderr.contains("SIGTERM: draining"), "{}", finished.stderr);
    let element = home.start(&[]);
    assert_eq!((element.revision(), home.running()), (1, running));
}

#[test]
fn a_commit_survives_a_crash() {
    let home = Home::new();
    let element = home.start(&[]);
    rename(&home, "lab");
    let running = home.running();
    assert_eq!(element.process.crash().signal, Some(9));
    // The socket and the lock that it left behind keep nobody out.
    let element = home.start(&[]);
    assert_eq!((element.revision(), home.running()), (1, running));
}

#[test]
fn any_kept_revision_can_be_gone_back_to_after_a_restart() {
    let home = Home::new();
    let element = home.start(&[]);
    for name in ["one", "two", "three"] {
        rename(&home, name);
    }
    element.stop();
    let element = home.start(&[]);
    rename(&home, "four");
    let history = home.told(&["show system commit"]);
    let numbers: Vec<&str> = history.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(numbers, ["0", "1", "2", "3"], "{history}");
    assert_eq!(home.told(&["configure", "rollback 3", "commit"]), "Commit complete.\n");
    assert_eq!(names(&home), "set environments environment name one\n");
    element.process.crash();
    let element = home.start(&[]);
    assert_eq!((element.revision(), names(&home).as_str()), (5, "set environments environment name one\n"));
    // The rollback is itself a revision, and can be taken back.
    assert_eq!(home.told(&["configure", "rollback 1", "commit"]), "Commit complete.\n");
    assert_eq!(names(&home), "set environments environment name four\n");
}

#[test]
fn a_rollback_to_what_is_not_kept_is_refused() {
    let home = Home::new();
    let _element = home.start(&[]);
    for name in ["one", "two"] {
        rename(&home, name);
    }
    let said = home.shell(&["configure", "rollback 17"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(said.stderr.contains("17"), "{}", said.stderr);
    assert_eq!(names(&home), "set environments environment name two\n");
}

#[test]
fn what_was_not_committed_is_gone_with_its_session() {
    let home = Home::new();
    let element = home.start(&[]);
    let said = home.shell(&["configure", "set environments environment name lost"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{}", said.stderr);
    assert_eq!(home.running(), "");
    element.stop();
    assert_eq!(home.start(&[]).revision(), 0);
}

#[test]
fn sigint_drains_as_sigterm_does() {
    let home = Home::new();
    let element = home.start(&[]);
    rename(&home, "lab");
    element.process.signal(nix::sys::signal::Signal::SIGINT);
    let finished = element.process.finish();
    assert_eq!((finished.code, finished.signal), (Some(0), None), "{}", finished.stderr);
    assert!(!home.data().join("annunciator.sock").exists(), "the socket is taken away");
}

#[test]
fn a_drain_ends_open_sessions_and_tells_them_why() {
    let home = Home::new();
    let element = home.start(&[]);
    let mut session = home.open_shell();
    for line in ["configure", "set system revisions-kept 5", "show system"] {
        session.type_line(line);
    }
    session.wait_for_line("revisions-kept 5");
    element.stop();
    session.type_line("commit");
    let ended = session.finish();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the element is stopping"), "{}", ended.stderr);
    assert_eq!(home.start(&[]).revision(), 0);
}

#[test]
fn a_commit_that_awaits_confirmation_still_does_after_a_crash_and_is_confirmed_or_taken_back_then() {
    let home = Home::new();
    let element = home.start(&[]);
    rename(&home, "one");
    let armed = ["configure", "set environments environment name two", "commit confirmed 5"];
    assert_eq!(home.shell(&armed).code, Some(0));
    element.crash();
    let element = home.start(&[]);
    assert!(names(&home).contains("name two"));
    let foreign = home.shell(&["configure", "set environments environment name mine", "commit"]);
    assert_eq!(foreign.code, Some(2), "{}", foreign.stderr);
    assert!(foreign.stderr.contains("awaits confirmation"), "{}", foreign.stderr);
    assert!(home.told(&["commit abort"]).contains("back to revision 1"));
    assert!(names(&home).contains("name one"));
    assert_eq!(home.shell(&armed).code, Some(0));
    element.crash();
    let element = home.start(&[]);
    let plain = home.shell(&["configure", "commit"]);
    assert_eq!((plain.code, plain.stdout.as_str()), (Some(0), "No modifications to commit.\n"));
    assert!(plain.stderr.contains("`run commit confirm` makes it permanent"), "{}", plain.stderr);
    assert!(home.told(&["commit confirm"]).contains("Configuration is now permanent"));
    element.stop();
    let _element = home.start(&[]);
    assert!(names(&home).contains("name two"));
}
