//! The shell's language: commands over the management of the element, in the J style of `ConfD`.
//!
//! One table of commands and the schema give running, abbreviation, completion, `?`, `help` and the reference.
//!
//! **Invariants**: a line that is refused leaves the candidate as it was. A secret typed in clear is kept out of
//! history and of what scripts log. Text from data cannot steer a terminal. No line, and no place in one, panics.

mod alarm_actions;
mod alarm_follow;
mod alarm_text;
mod alarms;
mod ask;
mod columns;
mod command;
mod commit;
mod complete;
mod deliveries;
mod delivery_detail;
mod delivery_text;
mod edit;
mod explain;
mod facilities;
mod fault;
mod file;
mod handlers;
mod line;
mod notes;
mod output;
mod pipe;
mod reference;
mod refusal;
mod session;
mod show;
mod status;
mod table;
mod times;
mod values;

pub use reference::reference;

use super::server::NoticeSwitch;
use super::{Candidates, Interpreter, Prompt, Status, Terminal};
use crate::codec::{Format, SecretNames, lex, path_words};
use crate::datastore::{Candidate, ExclusiveLock};
use crate::diagnostic::{Source, Span, printable};
use crate::management::{Management, SessionHandle, SessionsExhausted};
use crate::tree::{DataPath, DataTree};
use command::{Mode, Run};
use fault::{Fault, Telling};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use line::{Call, Line};
use output::Output;
use pipe::Effect;
use session::Settings;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// Bytes of a line at most: a certificate chain fits, and a bound on what a session may cost.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Columns of a screen that has room for whole times in tables.
const WIDE_COLUMNS: usize = 160;

/// Who is at the shell.
#[derive(Debug, Clone, Default)]
pub struct EngineSession {
    /// Whom the prompt greets and commits are by.
    pub user: String,
    /// The element's name, in the prompt.
    pub node: String,
    /// How the session came: `console`, `script`, `command`.
    pub via: String,
    /// Switches alarms above the line off and on.
    pub notices: NoticeSwitch,
    /// Its number at the shell's server: what it does itself is not told to it above its line.
    pub session: Option<u64>,
}

/// One session's interpreter.
pub struct Engine {
    management: Management,
    session: SessionHandle,
    user: String,
    node: String,
    via: String,
    notices: NoticeSwitch,
    /// Its number at the shell's server.
    number: Option<u64>,
    /// Behind what words a line may hold a secret, whether or not it is understood.
    names: SecretNames,
    zone: TimeZone,
    settings: Settings,
    editing: Option<Editing>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({}@{})", self.user, self.node)
    }
}

/// How configuration mode was entered.
enum EditMode {
    /// A candidate of one's own.
    Private,
    /// A candidate of one's own, and commits of others are refused.
    Exclusive(#[allow(dead_code, reason = "held until configuration mode is left")] ExclusiveLock),
    /// The one candidate that all who came so edit together, and what it was when this session looked last.
    Shared(DataTree),
}

impl EditMode {
    fn name(&self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Exclusive(_) => "exclusive",
            Self::Shared(_) => "shared",
        }
    }
}

/// What configuration mode has.
struct Editing {
    mode: EditMode,
    candidate: Candidate,
    /// The edit level.
    at: DataPath,
    /// The edit levels to go back to.
    levels: Vec<DataPath>,
}

impl Editing {
    fn new(mode: EditMode, candidate: Candidate) -> Self {
        Self { mode, candidate, at: DataPath::ROOT, levels: Vec::new() }
    }
}

