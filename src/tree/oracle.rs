//! A slow and simple judge of conditions, written apart from the engine: expressions are made here, not parsed, and are
//! evaluated on a plain copy of the tree.

use super::{DataTree, NodeRef};
use crate::yang::{NodeKind, SchemaId, SchemaTree};
use std::collections::BTreeMap;
use std::fmt;

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Ast {
    Path(Vec<Hop>),
    Text(&'static str),
    Number(i32),
    Compare(&'static str, Box<Ast>, Box<Ast>),
    Both(Box<Ast>, Box<Ast>),
    Either(Box<Ast>, Box<Ast>),
    Not(Box<Ast>),
    Count(Box<Ast>),
    Sum(Box<Ast>),
    Plus(Box<Ast>, Box<Ast>),
    Length(Box<Ast>),
    StartsWith(Box<Ast>, &'static str),
    Union(Box<Ast>, Box<Ast>),
}

/// A step, or where a path starts.
#[derive(Debug, Clone)]
pub(super) enum Hop {
    Root,
    Here,
    Current,
    Deref(Vec<Hop>),
    Up,
    Name(&'static str, Vec<Filter>),
    Any(Vec<Filter>),
    Below(&'static str),
    Siblings(bool, &'static str),
    Ancestors(&'static str),
}

/// A predicate.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Position(usize),
    Last,
    Holds(Box<Ast>),
}

impl fmt::Display for Ast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(hops) => write_path(f, hops),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Compare(operator, a, b) => write!(f, "({a} {operator} {b})"),
            Self::Both(a, b) => write!(f, "({a} and {b})"),
            Self::Either(a, b) => write!(f, "({a} or {b})"),
            Self::Not(a) => write!(f, "not({a})"),
            Self::Count(a) => write!(f, "count({a})"),
            Self::Sum(a) => write!(f, "sum({a})"),
            Self::Plus(a, b) => write!(f, "({a} + {b})"),
            Self::Length(a) => write!(f, "string-length({a})"),
            Self::StartsWith(a, text) => write!(f, "starts-with({a}, '{text}')"),
            Self::Union(a, b) => write!(f, "({a} | {b})"),
        }
    }
}

fn write_path(f: &mut fmt::Formatter<'_>, hops: &[Hop]) -> fmt::Result {
    let filters = |f: &mut fmt::Formatter<'_>, all: &[Filter]| {
        all.iter().try_for_each(|filter| match filter {
            Filter::Position(n) => write!(f, "[{n}]"),
            Filter::Last => f.write_str("[position() = last()]"),
            Filter::Holds(ast) => write!(f, "[{ast}]"),
        })
    };
    for (at, hop) in hops.iter().enumerate() {
        let is_behind_root = at == 1 && matches!(hops[0], Hop::Root);
        if at > 0 && !is_behind_root && !matches!(hop, Hop::Below(_)) {
            f.write_str("/")?;
        }
        match hop {
            Hop::Root if matches!(hops.get(1), Some(Hop::Below(_))) => {}
            Hop::Root => f.write_str("/")?,
            Hop::Here => f.write_str(".")?,
            Hop::Current => f.write_str("current()")?,
            Hop::Deref(path) => {
                f.write_str("deref(")?;
                write_path(f, path)?;
                f.write_str(")")?;
            }
            Hop::Up => f.write_str("..")?,
            Hop::Name(name, all) => {
                f.write_str(name)?;
                filters(f, all)?;
            }
            Hop::Any(all) => {
                f.write_str("*")?;
                filters(f, all)?;
            }
            Hop::Below(name) => write!(f, "//{name}")?,
            Hop::Siblings(true, name) => write!(f, "preceding-sibling::{name}")?,
            Hop::Siblings(false, name) => write!(f, "following-sibling::{name}")?,
            Hop::Ancestors(name) => write!(f, "ancestor::{name}")?,
        }
    }
    Ok(())
}

/// A plain copy of the accessible tree, in document order.
#[derive(Debug, Default, Clone)]
pub(super) struct Copy {
    nodes: Vec<Plain>,
}

#[derive(Debug, Clone)]
struct Plain {
    id: SchemaId,
    name: String,
    parent: Option<usize>,
    children: Vec<usize>,
    value: Option<String>,
    is_stored: bool,
    path: String,
}

enum Value {
    Nodes(Vec<usize>),
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// The conditions of a schema: what is in them, by schema node.
pub(super) type Whens = BTreeMap<SchemaId, Ast>;

impl Copy {
    /// Copies a tree with all that is there by itself.
    pub(super) fn of(tree: &DataTree, whens: &Whens) -> Self {
        // Conditions look at nothing that has conditions, so a copy without such defaults can judge them.
        let mut first = Self::default();
        first.add(tree.schema(), Some(tree.root()), SchemaId::ROOT, None, "", &|id, _| !whens.contains_key(&id));
        let mut second = Self::default();
        let judge = |id: SchemaId, parent: &str| {
            let Some(when) = whens.get(&id) else { return true };
            first.would_hold(id, parent, when)
        };
        second.add(tree.schema(), Some(tree.root()), SchemaId::ROOT, None, "", &judge);
        second
    }

    fn add(
        &mut self,
        schema: &SchemaTree,
        node: Option<NodeRef<'_>>,
        id: SchemaId,
        parent: Option<usize>,
        path: &str,
        allowed: &dyn Fn(SchemaId, &str) -> bool,
    ) {
        let at = self.nodes.len();
        let value = node.and_then(|n| n.value()).map(ToString::to_string);
        let name = schema.node(id).name.to_string();
        let is_stored = node.is_some();
        self.nodes.push(Plain { id, name, parent, children: Vec::new(), value, is_stored, path: path.to_owned() });
        if let Some(parent) = parent {
            self.nodes[parent].children.push(at);
        }
        for leaf in node.iter().flat_map(NodeRef::key_leaves) {
            let path = format!("{path}/{}", schema.node(leaf.id()).name);
            self.add(schema, Some(leaf), leaf.id(), Some(at), &path, allowed);
        }
        for child in schema.node(id).data_children.iter().copied().filter(|c| !schema.node(*c).is_key()) {
            self.add_child(schema, node, child, at, path, allowed);
        }
    }

    fn add_child(
        &mut self,
        schema: &SchemaTree,
        node: Option<NodeRef<'_>>,
        child: SchemaId,
        at: usize,
        path: &str,
        allowed: &dyn Fn(SchemaId, &str) -> bool,
    ) {
        let it = schema.node(child);
        let below = format!("{path}/{}", it.name);
        match node.and_then(|n| n.child_by_id(child)) {
            Some(list) if it.as_list().is_some() => {
                for entry in list.entries() {
                    let keys: Vec<String> = entry.key_leaves().map(|k| k.value().unwrap().to_string()).collect();
                    let path = format!("{below}[{}]", keys.join(","));
                    self.add(schema, Some(entry), child, Some(at), &path, allowed);
                }
            }
            Some(found) if !found.values().is_empty() => {
                for value in found.values() {
                    let value = value.to_string();
                    let path = format!("{below}[{value}]");
                    self.leaf(it.name.to_string(), child, at, value, true, path);
                }
            }
            Some(found) => self.add(schema, Some(found), child, Some(at), &below, allowed),
            None if !case_allows(schema, node, child) || !allowed(child, path) => {}
            None => match &it.kind {
                NodeKind::Container { presence: None } => self.add(schema, None, child, Some(at), &below, allowed),
                NodeKind::Leaf(leaf) => {
                    if let Some(default) = &leaf.default {
                        self.leaf(it.name.to_string(), child, at, default.to_string(), false, below);
                    }
                }
                _ => {}
            },
        }
    }

    fn leaf(&mut self, name: String, id: SchemaId, parent: usize, value: String, is_stored: bool, path: String) {
        let at = self.nodes.len();
        let (value, parent_at) = (Some(value), Some(parent));
        self.nodes.push(Plain { id, name, parent: parent_at, children: Vec::new(), value, is_stored, path });
        self.nodes[parent].children.push(at);
    }

    /// Judges a condition of a child that may not be there.
    fn would_hold(&self, id: SchemaId, parent: &str, when: &Ast) -> bool {
        let Some(parent) = self.nodes.iter().position(|n| n.path == parent && n.value.is_none()) else { return false };
        let child = self.nodes[parent].children.iter().copied().find(|c| self.nodes[*c].id == id);
        if let Some(child) = child {
            return self.holds(when, child);
        }
        let mut with = self.clone();
        let (name, path) = (String::new(), String::new());
        with.nodes.push(Plain {
            id,
            name,
            parent: Some(parent),
            children: Vec::new(),
            value: None,
            is_stored: false,
            path,
        });
        with.holds(when, with.nodes.len() - 1)
    }

    /// Returns the paths of the instances of a schema node on which an expression does not hold.
    pub(super) fn failing(&self, id: SchemaId, ast: &Ast, stored_only: bool) -> Vec<String> {
        let all = self.nodes.iter().enumerate().filter(|(_, n)| n.id == id && (n.is_stored || !stored_only));
        all.filter(|(at, _)| !self.holds(ast, *at)).map(|(_, n)| n.path.clone()).collect()
    }

    fn holds(&self, ast: &Ast, on: usize) -> bool {
        boolean(&self.eval(ast, on, on))
    }

    fn text_at(&self, at: usize) -> String {
        let node = &self.nodes[at];
        match &node.value {
            Some(value) => value.clone(),
            None => node.children.iter().map(|c| self.text_at(*c)).collect(),
        }
    }

    fn text(&self, value: &Value) -> String {
        match value {
            Value::Nodes(nodes) => nodes.first().map_or_else(String::new, |n| self.text_at(*n)),
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Boolean(boolean) => boolean.to_string(),
        }
    }

    fn number(&self, value: &Value) -> f64 {
        match value {
            Value::Number(number) => *number,
            Value::Boolean(boolean) => f64::from(u8::from(*boolean)),
            other => self.text(other).parse::<u32>().map_or(f64::NAN, f64::from),
        }
    }

    fn eval(&self, ast: &Ast, on: usize, current: usize) -> Value {
        let eval = |ast: &Ast| self.eval(ast, on, current);
        match ast {
            Ast::Path(hops) => Value::Nodes(self.walk(hops, on, current)),
            Ast::Text(text) => Value::Text((*text).to_owned()),
            Ast::Number(number) => Value::Number(f64::from(*number)),
            Ast::Compare(operator, a, b) => Value::Boolean(self.compare(operator, &eval(a), &eval(b))),
            Ast::Both(a, b) => Value::Boolean(boolean(&eval(a)) && boolean(&eval(b))),
            Ast::Either(a, b) => Value::Boolean(boolean(&eval(a)) || boolean(&eval(b))),
            Ast::Not(a) => Value::Boolean(!boolean(&eval(a))),
            Ast::Count(a) => match eval(a) {
                Value::Nodes(nodes) => Value::Number(f64::from(u32::try_from(nodes.len()).unwrap())),
                _ => panic!("{ast}"),
            },
            Ast::Sum(a) => match eval(a) {
                Value::Nodes(nodes) => {
                    Value::Number(nodes.iter().map(|n| self.number(&Value::Text(self.text_at(*n)))).sum())
                }
                _ => panic!("{ast}"),
            },
            Ast::Plus(a, b) => Value::Number(self.number(&eval(a)) + self.number(&eval(b))),
            Ast::Length(a) => Value::Number(f64::from(u32::try_from(self.text(&eval(a)).chars().count()).unwrap())),
            Ast::StartsWith(a, text) => Value::Boolean(self.text(&eval(a)).starts_with(text)),
            Ast::Union(a, b) => match (eval(a), eval(b)) {
                (Value::Nodes(mut one), Value::Nodes(two)) => {
                    one.extend(two);
                    one.sort_unstable();
                    one.dedup();
                    Value::Nodes(one)
                }
                _ => panic!("{ast}"),
            },
        }
    }

    fn compare(&self, operator: &str, a: &Value, b: &Value) -> bool {
        let split = |v: &Value| match v {
            Value::Nodes(nodes) => nodes.iter().map(|n| Value::Text(self.text_at(*n))).collect(),
            Value::Text(t) => vec![Value::Text(t.clone())],
            Value::Number(n) => vec![Value::Number(*n)],
            Value::Boolean(b) => vec![Value::Boolean(*b)],
        };
        let atoms: (Vec<Value>, Vec<Value>) = match (a, b) {
            (Value::Nodes(_), Value::Boolean(_)) | (Value::Boolean(_), Value::Nodes(_)) => {
                (vec![Value::Boolean(boolean(a))], vec![Value::Boolean(boolean(b))])
            }
            _ => (split(a), split(b)),
        };
        atoms.0.iter().any(|one| atoms.1.iter().any(|two| self.compare_atoms(operator, one, two)))
    }

    #[allow(clippy::float_cmp, reason = "as XPath does")]
    fn compare_atoms(&self, operator: &str, one: &Value, two: &Value) -> bool {
        if matches!(operator, "=" | "!=") {
            let equal = match (one, two) {
                (Value::Boolean(_), _) | (_, Value::Boolean(_)) => boolean(one) == boolean(two),
                (Value::Number(_), _) | (_, Value::Number(_)) => self.number(one) == self.number(two),
                _ => self.text(one) == self.text(two),
            };
            return equal == (operator == "=");
        }
        let (one, two) = (self.number(one), self.number(two));
        match operator {
            "<" => one < two,
            "<=" => one <= two,
            ">" => one > two,
            _ => one >= two,
        }
    }

    fn walk(&self, hops: &[Hop], on: usize, current: usize) -> Vec<usize> {
        let mut at = vec![on];
        for hop in hops {
            let mut next: Vec<usize> = at.iter().flat_map(|from| self.hop(hop, *from, current)).collect();
            next.sort_unstable();
            next.dedup();
            at = next;
        }
        at
    }

    fn hop(&self, hop: &Hop, from: usize, current: usize) -> Vec<usize> {
        let node = &self.nodes[from];
        let named = |name: &str, all: &[usize]| all.iter().copied().filter(|c| self.nodes[*c].name == name).collect();
        match hop {
            Hop::Root => vec![0],
            Hop::Here => vec![from],
            Hop::Current => vec![current],
            Hop::Deref(path) => self.walk(path, from, current).first().map_or_else(Vec::new, |n| self.deref(*n)),
            Hop::Up => node.parent.into_iter().collect(),
            Hop::Name(name, filters) => self.filtered(named(name, &node.children), filters, current),
            Hop::Any(filters) => self.filtered(node.children.clone(), filters, current),
            Hop::Below(name) => {
                let mut all = Vec::new();
                let mut pending = node.children.clone();
                while let Some(next) = pending.pop() {
                    pending.extend(&self.nodes[next].children);
                    all.push(next);
                }
                named(name, &all)
            }
            Hop::Siblings(before, name) => {
                let Some(parent) = node.parent else { return Vec::new() };
                let all: Vec<usize> = named(name, &self.nodes[parent].children);
                all.into_iter().filter(|c| if *before { *c < from } else { *c > from }).collect()
            }
            Hop::Ancestors(name) => {
                let up = std::iter::successors(node.parent, |at| self.nodes[*at].parent);
                up.filter(|at| self.nodes[*at].name == *name).collect()
            }
        }
    }

    fn filtered(&self, mut nodes: Vec<usize>, filters: &[Filter], current: usize) -> Vec<usize> {
        for filter in filters {
            nodes = match filter {
                Filter::Position(n) => nodes.get(n - 1).copied().into_iter().collect(),
                Filter::Last => nodes.last().copied().into_iter().collect(),
                Filter::Holds(ast) => nodes.into_iter().filter(|n| boolean(&self.eval(ast, *n, current))).collect(),
            };
        }
        nodes
    }

    /// All references of the schema lead to leaf `k` or `x` of the entries of list `l`.
    fn deref(&self, from: usize) -> Vec<usize> {
        let target = match &*self.nodes[from].name {
            "r" | "ur" | "pr" => "k",
            "s" => "x",
            _ => return Vec::new(),
        };
        // The path of `pr` has a predicate: the entry is the one whose key `s` says.
        if self.nodes[from].name == "pr"
            && !self.nodes.iter().any(|n| n.name == "s" && n.value == self.nodes[from].value)
        {
            return Vec::new();
        }
        let is_there = |n: &Plain| n.name == target && n.parent.is_some_and(|p| self.nodes[p].name == "l");
        let all = self.nodes.iter().enumerate().filter(|(_, n)| is_there(n) && n.value == self.nodes[from].value);
        all.map(|(at, _)| at).collect()
    }
}

fn boolean(value: &Value) -> bool {
    match value {
        Value::Nodes(nodes) => !nodes.is_empty(),
        Value::Text(text) => !text.is_empty(),
        Value::Number(number) => *number != 0.0 && !number.is_nan(),
        Value::Boolean(boolean) => *boolean,
    }
}

/// Only the first choice's default case, or the case that something is set of, has defaults.
fn case_allows(schema: &SchemaTree, node: Option<NodeRef<'_>>, child: SchemaId) -> bool {
    let parent = schema.node(child).parent.unwrap();
    if !matches!(schema.node(parent).kind, NodeKind::Case) {
        return true;
    }
    let choice = schema.node(parent).parent.unwrap();
    let is_set =
        |case: &SchemaId| schema.node(*case).children.iter().any(|c| node.is_some_and(|n| n.child_by_id(*c).is_some()));
    match schema.node(choice).children.iter().find(|case| is_set(case)) {
        Some(case) => *case == parent,
        None => matches!(schema.node(choice).kind, NodeKind::Choice { default: Some(d) } if d == parent),
    }
}
