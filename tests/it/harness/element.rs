//! An element of a test's own: the program in a temporary folder, on a port that the system chooses, with shells on it.

use super::WITHIN;
use super::process::{ANNUNCIATOR, Finished, Process};
use annunciator::persist;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

/// A folder for files, and for the data of the elements that are started in it, one after the other.
pub(crate) struct Home(tempfile::TempDir);

/// The flag that keeps elements of parallel tests off each other's ports.
const FREE_PORT: [&str; 2] = ["--http-listen", "127.0.0.1:0"];

/// What an element writes on standard output once it can be used.
const READY: &str = "annunciator ready:";

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Makes a home with files in it.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let home = Self::new();
        for (name, text) in files {
            home.write(name, text);
        }
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the folder that elements started here keep everything in.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Writes a file, and the folders that it is in.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        persist::write_atomically(&file, text.as_bytes(), 0o600).unwrap();
    }

    /// Starts an element and waits until it is ready.
    pub(crate) fn start(&self, arguments: &[&str]) -> Element {
        self.start_as_configured(&[&FREE_PORT, arguments].concat())
    }

    /// Starts an element that logs what a filter lets through.
    pub(crate) fn start_logging(&self, filter: &str) -> Element {
        let filter = format!("RUST_LOG={filter}");
        let arguments = [&[&*filter, ANNUNCIATOR, "run"], &FREE_PORT[..]].concat();
        let mut process = Process::start_program("env", &arguments, self.path());
        let ready = process.wait_for_line_beginning(READY);
        Element { process, ready }
    }

    /// Starts an element that listens where its configuration or its arguments say.
    pub(crate) fn start_as_configured(&self, arguments: &[&str]) -> Element {
        let mut process = Process::start(&[&["run"], arguments].concat(), self.path());
        let ready = process.wait_for_line_beginning(READY);
        Element { process, ready }
    }

    /// Starts an element that is expected to end by itself.
    pub(crate) fn run_to_end(&self, arguments: &[&str]) -> Finished {
        self.annunciator(&[&["run"], &FREE_PORT[..], arguments].concat(), "")
    }

    /// Runs the program to its end, with a text on its standard input.
    pub(crate) fn annunciator(&self, arguments: &[&str], input: &str) -> Finished {
        Process::start_with_input(arguments, input, self.path()).finish()
    }

    /// Opens a shell that takes lines as they are typed, without a terminal.
    pub(crate) fn open_shell(&self) -> Process {
        Process::start_with_open_input(&["shell"], self.path())
    }

    /// Runs commands in a shell, each given by `-c`.
    pub(crate) fn shell(&self, commands: &[&str]) -> Finished {
        let arguments: Vec<&str> =
            std::iter::once("shell").chain(commands.iter().flat_map(|command| ["-c", command])).collect();
        self.annunciator(&arguments, "")
    }

    /// Runs commands that must succeed without a word on standard error, and returns what they print.
    pub(crate) fn told(&self, commands: &[&str]) -> String {
        let finished = self.shell(commands);
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{commands:?}: {}", finished.stdout);
        finished.stdout
    }

    /// Commits changes, each a line of configuration mode.
    pub(crate) fn commit(&self, changes: &[&str]) {
        let said = self.told(&[&["configure"], changes, &["commit"]].concat());
        assert_eq!(said, "Commit complete.\n", "{changes:?}");
    }

    /// Returns running as `set` lines.
    pub(crate) fn running(&self) -> String {
        self.told(&["show configuration | display set"])
    }
}

/// An element that runs; killed when dropped.
pub(crate) struct Element {
    pub(crate) process: Process,
    ready: String,
}

impl Element {
    /// Returns the line that said it was ready.
    pub(crate) fn ready(&self) -> &str {
        &self.ready
    }

    /// Returns the revision that it started with.
    pub(crate) fn revision(&self) -> u64 {
        let (_, rest) = self.ready.split_once("revision ").unwrap();
        rest.split(',').next().unwrap().parse().unwrap()
    }

    /// Returns where it listened for HTTP when it was ready.
    pub(crate) fn http(&self) -> SocketAddr {
        self.ready.trim_end().split_once("http://").unwrap().1.parse().unwrap()
    }

    /// Kills it as a loss of power would.
    pub(crate) fn crash(self) -> Finished {
        self.process.crash()
    }

    /// Asks it to stop, and checks that it drains.
    pub(crate) fn stop(self) -> Finished {
        let finished = self.process.terminate();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished
    }
}

/// Returns whether a listener answers HTTP, whatever it answers.
pub(crate) fn answers_http(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, WITHIN) else { return false };
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 ")
}

/// Returns the files below a folder, sockets and folders left out.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}
