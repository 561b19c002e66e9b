//! One session: a task that reads and writes its socket, and a thread on which its interpreter runs.

use super::greeting::{GREETINGS_MAX, Greeting};
use super::notices::{Listener, NoticeSwitch};
use super::terminal::RemoteTerminal;
use super::wire::{Fault, Reply, STOPPING, Wire};
use super::{SessionStart, Sessions, Slot};
use crate::shell::protocol::{self, FrameError, FrameReader, FromClient, FromDaemon};
use crate::shell::{Candidates, Hello, Interpreter, OTHER_VIA, Status, VIAS};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

/// How long a connection may take to say hello: it is one message over a local socket, sent at once.
const HELLO_WITHIN: Duration = Duration::from_secs(3);

/// How long the last words may take to be read: a client that is stopped must not hold up the drain.
const FAREWELL_WITHIN: Duration = Duration::from_millis(500);

/// How long the line under way may take once the element drains: a commit of any size is done in a second, and half
/// of the drain's time is left for everything else.
const LINE_WITHIN: Duration = Duration::from_secs(10);

/// Questions and lines waiting for the interpreter: a person asks one at a time, so more is a client gone wrong.
const WORK_MAX: usize = 16;

/// What the interpreter's thread is to do next.
#[derive(Debug)]
enum Work {
    Line { id: u64, text: String },
    Complete { id: u64, line: String, position: usize },
    Help { id: u64, line: String, position: usize },
}

/// Why a session ends.
enum Ending {
    /// Nobody is there to be told.
    Gone,
    /// The interpreter has ended it and all was said.
    Said,
    /// The client is told why.
    Told(String),
}

/// Writes messages, keeping its place when it is given up in the middle of one.
struct Writer {
    stream: OwnedWriteHalf,
    frame: Vec<u8>,
    written: usize,
}

impl Writer {
    /// Writes what comes until the session is closed and all is written.
    async fn run(&mut self, wire: &Wire) -> std::io::Result<()> {
        loop {
            while let Some(rest) = self.frame.get(self.written..).filter(|rest| !rest.is_empty()) {
                let written = self.stream.write(rest).await?;
                if written == 0 {
                    return Err(std::io::ErrorKind::WriteZero.into());
                }
                self.written += written;
            }
            let Some(message) = wire.next().await else { return Ok(()) };
            self.written = 0;
            self.frame = encode(message);
        }
    }
}

/// Encodes a message; candidates too long for a frame are left out rather than the answer.
fn encode(message: FromDaemon) -> Vec<u8> {
    let reason = match protocol::encode(&message) {
        Ok(frame) => return frame,
        Err(error) => error.to_string(),
    };
    let instead = match message {
        FromDaemon::Candidates { id, candidates } => {
            let more = candidates.list.len() + candidates.more;
            FromDaemon::Candidates {
                id,
                candidates: Candidates { start: candidates.start, more, ..Candidates::default() },
            }
        }
        _ => FromDaemon::Notice { text: format!("a message was left out: {reason}") },
    };
    protocol::encode(&instead).unwrap_or_default()
}

/// Serves one connection to its end.
pub(super) async fn serve(sessions: Sessions, stream: UnixStream, greeting: Greeting) {
    let uid = match stream.peer_cred() {
        Ok(credentials) => credentials.uid(),
        Err(error) => {
            tracing::warn!(%error, "a shell connection without credentials is closed");
            return;
        }
    };
    let (read, write) = stream.into_split();
    let mut frames = FrameReader::new(read);
    let mut writer = Writer { stream: write, frame: Vec::new(), written: 0 };
    let (wire, ending) = match identify(&sessions, &mut frames, greeting).await {
        Ok((hello, slot)) => {
            let wire = Arc::new(Wire::new(hello.clone()));
            let ending = converse(&sessions, &wire, uid, hello, &mut frames, &mut writer, slot).await;
            (wire, ending)
        }
        Err(ending) => (Arc::default(), ending),
    };
    wire.hang_up();
    match ending {
        Ending::Gone | Ending::Said => wire.close(""),
        Ending::Told(reason) => {
            wire.close(reason);
            tokio::select! {
                _ = writer.run(&wire) => {}
                () = sessions.clock().sleep(FAREWELL_WITHIN) => {}
            }
        }
    }
}

