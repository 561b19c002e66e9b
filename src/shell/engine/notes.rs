//! Commands that note something about nodes of the candidate, or move them, and leave what they hold as it is.

use super::Engine;
use super::fault::Fault;
use super::line::{Call, Given};
use crate::codec::{Place, Token, comment, resolve};
use crate::diagnostic::{Diagnostic, Span};
use crate::shell::Status;
use crate::tree::{DataPath, DataTree, Key, Mark, Position, Value};
use crate::yang::{NodeKind, Type};
use std::sync::Arc;

/// `annotate`
pub(super) fn annotate(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let Some((said, words)) = given.words.split_last() else {
        return Err(incomplete("a place and a comment, in quotes; an empty one takes it away", call).into());
    };
    let span = said.span(&call.source);
    let text = said.word().ok_or_else(|| Diagnostic::error("expected a comment, in quotes").at(span.clone()))?;
    let comment = comment(text).map_err(|fault| Diagnostic::error(fault).at(span.clone()))?;
    if words.is_empty() && !said.quoted {
        return Err(incomplete("a comment, in quotes", call).into());
    }
    mark(engine, words, call, &|before| Mark { comment: comment.clone(), ..before })
}

/// `deactivate`
pub(super) fn deactivate(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    mark(engine, &given.words, call, &|before| Mark { is_inactive: true, ..before })
}

/// `activate`
pub(super) fn activate(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    mark(engine, &given.words, call, &|before| Mark { is_inactive: false, ..before })
}

fn mark(
    engine: &mut Engine,
    words: &[Token],
    call: &mut Call<'_>,
    change: &dyn Fn(Mark) -> Mark,
) -> Result<Status, Fault> {
    let editing = engine.editing()?;
    let schema = Arc::clone(editing.candidate.tree.schema());
    let place = resolve(&schema, &call.source, &editing.at, words)?;
    let mut tree = editing.candidate.tree.clone();
    for path in each(&tree, &place) {
        let before = tree.mark(&path);
        if let Err(fault) = tree.set_mark(&path, &change(before)) {
            let said = Diagnostic::error(fault.to_string());
            return Err(Fault::Failed(said.at_maybe(span_of(words, call))));
        }
    }
    editing.candidate.tree = tree;
    Ok(Status::Done)
}

/// Returns the nodes that a place stands for: a list as a whole for each of its entries.
fn each(tree: &DataTree, place: &Place) -> Vec<DataPath> {
    match tree.get(&place.path) {
        Some(node) if place.values.is_empty() && node.as_list().is_some() => {
            node.entries().filter_map(|entry| entry.key().cloned()).map(|key| place.path.entry(key)).collect()
        }
        _ => place.paths(),
    }
}

/// `insert`
pub(super) fn insert(engine: &mut Engine, given: &Given, call: &mut Call<'_>) -> Result<Status, Fault> {
    let editing = engine.editing()?;
    let schema = Arc::clone(editing.candidate.tree.schema());
    let place_of = |words: &[Token]| resolve(&schema, &call.source, &editing.at, words);
    let Some((place, word, behind)) = split(&given.words, &place_of) else {
        return Err(
            incomplete("an entry or a value, and `first`, `last`, `before` or `after` another one", call).into()
        );
    };
    let is_ordered = match &schema.node(place.path.schema_id()).kind {
        NodeKind::List(list) => list.user_ordered,
        NodeKind::LeafList(list) => list.user_ordered,
        _ => false,
    };
    if !is_ordered {
        let name = &schema.node(place.path.schema_id()).name;
        return Err(Fault::failed(format!("`{name}` is sorted: its order is not the user's")));
    }
    let neighbour = || -> Result<Key, Diagnostic> {
        let node = schema.node(place.path.schema_id());
        let types: Vec<_> = match &node.kind {
            NodeKind::List(list) => list.keys.iter().filter_map(|leaf| schema.node(*leaf).ty()).collect(),
            _ => node.ty().into_iter().collect(),
        };
        let read = |(ty, token): (&Arc<Type>, &Token)| {
            let text = token.word().unwrap_or_default();
            Value::parse(&schema, ty, text).map_err(|e| Diagnostic::error(e.to_string()).at(token.span(&call.source)))
        };
        types.into_iter().zip(behind).map(read).collect::<Result<_, _>>().map(Key::new)
    };
    let position = match word {
        "first" => Position::First,
        "last" => Position::Last,
        "before" => Position::Before(neighbour()?),
        _ => Position::After(neighbour()?),
    };
    let mut tree = editing.candidate.tree.clone();
    let moved = match place.values.as_slice() {
        [value] => {
            tree.remove(&place.path.entry(Key::One(value.clone())));
            tree.add_value(&place.path, value.clone(), &position).map(|_| ())
        }
        _ => tree.create(&place.path).and_then(|_| tree.move_entry(&place.path, &position)),
    };
    if let Err(fault) = moved {
        return Err(Fault::Failed(Diagnostic::error(fault.to_string()).at_maybe(span_of(&given.words, call))));
    }
    editing.candidate.tree = tree;
    Ok(Status::Done)
}

/// Splits words at the one that says where: the last that leaves a place in front of it and a key behind it.
fn split<'w>(
    words: &'w [Token],
    place_of: &dyn Fn(&[Token]) -> Result<Place, Diagnostic>,
) -> Option<(Place, &'w str, &'w [Token])> {
    let positions = (1..words.len()).rev();
    positions.into_iter().find_map(|at| {
        let (front, rest) = words.split_at_checked(at)?;
        let (word, behind) = rest.split_first()?;
        let word = word.word().filter(|_| !word.quoted)?;
        let place = place_of(front).ok()?;
        let keys = match place.values.len() {
            1 => 1,
            _ => place.path.keys().last().map_or(0, |key| key.values().len()),
        };
        let wanted = match word {
            "first" | "last" => 0,
            "before" | "after" => keys,
            _ => return None,
        };
        (keys > 0 && behind.len() == wanted).then_some((place, word, behind))
    })
}

fn span_of(words: &[Token], call: &Call<'_>) -> Option<Span> {
    let (first, last) = words.first().zip(words.last())?;
    Some(Span::new(&call.source, first.start, last.end))
}

fn incomplete(expected: &str, call: &Call<'_>) -> Diagnostic {
    let end = call.source.text().trim_end().len();
    Diagnostic::error(format!("incomplete: expected {expected}")).at(Span::new(&call.source, end, end))
}
