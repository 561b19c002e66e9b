//! The shell in front of a person: a line editor, and what comes back printed as it comes.

use super::colours::coloured;
use super::files::Files;
use super::history::{Histories, LINES_MAX};
use super::keys::{self, Desk, Mask};
use super::link::{Event, Finish, Link, Waits, wait};
use super::pager::{LESS, MORE, Pager};
use super::terminal::{Key, Saved, Unseen, pager_key};
use super::{Lost, Options, Outcome, Welcome, greet};
use crate::diagnostic::printable;
use crate::shell::protocol::{self, Answer, FromClient, FromDaemon, Stream};
use crate::shell::{AskKind, Hello, Prompt, Status};
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, Config, Editor, ExternalPrinter};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Messages read ahead of the screen: the rest waits in the socket, and so does the command.
const EVENTS_MAX: usize = 16;

/// Texts waiting to be printed above the line being typed.
const ABOVE_MAX: usize = 100;

/// How often the window's size is looked at while a command runs.
const SIZE_EVERY: Duration = Duration::from_millis(500);

/// How a line came out of the editor.
enum Typed {
    Text(String),
    Aborted,
    End,
    /// The terminal is gone.
    Gone,
}

struct Shell {
    editor: Editor<Mask, FileHistory>,
    desk: Arc<Desk>,
    events: Receiver<Event>,
    histories: Histories,
    files: Files,
    size: Option<(u16, u16)>,
    pager: bool,
}

/// Returns columns and rows of the terminal, where there is one.
pub(super) fn terminal_size() -> Option<(u16, u16)> {
    editor().ok()?.dimensions()
}

/// Runs a session for the person at the terminal.
pub(super) fn run(mut stream: UnixStream, options: &Options) -> Result<Outcome, Lost> {
    let saved = Saved::now();
    let mut editor = editor()?;
    let size = editor.dimensions();
    let hello = Hello {
        version: protocol::VERSION,
        is_terminal: true,
        size,
        via: "console".to_owned(),
        colour: options.colour,
    };
    let Welcome { node, user, prompt } = greet(&mut stream, hello)?;
    print(&printable(&format!("{user} connected using console on {node}\n")));

    let (events_in, events) = mpsc::sync_channel(EVENTS_MAX);
    let (answers_in, answers) = mpsc::sync_channel(EVENTS_MAX);
    let (above, texts) = mpsc::sync_channel(ABOVE_MAX);
    let (finish_in, finish) = mpsc::channel();
    let link = Arc::new(Link::new(stream.try_clone()?, answers, above, finish_in.clone()));
    let desk = Arc::new(Desk::new(Arc::clone(&link), prompt));
    editor.set_helper(Some(Mask(Arc::clone(&desk))));
    keys::bind(&mut editor, &desk);
    print_above(&mut editor, texts)?;
    let histories = Histories::new(options.history_folder.clone(), config());
    let files = Files::new(options.home.clone());
    let shell = Shell { editor, desk, events, histories, files, size, pager: options.pager };

    let (signals, signal_events) = (Arc::clone(&link), events_in.clone());
    let stop = Arc::new(tokio::sync::Notify::new());
    let stopped = Arc::clone(&stop);
    let (caught, catching) = mpsc::channel();
    spawn("shell signals", move || obey_signals(&signals, &signal_events, &stopped, &caught))?;
    // A Ctrl-C before signals are caught would end this process. An error is a sender that is gone: none can be caught.
    catching.recv().ok();
    spawn("shell messages", move || link.read(stream, &events_in, &answers_in))?;
    spawn("shell", move || {
        let outcome = shell.run();
        // The session's owner waits for this and for nothing else.
        drop(finish_in.send(Finish::Left(outcome)));
    })?;
    let outcome = wait(&finish, &saved);
    stop.notify_one();
    outcome
}

fn config() -> Config {
    Config::builder().max_history_size(LINES_MAX).and_then(|builder| builder.history_ignore_dups(true)).map_or_else(
        |_| Config::default(),
        |mut builder| {
            // Colour is how a secret is masked, so no setting may switch it off.
            // Marks around each repaint only confuse programs that read the screen.
            builder.enable_synchronized_output(false);
            builder.auto_add_history(false).bracketed_paste(true).color_mode(ColorMode::Forced).build()
        },
    )
}

