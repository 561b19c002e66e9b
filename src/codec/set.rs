//! `set` lines: a tree as the commands that make it, one for each leaf.

use super::builder::Builder;
use super::curly::takes_no_value;
use super::lexer::{Token, lex, quote_word};
use super::marks;
use super::words::{Next, Sink, Walker, path_words, shown_name};
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::tree::{DataPath, Key, Mark, NodeRef, Value};
use crate::yang::{BaseType, NodeKind, SchemaTree};
use std::fmt::{self, Write};
use std::sync::Arc;

/// Writes the lines that make the node at `path`: one for each leaf and leaf-list, and for whatever is there but empty.
///
/// # Errors
/// When `out` refuses text.
pub fn write_set(node: NodeRef<'_>, path: &DataPath, out: &mut dyn Write) -> fmt::Result {
    let mut line = format!("set {}", path_words(node.plan().schema(), path));
    line.truncate(line.trim_end().len());
    write_node(node, &line, out)?;
    write_marks(node, line.strip_prefix("set").unwrap_or_default(), out)
}

/// Writes the lines that note what is noted about a node and what is in it; `words` lead to it.
fn write_marks(node: NodeRef<'_>, words: &str, out: &mut dyn Write) -> fmt::Result {
    if !node.has_marks() {
        return Ok(());
    }
    if let Some(mark) = node.mark() {
        if let Some(comment) = &mark.comment {
            writeln!(out, "annotate{words} {}", quote_word(comment))?;
        }
        if mark.is_inactive {
            writeln!(out, "deactivate{words}")?;
        }
    }
    for entry in node.entries() {
        write_marks(entry, &format!("{words}{}", key_words(entry)), out)?;
    }
    node.children().try_for_each(|child| {
        let name = shown_name(node.plan().schema(), child.id());
        write_marks(child, &format!("{words} {name}"), out)
    })
}

/// Returns the key of an entry as words, each behind a blank.
fn key_words(entry: NodeRef<'_>) -> String {
    let values = entry.key().into_iter().flat_map(Key::values);
    values.fold(String::new(), |words, value| words + " " + &quote_word(&value.to_string()))
}

/// `line` leads to the node, its own name included.
fn write_node(node: NodeRef<'_>, line: &str, out: &mut dyn Write) -> fmt::Result {
    if let Some(value) = node.value() {
        return match value {
            Value::Empty if takes_no_value(node) => writeln!(out, "{line}"),
            value => writeln!(out, "{line} {}", quote_word(&value.to_string())),
        };
    }
    if let Some(text) = node.any_data() {
        return writeln!(out, "{line} {}", quote_word(text));
    }
    if node.as_list().is_some() {
        return node.entries().try_for_each(|entry| write_node(entry, &format!("{line}{}", key_words(entry)), out));
    }
    let Some(branch) = node.branch() else {
        let values: Vec<String> = node.values().iter().map(|v| quote_word(&v.to_string()).into_owned()).collect();
        return writeln!(out, "{line} [ {} ]", values.join(" "));
    };
    if branch.is_empty() && line != "set" {
        return writeln!(out, "{line}");
    }
    node.children().try_for_each(|child| {
        let name = shown_name(node.plan().schema(), child.id());
        write_node(child, &format!("{line} {name}"), out)
    })
}

/// Reads `set` and `delete` lines into the builder's tree; what is wrong is told there, and the other lines are read.
pub fn read_set(builder: &mut Builder<'_>, source: &Arc<Source>) {
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let end = start + line.len();
        let (tokens, faults) = lex(source, start, end);
        let sound = faults.is_empty();
        builder.diagnostics.append(faults);
        if sound && let Err(diagnostic) = read_line(builder, source, &tokens, start + line.trim_end().len()) {
            builder.report(diagnostic);
        }
        start = end;
    }
}

