//! The rules by which an alarm changes, and by which of its changes handlers are told (RFC 8632 §3 and §4).

use super::record::{ELEMENT, later};
use super::shelf::Shelved;
use super::{
    AlarmKey, AlarmRecord, AlarmState, AlarmText, Contribution, Control, OperatorState, Severity, Standing, Untold,
    UntoldBy,
};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What the sources of an alarm say of it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// At least one says that it stands.
    Standing {
        /// The highest severity that stands, before profiles.
        severity: Severity,
        /// Its texts.
        text: Arc<AlarmText>,
    },
    /// None does.
    Gone {
        /// What to say of it now; `None` keeps what was said.
        text: Option<Arc<AlarmText>>,
    },
}

/// Under what circumstances a change is decided.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The wall-clock time.
    pub now: Timestamp,
    /// A time that the change must be later than even for an alarm that is not in the list: it may have been before.
    pub not_before: Option<Timestamp>,
    /// What configuration makes of alarms.
    pub control: &'a Control,
    /// Where the alarming resource is configured, when it is.
    pub path: Option<&'a str>,
    /// What several sources say of the alarm.
    pub contributions: &'a [&'a Contribution],
}

/// That handlers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The state that they were told last; `None` when they never were told any.
    pub before: Option<Standing>,
}

/// What became of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The alarm now. Where handlers are told, what its transition adds is not in it yet.
    pub record: AlarmRecord,
    /// What handlers are told; nothing where there is none.
    pub announced: Option<Announced>,
    /// When it happened.
    pub time: Timestamp,
}

/// Decides what a reading changes; `None` when nothing does.
#[must_use]
pub fn decide(
    key: &Arc<AlarmKey>,
    current: Option<&AlarmRecord>,
    reading: Reading,
    circumstances: &Circumstances<'_>,
) -> Option<Change> {
    let (state, reported) = state_of(key, current, reading, circumstances)?;
    let time = later(circumstances.now, newest(current).max(circumstances.not_before));
    let is_change = current.is_none_or(|current| !current.says_the_same(&state));
    let mut record = match current {
        Some(current) => AlarmRecord { state, ..current.clone() },
        None => AlarmRecord::new(key.id(), Arc::clone(key), state, time),
    };
    record.reported = (reported != record.severity()).then_some(reported);
    shelve(&mut record, time, circumstances);
    let announced = announcement(&mut record, current, circumstances);
    if is_change {
        record.note_change(current, time, circumstances.control.status_changes_max);
    }
    (announced.is_some() || current != Some(&record)).then_some(Change { record, announced, time })
}

/// Tells what was held back of an alarm, when that has lasted long enough; `None` when there is nothing to tell.
#[must_use]
pub fn announce_held(current: &AlarmRecord, circumstances: &Circumstances<'_>) -> Option<Change> {
    current.held_until().filter(|until| *until <= circumstances.now)?;
    let mut record = current.clone();
    if let Some(hold) = &mut record.hold {
        hold.until = None;
        // The newest change is told after all.
        hold.held_back = hold.held_back.saturating_sub(1);
    }
    let announced = record.announced();
    let is_told = record.shelf.is_none() && circumstances.control.notify.tells(announced, record.state.standing);
    if !is_told {
        let by = if record.shelf.is_some() { UntoldBy::Shelf } else { UntoldBy::Policy };
        record.untold = Some(Untold { announced, by });
    }
    let time = later(circumstances.now, newest(Some(current)));
    Some(Change { record, announced: is_told.then_some(Announced { before: announced }), time })
}

/// Sets an operator state. Nobody is told: it is between operators.
#[must_use]
pub fn set_operator_state(
    current: &AlarmRecord,
    state: OperatorState,
    operator: &str,
    text: &str,
    now: Timestamp,
) -> AlarmRecord {
    let mut record = current.clone();
    record.note_operator(now, operator, state, text);
    record
}

/// Returns when anything of an alarm happened last.
fn newest(current: Option<&AlarmRecord>) -> Option<Timestamp> {
    current.map(|current| current.last_changed.max(current.last_updated))
}

/// Returns the state that a reading comes to, and the severity that sources say; `None` when there is no such alarm.
fn state_of(
    key: &AlarmKey,
    current: Option<&AlarmRecord>,
    reading: Reading,
    circumstances: &Circumstances<'_>,
) -> Option<(AlarmState, Severity)> {
    let impact = current.map(|current| current.state.impact.clone()).unwrap_or_default();
    let control = circumstances.control;
    let (severity, is_cleared, text) = match (reading, current) {
        (Reading::Standing { severity, text }, _) => {
            let text = control.types.complete(key, text);
            // What was said before is said again: kept once.
            let known = current.map(|current| &current.state.text).filter(|known| **known == text);
            (severity, false, known.cloned().unwrap_or(text))
        }
        (Reading::Gone { .. }, None) => return None,
        (Reading::Gone { .. }, Some(current)) if current.is_cleared() => {
            // The severity that it had is history, and stays.
            return Some((current.state.clone(), current.reported_severity()));
        }
        (Reading::Gone { text }, Some(current)) => {
            (current.reported_severity(), true, text.unwrap_or_else(|| Arc::clone(&current.state.text)))
        }
    };
    let mapped = match current {
        // A clear keeps the severity.
        Some(current) if is_cleared => current.severity(),
        _ => control.severity(key, circumstances.path, severity),
    };
    Some((AlarmState { standing: Standing { severity: mapped, is_cleared }, text, impact }, severity))
}

