//! Two candidates at once: what goes together, and what is told when it does not.

use super::super::{CommitError, Conflict};
use super::history::edit;
use super::{World, request};
use crate::datastore::rebase::rebase;
use crate::datastore::{Candidate, Snapshot};
use crate::secret::PLACEHOLDER;
use crate::tree::{DataTree, Key, Position, Value};
use proptest::prelude::*;
use std::sync::Arc;

/// Commits `theirs`, then `ours`, both made from a running with `base`; gives running or the conflicts.
fn meet(base: &[&str], theirs: &[&str], ours: &[&str]) -> Result<(World, DataTree), (World, Vec<Conflict>)> {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, base);
    let (mut one, mut other) = (datastore.candidate(), datastore.candidate());
    world.edit(&mut one.tree, theirs);
    world.edit(&mut other.tree, ours);
    datastore.commit(&mut one, &request("bob")).unwrap();
    // Somebody else's commit in between is not who made the conflict.
    world.commit(&datastore, &["/m:c/e[id='bystander']/v = x"]);
    match datastore.commit(&mut other, &request("ann")) {
        Ok(_) => Ok((world, datastore.running().tree.clone())),
        Err(CommitError::Conflict(found)) => {
            assert_eq!(datastore.running().revision, 3);
            assert!(other.is_changed());
            Err((world, found))
        }
        Err(error) => panic!("{error}"),
    }
}

const BASE: &[&str] = &[
    "/m:c/a = 1",
    "/m:c/key = old",
    "/m:c/tag = t1",
    "/m:c/tag = t2",
    "/m:c/step = 1",
    "/m:c/way-1 = w",
    "/m:c/e[id='x']/v = one",
    "/m:c/e[id='x']/w = one",
    "/m:c/e[id='y']/v = one",
    "+ /m:c/r[id='1']",
    "+ /m:c/r[id='2']",
];

#[test]
fn edits_of_different_nodes_go_together() {
    for (theirs, ours) in [
        (&["/m:c/a = 2"][..], &["/m:c/b = x"][..]),
        (&["/m:c/e[id='x']/v = two"], &["/m:c/e[id='x']/w = three"]),
        (&["- /m:c/e[id='x']"], &["- /m:c/e[id='y']"]),
        (&["/m:c/e[id='n']/v = 1"], &["/m:c/e[id='o']/v = 1"]),
        // The same on both sides.
        (&["/m:c/a = 7"], &["/m:c/a = 7"]),
        (&["- /m:c/key", "/m:c/key = new"], &["- /m:c/key", "/m:c/key = new"]),
        (&["- /m:c/e[id='x']"], &["- /m:c/e[id='x']/v"]),
        (&["- /m:c/e[id='x']/v"], &["- /m:c/e[id='x']"]),
        (&["/m:c/e[id='n']/v = 1"], &["/m:c/e[id='n']/v = 1"]),
    ] {
        let (world, got) = meet(BASE, theirs, ours).unwrap_or_else(|(_, c)| panic!("{theirs:?} {ours:?}: {c:?}"));
        let mut expected = DataTree::new(world.plan.clone());
        world.edit(&mut expected, BASE);
        world.edit(&mut expected, &["/m:c/e[id='bystander']/v = x"]);
        for edit in theirs.iter().chain(ours) {
            // What one side deleted with all around it is not brought back.
            world.edit(&mut expected, &[edit]);
        }
        let shown = |tree: &DataTree| format!("{tree:?}");
        assert_eq!(shown(&got), shown(&expected), "{theirs:?} {ours:?}");
    }
}

#[test]
fn values_of_an_unordered_leaf_list_are_nodes_of_their_own() {
    let (world, tree) = meet(BASE, &["/m:c/tag = t3", "- /m:c/tag[.='t1']"], &["/m:c/tag = t0", "- /m:c/tag[.='t2']"])
        .unwrap_or_else(|(_, c)| panic!("{c:?}"));
    let tags: Vec<String> =
        tree.get(&world.path("/m:c/tag")).unwrap().values().iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["t0", "t3"]);
}

