//! Lanes against a model: whatever fails, whenever the process dies, each alarm is told in order and nothing is lost.

use super::DeliverySpec;
use super::lane::{Consequence, EXCEPTIONS_MAX, FAILING_AFTER, GivenUp, Lane, WINDOW};
use super::parcel::Now;
use super::reading::Restored;
use crate::alarm::{AlarmKey, AlarmState, AlarmText, JournalPosition, Severity, Standing, Transition};
use crate::handler::Outcome;
use crate::store::{LaneException, LaneExceptionState};
use crate::transport::FailureReason;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const LANE: Uuid = Uuid::from_u128(7);
const DELIVERED: Outcome = Outcome::Delivered;
const RETRY: Outcome = Outcome::Retry { reason: FailureReason::ServerError, after: None, pauses_lane: false };
const REFUSED: Outcome = Outcome::GiveUp { reason: FailureReason::BodyRefused };
const SUSPEND: Outcome = Outcome::Suspend { reason: FailureReason::NotFound };

fn at(seconds: u64) -> Now {
    let wall = Timestamp::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap();
    Now { elapsed: Duration::from_secs(seconds), wall }
}

fn transition(position: u64, alarm: u64) -> Arc<Transition> {
    let key = AlarmKey {
        node: "n1".to_owned(),
        resource_type: "service".to_owned(),
        resource: alarm.to_string(),
        alarm_type: "failed-connection".to_owned(),
        qualifier: String::new(),
    };
    Arc::new(Transition {
        position: JournalPosition(position),
        id: key.id(),
        key,
        sequence: position,
        before: None,
        after: AlarmState {
            standing: Standing { severity: Severity::Major, is_cleared: false },
            text: AlarmText::default(),
            impact: Vec::new(),
        },
        last_updated: Timestamp::UNIX_EPOCH,
        revision: 1,
        reminds: Vec::new(),
    })
}

fn spec() -> DeliverySpec {
    DeliverySpec { max_in_flight: 4, ..DeliverySpec::default() }
}

/// A new lane with transitions at 1, 2, …, of the alarms given.
fn lane(alarms: &[u64]) -> Lane {
    let mut lane = Lane::new(LANE, JournalPosition(0), spec(), Restored::default(), at(0));
    let transitions = (1..).zip(alarms).map(|(position, alarm)| transition(position, *alarm)).collect();
    lane.offer(transitions, JournalPosition(0));
    lane
}

fn start(lane: &mut Lane, seconds: u64) -> Vec<u64> {
    std::iter::from_fn(|| lane.start(at(seconds))).map(|t| t.position.0).collect()
}

fn finish(lane: &mut Lane, position: u64, outcome: Outcome, seconds: u64) -> Consequence {
    lane.finish(JournalPosition(position), outcome, at(seconds))
}

#[test]
fn a_clear_waits_for_its_raise_and_other_alarms_do_not() {
    let mut lane = lane(&[1, 1, 2]);
    assert_eq!(start(&mut lane, 0), [1, 3]);
    finish(&mut lane, 1, RETRY, 0);
    finish(&mut lane, 3, DELIVERED, 0);
    // The first retry is due at once.
    assert_eq!(start(&mut lane, 0), [1]);
    finish(&mut lane, 1, RETRY, 0);
    assert_eq!(start(&mut lane, 0), [0; 0]);
    assert!(lane.wake_at().unwrap() >= Duration::from_millis(800));
    assert_eq!(start(&mut lane, 2), [1]);
    assert_eq!(finish(&mut lane, 1, DELIVERED, 2), Consequence::Delivered { resumed: false });
    assert_eq!(start(&mut lane, 2), [2]);
}

