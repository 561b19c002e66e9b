//! Defaults in what is read (RFC 6243): all, none that say nothing, only what was set, or all with a mark.

use super::access::{Access, Node};
use super::evaluate::EvaluationError;
use super::{Cell, DataPath, DataTree, Key, Value};
use crate::yang::{NodeKind, SchemaId};
use std::collections::BTreeSet;

/// How defaults are told (RFC 6243 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithDefaults {
    /// All of them.
    ReportAll,
    /// All of them, and which they are.
    ReportAllTagged,
    /// None, and nothing that was set to the same.
    Trim,
    /// What was set, whatever it is: the tree as it is stored.
    Explicit,
}

/// A tree as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The tree, with or without defaults.
    pub tree: DataTree,
    /// The leaves, and values of leaf-lists, that are there by default.
    pub defaults: BTreeSet<DataPath>,
}

/// Why defaults cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("which defaults are in use cannot be judged: a condition {0}")]
pub struct DefaultsError(String);

impl DataTree {
    /// Returns the tree as it is read: only defaults that are in use are told, as cases and conditions have it.
    ///
    /// # Errors
    /// When a condition that decides on a default is too much work or depends on itself.
    pub fn with_defaults(&self, mode: WithDefaults) -> Result<Reading, DefaultsError> {
        let told = |error: EvaluationError| DefaultsError(error.to_string());
        match mode {
            WithDefaults::Explicit => Ok(Reading { tree: self.clone(), defaults: BTreeSet::new() }),
            WithDefaults::Trim => Ok(Reading { tree: trimmed(self), defaults: BTreeSet::new() }),
            WithDefaults::ReportAll | WithDefaults::ReportAllTagged => {
                let access = Access::new(self);
                let mut reading = Reading { tree: self.clone(), defaults: BTreeSet::new() };
                add_defaults(&access, access.root(), &mut reading).map_err(told)?;
                if mode == WithDefaults::ReportAll {
                    reading.defaults.clear();
                }
                Ok(reading)
            }
        }
    }
}

fn add_defaults<'t>(access: &Access<'t>, at: &Node<'t>, reading: &mut Reading) -> Result<(), EvaluationError> {
    let mut children = Vec::new();
    access.children(at, &mut children)?;
    let mut listed: Option<(SchemaId, Vec<Value>)> = None;
    for child in &children {
        let schema = access.schema_node(child.id());
        if !schema.config {
            continue;
        }
        let Some(value) = child.value() else {
            add_defaults(access, child, reading)?;
            continue;
        };
        if !child.is_implicit() {
            continue;
        }
        reading.defaults.insert(child.path());
        match schema.kind {
            NodeKind::LeafList(_) => match &mut listed {
                Some((id, values)) if *id == child.id() => values.push(value.clone()),
                _ => {
                    put_values(at, listed.take(), reading);
                    listed = Some((child.id(), vec![value.clone()]));
                }
            },
            // It is a leaf, and what holds it is there.
            _ => drop(reading.tree.put(&child.path(), Cell::Leaf(value.clone()))),
        }
    }
    put_values(at, listed, reading);
    Ok(())
}

fn put_values(at: &Node<'_>, listed: Option<(SchemaId, Vec<Value>)>, reading: &mut Reading) {
    if let Some((id, values)) = listed {
        // The order is the schema's, not sorted: a default is told as it is written.
        drop(reading.tree.put(&at.path().child(id), Cell::LeafList(values.into())));
    }
}

/// Leaves out what is set to its default.
fn trimmed(tree: &DataTree) -> DataTree {
    let mut told = Vec::new();
    collect_trivial(tree, &DataPath::ROOT, tree.root_branch(), &mut told);
    let mut trimmed = tree.clone();
    for path in &told {
        trimmed.remove(path);
    }
    trimmed
}

fn collect_trivial(tree: &DataTree, path: &DataPath, branch: &super::Branch, found: &mut Vec<DataPath>) {
    for (id, cell) in branch.iter() {
        let here = path.child(id);
        let defaults = tree.plan().defaults(id);
        match cell {
            Cell::Leaf(value) if defaults.first() == Some(value) => found.push(here),
            Cell::LeafList(values) if !defaults.is_empty() && is_same(tree, id, values, defaults) => found.push(here),
            Cell::Container(inner) => collect_trivial(tree, &here, inner, found),
            Cell::List(list) => {
                for (key, inner) in list.iter() {
                    collect_trivial(tree, &here.entry(Key::clone(key)), inner, found);
                }
            }
            _ => {}
        }
    }
}

