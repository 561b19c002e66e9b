//! The HTTP clients in use, by name, and how those that a change concerns are built.

use super::crypto::{Building, Crypto, CryptoChange};
use super::placed;
use super::registry::{Changed, Fate, Occasion, Registry, entry_name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::handler::Clients;
use crate::settings;
use crate::transport::material::{KeyStore, TrustStore};
use crate::transport::{HttpClient, HttpClientSpec, Supplies};
use crate::tree::{DataPath, EntryChange, Value};
use crate::yang::SchemaId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The HTTP clients in use; clones share them.
pub type HttpClients = Registry<HttpClient>;

impl Clients for HttpClients {
    fn http_client(&self, id: &str) -> Option<Arc<HttpClient>> {
        self.get(id)
    }
}

/// Clients at most that fetch their tokens through each other: more than two have a purpose nowhere.
const TOKEN_CHAIN_MAX: usize = 8;

/// The clients that a change concerns: what takes a name's place.
#[derive(Debug, Default)]
pub(super) struct ChangedClients(Changed<HttpClient>);

/// Shows the clients as they will be.
pub(super) struct Upon<'a> {
    changed: &'a Changed<HttpClient>,
    in_use: &'a HttpClients,
}

impl Clients for Upon<'_> {
    fn http_client(&self, id: &str) -> Option<Arc<HttpClient>> {
        self.changed.upon(self.in_use, id)
    }
}

impl ChangedClients {
    /// Builds the clients that a change concerns beside those in use; one that would be the same is left alone. Pushes
    /// what cannot be built.
    pub(super) fn prepare(
        building: &Building<'_>,
        material: (&Crypto, &CryptoChange),
        in_use: &HttpClients,
        told: &mut Diagnostics,
    ) -> Self {
        let (crypto, crypto_change) = material;
        let concerned = concerned(building, crypto_change, in_use);
        let mut workshop = Workshop {
            building,
            crypto,
            crypto_change,
            in_use,
            changed: Changed::default(),
            waiting: BTreeMap::new(),
            told,
        };
        for (path, what) in concerned {
            let Some(id) = entry_name(&path) else { continue };
            match what {
                EntryChange::Removed => workshop.changed.remove(id),
                _ => drop(workshop.waiting.insert(id, path)),
            }
        }
        while let Some(id) = workshop.waiting.keys().next().cloned() {
            workshop.build(&id, &mut Vec::new());
        }
        Self(workshop.changed)
    }

    /// Walks the names of the clients that change.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.names()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names that go.
    pub(super) fn gone(&self) -> Vec<String> {
        self.0.gone()
    }

    /// Returns whether a client could not be built.
    pub(super) fn has_failed(&self, id: &str) -> bool {
        matches!(self.0.fate(id), Fate::Fails)
    }

    /// Shows the clients as they will be.
    pub(super) fn upon<'a>(&'a self, in_use: &'a HttpClients) -> Upon<'a> {
        Upon { changed: &self.0, in_use }
    }

    /// Takes the clients into use.
    pub(super) fn apply(self, in_use: &HttpClients) {
        self.0.apply(in_use);
    }
}

/// Builds clients in the order in which they need each other.
struct Workshop<'a> {
    building: &'a Building<'a>,
    crypto: &'a Crypto,
    crypto_change: &'a CryptoChange,
    in_use: &'a HttpClients,
    changed: Changed<HttpClient>,
    waiting: BTreeMap<String, DataPath>,
    told: &'a mut Diagnostics,
}

impl Supplies for Workshop<'_> {
    fn truststore(&self) -> Option<Arc<TrustStore>> {
        Some(self.crypto_change.truststore_upon(self.crypto))
    }

    fn keystore(&self, id: &str) -> Option<Arc<KeyStore>> {
        let loaded = self.crypto_change.keystores.upon(&self.crypto.keystores, id)?;
        Some(Arc::clone(&loaded.keystore))
    }

    fn client(&self, id: &str) -> Option<Arc<HttpClient>> {
        self.changed.upon(self.in_use, id)
    }
}