#[test]
fn the_low_water_mark_passes_what_waits_for_a_retry() {
    let mut lane = lane(&[1, 1, 2, 3]);
    start(&mut lane, 0);
    finish(&mut lane, 1, RETRY, 0);
    finish(&mut lane, 3, DELIVERED, 0);
    let progress = lane.progress(at(0)).unwrap();
    assert_eq!(progress.low, JournalPosition(3));
    let rows: Vec<_> = progress.put.iter().map(|e| (e.position.0, e.attempts, e.state)).collect();
    let parked = LaneExceptionState::Parked;
    assert_eq!(rows, [(1, 1, LaneExceptionState::Retrying { next_at: at(0).wall }), (2, 0, parked)]);
    assert_eq!(lane.progress(at(0)), None);
}

#[test]
fn an_idle_lane_wants_neither_a_wake_up_nor_a_write() {
    let mut lane = lane(&[1]);
    start(&mut lane, 0);
    finish(&mut lane, 1, DELIVERED, 0);
    assert_eq!(lane.progress(at(0)).unwrap().low, JournalPosition(1));
    assert_eq!((lane.progress(at(1)), lane.wake_at()), (None, None));
}

#[test]
fn a_message_that_is_refused_each_time_is_given_up_and_the_next_goes_on() {
    let mut lane = lane(&[1, 1]);
    for second in [0, 0] {
        assert_eq!(start(&mut lane, second), [1]);
        assert_eq!(finish(&mut lane, 1, REFUSED, second), Consequence::Again);
    }
    start(&mut lane, 10);
    let given_up = GivenUp::Refused(FailureReason::BodyRefused);
    assert_eq!(finish(&mut lane, 1, REFUSED, 10), Consequence::GivenUp(given_up));
    assert_eq!(start(&mut lane, 10), [2]);
}

#[test]
fn a_delivery_is_given_up_when_it_was_tried_for_long_enough() {
    let mut lane = lane(&[1]);
    start(&mut lane, 0);
    finish(&mut lane, 1, RETRY, 0);
    start(&mut lane, 86_399);
    assert_eq!(finish(&mut lane, 1, RETRY, 86_399), Consequence::Again);
    assert_eq!(start(&mut lane, 86_900), [1]);
    let given_up = GivenUp::TriedTooLong(FailureReason::ServerError);
    assert_eq!(finish(&mut lane, 1, RETRY, 86_900), Consequence::GivenUp(given_up));
    assert_eq!((lane.unsettled(), lane.progress(at(86_900)).unwrap().low), (0, JournalPosition(1)));
}

/// Lets the first delivery be refused until the lane is suspended, at 100 seconds.
fn suspended(alarms: &[u64]) -> Lane {
    let mut lane = lane(alarms);
    let mut consequence = Consequence::Unknown;
    for second in [0, 0, 100] {
        assert!(start(&mut lane, second).contains(&1));
        consequence = finish(&mut lane, 1, SUSPEND, second);
    }
    assert_eq!(consequence, Consequence::Suspended);
    lane
}

#[test]
fn a_suspended_lane_probes_with_one_delivery_and_loses_nothing() {
    let mut lane = suspended(&[1, 1]);
    assert_eq!(start(&mut lane, 300), [0; 0]);
    for day in 1..5 {
        assert_eq!(start(&mut lane, day * 86_400), [1]);
        assert_eq!(finish(&mut lane, 1, if day % 2 == 0 { SUSPEND } else { RETRY }, day * 86_400), Consequence::Again);
        let wait = lane.wake_at().unwrap().saturating_sub(Duration::from_secs(day * 86_400));
        assert!((240..=360).contains(&wait.as_secs()), "{wait:?}");
    }
    start(&mut lane, 500_000);
    assert_eq!(finish(&mut lane, 1, DELIVERED, 500_000), Consequence::Delivered { resumed: true });
    assert_eq!(start(&mut lane, 500_000), [2]);
}

#[test]
fn another_configuration_resumes_a_lane_and_retries_at_once() {
    let mut lane = suspended(&[1, 2]);
    lane.reconfigure(spec(), at(101));
    assert!(!lane.is_suspended());
    assert_eq!(start(&mut lane, 101), [1]);
}

