//! One commit, as a value that each step consumes: rebased, validated, prepared, written, in force.

use super::candidate::{CommitRequest, Committed, Snapshot};
use super::participant::{CommitContext, Participant, Prepared};
use super::revision::write_delta;
use super::secrets;
use crate::diagnostic::{Diagnostic, Diagnostics, Gravity};
use crate::secret::Sealer;
use crate::store::{NewRevision, RowWrite, Store, StoreError};
use crate::tree::{DataTree, Delta, diff, settle, validate, validate_change};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What is to become running, made on the running of now.
pub(super) struct Rebased {
    before: Arc<Snapshot>,
    /// What is to be in force, and how that differs.
    after: DataTree,
    delta: Delta,
    /// It as it is to be written.
    written: DataTree,
    /// How that differs, where it does otherwise than what is in force.
    written_delta: Option<Delta>,
    boot: bool,
    /// What went along with the edits.
    pruned: Diagnostics,
}

impl Rebased {
    /// Takes the next tree as it is written and what follows from it by itself; secrets that only were sealed again keep their form.
    pub(super) fn new(before: Arc<Snapshot>, mut written: DataTree, sealer: &dyn Sealer, boot: bool) -> Self {
        let mut pruned = Diagnostics::new();
        let mut after = written.in_force();
        for gone in settle(&before.tree, &mut after) {
            let path = gone.path.display(after.schema()).to_string();
            pruned.push(Diagnostic::warning(format!("deleted along with the edits: {}", gone.why)).on(path));
            written.remove(&gone.path);
        }
        let written_delta = secrets::settle(sealer, &before.written, &mut written);
        if before.written.is_plain() && written.is_plain() {
            return Self {
                before,
                after: written.clone(),
                delta: written_delta,
                written,
                written_delta: None,
                boot,
                pruned,
            };
        }
        let after = written.in_force();
        let delta = diff(&before.tree, &after);
        Self { before, after, delta, written, written_delta: Some(written_delta), boot, pruned }
    }

    /// Returns how what is written differs.
    fn written_delta(&self) -> &Delta {
        self.written_delta.as_ref().unwrap_or(&self.delta)
    }

    /// Returns whether there is nothing to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.written_delta().is_empty()
    }

    /// Returns what is to become running, as it is written.
    pub(super) fn tree(&self) -> &DataTree {
        &self.written
    }

    /// Returns running, which it is made on.
    pub(super) fn before(&self) -> &Arc<Snapshot> {
        &self.before
    }

    /// Returns the revision that it is made on.
    pub(super) fn before_revision(&self) -> u64 {
        self.before.revision
    }

    /// Validates what changed; all of it when running was not validated as a whole by this program.
    pub(super) fn validate(self) -> Result<Validated, Diagnostics> {
        let found = if self.boot || self.before.revision == 0 {
            validate(&self.after)
        } else {
            validate_change(&self.before.tree, &self.after, &self.delta)
        };
        let (mut change, found) = found.into_result(self)?;
        let mut warnings = std::mem::take(&mut change.pruned);
        warnings.extend(found);
        Ok(Validated { change, warnings })
    }

    /// Goes on with what is in force already: it is not for this start to refuse. What is not valid is a warning.
    pub(super) fn take_as_stored(self) -> (Validated, Diagnostics) {
        let found = validate(&self.after);
        (Validated { change: self, warnings: Diagnostics::new() }, found)
    }
}

/// A part that refused, and why.
pub(super) type Refusal = (&'static str, Diagnostics);

/// What is valid.
pub(super) struct Validated {
    change: Rebased,
    warnings: Diagnostics,
}

impl Validated {
    /// Lets every participant prepare; when one refuses, those that have prepared drop what they built.
    pub(super) fn prepare(self, participants: &[Arc<dyn Participant>]) -> Result<Ready, Refusal> {
        let mut prepared = Vec::with_capacity(participants.len());
        let mut told = Diagnostics::new();
        for participant in participants {
            let mut part = participant.prepare(&self.context()).map_err(|refused| (participant.name(), refused))?;
            told.extend(std::mem::take(&mut part.warnings));
            prepared.push((participant.name(), part));
        }
        let Self { change, mut warnings } = self;
        warnings.extend(told);
        Ok(Ready { change, warnings, prepared })
    }

    /// Lets every participant prepare; those that refuse are left out. Tells what each could not build.
    pub(super) fn prepare_what_can(self, participants: &[Arc<dyn Participant>]) -> (Ready, Vec<Refusal>) {
        let (mut prepared, mut refusals) = (Vec::with_capacity(participants.len()), Vec::new());
        for participant in participants {
            match participant.prepare(&self.context()) {
                Ok(mut part) => {
                    let told = std::mem::take(&mut part.warnings);
                    if !told.is_empty() {
                        refusals.push((participant.name(), told));
                    }
                    prepared.push((participant.name(), part));
                }
                Err(diagnostics) => refusals.push((participant.name(), diagnostics)),
            }
        }
        (Ready { change: self.change, warnings: self.warnings, prepared }, refusals)
    }

    fn context(&self) -> CommitContext<'_> {
        let Rebased { before, after, delta, boot, .. } = &self.change;
        CommitContext { before: &before.tree, after, delta, boot: *boot }
    }
}