/// Puts an alarm on the shelf that it belongs on, or takes it down.
fn shelve(record: &mut AlarmRecord, time: Timestamp, circumstances: &Circumstances<'_>) {
    let Circumstances { control, path, contributions, now, .. } = *circumstances;
    if control.shelves.is_empty() && record.shelf.is_none() || record.key.is_self_test() {
        return;
    }
    let alarm = Shelved { key: &record.key, severity: record.severity(), path, contributions };
    let shelf = control.shelf(&alarm, now).map(str::to_owned);
    if shelf == record.shelf {
        return;
    }
    let (state, text) = match (&shelf, &record.shelf) {
        (Some(name), _) => (OperatorState::Shelved, format!("on shelf {name}")),
        (None, Some(name)) => (OperatorState::UnShelved, format!("from shelf {name}")),
        (None, None) => (OperatorState::UnShelved, String::new()),
    };
    record.note_operator(time, ELEMENT, state, &text);
    record.shelf = shelf;
}

/// Returns whether handlers are told of the state that a record came to, with what they were told last; where they are
/// not, the record says so.
fn announcement(
    record: &mut AlarmRecord,
    current: Option<&AlarmRecord>,
    circumstances: &Circumstances<'_>,
) -> Option<Announced> {
    let (announced, standing) = (current.and_then(AlarmRecord::announced), record.state.standing);
    let is_edge = current.is_none_or(|current| current.state.standing != standing);
    if !is_edge && current.is_some_and(|current| current.shelf == record.shelf) {
        // Nothing that is told differs.
        return None;
    }
    if announced == Some(standing) {
        record.untold = None;
        end_hold(record, is_edge);
        return None;
    }
    let untold = |record: &mut AlarmRecord, by| {
        record.untold = Some(Untold { announced, by });
        None
    };
    if record.shelf.is_some() {
        end_hold(record, false);
        return untold(record, UntoldBy::Shelf);
    }
    let was = current.and_then(|current| current.untold).map(|untold| untold.by);
    let is_known_to_stand = announced.is_some_and(|announced| !announced.is_cleared);
    if let Some(by) = was.filter(|by| *by != UntoldBy::Policy && standing.is_cleared && !is_known_to_stand) {
        // It came and went, and nobody was told of either.
        end_hold(record, is_edge);
        return untold(record, by);
    }
    if let Some(wait) = hold_down(record, announced, circumstances.control) {
        hold(record, is_edge, wait, circumstances);
        return untold(record, UntoldBy::Hold);
    }
    end_hold(record, false);
    if !circumstances.control.notify.tells(announced, standing) && !record.key.is_self_test() {
        return untold(record, UntoldBy::Policy);
    }
    record.untold = None;
    Some(Announced { before: announced })
}

/// Returns for how long the way from what was announced to what is has to last.
fn hold_down(record: &AlarmRecord, announced: Option<Standing>, control: &Control) -> Option<Duration> {
    let (rise, fall) = control.hold_downs(&record.key.alarm_type);
    let stood = announced.is_some_and(|announced| !announced.is_cleared);
    let wait = match (stood, record.is_cleared()) {
        (false, false) => rise,
        (true, true) => fall,
        // Another severity of what is known to stand is told at once.
        _ => Duration::ZERO,
    };
    (!wait.is_zero()).then_some(wait)
}

fn hold(record: &mut AlarmRecord, is_edge: bool, wait: Duration, circumstances: &Circumstances<'_>) {
    let now = circumstances.now;
    let (rise, fall) = circumstances.control.hold_downs(&record.key.alarm_type);
    let mut hold = record.hold.unwrap_or_default();
    if now >= hold.flaps_until {
        hold.held_back = 0;
    }
    // A change of severity while a raise waits does not make it wait longer.
    hold.until = hold.until.or_else(|| now.checked_add(wait).ok());
    hold.held_back = hold.held_back.saturating_add(u64::from(is_edge));
    hold.flaps_until = now.checked_add(rise.saturating_add(fall)).unwrap_or(Timestamp::MAX);
    record.hold = Some(hold);
}

/// Ends what waits: the state is again the one that was told, or nobody is told anyway.
fn end_hold(record: &mut AlarmRecord, is_undone: bool) {
    if let Some(hold) = record.hold.as_mut().filter(|hold| hold.until.is_some()) {
        hold.until = None;
        hold.held_back = hold.held_back.saturating_add(u64::from(is_undone));
    }
}
