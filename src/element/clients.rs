//! The HTTP clients in use, by name.

use super::placed;
use crate::datastore::CommitContext;
use crate::diagnostic::Diagnostics;
use crate::handler::Clients;
use crate::secret::Sealer;
use crate::settings;
use crate::transport::{HttpClient, HttpClientSpec, Transport};
use crate::tree::{DataPath, EntryChange};
use crate::yang::SchemaId;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// The HTTP clients in use; clones share them.
#[derive(Clone, Default)]
pub struct HttpClients(Arc<RwLock<HashMap<String, Entry>>>);

#[derive(Clone)]
struct Entry {
    spec: HttpClientSpec,
    client: Arc<HttpClient>,
}

impl fmt::Debug for HttpClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClients({})", self.len())
    }
}

impl Clients for HttpClients {
    fn http_client(&self, id: &str) -> Option<Arc<HttpClient>> {
        self.read().get(id).map(|entry| Arc::clone(&entry.client))
    }
}

impl HttpClients {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
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

    pub(super) fn names(&self) -> BTreeSet<String> {
        self.read().keys().cloned().collect()
    }
}

/// The clients that a commit changes: what takes a name's place, `None` where the name goes.
#[derive(Default)]
pub(super) struct ChangedClients(HashMap<String, Option<Entry>>);

impl ChangedClients {
    /// Builds the clients that a commit concerns beside those in use. Pushes what cannot be built.
    pub(super) fn prepare(
        change: &CommitContext<'_>,
        list: SchemaId,
        building: (&Transport, &dyn Sealer),
        in_use: &HttpClients,
        faults: &mut Diagnostics,
    ) -> Self {
        let mut changed = Self::default();
        for (path, what) in change.entries(list) {
            let Some(id) = entry_name(&path) else { continue };
            if what == EntryChange::Removed {
                changed.0.insert(id, None);
                continue;
            }
            match build(change, &path, building) {
                Ok(spec) if in_use.read().get(&id).is_some_and(|entry| entry.spec == spec.spec) => {}
                Ok(entry) => {
                    changed.0.insert(id, Some(entry));
                }
                Err(found) => faults.extend(placed(found, change.after, &path)),
            }
        }
        changed
    }

    /// Walks the names of the clients that change.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the names that go.
    pub(super) fn gone(&self) -> Vec<String> {
        self.0.iter().filter(|(_, entry)| entry.is_none()).map(|(id, _)| id.clone()).collect()
    }

    /// Shows the clients as they will be.
    pub(super) fn upon<'a>(&'a self, in_use: &'a HttpClients) -> impl Clients + 'a {
        Upon { changed: self, in_use }
    }

    /// Takes the clients into use.
    pub(super) fn apply(self, in_use: &HttpClients) {
        let mut clients = in_use.0.write().unwrap_or_else(PoisonError::into_inner);
        for (id, entry) in self.0 {
            match entry {
                Some(entry) => clients.insert(id, entry),
                None => clients.remove(&id),
            };
        }
    }
}

struct Upon<'a> {
    changed: &'a ChangedClients,
    in_use: &'a HttpClients,
}

impl Clients for Upon<'_> {
    fn http_client(&self, id: &str) -> Option<Arc<HttpClient>> {
        match self.changed.0.get(id) {
            Some(changed) => changed.as_ref().map(|entry| Arc::clone(&entry.client)),
            None => self.in_use.http_client(id),
        }
    }
}

fn build(
    change: &CommitContext<'_>,
    path: &DataPath,
    (transport, sealer): (&Transport, &dyn Sealer),
) -> Result<Entry, Diagnostics> {
    let node = change.after.get(path).ok_or_else(Diagnostics::new)?;
    let spec = settings::http_client(node, path, sealer)?;
    let client = Arc::new(transport.client(&spec)?);
    Ok(Entry { spec, client })
}

/// Returns the name of an entry of a list with one key.
pub(super) fn entry_name(path: &DataPath) -> Option<String> {
    path.keys().last()?.values().first().map(ToString::to_string)
}
