//! What a commit leaves without a way to be told.

use super::registry::entry_name;
use crate::alarm::{AlarmRecord, Severity, Standing};
use crate::datastore::CommitContext;
use crate::delivery::{HandlerSpec, Succession};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::ledger::AlarmList;
use crate::secret::Sealer;
use crate::settings;
use crate::tree::{DataPath, DataTree, EntryChange, Key, Value};
use crate::yang::SchemaId;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Alarms named in a warning at most: what a person reads; the rest is counted.
const NAMED_MAX: usize = 10;

/// Says what is lost with the handlers that a commit removes, disables or narrows: what waits for those that go, and what
/// nobody is told about any more, standing alarms and whole severities. `waiting` has what waits, by handler.
pub(super) fn warnings(
    change: &CommitContext<'_>,
    handlers: &Handlers<'_>,
    alarms: &AlarmList,
    waiting: &HashMap<String, u64>,
) -> Diagnostics {
    let mut warnings = Diagnostics::new();
    let changed = change.entries(handlers.list);
    warnings.extend(circles(change, handlers, &changed));
    // All handlers are read only where that can say anything: most commits change where a handler delivers to.
    let is_narrower = changed.iter().any(|(path, _)| {
        let told = handlers.at(change.before, path).filter(|spec| spec.is_enabled);
        let left = handlers.at(change.after, path).filter(|spec| spec.is_enabled);
        told.is_some_and(|told| left.is_none_or(|left| (told.filter, told.notify) != (left.filter, left.notify)))
    });
    let enabled = |tree: &DataTree| -> Vec<HandlerSpec> {
        let specs = changed.iter().filter_map(|(path, _)| handlers.at(tree, path));
        specs.filter(|spec| spec.is_enabled).collect()
    };
    let ended = Succession::between(&enabled(change.before), &enabled(change.after)).ended;
    for (path, what) in changed {
        let id = entry_name(&path).unwrap_or_default();
        if !ended.contains(&id) {
            continue;
        }
        if let Some(count) = waiting.get(&id).filter(|count| **count > 0) {
            let what = match what {
                EntryChange::Removed => "removed",
                _ if handlers.at(change.after, &path).is_some_and(|spec| spec.is_enabled) => "replaced",
                _ => "disabled",
            };
            let noun = if *count == 1 { "notification that waits" } else { "notifications that wait" };
            let said =
                format!("alarm handler `{id}` is {what} with {count} {noun} for it: nobody will be told of them");
            warnings.push(Diagnostic::warning(said).on(path.display(change.after.schema()).to_string()));
        }
    }
    if is_narrower {
        let (told, left) = (handlers.told(change.before), handlers.told(change.after));
        warnings.extend(uncovered(&told, &left, alarms));
        warnings.extend(unheard(&told, &left));
    }
    warnings
}

/// Says which handlers stand in for one another with nobody behind them, where a commit makes it so.
fn circles(
    change: &CommitContext<'_>,
    handlers: &Handlers<'_>,
    changed: &[(DataPath, EntryChange)],
) -> Vec<Diagnostic> {
    let mut told: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    let mut warnings = Vec::new();
    let now = changed.iter().filter_map(|(path, _)| Some((path, handlers.circle(change.after, path)?)));
    for (path, circle) in now {
        if handlers.circle(change.before, path).as_ref() == Some(&circle) || !told.insert(circle.clone()) {
            continue;
        }
        let names: Vec<String> = circle.iter().map(|name| format!("`{name}`")).collect();
        let all = if names.len() == 2 { "both" } else { "all" };
        let said = format!(
            "alarm handlers {} stand in for one another: while {all} are suspended nobody is told in their place",
            names.join(" and ")
        );
        let place = format!("{}/delivery/fallback-handler", path.display(change.after.schema()));
        let hint = "give one of them a `fallback-handler` that is none of them, or none at all";
        warnings.push(Diagnostic::warning(said).on(place).hint(hint));
    }
    warnings
}

