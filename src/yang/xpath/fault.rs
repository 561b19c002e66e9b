//! What is wrong in an expression, by its place in the expression.

use crate::diagnostic::Gravity;

/// A stretch of an expression, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct At {
    /// Offset of the first byte.
    pub(super) start: usize,
    /// Offset behind the last byte.
    pub(super) end: usize,
}

/// What is wrong in an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Whether the expression is refused because of it.
    pub(super) gravity: Gravity,
    /// Where in the expression.
    pub(super) at: At,
    /// What is wrong and what was expected.
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn error(at: At, message: impl Into<String>) -> Self {
        Self { gravity: Gravity::Error, at, message: message.into(), hint: None }
    }

    pub(super) fn warning(at: At, message: impl Into<String>) -> Self {
        Self { gravity: Gravity::Warning, ..Self::error(at, message) }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
