//! Delivery from the ledger to real receivers: order, identifiers, restarts, changes of the handlers.

use crate::harness::http::{Answer, Gate, HttpReceiver, Recorded};
use annunciator::alarm::{AlarmKey, AlarmText, ContributionKey, Notify, Severity, Transition};
use annunciator::clock::Clock;
use annunciator::delivery::{
    Decision, Deliveries, DeliveryEntry, DeliveryQuery, DeliverySpec, Filter, Handler, HandlerSpec, HandlerState,
    LaneChange, Resent,
};
use annunciator::handler::webhook::{MessageFormat, WebhookSpec};
use annunciator::handler::{Clients, DeliveryId, NotifierSpec, WEBHOOK_ID, WebService};
use annunciator::ledger::{Ledger, LedgerOptions, Outcome, Report};
use annunciator::retry::Schedule;
use annunciator::store::Store;
use annunciator::task::Scope;
use annunciator::transport::{HttpClient, HttpClientSpec, NoSupplies, Scheme, Transport};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3600);

/// How long the end of delivery may take.
const PATIENCE: Duration = Duration::from_secs(20);

struct One(Arc<HttpClient>);

impl Clients for One {
    fn http_client(&self, _id: &str) -> Option<Arc<HttpClient>> {
        Some(Arc::clone(&self.0))
    }
}

/// A ledger with its deliveries; dropping it leaves the folder as a crash would after the last group.
struct World {
    clock: Clock,
    store: Store,
    ledger: Ledger,
    scope: Scope,
    deliveries: Deliveries,
}

impl World {
    fn start(folder: &Path, clock: &Clock) -> Self {
        let store = Store::open(folder, clock.clone()).unwrap();
        let options = LedgerOptions { ring_max: 64, ..LedgerOptions::default() };
        let ledger = Ledger::open(store.clone(), clock.clone(), options).unwrap();
        let scope = Scope::new();
        let deliveries = Deliveries::start(&scope, ledger.clone(), store.clone(), clock.clone()).unwrap();
        Self { clock: clock.clone(), store, ledger, scope, deliveries }
    }

    fn handler(&self, id: &str, receiver: SocketAddr, retries: &[Duration]) -> Handler {
        let spec = HttpClientSpec { scheme: Scheme::Http, ..HttpClientSpec::new("c1") };
        let client = Transport::new(&self.clock).client(&spec, &NoSupplies).unwrap();
        let web_service = WebService {
            hostname: "127.0.0.1".to_owned(),
            port: receiver.port(),
            context: "/".to_owned(),
            http_client: "c1".to_owned(),
        };
        let notifier = NotifierSpec::Webhook(WebhookSpec {
            web_service,
            message_format: MessageFormat::Flat,
            signing_secrets: Vec::new(),
            headers: Vec::new(),
        });
        let delivery = DeliverySpec { retries: Schedule::new(retries.iter().copied()), ..DeliverySpec::default() };
        Handler {
            notifier: notifier.build(&One(Arc::new(client))).unwrap(),
            spec: HandlerSpec {
                id: id.to_owned(),
                description: None,
                is_enabled: true,
                notify: Notify::default(),
                reminder_interval: None,
                notifier,
                filter: Filter::default(),
                delivery,
            },
        }
    }

    /// Commits a change of the lanes, as the datastore does.
    fn commit(&self, change: impl FnOnce(&mut LaneChange)) {
        let mut lanes = self.deliveries.change();
        change(&mut lanes);
        let (rows, apply) = lanes.into_parts();
        self.store.write(move |tx| rows.into_iter().try_for_each(|row| row(tx))).unwrap();
        apply();
    }

    fn put(&self, id: &str, receiver: &HttpReceiver, retries: &[Duration]) {
        let handler = self.handler(id, receiver.address(), retries);
        self.commit(|lanes| lanes.put(handler));
    }

    /// Raises and clears alarms, in turns; returns the transitions.
    fn report(&self, alarms: &[u32], rounds: u32) -> Vec<Arc<Transition>> {
        let mut reports = Vec::new();
        for round in 0..rounds {
            reports.extend(alarms.iter().map(|alarm| report(*alarm, round % 2 == 0)));
        }
        let verdicts = self.ledger.report_blocking(reports).unwrap();
        let transitions = verdicts.into_iter().map(|verdict| match verdict {
            Ok(Outcome::Announced(transition)) => transition,
            other => panic!("{other:?}"),
        });
        transitions.collect()
    }

    fn incarnation(&self, handler: &str) -> Uuid {
        self.store.lanes().unwrap().into_iter().find(|lane| lane.handler == handler).unwrap().incarnation
    }

    fn ids(&self, handler: &str, transitions: &[Arc<Transition>]) -> Vec<String> {
        let lane = self.incarnation(handler);
        transitions.iter().map(|t| DeliveryId::new(lane, t.position).to_string()).collect()
    }

