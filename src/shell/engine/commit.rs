//! Putting the candidate into force.

use super::Engine;
use super::edit::leave;
use super::fault::Fault;
use super::line::{Call, Given};
use crate::codec::path_words;
use crate::datastore::{CommitError, CommitRequest, Conflict};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::shell::Status;

/// Characters of a comment or label at most: what a person reads in a list.
const REMARK_CHARS_MAX: usize = 500;

/// `commit`
pub(super) fn commit(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let remark = |word: &str| match given.option(word) {
        Some(text) if text.chars().count() > REMARK_CHARS_MAX => {
            Err(Fault::failed(format!("the {word} is longer than {REMARK_CHARS_MAX} characters")))
        }
        text => Ok(text.map(str::to_owned)),
    };
    let request = CommitRequest {
        user: engine.user.clone(),
        via: engine.via.clone(),
        label: remark("label")?,
        comment: remark("comment")?,
        session: engine.number,
    };
    if given.has("check") {
        return check(engine, call);
    }
    let datastore = engine.management.datastore().clone();
    let editing = engine.editing()?;
    match datastore.commit(&mut editing.candidate, &request) {
        Ok(None) => call.say("No modifications to commit.\n")?,
        Ok(Some(committed)) => {
            warn(&committed.warnings, call)?;
            call.say("Commit complete.\n")?;
        }
        Err(error) => return Err(refused(engine, error)),
    }
    if given.has("and-quit") {
        leave(engine);
    }
    Ok(Status::Done)
}

fn check(engine: &mut Engine, call: &mut Call<'_>) -> Result<Status, Fault> {
    let datastore = engine.management.datastore().clone();
    match datastore.check(&engine.editing()?.candidate) {
        Ok(warnings) => {
            warn(&warnings, call)?;
            call.say("Validation complete\n")?;
            Ok(Status::Done)
        }
        Err(error) => Err(refused(engine, error)),
    }
}

fn warn(warnings: &Diagnostics, call: &mut Call<'_>) -> Result<(), Fault> {
    if !warnings.is_empty() {
        let text = format!("The following warnings were generated:\n{warnings}\n");
        call.terminal.write_error(&text)?;
    }
    Ok(())
}

fn refused(engine: &Engine, error: CommitError) -> Fault {
    match error {
        CommitError::Refused { participant, diagnostics } if diagnostics.is_empty() => {
            Fault::aborted(format!("refused by {participant}"))
        }
        CommitError::Invalid(diagnostics) | CommitError::Refused { diagnostics, .. } => Fault::Aborted(diagnostics),
        CommitError::Conflict(conflicts) => {
            let mut all = Diagnostics::new();
            all.extend(conflicts.iter().map(|conflict| told(engine, conflict)));
            Fault::Aborted(all)
        }
        CommitError::Store(error) => Fault::aborted(error.to_string()),
    }
}

fn told(engine: &Engine, conflict: &Conflict) -> Diagnostic {
    let schema = engine.management.datastore().plan().schema().clone();
    let words = path_words(&schema, &conflict.path);
    Diagnostic::error(format!(
        "changed here to {}, and meanwhile to {} by {} at {} in revision {}",
        conflict.ours,
        conflict.theirs,
        conflict.user,
        engine.local_time(conflict.time),
        conflict.revision
    ))
    .on(conflict.path.display(&schema).to_string())
    .hint(format!("`top revert {words}` takes what is running"))
}
