//! Reading a tree: a node, its content, and the ways to its children.

use super::marks::MarkNode;
use super::{Branch, Cell, DataPath, Key, List, Mark, Plan, Value};
use crate::yang::{SchemaId, SchemaNode};

/// A node of a tree, for reading.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'t> {
    plan: &'t Plan,
    id: SchemaId,
    content: Content<'t>,
    /// What is noted about it and below it.
    marks: Option<&'t MarkNode>,
}

#[derive(Clone, Copy, Debug)]
enum Content<'t> {
    Branch(&'t Branch),
    Entry(&'t Key, &'t Branch),
    List(&'t List),
    Leaf(&'t Value),
    LeafList(&'t [Value]),
    AnyData(&'t str),
}

impl<'t> NodeRef<'t> {
    pub(super) fn root(plan: &'t Plan, branch: &'t Branch, marks: Option<&'t MarkNode>) -> Self {
        Self { plan, id: SchemaId::ROOT, content: Content::Branch(branch), marks }
    }

    /// Returns what is noted about it.
    #[must_use]
    pub fn mark(&self) -> Option<&'t Mark> {
        self.marks.map(MarkNode::own).filter(|mark| !mark.is_empty())
    }

    /// Returns whether something is noted about it or about what is in it.
    #[must_use]
    pub fn has_marks(&self) -> bool {
        self.marks.is_some()
    }

    /// Returns the same node as if nothing were noted.
    #[must_use]
    pub fn without_marks(self) -> Self {
        Self { marks: None, ..self }
    }

    fn marks_of(&self, child: SchemaId) -> Option<&'t MarkNode> {
        self.marks.and_then(|marks| marks.child(child))
    }

    /// Returns the node that a cell of a [`super::Change`] holds: an entry's content where the schema node is a list and a key is given.
    #[must_use]
    pub fn of_cell(plan: &'t Plan, id: SchemaId, key: Option<&'t Key>, cell: &'t Cell) -> Self {
        let content = match (cell, key) {
            (Cell::Container(branch), Some(key)) if plan.schema().node(id).as_list().is_some() => {
                Content::Entry(key, branch)
            }
            (Cell::Container(branch), _) => Content::Branch(branch),
            (Cell::Leaf(value), _) => Content::Leaf(value),
            (Cell::LeafList(values), _) => Content::LeafList(values),
            (Cell::List(list), _) => Content::List(list),
            (Cell::AnyData(text), _) => Content::AnyData(text),
        };
        Self { plan, id, content, marks: None }
    }

    /// Returns the schema node's index.
    #[must_use]
    pub fn id(&self) -> SchemaId {
        self.id
    }

    /// Returns the schema node.
    #[must_use]
    pub fn schema_node(&self) -> &'t SchemaNode {
        self.plan.schema().node(self.id)
    }

    /// Returns the schema with what was worked out of it.
    #[must_use]
    pub fn plan(&self) -> &'t Plan {
        self.plan
    }

    /// Returns the key, of a list entry.
    #[must_use]
    pub fn key(&self) -> Option<&'t Key> {
        match self.content {
            Content::Entry(key, _) => Some(key),
            _ => None,
        }
    }

    /// Returns the value, of a leaf.
    #[must_use]
    pub fn value(&self) -> Option<&'t Value> {
        match self.content {
            Content::Leaf(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the values, of a leaf-list; else none.
    #[must_use]
    pub fn values(&self) -> &'t [Value] {
        match self.content {
            Content::LeafList(values) => values,
            _ => &[],
        }
    }

    /// Returns the JSON text, of `anydata`.
    #[must_use]
    pub fn any_data(&self) -> Option<&'t str> {
        match self.content {
            Content::AnyData(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the entries, of a list as a whole.
    #[must_use]
    pub fn as_list(&self) -> Option<&'t List> {
        match self.content {
            Content::List(list) => Some(list),
            _ => None,
        }
    }

    /// Returns what is in it, of a container or an entry.
    #[must_use]
    pub fn branch(&self) -> Option<&'t Branch> {
        match self.content {
            Content::Branch(branch) | Content::Entry(_, branch) => Some(branch),
            _ => None,
        }
    }

    /// Walks the children that exist, in schema order, key leaves left out.
    pub fn children(&self) -> impl Iterator<Item = NodeRef<'t>> + use<'t> {
        let (plan, at) = (self.plan, *self);
        self.branch().into_iter().flat_map(Branch::iter).map(move |(id, cell)| Self {
            plan,
            id,
            content: Self::of_cell(plan, id, None, cell).content,
            marks: at.marks_of(id),
        })
    }

    /// Walks the key leaves, of a list entry.
    pub fn key_leaves(&self) -> impl Iterator<Item = NodeRef<'t>> + use<'t> {
        let plan = self.plan;
        let keys = self.schema_node().as_list().map_or(&[][..], |list| &list.keys);
        let values = self.key().map_or(&[][..], Key::values);
        keys.iter().zip(values).map(move |(id, value)| Self {
            plan,
            id: *id,
            content: Content::Leaf(value),
            marks: None,
        })
    }

    /// Walks the entries in their order, of a list as a whole.
    pub fn entries(&self) -> impl Iterator<Item = NodeRef<'t>> + use<'t> {
        let (plan, id, marks) = (self.plan, self.id, self.marks);
        self.as_list().into_iter().flat_map(List::iter).map(move |(key, branch)| Self {
            plan,
            id,
            content: Content::Entry(key, branch),
            marks: marks.and_then(|marks| marks.entry(key)),
        })
    }

    /// Returns one entry, of a list as a whole.
    #[must_use]
    pub fn entry(&self, key: &Key) -> Option<Self> {
        let (key, branch) = self.as_list()?.get(key)?;
        let marks = self.marks.and_then(|marks| marks.entry(key));
        Some(Self { content: Content::Entry(key, branch), marks, ..*self })
    }

    /// Returns a child by its schema node; key leaves too.
    #[must_use]
    pub fn child_by_id(&self, child: SchemaId) -> Option<Self> {
        let node = self.plan.schema().node(child);
        if node.data_parent != self.id {
            return None;
        }
        if node.is_key() {
            return self.key_leaves().find(|leaf| leaf.id == child);
        }
        let cell = self.branch()?.get(node.slot)?;
        Some(Self { marks: self.marks_of(child), ..Self::of_cell(self.plan, child, None, cell) })
    }

    /// Returns a child by its name, `module:name` or not; key leaves too.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<Self> {
        self.child_by_id(self.plan.schema().child(self.id, name)?)
    }

    /// Returns a leaf's value below, `a/b/leaf`; the default where it is not set and its schema has one.
    #[must_use]
    pub fn leaf(&self, path: &str) -> Option<&'t Value> {
        let mut id = self.id;
        let mut at = Some(*self);
        for name in path.split('/') {
            id = self.plan.schema().child(id, name)?;
            at = at.and_then(|node| node.child_by_id(id));
        }
        at.map_or_else(|| self.plan.default(id), |node| node.value())
    }

    /// Returns a leaf-list's values below; the defaults where none is set.
    #[must_use]
    pub fn leaf_list(&self, path: &str) -> &'t [Value] {
        let mut id = self.id;
        let mut at = Some(*self);
        for name in path.split('/') {
            match self.plan.schema().child(id, name) {
                Some(child) => id = child,
                None => return &[],
            }
            at = at.and_then(|node| node.child_by_id(id));
        }
        at.map_or_else(|| self.plan.defaults(id), |node| node.values())
    }

    /// Returns a node below by names, `a/b/c`, no list entries on the way.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Self> {
        path.split('/').try_fold(*self, |at, name| at.child(name))
    }

    /// Returns the node at a path that starts at the root, where `self` is the root.
    pub(super) fn descend(self, path: &DataPath) -> Option<Self> {
        let schema = self.plan.schema();
        let mut keys = path.keys().iter();
        let mut at = self;
        for id in schema.ancestry(path.schema_id()) {
            at = at.child_by_id(id)?;
            if at.as_list().is_some() {
                match keys.next() {
                    Some(key) => at = at.entry(key)?,
                    None => return (id == path.schema_id()).then_some(at),
                }
            }
        }
        match (keys.next(), at.content) {
            (None, _) => Some(at),
            (Some(key), Content::LeafList(values)) => {
                let wanted = key.values().first()?;
                let value = values.iter().find(|v| *v == wanted)?;
                Some(Self { content: Content::Leaf(value), marks: None, ..at })
            }
            _ => None,
        }
    }
}