    /// Ends delivery in order; what is under way ends before.
    fn drain(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(self.scope.drain(&Clock::system(), PATIENCE)).unwrap();
    }

    /// Closes everything, so that the folder can be opened again.
    fn close(self) {
        self.drain();
        self.ledger.close();
        self.store.close();
    }
}

fn report(alarm: u32, is_raise: bool) -> Report {
    let key = AlarmKey {
        node: "n1".to_owned(),
        resource_type: "service".to_owned(),
        resource: alarm.to_string(),
        alarm_type: "failed-connection".to_owned(),
        qualifier: String::new(),
    };
    let contribution = ContributionKey::default();
    if is_raise {
        let (severity, text) = (Severity::Major, AlarmText::default());
        Report::Raise { key, severity, text, contribution, ends_at: None, note: None }
    } else {
        Report::Clear { key, contribution, text: None }
    }
}

fn id_of(request: &Recorded) -> String {
    request.header(WEBHOOK_ID).unwrap().to_owned()
}

/// Checks that each alarm's deliveries came in order, however often each was attempted.
fn assert_in_order(requests: &[Recorded], ids: &[String], transitions: &[Arc<Transition>]) {
    let alarm_of: BTreeMap<&str, _> = ids.iter().map(String::as_str).zip(transitions.iter().map(|t| t.id)).collect();
    let mut expected: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (id, transition) in ids.iter().zip(transitions) {
        expected.entry(transition.id).or_default().push(id);
    }
    let mut came: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for request in requests {
        let id = id_of(request);
        let of_alarm = came.entry(alarm_of[&*id]).or_default();
        if of_alarm.last() != Some(&id) {
            of_alarm.push(id);
        }
    }
    let came: BTreeMap<_, Vec<&str>> =
        came.iter().map(|(k, ids)| (*k, ids.iter().map(String::as_str).collect())).collect();
    assert_eq!(came, expected);
}

fn manual() -> Clock {
    Clock::manual("2026-05-01T12:00:00Z".parse::<Timestamp>().unwrap())
}

#[test]
fn whatever_the_receiver_answers_each_alarm_is_told_in_order_under_its_identifiers() {
    let (folder, receiver, clock) = (tempfile::tempdir().unwrap(), HttpReceiver::start(), Clock::system());
    let world = World::start(folder.path(), &clock);
    let mut failures = 0;
    // A fixed mixture, whose proportions matter and not its order.
    for number in 0_u32..300 {
        let answer = match number.wrapping_mul(2_654_435_761) >> 28 {
            0..=4 => Answer::status(500),
            5 => Answer::close(),
            6 => Answer::reset(),
            7 => Answer::truncated(200),
            _ => Answer::status(204),
        };
        failures += usize::from(number.wrapping_mul(2_654_435_761) >> 28 < 8);
        receiver.then(answer);
    }
    world.put("h1", &receiver, &[Duration::ZERO]);
    let transitions = world.report(&[1, 2, 3, 4, 5, 6, 7], 40);
    assert_eq!(transitions.len(), 280);
    let requests = receiver.wait_for(280 + failures);
    assert_in_order(&requests, &world.ids("h1", &transitions), &transitions);
    world.drain();
    let status = world.deliveries.statuses().remove(0);
    assert_eq!((status.delivered, status.given_up, status.waiting), (280, 0, 0));
    assert_eq!(status.state, HandlerState::Idle);
    assert!(status.last_success.is_some() && status.last_failure.is_some());
    let lane = world.store.lanes().unwrap().remove(0);
    assert_eq!((lane.low, lane.exceptions.len()), (transitions.last().unwrap().position, 0));
}

#[test]
fn a_dead_and_a_silent_handler_keep_nothing_from_another() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
    let (well, silent) = (HttpReceiver::start(), HttpReceiver::start());
    silent.always(Answer::silence());
    // Bound and dropped: nobody listens there.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::start(folder.path(), &clock);
    let handlers =
        [world.handler("dead", dead, &[Duration::ZERO, HOUR]), world.handler("silent", silent.address(), &[HOUR])];
    world.commit(|lanes| handlers.into_iter().for_each(|handler| lanes.put(handler)));
    world.put("well", &well, &[HOUR]);
    let alarms: Vec<u32> = (0..100).collect();
    let transitions = world.report(&alarms, 4);
    let requests = well.wait_for(400);
    assert_in_order(&requests, &world.ids("well", &transitions), &transitions);
    let statuses = world.deliveries.statuses();
    let waiting: Vec<_> = statuses.iter().map(|status| (status.id.as_str(), status.waiting > 0)).collect();
    assert_eq!(waiting[..2], [("dead", true), ("silent", true)]);
}

