//! Tokens into statements (RFC 7950 §6.3), kept in one arena for all modules.

use super::keyword::Keyword;
use super::lexer::{Lexer, Token, TokenKind};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use std::sync::Arc;

/// Largest module text: the largest published modules are a tenth of it, and offsets stay small.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Deepest nesting of statements: published modules stay below 30, and what walks statements recurses.
pub(super) const DEPTH_MAX: usize = 100;

/// Statements of all modules together: a bound on memory for hostile input, far above any published set.
const STATEMENTS_MAX: usize = 4_000_000;

/// Index of a text in [`Statements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId(pub(super) u32);

/// Index of a statement in [`Statements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StatementId(u32);

/// The keyword of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// One of YANG's own.
    Yang(Keyword),
    /// `prefix:name`, defined by an `extension` statement.
    Extension {
        /// The prefix as written.
        prefix: Arc<str>,
        /// The name behind it.
        name: Arc<str>,
    },
}

/// A statement: keyword, argument, substatements.
#[derive(Debug)]
pub(super) struct Statement {
    /// Its keyword.
    pub(super) word: Word,
    /// Its argument.
    pub(super) argument: Option<Arc<str>>,
    /// The statement it is in.
    pub(super) parent: Option<StatementId>,
    /// Its substatements.
    pub(super) children: Vec<StatementId>,
    /// The text it is in.
    pub(super) file: FileId,
    keyword_at: (u32, u32),
    argument_at: (u32, u32),
}

/// All statements of all texts.
#[derive(Debug, Default)]
pub(super) struct Statements {
    sources: Vec<Arc<Source>>,
    nodes: Vec<Statement>,
}

impl Statements {
    /// Returns a statement.
    pub(super) fn get(&self, id: StatementId) -> &Statement {
        &self.nodes[id.0 as usize]
    }

    /// Returns the keyword, when it is one of YANG's own.
    pub(super) fn keyword(&self, id: StatementId) -> Option<Keyword> {
        match self.get(id).word {
            Word::Yang(keyword) => Some(keyword),
            Word::Extension { .. } => None,
        }
    }

    /// Returns the argument, the empty text when there is none.
    pub(super) fn argument(&self, id: StatementId) -> &str {
        self.get(id).argument.as_deref().unwrap_or("")
    }

    /// Returns the argument shared, the empty text when there is none.
    pub(super) fn shared_argument(&self, id: StatementId) -> Arc<str> {
        self.get(id).argument.clone().unwrap_or_else(|| Arc::from(""))
    }

