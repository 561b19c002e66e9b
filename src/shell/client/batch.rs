//! Lines without a person: run in order, stopped at the first that fails, nothing on standard output but output.

use super::comments::Comments;
use super::files::Files;
use super::{Lost, Options, Outcome, greet, parting, receive, send};
use crate::diagnostic::{Diagnostic, printable};
use crate::shell::protocol::{self, Answer, FRAME_BYTES_MAX, FromClient, FromDaemon, Stream};
use crate::shell::{Hello, Status, discarded};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Where lines come from, and what a person calls that place.
pub(super) struct Lines {
    source: Box<dyn Iterator<Item = io::Result<String>>>,
    /// Said in front of a line's number; `None` when lines have none.
    name: Option<String>,
    via: &'static str,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({:?})", self.name)
    }
}

impl Lines {
    pub(super) fn commands(commands: &[String]) -> Self {
        let lines: Vec<String> = commands.iter().flat_map(|text| text.lines().map(str::to_owned)).collect();
        Self { source: Box::new(lines.into_iter().map(Ok)), name: None, via: "command" }
    }

    pub(super) fn file(path: &Path) -> io::Result<Self> {
        let source = Box::new(lines_of(BufReader::new(File::open(path)?)));
        Ok(Self { source, name: Some(path.display().to_string()), via: "script" })
    }

    pub(super) fn standard_input() -> Self {
        let source = Box::new(lines_of(BufReader::new(io::stdin())));
        Self { source, name: Some("standard input".to_owned()), via: "script" }
    }

    #[cfg(test)]
    pub(super) fn text(name: &str, text: &str) -> Self {
        let source = Box::new(lines_of(io::Cursor::new(text.to_owned())));
        Self { source, name: Some(name.to_owned()), via: "script" }
    }

    fn place(&self, number: usize) -> String {
        self.name.as_ref().map(|name| format!("{name}:{number}: ")).unwrap_or_default()
    }
}

/// Reads lines one at a time, so that one runs before the next is written; each is bounded by what a frame holds.
fn lines_of(mut source: impl BufRead + 'static) -> impl Iterator<Item = io::Result<String>> {
    std::iter::from_fn(move || {
        let mut bytes = Vec::new();
        match source.by_ref().take(FRAME_BYTES_MAX as u64).read_until(b'\n', &mut bytes) {
            Err(error) => return Some(Err(error)),
            Ok(0) => return None,
            Ok(FRAME_BYTES_MAX) => return Some(Err(io::Error::other("the line is too long"))),
            Ok(_) => {}
        }
        let line = String::from_utf8(bytes).map_err(|_| io::Error::other("the line is not UTF-8 text"));
        Some(line.map(|line| line.trim_end_matches(['\n', '\r']).to_owned()))
    })
}

/// Where output and complaints go.
pub(super) struct Outputs<'a> {
    pub(super) out: &'a mut dyn Write,
    /// Whether a person reads `out`: then nothing in it may steer the terminal. A file or a pipe gets what there is.
    pub(super) is_terminal: bool,
    pub(super) err: &'a mut dyn Write,
}

impl fmt::Debug for Outputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outputs")
    }
}

impl Outputs<'_> {
    /// Writes a piece of output.
    fn write(&mut self, chunk: &str) -> io::Result<()> {
        if self.is_terminal {
            self.out.write_all(printable(chunk).as_bytes())
        } else {
            self.out.write_all(chunk.as_bytes())
        }
    }

    /// Writes what is wrong; when that output is closed there is nobody to tell.
    fn complain(&mut self, text: &str) {
        drop(self.err.write_all(printable(text).as_bytes()));
    }
}