impl Workshop<'_> {
    /// Builds a client that waits, first the one through which it fetches its tokens. `for_whom` are those that wait for it.
    fn build(&mut self, id: &str, for_whom: &mut Vec<String>) {
        let Some(path) = self.waiting.get(id).cloned() else { return };
        let spec = self.building.node(&path).and_then(|node| settings::http_client(node, &path, self.building.sealer));
        for_whom.push(id.to_owned());
        let mut is_consequence = false;
        let built = spec.and_then(|spec| {
            self.build_token_client(&spec, for_whom)?;
            is_consequence = self.lacks_what_failed(&spec);
            self.client_of(&spec, &path)
        });
        for_whom.pop();
        self.waiting.remove(id);
        match built {
            Ok(Some(client)) => self.changed.put(id.to_owned(), Arc::new(client)),
            Ok(None) => {}
            Err(found) => {
                let found = placed(found, self.building.change.after, &path);
                if !is_consequence {
                    self.told.extend(found.clone());
                }
                self.changed.fail(id.to_owned(), found, self.building.occasion, self.in_use);
            }
        }
    }

    /// Returns whether something that a client refers to could not be built, which has been told.
    fn lacks_what_failed(&self, spec: &HttpClientSpec) -> bool {
        let keystores = &self.crypto_change.keystores;
        let lacks_keystore = spec.keystores().into_iter().any(|id| matches!(keystores.fate(id), Fate::Fails));
        lacks_keystore || spec.token_client().is_some_and(|id| matches!(self.changed.fate(id), Fate::Fails))
    }

    fn build_token_client(&mut self, spec: &HttpClientSpec, for_whom: &mut Vec<String>) -> Result<(), Diagnostics> {
        let Some(inner) = spec.token_client() else { return Ok(()) };
        if for_whom.iter().any(|outer| outer == inner) || for_whom.len() >= TOKEN_CHAIN_MAX {
            let way = for_whom.iter().map(String::as_str).chain([inner]).collect::<Vec<_>>().join("` → `");
            return Err(Diagnostic::error(format!("the HTTP clients `{way}` fetch their tokens through each other"))
                .hint("let one of them reach its token endpoint by itself, or through a client without tokens")
                .into());
        }
        self.build(inner, for_whom);
        Ok(())
    }

    /// Builds a client, unless the one in use is the same.
    fn client_of(&mut self, spec: &HttpClientSpec, path: &DataPath) -> Result<Option<HttpClient>, Diagnostics> {
        if self.in_use.get(&spec.id).is_some_and(|known| known.is_as(spec, &*self)) {
            return Ok(None);
        }
        let client = self.building.transport.client(spec, &*self)?;
        let trusts_nobody = spec.uses_truststore() && self.truststore().is_none_or(|store| store.entries().is_empty());
        if trusts_nobody && self.building.occasion == Occasion::Commit {
            let said = Diagnostic::warning("the truststore is empty, so that no server is trusted")
                .hint("set facilities crypto ssl server-truststore server-certificate");
            self.told.extend(placed(said.into(), self.building.change.after, path));
        }
        Ok(Some(client))
    }
}

/// Finds the clients to build: those that changed, those whose material did, and those that fetch tokens through them.
fn concerned(building: &Building<'_>, crypto: &CryptoChange, in_use: &HttpClients) -> BTreeMap<DataPath, EntryChange> {
    let list = building.places.http_client;
    let mut found = building.entries(list, || in_use.unsettled(|_| false));
    for name in crypto.keystores.names() {
        for path in referring(building, building.places.client_keystore, name, list) {
            found.entry(path).or_insert(EntryChange::Changed);
        }
    }
    if crypto.changes_trust() {
        for (id, client) in in_use.all() {
            if client.spec().uses_truststore()
                && let Some(path) = building.entry(list, &id)
            {
                found.entry(path).or_insert(EntryChange::Changed);
            }
        }
    }
    let mut waiting: Vec<String> = found.keys().filter_map(entry_name).collect();
    let mut seen: BTreeSet<String> = waiting.iter().cloned().collect();
    while let Some(name) = waiting.pop() {
        for path in referring(building, list, &name, list) {
            let Some(outer) = entry_name(&path) else { continue };
            found.entry(path).or_insert(EntryChange::Changed);
            if seen.insert(outer.clone()) {
                waiting.push(outer);
            }
        }
    }
    found
}

/// Returns the entries of a list that refer to an entry of another by its one key.
pub(super) fn referring(building: &Building<'_>, to: SchemaId, name: &str, from: SchemaId) -> Vec<DataPath> {
    let schema = building.change.after.schema();
    let Some([key]) = schema.node(to).as_list().map(|list| &list.keys[..]) else { return Vec::new() };
    let name = Value::Text(name.into());
    let referrers = building.change.after.references().to(*key, &name);
    let within = referrers.filter(|referrer| schema.ancestry(referrer.schema_id()).contains(&from));
    within.map(|referrer| referrer.ancestor(schema, from)).collect()
}
