//! Evaluation of compiled XPath expressions on the accessible tree (XPath 1.0; RFC 7950 §6.4, §10).
//!
//! Values compare in their canonical form, identities as `module:name`. Predicates that give all keys of a list are
//! look-ups, `count()` of a list is its length.
//!
//! **Invariants**: never panics; ends, since each node looked at is work, and work is bounded.

mod axes;
mod budget;
mod functions;
mod number;
mod object;
mod references;

pub(crate) use budget::{Budget, EvaluationError};
pub(crate) use object::Object;
pub(crate) use references::{holder_of, leafref_instances};

use super::access::{Access, Content, Node};
use super::{Key, Value};
use crate::yang::xpath::{Arithmetic, Axis, Comparison, Expr, Expression, Path, Predicate, Start, Step};
use crate::yang::{SchemaId, SchemaTree};

/// Evaluates expressions on a tree.
pub(crate) struct Evaluator<'a, 't> {
    access: &'a Access<'t>,
}

/// Where an expression is evaluated.
struct Focus<'f, 't> {
    node: &'f Node<'t>,
    position: usize,
    last: usize,
    /// What `current()` is.
    current: &'f Node<'t>,
    expression: &'f Expression,
}

type Evaluated<'t> = Result<Object<'t>, EvaluationError>;
type Selected<'t> = Result<Vec<Node<'t>>, EvaluationError>;

impl<'a, 't> Evaluator<'a, 't> {
    /// Builds an evaluator.
    pub(crate) fn new(access: &'a Access<'t>) -> Self {
        Self { access }
    }

