//! Tests of the ledger on a real store, each in a folder of its own.

use super::*;
use crate::alarm::shelf::{ResourceMatch, Shelf, Shelves};
use crate::alarm::{
    AlarmFilter, AlarmId, AlarmKey, AlarmText, Clearance, CompressFilter, ContributionKey, Control, ImpactGroup,
    JournalPosition, OperatorState, Severity, Silence, SilenceMatcher, Standing, Transition, TypeSpec, Types,
};
use crate::clock::Clock;
use crate::store::{Fault, FaultPoint, InjectedFault, Store, StoreError, StoreOptions};
use crate::task::Scope;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// Fails at some points as long as it is told to: what comes after is lost, as by a loss of power.
#[derive(Default)]
struct FailAt(Mutex<Vec<FaultPoint>>);

impl FailAt {
    fn set(&self, points: &[FaultPoint]) {
        *self.0.lock().unwrap() = points.to_vec();
    }
}

impl Fault for FailAt {
    fn reach(&self, point: FaultPoint) -> Result<(), InjectedFault> {
        if self.0.lock().unwrap().contains(&point) { Err(InjectedFault) } else { Ok(()) }
    }
}

struct World {
    folder: TempDir,
    clock: Clock,
    fault: Arc<FailAt>,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        Self { folder: tempfile::tempdir().unwrap(), clock, fault: Arc::default() }
    }

    fn open(&self) -> Ledger {
        self.open_with(LedgerOptions::default())
    }

    fn open_with(&self, options: LedgerOptions) -> Ledger {
        let fault = Some(Arc::clone(&self.fault) as Arc<dyn Fault>);
        let store = Store::open_with(self.folder.path(), self.clock.clone(), StoreOptions { fault }).unwrap();
        Ledger::open(store, self.clock.clone(), options).unwrap()
    }
}

fn key(resource: &str) -> AlarmKey {
    let text = str::to_owned;
    AlarmKey {
        node: text("n1"),
        resource_type: text("database"),
        resource: text(resource),
        alarm_type: text("no-answer"),
        qualifier: String::new(),
    }
}

fn text(brief: &str) -> AlarmText {
    AlarmText { brief: brief.into(), ..AlarmText::default() }
}

fn raise(resource: &str, severity: Severity) -> Report {
    let contribution = ContributionKey::default();
    Report::Raise { key: key(resource), severity, text: text("down"), contribution, ends_at: None, note: None }
}

fn clear(resource: &str) -> Report {
    Report::Clear { key: key(resource), contribution: ContributionKey::default(), text: None }
}

fn fire(resource: &str, source: &str, severity: Severity, ends_at: Timestamp) -> Report {
    let contribution = ContributionKey(source.to_owned());
    Report::Raise {
        key: key(resource),
        severity,
        text: text(source),
        contribution,
        ends_at: Some(ends_at),
        note: Some(source.into()),
    }
}

fn resolve(resource: &str, source: &str) -> Report {
    Report::Clear { key: key(resource), contribution: ContributionKey(source.to_owned()), text: None }
}

fn say(ledger: &Ledger, report: Report) -> Verdict {
    ledger.report_blocking(vec![report]).unwrap().remove(0)
}

fn announced(ledger: &Ledger, report: Report) -> Arc<Transition> {
    match say(ledger, report) {
        Ok(Outcome::Announced(transition)) => transition,
        other => panic!("nothing was announced: {other:?}"),
    }
}

fn all(ledger: &Ledger) -> Vec<Arc<Transition>> {
    ledger.read(JournalPosition(0), 10_000).unwrap()
}

fn stands(severity: Severity) -> Standing {
    Standing { severity, is_cleared: false }
}

fn records(ledger: &Ledger) -> Vec<crate::alarm::AlarmRecord> {
    ledger.alarms().iter().map(|record| (**record).clone()).collect()
}

