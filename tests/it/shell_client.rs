//! The shell's client in a terminal, in front of an interpreter of a few words.
//!
//! The far side of the terminal is this test binary again, told to run [`stand_in`] only: daemon and client in one process.

use crate::harness::WITHIN;
use crate::harness::pty::Pty;
use annunciator::clock::Clock;
use annunciator::shell::client::{self, Input, Options};
use annunciator::shell::server::{Factory, Notices, SessionStart, Sessions};
use annunciator::shell::{AskKind, Candidate, Candidates, Interpreter, Prompt, Status, Terminal, TerminalError};
use annunciator::task::Scope;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An interpreter of a few words.
struct Parrot {
    is_configuring: bool,
    notices: Notices,
    scope: Scope,
}

const WORDS: &[(&str, &str)] = &[
    ("configure", "Enter configuration mode"),
    ("show", "Show what follows"),
    ("shutdown", "Stop the element"),
    ("wait", "Wait for Ctrl-C"),
];

impl Parrot {
    fn run(&mut self, line: &str, terminal: &mut dyn Terminal) -> Result<(), TerminalError> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "configure" => self.is_configuring = true,
            "exit" => self.is_configuring = false,
            "show" => terminal.write(&format!("shown {rest}\n"))?,
            "size" => terminal.write(&format!("{:?}\n", terminal.hello().size))?,
            "rows" => (1..=60).try_for_each(|row| terminal.write(&format!("row {row}\n")))?,
            "secret" => {
                let secret = terminal.ask(AskKind::Secret, "(<secret>): ")?;
                terminal.write(&format!("{} characters\n", secret.len()))?;
            }
            "hide" => terminal.forget_line(),
            "later" => {
                // Comes while the next line is typed or before: both must show it.
                self.notices.send("a notice");
            }
            "stop" => self.scope.stop(),
            "wait" => {
                terminal.write("waiting\n")?;
                while !terminal.is_interrupted() {
                    std::thread::yield_now();
                }
                terminal.write_error("interrupted\n")?;
                return Err(TerminalError::Interrupted);
            }
            _ => {
                terminal.write_error("syntax error: unknown command\n")?;
                return Err(TerminalError::NotInteractive);
            }
        }
        Ok(())
    }
}

impl Interpreter for Parrot {
    fn prompt(&self) -> Prompt {
        let (banner, sign, mode) =
            if self.is_configuring { ("\n[edit]", '%', "configuration") } else { ("", '>', "operational") };
        Prompt { banner: banner.to_owned(), text: format!("ann@lab{sign} "), mode: mode.to_owned(), has_edits: false }
    }

    fn line(&mut self, line: &str, terminal: &mut dyn Terminal) -> Status {
        if line == "exit" && !self.is_configuring {
            return Status::Closed;
        }
        if self.run(line.trim(), terminal).is_ok() { Status::Done } else { Status::Failed }
    }

    fn complete(&mut self, line: &str, position: usize) -> Candidates {
        let before = line.get(..position).unwrap_or_default();
        let list = WORDS.iter().filter(|(word, _)| word.starts_with(before));
        let list = list.map(|(word, help)| Candidate {
            text: (*word).to_owned(),
            display: String::new(),
            help: (*help).to_owned(),
        });
        Candidates { list: list.collect(), ..Candidates::default() }
    }

    fn help(&mut self, line: &str, position: usize) -> Candidates {
        self.complete(line, position)
    }
}

/// What tells this test binary that it is the far side of a terminal.
const STAND_IN: &str = "ANNUNCIATOR_TEST_STAND_IN";

/// Daemon and client in this process, in front of the terminal that the test opened.
#[test]
fn stand_in() {
    // Run with all the others it has no terminal to stand in for, and nothing to do.
    if std::env::var_os(STAND_IN).is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("no runtime");
    let (scope, notices) = (Scope::new(), Notices::new());
    let (hub, inner) = (notices.clone(), scope.clone());
    let factory: Factory = Arc::new(move |_: SessionStart| {
        Box::new(Parrot { is_configuring: false, notices: hub.clone(), scope: inner.clone() })
    });
    let sessions = Sessions::new(scope.clone(), Clock::system(), "lab", notices, factory);
    let (near, far) = UnixStream::pair().expect("no socket pair");
    far.set_nonblocking(true).expect("the socket cannot be set");
    runtime.block_on(async { sessions.attach(tokio::net::UnixStream::from_std(far).expect("no stream")) });
    let options = Options {
        input: Input::Standard,
        pager: true,
        colour: false,
        history_folder: Some("state".into()),
        home: None,
    };
    let outcome = client::run_on(near, &options);
    println!("left with {}", outcome.exit_code());
    runtime.block_on(scope.drain(&Clock::system(), Duration::from_secs(5))).expect("the sessions end");
}

