//! Commands that read and write configuration files, with the rights of whoever sits at the shell.

use super::Engine;
use super::fault::Fault;
use super::line::{Call, Given};
use crate::codec::{self, Builder, Format, JsonLayout, write_curly, write_json, write_set, write_yaml};
use crate::diagnostic::{Diagnostic, Source};
use crate::shell::{AskKind, Status};
use crate::tree::{DataPath, DataTree};
use std::fmt;
use std::sync::Arc;

/// Bytes of a file at most: what the shell's end hands over, and a configuration of some 100,000 entries.
const FILE_BYTES_MAX: usize = 64 << 20;

/// The name that stands for lines typed at the terminal.
const TERMINAL: &str = "terminal";

/// `load merge`
pub(super) fn merge(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let start = engine.editing()?.candidate.tree.clone();
    load(engine, given, call, start, None)
}

/// `load override`
pub(super) fn replace(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let empty = DataTree::new(Arc::clone(engine.management.datastore().plan()));
    load(engine, given, call, empty, None)
}

/// `load set`
pub(super) fn set(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let start = engine.editing()?.candidate.tree.clone();
    load(engine, given, call, start, Some(Format::Set))
}

fn load(
    engine: &mut Engine,
    given: &Given,
    call: &mut Call<'_>,
    start: DataTree,
    format: Option<Format>,
) -> Result<Status, Fault> {
    let name = given.word().unwrap_or(TERMINAL).to_owned();
    let text = if name == TERMINAL {
        call.terminal.ask(AskKind::Multiline, "[Type ^D at a new line to end input]")?
    } else {
        call.terminal
            .read_file(&name, FILE_BYTES_MAX)
            .map_err(|reason| Fault::failed(format!("failed to open file: {name}: {reason}")))?
    };
    let format = format.or_else(|| Format::from_path(name.as_ref())).unwrap_or_else(|| guess(&text));
    let sealer = Arc::clone(engine.management.datastore().sealer());
    let mut builder = Builder::new(start, &*sealer);
    let source = Source::new(name, text);
    codec::read(&mut builder, format, &source);
    let Builder { tree, diagnostics, .. } = builder;
    if diagnostics.has_errors() {
        return Err(Fault::Input(diagnostics));
    }
    engine.editing()?.candidate.tree = tree;
    if !diagnostics.is_empty() {
        call.terminal.write_error(&format!("{diagnostics}\n"))?;
    }
    if call.is_terminal {
        call.say("load complete\n")?;
    }
    Ok(Status::Done)
}

/// Tells the notation of a text whose name says nothing, by how it begins.
fn guess(text: &str) -> Format {
    let is_blank = |line: &&str| line.is_empty() || line.starts_with(['#', '!']);
    let first = text.trim_start_matches('\u{feff}').lines().map(str::trim).find(|line| !is_blank(line)).unwrap_or("");
    match first.split_whitespace().next() {
        Some("set" | "delete") => Format::Set,
        Some(word) if word.starts_with('{') => Format::Json,
        Some(word) if word.ends_with(':') || word == "---" => Format::Yaml,
        _ => Format::Curly,
    }
}

/// `save`
pub(super) fn save(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let name = given.word().unwrap_or("").to_owned();
    let tree = engine.editing()?.candidate.tree.clone();
    let format = Format::from_path(name.as_ref()).unwrap_or(Format::Curly);
    let mut text = String::new();
    if written(&tree, format, &mut text).is_err() || text.len() > FILE_BYTES_MAX {
        let said = format!("the configuration is longer than the {FILE_BYTES_MAX} bytes that a file may have");
        return Err(Fault::Failed(Diagnostic::error(said)));
    }
    let failed = |reason| Fault::failed(format!("failed to write file: {name}: {reason}"));
    call.terminal.write_file(&name, &text).map_err(failed)?;
    if call.is_terminal {
        call.say(&format!("Wrote {} lines of configuration to '{name}'\n", text.lines().count()))?;
    }
    Ok(Status::Done)
}

fn written(tree: &DataTree, format: Format, text: &mut String) -> fmt::Result {
    match format {
        Format::Json => write_json(text, tree, &DataPath::ROOT, JsonLayout::PRETTY),
        Format::Yaml => write_yaml(text, tree, &DataPath::ROOT),
        Format::Curly => write_curly(tree.root(), text),
        Format::Set => write_set(tree.root(), &DataPath::ROOT, text),
    }
}