/// What every participant is ready for.
pub(super) struct Ready {
    change: Rebased,
    warnings: Diagnostics,
    prepared: Vec<(&'static str, Prepared)>,
}

impl Ready {
    /// Ends a check: drops what was built and returns what is worth telling.
    pub(super) fn into_warnings(self) -> Diagnostics {
        self.warnings
    }

    /// Adds what is worth telling.
    pub(super) fn warn(&mut self, diagnostics: Diagnostics) {
        self.warnings.extend(diagnostics.into_iter().map(|d| Diagnostic { gravity: Gravity::Warning, ..d }));
    }

    /// Writes the revision with the rows of the participants, and `rows`, in one transaction.
    pub(super) fn write(
        self,
        store: &Store,
        request: &CommitRequest,
        mut rows: Vec<RowWrite>,
    ) -> Result<Written, StoreError> {
        let Self { change, warnings, prepared } = self;
        let (their_rows, applies) = split(prepared);
        rows.extend(their_rows);
        let delta = write_delta(change.after.plan(), change.written_delta());
        let delta_bytes = delta.len();
        let time = store.clock().now();
        let revision = NewRevision {
            parent: change.before.revision,
            time,
            user: request.user.clone(),
            via: request.via.clone(),
            label: request.label.clone(),
            comment: request.comment.clone(),
            delta,
        };
        let number = store.commit_revision(revision, rows)?;
        let committed = Committed {
            revision: number,
            user: request.user.clone(),
            via: request.via.clone(),
            session: request.session,
            comment: request.comment.clone(),
            time,
            warnings,
            delta: Arc::new(change.delta),
        };
        Ok(Written {
            snapshot: Arc::new(Snapshot { revision: number, tree: change.after, written: change.written }),
            committed: Arc::new(committed),
            delta_bytes,
            applies,
        })
    }

    /// Writes the rows of the participants where running itself does not change, and takes the parts into use.
    pub(super) fn start(self, store: &Store) -> Result<Arc<Snapshot>, StoreError> {
        let (rows, applies) = split(self.prepared);
        if !rows.is_empty() {
            store.write(move |tx| rows.into_iter().try_for_each(|row| row(tx)))?;
        }
        apply_all(applies);
        Ok(self.change.before)
    }
}

type Apply = (&'static str, Box<dyn FnOnce() + Send>);

fn split(prepared: Vec<(&'static str, Prepared)>) -> (Vec<RowWrite>, Vec<Apply>) {
    let (mut rows, mut applies) = (Vec::new(), Vec::with_capacity(prepared.len()));
    for (name, part) in prepared {
        rows.extend(part.rows);
        applies.push((name, part.apply));
    }
    (rows, applies)
}

/// What is on the disk: from here on nothing fails.
pub(super) struct Written {
    snapshot: Arc<Snapshot>,
    committed: Arc<Committed>,
    delta_bytes: usize,
    applies: Vec<Apply>,
}

impl Written {
    /// Returns the size of the change as stored.
    pub(super) fn delta_bytes(&self) -> usize {
        self.delta_bytes
    }

    /// Takes what was prepared into use. `publish` makes the snapshot running.
    pub(super) fn take_into_use(self, publish: impl FnOnce(Arc<Snapshot>)) -> Arc<Committed> {
        publish(self.snapshot);
        apply_all(self.applies);
        self.committed
    }
}

fn apply_all(applies: Vec<Apply>) {
    for (name, apply) in applies {
        // The revision is durable: a defect in one part must not keep the others from following it.
        if catch_unwind(AssertUnwindSafe(apply)).is_err() {
            tracing::error!(participant = name, "taking a commit into use failed unexpectedly; a restart repairs it");
        }
    }
}
