//! The tree of an expression into a compiled one: names against the schema, types, arguments, and what is read.

use super::expression::{Expr, Expression, Literal, Path, Predicate, Read, Route, Start};
use super::fault::{At, Fault};
use super::function::{self, Function, Kind, SIGNATURES, Signature};
use super::nodes::{self, Nodes};
use super::parser;
use super::syntax::{Comparison, Syntax, SyntaxKind, SyntaxStart};
use crate::diagnostic::nearest;
use crate::yang::{IdentityId, ModuleId, SchemaId, SchemaTree};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Where an expression stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'s> {
    /// The schema node on whose instances it is evaluated.
    pub(super) context: SchemaId,
    /// The module that names without prefix are in.
    pub(super) home: ModuleId,
    /// The module that it is written in; names without prefix may be its too.
    pub(super) module: ModuleId,
    /// What prefixes stand for where it is written.
    pub(super) prefixes: &'s HashMap<Arc<str>, ModuleId>,
}

/// What an expression is as a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Nodes(Nodes),
    Boolean,
    Number,
    Text,
}

impl Value {
    fn kind(&self) -> Kind {
        match self {
            Self::Nodes(_) => Kind::Nodes,
            Self::Boolean => Kind::Boolean,
            Self::Number => Kind::Number,
            Self::Text => Kind::Text,
        }
    }
}

/// Compiles an expression; it is sound when no fault is an error.
pub(super) fn compile(schema: &SchemaTree, site: Site<'_>, text: &str) -> (Option<Expression>, Vec<Fault>) {
    let syntax = match parser::parse(text) {
        Ok(syntax) => syntax,
        Err(fault) => return (None, vec![fault]),
    };
    let mut compiler = Compiler { schema, site, faults: Vec::new(), reads: BTreeSet::new(), reads_anything: false };
    let start = Nodes::one(site.context, Route::Within(site.context));
    let (root, value) = compiler.expr(&syntax, &start);
    compiler.use_value(&value);
    let expression = Expression {
        root,
        module: site.module,
        context: site.context,
        reads: compiler.reads.into_iter().collect(),
        reads_anything: compiler.reads_anything,
    };
    (Some(expression), compiler.faults)
}

/// A compilation.
pub(super) struct Compiler<'s> {
    pub(super) schema: &'s SchemaTree,
    pub(super) site: Site<'s>,
    pub(super) faults: Vec<Fault>,
    reads: BTreeSet<Read>,
    reads_anything: bool,
}

