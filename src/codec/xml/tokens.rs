//! XML text as tags and texts that are known to be well-formed; comments and processing instructions are passed over.
//!
//! The crate finds the markup and matches the tags; what else a document must hold to (XML 1.0 §2) is checked here.

use super::characters::{is_blank, is_char};
use super::scope::Scopes;
use super::tag::{self, Fault, Tag};
use crate::codec::document::{Limits, Place, too_deep};
use crate::diagnostic::Diagnostic;
use crate::yang::SchemaTree;
use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use std::borrow::Cow;

/// A piece of a document.
#[derive(Debug)]
pub(super) enum Token<'s> {
    /// A start tag; its end tag comes too where it is written as one with it.
    Open(Box<Tag<'s>>),
    /// The end tag of the element that was opened last.
    Close,
    /// Characters between tags, references resolved.
    Text(Cow<'s, str>, Place),
    /// The end of the text.
    End,
}

/// Reads a text token by token.
pub(super) struct Tokens<'s> {
    text: &'s str,
    /// Offset of the first character behind a byte order mark.
    base: usize,
    reader: Reader<&'s [u8]>,
    schema: &'s SchemaTree,
    pub(super) scopes: Scopes<'s>,
    limits: Limits,
    /// The start tags of the open elements, and the marks of their scopes.
    open: Vec<(Place, usize)>,
    /// Whether an end tag is due for an element without content.
    closes: bool,
    /// The mark of the element that ended last: what it declared holds until the next piece is asked for.
    left: Option<usize>,
    tags: usize,
}

