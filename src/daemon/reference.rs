//! `docs/configuration.md`: every node of the schema, as the schema describes it.

use crate::yang::{BaseType, NodeKind, SchemaId, SchemaNode, SchemaTree, Type};

const HEAD: &str = "# Configuration reference

Generated from the YANG modules in `schema/`: `annunciator reference configuration`. A path is what `set` takes;
`<name>` stands for a key.
";

/// Writes the reference as Markdown.
#[must_use]
pub fn configuration_reference(schema: &SchemaTree) -> String {
    let mut out = HEAD.to_owned();
    for child in &schema.node(SchemaId::ROOT).data_children {
        section(schema, *child, "", &mut out);
    }
    out
}

fn section(schema: &SchemaTree, id: SchemaId, above: &str, out: &mut String) {
    let node = schema.node(id);
    if !node.config {
        return;
    }
    let mut path = format!("{above}{}", node.name);
    for key in node.as_list().map_or(&[][..], |list| &list.keys) {
        path.push_str(&format!(" <{}>", schema.node(*key).name));
    }
    let is_section = |id: &&SchemaId| matches!(schema.node(**id).kind, NodeKind::Container { .. } | NodeKind::List(_));
    let (sections, leaves): (Vec<&SchemaId>, Vec<&SchemaId>) = node.data_children.iter().partition(is_section);
    if !leaves.is_empty() || node.is_presence_container() {
        out.push_str(&format!("\n## `{path}`\n\n{}\n", flat(node.description.as_deref())));
    }
    if !leaves.is_empty() {
        out.push_str("\n| leaf | type | default | what it is |\n|---|---|---|---|\n");
    }
    for leaf in leaves {
        let leaf = schema.node(*leaf);
        let marks = format!(
            "{}{}",
            if leaf.is_key() { " (key)" } else { "" },
            if leaf.mandatory { " (mandatory)" } else { "" }
        );
        out.push_str(&format!(
            "| `{}`{marks} | {} | {} | {} |\n",
            leaf.name,
            type_text(schema, leaf),
            defaults(leaf),
            flat(leaf.description.as_deref()).replace('|', "\\|"),
        ));
    }
    for child in sections {
        section(schema, *child, &format!("{path} "), out);
    }
}

fn flat(text: Option<&str>) -> String {
    text.unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn defaults(leaf: &SchemaNode) -> String {
    match &leaf.kind {
        NodeKind::Leaf(leaf) => leaf.default.as_ref().map(|d| format!("`{d}`")).unwrap_or_default(),
        NodeKind::LeafList(list) if !list.defaults.is_empty() => format!("`[ {} ]`", list.defaults.join(" ")),
        _ => String::new(),
    }
}

fn type_text(schema: &SchemaTree, leaf: &SchemaNode) -> String {
    let many = if matches!(leaf.kind, NodeKind::LeafList(_)) { ", several" } else { "" };
    let secret = if leaf.is_secret() { ", encrypted" } else { "" };
    let ty = leaf.ty().map_or_else(String::new, |ty| describe(schema, ty));
    format!("{ty}{many}{secret}")
}

fn describe(schema: &SchemaTree, ty: &Type) -> String {
    match &ty.base {
        BaseType::Enumeration(members) => {
            members.iter().map(|m| format!("`{}`", m.name)).collect::<Vec<_>>().join(" \\| ")
        }
        BaseType::Integer { kind, range } => match range {
            Some(range) => format!("{}, {}", kind.name(), range.describe().replace('|', "\\|")),
            None => kind.name().to_owned(),
        },
        BaseType::Leafref(leafref) => {
            let holder = schema.node(schema.node(leafref.target).data_parent);
            format!("name of a `{}`", holder.name)
        }
        BaseType::Union(members) => members.iter().map(|m| describe(schema, m)).collect::<Vec<_>>().join(" or "),
        _ => ty.shown_name().to_owned(),
    }
}
