//! `annunciator demo`: the element at work in a temporary folder, its commands typed through the real shell engine.

use super::run::{runtime, shell_on};
use super::{Running, Signals, StartOptions, Stopped, Voice, start};
use crate::clock::Clock;
use crate::diagnostic::printable;
use crate::receive::{Event, Receiver, ReceiverOptions};
use crate::shell::engine::{Engine, EngineSession};
use crate::shell::server::NoticeSwitch;
use crate::shell::{AskKind, Hello, Interpreter, Status, Terminal, TerminalError, client};
use crate::task::Scope;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// A step of the tour: what to say, what to type, how it must end, and what must arrive at both receivers then.
struct Step {
    says: &'static str,
    types: &'static [&'static str],
    ends: Status,
    arrives: Option<&'static str>,
}

/// Returns the configuration of the element, for a webhook to a receiver on this port.
fn configuration(nested: u16) -> String {
    format!(
        "\
environments:
  environment:
    name: demo
    node-id: demo
    alarms:
      alarm-handlers:
        alarm-handler:
          - id: wh1
            webhook-notifier:
              web-service:
                hostname: 127.0.0.1
                port: {nested}
                context: /postme
                http-client: loopback
              message-format: nested
facilities:
  http:
    client:
      - id: loopback
        scheme: http
"
    )
}

/// What stands for the port of the second receiver in the tour's commands.
const FLAT_PORT: &str = "FLAT-PORT";

const TOUR: &[Step] = &[
    Step {
        says: "The element has started from a YAML file. This is what it was told about one webhook.",
        types: &["show configuration environments environment alarms alarm-handlers alarm-handler wh1"],
        ends: Status::Done,
        arrives: None,
    },
    Step {
        says: "Changes are made on a private copy of the configuration, and nothing is in force before a commit.",
        types: &[
            "configure",
            "set facilities http client internal scheme http http-basic-authn username annunciator password s3cret",
            "edit environments environment alarms alarm-handlers alarm-handler wh2",
            "set webhook-notifier message-format flat web-service hostname 127.0.0.1 http-client internl",
            "top",
            "show | compare",
        ],
        ends: Status::Done,
        arrives: None,
    },
    Step {
        says: "Two things are wrong with it. The commit is refused as a whole, and says where and why.",
        types: &["commit"],
        ends: Status::Failed,
        arrives: None,
    },
    Step {
        says: "Both are put right; now it holds. It is on the disk before it is in force.",
        types: &[
            "set environments environment alarms alarm-handlers alarm-handler wh2 webhook-notifier web-service port FLAT-PORT http-client internal",
            "commit check",
            "commit comment \"a second webhook\"",
        ],
        ends: Status::Done,
        arrives: None,
    },
    Step {
        says: "The password is encrypted at rest and in every output; what is shown can be loaded again.",
        types: &["show facilities http client internal | display set"],
        ends: Status::Done,
        arrives: None,
    },
    Step {
        says: "Every commit is a revision, and can be taken back.",
        types: &[
            "set environments environment name mistake",
            "commit",
            "run show system commit",
            "rollback 1",
            "show | compare",
            "commit comment \"the name as it was\"",
            "exit",
        ],
        ends: Status::Done,
        arrives: None,
    },
    Step {
        says: "An alarm: a client cannot connect. Its raise is on the disk before the command answers.",
        types: &[
            "request alarms raise resource-type http-client resource internal alarm-type failed-connection severity major text \"the client has failed to connect\"",
        ],
        ends: Status::Done,
        arrives: Some("raised"),
    },
    Step {
        says: "It gets worse. Said again it changes nothing, and what changes nothing is not announced.",
        types: &[
            "request alarms raise resource-type http-client resource internal alarm-type failed-connection severity critical",
            "request alarms raise resource-type http-client resource internal alarm-type failed-connection severity critical",
            "show alarms",
        ],
        ends: Status::Done,
        arrives: Some("changed"),
    },
    Step {
        says: "It is over. A clear keeps the severity, so that receivers know what it is that ended.",
        types: &["request alarms clear resource-type http-client resource internal alarm-type failed-connection"],
        ends: Status::Done,
        arrives: Some("cleared"),
    },
    Step {
        says: "Both receivers were told of each change, in order. This is how the handlers fare.",
        types: &["show handlers", "show alarms all"],
        ends: Status::Done,
        arrives: None,
    },
];

/// How long a key takes on a terminal: the tour is typed as people type who know what they want.
const KEY: Duration = Duration::from_millis(6);

/// How long a remark stands alone on a terminal: as long as it takes to read a few words.
const REMARK: Duration = Duration::from_millis(500);

