//! Commands that edit the candidate and move about in it.

use super::ask::{ask_value, ask_yes_no};
use super::commit::remind;
use super::fault::Fault;
use super::line::{Call, Given};
use super::{EditMode, Editing, Engine};
use crate::codec::{Builder, Next, Sink, Token, Walker, resolve};
use crate::diagnostic::{Diagnostic, Span};
use crate::secret::{Sealer, Secret};
use crate::shell::{Status, discarded};
use crate::tree::{DataPath, DataTree, Key, Value, diff};
use crate::yang::{NodeKind, SchemaTree};
use std::ops::Range;
use std::sync::Arc;

/// What a `set` meets: edits go to the builder, and where a secret stands is remembered.
struct Edits<'b, 's> {
    builder: &'b mut Builder<'s>,
    schema: Arc<SchemaTree>,
    secrets: Vec<Range<usize>>,
}

impl Edits<'_, '_> {
    fn note(&mut self, path: &DataPath, span: &Span) {
        if self.schema.node(path.schema_id()).is_secret() {
            self.secrets.push(span.start..span.end);
        }
    }
}

impl Sink for Edits<'_, '_> {
    fn enter(&mut self, path: &DataPath, span: Span) {
        self.builder.create(path, Some(span));
    }

    fn leaf(&mut self, path: &DataPath, text: &str, span: Span) {
        self.note(path, &span);
        self.builder.leaf(path, text, Some(span));
    }

    fn leaf_list_value(&mut self, path: &DataPath, text: &str, span: Span) {
        self.note(path, &span);
        self.builder.leaf_list_value(path, text, Some(span));
    }
}

/// `set`
pub(super) fn set(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let sealer = Arc::clone(engine.management.datastore().sealer());
    let editing = engine.editing()?;
    let schema = Arc::clone(editing.candidate.tree.schema());
    let mut builder = Builder::new(editing.candidate.tree.clone(), &*sealer);
    let mut edits = Edits { builder: &mut builder, schema: Arc::clone(&schema), secrets: Vec::new() };
    let walked = walk(&schema, editing, given, call, &mut edits);
    if !edits.secrets.is_empty() {
        call.terminal.forget_line();
    }
    call.secrets.append(&mut edits.secrets);
    match walked {
        Err(Fault::Syntax(faults)) => builder.diagnostics.append(faults),
        other => other?,
    }
    if builder.diagnostics.has_errors() {
        return Err(Fault::Syntax(builder.diagnostics));
    }
    editing.candidate.tree = builder.tree;
    Ok(Status::Done)
}

fn walk(
    schema: &SchemaTree,
    editing: &Editing,
    given: &Given,
    call: &mut Call<'_>,
    edits: &mut Edits<'_, '_>,
) -> Result<(), Fault> {
    let end = given.words.last().map_or(call.source.text().len(), |token| token.end);
    let mut walker = Walker::new(schema, &call.source, editing.at.clone(), false);
    if given.words.is_empty() {
        if editing.at == DataPath::ROOT {
            let said = Diagnostic::error(format!("incomplete: expected {}", walker.expected()));
            return Err(said.at(Span::new(&call.source, end, end)).into());
        }
        edits.builder.create(&editing.at, None);
        return Ok(());
    }
    for token in &given.words {
        // Where a secret is expected the token is one, whether or not it can stand there.
        if let Next::Value(path) | Next::Values(path) = walker.next() {
            edits.note(&path.clone(), &token.span(&call.source));
        }
        walker.step(token, edits)?;
    }
    match walker.next().clone() {
        Next::Value(path) if call.is_terminal && walker.depth() == 0 => {
            let span = Span::new(&call.source, end, end);
            for text in ask_value(&editing.candidate.tree, &path, call)? {
                match schema.node(path.schema_id()).kind {
                    NodeKind::LeafList(_) => edits.builder.leaf_list_value(&path, &text, Some(span.clone())),
                    _ => edits.builder.leaf(&path, &text, Some(span.clone())),
                }
            }
            Ok(())
        }
        _ => Ok(walker.finish(end)?),
    }
}

/// `delete`
pub(super) fn delete(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let sealer = Arc::clone(engine.management.datastore().sealer());
    let editing = engine.editing()?;
    if given.words.is_empty() && !ask_yes_no("", "Delete everything under this level? [yes,no] ", call)? {
        return Err(Fault::aborted("by user"));
    }
    let schema = Arc::clone(editing.candidate.tree.schema());
    let place = resolve(&schema, &call.source, &editing.at, &given.words)?;
    let mut tree = editing.candidate.tree.clone();
    for path in place.paths() {
        let in_clear = in_clear(&path, &schema);
        if in_clear.is_some() {
            call.terminal.forget_line();
        }
        let sealed = in_clear.and_then(|clear| sealed_as(&clear, &path, &tree, &*sealer));
        if tree.remove(&sealed.unwrap_or(path)).is_none() {
            let said = Diagnostic::error("element not found");
            return Err(Fault::Failed(match (given.words.first(), given.words.last()) {
                (Some(first), Some(last)) => said.at(Span::new(&call.source, first.start, last.end)),
                _ => said,
            }));
        }
    }
    editing.candidate.tree = tree;
    Ok(Status::Done)
}

