//! Shell sessions as text: what is typed, and the screen that must come of it.
//!
//! A line that begins with a prompt is typed; what follows up to the next one is the screen. `…?` asks for help and
//! `…<TAB>` for completion. `## script` types the next line from a script instead of a terminal, `## eve COMMANDS` has
//! somebody else run commands parted by `;;`, none of which may fail; `## eve sees COMMANDS` shows her screen. Other lines that begin with `##` are remarks. Times and sealed secrets
//! are not compared. `## screen N` makes the screen N columns wide. An answer stands behind its question; a masked one is always `hunter2`.

use crate::harness;
use annunciator::clock::Clock;
use annunciator::management::Management;
use annunciator::persist;
use annunciator::shell::engine::{Engine, EngineSession};
use annunciator::shell::{AskKind, Candidates, Hello, Interpreter, Status, Terminal, TerminalError};
use regex::Regex;
use std::collections::HashMap;
use std::path::Path;

/// An element in a folder of its own.
struct Element {
    management: Management,
    _folder: tempfile::TempDir,
}

impl Element {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let element = harness::parts::Element::start(folder.path(), &Clock::system());
        Self { management: element.management, _folder: folder }
    }

    fn session(&self, user: &str) -> Engine {
        let session = EngineSession {
            user: user.to_owned(),
            node: "lab".to_owned(),
            via: "console".to_owned(),
            ..EngineSession::default()
        };
        Engine::new(self.management.clone(), session).unwrap()
    }
}

/// A terminal that remembers its screen and takes answers from what the transcript expects.
#[derive(Default)]
struct Screen {
    is_terminal: bool,
    columns: u16,
    text: String,
    /// What the transcript expects from here on.
    expected: String,
    files: HashMap<String, String>,
}

impl Screen {
    /// Puts a whole line on the screen.
    fn show(&mut self, parts: &[&str]) {
        self.text.extend(parts.iter().copied().chain(["\n"]));
    }
}

impl Terminal for Screen {
    fn hello(&self) -> Hello {
        let size = Some((self.columns, 24)).filter(|(columns, _)| *columns > 0);
        Hello { is_terminal: self.is_terminal, size, via: "console".to_owned(), ..Hello::default() }
    }

    fn write(&mut self, text: &str) -> Result<(), TerminalError> {
        self.text.push_str(text);
        Ok(())
    }

    fn write_error(&mut self, text: &str) -> Result<(), TerminalError> {
        if !self.is_terminal {
            self.text.push_str("(stderr) ");
        }
        self.write(text)
    }

    fn ask(&mut self, kind: AskKind, prompt: &str) -> Result<String, TerminalError> {
        if !self.is_terminal {
            return Err(TerminalError::NotInteractive);
        }
        let answer = self.expected.lines().find_map(|line| line.strip_prefix(prompt)).unwrap_or("").to_owned();
        self.show(&[prompt, &answer]);
        Ok(if kind == AskKind::Secret { "hunter2".to_owned() } else { answer })
    }

