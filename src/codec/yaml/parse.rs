//! Reading YAML text into a document with positions, from the event stream of the scanner.
//!
//! A scalar's text is kept as written: what `no`, `017` or `1e3` means is for the leaf's type to say.

use crate::codec::document::{
    Document, Kind, Limits, Name, Node, Notation, Place, Style, report_duplicates, too_deep, too_large, too_many_nodes,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::borrow::Cow;
use std::sync::Arc;

/// Reads a YAML text. A syntax fault ends the reading; what is only not allowed here is collected.
pub(in crate::codec) fn parse<'s>(
    source: &'s Arc<Source>,
    limits: Limits,
    found: &mut Diagnostics,
) -> Option<Document<'s>> {
    if source.text().len() > limits.bytes {
        found.push(too_large(source, limits));
        return None;
    }
    if let Some(fault) = forbidden_character(source) {
        found.push(fault);
        return None;
    }
    let mut reader = Reader {
        source,
        offsets: Offsets::new(source.text()),
        limits,
        nodes: 0,
        open: Vec::new(),
        root: None,
        found,
        is_refused: false,
    };
    let read = reader.read();
    let (root, is_refused) = (reader.root.take(), reader.is_refused);
    if let Err(fault) = read {
        found.push(*fault);
        return None;
    }
    // What stands for something else would only be misread: its faults have been told.
    if is_refused {
        return None;
    }
    // A file without a document, or with an empty one, says nothing: an empty map.
    let root = root.filter(|node| !node.is_null());
    let root = root.unwrap_or_else(|| Node { place: Place::default(), kind: Kind::Map(Vec::new()) });
    Some(Document { source, notation: Notation::Yaml, root })
}

/// Returns a fault about the first character that YAML does not let stand unescaped (YAML 1.2.2 §5.1).
///
/// The scanner takes the character NUL for the end of the text: what follows it would be dropped without a word.
fn forbidden_character(source: &Arc<Source>) -> Option<Diagnostic> {
    let forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let at = source.text().find(forbidden)?;
    let c = source.text().get(at..)?.chars().next()?;
    let diagnostic = Diagnostic::error(format!("the control character U+{:04X}", u32::from(c))).at(Place::new(
        at,
        at + c.len_utf8(),
    )
    .span(source));
    Some(diagnostic.hint("write it in `\"` as an escape sequence, such as `\\x1b`, if it is meant"))
}

/// Byte offsets of characters, which the scanner counts in.
struct Offsets<'s> {
    text: &'s str,
    /// Offset of each [`STRIDE`]th character; empty where every character is one byte.
    table: Vec<usize>,
}

/// Characters from one known offset to the next: a look-up walks half of it, the table stays a thirtieth of the text.
const STRIDE: usize = 256;

impl<'s> Offsets<'s> {
    fn new(text: &'s str) -> Self {
        let table = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STRIDE).map(|(offset, _)| offset).collect()
        };
        Self { text, table }
    }

    fn byte(&self, characters: usize) -> usize {
        if self.table.is_empty() {
            return characters.min(self.text.len());
        }
        let start = self.table.get(characters / STRIDE).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or("");
        start + rest.char_indices().nth(characters % STRIDE).map_or(rest.len(), |(offset, _)| offset)
    }

    fn place(&self, span: saphyr_parser::Span) -> Place {
        let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        // A plain scalar's end is where the scanner looked next: blanks and comments behind it are not part of it.
        let trimmed = self.text.get(start..end).map_or(start, |t| start + t.trim_end().len());
        Place::new(start, trimmed)
    }
}

/// A map or sequence whose end is still to come.
struct Open<'s> {
    start: Place,
    what: Inside<'s>,
}

