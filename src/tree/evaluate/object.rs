//! What an expression comes to (XPath 1.0 §1).

use super::super::access::Node;

/// A value of XPath.
pub(crate) enum Object<'t> {
    /// Nodes in document order, each once.
    Nodes(Vec<Node<'t>>),
    /// A boolean.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Object<'_> {
    /// XPath 1.0 §4.3, `boolean()`.
    pub(super) fn boolean(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Boolean(boolean) => *boolean,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
        }
    }
}
