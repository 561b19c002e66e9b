//! What follows from an edit by itself: references that their target takes along (`ann:on-delete "prune"`), entries that
//! cannot be without them, and nodes whose `when` no longer holds (RFC 7950 §8.3.2).

use super::access::{Access, Node};
use super::dependency::{Constraint, leafrefs};
use super::index::each_value;
use super::validate::Touched;
use super::{Cell, Change, DataPath, DataTree, Value, diff};
use crate::yang::{NodeKind, SchemaId};
use std::collections::BTreeSet;
use std::fmt;

/// Rounds at most: each removes something, and what is left by then is for validation to refuse.
const ROUNDS_MAX: usize = 10_000;

/// The argument of `ann:on-delete` that lets a reference go with its target.
const PRUNE: &str = "prune";

/// Something that an edit took along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Where it was.
    pub path: DataPath,
    /// What was there.
    pub cell: Cell,
    /// Why it went.
    pub why: PruneReason,
}

/// Why something went along with an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PruneReason {
    /// It referred to this, which went.
    Reference {
        /// The name of what held the target: a list's, usually.
        target: String,
        /// The value that it referred to.
        value: Value,
    },
    /// It cannot be without what went: this child of it.
    Needs(String),
    /// Its `when` no longer holds.
    Condition(String),
}

impl fmt::Display for PruneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference { target, value } => write!(f, "{target} `{value}`, which it referred to, is deleted"),
            Self::Needs(child) => write!(f, "it cannot be without `{child}`"),
            Self::Condition(when) => write!(f, "it is there only when `{when}`"),
        }
    }
}

/// Takes along what an edit from `old` to `new` leaves behind, until nothing more follows. What was set by the edit itself
/// stays, for validation to judge.
pub fn settle(old: &DataTree, new: &mut DataTree) -> Vec<Pruned> {
    let mut pruned = Vec::new();
    if old.is_same(new) {
        return pruned;
    }
    // Each round follows from what the one before removed.
    let mut before = old.clone();
    for _ in 0..ROUNDS_MAX {
        let delta = diff(&before, new);
        before = new.clone();
        let mut round = left_references(new, &delta.changes);
        round.extend(no_longer_allowed(old, new, &delta.changes));
        let mut is_done = true;
        for (path, why) in round {
            is_done &= !remove(new, &path, why, &mut pruned);
        }
        if is_done {
            break;
        }
    }
    pruned
}

/// Removes a node, and the entries around it that cannot be without it; returns whether anything went.
fn remove(tree: &mut DataTree, path: &DataPath, why: PruneReason, pruned: &mut Vec<Pruned>) -> bool {
    let schema = std::sync::Arc::clone(tree.schema());
    let node = schema.node(path.schema_id());
    let (path, why) = match path.parent(&schema) {
        // A key goes with its entry.
        Some(entry) if node.is_key() => (entry, why),
        _ => (path.clone(), why),
    };
    let removed = match path.leaf_list_value(&schema).cloned() {
        Some(value) => tree.remove(&path).map(|_| Cell::LeafList([value].into())),
        None => tree.remove(&path),
    };
    let Some(cell) = removed else { return false };
    pruned.push(Pruned { path: path.clone(), cell, why });
    if let Some(entry) = entry_in_need(tree, &path) {
        remove(tree, &entry, PruneReason::Needs(schema.node(path.schema_id()).name.to_string()), pruned);
    }
    true
}

/// Returns the list entry that something was in, when it cannot be without it: it was mandatory, or of a list or leaf-list
/// that has too few elements left.
fn entry_in_need(tree: &DataTree, path: &DataPath) -> Option<DataPath> {
    let schema = tree.schema();
    let node = schema.node(path.schema_id());
    let is_needed = match &node.kind {
        NodeKind::Leaf(_) => node.mandatory,
        NodeKind::List(_) | NodeKind::LeafList(_) => {
            let least = match &node.kind {
                NodeKind::List(list) => list.min_elements,
                NodeKind::LeafList(list) => list.min_elements,
                _ => 0,
            };
            let above = usize::from(node.list_depth) - usize::from(node.as_list().is_some());
            let whole = DataPath::new(path.schema_id(), path.keys().iter().take(above).cloned().collect());
            let left = tree.get(&whole).map_or(0, |n| n.as_list().map_or(n.values().len(), super::List::len));
            (left as u64) < least
        }
        _ => false,
    };
    let mut at = node.data_parent;
    while is_needed && at != SchemaId::ROOT {
        if schema.node(at).as_list().is_some() {
            return Some(path.ancestor(schema, at));
        }
        if schema.node(at).is_presence_container() {
            return None;
        }
        at = schema.node(at).data_parent;
    }
    None
}

