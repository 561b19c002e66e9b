//! The terminal that a running command sees, at the far end of a socket.

use super::wire::{Question, Reply, Wire};
use crate::shell::protocol::{Answer, FromDaemon, Stream, pieces};
use crate::shell::{AskKind, Hello, Terminal, TerminalError};

/// Wrong answers to a yes-or-no question after which it is taken as interrupted: nobody reads the question.
const ANSWERS_MAX: usize = 10;

/// The far end of one session while line `id` runs.
#[derive(Debug)]
pub(super) struct RemoteTerminal<'a> {
    pub(super) wire: &'a Wire,
    pub(super) id: u64,
}

impl RemoteTerminal<'_> {
    fn put(&self, stream: Stream, text: &str) -> Result<(), TerminalError> {
        pieces(text).filter(|piece| !piece.is_empty()).try_for_each(|piece| self.wire.output(self.id, stream, piece))
    }

    fn ask_once(&self, kind: AskKind, prompt: &str) -> Result<String, TerminalError> {
        match self.wire.ask(Question::Ask { kind, prompt })? {
            Reply::Answer(Answer::Text(text)) => Ok(text),
            _ => Err(TerminalError::Interrupted),
        }
    }
}

fn yes_or_no(answer: &str) -> Option<&'static str> {
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some("yes"),
        "n" | "no" => Some("no"),
        _ => None,
    }
}

impl Terminal for RemoteTerminal<'_> {
    fn hello(&self) -> Hello {
        self.wire.hello()
    }

    fn write(&mut self, text: &str) -> Result<(), TerminalError> {
        self.put(Stream::Out, text)
    }

    fn write_error(&mut self, text: &str) -> Result<(), TerminalError> {
        self.put(Stream::Err, text)
    }

    fn paginate(&mut self, wanted: bool) {
        self.wire.send(FromDaemon::Paginate { id: self.id, wanted });
    }

    fn complete_on_space(&mut self, wanted: bool) {
        self.wire.send(FromDaemon::CompleteOnSpace { wanted });
    }

    fn forget_line(&mut self) {
        self.wire.send(FromDaemon::Forget { id: self.id });
    }

    fn ask(&mut self, kind: AskKind, prompt: &str) -> Result<String, TerminalError> {
        if !self.wire.hello().is_terminal {
            return Err(TerminalError::NotInteractive);
        }
        if kind != AskKind::YesNo {
            return self.ask_once(kind, prompt);
        }
        for _ in 0..ANSWERS_MAX {
            if let Some(answer) = yes_or_no(&self.ask_once(kind, prompt)?) {
                return Ok(answer.to_owned());
            }
        }
        Err(TerminalError::Interrupted)
    }

    fn read_file(&mut self, path: &str, bytes_max: usize) -> Result<String, String> {
        match self.wire.ask(Question::Read { path, bytes_max }) {
            Ok(Reply::File(content)) => content,
            Ok(_) => Err("the far end did not send the file".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn write_file(&mut self, path: &str, content: &str) -> Result<(), String> {
        match self.wire.ask(Question::Write { path, content }) {
            Ok(Reply::Written(outcome)) => outcome,
            Ok(_) => Err("the far end did not write the file".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn is_interrupted(&self) -> bool {
        self.wire.is_interrupted()
    }
}
