//! Schemas as the tree diagrams of RFC 8340, in the layout of `pyang -f tree`.
//!
//! **Invariants**: pure; the diagram says what the modules write, so a schema that is equal in meaning may look different.

mod node;

use super::schema::{Augment, Module, ModuleId, NodeKind, SchemaId, SchemaTree};
use crate::diagnostic::{Source, Span};
use node::{Mode, Printer};
use std::fmt::Write;
use std::sync::Arc;

/// Writes the diagram of a module, or of one of its submodules by name; the empty text when it has nothing to show. What it
/// adds to one of the modules `shown` is left to the diagram of that one, what it adds to others is shown here.
#[must_use]
pub fn write(tree: &SchemaTree, module: ModuleId, submodule: Option<&str>, shown: &[ModuleId]) -> String {
    let it = tree.module(module);
    let texts = submodule.map(|name| texts_of(it, name));
    let is_in = |span: Option<&Span>| {
        texts.as_ref().is_none_or(|texts| span.is_some_and(|s| texts.iter().any(|text| Arc::ptr_eq(text, &s.source))))
    };
    let body = body(tree, module, &is_in, shown);
    match submodule.or(it.part.as_deref()) {
        _ if body.is_empty() => body,
        Some(part) => format!("submodule: {part} (belongs-to {})\n{body}", it.name),
        None => format!("module: {}\n{body}", it.name),
    }
}

/// Returns the texts of a submodule and those that it includes.
fn texts_of(module: &Module, name: &str) -> Vec<Arc<Source>> {
    let mut names = vec![name];
    let mut texts = Vec::new();
    let mut at = 0;
    while let Some(wanted) = names.get(at).copied() {
        at += 1;
        let Some(submodule) = module.submodules.iter().find(|s| *s.name == *wanted) else { continue };
        texts.push(Arc::clone(&submodule.source));
        names.extend(submodule.includes.iter().map(|i| &**i).filter(|i| !names.contains(i)).collect::<Vec<_>>());
    }
    texts
}

fn body(tree: &SchemaTree, module: ModuleId, is_in: &dyn Fn(Option<&Span>) -> bool, shown: &[ModuleId]) -> String {
    let mut body = String::new();
    let top: Vec<SchemaId> = tree
        .node(SchemaId::ROOT)
        .children
        .iter()
        .copied()
        .filter(|id| tree.node(*id).module == module && is_in(tree.node(*id).span.as_ref()))
        .collect();
    let is = |id: &SchemaId, wanted: fn(&NodeKind) -> bool| wanted(&tree.node(*id).kind);
    let rpcs: Vec<SchemaId> = top.iter().copied().filter(|id| is(id, |k| matches!(k, NodeKind::Operation))).collect();
    let notifications: Vec<SchemaId> =
        top.iter().copied().filter(|id| is(id, |k| matches!(k, NodeKind::Notification))).collect();
    let data: Vec<SchemaId> =
        top.into_iter().filter(|id| is(id, |k| !matches!(k, NodeKind::Operation | NodeKind::Notification))).collect();
    Printer::new(tree, module, &mut body).children(&data, "", Mode::Data, None);
    let mut is_first = true;
    for augment in tree.augments().iter().filter(|a| a.module == module && is_in(Some(&a.span))) {
        if shown.contains(&tree.node(augment.target).module) {
            continue;
        }
        if std::mem::take(&mut is_first) {
            body.push('\n');
        }
        // Writing to a text cannot fail.
        let _written = writeln!(body, "  augment {}:", augment.path);
        let mode = mode_of(tree, augment);
        Printer::new(tree, module, &mut body).children(&augment.nodes, "  ", mode, None);
    }
    if !rpcs.is_empty() {
        body.push_str("\n  rpcs:\n");
        Printer::new(tree, module, &mut body).children(&rpcs, "  ", Mode::Operation, None);
    }
    if !notifications.is_empty() {
        body.push_str("\n  notifications:\n");
        Printer::new(tree, module, &mut body).children(&notifications, "  ", Mode::Notification, None);
    }
    body
}

/// Returns what the nodes of an augment are shown as: only at the top of a message is it known which.
fn mode_of(tree: &SchemaTree, augment: &Augment) -> Mode {
    match tree.node(augment.target).kind {
        NodeKind::Input => Mode::Input,
        NodeKind::Output => Mode::Output,
        NodeKind::Notification => Mode::Notification,
        _ => Mode::Data,
    }
}
