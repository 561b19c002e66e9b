//! What depends on an alarming resource: the references of running and the configured topology, followed backwards.

use super::OwnUrl;
use super::topology::{Topology, TopologyChange};
use crate::alarm::{AlarmKey, ImpactGroup, ResourceName};
use crate::datastore::Datastore;
use crate::ledger::{Impact, ImpactSource};
use crate::settings;
use crate::tree::{DataPath, DataTree, Key, NodeRef, Value};
use crate::yang::{SchemaId, SchemaTree};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

/// Resources that an alarm is said to impact at most: a message lists them all, and people read none of very many.
const IMPACTED_MAX: usize = 1000;

/// The module of the statements that make entries of a list resources.
const EXTENSIONS: &str = "annunciator-extensions";

/// Looks into running. Built before the datastore, which needs the ledger that needs this: nothing is impacted until it
/// is bound.
#[derive(Default)]
pub struct RunningImpact {
    bound: OnceLock<Bound>,
    topology: RwLock<Topology>,
    /// What links begin with, and the revision by which that is so.
    base_url: Mutex<Option<(u64, Option<String>)>>,
}

struct Bound {
    datastore: Datastore,
    lists: ResourceLists,
    own_url: OwnUrl,
}

impl fmt::Debug for RunningImpact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningImpact").field("is_bound", &self.bound.get().is_some()).finish_non_exhaustive()
    }
}

impl RunningImpact {
    /// Says which datastore to look into, and what links begin with where no address is configured; the first one counts.
    pub fn bind(&self, datastore: Datastore, own_url: OwnUrl) {
        let lists = ResourceLists::of(datastore.plan().schema());
        self.bound.get_or_init(|| Bound { datastore, lists, own_url });
    }

    /// Takes a change of the configured resources into use.
    pub(super) fn change(&self, change: TopologyChange) {
        self.topology.write().unwrap_or_else(PoisonError::into_inner).apply(change);
    }
}

impl ImpactSource for RunningImpact {
    fn impact(&self, key: &AlarmKey) -> Impact {
        let Some(Bound { datastore, lists, own_url }) = self.bound.get() else { return Impact::default() };
        let running = datastore.running();
        let mut base_url = self.base_url.lock().unwrap_or_else(PoisonError::into_inner);
        // The address follows the configuration, the listener's too.
        let base_url = match &mut *base_url {
            Some((revision, known)) if *revision == running.revision => known.clone(),
            old => {
                let now = settings::environment(&running.tree).base_url.or_else(|| own_url());
                *old = Some((running.revision, now.clone()));
                now
            }
        };
        let name = ResourceName { resource_type: key.resource_type.clone(), resource: key.resource.clone() };
        let topology = self.topology.read().unwrap_or_else(PoisonError::into_inner);
        let project = topology.project(&name).map(str::to_owned);
        Impact { revision: running.revision, groups: lists.impact(&running.tree, &topology, name), base_url, project }
    }

    fn path(&self, key: &AlarmKey) -> Option<String> {
        let Bound { datastore, lists, .. } = self.bound.get()?;
        let running = datastore.running();
        let path = lists.entries_named(running.tree.schema(), &key.resource_type, &key.resource);
        let path = path.into_iter().find(|path| running.tree.get(path).is_some())?;
        Some(path.display(running.tree.schema()).to_string())
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

    /// Returns the entries that a resource may be.
    fn entries_named(&self, schema: &SchemaTree, resource_type: &str, resource: &str) -> Vec<DataPath> {
        let lists = self.of_type.get(resource_type).map(Vec::as_slice).unwrap_or_default();
        lists.iter().filter_map(|list| entry_named(schema, *list, resource)).collect()
    }

    /// Finds what depends on a resource, directly or not, by kind and sorted; cycles end where they close.
    fn impact(&self, tree: &DataTree, topology: &Topology, resource: ResourceName) -> Vec<ImpactGroup> {
        let mut search =
            Search { lists: self, tree, topology, found: BTreeMap::new(), seen: BTreeSet::new(), waiting: Vec::new() };
        search.begin(resource);
        search.run();
        let group = |(kind, (title, names)): (String, (String, BTreeSet<String>))| ImpactGroup {
            resource_type: kind,
            title,
            resources: names.into_iter().collect(),
        };
        search.found.into_iter().map(group).collect()
    }

    /// Returns how people call resources of a kind.
    fn title<'a>(&'a self, resource_type: &'a str) -> &'a str {
        let list = self.of_type.get(resource_type).and_then(|lists| lists.first());
        list.and_then(|list| self.kinds.get(list)).map_or(resource_type, |kind| &kind.title)
    }

    /// Returns the nearest entry around a leaf that is a resource.
    fn resource_around(&self, schema: &SchemaTree, leaf: &DataPath) -> Option<(&Kind, DataPath)> {
        let list = schema.ancestry(leaf.schema_id()).into_iter().rev().find(|id| self.kinds.contains_key(id))?;
        Some((self.kinds.get(&list)?, leaf.ancestor(schema, list)))
    }
}

/// Something whose dependents are looked for: an entry, a resource that has a name, or both.
struct Waiting {
    path: Option<DataPath>,
    name: Option<ResourceName>,
}

/// What has been seen: entries by their path, other resources by their name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Path(DataPath),
    Name(ResourceName),
}

