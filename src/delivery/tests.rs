//! Lanes against a model: whatever fails, whenever the process dies, each alarm is told in order and nothing is lost.

use super::admission::Admission;
use super::fate::Fate;
use super::filter::Filter;
use super::health::FAILING_AFTER;
use super::lane::{Consequence, EXCEPTIONS_MAX, Identity, Landing, Lane, WINDOW};
use super::parcel::Now;
use super::reading::Restored;
use super::spec::Terms;
use super::{DeliverySpec, FilteredBy, Order, RateLimit, SuspendAfter};
use crate::alarm::{AlarmKey, AlarmState, JournalPosition, Severity, Standing, Transition};
use crate::handler::Outcome;
use crate::store::{LaneException, LaneExceptionState, LaneFilter};
use crate::transport::FailureReason;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
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
    change(position, alarm, None, Standing { severity: Severity::Major, is_cleared: false })
}

fn change(position: u64, alarm: u64, before: Option<Standing>, after: Standing) -> Arc<Transition> {
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
        key: key.into(),
        sequence: position,
        before,
        after: AlarmState { standing: after, text: Arc::default(), impact: Vec::new() },
        last_updated: Timestamp::UNIX_EPOCH,
        revision: 1,
        base_url: None,
        reminds: Vec::new(),
        stood: std::collections::BTreeSet::new(),
        raised: JournalPosition(0),
        project: None,
        moves: None,
    })
}

fn spec() -> DeliverySpec {
    DeliverySpec { max_in_flight: 4, ..DeliverySpec::default() }
}

fn terms(delivery: DeliverySpec) -> Terms {
    Terms { handler: "wh1".to_owned(), http_client: Some("c1".to_owned()), filter: Filter::default(), delivery }
}

fn open(low: JournalPosition, terms: Terms, restored: Restored, now: Now) -> Lane {
    let identity = Identity { incarnation: LANE, number: 1, start: JournalPosition(0) };
    Lane::new(identity, low, terms, 1, Arc::new(AtomicU64::new(1)), restored, now)
}

/// A new lane with transitions at 1, 2, …, of the alarms given.
fn lane(alarms: &[u64]) -> Lane {
    lane_with(spec(), alarms)
}

fn lane_with(spec: DeliverySpec, alarms: &[u64]) -> Lane {
    let mut lane = open(JournalPosition(0), terms(spec), Restored::default(), at(0));
    let transitions = (1..).zip(alarms).map(|(position, alarm)| transition(position, *alarm)).collect();
    lane.offer(transitions, JournalPosition(0), at(0));
    // That it began with this filter.
    lane.progress(at(0));
    lane
}

fn start(lane: &mut Lane, seconds: u64) -> Vec<u64> {
    std::iter::from_fn(|| lane.start(at(seconds))).map(|t| t.position.0).collect()
}

fn finish(lane: &mut Lane, position: u64, outcome: Outcome, seconds: u64) -> Consequence {
    lane.finish(JournalPosition(position), landing(outcome), at(seconds)).consequence
}

fn landing(outcome: Outcome) -> Landing {
    Landing { outcome, status: 0, duration: Duration::ZERO }
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
    assert!(lane.wake_at(Duration::ZERO).unwrap() >= Duration::from_millis(800));
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
    assert_eq!((lane.progress(at(1)), lane.wake_at(Duration::from_secs(1))), (None, None));
}

#[test]
fn a_message_that_is_refused_each_time_is_given_up_and_the_next_goes_on() {
    let mut lane = lane(&[1, 1]);
    for second in [0, 0] {
        assert_eq!(start(&mut lane, second), [1]);
        assert_eq!(finish(&mut lane, 1, REFUSED, second), Consequence::Again);
    }
    start(&mut lane, 10);
    let given_up = Fate::Dead(FailureReason::BodyRefused);
    assert_eq!(finish(&mut lane, 1, REFUSED, 10), Consequence::Settled(given_up));
    assert_eq!(start(&mut lane, 10), [2]);
}

#[test]
fn a_delivery_is_given_up_when_it_was_tried_for_long_enough() {
    let mut lane = lane(&[1]);
    for second in [0, 10, 100, 1000, 10_000, 86_390] {
        start(&mut lane, second);
        assert_eq!(finish(&mut lane, 1, RETRY, second), Consequence::Again);
    }
    // The last attempt is made when the time is over, not an interval later.
    assert_eq!(start(&mut lane, 86_399), [0; 0]);
    assert_eq!(start(&mut lane, 86_400), [1]);
    let given_up = Fate::Expired(FailureReason::ServerError);
    assert_eq!(finish(&mut lane, 1, RETRY, 86_400), Consequence::Settled(given_up));
    assert_eq!((lane.unsettled(), lane.progress(at(86_400)).unwrap().low), (0, JournalPosition(1)));
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
        let now = Duration::from_secs(day * 86_400);
        let wait = lane.wake_at(now).unwrap().saturating_sub(now);
        assert!((240..=360).contains(&wait.as_secs()), "{wait:?}");
    }
    start(&mut lane, 500_000);
    assert_eq!(finish(&mut lane, 1, DELIVERED, 500_000), Consequence::Delivered { resumed: true });
    assert_eq!(start(&mut lane, 500_000), [2]);
}

