//! Comments and inactive nodes: kept and told apart from what is in force, over commits, rebasing and starts.

use super::super::{Candidate, CommitError, Datastore};
use super::{World, leaf, request};
use crate::tree::Mark;

fn inactive() -> Mark {
    Mark { comment: None, is_inactive: true }
}

fn comment(text: &str) -> Mark {
    Mark { comment: Some(text.into()), is_inactive: false }
}

fn mark(world: &World, candidate: &mut Candidate, path: &str, mark: &Mark) {
    candidate.tree.set_mark(&world.path(path), mark).unwrap();
}

fn commit(datastore: &Datastore, candidate: &mut Candidate) -> Result<u64, Vec<String>> {
    match datastore.commit(candidate, &request("ann")) {
        Ok(outcome) => Ok(outcome.committed().unwrap().revision),
        Err(CommitError::Invalid(found)) => Err(found.iter().map(|d| d.message.clone()).collect()),
        Err(CommitError::Conflict(found)) => {
            Err(found.into_iter().map(|c| format!("{} against {}", c.ours, c.theirs)).collect())
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_is_inactive_is_kept_and_neither_in_force_nor_validated_until_it_is_active_again() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/a = 1", "/m:c/guarded = g", "/m:c/e[id='x']/v = one", "/m:c/use = x"]);
    let mut candidate = datastore.candidate();
    mark(&world, &mut candidate, "/m:c/e[id='x']", &inactive());
    assert_eq!(commit(&datastore, &mut candidate).unwrap_err().len(), 1, "the reference dangles");
    mark(&world, &mut candidate, "/m:c/use", &inactive());
    world.edit(&mut candidate.tree, &["/m:c/use = nobody", "/m:c/e[id='x']/v = two"]);
    commit(&datastore, &mut candidate).unwrap();
    let running = datastore.running();
    assert_eq!([leaf(&running.tree, "c/use"), leaf(&running.written, "c/use")], ["-", "nobody"]);
    assert!(running.tree.get(&world.path("/m:c/e[id='x']")).is_none());
    mark(&world, &mut candidate, "/m:c/use", &Mark::default());
    assert_eq!(commit(&datastore, &mut candidate).unwrap_err().len(), 1);
    world.edit(&mut candidate.tree, &["/m:c/use = x"]);
    mark(&world, &mut candidate, "/m:c/e[id='x']", &Mark::default());
    commit(&datastore, &mut candidate).unwrap();
    let running = datastore.running();
    assert_eq!([leaf(&running.tree, "c/use"), leaf(&running.tree, "c/a")], ["x", "1"]);
    assert_eq!(running.tree, running.written);
    assert_eq!(running.tree.references(), running.written.references());
}

#[test]
fn a_node_goes_where_what_it_depends_on_becomes_inactive_and_is_said_to() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/a = 1", "/m:c/guarded = g", "/m:c/e[id='x']/v = 1", "/m:c/gone-with = x"]);
    let mut candidate = datastore.candidate();
    mark(&world, &mut candidate, "/m:c/a", &inactive());
    mark(&world, &mut candidate, "/m:c/e[id='x']", &inactive());
    let outcome = datastore.commit(&mut candidate, &request("ann")).unwrap().committed().unwrap();
    assert_eq!(outcome.warnings.iter().count(), 2, "{}", outcome.warnings);
    let written = &datastore.running().written;
    assert!(written.get(&world.path("/m:c/guarded")).is_none());
    assert!(written.get(&world.path("/m:c/gone-with")).is_none());
}

#[test]
fn what_is_noted_survives_a_start_from_changes_and_from_a_checkpoint_and_is_rolled_back() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/a = 1", "/m:c/e[id='x']/v = one"]);
    let mut candidate = datastore.candidate();
    mark(&world, &mut candidate, "/m:c/a", &Mark { comment: Some("why \"1\"".into()), is_inactive: true });
    mark(&world, &mut candidate, "/m:c/e[id='x']", &comment("first"));
    commit(&datastore, &mut candidate).unwrap();
    let running = datastore.running();
    drop(datastore);
    let datastore = world.open();
    assert_eq!(datastore.running().written, running.written);
    assert_eq!(datastore.running().tree, running.tree);
    datastore.write_checkpoint().unwrap();
    drop(datastore);
    let datastore = world.open();
    assert_eq!(datastore.running().written, running.written);
    assert_eq!(leaf(&datastore.running().tree, "c/a"), "-");
    assert!(datastore.tree_at(1).unwrap().all_marks().is_empty());
    let mut candidate = datastore.candidate();
    datastore.undo(&mut candidate, 2).unwrap();
    commit(&datastore, &mut candidate).unwrap();
    assert_eq!(leaf(&datastore.running().tree, "c/a"), "1");
    assert!(datastore.running().written.is_plain());
}

#[test]
fn what_two_note_about_different_nodes_goes_together_and_about_one_it_conflicts() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/a = 1", "/m:c/b = x"]);
    let (mut one, mut other, mut third) = (datastore.candidate(), datastore.candidate(), datastore.candidate());
    mark(&world, &mut one, "/m:c/a", &inactive());
    mark(&world, &mut other, "/m:c/b", &comment("b"));
    mark(&world, &mut third, "/m:c/a", &comment("a"));
    commit(&datastore, &mut one).unwrap();
    commit(&datastore, &mut other).unwrap();
    assert_eq!(commit(&datastore, &mut third), Err(vec!["/* a */ against inactive".to_owned()]));
    assert_eq!(datastore.running().written.all_marks().len(), 2);
}
