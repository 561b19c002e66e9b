//! Files that the daemon asks for: the person's own, and only those they named.
//!
//! The daemon may run as another user than the person at the shell; a daemon gone wrong must not read or write what
//! nobody asked for. So a path is served only when it stands in what was typed for the running line.

use super::{Lost, send};
use crate::persist;
use crate::shell::protocol::{FromClient, FromDaemon, pieces};
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Largest file read or written: far above any configuration, and a bound on memory.
const FILE_BYTES_MAX: usize = 64 << 20;

/// Serves the files of one line.
#[derive(Debug)]
pub(super) struct Files {
    home: Option<PathBuf>,
    /// What was typed since the line began.
    typed: String,
    /// What the daemon writes, until it is whole.
    incoming: String,
}

impl Files {
    pub(super) fn new(home: Option<PathBuf>) -> Self {
        Self { home, typed: String::new(), incoming: String::new() }
    }

    /// Begins a line: only what it names is served from now on.
    pub(super) fn begin(&mut self, line: &str) {
        line.clone_into(&mut self.typed);
        self.incoming.clear();
    }

    /// Adds what was typed in answer to a question of the running line.
    pub(super) fn typed(&mut self, answer: &str) {
        self.typed.push('\n');
        self.typed.push_str(answer);
    }

    /// Answers a request for a file; returns whether the message was one.
    pub(super) fn serve(&mut self, message: &FromDaemon, stream: &mut UnixStream) -> Result<bool, Lost> {
        match message {
            FromDaemon::ReadFile { ask, path, bytes_max } => {
                match self.read(path, *bytes_max) {
                    Ok(content) => {
                        let mut all = pieces(&content).peekable();
                        while let Some(piece) = all.next() {
                            let (data, last) = (piece.to_owned(), all.peek().is_none());
                            send(stream, &FromClient::FileData { ask: *ask, data, last })?;
                        }
                    }
                    Err(reason) => send(stream, &FromClient::FileFailed { ask: *ask, reason })?,
                }
                Ok(true)
            }
            FromDaemon::WriteFile { ask, path, data, last } => {
                match self.write(path, data, *last) {
                    Ok(true) => send(stream, &FromClient::FileWritten { ask: *ask })?,
                    Ok(false) => {}
                    Err(reason) => send(stream, &FromClient::FileFailed { ask: *ask, reason })?,
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn read(&self, path: &str, bytes_max: usize) -> Result<String, String> {
        let place = self.place(path)?;
        let failed = |error: std::io::Error| format!("cannot read `{path}`: {error}");
        let bytes_max = bytes_max.min(FILE_BYTES_MAX);
        let file = std::fs::File::open(&place).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > bytes_max {
            return Err(format!("`{path}` is longer than the {bytes_max} bytes allowed"));
        }
        String::from_utf8(bytes).map_err(|_| format!("`{path}` is not UTF-8 text"))
    }

    /// Takes a piece of a file; returns whether it was the last one and the file is written.
    fn write(&mut self, path: &str, data: &str, last: bool) -> Result<bool, String> {
        let place = self.place(path)?;
        if self.incoming.len().saturating_add(data.len()) > FILE_BYTES_MAX {
            self.incoming.clear();
            return Err(format!("the content for `{path}` is longer than the {FILE_BYTES_MAX} bytes allowed"));
        }
        self.incoming.push_str(data);
        if !last {
            return Ok(false);
        }
        let content = std::mem::take(&mut self.incoming);
        write_whole(&place, &content).map_err(|error| format!("cannot write `{path}`: {error}"))?;
        Ok(true)
    }

    fn place(&self, path: &str) -> Result<PathBuf, String> {
        if path.is_empty() || !self.typed.contains(path) {
            return Err(format!("`{path}` was not named in the command"));
        }
        Ok(match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        })
    }
}

/// Replaces a file, through links and with its mode; a new one is the owner's alone, as it may hold secrets.
fn write_whole(place: &Path, content: &str) -> std::io::Result<()> {
    let (place, mode) = match std::fs::canonicalize(place) {
        Ok(target) if !std::fs::metadata(&target)?.is_file() => {
            return Err(std::io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(target) => {
            let mode = persist::mode(&target)?;
            (target, mode)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => (place.to_owned(), 0o600),
        Err(error) => return Err(error),
    };
    persist::write_atomically(&place, content.as_bytes(), mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_typed_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.conf").to_string_lossy().into_owned();
        let mut files = Files::new(None);
        files.begin(&format!("save {path}"));
        assert_eq!(files.write(&path, "port ", false), Ok(false));
        assert_eq!(files.write(&path, "1;", true), Ok(true));
        assert_eq!(files.read(&path, 100), Ok("port 1;".to_owned()));
        assert_eq!(persist::mode(Path::new(&path)).unwrap(), 0o600);
        assert!(files.read(&path, 6).unwrap_err().contains("longer than the 6 bytes"));
        files.begin("show configuration");
        assert!(files.read(&path, 100).unwrap_err().contains("not named"));
        assert!(files.write("/etc/passwd", "", true).unwrap_err().contains("not named"));
    }

    #[test]
    fn a_link_and_the_mode_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        persist::write_atomically(&target, b"old", 0o644).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_whole(&link, "new").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((std::fs::read(&target).unwrap().as_slice(), persist::mode(&target).unwrap()), (&b"new"[..], 0o644));
        assert!(write_whole(folder.path(), "new").is_err());
    }

    #[test]
    fn the_home_folder_is_meant_by_a_tilde() {
        let mut files = Files::new(Some("/home/ann".into()));
        files.begin("save ~/a");
        assert_eq!(files.place("~/a"), Ok(PathBuf::from("/home/ann/a")));
    }
}
