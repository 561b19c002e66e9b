//! A compiled expression: names resolved, types checked, steps tied to schema nodes, and what it reads.

use super::function::Function;
pub use super::syntax::{Arithmetic, Axis, Comparison};
use crate::yang::{IdentityId, ModuleId, SchemaId};
use regex::Regex;
use std::sync::Arc;

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression {
    /// What to evaluate.
    pub root: Expr,
    /// The module whose prefixes the expression uses.
    pub module: ModuleId,
    /// The schema node on whose instances it is evaluated.
    pub context: SchemaId,
    /// What its result depends on.
    pub reads: Vec<Read>,
    /// Whether it reads nodes that only the data decide on (`deref` of an instance-identifier).
    pub reads_anything: bool,
}

/// A schema node whose instances an expression looks at, and how to come back from such an instance to the nodes on
/// which the expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Read {
    /// The schema node.
    pub node: SchemaId,
    /// The way back.
    pub route: Route,
    /// Whether all below it counts too: its string value is taken.
    pub deep: bool,
}

/// The way from what is read back to where the expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    /// Both are below one instance of this node: below the root, all instances are meant.
    Within(SchemaId),
    /// What is read is in that entry of `list` whose `key` is the value of the leafref `reference`, which is below the
    /// same instance of `within` as where the expression is evaluated.
    Join {
        /// The list.
        list: SchemaId,
        /// Its key leaf that the leafref leads to.
        key: SchemaId,
        /// The leafref.
        reference: SchemaId,
        /// What holds both the leafref and the place of evaluation.
        within: SchemaId,
    },
}

/// An expression.
#[derive(Debug, Clone)]
pub enum Expr {
    /// `or`
    Or(Vec<Expr>),
    /// `and`
    And(Vec<Expr>),
    /// `=`, `<` and so on.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `+`, `div` and so on.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `-`
    Negate(Box<Expr>),
    /// `|`
    Union(Vec<Expr>),
    /// A text.
    Literal(Literal),
    /// A number.
    Number(f64),
    /// A function of the core library or of YANG.
    Call(Function, Vec<Expr>),
    /// `re-match` with a pattern that is known.
    Match(Box<Expr>, Regex),
    /// `derived-from` with an identity that is known; `true` for `derived-from-or-self`.
    Derived(Box<Expr>, Option<IdentityId>, bool),
    /// A location path.
    Path(Path),
}

/// A text as written, and what it says when it is taken for an identity: `module:name`.
#[derive(Debug, Clone)]
pub struct Literal {
    /// The text.
    pub text: Arc<str>,
    /// The text with its prefix resolved.
    pub identity: Option<Arc<str>>,
}

/// A location path.
#[derive(Debug, Clone)]
pub struct Path {
    /// Where it starts.
    pub start: Start,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// Where a path starts.
#[derive(Debug, Clone)]
pub enum Start {
    /// At the root.
    Root,
    /// At the context node.
    Context,
    /// At what an expression selects, filtered.
    Filter(Box<Expr>, Vec<Predicate>),
}

/// A step of a path.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it goes.
    pub axis: Axis,
    /// Which nodes it takes.
    pub test: NodeTest,
    /// The schema nodes it can lead to, where the schema alone decides; then `test` holds for them.
    pub ids: Option<Vec<SchemaId>>,
    /// Filters.
    pub predicates: Vec<Predicate>,
    /// For a list of which the predicates give every key: the values, in key order. The predicates are to be looked at
    /// all the same.
    pub lookup: Option<Vec<Expr>>,
}

/// A filter.
#[derive(Debug, Clone)]
pub struct Predicate {
    /// What must hold.
    pub expr: Expr,
    /// Whether it is a number, and so stands for a position.
    pub is_position: bool,
    /// Whether it looks at the number of nodes that are filtered.
    pub uses_last: bool,
}

/// Which nodes of an axis a step takes.
#[derive(Debug, Clone)]
pub enum NodeTest {
    /// `node()`
    Node,
    /// `text()`
    Text,
    /// What no data tree has.
    Nothing,
    /// `*`
    Any,
    /// `prefix:*`
    AnyOf(ModuleId),
    /// A name, in one of these modules.
    Name(Vec<ModuleId>, Arc<str>),
}