/// Returns the references with `prune` whose target went with some changes.
fn left_references(tree: &DataTree, changes: &[Change]) -> Vec<(DataPath, PruneReason)> {
    let plan = tree.plan();
    let mut gone: BTreeSet<(SchemaId, Value)> = BTreeSet::new();
    for change in changes {
        let Change::Node { path, old: Some(cell), .. } = change else { continue };
        if plan.holds_targets(path.schema_id()) {
            each_value(plan, path, cell, &|id| plan.holds_targets(id), &mut |value, source| {
                gone.insert((source.schema_id(), value.clone()));
            });
        }
    }
    let access = Access::new(tree);
    let mut found = Vec::new();
    for (target, value) in gone {
        for path in tree.references().to(target, &value) {
            if is_pruned(&access, path, target, &value) {
                let holder = tree.schema().node(tree.schema().node(target).data_parent);
                let target = holder.name.to_string();
                found.push((path.clone(), PruneReason::Reference { target, value: value.clone() }));
            }
        }
    }
    found
}

/// Returns whether a reference is to go since its target is no longer there.
fn is_pruned(access: &Access<'_>, path: &DataPath, target: SchemaId, value: &Value) -> bool {
    let Ok(Some(node)) = access.find(path) else { return false };
    let Some(ty) = access.schema_node(path.schema_id()).ty() else { return false };
    let mut known = Vec::new();
    leafrefs(ty, &mut known);
    let mut concerned = known.iter().filter(|l| l.target == target && l.on_delete.as_deref() == Some(PRUNE)).peekable();
    if concerned.peek().is_none() {
        return false;
    }
    concerned.all(|leafref| {
        let mut exists = false;
        let looked = super::evaluate::leafref_instances(access, &node, leafref, Some(value), &mut |_| {
            exists = true;
            false
        });
        looked.is_ok() && !exists
    })
}

/// Returns the nodes whose conditions no longer hold because of some changes, those that the edit itself set left out.
fn no_longer_allowed(old: &DataTree, new: &DataTree, changes: &[Change]) -> Vec<(DataPath, PruneReason)> {
    let mut touched = Touched::default();
    for change in changes {
        touched.note(new, change);
    }
    let access = Access::new(new);
    let mut found = Vec::new();
    for (constraint, place) in touched.places() {
        let Constraint::Children(anchor) = constraint else { continue };
        let Ok(Some(below)) = access.find(place) else { continue };
        let mut holders = Vec::new();
        if access.instances(&below, *anchor, &mut holders).is_err() {
            continue;
        }
        for holder in &holders {
            found.extend(forbidden_in(&access, holder, old));
        }
    }
    found
}

