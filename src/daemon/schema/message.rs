//! Documents that are messages: what operations are invoked with and answer, and notifications (RFC 7950 §7.14–§7.16).

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::{Cell, DataPath, DataTree, NodeRef, validate_inside};
use crate::yang::{Message, NodeKind, SchemaNode, SchemaTree};

/// Messages named in a hint at most: more are no help.
const LISTED_MAX: usize = 12;

/// Judges the message that a document holds, among the data that it may refer to.
pub(super) fn judge(tree: &DataTree, operational: Option<&DataTree>, message: Message) -> Diagnostics {
    let mut found = Found::default();
    found.walk(tree.schema(), &DataPath::ROOT, tree.root());
    let mut faults = Diagnostics::new();
    let path = match found.messages.as_slice() {
        [] => {
            faults.push(none(tree.schema(), message));
            return faults;
        }
        [only] => only,
        [_, others @ ..] => {
            for other in others {
                let said = format!("a document holds one {}, and this is another", name(message));
                faults.push(Diagnostic::error(said).on(other.display(tree.schema()).to_string()));
            }
            return faults;
        }
    };
    for beside in &found.beside {
        let what = &tree.schema().node(beside.schema_id()).name;
        let on = beside.display(tree.schema()).to_string();
        // Around an action there are the keys of entries (RFC 7950 §7.15.2); what else is there says nothing.
        faults.push(match beside.parent(tree.schema()) {
            Some(DataPath::ROOT) | None => {
                Diagnostic::error(format!("`{what}` stands beside the {}", name(message))).on(on)
            }
            Some(_) => Diagnostic::warning(format!("`{what}` is no part of the {}", name(message))).on(on),
        });
    }
    let Some(operational) = operational else {
        faults.append(validate_inside(tree, path));
        return faults;
    };
    let mut around = operational.clone();
    let parent = path.parent(tree.schema()).unwrap_or(DataPath::ROOT);
    if parent != DataPath::ROOT && around.get(&parent).is_none() {
        let said = format!(
            "the operational data have no `{}`, which the {} is in",
            parent.display(tree.schema()),
            name(message)
        );
        faults.push(Diagnostic::error(said).on(path.display(tree.schema()).to_string()));
    }
    if let Some(branch) = tree.get(path).and_then(|node| node.branch())
        && let Err(e) = around.put(path, Cell::Container(branch.clone()))
    {
        faults.push(Diagnostic::error(e.to_string()));
    }
    faults.append(validate_inside(&around, path));
    faults
}

/// What a document has besides the ways to it.
#[derive(Default)]
struct Found {
    messages: Vec<DataPath>,
    /// What is neither a message nor on the way to one.
    beside: Vec<DataPath>,
}

impl Found {
    /// Looks for messages below a node; returns whether there is one.
    fn walk(&mut self, schema: &SchemaTree, path: &DataPath, node: NodeRef<'_>) -> bool {
        let mut is_way = false;
        for child in node.children() {
            let path = path.child(child.id());
            is_way |= self.visit(schema, &path, child);
        }
        is_way
    }

    fn visit(&mut self, schema: &SchemaTree, path: &DataPath, node: NodeRef<'_>) -> bool {
        if is_message(schema.node(path.schema_id())) {
            self.messages.push(path.clone());
            return true;
        }
        let beside = self.beside.len();
        let mut is_way = false;
        match node.as_list() {
            Some(_) => {
                for entry in node.entries() {
                    let Some(key) = entry.key() else { continue };
                    is_way |= self.walk(schema, &path.entry(key.clone()), entry);
                }
            }
            None => is_way = self.walk(schema, path, node),
        }
        if !is_way {
            self.beside.truncate(beside);
            self.beside.push(path.clone());
        }
        is_way
    }
}

/// Returns whether a node is a message: the schema has no others of these as containers.
fn is_message(node: &SchemaNode) -> bool {
    matches!(node.kind, NodeKind::Container { .. }) && matches!(node.written.keyword, "rpc" | "action" | "notification")
}

fn name(message: Message) -> &'static str {
    match message {
        Message::Request => "invocation of an operation",
        Message::Reply => "reply of an operation",
        Message::Notification => "notification",
    }
}

fn none(schema: &SchemaTree, message: Message) -> Diagnostic {
    let said = Diagnostic::error(format!("the document holds no {}", name(message)));
    let messages = schema.nodes().iter().filter(|node| is_message(node));
    let shown = |node: &SchemaNode| format!("`{}`", DataPath::new(node.id, Vec::new()).display(schema));
    let names: Vec<String> = messages.take(LISTED_MAX).map(shown).collect();
    match names.len() {
        0 => said.hint("the modules have none: name the module that it is of with `--module`"),
        _ => said.hint(format!("expected one of {}", names.join(", "))),
    }
}
