//! What differs between two trees, as `show | compare` tells it: the place, then what went and what came.

use super::curly::{CurlyWriter, name_width};
use super::lexer::quote_word;
use super::words::{path_words, shown_name};
use crate::tree::{Change, DataPath, DataTree, Delta, Key, MarkChange, NodeRef};
use crate::yang::{SchemaId, SchemaTree};
use std::collections::HashMap;
use std::fmt::{self, Write};

/// Mark of a line that went.
const WENT: &str = "-";
/// Mark of a line that came.
const CAME: &str = "+";
/// Mark of a line that moved.
const MOVED: &str = "!";
/// Mark of a line that stayed, and shows what others are about.
const SAME: &str = " ";

/// Writes the differences at or below `base`, given the delta from `old` to `new`; nothing where there is none.
///
/// # Errors
/// When `out` refuses text.
pub fn write_compare(
    old: &DataTree,
    new: &DataTree,
    delta: &Delta,
    base: &DataPath,
    out: &mut dyn Write,
) -> fmt::Result {
    let schema = new.schema();
    match (old.get(base), new.get(base)) {
        (None, None) => Ok(()),
        (None, Some(node)) => one_sided(schema, base, node, CAME, out),
        (Some(node), None) => one_sided(schema, base, node, WENT, out),
        (Some(_), Some(_)) => {
            let comparison = Comparison { old, new };
            let changes = delta.changes.iter().filter(|change| change.path().is_within(schema, base));
            let mut hunks = comparison.hunks(changes);
            comparison.note(delta.marks.iter().filter(|change| change.path.is_within(schema, base)), &mut hunks);
            hunks.iter().try_for_each(|hunk| comparison.hunk(hunk, out))
        }
    }
}

/// Writes a node that only one side has.
fn one_sided(
    schema: &SchemaTree,
    path: &DataPath,
    node: NodeRef<'_>,
    mark: &'static str,
    out: &mut dyn Write,
) -> fmt::Result {
    if node.branch().is_some() {
        header(schema, path, out)?;
        return CurlyWriter::new(out, mark, 1).content(node);
    }
    header(schema, &holder(schema, path), out)?;
    CurlyWriter::new(out, mark, 1).statement(node, 0)
}

fn header(schema: &SchemaTree, place: &DataPath, out: &mut dyn Write) -> fmt::Result {
    let words = path_words(schema, place);
    let blank = if words.is_empty() { "" } else { " " };
    writeln!(out, "[edit{blank}{words}]")
}

/// Returns the container, entry or root that something is in.
fn holder(schema: &SchemaTree, path: &DataPath) -> DataPath {
    path.parent(schema).unwrap_or(DataPath::ROOT)
}

/// The differences in one place.
struct Hunk<'d> {
    place: DataPath,
    /// What came, went or changed: nodes that the place holds.
    nodes: Vec<DataPath>,
    /// Lists whose order changed, with the keys before and after.
    orders: Vec<(&'d DataPath, &'d [Key], &'d [Key])>,
    /// What is noted otherwise about nodes that stay as they are.
    marks: Vec<&'d MarkChange>,
}

struct Comparison<'t> {
    old: &'t DataTree,
    new: &'t DataTree,
}