/// How long a notification may take to a receiver in the same process.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// Shows the tour, on a terminal at a pace that can be followed; `stay` then opens a shell on the element until it is left. Exit code 0 only if all went as told and
/// every notification arrived.
///
/// # Errors
/// When the element could not start.
pub fn demo(stay: Option<client::Options>, is_terminal: bool, colour: bool) -> Result<u8, Stopped> {
    let folder = Folder::create()?;
    let runtime = runtime()?;
    let code = runtime.block_on(async {
        let (clock, scope) = (Clock::system(), Scope::new());
        // Ctrl-C ends the tour, and its folder is removed all the same.
        let mut signals = Signals::catch()?;
        let mut receivers = [receiver(&clock, &scope).await?, receiver(&clock, &scope).await?];
        let ports = [receivers[0].0.port(), receivers[1].0.port()];
        let file = folder.path().join("demo.yaml");
        crate::persist::write_atomically(&file, configuration(ports[0]).as_bytes(), 0o600)
            .map_err(|e| Stopped::failed("write the demo's configuration", e))?;
        let options = StartOptions {
            config: vec![file],
            config_override: false,
            data_dir: folder.path().join("data"),
            socket: folder.path().join("data").join(super::SOCKET_NAME),
            schema_dirs: Vec::new(),
            http_listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            new_key: false,
            voice: Voice::Person,
            crash_at: None,
        };
        let running = start(&options, Some(&signals)).await?;
        let pace = is_terminal.then(|| (clock.clone(), signals.clone()));
        let size = if is_terminal { crate::shell::client::terminal_size() } else { None };
        let mut screen = Screen { colour, size: size.unwrap_or(SIZE), pace, failed: false, ends_blank: true };
        screen.say(&running.ready_line(&options));
        let went_well = tokio::task::block_in_place(|| tour(&running, &clock, &mut receivers, &mut screen));
        if let (true, Some(shell)) = (went_well, stay) {
            screen.say("The shell is yours: `?` helps, Tab completes, `exit` ends the demo.");
            if let Some(address) = running.http.local_addr() {
                let alert = format!("amtool --alertmanager.url=http://{address} alert add DiskFull instance=db1");
                screen.say(&format!("In another terminal, an alarm from outside: {alert}"));
            }
            tokio::select! {
                _ = shell_on(&running, shell)? => {}
                _ = signals.wait() => {}
            }
        }
        scope.stop();
        if let Err(late) = running.drain(Duration::from_secs(5)).await {
            return Err(Stopped::failed("stop in time", format!("still running: {}", late.join(", "))));
        }
        Ok(u8::from(!went_well || screen.failed))
    });
    runtime.shutdown_background();
    code
}

/// Where a receiver listens, and what it is told.
type Receiving = (SocketAddr, mpsc::Receiver<Event>);

async fn receiver(clock: &Clock, scope: &Scope) -> Result<Receiving, Stopped> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = ReceiverOptions { listen, credentials: None, secrets: Vec::new(), fail_every: None };
    let (receiver, events) = Receiver::bind(options, clock).await.map_err(|e| Stopped::failed("open a receiver", e))?;
    let address = receiver.local_addr();
    scope.spawn("receiver", receiver.serve(scope.clone()));
    Ok((address, events))
}

/// Types the tour's commands; returns whether each ended as it must, and all that must arrive arrived.
fn tour(running: &Running, clock: &Clock, receivers: &mut [Receiving], screen: &mut Screen) -> bool {
    let session = EngineSession {
        user: "operator".to_owned(),
        node: running.node.clone(),
        via: "demo".to_owned(),
        notices: NoticeSwitch::default(),
        session: None,
    };
    let mut engine = match Engine::new(running.management.clone(), session) {
        Ok(engine) => engine,
        Err(exhausted) => {
            screen.say(&exhausted.to_string());
            return false;
        }
    };
    let flat_port = receivers.get(1).map_or(0, |(address, _)| address.port()).to_string();
    for step in TOUR {
        screen.say(step.says);
        for line in step.types {
            let line = line.replace(FLAT_PORT, &flat_port);
            let prompt = engine.prompt();
            screen.typed(&prompt.banner, &prompt.text, &line);
            if screen.failed {
                return false;
            }
            let ended = engine.line(&line, screen);
            if ended != step.ends {
                let expected = step.ends;
                screen.say(&format!("The demo ends here: `{line}` ended as {ended:?}, and {expected:?} was expected."));
                return false;
            }
        }
        if let Some(verdict) = step.arrives
            && !arrived(verdict, clock, receivers, screen)
        {
            return false;
        }
    }
    true
}

