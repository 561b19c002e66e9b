//! Where a node is in a data tree: its schema node and the keys of the list entries on the way.

use super::{Form, Value};
use crate::yang::{NodeKind, SchemaId, SchemaTree};
use std::fmt;
use std::sync::Arc;

/// The key values of one list entry, in key order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Of a list with one key leaf.
    One(Value),
    /// Of a list with several.
    Many(Arc<[Value]>),
}

impl Key {
    /// Builds a key from the values of the key leaves.
    #[must_use]
    pub fn new(values: Vec<Value>) -> Self {
        match <[Value; 1]>::try_from(values) {
            Ok([only]) => Self::One(only),
            Err(values) => Self::Many(values.into()),
        }
    }

    /// Returns what tells apart the entries of a list without keys, in their order: the position, from 1.
    #[must_use]
    pub fn position(position: u64) -> Self {
        Self::One(Value::Uint(position))
    }

    /// Returns the values of the key leaves.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}

/// A place in a data tree.
///
/// `keys` has one key for each list from the root down. One less, when the node is a list: all entries are meant.
/// One more, when the node is a leaf-list: that value of it is meant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataPath {
    schema: SchemaId,
    keys: Option<Arc<[Key]>>,
}

impl fmt::Debug for DataPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataPath({}{:?})", self.schema.index(), self.keys())
    }
}

/// Why a text is not a data path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text is not of the form `/module:name[key='value']/…`.
    #[error("expected `/module:name[key='value']/…`, found {0}")]
    Syntax(String),
    /// There is no such node in the schema.
    #[error("`{0}` is not in the schema")]
    UnknownNode(String),
    /// A key's value does not fit its type, or a key is missing.
    #[error("{0}")]
    Key(String),
}

impl DataPath {
    /// The root.
    pub const ROOT: Self = Self { schema: SchemaId::ROOT, keys: None };

    /// Builds a path from a schema node and the keys on the way.
    #[must_use]
    pub fn new(schema: SchemaId, keys: Vec<Key>) -> Self {
        Self { schema, keys: if keys.is_empty() { None } else { Some(keys.into()) } }
    }

    /// Returns the schema node.
    #[must_use]
    pub fn schema_id(&self) -> SchemaId {
        self.schema
    }

