//! A program in a terminal, as a person sees it: keys in, a screen out.

use super::{WITHIN, environment};
use annunciator::clock::Clock;
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// A program that runs in a terminal of its own; killed when dropped.
pub(crate) struct Pty {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// What the program wrote, as it wrote it.
    written: Vec<u8>,
    clock: Clock,
}

impl Drop for Pty {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Pty {
    /// Runs a program in a terminal of 80 columns and 24 rows, with `folder` as its home and working folder.
    pub(crate) fn start<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: &[A], folder: &Path) -> Self {
        let (columns, rows) = (80, 24);
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("no terminal can be opened");
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(folder);
        command.env_clear();
        for (name, value) in environment(folder) {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program cannot be started");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("the terminal cannot be read");
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of the program is an error here.
            while let Ok(count) = reader.read(&mut bytes) {
                if count == 0 || sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().expect("the terminal cannot be written");
        let screen = vt100::Parser::new(rows, columns, 1000);
        Self { child, master: pair.master, keys, output, screen, written: Vec::new(), clock: Clock::system() }
    }

    /// Types something: `\r` is Enter, `\t` Tab, `\x03` Ctrl-C.
    pub(crate) fn send(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("the terminal is gone");
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("the terminal cannot be resized");
        self.screen.screen_mut().set_size(rows, columns);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.written.extend_from_slice(bytes);
    }

    /// Waits until the program has written something since the last call, and returns it as it was written.
    pub(crate) fn written(&mut self) -> String {
        while self.written.is_empty() {
            let bytes = self.output.recv_timeout(WITHIN).expect("nothing is written");
            self.take(&bytes);
        }
        String::from_utf8_lossy(&std::mem::take(&mut self.written)).into_owned()
    }

    /// Forgets what was written so far.
    pub(crate) fn forget_written(&mut self) {
        self.screen();
        self.written.clear();
    }

    /// Returns what is on the screen now: rows without trailing blanks.
    pub(crate) fn screen(&mut self) -> String {
        while let Ok(bytes) = self.output.try_recv() {
            self.take(&bytes);
        }
        self.screen.screen().contents()
    }

    /// Waits until the screen satisfies `is_there`; panics with the screen when it does not in time.
    pub(crate) fn wait_until(&mut self, what: &str, timeout: Duration, is_there: impl Fn(&str) -> bool) -> String {
        let start = self.clock.elapsed();
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            let waited = self.clock.elapsed().saturating_sub(start);
            let received = timeout.checked_sub(waited).map(|left| self.output.recv_timeout(left));
            match received {
                Some(Ok(bytes)) => self.take(&bytes),
                _ => panic!("{what} did not come; the screen is\n{}", self.screen()),
            }
        }
    }

    /// Waits until a text is on the screen.
    pub(crate) fn wait_for(&mut self, text: &str, timeout: Duration) -> String {
        self.wait_until(&format!("`{text}`"), timeout, |screen| screen.contains(text))
    }

    /// Waits until the last row that is not empty is `text`, trailing blanks aside: a prompt, usually.
    pub(crate) fn wait_for_last_row(&mut self, text: &str, timeout: Duration) -> String {
        let is_last = |screen: &str| screen.trim_end().lines().last().is_some_and(|row| row.trim_end() == text);
        self.wait_until(&format!("the last row `{text}`"), timeout, is_last)
    }

    /// Waits for the program's end.
    pub(crate) fn finish(mut self) -> (ExitStatus, String) {
        let start = self.clock.elapsed();
        // The output ends when the last process in the terminal does.
        while let Some(left) = WITHIN.checked_sub(self.clock.elapsed().saturating_sub(start)) {
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().expect("the program cannot be waited for");
                    return (status, self.screen());
                }
                Err(mpsc::RecvTimeoutError::Timeout) => break,
            }
        }
        panic!("the program did not end; the screen is\n{}", self.screen());
    }
}

#[test]
fn a_program_in_a_terminal_is_typed_to_and_seen() {
    let folder = tempfile::tempdir().expect("no folder");
    let script = "printf 'name? '; read name; echo \"hello $name\"; stty size; read more; stty size; exit 3";
    let mut pty = Pty::start("/bin/sh", &["-c", script], folder.path());
    pty.wait_for_last_row("name?", WITHIN);
    pty.send("ann\r");
    pty.wait_for("hello ann\n24 80", WITHIN);
    pty.resize(100, 30);
    pty.send("\r");
    pty.wait_for("30 100", WITHIN);
    let (status, _) = pty.finish();
    assert_eq!(status.exit_code(), 3);
}
