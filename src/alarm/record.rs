//! The alarm list's entry for one alarm (RFC 8632 §4.5), and the rules by which it changes.

use super::{AlarmId, AlarmKey, AlarmState, AlarmText, JournalPosition, Severity, Standing, Transition};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Status changes kept for one alarm unless configured otherwise (RFC 8632, `max-alarm-status-changes`).
pub const STATUS_CHANGES_MAX: usize = 32;

/// One entry of an alarm's history (RFC 8632, `status-change`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    /// When it changed.
    pub time: Timestamp,
    /// How it stood then.
    pub standing: Standing,
    /// Its brief text then.
    pub text: String,
}

/// All that is known of one alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmRecord {
    /// The alarm.
    pub id: AlarmId,
    /// The alarm's key.
    pub key: AlarmKey,
    /// Severity, clearance, texts, impact.
    pub state: AlarmState,
    /// Position of its newest transition.
    pub position: JournalPosition,
    /// Number of its newest transition among its own, from 1.
    pub sequence: u64,
    /// The configuration revision in force at its newest transition.
    pub revision: u64,
    /// When its newest transition happened; strictly rising.
    pub last_updated: Timestamp,
    /// When it came into the list (`time-created`).
    pub time_created: Timestamp,
    /// When it was raised last (`last-raised`); a change of severity is not a raise.
    pub last_raised: Timestamp,
    /// When anything of it changed last, its text included (`last-changed`).
    pub last_changed: Timestamp,
    /// Its history, newest first (`status-change`).
    pub status_changes: Vec<StatusChange>,
}

impl AlarmRecord {
    /// Returns whether the condition is gone.
    #[must_use]
    pub fn is_cleared(&self) -> bool {
        self.state.standing.is_cleared
    }

    /// Returns the severity, the last one that was not clear.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.state.standing.severity
    }

    /// Applies a transition read from the journal, as a restart does; `current` is the alarm before it.
    #[must_use]
    pub fn replay(current: Option<&Self>, transition: &Transition, status_changes_max: usize) -> Self {
        // The first transition of an alarm says that it came into the list anew, whatever was there.
        let current = current.filter(|_| transition.before.is_some());
        let time = transition.last_updated;
        let standing = transition.after.standing;
        let was_standing = transition.before.is_some_and(|before| !before.is_cleared);
        let mut record = Self {
            id: transition.id,
            key: transition.key.clone(),
            state: transition.after.clone(),
            position: transition.position,
            sequence: transition.sequence,
            revision: transition.revision,
            last_updated: time,
            time_created: current.map_or(time, |c| c.time_created),
            last_raised: current.map_or(time, |c| c.last_raised),
            last_changed: time,
            status_changes: current.map(|c| c.status_changes.clone()).unwrap_or_default(),
        };
        if !standing.is_cleared && !was_standing {
            record.last_raised = time;
        }
        record.remember(time, status_changes_max);
        record
    }

    fn remember(&mut self, time: Timestamp, status_changes_max: usize) {
        let change = StatusChange { time, standing: self.state.standing, text: self.state.text.brief.clone() };
        self.status_changes.truncate(status_changes_max.max(1) - 1);
        self.status_changes.insert(0, change);
    }
}

/// What the sources of an alarm say of it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// At least one says that it stands.
    Standing {
        /// The highest severity that stands.
        severity: Severity,
        /// Its texts.
        text: AlarmText,
    },
    /// None does.
    Gone {
        /// What to say of it now; `None` keeps what was said.
        text: Option<AlarmText>,
    },
}

/// Under what circumstances a change is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// The wall-clock time.
    pub now: Timestamp,
    /// A time that the change must be later than even for an alarm that is not in the list: it may have been before.
    pub not_before: Option<Timestamp>,
    /// The configuration revision in force.
    pub revision: u64,
    /// Status changes kept.
    pub status_changes_max: usize,
}

/// What a reading changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Something that is announced: a raise, a change of severity, a clear, a raise after a clear. The position is
    /// still that of the transition before; the impact is not computed yet.
    Announced(Transition),
    /// Only the texts: the record changes and nobody is told.
    Quiet(AlarmRecord),
}