#[test]
fn an_answered_transition_is_published_and_in_the_list() {
    let world = World::new();
    let ledger = world.open();
    let tail = ledger.tail();
    let raised = announced(&ledger, raise("a", Severity::Major));
    assert_eq!(*tail.borrow(), raised.position);
    assert_eq!(ledger.read_ring(raised.position, 10).unwrap(), [Arc::clone(&raised)]);
    assert_eq!(ledger.alarm(&raised.id).unwrap().position, raised.position);
    assert_eq!(say(&ledger, raise("a", Severity::Major)), Ok(Outcome::Unchanged));
    assert_eq!(say(&ledger, clear("b")), Ok(Outcome::Unchanged));
    assert_eq!(announced(&ledger, clear("a")).sequence, 2);
    assert_eq!(ledger.alarms().standing(), 0);
}

#[test]
fn a_restart_brings_the_list_back_from_the_stored_list_and_the_journal() {
    let world = World::new();
    let ledger = world.open();
    announced(&ledger, raise("a", Severity::Major));
    announced(&ledger, raise("b", Severity::Minor));
    drop(ledger);
    let ledger = world.open();
    // From here on the stored list is not written: the journal has to make up for it.
    world.fault.set(&[FaultPoint::BeforeRecords]);
    announced(&ledger, clear("a"));
    announced(&ledger, raise("b", Severity::Critical));
    announced(&ledger, raise("c", Severity::Warning));
    let (before, journal) = (records(&ledger), all(&ledger));
    drop(ledger);
    let ledger = world.open();
    assert_eq!(records(&ledger), before);
    assert_eq!(all(&ledger), journal);
    assert_eq!(*ledger.tail().borrow(), journal.last().unwrap().position);
    assert!(announced(&ledger, raise("a", Severity::Major)).position > journal.last().unwrap().position);
}

#[test]
fn a_failed_commit_leaves_no_trace_and_the_same_report_works_later() {
    let world = World::new();
    let ledger = world.open();
    announced(&ledger, raise("a", Severity::Minor));
    let before = (records(&ledger), all(&ledger), *ledger.tail().borrow());
    for point in [FaultPoint::BeforeAppend, FaultPoint::AfterAppend, FaultPoint::BeforeCommit] {
        world.fault.set(&[point]);
        let refused = ledger.report_blocking(vec![raise("a", Severity::Critical), raise("b", Severity::Major)]);
        assert!(matches!(refused, Err(LedgerError::Store(StoreError::Injected(at))) if at == point));
        assert_eq!((records(&ledger), all(&ledger), *ledger.tail().borrow()), before);
    }
    world.fault.set(&[]);
    assert_eq!(announced(&ledger, raise("a", Severity::Critical)).before, Some(stands(Severity::Minor)));
    assert_eq!(announced(&ledger, raise("b", Severity::Major)).sequence, 1);
}

#[tokio::test]
async fn a_raise_that_changes_nothing_fails_with_the_group_that_it_relies_on() {
    let world = World::new();
    let ledger = world.open();
    world.fault.set(&[FaultPoint::BeforeCommit]);
    let raised = vec![raise("a", Severity::Major)];
    let (first, second) = tokio::join!(ledger.report(raised.clone()), ledger.report(raised.clone()));
    assert!(first.is_err() && second.is_err());
    world.fault.set(&[]);
    let (first, second) = tokio::join!(ledger.report(raised.clone()), ledger.report(raised));
    assert!(matches!(first.unwrap()[..], [Ok(Outcome::Announced(_))]));
    assert_eq!(second.unwrap(), [Ok(Outcome::Unchanged)]);
}

#[test]
fn updates_are_dated_later_even_when_the_clock_steps_back() {
    let world = World::new();
    let ledger = world.open();
    let first = announced(&ledger, raise("a", Severity::Minor));
    world.clock.set_wall(Timestamp::from_second(1_700_000_000).unwrap());
    let second = announced(&ledger, raise("a", Severity::Major));
    assert_eq!(second.last_updated.duration_since(first.last_updated), SignedDuration::from_micros(1));
    let seen = vec![ledger.alarm(&first.id).unwrap()];
    tokio::runtime::Runtime::new().unwrap().block_on(ledger.purge(seen)).unwrap();
    drop(ledger);
    let again = announced(&world.open(), raise("a", Severity::Major));
    assert!(again.last_updated > second.last_updated);
    assert_eq!((again.sequence, again.before), (1, None));
}

