//! Commands about the session itself: modes, settings, who is here, help.
#![allow(clippy::unnecessary_wraps, reason = "every command has the table's signature, whether or not it can fail")]

use super::command::{Command, Mode};
use super::commit::remind;
use super::fault::Fault;
use super::line::{Call, Given};
use super::table::COMMANDS;
use super::{EditMode, Editing, Engine};
use crate::datastore::{ExclusiveLock, Holder, Unconfirmed};
use crate::diagnostic::Diagnostic;
use crate::management::SessionMode;
use crate::shell::Status;
use crate::tree::DataPath;

/// What a person has set for this session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) alarms: bool,
    pub(super) complete_on_space: bool,
    /// `None` for the terminal's own.
    pub(super) screen_length: Option<u64>,
    /// Columns, 0 for no limit, `None` for the terminal's own.
    pub(super) screen_width: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { alarms: true, complete_on_space: true, screen_length: None, screen_width: None }
    }
}

fn is_on(given: &Given) -> bool {
    given.word() == Some("on")
}

fn number(given: &Given) -> u64 {
    given.word().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// `configure`
pub(super) fn configure(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    if engine.editing.is_some() {
        return Err(Fault::failed("this session is in configuration mode already"));
    }
    if ["private", "exclusive", "shared"].iter().filter(|word| given.has(word)).count() > 1 {
        return Err(Fault::failed("expected one of `private`, `exclusive` and `shared`"));
    }
    let datastore = engine.management.datastore();
    let (mode, candidate) = if given.has("exclusive") {
        (EditMode::Exclusive(exclusively(engine)?), datastore.candidate())
    } else if given.has("shared") {
        let candidate = engine.management.shared().get(datastore);
        (EditMode::Shared(candidate.tree.clone()), candidate)
    } else {
        (EditMode::Private, datastore.candidate())
    };
    let is_exclusive = given.has("exclusive");
    let others = (!is_exclusive).then(|| datastore.holder()).flatten();
    let (name, is_changed) = (mode.name(), candidate.is_changed());
    engine.editing = Some(Editing::new(mode, candidate));
    engine.session.set_mode(SessionMode::Configuration);
    if call.is_terminal {
        call.say(&format!("Entering configuration mode {name}\n"))?;
        if is_exclusive {
            call.say("Warning: uncommitted changes will be discarded on exit\n")?;
        }
        if is_changed {
            call.say("The configuration has been changed but not committed\n")?;
        }
    }
    if call.is_terminal {
        remind(engine, call)?;
    }
    if let Some(holder) = others {
        call.terminal
            .write_error(&format!("Warning: the configuration is locked by {holder}; it cannot be committed\n"))?;
    }
    Ok(Status::Done)
}

fn exclusively(engine: &Engine) -> Result<ExclusiveLock, Fault> {
    let holder = Holder {
        session: engine.session.id(),
        user: engine.user.clone(),
        via: engine.via.clone(),
        since: engine.management.clock().now(),
    };
    let lock = engine.management.datastore().lock(holder);
    lock.map_err(|holder| Fault::aborted(format!("the configuration is locked by {holder}")))
}

/// `exit` and `quit` in operational mode
pub(super) fn close(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    // Behind `run` it leaves configuration mode, and asks as much as `exit` does there.
    match &mut engine.editing {
        Some(editing) => {
            editing.at = DataPath::ROOT;
            super::edit::exit(engine, given, call)
        }
        None => Ok(Status::Closed),
    }
}

/// `run`
pub(super) fn run(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    match call.nested.take() {
        Some(line) => engine.execute(*line, call),
        None => Ok(Status::Done),
    }
}

/// `set cli alarms`
pub(super) fn set_alarms(engine: &mut Engine, given: &Given, _call: &mut Call<'_>) -> Result<Status, Fault> {
    engine.settings.alarms = is_on(given);
    engine.notices.set(engine.settings.alarms);
    Ok(Status::Done)
}

/// `set cli complete-on-space`
pub(super) fn set_complete_on_space(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    engine.settings.complete_on_space = is_on(given);
    call.terminal.complete_on_space(engine.settings.complete_on_space);
    Ok(Status::Done)
}

/// `set cli screen-length`
pub(super) fn set_screen_length(engine: &mut Engine, given: &Given, _call: &mut Call<'_>) -> Result<Status, Fault> {
    engine.settings.screen_length = Some(number(given));
    Ok(Status::Done)
}

/// `set cli screen-width`
pub(super) fn set_screen_width(engine: &mut Engine, given: &Given, _call: &mut Call<'_>) -> Result<Status, Fault> {
    engine.settings.screen_width = Some(usize::try_from(number(given)).unwrap_or(usize::MAX));
    Ok(Status::Done)
}

/// `show cli`
pub(super) fn show_cli(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let on_off = |on: bool| if on { "on" } else { "off" };
    let settings = engine.settings;
    let length = settings.screen_length.map_or_else(|| "terminal".to_owned(), |lines| lines.to_string());
    let width = settings.screen_width.map_or_else(|| "terminal".to_owned(), |columns| columns.to_string());
    call.print(&format!(
        "alarms            {};\ncomplete-on-space {};\nscreen-length     {length};\nscreen-width      {width};\n",
        on_off(settings.alarms),
        on_off(settings.complete_on_space),
    ))
}

/// `who`
pub(super) fn who(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let mut lines = vec![format!("{:<8} {:<16} {:<10} {:<19} Mode", "Session", "User", "Via", "Since")];
    for session in engine.management.sessions() {
        let mark = if session.id == engine.session.id() { "*" } else { "" };
        let number = format!("{mark}{}", session.id);
        let mode = match session.mode {
            SessionMode::Operational => Mode::Operational,
            SessionMode::Configuration => Mode::Configuration,
        };
        let since = engine.local_time(session.since);
        let (user, via) = (&session.user, &session.via);
        lines.push(format!("{number:<8} {user:<16} {via:<10} {since} {}", mode.name()));
    }
    call.print_lines(&lines)
}

/// `status`
pub(super) fn status(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let mut lines = vec!["Users currently editing the configuration:".to_owned()];
    let datastore = engine.management.datastore();
    let holder = datastore.holder();
    for session in engine.management.sessions().iter().filter(|s| s.mode == SessionMode::Configuration) {
        let since = engine.local_time(session.since);
        let exclusive =
            if holder.as_ref().is_some_and(|holder| holder.session == session.id) { ", exclusive" } else { "" };
        lines.push(format!("  {} {} (session {}) on since {since}{exclusive}", session.user, session.via, session.id));
    }
    if let Some(Unconfirmed { revision, user, deadline, .. }) = datastore.unconfirmed() {
        let deadline = engine.local_time(deadline);
        lines.push(format!("Revision {revision} by {user} awaits confirmation until {deadline}."));
    }
    call.print_lines(&lines)
}

/// `help`
pub(super) fn help(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let mode = engine.mode();
    if given.words.is_empty() {
        let commands: Vec<&Command> = COMMANDS.iter().filter(|command| command.mode == mode).collect();
        let width = commands.iter().map(|command| command.name().len()).max().unwrap_or(0);
        let line = |command: &Command| format!("{:<width$} - {}", command.name(), command.help);
        let lines: Vec<String> = commands.into_iter().map(|command| engine.cut(&line(command))).collect();
        return call.print_lines(&lines);
    }
    let words: Vec<&str> = given.words.iter().filter_map(|token| token.word()).collect();
    let named: Vec<&Command> = COMMANDS
        .iter()
        .filter(|c| c.words.len() >= words.len() && c.words.iter().zip(&words).all(|(a, b)| a == b))
        .collect();
    let in_mode: Vec<&Command> = named.iter().copied().filter(|command| command.mode == mode).collect();
    let shown = if in_mode.is_empty() { named } else { in_mode };
    if shown.is_empty() {
        let said = Diagnostic::error("unknown command");
        let said = said.at_maybe(given.words.first().map(|token| token.span(&call.source)));
        return Err(said
            .did_you_mean(words.first().unwrap_or(&""), COMMANDS.iter().filter_map(|c| c.words.first().copied()))
            .into());
    }
    let explained: Vec<Vec<String>> = shown.into_iter().map(explain).collect();
    call.print_lines(&explained.join(&String::new()))
}

/// Writes a command's usage and what its arguments are for.
fn explain(command: &Command) -> Vec<String> {
    let mut lines = vec![command.usage(), String::new(), format!("{}.", command.help)];
    if !command.about.is_empty() {
        lines.push(command.about.to_owned());
    }
    let arguments: Vec<_> = command.arguments.iter().filter(|argument| !argument.help().is_empty()).collect();
    let width = arguments.iter().map(|argument| argument.usage().chars().count()).max().unwrap_or(0);
    if !arguments.is_empty() {
        lines.push(String::new());
    }
    lines.extend(arguments.iter().map(|a| format!("  {:<width$} - {}", a.usage(), a.help())));
    lines
}