impl Engine {
    /// Opens a session.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(management: Management, session: EngineSession) -> Result<Self, SessionsExhausted> {
        let EngineSession { user, node, via, notices, session: number } = session;
        let names = SecretNames::of(management.datastore().plan().schema());
        let names = names.knowing(table::COMMANDS.iter().flat_map(|command| command.words).copied());
        Ok(Self {
            session: management.open_session(&user, &via)?,
            management,
            user,
            node,
            via,
            notices,
            number,
            names,
            zone: TimeZone::system(),
            settings: Settings::default(),
            editing: None,
        })
    }

    /// Opens a session for the shell's server; when there are too many, what says so.
    #[must_use]
    pub fn open(management: Management, session: EngineSession) -> Box<dyn Interpreter> {
        match Self::new(management, session) {
            Ok(engine) => Box::new(engine),
            Err(exhausted) => Box::new(refusal::Refusal(exhausted)),
        }
    }

    /// Takes up what others made of a shared candidate, and of running where nothing is edited here.
    fn take_shared(&mut self) {
        let management = self.management.clone();
        if let Some(Editing { mode: EditMode::Shared(taken), candidate, .. }) = &mut self.editing {
            *candidate = management.shared().get(management.datastore());
            *taken = candidate.tree.clone();
        } else if let Some(Editing { candidate, .. }) = &mut self.editing {
            management.datastore().follow(candidate);
        }
    }

    /// Shows others what this session made of a shared candidate.
    fn give_shared(&mut self) {
        if let Some(Editing { mode: EditMode::Shared(taken), candidate, .. }) = &mut self.editing {
            self.management.shared().put(taken, candidate.clone());
            *taken = candidate.tree.clone();
        }
    }

    fn mode(&self) -> Mode {
        if self.editing.is_some() { Mode::Configuration } else { Mode::Operational }
    }

    fn editing(&mut self) -> Result<&mut Editing, Fault> {
        self.editing.as_mut().ok_or_else(|| Fault::failed("this is a command of configuration mode"))
    }

    /// Writes a time as people at this machine read it.
    fn local_time(&self, time: Timestamp) -> impl fmt::Display + use<> {
        time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Returns how many columns the screen has that a table is for; none where no person looks at it, no limit is known, or
    /// a pipe looks for something in it or keeps it.
    fn screen(&self, call: &Call<'_>) -> Option<usize> {
        let hello = call.terminal.hello();
        let size = || usize::from(hello.size.map_or(0, |(columns, _)| columns));
        let columns = self.settings.screen_width.unwrap_or_else(size);
        let is_shown =
            |effect| matches!(effect, Effect::NoMore | Effect::Count | Effect::Last | Effect::Number | Effect::Display);
        let is_shown = call.pipes.iter().all(|pipe| is_shown(pipe.pipe.effect));
        (call.is_terminal && is_shown && columns > 0).then_some(columns)
    }

    /// Returns whether a table is for a screen that has no room for all.
    fn is_narrow(&self, call: &Call<'_>) -> bool {
        self.screen(call).is_some_and(|columns| columns < WIDE_COLUMNS)
    }

    /// Returns how a table writes times: shortened on a narrow screen, where today's have no date.
    fn brief_time(&self, call: &Call<'_>) -> impl Fn(Timestamp) -> String + use<> {
        let is_narrow = self.is_narrow(call);
        let (zone, now) = (self.zone.clone(), self.management.clock().now());
        move |time| {
            let (time, now) = (time.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
            let format = match is_narrow {
                true if time.date() == now.date() => "%H:%M:%S",
                true => "%m-%d %H:%M:%S",
                false => "%Y-%m-%d %H:%M:%S",
            };
            time.strftime(format).to_string()
        }
    }

    fn prompt_text(&self) -> String {
        let mark = if self.editing.is_some() { '%' } else { '>' };
        format!("{}@{}{mark} ", self.user, self.node)
    }

    /// Cuts a line of help to the width of the screen.
    fn cut(&self, line: &str) -> String {
        match self.settings.screen_width {
            None | Some(0) => line.to_owned(),
            Some(width) => line.chars().take(width).collect(),
        }
    }

    /// Runs what was read of a line.
    fn execute(&mut self, line: Line, call: &mut Call<'_>) -> Result<Status, Fault> {
        let Some(command) = line.command() else { return Ok(Status::Done) };
        let run: Run = command.run;
        call.pipes = line.pipes;
        call.nested = line.nested;
        run(self, &line.given, call)
    }

    fn read_and_run(&mut self, call: &mut Call<'_>) -> Result<Status, Fault> {
        let end = call.source.text().len();
        let (tokens, faults) = lex(&call.source, 0, end);
        if faults.has_errors() {
            return Err(Fault::Syntax(faults));
        }
        if tokens.is_empty() {
            return Ok(Status::Done);
        }
        let mut line = Line::new(self.mode());
        for token in &tokens {
            line.step(token, &call.source)?;
        }
        let end = tokens.last().map_or(0, |token| token.end);
        line.finish(Span::new(&call.source, end, end))?;
        self.execute(line, call)
    }
}

/// Returns whether a line is a command of either mode, as far as the grammar says.
#[must_use]
pub fn is_command(line: &str) -> bool {
    let source = Source::new("command", line);
    let (tokens, faults) = lex(&source, 0, line.len());
    let reads = |mode: Mode| {
        let mut read = Line::new(mode);
        tokens.iter().all(|token| read.step(token, &source).is_ok())
            && read.finish(Span::new(&source, line.len(), line.len())).is_ok()
    };
    !faults.has_errors() && (reads(Mode::Operational) || reads(Mode::Configuration))
}

impl Call<'_> {
    /// Tells the person or script something that is the command's own output.
    fn say(&mut self, text: &str) -> Result<(), Fault> {
        Ok(self.terminal.write(text)?)
    }

    /// Sends a text through the pipes of the line.
    fn print(&mut self, text: &str) -> Result<Status, Fault> {
        let pipes = std::mem::take(&mut self.pipes);
        let mut output = Output::new(self.terminal, self.is_terminal, &pipes)?;
        output.write(|out| out.write_str(text));
        output.finish()?;
        Ok(Status::Done)
    }
}