fn editor() -> Result<Editor<Mask, FileHistory>, Lost> {
    let config = config();
    let history = FileHistory::with_config(&config);
    Editor::with_history(config, history).map_err(|error| Lost(format!("the terminal cannot be used: {error}")))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Prints what comes above the line being typed, on a thread of its own: the editor takes one text at a time.
fn print_above(editor: &mut Editor<Mask, FileHistory>, texts: Receiver<String>) -> io::Result<()> {
    let printer = editor.create_external_printer();
    spawn("shell notices", move || {
        let mut printer = printer.ok();
        for mut text in texts {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            match &mut printer {
                // The terminal is gone: the editor meets the same end.
                Some(printer) => drop(printer.print(text)),
                None => print(&text),
            }
        }
    })
}

/// Interrupts the running line at Ctrl-C, and ends the session in order when the process is told to end.
/// Says by `caught` that it does from then on.
fn obey_signals(link: &Link, events: &SyncSender<Event>, stop: &tokio::sync::Notify, caught: &mpsc::Sender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
    runtime.block_on(async {
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            return;
        };
        // The other side waits for it, or is gone with the session.
        caught.send(()).ok();
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => {
                    if link.is_running() {
                        // Behind the `^C` that the terminal shows, and before what the command says to it.
                        print("\n");
                    }
                    link.interrupt();
                }
                Some(()) = terminate.recv() => return link.lose(Lost("this process was told to end".to_owned()), events),
                Some(()) = hang_up.recv() => return link.lose(Lost("the terminal hung up".to_owned()), events),
                () = stop.notified() => return,
            }
        }
    });
}

/// Writes to the terminal; when it is gone the editor meets the same end.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

impl Shell {
    fn run(mut self) -> Result<Outcome, Lost> {
        loop {
            let status = match self.command_line()? {
                Typed::Text(text) => self.run_lines(&text)?,
                Typed::Aborted if self.desk.take_leaves() => self.run_line("exit configuration-mode", false)?,
                Typed::Aborted => continue,
                Typed::End => self.run_line("exit", false)?,
                Typed::Gone => return Ok(Outcome::Done),
            };
            if status == Status::Closed {
                return Ok(Outcome::Done);
            }
        }
    }

    fn command_line(&mut self) -> Result<Typed, Lost> {
        let prompt = self.desk.prompt();
        self.histories.switch(&prompt.mode, self.editor.history_mut());
        self.desk.set_command(true);
        let typed = self.read_line(&prompt);
        self.desk.set_command(false);
        typed
    }

    /// Reads one line, with notices above it.
    fn read_line(&mut self, prompt: &Prompt) -> Result<Typed, Lost> {
        for notice in self.desk.link.wait_for(Waits::Line)? {
            print(&format!("{notice}\n"));
        }
        if !prompt.banner.is_empty() {
            print(&format!("{}\n", printable(&prompt.banner)));
        }
        let line = self.editor.readline(&printable(&prompt.text));
        self.desk.link.waited();
        Ok(match line {
            Ok(text) => Typed::Text(text),
            Err(ReadlineError::Interrupted) => Typed::Aborted,
            Err(ReadlineError::Eof) => Typed::End,
            Err(error) => {
                tracing::debug!(%error, "the terminal is gone");
                Typed::Gone
            }
        })
    }

    /// Runs a line, or the lines of a paste up to the first that fails.
    fn run_lines(&mut self, text: &str) -> Result<Status, Lost> {
        let lines: Vec<&str> = text.lines().collect();
        let is_paste = lines.len() > 1;
        for (index, line) in lines.iter().enumerate() {
            if is_paste {
                print(&format!("{}{line}\n", printable(&self.desk.prompt().text)));
            }
            match self.run_line(line, true)? {
                Status::Done => {}
                Status::Failed => {
                    let left = lines.len().saturating_sub(index + 1);
                    if left > 0 {
                        print(&format!("({left} more pasted lines were not run)\n"));
                    }
                    return Ok(Status::Failed);
                }
                Status::Closed => return Ok(Status::Closed),
            }
        }
        Ok(Status::Done)
    }

    /// Runs one line; it enters history when a person typed it and the daemon does not say otherwise.
    fn run_line(&mut self, line: &str, is_typed: bool) -> Result<Status, Lost> {
        self.tell_size()?;
        self.files.begin(line);
        let Some(id) = self.desk.link.begin(line) else {
            print("error: the line is too long; put it into a file\n");
            return Ok(Status::Failed);
        };
        let mut run =
            Running { id, pager: Pager::new(self.size, self.pager), is_quiet: false, is_forgotten: !is_typed };
        let status = loop {
            match self.events.recv_timeout(SIZE_EVERY) {
                Ok(Event::Message(message)) => {
                    if let Some(status) = self.take(message, &mut run)? {
                        break status;
                    }
                }
                Ok(Event::Lost(lost)) => return Err(lost),
                Err(RecvTimeoutError::Timeout) => self.tell_size()?,
                Err(RecvTimeoutError::Disconnected) => return Err(Lost::instead_of_message(None)),
            }
        };
        self.desk.link.ended();
        if run.pager.is_mid_row() {
            print("\n");
        }
        if !run.is_forgotten {
            self.histories.add(line, self.editor.history_mut());
        }
        Ok(status)
    }

