//! A real HTTP receiver whose answers a test scripts, faults of the network included.
//!
//! It runs on threads of its own, so that tests with and without a runtime use it alike. A request takes the next answer of
//! the script, or the standing one when the script is at its end.

use super::WITHIN;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How long a test waits for what must come.
const PATIENCE: Duration = WITHIN;

/// Time between two bytes of a dripping body.
const DRIP: Duration = Duration::from_millis(20);

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Number of its connection, from 0.
    pub(crate) connection: usize,
    /// The status of a whole answer to it; `None` when the script answers otherwise.
    pub(crate) status: Option<u16>,
}

impl Recorded {
    /// Returns the first header of a name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Holds answers back until it is opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Lets all pass, those to come too.
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let (open, _) = self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), PATIENCE, |open| !*open).unwrap();
        assert!(*open, "a gate was never opened");
    }
}

/// What to do with a request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    gate: Option<Gate>,
    action: Action,
}

/// Decides an answer by the request.
#[derive(Clone)]
struct Decide(Arc<dyn Fn(&Recorded) -> Answer + Send + Sync>);

impl std::fmt::Debug for Decide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decide")
    }
}

#[derive(Debug, Clone)]
enum Action {
    Decide(Decide),
    Respond {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    Raw(Vec<u8>),
    Close,
    Reset,
    Silence,
    Truncate {
        status: u16,
    },
    Drip {
        status: u16,
    },
    DripHead {
        status: u16,
    },
    /// With the head and half of a body already said.
    ResetInBody {
        status: u16,
    },
    Endless {
        status: u16,
    },
}

impl Answer {
    fn of(action: Action) -> Self {
        Self { gate: None, action }
    }

    /// Answers with a status, no headers and no body.
    pub(crate) fn status(status: u16) -> Self {
        Self::of(Action::Respond { status, headers: Vec::new(), body: Vec::new() })
    }

    /// Adds a header to an answer with a status.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let Action::Respond { headers, .. } = &mut self.action {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets the body of an answer with a status.
    pub(crate) fn body(mut self, content: impl Into<Vec<u8>>) -> Self {
        if let Action::Respond { body, .. } = &mut self.action {
            *body = content.into();
        }
        self
    }

    /// Answers as is decided when the request is there.
    pub(crate) fn decided(decide: impl Fn(&Recorded) -> Self + Send + Sync + 'static) -> Self {
        Self::of(Action::Decide(Decide(Arc::new(decide))))
    }

    /// Writes bytes that need not be HTTP, then closes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(Action::Raw(bytes.into()))
    }

    /// Reads the request, then closes without an answer.
    pub(crate) fn close() -> Self {
        Self::of(Action::Close)
    }

    /// Resets the connection once the request's head is there.
    pub(crate) fn reset() -> Self {
        Self::of(Action::Reset)
    }

    /// Reads the request, then says nothing until the client is gone.
    pub(crate) fn silence() -> Self {
        Self::of(Action::Silence)
    }

    /// Promises a body and closes in its middle.
    pub(crate) fn truncated(status: u16) -> Self {
        Self::of(Action::Truncate { status })
    }

    /// Sends a body byte by byte without an end, until the client is gone.
    pub(crate) fn dripping(status: u16) -> Self {
        Self::of(Action::Drip { status })
    }

    /// Sends a head byte by byte without an end, until the client is gone.
    pub(crate) fn dripping_head(status: u16) -> Self {
        Self::of(Action::DripHead { status })
    }

    /// Promises a body and resets the connection in its middle.
    pub(crate) fn reset_in_body(status: u16) -> Self {
        Self::of(Action::ResetInBody { status })
    }

    /// Sends a body without an end as fast as it goes, until the client is gone.
    pub(crate) fn endless(status: u16) -> Self {
        Self::of(Action::Endless { status })
    }

