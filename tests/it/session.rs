//! A person at the shell: the real program in a terminal, in front of an element that runs.

use crate::harness::WITHIN;
use crate::harness::element::{Element, Home};
use crate::harness::process::ANNUNCIATOR;
use crate::harness::pty::Pty;
use nix::unistd::{Uid, User};

const CONFIGURATION: &str = "\
set environments environment node-id lab
set facilities http client c1 scheme http
set facilities http client other
";

/// A terminal with a shell in it, and what it stands in front of.
pub(crate) struct Person {
    pub(crate) home: Home,
    element: Element,
    pub(crate) pty: Pty,
    pub(crate) user: String,
}

impl Person {
    /// Sits down in front of an element.
    pub(crate) fn sit_down() -> Self {
        Self::sit_down_at("xterm")
    }

    /// Sits down at a terminal of a kind.
    pub(crate) fn sit_down_at(kind: &str) -> Self {
        let home = Home::with(&[("a.set", CONFIGURATION)]);
        let element = home.start(&["--config", "a.set"]);
        let pty = Pty::start("env", &[&format!("TERM={kind}"), ANNUNCIATOR, "shell"], home.path());
        let user = User::from_uid(Uid::current()).unwrap().unwrap().name;
        let mut person = Self { home, element, pty, user };
        person.sees_prompt('>', "");
        person
    }

    /// Waits until the prompt is there, with what is typed behind it.
    pub(crate) fn sees_prompt(&mut self, sign: char, typed: &str) -> String {
        let row = format!("{}@lab{sign} {typed}", self.user);
        self.pty.wait_for_last_row(row.trim_end(), WITHIN)
    }

    pub(crate) fn sees(&mut self, text: &str) -> String {
        self.pty.wait_for(text, WITHIN)
    }

    /// Types a line and waits for how it ends: `ok` or `error`.
    pub(crate) fn does(&mut self, line: &str, ends: &str, sign: char) -> String {
        // On an empty screen, what is seen is what this line did.
        self.pty.send("\x0c");
        let prompt = format!("{}@lab{sign}", self.user);
        self.pty.wait_until("an empty screen", WITHIN, |screen| screen.trim() == prompt);
        self.pty.send(&format!("{line}\r"));
        self.sees(&format!("\n[{ends}]["));
        self.sees_prompt(if line == "configure" { '%' } else { sign }, "")
    }

    /// Presses Ctrl-C, which also discards what is typed before the next prompt is there.
    pub(crate) fn gives_up(&mut self, sign: char) {
        self.pty.send("\x03");
        self.sees_prompt(sign, "");
    }

    pub(crate) fn configures(&mut self) {
        self.does("configure", "ok", '>');
    }
}

#[test]
fn the_prompt_greets_and_the_mode_has_its_banner() {
    let mut person = Person::sit_down();
    person.sees(&format!("{} connected using console on lab", person.user));
    let screen = person.does("configure", "ok", '>');
    assert!(screen.contains("Entering configuration mode private\n[ok]["), "{screen}");
    assert!(screen.contains(&format!("\n\n[edit]\n{}@lab%", person.user)), "{screen}");
    let screen = person.does("edit facilities http client c1", "ok", '%');
    assert!(screen.contains("\n[edit facilities http client c1]\n"), "{screen}");
    let screen = person.does("show", "ok", '%');
    assert!(screen.contains("\nscheme http;\n[ok]["), "{screen}");
    person.does("top", "ok", '%');
    person.pty.send("exit\r");
    person.sees_prompt('>', "");
    person.pty.send("exit\r");
    let (status, screen) = person.pty.finish();
    assert!(status.success(), "{screen}");
}

#[test]
fn tab_and_space_complete_words_and_names_of_entries() {
    let mut person = Person::sit_down();
    person.pty.send("conf\t");
    person.sees_prompt('>', "configure");
    person.pty.send("\x15sh conf fac ");
    person.sees_prompt('>', "show configuration facilities");
    person.gives_up('>');
    person.configures();
    person.pty.send("set fac h cl \t");
    person.sees("Possible completions:");
    let screen = person.sees_prompt('%', "set facilities http client");
    assert!(screen.contains("\n  c1 ") || screen.contains("\n  c1\n"), "{screen}");
    assert!(screen.contains("\n  other"), "{screen}");
    person.pty.send("o\t");
    person.sees_prompt('%', "set facilities http client other");
    // A name that is new is left as it is typed.
    person.pty.send("\x15set facilities http client brand-new sch\t");
    person.sees_prompt('%', "set facilities http client brand-new scheme");
}

#[test]
fn a_question_mark_helps_and_the_line_stays() {
    let mut person = Person::sit_down();
    person.configures();
    person.pty.send("set facilities http client c1 sc?");
    person.sees("Possible completions:\n  scheme - Whether requests are encrypted.\n");
    person.sees_prompt('%', "set facilities http client c1 sc");
    person.pty.send(" ?");
    let screen = person.sees("  https");
    assert!(screen.contains("Plain HTTP, without encryption."), "{screen}");
    person.sees_prompt('%', "set facilities http client c1 scheme");
    person.pty.send("https\r");
    person.sees("[ok][");
    let screen = person.does("show | compare", "ok", '%');
    assert!(
        screen.contains("\n-        scheme http;\n+        scheme https;\n") || screen.contains("+    scheme https;"),
        "{screen}"
    );
}

