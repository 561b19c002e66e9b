//! The daemon's side and the client without a terminal, end to end over real sockets, with an interpreter of a few words.

use super::*;
use crate::shell::protocol::{self, Answer, FrameReader, FromClient, FromDaemon, Stream, encode};
use crate::shell::{AskKind, Candidate, Candidates, Prompt, Status, Terminal};
use std::sync::mpsc;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// An interpreter of a few words, for tests.
pub(crate) struct Parrot {
    start: SessionStart,
    dropped: mpsc::Sender<u64>,
}

impl Drop for Parrot {
    fn drop(&mut self) {
        self.dropped.send(self.start.session).ok();
    }
}

impl Interpreter for Parrot {
    fn prompt(&self) -> Prompt {
        Prompt { banner: String::new(), text: "parrot> ".to_owned(), mode: "operational".to_owned(), has_edits: false }
    }

    fn line(&mut self, line: &str, terminal: &mut dyn Terminal) -> Status {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let outcome = match word {
            "say" => terminal.write(&format!("{rest}\n")),
            "who" => terminal.write(&format!("{} {}\n", self.start.user, self.start.uid)),
            "via" => terminal.write(&self.start.hello.via),
            "quiet" => {
                self.start.notices.set(false);
                Ok(())
            }
            "flood" => loop {
                if let Err(error) = terminal.write(&"x".repeat(1000)) {
                    break Err(error);
                }
            },
            "wait" => {
                while !terminal.is_interrupted() {
                    std::thread::yield_now();
                }
                Ok(())
            }
            "work" => {
                while !terminal.is_interrupted() {
                    std::thread::yield_now();
                }
                terminal.write("worked\n")
            }
            "ask" => terminal.ask(AskKind::YesNo, "sure? ").and_then(|answer| terminal.write(&answer)),
            "read" => match terminal.read_file(rest, 1 << 20) {
                Ok(content) => terminal.write(&content),
                Err(reason) => {
                    terminal.write_error(&format!("error: {reason}\n")).ok();
                    return Status::Failed;
                }
            },
            "write" => match terminal.write_file(rest, "written\n") {
                Ok(()) => Ok(()),
                Err(_) => return Status::Failed,
            },
            "exit" => return Status::Closed,
            "die" => panic!("as told"),
            "" => Ok(()),
            _ => {
                terminal.write_error("error: no such word\n").ok();
                return Status::Failed;
            }
        };
        match outcome {
            Ok(()) => Status::Done,
            Err(error) => {
                terminal.write_error(&format!("error: {error}\n")).ok();
                Status::Failed
            }
        }
    }

    fn complete(&mut self, line: &str, _: usize) -> Candidates {
        let list = ["say", "show"].into_iter().filter(|word| word.starts_with(line));
        let list = list.map(|word| Candidate { text: word.to_owned(), display: String::new(), help: String::new() });
        Candidates { list: list.collect(), ..Candidates::default() }
    }

    fn help(&mut self, line: &str, position: usize) -> Candidates {
        self.complete(line, position)
    }
}

struct World {
    folder: tempfile::TempDir,
    scope: Scope,
    clock: Clock,
    notices: Notices,
    sessions: Sessions,
    dropped: mpsc::Receiver<u64>,
}

impl World {
    fn new() -> Self {
        Self::with(Clock::system())
    }

    fn with(clock: Clock) -> Self {
        let (scope, notices) = (Scope::new(), Notices::new());
        let (dropped_in, dropped) = mpsc::channel();
        let factory: Factory = Arc::new(move |start| Box::new(Parrot { start, dropped: dropped_in.clone() }));
        let sessions = Sessions::new(scope.clone(), clock.clone(), "lab", notices.clone(), factory);
        let folder = tempfile::tempdir().unwrap();
        let world = Self { folder, scope, clock, notices, sessions, dropped };
        ShellServer::bind(&world.socket()).unwrap().serve(world.sessions.clone());
        world
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("shell.sock")
    }

    async fn connect(&self) -> Peer {
        let (read, write) = UnixStream::connect(self.socket()).await.unwrap().into_split();
        Peer { frames: FrameReader::new(read), write }
    }

    async fn session(&self, is_terminal: bool) -> Peer {
        let mut peer = self.connect().await;
        peer.hello(protocol::VERSION, is_terminal).await;
        assert!(matches!(peer.next().await, FromDaemon::Welcome { .. }));
        assert!(matches!(peer.next().await, FromDaemon::Prompt(_)));
        peer
    }

