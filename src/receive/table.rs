//! What the receiver knows: the newest notification of each alarm, and which deliveries it has seen.

use super::Notification;
use crate::clock::format_utc;
use crate::diagnostic::printable;
use jiff::Timestamp;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;

/// Alarms kept; past it, cleared ones make room.
pub const ALARMS_MAX: usize = 100_000;

/// Delivery ids remembered: a repeat comes within a sender's retries, which this outlasts by far.
pub const DELIVERY_IDS_MAX: usize = 100_000;

/// What a notification is to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// An alarm stands that did not.
    Raised,
    /// An alarm that stands has changed.
    Changed,
    /// An alarm is gone.
    Cleared,
    /// It was here before.
    Repeat,
    /// Something newer of the same alarm was here before.
    Stale {
        /// The `last_updated` of the newer one.
        known: Timestamp,
    },
}

impl Verdict {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Changed => "changed",
            Self::Cleared => "cleared",
            Self::Repeat => "repeat",
            Self::Stale { .. } => "stale",
        }
    }

    /// Returns whether the table has changed by it.
    #[must_use]
    pub fn is_news(self) -> bool {
        matches!(self, Self::Raised | Self::Changed | Self::Cleared)
    }
}

/// The table is full of alarms that stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the table is full: {ALARMS_MAX} alarms stand")]
pub struct TableFull;

/// The alarms that were told of.
#[derive(Debug, Default)]
pub struct AlarmTable {
    alarms: BTreeMap<String, Notification>,
    seen: HashSet<String>,
    seen_in_order: VecDeque<String>,
}

impl AlarmTable {
    /// Builds an empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a notification in, unless it is a repeat or stale.
    ///
    /// # Errors
    /// When there is no room for another alarm.
    pub fn take(&mut self, notification: Notification, delivery: Option<&str>) -> Result<Verdict, TableFull> {
        if delivery.is_some_and(|id| self.seen.contains(id)) {
            return Ok(Verdict::Repeat);
        }
        if self.alarms.len() >= ALARMS_MAX && !self.alarms.contains_key(&notification.alarm_id) {
            self.make_room()?;
        }
        let verdict = match self.alarms.entry(notification.alarm_id.clone()) {
            Entry::Vacant(vacant) => {
                let verdict = if notification.is_cleared { Verdict::Cleared } else { Verdict::Raised };
                vacant.insert(notification);
                verdict
            }
            Entry::Occupied(mut occupied) => {
                let known = occupied.get();
                let verdict = match notification.last_updated.cmp(&known.last_updated) {
                    std::cmp::Ordering::Less => Verdict::Stale { known: known.last_updated },
                    // Two handlers that deliver here tell of one change under two delivery ids.
                    std::cmp::Ordering::Equal => Verdict::Repeat,
                    std::cmp::Ordering::Greater if notification.is_cleared => Verdict::Cleared,
                    std::cmp::Ordering::Greater if known.is_cleared => Verdict::Raised,
                    std::cmp::Ordering::Greater => Verdict::Changed,
                };
                if verdict.is_news() {
                    occupied.insert(notification);
                }
                verdict
            }
        };
        if let Some(id) = delivery {
            self.remember(id);
        }
        Ok(verdict)
    }

    fn make_room(&mut self) -> Result<(), TableFull> {
        let before = self.alarms.len();
        self.alarms.retain(|_, alarm| !alarm.is_cleared);
        if self.alarms.len() < before { Ok(()) } else { Err(TableFull) }
    }

    fn remember(&mut self, id: &str) {
        if self.seen_in_order.len() >= DELIVERY_IDS_MAX
            && let Some(oldest) = self.seen_in_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(id.to_owned());
        self.seen_in_order.push_back(id.to_owned());
    }

    /// Returns the newest notification of each alarm, by alarm id.
    pub fn alarms(&self) -> impl Iterator<Item = &Notification> {
        self.alarms.values()
    }
}

