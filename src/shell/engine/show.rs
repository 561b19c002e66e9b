//! Commands that show the configuration and its history.

use super::Engine;
use super::command::Command;
use super::fault::Fault;
use super::line::{Call, Given, PipeCall};
use super::output::Output;
use super::pipe::Effect;
use super::table::COMMANDS;
use crate::codec::{
    JsonLayout, XmlFrame, resolve, write_compare, write_curly, write_json, write_set, write_xml, write_yaml,
};
use crate::datastore::{Candidate, CommitError, RevisionRecord as Commit, taken_back};
use crate::diagnostic::{Diagnostic, Diagnostics, printable};
use crate::shell::Status;
use crate::tree::{DataPath, DataTree, diff};
use std::fmt::{self, Write as _};

/// Commits listed at most: as many screens as anybody looks through.
const COMMITS_MAX: usize = 1000;

/// `show configuration`
pub(super) fn running(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let running = engine.management.running();
    let before = compared(engine, call, None)?;
    show(&running.written, before.as_ref(), &DataPath::ROOT, given, call)
}

/// `show` in configuration mode
pub(super) fn candidate(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let editing = engine.editing()?;
    let (candidate, at) = (editing.candidate.clone(), editing.at.clone());
    let is_comparing = notation(&call.pipes).is_some_and(|pipe| pipe.pipe.effect == Effect::Compare);
    let (base, tree) = if is_comparing { as_committed(engine, candidate, call)? } else { (None, candidate.tree) };
    let before = compared(engine, call, base.as_ref())?;
    let shown = show(&tree, before.as_ref(), &at, given, call);
    shown.map_err(|fault| hint_run(fault, given))
}

/// Returns what is running, and what it would be with the edits of the candidate. Where others changed the same, says so,
/// and returns the candidate and what it was taken from.
fn as_committed(
    engine: &Engine,
    candidate: Candidate,
    call: &mut Call<'_>,
) -> Result<(Option<DataTree>, DataTree), Fault> {
    match engine.management.datastore().preview(&candidate) {
        Ok((running, tree)) => Ok((Some(running.written.clone()), tree)),
        Err(CommitError::Conflict(conflicts)) => {
            let text = format!(
                "Warning: others have changed what is changed here ({}): `commit` would be refused, and tells what\n",
                conflicts.len()
            );
            call.terminal.write_error(&text)?;
            Ok((Some(candidate.base().written.clone()), candidate.tree))
        }
        Err(error) => Err(Fault::failed(error.to_string())),
    }
}

/// Says how to show what operational mode shows, when that is what was asked for.
fn hint_run(fault: Fault, given: &Given) -> Fault {
    let Fault::Syntax(faults) = fault else { return fault };
    let word = given.word().unwrap_or("");
    let is_there = |command: &&Command| matches!(command.words, ["show", second, ..] if *second == word);
    let Some(_) = COMMANDS.iter().find(is_there) else { return Fault::Syntax(faults) };
    let hinted = |fault: Diagnostic| fault.hint(format!("`run show {word} …` shows it in configuration mode"));
    let mut all = Diagnostics::new();
    all.extend(faults.into_iter().map(hinted));
    Fault::Syntax(all)
}

/// Returns the tree to compare with, when a pipe asks for one.
fn compared(engine: &Engine, call: &Call<'_>, base: Option<&DataTree>) -> Result<Option<DataTree>, Fault> {
    let Some(pipe) = notation(&call.pipes).filter(|pipe| pipe.pipe.effect == Effect::Compare) else { return Ok(None) };
    let steps = match pipe.given.option("rollback") {
        Some(text) => Some(
            text.parse::<usize>()
                .map_err(|_| Diagnostic::error(format!("`{text}` is not a number of commits")).at(pipe.span.clone()))?,
        ),
        None => None,
    };
    match (steps, base) {
        (Some(steps), _) => engine.management.back(steps).map(Some).map_err(|e| Fault::failed(e.to_string())),
        (None, Some(base)) => Ok(Some(base.clone())),
        (None, None) => {
            let said = Diagnostic::error("what is running can only be compared with what was before");
            Err(said.at(pipe.span.clone()).hint("write `| compare rollback N`").into())
        }
    }
}

