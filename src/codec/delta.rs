//! Deltas and whole trees as the compact JSON that the store keeps: secrets stay sealed, no key is needed.

use super::document::{Document, Kind, Limits, Node, Style};
use super::forms::parse_lenient;
use super::json::{self, JsonEmitter, JsonLayout};
use super::marks;
use super::shape::{Atom, Emitter, emit_document, emit_node, emit_value, emit_without_keys};
use crate::diagnostic::{Diagnostics, Source};
use crate::tree::{Branch, Cell, Change, DataPath, DataTree, Delta, Key, List, Mark, MarkChange, NodeRef, Plan, Value};
use crate::yang::{ListSchema, NodeKind, SchemaId, SchemaTree};
use std::fmt;
use std::sync::Arc;

/// Why a stored text cannot be read back: it is damaged, or the schema no longer has what it tells of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// Not JSON.
    #[error("the stored text is not JSON: {0}")]
    Syntax(String),
    /// JSON of another form.
    #[error("the stored text has another form than expected at {0}")]
    Form(String),
    /// A name or path that the schema does not have.
    #[error("the schema does not have the stored `{0}`")]
    NotInSchema(String),
    /// A value that its type refuses.
    #[error("the schema refuses the stored value of `{name}`: {message}")]
    Value {
        /// The leaf or leaf-list.
        name: String,
        /// Why.
        message: String,
    },
}

/// Members of a stored tree about whose nodes something is noted; no module's node is named so.
const TREE: &str = "@tree";
const MARKS: &str = "@marks";

/// Writes a whole tree as compact JSON.
#[must_use]
pub fn tree_to_json(tree: &DataTree) -> String {
    if !tree.root().has_marks() {
        return written(|out| emit_node(out, tree.root()));
    }
    written(|out| {
        out.open_map()?;
        out.name(TREE)?;
        emit_node(out, tree.root().without_marks())?;
        out.name(MARKS)?;
        out.open_list()?;
        for (path, mark) in tree.all_marks() {
            write_mark(out, tree.plan(), &MarkChange { path, old: Mark::default(), new: mark })?;
        }
        out.close_list()?;
        out.close_map()
    })
}

/// Reads what [`tree_to_json`] wrote.
///
/// # Errors
/// When the text is damaged or the schema has changed under it.
pub fn tree_from_json(plan: &Arc<Plan>, text: &str) -> Result<DataTree, StoredError> {
    let source = Source::new("stored tree", text);
    let document = parse(&source)?;
    let reader = Reader { schema: plan.schema(), plan };
    let marked = member(&document.root, TREE).zip(member(&document.root, MARKS));
    let (root, marks) = marked.map_or((&document.root, None), |(root, marks)| (root, Some(marks)));
    let mut tree = DataTree::assemble(Arc::clone(plan), reader.children(SchemaId::ROOT, root)?);
    if let Some(Kind::Sequence(items)) = marks.map(|marks| &marks.kind) {
        for item in items {
            let MarkChange { path, new, .. } = reader.mark(item)?;
            tree.set_mark(&path, &new).map_err(|e| StoredError::Form(e.to_string()))?;
        }
    }
    Ok(tree)
}

/// Writes a delta as a JSON array: `{"path", "old", "new"}` for a node, one side left out where it did not exist;
/// `{"path", "old-order", "new-order"}` for the order of a list.
#[must_use]
pub fn delta_to_json(delta: &Delta, plan: &Plan) -> String {
    written(|out| {
        out.open_list()?;
        for change in &delta.changes {
            write_change(out, plan, change)?;
        }
        for change in &delta.marks {
            write_mark(out, plan, change)?;
        }
        out.close_list()
    })
}

/// Reads what [`delta_to_json`] wrote.
///
/// # Errors
/// When the text is damaged or the schema has changed under it.
pub fn delta_from_json(plan: &Plan, text: &str) -> Result<Delta, StoredError> {
    let source = Source::new("stored delta", text);
    let document = parse(&source)?;
    let reader = Reader { schema: plan.schema(), plan };
    let Kind::Sequence(items) = &document.root.kind else { return Err(StoredError::Form("the start".to_owned())) };
    let mut delta = Delta::default();
    for item in items {
        if member(item, "old-mark").is_some() {
            delta.marks.push(reader.mark(item)?);
        } else {
            delta.changes.push(reader.change(item)?);
        }
    }
    Ok(delta)
}

fn parse(source: &Arc<Source>) -> Result<Document<'_>, StoredError> {
    let mut found = Diagnostics::new();
    let document = json::parse(source, Limits::STORED, &mut found);
    let fault = || found.iter().next().map_or_else(String::new, |d| d.message.clone());
    match document {
        Some(document) if found.is_empty() => Ok(document),
        _ => Err(StoredError::Syntax(fault())),
    }
}

