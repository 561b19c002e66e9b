//! What a terminal shows and what it must not: secrets, echoes, one's own doings, ends of output.

use crate::harness::WITHIN;
use crate::harness::element::files_below;
use crate::session::Person;

const PASSWORD: &str = "set facilities http client c1 http-basic-authn password";

#[test]
fn a_secret_is_not_echoed_where_the_editor_cannot_mask_it() {
    let mut person = Person::sit_down_at("dumb");
    person.pty.send("configure\r");
    person.sees_prompt('%', "");
    person.pty.send(&format!("{PASSWORD}\r"));
    person.sees("(<string>):");
    person.pty.send("s3cret\r");
    person.sees("(<string>): \n[ok][");
    person.sees_prompt('%', "");
    person.pty.send("show cli");
    let screen = person.sees_prompt('%', "show cli");
    assert!(!screen.contains("s3cret"), "{screen}");
}

#[test]
fn a_blank_that_completes_nothing_is_echoed_and_nothing_else() {
    let mut person = Person::sit_down();
    for word in ["show", "configuration"] {
        person.pty.send(word);
        person.sees(word);
        person.pty.forget_written();
        person.pty.send(" ");
        assert_eq!(person.pty.written(), " ");
    }
    person.pty.send("facil");
    person.sees("facil");
    person.pty.forget_written();
    person.pty.send(" ");
    person.sees_prompt('>', "show configuration facilities");
    let written = person.pty.written();
    assert!(!written.contains("\u{1b}[?2026"), "{written:?}");
}

#[test]
fn ones_own_commit_is_not_told_as_news() {
    let mut person = Person::sit_down();
    person.configures();
    person.does("set environments environment name mine", "ok", '%');
    person.does("commit", "ok", '%');
    person.home.commit(&["set environments environment name theirs"]);
    let screen = person.sees("revision 3.");
    assert!(!screen.contains("revision 2."), "{screen}");
}

#[test]
fn lines_that_may_hold_a_secret_stay_out_of_history_understood_or_not() {
    let mut person = Person::sit_down();
    person.configures();
    let client = "facilities http client c1 http-basic-authn";
    for line in [
        format!("set {client} pasword P17"),
        format!("set {client} password \"P17"),
        format!("run set {client} password P17"),
        format!("st {client} password P17"),
        format!("{PASSWORD} x P17"),
    ] {
        let screen = person.does(&line, "error", '%');
        assert_eq!(screen.matches("P17").count(), 1, "more than what was typed: {screen}");
    }
    person.pty.send("# password P17\r");
    person.does("show facilities | match password", "ok", '%');
    let kept: String =
        files_below(&person.home.path().join("state")).iter().map(|f| std::fs::read_to_string(f).unwrap()).collect();
    assert!(!kept.contains("P17"), "{kept}");
    assert!(kept.contains("show facilities | match password"), "{kept}");
}

#[test]
fn output_that_is_left_still_ends_with_its_status() {
    let mut person = Person::sit_down();
    person.pty.resize(80, 8);
    for key in ["q", "\x03"] {
        person.pty.send("\x0chelp\r");
        person.pty.wait_for_last_row("--More--", WITHIN);
        person.pty.send(key);
        // Interrupted it fails, unless all was said before the key was pressed.
        let screen = person.sees_prompt('>', "");
        assert!(screen.contains("\n[ok][") || (key != "q" && screen.contains("\n[error][")), "{screen}");
    }
}

#[test]
fn leaving_behind_run_asks_too() {
    let mut person = Person::sit_down();
    person.configures();
    person.does("set environments environment name lost", "ok", '%');
    person.pty.send("run exit\r");
    person.sees("There are uncommitted changes.\nDiscard changes and continue? [yes,no]");
    person.pty.send("no\r");
    person.sees_prompt('%', "");
}

#[test]
fn a_command_of_the_other_mode_is_told_where_it_belongs() {
    let mut person = Person::sit_down();
    let screen = person.does("set system revisions-kept 5", "error", '>');
    assert!(screen.contains("hint: `set` edits the configuration: `configure` first"), "{screen}");
    let screen = person.does("commit", "error", '>');
    assert!(screen.contains("hint: `commit` edits the configuration: `configure` first"), "{screen}");
    person.configures();
    let screen = person.does("request alarms raise", "error", '%');
    assert!(screen.contains("hint: `run request …` runs a command of operational mode"), "{screen}");
}
