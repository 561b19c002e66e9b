//! The rules of RFC 8632 against the state machine: single rules, and a model that knows nothing of how it works.

use super::shelf::{Shelf, Shelves};
use super::*;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

fn key() -> AlarmKey {
    let text = str::to_owned;
    AlarmKey {
        node: text("n1"),
        resource_type: text("database"),
        resource: text("db1"),
        alarm_type: text("slow"),
        qualifier: String::new(),
    }
}

fn text(brief: &str) -> AlarmText {
    AlarmText { brief: brief.into(), ..AlarmText::default() }
}

fn at(microsecond: i64) -> Timestamp {
    Timestamp::from_microsecond(microsecond).unwrap()
}

fn standing(severity: Severity, brief: &str) -> Reading {
    Reading::Standing { severity, text: text(brief).into() }
}

const GONE: Reading = Reading::Gone { text: None };

/// One alarm and all that was announced of it.
#[derive(Default)]
struct Alarm {
    record: Option<AlarmRecord>,
    told: Vec<Transition>,
    control: Control,
    now: i64,
}

impl Alarm {
    fn with(control: Control) -> Self {
        Self { control, now: 1_000_000, ..Self::default() }
    }

    fn circumstances(&self) -> Circumstances<'_> {
        Circumstances { now: at(self.now), not_before: None, control: &self.control, path: None, contributions: &[] }
    }

    /// Lets something happen; returns how many announcements that made.
    fn say(&mut self, reading: Reading) -> usize {
        let change = decide(&key().into(), self.record.as_ref(), reading, &self.circumstances());
        self.take(change)
    }

    fn wait(&mut self, microseconds: i64) -> usize {
        self.now += microseconds;
        let change = self.record.as_ref().and_then(|record| announce_held(record, &self.circumstances()));
        self.take(change)
    }

    /// Looks again after the control changed, as the ledger does.
    fn revise(&mut self, control: Control) -> usize {
        self.control = control;
        let Some(record) = &self.record else { return 0 };
        let reading = if record.is_cleared() {
            GONE
        } else {
            Reading::Standing { severity: record.reported_severity(), text: record.state.text.clone() }
        };
        self.say(reading)
    }

    fn take(&mut self, change: Option<Change>) -> usize {
        let Some(change) = change else { return 0 };
        let mut record = change.record;
        if let Some(Announced { before }) = change.announced {
            let transition = Transition {
                position: JournalPosition(self.told.len() as u64 + 1),
                id: record.id,
                key: record.key.clone(),
                sequence: record.sequence + 1,
                before,
                after: record.state.clone(),
                last_updated: change.time,
                revision: 0,
                base_url: None,
                reminds: Vec::new(),
                stood: std::collections::BTreeSet::new(),
                raised: JournalPosition(0),
                project: None,
                moves: None,
            };
            record = record.announced_by(&transition);
            if record.is_replayed_from(self.record.as_ref()) {
                let max = self.control.status_changes_max;
                assert_eq!(record, AlarmRecord::replay(self.record.as_ref(), &transition, max));
            }
            self.told.push(transition);
        }
        self.record = Some(record);
        usize::from(change.announced.is_some())
    }

    fn record(&self) -> &AlarmRecord {
        self.record.as_ref().unwrap()
    }

    fn told_words(&self) -> Vec<&'static str> {
        let word =
            |t: &Transition| if t.after.standing.is_cleared { "cleared" } else { t.after.standing.severity.as_str() };
        self.told.iter().map(word).collect()
    }
}

fn shelving() -> Shelves {
    Shelves::new(vec![Shelf { name: "attic".to_owned(), ..Shelf::default() }])
}

fn held(rise: u64, fall: u64) -> Control {
    let spec = TypeSpec {
        rise_hold_down: Duration::from_micros(rise),
        fall_hold_down: Duration::from_micros(fall),
        ..TypeSpec::default()
    };
    Control { types: Types::new(BTreeMap::from([("slow".to_owned(), spec)])), ..Control::default() }
}

#[test]
fn clearing_an_absent_or_cleared_alarm_announces_nothing() {
    let mut alarm = Alarm::with(Control::default());
    assert_eq!((alarm.say(GONE), alarm.record.is_some()), (0, false));
    alarm.say(standing(Severity::Major, ""));
    assert_eq!(alarm.say(GONE), 1);
    let cleared = alarm.record.clone();
    assert_eq!(alarm.say(Reading::Gone { text: Some(text("gone").into()) }), 0);
    assert_eq!(alarm.record, cleared);
}

