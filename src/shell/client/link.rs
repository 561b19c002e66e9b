//! The connection of an interactive session: one thread reads it and hands each message to whom it is for.
//!
//! Answers to keys go to the key that waits, notices above the line being typed (or kept until there is one), the rest
//! to the shell's loop. When the daemon goes away while a person is being waited for, the owner of the session is told.

use super::terminal::Saved;
use super::{Lost, Outcome, send};
use crate::clock::Clock;
use crate::diagnostic::printable;
use crate::shell::Candidates;
use crate::shell::protocol::{self, FromClient, FromDaemon};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a key may wait for the daemon: longer is felt as a hang, and the key can be pressed again.
const KEY_WITHIN: Duration = Duration::from_millis(200);

/// Notices kept while a command runs: a screen.
const NOTICES_MAX: usize = 50;

/// What the shell's loop is told.
#[derive(Debug)]
pub(super) enum Event {
    Message(FromDaemon),
    Lost(Lost),
}

/// How an interactive session ends.
#[derive(Debug)]
pub(super) enum Finish {
    /// The loop has ended.
    Left(Result<Outcome, Lost>),
    /// The daemon is gone while the loop waits for a key.
    Lost(Lost),
}

/// What the loop waits for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// The daemon.
    #[default]
    Daemon,
    /// A line: notices go above it.
    Line,
    /// A key of the pager's.
    Key,
}

#[derive(Debug, Default)]
struct Desk {
    waits: Waits,
    notices: VecDeque<String>,
    missed: usize,
    lost: Option<Lost>,
}

/// The connection, shared by the loop, the keys, and the threads for messages and signals.
#[derive(Debug)]
pub(super) struct Link {
    stream: Mutex<UnixStream>,
    clock: Clock,
    last_id: AtomicU64,
    /// The line that runs; 0 for none.
    running: AtomicU64,
    desk: Mutex<Desk>,
    answers: Mutex<Receiver<(u64, Candidates)>>,
    /// To the thread that prints above the line being typed.
    above: SyncSender<String>,
    finish: Sender<Finish>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    pub(super) fn new(
        stream: UnixStream,
        answers: Receiver<(u64, Candidates)>,
        above: SyncSender<String>,
        finish: Sender<Finish>,
    ) -> Self {
        Self {
            stream: Mutex::new(stream),
            clock: Clock::system(),
            last_id: AtomicU64::new(0),
            running: AtomicU64::new(0),
            desk: Mutex::default(),
            answers: Mutex::new(answers),
            above,
            finish,
        }
    }

    /// Runs something with the stream that messages are written to.
    pub(super) fn with_stream<T>(&self, work: impl FnOnce(&mut UnixStream) -> T) -> T {
        work(&mut lock(&self.stream))
    }

    pub(super) fn send(&self, message: &FromClient) -> Result<(), Lost> {
        self.with_stream(|stream| send(stream, message))
    }

    fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Sends a line, which then runs; `None` when it is too long to be sent.
    pub(super) fn begin(&self, text: &str) -> Option<u64> {
        let id = self.next_id();
        let frame = protocol::encode(&FromClient::Line { id, text: text.to_owned() }).ok()?;
        if let Err(error) = self.with_stream(|stream| stream.write_all(&frame)) {
            // The reading thread meets the same end, behind the daemon's goodbye, and tells its reason.
            tracing::debug!(%error, "the line was not sent");
        }
        self.running.store(id, Ordering::Release);
        Some(id)
    }

    pub(super) fn ended(&self) {
        self.running.store(0, Ordering::Release);
    }

