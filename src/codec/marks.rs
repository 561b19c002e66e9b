//! What is noted about nodes, in the notations: annotations of RFC 7952 in JSON, YAML and XML, `/* … */` and `inactive:` in
//! braces, `annotate` and `deactivate` among `set` lines.

use super::Builder;
use super::document::{Kind, Name, Node, Style};
use super::loader::Loader;
use super::shape::{Atom, Emitter};
use crate::diagnostic::{Diagnostic, Span};
use crate::tree::{DataPath, EditError, Mark};
use crate::yang::NodeKind;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The module that the annotations are of.
pub(super) const MODULE: &str = "annunciator-extensions";

/// The namespace of that module.
pub(super) const NAMESPACE: &str = "urn:annunciator:yang:extensions";

/// The annotation that holds a comment.
pub(super) const COMMENT: &str = "comment";

/// The annotation that says that a node is inactive.
pub(super) const INACTIVE: &str = "inactive";

/// What stands in front of an inactive statement in braces.
pub(super) const INACTIVE_WORD: &str = "inactive:";

/// Modules of annotations that change what an edit does: a document holds data only (RFC 6241 §7.2, RFC 7950 §7.8.6).
const EDITING: [&str; 2] = ["ietf-netconf", "yang"];

/// The annotation that marks defaults (RFC 6243 §6), which says nothing new.
const DEFAULT: &str = "ietf-netconf-with-defaults:default";

/// Bytes of a comment at most: some lines for people, on every listing of the configuration.
const COMMENT_BYTES_MAX: usize = 4096;

/// Something noted about a node that comes into being yet.
#[derive(Debug)]
pub(super) struct Noted {
    path: DataPath,
    mark: Mark,
    span: Option<Span>,
    /// Of a leaf-list, how many of its values are said to be inactive, where they are said one by one.
    values: Option<usize>,
}

