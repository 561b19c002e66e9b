//! The alarm handlers in use, by name, each with its notifier.

use super::clients::{ChangedClients, HttpClients, entry_name};
use super::placed;
use crate::datastore::CommitContext;
use crate::delivery::{Handler, LaneChange};
use crate::diagnostic::Diagnostics;
use crate::secret::Sealer;
use crate::settings::{self, Places};
use crate::tree::{DataPath, EntryChange, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// The alarm handlers in use; clones share them.
#[derive(Clone, Default)]
pub struct Handlers(Arc<RwLock<HashMap<String, Arc<Handler>>>>);

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handlers({})", self.len())
    }
}

impl Handlers {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Arc<Handler>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the handler of a name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Handler>> {
        self.read().get(id).cloned()
    }

    /// Returns all, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Handler>> {
        let mut all: Vec<_> = self.read().values().cloned().collect();
        all.sort_by(|a, b| a.spec.id.cmp(&b.spec.id));
        all
    }

    pub(super) fn enabled(&self) -> BTreeSet<String> {
        let all = self.read();
        all.iter().filter(|(_, handler)| handler.spec.is_enabled).map(|(id, _)| id.clone()).collect()
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }
}

/// The handlers that a commit changes: what takes a name's place, `None` where the name goes.
#[derive(Default)]
pub(super) struct ChangedHandlers(HashMap<String, Option<Arc<Handler>>>);

impl ChangedHandlers {
    /// Builds the handlers that a commit concerns, those included whose client changes. Pushes what cannot be built.
    pub(super) fn prepare(
        change: &CommitContext<'_>,
        places: &Places,
        (clients, in_use): (&ChangedClients, &HttpClients),
        sealer: &dyn Sealer,
        faults: &mut Diagnostics,
    ) -> Self {
        let mut changed = Self::default();
        let all = clients.upon(in_use);
        for (path, what) in concerned(change, places, clients) {
            let Some(id) = entry_name(&path) else { continue };
            if what == EntryChange::Removed {
                changed.0.insert(id, None);
                continue;
            }
            let Some(node) = change.after.get(&path) else { continue };
            let built = settings::handler(node, &path, sealer).and_then(|spec| {
                let notifier = spec.notifier.build(&all)?;
                Ok(Handler { spec, notifier })
            });
            match built {
                Ok(handler) => {
                    changed.0.insert(id, Some(Arc::new(handler)));
                }
                Err(found) => faults.extend(placed(found, change.after, &path)),
            }
        }
        changed
    }

    /// Says what becomes of the lanes of those that change. One that is disabled has none; one that takes the place of
    /// another with the same content is that one, renamed, and has its lane.
    pub(super) fn change_lanes(&self, in_use: &Handlers, lanes: &mut LaneChange) {
        let renamed = self.renamed(in_use);
        for (from, to) in &renamed {
            if let Some(Some(handler)) = self.0.get(to) {
                lanes.rename(from, Handler::clone(handler));
            }
        }
        let is_renamed = |id: &String| renamed.iter().any(|(from, to)| from == id || to == id);
        for (id, handler) in self.0.iter().filter(|(id, _)| !is_renamed(id)) {
            match handler.as_ref().filter(|handler| handler.spec.is_enabled) {
                Some(handler) => lanes.put(Handler::clone(handler)),
                None => lanes.remove(id),
            }
        }
    }

    /// Finds the handlers that go while one with the same content comes, by name where several are alike.
    fn renamed(&self, in_use: &Handlers) -> Vec<(String, String)> {
        let in_use = in_use.read();
        let mut gone: Vec<&Arc<Handler>> =
            self.0.iter().filter(|(_, to)| to.is_none()).filter_map(|(id, _)| in_use.get(id)).collect();
        let new = self.0.iter().filter(|(id, _)| !in_use.contains_key(*id));
        let mut come: Vec<&Arc<Handler>> = new.filter_map(|(_, handler)| handler.as_ref()).collect();
        for handlers in [&mut gone, &mut come] {
            handlers.retain(|handler| handler.spec.is_enabled);
            handlers.sort_by(|a, b| a.spec.id.cmp(&b.spec.id));
        }
        let mut renamed = Vec::new();
        for from in gone {
            if let Some(at) = come.iter().position(|to| from.spec.is_renamed_to(&to.spec)) {
                renamed.push((from.spec.id.clone(), come.remove(at).spec.id.clone()));
            }
        }
        renamed
    }

    /// Returns the names of those that are removed or disabled.
    pub(super) fn silent(&self) -> Vec<String> {
        let is_silent = |handler: &Option<Arc<Handler>>| handler.as_ref().is_none_or(|h| !h.spec.is_enabled);
        self.0.iter().filter(|(_, handler)| is_silent(handler)).map(|(id, _)| id.clone()).collect()
    }

    /// Takes the handlers into use.
    pub(super) fn apply(self, in_use: &Handlers) {
        let mut handlers = in_use.0.write().unwrap_or_else(PoisonError::into_inner);
        for (id, handler) in self.0 {
            match handler {
                Some(handler) => handlers.insert(id, handler),
                None => handlers.remove(&id),
            };
        }
    }
}

/// Returns the names of the handlers that are configured and not known to be disabled: those that cannot be built, too.
pub(super) fn keeping_lanes(
    change: &CommitContext<'_>,
    places: &Places,
    changed: &ChangedHandlers,
) -> BTreeSet<String> {
    let entries = change.entries(places.alarm_handler).into_iter();
    let named = entries.filter(|(_, what)| *what != EntryChange::Removed).filter_map(|(path, _)| entry_name(&path));
    let is_disabled = |id: &String| matches!(changed.0.get(id), Some(Some(handler)) if !handler.spec.is_enabled);
    named.filter(|id| !is_disabled(id)).collect()
}

/// Finds the handlers that changed, and those that refer to a client that did.
fn concerned(change: &CommitContext<'_>, places: &Places, clients: &ChangedClients) -> BTreeMap<DataPath, EntryChange> {
    let mut found: BTreeMap<DataPath, EntryChange> = change.entries(places.alarm_handler).into_iter().collect();
    let schema = change.after.schema();
    let Some([client_key]) = schema.node(places.http_client).as_list().map(|list| &list.keys[..]) else {
        return found;
    };
    for name in clients.names() {
        let value = Value::Text(name.into());
        for referrer in change.after.references().to(*client_key, &value) {
            if schema.ancestry(referrer.schema_id()).contains(&places.alarm_handler) {
                let path = referrer.ancestor(schema, places.alarm_handler);
                found.entry(path).or_insert(EntryChange::Changed);
            }
        }
    }
    found
}
