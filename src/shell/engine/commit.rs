//! Putting the candidate into force.

use super::Engine;
use super::edit::leave;
use super::fault::Fault;
use super::line::{Call, Given};
use crate::codec::{path_words, write_compare};
use crate::datastore::{Checked, CommitError, CommitOutcome, CommitRequest, Conflict, Unconfirmed, UndoError};
use crate::diagnostic::{Diagnostic, Diagnostics, printable};
use crate::shell::Status;
use crate::tree::{DataPath, diff};
use std::time::Duration;

/// Characters of a comment or label at most: what a person reads in a list.
const REMARK_CHARS_MAX: usize = 500;

/// Minutes that a confirmed commit awaits confirmation when none are said: `ConfD`'s and `JunOS`' number.
const CONFIRM_MINUTES: u64 = 10;

/// `commit`
pub(super) fn commit(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let request = request(engine, given)?;
    only_one_of(given, &["check", "dry-run", "confirmed"])?;
    let datastore = engine.management.datastore().clone();
    if given.has("check") || given.has("dry-run") {
        let checked = datastore.check(&engine.editing()?.candidate, &request);
        let checked = checked.map_err(|error| refused(engine, error))?;
        warn(&checked.warnings, call)?;
        return if given.has("check") {
            call.say("Validation complete\n")?;
            Ok(Status::Done)
        } else {
            preview(&checked, call)
        };
    }
    let outcome = datastore.commit(&mut engine.editing()?.candidate, &request);
    tell(engine, outcome.map_err(|error| refused(engine, error))?, call)?;
    if given.has("and-quit") {
        leave(engine);
    }
    Ok(Status::Done)
}

fn request(engine: &Engine, given: &Given) -> Result<CommitRequest, Fault> {
    let remark = |word: &str| match given.option(word) {
        Some(text) if text.chars().count() > REMARK_CHARS_MAX => {
            Err(Fault::failed(format!("the {word} is longer than {REMARK_CHARS_MAX} characters")))
        }
        // In a list of commits it must not look like another commit, nor act on the terminal.
        Some(text) if text.contains(['\n', '\t']) || printable(text) != text => {
            let said = format!("the {word} has a line break or a control character");
            let hint = format!("expected one line of text of at most {REMARK_CHARS_MAX} characters");
            Err(Fault::Failed(Diagnostic::error(said).hint(hint)))
        }
        text => Ok(text.map(str::to_owned)),
    };
    let minutes = match given.option("confirmed") {
        Some(text) => Some(text.parse().unwrap_or(CONFIRM_MINUTES)),
        None => given.has("confirmed").then_some(CONFIRM_MINUTES),
    };
    Ok(CommitRequest {
        user: engine.user.clone(),
        via: engine.via.clone(),
        label: remark("label")?,
        comment: remark("comment")?,
        session: engine.number,
        editor: engine.session.id(),
        confirms: false,
        confirm_within: minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))),
    })
}

fn only_one_of(given: &Given, words: &[&str]) -> Result<(), Fault> {
    let said: Vec<&str> = words.iter().copied().filter(|word| given.has(word)).collect();
    match said.as_slice() {
        [one, other, ..] => Err(Fault::failed(format!("`{one}` and `{other}` cannot be said together"))),
        _ => Ok(()),
    }
}

fn preview(checked: &Checked, call: &mut Call<'_>) -> Result<Status, Fault> {
    let delta = diff(&checked.before.written, &checked.after);
    if delta.is_empty() {
        call.say("No modifications to commit.\n")?;
        return Ok(Status::Done);
    }
    let mut text = String::new();
    // Writing to memory does not fail.
    write_compare(&checked.before.written, &checked.after, &delta, &DataPath::ROOT, &mut text).ok();
    call.print(&text)
}

fn tell(engine: &Engine, outcome: CommitOutcome, call: &mut Call<'_>) -> Result<(), Fault> {
    match outcome {
        CommitOutcome::Nothing => {
            call.say("No modifications to commit.\n")?;
            remind(engine, call)
        }
        CommitOutcome::Confirmed(_) => call.say("Commit complete. Configuration is now permanent.\n"),
        CommitOutcome::Prolonged(unconfirmed) => awaited(engine, &unconfirmed, call),
        CommitOutcome::Committed { committed, unconfirmed, confirmed } => {
            warn(&committed.warnings, call)?;
            match (unconfirmed, confirmed) {
                (Some(unconfirmed), _) => {
                    awaited(engine, &unconfirmed, call)?;
                    call.say("Commit complete.\n")
                }
                (None, Some(_)) => call.say("Commit complete. Configuration is now permanent.\n"),
                (None, None) => call.say("Commit complete.\n"),
            }
        }
    }
}