/// Decides what a reading changes; `None` when nothing does.
#[must_use]
pub fn decide(
    key: &AlarmKey,
    current: Option<&AlarmRecord>,
    reading: Reading,
    circumstances: &Circumstances,
) -> Option<Change> {
    let (standing, text) = match (reading, current) {
        (Reading::Standing { severity, text }, _) => (Standing { severity, is_cleared: false }, text),
        (Reading::Gone { .. }, None) => return None,
        (Reading::Gone { .. }, Some(current)) if current.is_cleared() => return None,
        (Reading::Gone { text }, Some(current)) => {
            let standing = Standing { severity: current.severity(), is_cleared: true };
            (standing, text.unwrap_or_else(|| current.state.text.clone()))
        }
    };
    let time = change_time(current, circumstances);
    match current {
        Some(current) if current.state.standing == standing => (current.state.text != text).then(|| {
            let mut record = current.clone();
            record.state.text = text;
            record.last_changed = time;
            record.remember(time, circumstances.status_changes_max);
            Change::Quiet(record)
        }),
        _ => Some(Change::Announced(Transition {
            position: current.map(|c| c.position).unwrap_or_default(),
            id: current.map_or_else(|| key.id(), |c| c.id),
            key: key.clone(),
            sequence: current.map_or(1, |c| c.sequence.saturating_add(1)),
            before: current.map(|c| c.state.standing),
            after: AlarmState { standing, text, impact: current.map(|c| c.state.impact.clone()).unwrap_or_default() },
            last_updated: time,
            revision: circumstances.revision,
            base_url: None,
        })),
    }
}

/// Returns now in whole microseconds, or one more than the last change when the clock is not beyond that.
fn change_time(current: Option<&AlarmRecord>, circumstances: &Circumstances) -> Timestamp {
    let now = whole_microseconds(circumstances.now);
    let before = current.map(|c| c.last_changed.max(c.last_updated)).max(circumstances.not_before);
    match before {
        Some(before) if now <= before => {
            whole_microseconds(before).checked_add(1.microsecond()).unwrap_or(Timestamp::MAX)
        }
        _ => now,
    }
}