/// Waits for the hello, and only then takes a session's place.
async fn identify(
    sessions: &Sessions,
    frames: &mut FrameReader<OwnedReadHalf>,
    mut greeting: Greeting,
) -> Result<(Hello, Slot), Ending> {
    let hello = tokio::select! {
        hello = greet(frames) => hello?,
        () = greeting.displaced() => {
            return Err(Ending::Told(format!(
                "{GREETINGS_MAX} newer connections wait to be greeted, and this one has not said hello"
            )));
        }
        () = sessions.clock().sleep(HELLO_WITHIN) => {
            return Err(Ending::Told(format!("no hello came within {} seconds", HELLO_WITHIN.as_secs())));
        }
        () = sessions.scope().stopped() => return Err(Ending::Told(STOPPING.to_owned())),
    };
    let in_use = |max| Ending::Told(format!("all {max} sessions are in use: leave one of them first"));
    sessions.slot().map(|slot| (hello, slot)).map_err(in_use)
}

/// Reads the hello and judges its version.
async fn greet(frames: &mut FrameReader<OwnedReadHalf>) -> Result<Hello, Ending> {
    let first = frames.next::<FromClient>().await;
    let version = match &first {
        Ok(Some(FromClient::Hello(hello))) => Some(hello.version),
        Ok(None) => return Err(Ending::Gone),
        _ => frames.claimed_version(),
    };
    match (first, version) {
        (_, Some(version)) if version != protocol::VERSION => Err(Ending::Told(format!(
            "this element speaks version {} of the shell protocol, the client version {version}: use the same release",
            protocol::VERSION
        ))),
        (Ok(Some(FromClient::Hello(hello))), _) => Ok(known(hello)),
        (Ok(_), _) => Err(Ending::Told("the first message was no hello".to_owned())),
        (Err(error), _) => Err(Ending::Told(error.to_string())),
    }
}

/// Takes no client's own word for how it came: that is kept with commits and shown to others.
fn known(hello: Hello) -> Hello {
    if VIAS.contains(&hello.via.as_str()) { hello } else { Hello { via: OTHER_VIA.to_owned(), ..hello } }
}

async fn converse(
    sessions: &Sessions,
    wire: &Arc<Wire>,
    uid: u32,
    hello: Hello,
    frames: &mut FrameReader<OwnedReadHalf>,
    writer: &mut Writer,
    slot: Slot,
) -> Ending {
    let notices = NoticeSwitch::default();
    let session = slot.session();
    let mut listener = hello.is_terminal.then(|| sessions.notices().listen(session));
    let (work, works) = mpsc::channel(WORK_MAX);
    let (inner, inner_wire, switch) = (sessions.clone(), Arc::clone(wire), notices.clone());
    let started = sessions.scope().spawn_thread(&format!("shell session {session}"), move || {
        let _slot = slot;
        let _closing = Closing(&inner_wire);
        let user = user_name(uid);
        let welcome = FromDaemon::Welcome {
            version: protocol::VERSION,
            session,
            node: inner.node().to_owned(),
            user: user.clone(),
        };
        let mut interpreter = inner.open(SessionStart { session, user, uid, hello, notices: switch });
        inner_wire.send(welcome);
        interpret(interpreter.as_mut(), &inner_wire, works);
    });
    if let Err(error) = started {
        return Ending::Told(format!("no further session can be started: {error}"));
    }
    let ending = tokio::select! {
        ending = listen(frames, wire, &work, listener.as_mut(), &notices) => ending,
        written = writer.run(wire) => if written.is_ok() { Ending::Said } else { Ending::Gone },
        () = stopping(sessions, wire) => Ending::Told(STOPPING.to_owned()),
    };
    // Before `work` goes, which ends the thread, whose own goodbye has no reason.
    if let Ending::Told(reason) = &ending {
        wire.hang_up();
        wire.close(reason);
    }
    ending
}

