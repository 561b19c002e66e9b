//! What operators and programs do to alarms, and ask about all of them.

use super::alarms::{AlarmError, AlarmSide};
use super::{Management, alarm_json};
use crate::alarm::{
    AlarmFilter, AlarmId, AlarmKey, AlarmRecord, CompressFilter, ImpactGroup, JournalPosition, OperatorState,
    REMARK_CHARS_MAX, ResourceName, Summary, Transition, TypeSpec,
};
use crate::datastore::Committed;
use crate::ledger::Ledger;
use crate::settings::Places;
use crate::tree::DataPath;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Names of unknown types remembered: who sends more makes them up.
const SEEN_TYPES_MAX: usize = 10_000;

/// What an operator makes of alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRequest {
    /// The alarms.
    pub alarms: Vec<AlarmId>,
    /// The operator state from now on.
    pub state: OperatorState,
    /// Who.
    pub operator: String,
    /// A remark.
    pub text: String,
}

/// One alarm type that there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryEntry {
    /// The type.
    pub alarm_type: String,
    /// What is known of it.
    pub spec: TypeSpec,
    /// Whether anything is: it is an own type or configured.
    pub is_known: bool,
}

/// Types that came in and are not known; says when there is a new one.
#[derive(Debug)]
pub(super) struct SeenTypes {
    names: Mutex<BTreeSet<String>>,
    changed: watch::Sender<u64>,
}

