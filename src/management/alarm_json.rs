//! The alarms as RFC 8632 shapes them, in the JSON of RFC 7951: what programs are shown.

use crate::alarm::{
    AlarmKey, AlarmRecord, OperatorChange, OwnType, ResourceName, Severity, Standing, StatusChange, Summary, TypeClass,
    TypeSpec,
};
use crate::clock::format_utc;
use crate::ledger::Ledger;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The module that the shape is of.
pub const MODULE: &str = "annunciator-alarms";

/// Returns an alarm type as the module's type writes it: an identity with its module, any other name as it is.
#[must_use]
pub fn type_id(alarm_type: &str) -> String {
    let is_class = [TypeClass::ExternalService, TypeClass::System].iter().any(|class| class.as_str() == alarm_type);
    if is_class || alarm_type.parse::<OwnType>().is_ok() {
        format!("{MODULE}:{alarm_type}")
    } else {
        alarm_type.to_owned()
    }
}

/// Returns the alarming resource: where it is configured, or `TYPE/NAME@NODE`.
#[must_use]
pub fn resource(record: &AlarmRecord, ledger: &Ledger) -> String {
    resource_of(&record.key, ledger)
}

fn resource_of(key: &AlarmKey, ledger: &Ledger) -> String {
    ledger.path(key).unwrap_or_else(|| format!("{}/{}@{}", key.resource_type, key.resource, key.node))
}

/// Returns a resource that an alarm names beside its own, written as that is.
fn other_resource(record: &AlarmRecord, resource_type: &str, resource: &str, ledger: &Ledger) -> String {
    let (resource_type, resource) = (resource_type.to_owned(), resource.to_owned());
    resource_of(&AlarmKey { resource_type, resource, ..AlarmKey::clone(&record.key) }, ledger)
}

/// Returns the alarms that belong together with one, by their keys; those that are not in the list have none.
fn related_alarms(record: &AlarmRecord, ledger: &Ledger) -> Vec<Value> {
    let related = &record.state.text.correlation.related;
    if related.is_empty() {
        return Vec::new();
    }
    let list = ledger.alarms();
    let of = |other: &Arc<AlarmRecord>| {
        json!({
            "resource": resource(other, ledger),
            "alarm-type-id": type_id(&other.key.alarm_type),
            "alarm-type-qualifier": other.key.qualifier,
            "alarm-id": other.id.to_string(),
        })
    };
    related.iter().filter_map(|id| list.get(id)).map(of).collect()
}

/// Returns one alarm of the alarm list, or of the shelved ones.
#[must_use]
pub fn alarm(record: &AlarmRecord, ledger: &Ledger) -> Value {
    let AlarmRecord { key, state, .. } = record;
    let other = |resource_type: &str, resource: &str| other_resource(record, resource_type, resource, ledger);
    let impacted = state
        .impact
        .iter()
        .flat_map(|group| group.resources.iter().map(|resource| other(&group.resource_type, resource)));
    let causes = state.text.correlation.root_causes.iter();
    let causes = causes.map(|ResourceName { resource_type, resource }| other(resource_type, resource));
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    put("resource", resource(record, ledger).into());
    put("alarm-type-id", type_id(&key.alarm_type).into());
    put("alarm-type-qualifier", key.qualifier.clone().into());
    match &record.shelf {
        Some(shelf) => put("shelf-name", shelf.clone().into()),
        None => put("time-created", format_utc(record.time_created).into()),
    }
    put("alarm-id", record.id.to_string().into());
    put("node-id", key.node.clone().into());
    put("resource-type", key.resource_type.clone().into());
    put("resource-id", key.resource.clone().into());
    put_list(&mut put, "detailed-description", state.text.detailed.clone());
    put_list(&mut put, "suggested-action", state.text.suggested_actions.clone());
    put("sequence", record.sequence.into());
    if let Some(hold) = record.hold.filter(|hold| hold.held_back > 0) {
        put("held-back", hold.held_back.into());
    }
    put_list(&mut put, "impacted-resource", impacted.collect());
    put_list(&mut put, "root-cause-resource", causes.collect());
    let related = related_alarms(record, ledger);
    if !related.is_empty() {
        put("related-alarm", related.into());
    }
    put("is-cleared", record.is_cleared().into());
    put("last-raised", format_utc(record.last_raised).into());
    put("last-changed", format_utc(record.last_changed).into());
    put("perceived-severity", record.severity().as_str().into());
    put("alarm-text", (*state.text.brief).into());
    put("status-change", record.status_changes.iter().map(status_change).collect());
    if !record.operator_changes.is_empty() {
        put("operator-state-change", record.operator_changes.iter().map(operator_change).collect());
    }
    Value::Object(members)
}

