//! YAML with the shape of RFC 7951's JSON: scalars stay texts that the schema's types read; one document, no references.

mod parse;
mod write;

pub(super) use parse::parse;
pub use write::{write_yaml, write_yaml_node};