impl Default for SeenTypes {
    fn default() -> Self {
        Self { names: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Management {
    fn side(&self) -> Result<&Arc<AlarmSide>, AlarmError> {
        self.alarm_side.as_ref().ok_or(AlarmError::NotKept)
    }

    /// Returns the ledger, of an element with alarms.
    #[must_use]
    pub fn ledger(&self) -> Option<&Ledger> {
        self.alarm_side.as_ref().map(|side| &side.ledger)
    }

    /// Sets an operator state; returns the alarms as they are then. Blocks until that is durable.
    ///
    /// # Errors
    /// When the remark is too long, the state is not an operator's, or it could not be made durable.
    pub fn set_operator_state(&self, request: OperatorRequest) -> Result<Vec<Arc<AlarmRecord>>, AlarmError> {
        let OperatorRequest { alarms, state, operator, text } = request;
        if text.chars().count() > REMARK_CHARS_MAX {
            return Err(AlarmError::RemarkTooLong);
        }
        if !state.is_writable() {
            return Err(AlarmError::NotWritable(state));
        }
        Ok(self.side()?.ledger.set_operator_state(alarms, state, &operator, &text)?)
    }

    /// Takes alarms out of the list, or off the list of those on shelves; returns how many. Blocks.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn purge_alarms(&self, filter: AlarmFilter, is_shelved: bool) -> Result<usize, AlarmError> {
        Ok(self.side()?.ledger.purge_where(filter, is_shelved)?)
    }

    /// Forgets all but the newest status change of alarms; returns how many had more. Blocks.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn compress_alarms(&self, filter: CompressFilter, is_shelved: bool) -> Result<usize, AlarmError> {
        Ok(self.side()?.ledger.compress_where(filter, is_shelved)?)
    }

    /// Counts the alarms.
    #[must_use]
    pub fn alarm_summary(&self) -> Summary {
        let list = self.alarms();
        Summary::of(list.iter().map(|record| &**record))
    }

    /// Returns the alarm types that there may be, and those that alarms have, by name.
    #[must_use]
    pub fn inventory(&self) -> Vec<InventoryEntry> {
        let list = self.alarms();
        let types = list.control().types.clone();
        let mut names: BTreeSet<String> = types.iter().map(|(name, _)| name.to_owned()).collect();
        if let Some(side) = &self.alarm_side {
            names.extend(side.seen_types.names.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        }
        for record in list.iter() {
            if !names.contains(&record.key.alarm_type) && !record.key.is_self_test() {
                names.insert(record.key.alarm_type.clone());
            }
        }
        let entry = |alarm_type: String| {
            let known = types.get(&alarm_type);
            let spec = known.cloned().unwrap_or_else(|| TypeSpec { will_clear: true, ..TypeSpec::default() });
            InventoryEntry { alarm_type, spec, is_known: known.is_some() }
        };
        names.into_iter().map(entry).collect()
    }

    /// Takes note of a type that an alarm comes with. One that is not known is told once.
    pub fn note_type(&self, alarm_type: &str) {
        let Some(side) = &self.alarm_side else { return };
        if side.ledger.alarms().control().types.get(alarm_type).is_some() {
            return;
        }
        let mut names = side.seen_types.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(alarm_type) || names.len() >= SEEN_TYPES_MAX {
            return;
        }
        names.insert(alarm_type.to_owned());
        drop(names);
        tracing::warn!(alarm_type, "an alarm came of a type that is not configured under `alarm-types`: it is taken");
        side.seen_types.changed.send_modify(|count| *count += 1);
    }

    /// Returns a view that changes when the inventory does, because an unknown type came.
    #[must_use]
    pub fn inventory_changes(&self) -> Option<watch::Receiver<u64>> {
        self.alarm_side.as_ref().map(|side| side.seen_types.changed.subscribe())
    }

    /// Returns whether a commit changed the configured alarm types.
    #[must_use]
    pub fn is_of_alarm_types(&self, committed: &Committed) -> bool {
        let schema = self.datastore().plan().schema();
        let Some(types) = Places::of(schema).map(|places| places.alarm_types) else { return false };
        let way = schema.ancestry(types);
        committed.delta.changes.iter().any(|change| {
            let at = change.path().schema_id();
            way.contains(&at) || schema.ancestry(at).contains(&types)
        })
    }

    /// Returns what depends on a resource, directly or not.
    #[must_use]
    pub fn impact(&self, resource: &ResourceName) -> Vec<ImpactGroup> {
        let Some(side) = &self.alarm_side else { return Vec::new() };
        side.ledger.impact(&self.key_of(resource)).groups
    }

    /// Returns the resource that an entry of the configuration is, or that is around a place in one.
    #[must_use]
    pub fn resource_at(&self, path: &DataPath) -> Option<ResourceName> {
        let schema = self.datastore().plan().schema();
        let topology = Places::of(schema).map(|places| places.resource);
        for id in schema.ancestry(path.schema_id()).into_iter().rev() {
            let entry = path.ancestor(schema, id);
            let Some(key) = entry.keys().last().filter(|_| entry.is_entry(schema)) else { continue };
            let words: Vec<String> = key.values().iter().map(ToString::to_string).collect();
            if let Some(resource_type) = schema.node(id).extension("annunciator-extensions", "resource-type") {
                return Some(ResourceName { resource_type: resource_type.to_owned(), resource: words.join(" ") });
            }
            if let (true, [resource_type, resource]) = (topology == Some(id), words.as_slice()) {
                return Some(ResourceName { resource_type: resource_type.clone(), resource: resource.clone() });
            }
        }
        None
    }

    fn key_of(&self, resource: &ResourceName) -> AlarmKey {
        let ResourceName { resource_type, resource } = resource.clone();
        let (alarm_type, qualifier) = (String::new(), String::new());
        AlarmKey { node: self.node(), resource_type, resource, alarm_type, qualifier }
    }

    /// Returns an alarm as programs are shown it.
    #[must_use]
    pub fn alarm_value(&self, record: &AlarmRecord) -> Option<Value> {
        self.ledger().map(|ledger| alarm_json::alarm(record, ledger))
    }

    /// Returns the position of the newest transition, to follow what comes behind it.
    #[must_use]
    pub fn newest_transition(&self) -> JournalPosition {
        self.ledger().map(|ledger| *ledger.tail().borrow()).unwrap_or_default()
    }

    /// Waits until there are transitions behind a position, or for a while; returns them, and the position behind which to
    /// wait next. Blocks the thread; what is no longer in memory is left out.
    #[must_use]
    pub fn follow(&self, behind: JournalPosition, wait: Duration) -> (Vec<Arc<Transition>>, JournalPosition) {
        let Some(ledger) = self.ledger() else { return (Vec::new(), behind) };
        let newest = ledger.wait_behind(behind, wait);
        if newest <= behind {
            return (Vec::new(), behind);
        }
        let from = JournalPosition(behind.0.saturating_add(1));
        let come = ledger.read_ring(from, usize::MAX).unwrap_or_default();
        let last = come.last().map_or(newest, |transition| transition.position);
        (come, last.max(behind))
    }
}