impl Compiler<'_> {
    /// Compiles an expression whose context node is one of `focus`.
    pub(super) fn expr(&mut self, syntax: &Syntax<'_>, focus: &Nodes) -> (Expr, Value) {
        match &syntax.kind {
            SyntaxKind::Or(parts) => (Expr::Or(self.parts(parts, focus)), Value::Boolean),
            SyntaxKind::And(parts) => (Expr::And(self.parts(parts, focus)), Value::Boolean),
            SyntaxKind::Compare(comparison, left, right) => self.comparison(*comparison, left, right, focus),
            SyntaxKind::Arithmetic(operator, left, right) => {
                let (left, right) = (Box::new(self.value_of(left, focus)), Box::new(self.value_of(right, focus)));
                (Expr::Arithmetic(*operator, left, right), Value::Number)
            }
            SyntaxKind::Negate(inner) => (Expr::Negate(Box::new(self.value_of(inner, focus))), Value::Number),
            SyntaxKind::Union(parts) => self.union(parts, focus),
            SyntaxKind::Literal(text) => (Expr::Literal(self.literal(text)), Value::Text),
            SyntaxKind::Number(number) => (Expr::Number(*number), Value::Number),
            SyntaxKind::Variable(name) => {
                let fault = Fault::error(syntax.at, format!("variable `${name}` is not there: YANG has none"));
                self.faults.push(fault);
                (Expr::Number(f64::NAN), Value::Text)
            }
            SyntaxKind::Call { prefix, name, arguments } => self.call(syntax.at, *prefix, name, arguments, focus),
            SyntaxKind::Path { start, steps } => {
                let (start, from) = self.start(start, focus);
                let (steps, found) = self.steps(steps, from);
                (Expr::Path(Path { start, steps }), Value::Nodes(found))
            }
        }
    }

    /// Compiles an expression of which the value counts, not only which nodes there are.
    fn value_of(&mut self, syntax: &Syntax<'_>, focus: &Nodes) -> Expr {
        let (expr, value) = self.expr(syntax, focus);
        self.use_value(&value);
        expr
    }

    fn parts(&mut self, parts: &[Syntax<'_>], focus: &Nodes) -> Vec<Expr> {
        parts.iter().map(|part| self.expr(part, focus).0).collect()
    }

    /// Notes that the string value of nodes is taken: what is below them is read too.
    pub(super) fn use_value(&mut self, value: &Value) {
        if let Value::Nodes(nodes) = value {
            self.read(nodes, true);
        }
    }

    /// Notes that nodes are read.
    pub(super) fn read(&mut self, nodes: &Nodes, deep: bool) {
        let Some(ids) = &nodes.ids else {
            self.reads_anything = true;
            return;
        };
        for id in ids {
            let is_leaf = self.schema.node(*id).ty().is_some();
            self.reads.insert(Read { node: *id, route: nodes.route, deep: deep && !is_leaf });
        }
    }

    /// Looks at something without noting what is wrong in it or read by it.
    pub(super) fn attempt<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let (faults, reads) = (std::mem::take(&mut self.faults), std::mem::take(&mut self.reads));
        let reads_anything = self.reads_anything;
        let seen = look(self);
        (self.faults, self.reads, self.reads_anything) = (faults, reads, reads_anything);
        seen
    }

    fn literal(&self, text: &str) -> Literal {
        let (prefix, name) = crate::yang::argument::split_ref(text);
        let is_name = crate::yang::argument::is_identifier_ref(text);
        let module = match prefix {
            _ if !is_name => None,
            Some(prefix) => self.module_of(prefix),
            None => Some(self.site.home),
        };
        let identity = module.map(|m| Arc::from(format!("{}:{name}", self.schema.module(m).name)));
        Literal { text: Arc::from(text), identity }
    }

    /// Returns what a prefix stands for.
    pub(super) fn module_of(&self, prefix: &str) -> Option<ModuleId> {
        self.site.prefixes.get(prefix).copied()
    }

    /// Tells that a prefix stands for nothing.
    pub(super) fn unknown_prefix(&mut self, at: At, prefix: &str) {
        let fault = Fault::error(at, format!("prefix `{prefix}` is not that of the module or of an import"));
        let fault = match nearest(prefix, self.site.prefixes.keys().map(|known| &**known)) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        };
        self.faults.push(fault);
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        left: &Syntax<'_>,
        right: &Syntax<'_>,
        focus: &Nodes,
    ) -> (Expr, Value) {
        let (left_expr, left_value) = self.expr(left, focus);
        let (right_expr, right_value) = self.expr(right, focus);
        self.use_value(&left_value);
        self.use_value(&right_value);
        if matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            self.check_literal(&left_value, &right_expr, right.at);
            self.check_literal(&right_value, &left_expr, left.at);
        }
        (Expr::Compare(comparison, Box::new(left_expr), Box::new(right_expr)), Value::Boolean)
    }

    /// Warns about a text that no value of the leaf it is compared with can be.
    fn check_literal(&mut self, nodes: &Value, expr: &Expr, at: At) {
        let (Value::Nodes(nodes), Expr::Literal(literal)) = (nodes, expr) else { return };
        let Some(leaf) = nodes.only() else { return };
        let Some(ty) = self.schema.node(leaf).ty() else { return };
        let crate::yang::BaseType::Enumeration(members) = &ty.base else { return };
        if members.iter().any(|m| m.name == literal.text) {
            return;
        }
        let name = &self.schema.node(leaf).name;
        let fault = Fault::warning(at, format!("`{}` is not a value of `{name}`: this is never equal", literal.text));
        let fault = match nearest(&literal.text, members.iter().map(|m| &*m.name)) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        };
        self.faults.push(fault);
    }

    fn union(&mut self, parts: &[Syntax<'_>], focus: &Nodes) -> (Expr, Value) {
        let mut exprs = Vec::new();
        let mut all: Option<Nodes> = None;
        for part in parts {
            let (expr, value) = self.expr(part, focus);
            exprs.push(expr);
            match value {
                Value::Nodes(found) => {
                    all = Some(match all {
                        None => found,
                        Some(before) => self.merged(before, found),
                    });
                }
                other => {
                    let what = format!("`|` joins nodes, and this is {}", other.kind().name());
                    self.faults.push(Fault::error(part.at, what));
                }
            }
        }
        (Expr::Union(exprs), Value::Nodes(all.unwrap_or_else(Nodes::none)))
    }

    fn merged(&mut self, one: Nodes, other: Nodes) -> Nodes {
        // What text nodes among them read is noted here: together they count as elements.
        self.read(&one, true);
        self.read(&other, true);
        let route = nodes::either(self.schema, one.route, other.route);
        let ids = match (one.ids, other.ids) {
            (Some(mut ids), Some(more)) => {
                ids.extend(more);
                Some(ids)
            }
            _ => None,
        };
        Nodes { ids: if one.is_text == other.is_text { ids } else { None }, is_text: one.is_text, route }
    }

    fn start(&mut self, start: &SyntaxStart<'_>, focus: &Nodes) -> (Start, Nodes) {
        match start {
            SyntaxStart::Root => (Start::Root, Nodes::one(SchemaId::ROOT, Route::Within(SchemaId::ROOT))),
            SyntaxStart::Context => (Start::Context, focus.clone()),
            SyntaxStart::Filter(inner, predicates) => {
                let (expr, value) = self.expr(inner, focus);
                let nodes = match value {
                    Value::Nodes(nodes) => nodes,
                    other => {
                        let what = format!("expected nodes, found {}", other.kind().name());
                        self.faults.push(Fault::error(inner.at, what));
                        Nodes::none()
                    }
                };
                let predicates = predicates.iter().map(|p| self.predicate(p, &nodes)).collect();
                (Start::Filter(Box::new(expr), predicates), nodes)
            }
        }
    }

    /// Compiles a predicate on nodes.
    pub(super) fn predicate(&mut self, syntax: &Syntax<'_>, on: &Nodes) -> Predicate {
        let (expr, value) = self.expr(syntax, on);
        // Whether a node passes depends on its being there, and by position on its siblings' too.
        self.read(on, false);
        Predicate { is_position: value == Value::Number, uses_last: uses(&expr, Function::Last), expr }
    }

    fn call(
        &mut self,
        at: At,
        prefix: Option<&str>,
        name: &str,
        arguments: &[Syntax<'_>],
        focus: &Nodes,
    ) -> (Expr, Value) {
        let Some(signature) = function::find(name).filter(|_| prefix.is_none()) else {
            let fault = Fault::error(at, format!("`{name}()` is not a function of XPath 1.0 or YANG"));
            self.faults.push(match nearest(name, SIGNATURES.iter().map(|s| s.name)) {
                Some(near) if near != name => fault.hint(format!("did you mean `{near}()`?")),
                _ => fault,
            });
            return (Expr::Number(f64::NAN), Value::Text);
        };
        let is_count_good = (signature.least..=signature.most).contains(&arguments.len());
        if !is_count_good {
            let what = format!("`{name}()` takes {}, and has {}", signature.counts(), arguments.len());
            self.faults.push(Fault::error(at, what));
        }
        let (mut exprs, mut values) = (Vec::new(), Vec::new());
        for (position, argument) in arguments.iter().enumerate() {
            let (expr, value) = self.expr(argument, focus);
            let wanted = signature.parameter(position);
            if is_count_good && wanted == Kind::Nodes && value.kind() != Kind::Nodes {
                let what = format!("`{name}()` takes nodes here, and this is {}", value.kind().name());
                self.faults.push(Fault::error(argument.at, what));
            }
            if !matches!(signature.function, Function::Boolean | Function::Not | Function::Count) {
                self.use_value(&value);
            }
            exprs.push(expr);
            values.push(value);
        }
        let is_default = arguments.is_empty() && signature.least == 0 && signature.most > 0;
        if is_default {
            self.read(focus, true);
        }
        let value = self.result(signature, at, &values);
        (self.built(signature, exprs, arguments), value)
    }

    fn result(&mut self, signature: &Signature, at: At, arguments: &[Value]) -> Value {
        match (signature.function, arguments) {
            (Function::Current, _) => Value::Nodes(Nodes::one(self.site.context, Route::Within(self.site.context))),
            (Function::Deref, [Value::Nodes(from)]) => Value::Nodes(self.deref(at, from)),
            (Function::Id | Function::Deref, _) => Value::Nodes(Nodes::none()),
            _ => match signature.returns {
                Kind::Boolean => Value::Boolean,
                Kind::Number => Value::Number,
                _ => Value::Text,
            },
        }
    }

    /// Works out what is known of an argument that is written as a text.
    fn built(&mut self, signature: &Signature, mut exprs: Vec<Expr>, arguments: &[Syntax<'_>]) -> Expr {
        let second = arguments.get(1).map_or(At::default(), |a| a.at);
        let known = match exprs.get(1) {
            Some(Expr::Literal(literal)) => Some(Arc::clone(&literal.text)),
            _ => None,
        };
        match (signature.function, known) {
            (Function::ReMatch, Some(pattern)) => match crate::yang::pattern::compile(&pattern) {
                Ok(regex) => Expr::Match(Box::new(exprs.swap_remove(0)), regex),
                Err(why) => {
                    self.faults.push(Fault::error(second, format!("pattern `{pattern}` is wrong: {why}")));
                    Expr::Number(f64::NAN)
                }
            },
            (Function::DerivedFrom | Function::DerivedFromOrSelf, Some(name)) => {
                let or_self = signature.function == Function::DerivedFromOrSelf;
                let base = self.identity(second, &name);
                Expr::Derived(Box::new(exprs.swap_remove(0)), base, or_self)
            }
            (function, _) => Expr::Call(function, exprs),
        }
    }

    fn identity(&mut self, at: At, name: &str) -> Option<IdentityId> {
        let (prefix, local) = crate::yang::argument::split_ref(name);
        let modules = match prefix {
            None => vec![self.site.home, self.site.module],
            Some(prefix) => {
                let Some(module) = self.module_of(prefix) else {
                    self.unknown_prefix(at, prefix);
                    return None;
                };
                vec![module]
            }
        };
        let found = modules.iter().find_map(|module| find_identity(self.schema, *module, local));
        if found.is_none() {
            let names = self.schema.identities().iter().filter(|i| modules.contains(&i.module)).map(|i| &*i.name);
            let fault = Fault::warning(at, format!("identity `{name}` is not there: nothing is derived from it"));
            self.faults.push(match nearest(local, names) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
        found
    }
}

/// Returns the identity of a name in a module.
pub(crate) fn find_identity(schema: &SchemaTree, module: ModuleId, name: &str) -> Option<IdentityId> {
    let at = schema.identities().iter().position(|i| i.module == module && &*i.name == name)?;
    u32::try_from(at).ok().map(IdentityId)
}

/// Returns whether an expression calls a function for its own context node, not within a predicate.
pub(super) fn uses(expr: &Expr, function: Function) -> bool {
    match expr {
        Expr::Or(parts) | Expr::And(parts) | Expr::Union(parts) => parts.iter().any(|p| uses(p, function)),
        Expr::Compare(_, left, right) | Expr::Arithmetic(_, left, right) => {
            uses(left, function) || uses(right, function)
        }
        Expr::Negate(inner) | Expr::Match(inner, _) | Expr::Derived(inner, ..) => uses(inner, function),
        Expr::Literal(_) | Expr::Number(_) => false,
        Expr::Call(called, arguments) => *called == function || arguments.iter().any(|a| uses(a, function)),
        Expr::Path(path) => match &path.start {
            Start::Filter(inner, _) => uses(inner, function),
            Start::Root | Start::Context => false,
        },
    }
}
