//! The alarm list as a persistent value: a clone is a snapshot, whatever happens to the original.

use crate::alarm::shelf::{Shelf, Shelves};
use crate::alarm::{AlarmId, AlarmRecord, Contributions, Control, JournalPosition, Silence};
use crate::store::RecordChange;
use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet};
use jiff::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

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
    /// Those of which something is held back, the next to be told first.
    holds: OrdSet<(Timestamp, AlarmId)>,
    /// Those on a shelf.
    shelved: OrdSet<AlarmId>,
    /// When an alarm that is on no shelf, and one that is, changed last.
    last_changed: Option<Timestamp>,
    shelved_last_changed: Option<Timestamp>,
    /// What configuration makes of alarms, without the silences.
    configured: Arc<Control>,
    /// The same with the silences, which come after the shelves of the configuration.
    control: Arc<Control>,
    silences: OrdMap<Uuid, Arc<Silence>>,
    /// When a shelf begins or ends to hold next.
    shelf_edge: Option<Timestamp>,
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

    /// Returns the alarms on shelves.
    pub fn shelved(&self) -> impl Iterator<Item = &Arc<AlarmRecord>> {
        self.shelved.iter().filter_map(|id| self.get(id))
    }

    /// Returns how many alarms are on shelves.
    #[must_use]
    pub fn shelved_len(&self) -> usize {
        self.shelved.len()
    }

    /// Returns when an alarm that is on no shelf changed last; `None` when none did since the start.
    #[must_use]
    pub fn last_changed(&self) -> Option<Timestamp> {
        self.last_changed
    }

    /// Returns when an alarm on a shelf changed last; `None` when none did since the start.
    #[must_use]
    pub fn shelved_last_changed(&self) -> Option<Timestamp> {
        self.shelved_last_changed
    }

    /// Returns what configuration and silences make of alarms.
    #[must_use]
    pub fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Returns what configuration makes of alarms, without the silences.
    pub(super) fn configured(&self) -> &Control {
        &self.configured
    }

    /// Returns the silences, those that are over included.
    pub fn silences(&self) -> impl Iterator<Item = &Arc<Silence>> {
        self.silences.iter().map(|(_, silence)| silence)
    }

    /// Returns a silence.
    #[must_use]
    pub fn silence(&self, id: &Uuid) -> Option<&Arc<Silence>> {
        self.silences.get(id)
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
        if let Some(until) = entry.record.held_until() {
            self.holds.insert((until, id));
        }
        let newest = if entry.record.shelf.is_some() {
            self.shelved.insert(id);
            &mut self.shelved_last_changed
        } else {
            &mut self.last_changed
        };
        *newest = (*newest).max(Some(entry.record.last_changed));
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
        if let Some(until) = old.record.held_until() {
            self.holds.remove(&(until, id));
        }
        self.shelved.remove(&id);
    }

    /// Puts what configuration makes of alarms into force; the alarms are as they were.
    pub(super) fn set_control(&mut self, configured: Arc<Control>, now: Timestamp) {
        self.configured = configured;
        self.rebuild_control(now);
    }

    /// Puts up a silence, or takes one away.
    pub(super) fn set_silence(&mut self, id: Uuid, silence: Option<Arc<Silence>>, now: Timestamp) {
        match silence {
            Some(silence) => drop(self.silences.insert(id, silence)),
            None => drop(self.silences.remove(&id)),
        }
        self.rebuild_control(now);
    }

    /// Puts the silences behind the shelves of the configuration, the oldest first.
    pub(super) fn rebuild_control(&mut self, now: Timestamp) {
        let mut silences: Vec<&Arc<Silence>> = self.silences().filter(|silence| !silence.is_over(now)).collect();
        silences.sort_by_key(|silence| (silence.starts_at, silence.id));
        if silences.is_empty() {
            self.control = Arc::clone(&self.configured);
        } else {
            let mut shelves: Vec<Shelf> = self.configured.shelves.iter().cloned().collect();
            // What cannot be compiled was refused when it was put up.
            shelves.extend(silences.into_iter().filter_map(|silence| silence.shelf().ok()));
            self.control = Arc::new(Control { shelves: Shelves::new(shelves), ..Control::clone(&self.configured) });
        }
        self.shelf_edge = self.control.shelves.next_edge(now);
    }

    /// Returns when something is to be looked at again that no source has to say.
    pub(super) fn next_turn(&self) -> Option<Timestamp> {
        let hold = self.holds.get_min().map(|(time, _)| *time);
        hold.into_iter().chain(self.shelf_edge).min()
    }

    /// Returns the alarm of which something is to be told now.
    pub(super) fn held_due(&self, now: Timestamp) -> Option<AlarmId> {
        self.holds.get_min().filter(|(time, _)| *time <= now).map(|(_, id)| *id)
    }

    /// Returns whether a shelf has begun or ended to hold.
    pub(super) fn is_shelf_due(&self, now: Timestamp) -> bool {
        self.shelf_edge.is_some_and(|edge| edge <= now)
    }

    pub(super) fn ids(&self) -> Vec<AlarmId> {
        self.entries.keys().copied().collect()
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
