//! Confirmed commits and the exclusive lock: who may commit, what comes back, and when.

use super::super::{Candidate, CommitError, CommitOutcome, CommitRequest, Datastore, Holder, TakeBackError, UndoError};
use super::{World, leaf, request};
use crate::clock::Clock;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn by(session: u64) -> CommitRequest {
    CommitRequest { editor: session, ..request("ann") }
}

fn confirmed(session: u64) -> CommitRequest {
    CommitRequest { confirm_within: Some(10 * MINUTE), ..by(session) }
}

fn edited(world: &World, datastore: &Datastore, edits: &[&str]) -> Candidate {
    let mut candidate = datastore.candidate();
    world.edit(&mut candidate.tree, edits);
    candidate
}

fn running(datastore: &Datastore, path: &str) -> String {
    leaf(&datastore.running().tree, path)
}

/// Commits for session 1, to be confirmed within ten minutes, on top of `a = 1`.
fn armed(world: &World) -> Datastore {
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/a = 1"]);
    let outcome = datastore.commit(&mut edited(world, &datastore, &["/m:c/a = 2"]), &confirmed(1)).unwrap();
    let CommitOutcome::Committed { unconfirmed: Some(unconfirmed), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((unconfirmed.revision, unconfirmed.back_to), (2, 1));
    datastore
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_confirms_is_taken_back_at_the_deadline_and_not_before() {
    let world = World::new();
    let datastore = armed(&world);
    let mut announced = datastore.announcements();
    let (watching, scope) = (datastore.clone(), world.scope.clone());
    world.scope.spawn("confirmations", async move { watching.run_confirmations(&scope).await });
    world.clock.advance(Duration::from_millis(10 * 60_000 - 1));
    tokio::task::yield_now().await;
    assert_eq!(running(&datastore, "c/a"), "2");
    world.clock.advance(Duration::from_millis(1));
    let committed = announced.recv().await.unwrap();
    assert_eq!((committed.revision, committed.user.as_str(), committed.via.as_str()), (3, "system", "rollback"));
    assert_eq!(running(&datastore, "c/a"), "1");
    assert!(world.part.log().ends_with(&["applied".to_owned()]));
    world.scope.stop();
}

#[test]
fn a_commit_without_changes_confirms_only_from_the_session_that_made_it_or_when_it_says_so() {
    let world = World::new();
    let datastore = armed(&world);
    let other = CommitRequest { editor: 9, confirms: true, ..request("bob") };
    let refused = datastore.commit(&mut datastore.candidate(), &other).unwrap_err();
    assert!(matches!(refused, CommitError::Unconfirmed(_)), "{refused:?}");
    for request in [by(7), CommitRequest { confirms: false, ..other }] {
        let plain = datastore.commit(&mut datastore.candidate(), &request).unwrap();
        assert!(matches!(plain, CommitOutcome::Nothing), "{plain:?}");
    }
    assert!(datastore.unconfirmed().is_some());
    let prolonging = datastore.commit(&mut datastore.candidate(), &confirmed(7)).unwrap_err();
    assert!(matches!(prolonging, CommitError::Unconfirmed(_)), "{prolonging:?}");
    let said = CommitRequest { confirms: true, ..by(7) };
    assert!(matches!(datastore.commit(&mut datastore.candidate(), &said).unwrap(), CommitOutcome::Confirmed(_)));
    assert!(matches!(datastore.take_back(), Err(TakeBackError::Nothing)));
    drop(datastore);
    world.clock.advance(20 * MINUTE);
    assert_eq!(running(&world.open(), "c/a"), "2");
}

#[test]
fn a_commit_without_changes_confirms_from_the_session_that_made_it() {
    let world = World::new();
    let datastore = armed(&world);
    assert!(matches!(datastore.commit(&mut datastore.candidate(), &by(1)).unwrap(), CommitOutcome::Confirmed(_)));
}

#[test]
fn a_check_confirms_nothing_and_a_refused_commit_arms_nothing() {
    let world = World::new();
    let datastore = armed(&world);
    datastore.check(&datastore.candidate(), &by(1)).unwrap();
    datastore.check(&edited(&world, &datastore, &["/m:c/a = 3"]), &by(1)).unwrap();
    assert!(datastore.unconfirmed().is_some());
    datastore.take_back().unwrap();
    assert_eq!(running(&datastore, "c/a"), "1");
    let mut bad = edited(&world, &datastore, &["/m:c/b = refuse"]);
    assert!(matches!(datastore.commit(&mut bad, &confirmed(1)), Err(CommitError::Refused { .. })));
    assert!(datastore.unconfirmed().is_none());
    drop(datastore);
    world.clock.advance(20 * MINUTE);
    assert_eq!(world.open().running().revision, 3);
}

#[test]
fn changes_of_others_are_refused_while_a_commit_awaits_confirmation() {
    let world = World::new();
    let datastore = armed(&world);
    let mut foreign = edited(&world, &datastore, &["/m:c/b = mine"]);
    let refused = datastore.commit(&mut foreign, &by(2)).unwrap_err();
    let CommitError::Unconfirmed(unconfirmed) = refused else { panic!("{refused:?}") };
    assert_eq!(unconfirmed.revision, 2);
    assert!(foreign.is_changed(), "what was edited is kept");
    let own = datastore.commit(&mut edited(&world, &datastore, &["/m:c/b = own"]), &by(1)).unwrap();
    assert!(matches!(own, CommitOutcome::Committed { confirmed: Some(_), unconfirmed: None, .. }), "{own:?}");
    assert!(datastore.commit(&mut foreign, &by(2)).is_err_and(|e| matches!(e, CommitError::Conflict(_))));
}

#[test]
fn confirming_again_with_a_deadline_goes_back_to_before_the_first() {
    let world = World::new();
    let datastore = armed(&world);
    datastore.commit(&mut edited(&world, &datastore, &["/m:c/a = 3"]), &confirmed(1)).unwrap();
    world.clock.advance(9 * MINUTE);
    let prolonged = datastore.commit(&mut datastore.candidate(), &confirmed(1)).unwrap();
    assert!(matches!(prolonged, CommitOutcome::Prolonged(_)), "{prolonged:?}");
    drop(datastore);
    world.clock.advance(9 * MINUTE);
    let datastore = world.open();
    assert_eq!(running(&datastore, "c/a"), "3", "the deadline was moved");
    assert_eq!(datastore.unconfirmed().map(|u| (u.revision, u.back_to, u.session)), Some((3, 1, 0)));
    datastore.take_back().unwrap();
    assert_eq!(running(&datastore, "c/a"), "1");
}

#[test]
fn a_deadline_that_passed_while_the_element_was_down_is_kept_at_the_next_start() {
    let world = World::new();
    drop(armed(&world));
    world.part.log();
    world.clock.advance(10 * MINUTE);
    let booted = world.boot_with(&[], false).unwrap();
    let datastore = booted.datastore;
    assert_eq!((running(&datastore, "c/a").as_str(), datastore.running().revision), ("1", 3));
    assert_eq!(world.part.log(), ["applied"], "only what is back was built");
    assert!(booted.warnings.iter().any(|w| w.message.contains("was not confirmed")), "{}", booted.warnings);
    drop(datastore);
    assert_eq!(world.open().running().revision, 3, "once");
}

#[test]
fn what_may_come_back_is_kept_however_few_revisions_are() {
    let mut world = World::new();
    world.kept = |_| 1;
    let datastore = armed(&world);
    for value in 0..120 {
        let edit = format!("/m:c/b = {value}");
        datastore.commit(&mut edited(&world, &datastore, &[&edit]), &confirmed(1)).unwrap();
    }
    // The thread that removes old revisions ends before the next start.
    let scope = world.scope.clone();
    let clock = Clock::system();
    tokio::runtime::Runtime::new().unwrap().block_on(async move { scope.drain(&clock, MINUTE).await }).unwrap();
    datastore.take_back().unwrap();
    assert_eq!((running(&datastore, "c/a").as_str(), running(&datastore, "c/b").as_str()), ("1", "-"));
}

#[test]
fn exactly_as_many_revisions_are_seen_as_are_kept() {
    let mut world = World::new();
    world.kept = |_| 3;
    let datastore = world.open();
    for value in 0..8 {
        world.commit(&datastore, &[&format!("/m:c/a = {value}")]);
    }
    let seen: Vec<u64> = datastore.revisions(100).unwrap().iter().map(|record| record.number).collect();
    assert_eq!(seen, [8, 7, 6]);
}

#[test]
fn an_exclusive_lock_refuses_others_until_it_is_dropped() {
    let world = World::new();
    let datastore = world.open();
    let holder = |session| Holder { session, user: "ann".into(), via: "test".into(), since: world.clock.now() };
    let lock = datastore.lock(holder(1)).unwrap();
    assert_eq!(datastore.lock(holder(2)).unwrap_err().session, 1);
    let mut foreign = edited(&world, &datastore, &["/m:c/a = 1"]);
    assert!(matches!(datastore.commit(&mut foreign, &by(2)), Err(CommitError::Locked(_))));
    let checked = datastore.check(&foreign, &by(2)).unwrap();
    assert!(checked.warnings.to_string().contains("locked by session 1"), "{}", checked.warnings);
    assert!(datastore.commit(&mut edited(&world, &datastore, &["/m:c/b = x"]), &by(1)).is_ok());
    drop(lock);
    assert!(datastore.commit(&mut foreign, &by(2)).unwrap().committed().is_some());
    assert!(datastore.holder().is_none());
}

#[test]
fn one_commit_is_undone_and_those_after_it_stay() {
    let world = World::new();
    let datastore = world.open();
    world.commit(&datastore, &["/m:c/a = 1", "/m:c/b = x"]);
    world.commit(&datastore, &["/m:c/a = 2", "/m:c/e[id='one']/v = 1"]);
    world.commit(&datastore, &["/m:c/b = y"]);
    let mut candidate = datastore.candidate();
    datastore.undo(&mut candidate, 2).unwrap();
    assert_eq!([leaf(&candidate.tree, "c/a"), leaf(&candidate.tree, "c/b")], ["1", "y"]);
    assert!(candidate.tree.get(&world.path("/m:c/e[id='one']")).is_none());
    let Err(UndoError::Conflict(clashes)) = datastore.undo(&mut datastore.candidate(), 1) else { panic!() };
    assert_eq!(clashes.len(), 2, "{clashes:?}");
}
