//! The program as a process: started in a folder of its own, waited for, signalled, killed.

use super::{WITHIN, environment};
use annunciator::clock::Clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// The program under test.
pub(crate) const ANNUNCIATOR: &str = env!("CARGO_BIN_EXE_annunciator");

/// A process that runs; killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<(Output, String)>,
    stdout: String,
    stderr: String,
    clock: Clock,
}

/// How a process ended, and all that it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Stdout,
    Stderr,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Process {
    /// Starts the program under test, with `folder` as its home and working folder.
    pub(crate) fn start<A: AsRef<OsStr>>(arguments: &[A], folder: &Path) -> Self {
        Self::start_program(ANNUNCIATOR, arguments, folder)
    }

    /// Starts the program under test and gives it all its input at once, which it may leave unread.
    pub(crate) fn start_with_input(arguments: &[&str], input: &str, folder: &Path) -> Self {
        let mut process = Self::spawn(ANNUNCIATOR, arguments, folder, Stdio::piped());
        let (mut stdin, input) = (process.child.stdin.take().expect("the input is piped"), input.to_owned());
        // On a thread of its own: a pipe holds only so much, and the program may end before it has read that.
        std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        process
    }

    /// Starts the program under test with its input open for [`Process::type_line`].
    pub(crate) fn start_with_open_input(arguments: &[&str], folder: &Path) -> Self {
        Self::spawn(ANNUNCIATOR, arguments, folder, Stdio::piped())
    }

    /// Gives the program a line of input; one that has ended takes none.
    pub(crate) fn type_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("the input is open");
        drop(writeln!(stdin, "{line}").and_then(|()| stdin.flush()));
    }

    /// Starts any program.
    pub(crate) fn start_program<A: AsRef<OsStr>>(program: &str, arguments: &[A], folder: &Path) -> Self {
        Self::spawn(program, arguments, folder, Stdio::null())
    }

    fn spawn<A: AsRef<OsStr>>(program: &str, arguments: &[A], folder: &Path, input: Stdio) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(environment(folder))
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program cannot be started");
        let (sender, lines) = mpsc::channel();
        collect(child.stdout.take(), Output::Stdout, &sender);
        collect(child.stderr.take(), Output::Stderr, &sender);
        Self { child, lines, stdout: String::new(), stderr: String::new(), clock: Clock::system() }
    }

    /// Waits for a line that holds `text`, on either output, and returns it.
    pub(crate) fn wait_for_line(&mut self, text: &str) -> String {
        self.wait_for(text, |_, line| line.contains(text))
    }

    /// Waits for a line on standard output that begins with `text`, and returns it: the ready line with its port, usually.
    pub(crate) fn wait_for_line_beginning(&mut self, text: &str) -> String {
        self.wait_for(text, |output, line| output == Output::Stdout && line.starts_with(text))
    }

    fn wait_for(&mut self, text: &str, is_it: impl Fn(Output, &str) -> bool) -> String {
        let start = self.clock.elapsed();
        while let Some((output, line)) = self.next_line(start) {
            if is_it(output, &line) {
                return line;
            }
        }
        panic!("no line with `{text}` came; stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
    }

    /// Counts the lines that hold `text` and come within a time, all of which passes.
    pub(crate) fn lines_within(&mut self, time: Duration, text: &str) -> u64 {
        let (start, mut count) = (self.clock.elapsed(), 0);
        while let Some((_, line)) = self.next_line_within(start, time) {
            count += u64::from(line.contains(text));
        }
        count
    }

    fn next_line(&mut self, start: Duration) -> Option<(Output, String)> {
        self.next_line_within(start, WITHIN)
    }

    fn next_line_within(&mut self, start: Duration, time: Duration) -> Option<(Output, String)> {
        let left = time.checked_sub(self.clock.elapsed().saturating_sub(start))?;
        match self.lines.recv_timeout(left) {
            Ok((output, line)) => {
                match output {
                    Output::Stdout => self.stdout.push_str(&line),
                    Output::Stderr => self.stderr.push_str(&line),
                }
                Some((output, line))
            }
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => None,
        }
    }

    /// Returns the process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `SIGTERM` to drain, `SIGKILL` for a crash.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.id()).expect("a process number fits"));
        kill(pid, signal).expect("the signal cannot be sent");
    }

    /// Waits for the end, with all that was said.
    pub(crate) fn finish(mut self) -> Finished {
        drop(self.child.stdin.take());
        let start = self.clock.elapsed();
        while self.next_line(start).is_some() {}
        assert!(self.clock.elapsed().saturating_sub(start) < WITHIN, "the process did not end:\n{}", self.stderr);
        let status = self.child.wait().expect("the process cannot be waited for");
        Finished {
            code: status.code(),
            signal: status.signal(),
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
        }
    }

    /// Kills the process as a crash would, and returns what it had said.
    pub(crate) fn crash(self) -> Finished {
        self.signal(Signal::SIGKILL);
        self.finish()
    }

    /// Asks the process to drain, and waits for its end.
    pub(crate) fn terminate(self) -> Finished {
        self.signal(Signal::SIGTERM);
        self.finish()
    }
}

/// Reads lines on a thread until the stream ends.
fn collect(stream: Option<impl Read + Send + 'static>, output: Output, sender: &mpsc::Sender<(Output, String)>) {
    let (stream, sender) = (stream.expect("the stream is piped"), sender.clone());
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            if sender.send((output, String::from_utf8_lossy(&bytes).into_owned())).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

#[test]
fn a_process_is_waited_for_and_ended() {
    let folder = tempfile::tempdir().expect("no folder");
    let script = "trap 'echo draining; exit 4' TERM; echo ready on 1234 >&2; while :; do read x < fifo; done";
    let made = Command::new("mkfifo").arg(folder.path().join("fifo")).status().expect("mkfifo");
    assert!(made.success());
    let start = || Process::start_program("/bin/sh", &["-c", script], folder.path());
    let mut process = start();
    assert_eq!(process.wait_for_line("ready"), "ready on 1234\n");
    let finished = process.terminate();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(4), "draining\n"));
    let mut process = start();
    process.wait_for_line("ready");
    assert_eq!(process.crash().signal, Some(9));
}

#[test]
fn the_program_under_test_runs() {
    let folder = tempfile::tempdir().expect("no folder");
    let finished = Process::start::<&str>(&["--version"], folder.path()).finish();
    assert_eq!(finished.signal, None);
}
