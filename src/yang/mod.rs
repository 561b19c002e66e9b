//! The YANG engine's schema half: module texts in, a compiled [`SchemaTree`] out (RFC 7950).
//!
//! **Invariants**: no I/O, no async, no global state; never panics on input; all faults of all modules are told at once.

mod argument;
mod augment;
mod builtin;
mod check;
mod compile;
mod consistency;
mod definitions;
mod deviation;
mod draft;
mod expand;
mod feature;
mod finish;
mod grammar;
mod identity;
mod keyword;
mod leafref;
mod leafref_path;
mod lexer;
mod members;
mod module_set;
mod pattern;
mod resolve;
mod restrict;
mod restriction;
mod schema;
mod statement;
mod types;
mod value;

#[cfg(test)]
mod tests;

pub use builtin::{builtin, builtin_schema, builtin_sources};
pub use compile::{CompileOptions, Features, compile};
pub use schema::*;