fn written(write: impl FnOnce(&mut JsonEmitter<'_>) -> fmt::Result) -> String {
    let mut text = String::new();
    // A `String` takes everything; `anydata` is JSON from its reader on.
    write(&mut JsonEmitter::new(&mut text, JsonLayout::Compact)).ok();
    text
}

fn write_change(out: &mut JsonEmitter<'_>, plan: &Plan, change: &Change) -> fmt::Result {
    let schema = plan.schema();
    out.open_map()?;
    out.name("path")?;
    out.atom(Atom::Text(&change.path().display(schema).to_string()))?;
    match change {
        Change::Node { path, old, new } => {
            for (name, cell) in [("old", old), ("new", new)] {
                let Some(cell) = cell else { continue };
                out.name(name)?;
                let node = NodeRef::of_cell(plan, path.schema_id(), path.keys().last(), cell);
                match cell {
                    Cell::Container(_) => emit_without_keys(out, node)?,
                    _ => emit_node(out, node)?,
                }
            }
        }
        Change::Order { path, old, new } => {
            let leaves = schema.node(path.schema_id()).as_list().map_or(&[][..], |list| &list.keys);
            for (name, keys) in [("old-order", old), ("new-order", new)] {
                out.name(name)?;
                out.open_list()?;
                for key in keys.iter() {
                    write_key(out, schema, leaves, key)?;
                }
                out.close_list()?;
            }
        }
    }
    out.close_map()
}

fn write_mark(out: &mut JsonEmitter<'_>, plan: &Plan, change: &MarkChange) -> fmt::Result {
    out.open_map()?;
    out.name("path")?;
    out.atom(Atom::Text(&change.path.display(plan.schema()).to_string()))?;
    for (name, mark) in [("old-mark", &change.old), ("new-mark", &change.new)] {
        out.name(name)?;
        marks::emit(out, mark)?;
    }
    out.close_map()
}

/// Returns a member of an object.
fn member<'n, 's>(node: &'n Node<'s>, wanted: &str) -> Option<&'n Node<'s>> {
    let Kind::Map(members) = &node.kind else { return None };
    members.iter().find(|(name, _)| name.text == wanted).map(|(_, node)| node)
}

fn write_key(out: &mut JsonEmitter<'_>, schema: &SchemaTree, leaves: &[SchemaId], key: &Key) -> fmt::Result {
    out.open_list()?;
    for (leaf, value) in leaves.iter().zip(key.values()) {
        if let Some(ty) = schema.node(*leaf).ty() {
            emit_value(out, schema, ty, value)?;
        }
    }
    out.close_list()
}

struct Reader<'p> {
    schema: &'p SchemaTree,
    plan: &'p Plan,
}

