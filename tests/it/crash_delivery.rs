//! Killed under load: what was acknowledged arrives, in order for each alarm, and repeats only as what it was.

use crate::harness::WITHIN;
use crate::harness::element::Home;
use crate::harness::process::Process;
use annunciator::clock::Clock;
use std::collections::BTreeMap;

/// Rounds of killing; each leaves notifications under way, since the receiver refuses every fourth.
const ROUNDS: u64 = 6;
const ALARMS: u64 = 8;
const COMMANDS: u64 = 24;

/// Returns numbers that differ from round to round and are the same in every run.
fn chance(round: u64, number: u64) -> u64 {
    (round * 1_000_003 + number * 7_919).wrapping_mul(6_364_136_223_846_793_005).rotate_left(23)
}

fn command(round: u64, number: u64) -> String {
    let chance = chance(round, number);
    let alarm = format!("resource-type thing resource r{} alarm-type broken", chance % ALARMS);
    let severity = match (chance >> 8) % 4 {
        0 => "warning",
        1 => "minor",
        2 => "major",
        _ => "critical",
    };
    format!("request alarms raise {alarm} severity {severity}")
}

fn configuration(port: &str) -> String {
    let handler = "set environments environment alarms alarm-handlers alarm-handler wh";
    format!(
        "set environments environment node-id n1\n\
         set facilities http client c scheme http client-alarms enable-failed-communication-alarm false\n\
         set facilities http client c client-alarms enable-failed-connection-alarm false\n\
         {handler} webhook-notifier web-service hostname 127.0.0.1 port {port} http-client c\n\
         {handler} delivery retry-intervals [ 0 1 ]\n"
    )
}

/// Returns how each alarm stands in the element: `severity cleared` by identifier.
fn standing(home: &Home) -> BTreeMap<String, String> {
    let shown = home.told(&["show alarms all resource-type thing | display json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let list = shown.pointer("/annunciator-alarms:alarms/alarm-list/alarm").and_then(|list| list.as_array());
    let text = |alarm: &serde_json::Value, key: &str| alarm[key].as_str().unwrap().to_owned();
    let alarms = list.into_iter().flatten();
    alarms.map(|alarm| (text(alarm, "alarm-id"), text(alarm, "perceived-severity"))).collect()
}

fn wait_until_all_arrived(home: &Home) {
    let clock = Clock::system();
    loop {
        let handlers: serde_json::Value = serde_json::from_str(&home.told(&["show handlers | display json"])).unwrap();
        if handlers[0]["waiting"] == 0 {
            return;
        }
        assert!(clock.elapsed() < WITHIN, "{handlers:#}");
    }
}

#[test]
fn killed_under_load_nothing_is_lost_and_nothing_overtakes() {
    let home = Home::new();
    let mut receiver = Process::start(&["receive", "--listen", "127.0.0.1:0", "--fail-every", "4"], home.path());
    let listening = receiver.wait_for_line_beginning("annunciator receive: listening on");
    let port = listening.trim().rsplit(':').next().unwrap().to_owned();
    home.write("a.set", &configuration(&port));
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let element = home.start(&["--config", "a.set"]);
        let commands: Vec<String> = (0..COMMANDS).map(|number| command(round, number)).collect();
        let said = home.shell(&commands.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let changes = said.stdout.lines().filter(|line| !line.contains("nothing changed")).count();
        acknowledged += changes;
        element.crash();
    }
    let element = home.start(&["--config", "a.set"]);
    wait_until_all_arrived(&home);
    let expected = standing(&home);
    element.stop();

    let told = receiver.terminate().stdout;
    assert!(!told.contains("stale"), "something overtook:\n{told}");
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let mut news = 0;
    for line in told.lines().filter(|line| line.contains("  alarm ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if ["raised", "changed", "cleared"].contains(&words[1]) {
            news += 1;
            last.insert(words.last().unwrap().to_string(), words[2].to_owned());
        } else {
            assert_eq!(words[1], "repeat", "{line}");
        }
    }
    assert_eq!(last, expected, "{told}");
    assert_eq!(news, acknowledged, "{told}");
}