/// Returns the secret that a path names in clear, as a value of a leaf-list.
fn in_clear(path: &DataPath, schema: &SchemaTree) -> Option<Secret> {
    let named = path.leaf_list_value(schema).filter(|_| schema.node(path.schema_id()).is_secret())?;
    match named {
        Value::Text(clear) => Some(Secret::new(&**clear)),
        _ => None,
    }
}

/// Finds the value of a leaf-list that a secret in clear is kept as.
fn sealed_as(clear: &Secret, path: &DataPath, tree: &DataTree, sealer: &dyn Sealer) -> Option<DataPath> {
    let (_, above) = path.keys().split_last()?;
    let whole = DataPath::new(path.schema_id(), above.to_vec());
    let is_it = |value: &&Value| match value {
        Value::Secret(sealed) => sealer.open(sealed).is_ok_and(|secret| secret == *clear),
        _ => false,
    };
    let value = tree.get(&whole)?.values().iter().find(is_it)?.clone();
    Some(whole.entry(Key::One(value)))
}

/// `rename PATH to KEY`
pub(super) fn rename(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let editing = engine.editing()?;
    let schema = Arc::clone(editing.candidate.tree.schema());
    let words = given.words.as_slice();
    let is_to = |token: &Token| !token.quoted && token.word() == Some("to");
    let split = words.iter().rposition(is_to).map(|at| words.split_at(at));
    let Some((old, [_, new @ ..])) = split.filter(|(old, new)| !old.is_empty() && new.len() > 1) else {
        let said = Diagnostic::error("expected an entry, `to`, and the key that it is to have");
        return Err(said.hint("rename PATH to KEY").into());
    };
    let span = |tokens: &[Token]| match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => Some(Span::new(&call.source, first.start, last.end)),
        _ => None,
    };
    let from = resolve(&schema, &call.source, &editing.at, old)?.path;
    if !from.is_entry(&schema) {
        let said = Diagnostic::error("only an entry of a list has a key that can be changed");
        return Err(said.at_maybe(span(old)).into());
    }
    // The new key stands where the old one does.
    let keys = from.keys().last().map_or(0, |key| key.values().len());
    let list = old.get(..old.len().saturating_sub(keys)).unwrap_or_default();
    if new.len() != keys {
        let said = Diagnostic::error(format!("expected behind `to` as many words as the key has: {keys}"));
        return Err(said.at_maybe(span(new)).into());
    }
    let to = resolve(&schema, &call.source, &editing.at, &[list, new].concat())?.path;
    let Some(key) = to.keys().last().filter(|_| to.schema_id() == from.schema_id() && to.is_entry(&schema)) else {
        return Err(Diagnostic::error("this is no key of the list").at_maybe(span(new)).into());
    };
    if to != from && editing.candidate.tree.get(&to).is_some() {
        let name: Vec<&str> = new.iter().filter_map(Token::word).collect();
        let said = format!("an entry `{}` exists already", name.join(" "));
        return Err(Fault::Failed(Diagnostic::error(said).at_maybe(span(new))));
    }
    let mut tree = editing.candidate.tree.clone();
    if let Err(error) = tree.rename_entry(&from, key) {
        return Err(Fault::Failed(Diagnostic::error(error.to_string()).at_maybe(span(old))));
    }
    editing.candidate.tree = tree;
    Ok(Status::Done)
}

/// `edit`
pub(super) fn edit(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let editing = engine.editing()?;
    let schema = Arc::clone(editing.candidate.tree.schema());
    let place = resolve(&schema, &call.source, &editing.at, &given.words)?;
    let node = schema.node(place.path.schema_id());
    let span = given.words.last().map(|token| token.span(&call.source));
    match &node.kind {
        NodeKind::Root | NodeKind::Container { .. } => {}
        NodeKind::List(_) if place.path.is_entry(&schema) => {}
        NodeKind::List(_) => {
            let said = Diagnostic::error(format!("incomplete path: expected the key of an entry of `{}`", node.name));
            return Err(said.at_maybe(span).into());
        }
        _ => {
            let said = format!("`{}` has nothing in it to edit: expected a container or an entry", node.name);
            return Err(Diagnostic::error(said).at_maybe(span).hint("give it a value with `set`").into());
        }
    }
    if !given.words.is_empty() {
        editing.levels.push(std::mem::replace(&mut editing.at, place.path));
        // More levels than this are nobody's way back.
        if editing.levels.len() > LEVELS_MAX {
            editing.levels.remove(0);
        }
    }
    Ok(Status::Done)
}

