//! Tests of the datastore as a whole: commits, rebasing, history, starting.

mod commit;
mod confirm;
mod history;
mod marks;
mod rebase;
mod starting;

use super::{
    BootError, BootInput, BootOptions, Booted, CommitContext, CommitRequest, Committed, Datastore, Participant,
    Prepared, boot,
};
use crate::clock::Clock;
use crate::codec::{Builder, read_json};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::secret::{KeyRing, Sealer};
use crate::store::{Store, StoreOptions};
use crate::task::Scope;
use crate::tree::{DataPath, DataTree, Plan, Value};
use crate::yang::{CompileOptions, builtin_sources, compile};
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const MODULE: &str = r#"
module m {
  yang-version 1.1; namespace "urn:m"; prefix m;
  import annunciator-extensions { prefix ann; }
  container c {
    leaf a { type uint32; }
    leaf b { type string; }
    leaf key { type string; ann:secret; }
    leaf-list tag { type string; }
    leaf-list step { type uint32; ordered-by user; }
    leaf use { type leafref { path "/m:c/m:e/m:id"; } }
    choice way { leaf way-1 { type string; } leaf way-2 { type string; } }
    list e { key id; leaf id { type string; } leaf v { type string; } leaf w { type string; }
      list o { key id; ordered-by user; leaf id { type string; } } }
    leaf-list gone-with { type leafref { path "/m:c/m:e/m:id"; } ann:on-delete "prune"; }
    leaf guarded { when "../a"; type string; }
    list r { key id; ordered-by user; leaf id { type string; } leaf v { type string; } }
  }
}"#;

fn plan() -> Arc<Plan> {
    let mut sources = builtin_sources();
    sources.push(Source::new("m.yang", MODULE));
    match compile(&sources, &CompileOptions::default()) {
        Ok((schema, _)) => Plan::new(Arc::new(schema)),
        Err(faults) => panic!("{faults}"),
    }
}

/// What a test owns: a folder, a schema, a key, participants.
struct World {
    folder: TempDir,
    plan: Arc<Plan>,
    sealer: Arc<dyn Sealer>,
    part: Arc<Part>,
    scope: Scope,
    options: StoreOptions,
    clock: Clock,
    kept: fn(&DataTree) -> usize,
}

/// A participant that keeps what it is told and refuses a value of `/m:c/b`.
#[derive(Default)]
struct Part {
    log: Arc<Mutex<Vec<String>>>,
}

impl Part {
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

/// Says that it was dropped without having been taken into use.
struct Built(Arc<Mutex<Vec<String>>>, bool);

impl Built {
    fn applied(&mut self) {
        self.1 = true;
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(if self.1 { "applied" } else { "dropped" }.to_owned());
    }
}

impl Participant for Part {
    fn name(&self) -> &'static str {
        "the test part"
    }

    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics> {
        if change.delta.is_empty() {
            return Ok(Prepared::nothing());
        }
        let mut built = Built(Arc::clone(&self.log), false);
        let mut prepared = Prepared::applying(move || built.applied());
        prepared.rows.push(Box::new(|tx| tx.set_meta("part", "row")));
        Ok(prepared)
    }
}

struct Refuser;

impl Participant for Refuser {
    fn name(&self) -> &'static str {
        "the refusing part"
    }

    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics> {
        match change.after.root().leaf("c/b").and_then(Value::as_str) {
            Some("refuse") => Err(Diagnostic::error("this cannot be had").on("/m:c/b").into()),
            _ => Ok(Prepared::nothing()),
        }
    }
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            plan: plan(),
            sealer: Arc::new(KeyRing::ephemeral().unwrap()),
            part: Arc::default(),
            scope: Scope::new(),
            options: StoreOptions::default(),
            clock: Clock::manual(Timestamp::UNIX_EPOCH),
            kept: |_| 1000,
        }
    }

    fn boot_with(&self, files: &[(&str, &str)], is_override: bool) -> Result<Booted, BootError> {
        let sources: Vec<_> = files.iter().map(|(name, text)| Source::new(*name, *text)).collect();
        let options = BootOptions {
            store: Store::open_with(self.folder.path(), self.clock.clone(), self.options.clone())?,
            plan: Arc::clone(&self.plan),
            sealer: Arc::clone(&self.sealer),
            participants: vec![Arc::clone(&self.part) as _, Arc::new(Refuser)],
            scope: self.scope.clone(),
            revisions_kept: self.kept,
        };
        boot(
            options,
            BootInput {
                sources: &sources,
                read: &|b, s| read_json(b, s),
                unreadable: &std::collections::BTreeMap::new(),
                is_override,
            },
        )
    }

    fn open(&self) -> Datastore {
        self.boot_with(&[], false).unwrap().datastore
    }

    fn path(&self, text: &str) -> DataPath {
        DataPath::parse(self.plan.schema(), text).unwrap()
    }

    /// Edits: `path = value`, `- path`, `+ path`.
    fn edit(&self, tree: &mut DataTree, edits: &[&str]) {
        let mut builder = Builder::new(tree.clone(), &*self.sealer);
        for edit in edits {
            if let Some(path) = edit.strip_prefix("- ") {
                builder.tree.remove(&self.path(path));
            } else if let Some(path) = edit.strip_prefix("+ ") {
                builder.create(&self.path(path), None);
            } else {
                let (path, value) = edit.split_once(" = ").unwrap();
                let path = self.path(path);
                match self.plan.schema().node(path.schema_id()).as_leaf() {
                    Some(_) => builder.leaf(&path, value, None),
                    None => builder.leaf_list_value(&path, value, None),
                }
            }
        }
        assert!(builder.diagnostics.is_empty(), "{}", builder.diagnostics);
        *tree = builder.tree;
    }

    fn commit(&self, datastore: &Datastore, edits: &[&str]) -> Arc<Committed> {
        let mut candidate = datastore.candidate();
        self.edit(&mut candidate.tree, edits);
        datastore.commit(&mut candidate, &request("ann")).unwrap().committed().unwrap()
    }
}

fn request(user: &str) -> CommitRequest {
    CommitRequest { user: user.to_owned(), via: "test".to_owned(), ..CommitRequest::default() }
}

fn leaf(tree: &DataTree, path: &str) -> String {
    tree.root().leaf(path).map_or_else(|| "-".to_owned(), ToString::to_string)
}
