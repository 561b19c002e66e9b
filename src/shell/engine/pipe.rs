//! What output can be piped through, one table.

use super::command::{Argument, Piped, Values};

/// What a pipe does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Match,
    Except,
    Find,
    Count,
    Last,
    NoMore,
    Save,
    Tee,
    Until,
    Trim,
    Number,
    Display,
    Compare,
}

/// A pipe.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) word: &'static str,
    pub(super) help: &'static str,
    /// What the command must print for it to make sense.
    pub(super) needs: Piped,
    pub(super) arguments: &'static [Argument],
    pub(super) effect: Effect,
}

const PATTERN: &[Argument] = &[Argument::Text { name: "PATTERN", help: "A regular expression" }];

/// All pipes.
pub(super) static PIPES: &[Pipe] = &[
    Pipe {
        word: "compare",
        help: "Shows what differs from another state of the configuration",
        needs: Piped::Configuration,
        arguments: &[Argument::Option {
            word: "rollback",
            value: "N",
            values: Values::Any,
            required: false,
            help: "The configuration before that many commits, not what is running",
        }],
        effect: Effect::Compare,
    },
    Pipe { word: "count", help: "Counts the lines", needs: Piped::Lines, arguments: &[], effect: Effect::Count },
    Pipe {
        word: "display",
        help: "Shows the configuration in another notation",
        needs: Piped::Configuration,
        arguments: &[Argument::Choice {
            words: &[
                ("curly", "As braces, the way it is shown without a pipe"),
                ("json", "As JSON with the names of the modules (RFC 7951)"),
                ("set", "As the commands that make it"),
                ("yaml", "As YAML"),
            ],
        }],
        effect: Effect::Display,
    },
    Pipe {
        word: "display",
        help: "Shows the entries in another notation",
        needs: Piped::Entries,
        arguments: &[Argument::Choice { words: &[("json", "As an array of JSON")] }],
        effect: Effect::Display,
    },
    Pipe {
        word: "except",
        help: "Shows the lines that do not match a pattern",
        needs: Piped::Lines,
        arguments: PATTERN,
        effect: Effect::Except,
    },
    Pipe {
        word: "find",
        help: "Shows the lines from the first that matches a pattern",
        needs: Piped::Lines,
        arguments: PATTERN,
        effect: Effect::Find,
    },
    Pipe {
        word: "last",
        help: "Shows the last lines",
        needs: Piped::Lines,
        arguments: &[Argument::Number { name: "LINES", required: true, help: "How many lines" }],
        effect: Effect::Last,
    },
    Pipe { word: "linnum", help: "Numbers the lines", needs: Piped::Lines, arguments: &[], effect: Effect::Number },
    Pipe {
        word: "match",
        help: "Shows the lines that match a pattern",
        needs: Piped::Lines,
        arguments: PATTERN,
        effect: Effect::Match,
    },
    Pipe {
        word: "no-more",
        help: "Does not stop at a full screen",
        needs: Piped::Lines,
        arguments: &[],
        effect: Effect::NoMore,
    },
    Pipe {
        word: "save",
        help: "Writes the output to a file on the machine of the shell",
        needs: Piped::Lines,
        arguments: &[Argument::Text { name: "FILE", help: "Name of the file" }],
        effect: Effect::Save,
    },
    Pipe {
        word: "tee",
        help: "Writes the output to a file on the machine of the shell, and shows it",
        needs: Piped::Lines,
        arguments: &[Argument::Text { name: "FILE", help: "Name of the file" }],
        effect: Effect::Tee,
    },
    Pipe {
        word: "trim",
        help: "Takes characters away from the beginning of each line",
        needs: Piped::Lines,
        arguments: &[Argument::Number { name: "COLUMNS", required: true, help: "How many characters" }],
        effect: Effect::Trim,
    },
    Pipe {
        word: "until",
        help: "Shows the lines up to the first that matches a pattern",
        needs: Piped::Lines,
        arguments: PATTERN,
        effect: Effect::Until,
    },
];