#[test]
fn the_severity_is_the_highest_of_several_sources_over_a_restart() {
    let world = World::new();
    let ledger = world.open();
    let later = world.clock.now() + Duration::from_secs(3600);
    assert_eq!(announced(&ledger, raise("a", Severity::Minor)).after.text, text("down").into());
    assert_eq!(say(&ledger, fire("a", "warning", Severity::Warning, later)), Ok(Outcome::Unchanged));
    assert_eq!(
        announced(&ledger, fire("a", "critical", Severity::Critical, later)).after.text,
        text("critical").into()
    );
    assert_eq!(say(&ledger, clear("a")), Ok(Outcome::Unchanged));
    drop(ledger);
    let ledger = world.open();
    let lowered = announced(&ledger, resolve("a", "critical"));
    assert_eq!((lowered.after.standing, &*lowered.after.text), (stands(Severity::Warning), &text("warning")));
    drop(ledger);
    let ledger = world.open();
    let cleared = announced(&ledger, resolve("a", "warning"));
    assert!(cleared.after.standing.is_cleared);
    assert!(ledger.alarms().contributions(&cleared.id).is_none());
    drop(ledger);
    assert!(world.open().alarm(&cleared.id).unwrap().is_cleared());
}

#[tokio::test]
async fn a_deadline_clears_what_is_not_said_again_but_not_right_after_a_boot() {
    let world = World::new();
    let ledger = world.open();
    let start = world.clock.now();
    let at = |seconds| start + Duration::from_secs(seconds);
    ledger
        .report(vec![fire("a", "x", Severity::Major, at(60)), fire("b", "x", Severity::Major, at(60))])
        .await
        .unwrap();
    drop(ledger);
    let ledger = world.open();
    world.clock.advance(Duration::from_secs(120));
    assert_eq!(ledger.expire_due().await.unwrap(), 0);
    ledger.report(vec![fire("b", "x", Severity::Major, at(600))]).await.unwrap();
    world.clock.advance(BOOT_GRACE);
    assert_eq!(ledger.expire_due().await.unwrap(), 1);
    assert!(ledger.alarm(&key("a").id()).unwrap().is_cleared());
    assert!(!ledger.alarm(&key("b").id()).unwrap().is_cleared());
    drop(ledger);
    let ledger = world.open();
    assert_eq!(ledger.alarms().next_deadline(), Some(at(600)));
}

#[tokio::test]
async fn a_start_with_nothing_stored_gives_deadlines_no_grace() {
    let world = World::new();
    let ledger = world.open();
    let ends_at = world.clock.now() + Duration::from_secs(60);
    ledger.report(vec![fire("a", "x", Severity::Major, ends_at)]).await.unwrap();
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(ledger.expire_due().await.unwrap(), 1);
    assert!(ledger.alarm(&key("a").id()).unwrap().is_cleared());
}