#[test]
fn what_was_not_delivered_is_delivered_after_a_restart_under_the_same_identifiers() {
    let (folder, receiver, clock) = (tempfile::tempdir().unwrap(), HttpReceiver::start(), manual());
    receiver.always(Answer::status(500));
    let world = World::start(folder.path(), &clock);
    world.put("h1", &receiver, &[HOUR]);
    let transitions = world.report(&[1, 2, 3], 2);
    let ids = world.ids("h1", &transitions);
    let raises: BTreeSet<String> = ids.iter().take(3).cloned().collect();
    assert_eq!(receiver.wait_for(3).iter().map(id_of).collect::<BTreeSet<_>>(), raises);
    world.close();
    receiver.always(Answer::status(200));
    let world = World::start(folder.path(), &clock);
    let lane = world.store.lanes().unwrap().remove(0);
    let attempts: Vec<u32> = lane.exceptions.iter().map(|exception| exception.attempts).collect();
    assert_eq!((lane.low, attempts), (transitions[5].position, vec![1, 1, 1, 0, 0, 0]));
    world.put("h1", &receiver, &[HOUR]);
    clock.advance(2 * HOUR);
    let requests = receiver.wait_for(3 + 6);
    assert_in_order(&requests, &ids, &transitions);
    world.drain();
    assert_eq!(world.store.lanes().unwrap().remove(0).exceptions, []);
    // More than memory holds, while nobody delivers: read from the disk by the next start.
    let behind = world.report(&(10..90).collect::<Vec<u32>>(), 4);
    world.close();
    let world = World::start(folder.path(), &clock);
    world.put("h1", &receiver, &[HOUR]);
    let requests = receiver.wait_for(9 + 320);
    assert_in_order(&requests[9..], &world.ids("h1", &behind), &behind);
}

#[test]
fn a_changed_handler_keeps_its_lane_and_another_gets_what_comes_next() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), manual());
    let (before, after, late) = (HttpReceiver::start(), HttpReceiver::start(), HttpReceiver::start());
    let gate = Gate::new();
    before.always(Answer::status(500).held_by(&gate));
    let world = World::start(folder.path(), &clock);
    world.put("h1", &before, &[HOUR]);
    let transitions = world.report(&[1, 2], 2);
    let ids = world.ids("h1", &transitions);
    before.wait_for(2);
    world.put("h1", &after, &[Duration::ZERO]);
    world.put("h2", &late, &[HOUR]);
    assert_eq!(world.ids("h1", &transitions), ids);
    gate.open();
    // Those under way failed at the old address; all of them arrive at the new one, in order.
    assert_in_order(&after.wait_for(4), &ids, &transitions);
    let next = world.report(&[3], 2);
    assert_in_order(&late.wait_for(2), &world.ids("h2", &next), &next);
    after.wait_for(6);
    world.commit(|lanes| lanes.remove("h1"));
    let last = world.report(&[4], 2);
    assert_in_order(&late.wait_for(4)[2..], &world.ids("h2", &last), &last);
    world.drain();
    assert_eq!((after.requests().len(), before.requests().len()), (6, 2));
    let names: Vec<String> = world.store.lanes().unwrap().into_iter().map(|lane| lane.handler).collect();
    assert_eq!(names, ["h2"]);
}

#[test]
fn whoever_heard_of_a_standing_alarm_hears_of_its_end_over_a_restart_too() {
    let (folder, receiver, clock) = (tempfile::tempdir().unwrap(), HttpReceiver::start(), manual());
    let raise = |severity| match report(1, true) {
        Report::Raise { key, text, contribution, ends_at, note, .. } => {
            Report::Raise { key, severity, text, contribution, ends_at, note }
        }
        other @ Report::Clear { .. } => other,
    };
    let world = World::start(folder.path(), &clock);
    let mut handler = world.handler("h1", receiver.address(), &[HOUR]);
    handler.spec.filter.severities = [Severity::Critical].into();
    world.commit(|lanes| lanes.put(handler));
    let severities = [Severity::Critical, Severity::Major, Severity::Minor, Severity::Warning];
    world.ledger.report_blocking(severities.map(raise).to_vec()).unwrap();
    receiver.wait_for(2);
    world.close();
    let world = World::start(folder.path(), &clock);
    let mut handler = world.handler("h1", receiver.address(), &[HOUR]);
    handler.spec.filter.severities = [Severity::Critical].into();
    world.commit(|lanes| lanes.put(handler));
    // The second time it stands it is of no interest from its beginning to its end.
    world.ledger.report_blocking(vec![report(1, false), raise(Severity::Minor), report(1, false)]).unwrap();
    world.ledger.report_blocking(vec![raise(Severity::Critical)]).unwrap();
    let told: Vec<serde_json::Value> =
        receiver.wait_for(4).iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let told: Vec<(&str, &str)> =
        told.iter().map(|body| (body["severity"].as_str().unwrap(), body["cleared"].as_str().unwrap())).collect();
    assert_eq!(told, [("critical", "false"), ("major", "false"), ("warning", "true"), ("critical", "false")]);
}