fn awaited(engine: &Engine, unconfirmed: &Unconfirmed, call: &mut Call<'_>) -> Result<(), Fault> {
    let deadline = engine.local_time(unconfirmed.deadline);
    let text = format!("Warning: the configuration will be rolled back at {deadline} unless `commit` confirms it.\n");
    Ok(call.terminal.write_error(&text)?)
}

/// Says, where a commit awaits confirmation, until when and what confirms it.
pub(super) fn remind(engine: &Engine, call: &mut Call<'_>) -> Result<(), Fault> {
    let Some(unconfirmed) = engine.management.datastore().unconfirmed() else { return Ok(()) };
    let Unconfirmed { revision, user, .. } = &unconfirmed;
    let deadline = engine.local_time(unconfirmed.deadline);
    let run = if engine.editing.is_some() { "run " } else { "" };
    let text = format!(
        "Warning: revision {revision} by {user} awaits confirmation until {deadline}: `{run}commit confirm` makes it \
         permanent.\n"
    );
    Ok(call.terminal.write_error(&text)?)
}

/// `commit confirm`
pub(super) fn confirm(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let datastore = engine.management.datastore().clone();
    let request = CommitRequest {
        user: engine.user.clone(),
        via: engine.via.clone(),
        session: engine.number,
        editor: engine.session.id(),
        confirms: true,
        ..CommitRequest::default()
    };
    match datastore.commit(&mut datastore.candidate(), &request).map_err(|error| refused(engine, error))? {
        CommitOutcome::Nothing => Err(Fault::aborted("no commit awaits confirmation")),
        outcome => tell(engine, outcome, call).map(|()| Status::Done),
    }
}

/// `commit abort`
pub(super) fn abort(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let committed = engine.management.datastore().take_back().map_err(|error| Fault::aborted(error.to_string()))?;
    warn(&committed.warnings, call)?;
    call.say(&format!("Configuration rolled back: {}.\n", committed.comment.as_deref().unwrap_or_default()))?;
    Ok(Status::Done)
}

/// `rollback selective`
pub(super) fn undo(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let back: usize = given.word().and_then(|word| word.parse().ok()).unwrap_or(usize::MAX);
    let commits = engine.management.commits(back.saturating_add(1)).map_err(|e| Fault::failed(e.to_string()))?;
    let Some(commit) = commits.get(back) else {
        let most = commits.len().saturating_sub(1);
        return Err(Fault::failed(format!("there is no commit {back}: expected 0 to {most}")));
    };
    let datastore = engine.management.datastore().clone();
    match datastore.undo(&mut engine.editing()?.candidate, commit.number) {
        Ok(()) => {
            let time = engine.local_time(commit.time);
            if call.is_terminal {
                call.say(&format!("Undone: revision {} of {time} by {}.\n", commit.number, commit.user))?;
            }
            Ok(Status::Done)
        }
        Err(UndoError::Conflict(conflicts)) => {
            let schema = datastore.plan().schema();
            let mut all = Diagnostics::new();
            all.extend(conflicts.iter().map(|conflict| {
                let said = format!(
                    "undoing revision {} would make it {}, but since then it is {}",
                    commit.number, conflict.ours, conflict.theirs
                );
                Diagnostic::error(said).on(conflict.path.display(schema).to_string())
            }));
            Err(Fault::Aborted(all))
        }
        Err(error) => Err(Fault::failed(error.to_string())),
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
        CommitError::Locked(holder) => Fault::aborted(format!("the configuration is locked by {holder}")),
        CommitError::Unconfirmed(unconfirmed) => {
            let Unconfirmed { revision, user, .. } = &unconfirmed;
            let deadline = engine.local_time(unconfirmed.deadline);
            let said = format!("revision {revision} by {user} awaits confirmation until {deadline}");
            let hint = "`run commit confirm`, by who made it, makes it permanent; `run commit abort` takes it back";
            Fault::Aborted(Diagnostic::error(said).hint(hint).into())
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