fn is_same(tree: &DataTree, id: SchemaId, values: &[Value], defaults: &[Value]) -> bool {
    match &tree.schema().node(id).kind {
        NodeKind::LeafList(list) if !list.user_ordered => {
            values.iter().collect::<BTreeSet<_>>() == defaults.iter().collect::<BTreeSet<_>>()
        }
        _ => values == defaults,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;
    use crate::diagnostic::Source;
    use crate::yang::{CompileOptions, compile};
    use std::sync::Arc;

    fn tree(lines: &[(&str, &str)]) -> DataTree {
        let text = r#"module d { yang-version 1.1; namespace "urn:d"; prefix d;
          leaf a { type uint8; default 1; }
          container c { leaf b { type string; default b; } leaf-list l { ordered-by user; type string; default z; default y; } }
          container held { presence p; leaf h { type string; default h; } }
          leaf w { when "../a = 1"; type string; default w; }
          choice ch { default one; leaf one { type string; default o; } case two { leaf two { type string; } leaf more { type string; default m; } } }
          list e { key k; leaf k { type string; } leaf v { type string; default v; } } }"#;
        let (schema, _) = compile(&[Source::new("d.yang", text)], &CompileOptions::default()).unwrap();
        let mut tree = DataTree::new(Plan::new(Arc::new(schema)));
        for (path, value) in lines {
            let schema = Arc::clone(tree.schema());
            let path = DataPath::parse(&schema, path).unwrap();
            match schema.node(path.schema_id()).ty() {
                Some(ty) => drop(tree.set(&path, Value::parse(&schema, ty, value).unwrap()).unwrap()),
                None => drop(tree.create(&path).unwrap()),
            }
        }
        tree
    }

    fn shown(reading: &Reading, path: &str) -> String {
        let path = DataPath::parse(reading.tree.schema(), path).unwrap();
        match reading.tree.get(&path) {
            None => "-".to_owned(),
            Some(found) => {
                let all: Vec<String> =
                    found.value().into_iter().chain(found.values()).map(ToString::to_string).collect();
                all.join(" ")
            }
        }
    }

    #[test]
    fn all_defaults_in_use_are_told_and_marked() {
        let reading = tree(&[("/d:e[k='x']", "")]).with_defaults(WithDefaults::ReportAllTagged).unwrap();
        let told: Vec<String> = ["/d:a", "/d:c/b", "/d:c/l", "/d:w", "/d:one", "/d:more", "/d:held/h", "/d:e[k='x']/v"]
            .iter()
            .map(|path| shown(&reading, path))
            .collect();
        assert_eq!(told, ["1", "b", "z y", "w", "o", "-", "-", "v"]);
        assert_eq!(reading.defaults.len(), 7, "{:?}", reading.defaults);
    }

    #[test]
    fn cases_and_conditions_decide_on_defaults() {
        let reading =
            tree(&[("/d:a", "2"), ("/d:two", "t"), ("/d:held", "")]).with_defaults(WithDefaults::ReportAll).unwrap();
        let told: Vec<String> =
            ["/d:a", "/d:w", "/d:one", "/d:more", "/d:held/h"].iter().map(|path| shown(&reading, path)).collect();
        assert_eq!(told, ["2", "-", "-", "m", "h"]);
        assert!(reading.defaults.is_empty());
    }

    #[test]
    fn trimming_leaves_out_what_was_set_to_its_default() {
        let tree = tree(&[("/d:a", "1"), ("/d:c/b", "c"), ("/d:e[k='x']/v", "v")]);
        let reading = tree.with_defaults(WithDefaults::Trim).unwrap();
        let told: Vec<String> = ["/d:a", "/d:c/b", "/d:e[k='x']/v"].iter().map(|path| shown(&reading, path)).collect();
        assert_eq!(told, ["-", "c", "-"]);
        assert_eq!(tree.with_defaults(WithDefaults::Explicit).unwrap().tree, tree);
    }
}