enum Inside<'s> {
    Map { members: Vec<(Name<'s>, Node<'s>)>, name: Option<Name<'s>> },
    Sequence(Vec<Node<'s>>),
}

struct Reader<'s, 'd> {
    source: &'s Arc<Source>,
    offsets: Offsets<'s>,
    limits: Limits,
    nodes: usize,
    open: Vec<Open<'s>>,
    root: Option<Node<'s>>,
    found: &'d mut Diagnostics,
    /// Whether something was found that YAML has and configuration does not.
    is_refused: bool,
}

type Fault = Box<Diagnostic>;

impl<'s> Reader<'s, '_> {
    fn read(&mut self) -> Result<(), Fault> {
        let text = self.source.text();
        // The scanner counts a byte order mark as a character: left in, all positions stay right.
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|e| {
                let at = self.offsets.byte(e.marker().index());
                Box::new(
                    Diagnostic::error(format!("not YAML: {}", e.info())).at(Place::new(at, at + 1).span(self.source)),
                )
            })?;
            let place = self.offsets.place(span);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let fault = Diagnostic::error("a second document in one file").at(place.span(self.source));
                        return Err(Box::new(fault.hint("put it in a file of its own")));
                    }
                }
                Event::StreamEnd => return Ok(()),
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                event => self.node_event(event, place)?,
            }
        }
        Ok(())
    }

    fn node_event(&mut self, event: Event<'s>, place: Place) -> Result<(), Fault> {
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag.as_ref().map(ToString::to_string))
            }
            _ => (0, None),
        };
        if anchor != 0 {
            self.refuse(place, "anchors (`&name`) are not read here", "write the content out where it is wanted");
        }
        if let Some(tag) = tag {
            self.refuse(place, &format!("the tag `{tag}` is not read here"), "the schema says what type a value has");
        }
        match event {
            Event::Scalar(text, style, ..) => {
                let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
                self.scalar(text, style, place)
            }
            Event::Alias(_) => {
                self.refuse(place, "aliases (`*name`) are not read here", "write the content out where it is wanted");
                self.scalar(Cow::Borrowed(""), Style::Plain, place)
            }
            Event::MappingStart(..) => self.start(place, Inside::Map { members: Vec::new(), name: None }),
            Event::SequenceStart(..) => self.start(place, Inside::Sequence(Vec::new())),
            Event::MappingEnd | Event::SequenceEnd => {
                self.end(place);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn refuse(&mut self, place: Place, what: &str, hint: &str) {
        self.is_refused = true;
        self.found.push(Diagnostic::error(what).at(place.span(self.source)).hint(hint));
    }

    fn count(&mut self, place: Place) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Box::new(too_many_nodes(self.limits).at(place.span(self.source))));
        }
        Ok(())
    }

    fn start(&mut self, place: Place, what: Inside<'s>) -> Result<(), Fault> {
        self.count(place)?;
        if self.open.len() == self.limits.depth {
            return Err(Box::new(too_deep(self.limits).at(place.span(self.source))));
        }
        if let Some(Open { what: Inside::Map { name: None, .. }, .. }) = self.open.last() {
            // What it stands for could not be said; without a name for the rest, nothing behind it could be read.
            let fault = Diagnostic::error("a map or sequence stands where a name is expected");
            return Err(Box::new(fault.at(place.span(self.source)).hint("write `name: value`")));
        }
        self.open.push(Open { start: place, what });
        Ok(())
    }

    fn scalar(&mut self, text: Cow<'s, str>, style: Style, place: Place) -> Result<(), Fault> {
        if let Some(Open { what: Inside::Map { name: name @ None, .. }, .. }) = self.open.last_mut() {
            let is_merge_key = text == "<<" && style == Style::Plain;
            *name = Some(Name::new(text, place));
            if is_merge_key {
                self.refuse(place, "merge keys (`<<`) are not read here", "write the content out where it is wanted");
            }
            return Ok(());
        }
        self.count(place)?;
        self.done(Node { place, kind: Kind::Scalar { text, style } });
        Ok(())
    }

    fn end(&mut self, place: Place) {
        let Some(Open { start, what }) = self.open.pop() else { return };
        let kind = match what {
            Inside::Map { members, .. } => {
                report_duplicates(self.source, &members, self.found);
                Kind::Map(members)
            }
            Inside::Sequence(items) => Kind::Sequence(items),
        };
        self.done(Node { place: start.to(place), kind });
    }

    /// Puts a finished node where it belongs.
    fn done(&mut self, node: Node<'s>) {
        match self.open.last_mut().map(|open| &mut open.what) {
            None => self.root = Some(node),
            Some(Inside::Sequence(items)) => items.push(node),
            Some(Inside::Map { members, name }) => {
                if let Some(name) = name.take() {
                    members.push((name, node));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn faults(text: &str) -> Vec<String> {
        let source = Source::new("a.yaml", text);
        let mut found = Diagnostics::new();
        let document = parse(&source, Limits::INPUT, &mut found);
        assert!(document.is_some() || found.has_errors());
        found.iter().map(|d| format!("{}: {}", d.span.as_ref().unwrap(), d.message)).collect()
    }

    fn scalars(text: &str) -> Vec<(String, Style, String)> {
        fn walk(source: &Arc<Source>, node: &Node<'_>, all: &mut Vec<(String, Style, String)>) {
            match &node.kind {
                Kind::Scalar { text, style } => {
                    all.push((text.to_string(), *style, node.place.span(source).to_string()));
                }
                Kind::Sequence(items) => items.iter().for_each(|item| walk(source, item, all)),
                Kind::Map(members) => members.iter().for_each(|(_, member)| walk(source, member, all)),
                Kind::Value(_) | Kind::Wrong(_) => {}
            }
        }
        let source = Source::new("a.yaml", text);
        let document = parse(&source, Limits::INPUT, &mut Diagnostics::new()).unwrap();
        let mut all = Vec::new();
        walk(&source, &document.root, &mut all);
        all
    }

    #[test]
    fn plain_scalars_stay_texts_at_their_places() {
        let plain = |text: &str, place: &str| (text.to_owned(), Style::Plain, format!("a.yaml:{place}"));
        let quoted = |text: &str, place: &str| (text.to_owned(), Style::Quoted, format!("a.yaml:{place}"));
        assert_eq!(
            scalars(
                "é: no # really\nb:\n  - 017\n  - ~\n  - 1e3\n  - \"x\"\n  - 'it''s'\nc: [ü, 2]\nd:\ne: |\n  l1\n  l2\nf: z\n"
            ),
            [
                plain("no", "1:4"),
                plain("017", "3:5"),
                plain("~", "4:5"),
                plain("1e3", "5:5"),
                quoted("x", "6:5"),
                quoted("it's", "7:5"),
                plain("ü", "8:5"),
                plain("2", "8:8"),
                plain("", "9:2"),
                quoted("l1\nl2\n", "11:3"),
                plain("z", "13:4"),
            ]
        );
    }

    #[test]
    fn what_is_not_allowed_is_told_at_its_place_and_all_at_once() {
        assert_eq!(
            faults("a: &x 1\nb: *x\nc: !!str 2\nd:\n  <<: {}\nd: 2\n"),
            [
                "a.yaml:1:4: anchors (`&name`) are not read here",
                "a.yaml:2:4: aliases (`*name`) are not read here",
                "a.yaml:3:4: the tag `tag:yaml.org,2002:!str` is not read here",
                "a.yaml:5:3: merge keys (`<<`) are not read here",
                "a.yaml:6:1: `d` is given twice: first at a.yaml:4:1",
            ]
        );
        assert_eq!(faults("a: 1\n---\nb: 2\n"), ["a.yaml:2:1: a second document in one file"]);
        assert_eq!(faults("a: 1\0b: 2\n"), ["a.yaml:1:5: the control character U+0000"]);
        assert_eq!(faults("? [a]\n: 1\n"), ["a.yaml:1:3: a map or sequence stands where a name is expected"]);
        assert_eq!(faults(&"[".repeat(200)), ["a.yaml:1:65: nested deeper than 64 levels"]);
        assert_eq!(faults(&"[".repeat(100_000)).len(), 1);
        assert_eq!(faults(&"- ".repeat(100_000)), ["a.yaml:1:129: nested deeper than 64 levels"]);
        for text in ["a: [1\n", "a:\n\t- 1\n", "a: 'x\n", "a: b: c\n", " a: 1\nb: 2\n", "a: \"\\q\"\n"] {
            let said = faults(text);
            assert!(said.len() == 1 && said[0].contains("not YAML: "), "{text:?}: {said:?}");
        }
    }

    #[test]
    fn a_file_without_content_is_an_empty_map() {
        for text in ["", "# only a comment\n", "---\n", "---\n...\n", "~\n", "\u{feff}"] {
            assert!(faults(text).is_empty(), "{text:?}");
            assert!(scalars(text).is_empty(), "{text:?}");
        }
        assert_eq!(scalars("\u{feff}a: 1\n"), [("1".to_owned(), Style::Plain, "a.yaml:1:5".to_owned())]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn nothing_makes_it_panic(text in "[\\[\\]{}\"',:a&*!|>%@#~é?<.\\n\\r\\t -]{0,40}") {
            let source = Source::new("a.yaml", text);
            parse(&source, Limits::INPUT, &mut Diagnostics::new());
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let source = Source::new("a.yaml", text);
            parse(&source, Limits::INPUT, &mut Diagnostics::new());
        }
    }
}
