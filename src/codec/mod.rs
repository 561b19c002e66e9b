//! Texts in and out of the tree: JSON (RFC 7951), XML (RFC 7950), YAML, J-style curly and `set` lines.
//!
//! Readers feed a [`Builder`], which remembers where each node came from, so that a fault that only the whole tree
//! shows still has its place in the input. For every writer there is a reader: `parse(print(t)) == t`.
//!
//! **Invariants**: no I/O, no async; never panics on input; depth and size are bounded; all faults are told at once.

mod builder;
mod compare;
mod conceal;
mod curly;
mod delta;
mod document;
mod format;
mod forms;
mod json;
mod lexer;
mod load;
mod loader;
mod marks;
mod names;
#[cfg(test)]
mod notations;
mod placeholder;
mod set;
mod shape;
#[cfg(test)]
mod tests;
mod words;
mod xml;
mod yaml;

pub use builder::{Builder, Rules, kind_name, parse_value};
pub use compare::write_compare;
pub use conceal::SecretNames;
pub use curly::{read_curly, write_curly};
pub use delta::{StoredError, delta_from_json, delta_to_json, tree_from_json, tree_to_json};
pub use format::Format;
pub use json::{JsonLayout, write_json, write_json_node};
pub use lexer::{Token, TokenKind, lex, quote_word};
pub use load::{read_json, read_xml, read_yaml};
pub use marks::comment;
pub use set::{Place, read_set, resolve, write_set};
pub use words::{Ignore, Next, Sink, Walker, path_words, shown_name};
pub use xml::{XmlFrame, write_xml};
pub use yaml::{write_yaml, write_yaml_node};

use crate::diagnostic::Source;
use std::sync::Arc;

/// Reads a text in a notation into a builder; faults are left there.
pub fn read(builder: &mut Builder<'_>, format: Format, source: &Arc<Source>) {
    match format {
        Format::Json => read_json(builder, source),
        Format::Yaml => read_yaml(builder, source),
        Format::Xml => read_xml(builder, source),
        Format::Curly => read_curly(builder, source),
        Format::Set => read_set(builder, source),
    }
    // JSON and YAML that can be read at all conceal by the places of values, which says more precisely where secrets are.
    if builder.diagnostics.has_errors() && matches!(format, Format::Curly | Format::Set) {
        SecretNames::of(builder.tree.schema()).conceal(source, format);
    }
}
