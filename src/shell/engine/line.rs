//! From tokens to a command, its arguments and pipes: what running, completing and helping have in common.

use super::command::{Argument, Command, Mode, Piped, Rule, Values};
use super::pipe::{PIPES, Pipe};
use super::table::COMMANDS;
use crate::alarm::Severity;
use crate::codec::{Token, TokenKind};
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::shell::Terminal;
use std::ops::Range;
use std::sync::Arc;

/// Pipes of one line at most: every line of output goes through all of them, and people use two or three.
const PIPES_MAX: usize = 16;

/// A command line that runs, as handlers see it.
pub(super) struct Call<'t> {
    pub(super) source: Arc<Source>,
    pub(super) terminal: &'t mut dyn Terminal,
    pub(super) is_terminal: bool,
    pub(super) pipes: Vec<PipeCall>,
    /// The command behind `run` or `top`.
    pub(super) nested: Option<Box<Line>>,
    /// Stretches of the line that hold a secret in clear.
    pub(super) secrets: Vec<Range<usize>>,
}

/// What was given behind a command's words, or behind a pipe's name.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    /// Keywords, and options with their texts.
    options: Vec<(&'static str, String)>,
    /// An option whose text is still to come.
    pending: Option<&'static str>,
    /// The words of the positional argument.
    pub(super) words: Vec<Token>,
}

impl Given {
    /// Returns whether a keyword was given.
    pub(super) fn has(&self, word: &str) -> bool {
        self.pending == Some(word) || self.options.iter().any(|(given, _)| *given == word)
    }

    /// Returns the text given with an option.
    pub(super) fn option(&self, word: &str) -> Option<&str> {
        self.options.iter().find(|(given, _)| *given == word).map(|(_, text)| text.as_str())
    }

    /// Returns the first positional word.
    pub(super) fn word(&self) -> Option<&str> {
        self.words.first().and_then(Token::word)
    }