#[test]
fn ctrl_c_gives_the_line_up_and_arrow_up_brings_back_what_was_run() {
    let mut person = Person::sit_down();
    person.does("show cli", "ok", '>');
    person.pty.send("show system com");
    person.sees_prompt('>', "show system com");
    person.gives_up('>');
    person.sees("show system com^C");
    person.pty.send("\x1b[A");
    person.sees_prompt('>', "show cli");
    person.gives_up('>');
    person.sees("show cli^C");
    // Ctrl-D on an empty line leaves.
    person.pty.send("\x04");
    let (status, screen) = person.pty.finish();
    assert!(status.success(), "{screen}");
}

#[test]
fn a_fault_is_pointed_at_below_the_line() {
    let mut person = Person::sit_down();
    person.configures();
    let screen = person.does("set facilities http client c1 shceme http", "error", '%');
    let column = format!("{}@lab% set facilities http client c1 ", person.user).len();
    let caret = format!("\n{}^\nsyntax error: ", "-".repeat(column));
    assert!(screen.contains(&caret), "{screen}");
    assert!(screen.contains("hint: did you mean `scheme`?"), "{screen}");
}

#[test]
fn anothers_commit_is_told_above_the_line_being_typed() {
    let mut person = Person::sit_down();
    person.pty.send("show configuration facil");
    person.sees_prompt('>', "show configuration facil");
    person.home.commit(&["set facilities http client c3 scheme http"]);
    let said = format!("Commit performed by {} via command, revision 2.", person.user);
    let screen = person.sees(&said);
    assert!(!screen.contains(&format!("facil{said}")), "{screen}");
    person.sees_prompt('>', "show configuration facil");
    person.pty.send("ities\r");
    let screen = person.sees("[ok][");
    assert!(screen.contains("client c3 {"), "{screen}");
}

#[test]
fn a_secret_is_asked_for_behind_a_mask() {
    let mut person = Person::sit_down();
    person.configures();
    person.does("set facilities http client c1 http-basic-authn username ann", "ok", '%');
    person.pty.send("set facilities http client c1 http-basic-authn password\r");
    person.sees("(<string>):");
    person.pty.send("s3cret");
    person.pty.wait_for_last_row("(<string>): ******", WITHIN);
    person.pty.send("\r");
    person.sees("******\n[ok][");
    person.does("set facilities http client c1 http-basic-authn password s3cret", "ok", '%');
    let screen = person.does("commit", "ok", '%');
    assert!(screen.contains("Commit complete."), "{screen}");
    let screen = person.does("show facilities http client c1", "ok", '%');
    assert!(screen.contains("password $9$"), "{screen}");
    // Neither the line that the secret was typed in nor the answer is in the history.
    person.pty.send("exit\r");
    person.sees_prompt('>', "");
    person.pty.send("exit\r");
    let (_, screen) = person.pty.finish();
    assert!(!screen.contains("(<string>): s3cret"), "{screen}");
    let state = person.home.path().join("state");
    for file in crate::harness::element::files_below(&state) {
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(!kept.contains("s3cret"), "{}: {kept}", file.display());
    }
    assert_eq!(person.element.stop().code, Some(0));
}

#[test]
fn leaving_with_uncommitted_changes_asks() {
    let mut person = Person::sit_down();
    person.configures();
    person.does("set environments environment name lost", "ok", '%');
    person.pty.send("exit\r");
    person.sees("There are uncommitted changes");
    person.pty.send("no\r");
    person.sees_prompt('%', "");
    let screen = person.does("show environments", "ok", '%');
    assert!(screen.contains("lost;"), "{screen}");
    person.pty.send("exit\r");
    person.sees("There are uncommitted changes");
    person.pty.send("yes\r");
    person.sees_prompt('>', "");
    assert!(!person.home.running().contains("lost"));
}

#[test]
fn two_people_who_change_the_same_leaf_are_told_of_each_other() {
    let mut person = Person::sit_down();
    person.configures();
    person.does("set environments environment name mine", "ok", '%');
    person.home.commit(&["set environments environment name theirs"]);
    person.sees("revision 2.");
    let screen = person.does("commit", "error", '%');
    assert!(screen.contains("Aborted: 'environments environment name': changed here to"), "{screen}");
    assert!(screen.contains("top revert environments environment name"), "{screen}");
    person.does("top revert environments environment name", "ok", '%');
    person.does("set system revisions-kept 9", "ok", '%');
    let screen = person.does("commit", "ok", '%');
    assert!(screen.contains("Commit complete."), "{screen}");
    assert!(person.home.running().contains("set environments environment name theirs\n"));
}

#[test]
fn an_element_that_is_gone_ends_the_session_and_says_so() {
    let mut person = Person::sit_down();
    person.element.process.crash();
    person.pty.wait_for("error: the shell session ended: the daemon is gone", WITHIN);
    let (status, screen) = person.pty.finish();
    assert_eq!(status.exit_code(), 1, "{screen}");
}

#[test]
fn a_daemon_with_a_shell_stops_when_the_shell_is_left() {
    let home = Home::with(&[("a.set", CONFIGURATION)]);
    let mut pty = Pty::start(ANNUNCIATOR, &["--config", "a.set", "--http-listen", "127.0.0.1:0"], home.path());
    pty.wait_for("@lab>", WITHIN);
    pty.send("show configuration environments\r");
    pty.wait_for("node-id lab;", WITHIN);
    pty.send("exit\r");
    let (status, screen) = pty.finish();
    assert!(status.success(), "{screen}");
    assert_eq!(home.start(&[]).revision(), 1);
}