fn whole_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> AlarmKey {
        let text = str::to_owned;
        AlarmKey {
            node: text("n1"),
            resource_type: text("database"),
            resource: text("db1"),
            alarm_type: text("failed-connection"),
            qualifier: String::new(),
        }
    }

    fn text(brief: &str) -> AlarmText {
        AlarmText { brief: brief.to_owned(), ..AlarmText::default() }
    }

    fn at(microsecond: i64) -> Circumstances {
        let now = Timestamp::from_microsecond(microsecond).unwrap();
        Circumstances { now, not_before: None, revision: 1, status_changes_max: STATUS_CHANGES_MAX }
    }

    fn standing(severity: Severity, brief: &str) -> Reading {
        Reading::Standing { severity, text: text(brief) }
    }

    fn step(current: &mut Option<AlarmRecord>, reading: Reading, circumstances: Circumstances) -> Option<Transition> {
        match decide(&key(), current.as_ref(), reading, &circumstances)? {
            Change::Quiet(record) => {
                *current = Some(record);
                None
            }
            Change::Announced(transition) => {
                let max = circumstances.status_changes_max;
                *current = Some(AlarmRecord::replay(current.as_ref(), &transition, max));
                Some(transition)
            }
        }
    }

    #[test]
    fn clearing_an_absent_or_cleared_alarm_announces_nothing() {
        let mut alarm = None;
        assert_eq!(step(&mut alarm, Reading::Gone { text: None }, at(1)), None);
        step(&mut alarm, standing(Severity::Major, ""), at(2));
        assert!(step(&mut alarm, Reading::Gone { text: None }, at(3)).is_some());
        assert_eq!(step(&mut alarm, Reading::Gone { text: Some(text("gone")) }, at(4)), None);
    }

    #[test]
    fn a_clear_keeps_the_severity_and_a_raise_after_it_is_announced() {
        let mut alarm = None;
        step(&mut alarm, standing(Severity::Critical, ""), at(1));
        let cleared = step(&mut alarm, Reading::Gone { text: None }, at(2)).unwrap();
        assert_eq!(cleared.after.standing, Standing { severity: Severity::Critical, is_cleared: true });
        let again = step(&mut alarm, standing(Severity::Critical, ""), at(3)).unwrap();
        assert_eq!((again.sequence, again.before), (3, Some(cleared.after.standing)));
        let alarm = alarm.unwrap();
        assert_eq!(alarm.last_raised, at(3).now);
        assert_eq!(alarm.time_created, at(1).now);
    }

    #[test]
    fn a_raise_that_changes_nothing_announces_nothing() {
        let mut alarm = None;
        step(&mut alarm, standing(Severity::Minor, "a"), at(1));
        let before = alarm.clone();
        assert_eq!(step(&mut alarm, standing(Severity::Minor, "a"), at(2)), None);
        assert_eq!(alarm, before);
    }

    #[test]
    fn another_text_is_recorded_and_not_announced() {
        let mut alarm = None;
        step(&mut alarm, standing(Severity::Minor, "a"), at(1));
        assert_eq!(step(&mut alarm, standing(Severity::Minor, "b"), at(2)), None);
        let alarm = alarm.unwrap();
        assert_eq!((alarm.state.text.brief.as_str(), alarm.sequence), ("b", 1));
        assert_eq!((alarm.last_changed, alarm.last_updated), (at(2).now, at(1).now));
        assert_eq!(alarm.status_changes.len(), 2);
    }

    #[test]
    fn a_change_of_severity_is_no_raise() {
        let mut alarm = None;
        step(&mut alarm, standing(Severity::Minor, ""), at(1));
        step(&mut alarm, standing(Severity::Major, ""), at(2));
        assert_eq!(alarm.unwrap().last_raised, at(1).now);
    }

    #[test]
    fn an_alarm_that_was_removed_comes_back_dated_later() {
        let circumstances = Circumstances { not_before: Some(at(9).now), ..at(3) };
        let raised = step(&mut None, standing(Severity::Minor, ""), circumstances).unwrap();
        assert_eq!(raised.last_updated, at(10).now);
    }

    proptest! {
        #[test]
        fn the_record_follows_a_simple_model(
            steps in proptest::collection::vec((0_usize..8, 0_u8..3, -5_i64..20), 1..80)
        ) {
            let mut alarm: Option<AlarmRecord> = None;
            // The model: severity and clearance, text, announcements so far.
            let (mut model, mut said, mut announced): (Option<(Severity, bool)>, u8, u64) = (None, 0, 0);
            let (mut clock, mut last) = (1_000_000, None);
            for (what, brief, elapsed) in steps {
                clock += elapsed;
                let before = model;
                let reading = if let Some(severity) = Severity::ALL.get(what) {
                    (model, said) = (Some((*severity, false)), brief);
                    standing(*severity, &brief.to_string())
                } else {
                    model = model.map(|(severity, _)| (severity, true));
                    Reading::Gone { text: None }
                };
                let transition = step(&mut alarm, reading, at(clock));
                prop_assert_eq!(transition.is_some(), before != model);
                announced += u64::from(transition.is_some());
                if let Some(transition) = transition {
                    prop_assert!(last.is_none_or(|last| transition.last_updated > last));
                    last = Some(transition.last_updated);
                }
                let Some(alarm) = &alarm else { prop_assert_eq!(model, None); continue };
                prop_assert_eq!(Some((alarm.severity(), alarm.is_cleared())), model);
                prop_assert_eq!(&alarm.state.text.brief, &said.to_string());
                prop_assert_eq!(alarm.sequence, announced);
                prop_assert!(alarm.status_changes.len() <= STATUS_CHANGES_MAX);
                prop_assert_eq!(alarm.status_changes.first().map(|c| c.time), Some(alarm.last_changed));
                prop_assert!(alarm.status_changes.windows(2).all(|two| two[0].time > two[1].time));
            }
        }
    }
}
