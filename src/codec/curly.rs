//! The J-style curly notation: what `show` prints and configuration files may be written in.

use super::builder::Builder;
use super::lexer::{Token, TokenKind, lex, quote_word};
use super::marks::{INACTIVE_WORD, comment};
use super::words::{Sink, Walker, shown_name};
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::tree::{DataPath, Key, Mark, NodeRef, Value};
use crate::yang::{BaseType, NodeKind};
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::sync::Arc;

/// Blanks in front of a line for each level.
const INDENT: usize = 4;

/// Writes the content of a container or an entry, the entries of a list with their names, or a leaf's statement.
///
/// # Errors
/// When `out` refuses text.
pub fn write_curly(node: NodeRef<'_>, out: &mut dyn Write) -> fmt::Result {
    let mut writer = CurlyWriter::new(out, "", 0);
    if node.branch().is_some() { writer.content(node) } else { writer.statement(node, 0) }
}

/// Writes statements, each line behind a mark.
pub(super) struct CurlyWriter<'o> {
    out: &'o mut dyn Write,
    mark: &'static str,
    depth: usize,
}

impl<'o> CurlyWriter<'o> {
    pub(super) fn new(out: &'o mut dyn Write, mark: &'static str, depth: usize) -> Self {
        Self { out, mark, depth }
    }

    /// Writes the children of a container or an entry.
    pub(super) fn content(&mut self, node: NodeRef<'_>) -> fmt::Result {
        let width = name_width(node.children());
        node.children().try_for_each(|child| self.statement(child, width))
    }

    /// Writes a node with its name; a leaf's value begins `width` characters after its name does.
    pub(super) fn statement(&mut self, node: NodeRef<'_>, width: usize) -> fmt::Result {
        let name = shown_name(node.plan().schema(), node.id());
        if let Some(value) = node.value() {
            return self.leaf(node, &name, value, width);
        }
        if let Some(text) = node.any_data() {
            let name = self.begin(node, &name)?;
            return writeln!(self.out, "{name:<width$} {};", quote_word(text));
        }
        if node.as_list().is_some() {
            return node.entries().try_for_each(|entry| self.block(&name, entry));
        }
        if node.branch().is_some() {
            return self.block(&name, node);
        }
        let name = self.begin(node, &name)?;
        write!(self.out, "{name:<width$} [ ")?;
        for value in node.values() {
            write!(self.out, "{} ", quote_word(&value.to_string()))?;
        }
        self.out.write_str("];\n")
    }

    fn leaf(&mut self, node: NodeRef<'_>, name: &str, value: &Value, width: usize) -> fmt::Result {
        let name = self.begin(node, name)?;
        match value {
            Value::Empty if takes_no_value(node) => writeln!(self.out, "{name};"),
            value => writeln!(self.out, "{name:<width$} {};", quote_word(&value.to_string())),
        }
    }

    /// Writes a container or an entry with what is in it.
    fn block(&mut self, name: &str, node: NodeRef<'_>) -> fmt::Result {
        let name = self.begin(node, name)?;
        self.out.write_str(&name)?;
        for value in node.key().into_iter().flat_map(Key::values) {
            write!(self.out, " {}", quote_word(&value.to_string()))?;
        }
        if node.children().next().is_none() {
            return self.out.write_str(";\n");
        }
        self.out.write_str(" {\n")?;
        self.depth += 1;
        self.content(node)?;
        self.depth -= 1;
        self.start()?;
        self.out.write_str("}\n")
    }

    /// Writes what stands in front of a statement, and returns its name as it is written.
    fn begin<'n>(&mut self, node: NodeRef<'_>, name: &'n str) -> Result<Cow<'n, str>, fmt::Error> {
        let Some(mark) = node.mark() else {
            self.start()?;
            return Ok(Cow::Borrowed(name));
        };
        if let Some(comment) = &mark.comment {
            self.start()?;
            writeln!(self.out, "/* {comment} */")?;
        }
        self.start()?;
        Ok(if mark.is_inactive { Cow::Owned(format!("{INACTIVE_WORD} {name}")) } else { Cow::Borrowed(name) })
    }

    fn start(&mut self) -> fmt::Result {
        write!(self.out, "{}{:indent$}", self.mark, "", indent = self.depth * INDENT)
    }
}

/// Returns whether a leaf's statement ends with its name; that of a union that may be empty does not.
pub(super) fn takes_no_value(leaf: NodeRef<'_>) -> bool {
    leaf.schema_node().ty().is_some_and(|ty| matches!(ty.base, BaseType::Empty))
}

/// Returns the width of the longest name of a leaf or leaf-list among siblings; containers and lists do not count.
pub(super) fn name_width<'t>(siblings: impl Iterator<Item = NodeRef<'t>>) -> usize {
    siblings
        .filter(|node| matches!(node.schema_node().kind, NodeKind::Leaf(_) | NodeKind::LeafList(_) | NodeKind::AnyData))
        .map(|node| shown_name(node.plan().schema(), node.id()).chars().count())
        .max()
        .unwrap_or(0)
}

