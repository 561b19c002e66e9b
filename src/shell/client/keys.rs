//! The keys that mean more than themselves: Tab, space, `?`, Ctrl-C, Ctrl-Z.

use super::completion::{self, Action};
use super::link::Link;
use crate::shell::Prompt;
use crate::shell::protocol::FromClient;
use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::History;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ConditionalEventHandler, Editor, Event, EventContext, EventHandler, Helper, KeyCode, KeyEvent, Modifiers,
    Movement, RepeatCount,
};
use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the keys know of the loop.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) link: Arc<Link>,
    /// What stands in front of the line being typed.
    prompt: Mutex<Prompt>,
    /// Whether a command is being typed, and not an answer.
    is_command: AtomicBool,
    /// Whether what is typed is a secret.
    pub(super) is_masked: AtomicBool,
    /// Whether Ctrl-Z ended the line.
    leaves: AtomicBool,
    /// Whether a blank completes the word in front of it.
    pub(super) completes_on_space: AtomicBool,
}

impl Desk {
    pub(super) fn new(link: Arc<Link>, prompt: Prompt) -> Self {
        Self {
            link,
            prompt: Mutex::new(prompt),
            is_command: AtomicBool::new(false),
            is_masked: AtomicBool::new(false),
            leaves: AtomicBool::new(false),
            completes_on_space: AtomicBool::new(true),
        }
    }

    pub(super) fn prompt(&self) -> Prompt {
        self.prompt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_prompt(&self, prompt: Prompt) {
        *self.prompt.lock().unwrap_or_else(PoisonError::into_inner) = prompt;
    }

    pub(super) fn set_command(&self, is_command: bool) {
        self.is_command.store(is_command, Ordering::Relaxed);
    }

    /// Returns whether Ctrl-Z ended the last line.
    pub(super) fn take_leaves(&self) -> bool {
        self.leaves.swap(false, Ordering::Relaxed)
    }

    /// Prints above the line, below a copy of it as it is now: the question stays above its answer.
    fn show(&self, line: &str, text: &str) {
        let prompt = self.prompt();
        let banner = if prompt.banner.is_empty() { String::new() } else { format!("{}\n", prompt.banner) };
        self.link.print_above(format!("{}{line}\n{text}{banner}", prompt.text));
    }
}

/// One of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Tab,
    Space,
    Question,
    Interrupt,
    Leave,
}

struct Key {
    name: Name,
    desk: Arc<Desk>,
}

/// Gives the editor its keys.
pub(super) fn bind<I: History>(editor: &mut Editor<Mask, I>, desk: &Arc<Desk>) {
    let keys = [
        (Name::Tab, KeyEvent(KeyCode::Tab, Modifiers::NONE)),
        (Name::Space, KeyEvent(KeyCode::Char(' '), Modifiers::NONE)),
        (Name::Question, KeyEvent(KeyCode::Char('?'), Modifiers::NONE)),
        (Name::Interrupt, KeyEvent::ctrl('C')),
        (Name::Leave, KeyEvent::ctrl('Z')),
    ];
    for (name, key) in keys {
        let handler = Key { name, desk: Arc::clone(desk) };
        editor.bind_sequence(key, EventHandler::Conditional(Box::new(handler)));
    }
}

impl ConditionalEventHandler for Key {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        if self.name == Name::Interrupt {
            return Some(interrupt(context));
        }
        if !self.desk.is_command.load(Ordering::Relaxed) {
            return (self.name == Name::Leave || self.name == Name::Tab).then_some(Cmd::Noop);
        }
        if self.name == Name::Leave {
            return (self.desk.prompt().mode == "configuration").then(|| {
                self.desk.leaves.store(true, Ordering::Relaxed);
                Cmd::Interrupt
            });
        }
        let (typed, position) = completion::current(context.line(), context.pos());
        let before = typed.get(..position).unwrap_or_default();
        if self.name != Name::Tab && completion::is_literal(before) {
            return None;
        }
        let action = self.action(typed, position);
        // Where the line begins in a pasted text of several.
        let offset = context.pos().saturating_sub(position);
        command(action, offset, context.pos(), context.line(), &self.desk)
    }
}

impl Key {
    /// Asks the daemon about the `typed` line, and judges its answer.
    fn action(&self, typed: &str, position: usize) -> Action {
        let (daemon, line) = (&self.desk.link, typed.to_owned());
        match self.name {
            Name::Question => match daemon.ask(|id| FromClient::Help { id, line, position }) {
                Some(candidates) => Action::Show(completion::listing(&candidates)),
                None => Action::Nothing,
            },
            Name::Space => {
                let blank = Action::Blank;
                if !self.desk.completes_on_space.load(Ordering::Relaxed) {
                    return blank;
                }
                if typed.get(..position).is_none_or(|before| before.is_empty() || before.ends_with(' ')) {
                    return blank;
                }
                let answer = daemon.ask(|id| FromClient::Complete { id, line, position });
                answer.map_or(blank, |candidates| completion::on_space(typed, position, &candidates))
            }
            _ => match daemon.ask(|id| FromClient::Complete { id, line, position }) {
                Some(candidates) => completion::on_tab(typed, position, &candidates),
                None => Action::Nothing,
            },
        }
    }
}

/// Says an action in the editor's words; `None` for what the key does by itself.
fn command(action: Action, offset: usize, cursor: usize, text: &str, desk: &Desk) -> Option<Cmd> {
    Some(match action {
        // A blank that is inserted as a text would have the whole line written again.
        Action::Blank => return None,
        Action::Nothing => Cmd::Noop,
        Action::Insert(inserted) => Cmd::Insert(1, inserted),
        Action::Replace { from, text: word } => {
            let from = offset.saturating_add(from);
            if cursor == text.len() {
                // The whole line, so that no count of characters can be wrong.
                Cmd::Replace(Movement::WholeBuffer, Some(format!("{}{word}", text.get(..from).unwrap_or_default())))
            } else {
                let typed = text.get(from..cursor).map_or(0, |typed| typed.chars().count());
                let typed = RepeatCount::try_from(typed).unwrap_or(RepeatCount::MAX);
                Cmd::Replace(Movement::BackwardChar(typed), Some(word))
            }
        }
        Action::Show(said) => {
            desk.show(text, &said);
            Cmd::Noop
        }
    })
}

/// Writes `^C` behind the line, when the cursor is there, and gives it up.
fn interrupt(context: &EventContext) -> Cmd {
    if context.pos() == context.line().len() {
        // A terminal that is gone ends the session by itself.
        drop(io::stdout().write_all(b"^C").and_then(|()| io::stdout().flush()));
    }
    Cmd::Interrupt
}

/// Shows stars instead of a secret.
pub(super) struct Mask(pub(super) Arc<Desk>);

impl Mask {
    fn is_on(&self) -> bool {
        self.0.is_masked.load(Ordering::Relaxed)
    }
}

impl Highlighter for Mask {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.is_on() {
            Cow::Owned(line.chars().map(|c| if c == '\n' { c } else { '*' }).collect())
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.is_on() && kind != CmdKind::MoveCursor
    }
}

impl Completer for Mask {
    type Candidate = String;
}

impl Hinter for Mask {
    type Hint = String;
}

impl Validator for Mask {}
impl Helper for Mask {}
