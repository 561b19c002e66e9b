//! What must hold of edits, diffs, the reference index and validation, for random trees.

use super::arbitrary::{edits, grown, plan, trees};
use super::{DataPath, DataTree, References, diff, validate, validate_change};
use crate::diagnostic::Diagnostics;
use proptest::prelude::*;
use std::sync::Arc;

/// Returns the reference index of a tree built anew from its nodes.
fn rebuilt(tree: &DataTree) -> References {
    let root = tree.root();
    let children = root.branch().into_iter().flat_map(|b| b.iter()).map(|(id, cell)| (id, cell.clone())).collect();
    let again = DataTree::assemble(Arc::clone(tree.plan()), children);
    assert_eq!(&again, tree);
    again.references().clone()
}

fn as_set(found: &Diagnostics) -> Vec<String> {
    let mut all: Vec<String> = found
        .iter()
        .map(|d| {
            format!(
                "{} {}",
                d.data_path.as_deref().unwrap_or(""),
                d.message.split(" is still referred").next().unwrap_or("")
            )
        })
        .collect();
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn validating_the_change_says_what_validating_everything_says(steps in proptest::collection::vec(edits(1..5), 1..60)) {
        let mut valid = DataTree::new(plan());
        let mut rejected = 0;
        prop_assert!(validate(&valid).is_empty());
        let mut candidate = valid.clone();
        for step in &steps {
            candidate = grown(candidate, step);
            let all = validate(&candidate);
            let some = validate_change(&valid, &candidate, &diff(&valid, &candidate));
            prop_assert_eq!(as_set(&some), as_set(&all));
            if all.is_empty() {
                valid = candidate.clone();
                rejected = 0;
            } else {
                // Let faults pile up for a while, then start over from what was valid.
                rejected += 1;
                if rejected > 6 {
                    candidate = valid.clone();
                    rejected = 0;
                }
            }
        }
    }
}