/// A leaf-list without values is not there (RFC 7951 §5.3).
fn put_list(put: &mut impl FnMut(&str, Value), name: &str, values: Vec<String>) {
    if !values.is_empty() {
        put(name, values.into());
    }
}

fn status_change(change: &StatusChange) -> Value {
    let Standing { severity, is_cleared } = change.standing;
    let word = if is_cleared { "cleared" } else { severity.as_str() };
    json!({"time": format_utc(change.time), "perceived-severity": word, "alarm-text": change.text})
}

fn operator_change(change: &OperatorChange) -> Value {
    let mut value = json!({
        "time": format_utc(change.time), "operator": change.operator, "state": change.state.as_str(),
    });
    if let (Value::Object(members), false) = (&mut value, change.text.is_empty()) {
        members.insert("text".to_owned(), change.text.clone().into());
    }
    value
}

/// Returns the summary.
#[must_use]
pub fn summary(summary: &Summary) -> Value {
    let counts = summary.by_severity().map(|(severity, counts)| {
        json!({
            "severity": severity.as_str(),
            "total": counts.total(),
            "not-cleared": counts.not_cleared(),
            "cleared": counts.cleared(),
            "cleared-not-closed": counts.cleared_not_closed,
            "cleared-closed": counts.cleared_closed,
            "not-cleared-closed": counts.not_cleared_closed,
            "not-cleared-not-closed": counts.not_cleared_not_closed,
        })
    });
    let mut value = json!({"alarm-summary": counts.collect::<Vec<_>>()});
    if let (Value::Object(members), true) = (&mut value, summary.shelved > 0) {
        members.insert("shelves-active".to_owned(), json!([null]));
    }
    value
}

/// Returns one alarm type of the inventory.
#[must_use]
pub fn inventory_entry(alarm_type: &str, spec: &TypeSpec) -> Value {
    let mut value = json!({
        "alarm-type-id": type_id(alarm_type),
        "alarm-type-qualifier": "",
        "will-clear": spec.will_clear,
        "description": description(spec),
    });
    if let (Value::Object(members), false) = (&mut value, spec.severities.is_empty()) {
        let levels: Vec<&str> = spec.severities.iter().map(|severity: &Severity| severity.as_str()).collect();
        members.insert("severity-level".to_owned(), levels.into());
    }
    value
}

/// Returns all that there is to say of an alarm type, in paragraphs.
#[must_use]
pub fn description(spec: &TypeSpec) -> String {
    let mut lines: Vec<String> = spec.brief.iter().cloned().collect();
    lines.extend(spec.detailed.iter().cloned());
    lines.extend(spec.suggested_actions.iter().map(|action| format!("* {action}")));
    lines.extend(spec.clear_condition.iter().map(|condition| format!("Clears: {condition}")));
    if lines.is_empty() {
        lines.push("Nothing is known of this type: it is not configured under `alarm-types`.".to_owned());
    }
    lines.join("\n")
}

/// Puts a part of the alarms where RFC 8632 has it.
#[must_use]
pub fn within(container: &str, value: Value) -> Value {
    let mut alarms = Map::new();
    alarms.insert(container.to_owned(), value);
    let mut top = Map::new();
    top.insert(format!("{MODULE}:alarms"), Value::Object(alarms));
    Value::Object(top)
}

/// Returns how many of some alarms there are, and when one of them changed last.
#[must_use]
pub fn newest<'a>(records: impl IntoIterator<Item = &'a Arc<AlarmRecord>>) -> (usize, Option<String>) {
    let mut count = 0;
    let mut newest = None;
    for record in records {
        count += 1;
        newest = newest.max(Some(record.last_changed));
    }
    (count, newest.map(format_utc))
}
