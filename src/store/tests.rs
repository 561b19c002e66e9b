//! Tests of the store on a real file system, each in a folder of its own.

use super::*;
use crate::alarm::{AlarmId, AlarmKey, AlarmRecord, AlarmState, JournalPosition, Severity, Standing, Transition};
use crate::clock::Clock;
use jiff::Timestamp;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

fn clock() -> Clock {
    Clock::manual(Timestamp::from_second(1_800_000_000).unwrap())
}

fn open(folder: &TempDir) -> Store {
    Store::open(folder.path(), clock()).unwrap()
}

/// Fails at a point as long as it is told to.
#[derive(Default)]
struct FailAt(Mutex<Option<FaultPoint>>);

impl FailAt {
    fn set(&self, point: Option<FaultPoint>) {
        *self.0.lock().unwrap() = point;
    }
}

impl Fault for FailAt {
    fn reach(&self, point: FaultPoint) -> Result<(), InjectedFault> {
        if *self.0.lock().unwrap() == Some(point) { Err(InjectedFault) } else { Ok(()) }
    }
}

fn open_failing(folder: &TempDir) -> (Store, Arc<FailAt>) {
    let fault = Arc::new(FailAt::default());
    let options = StoreOptions { fault: Some(Arc::clone(&fault) as Arc<dyn Fault>) };
    (Store::open_with(folder.path(), clock(), options).unwrap(), fault)
}

fn transition(position: JournalPosition, resource: &str) -> Transition {
    let text = str::to_owned;
    let key = AlarmKey {
        node: text("n1"),
        resource_type: text("database"),
        resource: text(resource),
        alarm_type: text("failed-connection"),
        qualifier: String::new(),
    };
    let standing = Standing { severity: Severity::Major, is_cleared: false };
    Transition {
        position,
        id: key.id(),
        key: key.into(),
        sequence: 1,
        before: None,
        after: AlarmState { standing, text: Arc::default(), impact: Vec::new() },
        last_updated: Timestamp::from_second(1_800_000_000).unwrap(),
        revision: 7,
        reminds: Vec::new(),
        stood: std::collections::BTreeSet::new(),
        raised: JournalPosition(0),
        project: None,
        moves: None,
        base_url: None,
    }
}

fn append(store: &Store, resource: &'static str) -> Result<JournalPosition, StoreError> {
    store.write(move |tx| {
        let position = tx.next_position()?;
        tx.append_transition(&transition(position, resource))?;
        Ok(position)
    })
}

fn revision(parent: u64) -> NewRevision {
    NewRevision {
        parent,
        time: Timestamp::from_second(1_800_000_001).unwrap(),
        user: "alice".to_owned(),
        via: "cli".to_owned(),
        label: Some("first".to_owned()),
        comment: None,
        delta: format!("{{\"from\":{parent}}}"),
    }
}

fn create_lane(tx: &mut WriteTransaction<'_>, incarnation: Uuid) -> Result<(), StoreError> {
    let start = tx.last_position();
    tx.create_lane(&NewLane { incarnation, handler: "wh1", start, low: start }).map(drop)
}

fn progress(incarnation: Uuid) -> LaneProgress {
    LaneProgress {
        incarnation,
        low: JournalPosition(0),
        put: Vec::new(),
        settled: Vec::new(),
        settlements: Vec::new(),
        condition: None,
        filters: Vec::new(),
        is_last: false,
    }
}

#[test]
fn a_second_daemon_on_the_same_folder_is_told_which_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder);
    let error = Store::open(folder.path(), clock()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }));
    assert!(error.to_string().contains(&folder.path().display().to_string()));
    drop(first);
    open(&folder);
}

#[test]
fn only_the_owner_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let store = Store::open(&data, clock()).unwrap();
    append(&store, "a").unwrap();
    assert_eq!(crate::persist::mode(&data).unwrap(), 0o700);
    for file in std::fs::read_dir(&data).unwrap() {
        assert_eq!(crate::persist::mode(&file.unwrap().path()).unwrap(), 0o600);
    }
}