#[test]
fn a_clear_keeps_the_severity_and_a_raise_after_it_is_announced() {
    let mut alarm = Alarm::with(Control::default());
    alarm.say(standing(Severity::Critical, ""));
    alarm.now += 1;
    alarm.say(GONE);
    assert_eq!(alarm.record().state.standing, Standing { severity: Severity::Critical, is_cleared: true });
    alarm.now += 1;
    alarm.say(standing(Severity::Critical, ""));
    assert_eq!((alarm.record().sequence, alarm.told[2].before), (3, Some(alarm.told[1].after.standing)));
    assert_eq!((alarm.record().last_raised, alarm.record().time_created), (at(alarm.now), at(1_000_000)));
}

#[test]
fn another_text_is_recorded_and_not_announced() {
    let mut alarm = Alarm::with(Control::default());
    alarm.say(standing(Severity::Minor, "a"));
    alarm.now += 1;
    assert_eq!(alarm.say(standing(Severity::Minor, "b")), 0);
    let record = alarm.record();
    assert_eq!((&*record.state.text.brief, record.sequence), ("b", 1));
    assert_eq!((record.last_changed, record.last_updated), (at(alarm.now), at(1_000_000)));
    assert_eq!(record.status_changes.len(), 2);
}

#[test]
fn an_alarm_that_was_removed_comes_back_dated_later() {
    let alarm = Alarm::with(Control::default());
    let circumstances = Circumstances { not_before: Some(at(5_000_000)), ..alarm.circumstances() };
    let raised = decide(&key().into(), None, standing(Severity::Minor, ""), &circumstances).unwrap();
    assert_eq!(raised.time, at(5_000_001));
}

#[test]
fn the_worked_example_of_the_rfc_is_announced_at_t1_t2_t5_t6_t7_t8() {
    use Severity::{Critical, Major, Minor, Warning};
    let mut alarm = Alarm::with(Control { notify: Notify::SeverityLevel(Major), ..Control::default() });
    let mut told = Vec::new();
    for (number, severity) in (1..).zip([Major, Minor, Warning, Minor, Major, Critical, Major]) {
        alarm.now += 1;
        if alarm.say(standing(severity, "")) > 0 {
            told.push(number);
        }
    }
    alarm.now += 1;
    if alarm.say(GONE) > 0 {
        told.push(8);
    }
    assert_eq!(told, [1, 2, 5, 6, 7, 8]);
    assert_eq!(alarm.record().status_changes.len(), 8, "all are in the history");
    assert_eq!(alarm.told_words(), ["major", "minor", "major", "critical", "major", "cleared"]);
}

#[test]
fn a_closed_alarm_that_is_raised_again_is_nobodys_and_says_so() {
    let mut alarm = Alarm::with(Control::default());
    alarm.say(standing(Severity::Major, ""));
    let close = |alarm: &mut Alarm| {
        let closed = set_operator_state(alarm.record(), OperatorState::Closed, "ops", "replaced", at(alarm.now));
        alarm.record = Some(closed);
    };
    close(&mut alarm);
    assert_eq!(alarm.record().operator_state(), OperatorState::Closed);
    assert!(!alarm.record().is_cleared(), "closing does not clear");
    alarm.say(standing(Severity::Critical, ""));
    assert_eq!(alarm.record().operator_state(), OperatorState::Closed, "a change of severity is no raise");
    alarm.say(GONE);
    assert_eq!(alarm.record().operator_state(), OperatorState::Closed, "clearing does not open");
    alarm.say(standing(Severity::Minor, ""));
    assert_eq!(alarm.record().operator_state(), OperatorState::None);
    let newest = alarm.record().operator_changes.first().unwrap();
    assert_eq!((newest.operator.as_str(), newest.text.as_str()), ("annunciator", "raised again after it was closed"));
}

#[test]
fn an_alarm_on_a_shelf_is_kept_up_and_told_when_it_comes_off_it_as_it_is_then() {
    let mut alarm = Alarm::with(Control::default());
    alarm.say(standing(Severity::Major, ""));
    assert_eq!(alarm.revise(Control { shelves: shelving(), ..Control::default() }), 0);
    assert_eq!(
        (alarm.record().shelf.as_deref(), alarm.record().operator_state()),
        (Some("attic"), OperatorState::Shelved)
    );
    assert_eq!(alarm.record().operator_changes[0].text, "on shelf attic");
    alarm.now += 1;
    assert_eq!(alarm.say(standing(Severity::Critical, "worse")), 0);
    assert_eq!(&*alarm.record().state.text.brief, "worse");
    let on_shelf = |alarm: &Alarm| -> Vec<Severity> {
        alarm.record().changes_on_shelves().map(|change| change.standing.severity).collect()
    };
    assert_eq!(on_shelf(&alarm), [Severity::Critical]);
    alarm.now += 1;
    let changed = alarm.record().last_changed;
    assert_eq!(alarm.revise(Control::default()), 1);
    assert_eq!(alarm.told[1].before.map(|before| before.severity), Some(Severity::Major));
    assert_eq!((alarm.record().operator_state(), alarm.record().last_changed), (OperatorState::UnShelved, changed));
    assert_eq!(alarm.told_words(), ["major", "critical"]);
    alarm.now += 1;
    alarm.say(GONE);
    assert_eq!(on_shelf(&alarm), [Severity::Critical]);
}

