//! Writing instance data as XML (RFC 7950), piece by piece into a sink.

use super::any::AnyWriter;
use super::characters::{write_attribute, write_text};
use crate::codec::document::Limits;
use crate::codec::json;
use crate::codec::marks;
use crate::codec::shape::{EVERYTHING, Way};
use crate::diagnostic::{Diagnostics, Source};
use crate::tree::{DataPath, DataTree, NodeRef, Value};
use crate::yang::{ModuleId, NodeKind, SchemaId, SchemaTree};
use std::cell::RefCell;
use std::fmt::{self, Write};

/// Namespace of NETCONF's own elements (RFC 6241).
const NETCONF: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";

/// What stands around the top-level elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XmlFrame {
    /// Nothing: several top-level elements are then no XML document, but what NETCONF carries.
    Bare,
    /// `config` of NETCONF, so that the whole is one document.
    Config,
}

/// Prefix of annotations.
const ANNOTATIONS: &str = "ann";

/// Blanks for each level.
const INDENT: u8 = 2;

/// Writes what is at a path, with the containers and list keys around it; for the root's path the whole tree.
///
/// Secrets are written sealed. A path at which there is nothing gives the ancestors that exist.
///
/// # Errors
/// Those of the sink.
pub fn write_xml(out: &mut dyn Write, tree: &DataTree, path: &DataPath, frame: XmlFrame) -> fmt::Result {
    let chain = tree.schema().ancestry(path.schema_id());
    let depth = usize::from(frame == XmlFrame::Config);
    let mut writer = XmlWriter { out, schema: tree.schema(), depth };
    if frame == XmlFrame::Config {
        writeln!(writer.out, "<config xmlns=\"{NETCONF}\">")?;
    }
    writer.children(tree.root(), Way { chain: &chain, keys: path.keys() })?;
    if frame == XmlFrame::Config {
        writer.out.write_str("</config>\n")?;
    }
    Ok(())
}

struct XmlWriter<'o, 's> {
    out: &'o mut dyn Write,
    schema: &'s SchemaTree,
    depth: usize,
}