#[test]
fn another_configuration_resumes_a_lane_and_retries_at_once() {
    let mut lane = suspended(&[1, 2]);
    lane.reconfigure(terms(spec()), at(101));
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
    assert_eq!(lane.wake_at(Duration::from_secs(29)), after);
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
fn a_handler_that_fails_is_tried_at_the_pace_of_one_delivery_however_many_wait() {
    let mut lane = lane(&(0..1000).collect::<Vec<u64>>());
    let mut attempts = 0;
    for second in 0..600 {
        loop {
            let started = start(&mut lane, second);
            if started.is_empty() {
                break;
            }
            attempts += started.len();
            for position in started {
                finish(&mut lane, position, RETRY, second);
            }
        }
    }
    assert!(attempts < 30, "{attempts} attempts in ten minutes");
    let wake = lane.wake_at(Duration::from_secs(599)).unwrap();
    assert!(wake <= Duration::from_secs(1000), "{wake:?}");
}

#[test]
fn a_lane_reaches_what_it_may_have_in_flight_by_deliveries_and_begins_anew_after_a_failure() {
    let mut lane = lane_with(DeliverySpec { max_in_flight: 64, ..spec() }, &(0..1000).collect::<Vec<u64>>());
    let mut reached = Vec::new();
    for _ in 0..12 {
        let started = start(&mut lane, 0);
        reached.push(started.len());
        for position in started {
            finish(&mut lane, position, DELIVERED, 0);
        }
    }
    assert_eq!(reached, [8, 10, 12, 15, 19, 24, 30, 37, 46, 58, 64, 64]);
    let full = start(&mut lane, 0);
    finish(&mut lane, full[0], RETRY, 0);
    for position in &full[1..full.len() - 1] {
        finish(&mut lane, *position, DELIVERED, 0);
    }
    assert_eq!(start(&mut lane, 0).len(), 8 + 62 / 4 - 1);
}

#[test]
fn a_lane_with_very_many_exceptions_reads_no_further() {
    let spec = DeliverySpec { max_in_flight: 1024, ..spec() };
    let alarms: Vec<u64> = (0..EXCEPTIONS_MAX as u64 * 3 / 2).collect();
    let mut lane = lane_with(spec, &alarms);
    let window = 2 * WINDOW;
    assert!(lane.room(window) > 0 && lane.room(window) < window);
    // One of five is delivered: the lane is not failing, and goes on to others.
    let outcomes = [DELIVERED, RETRY, RETRY, RETRY, RETRY];
    let mut under_way = Vec::new();
    let mut outcomes = outcomes.into_iter().cycle();
    while lane.exceptions() < EXCEPTIONS_MAX {
        under_way.extend(start(&mut lane, 0));
        finish(&mut lane, under_way.pop().unwrap(), outcomes.next().unwrap(), 0);
    }
    assert_eq!((lane.exceptions(), lane.room(window)), (EXCEPTIONS_MAX, 0));
}

#[test]
fn what_waits_goes_by_severity_and_a_clear_is_as_urgent_as_its_raise() {
    let mut lane = open(JournalPosition(0), terms(spec()), Restored::default(), at(0));
    let standing = |severity| Standing { severity, is_cleared: false };
    let cleared = Standing { severity: Severity::Critical, is_cleared: true };
    let changes = vec![
        change(1, 1, None, standing(Severity::Warning)),
        change(2, 2, None, standing(Severity::Indeterminate)),
        change(3, 3, None, standing(Severity::Major)),
        change(4, 4, Some(standing(Severity::Critical)), cleared),
        change(5, 5, Some(standing(Severity::Critical)), standing(Severity::Minor)),
        change(6, 6, None, standing(Severity::Minor)),
    ];
    lane.offer(changes, JournalPosition(0), at(0));
    assert_eq!(start(&mut lane, 0), [4, 5, 3, 6]);
    finish(&mut lane, 3, DELIVERED, 0);
    assert_eq!(start(&mut lane, 0), [1]);
}

#[test]
fn what_must_arrive_before_something_urgent_is_as_urgent() {
    let mut lane = open(JournalPosition(0), terms(spec()), Restored::default(), at(0));
    let standing = |severity| Standing { severity, is_cleared: false };
    let (warning, critical) = (standing(Severity::Warning), standing(Severity::Critical));
    let changes = vec![
        change(1, 1, None, warning),
        change(2, 2, None, standing(Severity::Major)),
        change(3, 3, None, warning),
        change(4, 4, None, warning),
        change(5, 4, Some(warning), standing(Severity::Minor)),
        change(6, 4, Some(standing(Severity::Minor)), critical),
        change(7, 5, None, warning),
        change(8, 6, None, standing(Severity::Minor)),
    ];
    lane.offer(changes, JournalPosition(0), at(0));
    assert_eq!(start(&mut lane, 0), [4, 2, 8, 1]);
    finish(&mut lane, 4, DELIVERED, 0);
    assert_eq!(start(&mut lane, 0), [5]);
    finish(&mut lane, 5, DELIVERED, 0);
    assert_eq!(start(&mut lane, 0), [6]);
    finish(&mut lane, 6, DELIVERED, 0);
    assert_eq!(start(&mut lane, 0), [3]);
}

#[test]
fn a_receiver_that_refuses_every_body_is_told_apart_from_one_that_refuses_some() {
    let mut lane = lane(&[1, 2, 3, 4]);
    let bury = |lane: &mut Lane, position| {
        for second in [0, 0, 10] {
            start(lane, second);
            finish(lane, position, REFUSED, second);
        }
    };
    bury(&mut lane, 1);
    bury(&mut lane, 2);
    assert!(!lane.health().is_refused());
    bury(&mut lane, 3);
    assert!(lane.health().is_refused());
    // A restart knows it, too.
    let condition = lane.progress(at(10)).unwrap().condition;
    let restored = Restored { condition, ..Restored::default() };
    assert!(open(JournalPosition(4), terms(spec()), restored, at(20)).health().is_refused());
    // It is not told that it is told nothing, until something arrives.
    lane.offer(vec![about(5, "alarm-handler", "wh1")], JournalPosition(0), at(10));
    assert_eq!(start(&mut lane, 10), [0; 0]);
    finish(&mut lane, 4, DELIVERED, 10);
    assert!(!lane.health().is_refused());
    assert_eq!(start(&mut lane, 10), [5]);
}

#[test]
fn the_newest_state_takes_the_place_of_what_was_not_delivered() {
    let latest = DeliverySpec { order: Order::LatestState, ..spec() };
    let mut lane = lane_with(latest, &[1, 2, 1, 1]);
    assert_eq!(lane.unsettled(), 2);
    assert_eq!(start(&mut lane, 0), [2, 4]);
    // What is under way stays; it gives way when it fails.
    lane.offer(vec![transition(5, 1)], JournalPosition(0), at(0));
    assert_eq!(start(&mut lane, 0), [0; 0]);
    assert_eq!(finish(&mut lane, 4, RETRY, 0), Consequence::Settled(Fate::Superseded));
    assert_eq!(start(&mut lane, 0), [5]);
    finish(&mut lane, 5, DELIVERED, 0);
    finish(&mut lane, 2, DELIVERED, 0);
    assert_eq!((lane.unsettled(), lane.progress(at(0)).unwrap().low), (0, JournalPosition(5)));
}

#[test]
fn a_filter_counts_at_the_first_attempt_and_not_after_it() {
    let mut lane = lane(&[1, 2, 3]);
    assert_eq!(start(&mut lane, 0), [1, 2, 3]);
    finish(&mut lane, 1, RETRY, 0);
    lane.offer(vec![transition(4, 2), transition(5, 3)], JournalPosition(0), at(0));
    let only = Filter { resources: BTreeSet::from(["3".to_owned()]), ..Filter::default() };
    lane.reconfigure(Terms { filter: only, ..terms(spec()) }, at(0));
    for position in [2, 3] {
        finish(&mut lane, position, DELIVERED, 0);
    }
    // The first was attempted before; that of the other alarm was not.
    assert_eq!(start(&mut lane, 0), [1, 5]);
    let noted: Vec<_> = lane.noted().iter().map(|s| (s.position.0, Fate::of_codes(s.fate, s.reason))).collect();
    assert!(noted.contains(&(4, Some(Fate::Filtered(FilteredBy::Resources)))), "{noted:?}");
    lane.offer(vec![transition(6, 1)], JournalPosition(7), at(0));
    assert_eq!((lane.read(), lane.unsettled()), (JournalPosition(7), 2));
    let filters = lane.progress(at(0)).unwrap().filters;
    assert_eq!(filters.into_iter().map(|(_, filter)| filter.from.0).collect::<Vec<_>>(), [6]);
}

fn about(position: u64, resource_type: &str, resource: &str) -> Arc<Transition> {
    let mut transition = Transition::clone(&transition(position, 0));
    let key = Arc::make_mut(&mut transition.key);
    (key.resource_type, key.resource) = (resource_type.to_owned(), resource.to_owned());
    transition.id = transition.key.id();
    Arc::new(transition)
}

#[test]
fn an_alarm_about_a_handler_or_its_client_is_withheld_while_its_last_attempt_failed() {
    let mut lane = lane(&[1]);
    start(&mut lane, 0);
    finish(&mut lane, 1, RETRY, 0);
    let own = ["alarm-handler", "http-client"].into_iter().zip(["wh1", "c1"]);
    let mut alarms: Vec<_> = (2..).zip(own).map(|(position, (kind, name))| about(position, kind, name)).collect();
    alarms.push(about(4, "alarm-handler", "another"));
    lane.offer(alarms, JournalPosition(0), at(0));
    assert_eq!(start(&mut lane, 0), [1, 4]);
    finish(&mut lane, 4, RETRY, 0);
    // They do not hold up the low-water mark.
    assert_eq!(lane.progress(at(0)).unwrap().low, JournalPosition(4));
    finish(&mut lane, 1, DELIVERED, 0);
    assert_eq!(start(&mut lane, 0), [2, 3, 4]);
}

/// Lets the only other delivery of a failing handler run out of time, with two alarms about the handler behind it.
fn with_nothing_but_itself() -> Lane {
    let mut lane = lane_with(DeliverySpec { retry_for: Duration::from_secs(60), ..spec() }, &[1]);
    start(&mut lane, 0);
    finish(&mut lane, 1, RETRY, 0);
    lane.offer(vec![about(2, "alarm-handler", "wh1"), about(3, "http-client", "c1")], JournalPosition(0), at(0));
    assert_eq!(start(&mut lane, 61), [1]);
    assert_eq!(finish(&mut lane, 1, RETRY, 61), Consequence::Settled(Fate::Expired(FailureReason::ServerError)));
    lane
}

#[test]
fn what_is_about_a_handler_finds_out_whether_it_works_when_nothing_else_is_left() {
    let mut lane = with_nothing_but_itself();
    assert_eq!(start(&mut lane, 61), [0; 0]);
    let wake = lane.wake_at(Duration::from_secs(61)).unwrap();
    assert!(wake <= Duration::from_secs(63), "{wake:?}");
    assert_eq!(start(&mut lane, 63), [3]);
    assert_eq!(finish(&mut lane, 3, DELIVERED, 63), Consequence::Delivered { resumed: false });
    assert_eq!(start(&mut lane, 63), [2]);
    finish(&mut lane, 2, DELIVERED, 63);
    assert_eq!((lane.unsettled(), lane.wake_at(Duration::from_secs(63))), (0, None));
}

#[test]
fn what_is_about_a_handler_is_tried_one_at_a_time_at_the_pace_of_retries_and_gives_way_to_others() {
    let mut lane = with_nothing_but_itself();
    let mut attempts = 0;
    for second in 61..121 {
        for position in start(&mut lane, second) {
            attempts += 1;
            assert_eq!(start(&mut lane, second), [0; 0]);
            finish(&mut lane, position, RETRY, second);
        }
    }
    assert!((2..=6).contains(&attempts), "{attempts} attempts in a minute");
    // As soon as there is something else, that finds out.
    lane.offer(vec![transition(4, 4)], JournalPosition(0), at(121));
    assert_eq!(start(&mut lane, 1000), [4]);
    assert_eq!(start(&mut lane, 1000), [0; 0]);
    // All of it comes to an end when nothing helps.
    finish(&mut lane, 4, RETRY, 1000);
    for _ in 0..1000 {
        let Some(wake) = lane.wake_at(Duration::from_secs(1000)) else { break };
        for position in start(&mut lane, wake.as_secs() + 1) {
            finish(&mut lane, position, RETRY, wake.as_secs() + 1);
        }
    }
    assert_eq!(lane.unsettled(), 0);
}

#[test]
fn what_is_about_a_suspended_handler_probes_it_when_nothing_else_is_left() {
    let latest = DeliverySpec { order: Order::LatestState, ..spec() };
    let mut lane = lane_with(latest, &[1]);
    for second in [0, 0, 100] {
        start(&mut lane, second);
        finish(&mut lane, 1, SUSPEND, second);
    }
    lane.offer(vec![about(2, "alarm-handler", "wh1")], JournalPosition(0), at(100));
    // The one that probed is superseded by what is filtered away.
    lane.offer(vec![transition(3, 1)], JournalPosition(0), at(100));
    let others = Filter { resource_types: BTreeSet::from(["alarm-handler".to_owned()]), ..Filter::default() };
    let (resumes, terms) = (lane.is_suspended(), Terms { filter: others, ..terms(spec()) });
    assert!(resumes);
    lane.reconfigure(terms, at(100));
    for second in [100, 100, 400] {
        assert_eq!(start(&mut lane, second), [2]);
        finish(&mut lane, 2, SUSPEND, second);
    }
    assert!(lane.is_suspended());
    assert_eq!(start(&mut lane, 401), [0; 0]);
    assert_eq!(start(&mut lane, 1000), [2]);
    assert_eq!(finish(&mut lane, 2, DELIVERED, 1000), Consequence::Delivered { resumed: true });
}

#[test]
fn what_is_about_a_handler_that_refuses_every_body_probes_it_and_is_not_given_up_for_that() {
    let mut lane = lane(&[1, 2, 3]);
    for position in [1, 2, 3] {
        for second in [0, 0, 10] {
            start(&mut lane, second);
            finish(&mut lane, position, REFUSED, second);
        }
    }
    lane.offer(vec![about(4, "alarm-handler", "wh1")], JournalPosition(0), at(10));
    assert!(lane.health().is_refused());
    let mut attempts = 0;
    for second in 10..3000 {
        for position in start(&mut lane, second) {
            assert_eq!(position, 4);
            attempts += 1;
            finish(&mut lane, position, REFUSED, second);
        }
    }
    assert!((5..20).contains(&attempts), "{attempts} attempts");
    assert_eq!((lane.unsettled(), lane.health().is_refused(), lane.is_failing()), (1, true, false));
    start(&mut lane, 4000);
    finish(&mut lane, 4, DELIVERED, 4000);
    assert_eq!((lane.unsettled(), lane.health().is_refused()), (0, false));
}

#[test]
fn a_test_goes_first_to_its_own_handler_even_while_that_fails() {
    let mut lane = lane(&[1, 2]);
    start(&mut lane, 0);
    finish(&mut lane, 1, RETRY, 0);
    let test = |position, handler| {
        let mut test = Transition::clone(&about(position, "alarm-handler", handler));
        Arc::make_mut(&mut test.key).alarm_type = "self-test".to_owned();
        test.id = test.key.id();
        Arc::new(test)
    };
    lane.offer(vec![test(3, "wh1"), test(4, "wh2")], JournalPosition(0), at(0));
    assert_eq!(start(&mut lane, 0), [3, 1]);
    assert_eq!(lane.unsettled(), 3);
}

#[test]
fn a_test_of_a_suspended_handler_is_one_attempt_more_and_nothing_else() {
    let mut lane = suspended(&[1, 1]);
    let mut test = Transition::clone(&about(3, "alarm-handler", "wh1"));
    let key = AlarmKey { alarm_type: "self-test".to_owned(), ..AlarmKey::clone(&test.key) };
    (test.id, test.key) = (key.id(), key.into());
    start(&mut lane, 101);
    lane.offer(vec![Arc::new(test)], JournalPosition(0), at(101));
    for second in 101..110 {
        let expected: &[u64] = if second == 101 { &[3] } else { &[] };
        assert_eq!(start(&mut lane, second), expected);
        if second == 101 {
            finish(&mut lane, 3, SUSPEND, second);
        }
    }
    assert!(lane.is_suspended());
}

#[test]
fn a_rate_limit_holds_and_severity_still_goes_first() {
    let limit = RateLimit { messages: 2, per: Duration::from_secs(10) };
    let mut lane = lane_with(DeliverySpec { rate_limit: Some(limit), ..spec() }, &[1, 2, 3, 4]);
    assert_eq!(start(&mut lane, 0), [1, 2]);
    finish(&mut lane, 1, DELIVERED, 0);
    finish(&mut lane, 2, DELIVERED, 0);
    assert_eq!(start(&mut lane, 9), [0; 0]);
    assert_eq!(lane.wake_at(Duration::from_secs(9)), Some(Duration::from_secs(10)));
    let critical = Standing { severity: Severity::Critical, is_cleared: false };
    lane.offer(vec![change(5, 5, None, critical)], JournalPosition(0), at(9));
    assert_eq!(start(&mut lane, 10), [5, 3]);
    assert_eq!(start(&mut lane, 10), [0; 0]);
}

#[test]
fn failing_for_long_suspends_and_the_newest_probes() {
    let spec = DeliverySpec {
        suspend_after: SuspendAfter { failures: 3, period: Duration::from_secs(60) },
        max_in_flight: 1,
        ..spec()
    };
    let mut lane = lane_with(spec, &[1, 2, 3]);
    for position in [1, 1, 2] {
        assert_eq!(start(&mut lane, 0), [position]);
        assert_eq!(finish(&mut lane, position, RETRY, 0), Consequence::Again);
    }
    assert_eq!(start(&mut lane, 61), [1]);
    assert_eq!(finish(&mut lane, 1, RETRY, 61), Consequence::Suspended);
    assert_eq!(start(&mut lane, 100), [0; 0]);
    assert_eq!(start(&mut lane, 1000), [3]);
    assert_eq!(finish(&mut lane, 3, DELIVERED, 1000), Consequence::Delivered { resumed: true });
    assert!(!lane.is_suspended());
}

#[test]
fn a_restart_takes_up_a_suspension_and_a_pause() {
    let mut lane = suspended(&[1, 2]);
    let progress = lane.progress(at(100)).unwrap();
    let restored = Restored { condition: progress.condition, ..Restored::default() };
    let mut lane = open(JournalPosition(0), terms(spec()), restored, at(200));
    assert!(lane.is_suspended());
    lane.resume(at(200));
    lane.offer(vec![transition(1, 1)], JournalPosition(0), at(200));
    start(&mut lane, 200);
    let after = Some(Duration::from_secs(600));
    let wait = Outcome::Retry { reason: FailureReason::Throttled, after, pauses_lane: true };
    finish(&mut lane, 1, wait, 200);
    let condition = lane.progress(at(200)).unwrap().condition;
    let restored = Restored { condition, ..Restored::default() };
    let mut lane = open(JournalPosition(0), terms(spec()), restored, at(300));
    lane.offer(vec![transition(1, 1), transition(2, 2)], JournalPosition(0), at(300));
    assert_eq!(start(&mut lane, 799), [0; 0]);
    assert_eq!(start(&mut lane, 800), [1, 2]);
}

#[test]
fn a_clock_that_was_set_back_before_a_restart_makes_no_wait_longer() {
    let mut lane = lane(&[1]);
    start(&mut lane, 1_000_000);
    let after = Some(Duration::from_secs(20));
    let wait = Outcome::Retry { reason: FailureReason::Throttled, after, pauses_lane: true };
    finish(&mut lane, 1, wait, 1_000_000);
    let progress = lane.progress(at(1_000_000)).unwrap();
    let found = progress.put.iter().map(|exception| (transition(1, 1), exception.clone())).collect();
    let restored = Restored { condition: progress.condition, found, ..Restored::default() };
    let mut lane = open(JournalPosition(1), terms(spec()), restored, at(50));
    assert_eq!(start(&mut lane, 69), [0; 0]);
    assert_eq!(start(&mut lane, 71), [1]);
}

#[test]
fn what_a_person_sends_again_goes_under_the_same_position_and_nothing_takes_its_place() {
    let mut lane = lane_with(DeliverySpec { order: Order::LatestState, ..spec() }, &[1, 1, 2]);
    for position in start(&mut lane, 0) {
        finish(&mut lane, position, DELIVERED, 0);
    }
    let again = [transition(1, 1), transition(2, 1), transition(9, 1)].map(|transition| (transition, None));
    assert_eq!(lane.insert(again.into(), true).len(), 2);
    assert_eq!(start(&mut lane, 0), [1]);
    finish(&mut lane, 1, DELIVERED, 0);
    assert_eq!(start(&mut lane, 0), [2]);
    finish(&mut lane, 2, DELIVERED, 0);
    assert_eq!((lane.unsettled(), lane.progress(at(0)).unwrap().low), (0, JournalPosition(3)));
}

#[test]
fn what_is_forgotten_for_want_of_memory_is_read_again() {
    let mut lane = lane(&(0..100).collect::<Vec<u64>>());
    for position in start(&mut lane, 0) {
        finish(&mut lane, position, RETRY, 0);
    }
    lane.shrink(10);
    assert_eq!((lane.unsettled(), lane.read()), (10, JournalPosition(10)));
    lane.offer((11..=100).map(|at| transition(at, at - 1)).collect(), JournalPosition(0), at(0));
    assert_eq!(lane.unsettled(), 100);
}

/// A store, a journal and a receiver, as far as one lane goes.
struct World {
    journal: Vec<Arc<Transition>>,
    low: JournalPosition,
    rows: BTreeMap<JournalPosition, LaneException>,
    filters: Vec<LaneFilter>,
    condition: Option<String>,
    terms: Terms,
    lane: Lane,
    now: u64,
    under_way: Vec<Arc<Transition>>,
    settled: BTreeMap<JournalPosition, Fate>,
    /// What is settled and written to be.
    written: BTreeSet<JournalPosition>,
    resent: BTreeSet<JournalPosition>,
    /// Settlements of the lane that were looked at since it was asked for its progress.
    seen: usize,
    /// Positions that may be told again, because a crash forgot that they were.
    crashed_at: JournalPosition,
    last: HashMap<crate::alarm::AlarmId, JournalPosition>,
}

#[derive(Debug, Clone)]
enum Step {
    Happen(Vec<(u64, Severity, bool)>),
    Start,
    Finish(prop::sample::Index, Outcome),
    Write,
    Crash,
    Wait(u64),
    Reconfigure(Option<Severity>, Order),
    Resume,
    /// Somebody wants one again that was settled.
    Resend(prop::sample::Index),
    Shrink,
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
    let severity = || prop::sample::select(vec![Severity::Minor, Severity::Critical]);
    let step = prop_oneof![
        3 => prop::collection::vec((0_u64..5, severity(), any::<bool>()), 1..8).prop_map(Step::Happen),
        4 => Just(Step::Start),
        8 => (any::<prop::sample::Index>(), outcome).prop_map(|(index, outcome)| Step::Finish(index, outcome)),
        2 => Just(Step::Write),
        1 => Just(Step::Crash),
        3 => (0_u64..400).prop_map(Step::Wait),
        1 => (prop::option::of(severity()), prop::sample::select(Order::ALL.to_vec()))
            .prop_map(|(only, order)| Step::Reconfigure(only, order)),
        1 => Just(Step::Resume),
        1 => any::<prop::sample::Index>().prop_map(Step::Resend),
        1 => Just(Step::Shrink),
    ];
    prop::collection::vec(step, 1..120)
}

impl World {
    fn new() -> Self {
        let terms = terms(spec());
        Self {
            journal: Vec::new(),
            low: JournalPosition(0),
            rows: BTreeMap::new(),
            filters: Vec::new(),
            condition: None,
            lane: open(JournalPosition(0), terms.clone(), Restored::default(), at(0)),
            terms,
            now: 0,
            under_way: Vec::new(),
            settled: BTreeMap::new(),
            written: BTreeSet::new(),
            resent: BTreeSet::new(),
            seen: 0,
            crashed_at: JournalPosition(0),
            last: HashMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Happen(changes) => {
                for (alarm, severity, is_cleared) in changes {
                    let position = self.journal.len() as u64 + 1;
                    let id = transition(1, alarm).id;
                    let previous = self.journal.iter().rev().find(|t| t.id == id).cloned();
                    let before = previous.as_ref().map(|previous| previous.after.standing);
                    if is_cleared && before.is_none_or(|before| before.is_cleared) {
                        // What does not stand does not end.
                        continue;
                    }
                    let mut change =
                        Transition::clone(&change(position, alarm, before, Standing { severity, is_cleared }));
                    if let Some(previous) = previous.filter(|previous| !previous.after.standing.is_cleared) {
                        change.raised = previous.raised_at().unwrap();
                        change.stood = previous.stood_before();
                    }
                    self.journal.push(Arc::new(change));
                }
            }
            Step::Start => {
                let from = usize::try_from(self.lane.read().0).unwrap();
                let room = self.lane.room(WINDOW);
                let next = self.journal[from..].iter().take(room).cloned().collect();
                self.lane.offer(next, JournalPosition(0), at(self.now));
                while let Some(transition) = self.lane.start(at(self.now)) {
                    assert!(self.under_way.iter().all(|other| other.id != transition.id), "two of one alarm at once");
                    self.under_way.push(transition);
                }
            }
            Step::Finish(index, outcome) => {
                if !self.under_way.is_empty() {
                    let transition = self.under_way.swap_remove(index.index(self.under_way.len()));
                    self.lane.finish(transition.position, landing(outcome), at(self.now));
                }
            }
            Step::Write => {
                self.look_at_settled();
                if let Some(progress) = self.lane.progress(at(self.now)) {
                    self.seen = 0;
                    assert!(progress.low >= self.low, "the low-water mark fell");
                    let is_ahead = |at: JournalPosition| at > progress.low && !self.resent.contains(&at);
                    assert!(!progress.put.iter().any(|e| is_ahead(e.position)));
                    self.written.extend(progress.settlements.iter().map(|settled| settled.position));
                    self.low = progress.low;
                    self.rows.retain(|position, _| !progress.settled.contains(position));
                    self.rows.extend(progress.put.into_iter().map(|e| (e.position, e)));
                    self.condition = progress.condition.or(self.condition.take());
                    for (_, filter) in progress.filters {
                        self.filters.retain(|known| known.from < filter.from);
                        self.filters.push(filter);
                    }
                }
                self.check_stored();
            }
            Step::Crash => {
                let found = self
                    .rows
                    .values()
                    .map(|e| (Arc::clone(&self.journal[usize::try_from(e.position.0).unwrap() - 1]), e.clone()));
                let restored = Restored {
                    found: found.collect(),
                    missing: Vec::new(),
                    condition: self.condition.clone(),
                    settled_above: self.written.iter().filter(|at| **at > self.low).copied().collect(),
                    sent: Vec::new(),
                    admission: self.filters.last().map(|filter| serde_json::from_str(&filter.filter).unwrap()),
                };
                self.crashed_at = self.settled.last_key_value().map(|(at, _)| *at).unwrap_or_default();
                self.lane = open(self.low, self.terms.clone(), restored, at(self.now));
                self.seen = 0;
                self.under_way.clear();
            }
            Step::Wait(seconds) => self.now += seconds,
            Step::Reconfigure(only, order) => {
                self.terms.filter.severities = only.into_iter().collect();
                self.terms.delivery.order = order;
                self.lane.reconfigure(self.terms.clone(), at(self.now));
            }
            Step::Resend(index) => {
                let known: Vec<JournalPosition> = self.settled.keys().copied().collect();
                if known.is_empty() {
                    return;
                }
                let position = known[index.index(known.len())];
                let transition = Arc::clone(&self.journal[usize::try_from(position.0).unwrap() - 1]);
                if !self.lane.insert(vec![(transition, None)], true).is_empty() {
                    self.resent.insert(position);
                }
            }
            Step::Resume => self.lane.resume(at(self.now)),
            Step::Shrink => self.lane.shrink(3),
        }
        self.look_at_settled();
    }

    fn look_at_settled(&mut self) {
        let new: Vec<_> = self.lane.noted()[self.seen..].to_vec();
        self.seen = self.lane.noted().len();
        for one in new {
            let fate = Fate::of_codes(one.fate, one.reason).unwrap();
            self.settle(one.position, fate);
        }
    }

    fn settle(&mut self, position: JournalPosition, fate: Fate) {
        let transition = Arc::clone(&self.journal[usize::try_from(position.0).unwrap() - 1]);
        let was = self.settled.insert(position, fate);
        let is_again = self.resent.contains(&position);
        assert!(
            was.is_none() || is_again || position <= self.crashed_at,
            "settled twice without a crash: {was:?}, {fate:?}"
        );
        assert!(is_again || !self.written.contains(&position), "told again though that was written: {was:?}, {fate:?}");
        match fate {
            Fate::Superseded => {
                let newer = self.journal.iter().any(|t| t.id == transition.id && t.position > position);
                assert!(newer, "nothing took its place");
            }
            Fate::Filtered(_) => {
                assert!(self.terms.filter.admit(&transition).is_err(), "nothing keeps it back");
                let told = self.last.get(&transition.id).map(|at| &self.journal[usize::try_from(at.0).unwrap() - 1]);
                let is_believed = told.is_some_and(|told| !told.after.standing.is_cleared && told.position < position);
                assert!(!is_believed || !transition.after.standing.is_cleared, "who heard of it must hear of its end");
            }
            Fate::Delivered if is_again => {}
            Fate::Delivered => {
                let last = self.last.insert(transition.id, position);
                assert!(last.is_none_or(|last| last < position) || position <= self.crashed_at, "out of order");
            }
            _ => {}
        }
    }

    /// What the store says must cover all that is not settled.
    fn check_stored(&self) {
        for transition in self.journal.iter().filter(|t| t.position <= self.low) {
            let position = transition.position;
            if !self.settled.contains_key(&position) && !self.rows.contains_key(&position) {
                self.check_kept_back(transition);
            }
        }
    }

    /// What is neither settled nor waits was kept back by the filter that the lane read it with, and that is written down.
    fn check_kept_back(&self, transition: &Transition) {
        let filter = self.filters.iter().rev().find(|filter| filter.from <= transition.position).unwrap();
        let filter: Admission = serde_json::from_str(&filter.filter).unwrap();
        assert!(filter.admit(transition).is_err(), "{:?} would be lost", transition.position);
    }

    fn end_well(&mut self) {
        for _ in 0..20_000 {
            self.take(Step::Start);
            if self.under_way.is_empty() {
                match self.lane.wake_at(Duration::from_secs(self.now)) {
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
        assert!(self.rows.is_empty(), "rows are left: {:?}", self.rows);
        assert_eq!((self.low.0, self.rows.len()), (self.journal.len() as u64, 0));
        assert_eq!((self.lane.unsettled(), self.lane.wake_at(Duration::from_secs(self.now))), (0, None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_fails_and_changes_each_alarm_is_told_in_order_and_nothing_is_lost(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.end_well();
    }
}
