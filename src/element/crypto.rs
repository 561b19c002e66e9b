//! The certificates and keys in use, by name, and the truststore made of those that are trusted.

use super::impact::entry_named;
use super::placed;
use super::registry::{Changed, Fate, Occasion, Registry, entry_name};
use crate::datastore::CommitContext;
use crate::diagnostic::Diagnostics;
use crate::secret::Sealer;
use crate::settings::{self, Places};
use crate::transport::Transport;
use crate::transport::material::{Certificate, KeyStore, TrustStore};
use crate::tree::{DataPath, EntryChange, NodeRef};
use crate::yang::SchemaId;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// A keystore in use.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedKeyStore {
    /// The keystore.
    pub keystore: Arc<KeyStore>,
    /// Whether it is in files, which may change without a commit.
    pub is_file: bool,
}

/// An entry of the truststore in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// Its certificates.
    pub certificates: Vec<Certificate>,
    /// Whether they are in a file, which may change without a commit.
    pub is_file: bool,
}

/// What is loaded from an entry of `crypto`.
trait Material: PartialEq {
    /// Returns whether it is in files, which may change without a commit.
    fn is_file(&self) -> bool;

    /// Returns the certificates whose dates count.
    fn certificates(&self) -> &[Certificate];
}

impl Material for LoadedKeyStore {
    fn is_file(&self) -> bool {
        self.is_file
    }

    fn certificates(&self) -> &[Certificate] {
        &self.keystore.chain
    }
}

impl Material for Trusted {
    fn is_file(&self) -> bool {
        self.is_file
    }

    fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

/// The material in use; clones share it.
#[derive(Clone)]
pub struct Crypto {
    /// Keystores.
    pub keystores: Registry<LoadedKeyStore>,
    /// Entries of the truststore.
    pub trusted: Registry<Trusted>,
    truststore: Arc<RwLock<Arc<TrustStore>>>,
}

impl Default for Crypto {
    fn default() -> Self {
        let truststore = Arc::new(RwLock::new(Arc::new(TrustStore::new(Vec::new()))));
        Self { keystores: Registry::default(), trusted: Registry::default(), truststore }
    }
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("keystores", &self.keystores)
            .field("trusted", &self.trusted)
            .finish_non_exhaustive()
    }
}

