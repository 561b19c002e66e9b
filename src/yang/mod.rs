//! The YANG engine's schema half: module texts in, a compiled [`SchemaTree`] out (RFC 7950).
//!
//! **Invariants**: no I/O, no async, no global state; never panics on input; all faults of all modules are told at once.

mod schema;

pub use schema::*;
