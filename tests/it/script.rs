//! Shells without a terminal, and what they leave behind: standard output, exit codes, files, secrets.

use crate::harness::element::{Home, files_below};
use annunciator::persist;

/// The configuration of one webhook, as its owner would write it.
const WEBHOOK: &str = "\
environments:
  environment:
    alarms:
      alarm-handlers:
        alarm-handler:
          - id: wh1
            webhook-notifier:
              web-service:
                hostname: example.com
                port: 443
                context: /postme
                http-client: trustStoreHttpClient
              message-format: nested
facilities:
  http:
    client:
      - id: trustStoreHttpClient
";

const LISTING: &str = "\
webhook-notifier {
    web-service {
        hostname    example.com;
        port        443;
        context     /postme;
        http-client trustStoreHttpClient;
    }
    message-format nested;
}
";

const HANDLER: &str = "environments environment alarms alarm-handlers alarm-handler wh1";

const PLANTED: &str = "planted s3cret";

fn webhook() -> Home {
    Home::with(&[("a.yaml", WEBHOOK)])
}

#[test]
fn a_listing_is_all_that_is_printed() {
    let home = webhook();
    let _element = home.start(&["--config", "a.yaml"]);
    let operational = format!("show configuration {HANDLER}");
    assert_eq!(home.told(&[&operational]), LISTING);
    let configuration = ["configure", &format!("show {HANDLER}"), "exit"];
    assert_eq!(home.told(&configuration), LISTING);
    assert_eq!(home.told(&[&operational, &operational]), [LISTING, LISTING].concat());

    let piped = home.annunciator(&["shell"], &format!("{operational}\n"));
    assert_eq!((piped.code, piped.stdout.as_str(), piped.stderr.as_str()), (Some(0), LISTING, ""));

    home.write("script", &format!("# A comment.\n\n{}\n", configuration.join("\n")));
    let file = home.annunciator(&["shell", "-f", "script"], "");
    assert_eq!((file.code, file.stdout.as_str(), file.stderr.as_str()), (Some(0), LISTING, ""));
}

#[test]
fn a_socket_can_be_named() {
    let home = webhook();
    let _element = home.start(&["--config", "a.yaml", "--data-dir", "kept", "--socket", "s"]);
    let asked = format!("show configuration {HANDLER}");
    for place in [["--socket", "s"], ["--socket", "./s"]] {
        let said = home.annunciator(&["shell", place[0], place[1], "-c", &asked], "");
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), LISTING), "{}", said.stderr);
    }
    assert!(!home.path().join("kept/annunciator.sock").exists());
}