#[test]
fn a_file_of_a_newer_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder));
    let path = folder.path().join("journal.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    let error = Store::open(folder.path(), clock()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn a_file_of_an_older_program_keeps_its_contributions() {
    let folder = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
    let first = super::migration::JOURNAL.first().unwrap();
    connection.execute_batch(&format!("{first} PRAGMA user_version = 1;")).unwrap();
    let row = "INSERT INTO contribution (alarm, key, severity, turn, text)
               VALUES (zeroblob(16), 'a', 'minor', 1, '{\"brief\":\"x\",\"detailed\":[],\"suggested_actions\":[]}')";
    connection.execute(row, []).unwrap();
    drop(connection);
    let store = open(&folder);
    let mut rows = store.contributions().unwrap();
    assert_eq!(rows.len(), 1);
    let row = super::ContributionRow { note: Some("n".to_owned()), ..rows.remove(0) };
    assert_eq!((row.key.as_str(), &*row.text.brief), ("a", "x"));
    let written = row.clone();
    store.write(move |tx| tx.put_contribution(&written)).unwrap();
    assert_eq!(store.contributions().unwrap(), [row]);
}

#[test]
fn a_contribution_keeps_its_row_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let said = |row, key: &str, turn| super::ContributionRow {
        row,
        alarm: AlarmId::from_uuid(Uuid::from_u128(7)),
        key: key.to_owned(),
        severity: Severity::Minor,
        ends_at: None,
        turn,
        text: crate::alarm::AlarmText::default(),
        note: None,
    };
    let put = |row: super::ContributionRow| store.write(move |tx| tx.put_contribution(&row)).unwrap();
    let (a, b) = (put(said(0, "a", 1)), put(said(0, "b", 2)));
    assert_ne!(a, b);
    assert_eq!(put(said(a, "a", 3)), a);
    assert_eq!(store.contributions().unwrap(), [said(a, "a", 3), said(b, "b", 2)]);
    store.write(move |tx| tx.remove_contribution(a)).unwrap();
    assert_eq!(store.contributions().unwrap(), [said(b, "b", 2)]);
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    crate::persist::write_atomically(&folder.path().join("journal.db"), &[b'x'; 4096], 0o600).unwrap();
    let error = Store::open(folder.path(), clock()).unwrap_err();
    assert!(error.to_string().contains("journal.db"), "{error}");
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.set_meta("node-id", "n1").unwrap();
    let position = append(&store, "a").unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(store.meta("node-id").unwrap().as_deref(), Some("n1"));
    assert_eq!(store.read_journal(JournalPosition(0), 10).unwrap(), [transition(position, "a")]);
    assert_eq!(store.opened_at(), position);
}

#[test]
fn jobs_that_wait_share_a_group_and_are_told_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (release, held) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    store.submit(Isolation::Shared, move |_| Ok(held.recv().is_ok()), |_| {}).unwrap();
    for n in 0..20 {
        let tell = tell.clone();
        store.submit(Isolation::Shared, |_| Ok(()), move |_| tell.send(n).unwrap()).unwrap();
    }
    release.send(()).unwrap();
    assert_eq!(told.iter().take(20).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}

#[test]
fn an_isolated_job_that_fails_does_not_spoil_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (release, held) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let refused = || StoreError::Refused("no".to_owned());
    // The first job keeps the group open until all are waiting.
    store.submit(Isolation::Shared, move |tx| tx.set_meta("a", "1").map(|()| held.recv().is_ok()), |_| {}).unwrap();
    let (bad, good) = (tell.clone(), tell);
    store
        .submit(
            Isolation::Isolated,
            move |tx| tx.set_meta("b", "2").and_then(|()| Err::<(), _>(refused())),
            move |outcome| bad.send(outcome.is_ok()).unwrap(),
        )
        .unwrap();
    store
        .submit(Isolation::Shared, |tx| tx.set_meta("c", "3"), move |outcome| good.send(outcome.is_ok()).unwrap())
        .unwrap();
    release.send(()).unwrap();
    assert_eq!(told.iter().collect::<Vec<_>>(), [false, true]);
    let metas = ["a", "b", "c"].map(|key| store.meta(key).unwrap().is_some());
    assert_eq!(metas, [true, false, true]);
}

#[test]
fn a_failed_commit_undoes_the_whole_group_and_tells_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let (store, fault) = open_failing(&folder);
    fault.set(Some(FaultPoint::BeforeCommit));
    assert!(matches!(append(&store, "a"), Err(StoreError::Injected(FaultPoint::BeforeCommit))));
    fault.set(Some(FaultPoint::AfterAppend));
    assert!(append(&store, "b").is_err());
    fault.set(None);
    let position = append(&store, "c").unwrap();
    assert_eq!(store.read_journal(JournalPosition(0), 10).unwrap(), [transition(position, "c")]);
}

