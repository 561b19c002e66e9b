//! Revisions: that they come back exactly, by any way of reading them.

use super::super::RollbackError;
use super::super::secrets::settle;
use super::{World, request};
use crate::clock::Clock;
use crate::tree::{DataTree, Position};
use proptest::prelude::*;
use std::time::Duration;

/// An edit of the test schema, from numbers.
pub(super) fn edit(world: &World, tree: &mut DataTree, (kind, entry, value): (u8, u8, u8)) {
    let text = match kind {
        0 => format!("/m:c/a = {value}"),
        1 => format!("/m:c/tag = t{value}"),
        2 => format!("- /m:c/tag[.='t{value}']"),
        3 => format!("/m:c/step = {value}"),
        4 => format!("- /m:c/step[.='{value}']"),
        5 => format!("/m:c/e[id='{entry}']/v = {value}"),
        6 => format!("- /m:c/e[id='{entry}']"),
        7 => format!("+ /m:c/e[id='{entry}']/o[id='{value}']"),
        8 => format!("+ /m:c/r[id='{entry}']"),
        9 => format!("- /m:c/r[id='{entry}']"),
        10 => format!("/m:c/way-1 = {value}"),
        11 => format!("/m:c/way-2 = {value}"),
        12 => format!("/m:c/key = {value}"),
        13 => "- /m:c".to_owned(),
        _ => {
            let place = if value % 2 == 0 { Position::First } else { Position::Last };
            // There may be no such entry.
            drop(tree.move_entry(&world.path(&format!("/m:c/r[id='{entry}']")), &place));
            drop(tree.move_entry(&world.path(&format!("/m:c/e[id='{value}']/o[id='{entry}']")), &place));
            return;
        }
    };
    world.edit(tree, &[&text]);
}

/// Compares secrets by their clear text: one that is set again to what it is keeps the form that running has.
fn means_the_same(world: &World, one: &DataTree, other: &DataTree) -> bool {
    settle(&*world.sealer, one, &mut other.clone()).is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_revision_comes_back_after_restarts_and_rollbacks(
        commits in proptest::collection::vec(
            (proptest::collection::vec((0u8..15, 0u8..4, 0u8..4), 1..8), any::<bool>()), 1..12),
        target in any::<proptest::sample::Index>(),
    ) {
        let world = World::new();
        let mut datastore = world.open();
        let mut trees = vec![datastore.running().tree.clone()];
        for (edits, pause) in commits {
            let mut candidate = datastore.candidate();
            for step in edits {
                edit(&world, &mut candidate.tree, step);
            }
            if datastore.commit(&mut candidate, &request("ann")).unwrap().committed().is_some() {
                trees.push(datastore.running().tree.clone());
            }
            if pause {
                datastore.write_checkpoint().unwrap();
                drop((datastore, candidate));
                datastore = world.open();
                prop_assert_eq!(&datastore.running().tree, trees.last().unwrap());
            }
        }
        for (number, tree) in trees.iter().enumerate().skip(1) {
            prop_assert_eq!(&datastore.tree_at(number as u64).unwrap(), tree, "revision {}", number);
        }
        let newest = trees.len() - 1;
        if newest > 0 {
            let wanted = 1 + target.index(newest);
            let mut candidate = datastore.candidate();
            candidate.replace(datastore.tree_at(wanted as u64).unwrap());
            datastore.commit(&mut candidate, &request("ann")).unwrap();
            prop_assert!(means_the_same(&world, &datastore.running().tree, &trees[wanted]));
            drop((datastore, candidate));
            datastore = world.open();
            prop_assert!(means_the_same(&world, &datastore.running().tree, &trees[wanted]));
            let running = datastore.running();
            prop_assert_eq!(running.tree.references(), trees[wanted].references());
        }
    }
}

#[test]
fn a_revision_that_is_not_kept_is_told_with_those_that_are() {
    let world = World::new();
    let datastore = world.open();
    assert_eq!(datastore.tree_at(4).unwrap_err().to_string(), "revision 4 is not kept: there is none yet");
    world.commit(&datastore, &["/m:c/a = 1"]);
    world.commit(&datastore, &["/m:c/a = 2"]);
    assert!(matches!(datastore.tree_at(0), Err(RollbackError::NotKept { .. })));
    assert_eq!(datastore.tree_at(4).unwrap_err().to_string(), "revision 4 is not kept: expected 1 to 2");
}

#[tokio::test]
async fn a_checkpoint_is_written_in_the_background_once_the_changes_outweigh_it() {
    let world = World::new();
    let datastore = world.open();
    let large = "x".repeat(70_000);
    world.commit(&datastore, &[&format!("/m:c/b = {large}")]);
    world.scope.drain(&Clock::system(), Duration::from_secs(60)).await.unwrap();
    world.commit(&datastore, &["/m:c/a = 1"]);
    let tree = datastore.running().tree.clone();
    drop(datastore);
    let store = crate::store::Store::open(world.folder.path(), Clock::system()).unwrap();
    assert_eq!(store.newest_checkpoint().unwrap().map(|c| c.revision), Some(1));
    drop(store);
    assert_eq!(world.open().running().tree, tree);
}
