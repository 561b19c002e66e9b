//! Schemas as the tree diagrams of RFC 8340, in the layout of `pyang -f tree`.
//!
//! **Invariants**: pure; the diagram says what the modules write, so a schema that is equal in meaning may look different.

mod node;

use super::schema::{Augment, ModuleId, NodeKind, SchemaId, SchemaTree};
use node::{Mode, Printer};
use std::fmt::Write;

/// Writes the diagram of a module; the empty text when it has nothing to show. What it adds to one of the modules `shown`
/// is left to the diagram of that one, what it adds to others is shown here.
#[must_use]
pub fn write(tree: &SchemaTree, module: ModuleId, shown: &[ModuleId]) -> String {
    let body = module_diagram(tree, module, shown);
    let it = tree.module(module);
    match &it.part {
        _ if body.is_empty() => body,
        Some(part) => format!("submodule: {part} (belongs-to {})\n{body}", it.name),
        None => format!("module: {}\n{body}", it.name),
    }
}

fn module_diagram(tree: &SchemaTree, module: ModuleId, shown: &[ModuleId]) -> String {
    let mut body = String::new();
    let top: Vec<SchemaId> =
        tree.node(SchemaId::ROOT).children.iter().copied().filter(|id| tree.node(*id).module == module).collect();
    let is = |id: &SchemaId, wanted: fn(&NodeKind) -> bool| wanted(&tree.node(*id).kind);
    let rpcs: Vec<SchemaId> = top.iter().copied().filter(|id| is(id, |k| matches!(k, NodeKind::Operation))).collect();
    let notifications: Vec<SchemaId> =
        top.iter().copied().filter(|id| is(id, |k| matches!(k, NodeKind::Notification))).collect();
    let data: Vec<SchemaId> =
        top.into_iter().filter(|id| is(id, |k| !matches!(k, NodeKind::Operation | NodeKind::Notification))).collect();
    Printer::new(tree, module, &mut body).children(&data, "", Mode::Data, None);
    let mut is_first = true;
    for augment in tree.augments().iter().filter(|a| a.module == module) {
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