#[test]
fn a_job_that_panics_is_told_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let outcome = store.write(|tx| -> Result<(), StoreError> {
        tx.set_meta("a", "1")?;
        panic!("a bug")
    });
    assert!(matches!(outcome, Err(StoreError::JobPanicked)));
    assert_eq!(store.meta("a").unwrap(), None);
    store.set_meta("a", "2").unwrap();
}

#[test]
fn positions_are_never_used_again_not_even_after_all_were_trimmed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    append(&store, "a").unwrap();
    let last = append(&store, "b").unwrap();
    assert_eq!(store.write(move |tx| tx.trim_journal(last, 100)).unwrap(), 2);
    drop(store);
    let store = open(&folder);
    assert!(append(&store, "c").unwrap() > last);
}

#[test]
fn appending_out_of_order_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let position = append(&store, "a").unwrap();
    let outcome = store.write(move |tx| tx.append_transition(&transition(position, "b")));
    assert!(matches!(outcome, Err(StoreError::OutOfOrder { .. })));
}

#[test]
fn trimming_keeps_what_lanes_and_their_exceptions_need() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let lane = Uuid::from_u128(1);
    store.write(move |tx| create_lane(tx, lane)).unwrap();
    let at: Vec<JournalPosition> = ["a", "b", "c", "d"].map(|name| append(&store, name).unwrap()).to_vec();
    let trim = |up_to| store.write(move |tx| tx.trim_journal(up_to, 100)).unwrap();
    assert_eq!(trim(at[3]), 0);
    let parked = LaneException { position: at[1], state: LaneExceptionState::Parked, attempts: 3, detail: None };
    let change = LaneProgress { low: at[3], put: vec![parked.clone()], ..progress(lane) };
    store.write(move |tx| tx.record_progress(&change)).unwrap();
    assert_eq!(store.lanes().unwrap()[0].exceptions, [parked]);
    assert_eq!(trim(at[3]), 1);
    let change = LaneProgress { low: at[3], settled: vec![at[1]], ..progress(lane) };
    store.write(move |tx| tx.record_progress(&change)).unwrap();
    assert_eq!(trim(at[2]), 2);
    assert_eq!(trim(at[3]), 1);
}

#[test]
fn trimming_behind_goes_slice_by_slice_with_the_groups() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let last = store
        .write(|tx| {
            for _ in 0..2500 {
                let position = tx.next_position()?;
                tx.append_transition(&transition(position, "a"))?;
            }
            Ok(tx.last_position())
        })
        .unwrap();
    store.trim_behind(last).unwrap();
    for _ in 0..3 {
        assert!(!store.read_journal(last, 1).unwrap().is_empty());
        store.set_meta("a", "1").unwrap();
    }
    assert!(store.read_journal(JournalPosition(0), 1).unwrap().is_empty());
}

#[test]
fn a_lane_lives_through_rename_and_restart_and_its_removal_takes_its_exceptions() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let lane = Uuid::from_u128(7);
    let next_at = Timestamp::from_second(1_800_000_060).unwrap();
    let retrying = LaneException {
        position: append(&store, "a").unwrap(),
        state: LaneExceptionState::Retrying { next_at },
        attempts: 2,
        detail: Some("{}".to_owned()),
    };
    let change = LaneProgress { low: retrying.position, put: vec![retrying.clone()], ..progress(lane) };
    store
        .write(move |tx| {
            create_lane(tx, lane)?;
            tx.rename_lane(lane, "wh2")?;
            tx.record_progress(&change)
        })
        .unwrap();
    drop(store);
    let store = open(&folder);
    let lanes = store.lanes().unwrap();
    assert_eq!((lanes.len(), lanes[0].handler.as_str(), lanes[0].low), (1, "wh2", retrying.position));
    assert_eq!(lanes[0].exceptions, std::slice::from_ref(&retrying));
    store.write(move |tx| tx.remove_lane(lane)).unwrap();
    assert!(store.lanes().unwrap().is_empty());
    store.write(move |tx| tx.forget_exceptions(lane)).unwrap();
    assert_eq!(store.write(move |tx| tx.trim_journal(retrying.position, 10)).unwrap(), 1);
    let gone = LaneProgress { low: JournalPosition(1), ..progress(lane) };
    assert!(matches!(store.write(move |tx| tx.record_progress(&gone)), Err(StoreError::Missing { .. })));
}

