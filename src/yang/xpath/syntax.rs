//! An expression as it is written: the tree that the parser builds.

use super::fault::At;

/// An expression, where it stands, and how many levels it has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Syntax<'a> {
    pub(super) kind: SyntaxKind<'a>,
    pub(super) at: At,
    pub(super) height: usize,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SyntaxKind<'a> {
    Or(Vec<Syntax<'a>>),
    And(Vec<Syntax<'a>>),
    Compare(Comparison, Box<Syntax<'a>>, Box<Syntax<'a>>),
    Arithmetic(Arithmetic, Box<Syntax<'a>>, Box<Syntax<'a>>),
    Negate(Box<Syntax<'a>>),
    Union(Vec<Syntax<'a>>),
    Literal(&'a str),
    Number(f64),
    Variable(&'a str),
    Call { prefix: Option<&'a str>, name: &'a str, arguments: Vec<Syntax<'a>> },
    Path { start: SyntaxStart<'a>, steps: Vec<SyntaxStep<'a>> },
}

/// Where a path starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SyntaxStart<'a> {
    Root,
    Context,
    /// At what an expression selects, filtered by predicates.
    Filter(Box<Syntax<'a>>, Vec<Syntax<'a>>),
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SyntaxStep<'a> {
    pub(super) axis: Axis,
    pub(super) test: SyntaxTest<'a>,
    pub(super) predicates: Vec<Syntax<'a>>,
    pub(super) at: At,
}

/// Which nodes of an axis a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SyntaxTest<'a> {
    Any,
    AnyOf(&'a str),
    Name(Option<&'a str>, &'a str),
    Node,
    Text,
    /// `comment()` or `processing-instruction()`, which no data tree has.
    Nothing,
}

/// `=` and its relatives (XPath 1.0 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// `+` and its relatives (XPath 1.0 §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// The axes (XPath 1.0 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are XPath's")]
pub enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Namespace,
    Parent,
    Preceding,
    PrecedingSibling,
    SelfNode,
}

impl Axis {
    /// All axes with their names.
    pub(super) const NAMES: [(&'static str, Self); 13] = [
        ("ancestor", Self::Ancestor),
        ("ancestor-or-self", Self::AncestorOrSelf),
        ("attribute", Self::Attribute),
        ("child", Self::Child),
        ("descendant", Self::Descendant),
        ("descendant-or-self", Self::DescendantOrSelf),
        ("following", Self::Following),
        ("following-sibling", Self::FollowingSibling),
        ("namespace", Self::Namespace),
        ("parent", Self::Parent),
        ("preceding", Self::Preceding),
        ("preceding-sibling", Self::PrecedingSibling),
        ("self", Self::SelfNode),
    ];

    /// Returns whether positions count backwards in document order.
    #[must_use]
    pub fn is_reverse(self) -> bool {
        matches!(self, Self::Ancestor | Self::AncestorOrSelf | Self::Preceding | Self::PrecedingSibling)
    }
}
