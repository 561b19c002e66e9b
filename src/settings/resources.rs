//! `environments environment alarms resources resource`: what depends on what, where that is not configured here.

use crate::alarm::ResourceName;
use crate::tree::NodeRef;

/// A resource and what it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceSpec {
    /// The resource.
    pub name: ResourceName,
    /// The name by which people know it.
    pub title: Option<String>,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// What it does not work without.
    pub depends_on: Vec<ResourceName>,
}

/// Reads a resource; `None` where a key is missing, which a list does not have.
#[must_use]
pub fn resource(node: NodeRef<'_>) -> Option<ResourceSpec> {
    let text = |leaf: &str| node.leaf(leaf).map(ToString::to_string);
    let dependencies = node.child("depends-on").into_iter().flat_map(|list| list.entries().collect::<Vec<_>>());
    Some(ResourceSpec {
        name: name(node)?,
        title: text("title"),
        project: text("project"),
        depends_on: dependencies.filter_map(name).collect(),
    })
}

fn name(node: NodeRef<'_>) -> Option<ResourceName> {
    let text = |leaf: &str| node.leaf(leaf).map(ToString::to_string);
    Some(ResourceName { resource_type: text("type")?, resource: text("id")? })
}
