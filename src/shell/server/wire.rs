//! What a session's two sides share: messages on their way to the client, the line that runs, the question that waits.
//!
//! The interpreter's thread writes and waits; the session's task reads the socket, writes the socket, and never waits here.

use crate::shell::protocol::{Answer, FromDaemon, Stream};
use crate::shell::{Hello, TerminalError};
use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Output kept for a client that does not read: a few screens ahead of it; past this the command waits.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// What a message counts beside its text, so that many small ones are bounded too.
const MESSAGE_BYTES: usize = 64;

/// Output is joined to what waits up to this, so that a command that writes word by word costs few frames.
const JOINED_BYTES_MAX: usize = 16 << 10;

/// Said to sessions when the element drains.
pub(super) const STOPPING: &str = "the element is stopping";

/// A fault of the client's that ends its session, as it is told.
pub(super) type Fault = &'static str;

/// What came back for a question or a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Answer(Answer),
    File(Result<String, String>),
    Written(Result<(), String>),
}

#[derive(Debug)]
enum Wanted {
    Answer,
    File { bytes_max: usize, content: String },
    Written,
}

#[derive(Debug)]
struct Waiting {
    ask: u64,
    wanted: Wanted,
    reply: Sender<Reply>,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is set by another side, and none excludes another")]
struct State {
    queue: VecDeque<FromDaemon>,
    queued_bytes: usize,
    /// No further message is taken; what is queued may still be written.
    closed: bool,
    /// The far end is gone or the element stops: the running command ends as soon as it can.
    hung_up: bool,
    /// The element stops: the running line may finish and say how it ended, and no other begins.
    draining: bool,
    running: Option<u64>,
    interrupted: bool,
    waiting: Option<Waiting>,
    asked: u64,
    hello: Hello,
}

impl State {
    fn push(&mut self, message: FromDaemon) {
        self.queued_bytes = self.queued_bytes.saturating_add(weight(&message));
        self.queue.push_back(message);
    }

