//! `annunciator demo`: the element at work in a temporary folder, its commands typed through the real shell engine.

use super::run::{runtime, shell_on};
use super::{Running, StartOptions, Stopped, start};
use crate::shell::engine::{Engine, EngineSession};
use crate::shell::server::NoticeSwitch;
use crate::shell::{AskKind, Hello, Interpreter, Status, Terminal, TerminalError, client};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A step of the tour: what to say, what to type, and how it must end.
struct Step {
    says: &'static str,
    types: &'static [&'static str],
    ends: Status,
}

const CONFIGURATION: &str = "\
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

const TOUR: &[Step] = &[
    Step {
        says: "The element has started from a YAML file. This is what it was told about one webhook.",
        types: &["show configuration environments environment alarms alarm-handlers alarm-handler wh1"],
        ends: Status::Done,
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
    },
    Step {
        says: "Two things are wrong with it. The commit is refused as a whole, and says where and why.",
        types: &["commit"],
        ends: Status::Failed,
    },
    Step {
        says: "Both are put right; now it holds. It is on the disk before it is in force.",
        types: &[
            "set environments environment alarms alarm-handlers alarm-handler wh2 webhook-notifier web-service port 8080 http-client internal",
            "commit check",
            "commit comment \"a second webhook\"",
        ],
        ends: Status::Done,
    },
    Step {
        says: "The password is encrypted at rest and in every output; what is shown can be loaded again.",
        types: &["show facilities http client internal | display set"],
        ends: Status::Done,
    },
    Step {
        says: "Every commit is a revision, and can be taken back.",
        types: &["run show system commit", "rollback 1", "show | compare", "commit comment \"back to one webhook\""],
        ends: Status::Done,
    },
    Step { says: "", types: &["exit"], ends: Status::Done },
];

/// Shows the tour; `stay` then opens a shell on the element until it is left. Exit code 0 only if all went as told.
///
/// # Errors
/// When the element could not start.
pub fn demo(stay: Option<client::Options>, colour: bool) -> Result<u8, Stopped> {
    let folder = Folder::create()?;
    let file = folder.0.join("demo.yaml");
    crate::persist::write_atomically(&file, CONFIGURATION.as_bytes(), 0o600)
        .map_err(|e| Stopped::failed("write the demo's configuration", e))?;
    let options = StartOptions {
        config: vec![file],
        config_override: false,
        data_dir: folder.0.join("data"),
        socket: folder.0.join("data").join(super::SOCKET_NAME),
        http_listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        crash_at: None,
    };
    let runtime = runtime()?;
    let code = runtime.block_on(async {
        let running = start(&options).await?;
        let mut screen = Screen { colour, failed: false };
        screen.say(&running.ready_line(&options));
        let went_well = tokio::task::block_in_place(|| tour(&running, &mut screen));
        if let (true, Some(shell)) = (went_well, stay) {
            screen.say("The shell is yours: `?` helps, Tab completes, `exit` ends the demo.");
            shell_on(&running, shell)?.await;
        }
        if let Err(late) = running.drain(Duration::from_secs(5)).await {
            return Err(Stopped::failed("stop in time", format!("still running: {}", late.join(", "))));
        }
        Ok(u8::from(!went_well || screen.failed))
    });
    runtime.shutdown_background();
    code
}

/// Types the tour's commands; returns whether each ended as it must.
fn tour(running: &Running, screen: &mut Screen) -> bool {
    let session = EngineSession {
        user: "operator".to_owned(),
        node: running.node.clone(),
        via: "demo".to_owned(),
        notices: NoticeSwitch::default(),
    };
    let mut engine = match Engine::new(running.management.clone(), session) {
        Ok(engine) => engine,
        Err(exhausted) => {
            screen.say(&exhausted.to_string());
            return false;
        }
    };
    for step in TOUR {
        screen.say(step.says);
        for line in step.types {
            let prompt = engine.prompt();
            screen.typed(&prompt.banner, &prompt.text, line);
            let ended = engine.line(line, screen);
            if ended != step.ends {
                screen.say(&format!(
                    "The demo ends here: `{line}` ended as {ended:?}, and {:?} was expected.",
                    step.ends
                ));
                return false;
            }
        }
    }
    true
}

/// Standard output as a terminal of the engine.
struct Screen {
    colour: bool,
    failed: bool,
}

impl Screen {
    fn print(&mut self, text: &str) -> Result<(), TerminalError> {
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
        }
    }

    fn typed(&mut self, banner: &str, prompt: &str, line: &str) {
        let banner = if banner.is_empty() { String::new() } else { format!("{banner}\n") };
        self.print(&format!("{banner}{prompt}{line}\n")).ok();
    }
}

impl Terminal for Screen {
    fn hello(&self) -> Hello {
        let via = "demo".to_owned();
        Hello { is_terminal: true, size: Some((120, 40)), via, colour: self.colour, ..Hello::default() }
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