/// Edit levels that `exit` goes back through.
const LEVELS_MAX: usize = 64;

/// `up`
pub(super) fn up(engine: &mut Engine, given: &Given, _call: &mut Call<'_>) -> Result<Status, Fault> {
    let levels = given.word().and_then(|word| word.parse().ok()).unwrap_or(1usize);
    let editing = engine.editing()?;
    let schema = Arc::clone(editing.candidate.tree.schema());
    if editing.at == DataPath::ROOT && levels > 0 {
        return Err(Fault::failed("this is the top"));
    }
    for _ in 0..levels {
        let Some(above) = editing.at.parent(&schema) else { break };
        editing.at = above;
    }
    Ok(Status::Done)
}

/// `top`
pub(super) fn top(engine: &mut Engine, _given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let editing = engine.editing()?;
    let Some(line) = call.nested.take().filter(|line| !line.is_empty()) else {
        editing.at = DataPath::ROOT;
        editing.levels.clear();
        return Ok(Status::Done);
    };
    let before = std::mem::replace(&mut editing.at, DataPath::ROOT);
    let moves = line.command().is_some_and(|command| command.words == ["edit"]);
    let result = engine.execute(*line, call);
    if let Some(editing) = &mut engine.editing {
        if moves && result.is_ok() {
            if let Some(last) = editing.levels.last_mut() {
                *last = before;
            }
        } else {
            editing.at = before;
        }
    }
    result
}

/// `exit` and `quit` in configuration mode
pub(super) fn exit(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let editing = engine.editing()?;
    if editing.at != DataPath::ROOT && !given.has("configuration-mode") && !given.has("no-confirm") {
        editing.at = editing.levels.pop().unwrap_or(DataPath::ROOT);
        return Ok(Status::Done);
    }
    if matches!(editing.mode, EditMode::Shared(_)) {
        if call.is_terminal && editing.candidate.is_changed() {
            call.say("The configuration has been changed but not committed\n")?;
        }
    } else if call.is_terminal && !given.has("no-confirm") && editing.candidate.is_changed() {
        let question = "Discard changes and continue? [yes,no] ";
        if !ask_yes_no("There are uncommitted changes.\n", question, call)? {
            return Err(Fault::aborted("by user"));
        }
    } else if !given.has("no-confirm") && editing.candidate.is_changed() {
        // Nobody can be asked, and a script that forgot its `commit` should not look as if it had done what it says.
        call.terminal.write_error(&format!("{}\n", discarded()))?;
    }
    leave(engine);
    if call.is_terminal {
        remind(engine, call)?;
    }
    Ok(Status::Done)
}

/// Leaves configuration mode; what is uncommitted is gone, unless others edit it too.
pub(super) fn leave(engine: &mut Engine) {
    engine.give_shared();
    engine.editing = None;
    engine.session.set_mode(crate::management::SessionMode::Operational);
}

/// `rollback`
pub(super) fn rollback(engine: &mut Engine, given: &Given, _call: &mut Call<'_>) -> Result<Status, Fault> {
    let steps = given.word().and_then(|word| word.parse().ok()).unwrap_or(0usize);
    if steps == 0 {
        let candidate = engine.management.candidate();
        engine.editing()?.candidate = candidate;
        return Ok(Status::Done);
    }
    let tree = engine.management.back(steps).map_err(|e| Fault::failed(e.to_string()))?;
    // What running is now is what the rollback is an edit of.
    let mut candidate = engine.management.candidate();
    candidate.replace(tree);
    engine.editing()?.candidate = candidate;
    Ok(Status::Done)
}

/// `revert`
pub(super) fn revert(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let fresh = engine.management.candidate();
    let editing = engine.editing()?;
    if given.words.is_empty() && editing.at == DataPath::ROOT {
        editing.candidate = fresh;
        return Ok(Status::Done);
    }
    let schema = Arc::clone(fresh.tree.schema());
    let place = resolve(&schema, &call.source, &editing.at, &given.words)?;
    let mut back = diff(&editing.candidate.tree, &fresh.tree);
    let concerns = |path: &DataPath| path.is_within(&schema, &place.path) || place.path.is_within(&schema, path);
    back.changes.retain(|change| concerns(change.path()));
    back.marks.retain(|change| concerns(&change.path));
    back.apply(&mut editing.candidate.tree);
    Ok(Status::Done)
}