impl XmlWriter<'_, '_> {
    fn children(&mut self, node: NodeRef<'_>, way: Way<'_>) -> fmt::Result {
        for leaf in node.key_leaves() {
            self.node(leaf, EVERYTHING)?;
        }
        let wanted = way.chain.split_first();
        for child in node.children() {
            match wanted {
                None => self.node(child, EVERYTHING)?,
                Some((next, chain)) if child.id() == *next => self.node(child, Way { chain, keys: way.keys })?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn node(&mut self, node: NodeRef<'_>, way: Way<'_>) -> fmt::Result {
        if node.as_list().is_some() {
            return match way.key() {
                (Some(key), rest) => node.entry(key).map_or(Ok(()), |entry| self.branch(entry, rest)),
                (None, _) => node.entries().try_for_each(|entry| self.branch(entry, EVERYTHING)),
            };
        }
        match &node.schema_node().kind {
            NodeKind::Leaf(_) => node.value().map_or(Ok(()), |value| self.value(node, value, true)),
            NodeKind::LeafList(_) => {
                let wanted = way.keys.first().and_then(|key| key.values().first());
                let values = node.values().iter().filter(|value| wanted.is_none_or(|w| w == *value));
                values.enumerate().try_for_each(|(at, value)| self.value(node, value, at == 0))
            }
            NodeKind::AnyData => self.any(node),
            _ => self.branch(node, way),
        }
    }

    /// Writes a container or a list entry.
    fn branch(&mut self, node: NodeRef<'_>, way: Way<'_>) -> fmt::Result {
        self.open(node, true)?;
        if node.branch().is_none_or(crate::tree::Branch::is_empty) && node.key().is_none() {
            return self.out.write_str("/>\n");
        }
        self.out.write_str(">\n")?;
        self.depth += 1;
        self.children(node, way)?;
        self.depth -= 1;
        self.indent()?;
        self.close(node.id())
    }

    fn value(&mut self, node: NodeRef<'_>, value: &Value, is_first: bool) -> fmt::Result {
        let id = node.id();
        self.open(node, is_first)?;
        match value {
            Value::Empty => return self.out.write_str("/>\n"),
            Value::Text(text) | Value::Enumeration(text) | Value::Bits(text) | Value::Secret(text) => {
                if text.is_empty() {
                    return self.out.write_str("/>\n");
                }
                self.out.write_char('>')?;
                write_text(self.out, text)?;
            }
            Value::Identity(_) | Value::Instance(_) => {
                let is_marked = node.mark().is_some();
                let mut prefixes = Prefixes { schema: self.schema, given: RefCell::new(Vec::new()), is_marked };
                let text = prefixes.text(value);
                for (prefix, module) in prefixes.given.take() {
                    write!(self.out, " xmlns:{prefix}=\"")?;
                    write_attribute(self.out, &self.schema.module(module).namespace)?;
                    self.out.write_char('"')?;
                }
                self.out.write_char('>')?;
                write_text(self.out, &text)?;
            }
            Value::Boolean(_) | Value::Int(_) | Value::Uint(_) | Value::Decimal(..) | Value::Binary(_) => {
                write!(self.out, ">{value}")?;
            }
        }
        self.close(id)
    }

    fn any(&mut self, node: NodeRef<'_>) -> fmt::Result {
        self.open(node, true)?;
        let schema = node.schema_node();
        let source = Source::new("anydata", node.any_data().unwrap_or("null"));
        // Only readers make such texts, from documents; another text has no shape to tell.
        let document = json::parse(&source, Limits::STORED, &mut Diagnostics::new()).ok_or(fmt::Error)?;
        let mut any = AnyWriter { out: &mut *self.out, schema: self.schema, indent: Some(INDENT) };
        any.element(&schema.name, &self.schema.module(schema.module).namespace, self.depth, &document.root)?;
        self.out.write_char('\n')
    }

    fn indent(&mut self) -> fmt::Result {
        write!(self.out, "{:1$}", "", usize::from(INDENT) * self.depth)
    }

    /// Writes a start tag up to where attributes may follow, with the namespace where it changes, and with what is noted
    /// about the node; of a comment on a leaf-list only the first value tells.
    fn open(&mut self, at: NodeRef<'_>, is_first: bool) -> fmt::Result {
        self.indent()?;
        let id = at.id();
        let node = self.schema.node(id);
        write!(self.out, "<{}", node.name)?;
        if self.schema.needs_qualification(id) {
            self.out.write_str(" xmlns=\"")?;
            write_attribute(self.out, &self.schema.module(node.module).namespace)?;
            self.out.write_char('"')?;
        }
        let Some(mark) = at.mark().filter(|mark| is_first || mark.is_inactive) else { return Ok(()) };
        write!(self.out, " xmlns:{ANNOTATIONS}=\"{}\"", marks::NAMESPACE)?;
        if let Some(comment) = mark.comment.as_ref().filter(|_| is_first) {
            write!(self.out, " {ANNOTATIONS}:{}=\"", marks::COMMENT)?;
            write_attribute(self.out, comment)?;
            self.out.write_char('"')?;
        }
        if mark.is_inactive {
            write!(self.out, " {ANNOTATIONS}:{}=\"true\"", marks::INACTIVE)?;
        }
        Ok(())
    }

    fn close(&mut self, id: SchemaId) -> fmt::Result {
        writeln!(self.out, "</{}>", self.schema.node(id).name)
    }
}

/// The prefixes that the names in one value have.
struct Prefixes<'s> {
    schema: &'s SchemaTree,
    given: RefCell<Vec<(String, ModuleId)>>,
    /// Whether the element has the prefix of annotations.
    is_marked: bool,
}

impl Prefixes<'_> {
    /// Returns a value's text with prefixes in place of modules.
    fn text(&mut self, value: &Value) -> String {
        match value {
            Value::Identity(name) => match name.split_once(':') {
                Some((module, local)) => format!("{}:{local}", self.of(module)),
                None => name.to_string(),
            },
            Value::Instance(path) => match DataPath::parse(self.schema, path) {
                Ok(path) => path.display_prefixed(self.schema, &|module| self.of(module)).to_string(),
                // A value of another schema: its text is all there is.
                Err(_) => path.to_string(),
            },
            value => value.to_string(),
        }
    }

    /// Returns the prefix of a module: its own, with a number where another module here has the same.
    fn of(&self, module: &str) -> String {
        let Some(id) = self.schema.module_by_name(module) else { return module.to_owned() };
        let mut given = self.given.borrow_mut();
        if let Some((prefix, _)) = given.iter().find(|(_, other)| *other == id) {
            return prefix.clone();
        }
        let own = &*self.schema.module(id).prefix;
        let own = if own.to_ascii_lowercase().starts_with("xml") { "m" } else { own };
        let is_free = |prefix: &String| {
            !(given.iter().any(|(other, _)| other == prefix) || self.is_marked && prefix == ANNOTATIONS)
        };
        let numbered = std::iter::once(own.to_owned()).chain((2..).map(|n: u32| format!("{own}{n}")));
        let prefix = numbered.into_iter().find(is_free).unwrap_or_else(|| own.to_owned());
        given.push((prefix.clone(), id));
        prefix
    }
}