impl Crypto {
    /// Returns the truststore.
    #[must_use]
    pub fn truststore(&self) -> Arc<TrustStore> {
        Arc::clone(&self.truststore.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is needed to build from the configuration.
#[derive(Clone, Copy)]
pub(super) struct Building<'a> {
    pub(super) change: &'a CommitContext<'a>,
    pub(super) occasion: Occasion,
    pub(super) places: &'a Places,
    pub(super) transport: &'a Transport,
    pub(super) sealer: &'a dyn Sealer,
}

impl<'a> Building<'a> {
    /// Finds the entries of a list to build: those that a commit concerns; when running is looked at again, those named.
    pub(super) fn entries(
        &self,
        list: SchemaId,
        again: impl FnOnce() -> Vec<String>,
    ) -> BTreeMap<DataPath, EntryChange> {
        if self.occasion != Occasion::Refresh {
            return self.change.entries(list).into_iter().collect();
        }
        let named = again().into_iter().filter_map(|id| self.entry(list, &id));
        named.map(|path| (path, EntryChange::Changed)).collect()
    }

    /// Returns the path of an entry, when it is there.
    pub(super) fn entry(&self, list: SchemaId, id: &str) -> Option<DataPath> {
        let path = entry_named(self.change.after.schema(), list, id)?;
        self.change.after.get(&path).map(|_| path)
    }

    pub(super) fn node(&self, path: &DataPath) -> Result<NodeRef<'a>, Diagnostics> {
        self.change.after.get(path).ok_or_else(Diagnostics::new)
    }

    fn placed(&self, found: Diagnostics, path: &DataPath) -> Diagnostics {
        placed(found, self.change.after, path)
    }

    /// Loads the entries of a list that change, beside those in use. Pushes what cannot be loaded.
    fn load<T: Material>(
        &self,
        list: SchemaId,
        in_use: &Registry<T>,
        told: &mut Diagnostics,
        load: impl Fn(NodeRef<'a>, &DataPath) -> Result<T, Diagnostics>,
    ) -> Changed<T> {
        let mut changed = Changed::default();
        for (path, what) in self.entries(list, || in_use.unsettled(T::is_file)) {
            let Some(id) = entry_name(&path) else { continue };
            if what == EntryChange::Removed {
                changed.remove(id);
                continue;
            }
            match self.node(&path).and_then(|node| load(node, &path)) {
                Ok(loaded) => {
                    self.tell_dates(loaded.certificates(), &path, told);
                    if in_use.get(&id).is_none_or(|known| *known != loaded) {
                        changed.put(id, Arc::new(loaded));
                    }
                }
                Err(found) => {
                    let found = self.placed(found, &path);
                    told.extend(found.clone());
                    changed.fail(id, found, self.occasion, in_use);
                }
            }
        }
        changed
    }

    /// Says what is worth telling about the dates of certificates; a restart leaves that to the alarms.
    fn tell_dates(&self, certificates: &[Certificate], path: &DataPath, told: &mut Diagnostics) {
        if self.occasion == Occasion::Commit {
            told.extend(self.placed(self.transport.warnings(certificates), path));
        }
    }
}

/// The material that changes.
#[derive(Debug, Default)]
pub(super) struct CryptoChange {
    pub(super) keystores: Changed<LoadedKeyStore>,
    pub(super) trusted: Changed<Trusted>,
    /// The new truststore, when it is another one.
    truststore: Option<Arc<TrustStore>>,
}

impl CryptoChange {
    /// Loads what changes beside what is in use. Pushes what cannot be loaded.
    pub(super) fn prepare(building: &Building<'_>, in_use: &Crypto, told: &mut Diagnostics) -> Self {
        let keystores = building.load(building.places.client_keystore, &in_use.keystores, told, |node, path| {
            let spec = settings::client_keystore(node, path, building.sealer)?;
            let keystore = Arc::new(building.transport.keystore(&spec)?);
            Ok(LoadedKeyStore { keystore, is_file: spec.is_file() })
        });
        let trusted = building.load(building.places.server_certificate, &in_use.trusted, told, |node, path| {
            let spec = settings::server_certificate(node, path)?;
            let certificates = spec.load()?;
            Ok(Trusted { certificates, is_file: spec.certificates.is_file() })
        });
        let truststore = (!trusted.is_empty()).then(|| {
            let mut entries: BTreeMap<String, Vec<Certificate>> =
                in_use.trusted.all().into_iter().map(|(id, entry)| (id, entry.certificates.clone())).collect();
            for (id, entry) in trusted.each() {
                match entry {
                    Fate::Becomes(entry) => entries.insert(id.clone(), entry.certificates.clone()),
                    _ => entries.remove(id),
                };
            }
            Arc::new(TrustStore::new(entries.into_iter().collect()))
        });
        let truststore = truststore.filter(|new| **new != *in_use.truststore());
        Self { keystores, trusted, truststore }
    }

    /// Returns whether other certificates are trusted than before.
    pub(super) fn changes_trust(&self) -> bool {
        self.truststore.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keystores.is_empty() && self.trusted.is_empty() && self.truststore.is_none()
    }

    /// Returns the truststore as it will be.
    pub(super) fn truststore_upon(&self, in_use: &Crypto) -> Arc<TrustStore> {
        self.truststore.clone().unwrap_or_else(|| in_use.truststore())
    }

    /// Takes the material into use.
    pub(super) fn apply(self, in_use: &Crypto) {
        self.keystores.apply(&in_use.keystores);
        self.trusted.apply(&in_use.trusted);
        if let Some(truststore) = self.truststore {
            *in_use.truststore.write().unwrap_or_else(PoisonError::into_inner) = truststore;
        }
    }
}