    /// Does what one message says while a line runs; returns how the line ended when it did.
    fn take(&mut self, message: FromDaemon, run: &mut Running) -> Result<Option<Status>, Lost> {
        let (files, desk) = (&mut self.files, &self.desk);
        if desk.link.with_stream(|stream| files.serve(&message, stream))? {
            return Ok(None);
        }
        match message {
            FromDaemon::Output { stream: Stream::Out, .. } if run.is_quiet => {}
            FromDaemon::Output { chunk, .. } => self.output(&coloured(&chunk), run)?,
            FromDaemon::Ask { ask, kind, prompt } => {
                let answer = self.ask(kind, &prompt)?;
                self.reply(ask, answer)?;
            }
            FromDaemon::Prompt(prompt) => self.desk.set_prompt(prompt),
            FromDaemon::Paginate { id, wanted } if id == run.id => run.pager.enabled &= wanted,
            FromDaemon::CompleteOnSpace { wanted } => self.desk.completes_on_space.store(wanted, Ordering::Relaxed),
            FromDaemon::Forget { id } if id == run.id => run.is_forgotten = true,
            FromDaemon::Done { id, status } if id == run.id => return Ok(Some(status)),
            _ => {}
        }
        Ok(None)
    }

    /// Prints output, stopping at each full screen.
    fn output(&self, mut text: &str, run: &mut Running) -> Result<(), Lost> {
        while !text.is_empty() {
            let (page, rest) = text.split_at(run.pager.fits(text));
            print(page);
            text = rest;
            if rest.is_empty() {
                break;
            }
            self.desk.link.wait_for(Waits::Key)?;
            let key = pager_key(|| print(MORE));
            self.desk.link.waited();
            print(LESS);
            match key {
                Key::Page => run.pager.page(),
                Key::Line => run.pager.line(),
                // The rest is thrown away here, so that the command still ends as it would have, and says how.
                Key::Quit => {
                    run.mute();
                    return Ok(());
                }
                Key::Interrupt => {
                    self.desk.link.interrupt();
                    run.mute();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Asks the person what the daemon wants to know; nothing of it enters a history.
    fn ask(&mut self, kind: AskKind, prompt: &str) -> Result<Answer, Lost> {
        let empty = FileHistory::with_config(&config());
        let history = std::mem::replace(self.editor.history_mut(), empty);
        self.desk.is_masked.store(kind == AskKind::Secret, Ordering::Relaxed);
        // Where the editor cannot mask, the terminal itself must not echo; dropped on every way out of here.
        let _unseen = (kind == AskKind::Secret).then(Unseen::begin);
        let answer = if kind == AskKind::Multiline { self.ask_lines(prompt) } else { self.ask_line(prompt) };
        self.desk.is_masked.store(false, Ordering::Relaxed);
        *self.editor.history_mut() = history;
        answer
    }

    fn ask_line(&mut self, prompt: &str) -> Result<Answer, Lost> {
        let (banner, text) = prompt.rsplit_once('\n').unwrap_or(("", prompt));
        let prompt = Prompt { banner: banner.to_owned(), text: text.to_owned(), mode: String::new(), has_edits: false };
        Ok(match self.read_line(&prompt)? {
            Typed::Text(text) => Answer::Text(text),
            Typed::Aborted => Answer::Interrupt,
            Typed::End | Typed::Gone => Answer::Eof,
        })
    }

    fn ask_lines(&mut self, prompt: &str) -> Result<Answer, Lost> {
        let prompt = prompt.trim_end_matches('\n');
        if !prompt.is_empty() {
            print(&format!("{}\n", printable(prompt)));
        }
        let line = Prompt { banner: String::new(), text: "> ".to_owned(), mode: String::new(), has_edits: false };
        let mut lines = String::new();
        loop {
            match self.read_line(&line)? {
                Typed::Text(text) => {
                    lines.push_str(&text);
                    lines.push('\n');
                }
                Typed::Aborted => return Ok(Answer::Interrupt),
                Typed::End | Typed::Gone => return Ok(Answer::Text(lines)),
            }
        }
    }

    fn reply(&mut self, ask: u64, answer: Answer) -> Result<(), Lost> {
        if let Answer::Text(text) = &answer {
            self.files.typed(text);
        }
        let message = FromClient::Reply { ask, answer };
        if protocol::encode(&message).is_ok() {
            return self.desk.link.send(&message);
        }
        print("error: the answer is too long; put it into a file\n");
        self.desk.link.send(&FromClient::Reply { ask, answer: Answer::Interrupt })
    }

    /// Tells the daemon when the window has another size.
    fn tell_size(&mut self) -> Result<(), Lost> {
        let size = self.editor.dimensions();
        if let Some((columns, rows)) = size.filter(|_| size != self.size) {
            self.size = size;
            self.desk.link.send(&FromClient::Resize { columns, rows })?;
        }
        Ok(())
    }
}

/// A line that runs.
struct Running {
    id: u64,
    pager: Pager,
    /// The person wants to see no more of it.
    is_quiet: bool,
    is_forgotten: bool,
}

impl Running {
    /// Shows no more of the command's output, only how it ends.
    fn mute(&mut self) {
        self.pager.page();
        self.pager.enabled = false;
        self.is_quiet = true;
    }
}
