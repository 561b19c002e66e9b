//! What a session gets when no further one can be opened.

use crate::diagnostic::Diagnostic;
use crate::management::SessionsExhausted;
use crate::shell::{Candidates, Interpreter, Prompt, Status, Terminal};

/// Says why to whatever is typed, and ends the session.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) SessionsExhausted);

impl Interpreter for Refusal {
    fn prompt(&self) -> Prompt {
        Prompt { banner: self.0.to_string(), text: "> ".to_owned(), mode: "operational".to_owned(), has_edits: false }
    }

    fn line(&mut self, _line: &str, terminal: &mut dyn Terminal) -> Status {
        let said = Diagnostic::error(self.0.to_string()).hint("try again when another one has ended");
        // Whoever cannot be told is gone.
        terminal.write_error(&format!("{said}\n")).ok();
        if terminal.hello().is_terminal { Status::Closed } else { Status::Failed }
    }

    fn complete(&mut self, _line: &str, _position: usize) -> Candidates {
        Candidates::default()
    }

    fn help(&mut self, _line: &str, _position: usize) -> Candidates {
        Candidates::default()
    }
}
