//! What depends on what among resources that are not configured here, as `resources` says.

use crate::alarm::ResourceName;
use crate::datastore::CommitContext;
use crate::settings::{self, Places};
use crate::tree::{DataTree, EntryChange};
use std::collections::{BTreeSet, HashMap};

/// Who depends on a resource, by the resource.
#[derive(Debug, Default)]
pub(super) struct Topology(HashMap<ResourceName, BTreeSet<ResourceName>>);

/// Dependencies that go and that come: who depends, and on what.
#[derive(Debug, Default)]
pub(super) struct TopologyChange {
    pub(super) removed: Vec<(ResourceName, ResourceName)>,
    pub(super) added: Vec<(ResourceName, ResourceName)>,
}

impl Topology {
    pub(super) fn dependents(&self, name: &ResourceName) -> impl Iterator<Item = &ResourceName> {
        self.0.get(name).into_iter().flatten()
    }

    pub(super) fn apply(&mut self, change: TopologyChange) {
        for (dependent, on) in change.removed {
            if let Some(all) = self.0.get_mut(&on) {
                all.remove(&dependent);
                if all.is_empty() {
                    self.0.remove(&on);
                }
            }
        }
        for (dependent, on) in change.added {
            self.0.entry(on).or_default().insert(dependent);
        }
    }
}

impl TopologyChange {
    /// Reads what a commit changes of the resources.
    pub(super) fn of(change: &CommitContext<'_>, places: &Places) -> Self {
        let mut found = Self::default();
        for (path, what) in change.entries(places.resource) {
            let edges = |tree: &DataTree| {
                let spec = tree.get(&path).and_then(settings::resource);
                let edges = spec.into_iter().flat_map(|spec| {
                    let name = spec.name;
                    spec.depends_on.into_iter().map(move |on| (name.clone(), on))
                });
                edges.collect::<Vec<_>>()
            };
            // Nothing is in use at a boot.
            if what != EntryChange::Created {
                found.removed.extend(edges(change.before));
            }
            if what != EntryChange::Removed {
                found.added.extend(edges(change.after));
            }
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }
}