#[test]
fn a_script_stops_at_its_first_error_and_nothing_behind_it_is_committed() {
    let home = webhook();
    let _element = home.start(&["--config", "a.yaml"]);
    let before = home.running();
    let lines = ["configure", "set system revisions-kept 7", "set sytem revisions-kept 8", "commit", "show system"];
    let said = home.shell(&lines);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(said.stderr.contains("`sytem` is not an element") && said.stderr.contains("`system`"), "{}", said.stderr);

    home.write("script", &lines.join("\n"));
    let said = home.annunciator(&["shell", "-f", "script"], "");
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(said.stderr.contains("script:3: error: "), "{}", said.stderr);

    let said = home.annunciator(&["shell"], &lines.join("\n"));
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(said.stderr.contains("standard input:3: error: "), "{}", said.stderr);

    // A commit that is refused is an error like any other, and what was set before it is gone with the session.
    let said = home.shell(&["configure", "delete facilities", "commit", "set system revisions-kept 7", "commit"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(said.stderr.contains("client `trustStoreHttpClient` is still referred to"), "{}", said.stderr);
    assert_eq!(home.running(), before);
    assert_eq!(home.told(&["show system commit"]).matches(" by ").count(), 1);
}

#[test]
fn a_script_that_is_cut_off_commits_nothing() {
    let home = webhook();
    let _element = home.start(&["--config", "a.yaml"]);
    let before = home.running();
    let said = home.annunciator(&["shell"], "configure\nset system revisions-kept 7\n");
    assert_eq!(said.stdout, "", "{}", said.stderr);
    assert_eq!(home.running(), before);
}

#[test]
fn a_daemon_that_cannot_be_reached_is_told_with_a_hint() {
    let home = Home::new();
    let said = home.shell(&["show configuration"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains("`data/annunciator.sock`"), "{}", said.stderr);
    assert!(said.stderr.contains("\nhint: start a daemon with `annunciator run`"), "{}", said.stderr);
    // A socket that a crash left behind is no daemon.
    home.start(&[]).process.crash();
    let said = home.shell(&["show configuration"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains("\nhint: "), "{}", said.stderr);
}

#[test]
fn what_the_element_keeps_is_its_owners_alone() {
    let home = webhook();
    let _element = home.start(&["--config", "a.yaml"]);
    home.commit(&["set system revisions-kept 7"]);
    assert_eq!(persist::mode(&home.data()).unwrap(), 0o700);
    assert_eq!(persist::mode(&home.data().join("annunciator.sock")).unwrap(), 0o600);
    let files = files_below(&home.data());
    assert!(files.iter().any(|file| file.ends_with("secret.key")), "{files:?}");
    for file in files {
        assert_eq!(persist::mode(&file).unwrap(), 0o600, "{}", file.display());
    }
}

#[test]
fn a_planted_secret_is_found_nowhere() {
    let home = Home::with(&[(
        "a.yaml",
        "facilities: {http: {client: [{id: c1, http-basic-authn: {username: ann, password: \"planted s3cret\"}}]}}\n",
    )]);
    let element = home.start(&["--config", "a.yaml"]);
    home.commit(&["set facilities http client c2 http-basic-authn username bob password \"planted s3cret\""]);
    let refused = home.shell(&[
        "configure",
        "set facilities http client c3 http-basic-authn password \"planted s3cret\" bogus",
        "commit",
    ]);
    assert_eq!(refused.code, Some(2));
    let mut seen = refused.stdout + &refused.stderr;
    let shown = ["| display curly", "| display json", "| display yaml", "| display set", "| match password", ""];
    for pipe in shown {
        seen += &home.told(&[format!("show configuration {pipe}").trim_end()]);
    }
    seen += &home.told(&[
        "configure",
        "show | compare rollback 1",
        "rollback 1",
        "show | compare",
        "show facilities",
        "rollback",
    ]);
    assert!(seen.contains("password $9$") && seen.contains("\"password\": \"$9$"), "{seen}");
    let finished = element.stop();
    seen += &(finished.stdout + &finished.stderr);
    assert!(!seen.contains(PLANTED), "{seen}");
    for file in files_below(&home.data()) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(PLANTED.len()).any(|window| window == PLANTED.as_bytes());
        assert!(!found, "{} holds the secret in clear", file.display());
    }
}

#[test]
fn what_is_shown_loads_again_in_the_same_element() {
    let home = webhook();
    let mut element = home.start(&["--config", "a.yaml"]);
    let set = "set facilities http client c1 http-basic-authn username ann password \"planted s3cret\"";
    home.commit(&[set]);
    let shown_set = home.running();
    // The same secret in clear is no change, although it is sealed anew each time.
    assert_eq!(home.told(&["configure", set, "commit"]), "No modifications to commit.\n");
    let typed = format!("configure\ndelete facilities http client c1\n{shown_set}commit\n");
    let said = home.annunciator(&["shell"], &typed);
    assert_eq!(said.stdout, "No modifications to commit.\n", "{}", said.stderr);

    for (notation, name) in
        [("curly", "shown.conf"), ("json", "shown.json"), ("yaml", "shown.yaml"), ("set", "shown.set")]
    {
        home.write(name, &home.told(&[&format!("show configuration | display {notation}")]));
        home.commit(&["delete facilities http client c1"]);
        let revision: u64 = element.revision();
        element.stop();
        element = home.start(&["--config", name, "--config-override"]);
        assert!(element.revision() > revision, "{notation}");
        assert_eq!(home.running(), shown_set, "{notation}");
    }
}

#[test]
fn a_secret_that_only_stands_for_one_is_refused() {
    let home = webhook();
    let _element = home.start(&["--config", "a.yaml"]);
    let set = "set facilities http client c1 http-basic-authn username u password";
    for (value, hint) in [("<secret>", "give the secret in clear text"), ("$9$AAAA", "give the secret in clear text")] {
        let said = home.shell(&["configure", &format!("{set} {value}"), "commit"]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{value}: {}", said.stderr);
        assert!(said.stderr.contains(hint), "{value}: {}", said.stderr);
    }
}