#[test]
fn a_journal_that_lost_its_end_gets_back_what_the_alarm_list_knows() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    append(&store, "kept").unwrap();
    drop(store);
    let copy = std::fs::read(folder.path().join("journal.db")).unwrap();
    let store = open(&folder);
    let positions = [append(&store, "a").unwrap(), append(&store, "b").unwrap(), append(&store, "a").unwrap()];
    let told = [store.transition(positions[1]).unwrap().unwrap(), store.transition(positions[2]).unwrap().unwrap()];
    let records = told.iter().map(|told| RecordChange::Put(Arc::new(AlarmRecord::replay(None, told, 8))));
    store.write_records(positions[2], records.collect::<Vec<_>>()).unwrap();
    drop(store);
    crate::persist::write_atomically(&folder.path().join("journal.db"), &copy, 0o600).unwrap();
    for _ in 0..2 {
        let store = open(&folder);
        assert_eq!(store.transition(positions[0]).unwrap(), None);
        for told in &told {
            let again = store.transition(told.position).unwrap().unwrap();
            assert_eq!((again.id, &again.after, again.last_updated), (told.id, &told.after, told.last_updated));
        }
        assert!(append(&store, "c").unwrap() > positions[2]);
    }
}

#[test]
fn lanes_know_what_was_settled_above_their_low_water_mark_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (lane, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let positions: Vec<JournalPosition> = (0..4).map(|_| append(&store, "a").unwrap()).collect();
    let time = Timestamp::from_second(1_800_000_060).unwrap();
    let settled = move |lane: u32, position: JournalPosition, attempts| Settlement {
        number: position.0,
        position,
        alarm: AlarmId::from_uuid(Uuid::nil()),
        sequence: 1,
        lane,
        time,
        attempts,
        revision: 1,
        duration: Duration::ZERO,
        status: 204,
        reason: 0,
        fate: 0,
        standing: 0,
    };
    let change = LaneProgress { low: positions[1], ..progress(lane) };
    let (all, low) = (positions.clone(), change.low);
    store
        .write(move |tx| {
            for incarnation in [lane, other] {
                let (start, low) = (JournalPosition(0), JournalPosition(0));
                tx.create_lane(&NewLane { incarnation, handler: "wh1", start, low })?;
            }
            tx.record_progress(&change)?;
            tx.append_settled(&[settled(1, all[0], 1), settled(1, all[3], 1), settled(2, all[2], 0)])
        })
        .unwrap();
    let lanes = store.lanes().unwrap();
    let found = |incarnation| lanes.iter().find(|row| row.incarnation == incarnation).unwrap();
    assert_eq!(found(lane).settled_above, [positions[3]].into());
    assert_eq!(found(lane).sent, [time, time]);
    assert_eq!((found(other).settled_above.clone(), found(other).sent.len()), ([positions[2]].into(), 0));
    // A lane that is removed leaves behind what it had not read, and what it did not settle.
    let waits = LaneException { position: positions[0], state: LaneExceptionState::Parked, attempts: 1, detail: None };
    let change = LaneProgress { low, put: vec![waits.clone()], ..progress(lane) };
    let removed = move |tx: &mut WriteTransaction<'_>| {
        tx.record_progress(&change)?;
        tx.remove_lane(lane)
    };
    store.write(removed).unwrap();
    let ended = store.logged_lanes().unwrap()[&1].ended.clone().unwrap();
    assert_eq!((ended.low, ended.start, ended.at), (low, JournalPosition(0), positions[3]));
    assert_eq!(store.left_behind().unwrap(), [(1, lane, waits)]);
    store.write(move |tx| tx.forget_exceptions(lane)).unwrap();
    assert!(store.left_behind().unwrap().is_empty());
}

#[test]
fn a_rider_is_written_without_anybody_else_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (tell, told) = mpsc::channel();
    store.ride(|tx| tx.set_meta("a", "1"), move |outcome| tell.send(outcome.is_ok()).unwrap()).unwrap();
    assert_eq!(told.recv(), Ok(true));
    assert_eq!(store.meta("a").unwrap().as_deref(), Some("1"));
}