fn read_line(builder: &mut Builder<'_>, source: &Arc<Source>, tokens: &[Token], end: usize) -> Result<(), Diagnostic> {
    let Some((verb, rest)) = tokens.split_first() else { return Ok(()) };
    let schema = Arc::clone(builder.tree.schema());
    match verb.word() {
        Some("set") => {
            let mut walker = Walker::new(&schema, source, DataPath::ROOT, false);
            for (at, token) in rest.iter().enumerate() {
                if let Err(fault) = walker.step(token, builder) {
                    // What follows was not understood and may hold a secret.
                    rest.iter().skip(at + 1).for_each(|token| token.span(source).conceal());
                    return Err(walker.placed(fault));
                }
            }
            walker.finish(end).map_err(|fault| walker.placed(fault))
        }
        Some("delete") => {
            let place = resolve(&schema, source, &DataPath::ROOT, rest)?;
            for path in place.paths() {
                if builder.tree.remove(&path).is_none() {
                    let span = Span::new(source, verb.start, end);
                    // Deleting what is not there leaves what was wanted: a file that is read twice is not at fault.
                    let said = Diagnostic::warning("there is nothing to delete").at(span);
                    builder.report(said.on(path.display(&schema).to_string()));
                }
            }
            Ok(())
        }
        Some(word @ ("annotate" | "deactivate" | "activate")) => {
            let (rest, comment) = match (word, rest.split_last()) {
                ("annotate", Some((said, rest))) => {
                    let read = said.word().ok_or_else(|| "expected a comment".to_owned()).and_then(marks::comment);
                    (rest, Some(read.map_err(|e| Diagnostic::error(e).at(said.span(source)))?))
                }
                ("annotate", None) => {
                    return Err(Diagnostic::error("expected a place and a comment").at(verb.span(source)));
                }
                _ => (rest, None),
            };
            let place = resolve(&schema, source, &DataPath::ROOT, rest)?;
            for path in place.paths() {
                let before = builder.tree.mark(&path);
                let mark = match &comment {
                    Some(comment) => Mark { comment: comment.clone(), ..before },
                    None => Mark { is_inactive: word == "deactivate", ..before },
                };
                if let Err(fault) = builder.tree.set_mark(&path, &mark) {
                    let span = Span::new(source, verb.start, end);
                    builder.report_on(&path, Some(span), Diagnostic::error(fault.to_string()));
                }
            }
            Ok(())
        }
        _ => {
            Err(Diagnostic::error("expected `set`, `delete`, `annotate`, `deactivate` or `activate`")
                .at(verb.span(source)))
        }
    }
}

/// What words lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A container, an entry, a list as a whole, a leaf or a leaf-list.
    pub path: DataPath,
    /// The values named, of a leaf-list.
    pub values: Vec<Value>,
}

impl Place {
    /// Returns the paths meant: each value of a leaf-list by itself when values are named.
    #[must_use]
    pub fn paths(&self) -> Vec<DataPath> {
        if self.values.is_empty() {
            return vec![self.path.clone()];
        }
        self.values.iter().map(|value| self.path.entry(Key::One(value.clone()))).collect()
    }
}

/// Finds what words lead to, from `base`: a list without a key is meant as a whole, a leaf-list may be followed by values.
///
/// # Errors
/// The first word that leads nowhere, or what is missing at the end.
pub fn resolve(
    schema: &SchemaTree,
    source: &Arc<Source>,
    base: &DataPath,
    tokens: &[Token],
) -> Result<Place, Diagnostic> {
    let mut walker = Walker::new(schema, source, base.clone(), false);
    let mut met = Met { schema, place: None, fault: None };
    for token in tokens {
        let in_values = matches!(walker.next(), Next::Values(_));
        if let (Some(place), false) = (&met.place, in_values) {
            let name = &schema.node(place.path.schema_id()).name;
            return Err(Diagnostic::error(format!("nothing can follow `{name}` here")).at(token.span(source)));
        }
        walker.step(token, &mut met)?;
        if let Some(fault) = met.fault.take() {
            return Err(fault);
        }
    }
    if let (Some(place), Next::Child(_)) = (met.place, walker.next()) {
        return Ok(place);
    }
    let path = match walker.next() {
        Next::Child(at) => at.clone(),
        Next::Key(list, given) if given.is_empty() => list.clone(),
        Next::Value(path) => path.clone(),
        _ => {
            let end = tokens.last().map_or(0, |token| token.end);
            let said = format!("incomplete path: expected {}", walker.expected());
            return Err(Diagnostic::error(said).at(Span::new(source, end, end)));
        }
    };
    Ok(Place { path, values: Vec::new() })
}

/// Notes the leaf or leaf-list values that end a path.
struct Met<'s> {
    schema: &'s SchemaTree,
    place: Option<Place>,
    fault: Option<Diagnostic>,
}

impl Sink for Met<'_> {
    fn enter(&mut self, _path: &DataPath, _span: Span) {}

    fn leaf(&mut self, path: &DataPath, _text: &str, span: Span) {
        let node = self.schema.node(path.schema_id());
        if node.ty().is_some_and(|ty| matches!(ty.base, BaseType::Empty)) {
            self.place = Some(Place { path: path.clone(), values: Vec::new() });
        } else {
            let said = format!("the path ends with the leaf `{}`: no value can follow", node.name);
            self.fault = Some(Diagnostic::error(said).at(span));
        }
    }

    fn leaf_list_value(&mut self, path: &DataPath, text: &str, span: Span) {
        let node = self.schema.node(path.schema_id());
        let NodeKind::LeafList(list) = &node.kind else { return };
        let value = match Value::sealed(text).filter(|_| list.secret) {
            Some(sealed) => Ok(sealed),
            None => Value::parse(self.schema, &list.ty, text),
        };
        match value {
            Ok(value) => {
                let place = self.place.get_or_insert_with(|| Place { path: path.clone(), values: Vec::new() });
                place.values.push(value);
            }
            Err(e) => self.fault = Some(Diagnostic::error(format!("`{}`: {e}", node.name)).at(span)),
        }
    }
}