/// Says what became of each change of an alarm for a handler, the newest first.
fn explained(world: &World, transition: &Transition, handler: &str) -> Vec<String> {
    let record = world.ledger.alarm(&transition.id).unwrap();
    let explanations = world.deliveries.explain(&record).unwrap();
    let decisions = explanations.into_iter().flat_map(|one| one.decisions);
    let of_handler = decisions.filter(|(name, _)| name == handler);
    of_handler
        .map(|(_, decision)| match decision {
            Decision::Delivery(entry) => entry.state.as_str().to_owned(),
            Decision::Former(entry) => format!("{} then", entry.state.as_str()),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn what_a_handler_was_told_is_explained_when_it_is_no_more_and_when_it_is_there_again() {
    let (folder, receiver, clock) = (tempfile::tempdir().unwrap(), HttpReceiver::start(), manual());
    let world = World::start(folder.path(), &clock);
    world.put("h1", &receiver, &[HOUR]);
    world.put("h2", &receiver, &[HOUR]);
    let first = world.report(&[1], 1).remove(0);
    receiver.wait_for(2);
    let is_settled = || world.deliveries.statuses().iter().all(|status| status.delivered == 1);
    while !is_settled() {
        receiver.wait_for_count(0);
    }
    world.commit(|lanes| lanes.remove("h1"));
    while explained(&world, &first, "h1") != ["delivered then"] {
        receiver.wait_for_count(0);
    }
    let mut handler = world.handler("h1", receiver.address(), &[HOUR]);
    handler.spec.delivery.sends_standing = false;
    world.commit(|lanes| lanes.put(handler));
    assert_eq!(explained(&world, &first, "h1"), ["delivered then"]);
    assert_eq!(explained(&world, &first, "h2"), ["delivered"]);
}

#[test]
fn what_failed_is_sent_again_until_it_arrived_and_no_longer() {
    let (folder, receiver, clock) = (tempfile::tempdir().unwrap(), HttpReceiver::start(), manual());
    receiver.always(Answer::status(400));
    let world = World::start(folder.path(), &clock);
    world.put("h1", &receiver, &[Duration::ZERO; 2]);
    world.put("h2", &receiver, &[Duration::ZERO; 2]);
    world.report(&[1, 2, 3], 1);
    receiver.wait_for(18);
    let failed = DeliveryQuery { only_failed: true, ..DeliveryQuery::default() };
    let states = |handler: &str| {
        let mut states = Vec::new();
        let query = DeliveryQuery { handler: Some(handler.to_owned()), ..DeliveryQuery::default() };
        world
            .deliveries
            .log(&query, |entry| {
                states.push(entry.state.as_str());
                ControlFlow::Continue(())
            })
            .unwrap();
        states
    };
    while states("h1").len() + states("h2").len() != 6 || world.deliveries.statuses().iter().any(|s| s.waiting > 0) {
        receiver.wait_for_count(0);
    }
    // Each body was refused: that is not a fault of three messages.
    assert!(world.deliveries.statuses().iter().all(|status| status.state == HandlerState::Refused));
    world.commit(|lanes| lanes.remove("h2"));
    receiver.always(Answer::status(204));
    let listed = || {
        let mut numbers = Vec::new();
        let see = |entry: DeliveryEntry| {
            numbers.extend(entry.number.filter(|_| entry.handler == "h1"));
            ControlFlow::Continue(())
        };
        world.deliveries.log(&failed, see).unwrap();
        numbers
    };
    let before = listed();
    let Resent { sent, not_kept, of_removed, numbers } = world.deliveries.resend_all(&failed).unwrap();
    assert_eq!((sent, not_kept, of_removed, before.len()), (3, 0, 3, 3));
    assert_eq!(numbers, Some((7, 9)));
    receiver.wait_for(21);
    while states("h1").iter().filter(|state| **state == "delivered").count() != 3 {
        receiver.wait_for_count(0);
    }
    assert_eq!(world.deliveries.resend_all(&failed).unwrap().sent, 0);
    // What was sent again has not failed any more, and each of both knows the other.
    assert_eq!(listed(), [0; 0]);
    let first = world.deliveries.delivery(before[2]).unwrap();
    let again = first.sent_again.unwrap();
    assert_eq!((again.state.as_str(), again.position), ("delivered", first.entry.position));
    assert_eq!(world.deliveries.delivery(again.number.unwrap()).unwrap().again_of, first.entry.number);
    assert_eq!(world.deliveries.statuses()[0].state, HandlerState::Idle);
}