#[test]
fn retry_after_holds_the_whole_lane() {
    let mut lane = lane(&[1, 2, 3, 4, 5]);
    assert_eq!(start(&mut lane, 0), [1, 2, 3, 4]);
    let after = Some(Duration::from_secs(30));
    let wait = Outcome::Retry { reason: FailureReason::Throttled, after, pauses_lane: true };
    finish(&mut lane, 1, wait, 0);
    finish(&mut lane, 2, DELIVERED, 0);
    assert_eq!(start(&mut lane, 29), [0; 0]);
    assert_eq!(lane.wake_at(), after);
    assert_eq!(start(&mut lane, 30), [1, 5]);
}

#[test]
fn a_handler_that_fails_is_tried_by_one_at_a_time() {
    let mut lane = lane(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    let mut failures = 0;
    while failures < FAILING_AFTER {
        for position in start(&mut lane, 0) {
            finish(&mut lane, position, RETRY, 0);
            failures += 1;
        }
    }
    let one = start(&mut lane, 1000);
    assert_eq!(one.len(), 1);
    finish(&mut lane, one[0], DELIVERED, 1000);
    assert_eq!(start(&mut lane, 1000).len(), spec().max_in_flight);
}

#[test]
fn a_lane_with_very_many_exceptions_reads_no_further() {
    let alarms: Vec<u64> = (0..EXCEPTIONS_MAX as u64).collect();
    let mut lane = lane(&alarms);
    assert!(lane.room() > 0 && lane.room() < WINDOW);
    let mut failed = 0;
    while failed < EXCEPTIONS_MAX {
        for position in start(&mut lane, 0) {
            let before = lane.exceptions();
            finish(&mut lane, position, RETRY, 0);
            failed += lane.exceptions() - before;
        }
    }
    assert_eq!(lane.room(), 0);
}

/// A store, a journal and a receiver, as far as one lane goes.
struct World {
    journal: Vec<Arc<Transition>>,
    low: JournalPosition,
    rows: BTreeMap<JournalPosition, LaneException>,
    lane: Lane,
    now: u64,
    under_way: Vec<Arc<Transition>>,
    settled: BTreeSet<JournalPosition>,
    /// Positions that may be told again, because a crash forgot that they were.
    crashed_at: JournalPosition,
    last: HashMap<crate::alarm::AlarmId, JournalPosition>,
}

#[derive(Debug, Clone)]
enum Step {
    Happen(Vec<u64>),
    Start,
    Finish(prop::sample::Index, Outcome),
    Write,
    Crash,
    Wait(u64),
    Reconfigure,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        6 => Just(DELIVERED),
        3 => Just(RETRY),
        1 => Just(REFUSED),
        1 => Just(SUSPEND),
        1 => (1_u64..20).prop_map(|s| Outcome::Retry {
            reason: FailureReason::Throttled, after: Some(Duration::from_secs(s)), pauses_lane: true,
        }),
    ];
    let step = prop_oneof![
        3 => prop::collection::vec(0_u64..5, 1..8).prop_map(Step::Happen),
        4 => Just(Step::Start),
        8 => (any::<prop::sample::Index>(), outcome).prop_map(|(index, outcome)| Step::Finish(index, outcome)),
        2 => Just(Step::Write),
        1 => Just(Step::Crash),
        3 => (0_u64..400).prop_map(Step::Wait),
        1 => Just(Step::Reconfigure),
    ];
    prop::collection::vec(step, 1..120)
}