impl<'s> Tokens<'s> {
    /// Starts to read a text whose characters are all of XML.
    pub(super) fn new(text: &'s str, schema: &'s SchemaTree, limits: Limits) -> Result<Self, Fault> {
        if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_char(*c)) {
            let said = Diagnostic::error(format!("the character U+{:04X}, which XML cannot carry", u32::from(c)));
            return Err(Fault::new((Place::new(at, at + c.len_utf8()), said)));
        }
        let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(bare);
        reader.config_mut().check_comments = true;
        Ok(Self {
            text,
            base: text.len() - bare.len(),
            reader,
            schema,
            scopes: Scopes::new(schema),
            limits,
            open: Vec::new(),
            closes: false,
            left: None,
            tags: 0,
        })
    }

    /// Returns the next piece.
    pub(super) fn next(&mut self) -> Result<Token<'s>, Fault> {
        if let Some(mark) = self.left.take() {
            self.scopes.leave(mark);
        }
        if std::mem::take(&mut self.closes) {
            return Ok(self.close());
        }
        loop {
            let start = self.at();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.ill_formed(start, &error)),
            };
            let place = Place::new(start, self.at());
            match event {
                Event::Start(tag) => return self.open(start, &tag),
                Event::Empty(tag) => {
                    self.closes = true;
                    return self.open(start, &tag);
                }
                Event::End(_) => return Ok(self.close()),
                Event::Text(text) => {
                    let text = text.into_inner();
                    if text.contains("]]>") {
                        let said = Diagnostic::error("`]]>` in a text");
                        return Err(Fault::new((place, said.hint("write it as `]]&gt;`"))));
                    }
                    return self.characters(plain_lines(text), place);
                }
                Event::CData(text) if self.open.is_empty() => {
                    return self.characters(Cow::Owned(format!("[{}]", &*text)), place);
                }
                Event::CData(text) => return self.characters(plain_lines(text.into_inner()), place),
                Event::GeneralRef(reference) => {
                    let text = resolved(&reference).map_err(|said| Fault::new((place, said)))?;
                    return self.characters(Cow::Owned(text), place);
                }
                Event::Decl(declaration) => self.declaration(place, &declaration)?,
                Event::DocType(_) => {
                    let said = Diagnostic::error("a document type (`<!DOCTYPE`) is not read");
                    return Err(Fault::new((place, said.hint("leave it out: entities of one's own are not resolved"))));
                }
                Event::PI(instruction) => {
                    let target = instruction.target();
                    if target.eq_ignore_ascii_case("xml") || !super::characters::is_local_name(target) {
                        let said = "an XML declaration stands at the very start, or not at all";
                        return Err(Fault::new((place, Diagnostic::error(said))));
                    }
                }
                Event::Comment(text) if text.ends_with('-') => {
                    return Err(Fault::new((place, Diagnostic::error("a comment does not end with `--->`"))));
                }
                Event::Comment(_) => {}
                Event::Eof => return self.end(start),
            }
        }
    }

    /// Reads up to the end tag of the element that was opened last, that one included.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        let outside = self.open.len().saturating_sub(1);
        while self.open.len() > outside {
            self.next()?;
        }
        Ok(())
    }

    /// Returns the offset of what comes next.
    pub(super) fn at(&self) -> usize {
        // Texts longer than an offset can count are refused before.
        self.base + usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn open(&mut self, start: usize, tag: &BytesStart<'_>) -> Result<Token<'s>, Fault> {
        let place = Place::new(start, start + 1);
        if self.open.len() == self.limits.depth {
            return Err(Fault::new((place, too_deep(self.limits))));
        }
        self.tags += 1;
        if self.tags > self.limits.nodes {
            return Err(Fault::new((place, crate::codec::document::too_many_nodes(self.limits))));
        }
        let end = self.at();
        let tag = tag::read(self.schema, &mut self.scopes, self.text, start, end, tag)?;
        self.open.push((tag.place, tag.mark));
        Ok(Token::Open(Box::new(tag)))
    }

    fn close(&mut self) -> Token<'s> {
        self.left = self.open.pop().map(|(_, mark)| mark);
        Token::Close
    }

    fn characters(&self, text: Cow<'s, str>, place: Place) -> Result<Token<'s>, Fault> {
        if self.open.is_empty() && !text.chars().all(is_blank) {
            let said = Diagnostic::error("expected an element, found text");
            return Err(Fault::new((place, said.hint("XML starts with `<`"))));
        }
        Ok(Token::Text(text, place))
    }

    fn declaration(&self, place: Place, declaration: &BytesDecl<'_>) -> Result<(), Fault> {
        let fault = |said: Diagnostic| Err(Fault::new((place, said)));
        if place != Place::new(self.base, self.at()) {
            return fault(Diagnostic::error("an XML declaration stands at the very start, or not at all"));
        }
        match declaration.version() {
            Ok(version) if version.starts_with("1.") => {}
            _ => {
                return fault(
                    Diagnostic::error("expected XML 1.0").hint("write `<?xml version=\"1.0\" encoding=\"UTF-8\"?>`"),
                );
            }
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(encoding)) if ["utf-8", "us-ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known)) => {
                Ok(())
            }
            Some(_) => fault(Diagnostic::error("expected XML in UTF-8").hint("convert the file and its declaration")),
        }
    }

    fn end(&self, at: usize) -> Result<Token<'s>, Fault> {
        let Some((place, _)) = self.open.last() else { return Ok(Token::End) };
        let said = format!("the text ends here inside {}", self.shown(*place));
        Err(Fault::new((Place::new(at, at), Diagnostic::error(said))))
    }

    /// Returns an open element as messages name it.
    fn shown(&self, tag: Place) -> String {
        let text = self.text.get(tag.range()).unwrap_or("<");
        let name = text.trim_start_matches('<').split(|c: char| is_blank(c) || matches!(c, '>' | '/')).next();
        format!("`<{}>`", name.unwrap_or(""))
    }

    fn ill_formed(&self, start: usize, error: &Error) -> Fault {
        let end = self.at().max(start + 1).min(self.text.len().max(start));
        let place = Place::new(start, end);
        let said = match error {
            Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
                let said = Diagnostic::error(format!("expected `</{expected}>`, found `</{found}>`"));
                match self.open.last() {
                    Some((tag, _)) => said.hint(format!("`<{expected}>` is opened at line {}", self.line(*tag))),
                    None => said,
                }
            }
            Error::IllFormed(IllFormedError::UnmatchedEndTag(name)) => {
                Diagnostic::error(format!("`</{name}>` without its start tag"))
            }
            Error::IllFormed(IllFormedError::DoubleHyphenInComment) => Diagnostic::error("`--` inside a comment"),
            Error::IllFormed(IllFormedError::UnclosedReference) => {
                Diagnostic::error("`&` without its reference").hint("write `&` as `&amp;`")
            }
            Error::Syntax(SyntaxError::InvalidBangMarkup) => {
                Diagnostic::error("`<!` opens neither a comment nor CDATA here").hint("write `<` in a text as `&lt;`")
            }
            Error::Syntax(error) => Diagnostic::error(error.to_string()),
            error => Diagnostic::error(format!("not well-formed XML: {error}")),
        };
        Fault::new((place, said))
    }

    fn line(&self, place: Place) -> usize {
        self.text.get(..place.range().start).map_or(0, |before| before.bytes().filter(|b| *b == b'\n').count()) + 1
    }
}

/// XML 1.0 §2.11: every end of a line is a line feed.
fn plain_lines(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// Returns the text that a reference stands for.
fn resolved(reference: &BytesRef<'_>) -> Result<String, Diagnostic> {
    let name: &str = reference;
    match reference.resolve_char_ref() {
        Ok(Some(c)) if is_char(c) => Ok(c.to_string()),
        Ok(None) => match quick_xml::escape::resolve_xml_entity(name) {
            Some(text) => Ok(text.to_owned()),
            None => Err(Diagnostic::error(format!("`&{name};` is not one of XML's own five entities"))
                .hint("write `&` as `&amp;`, or the character itself")),
        },
        _ => Err(Diagnostic::error(format!("`&{name};` stands for no character of XML"))),
    }
}
