//! Starting: from what is stored, else from the configuration files, which become revision 1.

use super::checkpoint::Checkpoints;
use super::confirmation;
use super::handle::Parts;
use super::revision::load;
use super::transaction::{Rebased, Refusal};
use super::{BootError, CommitRequest, Datastore, Participant, Snapshot, Unconfirmed};
use crate::codec::Builder;
use crate::diagnostic::{Diagnostic, Diagnostics, Gravity, Source};
use crate::secret::Sealer;
use crate::store::{RowWrite, Store, StoreError};
use crate::task::Scope;
use crate::tree::{DataTree, Plan, validate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where the store keeps what the configuration files were when they were loaded.
const FILES_KEY: &str = "boot-files";

/// What a datastore is started with.
pub struct BootOptions {
    /// The store.
    pub store: Store,
    /// The schema.
    pub plan: Arc<Plan>,
    /// What seals and opens secrets.
    pub sealer: Arc<dyn Sealer>,
    /// Who takes part in commits, in the order of preparing and taking into use.
    pub participants: Vec<Arc<dyn Participant>>,
    /// Owns the threads that write checkpoints.
    pub scope: Scope,
    /// Tells how many revisions are kept, from running.
    pub revisions_kept: fn(&DataTree) -> usize,
}

impl fmt::Debug for BootOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootOptions").field("participants", &self.participants.len()).finish_non_exhaustive()
    }
}

/// The configuration files.
#[derive(Clone, Copy)]
pub struct BootInput<'a> {
    /// The files, in the order in which they are merged.
    pub sources: &'a [Arc<Source>],
    /// Reads one file into the tree being built.
    pub read: &'a dyn Fn(&mut Builder<'_>, &Arc<Source>),
    /// What was named and could not be read, by its name, and why: refused where files are loaded, else a warning.
    pub unreadable: &'a BTreeMap<String, Diagnostic>,
    /// Whether they take the place of what is stored.
    pub is_override: bool,
}

impl fmt::Debug for BootInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootInput")
            .field("sources", &self.sources)
            .field("unreadable", &self.unreadable)
            .field("is_override", &self.is_override)
            .finish_non_exhaustive()
    }
}

/// A started datastore.
#[derive(Debug)]
pub struct Booted {
    /// The datastore.
    pub datastore: Datastore,
    /// What is worth telling: files that changed since they were loaded, and what is stored and not valid any more.
    pub warnings: Diagnostics,
    /// Those of the warnings that are about files that changed.
    pub changed_files: Diagnostics,
    /// What was taken back because nobody confirmed it in time.
    pub taken_back: Option<String>,
    /// The participants that could not build all of the stored configuration, which is in force all the same.
    pub refusals: Vec<(&'static str, Diagnostics)>,
}

/// Starts: with what is stored when there is any, else with the files. Blocks.
///
/// # Errors
/// When the files are needed and faulty, a participant refuses what they say, or the store cannot be read.
pub fn boot(options: BootOptions, input: BootInput<'_>) -> Result<Booted, BootError> {
    let BootOptions { store, plan, sealer, participants, scope, revisions_kept } = options;
    let loaded = load(&store, &plan).map_err(BootError::Stored)?;
    let is_first = loaded.is_none();
    let checkpoints = Checkpoints::new(scope, revisions_kept, loaded.as_ref());
    let running = loaded.map_or_else(|| Snapshot::new(0, DataTree::new(Arc::clone(&plan))), |loaded| loaded.snapshot);
    let starting = Starting {
        store: store.clone(),
        sealer: Arc::clone(&sealer),
        participants: participants.clone(),
        running: Arc::new(running),
        digests: digests(input.sources),
        unreadable: input.unreadable.clone(),
    };
    let datastore = Datastore::new(Parts {
        store,
        plan,
        sealer,
        participants,
        running: Arc::clone(&starting.running),
        checkpoints,
    });
    if input.is_override && input.sources.is_empty() {
        let said = Diagnostic::error("there is no configuration file to load in the place of the stored configuration");
        return Err(BootError::Input(said.into()));
    }
    let is_loading = input.is_override || is_first;
    if is_loading && !input.unreadable.is_empty() {
        let mut faults = Diagnostics::new();
        faults.extend(input.unreadable.values().cloned());
        return Err(BootError::Input(faults));
    }
    let Found { warnings, changed_files, taken_back, refusals } = if is_loading && !input.sources.is_empty() {
        starting.with_files(&datastore, input)?
    } else {
        starting.go_on(&datastore)?
    };
    Ok(Booted { datastore, warnings, changed_files, taken_back, refusals })
}

/// What a start found.
#[derive(Default)]
struct Found {
    warnings: Diagnostics,
    changed_files: Diagnostics,
    taken_back: Option<String>,
    refusals: Vec<Refusal>,
}

struct Starting {
    store: Store,
    sealer: Arc<dyn Sealer>,
    participants: Vec<Arc<dyn Participant>>,
    running: Arc<Snapshot>,
    digests: BTreeMap<String, String>,
    unreadable: BTreeMap<String, Diagnostic>,
}

impl Starting {
    fn with_files(self, datastore: &Datastore, input: BootInput<'_>) -> Result<Found, BootError> {
        let mut builder = Builder::new(DataTree::new(Arc::clone(datastore.plan())), &*self.sealer);
        for source in input.sources {
            (input.read)(&mut builder, source);
        }
        let found = validate(&builder.tree.in_force());
        builder.validated(found);
        if builder.diagnostics.has_errors() {
            return Err(BootError::Input(builder.diagnostics));
        }
        let change = Rebased::new(Arc::clone(&self.running), builder.tree.clone(), &*self.sealer, true);
        if change.is_empty() {
            self.remember_files()?;
            return self.go_on(datastore);
        }
        let mut place = |diagnostics| {
            builder.diagnostics = Diagnostics::new();
            builder.validated(diagnostics);
            std::mem::take(&mut builder.diagnostics)
        };
        let valid = change.validate().map_err(|found| BootError::Input(place(found)))?;
        let ready = valid
            .prepare(&self.participants)
            .map_err(|(participant, found)| BootError::Refused { participant, diagnostics: place(found) })?;
        let names: Vec<String> = input.sources.iter().map(|source| format!("`{}`", source.name())).collect();
        let request = CommitRequest {
            user: "system".to_owned(),
            via: "boot".to_owned(),
            comment: Some(format!("loaded from {}", names.join(", "))),
            ..CommitRequest::default()
        };
        let rows = vec![self.files_row()?, confirmation::row(None)?];
        let committed = datastore.finish(ready, &request, rows, None)?;
        Ok(Found { warnings: committed.warnings.clone(), ..Found::default() })
    }