impl fmt::Display for AlarmTable {
    /// Writes a heading and a line an alarm: those that stand first, the worst first, then the newest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut alarms: Vec<&Notification> = self.alarms.values().collect();
        alarms.sort_by(|a, b| {
            let rank = |n: &Notification| (n.is_cleared, std::cmp::Reverse((n.severity, n.last_updated)));
            rank(a).cmp(&rank(b))
        });
        let standing = alarms.iter().filter(|a| !a.is_cleared).count();
        writeln!(f, "{standing} standing, {} cleared", alarms.len() - standing)?;
        if !alarms.is_empty() {
            writeln!(f, "{:<8}  {:<13}  {:<27}  ALARM", "STATE", "SEVERITY", "LAST UPDATED")?;
        }
        for alarm in alarms {
            let state = if alarm.is_cleared { "cleared" } else { "standing" };
            let (severity, time) = (alarm.severity, format_utc(alarm.last_updated));
            writeln!(f, "{state:<8}  {severity:<13}  {time:<27}  {}", Summary(alarm))?;
        }
        Ok(())
    }
}

/// Writes an alarm's identity and brief description on one line.
pub(super) struct Summary<'a>(pub(super) &'a Notification);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Notification { alarm_type, resource_type, resource_id, node_id, brief_description, .. } = self.0;
        let line = format!("{alarm_type} {resource_type}/{resource_id}@{node_id}");
        f.write_str(&printable(&line).replace('\n', " "))?;
        if !brief_description.is_empty() {
            write!(f, ": {}", printable(brief_description).replace('\n', " "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::Severity;
    use crate::receive::MessageForm;
    use proptest::prelude::*;

    fn told(alarm: &str, second: i64, is_cleared: bool) -> Notification {
        Notification {
            form: MessageForm::Flat,
            alarm_id: alarm.to_owned(),
            alarm_type: "t".to_owned(),
            resource_id: "r".to_owned(),
            resource_type: "k".to_owned(),
            node_id: "n".to_owned(),
            is_cleared,
            severity: Severity::Major,
            brief_description: "two\nlines \u{1b}[2J".to_owned(),
            dashboard_link: String::new(),
            last_updated: Timestamp::from_second(second).unwrap(),
        }
    }

    #[test]
    fn an_alarm_is_raised_changed_cleared_and_raised_again() {
        let mut table = AlarmTable::new();
        let mut take = |second, is_cleared| table.take(told("a", second, is_cleared), None).unwrap();
        assert_eq!(take(1, false), Verdict::Raised);
        assert_eq!(take(2, false), Verdict::Changed);
        assert_eq!(take(4, true), Verdict::Cleared);
        assert_eq!(take(3, false), Verdict::Stale { known: Timestamp::from_second(4).unwrap() });
        assert_eq!(take(4, true), Verdict::Repeat);
        assert_eq!(take(5, false), Verdict::Raised);
    }

    #[test]
    fn a_delivery_is_recognised_by_its_id() {
        let mut table = AlarmTable::new();
        assert_eq!(table.take(told("a", 1, false), Some("d1")), Ok(Verdict::Raised));
        assert_eq!(table.take(told("a", 2, true), Some("d2")), Ok(Verdict::Cleared));
        assert_eq!(table.take(told("a", 1, false), Some("d1")), Ok(Verdict::Repeat));
    }

    #[test]
    fn the_table_is_a_line_an_alarm_that_cannot_steer_the_terminal() {
        let mut table = AlarmTable::new();
        table.take(told("a", 1, false), None).unwrap();
        table.take(told("b", 1, true), None).unwrap();
        let text = table.to_string();
        assert!(text.starts_with("1 standing, 1 cleared\n") && text.lines().count() == 4, "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn whatever_the_order_and_the_repeats_the_newest_wins(
            history in prop::collection::vec((0..3_u8, any::<bool>()), 1..20),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let all: Vec<Notification> = history.iter().enumerate()
                .map(|(at, (alarm, is_cleared))| told(&alarm.to_string(), i64::try_from(at).unwrap(), *is_cleared))
                .collect();
            let mut table = AlarmTable::new();
            // Some at random, with repeats, then each once.
            for at in order.iter().map(|index| index.index(all.len())).chain((0..all.len()).rev()) {
                let id = format!("d{at}");
                table.take(all.get(at).unwrap().clone(), Some(&id)).unwrap();
            }
            for alarm in table.alarms() {
                let newest = all.iter().rfind(|n| n.alarm_id == alarm.alarm_id).unwrap();
                prop_assert_eq!(alarm, newest);
            }
        }
    }
}