/// Runs the lines until one fails, the output is closed, or there is none left.
pub(super) fn run(
    mut stream: UnixStream,
    options: &Options,
    lines: &mut Lines,
    outputs: &mut Outputs<'_>,
) -> Result<Outcome, Lost> {
    let via = lines.via.to_owned();
    let hello = Hello { version: protocol::VERSION, is_terminal: false, size: None, via, colour: options.colour };
    greet(&mut stream, hello)?;
    let mut has_edits = false;
    let mut comments = Comments::default();
    let mut files = Files::new(options.home.clone());
    let mut number = 0;
    while let Some(line) = lines.source.next() {
        number += 1;
        let place = lines.place(number);
        let text = match line {
            Ok(text) => text,
            Err(error) => {
                outputs.complain(&format!("{place}{}\n", Diagnostic::error(error.to_string())));
                return Ok(Outcome::Failed);
            }
        };
        let text = comments.strip(if number == 1 { text.trim_start_matches('\u{feff}') } else { &text });
        files.begin(&text);
        let id = number as u64;
        let frame = match protocol::encode(&FromClient::Line { id, text }) {
            Ok(frame) => frame,
            Err(error) => {
                outputs.complain(&format!("{place}{}\n", Diagnostic::error(error.to_string())));
                return Ok(Outcome::Failed);
            }
        };
        if let Err(error) = stream.write_all(&frame) {
            return Err(parting(&mut stream, Lost::from(error)));
        }
        match finish(&mut stream, id, &place, &mut files, outputs, &mut has_edits)? {
            Ended::With(Status::Done) => {}
            Ended::With(Status::Closed) => return Ok(Outcome::Done),
            Ended::With(Status::Failed) => return Ok(Outcome::Failed),
            Ended::OutputClosed => return Ok(Outcome::OutputClosed),
            Ended::OutputFailed(error) => {
                outputs.complain(&format!("{}\n", Diagnostic::error(format!("the output cannot be written: {error}"))));
                return Ok(Outcome::OutputFailed);
            }
        }
    }
    if let Some(unfinished) = comments.unfinished() {
        outputs.complain(&format!("{}{unfinished}\n", lines.place(number)));
        return Ok(Outcome::Failed);
    }
    if has_edits {
        outputs.complain(&format!("{}\n", discarded()));
    }
    Ok(Outcome::Done)
}

enum Ended {
    With(Status),
    OutputClosed,
    OutputFailed(io::Error),
}

impl From<io::Error> for Ended {
    /// Tells a reader that has gone, which is its own wish, from a device that cannot take more.
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe { Self::OutputClosed } else { Self::OutputFailed(error) }
    }
}

/// Points a complaint into the file or input that the line stands in; to the daemon each line is a text of its own.
fn placed(complaint: &str, place: &str) -> String {
    match place.strip_suffix(": ") {
        Some(line) => complaint.replace("\n  --> command:1:", &format!("\n  --> {line}:")),
        None => complaint.to_owned(),
    }
}

/// Passes on what a line says until it ends.
fn finish(
    stream: &mut UnixStream,
    id: u64,
    place: &str,
    files: &mut Files,
    outputs: &mut Outputs<'_>,
    has_edits: &mut bool,
) -> Result<Ended, Lost> {
    let mut has_complained = false;
    loop {
        let message = receive(stream)?;
        if files.serve(&message, stream)? {
            continue;
        }
        match message {
            FromDaemon::Output { stream: Stream::Out, chunk, .. } => {
                if let Err(error) = outputs.write(&chunk) {
                    return Ok(error.into());
                }
            }
            FromDaemon::Output { stream: Stream::Err, chunk, .. } => {
                if !has_complained {
                    outputs.complain(place);
                    has_complained = true;
                }
                outputs.complain(&placed(&chunk, place));
            }
            FromDaemon::Prompt(prompt) => *has_edits = prompt.has_edits,
            FromDaemon::Ask { ask, .. } => send(stream, &FromClient::Reply { ask, answer: Answer::Interrupt })
                .map_err(|lost| parting(stream, lost))?,
            FromDaemon::Done { id: ended, status } if ended == id => {
                if let Err(error) = outputs.out.flush() {
                    return Ok(error.into());
                }
                if status == Status::Failed && !has_complained {
                    outputs.complain(&format!("{place}error: the command failed\n"));
                }
                return Ok(Ended::With(status));
            }
            FromDaemon::Goodbye { reason } => return Err(Lost::goodbye(&reason)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_any_line_end_and_must_be_text() {
        let mut lines = lines_of(&b"one\r\n\ntwo\n\xff\nlast"[..]);
        for expected in ["one", "", "two"] {
            assert_eq!(lines.next().unwrap().unwrap(), expected);
        }
        assert!(lines.next().unwrap().is_err());
        assert_eq!(lines.next().unwrap().unwrap(), "last");
        assert!(lines.next().is_none());
    }

    #[test]
    fn a_complaint_points_into_the_input_that_its_line_stands_in() {
        let said = "error: no\n  --> command:1:5\n   | set x\n";
        assert_eq!(placed(said, "standard input:3: "), "error: no\n  --> standard input:3:5\n   | set x\n");
        assert_eq!(placed(said, ""), said);
    }

    #[test]
    fn a_command_may_have_several_lines() {
        let lines = Lines::commands(&["a\nb".to_owned(), "c".to_owned()]);
        assert_eq!(lines.place(3), "");
        assert_eq!(lines.source.map(Result::unwrap).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