impl Call<'_> {
    /// Says that there is nothing to list; a script's output stays empty, and is told beside it.
    fn nothing(&mut self, text: &str) -> Result<Status, Fault> {
        let terminal = &mut self.terminal;
        let said = if self.is_terminal { terminal.write(text) } else { terminal.write_error(text) };
        said?;
        Ok(Status::Done)
    }

    /// Sends lines through the pipes of the line.
    fn print_lines(&mut self, lines: &[String]) -> Result<Status, Fault> {
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        self.print(&text)
    }
}

impl Interpreter for Engine {
    fn prompt(&self) -> Prompt {
        let banner = match &self.editing {
            None => String::new(),
            Some(editing) => {
                let words = printable(&path_words(editing.candidate.tree.schema(), &editing.at));
                if words.is_empty() { "\n[edit]".to_owned() } else { format!("\n[edit {words}]") }
            }
        };
        let has_edits = self.editing.as_ref().is_some_and(|editing| editing.candidate.is_changed());
        Prompt { banner, text: self.prompt_text(), mode: self.mode().name().to_owned(), has_edits }
    }

    fn line(&mut self, line: &str, terminal: &mut dyn Terminal) -> Status {
        let hello = terminal.hello();
        // Understood or not, and be it a remark: what may be a secret stays out of history.
        let hidden = self.names.stretches(line, Format::Set);
        if hidden.iter().any(|stretch| !line.get(stretch.clone()).is_some_and(|text| text.starts_with('|'))) {
            terminal.forget_line();
        }
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', '!']) {
            return Status::Done;
        }
        terminal.paginate(self.settings.screen_length != Some(0));
        let is_terminal = hello.is_terminal;
        let prompt_width = self.prompt_text().chars().count();
        let source = Source::new("command", if line.len() > LINE_BYTES_MAX { "" } else { line });
        let mut call = Call { source, terminal, is_terminal, pipes: Vec::new(), nested: None, secrets: Vec::new() };
        let result = if line.len() > LINE_BYTES_MAX {
            Err(Fault::failed(format!("the line is longer than the {LINE_BYTES_MAX} bytes allowed")))
        } else {
            self.take_shared();
            let result = self.read_and_run(&mut call);
            self.give_shared();
            result
        };
        let (source, secrets) = (Arc::clone(&call.source), std::mem::take(&mut call.secrets));
        let (status, word) = match result {
            Ok(status) => (status, "ok"),
            Err(fault) => {
                let schema = Arc::clone(self.management.datastore().plan().schema());
                self.names.conceal(&source, Format::Set);
                for stretch in secrets {
                    source.conceal(stretch);
                }
                let telling = Telling { schema: &schema, prompt_width };
                telling.tell(fault, terminal, is_terminal);
                (Status::Failed, "error")
            }
        };
        if is_terminal && status != Status::Closed {
            let now = self.local_time(self.management.clock().now());
            // Not as output, of which the person may want to see no more. A terminal that is gone is noticed by whoever
            // reads from it.
            terminal.write_error(&format!("[{word}][{now}]\n")).ok();
        }
        status
    }

    fn complete(&mut self, line: &str, position: usize) -> Candidates {
        self.candidates(line, position, false)
    }

    fn help(&mut self, line: &str, position: usize) -> Candidates {
        self.candidates(line, position, true)
    }
}