#[test]
fn closing_writes_what_waits_and_refuses_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let written = Arc::new(AtomicUsize::new(0));
    for n in 0..50 {
        let written = Arc::clone(&written);
        let key = format!("k{n}");
        let done = move |outcome: Result<(), StoreError>| {
            written.fetch_add(usize::from(outcome.is_ok()), Ordering::Relaxed);
        };
        if n % 2 == 0 {
            store.ride(move |tx| tx.set_meta(&key, "1"), done).unwrap();
        } else {
            store.submit(Isolation::Isolated, move |tx| tx.set_meta(&key, "1"), done).unwrap();
        }
    }
    store.close();
    assert_eq!(written.load(Ordering::Relaxed), 50);
    assert!(matches!(store.set_meta("late", "1"), Err(StoreError::Closed)));
}

#[test]
fn a_revision_and_the_rows_of_its_participants_are_written_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    append(&store, "a").unwrap();
    let row: RowWrite = Box::new(|tx| create_lane(tx, Uuid::from_u128(1)));
    let refused: RowWrite = Box::new(|_| Err(StoreError::Refused("no".to_owned())));
    let again: RowWrite = Box::new(|tx| create_lane(tx, Uuid::from_u128(2)));
    assert!(matches!(store.commit_revision(revision(0), vec![again, refused]), Err(StoreError::Refused(_))));
    assert_eq!(store.latest_revision().unwrap(), None);
    assert_eq!(store.commit_revision(revision(0), vec![row]).unwrap(), 1);
    let stored = store.latest_revision().unwrap().unwrap();
    assert_eq!((stored.number, stored.user.as_str(), stored.journal_position), (1, "alice", JournalPosition(1)));
    assert_eq!(store.lanes().unwrap().len(), 1);
}

#[test]
fn a_revision_built_on_an_older_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.commit_revision(revision(0), Vec::new()).unwrap();
    let error = store.commit_revision(revision(0), Vec::new()).unwrap_err();
    assert!(matches!(error, StoreError::RevisionMoved { expected: 0, found: 1 }));
}

#[test]
fn pruning_keeps_what_a_boot_needs() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for parent in 0..10 {
        store.commit_revision(revision(parent), Vec::new()).unwrap();
    }
    assert_eq!(store.prune_revisions(1).unwrap(), 0);
    store.write_checkpoint(3, "old").unwrap();
    store.write_checkpoint(6, "tree").unwrap();
    assert_eq!(store.newest_checkpoint().unwrap(), Some(Checkpoint { revision: 6, tree: "tree".to_owned() }));
    assert_eq!(store.prune_revisions(2).unwrap(), 6);
    let numbers: Vec<u64> = store.deltas_since(6).unwrap().iter().map(|r| r.number).collect();
    assert_eq!(numbers, [7, 8, 9, 10]);
    assert!(matches!(store.deltas_since(4), Err(StoreError::Corrupt { .. })));
    drop(store);
    let store = open(&folder);
    assert_eq!(store.newest_checkpoint().unwrap().unwrap().revision, 6);
    assert_eq!(store.revisions(3).unwrap().iter().map(|r| r.number).collect::<Vec<_>>(), [10, 9, 8]);
    assert_eq!(store.revision(7).unwrap().unwrap().delta, "{\"from\":6}");
}

#[test]
fn reading_does_not_wait_for_a_group_that_is_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.set_meta("a", "1").unwrap();
    let (begun, begins) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let run = move |tx: &mut WriteTransaction<'_>| {
        tx.set_meta("a", "2")?;
        begun.send(()).unwrap();
        Ok(held.recv().is_ok())
    };
    store.submit(Isolation::Shared, run, |_| {}).unwrap();
    begins.recv().unwrap();
    assert_eq!(store.meta("a").unwrap().as_deref(), Some("1"));
    release.send(()).unwrap();
    store.close();
    assert_eq!(store.meta("a").unwrap().as_deref(), Some("2"));
}

#[test]
fn every_fault_point_is_found_by_its_name() {
    for point in FaultPoint::ALL {
        assert_eq!(point.as_str().parse(), Ok(point));
    }
    assert!("after-lunch".parse::<FaultPoint>().is_err());
}
