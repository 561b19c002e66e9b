//! What may stand at a place in a line: the one function behind completion and `?`.

use super::command::{Argument, Piped, Purpose, Tree, Values};
use super::line::{Given, Line, Stage};
use super::values::{Offer, Offers, SCANNED_MAX};
use super::{Engine, Mode};
use crate::alarm::{AlarmKey, AlarmRecord, Severity};
use crate::codec::{Format, Ignore, Next, Token, TokenKind, Walker, lex, quote_word};
use crate::diagnostic::{Diagnostic, Source, Span, printable};
use crate::shell::{CANDIDATES_MAX, Candidate, Candidates};
use crate::tree::{DataPath, DataTree};
use crate::yang::SchemaId;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Commits offered at most: half a screen; `show system commit` lists them all.
const COMMITS_OFFERED: usize = 12;

/// Alarms offered at most before anything of an identifier is typed: half a screen.
const ALARMS_OFFERED: usize = 10;

/// The line up to the place, as tokens and the word being typed.
struct Typed {
    source: Arc<Source>,
    tokens: Vec<Token>,
    /// The word being typed, its quotes taken away; empty between words.
    word: String,
    /// Where it begins.
    start: usize,
}

/// Splits the line in front of a place into whole tokens and the word being typed, quoted or not.
fn typed(line: &str, position: usize) -> Result<Typed, Diagnostic> {
    let position = (0..=position.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    let before = line.get(..position).unwrap_or("");
    let source = Source::new("command", before);
    let (mut tokens, faults) = lex(&source, 0, before.len());
    if let Some(fault) = faults.into_iter().next() {
        // A quote that is still open is a word being typed; nothing else is.
        let open = fault.span.as_ref().map_or(before.len(), |span| span.start);
        let quoted = before.get(open..).filter(|rest| rest.starts_with(['"', '\'']));
        let Some(quoted) = quoted else { return Err(fault) };
        tokens.retain(|token| token.end <= open);
        let word = quoted.get(1..).unwrap_or("").replace("\\\"", "\"").replace("\\\\", "\\");
        return Ok(Typed { source, tokens, word, start: open });
    }
    match tokens.last() {
        Some(Token { kind: TokenKind::Word(word), start, end, .. }) if *end == before.len() => {
            let (word, start) = (word.clone(), *start);
            tokens.pop();
            Ok(Typed { source, tokens, word, start })
        }
        _ => Ok(Typed { source, tokens, word: String::new(), start: position }),
    }
}

/// Collects candidates up to the limit and counts the rest.
struct Collected {
    list: Vec<Candidate>,
    more: usize,
    is_help: bool,
}

impl Collected {
    fn word(&mut self, prefix: &str, word: &str, help: &str) {
        if word.starts_with(prefix) {
            self.push(quote_word(word).into_owned(), String::new(), help.to_owned());
        }
    }

    /// A remark says what can be typed besides the words.
    fn remark(&mut self, display: &str, help: &str) {
        self.push(String::new(), display.to_owned(), help.to_owned());
    }

    fn push(&mut self, text: String, display: String, help: String) {
        if self.list.len() < CANDIDATES_MAX {
            let display = if display.is_empty() { text.clone() } else { display };
            self.list.push(Candidate { text, display, help });
        } else {
            self.more += 1;
        }
    }
}

impl Engine {
    /// Returns what may stand at a place in a line; help also says whether the line may end there.
    pub(super) fn candidates(&mut self, line: &str, position: usize, is_help: bool) -> Candidates {
        self.take_shared();
        let mut found = Collected { list: Vec::new(), more: 0, is_help };
        let (start, fault) = match typed(line, position) {
            Err(fault) => (position.min(line.len()), Some(fault)),
            Ok(typed) => (typed.start, self.collect(&typed, &mut found).err()),
        };
        let fault = fault.map(|fault| {
            if let Some(span) = &fault.span {
                self.names.conceal(&span.source, Format::Set);
            }
            let said = format!("syntax error: {}", fault.shown_message());
            fault.shown_hint().map_or_else(|| said.clone(), |hint| format!("{said}\nhint: {hint}"))
        });
        for candidate in &mut found.list {
            candidate.help = self.cut(&candidate.help);
        }
        Candidates { start, list: found.list, more: found.more, fault }
    }

    fn collect(&self, typed: &Typed, found: &mut Collected) -> Result<(), Diagnostic> {
        let mut line = Line::new(self.mode());
        for token in &typed.tokens {
            line.step(token, &typed.source)?;
        }
        let (line, is_at_top) = innermost(&line);
        match line.stage {
            Stage::Words => {
                for (word, help) in line.next_words() {
                    found.word(&typed.word, word, help);
                }
                if line.command().is_some() {
                    self.arguments(line, typed, is_at_top, found)?;
                }
            }
            Stage::Arguments => self.arguments(line, typed, is_at_top, found)?,
            Stage::PipeName => {
                for pipe in line.next_pipes() {
                    found.word(&typed.word, pipe.word, pipe.help);
                }
            }
            Stage::PipeArguments => {
                if let Some(call) = line.pipes.last() {
                    self.given(&call.given, call.pipe.arguments, line, typed, is_at_top, found)?;
                }
                ending(line, typed, found);
            }
        }
        Ok(())
    }

    fn arguments(&self, line: &Line, typed: &Typed, is_at_top: bool, found: &mut Collected) -> Result<(), Diagnostic> {
        if let Some(command) = line.command()
            && self.given(&line.given, command.arguments, line, typed, is_at_top, found)?
        {
            ending(line, typed, found);
        }
        Ok(())
    }

    /// Offers what may follow as an argument, and returns whether the line may end before it.
    fn given(
        &self,
        given: &Given,
        arguments: &'static [Argument],
        line: &Line,
        typed: &Typed,
        is_at_top: bool,
        found: &mut Collected,
    ) -> Result<bool, Diagnostic> {
        let mut may_end = true;
        for argument in arguments {
            if let Argument::Counted { word, value, help, .. } = argument
                && given.pending() == Some(word)
            {
                found.remark(&format!("<{value}>"), help);
            }
        }
        if let Some(option) = given.pending_text(arguments) {
            for argument in arguments {
                if let Argument::Option { word, value, values, help, .. } = argument
                    && *word == option
                {
                    if !matches!(values, Values::Severities | Values::Words(_)) {
                        found.remark(&format!("<{value}>"), help);
                    }
                    self.alarm_words(*values, given, &typed.word, found);
                }
            }
            return Ok(false);
        }
        for argument in given.expects(arguments) {
            match argument {
                Argument::Keyword { word, help }
                | Argument::Option { word, help, .. }
                | Argument::Counted { word, help, .. } => {
                    found.word(&typed.word, word, help);
                }
                Argument::Choice { words } => words.iter().for_each(|(word, help)| found.word(&typed.word, word, help)),
                Argument::Number { name, help, .. } | Argument::Text { name, help } => {
                    found.remark(&format!("<{name}>"), help);
                    if line.command().is_some_and(|command| command.words == ["rollback"]) {
                        self.commits_back(&typed.word, found);
                    }
                }
                Argument::AlarmId { help } => {
                    found.remark("<ALARM_ID>", help);
                    self.alarm_ids(&typed.word, found);
                }
                Argument::Path { purpose, tree, .. } => {
                    let offer = match purpose {
                        Purpose::Existing => Offer::Existing,
                        Purpose::Place => Offer::Places,
                    };
                    may_end &= self.schema_words(*tree, offer, &given.words, typed, is_at_top, found)?;
                }
                Argument::PathAnd { then, .. } => {
                    // What follows the place is no name in it, and nothing to be told here.
                    let words = &given.words;
                    self.schema_words(Tree::Candidate, Offer::Existing, words, typed, is_at_top, found).ok();
                    if words.len() > 1 && line.command().is_some_and(|command| command.words == ["insert"]) {
                        for (word, help) in POSITIONS {
                            found.word(&typed.word, word, help);
                        }
                    } else if !words.is_empty() {
                        found.remark(&format!("<{then}>"), "What is noted about it");
                    }
                    may_end &= words.len() > 1;
                }
                Argument::Statement { .. } => {
                    may_end &=
                        self.schema_words(Tree::Candidate, Offer::Values, &given.words, typed, is_at_top, found)?;
                }
                Argument::CommandName { .. } => {
                    let words: Vec<&str> = given.words.iter().filter_map(Token::word).collect();
                    command_words(line.mode(), &words, typed, found);
                }
                Argument::Line { .. } | Argument::Rule(_) => {}
            }
        }
        Ok(may_end)
    }

    /// Offers what the alarms in the list have behind a word.
    fn alarm_words(&self, values: Values, given: &Given, prefix: &str, found: &mut Collected) {
        let of_type = given.option("resource-type");
        let list = self.management.alarms();
        let keys = list.iter().take(SCANNED_MAX).map(|record| &record.key);
        let (words, help): (BTreeSet<&str>, _) = match values {
            Values::Any => return,
            Values::HttpClients | Values::Certificates => return self.facility_words(values, prefix, found),
            Values::Severities => {
                return Severity::ALL.iter().rev().for_each(|s| found.word(prefix, s.as_str(), severity_help(*s)));
            }
            Values::Words(words) => {
                return words.iter().for_each(|(word, help)| found.word(prefix, word, help));
            }
            Values::ResourceTypes => {
                (keys.map(|key| key.resource_type.as_str()).collect(), "A kind of resource that has alarms")
            }
            Values::Resources => {
                let some = keys.filter(|key| of_type.is_none_or(|ty| ty == key.resource_type));
                (some.map(|key| key.resource.as_str()).collect(), "A resource that has alarms")
            }
            Values::Alarms => return self.alarm_ids(prefix, found),
            Values::Handlers => {
                let handlers = self.management.handlers();
                return handlers.iter().for_each(|status| found.word(prefix, &status.id, status.state.as_str()));
            }
            Values::AlarmTypes => (keys.map(|key| key.alarm_type.as_str()).collect(), "A type that alarms have"),
        };
        for word in words {
            found.word(prefix, word, help);
        }
    }

    /// Offers the commits that can be gone back to, as `show system commit` numbers them.
    fn commits_back(&self, prefix: &str, found: &mut Collected) {
        // A store that cannot be read is told when the command runs.
        for (back, commit) in self.management.commits(COMMITS_OFFERED).unwrap_or_default().iter().enumerate() {
            let comment = commit.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
            let when = self.local_time(commit.time);
            found.word(
                prefix,
                &back.to_string(),
                &printable(&format!("{when} by {} via {}{comment}", commit.user, commit.via)),
            );
        }
    }

    /// Offers the names of HTTP clients, or of what has certificates.
    fn facility_words(&self, values: Values, prefix: &str, found: &mut Collected) {
        if values == Values::HttpClients {
            for id in self.management.http_clients().iter().take(SCANNED_MAX) {
                found.word(prefix, id, "An HTTP client");
            }
            return;
        }
        for entry in self.management.crypto().iter().take(SCANNED_MAX) {
            found.word(prefix, &entry.id, entry.kind);
        }
    }

    /// Offers identifiers: all that begin with what is typed; before that those of the worst alarms that stand, and says how
    /// many more there are.
    fn alarm_ids(&self, prefix: &str, found: &mut Collected) {
        let list = self.management.alarms();
        let mut some: Vec<_> = list.iter().take(SCANNED_MAX).collect();
        let mut more = 0;
        let begins = |record: &AlarmRecord| record.id.as_uuid().as_fields().0;
        let mut first: HashMap<u32, usize> = HashMap::new();
        for record in &some {
            *first.entry(begins(record)).or_default() += 1;
        }
        if prefix.is_empty() {
            some.sort_by(|a, b| {
                let standing = a.is_cleared().cmp(&b.is_cleared()).then(b.severity().cmp(&a.severity()));
                standing.then(b.last_changed.cmp(&a.last_changed))
            });
            more = some.len().saturating_sub(ALARMS_OFFERED);
            some.truncate(ALARMS_OFFERED);
        }
        for record in some {
            let AlarmKey { resource, alarm_type, .. } = &*record.key;
            let state = if record.is_cleared() { "cleared" } else { record.severity().as_str() };
            let id = record.id.to_string();
            // What comes before the first dash is enough, where it is of one alarm only.
            let is_enough = prefix.len() <= 8 && first.get(&begins(record)) == Some(&1);
            let id = id.split_once('-').map_or(id.as_str(), |(begin, _)| if is_enough { begin } else { &id });
            found.word(prefix, id, &printable(&format!("{alarm_type} of {resource}, {state}")));
        }
        found.more += more;
    }

    fn schema_words(
        &self,
        tree: Tree,
        offer: Offer,
        words: &[Token],
        typed: &Typed,
        is_at_top: bool,
        found: &mut Collected,
    ) -> Result<bool, Diagnostic> {
        let (tree, base): (DataTree, DataPath) = match (tree, &self.editing) {
            (Tree::Candidate, Some(editing)) => {
                let base = if is_at_top { DataPath::ROOT } else { editing.at.clone() };
                (editing.candidate.tree.clone(), base)
            }
            _ => (self.management.running().written.clone(), DataPath::ROOT),
        };
        let mut walker = Walker::new(tree.schema(), &typed.source, base, false);
        for token in words {
            // A path ends with its leaf; only where values are set do others follow.
            let has_ended = offer != Offer::Values && matches!(walker.next(), Next::Value(_));
            walker.step(token, &mut Ignore)?;
            if has_ended && matches!(walker.next(), Next::Child(_)) {
                return Ok(true);
            }
        }
        let offers = Offers::new(&tree, offer, &typed.word);
        let more = offers.each(walker.next(), &mut |text, help| {
            if found.list.len() >= CANDIDATES_MAX {
                return false;
            }
            if text.starts_with('<') && text.ends_with('>') {
                found.remark(text, help);
            } else if let Some(bracket @ ("[" | "]")) = Some(text) {
                found.push(bracket.to_owned(), String::new(), help.to_owned());
            } else {
                found.push(quote_word(text).into_owned(), String::new(), help.to_owned());
            }
            true
        });
        found.more += more;
        Ok(may_end(offer, &walker, &tree))
    }
}

/// Where an entry or a value may be moved to.
const POSITIONS: [(&str, &str); 4] = [
    ("first", "In front of all others"),
    ("last", "Behind all others"),
    ("before", "In front of another one"),
    ("after", "Behind another one"),
];

/// Returns what a severity asks for (RFC 8632, `severity`).
fn severity_help(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "The service is gone: act at once",
        Severity::Major => "The service suffers: act soon",
        Severity::Minor => "The service works: act before it gets worse",
        Severity::Warning => "The service may come to suffer: look into it",
        Severity::Indeterminate => "How bad it is cannot be told",
    }
}