/// A search for all that depends on a resource.
struct Search<'a> {
    lists: &'a ResourceLists,
    tree: &'a DataTree,
    topology: &'a Topology,
    /// By kind: its title, and the resources.
    found: BTreeMap<String, (String, BTreeSet<String>)>,
    seen: BTreeSet<Seen>,
    waiting: Vec<Waiting>,
}

impl Search<'_> {
    fn begin(&mut self, name: ResourceName) {
        let paths = self.lists.entries_named(self.tree.schema(), &name.resource_type, &name.resource);
        self.seen.insert(Seen::Name(name.clone()));
        for path in paths {
            self.seen.insert(Seen::Path(path.clone()));
            self.waiting.push(Waiting { path: Some(path), name: None });
        }
        self.waiting.push(Waiting { path: None, name: Some(name) });
    }

    fn run(&mut self) {
        while let Some(Waiting { path, name }) = self.waiting.pop() {
            if let Some(node) = path.and_then(|path| self.tree.get(&path)) {
                let mut referrers = Vec::new();
                collect_referrers(self.tree, node, &mut referrers);
                for referrer in referrers {
                    self.see_referrer(referrer);
                }
            }
            let topology = self.topology;
            for dependent in name.iter().flat_map(|name| topology.dependents(name)) {
                self.see_named(dependent);
            }
        }
    }

    /// Takes the entry around a leaf that refers to something impacted.
    fn see_referrer(&mut self, leaf: &DataPath) {
        let schema = self.tree.schema();
        let Some((kind, path)) = self.lists.resource_around(schema, leaf) else { return };
        if self.seen.len() > IMPACTED_MAX || !self.seen.insert(Seen::Path(path.clone())) {
            return;
        }
        let name = ResourceName { resource_type: kind.resource_type.clone(), resource: name_of(&path) };
        self.note(&name, &kind.title);
        // An entry of a list inside a list has no name of its own, so nothing else can depend on it by name.
        let name = Some(name).filter(|_| path.keys().len() == 1 && self.seen.len() <= IMPACTED_MAX);
        if let Some(name) = &name {
            self.seen.insert(Seen::Name(name.clone()));
        }
        self.waiting.push(Waiting { path: Some(path), name });
    }

    /// Takes a resource of the topology that depends on something impacted; it may be configured as well.
    fn see_named(&mut self, name: &ResourceName) {
        if self.seen.len() > IMPACTED_MAX || !self.seen.insert(Seen::Name(name.clone())) {
            return;
        }
        let title = self.lists.title(&name.resource_type).to_owned();
        self.note(name, &title);
        for path in self.lists.entries_named(self.tree.schema(), &name.resource_type, &name.resource) {
            if self.seen.insert(Seen::Path(path.clone())) {
                self.waiting.push(Waiting { path: Some(path), name: None });
            }
        }
        self.waiting.push(Waiting { path: None, name: Some(name.clone()) });
    }

    fn note(&mut self, name: &ResourceName, title: &str) {
        let group = self.found.entry(name.resource_type.clone()).or_insert_with(|| (title.to_owned(), BTreeSet::new()));
        group.1.insert(name.resource.clone());
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
        let name = ResourceName { resource_type: resource_type.to_owned(), resource: resource.to_owned() };
        ResourceLists::of(builder.tree.schema()).impact(&builder.tree, &topology(), name)
    }

    /// A shop on a service on a database on the handler `h3`, and on itself.
    fn topology() -> Topology {
        let name = |text: &str| {
            let (resource_type, resource) = text.split_once('/').unwrap();
            ResourceName { resource_type: resource_type.to_owned(), resource: resource.to_owned() }
        };
        let edges = [
            ("shop/s1", "service/x"),
            ("service/x", "database/db1"),
            ("database/db1", "alarm-handler/h3"),
            ("database/db1", "shop/s1"),
        ];
        let mut topology = Topology::default();
        let added = edges.map(|(from, to)| (name(from), name(to))).to_vec();
        topology.apply(TopologyChange { added, ..TopologyChange::default() });
        topology
    }

    #[test]
    fn impact_goes_from_references_to_the_topology_and_cycles_end() {
        let group = |resource_type: &str, title: &str, resource: &str| ImpactGroup {
            resource_type: resource_type.to_owned(),
            title: title.to_owned(),
            resources: vec![resource.to_owned()],
        };
        let all = [
            group("alarm-handler", "Alarm handlers", "h3"),
            group("database", "database", "db1"),
            group("service", "service", "x"),
            group("shop", "shop", "s1"),
        ];
        assert_eq!(impact("http-client", "c2"), all);
        assert_eq!(impact("alarm-handler", "h3"), all[1..]);
        assert_eq!(impact("shop", "s1"), all[1..3]);
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
    }

    #[test]
    fn what_nobody_refers_to_and_what_is_not_configured_impacts_nothing() {
        for (resource_type, resource) in [
            ("http-client", "c3"),
            ("http-client", "gone"),
            ("alarm-handler", "h1"),
            ("database", "db2"),
            ("http-client", ""),
        ] {
            assert_eq!(impact(resource_type, resource), [], "{resource_type} {resource}");
        }
    }
}
