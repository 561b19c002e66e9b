//! Which alerts a client said, what that makes of the alarms, and what a receiver must have been told.

use crate::harness::WITHIN;
use crate::harness::element::Home;
use crate::harness::http::{Answer, HttpReceiver, Recorded};
use annunciator::handler::WEBHOOK_ID;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(super) const ALARMS: usize = 20;

/// From the mildest to the worst.
pub(super) const SEVERITIES: [&str; 4] = ["warning", "minor", "major", "critical"];

/// Where handlers are configured.
pub(super) const HANDLERS: &str = "environments environment alarms alarm-handlers alarm-handler";

/// A generator of numbers that are the same in every run (xorshift).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// What one alert says: which alarm, how severe, and whether it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    alarm: usize,
    severity: usize,
    is_resolved: bool,
}

/// Which alerts stand, and what that makes of each alarm: its severity is the highest, and it clears with the last.
pub(super) struct Model {
    chance: Chance,
    pub(super) standing: Vec<BTreeSet<usize>>,
    pub(super) transitions: Vec<u64>,
}

impl Model {
    pub(super) fn new(seed: u64) -> Self {
        Self { chance: Chance(seed), standing: vec![BTreeSet::new(); ALARMS], transitions: vec![0; ALARMS] }
    }

    /// Chooses what to say next, of every alarm once at most; most of it changes something.
    pub(super) fn choose(&mut self) -> Vec<Said> {
        let first = self.chance.below(ALARMS);
        let count = 1 + self.chance.below(4);
        let alarms = (first..first + count).map(|alarm| alarm % ALARMS);
        alarms
            .map(|alarm| {
                let severity = self.chance.below(SEVERITIES.len());
                let is_resolved = self.standing[alarm].contains(&severity);
                Said { alarm, severity, is_resolved }
            })
            .collect()
    }

    /// Takes in what was acknowledged.
    pub(super) fn acknowledge(&mut self, batch: &[Said]) {
        for said in batch {
            let standing = &mut self.standing[said.alarm];
            let before = standing.last().copied();
            if said.is_resolved {
                standing.remove(&said.severity);
            } else {
                standing.insert(said.severity);
            }
            self.transitions[said.alarm] += u64::from(before != standing.last().copied());
        }
    }

    /// Says things until the element does not acknowledge one, and returns that one.
    pub(super) fn load(&mut self, address: SocketAddr) -> Vec<Said> {
        loop {
            let batch = self.choose();
            if post(address, &alerts(&batch)).is_err() {
                return batch;
            }
            self.acknowledge(&batch);
        }
    }

    /// Says so many things that must all be acknowledged.
    pub(super) fn say(&mut self, address: SocketAddr, batches: usize) {
        for _ in 0..batches {
            let batch = self.choose();
            post(address, &alerts(&batch)).unwrap();
            self.acknowledge(&batch);
        }
    }

    /// Checks that the element's alarms are what was acknowledged, neither more nor less; returns them by identifier.
    pub(super) fn check(&self, home: &Home) -> BTreeMap<String, Value> {
        let shown: Value = serde_json::from_str(&home.told(&["show alarms all | display json"])).unwrap();
        let shown = shown["annunciator-alarms:alarms"]["alarm-list"]["alarm"].as_array().cloned().unwrap_or_default();
        let shown = shown.iter().filter(|alarm| alarm["alarm-type-id"] == "Flap").map(as_told);
        let mut alarms = BTreeMap::new();
        for alarm in shown {
            let number: usize = alarm["resource_id"].as_str().unwrap().parse().unwrap();
            let worst = self.standing[number].last();
            assert_eq!(alarm["cleared"], worst.is_none(), "{alarm:#}");
            assert!(worst.is_none_or(|worst| alarm["severity"] == SEVERITIES[*worst]), "{alarm:#}");
            assert_eq!(alarm["sequence"], self.transitions[number], "{alarm:#}");
            alarms.insert(alarm["alarm_id"].as_str().unwrap().to_owned(), alarm);
        }
        assert_eq!(alarms.len(), self.transitions.iter().filter(|count| **count > 0).count());
        alarms
    }
}

/// Returns an alarm of the list with the names that notifications have.
fn as_told(alarm: &Value) -> Value {
    json!({
        "alarm_id": alarm["alarm-id"],
        "resource_id": alarm["resource-id"],
        "cleared": alarm["is-cleared"],
        "severity": alarm["perceived-severity"],
        "sequence": alarm["sequence"],
        "last_updated": alarm["last-changed"],
    })
}

pub(super) fn alerts(batch: &[Said]) -> Value {
    let alert = |said: &Said| {
        let labels =
            json!({"alertname": "Flap", "instance": said.alarm.to_string(), "severity": SEVERITIES[said.severity]});
        let ends_at = if said.is_resolved { "2020-01-01T00:00:01Z" } else { "2200-01-01T00:00:00Z" };
        json!({"labels": labels, "startsAt": "2020-01-01T00:00:00Z", "endsAt": ends_at})
    };
    batch.iter().map(alert).collect()
}