#[test]
fn the_test_of_a_handler_is_told_whatever_is_made_of_alarms() {
    let text = str::to_owned;
    let key = AlarmKey { resource_type: text("alarm-handler"), alarm_type: text("self-test"), ..key() };
    let control =
        Control { shelves: shelving(), notify: Notify::SeverityLevel(Severity::Critical), ..Control::default() };
    let alarm = Alarm::with(control);
    let raised = decide(&key.into(), None, standing(Severity::Indeterminate, ""), &alarm.circumstances()).unwrap();
    assert!(raised.announced.is_some() && raised.record.shelf.is_none());
}

#[test]
fn what_came_and_went_on_a_shelf_is_told_to_nobody() {
    let mut alarm = Alarm::with(Control { shelves: shelving(), ..Control::default() });
    assert_eq!(alarm.say(standing(Severity::Major, "")) + alarm.say(GONE), 0);
    assert_eq!(alarm.revise(Control::default()), 0);
    assert_eq!((alarm.record().announced(), alarm.record().sequence), (None, 0));
    assert_eq!(alarm.say(standing(Severity::Minor, "")), 1);
    assert_eq!((alarm.told[0].before, alarm.told[0].sequence), (None, 1));
}

#[test]
fn a_raise_is_told_when_it_has_lasted_and_flapping_is_counted() {
    let mut alarm = Alarm::with(held(10, 20));
    for _ in 0..3 {
        assert_eq!(alarm.say(standing(Severity::Major, "")), 0);
        assert_eq!(alarm.wait(5), 0);
        assert_eq!(alarm.say(GONE), 0);
        assert_eq!(alarm.wait(2), 0);
    }
    let hold = alarm.record().hold.unwrap();
    assert_eq!((hold.held_back, hold.until, hold.is_flapping(at(alarm.now))), (6, None, true));
    alarm.say(standing(Severity::Minor, ""));
    assert_eq!(alarm.wait(4) + alarm.say(standing(Severity::Major, "")), 0);
    assert_eq!(alarm.wait(5), 0);
    assert_eq!(alarm.wait(1), 1, "ten after it was raised, whatever its severity did");
    assert_eq!(alarm.told_words(), ["major"]);
    assert_eq!(alarm.say(standing(Severity::Critical, "")), 1, "what is known to stand is told at once");
    assert_eq!(alarm.say(GONE) + alarm.wait(19), 0);
    assert_eq!(alarm.say(standing(Severity::Critical, "")), 0);
    assert_eq!(alarm.wait(100), 0);
    alarm.say(GONE);
    assert_eq!(alarm.wait(20), 1);
    assert_eq!(alarm.told_words(), ["major", "critical", "cleared"]);
    assert!(!alarm.record().hold.unwrap().is_flapping(at(alarm.now + 100)));
}

#[test]
fn a_profile_maps_the_severity_and_another_one_maps_it_anew() {
    let control = |severity| {
        let profile = Profile {
            alarm_type: "slow".to_owned(),
            qualifier: shelf::Pattern::new(".*").unwrap(),
            resource: shelf::ResourceMatch::parse(".*").unwrap(),
            severities: vec![severity],
        };
        Control { profiles: std::sync::Arc::new(vec![profile]), ..Control::default() }
    };
    let mut alarm = Alarm::with(control(Severity::Minor));
    alarm.say(standing(Severity::Critical, ""));
    assert_eq!((alarm.record().severity(), alarm.record().reported), (Severity::Minor, Some(Severity::Critical)));
    assert_eq!(alarm.say(standing(Severity::Major, "")), 0, "both are minor here");
    assert_eq!(alarm.revise(control(Severity::Warning)), 1);
    assert_eq!(alarm.revise(Control::default()), 1);
    assert_eq!(alarm.told_words(), ["minor", "warning", "major"]);
}