    /// Returns the substatements of that keyword.
    pub(super) fn all(&self, id: StatementId, keyword: Keyword) -> impl Iterator<Item = StatementId> + '_ {
        self.get(id).children.iter().copied().filter(move |child| self.keyword(*child) == Some(keyword))
    }

    /// Returns the first substatement of that keyword.
    pub(super) fn first(&self, id: StatementId, keyword: Keyword) -> Option<StatementId> {
        self.all(id, keyword).next()
    }

    /// Returns the argument of the first substatement of that keyword.
    pub(super) fn first_argument(&self, id: StatementId, keyword: Keyword) -> Option<Arc<str>> {
        self.first(id, keyword).map(|child| self.shared_argument(child))
    }

    /// Returns where the keyword stands.
    pub(super) fn span(&self, id: StatementId) -> Span {
        let statement = self.get(id);
        self.span_of(statement.file, statement.keyword_at)
    }

    /// Returns where the argument stands, the keyword when there is none.
    pub(super) fn argument_span(&self, id: StatementId) -> Span {
        let statement = self.get(id);
        let at = if statement.argument.is_some() { statement.argument_at } else { statement.keyword_at };
        self.span_of(statement.file, at)
    }

    /// Returns how a diagnostic names the statement: `leaf` with its argument.
    pub(super) fn describe(&self, id: StatementId) -> String {
        let statement = self.get(id);
        let word = match &statement.word {
            Word::Yang(keyword) => keyword.as_str().to_owned(),
            Word::Extension { prefix, name } => format!("{prefix}:{name}"),
        };
        match statement.argument.as_deref() {
            Some(argument) if !argument.is_empty() && argument.len() <= 64 && !argument.contains('\n') => {
                format!("`{word} {argument}`")
            }
            _ => format!("`{word}`"),
        }
    }

    /// Takes out the substatements that do not satisfy the predicate.
    pub(super) fn retain_children(&mut self, id: StatementId, keep: impl Fn(StatementId) -> bool) {
        if let Some(statement) = self.nodes.get_mut(id.0 as usize) {
            statement.children.retain(|child| keep(*child));
        }
    }

    /// Returns the text of a file.
    pub(super) fn source(&self, file: FileId) -> &Arc<Source> {
        &self.sources[file.0 as usize]
    }

    fn span_of(&self, file: FileId, (start, end): (u32, u32)) -> Span {
        Span::new(self.source(file), start as usize, end as usize)
    }

    /// Reads a text; returns its top-level statements, or nothing when its structure is broken.
    pub(super) fn parse(&mut self, source: &Arc<Source>, faults: &mut Diagnostics) -> Option<Vec<StatementId>> {
        if source.text().len() > TEXT_BYTES_MAX {
            let what = format!("`{}` is larger than the {} MiB a module may have", source.name(), TEXT_BYTES_MAX >> 20);
            faults.push(Diagnostic::error(what));
            return None;
        }
        let file = FileId(u32::try_from(self.sources.len()).ok()?);
        self.sources.push(Arc::clone(source));
        let (tokens, broken) = Lexer::new(source, faults).run();
        let mut parser = Parser { arena: self, source, file, faults, open: Vec::new(), top: Vec::new(), broken };
        parser.run(&tokens);
        (!parser.broken).then_some(parser.top)
    }

    /// Reads the sections of a text that come before its definitions; what is wrong behind them does not matter.
    pub(super) fn outline(&mut self, source: &Arc<Source>, faults: &mut Diagnostics) -> Option<Vec<StatementId>> {
        if source.text().len() > TEXT_BYTES_MAX {
            return None;
        }
        let file = FileId(u32::try_from(self.sources.len()).ok()?);
        self.sources.push(Arc::clone(source));
        let tokens = Lexer::new(source, faults).run_header();
        let mut parser = Parser { arena: self, source, file, faults, open: Vec::new(), top: Vec::new(), broken: false };
        parser.run(&tokens);
        Some(parser.top)
    }
}

struct Parser<'a> {
    arena: &'a mut Statements,
    source: &'a Arc<Source>,
    file: FileId,
    faults: &'a mut Diagnostics,
    open: Vec<StatementId>,
    top: Vec<StatementId>,
    /// Whether statements cannot be told apart any more; an unknown keyword alone does not break anything.
    broken: bool,
}

