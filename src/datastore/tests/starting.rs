//! Starting with files, with what is stored, and with files in its place.

use super::super::BootError;
use super::{World, leaf};
use crate::clock::Clock;
use crate::store::{NewRevision, Store};
use jiff::Timestamp;

const GOOD: &str = r#"{"m:c": {"a": 1, "key": "s3cret"}}"#;

#[test]
fn the_first_boot_makes_revision_1_of_the_files() {
    let world = World::new();
    let booted = world.boot_with(&[("a.json", GOOD), ("b.json", r#"{"m:c": {"b": "x"}}"#)], false).unwrap();
    let running = booted.datastore.running();
    assert_eq!((running.revision, leaf(&running.tree, "c/b").as_str()), (1, "x"));
    let record = &booted.datastore.revisions(1).unwrap()[0];
    assert_eq!(record.via, "boot");
    assert_eq!(record.comment.as_deref(), Some("loaded from `a.json`, `b.json`"));
    assert_eq!(world.part.log(), ["applied"]);
}

#[test]
fn a_faulty_file_refuses_to_boot_with_its_place_and_leaves_the_store_untouched() {
    let world = World::new();
    let Err(BootError::Input(found)) = world.boot_with(&[("a.json", r#"{"m:c": {"use": "nobody"}}"#)], false) else {
        panic!("it booted")
    };
    let place = found.iter().next().unwrap().span.as_ref().map(ToString::to_string);
    assert!(place.is_some_and(|place| place.starts_with("a.json:1:")));
    let Err(BootError::Refused { diagnostics, .. }) =
        world.boot_with(&[("a.json", r#"{"m:c": {"b": "refuse"}}"#)], false)
    else {
        panic!("it booted")
    };
    assert!(diagnostics.iter().next().unwrap().span.is_some());
    assert_eq!(world.open().running().revision, 0);
}

#[test]
fn a_later_boot_uses_what_is_stored_and_tells_which_files_changed() {
    let world = World::new();
    drop(world.boot_with(&[("a.json", GOOD), ("b.json", "{}")], false).unwrap());
    let booted = world.boot_with(&[("a.json", GOOD), ("b.json", "{}")], false).unwrap();
    assert!(booted.warnings.is_empty(), "{}", booted.warnings);
    drop(booted);
    let booted = world.boot_with(&[("a.json", r#"{"m:c": {"a": 9}}"#), ("c.json", "not even JSON")], false).unwrap();
    assert_eq!(leaf(&booted.datastore.running().tree, "c/a"), "1");
    let told: Vec<_> = booted.warnings.iter().map(|d| d.message.clone()).collect();
    assert_eq!(told.len(), 3);
    assert!(told[0].contains("`a.json` has changed") && told[1].contains("`c.json` was added"));
    assert!(told[2].contains("`b.json` was removed") && !booted.warnings.has_errors());
}

#[test]
fn an_override_is_one_commit_that_replaces_running() {
    let world = World::new();
    drop(world.boot_with(&[("a.json", GOOD)], false).unwrap());
    let other = [("a.json", r#"{"m:c": {"b": "x", "key": "s3cret"}}"#)];
    let booted = world.boot_with(&other, true).unwrap();
    let running = booted.datastore.running();
    assert_eq!((running.revision, leaf(&running.tree, "c/a").as_str()), (2, "-"));
    drop((booted, running));
    // Again the same: nothing to commit, the secret included.
    let booted = world.boot_with(&other, true).unwrap();
    assert_eq!(booted.datastore.running().revision, 2);
    drop(booted);
    assert!(matches!(world.boot_with(&[], true), Err(BootError::Input(_))));
}

#[test]
fn a_stored_revision_boots_although_a_participant_refuses() {
    let world = World::new();
    let datastore = world.open();
    let committed = world.commit(&datastore, &["/m:c/a = 1"]);
    drop(datastore);
    let store = Store::open(world.folder.path(), Clock::system()).unwrap();
    let revision = |delta: &str| NewRevision {
        parent: committed.revision,
        time: Timestamp::UNIX_EPOCH,
        user: "ann".to_owned(),
        via: "test".to_owned(),
        label: None,
        comment: None,
        delta: delta.to_owned(),
    };
    store.commit_revision(revision(r#"[{"path": "/m:c/b", "new": "refuse"}]"#), Vec::new()).unwrap();
    drop(store);
    let booted = world.boot_with(&[], false).unwrap();
    assert_eq!(booted.datastore.running().revision, 2);
    assert_eq!(booted.refusals.len(), 1);
    assert_eq!(booted.refusals[0].0, "the refusing part");
}

#[test]
fn a_stored_node_that_the_schema_does_not_have_is_named() {
    let world = World::new();
    let store = Store::open(world.folder.path(), Clock::system()).unwrap();
    let delta = r#"[{"path": "/m:c/gone", "new": "x"}]"#.to_owned();
    let revision = NewRevision {
        parent: 0,
        time: Timestamp::UNIX_EPOCH,
        user: "ann".to_owned(),
        via: "test".to_owned(),
        label: None,
        comment: None,
        delta,
    };
    store.commit_revision(revision, Vec::new()).unwrap();
    drop(store);
    let Err(BootError::Stored(error)) = world.boot_with(&[], false) else { panic!("it booted") };
    assert!(error.to_string().contains("revision 1") && error.to_string().contains("gone"), "{error}");
}
