//! Keeping the indexes of a snapshot: what is inside a cell goes in when the cell comes, and out when it goes.

use super::dependency::leafrefs;
use super::references::{Tuple, Tuples};
use super::{Branch, Cell, DataPath, Key, Plan, References, Value};
use crate::yang::{BaseType, SchemaId, Type};

/// The indexes, persistent as the tree is.
#[derive(Clone, Debug, Default)]
pub(super) struct Indexes {
    /// Who refers to which value of which leaf.
    pub(super) references: References,
    /// Where the values are of leaves that leafrefs lead to and no look-up finds.
    pub(super) values: References,
    /// The tuples that `unique` compares.
    pub(super) tuples: Tuples,
}

impl Indexes {
    /// Adds what is inside a cell, or takes it out.
    pub(super) fn note(&mut self, plan: &Plan, path: &DataPath, cell: &Cell, add: bool) {
        self.note_values(plan, path, cell, add);
        self.note_tuples(plan, path, cell, add);
    }

    /// Adds what values say inside a cell, or takes it out.
    pub(super) fn note_values(&mut self, plan: &Plan, path: &DataPath, cell: &Cell, add: bool) {
        let id = path.schema_id();
        if plan.holds_references(id) {
            let references = &mut self.references;
            let holds = |id| plan.holds_references(id);
            each_value(plan, path, cell, &holds, &mut |value, source| {
                each_target(plan, source.schema_id(), value, &mut |target, value| {
                    if add {
                        references.add(target, value, source);
                    } else {
                        references.remove(target, value, source);
                    }
                });
            });
        }
        if plan.holds_indexed_targets(id) {
            let values = &mut self.values;
            let holds = |id| plan.holds_indexed_targets(id);
            each_value(plan, path, cell, &holds, &mut |value, source| {
                if plan.is_indexed_target(source.schema_id()) {
                    if add {
                        values.add(source.schema_id(), value, source);
                    } else {
                        values.remove(source.schema_id(), value, source);
                    }
                }
            });
        }
    }

    fn note_tuples(&mut self, plan: &Plan, path: &DataPath, cell: &Cell, add: bool) {
        if plan.holds_uniques(path.schema_id()) {
            let mut found = Vec::new();
            each_tuple(plan, path, cell, &mut found);
            for tuple in found {
                if add {
                    self.tuples.add(tuple);
                } else {
                    self.tuples.remove(&tuple);
                }
            }
        }
    }
}

/// Walks the values inside a cell where `holds` says that there are some that matter, keys included.
pub(super) fn each_value(
    plan: &Plan,
    path: &DataPath,
    cell: &Cell,
    holds: &impl Fn(SchemaId) -> bool,
    found: &mut impl FnMut(&Value, &DataPath),
) {
    match cell {
        Cell::Leaf(value) => found(value, path),
        Cell::LeafList(values) => values.iter().for_each(|value| found(value, &path.entry(Key::One(value.clone())))),
        Cell::Container(branch) => inside(plan, path, branch, holds, found),
        Cell::List(list) => {
            for (key, branch) in list.iter() {
                inside(plan, &path.entry(key.clone()), branch, holds, found);
            }
        }
        Cell::AnyData(_) => {}
    }
}

fn inside(
    plan: &Plan,
    path: &DataPath,
    branch: &Branch,
    holds: &impl Fn(SchemaId) -> bool,
    found: &mut impl FnMut(&Value, &DataPath),
) {
    if let (Some(list), Some(key)) = (plan.schema().node(path.schema_id()).as_list(), path.keys().last()) {
        for (id, value) in list.keys.iter().zip(key.values()).filter(|(id, _)| holds(**id)) {
            found(value, &path.child(*id));
        }
    }
    for (id, cell) in branch.iter().filter(|(id, _)| holds(*id)) {
        each_value(plan, &path.child(id), cell, holds, found);
    }
}

/// Walks what a value of a leaf refers to: a leaf and its value, or any node by its path.
fn each_target(plan: &Plan, leaf: SchemaId, value: &Value, found: &mut impl FnMut(SchemaId, &Value)) {
    let schema = plan.schema();
    let Some(ty) = schema.node(leaf).ty() else { return };
    if let Value::Instance(text) = value
        && let Ok(path) = DataPath::parse(schema, text)
    {
        found(path.schema_id(), value);
    }
    if let BaseType::Leafref(leafref) = &ty.base {
        found(leafref.target, value);
        return;
    }
    let mut known = Vec::new();
    leafrefs(ty, &mut known);
    for leafref in known {
        if let Some(value) = as_value_of(plan, &leafref.target_type, value) {
            found(leafref.target, &value);
        }
    }
}

/// Returns a union's value as one of another type: members may read one text differently.
pub(super) fn as_value_of(plan: &Plan, ty: &Type, value: &Value) -> Option<Value> {
    Value::parse(plan.schema(), ty, &value.to_string()).ok()
}

fn each_tuple(plan: &Plan, path: &DataPath, cell: &Cell, found: &mut Vec<Tuple>) {
    match cell {
        Cell::Container(branch) => tuples_inside(plan, path, branch, found),
        Cell::List(list) => {
            for (key, branch) in list.iter() {
                tuples_inside(plan, &path.entry(key.clone()), branch, found);
            }
        }
        Cell::Leaf(_) | Cell::LeafList(_) | Cell::AnyData(_) => {}
    }
}

fn tuples_inside(plan: &Plan, path: &DataPath, branch: &Branch, found: &mut Vec<Tuple>) {
    tuples_of(plan, path, branch, found);
    for (id, cell) in branch.iter().filter(|(id, _)| plan.holds_uniques(*id)) {
        each_tuple(plan, &path.child(id), cell, found);
    }
}

/// Collects the tuples of one list entry (RFC 7950 §7.8.3): only those of which all leaves exist or have a default.
pub(super) fn tuples_of(plan: &Plan, entry: &DataPath, branch: &Branch, found: &mut Vec<Tuple>) {
    let uniques = plan.uniques(entry.schema_id());
    let Some((key, above)) = entry.keys().split_last().filter(|_| !uniques.is_empty()) else { return };
    let list = DataPath::new(entry.schema_id(), above.to_vec());
    for unique in uniques {
        let values: Option<Vec<Value>> =
            unique.ways.iter().map(|way| leaf_of(plan, entry.schema_id(), key, branch, way).cloned()).collect();
        if let Some(values) = values {
            found.push(Tuple { list: list.clone(), index: unique.index, values: values.into(), key: key.clone() });
        }
    }
}

fn leaf_of<'a>(
    plan: &'a Plan,
    list: SchemaId,
    key: &'a Key,
    branch: &'a Branch,
    way: &[SchemaId],
) -> Option<&'a Value> {
    let (leaf, containers) = way.split_last()?;
    let schema = plan.schema();
    if schema.node(*leaf).is_key() {
        let at = schema.node(list).as_list()?.keys.iter().position(|k| k == leaf)?;
        return key.values().get(at);
    }
    let mut at = Some(branch);
    for container in containers {
        at = match at.and_then(|branch| branch.get(schema.node(*container).slot)) {
            Some(Cell::Container(inner)) => Some(inner),
            // In a container that would have to be set, nothing is there by default.
            _ if schema.node(*container).is_presence_container() => return None,
            _ => None,
        };
    }
    match at.and_then(|branch| branch.get(schema.node(*leaf).slot)) {
        Some(Cell::Leaf(value)) => Some(value),
        _ => plan.default(*leaf),
    }
}
