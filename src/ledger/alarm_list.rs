//! The alarm list as a persistent value: a clone is a snapshot, whatever happens to the original.

use crate::alarm::{AlarmId, AlarmRecord, Contributions, JournalPosition};
use crate::store::RecordChange;
use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet};
use jiff::Timestamp;
use std::sync::Arc;

/// One alarm, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) record: Arc<AlarmRecord>,
    /// What several sources say; `None` when there is the default source only, which says what the record says. The
    /// stored rows are exactly these.
    pub(super) contributions: Option<Contributions>,
}

impl Entry {
    fn deadline(&self) -> Option<Timestamp> {
        self.contributions.as_ref().and_then(Contributions::next_deadline)
    }
}

/// A snapshot of all alarms.
#[derive(Debug, Clone, Default)]
pub struct AlarmList {
    entries: OrdMap<AlarmId, Entry>,
    /// Those cleared, longest ago first.
    cleared: OrdSet<(Timestamp, AlarmId)>,
    /// Those with a deadline, the next first.
    deadlines: OrdSet<(Timestamp, AlarmId)>,
    position: JournalPosition,
    removed_until: Option<Timestamp>,
}

impl AlarmList {
    /// Returns an alarm.
    #[must_use]
    pub fn get(&self, id: &AlarmId) -> Option<&Arc<AlarmRecord>> {
        self.entries.get(id).map(|entry| &entry.record)
    }

    /// Returns all alarms, by identifier.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<AlarmRecord>> {
        self.entries.iter().map(|(_, entry)| &entry.record)
    }

    /// Returns how many alarms there are, the cleared included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns how many stand.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.entries.len().saturating_sub(self.cleared.len())
    }

    /// Returns the position of the newest journal entry that the list shows.
    #[must_use]
    pub fn position(&self) -> JournalPosition {
        self.position
    }

    /// Returns what several sources say of an alarm; nothing when only the default source speaks.
    #[must_use]
    pub fn contributions(&self, id: &AlarmId) -> Option<&Contributions> {
        self.entries.get(id).and_then(|entry| entry.contributions.as_ref())
    }

    /// Returns when the next contribution no longer holds.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.get_min().map(|(time, _)| *time)
    }

    pub(super) fn entry(&self, id: &AlarmId) -> Option<&Entry> {
        self.entries.get(id)
    }

    pub(super) fn put(&mut self, entry: Entry) {
        let id = entry.record.id;
        self.unindex(id);
        if entry.record.is_cleared() {
            self.cleared.insert((entry.record.last_changed, id));
        }
        if let Some(deadline) = entry.deadline() {
            self.deadlines.insert((deadline, id));
        }
        self.entries.insert(id, entry);
    }

    /// Takes an alarm out; a later alarm with the same identifier is dated later than this one was.
    pub(super) fn remove(&mut self, id: AlarmId) -> Option<Entry> {
        self.unindex(id);
        let entry = self.entries.remove(&id)?;
        self.removed_until = self.removed_until.max(Some(entry.record.last_changed));
        Some(entry)
    }

    fn unindex(&mut self, id: AlarmId) {
        let Some(old) = self.entries.get(&id) else { return };
        if old.record.is_cleared() {
            self.cleared.remove(&(old.record.last_changed, id));
        }
        if let Some(deadline) = old.deadline() {
            self.deadlines.remove(&(deadline, id));
        }
    }

    pub(super) fn set_position(&mut self, position: JournalPosition) {
        self.position = self.position.max(position);
    }

    /// Returns the time that no removed alarm was changed after.
    pub(super) fn removed_until(&self) -> Option<Timestamp> {
        self.removed_until
    }

    pub(super) fn set_removed_until(&mut self, time: Timestamp) {
        self.removed_until = self.removed_until.max(Some(time));
    }

    /// Returns the alarm that was cleared longest ago.
    pub(super) fn oldest_cleared(&self) -> Option<AlarmId> {
        self.cleared.get_min().map(|(_, id)| *id)
    }

    /// Returns the alarm whose deadline is next, if it is over at `now`.
    pub(super) fn due(&self, now: Timestamp) -> Option<AlarmId> {
        self.deadlines.get_min().filter(|(time, _)| *time <= now).map(|(_, id)| *id)
    }

    /// Returns how the records differ from an older list; what both share is not looked at.
    pub(super) fn changes_since<'a>(&'a self, old: &'a Self) -> impl Iterator<Item = RecordChange> + 'a {
        old.entries.diff(&self.entries).filter_map(|item| match item {
            DiffItem::Add(_, entry) => Some(RecordChange::Put(Arc::clone(&entry.record))),
            DiffItem::Update { old: (_, old), new: (_, new) } => {
                (!Arc::ptr_eq(&old.record, &new.record)).then(|| RecordChange::Put(Arc::clone(&new.record)))
            }
            DiffItem::Remove(id, _) => Some(RecordChange::Remove(*id)),
        })
    }
}