    fn is_full(&self) -> bool {
        self.queued_bytes > WAITING_BYTES_MAX
    }
}

fn weight(message: &FromDaemon) -> usize {
    MESSAGE_BYTES
        + match message {
            FromDaemon::Output { chunk: text, .. }
            | FromDaemon::WriteFile { data: text, .. }
            | FromDaemon::Notice { text } => text.len(),
            FromDaemon::Candidates { candidates, .. } => {
                candidates.list.iter().map(|c| c.text.len() + c.display.len() + c.help.len()).sum()
            }
            _ => 0,
        }
}

/// The shared state of one session.
#[derive(Debug, Default)]
pub(super) struct Wire {
    state: Mutex<State>,
    /// Something changed for the interpreter's thread: room, an interrupt, the end.
    moved: Condvar,
    /// Something changed for the task that writes the socket.
    filled: Notify,
    /// A line has ended.
    ended: Notify,
}

impl Wire {
    pub(super) fn new(hello: Hello) -> Self {
        Self { state: Mutex::new(State { hello, ..State::default() }), ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hello(&self) -> Hello {
        self.lock().hello.clone()
    }

    // The interpreter's thread.

    pub(super) fn is_interrupted(&self) -> bool {
        let state = self.lock();
        // What only ends when it is interrupted would hold up the drain.
        state.interrupted || state.hung_up || state.draining
    }

    /// Queues a piece of output, waiting while the client does not read. An interrupt ends output but not complaints:
    /// a command may still say that it was interrupted.
    pub(super) fn output(&self, id: u64, stream: Stream, piece: &str) -> Result<(), TerminalError> {
        let mut state = self.lock();
        let is_unwanted = |state: &State| state.hung_up || (state.interrupted && stream == Stream::Out);
        while state.is_full() && !is_unwanted(&state) && !state.draining {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // Nobody who does not read holds up a drain.
        let is_stuck = state.draining && state.is_full();
        if is_unwanted(&state) || is_stuck || state.closed {
            return Err(TerminalError::Interrupted);
        }
        match state.queue.back_mut() {
            Some(FromDaemon::Output { id: last, stream: to, chunk })
                if *last == id && *to == stream && chunk.len() + piece.len() <= JOINED_BYTES_MAX =>
            {
                chunk.push_str(piece);
                state.queued_bytes += piece.len();
            }
            _ => state.push(FromDaemon::Output { id, stream, chunk: piece.to_owned() }),
        }
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Queues a message, waiting while the client does not read; an interrupt does not lose it, the session's end does.
    pub(super) fn send(&self, message: FromDaemon) {
        let mut state = self.lock();
        while state.is_full() && !state.hung_up && !state.draining {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.closed {
            state.push(message);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Asks the client something and waits for what comes back.
    pub(super) fn ask(&self, question: Question) -> Result<Reply, TerminalError> {
        let (reply, answer): (_, Receiver<Reply>) = mpsc::channel();
        let mut state = self.lock();
        let is_late = state.draining && matches!(question, Question::Ask { .. });
        if state.interrupted || state.hung_up || state.closed || is_late {
            return Err(TerminalError::Interrupted);
        }
        state.asked += 1;
        let ask = state.asked;
        let (wanted, messages) = question.messages(ask);
        state.waiting = Some(Waiting { ask, wanted, reply });
        drop(state);
        for message in messages {
            self.send(message);
        }
        // The sender is dropped by an interrupt and by the session's end.
        answer.recv().map_err(|_| TerminalError::Interrupted)
    }

    /// Says that the line has ended, with its last words, behind which nothing of it can come.
    pub(super) fn finish(&self, last_words: impl IntoIterator<Item = FromDaemon>) {
        let mut state = self.lock();
        while state.is_full() && !state.hung_up && !state.draining {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.running = None;
        state.waiting = None;
        if !state.closed {
            last_words.into_iter().for_each(|message| state.push(message));
        }
        drop(state);
        self.filled.notify_one();
        self.ended.notify_waiters();
    }

    /// Ends the session once what is queued is written.
    pub(super) fn close(&self, reason: impl Into<String>) {
        let mut state = self.lock();
        if !state.closed {
            state.push(FromDaemon::Goodbye { reason: reason.into() });
            state.closed = true;
        }
        drop(state);
        self.moved.notify_all();
        self.filled.notify_one();
    }

    // The session's task.

    /// Waits for the next message to write; `None` when the session is closed and all is taken.
    pub(super) async fn next(&self) -> Option<FromDaemon> {
        loop {
            let filled = self.filled.notified();
            {
                let mut state = self.lock();
                if let Some(message) = state.queue.pop_front() {
                    state.queued_bytes = state.queued_bytes.saturating_sub(weight(&message));
                    drop(state);
                    self.moved.notify_all();
                    return Some(message);
                }
                if state.closed {
                    return None;
                }
            }
            filled.await;
        }
    }

    /// Queues a message that may be lost when the client does not read.
    pub(super) fn offer(&self, message: FromDaemon) {
        let mut state = self.lock();
        if !state.is_full() && !state.closed {
            state.push(message);
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Takes note that a line begins.
    pub(super) fn begin(&self, id: u64) -> Result<(), Fault> {
        let mut state = self.lock();
        if state.draining {
            return Err(STOPPING);
        }
        if state.running.is_some() {
            return Err("a line came while another one runs");
        }
        state.running = Some(id);
        state.interrupted = false;
        Ok(())
    }

    pub(super) fn is_running(&self) -> bool {
        self.lock().running.is_some()
    }

    pub(super) fn resize(&self, columns: u16, rows: u16) {
        self.lock().hello.size = Some((columns, rows));
    }

    /// Interrupts the line `id` if it still runs, and drops its output that nobody will read.
    pub(super) fn interrupt(&self, id: u64) {
        let mut state = self.lock();
        if state.running != Some(id) {
            return;
        }
        state.interrupted = true;
        state.waiting = None;
        state.queue.retain(|message| !matches!(message, FromDaemon::Output { stream: Stream::Out, .. }));
        state.queued_bytes = state.queue.iter().map(weight).sum();
        drop(state);
        self.moved.notify_all();
    }

    /// Lets the line that runs finish, and begins no other; returns when none runs. A question to the person goes
    /// unanswered, and output that nobody reads ends.
    pub(super) async fn drain(&self) {
        {
            let mut state = self.lock();
            state.draining = true;
            state.waiting.take_if(|waiting| matches!(waiting.wanted, Wanted::Answer));
        }
        self.moved.notify_all();
        loop {
            let ended = self.ended.notified();
            if !self.is_running() {
                return;
            }
            ended.await;
        }
    }

    /// Interrupts what runs for good: the far end is gone, or the element stops.
    pub(super) fn hang_up(&self) {
        let mut state = self.lock();
        state.hung_up = true;
        state.waiting = None;
        drop(state);
        self.moved.notify_all();
    }

    /// Hands a reply to whom it is for; one that nobody waits for any more is dropped.
    pub(super) fn reply(&self, ask: u64, reply: Reply) -> Result<(), Fault> {
        let Some(waiting) = self.take_waiting(ask) else { return Ok(()) };
        let fits = match (&waiting.wanted, &reply) {
            (Wanted::Answer, Reply::Answer(answer)) => {
                if *answer == Answer::Interrupt {
                    self.lock().interrupted = true;
                    return Ok(());
                }
                true
            }
            (Wanted::File { .. }, Reply::File(_)) | (Wanted::Written, Reply::Written(_)) => true,
            _ => false,
        };
        if !fits {
            return Err("an answer came that does not fit its question");
        }
        // Whoever asked may have given up meanwhile.
        drop(waiting.reply.send(reply));
        Ok(())
    }

    fn take_waiting(&self, ask: u64) -> Option<Waiting> {
        let mut state = self.lock();
        state.waiting.take_if(|waiting| waiting.ask == ask)
    }

    /// Hands on that a file could be neither read nor written.
    pub(super) fn file_failed(&self, ask: u64, reason: String) -> Result<(), Fault> {
        let is_write = matches!(&self.lock().waiting, Some(Waiting { wanted: Wanted::Written, .. }));
        self.reply(ask, if is_write { Reply::Written(Err(reason)) } else { Reply::File(Err(reason)) })
    }

    /// Adds a piece of the file that is waited for.
    pub(super) fn file_data(&self, ask: u64, data: &str, last: bool) -> Result<(), Fault> {
        let mut state = self.lock();
        let Some(Waiting { wanted, .. }) = state.waiting.as_mut().filter(|waiting| waiting.ask == ask) else {
            return Ok(());
        };
        let Wanted::File { bytes_max, content } = wanted else {
            return Err("a file came that was not asked for");
        };
        if content.len().saturating_add(data.len()) > *bytes_max {
            let reason = format!("the file is longer than the {bytes_max} bytes allowed");
            drop(state);
            return self.reply(ask, Reply::File(Err(reason)));
        }
        content.push_str(data);
        if last {
            let content = std::mem::take(content);
            drop(state);
            return self.reply(ask, Reply::File(Ok(content)));
        }
        Ok(())
    }
}

/// What the interpreter's thread asks the client.
#[derive(Debug)]
pub(super) enum Question<'a> {
    Ask { kind: crate::shell::AskKind, prompt: &'a str },
    Read { path: &'a str, bytes_max: usize },
    Write { path: &'a str, content: &'a str },
}

impl Question<'_> {
    fn messages(self, ask: u64) -> (Wanted, Vec<FromDaemon>) {
        use crate::shell::protocol::pieces;
        match self {
            Self::Ask { kind, prompt } => {
                let prompt = pieces(prompt).next().unwrap_or_default().to_owned();
                (Wanted::Answer, vec![FromDaemon::Ask { ask, kind, prompt }])
            }
            Self::Read { path, bytes_max } => (
                Wanted::File { bytes_max, content: String::new() },
                vec![FromDaemon::ReadFile { ask, path: path.to_owned(), bytes_max }],
            ),
            Self::Write { path, content } => {
                let mut messages: Vec<FromDaemon> = pieces(content)
                    .map(|piece| FromDaemon::WriteFile {
                        ask,
                        path: path.to_owned(),
                        data: piece.to_owned(),
                        last: false,
                    })
                    .collect();
                if let Some(FromDaemon::WriteFile { last, .. }) = messages.last_mut() {
                    *last = true;
                }
                (Wanted::Written, messages)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(wire: &Wire) -> Vec<FromDaemon> {
        wire.lock().queue.drain(..).collect()
    }

    #[test]
    fn output_of_one_line_is_joined() {
        let wire = Wire::default();
        wire.output(1, Stream::Out, "a").unwrap();
        wire.output(1, Stream::Out, "b").unwrap();
        wire.output(1, Stream::Err, "c").unwrap();
        let texts: Vec<_> = taken(&wire)
            .into_iter()
            .map(|m| if let FromDaemon::Output { chunk, .. } = m { chunk } else { String::new() })
            .collect();
        assert_eq!(texts, ["ab", "c"]);
    }

    #[test]
    fn an_interrupt_for_a_line_that_ended_does_nothing() {
        let wire = Wire::default();
        wire.begin(1).unwrap();
        wire.finish([]);
        wire.begin(2).unwrap();
        wire.interrupt(1);
        assert!(!wire.is_interrupted());
        wire.interrupt(2);
        assert!(wire.is_interrupted());
        assert_eq!(wire.output(2, Stream::Out, "late"), Err(TerminalError::Interrupted));
    }

    #[test]
    fn a_writer_that_waits_for_room_is_woken_by_an_interrupt() {
        let wire = Wire::default();
        wire.begin(1).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let piece = "x".repeat(JOINED_BYTES_MAX);
                let mut written = 0usize;
                while wire.output(1, Stream::Out, &piece).is_ok() {
                    written += piece.len();
                }
                written
            });
            while !wire.lock().is_full() {
                std::thread::yield_now();
            }
            wire.interrupt(1);
            assert!(writer.join().unwrap() <= WAITING_BYTES_MAX + JOINED_BYTES_MAX);
        });
    }

    #[test]
    fn a_file_longer_than_asked_for_is_refused() {
        let wire = Wire::default();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| wire.ask(Question::Read { path: "a", bytes_max: 3 }));
            while wire.lock().waiting.is_none() {
                std::thread::yield_now();
            }
            wire.file_data(1, "ab", false).unwrap();
            wire.file_data(1, "cd", true).unwrap();
            wire.file_data(1, "more", true).unwrap();
            assert!(matches!(reader.join().unwrap(), Ok(Reply::File(Err(reason))) if reason.contains("3 bytes")));
        });
    }
}