    /// Returns the option whose text is to come next.
    pub(super) fn pending(&self) -> Option<&'static str> {
        self.pending
    }

    /// Returns the option that cannot do without its text, which is to come next.
    pub(super) fn pending_text(&self, arguments: &[Argument]) -> Option<&'static str> {
        self.pending.filter(|option| counted(arguments, option).is_none())
    }

    /// Returns the arguments that may come next.
    pub(super) fn expects<'a>(&self, arguments: &'a [Argument]) -> Vec<&'a Argument> {
        // Behind the positional words only what the table has behind them.
        let mut may_follow = false;
        let open = |argument: &&Argument| match argument {
            Argument::Rule(_) => false,
            other if self.excluding(arguments, other).is_some() => false,
            Argument::Keyword { word, .. } => (self.words.is_empty() || may_follow) && !self.has(word),
            Argument::Option { word, .. } | Argument::Counted { word, .. } => self.words.is_empty() && !self.has(word),
            positional => {
                may_follow = !positional.is_greedy();
                self.words.is_empty() || positional.is_greedy()
            }
        };
        arguments.iter().filter(open).collect()
    }

    /// Returns whether what a rule names was given.
    fn is_given(&self, arguments: &[Argument], name: &str) -> bool {
        let is_positional = |argument: &Argument| argument.is_positional() && argument.name() == name;
        self.has(name) || !self.words.is_empty() && arguments.iter().any(is_positional)
    }

    /// Returns what was given that an argument cannot stand beside.
    fn excluding(&self, arguments: &[Argument], argument: &Argument) -> Option<&'static str> {
        let name = argument.name();
        rules(arguments).find_map(|rule| {
            let Rule::Apart(some, others) = rule else { return None };
            let against: &[&'static str] = match (some.contains(&name), others.contains(&name)) {
                (true, _) => others,
                (_, true) => some,
                _ => return None,
            };
            against.iter().copied().find(|other| *other != name && self.is_given(arguments, other))
        })
    }

    /// Says what is missing that rules ask for.
    fn missing(&self, arguments: &[Argument]) -> Option<String> {
        rules(arguments).find_map(|rule| match rule {
            Rule::Apart(..) => None,
            Rule::OneOf(sets) => {
                let is_given = sets.iter().any(|set| set.iter().all(|name| self.is_given(arguments, name)));
                let all = sets.iter().map(|set| set.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" and "));
                (!is_given).then(|| all.collect::<Vec<_>>().join(if sets.len() > 2 { ", or " } else { " or " }))
            }
            Rule::With(word, other) => {
                let is_missing = self.is_given(arguments, word) && !self.is_given(arguments, other);
                is_missing.then(|| format!("{other} with `{word}`"))
            }
        })
    }

    fn step(&mut self, arguments: &'static [Argument], token: &Token, source: &Arc<Source>) -> Result<(), Diagnostic> {
        let span = || token.span(source);
        if let Some(option) = self.pending
            && counted(arguments, option).is_some()
            && !token.word().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        {
            self.options.push((option, String::new()));
            self.pending = None;
        }
        if let Some(option) = self.pending {
            let Some(text) = token.word() else {
                return Err(Diagnostic::error(format!("expected a text behind `{option}`")).at(span()));
            };
            check_option(arguments, option, text).map_err(|d| d.at(span()))?;
            self.options.push((option, text.to_owned()));
            self.pending = None;
            return Ok(());
        }
        if let Some(word) = token.word().filter(|_| !token.quoted)
            && let Some(argument) = self.keyword(arguments, word)
        {
            match argument {
                Argument::Keyword { word, .. } => self.options.push((word, String::new())),
                Argument::Option { word, .. } | Argument::Counted { word, .. } => self.pending = Some(word),
                _ => {}
            }
            return Ok(());
        }
        let Some(positional) = self.expects(arguments).into_iter().find(|a| a.is_positional()) else {
            if let Some((argument, other)) = self.refused(arguments, token) {
                let said = format!("{} cannot stand beside {}", quoted(argument), quoted(other));
                return Err(Diagnostic::error(said).at(span()));
            }
            return Err(unknown_argument(&self.expects(arguments), token).at(span()));
        };
        check_word(positional, token).map_err(|d| d.at(span()))?;
        self.words.push(token.clone());
        Ok(())
    }

    /// Finds the argument that a word is which cannot stand beside what was given, and what that is.
    fn refused(&self, arguments: &[Argument], token: &Token) -> Option<(&'static str, &'static str)> {
        let word = token.word()?;
        let meant = arguments.iter().filter(|argument| match argument {
            Argument::Number { .. } => word.parse::<u64>().is_ok(),
            Argument::Keyword { word: known, .. } | Argument::Option { word: known, .. } => known.starts_with(word),
            _ => false,
        });
        meant.into_iter().find_map(|argument| Some((argument.name(), self.excluding(arguments, argument)?)))
    }

    /// Returns the keyword that a word stands for: whole, or begun where nothing else could be meant.
    fn keyword(&self, arguments: &'static [Argument], word: &str) -> Option<&'static Argument> {
        let keyword = |argument: &Argument| match argument {
            Argument::Keyword { word, .. } | Argument::Option { word, .. } | Argument::Counted { word, .. } => {
                Some(*word)
            }
            _ => None,
        };
        let open: Vec<&'static Argument> =
            self.expects(arguments).into_iter().filter(|a| keyword(a).is_some()).collect();
        if let Some(exact) = open.iter().find(|a| keyword(a) == Some(word)) {
            return Some(exact);
        }
        let begun: Vec<&'static Argument> =
            open.into_iter().filter(|a| keyword(a).is_some_and(|k| k.starts_with(word))).collect();
        match begun.as_slice() {
            [only] if !arguments.iter().any(Argument::is_greedy) => Some(only),
            _ => None,
        }
    }

    fn finish(&self, arguments: &'static [Argument], end: Span) -> Result<(), Diagnostic> {
        if let Some(option) = self.pending_text(arguments) {
            return Err(Diagnostic::error(format!("incomplete: expected a text behind `{option}`")).at(end));
        }
        let missing = self.expects(arguments).into_iter().filter(|a| a.is_required()).map(Argument::usage);
        let missing: Vec<String> = missing.collect();
        let missing = if missing.is_empty() { self.missing(arguments).into_iter().collect() } else { missing };
        if missing.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::error(format!("incomplete: expected {}", missing.join(" "))).at(end))
    }
}

/// Writes the name of an argument: words as they are typed, others as usage lines have them.
fn quoted(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_uppercase() || c == '_') { name.to_owned() } else { format!("`{name}`") }
}

fn rules(arguments: &[Argument]) -> impl Iterator<Item = Rule> + '_ {
    arguments.iter().filter_map(|argument| if let Argument::Rule(rule) = argument { Some(*rule) } else { None })
}

/// Returns the name and the most of the number that may follow a word.
fn counted(arguments: &[Argument], option: &str) -> Option<(&'static str, u64)> {
    arguments.iter().find_map(|argument| match argument {
        Argument::Counted { word, value, most, .. } if *word == option => Some((*value, *most)),
        _ => None,
    })
}