pub(super) fn mark(address: SocketAddr, name: &str) {
    post(address, &json!([{"labels": {"alertname": "Mark", "instance": name}}])).unwrap();
}

/// Posts alerts; they are acknowledged when this succeeds.
pub(super) fn post(address: SocketAddr, alerts: &Value) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    let body = alerts.to_string();
    let length = body.len();
    let head = "POST /api/v2/alerts HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json";
    stream.write_all(format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(io::Error::other(answer)) }
}

/// Returns the changes that add a handler, each with a client of its own; what failed is sent again at once.
pub(super) fn handler(id: &str, address: SocketAddr) -> Vec<String> {
    let port = address.port();
    vec![
        format!("set facilities http client {id} scheme http"),
        format!("set {HANDLERS} {id} webhook-notifier web-service hostname 127.0.0.1 port {port} http-client {id}"),
        format!("set {HANDLERS} {id} webhook-notifier message-format flat"),
        format!("set {HANDLERS} {id} delivery retry-intervals [ 0 ] send-standing false"),
    ]
}

pub(super) fn commit(home: &Home, changes: &[String]) {
    home.commit(&changes.iter().map(String::as_str).collect::<Vec<_>>());
}

/// A notification that a receiver accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    pub(super) last_updated: String,
    pub(super) alarm_type: String,
    pub(super) resource: String,
}

fn is_accepted(request: &Recorded) -> bool {
    request.status.is_some_and(|status| status / 100 == 2)
}

/// Returns what was accepted, alarm by alarm.
pub(super) fn accepted(requests: &[Recorded]) -> BTreeMap<String, Vec<Accepted>> {
    let mut alarms: BTreeMap<String, Vec<Accepted>> = BTreeMap::new();
    for request in requests.iter().filter(|request| is_accepted(request)) {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        alarms.entry(text("alarm_id")).or_default().push(Accepted {
            id: request.header(WEBHOOK_ID).unwrap().to_owned(),
            path: request.path.clone(),
            body: request.body.clone(),
            last_updated: text("last_updated"),
            alarm_type: text("alarm_type"),
            resource: text("resource_id"),
        });
    }
    alarms
}

/// Returns what came of one alarm, repeats left out; checks that these are repeats to the letter and that the rest is in order.
pub(super) fn without_repeats(alarm: &[Accepted]) -> Vec<Accepted> {
    let mut seen: Vec<Accepted> = Vec::new();
    for one in alarm {
        if let Some(first) = seen.iter().find(|known| known.id == one.id) {
            let [first, repeat] = [first, one].map(|accepted| String::from_utf8_lossy(&accepted.body));
            assert_eq!(first, repeat, "a repeat of {} differs", one.id);
        } else {
            assert!(seen.last().is_none_or(|last| last.last_updated < one.last_updated), "{alarm:#?}");
            seen.push(one.clone());
        }
    }
    seen
}

/// Returns whether all that an element has to tell of its alarms has been accepted, the newest of each last.
pub(super) fn is_all_told(requests: &[Recorded], alarms: &BTreeMap<String, Value>) -> bool {
    // Reading all bodies at each arrival would hold the receiver up: before there are as many as changes, it is of no use.
    let came = requests.iter().filter(|request| is_accepted(request)).count();
    let owed: u64 = alarms.values().filter_map(|alarm| alarm["sequence"].as_u64()).sum();
    if u64::try_from(came).unwrap() < owed {
        return false;
    }
    let told = accepted(requests);
    alarms.iter().all(|(id, alarm)| {
        let Some(told) = told.get(id) else { return false };
        let ids: BTreeSet<&str> = told.iter().map(|one| one.id.as_str()).collect();
        let is_newest_last = told.last().is_some_and(|last| alarm["last_updated"] == last.last_updated.as_str());
        is_newest_last && alarm["sequence"].as_u64() <= u64::try_from(ids.len()).ok()
    })
}

/// Waits until a receiver has been told all, and checks that it was told right.
pub(super) fn check_told(receiver: &HttpReceiver, alarms: &BTreeMap<String, Value>) {
    let requests = receiver.wait_until("the end of delivery", |requests| is_all_told(requests, alarms));
    let told = accepted(&requests);
    for (id, alarm) in alarms {
        let told = &told[id];
        assert_eq!(u64::try_from(without_repeats(told).len()).ok(), alarm["sequence"].as_u64(), "{id}");
        let last: Value = serde_json::from_slice(&told.last().unwrap().body).unwrap();
        assert_eq!(last["cleared"], alarm["cleared"].to_string(), "{last:#}");
        assert_eq!(last["severity"], alarm["severity"], "{last:#}");
    }
}

/// Lets a receiver fail at random: one request in four, half of these by a reset.
pub(super) fn fail_at_random(receiver: &HttpReceiver, seed: u64, requests: usize) {
    let mut chance = Chance(seed);
    for _ in 0..requests {
        receiver.then(match chance.below(8) {
            0 => Answer::status(500),
            1 => Answer::reset(),
            _ => Answer::status(204),
        });
    }
}
