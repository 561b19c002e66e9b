//! What a commit does, and what it leaves alone when it is refused.

use super::super::CommitError;
use super::{World, leaf, request};
use crate::store::{Fault, FaultPoint, InjectedFault, StoreError};
use crate::tree::DataPath;
use std::sync::{Arc, Mutex};

#[test]
fn a_commit_is_in_force_announced_and_there_after_a_restart() {
    let world = World::new();
    let datastore = world.open();
    let mut announcements = datastore.announcements();
    let mut candidate = datastore.candidate();
    assert!(!candidate.is_changed());
    world.edit(&mut candidate.tree, &["/m:c/a = 5", "/m:c/e[id='x']/v = one"]);
    assert!(candidate.is_changed());
    let committed = datastore.commit(&mut candidate, &request("ann")).unwrap().committed().unwrap();
    assert_eq!((committed.revision, committed.user.as_str()), (1, "ann"));
    assert_eq!(announcements.try_recv().unwrap().revision, 1);
    assert_eq!(world.part.log(), ["applied"]);
    assert!(!candidate.is_changed());
    assert_eq!(candidate.base().revision, 1);
    assert_eq!(datastore.commit(&mut candidate, &request("ann")).unwrap().committed().map(|c| c.revision), None);
    let tree = datastore.running().tree.clone();
    drop((datastore, candidate));
    let datastore = world.open();
    assert_eq!(datastore.running().revision, 1);
    assert_eq!(datastore.running().tree, tree);
    assert_eq!(datastore.revisions(9).unwrap()[0].user, "ann");
}

#[test]
fn an_invalid_candidate_is_refused_with_the_path() {
    let world = World::new();
    let datastore = world.open();
    let mut candidate = datastore.candidate();
    world.edit(&mut candidate.tree, &["/m:c/use = nobody"]);
    let CommitError::Invalid(found) = datastore.commit(&mut candidate, &request("ann")).unwrap_err() else {
        panic!("not invalid")
    };
    assert_eq!(found.iter().next().unwrap().data_path.as_deref(), Some("/m:c/use"));
    assert_eq!(datastore.running().revision, 0);
    assert!(candidate.is_changed());
}

#[test]
fn a_participant_that_refuses_leaves_everything_as_it_was() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/a = 1"]);
    world.part.log();
    let mut candidate = datastore.candidate();
    world.edit(&mut candidate.tree, &["/m:c/a = 2", "/m:c/b = refuse"]);
    for error in [
        datastore.check(&candidate, &request("ann")).map(|_| ()).unwrap_err(),
        datastore.commit(&mut candidate, &request("ann")).map(|_| ()).unwrap_err(),
    ] {
        let CommitError::Refused { participant, diagnostics } = error else { panic!("{error}") };
        assert_eq!(participant, "the refusing part");
        assert_eq!(diagnostics.iter().next().unwrap().data_path.as_deref(), Some("/m:c/b"));
    }
    assert_eq!(world.part.log(), ["dropped", "dropped"]);
    assert_eq!(datastore.running().revision, 1);
    assert_eq!(leaf(&datastore.running().tree, "c/a"), "1");
    assert_eq!(leaf(&candidate.tree, "c/a"), "2");
}

#[test]
fn a_check_writes_nothing() {
    let world = World::new();
    let datastore = world.open();
    let mut candidate = datastore.candidate();
    world.edit(&mut candidate.tree, &["/m:c/a = 2"]);
    assert!(datastore.check(&candidate, &request("ann")).unwrap().warnings.is_empty());
    assert_eq!(world.part.log(), ["dropped"]);
    assert_eq!(datastore.running().revision, 0);
    assert!(datastore.revisions(9).unwrap().is_empty());
}

#[test]
fn a_secret_set_to_the_same_clear_text_is_no_change() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/key = s3cret"]);
    let mut candidate = datastore.candidate();
    world.edit(&mut candidate.tree, &["- /m:c/key", "/m:c/key = s3cret"]);
    assert!(candidate.is_changed());
    assert!(datastore.commit(&mut candidate, &request("ann")).unwrap().committed().is_none());
    world.edit(&mut candidate.tree, &["- /m:c/key", "/m:c/key = s3cret", "/m:c/a = 1"]);
    let committed = datastore.commit(&mut candidate, &request("ann")).unwrap().committed().unwrap();
    assert_eq!(committed.delta.changes.len(), 1);
}

/// Fails at one point.
#[derive(Default)]
struct FailAt(Mutex<Option<FaultPoint>>);

impl Fault for FailAt {
    fn reach(&self, point: FaultPoint) -> Result<(), InjectedFault> {
        if *self.0.lock().unwrap() == Some(point) { Err(InjectedFault) } else { Ok(()) }
    }
}

#[test]
fn a_failure_before_the_write_changes_nothing_and_one_behind_it_cannot_undo_it() {
    let mut world = World::new();
    let fault = Arc::new(FailAt::default());
    world.options.fault = Some(Arc::clone(&fault) as _);
    let datastore = world.open();
    let mut revision = 0;
    for point in FaultPoint::ALL {
        let mut candidate = datastore.candidate();
        world.edit(&mut candidate.tree, &[&format!("/m:c/b = {point}")]);
        *fault.0.lock().unwrap() = Some(point);
        let result = datastore.commit(&mut candidate, &request("ann"));
        *fault.0.lock().unwrap() = None;
        let fails = matches!(point, FaultPoint::BeforePrepare | FaultPoint::BeforeRevision | FaultPoint::BeforeCommit);
        if fails {
            assert!(matches!(result, Err(CommitError::Store(StoreError::Injected(at))) if at == point), "{point}");
        } else {
            revision += 1;
            assert_eq!(result.unwrap().committed().unwrap().revision, revision, "{point}");
        }
        assert_eq!(datastore.running().revision, revision, "{point}");
        assert_eq!(leaf(&datastore.running().tree, "c/b") == point.as_str(), !fails, "{point}");
    }
    let tree = datastore.running().tree.clone();
    drop(datastore);
    assert_eq!(world.open().running().tree, tree);
}

#[test]
fn what_an_edit_leaves_behind_goes_with_it_is_part_of_the_commit_and_is_said() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/a = 1", "/m:c/guarded = x", "/m:c/e[id='x']/v = one", "/m:c/gone-with = x"]);
    let mut candidate = datastore.candidate();
    for path in ["/m:c/a", "/m:c/e[id='x']"] {
        let path = DataPath::parse(&world.plan.schema().clone(), path).unwrap();
        assert!(candidate.tree.remove(&path).is_some());
    }
    let committed = datastore.commit(&mut candidate, &request("ann")).unwrap().committed().unwrap();
    let told: Vec<String> =
        committed.warnings.iter().map(|w| format!("{} {}", w.data_path.as_deref().unwrap(), w.message)).collect();
    assert_eq!(
        told,
        [
            "/m:c/gone-with[.='x'] deleted along with the edits: e `x`, which it referred to, is deleted",
            "/m:c/guarded deleted along with the edits: it is there only when `../a`",
        ]
    );
    assert_eq!(committed.delta.changes.len(), 4);
    assert!(datastore.running().tree.is_empty());
}
