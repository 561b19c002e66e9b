//! `alarms`, and `alarm-types` of the environment: what is made of alarms.

use super::reader::Reader;
use crate::alarm::shelf::{BadPattern, Pattern, ResourceMatch, Shelf, Shelves, TypeMatch};
use crate::alarm::{Control, Notify, Profile, Severity, TypeSpec, Types};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::{DataPath, DataTree, NodeRef, Value};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// Status changes kept for an alarm where the configuration says `infinite`: what a number may say at most.
const INFINITE: usize = 65_535;

/// Reads what is made of alarms.
///
/// # Errors
/// What cannot be read, each with its path: patterns, mostly.
pub fn alarm_control(tree: &DataTree) -> Result<Control, Diagnostics> {
    let mut faults = Diagnostics::new();
    let root = tree.root();
    let mut reader = Reader::new(root, &DataPath::ROOT);
    let notify = notify(&mut reader, "alarms/control/");
    let status_changes_max = match reader.value("alarms/control/max-alarm-status-changes").and_then(Value::as_u64) {
        Some(number) => usize::try_from(number).unwrap_or(INFINITE),
        None => INFINITE,
    };
    let alarms_max = reader.number("alarms/control/max-alarms");
    let read = reader.finish((|| Some((notify?, alarms_max?)))());
    let shelves = entries(tree, &["alarms", "control", "alarm-shelving", "shelf"]);
    let shelves: Vec<Shelf> = shelves.map(|(path, node)| shelf(&path, node, &mut faults)).collect();
    let profiles = entries(tree, &["alarms", "alarm-profile"]);
    let profiles: Vec<Profile> = profiles.filter_map(|(path, node)| profile(&path, node, &mut faults)).collect();
    match read {
        Ok((notify, alarms_max)) if !faults.has_errors() => Ok(Control {
            status_changes_max,
            alarms_max,
            notify,
            shelves: Shelves::new(shelves),
            profiles: Arc::new(profiles),
            types: alarm_types(tree),
        }),
        Ok(_) => Err(faults),
        Err(found) => {
            faults.extend(found);
            Err(faults)
        }
    }
}

/// Reads which changes are told: the mode, and its severity, which one mode needs.
pub(super) fn notify(reader: &mut Reader<'_, '_>, place: &str) -> Option<Notify> {
    let mode = reader.mandatory_text(&format!("{place}notify-status-changes"))?;
    let level = format!("{place}notify-severity-level");
    match mode.as_str() {
        "raise-and-clear" => Some(Notify::RaiseAndClear),
        "severity-level" => {
            if reader.value(&level).is_none() {
                let said = "`notify-status-changes severity-level` needs a severity from which on changes are told";
                reader.report(&level, Diagnostic::error(said).hint("set `notify-severity-level`"));
                return None;
            }
            reader.parsed(&level).map(Notify::SeverityLevel)
        }
        _ => Some(Notify::AllStateChanges),
    }
}

/// Walks the entries of a list that is in no other, with their paths.
fn entries<'t>(tree: &'t DataTree, names: &[&'static str]) -> impl Iterator<Item = (DataPath, NodeRef<'t>)> + use<'t> {
    let list = tree.schema().find(names.iter().copied());
    let found = list.and_then(|id| tree.get(&DataPath::new(id, Vec::new())).map(|node| (id, node)));
    found.into_iter().flat_map(|(id, node)| {
        let path = DataPath::new(id, Vec::new());
        node.entries().filter_map(move |entry| Some((path.entry(entry.key()?.clone()), entry)))
    })
}

fn bad(tree: NodeRef<'_>, path: &DataPath, error: &BadPattern) -> Diagnostic {
    let schema = tree.plan().schema();
    Diagnostic::error(error.to_string()).on(path.display(schema).to_string())
}

fn keep<T>(read: Result<T, BadPattern>, node: NodeRef<'_>, path: &DataPath, faults: &mut Diagnostics) -> Option<T> {
    read.map_err(|error| faults.push(bad(node, path, &error))).ok()
}

fn shelf(path: &DataPath, node: NodeRef<'_>, faults: &mut Diagnostics) -> Shelf {
    let resources = node.leaf_list("resource").iter().map(|value| ResourceMatch::parse(&value.to_string()));
    let resources = resources.filter_map(|read| keep(read, node, path, faults)).collect();
    let types = node.child("alarm-type").into_iter().flat_map(|list| list.entries().collect::<Vec<_>>());
    let alarm_types = types
        .filter_map(|entry| {
            let qualifier = Pattern::new(&text(entry, "alarm-type-qualifier-match")?);
            let qualifier = keep(qualifier, node, path, faults)?;
            Some(TypeMatch { alarm_type: local(&text(entry, "alarm-type-id")?), qualifier })
        })
        .collect();
    Shelf { name: text(node, "name").unwrap_or_default(), resources, alarm_types, ..Shelf::default() }
}

fn profile(path: &DataPath, node: NodeRef<'_>, faults: &mut Diagnostics) -> Option<Profile> {
    let qualifier = keep(Pattern::new(&text(node, "alarm-type-qualifier-match")?), node, path, faults);
    let resource = keep(ResourceMatch::parse(&text(node, "resource")?), node, path, faults);
    let severities = severities(node.leaf_list("alarm-severity-assignment-profile/severity-level"));
    Some(Profile {
        alarm_type: local(&text(node, "alarm-type-id")?),
        qualifier: qualifier?,
        resource: resource?,
        severities,
    })
}

/// Reads the alarm types of the environment.
fn alarm_types(tree: &DataTree) -> Types {
    let list = entries(tree, &["environments", "environment", "alarms", "alarm-types", "alarm-type"]);
    let configured: BTreeMap<String, TypeSpec> =
        list.filter_map(|(_, node)| Some((text(node, "id")?, type_spec(node)))).collect();
    Types::new(configured)
}

fn type_spec(node: NodeRef<'_>) -> TypeSpec {
    let seconds = |leaf: &str| Duration::from_secs(node.leaf(leaf).and_then(Value::as_u64).unwrap_or(0));
    let mut levels = severities(node.leaf_list("severity-levels"));
    levels.sort_unstable();
    let detailed = text(node, "detailed-description").unwrap_or_default();
    TypeSpec {
        brief: text(node, "brief-description").filter(|brief| !brief.is_empty()),
        detailed: detailed.lines().map(str::to_owned).collect(),
        suggested_actions: node.leaf_list("suggested-actions").iter().map(ToString::to_string).collect(),
        clear_condition: None,
        will_clear: node.leaf("will-clear").and_then(Value::as_bool).unwrap_or(true),
        severities: levels,
        severity: text(node, "severity").and_then(|name| name.parse().ok()),
        rise_hold_down: seconds("rise-hold-down"),
        fall_hold_down: seconds("fall-hold-down"),
    }
}

fn severities(values: &[Value]) -> Vec<Severity> {
    // The schema's names are those of `Severity`.
    values.iter().filter_map(|value| value.to_string().parse().ok()).collect()
}

fn text(node: NodeRef<'_>, leaf: &str) -> Option<String> {
    node.leaf(leaf).map(ToString::to_string)
}

/// An identity is known by its name without its module.
fn local(name: impl Display) -> String {
    let name = name.to_string();
    match name.split_once(':') {
        Some(("annunciator-alarms", local)) => local.to_owned(),
        _ => name,
    }
}