    /// Returns the keys of the entries on the way.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        self.keys.as_deref().unwrap_or(&[])
    }

    /// Returns the path of a data child (for a list: of all its entries).
    #[must_use]
    pub fn child(&self, child: SchemaId) -> Self {
        Self { schema: child, keys: self.keys.clone() }
    }

    /// Returns the path of one entry of the list (or value of the leaf-list) that this path leads to.
    #[must_use]
    pub fn entry(&self, key: Key) -> Self {
        let mut keys = self.keys().to_vec();
        keys.push(key);
        Self::new(self.schema, keys)
    }

    /// Returns the path of the parent: of an entry, the path of what holds the list; `None` for the root.
    #[must_use]
    pub fn parent(&self, schema: &SchemaTree) -> Option<Self> {
        if self.schema == SchemaId::ROOT {
            return None;
        }
        let parent = schema.node(self.schema).data_parent;
        Some(self.ancestor(schema, parent))
    }

    /// Returns the path of an ancestor, with as many keys as there are lists down to it.
    #[must_use]
    pub fn ancestor(&self, schema: &SchemaTree, ancestor: SchemaId) -> Self {
        let depth = usize::from(schema.node(ancestor).list_depth).min(self.keys().len());
        Self::new(ancestor, self.keys()[..depth].to_vec())
    }

    /// Returns whether it leads to one entry of a list.
    #[must_use]
    pub fn is_entry(&self, schema: &SchemaTree) -> bool {
        let node = schema.node(self.schema);
        node.as_list().is_some() && self.keys().len() == usize::from(node.list_depth)
    }

    /// Returns the value meant, when it leads to one value of a leaf-list.
    #[must_use]
    pub fn leaf_list_value(&self, schema: &SchemaTree) -> Option<&Value> {
        let node = schema.node(self.schema);
        match &node.kind {
            NodeKind::LeafList(_) => self.keys().get(usize::from(node.list_depth)).and_then(|k| k.values().first()),
            _ => None,
        }
    }

    /// Returns whether this path is `other` or leads to something inside it.
    #[must_use]
    pub fn is_within(&self, schema: &SchemaTree, other: &Self) -> bool {
        let shared = other.keys().len();
        if self.keys().len() < shared || self.keys()[..shared] != *other.keys() {
            return false;
        }
        let mut at = self.schema;
        loop {
            if at == other.schema {
                return true;
            }
            if at == SchemaId::ROOT {
                return false;
            }
            at = schema.node(at).data_parent;
        }
    }

    /// Writes the path with module names where they change and key predicates (RFC 7951 §6.11).
    #[must_use]
    pub fn display<'a>(&'a self, schema: &'a SchemaTree) -> impl fmt::Display + 'a {
        Displayed { path: self, schema, prefixes: None }
    }

    /// Writes the path as XML has it, each name with the prefix that stands for its module (RFC 7950 §9.13.2).
    #[must_use]
    pub fn display_prefixed<'a>(
        &'a self,
        schema: &'a SchemaTree,
        prefixes: &'a dyn Fn(&str) -> String,
    ) -> impl fmt::Display + 'a {
        Displayed { path: self, schema, prefixes: Some(prefixes) }
    }

    /// Parses what [`DataPath::display`] writes; names may leave their module out where that is unambiguous.
    ///
    /// # Errors
    /// Where the text stops being a path of this schema.
    pub fn parse(schema: &SchemaTree, text: &str) -> Result<Self, PathError> {
        Self::parse_form(schema, text, Form::Any)
    }

    /// Parses a path whose names are written as a notation writes them.
    ///
    /// # Errors
    /// Where the text stops being a path of this schema.
    pub fn parse_form(schema: &SchemaTree, text: &str, form: Form<'_>) -> Result<Self, PathError> {
        let mut rest = text;
        let mut path = Self::ROOT;
        if rest == "/" {
            return Ok(path);
        }
        while !rest.is_empty() {
            rest = rest.strip_prefix('/').ok_or_else(|| PathError::Syntax(excerpt(rest)))?;
            let end = rest.find(['/', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let child =
                named(schema, path.schema, name, form).ok_or_else(|| PathError::UnknownNode(name.to_owned()))?;
            path = path.child(child);
            rest = after;
            let mut predicates = Vec::new();
            while let Some(inside) = rest.strip_prefix('[') {
                let (predicate, after) = Predicate::parse(inside)?;
                predicates.push(predicate);
                rest = after;
            }
            path = path.with_predicates(schema, &predicates, form)?;
        }
        Ok(path)
    }

    fn with_predicates(
        self,
        schema: &SchemaTree,
        predicates: &[Predicate<'_>],
        form: Form<'_>,
    ) -> Result<Self, PathError> {
        let node = schema.node(self.schema);
        // Literals of paths have no form of their own in JSON.
        let form = if matches!(form, Form::Xml(_)) { form } else { Form::Any };
        let parse = |ty: &crate::yang::Type, text: &str| {
            Value::parse_form(schema, ty, text, form).map_err(|e| PathError::Key(e.message))
        };
        match &node.kind {
            _ if predicates.is_empty() => Ok(self),
            // An entry of a list without keys is told by its position.
            NodeKind::List(list) if list.keys.is_empty() => match predicates {
                [Predicate { name: "", value }] => match value.parse() {
                    Ok(position) => Ok(self.entry(Key::position(position))),
                    Err(_) => Err(PathError::Key(format!("`{value}` is not a position"))),
                },
                _ => Err(PathError::Key(format!("expected `[1]` or another position behind `{}`", node.name))),
            },
            NodeKind::List(list) => {
                let mut values = Vec::with_capacity(list.keys.len());
                for key in &list.keys {
                    let leaf = schema.node(*key);
                    let given = predicates.iter().find(|p| local(p.name) == &*leaf.name);
                    let given = given
                        .ok_or_else(|| PathError::Key(format!("key `{}` of `{}` is missing", leaf.name, node.name)))?;
                    if let Some(ty) = leaf.ty() {
                        values.push(parse(ty, &given.value)?);
                    }
                }
                if predicates.len() > values.len() {
                    return Err(PathError::Key(format!("`{}` has {} keys", node.name, values.len())));
                }
                Ok(self.entry(Key::new(values)))
            }
            NodeKind::LeafList(list) => match predicates {
                [Predicate { name: ".", value }] => Ok(self.entry(Key::One(parse(&list.ty, value)?))),
                _ => Err(PathError::Key(format!("expected `[.='value']` behind `{}`", node.name))),
            },
            _ => Err(PathError::Key(format!("`{}` is not a list and takes no key", node.name))),
        }
    }
}

/// Returns the child that a name stands for, written as a notation writes it: in XML each name has a prefix (RFC 7950
/// §9.13.2), in JSON its module where that changes and only there (RFC 7951 §6.11).
fn named(schema: &SchemaTree, parent: SchemaId, name: &str, form: Form<'_>) -> Option<SchemaId> {
    match (form, name.split_once(':')) {
        (Form::Xml(modules), Some((prefix, local))) => schema.child(parent, &format!("{}:{local}", modules(prefix)?)),
        (Form::Xml(_), None) => None,
        (Form::JsonString, written) => {
            schema.child(parent, name).filter(|id| schema.needs_qualification(*id) == written.is_some())
        }
        _ => schema.child(parent, name),
    }
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

fn excerpt(text: &str) -> String {
    format!("`{}`", text.chars().take(30).collect::<String>())
}

struct Predicate<'a> {
    name: &'a str,
    value: String,
}

impl<'a> Predicate<'a> {
    /// Parses what follows `[`, up to and with `]`.
    fn parse(text: &'a str) -> Result<(Self, &'a str), PathError> {
        let fault = |at: &str| PathError::Syntax(excerpt(at));
        if let Some((digits, rest)) = text.split_once(']')
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
        {
            return Ok((Self { name: "", value: digits.to_owned() }, rest));
        }
        let (name, rest) = text.split_once('=').ok_or_else(|| fault(text))?;
        let (value, rest) = match rest.trim_start().strip_prefix("concat(") {
            None => quoted_string(rest.trim_start())?,
            Some(mut rest) => {
                let mut value = String::new();
                loop {
                    let (part, after) = quoted_string(rest.trim_start())?;
                    value.push_str(&part);
                    rest = after.trim_start();
                    match rest.strip_prefix(',') {
                        Some(after) => rest = after,
                        None => break,
                    }
                }
                (value, rest.strip_prefix(')').ok_or_else(|| fault(rest))?)
            }
        };
        let rest = rest.trim_start();
        let rest = rest.strip_prefix(']').ok_or_else(|| fault(rest))?;
        Ok((Self { name: name.trim(), value }, rest))
    }
}

fn quoted_string(text: &str) -> Result<(String, &str), PathError> {
    for quote in ['\'', '"'] {
        if let Some(inside) = text.strip_prefix(quote) {
            return match inside.split_once(quote) {
                Some((value, rest)) => Ok((value.to_owned(), rest)),
                None => Err(PathError::Syntax("a quoted text without its end".to_owned())),
            };
        }
    }
    Err(PathError::Syntax(excerpt(text)))
}

struct Displayed<'a> {
    path: &'a DataPath,
    schema: &'a SchemaTree,
    /// The prefix for each module, where names have prefixes.
    prefixes: Option<&'a dyn Fn(&str) -> String>,
}

impl Displayed<'_> {
    fn name(&self, id: SchemaId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.schema.node(id);
        let module = &self.schema.module(node.module).name;
        match self.prefixes {
            Some(prefixes) => write!(f, "{}:{}", prefixes(module), node.name),
            None if !node.is_key() && self.schema.needs_qualification(id) => write!(f, "{module}:{}", node.name),
            None => f.write_str(&node.name),
        }
    }

    fn value(&self, value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (value, self.prefixes) {
            (Value::Identity(name), Some(prefixes)) => {
                let (module, local) = name.split_once(':').unwrap_or(("", name));
                write!(f, "{}", Quoted(&format!("{}:{local}", prefixes(module))))
            }
            _ => write!(f, "{}", Quoted(&value.to_string())),
        }
    }
}

