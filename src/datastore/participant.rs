//! What takes part in a commit: prepares the new beside the old, and later takes it into use or drops it.

use crate::diagnostic::Diagnostics;
use crate::store::RowWrite;
use crate::tree::{DataPath, DataTree, Delta, EntryChange, NodeRef};
use crate::yang::SchemaId;
use std::fmt;

/// A part of the element whose behaviour follows the configuration.
pub trait Participant: Send + Sync {
    /// Returns the name by which people are told who refused.
    fn name(&self) -> &'static str;

    /// Builds what the new configuration needs beside what is in use, which stays untouched. Whatever can fail,
    /// fails here. Blocks; never called on an asynchronous thread.
    ///
    /// # Errors
    /// Why the configuration cannot be put into force, each with its data path.
    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics>;

    /// Looks again at what is running, without a change of the configuration: what could not be built before, or is made
    /// of material outside of it, may be built now. `None` when all is as it was.
    fn refresh(&self, running: &CommitContext<'_>) -> Option<Prepared> {
        let _ = running;
        None
    }
}

/// The change that participants prepare for.
#[derive(Debug, Clone, Copy)]
pub struct CommitContext<'a> {
    /// The configuration in force; at boot the one stored, an empty tree where none is.
    pub before: &'a DataTree,
    /// The configuration to come.
    pub after: &'a DataTree,
    /// What differs from `before` to `after`. Empty at an ordinary boot.
    pub delta: &'a Delta,
    /// Whether nothing is in use yet, so that all of `after` has to be built and not just what changed.
    pub boot: bool,
}

impl CommitContext<'_> {
    /// Tells which entries of a list have to be built, built again or torn down: those that changed, and at boot all
    /// that exist, as created.
    #[must_use]
    pub fn entries(&self, list: SchemaId) -> Vec<(DataPath, EntryChange)> {
        if !self.boot {
            return self.delta.entries_of(list, self.before, self.after);
        }
        let mut found = Vec::new();
        let way = self.after.schema().ancestry(list);
        entries_below(self.after.root(), &DataPath::ROOT, &way, &mut found);
        found.into_iter().map(|path| (path, EntryChange::Created)).collect()
    }

    /// Returns whether what is stored is taken up again: nobody is there to correct it, so a participant builds what it
    /// can, and tells the rest as [`Prepared::warnings`] instead of refusing.
    #[must_use]
    pub fn is_restart(&self) -> bool {
        self.boot && self.delta.is_empty()
    }

    /// Returns whether something at or below a schema node has to be looked at: it changed, or nothing is in use yet.
    #[must_use]
    pub fn concerns(&self, node: SchemaId) -> bool {
        let schema = self.after.schema();
        let way = schema.ancestry(node);
        self.boot
            || self.delta.changes.iter().any(|change| {
                let at = change.path().schema_id();
                way.contains(&at) || schema.ancestry(at).contains(&node)
            })
    }
}

fn entries_below(at: NodeRef<'_>, path: &DataPath, way: &[SchemaId], found: &mut Vec<DataPath>) {
    let Some((id, rest)) = way.split_first() else {
        found.push(path.clone());
        return;
    };
    let Some(child) = at.child_by_id(*id) else { return };
    let path = path.child(*id);
    if child.as_list().is_none() {
        return entries_below(child, &path, rest, found);
    }
    for entry in child.entries() {
        if let Some(key) = entry.key() {
            entries_below(entry, &path.entry(key.clone()), rest, found);
        }
    }
}

/// What a participant has built. Dropping it undoes that, and leaves what is in use as it was.
pub struct Prepared {
    /// Rows that are written in the same transaction as the revision.
    pub rows: Vec<RowWrite>,
    /// What is worth telling and no reason to refuse.
    pub warnings: Diagnostics,
    /// Takes what was built into use; cannot fail, and is called after the revision is durable.
    pub apply: Box<dyn FnOnce() + Send>,
}

impl Prepared {
    /// Returns what has neither rows nor anything to take into use.
    #[must_use]
    pub fn nothing() -> Self {
        Self::applying(|| {})
    }

    /// Returns what has no rows.
    #[must_use]
    pub fn applying(apply: impl FnOnce() + Send + 'static) -> Self {
        Self { rows: Vec::new(), warnings: Diagnostics::new(), apply: Box::new(apply) }
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}