/// Reads a whole text into the builder's tree; what is wrong is told there, and the rest is read all the same.
pub fn read_curly(builder: &mut Builder<'_>, source: &Arc<Source>) {
    let end = source.text().len();
    let (tokens, faults) = lex(source, 0, end);
    builder.diagnostics.append(faults);
    let schema = Arc::clone(builder.tree.schema());
    let mut walker = Walker::new(&schema, source, DataPath::ROOT, true);
    let mut rest = tokens.as_slice();
    let mut behind_last = 0;
    // What stands in front of the statement that is being read, and what it is about so far.
    let (mut mark, mut about): (Mark, Option<(DataPath, Span)>) = (Mark::default(), None);
    while let [token, after @ ..] = rest {
        if about.is_none() && token.word().is_some() {
            if let Some(text) = comment_before(source.text(), behind_last, token.start) {
                match comment(text) {
                    Ok(comment) => mark.comment = comment,
                    Err(said) => builder.report(Diagnostic::error(said).at(token.span(source))),
                }
            }
            if token.word() == Some(INACTIVE_WORD) && !token.quoted {
                mark.is_inactive = true;
                (rest, behind_last) = (after, token.end);
                continue;
            }
        }
        behind_last = token.end;
        let ends = matches!(token.kind, TokenKind::Open | TokenKind::Close | TokenKind::Semicolon);
        match walker.step(token, &mut Once { builder: &mut *builder, source, about: &mut about }) {
            Ok(()) => {
                rest = after;
                if ends
                    && let (Some((path, span)), mark) = (about.take(), std::mem::take(&mut mark))
                    && !mark.is_empty()
                {
                    builder.note_mark(&path, mark, Some(span));
                }
            }
            Err(diagnostic) => {
                builder.report(walker.placed(diagnostic));
                (mark, about) = (Mark::default(), None);
                let behind = behind_statement(rest, walker.depth());
                // What is passed over was not understood and may hold a secret.
                let passed = after.iter().take(after.len().saturating_sub(behind.len()));
                passed.filter(|token| token.word().is_some()).for_each(|token| token.span(source).conceal());
                behind_last = behind.first().map_or(end, |token| token.start);
                rest = behind;
                walker.end_statement();
            }
        }
    }
    if let Err(diagnostic) = walker.finish(end) {
        builder.report(diagnostic);
    }
    builder.settle_marks();
}

/// Returns what the last `/* … */` says in a stretch between two tokens, where else only blanks and comments stand.
fn comment_before(text: &str, from: usize, to: usize) -> Option<&str> {
    let mut rest = text.get(from..to)?;
    let mut found = None;
    while let Some(at) = rest.find(['#', '!', '/']) {
        let here = rest.get(at..)?;
        let (said, behind) = match here.strip_prefix("/*") {
            Some(inside) => inside.split_once("*/").map(|(said, behind)| (Some(said), behind))?,
            None => (None, here.split_once('\n').map_or("", |(_, behind)| behind)),
        };
        found = said.or(found);
        rest = behind;
    }
    found
}

/// Hands on what is met, but a leaf that one file gives two values: which was meant nobody can tell. A container or an
/// entry that is opened again goes on where it was left, as in every dialect of the notation.
struct Once<'b, 's> {
    builder: &'b mut Builder<'s>,
    source: &'b Arc<Source>,
    /// What was met last in the statement.
    about: &'b mut Option<(DataPath, Span)>,
}

impl Sink for Once<'_, '_> {
    fn enter(&mut self, path: &DataPath, span: Span) {
        *self.about = Some((path.clone(), span.clone()));
        self.builder.create(path, Some(span));
    }

    fn leaf(&mut self, path: &DataPath, text: &str, span: Span) {
        *self.about = Some((path.clone(), span.clone()));
        let first = self.builder.given_at(path).filter(|first| Arc::ptr_eq(&first.source, self.source)).cloned();
        match first.filter(|_| self.builder.would_change(path, text)) {
            Some(first) => {
                let name = &self.builder.tree.schema().node(path.schema_id()).name;
                let said =
                    Diagnostic::error(format!("`{name}` is given twice, with different values: first at {first}"));
                if self.builder.tree.schema().node(path.schema_id()).is_secret() {
                    span.conceal();
                }
                self.builder.report_on(path, Some(span), said.hint("keep one of the two"));
            }
            None => self.builder.leaf(path, text, Some(span)),
        }
    }

    fn leaf_list_value(&mut self, path: &DataPath, text: &str, span: Span) {
        *self.about = Some((path.clone(), span.clone()));
        self.builder.leaf_list_value(path, text, Some(span));
    }
}

/// Passes over the rest of a faulty statement: up to `;`, past its own `{ … }`, or up to the `}` of what it stands in.
fn behind_statement(tokens: &[Token], open: usize) -> &[Token] {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => depth += 1,
            // With nothing open around the statement, this brace is itself the fault.
            TokenKind::Close if depth == 0 => return tokens.get(at + usize::from(open == 0)..).unwrap_or(&[]),
            TokenKind::Close => depth -= 1,
            TokenKind::Semicolon => {}
            _ => continue,
        }
        if depth == 0 && token.kind != TokenKind::Open {
            return tokens.get(at + 1..).unwrap_or(&[]);
        }
    }
    &[]
}