/// Waits for one notification at each receiver and shows its payload.
fn arrived(expected: &str, clock: &Clock, receivers: &mut [Receiving], screen: &mut Screen) -> bool {
    for (address, events) in receivers {
        let next = async {
            tokio::select! {
                event = events.recv() => event,
                () = clock.sleep(ARRIVES_WITHIN) => None,
            }
        };
        match Handle::current().block_on(next) {
            Some(Event::Taken(taken)) if taken.verdict.as_str() == expected => {
                let delivery = taken.delivery.as_deref().unwrap_or("none");
                screen.say(&format!("At the receiver on {address}: {expected}, webhook-id {delivery}"));
                let body: serde_json::Value = serde_json::from_slice(&taken.body).unwrap_or_default();
                screen.print(&printable(&format!("{body:#}\n"))).ok();
            }
            Some(other) => {
                screen.say(&format!(
                    "The demo ends here: `{expected}` was expected at {address}, and this came: {other}"
                ));
                return false;
            }
            None => {
                screen.say(&format!("The demo ends here: nothing arrived at {address} in time."));
                return false;
            }
        }
    }
    true
}

/// Columns and rows of what is no terminal.
const SIZE: (u16, u16) = (120, 40);

/// Standard output as a terminal of the engine.
struct Screen {
    colour: bool,
    /// Columns and rows.
    size: (u16, u16),
    /// On a terminal: what makes time pass, and what cuts it short.
    pace: Option<(Clock, Signals)>,
    failed: bool,
    /// Whether the last line is empty: another one would be a gap too many.
    ends_blank: bool,
}

impl Screen {
    fn print(&mut self, text: &str) -> Result<(), TerminalError> {
        if text.is_empty() {
            return Ok(());
        }
        let text = if self.ends_blank { text.strip_prefix('\n').unwrap_or(text) } else { text };
        self.ends_blank = text.ends_with("\n\n") || (self.ends_blank && text == "\n");
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| {
            self.failed = true;
            TerminalError::Interrupted
        })
    }

    fn say(&mut self, text: &str) {
        if !text.is_empty() {
            let text =
                if self.colour { format!("\n\u{1b}[1m# {text}\u{1b}[0m\n\n") } else { format!("\n# {text}\n\n") };
            // A closed output is remembered in `failed` and ends the next command.
            self.print(&text).ok();
            self.pause(REMARK);
        }
    }

    fn typed(&mut self, banner: &str, prompt: &str, line: &str) {
        let banner = if banner.is_empty() { String::new() } else { format!("{banner}\n") };
        self.print(&format!("{banner}{prompt}")).ok();
        if self.pace.is_some() {
            for key in line.chars() {
                self.print(key.encode_utf8(&mut [0; 4])).ok();
                self.pause(KEY);
            }
        } else {
            self.print(line).ok();
        }
        self.print("\n").ok();
    }

    /// Lets time pass on a terminal, until somebody wants an end.
    fn pause(&mut self, time: Duration) {
        let Some((clock, signals)) = &mut self.pace else { return };
        let waiting = async {
            tokio::select! {
                () = clock.sleep(time) => false,
                _ = signals.wait() => true,
            }
        };
        let was_ended = tokio::task::block_in_place(|| Handle::current().block_on(waiting));
        self.failed |= was_ended;
    }
}

impl Terminal for Screen {
    fn hello(&self) -> Hello {
        let via = "demo".to_owned();
        Hello { is_terminal: true, size: Some(self.size), via, colour: self.colour, ..Hello::default() }
    }

    fn write(&mut self, text: &str) -> Result<(), TerminalError> {
        self.print(text)
    }

    fn ask(&mut self, _kind: AskKind, _prompt: &str) -> Result<String, TerminalError> {
        Err(TerminalError::NotInteractive)
    }

    fn read_file(&mut self, path: &str, _bytes_max: usize) -> Result<String, String> {
        Err(format!("the demo opens no files, and `{path}` neither"))
    }

    fn write_file(&mut self, path: &str, _content: &str) -> Result<(), String> {
        Err(format!("the demo writes no files, and `{path}` neither"))
    }

    fn is_interrupted(&self) -> bool {
        self.failed
    }
}

/// A temporary folder, removed with everything in it.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, Stopped> {
        let name = format!("annunciator-demo-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        crate::persist::create_private_folder(&path).map_err(|e| Stopped::failed("create a temporary folder", e))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(self.path()) {
            tracing::warn!(%error, folder = %self.path().display(), "the demo's folder was not removed");
        }
    }
}