fn shell(folder: &Path) -> Pty {
    let program = std::env::current_exe().expect("this test has a file");
    let told = format!("{STAND_IN}=1");
    let program = program.to_str().expect("this test has a readable name");
    let mut pty = Pty::start("env", &[&told, program, "--exact", "shell_client::stand_in", "--nocapture"], folder);
    pty.wait_for_last_row("ann@lab>", WITHIN);
    pty
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("no folder")
}

#[test]
fn keys_complete_and_help_without_enter() {
    let folder = folder();
    let mut pty = shell(folder.path());
    pty.send("con ");
    pty.wait_for_last_row("ann@lab> configure", WITHIN);
    pty.send("\r");
    pty.wait_for("[edit]\nann@lab%", WITHIN);
    pty.send("sh\t");
    let listing = "ann@lab% sh\nPossible completions:\n  show     - Show what follows\n  shutdown - Stop the element\n";
    pty.wait_for(listing, WITHIN);
    pty.send("o\t\"what? now\"\r");
    pty.wait_for("shown \"what? now\"", WITHIN);
    pty.send("wa?");
    pty.wait_for("Possible completions:\n  wait - Wait for Ctrl-C\n\n[edit]\nann@lab% wa", WITHIN);
    pty.send("\x03");
    pty.wait_for("ann@lab% wa^C\n\n[edit]\nann@lab%", WITHIN);
    pty.send("\x1a");
    pty.wait_for_last_row("ann@lab>", WITHIN);
    pty.send("\x04");
    pty.wait_for("left with 0", WITHIN);
}

#[test]
fn ctrl_c_interrupts_what_runs() {
    let folder = folder();
    let mut pty = shell(folder.path());
    pty.send("wait\r");
    pty.wait_for("waiting", WITHIN);
    pty.send("\x03");
    pty.wait_for("^C\ninterrupted\nann@lab>", WITHIN);
}

#[test]
fn history_is_kept_for_each_mode_and_holds_no_secret() {
    let folder = folder();
    let mut pty = shell(folder.path());
    pty.send("secret\r");
    pty.wait_for("(<secret>):", WITHIN);
    pty.send("s3cr3t");
    pty.wait_for_last_row("(<secret>): ******", WITHIN);
    pty.send("\r");
    pty.wait_for("6 characters", WITHIN);
    pty.send("show one\r");
    pty.wait_for("shown one", WITHIN);
    pty.send("hide s3cr3t\rconfigure\r");
    pty.wait_for_last_row("ann@lab%", WITHIN);
    pty.send("show two\r");
    pty.wait_for("shown two", WITHIN);
    pty.send("exit\r");
    pty.wait_for_last_row("ann@lab>", WITHIN);
    pty.send("\x04");
    pty.wait_for("left with 0", WITHIN);
    let read = |mode: &str| std::fs::read_to_string(folder.path().join("state").join(mode)).expect("no history");
    assert_eq!(read("history-operational"), "#V2\nsecret\nshow one\nconfigure\n");
    assert_eq!(read("history-configuration"), "#V2\nshow two\nexit\n");
    let mut again = shell(folder.path());
    again.send("\x1b[A\x1b[A");
    again.wait_for_last_row("ann@lab> show one", WITHIN);
}

#[test]
fn a_paste_of_several_lines_stops_at_the_first_that_fails() {
    let folder = folder();
    let mut pty = shell(folder.path());
    pty.send("\x1b[200~show one\rbogus\rshow never\r\x1b[201~\r");
    let screen = pty.wait_for("(1 more pasted lines were not run)", WITHIN);
    assert!(screen.contains("shown one") && !screen.contains("shown never"), "{screen}");
}

#[test]
fn a_notice_goes_above_the_line_being_typed() {
    let folder = folder();
    let mut pty = shell(folder.path());
    pty.send("later\rshow wh");
    pty.wait_for("a notice\n", WITHIN);
    pty.send("ole\r");
    pty.wait_for("shown whole", WITHIN);
}

#[test]
fn output_stops_at_each_full_screen() {
    let folder = folder();
    let mut pty = shell(folder.path());
    pty.send("rows\r");
    let screen = pty.wait_for_last_row("--More--", WITHIN);
    assert!(screen.contains("row 23") && !screen.contains("row 24"), "{screen}");
    pty.send("\r");
    pty.wait_for("row 24\n--More--", WITHIN);
    pty.send(" ");
    pty.wait_for("row 47\n--More--", WITHIN);
    pty.send("q");
    let screen = pty.wait_for_last_row("ann@lab>", WITHIN);
    assert!(!screen.contains("row 48") && !screen.contains("--More--"), "{screen}");
    pty.resize(60, 10);
    pty.send("size\r");
    pty.wait_for("Some((60, 10))", WITHIN);
}

#[test]
fn a_daemon_that_stops_ends_the_prompt_and_frees_the_terminal() {
    let folder = folder();
    let mut pty = shell(folder.path());
    pty.send("stop\r");
    pty.wait_for("error: the shell session ended: the element is stopping", WITHIN);
    pty.wait_for("left with 1", WITHIN);
    let (status, _) = pty.finish();
    assert!(status.success());
}
