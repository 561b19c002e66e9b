//! How scripts end, and what they are told: full devices, forgotten commits, comments, secrets in lines that are faulty.

use crate::harness::element::Home;
use crate::harness::process::{ANNUNCIATOR, Finished, Process};

const CONFIGURATION: (&str, &str) = ("a.set", "set environments environment node-id lab\n");

fn home() -> Home {
    Home::with(&[CONFIGURATION])
}

/// Runs a line of the system's shell in which `$A` is the program.
fn system(home: &Home, line: &str) -> Finished {
    Process::start_program("/bin/sh", &["-c", &line.replace("$A", ANNUNCIATOR)], home.path()).finish()
}

#[test]
fn output_to_a_full_device_is_an_error_and_a_closed_pipe_is_none() {
    let home = home();
    let _element = home.start(&["--config", "a.set"]);
    let said = system(&home, "$A shell -c help > /dev/full");
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stderr.starts_with("error: the output cannot be written: "), "{}", said.stderr);
    let said = system(&home, "$A shell -c help -c help | true");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_script_that_forgets_to_commit_is_warned() {
    let home = home();
    let _element = home.start(&["--config", "a.set"]);
    let warning = "warning: uncommitted changes are discarded\nhint: `commit` puts them into force";
    let edit = ["configure", "set system revisions-kept 7"];
    for ending in [&[][..], &["exit"], &["exit configuration-mode"], &["edit system", "top exit"], &["run exit"]] {
        let said = home.shell(&[&edit[..], ending].concat());
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{ending:?}");
        assert!(said.stderr.starts_with(warning), "{ending:?}: {}", said.stderr);
        assert_eq!(said.stderr.matches("warning").count(), 2, "{ending:?}: {}", said.stderr);
    }
    for ending in ["exit no-confirm", "rollback", "commit", "set system revisions-kept 7"] {
        let said = home.shell(&[&edit[..], &[ending]].concat());
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{ending}");
    }
}

#[test]
fn a_script_may_have_a_byte_order_mark_and_comments_over_lines() {
    let home = home();
    let _element = home.start(&["--config", "a.set"]);
    home.write(
        "script",
        "\u{feff}/* one\n * two */\n! three\nshow configuration environments /* four */\n/* five */\n",
    );
    let said = home.annunciator(&["shell", "-f", "script"], "");
    assert_eq!(
        (said.code, said.stdout.as_str(), said.stderr.as_str()),
        (Some(0), "environment {\n    node-id lab;\n}\n", "")
    );
    home.write("script", "show cli\n/* no end\nshow cli\n");
    let said = home.annunciator(&["shell", "-f", "script"], "");
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.starts_with("script:3: error: a comment without its end\n"), "{}", said.stderr);
}

#[test]
fn no_complaint_about_a_line_shows_the_secret_in_it() {
    let home = home();
    let _element = home.start(&["--config", "a.set"]);
    let client = "facilities http client c1 http-basic-authn";
    for line in [
        format!("set {client} pasword P17"),
        format!("set {client} password \"P17"),
        format!("set {client} p \"P17"),
        format!("set {client} password x P17"),
        format!("set {client} password [ P17"),
        format!("delete {client} password P17"),
        format!("show {client} password P17"),
        format!("run set {client} password P17"),
        "commit comment x password P17".to_owned(),
    ] {
        let said = home.shell(&["configure", &line]);
        assert_eq!(said.code, Some(2), "{line}");
        assert!(!said.stderr.contains("P17") && said.stderr.contains("error: "), "{line}: {}", said.stderr);
    }
}

#[test]
fn a_configuration_that_is_not_there_is_told_as_such() {
    let home = home();
    for name in ["nowhere", "nowhere/a.txt", "no.yaml"] {
        let said = home.annunciator(&["check", name], "");
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.starts_with(&format!("error: cannot read `{name}`: No such file")), "{}", said.stderr);
    }
}

#[test]
fn very_many_faults_are_counted_and_a_very_long_name_is_cut() {
    let home = home();
    home.write("many.set", &"set bogus\n".repeat(10_000));
    let said = home.annunciator(&["check", "many.set"], "");
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("\n10000 errors; 9800 of all that is told are not shown"), "{}", said.stderr.len());
    for (name, text) in [
        ("long.set", format!("set {}\n", "x".repeat(5 << 20))),
        ("long.conf", format!("{};\n", "x".repeat(5 << 20))),
        ("long.json", format!("{{\"{}\": 1}}\n", "x".repeat(5 << 20))),
        ("long.yaml", format!("\"{}\": 1\n", "x".repeat(5 << 20))),
        ("key.set", format!("set facilities http client {} schme 1\n", "x".repeat(5 << 20))),
    ] {
        home.write(name, &text);
        let said = home.annunciator(&["check", name], "");
        assert_eq!(said.code, Some(2), "{name}");
        assert!(said.stderr.len() < 10_000, "{name}: {} bytes are told", said.stderr.len());
    }
}