impl fmt::Display for Displayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keys = self.path.keys().iter();
        let ancestry = self.schema.ancestry(self.path.schema);
        if ancestry.is_empty() {
            return f.write_str("/");
        }
        for id in ancestry {
            let node = self.schema.node(id);
            f.write_str("/")?;
            self.name(id, f)?;
            match &node.kind {
                NodeKind::List(list) if list.keys.is_empty() => {
                    if let Some(position) = keys.next().and_then(|key| key.values().first()) {
                        write!(f, "[{position}]")?;
                    }
                }
                NodeKind::List(list) => {
                    if let Some(key) = keys.next() {
                        for (leaf, value) in list.keys.iter().zip(key.values()) {
                            f.write_str("[")?;
                            self.name(*leaf, f)?;
                            f.write_str("=")?;
                            self.value(value, f)?;
                            f.write_str("]")?;
                        }
                    }
                }
                NodeKind::LeafList(_) => {
                    if let Some(value) = keys.next().and_then(|key| key.values().first()) {
                        f.write_str("[.=")?;
                        if node.is_secret() {
                            write!(f, "{}", Quoted(crate::secret::PLACEHOLDER))?;
                        } else {
                            self.value(value, f)?;
                        }
                        f.write_str("]")?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// An XPath literal; XPath has no escapes, so a text with both quotes becomes a `concat`.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains('\'') {
            return write!(f, "'{}'", self.0);
        }
        if !self.0.contains('"') {
            return write!(f, "\"{}\"", self.0);
        }
        f.write_str("concat(")?;
        for (index, part) in self.0.split('\'').enumerate() {
            if index > 0 {
                f.write_str(", \"'\", ")?;
            }
            write!(f, "'{part}'")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_survives_both_quotes() {
        for text in ["plain", "it's", "say \"x\"", "both ' and \"", "''\"\"", ""] {
            let written = format!("id={}]", Quoted(text));
            let (predicate, rest) = Predicate::parse(&written).unwrap();
            assert_eq!((predicate.value.as_str(), rest), (text, ""));
        }
    }
}