/// Refuses a text behind a word that cannot stand there.
fn check_option(arguments: &[Argument], option: &str, text: &str) -> Result<(), Diagnostic> {
    if let Some((value, most)) = counted(arguments, option) {
        return match text.parse::<u64>() {
            Ok(number) if (1..=most).contains(&number) => Ok(()),
            _ => Err(Diagnostic::error(format!("`{text}` is out of range: expected {value}, 1 to {most}"))),
        };
    }
    let values = arguments.iter().find_map(|argument| match argument {
        Argument::Option { word, values, .. } if *word == option => Some(*values),
        _ => None,
    });
    match values {
        Some(Values::Alarms) if !is_begun_id(text) => Err(no_begun_id(text)),
        Some(Values::Severities) => text.parse::<Severity>().map(drop).map_err(|unknown| {
            Diagnostic::error(unknown.to_string()).did_you_mean(text, Severity::ALL.map(Severity::as_str))
        }),
        Some(Values::Words(words)) if !words.iter().any(|(word, _)| *word == text) => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let said = Diagnostic::error(format!("`{text}` is not a valid value: expected {}", known.join(", ")));
            Err(said.did_you_mean(text, known))
        }
        _ => Ok(()),
    }
}

fn check_word(argument: &Argument, token: &Token) -> Result<(), Diagnostic> {
    let Some(word) = token.word() else {
        return match argument {
            Argument::Statement { .. } | Argument::Path { .. } | Argument::PathAnd { .. } => Ok(()),
            _ => Err(Diagnostic::error(format!("unexpected punctuation: expected {}", argument.usage()))),
        };
    };
    match argument {
        Argument::Number { name, .. } if word.parse::<u64>().is_err() => {
            Err(Diagnostic::error(format!("`{word}` is not a number: expected {name}")))
        }
        Argument::AlarmId { .. } if !is_begun_id(word) => Err(no_begun_id(word)),
        Argument::Choice { words } if !words.iter().any(|(known, _)| *known == word) => {
            let said = Diagnostic::error(format!("`{word}` is not a valid value: expected {}", argument.usage()));
            Err(said.did_you_mean(word, words.iter().map(|(known, _)| *known)))
        }
        _ => Ok(()),
    }
}

fn no_begun_id(word: &str) -> Diagnostic {
    Diagnostic::error(format!("`{word}` is not how an alarm's identifier begins: expected ALARM_ID"))
        .hint("four hexadecimal digits at least, as `show alarms detail` shows them")
}

/// Returns whether a word is an identifier, or enough of its beginning to be no keyword.
fn is_begun_id(word: &str) -> bool {
    word.len() >= 4 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn unknown_argument(expected: &[&Argument], token: &Token) -> Diagnostic {
    let said = Diagnostic::error("unknown argument");
    let words: Vec<&str> = expected
        .iter()
        .filter_map(|argument| match argument {
            Argument::Keyword { word, .. } | Argument::Option { word, .. } | Argument::Counted { word, .. } => {
                Some(*word)
            }
            _ => None,
        })
        .collect();
    if words.is_empty() {
        return said.hint("nothing more may follow here");
    }
    let near = said.clone().did_you_mean(token.word().unwrap_or(""), words.iter().copied());
    if near.hint.is_some() { near } else { said.hint(format!("expected one of {}", words.join(", "))) }
}

/// One pipe of a line.
#[derive(Debug, Clone)]
pub(super) struct PipeCall {
    pub(super) pipe: &'static Pipe,
    pub(super) given: Given,
    /// Where its name stands.
    pub(super) span: Span,
}

/// Where in a line the next token goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Into the words of a command.
    Words,
    /// Into the arguments of a command.
    Arguments,
    /// Into the name of a pipe.
    PipeName,
    /// Into the arguments of a pipe.
    PipeArguments,
}

/// A line being read.
#[derive(Debug, Clone)]
pub(super) struct Line {
    mode: Mode,
    possible: Vec<&'static Command>,
    word: usize,
    pub(super) stage: Stage,
    pub(super) given: Given,
    pub(super) pipes: Vec<PipeCall>,
    pub(super) nested: Option<Box<Line>>,
}

impl Line {
    pub(super) fn new(mode: Mode) -> Self {
        let possible = COMMANDS.iter().filter(|command| command.mode == mode).collect();
        Self { mode, possible, word: 0, stage: Stage::Words, given: Given::default(), pipes: Vec::new(), nested: None }
    }