    /// Holds the answer back until the gate opens; the request is recorded before.
    pub(crate) fn held_by(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// The receiver; it ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct HttpReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    _ending: Arc<Ending>,
}

#[derive(Debug)]
struct Ending {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stopping: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    script: VecDeque<Answer>,
    standing: Answer,
    recorded: Vec<Recorded>,
    streams: Vec<TcpStream>,
}

impl HttpReceiver {
    /// Starts a receiver on a free port that answers 200.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            State { script: VecDeque::new(), standing: Answer::status(200), recorded: Vec::new(), streams: Vec::new() };
        let shared =
            Arc::new(Shared { stopping: AtomicBool::new(false), state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        let ending = Ending { address, shared: Arc::clone(&shared) };
        Self { address, shared, _ending: Arc::new(ending) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of a path on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Puts an answer at the end of the script.
    pub(crate) fn then(&self, answer: Answer) -> &Self {
        self.shared.state.lock().unwrap().script.push_back(answer);
        self
    }

    /// Sets what is answered when the script is at its end.
    pub(crate) fn always(&self, answer: Answer) -> &Self {
        self.shared.state.lock().unwrap().standing = answer;
        self
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.shared.state.lock().unwrap().recorded.clone()
    }

    /// Returns how many requests there were so far.
    pub(crate) fn count(&self) -> usize {
        self.shared.state.lock().unwrap().recorded.len()
    }

    /// Waits until there are at least so many requests.
    pub(crate) fn wait_for_count(&self, count: usize) {
        let state = self.shared.state.lock().unwrap();
        let waiting = |state: &mut State| state.recorded.len() < count;
        let (state, timeout) = self.shared.changed.wait_timeout_while(state, PATIENCE, waiting).unwrap();
        drop(state);
        assert!(!timeout.timed_out(), "{count} requests did not come");
    }

    /// Waits until there are at least so many requests, and returns all.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Recorded> {
        let state = self.shared.state.lock().unwrap();
        let waiting = |state: &mut State| state.recorded.len() < count;
        let (state, _) = self.shared.changed.wait_timeout_while(state, PATIENCE, waiting).unwrap();
        // A test that ends here must not hold the lock: the receiver is dropped with it.
        let recorded = state.recorded.clone();
        drop(state);
        assert!(recorded.len() >= count, "{} of {count} requests came", recorded.len());
        recorded
    }

    /// Waits until the requests so far satisfy `is_there`, and returns them.
    pub(crate) fn wait_until(&self, what: &str, is_there: impl Fn(&[Recorded]) -> bool) -> Vec<Recorded> {
        let state = self.shared.state.lock().unwrap();
        let waiting = |state: &mut State| !is_there(&state.recorded);
        let (state, timeout) = self.shared.changed.wait_timeout_while(state, PATIENCE, waiting).unwrap();
        let recorded = state.recorded.clone();
        drop(state);
        assert!(!timeout.timed_out(), "{what} did not come; {} requests did", recorded.len());
        recorded
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for stream in &self.shared.state.lock().unwrap().streams {
            // One that the client has closed cannot be closed again.
            stream.shutdown(Shutdown::Both).unwrap_or_default();
        }
        // Wakes the accepting thread, which then sees that it is to stop.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream else { continue };
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        shared.state.lock().unwrap().streams.push(stream.try_clone().unwrap());
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let mut stream = stream;
            // A client that goes away ends its connection; what came before is recorded.
            while let Ok(true) = exchange(&mut stream, number, &shared) {}
            stream.shutdown(Shutdown::Both).unwrap_or_default();
        });
    }
}

/// Answers one request; says whether the connection stays open.
fn exchange(stream: &mut TcpStream, connection: usize, shared: &Shared) -> io::Result<bool> {
    let head = read_head(stream)?;
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (request.next().unwrap_or_default().to_owned(), request.next().unwrap_or_default().to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    let answer = {
        let mut state = shared.state.lock().unwrap();
        state.script.pop_front().unwrap_or_else(|| state.standing.clone())
    };
    let status = if let Action::Respond { status, .. } = answer.action { Some(status) } else { None };
    let mut recorded = Recorded { method, path, headers, body: Vec::new(), connection, status };
    if matches!(answer.action, Action::Reset | Action::ResetInBody { .. }) {
        // Closing a socket with unread bytes resets the connection: the body is left unread, but must have come.
        stream.peek(&mut [0])?;
        if let Action::ResetInBody { status } = answer.action {
            stream.write_all(half_an_answer(status).as_bytes())?;
        }
        record(shared, recorded);
        forget(stream, shared);
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    recorded.body = vec![0; length];
    stream.read_exact(&mut recorded.body)?;
    let answer = match &answer.action {
        Action::Decide(decide) => (decide.0)(&recorded),
        _ => answer,
    };
    record(shared, recorded);
    if let Some(gate) = &answer.gate {
        gate.wait();
    }
    perform(stream, answer.action)
}

fn record(shared: &Shared, recorded: Recorded) {
    shared.state.lock().unwrap().recorded.push(recorded);
    shared.changed.notify_all();
}

/// Drops the copy of a stream that is kept for the end: only the last copy's close resets.
fn forget(stream: &TcpStream, shared: &Shared) {
    let peer = stream.peer_addr().ok();
    shared.state.lock().unwrap().streams.retain(|kept| kept.peer_addr().ok() != peer);
}

/// Reads a head, without the empty line that ends it, byte by byte, so that the body stays in the socket.
pub(super) fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    head.truncate(head.len() - 4);
    String::from_utf8(head).map_err(io::Error::other)
}

fn perform(stream: &mut TcpStream, action: Action) -> io::Result<bool> {
    match action {
        Action::Respond { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
            for (name, value) in headers {
                head = head + &name + ": " + &value + "\r\n";
            }
            // A status that has no body has no length either (RFC 9110 §8.6).
            if !matches!(status, 100..=199 | 204 | 304) {
                head = head + "content-length: " + &body.len().to_string() + "\r\n";
            }
            head.push_str("\r\n");
            stream.write_all(&[head.as_bytes(), &body].concat())?;
            Ok(true)
        }
        Action::Raw(bytes) => stream.write_all(&bytes).map(|()| false),
        // What was decided on is performed in the place of the deciding.
        Action::Close | Action::Reset | Action::ResetInBody { .. } | Action::Decide(_) => Ok(false),
        Action::Silence => wait_for_end(stream),
        Action::Truncate { status } => stream.write_all(half_an_answer(status).as_bytes()).map(|()| false),
        Action::DripHead { status } => {
            stream.write_all(format!("HTTP/1.1 {status} Scripted\r\nx: ").as_bytes())?;
            loop {
                std::thread::sleep(DRIP);
                stream.write_all(b"y")?;
            }
        }
        Action::Drip { status } => {
            start_endless(stream, status)?;
            loop {
                std::thread::sleep(DRIP);
                stream.write_all(b".")?;
            }
        }
        Action::Endless { status } => {
            start_endless(stream, status)?;
            loop {
                stream.write_all(&[b'x'; 16 * 1024])?;
            }
        }
    }
}

fn half_an_answer(status: u16) -> String {
    format!("HTTP/1.1 {status} Scripted\r\ncontent-length: 1000\r\n\r\nhalf a bo")
}

fn start_endless(stream: &mut TcpStream, status: u16) -> io::Result<()> {
    stream.write_all(format!("HTTP/1.1 {status} Scripted\r\ncontent-length: 1000000000000\r\n\r\n").as_bytes())
}

fn wait_for_end(stream: &mut TcpStream) -> io::Result<bool> {
    let mut rest = [0; 1024];
    while stream.read(&mut rest)? > 0 {}
    Ok(false)
}
