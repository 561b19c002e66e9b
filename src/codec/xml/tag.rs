//! Start tags: the element's name, its attributes, and the namespaces that they declare.

use super::characters::{is_blank, is_local_name};
use super::scope::{Namespace, Scopes};
use crate::codec::document::Place;
use crate::diagnostic::Diagnostic;
use crate::yang::SchemaTree;
use quick_xml::events::BytesStart;
use quick_xml::events::attributes::AttrError;
use std::borrow::Cow;

/// Attributes of one element at most: instance data has next to none, and looking for repeated ones takes the square.
const ATTRIBUTES_MAX: usize = 64;

/// Declarations of namespaces that hold at once at most: one for each module of the largest devices.
const NAMESPACES_MAX: usize = 4096;

/// What ends the reading, and where. Boxed: the way that nearly always succeeds stays small.
#[derive(Debug)]
pub(super) struct Fault(pub(super) Box<(Place, Diagnostic)>);

impl Fault {
    pub(super) fn new(what: (Place, Diagnostic)) -> Self {
        Self(Box::new(what))
    }
}

/// A start tag, its names resolved.
#[derive(Debug)]
pub(super) struct Tag<'s> {
    /// Where it stands, brackets included.
    pub(super) place: Place,
    /// The name as written.
    pub(super) name: &'s str,
    /// The name without its prefix.
    pub(super) local: &'s str,
    pub(super) namespace: Namespace,
    /// What is neither a declaration nor of XML itself.
    pub(super) attributes: Vec<Attribute<'s>>,
    /// What [`Scopes::leave`] takes when the element ends.
    pub(super) mark: usize,
}

/// An attribute, its name resolved.
#[derive(Debug)]
pub(super) struct Attribute<'s> {
    pub(super) place: Place,
    pub(super) local: &'s str,
    /// That of no prefix is none: the default does not hold for attributes.
    pub(super) namespace: Namespace,
    pub(super) value: Cow<'s, str>,
}

struct Raw<'s> {
    place: Place,
    name: &'s str,
    value: Cow<'s, str>,
}

/// Reads a start tag, `start..end` in the text; what it declares holds from here.
pub(super) fn read<'s>(
    schema: &SchemaTree,
    scopes: &mut Scopes<'s>,
    text: &'s str,
    start: usize,
    end: usize,
    tag: &BytesStart<'_>,
) -> Result<Tag<'s>, Fault> {
    let inside = text.get(start + 1..start + 1 + tag.len()).unwrap_or("");
    let name = inside.get(..tag.name().as_ref().len()).unwrap_or("");
    let place = Place::new(start, end);
    let name_place = Place::new(start + 1, start + 1 + name.len());
    let (prefix, local) = split(name, name_place)?;
    let raw = attributes(inside, name.len(), start + 1)?;
    let mark = scopes.mark();
    for attribute in &raw {
        declare(schema, scopes, attribute)?;
    }
    if scopes.mark() > NAMESPACES_MAX {
        return Err(fault(place, format!("more than {NAMESPACES_MAX} namespaces are declared at once")));
    }
    let namespace = find(scopes, prefix, name_place)?;
    let mut resolved: Vec<Attribute<'s>> = Vec::new();
    for Raw { place, name, value } in raw.into_iter().filter(|raw| declared(raw.name).is_none()) {
        let (prefix, local) = split(name, place)?;
        let namespace = if prefix.is_empty() { Namespace::new(schema, "") } else { find(scopes, prefix, place)? };
        if resolved.iter().any(|other| other.local == local && other.namespace == namespace) {
            return Err(fault(place, format!("the attribute `{name}` is given twice")));
        }
        resolved.push(Attribute { place, local, namespace, value });
    }
    resolved.retain(|attribute| prefix_of_xml(scopes) != Some(&attribute.namespace));
    Ok(Tag { place, name, local, namespace, attributes: resolved, mark })
}

fn prefix_of_xml<'n>(scopes: &'n Scopes<'_>) -> Option<&'n Namespace> {
    scopes.find("xml")
}

