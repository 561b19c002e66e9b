//! References whose target must exist: leafrefs and instance-identifiers (RFC 7950 §9.9, §9.13).

use super::super::access::Node;
use super::super::dependency::{Constraint, is_looked_up, leafrefs};
use super::super::evaluate::{EvaluationError, holder_of, leafref_instances};
use super::super::index::{as_value_of, each_value};
use super::super::{Branch, Cell, DataPath, DataTree, Key, Value};
use super::{Fault, Validator};
use crate::diagnostic::Diagnostic;
use crate::yang::{BaseType, Leafref, SchemaId, Type};
use std::collections::BTreeSet;

/// Values looked at for a did-you-mean.
const SUGGESTIONS_MAX: usize = 1000;

impl<'t> Validator<'t> {
    /// Checks a value that may be a reference.
    pub(super) fn reference(&mut self, node: &Node<'t>, value: &Value) {
        let Some(ty) = self.node(node.id()).ty() else { return };
        let exists = self.refers_well(node, ty, value);
        let on = node.path();
        if self.seen(&on, Constraint::Reference(node.id()), exists) == Some(false) {
            let said = self.dangling(node, ty, value);
            self.report(&on, Fault::Dangling, said);
        }
    }

    /// Returns whether what a value refers to exists, as far as its type asks for that.
    fn refers_well(&self, node: &Node<'t>, ty: &Type, value: &Value) -> Result<bool, EvaluationError> {
        match &ty.base {
            BaseType::Leafref(leafref) if leafref.require_instance => {
                Ok(self.target_exists(node, leafref, value)? && self.refers_well(node, &leafref.target_type, value)?)
            }
            BaseType::InstanceIdentifier { require_instance: true } => match value {
                Value::Instance(text) => match DataPath::parse(self.tree.schema(), text) {
                    Ok(path) => Ok(self.exists(&path)?),
                    Err(_) => Ok(false),
                },
                _ => Ok(true),
            },
            // RFC 7950 §9.12: of a union, the first member that the value is valid for.
            BaseType::Union(members) => {
                for member in members {
                    if let Some(value) = as_value_of(self.tree.plan(), member, value)
                        && self.refers_well(node, member, &value)?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    /// Returns whether there is a node at a path, by default too.
    fn exists(&self, path: &DataPath) -> Result<bool, EvaluationError> {
        Ok(self.tree.get(path).is_some() || self.access.find(path)?.is_some_and(|found| found.id() == path.schema_id()))
    }

    fn target_exists(&self, node: &Node<'t>, leafref: &Leafref, value: &Value) -> Result<bool, EvaluationError> {
        let schema = self.tree.schema();
        if !is_looked_up(schema, node.id(), leafref) {
            let holder = holder_of(schema, node.id(), leafref);
            let own = node.path().ancestor(schema, holder);
            let mut places = self.tree.indexes().values.to(leafref.target, value);
            if leafref.predicates.is_empty() && places.any(|place| place.ancestor(schema, holder) == own) {
                return Ok(true);
            }
            // Only a default is in no index, and predicates ask for more than a value.
            if self.tree.plan().default(leafref.target).is_none() && leafref.predicates.is_empty() {
                return Ok(false);
            }
        }
        let mut exists = false;
        leafref_instances(&self.access, node, leafref, Some(value), &mut |_| {
            exists = true;
            false
        })?;
        Ok(exists)
    }

    fn dangling(&self, node: &Node<'t>, ty: &Type, value: &Value) -> Diagnostic {
        let name = &self.node(node.id()).name;
        let mut known = Vec::new();
        leafrefs(ty, &mut known);
        let Some(leafref) = known.first() else {
            return Diagnostic::error(format!("`{name}` refers to `{value}`, which does not exist"))
                .hint("create it, or refer to a node that exists")
                .app_tag("instance-required");
        };
        let holder = self.node(self.node(leafref.target).data_parent);
        let mut there: Vec<String> = Vec::new();
        let looked = leafref_instances(&self.access, node, leafref, None, &mut |target| {
            there.extend(target.value().map(ToString::to_string));
            there.len() < SUGGESTIONS_MAX
        });
        if looked.is_err() {
            there.clear();
        }
        let what = if holder.id == SchemaId::ROOT { &self.node(leafref.target).name } else { &holder.name };
        let said = format!("`{name}` refers to {what} `{value}`, which does not exist");
        let diagnostic = Diagnostic::error(said)
            .app_tag("instance-required")
            .did_you_mean(&value.to_string(), there.iter().map(String::as_str));
        if diagnostic.hint.is_some() {
            return diagnostic;
        }
        let target = DataPath::new(holder.id, Vec::new()).display(self.tree.schema()).to_string();
        diagnostic.hint(format!("create it at `{target}`, or refer to one that exists"))
    }

    /// Collects what references may have led to in a cell that went or changed.
    pub(super) fn targets_in(&self, path: &DataPath, cell: &Cell, gone: &mut BTreeSet<(SchemaId, Value)>) {
        let plan = self.tree.plan();
        if plan.holds_targets(path.schema_id()) {
            each_value(plan, path, cell, &|id| plan.holds_targets(id), &mut |value, source| {
                gone.insert((source.schema_id(), value.clone()));
            });
        }
        if plan.has_instance_identifiers() {
            self.places_in(path, cell, gone);
        }
    }

    /// Collects all places in a cell, as instance-identifiers name them.
    fn places_in(&self, path: &DataPath, cell: &Cell, gone: &mut BTreeSet<(SchemaId, Value)>) {
        let schema = self.tree.schema();
        let place = |path: &DataPath, gone: &mut BTreeSet<(SchemaId, Value)>| {
            gone.insert((path.schema_id(), Value::Instance(path.display(schema).to_string().into())));
        };
        match cell {
            Cell::Leaf(_) | Cell::AnyData(_) => place(path, gone),
            Cell::LeafList(values) => {
                place(path, gone);
                values.iter().for_each(|value| place(&path.entry(Key::One(value.clone())), gone));
            }
            Cell::Container(branch) => self.places_inside(path, branch, gone),
            Cell::List(list) => {
                for (key, branch) in list.iter() {
                    self.places_inside(&path.entry(key.clone()), branch, gone);
                }
            }
        }
        // Plain containers go with what was last in them.
        let mut above = path.parent(schema);
        while let Some(at) = above.filter(|at| self.tree.get(at).is_none()) {
            place(&at, gone);
            above = at.parent(schema);
        }
    }

    fn places_inside(&self, path: &DataPath, branch: &Branch, gone: &mut BTreeSet<(SchemaId, Value)>) {
        let schema = self.tree.schema();
        let keys = schema.node(path.schema_id()).as_list().map_or(&[][..], |list| &list.keys);
        for place in std::iter::once(path.clone()).chain(keys.iter().map(|key| path.child(*key))) {
            gone.insert((place.schema_id(), Value::Instance(place.display(schema).to_string().into())));
        }
        for (id, cell) in branch.iter() {
            self.places_in(&path.child(id), cell, gone);
        }
    }

    /// Reports who still refers to a value or place that went away.
    pub(super) fn left_dangling(&mut self, old: &DataTree, target: SchemaId, value: &Value) {
        let referrers: Vec<DataPath> = self.tree.references().to(target, value).cloned().collect();
        for path in referrers {
            let Some(node) = self.find(&path) else { continue };
            let (Some(ty), Some(own)) = (self.node(path.schema_id()).ty(), node.value()) else { continue };
            let exists = self.refers_well(&node, ty, own);
            if self.seen(&path, Constraint::Reference(path.schema_id()), exists) != Some(false) {
                continue;
            }
            let said = if old.get(&path).is_some() {
                let holder = self.node(self.node(target).data_parent);
                let what = match value {
                    Value::Instance(_) => "",
                    _ => &*holder.name,
                };
                let said = format!("{what} `{value}` is still referred to, and would no longer exist");
                Diagnostic::error(said.trim_start())
                    .hint("delete the reference too, or keep what it refers to")
                    .app_tag("instance-required")
            } else {
                self.dangling(&node, ty, own)
            };
            self.report(&path, Fault::Dangling, said);
        }
    }
}
