//! The alarm list after a restart: the stored list at its watermark, the journal behind it, and the contributions.

use super::alarm_list::{AlarmList, Entry};
use super::decide::REMOVED_UNTIL;
use super::ring::next;
use crate::alarm::Control;
use crate::alarm::{AlarmId, AlarmRecord, Contribution, ContributionKey, Contributions, Transition};
use crate::store::{ContributionRow, JOURNAL_READ_MAX, JournalEntry, Store, StoreError};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// What was read back.
pub(super) struct Recovered {
    /// The list as stored, without what the journal added: what the recorder compares with.
    pub(super) stored: AlarmList,
    /// The list as it is.
    pub(super) list: AlarmList,
}

/// Reads the alarm list back.
pub(super) fn recover(store: &Store, control: Arc<Control>, now: Timestamp) -> Result<Recovered, StoreError> {
    let mut list = AlarmList::default();
    let status_changes_max = control.status_changes_max;
    for silence in store.silences()? {
        list.set_silence(silence.id, Some(Arc::new(silence)), now);
    }
    list.set_control(control, now);
    if let Some(text) = store.meta(REMOVED_UNTIL)? {
        let time = text.parse().map_err(|e: jiff::Error| StoreError::Corrupt {
            table: "meta",
            row: REMOVED_UNTIL.to_owned(),
            reason: e.to_string(),
        })?;
        list.set_removed_until(time);
    }
    let stored = store.read_records()?;
    for record in stored.records {
        list.put(Entry { record: Arc::new(record), contributions: None });
    }
    list.set_position(stored.watermark);
    let stored = list.clone();
    let mut from = next(stored.position());
    loop {
        let entries = store.read_entries(from, JOURNAL_READ_MAX)?;
        let Some(reached) = entries.last().map(JournalEntry::position) else { break };
        for entry in entries {
            list.set_position(entry.position());
            match entry {
                JournalEntry::Transition(transition) => replay(&mut list, &transition, status_changes_max),
                JournalEntry::Amendment { record, .. } => {
                    list.put(Entry { record: Arc::from(record), contributions: None });
                }
                JournalEntry::Removal { alarm, .. } => drop(list.remove(alarm)),
            }
        }
        from = next(reached);
    }
    restore_contributions(&mut list, store.contributions()?);
    Ok(Recovered { stored, list })
}

fn replay(list: &mut AlarmList, transition: &Transition, status_changes_max: usize) {
    let current = list.get(&transition.id).map(|record| &**record);
    let record = Arc::new(AlarmRecord::replay(current, transition, status_changes_max));
    list.put(Entry { record, contributions: None });
}

fn restore_contributions(list: &mut AlarmList, rows: Vec<ContributionRow>) {
    let mut by_alarm: HashMap<AlarmId, Contributions> = HashMap::new();
    for row in rows {
        by_alarm.entry(row.alarm).or_default().restore(Contribution {
            key: ContributionKey(row.key),
            severity: row.severity,
            text: Arc::new(row.text),
            ends_at: row.ends_at,
            note: row.note.map(Into::into),
            turn: row.turn,
            row: row.row,
        });
    }
    for (alarm, contributions) in by_alarm {
        if let Some(record) = list.get(&alarm).cloned() {
            list.put(Entry { record, contributions: Some(contributions) });
        } else {
            // Written in one transaction with the alarm's transitions, so this is an edited file; the source will say
            // again what stands.
            tracing::warn!(%alarm, "stored contributions belong to no alarm and are left alone");
        }
    }
}
