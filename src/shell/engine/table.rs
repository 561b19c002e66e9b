//! The one table of commands: running, abbreviation, completion, `?`, `help` and the reference are read from it.

use super::command::{Argument, Command, Mode, Piped, Purpose, Rule, Tree, Values};
use super::{
    alarm_actions, alarm_follow, alarms, commit, deliveries, edit, facilities, file, handlers, notes, session, show,
    status,
};
use Argument::{AlarmId, Choice, CommandName, Counted, Keyword, Line, Number, Option, Path, PathAnd, Statement, Text};
use Mode::{Configuration, Operational};

/// A text behind a word, that may be left out.
const fn text(word: &'static str, help: &'static str) -> Argument {
    Option { word, value: "TEXT", values: Values::Any, required: false, help }
}

/// What narrows a list of alarms down.
const fn only(word: &'static str, value: &'static str, values: Values, help: &'static str) -> Argument {
    Option { word, value, values, required: false, help }
}

/// What an operator says of an alarm.
const fn part(word: &'static str, value: &'static str, values: Values, help: &'static str) -> Argument {
    Option { word, value, values, required: true, help }
}

const RESOURCE_TYPE: Argument =
    part("resource-type", "TYPE", Values::ResourceTypes, "What kind of resource it is about");
const RESOURCE: Argument = part("resource", "RESOURCE", Values::Resources, "Which resource it is about");
const ALARM_TYPE: Argument = part("alarm-type", "TYPE", Values::AlarmTypes, "What is wrong with the resource");
const QUALIFIER: Argument = text("qualifier", "What tells apart alarms of one type on one resource");

const OPERATOR_STATES: Values = Values::Words(&[
    ("none", "Nobody takes care of it"),
    ("ack", "Somebody takes care of it"),
    ("closed", "Somebody says that it is resolved"),
    ("shelved", "It is on a shelf"),
    ("un-shelved", "It was on a shelf"),
]);

const WRITABLE_STATES: Values = Values::Words(&[
    ("none", "Nobody takes care of it"),
    ("ack", "Somebody takes care of it"),
    ("closed", "Somebody says that it is resolved"),
]);

const CLEARANCE: Values = Values::Words(&[
    ("any", "Whether they stand or not"),
    ("cleared", "Those that are cleared"),
    ("not-cleared", "Those that stand"),
]);

const ALARM_ID: Argument = AlarmId { help: "Identifier of an alarm, or at least four digits that it begins with" };

/// What purging takes: RFC 8632's filter.
const PURGE: &[Argument] = &[
    part("alarm-clearance-status", "STATUS", CLEARANCE, "Whether the alarms stand"),
    only("older-than", "AGE", Values::Any, "Those that have not changed for so long: 90s, 15m, 2h, 7d or 4w"),
    only("severity-below", "SEVERITY", Values::Severities, "Those that are less bad"),
    only("severity-is", "SEVERITY", Values::Severities, "Those that are as bad"),
    only("severity-above", "SEVERITY", Values::Severities, "Those that are worse"),
    only("operator-state", "STATE", OPERATOR_STATES, "Those whose newest operator state this is"),
    only("operator-user", "USER", Values::Any, "Those whose newest operator state somebody set"),
];

/// What compressing takes.
const COMPRESS: &[Argument] = &[
    only("resource", "RESOURCE", Values::Resources, "Those of one resource, by its name or as TYPE/NAME"),
    only("alarm-type", "TYPE", Values::AlarmTypes, "Those of one type"),
    only("qualifier", "TEXT", Values::Any, "Those of one qualifier"),
];

const PURGED: &str = "All that is given must hold. Nobody is told; an alarm that changes afterwards comes back. It is stored \
                      when the command returns.";

const COMPRESSED: &str = "All that is given must hold; without anything it is all of them. It is stored when the command \
                          returns.";

const HANDLER_ARGUMENTS: &[Argument] = &[
    part("alarm-handler", "HANDLER", Values::Handlers, "Which alarm handler"),
    Keyword { word: "test", help: "Sends a self-test alarm to it, and says what came of it" },
    Keyword { word: "resume", help: "Tries at once what waits for it, suspended or not" },
    Argument::Rule(Rule::Apart(&["test"], &["resume"])),
    Argument::Rule(Rule::OneOf(&[&["test"], &["resume"]])),
];