    fn read_file(&mut self, path: &str, _bytes_max: usize) -> Result<String, String> {
        self.files.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn write_file(&mut self, path: &str, content: &str) -> Result<(), String> {
        self.files.insert(path.to_owned(), content.to_owned());
        Ok(())
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}

fn listing(found: &Candidates) -> String {
    let mut lines = Vec::new();
    lines.extend(found.fault.clone());
    if !found.list.is_empty() {
        lines.push("Possible completions:".to_owned());
        let width = found.list.iter().map(|c| c.display.chars().count()).max().unwrap_or(0);
        lines.extend(found.list.iter().map(|c| format!("  {:<width$} - {}", c.display, c.help)));
        if found.more > 0 {
            lines.push(format!("  … and {} more", found.more));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Types a transcript's lines and returns the whole session as it went.
fn replay(transcript: &str) -> String {
    let element = Element::start();
    let mut engine = element.session("admin");
    let mut screen = Screen { is_terminal: true, ..Screen::default() };
    let mut is_script = false;
    let mut rest = transcript;
    while let Some(line) = rest.lines().next() {
        rest = rest.get(line.len() + 1..).unwrap_or("");
        if let Some(remark) = line.strip_prefix("##") {
            screen.show(&[line]);
            is_script = remark.trim() == "script";
            if let Some(columns) = remark.trim().strip_prefix("screen ") {
                screen.columns = columns.parse().unwrap();
            }
            if let Some(commands) = remark.trim().strip_prefix("eve ").filter(|rest| !rest.starts_with("sees ")) {
                let mut other = element.session("eve");
                let mut nobody = Screen::default();
                for command in commands.split(";;") {
                    assert_eq!(other.line(command.trim(), &mut nobody), Status::Done, "{command}: {}", nobody.text);
                }
            }
            if let Some(commands) = remark.trim().strip_prefix("eve sees ") {
                let mut other = element.session("eve");
                let mut hers = Screen { is_terminal: true, ..Screen::default() };
                for command in commands.split(";;") {
                    other.line(command.trim(), &mut hers);
                }
                hers.text.lines().for_each(|line| screen.show(&["eve| ", line]));
            }
            continue;
        }
        let Some(typed) = line.strip_prefix("admin@lab> ").or_else(|| line.strip_prefix("admin@lab% ")) else {
            continue;
        };
        let prompt = engine.prompt();
        if !prompt.banner.is_empty() {
            screen.show(&[&prompt.banner]);
        }
        screen.show(&[&prompt.text, typed]);
        rest.clone_into(&mut screen.expected);
        screen.is_terminal = !std::mem::take(&mut is_script);
        if let Some(before) = typed.strip_suffix('?') {
            let found = engine.help(before, before.len());
            screen.text.push_str(&listing(&found));
        } else if let Some(before) = typed.strip_suffix("<TAB>") {
            let found = engine.complete(before, before.len());
            screen.text.push_str(&listing(&found));
        } else {
            engine.line(typed, &mut screen);
        }
    }
    let times = Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").unwrap();
    let short = Regex::new(r"(\d\d-\d\d )?\d\d:\d\d:\d\d").unwrap();
    let sealed = Regex::new(r"\$9\$[A-Za-z0-9+/=]{8,}").unwrap();
    let utc = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z").unwrap();
    let text = times.replace_all(&screen.text, "TIME");
    let text = utc.replace_all(&text, "UTC");
    let text = short.replace_all(&text, "SHORT");
    sealed.replace_all(&text, "$$9$$SEALED").into_owned()
}

/// Pieces of lines: words of every kind, and what ends or begins something.
const PIECES: &[&str] = &[
    "show",
    "configuration",
    "set",
    "delete",
    "edit",
    "top",
    "up",
    "run",
    "commit",
    "rollback",
    "exit",
    "no-confirm",
    "load",
    "merge",
    "help",
    "revert",
    "|",
    "match",
    "compare",
    "display",
    "json",
    "count",
    "last",
    "9",
    "(",
    "{",
    "}",
    "[",
    "]",
    ";",
    "\"",
    "'",
    "\\",
    "#",
    "!",
    "facilities",
    "http",
    "client",
    "a",
    "\"b c\"",
    "scheme",
    "https",
    "http-basic-authn",
    "password",
    "hunter2",
    "environments",
    "environment",
    "alarms",
    "alarm-handlers",
    "alarm-handler",
    "wh1",
    "delivery",
    "retry-intervals",
    "é",
    "\u{1b}[2J",
    "\t",
    "system",
    "http-server",
    "port",
    "70000",
    "configure",
    "cli",
    "screen-width",
    "request",
    "raise",
    "clear",
    "severity",
    "major",
    "resource",
    "resource-type",
    "alarm-type",
    "text",
    "all",
    "detail",
    "dead-beef",
    "handlers",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn no_line_and_no_place_in_one_panics(
        lines in proptest::collection::vec(proptest::collection::vec(0..PIECES.len(), 1..9), 1..12),
    ) {
        let element = Element::start();
        let mut engine = element.session("admin");
        let mut screen = Screen { is_terminal: true, expected: "Discard changes and continue? [yes,no] yes".to_owned(), ..Screen::default() };
        engine.line("configure", &mut screen);
        for pieces in lines {
            let line = pieces.iter().filter_map(|at| PIECES.get(*at).copied()).collect::<Vec<_>>().join(" ");
            for position in 0..=line.len() + 1 {
                engine.complete(&line, position);
                engine.help(&line, position);
            }
            engine.line(&line, &mut screen);
            proptest::prop_assert!(!screen.text.contains('\u{1b}'), "{}", line);
        }
    }
}

#[test]
fn every_transcript_goes_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut differing = Vec::new();
    for path in paths {
        let expected = std::fs::read_to_string(&path).unwrap();
        let got = replay(&expected);
        if got != expected {
            let went = Path::new(env!("CARGO_TARGET_TMPDIR")).join(path.file_name().unwrap());
            persist::write_atomically(&went, got.as_bytes(), 0o644).unwrap();
            differing.push(format!("diff {} {}", path.display(), went.display()));
        }
    }
    assert!(differing.is_empty(), "these went otherwise:\n{}", differing.join("\n"));
}
