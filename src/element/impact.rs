//! What depends on an alarming resource: the references of running, followed backwards.

use crate::alarm::{AlarmKey, ImpactGroup};
use crate::datastore::Datastore;
use crate::ledger::{Impact, ImpactSource};
use crate::tree::{DataPath, DataTree, Key, NodeRef, Value};
use crate::yang::{SchemaId, SchemaTree};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

/// Resources that an alarm is said to impact at most: a message lists them all, and people read none of very many.
const IMPACTED_MAX: usize = 1000;

/// The module of the statements that make entries of a list resources.
const EXTENSIONS: &str = "annunciator-extensions";

/// Looks into running. Built before the datastore, which needs the ledger that needs this: nothing is impacted until it
/// is bound.
#[derive(Debug, Default)]
pub struct RunningImpact(OnceLock<(Datastore, ResourceLists)>);

impl RunningImpact {
    /// Says which datastore to look into; the first one counts.
    pub fn bind(&self, datastore: Datastore) {
        let lists = ResourceLists::of(datastore.plan().schema());
        self.0.get_or_init(|| (datastore, lists));
    }
}

impl ImpactSource for RunningImpact {
    fn impact(&self, key: &AlarmKey) -> Impact {
        let Some((datastore, lists)) = self.0.get() else { return Impact::default() };
        let running = datastore.running();
        Impact { revision: running.revision, groups: lists.impact(&running.tree, &key.resource_type, &key.resource) }
    }
}

/// The lists whose entries are resources.
#[derive(Debug)]
struct ResourceLists {
    /// By resource type.
    of_type: HashMap<String, Vec<SchemaId>>,
    kinds: HashMap<SchemaId, Kind>,
}

#[derive(Debug)]
struct Kind {
    resource_type: String,
    title: String,
}

impl ResourceLists {
    fn of(schema: &SchemaTree) -> Self {
        let (mut of_type, mut kinds): (HashMap<String, Vec<SchemaId>>, _) = (HashMap::new(), HashMap::new());
        for node in schema.nodes().iter().filter(|node| node.as_list().is_some()) {
            let Some(resource_type) = node.extension(EXTENSIONS, "resource-type") else { continue };
            let title = node.extension(EXTENSIONS, "resource-title").unwrap_or(resource_type).to_owned();
            // An entry of a list inside a list has no name of its own, so no alarm is about one.
            if node.list_depth == 1 {
                of_type.entry(resource_type.to_owned()).or_default().push(node.id);
            }
            kinds.insert(node.id, Kind { resource_type: resource_type.to_owned(), title });
        }
        Self { of_type, kinds }
    }

    /// Finds what depends on a resource, directly or not, by kind and sorted; cycles end where they close.
    fn impact(&self, tree: &DataTree, resource_type: &str, resource: &str) -> Vec<ImpactGroup> {
        let schema = tree.schema();
        let lists = self.of_type.get(resource_type).map(Vec::as_slice).unwrap_or_default();
        let mut waiting: Vec<DataPath> = lists.iter().filter_map(|list| entry_named(schema, *list, resource)).collect();
        let mut seen: BTreeSet<DataPath> = waiting.iter().cloned().collect();
        let mut groups: BTreeMap<&str, (&str, BTreeSet<String>)> = BTreeMap::new();
        while let Some(entry) = waiting.pop() {
            let mut referrers = Vec::new();
            if let Some(node) = tree.get(&entry) {
                collect_referrers(tree, node, &mut referrers);
            }
            for referrer in referrers {
                let Some((kind, dependent)) = self.resource_around(schema, referrer) else { continue };
                if seen.len() > IMPACTED_MAX || !seen.insert(dependent.clone()) {
                    continue;
                }
                let (_, names) = groups.entry(&kind.resource_type).or_insert((&kind.title, BTreeSet::new()));
                names.insert(name_of(&dependent));
                waiting.push(dependent);
            }
        }
        let group = |(kind, (title, names)): (&str, (&str, BTreeSet<String>))| ImpactGroup {
            resource_type: kind.to_owned(),
            title: title.to_owned(),
            resources: names.into_iter().collect(),
        };
        groups.into_iter().map(group).collect()
    }