const HANDLER_ABOUT: &str = "The test goes the way of every alarm, to this handler only, and is cleared again; the command \
                             fails when it did not arrive at the first attempt.";

const ON_OFF: &[Argument] = &[Choice { words: &[("on", "Switches it on"), ("off", "Switches it off")] }];

const NO_CONFIRM: Argument = Keyword { word: "no-confirm", help: "Discards uncommitted changes without asking" };

const LEAVE: &str = "Uncommitted changes are discarded; a terminal is asked first. Without a terminal nobody is asked.";

const FILE: &[Argument] =
    &[Text { name: "FILE", help: "A file on the machine of the shell; `terminal` for lines typed or pasted here" }];

/// Minutes that a commit may await confirmation at most: as in `JunOS`, a month and a half.
const CONFIRM_MINUTES_MAX: u64 = 65_535;

const NOTATIONS: &str = "The notation is told by the name's extension (.conf, .json, .yaml, .set), else by how the text \
                         begins. All faults are told, and then the candidate is as it was.";

const EXISTING: Argument =
    Path { purpose: Purpose::Existing, tree: Tree::Candidate, help: "A place in the candidate, from the edit level" };

/// All commands, in the order in which they are listed.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        words: &["commit", "abort"],
        mode: Operational,
        help: "Takes back the commit that awaits confirmation",
        about: "What was in force before it is in force again when the command returns.",
        arguments: &[],
        piped: Piped::No,
        run: commit::abort,
    },
    Command {
        words: &["commit", "confirm"],
        mode: Operational,
        help: "Makes the commit permanent that awaits confirmation",
        about: "",
        arguments: &[],
        piped: Piped::No,
        run: commit::confirm,
    },
    Command {
        words: &["configure"],
        mode: Operational,
        help: "Enters configuration mode",
        about: "Edits go to a private candidate, which nobody else sees until it is committed. With `exclusive` nobody else \
                can commit meanwhile. With `shared` all who came so edit one candidate, which stays when they leave.",
        arguments: &[
            Keyword { word: "private", help: "Edits a private candidate, as without this word" },
            Keyword { word: "exclusive", help: "Edits a private candidate, and commits of others are refused" },
            Keyword { word: "shared", help: "Edits one candidate together with others" },
        ],
        piped: Piped::No,
        run: session::configure,
    },
    Command {
        words: &["exit"],
        mode: Operational,
        help: "Leaves the shell",
        about: "",
        arguments: &[],
        piped: Piped::No,
        run: session::close,
    },
    Command {
        words: &["help"],
        mode: Operational,
        help: "Lists the commands, or explains one",
        about: "",
        arguments: &[CommandName { help: "The command to explain" }],
        piped: Piped::Lines,
        run: session::help,
    },
    Command {
        words: &["monitor", "alarms"],
        mode: Operational,
        help: "Shows changes of alarms as they come",
        about: "Until Ctrl-C, and only those that handlers are told of.",
        arguments: &[
            only("min-severity", "SEVERITY", Values::Severities, "Those of a severity and worse"),
            only("resource-type", "TYPE", Values::ResourceTypes, "Those of one kind of resource"),
            only("resource", "RESOURCE", Values::Resources, "Those of one resource"),
            only("alarm-type", "TYPE", Values::AlarmTypes, "Those of one type"),
        ],
        piped: Piped::No,
        run: alarm_follow::monitor,
    },
    Command {
        words: &["quit"],
        mode: Operational,
        help: "Leaves the shell",
        about: "",
        arguments: &[],
        piped: Piped::No,
        run: session::close,
    },
    Command {
        words: &["request", "alarm-handlers"],
        mode: Operational,
        help: "Tests or resumes an alarm handler",
        about: HANDLER_ABOUT,
        arguments: HANDLER_ARGUMENTS,
        piped: Piped::No,
        run: handlers::request,
    },
    Command {
        words: &["request", "alarms", "clear"],
        mode: Operational,
        help: "Says that an alarm of this node is gone",
        about: "It takes back what was said by hand; what other sources report still stands. It is stored when the command \
                returns.",
        arguments: &[RESOURCE_TYPE, RESOURCE, ALARM_TYPE, QUALIFIER],
        piped: Piped::No,
        run: alarm_actions::clear,
    },
    Command {
        words: &["request", "alarms", "compress-alarms"],
        mode: Operational,
        help: "Forgets all but the newest status change of alarms",
        about: COMPRESSED,
        arguments: COMPRESS,
        piped: Piped::No,
        run: alarm_actions::compress,
    },
    Command {
        words: &["request", "alarms", "compress-shelved-alarms"],
        mode: Operational,
        help: "Forgets all but the newest status change of alarms on shelves",
        about: COMPRESSED,
        arguments: COMPRESS,
        piped: Piped::No,
        run: alarm_actions::compress_shelved,
    },
    Command {
        words: &["request", "alarms", "purge-alarms"],
        mode: Operational,
        help: "Takes alarms out of the list",
        about: PURGED,
        arguments: PURGE,
        piped: Piped::No,
        run: alarm_actions::purge,
    },
    Command {
        words: &["request", "alarms", "purge-shelved-alarms"],
        mode: Operational,
        help: "Takes alarms on shelves out of the list",
        about: PURGED,
        arguments: PURGE,
        piped: Piped::No,
        run: alarm_actions::purge_shelved,
    },
    Command {
        words: &["request", "alarms", "raise"],
        mode: Operational,
        help: "Says that an alarm of this node stands",
        about: "Handlers are told if that changes anything. It is stored when the command returns.",
        arguments: &[
            RESOURCE_TYPE,
            RESOURCE,
            ALARM_TYPE,
            part("severity", "SEVERITY", Values::Severities, "How bad it is"),
            QUALIFIER,
            text("text", "One line for people; without it the alarm keeps the one that it has"),
        ],
        piped: Piped::No,
        run: alarm_actions::raise,
    },
    Command {
        words: &["request", "alarms", "set-operator-state"],
        mode: Operational,
        help: "Says what an operator makes of alarms",
        about: "Of the one of an identifier, or of all that have what is named. It is between operators: handlers are not \
                told, and closing an alarm does not clear it. It is stored when the command returns.",
        arguments: &[
            part("state", "STATE", WRITABLE_STATES, "The operator state from now on"),
            text("text", "A remark"),
            only("resource-type", "TYPE", Values::ResourceTypes, "Alarms of one kind of resource"),
            only("resource", "RESOURCE", Values::Resources, "Alarms of one resource"),
            only("alarm-type", "TYPE", Values::AlarmTypes, "Alarms of one type"),
            only("qualifier", "TEXT", Values::Any, "Alarms of one qualifier"),
            only("severity", "SEVERITY", Values::Severities, "Alarms of one severity"),
            ALARM_ID,
        ],
        piped: Piped::No,
        run: alarm_actions::set_operator_state,
    },
    Command {
        words: &["request", "deliveries", "resend"],
        mode: Operational,
        help: "Sends deliveries again",
        about: "One by its number, those that failed and were not sent again since, or those of a handler since a time; at most \
                10,000 at once, `since` and `until` part more. Each goes under the identifier that it had, so that a \
                receiver that has it already sees that, and has a number of its own in the delivery log.",
        arguments: &[
            Argument::Rule(Rule::OneOf(&[&["DELIVERY"], &["failed"], &["handler", "since"]])),
            Argument::Rule(Rule::Apart(&["DELIVERY"], &["failed", "handler", "since", "until"])),
            Keyword { word: "failed", help: "Sends those again that expired or are dead" },
            only("handler", "HANDLER", Values::Handlers, "Sends those of one handler again"),
            only("since", "TIME", Values::Any, "Sends those again that were settled at this time or after it"),
            only("until", "TIME", Values::Any, "Sends those again that were settled before this time"),
            Number { name: "DELIVERY", required: false, help: "Number of a delivery" },
        ],
        piped: Piped::No,
        run: deliveries::resend,
    },
    Command {
        words: &["request", "environments", "environment", "alarms", "alarm-handlers"],
        mode: Operational,
        help: "Tests or resumes an alarm handler",
        about: HANDLER_ABOUT,
        arguments: HANDLER_ARGUMENTS,
        piped: Piped::No,
        run: handlers::request,
    },
    Command {
        words: &["request", "facilities", "http"],
        mode: Operational,
        help: "Tries an HTTP client out",
        about: "Each step with the time that it takes: resolve, connect, TLS handshake, authenticate, request. Without `url` \
                the way to each address that alarm handlers reach through the client. The request asks for the head only \
                (HEAD), so that nobody is told of an alarm.",
        arguments: &[
            part("client", "ID", Values::HttpClients, "The HTTP client"),
            Keyword { word: "test", help: "Makes each step of a connection and tells of it" },
            text("url", "An address to reach through the client"),
        ],
        piped: Piped::No,
        run: facilities::try_client,
    },
    Command {
        words: &["request", "system", "secrets", "rotate"],
        mode: Operational,
        help: "Seals all secrets with a new key",
        about: "A new key comes into the key file, in front of the old ones, and running is committed with its secrets sealed \
                by it. Old keys stay: revisions before need them.",
        arguments: &[],
        piped: Piped::No,
        run: facilities::rotate_secrets,
    },
    Command {
        words: &["set", "cli", "alarms"],
        mode: Operational,
        help: "Shows alarms above the line being typed, or does not",
        about: "",
        arguments: ON_OFF,
        piped: Piped::No,
        run: session::set_alarms,
    },
    Command {
        words: &["set", "cli", "complete-on-space"],
        mode: Operational,
        help: "Completes a word when space is pressed, or only on Tab",
        about: "Programs that type into the shell switch it off.",
        arguments: ON_OFF,
        piped: Piped::No,
        run: session::set_complete_on_space,
    },
    Command {
        words: &["set", "cli", "screen-length"],
        mode: Operational,
        help: "Sets after how many lines output stops",
        about: "With 0 it never stops; with any other number it stops at each full screen of the terminal.",
        arguments: &[Number { name: "LINES", required: true, help: "Lines of a screen, 0 to never stop" }],
        piped: Piped::No,
        run: session::set_screen_length,
    },
    Command {
        words: &["set", "cli", "screen-width"],
        mode: Operational,
        help: "Sets how wide a screen is",
        about: "Lists of alarms, handlers, deliveries, completions and commands are cut to it; the configuration is never \
                folded or cut. Until it is set, it is that of the terminal.",
        arguments: &[Number { name: "COLUMNS", required: true, help: "Columns of a screen, 0 for no limit" }],
        piped: Piped::No,
        run: session::set_screen_width,
    },
    Command {
        words: &["show", "alarms"],
        mode: Operational,
        help: "Shows the alarms that stand",
        about: "The worst first, of one severity the newest first. With an identifier, or how one begins, all that is known \
                of that alarm.",
        arguments: &[
            Keyword { word: "all", help: "Shows those that are cleared, too" },
            Keyword { word: "brief", help: "Shows a line for each, as without this word" },
            Keyword { word: "detail", help: "Shows all that is known of each" },
            Keyword { word: "history", help: "Shows how they changed, the newest change first, the cleared ones' too" },
            Keyword { word: "inventory", help: "Shows the alarm types that there may be" },
            Keyword { word: "shelved", help: "Shows those on shelves" },
            Keyword { word: "summary", help: "Counts them by severity" },
            only("severity", "SEVERITY", Values::Severities, "Shows those of one severity"),
            only("min-severity", "SEVERITY", Values::Severities, "Shows those of a severity and worse"),
            only("resource-type", "TYPE", Values::ResourceTypes, "Shows those of one kind of resource"),
            only("resource", "RESOURCE", Values::Resources, "Shows those of one resource"),
            only("alarm-type", "TYPE", Values::AlarmTypes, "Shows those of one type"),
            only("qualifier", "TEXT", Values::Any, "Shows those of one qualifier"),
            only("node", "NODE", Values::Any, "Shows those of one node"),
            only("operator-state", "STATE", OPERATOR_STATES, "Shows those of one operator state"),
            only("shelf", "NAME", Values::Any, "Shows those on one shelf"),
            ALARM_ID,
            Keyword {
                word: "explain",
                help: "Shows which handlers were told of one alarm, and why the others were not",
            },
            Argument::Rule(Rule::With("explain", "ALARM_ID")),
        ],
        piped: Piped::Entries,
        run: alarms::show,
    },
    Command {
        words: &["show", "cli"],
        mode: Operational,
        help: "Shows the settings of this session",
        about: "",
        arguments: &[],
        piped: Piped::Lines,
        run: session::show_cli,
    },
    Command {
        words: &["show", "configuration"],
        mode: Operational,
        help: "Shows the configuration that is running",
        about: "With a path only what is there.",
        arguments: &[Path { purpose: Purpose::Existing, tree: Tree::Running, help: "A place in the configuration" }],
        piped: Piped::Configuration,
        run: show::running,
    },
    Command {
        words: &["show", "crypto"],
        mode: Operational,
        help: "Shows the certificates",
        about: "Of keystores and of the truststore: whom each is about, who issued it, when it is valid, its fingerprint, and \
                who uses it.",
        arguments: &[only(
            "name",
            "ID",
            Values::Certificates,
            "Shows those of one keystore or entry of the truststore",
        )],
        piped: Piped::Entries,
        run: facilities::show_crypto,
    },
    Command {
        words: &["show", "deliveries"],
        mode: Operational,
        help: "Shows what became of deliveries",
        about: "Those that wait first, then the newest. With a number all that is kept of that delivery, its requests and \
                answers. A time is `2h`, `1h30m` or `1w` for so long ago, `16:00` for the last time that it was so late, or a \
                date and time; times are of the element's time zone where they name none. On a narrow screen columns are \
                cut or left out; `| display json` has everything.",
        arguments: &[
            Argument::Rule(Rule::Apart(
                &["DELIVERY", "detail"],
                &["failed", "handler", "alarm", "since", "until", "last"],
            )),
            Argument::Rule(Rule::With("detail", "DELIVERY")),
            Keyword {
                word: "failed",
                help: "Shows those that failed, at last or so far, and were not sent again since",
            },
            only("handler", "HANDLER", Values::Handlers, "Shows those of one handler"),
            only("alarm", "ALARM_ID", Values::Alarms, "Shows those of one alarm: its identifier, or how it begins"),
            only("since", "TIME", Values::Any, "Shows those that wait, or were settled at this time or after it"),
            only("until", "TIME", Values::Any, "Shows those that were settled before this time"),
            only("last", "N", Values::Any, "Shows so many at most"),
            Number { name: "DELIVERY", required: false, help: "Number of a delivery" },
            Keyword { word: "detail", help: "Shows all that is kept of one delivery" },
        ],
        piped: Piped::Entries,
        run: deliveries::show,
    },
    Command {
        words: &["show", "handlers"],
        mode: Operational,
        help: "Shows how the alarm handlers fare",
        about: "What was delivered and given up is counted since the element started. `Held` says what keeps a handler from the \
                next attempt, and until when. On a narrow screen columns are cut or left out; `| display json` has everything.",
        arguments: &[],
        piped: Piped::Entries,
        run: handlers::show,
    },
    Command {
        words: &["show", "impact"],
        mode: Operational,
        help: "Shows what depends on a resource, directly or not",
        about: "Of an entry of the configuration, or of a resource that is named. An alarm about it says that it impacts \
                these.",
        arguments: &[
            only("resource-type", "TYPE", Values::ResourceTypes, "A kind of resource, with `resource`"),
            only("resource", "RESOURCE", Values::Resources, "A resource that need not be configured here"),
            Path { purpose: Purpose::Existing, tree: Tree::Running, help: "A place in the configuration" },
        ],
        piped: Piped::Entries,
        run: alarm_follow::impact,
    },
    Command {
        words: &["show", "system", "commit"],
        mode: Operational,
        help: "Shows the commits, newest first",
        about: "The number in front is what `rollback` takes.",
        arguments: &[],
        piped: Piped::Lines,
        run: show::commits,
    },
    Command {
        words: &["show", "system", "status"],
        mode: Operational,
        help: "Shows how the element fares",
        about: "When the disk under the data folder takes no writes, reports and commits are refused; then it says since when, \
                and why.",
        arguments: &[],
        piped: Piped::Lines,
        run: status::show,
    },
    Command {
        words: &["who"],
        mode: Operational,
        help: "Shows who is here",
        about: "A star marks this session.",
        arguments: &[],
        piped: Piped::Lines,
        run: session::who,
    },
    Command {
        words: &["activate"],
        mode: Configuration,
        help: "Takes back into force what is inactive",
        about: "Of a list without a key, all entries. It is in force with the next `commit`.",
        arguments: &[EXISTING],
        piped: Piped::No,
        run: notes::activate,
    },
    Command {
        words: &["annotate"],
        mode: Configuration,
        help: "Notes a comment about something in the candidate",
        about: "`show` has it above the statement, `commit` keeps it. An empty one (\"\") takes it away.",
        arguments: &[PathAnd {
            then: "COMMENT",
            help: "A container, an entry, a leaf or a leaf-list, and a comment in quotes",
        }],
        piped: Piped::No,
        run: notes::annotate,
    },
    Command {
        words: &["commit"],
        mode: Configuration,
        help: "Puts the candidate into force",
        about: "Either all of it is in force and stored when the command returns, or nothing has changed. A confirmed commit \
                is taken back at its deadline, also when the session is lost or the element restarts, unless a further \
                `commit` in the same session, or `run commit confirm` in any of the same user's, confirms it.",
        arguments: &[
            Keyword { word: "check", help: "Only checks whether a commit would be refused" },
            Keyword { word: "dry-run", help: "Only shows what a commit would change" },
            Counted {
                word: "confirmed",
                value: "MINUTES",
                most: CONFIRM_MINUTES_MAX,
                help: "Takes the commit back unless another one confirms it within so many minutes, 10 if none are given",
            },
            Keyword { word: "and-quit", help: "Leaves configuration mode when it succeeds" },
            text("comment", "A comment kept with the commit"),
            text("label", "A label kept with the commit"),
        ],
        piped: Piped::No,
        run: commit::commit,
    },
    Command {
        words: &["deactivate"],
        mode: Configuration,
        help: "Keeps something, and takes it out of force",
        about: "It is shown with `inactive:` in front, can be edited, and is neither validated nor used until `activate`. \
                Of a list without a key, all entries.",
        arguments: &[EXISTING],
        piped: Piped::No,
        run: notes::deactivate,
    },
    Command {
        words: &["delete"],
        mode: Configuration,
        help: "Deletes something from the candidate",
        about: "A leaf, a value of a leaf-list, an entry, or everything at a place; without a path everything at the edit \
                level.",
        arguments: &[EXISTING],
        piped: Piped::No,
        run: edit::delete,
    },
    Command {
        words: &["edit"],
        mode: Configuration,
        help: "Goes to a place in the candidate",
        about: "Paths are then relative to it. What is missing on the way comes into being with the first `set`.",
        arguments: &[Path {
            purpose: Purpose::Place,
            tree: Tree::Candidate,
            help: "A container or an entry, from the edit level",
        }],
        piped: Piped::No,
        run: edit::edit,
    },
    Command {
        words: &["exit"],
        mode: Configuration,
        help: "Goes back to the edit level before, or leaves configuration mode",
        about: LEAVE,
        arguments: &[
            Keyword { word: "configuration-mode", help: "Leaves configuration mode from any level" },
            NO_CONFIRM,
        ],
        piped: Piped::No,
        run: edit::exit,
    },
    Command {
        words: &["help"],
        mode: Configuration,
        help: "Lists the commands, or explains one",
        about: "",
        arguments: &[CommandName { help: "The command to explain" }],
        piped: Piped::Lines,
        run: session::help,
    },
    Command {
        words: &["insert"],
        mode: Configuration,
        help: "Moves an entry or a value among those that the user orders",
        about: "One that is not there comes into being. Only where the order counts: elsewhere entries are sorted.",
        arguments: &[PathAnd {
            then: "(first | last | before KEY | after KEY)",
            help: "An entry, or a value of a leaf-list, and where it goes",
        }],
        piped: Piped::No,
        run: notes::insert,
    },
    Command {
        words: &["load", "merge"],
        mode: Configuration,
        help: "Merges a file into the candidate",
        about: NOTATIONS,
        arguments: FILE,
        piped: Piped::No,
        run: file::merge,
    },
    Command {
        words: &["load", "override"],
        mode: Configuration,
        help: "Makes the candidate what a file says, and nothing else",
        about: NOTATIONS,
        arguments: FILE,
        piped: Piped::No,
        run: file::replace,
    },
    Command {
        words: &["load", "set"],
        mode: Configuration,
        help: "Does what the `set` and `delete` lines of a file say",
        about: "All faults are told, and then the candidate is as it was.",
        arguments: FILE,
        piped: Piped::No,
        run: file::set,
    },
    Command {
        words: &["quit"],
        mode: Configuration,
        help: "Goes back to the edit level before, or leaves configuration mode",
        about: LEAVE,
        arguments: &[NO_CONFIRM],
        piped: Piped::No,
        run: edit::exit,
    },
    Command {
        words: &["rename"],
        mode: Configuration,
        help: "Gives an entry of the candidate another key",
        about: "`rename PATH to KEY`. Its content stays, and what refers to it refers to it afterwards. An alarm handler that is \
                renamed keeps what waits for it, and the identifiers of its deliveries.",
        arguments: &[Path {
            purpose: Purpose::Existing,
            tree: Tree::Candidate,
            help: "An entry, from the edit level; then `to` and its new key",
        }],
        piped: Piped::No,
        run: edit::rename,
    },
    Command {
        words: &["revert"],
        mode: Configuration,
        help: "Takes back what was edited",
        about: "What is running takes the place of the candidate, or of what the candidate has at a place.",
        arguments: &[EXISTING],
        piped: Piped::No,
        run: edit::revert,
    },
    Command {
        words: &["rollback"],
        mode: Configuration,
        help: "Makes the candidate what the configuration was before",
        about: "So many commits ago, as `show system commit` numbers them; 0, or no number, for what is running. `commit` \
                then puts it into force.",
        arguments: &[Number { name: "N", required: false, help: "How many commits back" }],
        piped: Piped::No,
        run: edit::rollback,
    },
    Command {
        words: &["rollback", "selective"],
        mode: Configuration,
        help: "Undoes one commit in the candidate, and leaves those after it",
        about: "The commit is told by its number in `show system commit`. It is refused where the candidate has been changed \
                since in the same places. `commit` then puts it into force.",
        arguments: &[Number { name: "N", required: true, help: "Number of the commit, 0 for the newest" }],
        piped: Piped::No,
        run: commit::undo,
    },
    Command {
        words: &["run"],
        mode: Configuration,
        help: "Runs a command of operational mode",
        about: "",
        arguments: &[Line { mode: Operational, required: true, help: "A command of operational mode" }],
        piped: Piped::No,
        run: session::run,
    },
    Command {
        words: &["save"],
        mode: Configuration,
        help: "Writes the candidate to a file",
        about: "In the notation that the name's extension tells (.conf, .json, .yaml, .set), else in braces.",
        arguments: &[Text { name: "FILE", help: "A file on the machine of the shell" }],
        piped: Piped::No,
        run: file::save,
    },
    Command {
        words: &["set"],
        mode: Configuration,
        help: "Sets values in the candidate",
        about: "Several leaves may follow each other, a leaf-list takes `[ A B ]`, and what is in a container or an entry \
                may stand in braces. On a terminal a value that is left out is asked for; a secret is then not shown.",
        arguments: &[Statement { help: "A place, from the edit level, and its values" }],
        piped: Piped::No,
        run: edit::set,
    },
    Command {
        words: &["show"],
        mode: Configuration,
        help: "Shows the candidate",
        about: "`| compare` shows what differs from what is running.",
        arguments: &[EXISTING],
        piped: Piped::Configuration,
        run: show::candidate,
    },
    Command {
        words: &["status"],
        mode: Configuration,
        help: "Shows who is editing the configuration",
        about: "",
        arguments: &[],
        piped: Piped::Lines,
        run: session::status,
    },
    Command {
        words: &["top"],
        mode: Configuration,
        help: "Goes to the top, or runs a command there",
        about: "",
        arguments: &[Line { mode: Configuration, required: false, help: "A command to run from the top" }],
        piped: Piped::No,
        run: edit::top,
    },
    Command {
        words: &["up"],
        mode: Configuration,
        help: "Goes up",
        about: "",
        arguments: &[Number { name: "N", required: false, help: "How many levels" }],
        piped: Piped::No,
        run: edit::up,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_is_there_twice_and_all_are_in_order() {
        let mut names: Vec<(u8, Vec<&str>)> =
            COMMANDS.iter().map(|c| (u8::from(c.mode == Configuration), c.words.to_vec())).collect();
        let listed = names.clone();
        names.sort();
        names.dedup();
        assert_eq!(names, listed);
    }

    #[test]
    fn a_nested_command_is_the_only_argument_of_its_command() {
        for command in COMMANDS {
            let nests = command.arguments.iter().any(|a| matches!(a, Line { .. }));
            assert!(!nests || command.arguments.len() == 1, "{}", command.name());
        }
    }
}
