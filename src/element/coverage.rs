//! What a commit leaves without a way to be told.

use super::clients::entry_name;
use crate::alarm::AlarmRecord;
use crate::datastore::CommitContext;
use crate::delivery::{Filter, HandlerSpec};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::ledger::AlarmList;
use crate::secret::{OpenError, Sealer, Secret};
use crate::settings::{self, Places};
use crate::tree::{DataPath, DataTree, EntryChange};
use std::collections::HashMap;
use std::sync::Arc;

/// Alarms named in a warning at most: what a person reads; the rest is counted.
const NAMED_MAX: usize = 10;

/// Says what is lost with the handlers that a commit removes or disables: what waits for them, and the standing alarms
/// that nobody is told about any more. `waiting` has what waits, by handler.
pub(super) fn warnings(
    change: &CommitContext<'_>,
    places: &Places,
    alarms: &AlarmList,
    waiting: &HashMap<String, u64>,
) -> Diagnostics {
    let mut warnings = Diagnostics::new();
    let mut is_silenced = false;
    for (path, what) in change.entries(places.alarm_handler) {
        let told = handler_at(change.before, &path).filter(|spec| spec.is_enabled);
        let is_told = handler_at(change.after, &path).is_some_and(|spec| spec.is_enabled);
        if is_told || told.is_none_or(|spec| is_renamed(change, places, &spec)) {
            continue;
        }
        is_silenced = true;
        let id = entry_name(&path).unwrap_or_default();
        if let Some(count) = waiting.get(&id).filter(|count| **count > 0) {
            let what = if what == EntryChange::Removed { "removed" } else { "disabled" };
            let noun = if *count == 1 { "notification that waits" } else { "notifications that wait" };
            let said =
                format!("alarm handler `{id}` is {what} with {count} {noun} for it: nobody will be told of them");
            warnings.push(Diagnostic::warning(said).on(path.display(change.after.schema()).to_string()));
        }
    }
    if is_silenced {
        warnings.extend(uncovered(change, places, alarms));
    }
    warnings
}

/// Opens no secret: whom a handler tells does not depend on any.
#[derive(Debug)]
struct Blind;

impl Sealer for Blind {
    fn seal(&self, _clear: &str) -> String {
        String::new()
    }

    fn open(&self, _sealed: &str) -> Result<Secret, OpenError> {
        Ok(Secret::new(String::new()))
    }
}

/// Returns whether a handler that goes comes back under another name, with what waits for it.
fn is_renamed(change: &CommitContext<'_>, places: &Places, gone: &HandlerSpec) -> bool {
    let entries = change.entries(places.alarm_handler).into_iter();
    let mut created = entries.filter(|(_, what)| *what == EntryChange::Created);
    created.any(|(path, _)| handler_at(change.after, &path).is_some_and(|spec| gone.is_renamed_to(&spec)))
}

fn uncovered(change: &CommitContext<'_>, places: &Places, alarms: &AlarmList) -> Option<Diagnostic> {
    let left = handlers(change.after, places);
    let standing = alarms.iter().filter(|record| !record.is_cleared() && record.shelf.is_none());
    let mut uncovered: Vec<&Arc<AlarmRecord>> =
        standing.filter(|record| !left.iter().any(|spec| covers(spec, record))).collect();
    uncovered.sort_by(|a, b| b.severity().cmp(&a.severity()).then(a.id.cmp(&b.id)));
    let mut named: Vec<String> = uncovered.iter().take(NAMED_MAX).map(|record| name(record)).collect();
    if let Some(more) = uncovered.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        named.push(format!("and {more} more"));
    }
    let which = if named.is_empty() { String::new() } else { format!(": {}", named.join("; ")) };
    let count = uncovered.len();
    let noun =
        if count == 1 { "alarm stands that nobody is told about" } else { "alarms stand that nobody is told about" };
    let said = match (left.is_empty(), count) {
        (true, 0) => "no alarm handler is left that is enabled: nobody is told of any alarm".to_owned(),
        (true, _) => format!(
            "no alarm handler is left that is enabled: nobody is told of any alarm, and {count} {noun} any more{which}"
        ),
        (false, 0) => return None,
        (false, _) => format!("{count} {noun} any more{which}"),
    };
    Some(Diagnostic::warning(said))
}

/// Returns whether a handler is told of an alarm as it stands.
fn covers(spec: &HandlerSpec, record: &AlarmRecord) -> bool {
    let wanted = Filter { notify: spec.notify, ..spec.filter.clone() };
    wanted.admit_standing(&record.key, record.state.standing)
}

fn name(record: &AlarmRecord) -> String {
    let key = &record.key;
    format!("{} {} on {} {}", record.severity(), key.alarm_type, key.resource_type, key.resource)
}

/// Returns the handlers that are told of alarms.
fn handlers(tree: &DataTree, places: &Places) -> Vec<HandlerSpec> {
    let list = DataPath::new(places.alarm_handler, Vec::new());
    let entries = tree.get(&list).into_iter().flat_map(|node| node.entries().collect::<Vec<_>>());
    let specs = entries.filter_map(|entry| settings::handler(entry, &list.entry(entry.key()?.clone()), &Blind).ok());
    specs.filter(|spec| spec.is_enabled).collect()
}

fn handler_at(tree: &DataTree, path: &DataPath) -> Option<HandlerSpec> {
    settings::handler(tree.get(path)?, path, &Blind).ok()
}
