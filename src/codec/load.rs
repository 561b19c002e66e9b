//! Reading whole documents, in JSON, YAML or XML, into a tree under construction.

use super::document::{Document, Kind, Limits, Node};
use super::loader::load_document;
use super::shape::emit_document;
use super::{Builder, Format, SecretNames, json, xml, yaml};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::yang::SchemaId;
use std::sync::Arc;

/// Merges a JSON text into the tree under construction. Faults are in the builder's diagnostics.
pub fn read_json(builder: &mut Builder<'_>, source: &Arc<Source>) {
    let mut found = Diagnostics::new();
    let document = json::parse(source, Limits::INPUT, &mut found);
    read(builder, source, document.as_ref(), found, Format::Json);
}

/// Merges a YAML text into the tree under construction. Faults are in the builder's diagnostics.
pub fn read_yaml(builder: &mut Builder<'_>, source: &Arc<Source>) {
    let mut found = Diagnostics::new();
    let document = yaml::parse(source, Limits::INPUT, &mut found);
    read(builder, source, document.as_ref(), found, Format::Yaml);
}

/// Merges an XML text into the tree under construction. Faults are in the builder's diagnostics.
pub fn read_xml(builder: &mut Builder<'_>, source: &Arc<Source>) {
    let mut found = Diagnostics::new();
    let schema = Arc::clone(builder.tree.schema());
    let document = xml::parse(source, &schema, SchemaId::ROOT, Limits::INPUT, &mut found);
    read(builder, source, document.as_ref(), found, Format::Xml);
}

fn read(
    builder: &mut Builder<'_>,
    source: &Arc<Source>,
    document: Option<&Document<'_>>,
    found: Diagnostics,
    format: Format,
) {
    builder.diagnostics.append(found);
    match document {
        Some(document) => {
            load_document(builder, document);
            builder.settle_marks();
            builder.remember(format, source);
            if builder.diagnostics.has_errors() {
                conceal_secrets(&SecretNames::of(builder.tree.schema()), source, &document.root);
            }
        }
        // Nothing is known of where values stand: whatever may be a secret is taken for one.
        None => SecretNames::of(builder.tree.schema()).conceal(source, format),
    }
}

/// Conceals what stands behind the name of a secret wherever it stands: of what is in the wrong place nobody knows what
/// it is.
fn conceal_secrets(names: &SecretNames, source: &Arc<Source>, node: &Node<'_>) {
    match &node.kind {
        Kind::Map(members) => members.iter().for_each(|(name, member)| {
            // A name that goes on behind that of a secret, as `password=…` does, has the secret in itself.
            let is_joined = names.conceal_in(&name.place.span(source));
            if is_joined || names.is_near(&name.text) {
                member.place.span(source).conceal();
            } else {
                conceal_secrets(names, source, member);
            }
        }),
        Kind::Sequence(items) => items.iter().for_each(|item| conceal_secrets(names, source, item)),
        Kind::Scalar { .. } => {
            names.conceal_in(&node.place.span(source));
        }
        Kind::Value(_) | Kind::Wrong(_) => {}
    }
}

/// Reads a JSON text and writes it in the form that `anydata` is kept in.
///
/// # Errors
/// The first fault, without a place: the text is a word of something else.
pub(super) fn compact_json(text: &str) -> Result<String, Diagnostic> {
    let source = Source::new("anydata", text);
    let mut found = Diagnostics::new();
    let document = json::parse(&source, Limits::INPUT, &mut found);
    if let Some(fault) = found.into_iter().next() {
        return Err(Diagnostic { span: None, ..fault });
    }
    let mut compact = String::new();
    let mut emitter = json::JsonEmitter::new(&mut compact, json::JsonLayout::Compact);
    match document.map(|document| emit_document(&mut emitter, &document.root)) {
        Some(Ok(())) => Ok(compact),
        _ => Err(Diagnostic::error("expected JSON")),
    }
}