/// Returns whether the words so far are enough for what they are for.
fn may_end(offer: Offer, walker: &Walker<'_>, tree: &DataTree) -> bool {
    match (walker.next(), offer) {
        _ if walker.depth() > 0 => false,
        (Next::Child(at), Offer::Values) => at.schema_id() != SchemaId::ROOT,
        (Next::Child(_) | Next::End, _) => true,
        // A value that is left out is asked for on a terminal, but it is what comes next.
        (Next::Value(_), Offer::Values) => false,
        // A path may end with its leaf.
        (Next::Value(path), _) => offer != Offer::Places || tree.schema().node(path.schema_id()).ty().is_none(),
        (Next::Key(_, given), Offer::Existing) => given.is_empty(),
        (Next::Key(..) | Next::Values(_), _) => false,
    }
}

/// Says that the line may end here, or go on with a pipe.
fn ending(line: &Line, typed: &Typed, found: &mut Collected) {
    if !found.is_help || !typed.word.is_empty() {
        return;
    }
    let end = Span::new(&typed.source, typed.start, typed.start);
    if line.clone().finish(end).is_ok() {
        found.push(String::new(), "<[Enter]>".to_owned(), "Runs the command".to_owned());
        if line.command().is_some_and(|command| command.piped != Piped::No) {
            found.push("|".to_owned(), String::new(), "Pipes the output".to_owned());
        }
    }
}

/// Goes into the command behind `run` or `top`; the latter's paths begin at the top.
fn innermost(line: &Line) -> (&Line, bool) {
    let (mut at, mut is_at_top) = (line, false);
    while let Some(nested) = &at.nested {
        is_at_top = is_at_top || nested.mode() == Mode::Configuration;
        at = nested;
    }
    (at, is_at_top)
}

/// Offers the next word of the commands that begin with some words.
fn command_words(mode: Mode, words: &[&str], typed: &Typed, found: &mut Collected) {
    let mut line = Line::new(mode);
    for (at, word) in words.iter().enumerate() {
        let token = Token { kind: TokenKind::Word((*word).to_owned()), start: at, end: at, quoted: false };
        if line.stage != Stage::Words || line.step(&token, &typed.source).is_err() {
            return;
        }
    }
    if line.stage == Stage::Words {
        for (word, help) in line.next_words() {
            found.word(&typed.word, word, help);
        }
    }
}