fn forbidden_in(access: &Access<'_>, holder: &Node<'_>, old: &DataTree) -> Vec<(DataPath, PruneReason)> {
    let plan = access.plan();
    let mut found = Vec::new();
    let stored = holder.branch().into_iter().flat_map(super::Branch::iter);
    for (id, _) in stored.filter(|(id, _)| plan.is_conditional(*id)) {
        let mut children = Vec::new();
        if access.child(holder, id, &mut children).is_err() {
            continue;
        }
        for child in &children {
            let Ok(Some((at, index))) = access.first_false(holder, Some(child), id) else { continue };
            let path = child.path();
            let was = old.get(&path);
            let is_as_before = match (was.and_then(|n| n.value()), child.value()) {
                (Some(before), Some(now)) => before == now,
                (None, None) => was.is_some(),
                _ => false,
            };
            if let Some((when, _)) = access.schema_node(at).whens.get(index).filter(|_| is_as_before) {
                let flat = when.xpath.split_whitespace().collect::<Vec<_>>().join(" ");
                found.push((path, PruneReason::Condition(flat)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Key, Plan, validate};
    use super::*;
    use crate::diagnostic::Source;
    use crate::yang::{CompileOptions, builtin_sources, compile};
    use std::sync::Arc;

    const MODULE: &str = r#"module p {
      yang-version 1.1; namespace "urn:p"; prefix p;
      import annunciator-extensions { prefix ann; }
      list channel { key id; leaf id { type string; } leaf kind { type string; } leaf port { when "../kind = 'tcp'"; type uint8; } }
      list notification {
        key id;
        leaf id { type string; }
        leaf-list via { type leafref { path "/p:channel/p:id"; } ann:on-delete "prune"; min-elements 1; }
        leaf backup { type leafref { path "/p:channel/p:id"; } ann:on-delete "prune"; }
      }
      leaf-list watched { type leafref { path "/p:notification/p:id"; } ann:on-delete "prune"; }
      leaf strict { type leafref { path "/p:channel/p:id"; } }
      leaf chained { when "/p:watched"; type string; }
    }"#;

    fn tree(lines: &[(&str, &str)]) -> DataTree {
        let mut sources: Vec<Arc<Source>> =
            builtin_sources().into_iter().filter(|s| s.name() == "annunciator-extensions.yang").collect();
        sources.push(Source::new("p.yang", MODULE));
        let (schema, _) = compile(&sources, &CompileOptions::default()).unwrap_or_else(|f| panic!("{f}"));
        let mut tree = DataTree::new(Plan::new(Arc::new(schema)));
        for (path, value) in lines {
            set(&mut tree, path, value);
        }
        assert!(validate(&tree).is_empty(), "{}", validate(&tree));
        tree
    }

    fn set(tree: &mut DataTree, path: &str, value: &str) {
        let schema = Arc::clone(tree.schema());
        let path = DataPath::parse(&schema, path).unwrap();
        let node = schema.node(path.schema_id());
        match node.ty() {
            None => drop(tree.create(&path).unwrap()),
            Some(ty) => {
                let value = Value::parse(&schema, ty, value).unwrap();
                match node.as_leaf() {
                    Some(_) => drop(tree.set(&path, value).unwrap()),
                    None => drop(tree.add_value(&path, value, &super::super::Position::Last).unwrap()),
                }
            }
        }
    }

    fn start() -> DataTree {
        tree(&[
            ("/p:channel[id='a']/kind", "tcp"),
            ("/p:channel[id='a']/port", "7"),
            ("/p:channel[id='b']", ""),
            ("/p:notification[id='n']/via", "a"),
            ("/p:notification[id='m']/via", "a"),
            ("/p:notification[id='m']/via", "b"),
            ("/p:notification[id='m']/backup", "a"),
            ("/p:watched", "n"),
            ("/p:chained", "x"),
        ])
    }

    fn settled(old: &DataTree, new: &mut DataTree) -> Vec<String> {
        let pruned = settle(old, new);
        pruned.iter().map(|p| format!("{}: {}", p.path.display(new.schema()), p.why)).collect()
    }

    #[test]
    fn deleting_a_target_takes_its_references_and_what_needs_them_along() {
        let old = start();
        let mut new = old.clone();
        new.remove(&DataPath::parse(old.schema(), "/p:channel[id='a']").unwrap());
        let told = settled(&old, &mut new);
        assert_eq!(
            told,
            [
                "/p:notification[id='m']/via[.='a']: channel `a`, which it referred to, is deleted",
                "/p:notification[id='n']/via[.='a']: channel `a`, which it referred to, is deleted",
                "/p:notification[id='n']: it cannot be without `via`",
                "/p:notification[id='m']/backup: channel `a`, which it referred to, is deleted",
                "/p:watched[.='n']: notification `n`, which it referred to, is deleted",
                "/p:chained: it is there only when `/p:watched`",
            ]
        );
        assert!(validate(&new).is_empty(), "{}", validate(&new));
    }

    #[test]
    fn a_reference_without_prune_is_left_for_validation_to_refuse() {
        let mut old = start();
        set(&mut old, "/p:strict", "b");
        let mut new = old.clone();
        new.remove(&DataPath::parse(old.schema(), "/p:channel[id='b']").unwrap());
        settle(&old, &mut new);
        let found = validate(&new);
        assert_eq!(found.iter().next().unwrap().app_tag.as_deref(), Some("instance-required"), "{found}");
    }

    #[test]
    fn what_a_condition_no_longer_allows_goes_but_what_the_edit_set_stays() {
        let old = start();
        let mut new = old.clone();
        set(&mut new, "/p:channel[id='a']/kind", "udp");
        assert_eq!(settled(&old, &mut new), ["/p:channel[id='a']/port: it is there only when `../kind = 'tcp'`"]);
        let mut new = old.clone();
        set(&mut new, "/p:channel[id='a']/kind", "udp");
        set(&mut new, "/p:channel[id='a']/port", "8");
        assert_eq!(settled(&old, &mut new), Vec::<String>::new());
        assert!(validate(&new).has_errors());
    }

    #[test]
    fn a_target_that_another_one_replaces_keeps_its_references() {
        let old = start();
        let mut new = old.clone();
        let entry = DataPath::parse(old.schema(), "/p:channel[id='a']").unwrap();
        new.remove(&entry);
        new.create(&entry).unwrap();
        assert_eq!(settled(&old, &mut new), Vec::<String>::new());
        assert_eq!(entry.keys(), [Key::One(Value::Text("a".into()))]);
    }
}
