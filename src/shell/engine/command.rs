//! What a command is: its words, where it may be used, what follows it, and what runs it.

use super::line::{Call, Given};
use super::{Engine, Fault};
use crate::shell::Status;

/// The two modes of the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Operational,
    Configuration,
}

impl Mode {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::Configuration => "configuration",
        }
    }
}

/// What words that name a place in the configuration are for: it decides what completion offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Something that is there is looked at or taken away.
    Existing,
    /// A place is gone to, that may not be there yet.
    Place,
}

/// Which tree a path is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    Running,
    Candidate,
}

/// What completion offers for a text behind a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// Nothing: any text.
    Any,
    /// Severities, and no other text may stand there.
    Severities,
    /// Types of resources that have alarms.
    ResourceTypes,
    /// Resources that have alarms, of the type given.
    Resources,
    /// Types of alarms in the list.
    AlarmTypes,
    /// HTTP clients of running.
    HttpClients,
    /// Keystores, and entries of the truststore.
    Certificates,
    /// Some words, each with its help, and no other text may stand there.
    Words(&'static [(&'static str, &'static str)]),
    /// Alarm handlers.
    Handlers,
    /// Identifiers of alarms.
    Alarms,
}

/// What of the other arguments may stand together. Arguments are named by their words, positional ones as usage lines have
/// them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// With one of the first none of the others, and the other way round.
    Apart(&'static [&'static str], &'static [&'static str]),
    /// All of one of these, at least.
    OneOf(&'static [&'static [&'static str]]),
    /// The first only with the second.
    With(&'static str, &'static str),
}

/// One thing that may follow a command's words.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument {
    /// A word that stands for itself.
    Keyword { word: &'static str, help: &'static str },
    /// A word and a text behind it.
    Option { word: &'static str, value: &'static str, values: Values, required: bool, help: &'static str },
    /// A word that a number from 1 may follow.
    Counted { word: &'static str, value: &'static str, most: u64, help: &'static str },
    /// Words that lead to a place in the configuration.
    Path { purpose: Purpose, tree: Tree, help: &'static str },
    /// Words that lead to something that is there, and what is said of it behind them.
    PathAnd { then: &'static str, help: &'static str },
    /// Words that lead to a place and set values there.
    Statement { help: &'static str },
    /// A number.
    Number { name: &'static str, required: bool, help: &'static str },
    /// A text.
    Text { name: &'static str, help: &'static str },
    /// The identifier of an alarm, or how it begins.
    AlarmId { help: &'static str },
    /// One of some words.
    Choice { words: &'static [(&'static str, &'static str)] },
    /// Another command of a mode.
    Line { mode: Mode, required: bool, help: &'static str },
    /// The words of a command of either mode.
    CommandName { help: &'static str },
    /// None, but what of the others may stand together.
    Rule(Rule),
}

impl Argument {
    /// Returns whether it takes words by their place and not by a keyword.
    pub(super) fn is_positional(&self) -> bool {
        !matches!(self, Self::Keyword { .. } | Self::Option { .. } | Self::Counted { .. } | Self::Rule(_))
    }

    /// Returns what rules call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Keyword { word, .. } | Self::Option { word, .. } | Self::Counted { word, .. } => word,
            Self::Number { name, .. } | Self::Text { name, .. } => name,
            Self::AlarmId { .. } => "ALARM_ID",
            _ => "",
        }
    }

    /// Returns whether the command does nothing without it.
    pub(super) fn is_required(&self) -> bool {
        match self {
            Self::Number { required, .. } | Self::Line { required, .. } | Self::Option { required, .. } => *required,
            Self::Choice { .. } | Self::Text { .. } => true,
            _ => false,
        }
    }

    /// Returns whether it takes as many words as come.
    pub(super) fn is_greedy(&self) -> bool {
        matches!(self, Self::Path { .. } | Self::PathAnd { .. } | Self::Statement { .. } | Self::CommandName { .. })
    }

    /// Returns how it is written in a usage line.
    pub(super) fn usage(&self) -> String {
        match self {
            Self::Keyword { word, .. } => format!("[{word}]"),
            Self::Option { word, value, required: true, .. } => format!("{word} {value}"),
            Self::Option { word, value, .. } => format!("[{word} {value}]"),
            Self::Counted { word, value, .. } => format!("[{word} [{value}]]"),
            Self::AlarmId { .. } => "[ALARM_ID]".to_owned(),
            Self::Path { .. } => "[PATH]".to_owned(),
            Self::PathAnd { then, .. } => format!("PATH {then}"),
            Self::Statement { .. } => "[PATH] [LEAF VALUE]…".to_owned(),
            Self::Number { name, required: false, .. } => format!("[{name}]"),
            Self::Number { name, .. } | Self::Text { name, .. } => (*name).to_owned(),
            Self::Choice { words } => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("({})", words.join(" | "))
            }
            Self::Line { required: true, .. } => "COMMAND".to_owned(),
            Self::Line { .. } | Self::CommandName { .. } => "[COMMAND]".to_owned(),
            Self::Rule(_) => String::new(),
        }
    }

    /// Returns what it is for.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Keyword { help, .. }
            | Self::Option { help, .. }
            | Self::Counted { help, .. }
            | Self::Path { help, .. }
            | Self::PathAnd { help, .. }
            | Self::Statement { help }
            | Self::Number { help, .. }
            | Self::Text { help, .. }
            | Self::Line { help, .. }
            | Self::AlarmId { help }
            | Self::CommandName { help } => help,
            Self::Choice { .. } | Self::Rule(_) => "",
        }
    }
}

/// What a command's output may be piped through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piped {
    /// It has none worth piping.
    No,
    /// Lines.
    Lines,
    /// Entries of a list that the element keeps.
    Entries,
    /// A part of the configuration, which has several notations.
    Configuration,
}

/// Runs a command.
pub(super) type Run = fn(&mut Engine, &Given, &mut Call<'_>) -> Result<Status, Fault>;

/// A command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Command {
    pub(super) words: &'static [&'static str],
    pub(super) mode: Mode,
    /// One line, shown by `?`.
    pub(super) help: &'static str,
    /// What a person needs to know besides, shown by `help`.
    pub(super) about: &'static str,
    pub(super) arguments: &'static [Argument],
    pub(super) piped: Piped,
    pub(super) run: Run,
}

impl Command {
    /// Returns the words with a blank between two.
    pub(super) fn name(&self) -> String {
        self.words.join(" ")
    }

    /// Returns the words with what may follow them.
    pub(super) fn usage(&self) -> String {
        let arguments =
            self.arguments.iter().filter(|argument| !matches!(argument, Argument::Rule(_))).map(Argument::usage);
        std::iter::once(self.name()).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}
