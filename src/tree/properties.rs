//! What must hold of edits, diffs, the reference index and validation, for random trees.

use super::arbitrary::{Edit, edits, grown, plan, trees};
use super::{Branch, DataPath, DataTree, References, Value, diff, validate, validate_change};
use crate::diagnostic::{Diagnostic, Diagnostics};
use proptest::prelude::*;
use std::sync::Arc;

/// Returns the reference index of a tree built anew from its nodes.
fn rebuilt(tree: &DataTree) -> References {
    let root = tree.root();
    let children = root.branch().into_iter().flat_map(Branch::iter).map(|(id, cell)| (id, cell.clone())).collect();
    let mut again = DataTree::assemble(Arc::clone(tree.plan()), children);
    for (path, mark) in tree.all_marks() {
        again.set_mark(&path, &mark).unwrap();
    }
    assert_eq!(&again, tree);
    again.references().clone()
}

/// Returns what was found as comparable lines. Only a change knows whether a dangling reference lost its target or never
/// had one: both count as the same fault.
fn as_set(found: &Diagnostics) -> Vec<String> {
    let said = |message: &str| match message {
        m if m.ends_with("would no longer exist") || m.ends_with("which does not exist") => "dangles".to_owned(),
        m => m.to_owned(),
    };
    let line = |d: &Diagnostic| format!("{} {}", d.data_path.as_deref().unwrap_or(""), said(&d.message));
    let mut all: Vec<String> = found.iter().map(line).collect();
    all.sort();
    all
}

proptest! {
    #[test]
    fn a_delta_leads_there_and_its_inverse_back(start in trees(), more in edits(0..40), other in trees()) {
        for end in [grown(start.clone(), &more), other] {
            let delta = diff(&start, &end);
            let mut there = start.clone();
            delta.apply(&mut there);
            prop_assert_eq!(&there, &end);
            prop_assert_eq!(delta.is_empty(), start == end);
            let mut back = end.clone();
            delta.inverse().apply(&mut back);
            prop_assert_eq!(&back, &start);
            prop_assert!(there.references() == end.references());
            prop_assert!(back.references() == start.references());
        }
    }

    #[test]
    fn the_reference_index_is_that_of_a_rebuilt_tree(start in trees(), more in edits(0..40)) {
        let end = grown(start, &more);
        prop_assert!(*end.references() == rebuilt(&end));
    }

    #[test]
    fn an_edit_leaves_the_snapshot_it_started_from_alone(start in trees(), more in edits(0..40)) {
        let shown = format!("{start:?}");
        drop(grown(start.clone(), &more));
        prop_assert_eq!(format!("{start:?}"), shown);
    }

    #[test]
    fn marks_stand_on_nodes_that_are_there_and_what_is_inactive_is_not_in_force(start in trees(), more in edits(0..40)) {
        let tree = grown(start, &more);
        for (path, mark) in tree.all_marks() {
            prop_assert!(tree.get(&path).is_some(), "{:?}", path);
            prop_assert!(!mark.is_empty());
        }
        let (inactive, in_force) = (tree.all_marks(), tree.in_force());
        let inactive: Vec<_> = inactive.into_iter().filter(|(_, mark)| mark.is_inactive).map(|(path, _)| path).collect();
        prop_assert_eq!(tree.has_inactive(), !inactive.is_empty());
        prop_assert!(inactive.iter().all(|path| in_force.get(path).is_none() && tree.is_inactive(path)));
        prop_assert!(*in_force.references() == rebuilt(&in_force));
        // Nothing else is missing: what differs is inactive, or holds nothing else.
        for change in &diff(&in_force, &tree).changes {
            let path = change.path();
            let below = |other: &DataPath| other.is_within(tree.schema(), path);
            prop_assert!(tree.is_inactive(path) || inactive.iter().any(below), "{:?}", change);
        }
    }

    #[test]
    fn paths_read_back_as_they_are_written(start in trees(), more in edits(1..40)) {
        let end = grown(start.clone(), &more);
        let delta = diff(&start, &end);
        for change in &delta.changes {
            let path = change.path();
            let text = path.display(end.schema()).to_string();
            prop_assert_eq!(DataPath::parse(end.schema(), &text), Ok(path.clone()), "{}", text);
        }
    }
}

/// Returns a valid tree that has much of this one: what is missing is set where that is simple, what is wrong removed.
fn repaired(mut tree: DataTree, filler: &[Edit]) -> DataTree {
    for round in 0..200 {
        let found = validate(&tree);
        if found.is_empty() {
            return tree;
        }
        let schema = Arc::clone(tree.schema());
        for diagnostic in &found {
            let path = DataPath::parse(&schema, diagnostic.data_path.as_deref().unwrap()).unwrap();
            let mut aim = path.clone();
            if schema.node(aim.schema_id()).is_key() {
                aim = aim.parent(&schema).unwrap();
            }
            let is_there = tree.get(&aim).is_some();
            if is_there && aim == path && diagnostic.message.contains("needs one of") {
                let soft = schema.child(aim.schema_id(), "soft").unwrap();
                tree.set(&aim.child(soft), Value::Empty).unwrap();
            } else if is_there {
                tree.remove(&aim);
            } else if round < 100 && !filler.is_empty() {
                filler[round % filler.len()].fill(&mut tree, &aim);
            } else {
                tree.remove(&aim.parent(&schema).unwrap());
            }
        }
    }
    panic!("cannot be repaired: {}", validate(&tree));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn validating_the_change_says_what_validating_everything_says(
        start in edits(0..150),
        steps in proptest::collection::vec(edits(1..5), 1..40),
    ) {
        let start = repaired(grown(DataTree::new(plan()), &start), &start);
        let mut valid = start.clone();
        for step in &steps {
            // Faults pile up within a step only, so that most steps start from much that is valid.
            let mut candidate = valid.clone();
            for edit in step {
                edit.apply(&mut candidate);
                let delta = diff(&valid, &candidate);
                let (all, some) = (validate(&candidate), validate_change(&valid, &candidate, &delta));
                prop_assert_eq!(as_set(&some), as_set(&all));
            }
            valid = repaired(candidate, step);
            let delta = diff(&start, &valid);
            prop_assert_eq!(as_set(&validate_change(&start, &valid, &delta)), Vec::<String>::new());
        }
    }
}