#[test]
fn conflicts_name_path_user_revision_and_both_values() {
    for (theirs, ours, expected) in [
        (&["/m:c/a = 2"][..], &["/m:c/a = 3", "/m:c/b = x"][..], ("/m:c/a", "3", "2")),
        (&["- /m:c/a"], &["/m:c/a = 3"], ("/m:c/a", "3", "(deleted)")),
        (&["- /m:c/e[id='x']"], &["/m:c/e[id='x']/v = 3"], ("/m:c/e[id='x']/v", "3", "(deleted)")),
        (&["/m:c/e[id='x']/v = 3"], &["- /m:c/e[id='x']"], ("/m:c/e[id='x']/v", "(deleted)", "3")),
        (&["/m:c/e[id='n']/v = 1"], &["/m:c/e[id='n']/v = 2"], ("/m:c/e[id='n']", "(created)", "(created)")),
        (&["/m:c/step = 2"], &["/m:c/step = 3"], ("/m:c/step", "[ 1 3 ]", "[ 1 2 ]")),
        (
            &["- /m:c/key", "/m:c/key = new"],
            &["- /m:c/key", "/m:c/key = newer"],
            ("/m:c/key", PLACEHOLDER, PLACEHOLDER),
        ),
        // They chose another way; taking ours would silently take theirs away.
        (&["/m:c/way-2 = z"], &["/m:c/way-1 = y"], ("/m:c/way-1", "y", "(deleted)")),
    ] {
        let Err((world, found)) = meet(BASE, theirs, ours) else { panic!("{theirs:?} {ours:?} went together") };
        let [conflict] = &found[..] else { panic!("{found:?}") };
        let path = conflict.path.display(world.plan.schema()).to_string();
        assert_eq!((path.as_str(), conflict.ours.as_str(), conflict.theirs.as_str()), expected);
        assert_eq!((conflict.user.as_str(), conflict.revision), ("bob", 2));
    }
    let Err((world, found)) = meet(&["/m:c/a = 1"], &["/m:c/way-2 = z"], &["/m:c/way-1 = y"]) else { panic!() };
    let shown: Vec<_> = found.iter().map(|c| (c.path.clone(), c.ours.clone(), c.theirs.clone())).collect();
    assert_eq!(shown, [(world.path("/m:c/way-2"), "(deleted)".to_owned(), "z".to_owned())]);
}

#[test]
fn the_users_order_survives_additions_of_others_and_conflicts_only_when_both_reorder() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["+ /m:c/r[id='1']", "+ /m:c/r[id='2']", "+ /m:c/r[id='3']"]);
    let ids = |tree: &DataTree| {
        let list = tree.get(&world.path("/m:c/r")).unwrap();
        list.entries().map(|e| e.key().unwrap().values()[0].to_string()).collect::<Vec<_>>().join(" ")
    };
    let key = |id: &str| Key::One(Value::Text(id.into()));
    let (mut one, mut other, mut third) = (datastore.candidate(), datastore.candidate(), datastore.candidate());
    one.tree.move_entry(&world.path("/m:c/r[id='3']"), &Position::First).unwrap();
    world.edit(&mut other.tree, &["+ /m:c/r[id='4']"]);
    other.tree.move_entry(&world.path("/m:c/r[id='4']"), &Position::After(key("1"))).unwrap();
    third.tree.move_entry(&world.path("/m:c/r[id='1']"), &Position::Last).unwrap();
    datastore.commit(&mut one, &request("bob")).unwrap();
    assert_eq!(ids(&datastore.running().tree), "3 1 2");
    datastore.commit(&mut other, &request("ann")).unwrap();
    assert_eq!(ids(&datastore.running().tree), "3 1 4 2");
    let Err(CommitError::Conflict(found)) = datastore.commit(&mut third, &request("cid")) else { panic!() };
    assert_eq!((found[0].ours.as_str(), found[0].theirs.as_str()), ("(reordered)", "(reordered)"));
}

/// Edits of nodes whose order nobody decides, and that are not sealed: these have one result, whoever comes first.
fn edits() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    let kind = proptest::sample::select(vec![0u8, 1, 2, 5, 5, 6, 10, 11, 13]);
    proptest::collection::vec((kind, 0u8..3, 0u8..3), 0..6)
}

proptest! {
    #[test]
    fn it_does_not_matter_who_commits_first(base in edits(), one in edits(), other in edits()) {
        let world = World::new();
        let made = |from: &DataTree, steps: &[(u8, u8, u8)]| {
            let mut tree = from.clone();
            for step in steps {
                edit(&world, &mut tree, *step);
            }
            tree
        };
        let base = made(&DataTree::new(world.plan.clone()), &base);
        let (one, other) = (made(&base, &one), made(&base, &other));
        let onto = |ours: &DataTree, running: &DataTree| {
            let mut candidate = Candidate::new(Arc::new(Snapshot::new(1, base.clone())));
            candidate.replace(ours.clone());
            rebase(&candidate, running, &*world.sealer)
        };
        match (onto(&one, &other), onto(&other, &one)) {
            (Ok(a), Ok(b)) => {
                prop_assert_eq!(&a, &b);
                prop_assert_eq!(a.references(), b.references());
            }
            (Err(a), Err(b)) => prop_assert!(!a.is_empty() && !b.is_empty()),
            (a, b) => prop_assert!(false, "{:?} but {:?}", a, b),
        }
        // Alone, an edit is what it is; what both did is done.
        prop_assert_eq!(onto(&one, &base), Ok(one.clone()));
        prop_assert_eq!(onto(&one, &one), Ok(one.clone()));
    }
}
