//! What must hold of a whole tree and not of one value: mandatory nodes, numbers of elements, uniqueness, references.
//!
//! [`validate`] looks at everything. [`validate_change`] looks at what a delta touched, the conditions that its places
//! take part in, and whoever refers to what it took away; on a tree that was valid before, both say the same.

use super::{Branch, Cell, Change, DataPath, DataTree, Delta, Key, List, NodeRef, Value};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::yang::{BaseType, Leafref, NodeKind, SchemaId, SchemaNode, Type};
use std::collections::{BTreeSet, HashMap};

/// Validates a whole tree (RFC 7950 §8).
#[must_use]
pub fn validate(tree: &DataTree) -> Diagnostics {
    let mut validator = Validator::new(tree);
    validator.scope(&DataPath::ROOT);
    validator.inside(&DataPath::ROOT, tree.root_branch());
    validator.found
}

/// Validates what changed, given that `old` was valid; `delta` leads from `old` to `new`.
#[must_use]
pub fn validate_change(old: &DataTree, new: &DataTree, delta: &Delta) -> Diagnostics {
    let mut validator = Validator::new(new);
    let mut scopes = BTreeSet::new();
    let mut lists = BTreeSet::new();
    let mut gone = BTreeSet::new();
    for change in &delta.changes {
        let Change::Node { path, old: before, new: after } = change else { continue };
        scopes.insert(validator.scope_of(path));
        validator.lists_above(path, &mut lists);
        if let Some(cell) = after {
            validator.cell(path, cell);
        }
        if let Some(cell) = before {
            validator.targets_in(path, cell, &mut gone);
        }
    }
    for scope in scopes {
        validator.scope(&scope);
    }
    for list in lists {
        validator.list_as_a_whole(&list);
    }
    for (target, value) in gone {
        validator.left_dangling(old, target, &value);
    }
    validator.found
}

struct Validator<'t> {
    tree: &'t DataTree,
    found: Diagnostics,
    /// Leaves already reported: a dangling leaf that changed together with its target is told once.
    dangling: BTreeSet<DataPath>,
    /// Lists already counted: one can be reached from what changed in it and from what holds it.
    counted: BTreeSet<DataPath>,
}

impl<'t> Validator<'t> {
    fn new(tree: &'t DataTree) -> Self {
        Self { tree, found: Diagnostics::new(), dangling: BTreeSet::new(), counted: BTreeSet::new() }
    }

