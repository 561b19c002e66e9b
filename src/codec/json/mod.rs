//! JSON (RFC 8259) as RFC 7951 fills it with instance data: a strict reader that keeps positions, a streaming writer.

mod parse;
mod write;

pub(super) use parse::parse;
pub(super) use write::JsonEmitter;
pub use write::{JsonLayout, write_json, write_json_node};