    /// Returns the nearest entry around a leaf that is a resource.
    fn resource_around(&self, schema: &SchemaTree, leaf: &DataPath) -> Option<(&Kind, DataPath)> {
        let list = schema.ancestry(leaf.schema_id()).into_iter().rev().find(|id| self.kinds.contains_key(id))?;
        Some((self.kinds.get(&list)?, leaf.ancestor(schema, list)))
    }
}

/// Returns the path of the entry that a resource's name means; `None` where it can be none of that list.
pub(super) fn entry_named(schema: &SchemaTree, list: SchemaId, name: &str) -> Option<DataPath> {
    let [key] = schema.node(list).as_list()?.keys[..] else { return None };
    let value = Value::parse(schema, schema.node(key).ty()?, name).ok()?;
    Some(DataPath::new(list, vec![Key::new(vec![value])]))
}

/// Collects the leaves that refer to a value in an entry.
fn collect_referrers<'t>(tree: &'t DataTree, node: NodeRef<'t>, found: &mut Vec<&'t DataPath>) {
    // The depth of the schema bounds the recursion; what nobody refers to is not walked.
    if !tree.plan().holds_targets(node.id()) {
        return;
    }
    for value in node.value().into_iter().chain(node.values()) {
        found.extend(tree.references().to(node.id(), value));
    }
    for child in node.key_leaves().chain(node.children()).chain(node.entries()) {
        collect_referrers(tree, child, found);
    }
}

fn name_of(entry: &DataPath) -> String {
    let values = entry.keys().last().map(Key::values).unwrap_or_default();
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Builder, read_json};
    use crate::diagnostic::Source;
    use crate::secret::KeyRing;
    use crate::tree::Plan;
    use crate::yang::builtin_schema;

    const HANDLERS: &str = r#"{
      "facilities": {"http": {"client": [{"id": "c1"}, {"id": "c2"}, {"id": "c3"}]}},
      "environments": {"environment": {"alarms": {"alarm-handlers": {"alarm-handler": [
        {"id": "h2", "webhook-notifier": {"web-service": {"hostname": "a", "port": 9, "http-client": "c1"}}},
        {"id": "h1", "webhook-notifier": {"web-service": {"hostname": "a", "port": 9, "http-client": "c1"}}},
        {"id": "h3", "webhook-notifier": {"web-service": {"hostname": "a", "port": 9, "http-client": "c2"}}}
      ]}}}}}"#;

    fn impact(resource_type: &str, resource: &str) -> Vec<ImpactGroup> {
        let ring = KeyRing::ephemeral().unwrap();
        let schema = builtin_schema().unwrap_or_else(|faults| panic!("{faults}"));
        let mut builder = Builder::new(DataTree::new(Plan::new(schema)), &ring);
        read_json(&mut builder, &Source::new("t.json", HANDLERS));
        assert!(!builder.diagnostics.has_errors(), "{}", builder.diagnostics);
        ResourceLists::of(builder.tree.schema()).impact(&builder.tree, resource_type, resource)
    }

    #[test]
    fn an_http_client_impacts_the_handlers_that_deliver_through_it() {
        let handlers = |names: &[&str]| {
            vec![ImpactGroup {
                resource_type: "alarm-handler".to_owned(),
                title: "Alarm handlers".to_owned(),
                resources: names.iter().map(|name| (*name).to_owned()).collect(),
            }]
        };
        assert_eq!(impact("http-client", "c1"), handlers(&["h1", "h2"]));
        assert_eq!(impact("http-client", "c2"), handlers(&["h3"]));
    }

    #[test]
    fn what_nobody_refers_to_and_what_is_not_configured_impacts_nothing() {
        for (resource_type, resource) in [
            ("http-client", "c3"),
            ("http-client", "gone"),
            ("alarm-handler", "h1"),
            ("database", "c1"),
            ("http-client", ""),
        ] {
            assert_eq!(impact(resource_type, resource), [], "{resource_type} {resource}");
        }
    }
}