    /// Returns whether a line runs.
    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire) != 0
    }

    /// Interrupts the line that runs, if one does.
    pub(super) fn interrupt(&self) {
        let id = self.running.load(Ordering::Acquire);
        if id != 0
            && let Err(Lost(reason)) = self.send(&FromClient::Interrupt { id })
        {
            // The reading thread meets the same end and tells it.
            tracing::debug!(reason, "the interrupt was not sent");
        }
    }

    /// Asks the daemon about the line being typed; `None` when it does not answer in time.
    pub(super) fn ask(&self, question: impl FnOnce(u64) -> FromClient) -> Option<Candidates> {
        let answers = lock(&self.answers);
        let id = self.next_id();
        self.send(&question(id)).ok()?;
        let start = self.clock.elapsed();
        loop {
            let left = KEY_WITHIN.checked_sub(self.clock.elapsed().saturating_sub(start))?;
            match answers.recv_timeout(left) {
                Ok((answered, candidates)) if answered == id => return Some(candidates),
                // The late answer to an earlier key.
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Prints above the line being typed.
    pub(super) fn print_above(&self, text: String) {
        // Full: the screen is flooded already. Gone: the session ends.
        drop(self.above.try_send(text));
    }

    /// Begins to wait for the person; returns the notices to show first.
    pub(super) fn wait_for(&self, waits: Waits) -> Result<Vec<String>, Lost> {
        let mut desk = lock(&self.desk);
        if let Some(lost) = &desk.lost {
            return Err(lost.clone());
        }
        desk.waits = waits;
        if waits != Waits::Line {
            return Ok(Vec::new());
        }
        let mut notices: Vec<String> = desk.notices.drain(..).collect();
        if desk.missed > 0 {
            notices.push(format!("({} notices were missed)", desk.missed));
            desk.missed = 0;
        }
        Ok(notices)
    }

    /// Ends the wait for the person.
    pub(super) fn waited(&self) {
        lock(&self.desk).waits = Waits::Daemon;
    }

    fn notice(&self, text: &str) {
        let text = printable(text);
        let mut desk = lock(&self.desk);
        if desk.waits == Waits::Line {
            drop(desk);
            self.print_above(text);
        } else if desk.notices.len() < NOTICES_MAX {
            desk.notices.push_back(text);
        } else {
            desk.missed += 1;
        }
    }

    /// Ends the session from outside the loop.
    pub(super) fn lose(&self, lost: Lost, events: &SyncSender<Event>) {
        let mut desk = lock(&self.desk);
        desk.lost = Some(lost.clone());
        let waits = desk.waits;
        drop(desk);
        // Nobody listens any more when the loop has ended already.
        if waits == Waits::Daemon {
            drop(events.send(Event::Lost(lost)));
        } else {
            drop(self.finish.send(Finish::Lost(lost)));
        }
    }

    /// Reads the daemon's messages until it goes away.
    pub(super) fn read(
        &self,
        mut stream: UnixStream,
        events: &SyncSender<Event>,
        answers: &SyncSender<(u64, Candidates)>,
    ) {
        loop {
            match protocol::read(&mut stream) {
                Ok(Some(FromDaemon::Candidates { id, candidates })) => {
                    // Full of answers that no key waits for.
                    drop(answers.try_send((id, candidates)));
                }
                Ok(Some(FromDaemon::Notice { text })) => self.notice(&text),
                Ok(Some(FromDaemon::Goodbye { reason })) => return self.lose(Lost::goodbye(&reason), events),
                Ok(Some(message)) => {
                    if events.send(Event::Message(message)).is_err() {
                        return;
                    }
                }
                Ok(None) => return self.lose(Lost::instead_of_message(None), events),
                Err(error) => return self.lose(Lost::instead_of_message(Some(error)), events),
            }
        }
    }
}

/// Waits for the loop's end, or for the daemon's while the loop waits for a key.
pub(super) fn wait(finish: &Receiver<Finish>, terminal: &Saved) -> Result<Outcome, Lost> {
    let finished = finish.recv().unwrap_or_else(|_| Finish::Lost(Lost("the client met an internal fault".to_owned())));
    match finished {
        Finish::Left(outcome) => outcome,
        Finish::Lost(lost) => {
            terminal.restore();
            // On the line after the one being typed; the terminal may be gone.
            drop(io::stdout().write_all(b"\n"));
            Err(lost)
        }
    }
}