    fn node(&self, id: SchemaId) -> &'t SchemaNode {
        self.tree.schema().node(id)
    }

    fn report(&mut self, path: &DataPath, diagnostic: Diagnostic) {
        let path = path.display(self.tree.schema()).to_string();
        self.found.push(diagnostic.on(path));
    }

    /// Returns the nearest place at or above a path whose existence is somebody's decision: what is mandatory, is mandatory there.
    fn scope_of(&self, path: &DataPath) -> DataPath {
        let schema = self.tree.schema();
        let mut at = schema.node(path.schema_id()).data_parent;
        while at != SchemaId::ROOT && !self.node(at).is_presence_container() && self.node(at).as_list().is_none() {
            at = self.node(at).data_parent;
        }
        path.ancestor(schema, at)
    }

    /// Collects the lists and leaf-lists that a path goes through, as wholes.
    fn lists_above(&self, path: &DataPath, found: &mut BTreeSet<DataPath>) {
        let schema = self.tree.schema();
        for id in schema.ancestry(path.schema_id()) {
            let node = self.node(id);
            if matches!(node.kind, NodeKind::List(_) | NodeKind::LeafList(_)) {
                let above = usize::from(node.list_depth) - usize::from(node.as_list().is_some());
                found.insert(DataPath::new(id, path.keys().iter().take(above).cloned().collect()));
            }
        }
    }

    /// Checks what is mandatory in a place that exists: a presence container, an entry, the root.
    fn scope(&mut self, path: &DataPath) {
        let Some(node) = self.tree.get(path) else { return };
        if let Some(branch) = node.branch() {
            self.mandatory(path, path.schema_id(), branch);
        }
    }

    fn mandatory(&mut self, path: &DataPath, parent: SchemaId, branch: &Branch) {
        for child in &self.node(parent).children {
            self.mandatory_child(path, *child, branch);
        }
    }

    fn mandatory_child(&mut self, path: &DataPath, child: SchemaId, branch: &Branch) {
        let node = self.node(child);
        if !node.config || !node.whens.is_empty() {
            return;
        }
        let cell = branch.get(node.slot);
        match &node.kind {
            NodeKind::Leaf(_) | NodeKind::AnyData if node.mandatory && cell.is_none() && !node.is_key() => {
                self.missing(path, node);
            }
            NodeKind::Choice { .. } => {
                let chosen = node.children.iter().find(|case| self.case_exists(**case, branch));
                match chosen {
                    Some(case) => {
                        for child in &self.node(*case).children {
                            self.mandatory_child(path, *child, branch);
                        }
                    }
                    None if node.mandatory => self.nothing_chosen(path, node),
                    None => {}
                }
            }
            NodeKind::Container { presence: None } => {
                let empty = Branch::default();
                let inner = match cell {
                    Some(Cell::Container(inner)) => inner,
                    _ => &empty,
                };
                self.mandatory(&path.child(child), child, inner);
            }
            NodeKind::List(list) if list.min_elements > 0 && cell.is_none() => {
                self.list_as_a_whole(&path.child(child));
            }
            NodeKind::LeafList(list) if list.min_elements > 0 && cell.is_none() => {
                self.list_as_a_whole(&path.child(child));
            }
            _ => {}
        }
    }

    fn case_exists(&self, case: SchemaId, branch: &Branch) -> bool {
        self.node(case).children.iter().any(|child| {
            let node = self.node(*child);
            match node.kind {
                NodeKind::Choice { .. } => node.children.iter().any(|case| self.case_exists(*case, branch)),
                _ => branch.get(node.slot).is_some(),
            }
        })
    }

    fn missing(&mut self, path: &DataPath, node: &SchemaNode) {
        let parent = &self.node(node.data_parent).name;
        let expected = node.ty().map_or_else(String::new, |ty| format!(" ({})", ty.shown_name()));
        let diagnostic = Diagnostic::error(format!("`{}` is mandatory in `{parent}` and is not configured", node.name))
            .hint(format!("set `{}`{expected}", node.name));
        self.report(&path.child(node.id), diagnostic);
    }

    fn nothing_chosen(&mut self, path: &DataPath, node: &SchemaNode) {
        let parent = self.node(node.data_parent);
        let mut names = Vec::new();
        for case in &node.children {
            names.extend(self.node(*case).children.iter().map(|id| format!("`{}`", self.node(*id).name)));
        }
        let diagnostic = Diagnostic::error(format!("`{}` needs one of {}", parent.name, names.join(", ")))
            .hint(format!("{} is a mandatory choice", node.name));
        self.report(path, diagnostic);
    }

    /// Checks a cell that came into being, with everything in it. The conditions of the list it is an entry of are checked elsewhere.
    fn cell(&mut self, path: &DataPath, cell: &Cell) {
        let node = self.node(path.schema_id());
        match cell {
            Cell::Leaf(value) => self.reference(path, value),
            Cell::LeafList(values) => {
                for value in values.iter() {
                    self.reference(&path.entry(Key::One(value.clone())), value);
                }
                self.elements(path, values.len() as u64);
            }
            Cell::Container(branch) => {
                if node.is_presence_container() || node.as_list().is_some() {
                    self.mandatory(path, path.schema_id(), branch);
                }
                let key_leaves = node.as_list().map_or(&[][..], |list| &list.keys);
                for (id, value) in key_leaves.iter().zip(path.keys().last().map_or(&[][..], Key::values)) {
                    self.reference(&path.child(*id), value);
                }
                self.inside(path, branch);
            }
            Cell::List(list) => {
                self.list(path, list);
                for (key, branch) in list.iter() {
                    self.cell(&path.entry(key.clone()), &Cell::Container(branch.clone()));
                }
            }
            Cell::AnyData(_) => {}
        }
    }

    fn inside(&mut self, path: &DataPath, branch: &Branch) {
        for (id, cell) in branch.iter() {
            self.cell(&path.child(id), cell);
        }
    }

    fn list_as_a_whole(&mut self, path: &DataPath) {
        // What holds the list may be gone; then so are its conditions.
        if self.tree.get(&self.scope_of(path)).is_none() {
            return;
        }
        match self.tree.get(path) {
            None => self.elements(path, 0),
            Some(node) => match node.as_list() {
                Some(list) => self.list(path, list),
                None => self.elements(path, node.values().len() as u64),
            },
        }
    }

    fn list(&mut self, path: &DataPath, list: &List) {
        self.elements(path, list.len() as u64);
        let Some(schema) = self.node(path.schema_id()).as_list() else { return };
        for unique in &schema.unique {
            self.unique(path, list, unique);
        }
    }

    fn elements(&mut self, path: &DataPath, count: u64) {
        let node = self.node(path.schema_id());
        let (min, max) = match &node.kind {
            NodeKind::List(list) => (list.min_elements, list.max_elements),
            NodeKind::LeafList(list) => (list.min_elements, list.max_elements),
            _ => return,
        };
        if !self.counted.insert(path.clone()) {
            return;
        }
        if count < min {
            let said = format!("`{}` needs at least {min}, and has {count}", node.name);
            self.report(path, Diagnostic::error(said));
        }
        if let Some(max) = max
            && count > max
        {
            let said = format!("`{}` may have at most {max}, and has {count}", node.name);
            self.report(path, Diagnostic::error(said));
        }
    }

    /// RFC 7950 §7.8.3: entries in which all the leaves exist (by default too) must differ in one.
    fn unique(&mut self, path: &DataPath, list: &List, leaves: &[SchemaId]) {
        let plan = self.tree.plan();
        let mut seen: HashMap<Vec<&Value>, &Key> = HashMap::new();
        let mut clashes = Vec::new();
        for (key, branch) in list.iter() {
            let cell = Cell::Container(branch.clone());
            let values: Option<Vec<Value>> = leaves
                .iter()
                .map(|leaf| {
                    let way = self.tree.schema().ancestry(*leaf);
                    let below = way.iter().skip_while(|id| **id != path.schema_id()).skip(1);
                    let start = NodeRef::of_cell(plan, path.schema_id(), Some(key), &cell);
                    let found = below.copied().try_fold(start, |at, id| at.child_by_id(id));
                    found.and_then(|n| n.value()).or_else(|| plan.default(*leaf)).cloned()
                })
                .collect();
            clashes.push((key, values));
        }
        let mut reports = Vec::new();
        for (key, values) in &clashes {
            if let Some(values) = values
                && let Some(first) = seen.insert(values.iter().collect(), key)
            {
                reports.push((first.clone(), (*key).clone()));
            }
        }
        let names: Vec<String> = leaves.iter().map(|id| format!("`{}`", self.node(*id).name)).collect();
        for (first, second) in reports {
            let said =
                format!("{} must be unique, and is the same in `{first:?}` and `{second:?}`", names.join(" with "));
            self.report(&path.entry(second), Diagnostic::error(said));
        }
    }

    fn reference(&mut self, path: &DataPath, value: &Value) {
        if let Some(ty) = self.node(path.schema_id()).ty()
            && let Some(leafref) = required(ty)
            && !self.target_exists(path, leafref, value)
            && self.dangling.insert(path.clone())
        {
            let said = self.dangling_reference(path, leafref, value);
            self.report(path, said);
        }
    }

    fn dangling_reference(&self, path: &DataPath, leafref: &Leafref, value: &Value) -> Diagnostic {
        let target = self.node(leafref.target);
        let holder = self.node(target.data_parent);
        let name = &self.node(path.schema_id()).name;
        let there: Vec<String> = self.candidates(path, leafref).map(ToString::to_string).take(1000).collect();
        let said = format!("`{name}` refers to {} `{value}`, which does not exist", holder.name);
        let diagnostic = Diagnostic::error(said).did_you_mean(&value.to_string(), there.iter().map(String::as_str));
        if diagnostic.hint.is_some() {
            return diagnostic;
        }
        let target = DataPath::new(holder.id, Vec::new()).display(self.tree.schema()).to_string();
        diagnostic.hint(format!("create it at `{target}`, or refer to one that exists"))
    }

    /// Returns the values that a reference at a path may have.
    fn candidates<'a>(&'a self, path: &DataPath, leafref: &Leafref) -> Box<dyn Iterator<Item = &'a Value> + 'a> {
        let schema = self.tree.schema();
        let way = schema.ancestry(leafref.target);
        let mut at: Box<dyn Iterator<Item = NodeRef<'a>> + 'a> = Box::new(std::iter::once(self.tree.root()));
        let mut known = self.shared_keys(path, leafref).into_iter();
        for id in way {
            at = Box::new(at.filter_map(move |node| node.child_by_id(id)));
            if self.node(id).as_list().is_some() {
                at = match known.next() {
                    Some(key) => Box::new(at.filter_map(move |list| list.entry(&key))),
                    None => Box::new(at.flat_map(|list| list.entries())),
                };
            }
        }
        Box::new(at.flat_map(|node| node.value().into_iter().chain(node.values())))
    }

    /// Returns the keys that a relative leafref shares with its target: those of the lists above where both part. An
    /// absolute one shares none: every entry of a list on its way is a candidate.
    fn shared_keys(&self, path: &DataPath, leafref: &Leafref) -> Vec<Key> {
        let ups = leafref.path.trim_start().split('/').take_while(|step| step.trim() == "..").count();
        if ups == 0 {
            return Vec::new();
        }
        let mut at = path.schema_id();
        for _ in 0..ups {
            at = self.node(at).data_parent;
        }
        path.ancestor(self.tree.schema(), at).keys().to_vec()
    }

    fn target_exists(&self, path: &DataPath, leafref: &Leafref, value: &Value) -> bool {
        let schema = self.tree.schema();
        let target = self.node(leafref.target);
        let keys = self.shared_keys(path, leafref);
        // The common case: the target is the only key of a list whose place is known, and a look-up decides.
        let lists = usize::from(target.list_depth);
        let single_key = schema.node(target.data_parent).as_list().is_some_and(|l| l.keys == [leafref.target]);
        if single_key && keys.len() + 1 == lists {
            let mut keys = keys;
            keys.push(Key::One(value.clone()));
            return self.tree.get(&DataPath::new(target.data_parent, keys)).is_some();
        }
        self.candidates(path, leafref).any(|v| v == value)
    }

    /// Collects the values of reference targets that are in a cell which went or changed.
    fn targets_in(&self, path: &DataPath, cell: &Cell, gone: &mut BTreeSet<(SchemaId, Value)>) {
        let plan = self.tree.plan();
        if !plan.holds_targets(path.schema_id()) {
            return;
        }
        match cell {
            Cell::Leaf(value) => {
                gone.insert((path.schema_id(), value.clone()));
            }
            Cell::LeafList(values) => gone.extend(values.iter().map(|v| (path.schema_id(), v.clone()))),
            Cell::Container(branch) => {
                let keys = self.node(path.schema_id()).as_list().map_or(&[][..], |list| &list.keys);
                for (id, value) in keys.iter().zip(path.keys().last().map_or(&[][..], Key::values)) {
                    gone.insert((*id, value.clone()));
                }
                for (id, cell) in branch.iter() {
                    self.targets_in(&path.child(id), cell, gone);
                }
            }
            Cell::List(list) => {
                for (key, branch) in list.iter() {
                    self.targets_in(&path.entry(key.clone()), &Cell::Container(branch.clone()), gone);
                }
            }
            Cell::AnyData(_) => {}
        }
    }

    /// Reports who still refers to a value that went away.
    fn left_dangling(&mut self, old: &DataTree, target: SchemaId, value: &Value) {
        let referrers: Vec<DataPath> = self.tree.references().to(target, value).cloned().collect();
        for path in referrers {
            let Some(leafref) = self.node(path.schema_id()).ty().and_then(|ty| required(ty)) else { continue };
            if leafref.target != target || self.target_exists(&path, leafref, value) {
                continue;
            }
            if self.dangling.insert(path.clone()) {
                let holder = self.node(self.node(target).data_parent);
                let was = old.get(&path).is_some();
                let said = if was {
                    Diagnostic::error(format!(
                        "{} `{value}` is still referred to, and would no longer exist",
                        holder.name
                    ))
                    .hint("delete the reference too, or keep what it refers to")
                } else {
                    self.dangling_reference(&path, leafref, value)
                };
                self.report(&path, said);
            }
        }
    }
}

/// Returns the leafref of a type whose instance must exist. A union's members are alternatives: RFC 7950 §9.12 checks
/// the one that the value matched, which only its resolution knows.
fn required(ty: &Type) -> Option<&Leafref> {
    match &ty.base {
        BaseType::Leafref(leafref) if leafref.require_instance => Some(leafref),
        _ => None,
    }
}
