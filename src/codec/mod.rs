//! Texts in and out of the tree: JSON (RFC 7951), YAML, J-style curly and `set` lines.
//!
//! Readers feed a [`Builder`], which remembers where each node came from, so that a fault that only the whole tree
//! shows still has its place in the input. For every writer there is a reader: `parse(print(t)) == t`.
//!
//! **Invariants**: no I/O, no async; never panics on input; depth and size are bounded; all faults are told at once.

mod builder;
mod delta;
mod document;
mod format;
mod json;
mod load;
mod names;
mod shape;
#[cfg(test)]
mod tests;
mod yaml;

pub use builder::{Builder, kind_name, parse_value};
pub use delta::{StoredError, delta_from_json, delta_to_json, tree_from_json, tree_to_json};
pub use format::Format;
pub use json::{JsonLayout, write_json, write_json_node};
pub use load::{read_json, read_yaml};
pub use yaml::{write_yaml, write_yaml_node};