    /// Returns whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        self.word == 0
    }

    /// Returns the command whose words are complete.
    pub(super) fn command(&self) -> Option<&'static Command> {
        self.possible.iter().copied().find(|command| command.words.len() == self.word)
    }

    /// Returns the words that may come next in the command's words, with their help.
    pub(super) fn next_words(&self) -> Vec<(&'static str, &'static str)> {
        let mut words: Vec<(&'static str, &'static str)> = Vec::new();
        for command in &self.possible {
            if let Some(word) = command.words.get(self.word)
                && !words.iter().any(|(known, _)| known == word)
            {
                let is_last = command.words.len() == self.word + 1;
                words.push((word, if is_last { command.help } else { group_help(word) }));
            }
        }
        words
    }

    /// Takes one token.
    pub(super) fn step(&mut self, token: &Token, source: &Arc<Source>) -> Result<(), Diagnostic> {
        if let Some(nested) = &mut self.nested {
            return nested.step(token, source);
        }
        match self.stage {
            Stage::Words => self.step_word(token, source),
            Stage::Arguments | Stage::PipeArguments if token.kind == TokenKind::Pipe => self.step_pipe(token, source),
            Stage::Arguments => match self.command() {
                Some(command) => self.given.step(command.arguments, token, source),
                None => Ok(()),
            },
            Stage::PipeName => self.step_pipe_name(token, source),
            Stage::PipeArguments => match self.pipes.last_mut() {
                Some(call) => call.given.step(call.pipe.arguments, token, source),
                None => Ok(()),
            },
        }
    }

    fn step_word(&mut self, token: &Token, source: &Arc<Source>) -> Result<(), Diagnostic> {
        let known = self.next_words();
        let found = match token.word() {
            Some(word) => find_word(&known, word, token.quoted).map_err(|d| d.at(token.span(source)))?,
            None => None,
        };
        let Some(word) = found else {
            if self.command().is_some() {
                self.enter_arguments();
                return self.step(token, source);
            }
            let what = if self.word == 0 { "unknown command" } else { "unknown argument" };
            let said = Diagnostic::error(what).at(token.span(source));
            if let Some(hint) = self.other_mode(token.word().unwrap_or("")) {
                return Err(said.hint(hint));
            }
            return Err(hint_words(said, token.word().unwrap_or(""), &known));
        };
        let at = self.word;
        self.possible.retain(|command| command.words.get(at) == Some(&word));
        self.word += 1;
        if let [only] = self.possible.as_slice()
            && only.words.len() == self.word
        {
            self.enter_arguments();
        }
        Ok(())
    }

    /// Says where the command is to be had that is meant here, if the other mode has it.
    fn other_mode(&self, word: &str) -> Option<String> {
        let first = match (self.word, self.possible.first()) {
            (0, _) => word,
            (_, Some(command)) => command.words.first()?,
            (_, None) => return None,
        };
        let is_there = |mode| COMMANDS.iter().any(|c| c.mode == mode && c.words.first() == Some(&first));
        match self.mode {
            Mode::Operational
                if is_there(Mode::Configuration) && (self.word == 0 || matches!(first, "set" | "commit")) =>
            {
                Some(format!("`{first}` edits the configuration: `configure` first enters configuration mode"))
            }
            Mode::Configuration if self.word == 0 && is_there(Mode::Operational) => {
                Some(format!("`run {first} …` runs a command of operational mode"))
            }
            _ => None,
        }
    }

    fn enter_arguments(&mut self) {
        self.stage = Stage::Arguments;
        let Some(command) = self.command() else { return };
        self.possible = vec![command];
        if let Some(Argument::Line { mode, .. }) = command.arguments.first() {
            self.nested = Some(Box::new(Self::new(*mode)));
        }
    }

    fn step_pipe(&mut self, token: &Token, source: &Arc<Source>) -> Result<(), Diagnostic> {
        let end = token.span(source);
        match (self.pipes.last(), self.command()) {
            (Some(call), _) => call.given.finish(call.pipe.arguments, end)?,
            (None, Some(command)) if command.piped == Piped::No => {
                return Err(Diagnostic::error(format!("`|` cannot follow `{}`", command.name())).at(end));
            }
            (None, Some(command)) => self.given.finish(command.arguments, end)?,
            (None, None) => {}
        }
        self.stage = Stage::PipeName;
        Ok(())
    }

    /// Returns the pipes that may come next.
    pub(super) fn next_pipes(&self) -> Vec<&'static Pipe> {
        let piped = self.command().map_or(Piped::No, |command| command.piped);
        let lines_only = self.pipes.iter().any(|call| call.pipe.needs == Piped::Lines);
        let is_formatted = self.pipes.iter().any(|call| call.pipe.needs != Piped::Lines);
        PIPES
            .iter()
            .filter(|pipe| match pipe.needs {
                Piped::Lines => piped != Piped::No,
                notation => notation == piped && !(lines_only || is_formatted),
            })
            .collect()
    }

    fn step_pipe_name(&mut self, token: &Token, source: &Arc<Source>) -> Result<(), Diagnostic> {
        let span = token.span(source);
        let pipes = self.next_pipes();
        let known: Vec<(&'static str, &'static str)> = pipes.iter().map(|pipe| (pipe.word, pipe.help)).collect();
        let word = token.word().unwrap_or("");
        let found = find_word(&known, word, token.quoted).map_err(|d| d.at(span.clone()))?;
        if let Some(pipe) = pipes.into_iter().find(|pipe| Some(pipe.word) == found) {
            if self.pipes.len() >= PIPES_MAX {
                let said = format!("more than the {PIPES_MAX} pipes that one line may have");
                return Err(Diagnostic::error(said).at(span).hint("save the output to a file, and go on from there"));
            }
            self.pipes.push(PipeCall { pipe, given: Given::default(), span });
            self.stage = Stage::PipeArguments;
            return Ok(());
        }
        let is_misplaced = PIPES.iter().any(|pipe| pipe.word == word);
        let what = if is_misplaced { "this pipe cannot be used here" } else { "unknown pipe command" };
        Err(hint_words(Diagnostic::error(what).at(span), word, &known))
    }

    /// Ends the line: nothing may be missing.
    pub(super) fn finish(&mut self, end: Span) -> Result<(), Diagnostic> {
        if self.stage == Stage::Words {
            self.enter_arguments();
        }
        if let Some(nested) = &mut self.nested {
            let is_required = self.possible.iter().any(|c| c.arguments.iter().any(Argument::is_required));
            if !nested.is_empty() || is_required {
                return nested.finish(end);
            }
            return Ok(());
        }
        let Some(command) = self.command() else {
            let words: Vec<&str> = self.next_words().into_iter().map(|(word, _)| word).collect();
            let said = Diagnostic::error(format!("incomplete command: expected {}", words.join(" or "))).at(end);
            return Err(match self.other_mode("").filter(|_| self.word == 1) {
                Some(hint) => said.hint(hint),
                None => said,
            });
        };
        if self.stage == Stage::PipeName {
            return Err(Diagnostic::error("incomplete: expected a pipe command behind `|`").at(end));
        }
        match self.pipes.last() {
            Some(call) => call.given.finish(call.pipe.arguments, end),
            None => self.given.finish(command.arguments, end),
        }
    }

    /// Returns the mode whose commands are read.
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }
}