/// Returns the pipe that chooses how the configuration is written.
fn notation(pipes: &[PipeCall]) -> Option<&PipeCall> {
    pipes.iter().find(|call| matches!(call.pipe.effect, Effect::Display | Effect::Compare))
}

fn show(
    tree: &DataTree,
    before: Option<&DataTree>,
    base: &DataPath,
    given: &Given,
    call: &mut Call<'_>,
) -> Result<Status, Fault> {
    let place = resolve(tree.schema(), &call.source, base, &given.words)?;
    let path = match place.paths().as_slice() {
        [only] => only.clone(),
        _ => place.path,
    };
    let is_nothing = tree.get(&path).is_none_or(|node| path == DataPath::ROOT && node.children().next().is_none());
    if is_nothing && call.pipes.is_empty() {
        return nothing(call);
    }
    let pipes = std::mem::take(&mut call.pipes);
    let mut output = Output::new(call.terminal, call.is_terminal, &pipes)?;
    let format = notation(&pipes).filter(|pipe| pipe.pipe.effect == Effect::Display);
    let format = format.and_then(|pipe| pipe.given.word()).unwrap_or("curly");
    output.write(|out| match before {
        Some(before) => write_compare(before, tree, &diff(before, tree), &path, out),
        None => write(tree, &path, format, out),
    });
    output.finish()?;
    Ok(Status::Done)
}

/// Tells a person that there is nothing to show; a script's output stays empty, as it can be read back.
fn nothing(call: &mut Call<'_>) -> Result<Status, Fault> {
    if call.is_terminal {
        call.say("No entries found.\n")?;
    }
    Ok(Status::Done)
}

fn write(tree: &DataTree, path: &DataPath, format: &str, out: &mut Output<'_>) -> fmt::Result {
    match (format, tree.get(path)) {
        ("json", Some(_)) => {
            write_json(out, tree, path, JsonLayout::PRETTY)?;
            out.write_str("\n")
        }
        ("json" | "yaml", None) => out.write_str("{}\n"),
        ("yaml", Some(_)) => write_yaml(out, tree, path),
        ("xml", _) => write_xml(out, tree, path, XmlFrame::Config),
        (_, None) => Ok(()),
        ("set", Some(node)) => write_set(node, path, out),
        (_, Some(node)) => write_curly(node, out),
    }
}

/// `show system commit`
pub(super) fn commits(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let commits = engine.management.commits(COMMITS_MAX).map_err(|e| Fault::failed(e.to_string()))?;
    if commits.is_empty() && call.pipes.is_empty() {
        return nothing(call);
    }
    let unconfirmed = engine.management.datastore().unconfirmed();
    let undone: Vec<_> = commits.iter().filter_map(taken_back).collect();
    let mut lines = Vec::new();
    for (back, commit) in commits.iter().enumerate() {
        let time = engine.local_time(commit.time);
        let awaiting = match &unconfirmed {
            Some(unconfirmed) if unconfirmed.revision == commit.number => {
                format!(" commit confirmed, rollback at {}", engine.local_time(unconfirmed.deadline))
            }
            _ => String::new(),
        };
        let gone = if undone.iter().any(|gone| gone.contains(&commit.number)) { ", taken back" } else { "" };
        let Commit { number, user, via, .. } = commit;
        lines.push(format!("{back:<3} {time} by {user} via {via}{awaiting} (revision {number}{gone})"));
        for (name, said) in [("label", &commit.label), ("comment", &commit.comment)] {
            if let Some(said) = said {
                // Not every face refuses line breaks; one must not look like another commit.
                lines.push(format!("    {name}: {}", printable(said).replace('\n', "\u{fffd}")));
            }
        }
    }
    call.print_lines(&lines)
}
