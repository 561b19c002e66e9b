//! One node of a diagram a line: `status--flags name<opts> type <if-features>` (RFC 8340 §2.6).

use crate::yang::schema::{BaseType, ModuleId, NodeKind, SchemaId, SchemaNode, SchemaTree, Status};
use std::fmt::Write;

/// What the nodes of a stretch are part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Data,
    Operation,
    Input,
    Output,
    Notification,
}

/// Writes nodes as one module sees them.
pub(super) struct Printer<'a> {
    tree: &'a SchemaTree,
    module: ModuleId,
    out: &'a mut String,
}

impl<'a> Printer<'a> {
    pub(super) fn new(tree: &'a SchemaTree, module: ModuleId, out: &'a mut String) -> Self {
        Self { tree, module, out }
    }

    /// Writes siblings and what is below them. `width` is the room for names that the parent has reckoned.
    pub(super) fn children(&mut self, ids: &[SchemaId], prefix: &str, mode: Mode, width: Option<usize>) {
        let width = width.unwrap_or_else(|| self.width(ids));
        let Some(last) = ids.last().copied() else { return };
        let mut mode = mode;
        for id in ids.iter().copied() {
            if self.is_empty_half(id) {
                continue;
            }
            // An empty output at the end is not shown: what stands before it is the last line.
            let below = if id == last || self.is_empty_output(last) { "   " } else { "  |" };
            mode = match self.tree.node(id).kind {
                NodeKind::Input => Mode::Input,
                NodeKind::Output => Mode::Output,
                _ => mode,
            };
            self.node(id, &format!("{prefix}{below}"), mode, width);
        }
    }

    fn is_empty_half(&self, id: SchemaId) -> bool {
        let node = self.tree.node(id);
        matches!(node.kind, NodeKind::Input | NodeKind::Output) && node.children.is_empty()
    }

    fn is_empty_output(&self, id: SchemaId) -> bool {
        matches!(self.tree.node(id).kind, NodeKind::Output) && self.is_empty_half(id)
    }

    /// Returns the longest name among siblings, what is in choices and cases included.
    fn width(&self, ids: &[SchemaId]) -> usize {
        let one = |id: &SchemaId| {
            let node = self.tree.node(*id);
            match node.kind {
                NodeKind::Choice { .. } | NodeKind::Case => 3 + self.width(&node.children),
                _ => self.name(node).chars().count(),
            }
        };
        ids.iter().map(one).max().unwrap_or(0)
    }

    fn name(&self, node: &SchemaNode) -> String {
        if node.module == self.module {
            node.name.to_string()
        } else {
            format!("{}:{}", self.tree.module(node.module).prefix, node.name)
        }
    }

    fn node(&mut self, id: SchemaId, prefix: &str, mode: Mode, width: usize) {
        let node = self.tree.node(id);
        let (name, flags) = (self.name(node), self.flags(node, mode));
        let status = match node.written.status {
            Status::Current => '+',
            Status::Deprecated => 'x',
            Status::Obsolete => 'o',
        };
        let stem = prefix.get(..prefix.len().saturating_sub(1)).unwrap_or(prefix);
        let optional = if node.mandatory { "" } else { "?" };
        let mut line = format!("{stem}{status}--");
        // Writing to a text cannot fail.
        let _written = match &node.kind {
            NodeKind::List(_) => write!(line, "{flags} {name}* [{}]", keys(node)),
            NodeKind::Container { presence } => {
                write!(line, "{flags} {name}{}", if presence.is_some() { "!" } else { "" })
            }
            NodeKind::Choice { .. } => write!(line, "{flags} ({name}){optional}"),
            NodeKind::Case => write!(line, ":({name})"),
            kind => {
                let mark = match kind {
                    NodeKind::LeafList(_) => "*",
                    NodeKind::Leaf(leaf) if !leaf.is_key => optional,
                    NodeKind::AnyData => optional,
                    _ => "",
                };
                let name = format!("{name}{mark}");
                match self.type_name(node) {
                    None => write!(line, "{flags} {name}"),
                    Some(ty) => write!(line, "{flags} {name:<room$}   {ty}", room = width + 1),
                }
            }
        };
        if !node.written.if_features.is_empty() {
            let _written = write!(line, " {{{}}}?", node.written.if_features.join(","));
        }
        self.out.push_str(&line);
        self.out.push('\n');
        let inner = match node.kind {
            // What a choice holds is a step of three to the right, so its types stand below those of its siblings.
            NodeKind::Choice { .. } | NodeKind::Case => width.checked_sub(3).filter(|w| *w > 0),
            _ => None,
        };
        self.children(&node.children, prefix, mode, inner);
    }

    fn flags(&self, node: &SchemaNode, mode: Mode) -> &'static str {
        match node.kind {
            _ if mode == Mode::Input => "-w",
            NodeKind::Operation => "-x",
            NodeKind::Notification => "-n",
            _ if self.is_in_message(node.id) => match mode {
                Mode::Output | Mode::Notification => "ro",
                _ => "",
            },
            _ if node.config => "rw",
            _ => "ro",
        }
    }

    fn is_in_message(&self, id: SchemaId) -> bool {
        let mut above = std::iter::successors(Some(id), |at| self.tree.node(*at).parent);
        above.any(|at| {
            matches!(
                self.tree.node(at).kind,
                NodeKind::Input | NodeKind::Output | NodeKind::Operation | NodeKind::Notification
            )
        })
    }

    fn type_name(&self, node: &SchemaNode) -> Option<String> {
        if matches!(node.kind, NodeKind::AnyData) {
            return Some(format!("<{}>", node.written.keyword));
        }
        match (&node.ty()?.base, node.written.type_name.as_deref()?) {
            (BaseType::Leafref(leafref), "leafref") => Some(format!("-> {}", self.compact(node, &leafref.path))),
            (_, name) => Some(name.to_owned()),
        }
    }

    /// Returns a path with prefixes only where the module changes.
    fn compact(&self, node: &SchemaNode, path: &str) -> String {
        let mut current = &*self.tree.module(node.module).prefix;
        let step = |step| match str::split_once(step, ':') {
            Some((prefix, name)) if prefix == current => name.to_owned(),
            Some((prefix, name)) => {
                current = prefix;
                format!("{prefix}:{name}")
            }
            None => step.to_owned(),
        };
        path.split('/').map(step).collect::<Vec<_>>().join("/")
    }
}

fn keys(node: &SchemaNode) -> String {
    let text = node.written.key.as_deref().unwrap_or("");
    let mut keys = String::new();
    for c in text.chars() {
        match c {
            ' ' | '\t' | '\n' | '\r' if keys.ends_with(' ') => {}
            ' ' | '\t' | '\n' | '\r' => keys.push(' '),
            c => keys.push(c),
        }
    }
    keys
}
