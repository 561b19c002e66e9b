//! The YANG engine's schema half: module texts in, a compiled [`SchemaTree`] out (RFC 7950).
//!
//! [`compile`] reads all texts (`lexer`, `statement`), checks each against the `grammar`, links imports and includes
//! (`module_set`), judges what can be judged where it is written (`check`), expands groupings, augments and deviations
//! into drafts (`expand`, `augment`, `deviation`), and turns these into the tree (`finish`, `resolve`,
//! `leafref`, `consistency`).
//!
//! **Invariants**
//! * No I/O, no async, no global state: the texts are handed in, imports are looked for among them.
//! * Never panics on input, and ends: nesting, chains, copies and sizes have limits, each with its reason beside it.
//! * All faults of all modules are told at once, in reading order, each with its place. Only a text whose braces or quotes
//!   do not match hides the faults of what refers to it.
//! * A tree that is returned is whole: each name, type, key, leafref and default in it is resolved and checked.
//! * XPath of `must` and `when` is compiled with the schema ([`xpath`]) and kept as written beside.
//!
//! ```
//! use annunciator::diagnostic::Source;
//! use annunciator::yang::{CompileOptions, compile};
//!
//! let text = "module m { namespace urn:m; prefix m; leaf a { type uint8; default 7; } }";
//! let (tree, _warnings) = compile(&[Source::new("m.yang", text)], &CompileOptions::default()).expect("sound");
//! assert!(tree.find(["a"]).is_some());
//! ```

mod advice;
mod argument;
mod augment;
mod builtin;
mod check;
mod compile;
mod consistency;
mod definitions;
mod deviation;
pub mod diagram;
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
mod outline;
mod pattern;
mod resolve;
mod restrict;
mod restriction;
mod schema;
mod statement;
mod status;
mod types;
mod unused;
mod value;
pub mod xpath;

#[cfg(test)]
mod tests;

pub use builtin::{builtin, builtin_schema, builtin_sources, is_builtin};
pub use compile::{CompileOptions, Features, Message, compile};
pub use outline::{Outline, Wanted};
pub use schema::*;
pub use statement::TEXT_BYTES_MAX;