/// Reads a comment as it is kept: on one line, nothing where it says nothing.
///
/// # Errors
/// What no notation could write.
pub fn comment(text: &str) -> Result<Option<Arc<str>>, String> {
    // The asterisks in front of further lines are ornament.
    let lines = text.lines().enumerate().map(|(at, line)| match line.trim_start().strip_prefix('*') {
        Some(rest) if at > 0 => rest,
        _ => line,
    });
    let text = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    if text.contains("*/") {
        return Err("a comment cannot hold `*/`, which ends it in braces".to_owned());
    }
    if let Some(c) = text.chars().find(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        return Err(format!("a comment cannot hold the character U+{:04X}", u32::from(c)));
    }
    if text.len() > COMMENT_BYTES_MAX {
        return Err(format!("a comment has {COMMENT_BYTES_MAX} bytes at most"));
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

/// Tells what is noted about a node as the annotations of RFC 7952 §5.2.1.
pub(super) fn emit(out: &mut impl Emitter, mark: &Mark) -> fmt::Result {
    out.open_map()?;
    if let Some(comment) = &mark.comment {
        out.name(&format!("{MODULE}:{COMMENT}"))?;
        out.atom(Atom::Text(comment))?;
    }
    if mark.is_inactive {
        out.name(&format!("{MODULE}:{INACTIVE}"))?;
        out.atom(Atom::Boolean(true))?;
    }
    out.close_map()
}

/// Tells what is noted about a leaf-list as a whole: that it is inactive, with each value; a comment with the first.
pub(super) fn emit_each(out: &mut impl Emitter, mark: &Mark, values: usize) -> fmt::Result {
    out.open_list()?;
    emit(out, mark)?;
    if mark.is_inactive {
        let rest = Mark { comment: None, is_inactive: true };
        for _ in 1..values {
            emit(out, &rest)?;
        }
    }
    out.close_list()
}

impl Builder<'_> {
    /// Remembers what is noted about a node that comes into being yet.
    pub(super) fn note_mark(&mut self, path: &DataPath, mark: Mark, span: Option<Span>) {
        self.noted.push(Noted { path: path.clone(), mark, span, values: None });
    }

    /// Notes what was remembered, once all nodes are there.
    pub(super) fn settle_marks(&mut self) {
        let all = std::mem::take(&mut self.noted);
        let mut inactive: HashMap<DataPath, usize> = HashMap::new();
        for noted in &all {
            if let Some(values) = noted.values {
                *inactive.entry(noted.path.clone()).or_default() += values;
            }
        }
        for Noted { path, mark, span, .. } in all {
            let values = self.tree.get(&path).map_or(0, |node| node.values().len());
            if inactive.get(&path).is_some_and(|given| *given != 0 && *given < values) {
                let said = "only a leaf-list as a whole can be inactive, and some of its values are";
                self.report_on(&path, span, Diagnostic::error(said));
                continue;
            }
            let before = self.tree.mark(&path);
            let comment = mark.comment.or(before.comment);
            let mark = Mark { comment, is_inactive: mark.is_inactive || before.is_inactive };
            match self.tree.set_mark(&path, &mark) {
                Ok(_) => {}
                // Where the node itself was refused, that is told.
                Err(EditError::NotFound) if self.diagnostics.has_errors() => {}
                Err(EditError::NotFound) => {
                    let said = Diagnostic::warning("there is nothing here that it could be noted about").at_maybe(span);
                    let shown = path.display(self.tree.schema()).to_string();
                    self.diagnostics.push(said.on(shown));
                }
                Err(error) => self.report_on(&path, span, Diagnostic::error(error.to_string())),
            }
        }
    }
}

impl Loader<'_, '_> {
    /// Takes a member whose name begins with `@`: what is noted about the node at `path`, or about a child of it.
    pub(super) fn annotation(&mut self, path: &DataPath, name: &Name<'_>, node: &Node<'_>) {
        let about = match name.text.strip_prefix('@') {
            None | Some("") => path.clone(),
            Some(child) => match super::names::find_child(self.schema, path.schema_id(), child) {
                Ok(child) => path.child(child),
                Err(fault) => return self.report(path, name.place, *fault),
            },
        };
        let is_list = matches!(self.schema.node(about.schema_id()).kind, NodeKind::LeafList(_));
        let (mark, values) = match &node.kind {
            Kind::Sequence(items) if is_list => self.annotations_of_values(&about, items),
            _ => {
                let mark = self.annotations(&about, node);
                let values = usize::from(mark.is_inactive);
                (mark, values)
            }
        };
        if !mark.is_empty() {
            let span = Some(node.place.span(self.source));
            self.builder.noted.push(Noted { path: about, mark, span, values: is_list.then_some(values) });
        }
    }

    /// Reads the annotations of the values of a leaf-list: what is kept is about all of them. Tells how many are inactive.
    fn annotations_of_values(&mut self, path: &DataPath, items: &[Node<'_>]) -> (Mark, usize) {
        let given: Vec<Mark> =
            items.iter().filter(|item| !item.is_null()).map(|item| self.annotations(path, item)).collect();
        let inactive = given.iter().filter(|mark| mark.is_inactive).count();
        let comment = given.into_iter().find_map(|mark| mark.comment);
        (Mark { comment, is_inactive: inactive > 0 }, inactive)
    }

    fn annotations(&mut self, path: &DataPath, node: &Node<'_>) -> Mark {
        let mut mark = Mark::default();
        let Kind::Map(members) = &node.kind else {
            let said = Diagnostic::error("expected an object of annotations (RFC 7952)");
            self.report(path, node.place, said);
            return mark;
        };
        for (name, value) in members {
            let (module, local) = name.text.split_once(':').unwrap_or(("", &name.text));
            match (module, local, &value.kind) {
                (MODULE, COMMENT, Kind::Scalar { text, .. }) => match comment(text) {
                    Ok(comment) => mark.comment = comment,
                    Err(said) => self.report(path, value.place, Diagnostic::error(said)),
                },
                (MODULE, INACTIVE, Kind::Scalar { text, style }) if is_boolean(text, *style) => {
                    mark.is_inactive = text == "true";
                }
                (MODULE, COMMENT | INACTIVE, _) => {
                    let expected = if local == COMMENT { "a text" } else { "`true` or `false`" };
                    self.report(path, value.place, Diagnostic::error(format!("`{local}`: expected {expected}")));
                }
                _ if name.text == DEFAULT => {}
                (module, ..) if EDITING.contains(&module) => {
                    let said =
                        format!("the annotation `{}` asks for an edit, and a document holds data only", name.text);
                    self.report(path, name.place, Diagnostic::error(said).hint("leave it out"));
                }
                _ => {
                    let said = Diagnostic::warning(format!("the annotation `{}` is passed over", name.text));
                    self.builder.report(said.at(name.place.span(self.source)));
                }
            }
        }
        mark
    }
}

fn is_boolean(text: &str, style: Style) -> bool {
    matches!(style, Style::Boolean | Style::Plain | Style::Xml) && matches!(text, "true" | "false")
}

#[cfg(test)]
mod tests {
    use crate::codec::{Builder, Format, read};
    use crate::diagnostic::{Diagnostic, Source, Span};
    use crate::tree::DataTree;
    use crate::tree::arbitrary::{HexSealer, plan};

    /// Reads a document and returns what is noted, and what is told.
    fn noted(format: Format, text: &str) -> (String, String) {
        let mut builder = Builder::new(DataTree::new(plan()), &HexSealer);
        read(&mut builder, format, &Source::new("t", text));
        let shown = builder.tree.all_marks().into_iter().map(|(path, mark)| {
            let path = path.display(builder.tree.schema()).to_string();
            let inactive = if mark.is_inactive { "inactive " } else { "" };
            format!("{path} {inactive}{}", mark.comment.as_deref().unwrap_or("-"))
        });
        let told = builder.diagnostics.iter().map(|d: &Diagnostic| {
            let (line, column) = d.span.as_ref().map_or((0, 0), Span::line_column);
            format!("{line}:{column} {}", d.message)
        });
        (shown.collect::<Vec<_>>().join(", "), told.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn annotations_are_read_where_rfc_7952_has_them() {
        let text = r#"{"arb:top": {"@": {"annunciator-extensions:comment": "all"},
            "@text": {"annunciator-extensions:inactive": true}, "text": "x",
            "words": ["a", "b"], "@words": [{"annunciator-extensions:inactive": true}, {"annunciator-extensions:inactive": true}],
            "@arb:tiny": {"ietf-netconf-with-defaults:default": true}, "tiny": 1}}"#;
        let expected = "/arb:top all, /arb:top/text inactive -, /arb:top/words inactive -";
        assert_eq!(noted(Format::Json, text), (expected.to_owned(), String::new()));
        let text = "<top xmlns='urn:arb' xmlns:a='urn:annunciator:yang:extensions' a:comment=' all '>\
            <text a:inactive='true'>x</text><words a:inactive='true'>a</words><words a:inactive='true'>b</words></top>";
        assert_eq!(noted(Format::Xml, text), (expected.to_owned(), String::new()));
        let text = "/* # one\n * line */ top { inactive: text x; # no comment\n inactive: words [ a b ]; }";
        let (shown, told) = noted(Format::Curly, text);
        assert_eq!((shown, told.as_str()), (expected.replace(" all", " # one line"), ""));
    }

    #[test]
    fn what_is_wrong_with_an_annotation_is_told_at_its_place() {
        for (text, expected) in [
            (r#"{"arb:top": {"text": "x", "@text": 1}}"#, "1:36 expected an object of annotations (RFC 7952)"),
            (
                r#"{"arb:top": {"text": "x", "@text": {"annunciator-extensions:inactive": "yes"}}}"#,
                "1:72 `inactive`: expected `true` or `false`",
            ),
            (
                r#"{"arb:top": {"text": "x", "@text": {"annunciator-extensions:comment": "*/"}}}"#,
                "1:71 a comment cannot hold `*/`, which ends it in braces",
            ),
            (
                r#"{"arb:top": {"words": ["a", "b"], "@words": [null, {"annunciator-extensions:inactive": true}]}}"#,
                "1:45 only a leaf-list as a whole can be inactive, and some of its values are",
            ),
            (
                r#"{"arb:top": {"text": "x", "@text": {"ietf-netconf:operation": "delete"}}}"#,
                "1:37 the annotation `ietf-netconf:operation` asks for an edit, and a document holds data only",
            ),
            (
                r#"{"arb:top": {"text": "x", "@text": {"acme:colour": "red"}}}"#,
                "1:37 the annotation `acme:colour` is passed over",
            ),
            (r#"{"arb:top": {"@txet": {}}}"#, "1:14 `txet` is not an element of `top`"),
            (
                r#"{"arb:top": {"@text": {"annunciator-extensions:inactive": true}}}"#,
                "1:23 there is nothing here that it could be noted about",
            ),
            (
                r#"{"@": {"annunciator-extensions:inactive": true}}"#,
                "1:7 nothing can be noted about `/`: expected a container, an entry, a leaf or a leaf-list as a whole",
            ),
        ] {
            assert_eq!(noted(Format::Json, text).1, expected, "{text}");
        }
    }
}