/// Waits for the drain, and for the line under way: what it did is told before the goodbye.
async fn stopping(sessions: &Sessions, wire: &Wire) {
    sessions.scope().stopped().await;
    tokio::select! {
        () = wire.drain() => {}
        () = sessions.clock().sleep(LINE_WITHIN) => {}
    }
}

/// Closes the session when the interpreter's thread ends, by a panic too.
struct Closing<'a>(&'a Wire);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close(if std::thread::panicking() { "the session met an internal fault" } else { "" });
    }
}

fn user_name(uid: u32) -> String {
    match nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

/// Runs lines and answers questions until the session's task goes away or a line closes the session.
fn interpret(interpreter: &mut dyn Interpreter, wire: &Wire, mut works: mpsc::Receiver<Work>) {
    wire.send(FromDaemon::Prompt(interpreter.prompt()));
    while let Some(work) = works.blocking_recv() {
        match work {
            // Whoever asked has gone on: nobody waits for an answer that the next message follows.
            Work::Complete { id, .. } | Work::Help { id, .. } if !works.is_empty() => {
                wire.send(FromDaemon::Candidates { id, candidates: Candidates::default() });
            }
            Work::Line { id, text } => {
                let status = interpreter.line(&text, &mut RemoteTerminal { wire, id });
                wire.finish([FromDaemon::Prompt(interpreter.prompt()), FromDaemon::Done { id, status }]);
                if status == Status::Closed {
                    return;
                }
            }
            Work::Complete { id, line, position } => {
                let candidates = interpreter.complete(&line, position);
                wire.send(FromDaemon::Candidates { id, candidates });
            }
            Work::Help { id, line, position } => {
                let candidates = interpreter.help(&line, position);
                wire.send(FromDaemon::Candidates { id, candidates });
            }
        }
    }
}

/// Reads the client's messages, and passes notices on, until one of them ends the session.
async fn listen(
    frames: &mut FrameReader<OwnedReadHalf>,
    wire: &Wire,
    work: &mpsc::Sender<Work>,
    mut listener: Option<&mut Listener>,
    notices: &NoticeSwitch,
) -> Ending {
    loop {
        let notice = async {
            match &mut listener {
                Some(listener) => listener.next().await,
                None => std::future::pending().await,
            }
        };
        let message = tokio::select! {
            message = frames.next::<FromClient>() => message,
            text = notice => {
                if notices.is_on() {
                    wire.offer(FromDaemon::Notice { text });
                }
                continue;
            }
        };
        let outcome = match message {
            Ok(Some(message)) => take(message, wire, work).await,
            Ok(None) | Err(FrameError::Io(_) | FrameError::Truncated) => return Ending::Gone,
            Err(error) => return Ending::Told(error.to_string()),
        };
        if let Err(fault) = outcome {
            return Ending::Told(fault.to_owned());
        }
    }
}

/// Does what one message says.
async fn take(message: FromClient, wire: &Wire, work: &mpsc::Sender<Work>) -> Result<(), Fault> {
    let next = match message {
        FromClient::Hello(_) => return Err("hello was said twice"),
        FromClient::Reply { ask, answer } => return wire.reply(ask, Reply::Answer(answer)),
        FromClient::FileData { ask, data, last } => return wire.file_data(ask, &data, last),
        FromClient::FileWritten { ask } => return wire.reply(ask, Reply::Written(Ok(()))),
        FromClient::FileFailed { ask, reason } => return wire.file_failed(ask, reason),
        FromClient::Interrupt { id } => {
            wire.interrupt(id);
            return Ok(());
        }
        FromClient::Resize { columns, rows } => {
            wire.resize(columns, rows);
            return Ok(());
        }
        FromClient::Complete { id, .. } | FromClient::Help { id, .. } if wire.is_running() => {
            wire.offer(FromDaemon::Candidates { id, candidates: Candidates::default() });
            return Ok(());
        }
        FromClient::Complete { id, line, position } => Work::Complete { id, line, position },
        FromClient::Help { id, line, position } => Work::Help { id, line, position },
        FromClient::Line { id, text } => {
            wire.begin(id)?;
            Work::Line { id, text }
        }
    };
    // The thread ends only after it has closed the session, which then ends by itself.
    drop(work.send(next).await);
    Ok(())
}