fn fault(place: Place, message: impl Into<String>) -> Fault {
    Fault::new((place, Diagnostic::error(message)))
}

/// Splits a name into prefix and local part.
fn split(name: &str, place: Place) -> Result<(&str, &str), Fault> {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let is_name = is_local_name(local) && (is_local_name(prefix) || !name.contains(':'));
    if is_name { Ok((prefix, local)) } else { Err(fault(place, format!("`{name}` is not a name in XML"))) }
}

fn find(scopes: &Scopes<'_>, prefix: &str, place: Place) -> Result<Namespace, Fault> {
    scopes.find(prefix).cloned().ok_or_else(|| {
        let said = Diagnostic::error(format!("the prefix `{prefix}` is not declared"));
        Fault::new((
            place,
            said.hint(format!("write `xmlns:{prefix}=\"…\"` with its namespace on this element or around it")),
        ))
    })
}

/// Returns the prefix that an attribute declares, the empty one for the default namespace.
fn declared(name: &str) -> Option<&str> {
    if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") }
}

fn declare<'s>(schema: &SchemaTree, scopes: &mut Scopes<'s>, attribute: &Raw<'s>) -> Result<(), Fault> {
    let Some(prefix) = declared(attribute.name) else { return Ok(()) };
    if matches!(prefix, "xml" | "xmlns") {
        return Err(fault(attribute.place, format!("the prefix `{prefix}` cannot be declared: it is XML's own")));
    }
    if !prefix.is_empty() && (attribute.value.is_empty() || !is_local_name(prefix)) {
        return Err(fault(attribute.place, format!("`{}` declares no namespace for a prefix", attribute.name)));
    }
    scopes.declare(prefix, Namespace::new(schema, &attribute.value));
    Ok(())
}

/// Reads the attributes of a tag: what is inside its brackets, from behind the name; `base` is the offset of the inside.
fn attributes<'s>(inside: &'s str, from: usize, base: usize) -> Result<Vec<Raw<'s>>, Fault> {
    let mut found: Vec<Raw<'s>> = Vec::new();
    // Checked below with a bound, and by what the prefixes stand for.
    let mut iterator = quick_xml::events::attributes::Attributes::new(inside, from);
    let mut end = from;
    while let Some(next) = iterator.with_checks(false).next() {
        let attribute = next.map_err(|error| {
            let at = match error {
                AttrError::ExpectedEq(at)
                | AttrError::ExpectedValue(at)
                | AttrError::UnquotedValue(at)
                | AttrError::ExpectedQuote(at, _)
                | AttrError::Duplicated(at, _) => at,
            };
            fault(Place::new(base + at, base + at + 1), "expected attributes as in `name=\"value\"`")
        })?;
        let (name, value) = (part(inside, attribute.key.as_ref()), part(inside, &attribute.value));
        let (start, stop) = (name.start, value.end + 1);
        let place = Place::new(base + start, base + stop);
        let text = |range: std::ops::Range<usize>| inside.get(range).unwrap_or("");
        if !text(end..start).starts_with(is_blank) {
            return Err(fault(place, "expected a blank in front of an attribute"));
        }
        end = stop;
        let (name, value) = (text(name), text(value));
        if value.contains('<') {
            return Err(Fault::new((place, Diagnostic::error("`<` in an attribute").hint("write it as `&lt;`"))));
        }
        let value = quick_xml::escape::unescape(value)
            .map_err(|_| fault(place, "a reference in an attribute that stands for no character"))?;
        if found.len() == ATTRIBUTES_MAX {
            return Err(fault(place, format!("more than {ATTRIBUTES_MAX} attributes of one element")));
        }
        if found.iter().any(|other| other.name == name) {
            return Err(fault(place, format!("the attribute `{name}` is given twice")));
        }
        found.push(Raw { place, name, value });
    }
    if !inside.get(end..).unwrap_or("").chars().all(is_blank) {
        return Err(fault(Place::new(base + end, base + inside.len()), "expected attributes as in `name=\"value\"`"));
    }
    Ok(found)
}

/// Returns where a part of a text, borrowed from it, stands.
fn part(whole: &str, part: &str) -> std::ops::Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}