#[tokio::test]
async fn deadlines_are_watched_as_the_clock_goes() {
    let world = World::new();
    let (ledger, scope) = (world.open(), Scope::new());
    let watched = ledger.clone();
    let inner = scope.clone();
    scope.spawn("deadlines", async move { watched.run_deadlines(&inner).await });
    let ends_at = world.clock.now() + Duration::from_secs(60);
    ledger.report(vec![fire("a", "x", Severity::Major, ends_at)]).await.unwrap();
    let mut tail = ledger.tail();
    tail.borrow_and_update();
    loop {
        world.clock.advance(Duration::from_secs(30));
        tokio::select! {
            biased;
            changed = tail.changed() => break changed.unwrap(),
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(ledger.alarm(&key("a").id()).unwrap().is_cleared());
    scope.drain(&Clock::system(), Duration::from_secs(10)).await.unwrap();
}

#[test]
fn a_raise_whose_deadline_is_over_says_that_the_condition_is_gone() {
    let world = World::new();
    let ledger = world.open();
    let now = world.clock.now();
    assert_eq!(say(&ledger, fire("a", "x", Severity::Major, now)), Ok(Outcome::Unchanged));
    announced(&ledger, fire("a", "x", Severity::Major, now + Duration::from_secs(60)));
    assert!(announced(&ledger, fire("a", "x", Severity::Major, now)).after.standing.is_cleared);
}

#[test]
fn the_oldest_cleared_alarm_gives_way_and_a_standing_one_never() {
    let world = World::new();
    let ledger = world.open_with(LedgerOptions {
        control: Control { alarms_max: 3, ..Control::default() },
        ..LedgerOptions::default()
    });
    for name in ["a", "b", "c"] {
        announced(&ledger, raise(name, Severity::Major));
    }
    let refused = say(&ledger, raise("d", Severity::Critical));
    assert_eq!(refused, Err(ReportError::ListFull { alarms_max: 3 }));
    assert_eq!(announced(&ledger, raise("a", Severity::Minor)).sequence, 2);
    world.clock.advance(Duration::from_secs(1));
    announced(&ledger, clear("b"));
    world.clock.advance(Duration::from_secs(1));
    announced(&ledger, clear("a"));
    announced(&ledger, raise("d", Severity::Critical));
    let names = |ledger: &Ledger| {
        let mut names: Vec<String> = ledger.alarms().iter().map(|r| r.key.resource.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&ledger), ["a", "c", "d"]);
    world.fault.set(&[FaultPoint::BeforeRecords]);
    announced(&ledger, raise("e", Severity::Critical));
    drop(ledger);
    assert_eq!(names(&world.open()), ["c", "d", "e"]);
}

#[tokio::test]
async fn purging_leaves_alone_what_changed_meanwhile() {
    let world = World::new();
    let ledger = world.open();
    ledger.report(vec![raise("a", Severity::Major), raise("b", Severity::Major)]).await.unwrap();
    let seen = ledger.alarms().iter().cloned().collect();
    ledger.report(vec![clear("b")]).await.unwrap();
    assert_eq!(ledger.purge(seen).await.unwrap(), 1);
    assert!(ledger.alarm(&key("a").id()).is_none());
    assert!(ledger.alarm(&key("b").id()).is_some());
}

#[test]
fn a_reader_that_is_behind_the_ring_reads_the_disk_and_misses_nothing() {
    let world = World::new();
    let ledger = world.open_with(LedgerOptions { ring_max: 4, ..LedgerOptions::default() });
    let names: Vec<String> = (0..20).map(|n| format!("r{n}")).collect();
    for name in &names {
        announced(&ledger, raise(name, Severity::Major));
    }
    assert_eq!(ledger.read_ring(JournalPosition(1), 100), None);
    let read: Vec<String> = all(&ledger).iter().map(|t| t.key.resource.clone()).collect();
    assert_eq!(read, names);
    let tail = *ledger.tail().borrow();
    assert_eq!(ledger.read_ring(tail, 100).unwrap().len(), 1);
    assert_eq!(ledger.read(JournalPosition(3), 2).unwrap().len(), 2);
}

#[test]
fn another_text_changes_the_list_and_announces_nothing() {
    let world = World::new();
    let ledger = world.open();
    announced(&ledger, raise("a", Severity::Major));
    let Report::Raise { key, severity, contribution, ends_at, .. } = raise("a", Severity::Major) else { return };
    let id = key.id();
    let report = Report::Raise { key, severity, text: text("still down"), contribution, ends_at, note: None };
    assert_eq!(say(&ledger, report), Ok(Outcome::TextChanged));
    assert_eq!(all(&ledger).len(), 1);
    drop(ledger);
    assert_eq!(world.open().alarm(&id).unwrap().state.text, text("still down").into());
}

#[test]
fn the_impact_and_the_revision_at_the_transition_are_recorded() {
    struct Fixed;
    impl ImpactSource for Fixed {
        fn impact(&self, key: &AlarmKey) -> Impact {
            let group = ImpactGroup {
                resource_type: "app".to_owned(),
                title: "Apps".to_owned(),
                resources: vec![key.resource.clone()],
            };
            Impact { revision: 42, groups: vec![group], base_url: None, project: None }
        }
    }
    let world = World::new();
    let ledger = world.open_with(LedgerOptions { impact: Arc::new(Fixed), ..LedgerOptions::default() });
    let raised = announced(&ledger, raise("a", Severity::Major));
    assert_eq!((raised.revision, raised.after.impact[0].resources.as_slice()), (42, ["a".to_owned()].as_slice()));
}

#[test]
fn what_is_too_long_is_refused_alone() {
    let world = World::new();
    let ledger = world.open();
    let long = raise(&"x".repeat(5000), Severity::Major);
    let verdicts = ledger.report_blocking(vec![long, raise("a", Severity::Major)]).unwrap();
    assert!(matches!(verdicts[..], [Err(ReportError::KeyTooLong { .. }), Ok(Outcome::Announced(_))]));
}

#[test]
fn many_reports_are_answered_one_by_one_in_order() {
    let world = World::new();
    let ledger = world.open();
    let reports: Vec<Report> = (0..1000).map(|n| raise(&format!("r{}", n / 2), Severity::Major)).collect();
    let verdicts = ledger.report_blocking(reports).unwrap();
    assert_eq!(verdicts.len(), 1000);
    for pair in verdicts.chunks(2) {
        assert!(matches!(pair, [Ok(Outcome::Announced(_)), Ok(Outcome::Unchanged)]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Batches of reports, some of whose groups fail, with a restart in between: the journal stays in order, each
    /// alarm's transitions follow one another without a gap, and the list is what the journal says.
    #[test]
    fn the_journal_is_in_order_and_the_list_follows_it(
        batches in proptest::collection::vec(
            (proptest::collection::vec((0_u8..5, 0_usize..7), 1..8), 0_u8..4, 0_u8..6), 1..12)
    ) {
        let world = World::new();
        let mut ledger = world.open_with(LedgerOptions { ring_max: 5, ..LedgerOptions::default() });
        for (reports, fails, restarts) in batches {
            let reports = reports.into_iter().map(|(name, what)| match Severity::ALL.get(what) {
                Some(severity) => raise(&name.to_string(), *severity),
                None => clear(&name.to_string()),
            });
            world.fault.set(if fails == 0 { &[FaultPoint::BeforeCommit] } else { &[FaultPoint::BeforeRecords] });
            let before = records(&ledger);
            let outcome = ledger.report_blocking(reports.collect());
            prop_assert_eq!(outcome.is_err(), fails == 0);
            if fails == 0 {
                prop_assert_eq!(&before, &records(&ledger));
            }
            if restarts == 0 {
                let before = records(&ledger);
                drop(ledger);
                ledger = world.open_with(LedgerOptions { ring_max: 5, ..LedgerOptions::default() });
                prop_assert_eq!(before, records(&ledger));
            }
        }
        let journal = all(&ledger);
        prop_assert!(journal.windows(2).all(|two| two[0].position < two[1].position));
        for record in records(&ledger) {
            let own: Vec<_> = journal.iter().filter(|t| t.id == record.id).collect();
            prop_assert!((1..).zip(&own).all(|(sequence, t)| t.sequence == sequence));
            prop_assert!(own.windows(2).all(|two| two[0].last_updated < two[1].last_updated));
            prop_assert!(own.windows(2).all(|two| two[1].before == Some(two[0].after.standing)));
            prop_assert_eq!(own.last().map(|t| &t.after), Some(&record.state));
        }
    }
}

fn shelf(pattern: &str) -> Control {
    let resources = vec![ResourceMatch::parse(pattern).unwrap()];
    let shelf = Shelf { name: "attic".to_owned(), resources, ..Shelf::default() };
    Control { shelves: Shelves::new(vec![shelf]), ..Control::default() }
}

fn silence(id: u128, resource: &str, starts_at: Timestamp, ends_at: Timestamp) -> Silence {
    let matcher =
        SilenceMatcher { name: "resource".to_owned(), value: resource.to_owned(), is_regex: false, is_equal: true };
    Silence {
        id: Uuid::from_u128(id),
        matchers: vec![matcher],
        starts_at,
        ends_at,
        updated_at: starts_at,
        created_by: "ops".to_owned(),
        comment: "at work".to_owned(),
    }
}

#[test]
fn alarms_move_to_shelves_and_back_when_these_change_and_stay_there_over_a_restart() {
    let world = World::new();
    let ledger = world.open();
    announced(&ledger, raise("a", Severity::Major));
    announced(&ledger, raise("b", Severity::Major));
    ledger.set_control(Some(shelf("a")), false).unwrap();
    let on_shelf =
        |ledger: &Ledger| ledger.alarms().shelved().map(|record| record.key.resource.clone()).collect::<Vec<_>>();
    assert_eq!(on_shelf(&ledger), ["a"]);
    assert_eq!(say(&ledger, raise("a", Severity::Critical)), Ok(Outcome::Held));
    assert_eq!(all(&ledger).len(), 2);
    world.fault.set(&[FaultPoint::BeforeRecords]);
    ledger.set_control(Some(shelf("b")), false).unwrap();
    assert_eq!(on_shelf(&ledger), ["b"]);
    assert_eq!(all(&ledger).last().unwrap().after.standing, stands(Severity::Critical));
    let before = records(&ledger);
    drop(ledger);
    let ledger = world.open();
    assert_eq!((on_shelf(&ledger), records(&ledger)), (vec!["b".to_owned()], before));
    ledger.set_control(Some(Control::default()), false).unwrap();
    assert_eq!((on_shelf(&ledger).len(), all(&ledger).len()), (0, 3));
}

#[tokio::test]
async fn a_silence_is_a_shelf_with_an_end_that_comes_by_itself() {
    let world = World::new();
    let ledger = world.open();
    ledger.report(vec![raise("a", Severity::Major)]).await.unwrap();
    let at = |seconds| world.clock.now() + Duration::from_secs(seconds);
    let quiet = silence(1, "a", at(60), at(120));
    ledger.put_silence(quiet.clone()).await.unwrap();
    assert_eq!(ledger.alarms().shelved_len(), 0);
    world.clock.advance(Duration::from_secs(60));
    ledger.expire_due().await.unwrap();
    assert_eq!(ledger.alarms().shelved().next().unwrap().shelf, Some(quiet.id.to_string()));
    ledger.report(vec![clear("a")]).await.unwrap();
    assert_eq!(all(&ledger).len(), 1);
    drop(ledger);
    let ledger = world.open();
    assert_eq!(ledger.alarms().silence(&quiet.id).map(|s| (**s).clone()), Some(quiet));
    world.clock.advance(Duration::from_secs(60));
    ledger.expire_due().await.unwrap();
    assert_eq!(ledger.alarms().shelved_len(), 0);
    assert!(all(&ledger).last().unwrap().after.standing.is_cleared, "what happened meanwhile is told now");
}

#[test]
fn operators_states_purges_and_compressions_are_durable() {
    let world = World::new();
    let ledger = world.open();
    let ids: Vec<AlarmId> = ["a", "b", "c"].map(|name| announced(&ledger, raise(name, Severity::Major)).id).to_vec();
    announced(&ledger, clear("b"));
    world.fault.set(&[FaultPoint::BeforeRecords]);
    let changed = ledger.set_operator_state(ids[..2].to_vec(), OperatorState::Closed, "ops", "done").unwrap();
    assert!(changed.iter().all(|record| record.operator_state() == OperatorState::Closed));
    assert_eq!(ledger.compress_where(CompressFilter::default(), false).unwrap(), 1);
    let closed = AlarmFilter {
        clearance: Clearance::Cleared,
        operator_state: Some(OperatorState::Closed),
        operator: Some("ops".to_owned()),
        ..AlarmFilter::default()
    };
    assert_eq!(ledger.purge_where(closed.clone(), true).unwrap(), 0);
    assert_eq!(ledger.purge_where(closed, false).unwrap(), 1);
    let before = records(&ledger);
    assert_eq!(before.iter().filter(|record| record.operator_state() == OperatorState::Closed).count(), 1);
    drop(ledger);
    assert_eq!(records(&world.open()), before);
}

#[tokio::test]
async fn a_reminder_is_a_transition_of_its_own_that_changes_nothing() {
    let world = World::new();
    let ledger = world.open();
    ledger.report(vec![raise("a", Severity::Major), raise("b", Severity::Major)]).await.unwrap();
    ledger.report(vec![clear("b")]).await.unwrap();
    let changed = ledger.alarm(&key("a").id()).unwrap().last_changed;
    let of = |name: &str| ReminderFor { alarm: key(name).id(), handlers: vec!["wh1".to_owned()] };
    assert_eq!(ledger.remind(vec![of("a"), of("b"), of("c")]).await.unwrap(), 1);
    let told = all(&ledger);
    let reminder = told.last().unwrap();
    assert!(reminder.is_reminder() && reminder.is_for("wh1") && !reminder.is_for("wh2"));
    assert_eq!((reminder.sequence, reminder.before), (2, Some(reminder.after.standing)));
    assert!(reminder.last_updated > told[0].last_updated);
    let record = ledger.alarm(&key("a").id()).unwrap();
    assert_eq!((record.status_changes.len(), record.last_changed), (1, changed));
    let before = records(&ledger);
    world.fault.set(&[FaultPoint::BeforeRecords]);
    drop(ledger);
    assert_eq!(records(&world.open()), before);
}

#[tokio::test]
async fn a_request_that_is_repeated_is_answered_as_before_and_decided_once() {
    let world = World::new();
    let ledger = world.open();
    let ask = |ledger: &Ledger, digest: &str, report| {
        let (ledger, digest) = (ledger.clone(), digest.to_owned());
        async move {
            let answer = |verdicts: Vec<Verdict>| format!("{}", verdicts[0].is_ok());
            ledger.report_once("k".to_owned(), digest, vec![report], answer).await.unwrap()
        }
    };
    assert_eq!(ask(&ledger, "d1", raise("a", Severity::Major)).await, Answered::With("true".to_owned()));
    ledger.report(vec![clear("a")]).await.unwrap();
    drop(ledger);
    let ledger = world.open();
    assert_eq!(ask(&ledger, "d1", raise("a", Severity::Major)).await, Answered::With("true".to_owned()));
    assert!(ledger.alarm(&key("a").id()).unwrap().is_cleared());
    assert_eq!(ask(&ledger, "d2", raise("a", Severity::Major)).await, Answered::Otherwise);
}

#[tokio::test]
async fn what_is_held_back_is_told_as_the_clock_goes_and_not_before() {
    let world = World::new();
    let ledger = world.open();
    let spec = TypeSpec { rise_hold_down: Duration::from_secs(10), ..TypeSpec::default() };
    let types = Types::new(BTreeMap::from([("no-answer".to_owned(), spec)]));
    let control = Control { types, ..Control::default() };
    let setting = ledger.clone();
    tokio::task::spawn_blocking(move || setting.set_control(Some(control), false)).await.unwrap().unwrap();
    assert_eq!(ledger.report(vec![raise("a", Severity::Major)]).await.unwrap(), [Ok(Outcome::Held)]);
    world.clock.advance(Duration::from_secs(9));
    ledger.expire_due().await.unwrap();
    assert_eq!(all(&ledger).len(), 0);
    let before = records(&ledger);
    world.fault.set(&[FaultPoint::BeforeRecords]);
    drop(ledger);
    let ledger = world.open();
    assert_eq!(records(&ledger), before);
    world.clock.advance(Duration::from_secs(1));
    ledger.expire_due().await.unwrap();
    assert_eq!(all(&ledger).len(), 1);
}

#[test]
fn the_element_has_room_to_say_that_the_list_is_full() {
    let world = World::new();
    let control = Control { alarms_max: 1, ..Control::default() };
    let ledger = world.open_with(LedgerOptions { control, ..LedgerOptions::default() });
    announced(&ledger, raise("a", Severity::Major));
    assert!(say(&ledger, raise("b", Severity::Major)).is_err());
    assert_eq!(ledger.refused(), 1);
    let Report::Raise { key, severity, text, .. } = raise("own", Severity::Major) else { return };
    let contribution = ContributionKey::own();
    announced(&ledger, Report::Raise { key, severity, text, contribution, ends_at: None, note: None });
    assert!(say(&ledger, raise("b", Severity::Major)).is_err());
}

/// What may happen to a list beside reports.
#[derive(Debug, Clone)]
enum Deed {
    Report(u8, usize),
    Shelves(u8),
    Operator(u8, usize),
    Purge(usize),
    Compress,
    Wait(u64),
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (0_u8..4, 0_usize..7).prop_map(|(name, what)| Deed::Report(name, what)),
        2 => (0_u8..5).prop_map(Deed::Shelves),
        2 => (0_u8..4, 0_usize..3).prop_map(|(name, state)| Deed::Operator(name, state)),
        1 => (0_usize..3).prop_map(Deed::Purge),
        1 => Just(Deed::Compress),
        2 => (0_u64..30).prop_map(Deed::Wait),
        2 => Just(Deed::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is done, a process that is killed and started again has the same list, and handlers were told a chain in
    /// which each link begins where the one before ended.
    #[test]
    fn a_list_comes_back_as_it_was_whatever_was_done_to_it(
        deeds in prop::collection::vec(deed(), 1..40), hold in 0_u64..20,
    ) {
        let world = World::new();
        world.fault.set(&[FaultPoint::BeforeRecords]);
        let control = |shelved: u8| {
            let spec = TypeSpec { rise_hold_down: Duration::from_secs(hold), ..TypeSpec::default() };
            let types = Types::new(BTreeMap::from([("no-answer".to_owned(), spec)]));
            Control { types, ..shelf(&format!("[{shelved}-9]")) }
        };
        let open = |shelved| world.open_with(LedgerOptions { control: control(shelved), ..LedgerOptions::default() });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut shelved, mut ledger) = (4, open(4));
        for deed in deeds {
            match deed {
                Deed::Report(name, what) => {
                    let name = name.to_string();
                    let report = Severity::ALL.get(what).map_or_else(|| clear(&name), |s| raise(&name, *s));
                    drop(say(&ledger, report));
                }
                Deed::Shelves(from) => {
                    shelved = from;
                    ledger.set_control(Some(control(from)), false).unwrap();
                }
                Deed::Operator(name, state) => {
                    let id = key(&name.to_string()).id();
                    drop(ledger.set_operator_state(vec![id], OperatorState::WRITABLE[state], "ops", "").unwrap());
                }
                Deed::Purge(clearance) => {
                    let filter = AlarmFilter { clearance: Clearance::ALL[clearance], ..AlarmFilter::default() };
                    ledger.purge_where(filter, false).unwrap();
                }
                Deed::Compress => drop(ledger.compress_where(CompressFilter::default(), true).unwrap()),
                Deed::Wait(seconds) => {
                    world.clock.advance(Duration::from_secs(seconds));
                    runtime.block_on(ledger.expire_due()).unwrap();
                }
                Deed::Restart => {
                    let before = records(&ledger);
                    drop(ledger);
                    ledger = open(shelved);
                    prop_assert_eq!(before, records(&ledger));
                }
            }
        }
        let journal = all(&ledger);
        for record in records(&ledger) {
            // After a purge an alarm begins anew.
            let own: Vec<_> = journal.iter().filter(|t| t.id == record.id).collect();
            let anew = own.iter().rposition(|t| t.sequence == 1).unwrap_or(0);
            let own = own.get(anew..).unwrap_or_default();
            if record.sequence > 0 {
                prop_assert!((1..).zip(own).all(|(sequence, t)| t.sequence == sequence));
                prop_assert!(own.windows(2).all(|two| two[1].before == Some(two[0].after.standing)));
                prop_assert!(own.windows(2).all(|two| two[0].last_updated < two[1].last_updated));
                prop_assert_eq!(own.last().map(|t| t.after.standing), record.announced());
            }
        }
    }
}
