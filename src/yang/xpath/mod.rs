//! XPath 1.0 as YANG uses it (RFC 7950 §6.4, §10): text in, an [`Expression`] tied to the schema out.
//!
//! `lexer` and `parser` read the text, `compile` and `steps` resolve its names against the schema, check types and
//! arguments, find look-ups by key, and note what is read and the way back from there ([`Read`]): that is what makes
//! validation by dependency possible. Evaluation is `tree`'s.
//!
//! **Invariants**
//! * No I/O; never panics on input; length, nesting and height of an expression have limits.
//! * What is wrong in form, an unknown prefix or function, a wrong number or kind of arguments is an error; a path that the
//!   schema has no nodes for is a warning.
//! * [`Expression::reads`] leaves nothing out: a change elsewhere cannot change the result, but for implicit nodes, whose
//!   being there depends on conditions and cases of their own.

mod compile;
mod conditions;
mod expression;
mod fault;
mod function;
mod lexer;
mod nodes;
mod parser;
mod place;
mod steps;
mod syntax;
#[cfg(test)]
mod tests;

pub(crate) use compile::find_identity;
pub(super) use conditions::{check_syntax, compile_conditions};
pub use expression::*;
pub use function::Function;
pub(crate) use nodes::is_within;

/// Compiles a pattern that is known only when it is evaluated (RFC 7950 §10.2.1).
///
/// # Errors
/// What is wrong with it.
pub(crate) fn compile_pattern(pattern: &str) -> Result<regex::Regex, String> {
    super::pattern::compile(pattern)
}
