//! Texts in and out of the tree: JSON (RFC 7951), YAML, J-style curly and `set` lines.
//!
//! Readers feed a [`Builder`], which remembers where each node came from, so that a fault that only the whole tree
//! shows still has its place in the input. For every writer there is a reader: `parse(print(t)) == t`.
//!
//! **Invariants**: no I/O, no async; never panics on input; depth and size are bounded; all faults are told at once.

mod builder;
mod compare;
mod curly;
mod lexer;
mod set;
mod words;

pub use builder::{Builder, kind_name, parse_value};
pub use compare::write_compare;
pub use curly::{read_curly, write_curly};
pub use lexer::{Token, TokenKind, lex, quote_word};
pub use set::{Place, read_set, resolve, write_set};
pub use words::{Ignore, Next, Sink, Walker, path_words, shown_name};
