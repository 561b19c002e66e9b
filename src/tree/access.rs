//! The accessible tree (RFC 7950 §6.4.1): what is stored, and the defaults and plain containers that are there by
//! themselves, where their cases and conditions let them.

use super::evaluate::{Budget, EvaluationError, Evaluator};
use super::{Branch, Cell, DataPath, DataTree, Key, List, Plan, Value};
use crate::yang::{NodeKind, SchemaId, SchemaNode};
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::LazyLock;

/// What is in a container that nobody has put anything into.
static EMPTY: LazyLock<Branch> = LazyLock::new(Branch::default);

/// A node of the accessible tree. Cloning copies a pointer.
#[derive(Clone)]
pub(crate) struct Node<'t>(Rc<Inner<'t>>);

struct Inner<'t> {
    id: SchemaId,
    content: Content<'t>,
    parent: Option<Node<'t>>,
    depth: u32,
    is_implicit: bool,
}

/// What a node is.
#[derive(Clone, Copy)]
pub(crate) enum Content<'t> {
    /// The root or a container.
    Branch(&'t Branch),
    /// A list entry; the number places it where the order is the user's.
    Entry(&'t Key, &'t Branch, u64),
    /// A leaf.
    Leaf(&'t Value),
    /// One value of a leaf-list, and its place.
    Item(&'t Value, usize),
    /// `anydata`.
    AnyData(&'t str),
    /// The text in a leaf.
    Text(&'t Value),
    /// Nothing: the node is not there, and only stands for itself where its condition is evaluated (§7.21.5).
    Absent,
}

impl<'t> Node<'t> {
    fn new(id: SchemaId, content: Content<'t>, parent: Option<&Self>, is_implicit: bool) -> Self {
        let depth = parent.map_or(0, |p| p.0.depth + 1);
        Self(Rc::new(Inner { id, content, parent: parent.cloned(), depth, is_implicit }))
    }

    /// Returns the schema node's index.
    pub(crate) fn id(&self) -> SchemaId {
        self.0.id
    }

    /// Returns what it is.
    pub(crate) fn content(&self) -> Content<'t> {
        self.0.content
    }

    /// Returns the parent; of an entry, what holds the list.
    pub(crate) fn parent(&self) -> Option<&Self> {
        self.0.parent.as_ref()
    }

    /// Returns whether it is there by itself: a default in use, or a plain container with nothing set in it.
    pub(crate) fn is_implicit(&self) -> bool {
        self.0.is_implicit
    }

    /// Returns whether it is a text, not an element.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.0.content, Content::Text(_))
    }

    /// Returns what is in it.
    pub(crate) fn branch(&self) -> Option<&'t Branch> {
        match self.0.content {
            Content::Branch(branch) | Content::Entry(_, branch, _) => Some(branch),
            _ => None,
        }
    }

    /// Returns its value.
    pub(crate) fn value(&self) -> Option<&'t Value> {
        match self.0.content {
            Content::Leaf(value) | Content::Item(value, _) | Content::Text(value) => Some(value),
            _ => None,
        }
    }

    /// Returns its key.
    pub(crate) fn key(&self) -> Option<&'t Key> {
        match self.0.content {
            Content::Entry(key, ..) => Some(key),
            _ => None,
        }
    }

    /// Returns the node or the ancestor that is an instance of a schema node.
    pub(crate) fn ancestor(&self, id: SchemaId) -> Option<&Self> {
        let mut at = Some(self);
        while let Some(node) = at {
            if node.0.id == id {
                return Some(node);
            }
            at = node.parent();
        }
        None
    }

    /// Returns the path; that of a value of a leaf-list names the value.
    pub(crate) fn path(&self) -> DataPath {
        let mut keys = Vec::new();
        if let Content::Item(value, _) = self.0.content {
            keys.push(Key::One(value.clone()));
        }
        let mut at = Some(self);
        while let Some(node) = at {
            keys.extend(node.key().cloned());
            at = node.parent();
        }
        keys.reverse();
        DataPath::new(self.0.id, keys)
    }

    /// Compares two nodes of one tree by document order.
    pub(crate) fn order(&self, other: &Self, plan: &Plan) -> Ordering {
        if Rc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        match self.0.depth.cmp(&other.0.depth) {
            Ordering::Less => match other.parent() {
                Some(up) => self.order(up, plan).then(Ordering::Less),
                None => Ordering::Less,
            },
            Ordering::Greater => match self.parent() {
                Some(up) => up.order(other, plan).then(Ordering::Greater),
                None => Ordering::Greater,
            },
            Ordering::Equal => match (self.parent(), other.parent()) {
                (Some(one), Some(two)) => one.order(two, plan).then_with(|| self.beside(other, plan)),
                _ => Ordering::Equal,
            },
        }
    }

    /// Compares two children of one node.
    fn beside(&self, other: &Self, plan: &Plan) -> Ordering {
        let rank = |node: &Self| {
            let schema = plan.schema().node(node.0.id);
            // Keys come first, whatever the schema's order (RFC 7950 §7.8.5).
            (!node.is_text(), !schema.is_key(), schema.slot)
        };
        rank(self).cmp(&rank(other)).then_with(|| match (self.0.content, other.0.content) {
            (Content::Entry(one, _, a), Content::Entry(two, _, b)) => a.cmp(&b).then_with(|| one.cmp(two)),
            (Content::Item(_, a), Content::Item(_, b)) => a.cmp(&b),
            _ => Ordering::Equal,
        })
    }
}