    /// Takes up what is stored; what awaited confirmation beyond its deadline is taken back before anything is built of it.
    fn go_on(self, datastore: &Datastore) -> Result<Found, BootError> {
        let Some(unconfirmed) = confirmation::stored(&self.store)? else { return self.keep_stored() };
        if unconfirmed.revision != self.running.revision {
            let row = confirmation::row(None)?;
            self.store.write(row)?;
            return self.keep_stored();
        }
        if unconfirmed.deadline > self.store.clock().now() {
            datastore.settle(Some(unconfirmed));
            return self.keep_stored();
        }
        let tree = datastore.tree_at(unconfirmed.back_to).map_err(BootError::Stored)?;
        let changed_files = self.changed_files()?;
        let mut warnings = changed_files.clone();
        let (valid, found) = Rebased::new(Arc::clone(&self.running), tree, &*self.sealer, true).take_as_stored();
        warnings.extend(found.into_iter().map(|diagnostic| Diagnostic { gravity: Gravity::Warning, ..diagnostic }));
        let (ready, refusals) = valid.prepare_what_can(&self.participants);
        datastore.finish(ready, &confirmation::request(&unconfirmed), vec![confirmation::row(None)?], None)?;
        let Unconfirmed { revision, back_to, user, .. } = unconfirmed;
        let said = format!(
            "revision {revision} by {user} was not confirmed before its deadline: revision {back_to} is back in force"
        );
        warnings.push(Diagnostic::warning(said.clone()));
        Ok(Found { warnings, changed_files, taken_back: Some(said), refusals })
    }

    fn keep_stored(self) -> Result<Found, BootError> {
        let tree = self.running.written.clone();
        let changed_files = self.changed_files()?;
        let mut warnings = changed_files.clone();
        let (stored, found) = Rebased::new(Arc::clone(&self.running), tree, &*self.sealer, true).take_as_stored();
        warnings.extend(found.into_iter().map(|diagnostic| Diagnostic { gravity: Gravity::Warning, ..diagnostic }));
        let (ready, refusals) = stored.prepare_what_can(&self.participants);
        ready.start(&self.store)?;
        Ok(Found { warnings, changed_files, taken_back: None, refusals })
    }

    /// Tells which files are not as they were when they were loaded: what is stored counts, not they.
    fn changed_files(&self) -> Result<Diagnostics, StoreError> {
        let mut found = Diagnostics::new();
        found.extend(self.unreadable.values().map(|fault| Diagnostic {
            gravity: Gravity::Warning,
            hint: Some("the stored configuration is used".to_owned()),
            ..fault.clone()
        }));
        let loaded: BTreeMap<String, String> = match self.store.meta(FILES_KEY)? {
            // None were there when the store was new.
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(&text).map_err(|e| StoreError::Corrupt {
                table: "meta",
                row: FILES_KEY.to_owned(),
                reason: e.to_string(),
            })?,
        };
        let mut tell = |name: &str, what: &str| {
            found.push(
                Diagnostic::warning(format!(
                    "the configuration file `{name}` {what} since the configuration was first loaded"
                ))
                .hint("the stored configuration is used; `--config-override` loads the files in its place"),
            );
        };
        for (name, digest) in &self.digests {
            match loaded.get(name) {
                None => tell(name, "was added"),
                Some(before) if before != digest => tell(name, "has changed"),
                Some(_) => {}
            }
        }
        // A file, or its folder, that cannot be read is told already.
        let is_told = |name: &String| self.unreadable.keys().any(|told| Path::new(name).starts_with(told));
        for name in loaded.keys().filter(|name| !self.digests.contains_key(*name) && !is_told(name)) {
            tell(name, "was removed");
        }
        Ok(found)
    }

    fn remember_files(&self) -> Result<(), StoreError> {
        let row = self.files_row()?;
        self.store.write(row)
    }

    fn files_row(&self) -> Result<RowWrite, StoreError> {
        let text = serde_json::to_string(&self.digests)
            .map_err(|source| StoreError::Encode { what: "the names of the files", source: Arc::new(source) })?;
        Ok(Box::new(move |tx| tx.set_meta(FILES_KEY, &text)))
    }
}

fn digests(sources: &[Arc<Source>]) -> BTreeMap<String, String> {
    let digest = |source: &Source| STANDARD.encode(Sha256::digest(source.text().as_bytes()));
    sources.iter().map(|source| (source.name().to_owned(), digest(source))).collect()
}