impl World {
    fn new() -> Self {
        Self {
            journal: Vec::new(),
            low: JournalPosition(0),
            rows: BTreeMap::new(),
            lane: lane(&[]),
            now: 0,
            under_way: Vec::new(),
            settled: BTreeSet::new(),
            crashed_at: JournalPosition(0),
            last: HashMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Happen(alarms) => {
                for alarm in alarms {
                    self.journal.push(transition(self.journal.len() as u64 + 1, alarm));
                }
            }
            Step::Start => {
                let from = usize::try_from(self.lane.read().0).unwrap();
                let room = self.lane.room();
                self.lane.offer(self.journal[from..].iter().take(room).cloned().collect(), JournalPosition(0));
                while let Some(transition) = self.lane.start(at(self.now)) {
                    assert!(self.under_way.iter().all(|other| other.id != transition.id), "two of one alarm at once");
                    self.under_way.push(transition);
                }
            }
            Step::Finish(index, outcome) => {
                if !self.under_way.is_empty() {
                    let transition = self.under_way.swap_remove(index.index(self.under_way.len()));
                    let consequence = self.lane.finish(transition.position, outcome, at(self.now));
                    if matches!(consequence, Consequence::Delivered { .. } | Consequence::GivenUp(_)) {
                        self.settle(&transition);
                    }
                }
            }
            Step::Write => {
                if let Some(progress) = self.lane.progress(at(self.now)) {
                    assert!(progress.low >= self.low, "the low-water mark fell");
                    assert!(progress.put.iter().all(|e| e.position <= progress.low));
                    self.low = progress.low;
                    self.rows.retain(|position, _| !progress.settled.contains(position));
                    self.rows.extend(progress.put.into_iter().map(|e| (e.position, e)));
                }
                self.check_stored();
            }
            Step::Crash => {
                let found = self
                    .rows
                    .values()
                    .map(|e| (Arc::clone(&self.journal[usize::try_from(e.position.0).unwrap() - 1]), e.clone()));
                let restored = Restored { found: found.collect(), missing: Vec::new() };
                self.lane = Lane::new(LANE, self.low, spec(), restored, at(self.now));
                self.under_way.clear();
                self.crashed_at = self.settled.last().copied().unwrap_or_default();
            }
            Step::Wait(seconds) => self.now += seconds,
            Step::Reconfigure => self.lane.reconfigure(spec(), at(self.now)),
        }
    }

    fn settle(&mut self, transition: &Transition) {
        let earlier = self.journal.iter().filter(|t| t.id == transition.id && t.position < transition.position);
        assert!(earlier.clone().all(|t| self.settled.contains(&t.position)), "one of an alarm was overtaken");
        let is_new = self.settled.insert(transition.position);
        assert!(is_new || transition.position <= self.crashed_at, "told twice without a crash");
        // A repeat after a crash begins somewhere behind, and goes on in order.
        let last = self.last.insert(transition.id, transition.position);
        let next = self.journal.iter().find(|t| t.id == transition.id && last.is_some_and(|last| t.position > last));
        let goes_on = last.is_none() || next.is_some_and(|next| next.position == transition.position);
        assert!(goes_on || transition.position <= self.crashed_at, "out of order");
    }

    /// What the store says must cover all that is not settled.
    fn check_stored(&self) {
        for transition in self.journal.iter().filter(|t| t.position <= self.low && !self.settled.contains(&t.position))
        {
            assert!(self.rows.contains_key(&transition.position), "{:?} would be lost", transition.position);
        }
    }

    fn end_well(&mut self) {
        for _ in 0..20_000 {
            self.take(Step::Start);
            if self.under_way.is_empty() {
                match self.lane.wake_at() {
                    None => break,
                    Some(wake) => self.now = self.now.max(wake.as_secs() + 1),
                }
            }
            let index = any::<prop::sample::Index>();
            let mut runner = proptest::test_runner::TestRunner::deterministic();
            let index = proptest::strategy::ValueTree::current(&index.new_tree(&mut runner).unwrap());
            self.take(Step::Finish(index, DELIVERED));
        }
        self.take(Step::Write);
        assert_eq!(self.settled.len(), self.journal.len(), "some were lost");
        assert_eq!((self.low.0, self.rows.len()), (self.journal.len() as u64, 0));
        assert_eq!((self.lane.unsettled(), self.lane.wake_at()), (0, None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_fails_each_alarm_is_told_in_order_and_nothing_is_lost(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.end_well();
    }
}