/// A tree with what is there by itself.
pub(crate) struct Access<'t> {
    plan: &'t Plan,
    root: Node<'t>,
    budget: Budget,
}

impl<'t> Access<'t> {
    /// Looks at a tree; all evaluations in it together may take so much work.
    pub(crate) fn new(tree: &'t DataTree) -> Self {
        let root = Node::new(SchemaId::ROOT, Content::Branch(tree.root_branch()), None, false);
        Self { plan: tree.plan(), root, budget: Budget::default() }
    }

    /// Returns the schema with what was worked out of it.
    pub(crate) fn plan(&self) -> &'t Plan {
        self.plan
    }

    /// Returns a schema node.
    pub(crate) fn schema_node(&self, id: SchemaId) -> &'t SchemaNode {
        self.plan.schema().node(id)
    }

    /// Returns what work is left.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Returns the root.
    pub(crate) fn root(&self) -> &Node<'t> {
        &self.root
    }

    /// Returns a node that stands for one that is not there.
    pub(crate) fn absent(parent: &Node<'t>, id: SchemaId) -> Node<'t> {
        Node::new(id, Content::Absent, Some(parent), true)
    }

    /// Returns the text in a leaf.
    pub(crate) fn text(leaf: &Node<'t>) -> Option<Node<'t>> {
        if leaf.is_text() {
            return None;
        }
        let value = leaf.value()?;
        Some(Node::new(leaf.id(), Content::Text(value), Some(leaf), leaf.is_implicit()))
    }

    /// Collects the children of a node, in document order.
    pub(crate) fn children(&self, of: &Node<'t>, found: &mut Vec<Node<'t>>) -> Result<(), EvaluationError> {
        if of.branch().is_none() {
            return Ok(());
        }
        let node = self.schema_node(of.id());
        if let Some(list) = node.as_list() {
            for key in &list.keys {
                self.child(of, *key, found)?;
            }
        }
        for child in node.data_children.iter().filter(|id| !self.schema_node(**id).is_key()) {
            self.child(of, *child, found)?;
        }
        Ok(())
    }

    /// Collects the instances of one schema node among the children of a node.
    pub(crate) fn child(&self, of: &Node<'t>, id: SchemaId, found: &mut Vec<Node<'t>>) -> Result<(), EvaluationError> {
        let node = self.schema_node(id);
        let Some(branch) = of.branch().filter(|_| node.data_parent == of.id()) else { return Ok(()) };
        self.budget.spend(1)?;
        if node.is_key() {
            found.extend(self.key_leaf(of, id));
            return Ok(());
        }
        match branch.get(node.slot) {
            Some(cell) => self.stored(of, id, cell, found)?,
            None => self.implied(of, id, found)?,
        }
        Ok(())
    }

    fn key_leaf(&self, entry: &Node<'t>, id: SchemaId) -> Option<Node<'t>> {
        let keys = &self.schema_node(entry.id()).as_list()?.keys;
        let at = keys.iter().position(|key| *key == id)?;
        let value = entry.key()?.values().get(at)?;
        Some(Node::new(id, Content::Leaf(value), Some(entry), false))
    }

    fn stored(
        &self,
        of: &Node<'t>,
        id: SchemaId,
        cell: &'t Cell,
        found: &mut Vec<Node<'t>>,
    ) -> Result<(), EvaluationError> {
        let one = |content| Node::new(id, content, Some(of), false);
        match cell {
            Cell::Leaf(value) => found.push(one(Content::Leaf(value))),
            Cell::Container(branch) => found.push(one(Content::Branch(branch))),
            Cell::AnyData(text) => found.push(one(Content::AnyData(text))),
            Cell::LeafList(values) => {
                self.budget.spend(values.len() as u64)?;
                found.extend(values.iter().enumerate().map(|(at, value)| one(Content::Item(value, at))));
            }
            Cell::List(list) => {
                self.budget.spend(list.len() as u64)?;
                found.extend(list.labelled().map(|(label, key, branch)| one(Content::Entry(key, branch, label))));
            }
        }
        Ok(())
    }

    /// Collects what is there by itself where nothing is stored.
    fn implied(&self, of: &Node<'t>, id: SchemaId, found: &mut Vec<Node<'t>>) -> Result<(), EvaluationError> {
        let defaults = self.plan.defaults(id);
        let contents: Vec<Content<'t>> = match &self.schema_node(id).kind {
            NodeKind::Container { presence: None } => vec![Content::Branch(&EMPTY)],
            NodeKind::Leaf(_) => defaults.iter().take(1).map(Content::Leaf).collect(),
            NodeKind::LeafList(_) => defaults.iter().enumerate().map(|(at, value)| Content::Item(value, at)).collect(),
            _ => Vec::new(),
        };
        if !contents.is_empty() && self.is_in_use(of, id)? {
            found.extend(contents.into_iter().map(|content| Node::new(id, content, Some(of), true)));
        }
        Ok(())
    }

    /// Returns whether a child that is not stored would be there by itself: its cases are chosen, or chosen by default
    /// (RFC 7950 §7.6.1, §7.9.3), and its conditions hold.
    fn is_in_use(&self, of: &Node<'t>, id: SchemaId) -> Result<bool, EvaluationError> {
        let Some(branch) = of.branch() else { return Ok(false) };
        let choices = self.plan.choices(id);
        let is_chosen = choices.iter().all(|(choice, case)| match self.chosen(branch, *choice) {
            Some(chosen) => chosen == *case,
            None => matches!(self.schema_node(*choice).kind, NodeKind::Choice { default: Some(d) } if d == *case),
        });
        Ok(is_chosen && self.is_allowed(of, id)?)
    }

    /// Returns the case of a choice that something is stored of.
    pub(crate) fn chosen(&self, branch: &Branch, choice: SchemaId) -> Option<SchemaId> {
        branch
            .iter()
            .find_map(|(id, _)| self.plan.choices(id).iter().find(|(c, _)| *c == choice).map(|(_, case)| *case))
    }

    /// Returns whether the conditions of a child, and of the choices and cases it is in, hold.
    pub(crate) fn is_allowed(&self, of: &Node<'t>, id: SchemaId) -> Result<bool, EvaluationError> {
        if !self.plan.is_conditional(id) {
            return Ok(true);
        }
        Ok(self.first_false(of, None, id)?.is_none())
    }

    /// Returns the first condition of a child that does not hold, by schema node and position. Without `child`, one that
    /// is not there stands for it.
    pub(crate) fn first_false(
        &self,
        of: &Node<'t>,
        child: Option<&Node<'t>>,
        id: SchemaId,
    ) -> Result<Option<(SchemaId, usize)>, EvaluationError> {
        let evaluator = Evaluator::new(self);
        let mut at = id;
        loop {
            let node = self.schema_node(at);
            for (index, (condition, _)) in node.whens.iter().enumerate() {
                let Some(expression) = &condition.expression else { continue };
                let holds = if expression.context == of.id() {
                    evaluator.holds(expression, of)?
                } else {
                    let context = child.cloned().unwrap_or_else(|| Self::absent(of, id));
                    evaluator.holds(expression, &context)?
                };
                if !holds {
                    return Ok(Some((at, index)));
                }
            }
            match node.parent {
                Some(parent) if parent != of.id() => at = parent,
                _ => return Ok(None),
            }
        }
    }

    /// Returns the number of instances of a schema node among the children of a node, and does not look at each.
    pub(crate) fn count(&self, of: &Node<'t>, id: SchemaId) -> Result<usize, EvaluationError> {
        let node = self.schema_node(id);
        let Some(branch) = of.branch().filter(|_| node.data_parent == of.id()) else { return Ok(0) };
        self.budget.spend(1)?;
        match branch.get(node.slot) {
            Some(Cell::List(list)) => Ok(list.len()),
            Some(Cell::LeafList(values)) => Ok(values.len()),
            _ => {
                let mut found = Vec::new();
                self.child(of, id, &mut found)?;
                Ok(found.len())
            }
        }
    }

    /// Returns one entry of a list by its key.
    pub(crate) fn entry(&self, of: &Node<'t>, id: SchemaId, key: &Key) -> Result<Option<Node<'t>>, EvaluationError> {
        let node = self.schema_node(id);
        self.budget.spend(1)?;
        let Some(branch) = of.branch().filter(|_| node.data_parent == of.id()) else { return Ok(None) };
        let Some(Cell::List(list)) = branch.get(node.slot) else { return Ok(None) };
        let found = list.get(key);
        Ok(found
            .map(|(key, branch)| Node::new(id, Content::Entry(key, branch, List::label(list, key)), Some(of), false)))
    }

    /// Returns the node at a path, implied ones too; of a list or leaf-list as a whole, what holds it.
    pub(crate) fn find(&self, path: &DataPath) -> Result<Option<Node<'t>>, EvaluationError> {
        let mut at = self.root.clone();
        let mut keys = path.keys().iter();
        let schema = self.plan.schema();
        for id in schema.ancestry(path.schema_id()) {
            let node = schema.node(id);
            let next = match &node.kind {
                NodeKind::List(_) => match keys.next() {
                    Some(key) => self.entry(&at, id, key)?,
                    None => return Ok((id == path.schema_id()).then_some(at)),
                },
                NodeKind::LeafList(_) => match keys.next() {
                    Some(key) => {
                        let mut values = Vec::new();
                        self.child(&at, id, &mut values)?;
                        values.into_iter().find(|v| v.value() == key.values().first())
                    }
                    None => return Ok(Some(at)),
                },
                _ => {
                    let mut found = Vec::new();
                    self.child(&at, id, &mut found)?;
                    found.pop()
                }
            };
            match next {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Collects the instances of a schema node at or below a node.
    pub(crate) fn instances(
        &self,
        below: &Node<'t>,
        id: SchemaId,
        found: &mut Vec<Node<'t>>,
    ) -> Result<(), EvaluationError> {
        let mut way = Vec::new();
        let mut at = id;
        while at != below.id() {
            if at == SchemaId::ROOT {
                return Ok(());
            }
            way.push(at);
            at = self.schema_node(at).data_parent;
        }
        let mut nodes = vec![below.clone()];
        for step in way.into_iter().rev() {
            let mut next = Vec::new();
            for node in &nodes {
                self.child(node, step, &mut next)?;
            }
            nodes = next;
        }
        found.append(&mut nodes);
        Ok(())
    }
}