/// Returns the known word that is meant: whole, or begun where only one begins so.
fn find_word(
    known: &[(&'static str, &'static str)],
    word: &str,
    quoted: bool,
) -> Result<Option<&'static str>, Diagnostic> {
    if let Some((exact, _)) = known.iter().find(|(name, _)| *name == word) {
        return Ok(Some(exact));
    }
    let begun: Vec<&'static str> = known.iter().map(|(name, _)| *name).filter(|name| name.starts_with(word)).collect();
    match begun.as_slice() {
        _ if quoted || word.is_empty() => Ok(None),
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => Err(Diagnostic::error(format!("`{word}` is ambiguous")).hint(several.join(", "))),
    }
}

fn hint_words(said: Diagnostic, word: &str, known: &[(&'static str, &'static str)]) -> Diagnostic {
    /// Words listed in a hint at most; `?` shows all with what they are for.
    const LISTED_MAX: usize = 12;
    let near = said.clone().did_you_mean(word, known.iter().map(|(name, _)| *name));
    if near.hint.is_some() || known.is_empty() {
        return near;
    }
    if known.len() > LISTED_MAX {
        return said.hint("`help` lists the commands");
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    said.hint(format!("expected one of {}", names.join(", ")))
}

/// Returns what a word stands for that begins several commands.
fn group_help(word: &str) -> &'static str {
    match word {
        "show" => "Shows what is configured and what goes on",
        "request" => "Asks the element to do something",
        "alarms" => "The alarms",
        "monitor" => "Shows what goes on as it happens",
        "commit" => "Confirms or takes back what awaits confirmation",
        "load" => "Reads configuration from a file",
        "set" | "cli" => "Settings of this session",
        "system" => "The element itself",
        _ => "",
    }
}