impl Parser<'_> {
    fn run(&mut self, tokens: &[Token]) {
        let mut rest = tokens.iter().peekable();
        while let Some(token) = rest.next() {
            match &token.kind {
                TokenKind::Word(word) => {
                    let argument = rest.next_if(|t| matches!(t.kind, TokenKind::Word(_) | TokenKind::Quoted(_)));
                    let Some(id) = self.statement(word, token, argument) else { return };
                    match rest.peek().map(|t| &t.kind) {
                        Some(TokenKind::Semicolon) => {
                            let _end = rest.next();
                        }
                        Some(TokenKind::Open) => {
                            let _open = rest.next();
                            if self.open.len() >= DEPTH_MAX {
                                let what = format!("statements are nested more than {DEPTH_MAX} deep");
                                self.fault(Diagnostic::error(what), token);
                                return;
                            }
                            self.open.push(id);
                        }
                        _ => self.fault_unfinished(id, argument.unwrap_or(token), rest.peek().copied()),
                    }
                }
                TokenKind::Close => {
                    if self.open.pop().is_none() {
                        self.fault(Diagnostic::error("`}` closes nothing"), token);
                    }
                }
                other => {
                    let what = format!("expected a statement, found {}", other.describe());
                    self.fault(Diagnostic::error(what), token);
                }
            }
        }
        if let Some(id) = self.open.last().copied() {
            let fault = Diagnostic::error(format!("{} is not closed", self.arena.describe(id))).hint("add `}`");
            self.broken = true;
            self.faults.push(fault.at(self.arena.span(id)));
        }
    }

    fn fault(&mut self, fault: Diagnostic, token: &Token) {
        self.broken = true;
        self.faults.push(fault.at(Span::new(self.source, token.start, token.end)));
    }

    fn fault_unfinished(&mut self, id: StatementId, last: &Token, next: Option<&Token>) {
        let found = next.map_or_else(|| "the end of the text".to_owned(), |t| t.kind.describe());
        let what = format!("expected `;` or `{{` after {}, found {found}", self.arena.describe(id));
        self.fault(Diagnostic::error(what), last);
    }

    /// Adds a statement; nothing when there are too many.
    fn statement(&mut self, word: &str, at: &Token, argument: Option<&Token>) -> Option<StatementId> {
        if self.arena.nodes.len() >= STATEMENTS_MAX {
            let what = format!("the modules have more than {STATEMENTS_MAX} statements");
            self.fault(Diagnostic::error(what), at);
            return None;
        }
        let id = StatementId(u32::try_from(self.arena.nodes.len()).ok()?);
        let parent = self.open.last().copied();
        let word = self.word(word, at);
        let text = argument.and_then(|token| match &token.kind {
            TokenKind::Word(text) | TokenKind::Quoted(text) => Some(Arc::from(text.as_str())),
            _ => None,
        });
        self.arena.nodes.push(Statement {
            word,
            argument: text,
            parent,
            children: Vec::new(),
            file: self.file,
            keyword_at: offsets(at),
            argument_at: argument.map_or((0, 0), offsets),
        });
        match parent {
            Some(parent) => self.arena.nodes[parent.0 as usize].children.push(id),
            None => self.top.push(id),
        }
        Some(id)
    }

    fn word(&mut self, word: &str, at: &Token) -> Word {
        if let Some(keyword) = Keyword::parse(word) {
            return Word::Yang(keyword);
        }
        if let Some((prefix, name)) = word.split_once(':') {
            return Word::Extension { prefix: prefix.into(), name: name.into() };
        }
        let fault = Diagnostic::error(format!("`{word}` is not a statement of YANG"))
            .did_you_mean(word, Keyword::ALL.iter().map(|k| k.as_str()));
        self.faults.push(fault.at(Span::new(self.source, at.start, at.end)));
        Word::Extension { prefix: Arc::from(""), name: word.into() }
    }
}

fn offsets(token: &Token) -> (u32, u32) {
    // Texts are below `TEXT_BYTES_MAX`, so offsets fit.
    (u32::try_from(token.start).unwrap_or(u32::MAX), u32::try_from(token.end).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let mut faults = Diagnostics::new();
        let parsed = Statements::default().parse(&Source::new("m.yang", text), &mut faults);
        assert!(parsed.is_some() || faults.has_errors());
        faults
            .iter()
            .map(|f| {
                let (line, column) = f.span.as_ref().map_or((0, 0), Span::line_column);
                format!("{line}:{column} {}", f.message)
            })
            .collect()
    }

    #[test]
    fn statements_nest_and_keep_their_places() {
        let mut faults = Diagnostics::new();
        let mut arena = Statements::default();
        let top = arena.parse(&Source::new("m.yang", "module m {\n  prefix 'p';\n}\n"), &mut faults).unwrap();
        let module = top[0];
        assert_eq!(arena.argument(module), "m");
        let prefix = arena.first(module, Keyword::Prefix).unwrap();
        assert_eq!(arena.argument(prefix), "p");
        assert_eq!(arena.span(prefix).to_string(), "m.yang:2:3");
        assert_eq!(arena.argument_span(prefix).to_string(), "m.yang:2:10");
    }

    #[test]
    fn broken_structure_is_told_with_its_place() {
        assert_eq!(faults("module m {"), ["1:1 `module m` is not closed"]);
        assert_eq!(faults("module m; }"), ["1:11 `}` closes nothing"]);
        assert_eq!(
            faults("module m 'x';"),
            [
                "1:8 expected `;` or `{` after `module m`, found a quoted text",
                "1:10 expected a statement, found a quoted text",
                "1:13 expected a statement, found `;`"
            ]
        );
        assert_eq!(faults("modul m;"), ["1:1 `modul` is not a statement of YANG"]);
    }

    #[test]
    fn nesting_is_limited() {
        let deep = "container a {".repeat(DEPTH_MAX + 2);
        assert_eq!(faults(&deep)[0], format!("1:{} statements are nested more than 100 deep", DEPTH_MAX * 13 + 1));
    }
}