    fn schema(&self) -> &'t SchemaTree {
        self.access.plan().schema()
    }

    fn spend(&self, steps: usize) -> Result<(), EvaluationError> {
        self.access.budget().spend(steps as u64)
    }

    /// Returns whether an expression holds on a node.
    pub(crate) fn holds(&self, expression: &Expression, on: &Node<'t>) -> Result<bool, EvaluationError> {
        let focus = Focus { node: on, position: 1, last: 1, current: on, expression };
        let _running = self.access.budget().enter()?;
        self.boolean(&expression.root, &focus)
    }

    fn expr(&self, expr: &Expr, focus: &Focus<'_, 't>) -> Evaluated<'t> {
        self.spend(1)?;
        Ok(match expr {
            Expr::Or(_) | Expr::And(_) => Object::Boolean(self.boolean(expr, focus)?),
            Expr::Compare(comparison, left, right) => {
                let (one, other) = (self.expr(left, focus)?, self.expr(right, focus)?);
                Object::Boolean(self.compare(*comparison, (left, &one), (right, &other))?)
            }
            Expr::Arithmetic(operator, left, right) => {
                let (one, other) = (self.number(left, focus)?, self.number(right, focus)?);
                Object::Number(match operator {
                    Arithmetic::Add => one + other,
                    Arithmetic::Subtract => one - other,
                    Arithmetic::Multiply => one * other,
                    Arithmetic::Divide => one / other,
                    Arithmetic::Modulo => one % other,
                })
            }
            Expr::Negate(inner) => Object::Number(-self.number(inner, focus)?),
            Expr::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.nodes(part, focus)?);
                }
                Object::Nodes(self.in_order(all))
            }
            Expr::Literal(literal) => Object::Text(literal.text.to_string()),
            Expr::Number(number) => Object::Number(*number),
            Expr::Call(function, arguments) => self.call(*function, arguments, focus)?,
            Expr::Match(text, pattern) => Object::Boolean(pattern.is_match(&self.text(text, focus)?)),
            Expr::Derived(nodes, base, or_self) => {
                let nodes = self.nodes(nodes, focus)?;
                Object::Boolean(base.is_some_and(|base| self.is_derived(&nodes, base, *or_self)))
            }
            Expr::Path(path) => Object::Nodes(self.path(path, focus)?),
        })
    }

    fn boolean(&self, expr: &Expr, focus: &Focus<'_, 't>) -> Result<bool, EvaluationError> {
        match expr {
            Expr::Or(parts) => {
                for part in parts {
                    if self.boolean(part, focus)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Expr::And(parts) => {
                for part in parts {
                    if !self.boolean(part, focus)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Expr::Path(path) => Ok(self.count(path, focus)? > 0),
            _ => Ok(self.expr(expr, focus)?.boolean()),
        }
    }

    fn number(&self, expr: &Expr, focus: &Focus<'_, 't>) -> Result<f64, EvaluationError> {
        let object = self.expr(expr, focus)?;
        self.number_of(&object)
    }

    fn text(&self, expr: &Expr, focus: &Focus<'_, 't>) -> Result<String, EvaluationError> {
        let object = self.expr(expr, focus)?;
        self.text_of(&object)
    }

    fn nodes(&self, expr: &Expr, focus: &Focus<'_, 't>) -> Selected<'t> {
        match self.expr(expr, focus)? {
            Object::Nodes(nodes) => Ok(nodes),
            // The compiler lets nodes only stand where nodes are needed.
            _ => Ok(Vec::new()),
        }
    }

    /// Sorts nodes by document order and drops repetitions.
    fn in_order(&self, mut nodes: Vec<Node<'t>>) -> Vec<Node<'t>> {
        let plan = self.access.plan();
        nodes.sort_by(|a, b| a.order(b, plan));
        nodes.dedup_by(|a, b| a.order(b, plan).is_eq());
        nodes
    }

    fn path(&self, path: &Path, focus: &Focus<'_, 't>) -> Selected<'t> {
        let start = self.start(path, focus)?;
        self.steps(&path.steps, start, focus)
    }

    fn start(&self, path: &Path, focus: &Focus<'_, 't>) -> Selected<'t> {
        Ok(match &path.start {
            Start::Root => vec![self.access.root().clone()],
            Start::Context => vec![focus.node.clone()],
            Start::Filter(inner, predicates) => {
                let mut nodes = self.nodes(inner, focus)?;
                for predicate in predicates {
                    nodes = self.filtered(predicate, nodes, focus)?;
                }
                nodes
            }
        })
    }

    fn steps(&self, steps: &[Step], mut at: Vec<Node<'t>>, focus: &Focus<'_, 't>) -> Selected<'t> {
        // Children of nodes of which none is inside another follow each other as their parents do.
        let mut is_flat = true;
        for step in steps {
            let mut next = Vec::new();
            let is_alone = at.len() <= 1;
            for node in &at {
                self.step(step, node, focus, &mut next)?;
            }
            let keeps_order = match step.axis {
                Axis::SelfNode => true,
                Axis::Child => is_flat || is_alone,
                _ => false,
            };
            if keeps_order {
                is_flat |= is_alone;
            } else {
                is_flat = step.axis == Axis::Parent && is_alone;
                self.spend(next.len())?;
                next = self.in_order(next);
            }
            at = next;
            if at.is_empty() {
                break;
            }
        }
        Ok(at)
    }

    /// Collects what a step leads to from one node.
    fn step(
        &self,
        step: &Step,
        from: &Node<'t>,
        focus: &Focus<'_, 't>,
        found: &mut Vec<Node<'t>>,
    ) -> Result<(), EvaluationError> {
        let mut nodes = match self.looked_up(step, from, focus)? {
            Some(entries) => entries,
            None => self.along(step, from)?,
        };
        for predicate in &step.predicates {
            nodes = self.filtered(predicate, nodes, focus)?;
        }
        found.append(&mut nodes);
        Ok(())
    }

    /// Keeps the nodes on which a predicate holds; they stand in the order that positions count in.
    fn filtered(&self, predicate: &Predicate, nodes: Vec<Node<'t>>, focus: &Focus<'_, 't>) -> Selected<'t> {
        let last = nodes.len();
        let mut kept = Vec::new();
        for (at, node) in nodes.into_iter().enumerate() {
            let position = at + 1;
            let inner = Focus { node: &node, position, last, current: focus.current, expression: focus.expression };
            let passes = if predicate.is_position {
                #[allow(clippy::cast_precision_loss, reason = "no node-set has 2^52 nodes")]
                let here = position as f64;
                number::compare(Comparison::Equal, self.number(&predicate.expr, &inner)?, here)
            } else {
                self.boolean(&predicate.expr, &inner)?
            };
            if passes {
                kept.push(node);
            }
        }
        Ok(kept)
    }

    /// Returns the entries of a list that the predicates name by all keys; nothing where all must be looked at.
    fn looked_up(
        &self,
        step: &Step,
        from: &Node<'t>,
        focus: &Focus<'_, 't>,
    ) -> Result<Option<Vec<Node<'t>>>, EvaluationError> {
        /// Keys looked up at most; more are looked for one entry after the other.
        const KEYS_MAX: usize = 64;
        let (Some(values), Some([list])) = (&step.lookup, step.ids.as_deref()) else { return Ok(None) };
        let keys = self.access.schema_node(*list).as_list().map_or(&[][..], |l| &l.keys);
        let mut tuples: Vec<Vec<Value>> = vec![Vec::new()];
        for (key, value) in keys.iter().zip(values) {
            let Some(candidates) = self.candidates(*key, value, focus)? else { return Ok(None) };
            tuples = tuples
                .iter()
                .flat_map(|tuple| candidates.iter().map(move |c| tuple.iter().chain([c]).cloned().collect()))
                .collect();
            if tuples.len() > KEYS_MAX {
                return Ok(None);
            }
        }
        let mut found = Vec::new();
        for tuple in tuples {
            found.extend(self.access.entry(from, *list, &Key::new(tuple))?);
        }
        Ok(Some(if found.len() > 1 { self.in_order(found) } else { found }))
    }

    /// Returns the values that a key leaf may have to equal an expression; nothing where only comparing tells.
    fn candidates(
        &self,
        key: SchemaId,
        expr: &Expr,
        focus: &Focus<'_, 't>,
    ) -> Result<Option<Vec<Value>>, EvaluationError> {
        let Some(ty) = self.access.schema_node(key).ty() else { return Ok(None) };
        let mut texts = Vec::new();
        match self.expr(expr, focus)? {
            Object::Nodes(nodes) => {
                for node in &nodes {
                    texts.push(self.string_value(node)?);
                }
            }
            Object::Text(text) => {
                texts.push(text);
                if let Expr::Literal(literal) = expr {
                    texts.extend(literal.identity.iter().map(ToString::to_string));
                }
            }
            Object::Number(_) | Object::Boolean(_) => return Ok(None),
        }
        let mut values: Vec<Value> =
            texts.iter().filter_map(|text| Value::parse(self.schema(), ty, text).ok()).collect();
        values.sort();
        values.dedup();
        Ok(Some(values))
    }

    /// Returns how many nodes a path selects; the length of a list or leaf-list is known without looking at each.
    fn count(&self, path: &Path, focus: &Focus<'_, 't>) -> Result<usize, EvaluationError> {
        if let Some((last, before)) = path.steps.split_last()
            && let (Some(ids), true, Axis::Child) = (&last.ids, last.predicates.is_empty(), last.axis)
        {
            let mut count = 0;
            let start = self.start(path, focus)?;
            for node in self.steps(before, start, focus)? {
                for id in ids {
                    count += self.access.count(&node, *id)?;
                }
            }
            return Ok(count);
        }
        Ok(self.path(path, focus)?.len())
    }

    fn compare(
        &self,
        comparison: Comparison,
        (left, one): (&Expr, &Object<'t>),
        (right, other): (&Expr, &Object<'t>),
    ) -> Result<bool, EvaluationError> {
        match (one, other) {
            (Object::Nodes(nodes), Object::Nodes(others)) => self.compare_nodes(comparison, nodes, others),
            (Object::Nodes(nodes), _) => self.compare_with(comparison, nodes, right, other),
            (_, Object::Nodes(nodes)) => self.compare_with(turned(comparison), nodes, left, one),
            _ => {
                let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                let equal = match (one, other) {
                    (Object::Boolean(_), _) | (_, Object::Boolean(_)) if is_equality => {
                        one.boolean() == other.boolean()
                    }
                    (Object::Text(one), Object::Text(other)) if is_equality => one == other,
                    _ => return Ok(number::compare(comparison, self.number_of(one)?, self.number_of(other)?)),
                };
                Ok(equal == (comparison == Comparison::Equal))
            }
        }
    }

    /// XPath 1.0 §3.4: true when it is for one node of each.
    fn compare_nodes(
        &self,
        comparison: Comparison,
        nodes: &[Node<'t>],
        others: &[Node<'t>],
    ) -> Result<bool, EvaluationError> {
        if matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            let mut texts = std::collections::HashSet::new();
            for node in nodes {
                texts.insert(self.string_value(node)?);
            }
            for node in others {
                let text = self.string_value(node)?;
                let is_there = texts.contains(&text);
                let holds = match comparison {
                    Comparison::Equal => is_there,
                    _ => texts.len() > usize::from(is_there),
                };
                if holds {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let mut numbers = Vec::new();
        for node in nodes {
            numbers.push(number::parse(&self.string_value(node)?));
        }
        for node in others {
            let other = number::parse(&self.string_value(node)?);
            self.spend(numbers.len())?;
            if numbers.iter().any(|one| number::compare(comparison, *one, other)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn compare_with(
        &self,
        comparison: Comparison,
        nodes: &[Node<'t>],
        expr: &Expr,
        object: &Object<'t>,
    ) -> Result<bool, EvaluationError> {
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        match object {
            Object::Boolean(boolean) => {
                let (one, other) = (f64::from(u8::from(!nodes.is_empty())), f64::from(u8::from(*boolean)));
                Ok(number::compare(comparison, one, other))
            }
            Object::Text(text) if is_equality => {
                let identity = match expr {
                    Expr::Literal(literal) => literal.identity.as_deref(),
                    _ => None,
                };
                for node in nodes {
                    let equal = match node.value() {
                        Some(Value::Identity(name)) => **name == **text || identity == Some(&**name),
                        _ => self.string_value(node)? == *text,
                    };
                    if equal == (comparison == Comparison::Equal) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => {
                let other = self.number_of(object)?;
                for node in nodes {
                    if number::compare(comparison, number::parse(&self.string_value(node)?), other) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    fn number_of(&self, object: &Object<'t>) -> Result<f64, EvaluationError> {
        Ok(match object {
            Object::Number(number) => *number,
            Object::Boolean(boolean) => f64::from(u8::from(*boolean)),
            Object::Text(text) => number::parse(text),
            Object::Nodes(_) => number::parse(&self.text_of(object)?),
        })
    }

    fn text_of(&self, object: &Object<'t>) -> Result<String, EvaluationError> {
        Ok(match object {
            Object::Number(number) => number::format(*number),
            Object::Boolean(boolean) => boolean.to_string(),
            Object::Text(text) => text.clone(),
            Object::Nodes(nodes) => match nodes.first() {
                Some(node) => self.string_value(node)?,
                None => String::new(),
            },
        })
    }

    /// Returns the string value of a node: of a container or an entry, all texts in it (XPath 1.0 §5).
    fn string_value(&self, node: &Node<'t>) -> Result<String, EvaluationError> {
        self.spend(1)?;
        if let Some(value) = node.value() {
            return Ok(value.to_string());
        }
        let mut text = String::new();
        match node.content() {
            Content::AnyData(json) => text.push_str(json),
            Content::Branch(_) | Content::Entry(..) => {
                let mut pending = vec![node.clone()];
                while let Some(next) = pending.pop() {
                    if let Some(value) = next.value() {
                        text.push_str(&value.to_string());
                        self.spend(text.len() / 64)?;
                    }
                    let mut children = Vec::new();
                    self.access.children(&next, &mut children)?;
                    pending.extend(children.into_iter().rev());
                }
            }
            _ => {}
        }
        Ok(text)
    }
}

fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}