/// What may happen to an alarm.
#[derive(Debug, Clone)]
enum Step {
    Raise(Severity, u8),
    Clear,
    Operator(OperatorState),
    Shelve(bool),
    Wait(i64),
    Purge,
    Compress,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_usize..5, 0_u8..3).prop_map(|(severity, brief)| Step::Raise(Severity::ALL[severity], brief)),
        4 => Just(Step::Clear),
        2 => (0_usize..3).prop_map(|state| Step::Operator(OperatorState::WRITABLE[state])),
        2 => any::<bool>().prop_map(Step::Shelve),
        3 => (-5_i64..40).prop_map(Step::Wait),
        1 => Just(Step::Purge),
        1 => Just(Step::Compress),
    ]
}

/// The alarm as the RFC describes it: no hold-down, no memory of what was told.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model {
    standing: Option<(Severity, bool)>,
    said: u8,
    history: Vec<(Severity, bool, u8)>,
    operator: OperatorState,
    is_shelved: bool,
    created: usize,
    raised: usize,
}

impl Model {
    fn apply(&mut self, step: &Step, number: usize) {
        let before = (self.standing, self.said);
        match step {
            Step::Raise(severity, said) => {
                let stood = self.standing.is_some_and(|(_, is_cleared)| !is_cleared);
                if self.standing.is_none() {
                    (self.created, self.history) = (number, Vec::new());
                    self.operator = if self.is_shelved { OperatorState::Shelved } else { OperatorState::None };
                }
                if !stood {
                    self.raised = number;
                    if self.operator == OperatorState::Closed {
                        self.operator = OperatorState::None;
                    }
                }
                (self.standing, self.said) = (Some((*severity, false)), *said);
            }
            Step::Clear => self.standing = self.standing.map(|(severity, _)| (severity, true)),
            Step::Operator(state) if self.standing.is_some() => self.operator = *state,
            Step::Shelve(is_shelved) => {
                if self.standing.is_some() && self.is_shelved != *is_shelved {
                    self.operator = if *is_shelved { OperatorState::Shelved } else { OperatorState::UnShelved };
                }
                self.is_shelved = *is_shelved;
            }
            Step::Purge => self.standing = None,
            Step::Compress => self.history.truncate(1),
            Step::Operator(_) | Step::Wait(_) => {}
        }
        if let Some((severity, is_cleared)) = self.standing
            && (self.standing, self.said) != before
        {
            self.history.insert(0, (severity, is_cleared, self.said));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_alarm_follows_the_rules_of_the_rfc(
        steps in prop::collection::vec(step(), 1..80),
        notify in prop_oneof![
            Just(Notify::AllStateChanges), Just(Notify::RaiseAndClear), Just(Notify::SeverityLevel(Severity::Major))
        ],
        (rise, fall) in prop_oneof![3 => Just((0, 0)), 1 => (0_u64..30, 0_u64..30)],
        max in 1_usize..40,
    ) {
        let control = |is_shelved: bool| Control {
            notify,
            status_changes_max: max,
            shelves: if is_shelved { shelving() } else { Shelves::default() },
            ..held(rise, fall)
        };
        let is_held = rise > 0 || fall > 0;
        let (mut alarm, mut model) = (Alarm::with(control(false)), Model::default());
        let (mut created, mut raised) = (None, None);
        for (number, step) in steps.iter().enumerate() {
            let (before, was, told_before) = (model.clone(), alarm.record.clone(), alarm.told.len());
            model.apply(step, number);
            match step {
                Step::Raise(severity, said) => drop(alarm.say(standing(*severity, &said.to_string()))),
                Step::Clear => drop(alarm.say(GONE)),
                Step::Operator(state) => {
                    alarm.record = alarm.record.as_ref().map(|r| set_operator_state(r, *state, "ops", "", at(alarm.now)));
                }
                Step::Shelve(is_shelved) => drop(alarm.revise(control(*is_shelved))),
                Step::Wait(time) => drop(alarm.wait(*time)),
                Step::Purge => (alarm.record, created, raised) = (None, None, None),
                Step::Compress => {
                    if let Some(record) = &mut alarm.record {
                        record.compress();
                    }
                },
            }
            let told = &alarm.told[told_before..];
            let Some(record) = &alarm.record else { prop_assert_eq!(model.standing, None); continue };
            // What the list shows.
            prop_assert_eq!(Some((record.severity(), record.is_cleared())), model.standing);
            prop_assert_eq!(&*record.state.text.brief, model.said.to_string());
            prop_assert_eq!(record.operator_state(), model.operator);
            prop_assert_eq!(record.shelf.is_some(), model.is_shelved);
            let history: Vec<_> = record.status_changes.iter()
                .map(|c| (c.standing.severity, c.standing.is_cleared, c.text.parse::<u8>().unwrap())).collect();
            let kept = model.history.len().min(max);
            prop_assert_eq!(&history[..], &model.history[..kept]);
            // Times.
            prop_assert_eq!(record.status_changes.first().map(|c| c.time), Some(record.last_changed));
            prop_assert!(record.status_changes.windows(2).all(|two| two[0].time > two[1].time));
            prop_assert!(record.operator_changes.windows(2).all(|two| two[0].time > two[1].time));
            prop_assert!(record.operator_changes.len() <= OPERATOR_CHANGES_MAX);
            if model.created == number && before.standing.is_none() { created = Some(record.time_created); }
            if model.raised == number { raised = Some(record.last_raised); prop_assert!(record.last_raised == record.last_changed); }
            prop_assert_eq!((Some(record.time_created), Some(record.last_raised)), (created, raised));
            // Who is told.
            prop_assert!(told.len() <= 1);
            prop_assert!(!model.is_shelved || told.is_empty());
            if let Some(told) = told.first() {
                prop_assert_eq!(told.before, was.as_ref().and_then(AlarmRecord::announced));
                prop_assert_eq!(told.sequence, was.as_ref().map_or(0, |was| was.sequence) + 1);
                prop_assert!(was.as_ref().is_none_or(|was| told.last_updated > was.last_updated || was.sequence == 0));
                prop_assert!(told.last_updated >= record.last_changed);
                prop_assert!(told.before != Some(told.after.standing));
                prop_assert_eq!(&told.after, &record.state);
            }
            if !is_held && !model.is_shelved && !before.is_shelved && before.standing != model.standing {
                let was_told = was.as_ref().and_then(AlarmRecord::announced);
                let came_and_went = was.as_ref().is_some_and(|w| w.untold.is_some_and(|u| u.by == UntoldBy::Shelf))
                    && record.is_cleared() && was_told.is_none_or(|told| told.is_cleared);
                let wanted = !came_and_went && was_told != Some(record.state.standing)
                    && notify.tells(was_told, record.state.standing);
                prop_assert_eq!(told.len(), usize::from(wanted));
            }
        }
        // When everything is quiet and nothing holds it back, handlers know how the alarm stands.
        alarm.revise(control(false));
        alarm.wait(1000);
        if let (Some(record), Notify::AllStateChanges) = (&alarm.record, notify) {
            let known_to_stand = record.announced().is_some_and(|a| !a.is_cleared);
            prop_assert_eq!(known_to_stand, !record.is_cleared());
            prop_assert!(record.is_cleared() || record.announced() == Some(record.state.standing));
        }
    }

    #[test]
    fn waiting_tells_no_more_often_than_things_happen(
        steps in prop::collection::vec((any::<bool>(), 0_i64..30), 1..60), rise in 1_u64..20, fall in 1_u64..20,
    ) {
        let mut alarm = Alarm::with(held(rise, fall));
        let (mut edges, mut stands) = (0_u64, false);
        for (is_raise, time) in steps {
            if stands != is_raise {
                edges += 1;
                stands = is_raise;
            }
            alarm.say(if is_raise { standing(Severity::Major, "") } else { GONE });
            alarm.wait(time);
        }
        alarm.wait(1000);
        prop_assert!(alarm.told.len() as u64 <= edges);
        let words = alarm.told_words();
        prop_assert!(words.windows(2).all(|two| two[0] != two[1]), "{:?}", words);
        prop_assert_eq!(words.last().is_some_and(|word| *word != "cleared"), stands);
        let last = alarm.told.last().map(|told| told.last_updated.duration_since(at(0)));
        prop_assert!(last.is_none_or(|last| last > SignedDuration::ZERO));
    }
}

#[test]
fn what_is_said_beside_the_text_is_kept_and_is_no_change_of_the_status() {
    let mut alarm = Alarm::with(Control::default());
    let text = |causes: Vec<ResourceName>| AlarmText {
        brief: "too slow".into(),
        correlation: Correlation { root_causes: causes, related: Vec::new() },
        ..AlarmText::default()
    };
    let standing = |causes| Reading::Standing { severity: Severity::Major, text: text(causes).into() };
    assert_eq!(alarm.say(standing(Vec::new())), 1);
    let changed = alarm.record().last_changed;
    let cause = ResourceName { resource_type: "host".to_owned(), resource: "h1".to_owned() };
    alarm.now += 10;
    assert_eq!(alarm.say(standing(vec![cause.clone()])), 0);
    let record = alarm.record();
    assert_eq!((record.status_changes.len(), record.last_changed), (1, changed));
    assert_eq!(record.state.text.correlation.root_causes, [cause]);
}
