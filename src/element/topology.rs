//! What depends on what among resources that are not configured here, and whose they are, as `resources` says.

use crate::alarm::ResourceName;
use crate::datastore::CommitContext;
use crate::settings::{self, Places, ResourceSpec};
use crate::tree::{DataTree, EntryChange};
use std::collections::{BTreeSet, HashMap};

/// Who depends on a resource, and which project it belongs to, by the resource.
#[derive(Debug, Default)]
pub(super) struct Topology {
    dependents: HashMap<ResourceName, BTreeSet<ResourceName>>,
    projects: HashMap<ResourceName, String>,
}

/// Dependencies that go and that come: who depends, and on what.
#[derive(Debug, Default)]
pub(super) struct TopologyChange {
    pub(super) removed: Vec<(ResourceName, ResourceName)>,
    pub(super) added: Vec<(ResourceName, ResourceName)>,
    /// Which project a resource belongs to now.
    pub(super) projects: Vec<(ResourceName, Option<String>)>,
}

impl Topology {
    pub(super) fn dependents(&self, name: &ResourceName) -> impl Iterator<Item = &ResourceName> {
        self.dependents.get(name).into_iter().flatten()
    }

    pub(super) fn project(&self, name: &ResourceName) -> Option<&str> {
        self.projects.get(name).map(String::as_str)
    }

    pub(super) fn apply(&mut self, change: TopologyChange) {
        for (dependent, on) in change.removed {
            if let Some(all) = self.dependents.get_mut(&on) {
                all.remove(&dependent);
                if all.is_empty() {
                    self.dependents.remove(&on);
                }
            }
        }
        for (dependent, on) in change.added {
            self.dependents.entry(on).or_default().insert(dependent);
        }
        for (name, project) in change.projects {
            match project {
                Some(project) => drop(self.projects.insert(name, project)),
                None => drop(self.projects.remove(&name)),
            }
        }
    }
}

impl TopologyChange {
    /// Reads what a commit changes of the resources.
    pub(super) fn of(change: &CommitContext<'_>, places: &Places) -> Self {
        let mut found = Self::default();
        for (path, what) in change.entries(places.resource) {
            let spec = |tree: &DataTree| tree.get(&path).and_then(settings::resource);
            let edges = |tree: &DataTree| {
                let edges = spec(tree).into_iter().flat_map(|spec| {
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
            let now = if what == EntryChange::Removed { None } else { spec(change.after) };
            let was = if what == EntryChange::Created { None } else { spec(change.before) };
            let project = |spec: &Option<ResourceSpec>| spec.as_ref().and_then(|spec| spec.project.clone());
            let (project, old_project) = (project(&now), project(&was));
            if let Some(spec) = now.or(was).filter(|_| project != old_project) {
                found.projects.push((spec.name, project));
            }
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes_no_impact() && self.projects.is_empty()
    }

    /// Returns whether nothing depends on anything else than before.
    pub(super) fn changes_no_impact(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }
}