    async fn drain(&self) {
        assert_eq!(self.scope.drain(&self.clock, Duration::from_secs(10)).await, Ok(()));
    }
}

struct Peer {
    frames: FrameReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Peer {
    async fn send(&mut self, message: FromClient) {
        self.write.write_all(&encode(&message).unwrap()).await.unwrap();
    }

    async fn hello(&mut self, version: u32, is_terminal: bool) {
        self.send(FromClient::Hello(Hello { version, is_terminal, ..Hello::default() })).await;
    }

    async fn line(&mut self, id: u64, text: &str) {
        self.send(FromClient::Line { id, text: text.to_owned() }).await;
    }

    async fn maybe_next(&mut self) -> Option<FromDaemon> {
        self.frames.next().await.unwrap()
    }

    async fn next(&mut self) -> FromDaemon {
        self.maybe_next().await.expect("the daemon closed the session")
    }

    /// Reads to the end of a line: what was output, and how it ended.
    async fn finish(&mut self, id: u64) -> (String, Status) {
        let mut said = String::new();
        loop {
            match self.next().await {
                FromDaemon::Output { chunk, .. } => said.push_str(&chunk),
                FromDaemon::Done { id: ended, status } if ended == id => return (said, status),
                _ => {}
            }
        }
    }

    async fn goodbye(&mut self) -> String {
        let mut reason = None;
        while let Some(message) = self.maybe_next().await {
            if let FromDaemon::Goodbye { reason: said } = message {
                reason = Some(said);
            }
        }
        reason.expect("the session ended without a goodbye")
    }
}

#[tokio::test]
async fn a_line_runs_and_the_session_ends_when_it_says_so() {
    let world = World::new();
    let mut peer = world.session(false).await;
    peer.line(1, "say hello").await;
    assert_eq!(peer.finish(1).await, ("hello\n".to_owned(), Status::Done));
    peer.line(2, "exit").await;
    assert_eq!(peer.finish(2).await.1, Status::Closed);
    assert_eq!(peer.goodbye().await, "");
    world.drain().await;
    assert_eq!(world.sessions.count(), 0);
}

#[tokio::test]
async fn the_user_is_the_sockets() {
    let world = World::new();
    let mut peer = world.session(false).await;
    peer.line(1, "who").await;
    let uid = nix::unistd::getuid().to_string();
    assert!(peer.finish(1).await.0.ends_with(&format!(" {uid}\n")));
}

#[tokio::test]
async fn an_interrupt_ends_a_flood_that_nobody_reads() {
    let world = World::new();
    let mut peer = world.session(true).await;
    peer.line(1, "flood").await;
    peer.send(FromClient::Interrupt { id: 1 }).await;
    let (said, status) = peer.finish(1).await;
    assert_eq!(status, Status::Failed);
    assert!(said.len() < 4 << 20, "{} bytes were sent to nobody", said.len());
    peer.line(2, "say again").await;
    assert_eq!(peer.finish(2).await.0, "again\n");
}

#[tokio::test]
async fn a_disconnect_interrupts_the_line_and_drops_the_interpreter() {
    let world = World::new();
    for command in ["wait", "flood", "ask"] {
        let mut peer = world.session(true).await;
        peer.line(1, command).await;
        drop(peer);
    }
    let dropped = tokio::task::spawn_blocking(move || world.dropped.iter().take(3).count());
    assert_eq!(dropped.await.unwrap(), 3);
}

#[tokio::test]
async fn a_drain_says_goodbye_and_does_not_wait_for_who_does_not_read() {
    let world = World::new();
    let mut idle = world.session(true).await;
    let mut stuck = world.session(true).await;
    stuck.line(1, "flood").await;
    let mut asked = world.session(true).await;
    asked.line(1, "ask").await;
    assert!(matches!(asked.next().await, FromDaemon::Ask { .. }));
    world.drain().await;
    assert_eq!(idle.goodbye().await, "the element is stopping");
    assert_eq!(world.sessions.count(), 0);
    assert!(!world.socket().exists());
}

#[tokio::test]
async fn a_drain_lets_the_line_under_way_finish_and_say_how_it_ended() {
    let world = World::new();
    let mut peer = world.session(false).await;
    peer.line(1, "work").await;
    // The line is under way once a question about completion is answered with nothing.
    peer.send(FromClient::Complete { id: 2, line: "s".to_owned(), position: 1 }).await;
    assert!(matches!(peer.next().await, FromDaemon::Candidates { .. }));
    world.drain().await;
    assert_eq!(peer.finish(1).await, ("worked\n".to_owned(), Status::Done));
    assert_eq!(peer.goodbye().await, "the element is stopping");
}

#[tokio::test]
async fn a_client_is_not_believed_how_it_came() {
    let world = World::new();
    for (said, taken) in [("script", "script"), ("cli\n0 by root", "other")] {
        let mut peer = world.connect().await;
        let hello = Hello { version: protocol::VERSION, via: said.to_owned(), ..Hello::default() };
        peer.send(FromClient::Hello(hello)).await;
        peer.line(1, "via").await;
        assert_eq!(peer.finish(1).await.0, taken);
    }
}

#[tokio::test]
async fn sessions_are_limited_and_the_next_one_is_told() {
    let world = World::new();
    let mut peers = Vec::new();
    for _ in 0..SESSIONS_MAX {
        peers.push(world.session(false).await);
    }
    let mut refused = world.connect().await;
    refused.hello(protocol::VERSION, false).await;
    assert!(refused.goodbye().await.contains("64 sessions"));
    peers.clear();
    while world.sessions.count() > 0 {
        tokio::task::yield_now().await;
    }
    world.session(false).await;
}

#[tokio::test]
async fn silent_connections_take_no_sessions_place_and_make_room_for_newer_ones() {
    let world = World::new();
    let mut silent = Vec::new();
    for _ in 0..SESSIONS_MAX {
        silent.push(world.connect().await);
    }
    let mut person = world.session(true).await;
    assert_eq!(world.sessions.count(), 1);
    let newer = silent.split_off(SESSIONS_MAX - 31);
    for mut displaced in silent {
        assert!(displaced.goodbye().await.contains("has not said hello"));
    }
    // The person was the newest of the 32 that found a place.
    drop(newer);
    person.line(1, "say well").await;
    assert_eq!(person.finish(1).await.0, "well\n");
}

#[tokio::test]
async fn whoever_says_no_hello_is_told_so_soon() {
    let clock = crate::clock::Clock::manual("2026-01-01T00:00:00Z".parse().unwrap());
    let world = World::with(clock.clone());
    let mut silent = world.connect().await;
    let time_passes = async {
        loop {
            clock.advance(Duration::from_secs(3));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        reason = silent.goodbye() => assert_eq!(reason, "no hello came within 3 seconds"),
        () = time_passes => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_whose_hello_comes_too_late_prints_the_reason_it_was_given() {
    use crate::shell::client::Outcome;
    let (client, daemon) = std::os::unix::net::UnixStream::pair().unwrap();
    let goodbye = encode(&FromDaemon::Goodbye { reason: "there is no room".to_owned() }).unwrap();
    std::io::Write::write_all(&mut &daemon, &goodbye).unwrap();
    drop(daemon);
    let (outcome, _, err) = crate::shell::client::feed_for_tests(client, "say hello\n");
    assert_eq!(outcome, Outcome::Unreachable);
    assert!(err.contains("the shell session ended: there is no room"), "{err}");
}

#[tokio::test]
async fn what_is_not_the_protocol_ends_the_session_with_a_reason() {
    let world = World::new();
    let mut peer = world.connect().await;
    peer.hello(99, true).await;
    assert!(peer.goodbye().await.contains("version 99"));

    let mut peer = world.connect().await;
    peer.line(1, "say").await;
    assert!(peer.goodbye().await.contains("hello"));

    let mut peer = world.session(true).await;
    peer.write.write_all(&[0, 0, 0, 2, b'{', b'}']).await.unwrap();
    assert!(peer.goodbye().await.contains("not understood"));

    let mut peer = world.session(true).await;
    peer.write.write_all(&[0xff; 8]).await.unwrap();
    assert!(peer.goodbye().await.contains("longer"));

    let mut peer = world.session(true).await;
    peer.line(1, "wait").await;
    peer.line(2, "say").await;
    assert!(peer.goodbye().await.contains("another one runs"));
}

#[tokio::test]
async fn an_interpreters_panic_ends_its_session_only() {
    let world = World::new();
    let mut other = world.session(true).await;
    let mut peer = world.session(true).await;
    peer.line(1, "die").await;
    assert_eq!(peer.goodbye().await, "the session met an internal fault");
    other.line(1, "say well").await;
    assert_eq!(other.finish(1).await.0, "well\n");
}

#[tokio::test]
async fn a_question_is_asked_until_it_is_answered() {
    let world = World::new();
    let mut peer = world.session(true).await;
    peer.line(1, "ask").await;
    for (number, text) in [(1, "perhaps"), (2, "Y")] {
        assert!(matches!(peer.next().await, FromDaemon::Ask { ask, kind: AskKind::YesNo, .. } if ask == number));
        peer.send(FromClient::Reply { ask: number, answer: Answer::Text(text.to_owned()) }).await;
    }
    assert_eq!(peer.finish(1).await, ("yes".to_owned(), Status::Done));
    peer.line(2, "ask").await;
    assert!(matches!(peer.next().await, FromDaemon::Ask { ask: 3, .. }));
    peer.send(FromClient::Reply { ask: 3, answer: Answer::Interrupt }).await;
    assert_eq!(peer.finish(2).await.1, Status::Failed);

    let mut script = world.session(false).await;
    script.line(1, "ask").await;
    assert!(script.finish(1).await.0.contains("no terminal to ask"));
}

#[tokio::test]
async fn completion_is_answered_while_idle_and_empty_while_a_line_runs() {
    let world = World::new();
    let mut peer = world.session(true).await;
    let complete = |id| FromClient::Complete { id, line: "s".to_owned(), position: 1 };
    peer.send(complete(7)).await;
    assert!(matches!(peer.next().await, FromDaemon::Candidates { id: 7, candidates } if candidates.list.len() == 2));
    peer.line(1, "wait").await;
    peer.send(complete(8)).await;
    assert!(matches!(peer.next().await, FromDaemon::Candidates { id: 8, candidates } if candidates.list.is_empty()));
    peer.send(FromClient::Interrupt { id: 1 }).await;
    assert_eq!(peer.finish(1).await.1, Status::Done);
}

#[tokio::test]
async fn notices_reach_people_who_want_them_clean() {
    let world = World::new();
    let mut person = world.session(true).await;
    let mut quiet = world.session(true).await;
    let mut script = world.session(false).await;
    quiet.line(1, "quiet").await;
    quiet.finish(1).await;
    world.notices.send("alarm \u{1b}[2J raised");
    assert!(matches!(person.next().await, FromDaemon::Notice { text } if text == "alarm \u{fffd}[2J raised"));
    for peer in [&mut quiet, &mut script] {
        peer.line(9, "say next").await;
        assert_eq!(peer.next().await, FromDaemon::Output { id: 9, stream: Stream::Out, chunk: "next\n".to_owned() });
    }
}

/// Runs lines through the client without a terminal: outcome, output, complaints.
fn feed(socket: &Path, lines: &str) -> (crate::shell::client::Outcome, String, String) {
    let stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    crate::shell::client::feed_for_tests(stream, lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_script_stops_at_its_first_error_and_names_the_line() {
    use crate::shell::client::Outcome;
    let world = World::new();
    let socket = world.socket();
    let file = world.folder.path().join("a.conf").display().to_string();
    let script = format!("say one\n\nwrite {file}\nread {file}\nbogus\nsay never\n");
    let run = move |lines: String| {
        let socket = socket.clone();
        tokio::task::spawn_blocking(move || feed(&socket, &lines))
    };
    let (outcome, out, err) = run(script).await.unwrap();
    assert_eq!((outcome, out.as_str()), (Outcome::Failed, "one\nwritten\n"));
    assert_eq!(err, "script:5: error: no such word\n");
    let (outcome, out, err) = run("say one\nexit\nsay never".to_owned()).await.unwrap();
    assert_eq!((outcome, out.as_str(), err.as_str()), (Outcome::Done, "one\n", ""));
    let (outcome, _, err) = run("read /nowhere/at/all".to_owned()).await.unwrap();
    assert_eq!(outcome, Outcome::Failed);
    assert!(err.contains("cannot read `/nowhere/at/all`"), "{err}");
    let (outcome, _, err) = run("die".to_owned()).await.unwrap();
    assert_eq!(outcome, Outcome::Unreachable);
    assert!(err.contains("internal fault"), "{err}");
}