/// Says which standing alarms somebody was told about, and nobody is any more.
fn uncovered(told: &[HandlerSpec], left: &[HandlerSpec], alarms: &AlarmList) -> Option<Diagnostic> {
    let is_covered = |by: &[HandlerSpec], record: &AlarmRecord| by.iter().any(|spec| covers(spec, record));
    let standing = alarms.iter().filter(|record| !record.is_cleared() && record.shelf.is_none());
    let mut uncovered: Vec<&Arc<AlarmRecord>> =
        standing.filter(|record| is_covered(told, record) && !is_covered(left, record)).collect();
    uncovered.sort_by(|a, b| b.severity().cmp(&a.severity()).then(a.id.cmp(&b.id)));
    let mut named: Vec<String> = uncovered.iter().take(NAMED_MAX).map(|record| name(record)).collect();
    if let Some(more) = uncovered.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        named.push(format!("and {more} more"));
    }
    let which = if named.is_empty() { String::new() } else { format!(": {}", named.join("; ")) };
    let count = uncovered.len();
    let noun =
        if count == 1 { "alarm stands that nobody is told about" } else { "alarms stand that nobody is told about" };
    let said = match (left.is_empty() && !told.is_empty(), count) {
        (true, 0) => "no alarm handler is left that is enabled: nobody is told of any alarm".to_owned(),
        (true, _) => format!(
            "no alarm handler is left that is enabled: nobody is told of any alarm, and {count} {noun} any more{which}"
        ),
        (false, 0) => return None,
        (false, _) => format!("{count} {noun} any more{which}"),
    };
    Some(Diagnostic::warning(said))
}

/// Says of which severities somebody was told, and nobody is any more, whatever the alarm.
fn unheard(told: &[HandlerSpec], left: &[HandlerSpec]) -> Option<Diagnostic> {
    let hears = |by: &[HandlerSpec], severity| {
        let standing = Standing { severity, is_cleared: false };
        by.iter().any(|spec| spec.notify.tells(None, standing) && spec.filter.wants(severity))
    };
    let lost: Vec<&str> = Severity::ALL
        .iter()
        .filter(|severity| !left.is_empty() && hears(told, **severity) && !hears(left, **severity))
        .map(|severity| severity.as_str())
        .collect();
    let said = || format!("no alarm handler is told of alarms any more that are {}", lost.join(", "));
    (!lost.is_empty()).then(|| Diagnostic::warning(said()))
}

/// Returns whether a handler is told of an alarm as it stands.
fn covers(spec: &HandlerSpec, record: &AlarmRecord) -> bool {
    spec.notify.tells(None, record.state.standing)
        && spec.filter.admits(&record.key, record.project.as_deref(), record.state.standing)
}

fn name(record: &AlarmRecord) -> String {
    let key = &record.key;
    format!("{} {} on {} {}", record.severity(), key.alarm_type, key.resource_type, key.resource)
}

/// Reads handlers.
pub(super) struct Handlers<'a> {
    /// Their list.
    pub(super) list: SchemaId,
    pub(super) sealer: &'a dyn Sealer,
}

impl Handlers<'_> {
    /// Returns those that are told of alarms.
    fn told(&self, tree: &DataTree) -> Vec<HandlerSpec> {
        let list = DataPath::new(self.list, Vec::new());
        let entries = tree.get(&list).into_iter().flat_map(|node| node.entries().collect::<Vec<_>>());
        let specs =
            entries.filter_map(|entry| settings::handler(entry, &list.entry(entry.key()?.clone()), self.sealer).ok());
        specs.filter(|spec| spec.is_enabled).collect()
    }

    /// Follows those that stand in for a handler, and returns them when they lead back to it.
    fn circle(&self, tree: &DataTree, from: &DataPath) -> Option<BTreeSet<String>> {
        let mut seen = BTreeSet::new();
        let mut path = from.clone();
        loop {
            let spec = self.at(tree, &path).filter(|spec| spec.is_enabled)?;
            let fallback = spec.delivery.fallback?;
            if !seen.insert(spec.id) {
                return None;
            }
            path = DataPath::new(self.list, Vec::new()).entry(Key::new(vec![Value::Text(fallback.as_str().into())]));
            if path == *from {
                return Some(seen);
            }
        }
    }

    fn at(&self, tree: &DataTree, path: &DataPath) -> Option<HandlerSpec> {
        settings::handler(tree.get(path)?, path, self.sealer).ok()
    }
}