impl Comparison<'_> {
    fn schema(&self) -> &SchemaTree {
        self.new.schema()
    }

    /// Sorts changes by the place they are in, places in the order of their first change.
    fn hunks<'d>(&self, changes: impl Iterator<Item = &'d Change>) -> Vec<Hunk<'d>> {
        let mut hunks: Vec<Hunk<'d>> = Vec::new();
        let mut known: HashMap<DataPath, usize> = HashMap::new();
        for change in changes {
            let path = self.outermost(change.path());
            let place = holder(self.schema(), &path);
            let at = *known.entry(place.clone()).or_insert(hunks.len());
            if at == hunks.len() {
                hunks.push(Hunk { place, nodes: Vec::new(), orders: Vec::new(), marks: Vec::new() });
            }
            let Some(hunk) = hunks.get_mut(at) else { continue };
            match change {
                Change::Node { .. } if hunk.nodes.last() != Some(&path) => hunk.nodes.push(path),
                Change::Node { .. } => {}
                Change::Order { path, old, new } => hunk.orders.push((path, old, new)),
            }
        }
        hunks
    }

    /// Adds what is noted otherwise; what is shown as a whole has it with it.
    fn note<'d>(&self, changes: impl Iterator<Item = &'d MarkChange>, hunks: &mut Vec<Hunk<'d>>) {
        for change in changes {
            if self.old.get(&change.path).is_none() || self.new.get(&change.path).is_none() {
                continue;
            }
            let place = holder(self.schema(), &change.path);
            match hunks.iter_mut().find(|hunk| hunk.place == place) {
                Some(hunk) if hunk.nodes.contains(&change.path) => {}
                Some(hunk) => hunk.marks.push(change),
                None => hunks.push(Hunk { place, nodes: Vec::new(), orders: Vec::new(), marks: vec![change] }),
            }
        }
    }

    /// Writes what is noted otherwise about a node: a line for each comment above the node's, and whether it is active.
    fn mark(&self, change: &MarkChange, out: &mut String) -> fmt::Result {
        let Some(node) = self.new.get(&change.path) else { return Ok(()) };
        let keys =
            node.key().into_iter().flat_map(Key::values).map(|value| format!(" {}", quote_word(&value.to_string())));
        let name = format!("{}{}", shown_name(self.schema(), node.id()), keys.collect::<String>());
        let MarkChange { old, new, .. } = change;
        if old.comment != new.comment {
            for (sign, mark) in [(WENT, old), (CAME, new)] {
                if let Some(comment) = &mark.comment {
                    writeln!(out, "{sign}    /* {comment} */")?;
                }
            }
            let is_filled = node.children().next().is_some();
            match node.branch() {
                Some(_) if is_filled => writeln!(out, "     {name} {{ ... }}")?,
                Some(_) => writeln!(out, "     {name};")?,
                None => CurlyWriter::new(out, SAME, 1).statement(node.without_marks(), 0)?,
            }
        }
        match (old.is_inactive, new.is_inactive) {
            (false, true) => writeln!(out, "{MOVED}    inactive: {name};"),
            (true, false) => writeln!(out, "{MOVED}    active: {name};"),
            _ => Ok(()),
        }
    }

    /// Returns the outermost container around a change that only one side has, else the change's own path.
    fn outermost(&self, path: &DataPath) -> DataPath {
        let mut found = path.clone();
        loop {
            let above = holder(self.schema(), &found);
            let on_both = self.old.get(&above).is_some() && self.new.get(&above).is_some();
            if above.schema_id() == SchemaId::ROOT || on_both {
                return found;
            }
            found = above;
        }
    }

    fn hunk(&self, hunk: &Hunk<'_>, out: &mut dyn Write) -> fmt::Result {
        let mut text = String::new();
        let sides = || hunk.nodes.iter().flat_map(|path| [self.old.get(path), self.new.get(path)]);
        let width = name_width(sides().flatten());
        for path in &hunk.nodes {
            if let Some(node) = self.old.get(path) {
                CurlyWriter::new(&mut text, WENT, 1).statement(node, width)?;
            }
            if let Some(node) = self.new.get(path) {
                CurlyWriter::new(&mut text, CAME, 1).statement(node, width)?;
            }
        }
        for (path, old, new) in &hunk.orders {
            for key in moved(old, new) {
                if let Some(node) = self.new.get(&path.entry(key.clone())) {
                    CurlyWriter::new(&mut text, MOVED, 1).statement(node, 0)?;
                }
            }
        }
        for change in &hunk.marks {
            self.mark(change, &mut text)?;
        }
        if text.is_empty() {
            return Ok(());
        }
        header(self.schema(), &hunk.place, out)?;
        out.write_str(&text)
    }
}

/// Returns the keys that are in both and whose neighbour in front, among those in both, is another one.
fn moved<'k>(old: &[Key], new: &'k [Key]) -> Vec<&'k Key> {
    let places: HashMap<&Key, usize> = old.iter().enumerate().map(|(at, key)| (key, at)).collect();
    let kept: Vec<&Key> = new.iter().filter(|key| places.contains_key(key)).collect();
    let in_new: HashMap<&Key, usize> = kept.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    let before: Vec<&Key> = old.iter().filter(|key| in_new.contains_key(key)).collect();
    let front = |keys: &[&'k Key], at: usize| at.checked_sub(1).and_then(|at| keys.get(at).copied());
    let was: HashMap<&Key, Option<&Key>> =
        before.iter().enumerate().map(|(at, key)| (*key, at.checked_sub(1).map(|at| before[at]))).collect();
    kept.iter().enumerate().filter(|(at, key)| was.get(*key) != Some(&front(&kept, *at))).map(|(_, key)| *key).collect()
}