impl Reader<'_> {
    fn form(&self, id: SchemaId) -> StoredError {
        StoredError::Form(format!("`{}`", self.schema.node(id).name))
    }

    fn change(&self, item: &Node<'_>) -> Result<Change, StoredError> {
        let fault = || StoredError::Form("a change".to_owned());
        let Kind::Map(members) = &item.kind else { return Err(fault()) };
        let member = |wanted: &str| members.iter().find(|(name, _)| name.text == wanted).map(|(_, node)| node);
        let Some(Kind::Scalar { text, .. }) = member("path").map(|node| &node.kind) else { return Err(fault()) };
        let path = DataPath::parse(self.schema, text).map_err(|_| StoredError::NotInSchema(text.to_string()))?;
        let id = path.schema_id();
        if let (Some(old), Some(new), NodeKind::List(list)) =
            (member("old-order"), member("new-order"), &self.schema.node(id).kind)
        {
            let (old, new) = (self.order(id, list, old)?, self.order(id, list, new)?);
            return Ok(Change::Order { path, old, new });
        }
        let is_entry = path.is_entry(self.schema);
        let cell = |side: Option<&Node<'_>>| match side {
            None => Ok(None),
            Some(node) if is_entry => Ok(Some(Cell::Container(Branch::assemble(self.plan, self.children(id, node)?)))),
            Some(node) => self.cell(id, node).map(Some),
        };
        let (old, new) = (cell(member("old"))?, cell(member("new"))?);
        if old.is_none() && new.is_none() { Err(fault()) } else { Ok(Change::Node { path, old, new }) }
    }

    fn mark(&self, item: &Node<'_>) -> Result<MarkChange, StoredError> {
        let Some(Kind::Scalar { text, .. }) = member(item, "path").map(|node| &node.kind) else {
            return Err(StoredError::Form("a note".to_owned()));
        };
        let path = DataPath::parse(self.schema, text).map_err(|_| StoredError::NotInSchema(text.to_string()))?;
        let side = |name: &str| {
            let given = |local: &str| {
                let value = member(member(item, name)?, &format!("{}:{local}", marks::MODULE))?;
                if let Kind::Scalar { text, .. } = &value.kind { Some(&**text) } else { None }
            };
            Mark { comment: given(marks::COMMENT).map(Arc::from), is_inactive: given(marks::INACTIVE) == Some("true") }
        };
        Ok(MarkChange { path, old: side("old-mark"), new: side("new-mark") })
    }

    fn order(&self, id: SchemaId, list: &ListSchema, node: &Node<'_>) -> Result<Arc<[Key]>, StoredError> {
        let Kind::Sequence(keys) = &node.kind else { return Err(self.form(id)) };
        let key = |node: &Node<'_>| match &node.kind {
            Kind::Sequence(values) if values.len() == list.keys.len() => {
                let pairs = list.keys.iter().zip(values);
                pairs.map(|(leaf, value)| self.value(*leaf, value)).collect::<Result<_, _>>().map(Key::new)
            }
            _ => Err(self.form(id)),
        };
        keys.iter().map(key).collect()
    }

    fn cell(&self, id: SchemaId, node: &Node<'_>) -> Result<Cell, StoredError> {
        match (&self.schema.node(id).kind, &node.kind) {
            (NodeKind::Leaf(leaf), _) if !leaf.is_key => self.value(id, node).map(Cell::Leaf),
            (NodeKind::LeafList(_), Kind::Sequence(items)) => {
                let values = items.iter().map(|item| self.value(id, item)).collect::<Result<_, _>>()?;
                Ok(Cell::LeafList(values))
            }
            (NodeKind::Container { .. }, Kind::Map(_)) => {
                Ok(Cell::Container(Branch::assemble(self.plan, self.children(id, node)?)))
            }
            (NodeKind::List(list), Kind::Sequence(items)) => {
                let entries = items.iter().map(|item| self.entry(id, list, item)).collect::<Result<Vec<_>, _>>()?;
                Ok(Cell::List(Arc::new(List::assemble(list.user_ordered, entries))))
            }
            (NodeKind::AnyData, _) => {
                let text = written(|out| emit_document(out, node));
                Ok(Cell::AnyData(text.into()))
            }
            _ => Err(self.form(id)),
        }
    }

    fn entry(&self, id: SchemaId, list: &ListSchema, node: &Node<'_>) -> Result<(Key, Branch), StoredError> {
        let Kind::Map(members) = &node.kind else { return Err(self.form(id)) };
        let value = |leaf: &SchemaId| {
            let given = members.iter().find(|(name, _)| self.schema.child(id, &name.text) == Some(*leaf));
            given.ok_or_else(|| self.form(id)).and_then(|(_, node)| self.value(*leaf, node))
        };
        let key = Key::new(list.keys.iter().map(value).collect::<Result<_, _>>()?);
        Ok((key, Branch::assemble(self.plan, self.children(id, node)?)))
    }

    /// Reads the members of a container or entry, key leaves left out.
    fn children(&self, parent: SchemaId, node: &Node<'_>) -> Result<Vec<(SchemaId, Cell)>, StoredError> {
        let Kind::Map(members) = &node.kind else { return Err(self.form(parent)) };
        let mut children = Vec::with_capacity(members.len());
        for (name, node) in members {
            let child =
                self.schema.child(parent, &name.text).ok_or_else(|| StoredError::NotInSchema(name.text.to_string()))?;
            if !self.schema.node(child).is_key() {
                children.push((child, self.cell(child, node)?));
            }
        }
        Ok(children)
    }

    fn value(&self, id: SchemaId, node: &Node<'_>) -> Result<Value, StoredError> {
        let leaf = self.schema.node(id);
        let (text, style) = match &node.kind {
            Kind::Scalar { text, style } => (&**text, *style),
            // `[null]`: a leaf without a value.
            Kind::Sequence(items) if items.len() == 1 && items.iter().all(Node::is_null) => ("", Style::Null),
            _ => return Err(self.form(id)),
        };
        let Some(ty) = leaf.ty() else { return Err(self.form(id)) };
        if leaf.is_secret() {
            return Value::sealed(text).ok_or_else(|| self.form(id));
        }
        parse_lenient(self.schema, ty, text, style)
            .map_err(|e| StoredError::Value { name: leaf.name.to_string(), message: e.message })
    }
}
