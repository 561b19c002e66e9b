//! Looking a name up among the schema children of a node, and saying what is wrong when it is not there.

use crate::diagnostic::{Diagnostic, nearest};
use crate::yang::{SchemaId, SchemaNode, SchemaTree};

/// Returns the data child that a name, qualified as `module:name` or not, stands for.
///
/// # Errors
/// A diagnostic without a place: unknown module, unknown or ambiguous name.
pub(super) fn find_child(schema: &SchemaTree, parent: SchemaId, name: &str) -> Result<SchemaId, Box<Diagnostic>> {
    if let Some(child) = schema.child(parent, name) {
        return Ok(child);
    }
    if let Some((module, local)) = name.split_once(':')
        && schema.module_by_name(module).is_none()
    {
        let said = Diagnostic::error(format!("`{module}` in `{name}` is not a module of the schema"));
        let others: Vec<&str> = match schema.children_named(parent, local) {
            [] => schema.modules().iter().map(|m| &*m.name).collect(),
            homonyms => homonyms.iter().map(|id| &*schema.module(schema.node(*id).module).name).collect(),
        };
        return Err(Box::new(match others.as_slice() {
            [only] => said.hint(format!("write `{only}:{local}`, or `{local}`")),
            _ => said.did_you_mean(module, others.iter().copied()),
        }));
    }
    let homonyms = schema.children_named(parent, name);
    if homonyms.len() > 1 {
        let names: Vec<String> = homonyms.iter().map(|id| format!("`{}`", schema.qualified_name(*id))).collect();
        return Err(Box::new(
            Diagnostic::error(format!("`{name}` is ambiguous: more than one module has it here"))
                .hint(format!("write {}", names.join(" or "))),
        ));
    }
    Err(Box::new(not_among(schema, parent, name)))
}

/// Names listed in a hint at most: more are no help.
const LISTED_MAX: usize = 12;

/// Builds the diagnostic of a name that no child of a node has.
pub(super) fn not_among(schema: &SchemaTree, parent: SchemaId, name: &str) -> Diagnostic {
    let said = match parent {
        SchemaId::ROOT => format!("`{name}` is not a top-level element"),
        parent => format!("`{name}` is not an element of `{}`", schema.node(parent).name),
    };
    let said = Diagnostic::error(said);
    let local = name.split_once(':').map_or(name, |(_, local)| local);
    let children = &schema.node(parent).data_children;
    let names = || children.iter().map(|id| schema.node(*id)).filter(|node| node.config).map(|node| &*node.name);
    if nearest(local, names()).is_some() {
        return said.did_you_mean(local, names());
    }
    let listed: Vec<String> = names().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    match listed.len() {
        0 => said,
        LISTED_MAX => said.hint(format!("expected one of {}, …", listed.join(", "))),
        _ => said.hint(format!("expected one of {}", listed.join(", "))),
    }
}

/// Builds the diagnostic of a name that lacks its module where it must be said (RFC 7951 §4).
pub(super) fn without_module(schema: &SchemaTree, id: SchemaId) -> Diagnostic {
    let name = &schema.node(id).name;
    Diagnostic::error(format!("`{name}` lacks its module")).hint(format!("write `{}`", schema.qualified_name(id)))
}

/// Builds the diagnostic of a state node in configuration.
pub(super) fn not_configuration(node: &SchemaNode) -> Diagnostic {
    Diagnostic::error(format!("`{}` is state (`config false`) and cannot be configured", node.name))
        .hint("leave it out: the element itself says what it is")
}
