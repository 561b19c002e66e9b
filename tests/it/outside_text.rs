//! What comes from outside on its way to the people at a terminal, a file or a page: nothing of it acts there.

use crate::harness::WITHIN;
use crate::harness::element::{Element, Home};
use crate::harness::process::ANNUNCIATOR;
use crate::harness::pty::Pty;
use std::io::{Read, Write};
use std::net::TcpStream;

const CONFIGURATION: (&str, &str) = ("a.set", "set environments environment node-id lab\n");

/// Steers a terminal (ESC, BEL, C1) and turns the text around (U+202E, U+2066, U+200F).
const HOSTILE: &str = "A\u{1b}[31mB\u{7}C\u{9b}2JD\u{202e}E\u{2066}F\u{200f}G";

/// The same as people see it.
const SHOWN: &str = "A\u{fffd}[31mB\u{fffd}C\u{fffd}2JD\u{fffd}E\u{fffd}F\u{fffd}G";

/// Sends a request and returns the whole answer.
fn exchange(element: &Element, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(element.http()).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn raise_hostile(element: &Element) {
    let alert = serde_json::json!([{
        "labels": {"alertname": HOSTILE, "instance": "db1", "severity": " Critical "},
        "annotations": {"summary": HOSTILE},
    }]);
    let answer = exchange(element, "POST", "/api/v2/alerts", &alert.to_string());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Returns what the only alarm of a list says under a name.
fn only(told: &str, name: &str) -> String {
    let list: serde_json::Value = serde_json::from_str(told).unwrap();
    let alarm = list.pointer("/annunciator-alarms:alarms/alarm-list/alarm/0").unwrap();
    alarm.get(name).and_then(|value| value.as_str()).unwrap().to_owned()
}

fn acts(text: &str) -> bool {
    text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200f}'])
}

#[test]
fn commands_whose_output_is_a_terminal_show_nothing_that_acts_on_it() {
    let home = Home::with(&[CONFIGURATION]);
    let element = home.start(&["--config", "a.set"]);
    raise_hostile(&element);
    for command in ["show alarms", "show alarms detail", "show alarms | display json"] {
        let mut pty = Pty::start(ANNUNCIATOR, &["shell", "-c", command], home.path());
        let mut written = String::new();
        while !written.contains("db1") {
            written.push_str(&pty.written());
        }
        let (status, _) = pty.finish();
        assert!(status.success() && !acts(&written), "{command}: {written:?}");
    }
    // What goes into a file is what there is.
    let told = home.told(&["show alarms | display json"]);
    assert_eq!((only(&told, "alarm-text").as_str(), only(&told, "perceived-severity").as_str()), (HOSTILE, "critical"));
}

#[test]
fn a_person_at_the_shell_is_shown_alarms_as_they_come_and_nothing_that_acts_on_the_terminal() {
    let home = Home::with(&[CONFIGURATION]);
    let element = home.start(&["--config", "a.set"]);
    let mut pty = Pty::start("env", &["TERM=xterm", ANNUNCIATOR, "shell"], home.path());
    pty.wait_for("lab> ", WITHIN);
    raise_hostile(&element);
    pty.wait_for("*** ALARM critical", WITHIN);
    let written = pty.written();
    assert!(written.contains(&format!("*** ALARM critical {SHOWN} external db1: {SHOWN}")), "{written:?}");
    pty.send("set cli screen-width 0\r");
    pty.wait_for("[ok]", WITHIN);
    pty.written();
    pty.send("show alarms | no-more\r");
    let mut written = String::new();
    while !written.contains("[ok]") {
        written.push_str(&pty.written());
    }
    assert_eq!(written.matches(SHOWN).count(), 2, "{written:?}");
    // The colours are the element's own.
    assert!(written.contains("\u{1b}[31mcritical"), "{written:?}");
    drop(pty);
    let told = home.told(&["show alarms | display json"]);
    let page = exchange(&element, "GET", &format!("/alarms/{}", only(&told, "alarm-id")), "");
    assert!(page.contains(&format!("<h1>{SHOWN}</h1>")) && !acts(&page), "{page}");
}

#[test]
fn a_shell_on_the_element_itself_ends_as_the_shell_does() {
    let home = Home::with(&[CONFIGURATION]);
    let run = ["run", "--shell", "--http-listen", "127.0.0.1:0", "--config", "a.set"];
    let said = home.annunciator(&run, "show alarms\nbogus\nshow cli\n");
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    assert!(said.stderr.contains("standard input:2: "), "{}", said.stderr);
    assert_eq!(home.annunciator(&run, "show alarms\n").code, Some(0));
}

#[test]
fn handlers_that_are_told_of_nothing_are_shown_too_and_where_each_delivers_to() {
    let home = Home::with(&[CONFIGURATION]);
    let _element = home.start(&["--config", "a.set"]);
    let handler = "set environments environment alarms alarm-handlers alarm-handler";
    let service = "webhook-notifier web-service hostname 127.0.0.1 port 9 http-client c1 context";
    home.commit(&[
        "set facilities http client c1 scheme http",
        &format!("{handler} on {service} /in/alarms"),
        &format!("{handler} off {service} \"/quiet?token=t0ken\""),
        &format!("{handler} off enabled false"),
    ]);
    let told = home.told(&["show handlers | display json"]);
    let handlers: serde_json::Value = serde_json::from_str(&told).unwrap();
    let shown = |number: usize, name: &str| {
        handlers.pointer(&format!("/{number}/{name}")).and_then(|v| v.as_str()).unwrap().to_owned()
    };
    assert_eq!((shown(0, "name"), shown(0, "state")), ("off".to_owned(), "disabled".to_owned()));
    assert_eq!(shown(0, "destination"), "http://127.0.0.1:9/quiet?…");
    assert_eq!((shown(1, "name"), shown(1, "state")), ("on".to_owned(), "idle".to_owned()));
    assert_eq!(shown(1, "destination"), "http://127.0.0.1:9/in/alarms");
    let status = home.told(&["show system status"]);
    assert_eq!(
        status,
        "Node      lab\nRevision  2\nAlarms    0 standing, 0 cleared\nHandlers  1 disabled, 1 well\nReports   taken\n"
    );
}
