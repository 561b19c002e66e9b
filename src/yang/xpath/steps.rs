//! Steps against the schema: what they lead to, look-ups by key, joins over leafrefs.

use super::compile::{Compiler, Value, uses};
use super::expression::{Expr, NodeTest, Path, Predicate, Route, Start, Step};
use super::fault::{At, Fault};
use super::function::Function;
use super::nodes::{self, Nodes};
use super::syntax::{Axis, Comparison, Syntax, SyntaxKind, SyntaxStart, SyntaxStep, SyntaxTest};
use crate::diagnostic::nearest;
use crate::yang::{BaseType, SchemaId};

impl Compiler<'_> {
    /// Compiles the steps of a path that starts at some nodes.
    pub(super) fn steps(&mut self, steps: &[SyntaxStep<'_>], mut at: Nodes) -> (Vec<Step>, Nodes) {
        let mut compiled = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let is_all_below = step.axis == Axis::DescendantOrSelf
                && step.test == SyntaxTest::Node
                && step.predicates.is_empty()
                && index + 1 < steps.len();
            let (step, next) = self.step(step, &at);
            at = next;
            // All nodes there are on the way of `//` would be noise: those that it leads to are noted.
            if !is_all_below {
                self.read(&at, false);
            }
            compiled.push(step);
        }
        (compiled, at)
    }

    fn step(&mut self, step: &SyntaxStep<'_>, from: &Nodes) -> (Step, Nodes) {
        let (test, mut found) = self.tested(step, from);
        let is_empty = |nodes: &Nodes| nodes.ids.as_ref().is_some_and(std::collections::BTreeSet::is_empty);
        if is_empty(&found) && !is_empty(from) {
            self.warn_of_nothing(step, from);
        }
        if step.axis == Axis::Child && !found.is_text {
            self.narrow(&step.predicates, &mut found);
        }
        let predicates: Vec<Predicate> = step.predicates.iter().map(|p| self.predicate(p, &found)).collect();
        let lookup = self.lookup(step.axis, &found, &predicates);
        let by_schema = step.axis == Axis::Child && !found.is_text;
        let ids = if by_schema { found.ids.as_ref().map(|ids| ids.iter().copied().collect()) } else { None };
        (Step { axis: step.axis, test, ids, predicates, lookup }, found)
    }

    /// Resolves the names of a step, and where it leads.
    fn tested(&mut self, step: &SyntaxStep<'_>, from: &Nodes) -> (NodeTest, Nodes) {
        let modules = match step.test {
            SyntaxTest::Name(None, _) if self.site.home == self.site.module => vec![self.site.home],
            // RFC 7950 §6.4.1: without prefix it is the module of the node; published groupings mean their own.
            SyntaxTest::Name(None, _) => vec![self.site.home, self.site.module],
            SyntaxTest::Name(Some(prefix), _) | SyntaxTest::AnyOf(prefix) => {
                let Some(module) = self.module_of(prefix) else {
                    self.unknown_prefix(step.at, prefix);
                    return (NodeTest::Nothing, Nodes::unknown());
                };
                vec![module]
            }
            _ => Vec::new(),
        };
        match step.test {
            SyntaxTest::Any => self.with_test(step.axis, NodeTest::Any, from),
            SyntaxTest::Node => self.with_test(step.axis, NodeTest::Node, from),
            SyntaxTest::Text => self.with_test(step.axis, NodeTest::Text, from),
            SyntaxTest::Nothing => (NodeTest::Nothing, Nodes::none()),
            SyntaxTest::AnyOf(_) => match modules.first() {
                Some(module) => self.with_test(step.axis, NodeTest::AnyOf(*module), from),
                None => (NodeTest::Nothing, Nodes::none()),
            },
            SyntaxTest::Name(_, name) => {
                for module in &modules {
                    let (test, found) = self.with_test(step.axis, NodeTest::Name(vec![*module], name.into()), from);
                    if found.ids.as_ref().is_some_and(|ids| !ids.is_empty()) {
                        return (test, found);
                    }
                }
                self.with_test(step.axis, NodeTest::Name(modules, name.into()), from)
            }
        }
    }

    fn with_test(&self, axis: Axis, test: NodeTest, from: &Nodes) -> (NodeTest, Nodes) {
        let found = nodes::step(self.schema, from, axis, &test);
        (test, found)
    }

    /// Says that a step can lead nowhere.
    fn warn_of_nothing(&mut self, step: &SyntaxStep<'_>, from: &Nodes) {
        let ids: Vec<SchemaId> = from.ids.iter().flatten().copied().collect();
        let place = match ids.as_slice() {
            [SchemaId::ROOT] => "the top level".to_owned(),
            [only] => format!("`{}`", self.schema.node(*only).name),
            _ => "where the path leads".to_owned(),
        };
        // Data that no schema describes may have anything in it.
        if ids.iter().any(|id| matches!(self.schema.node(*id).kind, crate::yang::NodeKind::AnyData)) {
            return;
        }
        let fault = match (step.axis, &step.test) {
            (Axis::Child | Axis::Attribute, SyntaxTest::Name(prefix, name)) => {
                let shown = prefix.map_or_else(|| (*name).to_owned(), |p| format!("{p}:{name}"));
                let fault = Fault::warning(step.at, format!("{place} has no node `{shown}`: the path leads nowhere"));
                let children = ids.iter().flat_map(|id| nodes::children(self.schema, *id));
                let names: Vec<&str> = children.map(|id| &*self.schema.node(id).name).collect();
                match nearest(name, names.iter().copied()) {
                    Some(near) if near == *name => fault.hint("there is one in another module: use its prefix"),
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None => fault,
                }
            }
            (Axis::Parent, _) => Fault::warning(step.at, "this goes up beyond the root: the path leads nowhere"),
            _ => Fault::warning(step.at, format!("nothing is there from {place}: the path leads nowhere")),
        };
        self.faults.push(fault);
    }

    /// Returns the values of all keys, where the predicates say them and a step leads to one list.
    fn lookup(&self, axis: Axis, found: &Nodes, predicates: &[Predicate]) -> Option<Vec<Expr>> {
        let list = found.only().filter(|_| axis == Axis::Child && !found.is_text)?;
        let keys = &self.schema.node(list).as_list()?.keys;
        if keys.is_empty() {
            return None;
        }
        let mut bound = Vec::new();
        for predicate in predicates {
            // Behind a position, fewer entries are left than a look-up would find.
            if predicate.is_position || uses(&predicate.expr, Function::Position) || predicate.uses_last {
                break;
            }
            conjuncts(&predicate.expr, &mut bound);
        }
        let value = |key: &SchemaId| bound.iter().find_map(|(leaf, value)| (leaf == key).then(|| (*value).clone()));
        keys.iter().map(value).collect()
    }

    /// Narrows the way back by predicates on a list's keys: to the entry that the place of evaluation is in, or to the
    /// entry that a leafref leads to.
    fn narrow(&mut self, predicates: &[Syntax<'_>], found: &mut Nodes) {
        let Some(list) = found.only() else { return };
        let keys = self.schema.node(list).as_list().map_or(&[][..], |l| &l.keys).to_vec();
        let Route::Within(holder) = found.route else { return };
        if keys.is_empty() {
            return;
        }
        // Behind a position, other entries count too.
        let plain = predicates.iter().take_while(|p| is_plain(p));
        let mut bound: Vec<(SchemaId, Nodes)> = plain.flat_map(|p| self.bindings(p, list)).collect();
        bound.retain(|(key, _)| keys.contains(key));
        let is_own = |key: &SchemaId| bound.iter().any(|(bound, value)| bound == key && value.only() == Some(*key));
        let depth = |id: SchemaId| self.schema.node(id).list_depth;
        let encloses = nodes::is_within(self.schema, self.site.context, list);
        if encloses && depth(holder) + 1 == depth(list) && keys.iter().all(is_own) {
            found.route = Route::Within(list);
            return;
        }
        for (key, value) in &bound {
            if let Some((reference, within)) = self.reference_to(*key, value) {
                found.route = Route::Join { list, key: *key, reference, within };
                return;
            }
        }
    }

    /// Collects `key = path` from a predicate on a list's entries.
    fn bindings(&mut self, predicate: &Syntax<'_>, list: SchemaId) -> Vec<(SchemaId, Nodes)> {
        match &predicate.kind {
            SyntaxKind::And(parts) => parts.iter().flat_map(|part| self.bindings(part, list)).collect(),
            // Without predicates in them, looking at both sides costs no more than reading them.
            SyntaxKind::Compare(Comparison::Equal, left, right) if !has_predicates(left) && !has_predicates(right) => {
                let on = Nodes::one(list, Route::Within(list));
                let sides = self.attempt(|compiler| (compiler.expr(left, &on).1, compiler.expr(right, &on).1));
                match sides {
                    (Value::Nodes(one), Value::Nodes(other)) => {
                        let is_key = |nodes: &Nodes| {
                            nodes.only().is_some_and(|id| self.schema.node(id).data_parent == list)
                                && nodes.route == Route::Within(list)
                        };
                        let (one_is_key, other_is_key) = (is_key(&one), is_key(&other));
                        match (one.only(), other.only()) {
                            (Some(key), _) if one_is_key => vec![(key, other)],
                            (_, Some(key)) if other_is_key => vec![(key, one)],
                            _ => Vec::new(),
                        }
                    }
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    /// Returns the leafref that a value comes from and what holds it, when it leads to that key and each place of
    /// evaluation has one.
    fn reference_to(&self, key: SchemaId, value: &Nodes) -> Option<(SchemaId, SchemaId)> {
        let reference = value.only()?;
        let Route::Within(within) = value.route else { return None };
        let node = self.schema.node(reference);
        let leaf = node.as_leaf()?;
        let BaseType::Leafref(leafref) = &leaf.ty.base else { return None };
        // A default is not in the index of references.
        let is_indexed = leafref.target == key && leaf.default.is_none();
        (is_indexed && node.list_depth == self.schema.node(within).list_depth).then_some((reference, within))
    }

    /// Returns where `deref()` leads from some nodes.
    pub(super) fn deref(&mut self, at: At, from: &Nodes) -> Nodes {
        let Some(ids) = from.ids.as_ref() else { return Nodes::unknown() };
        let mut targets = std::collections::BTreeSet::new();
        let mut is_plain = true;
        for id in ids {
            match self.schema.node(*id).ty().map(|ty| &ty.base) {
                Some(BaseType::Leafref(leafref)) => {
                    targets.insert(leafref.target);
                    // Where it leads depends on what its predicates look at.
                    for predicate in &leafref.predicates {
                        is_plain = false;
                        let looked_at = std::collections::BTreeSet::from([predicate.value, predicate.key]);
                        let route = Route::Within(SchemaId::ROOT);
                        self.read(&Nodes { ids: Some(looked_at), is_text: false, route }, false);
                    }
                }
                Some(BaseType::InstanceIdentifier { .. } | BaseType::Union(_)) => return Nodes::unknown(),
                _ => {
                    let name = &self.schema.node(*id).name;
                    let what = format!("`{name}` is neither a leafref nor an instance-identifier: it leads nowhere");
                    self.faults.push(Fault::warning(at, what));
                }
            }
        }
        let route = targets.first().filter(|_| targets.len() == 1 && is_plain).and_then(|target| {
            let (reference, within) = self.reference_to(*target, from)?;
            let list = self.schema.node(*target).data_parent;
            self.schema.node(*target).is_key().then_some(Route::Join { list, key: *target, reference, within })
        });
        let route = route.unwrap_or(Route::Within(SchemaId::ROOT));
        let found = Nodes { ids: Some(targets), is_text: false, route };
        self.read(&found, false);
        found
    }
}

/// Returns whether a predicate speaks of each entry by itself, not of positions.
fn is_plain(predicate: &Syntax<'_>) -> bool {
    let is_boolean = matches!(predicate.kind, SyntaxKind::And(_) | SyntaxKind::Compare(..));
    is_boolean && !any(predicate, &|s| matches!(s.kind, SyntaxKind::Call { name: "position" | "last", .. }))
}

fn has_predicates(syntax: &Syntax<'_>) -> bool {
    any(syntax, &|s| match &s.kind {
        SyntaxKind::Path { start, steps } => {
            let filtered = matches!(start, SyntaxStart::Filter(_, predicates) if !predicates.is_empty());
            filtered || steps.iter().any(|step| !step.predicates.is_empty())
        }
        _ => false,
    })
}

/// Returns whether something holds of an expression or of one in it, those in predicates left out.
fn any(syntax: &Syntax<'_>, holds: &impl Fn(&Syntax<'_>) -> bool) -> bool {
    if holds(syntax) {
        return true;
    }
    match &syntax.kind {
        SyntaxKind::Or(parts) | SyntaxKind::And(parts) | SyntaxKind::Union(parts) => {
            parts.iter().any(|p| any(p, holds))
        }
        SyntaxKind::Compare(_, left, right) | SyntaxKind::Arithmetic(_, left, right) => {
            any(left, holds) || any(right, holds)
        }
        SyntaxKind::Negate(inner) | SyntaxKind::Path { start: SyntaxStart::Filter(inner, _), .. } => any(inner, holds),
        SyntaxKind::Call { arguments, .. } => arguments.iter().any(|a| any(a, holds)),
        SyntaxKind::Path { .. } | SyntaxKind::Literal(_) | SyntaxKind::Number(_) | SyntaxKind::Variable(_) => false,
    }
}

/// Collects `child = value` from a predicate, where the value does not depend on the entry.
fn conjuncts<'e>(expr: &'e Expr, found: &mut Vec<(SchemaId, &'e Expr)>) {
    match expr {
        Expr::And(parts) => parts.iter().for_each(|part| conjuncts(part, found)),
        Expr::Compare(Comparison::Equal, left, right) => {
            if let (Some(leaf), true) = (child_leaf(left), is_free(right)) {
                found.push((leaf, right));
            } else if let (Some(leaf), true) = (child_leaf(right), is_free(left)) {
                found.push((leaf, left));
            }
        }
        _ => {}
    }
}

fn child_leaf(expr: &Expr) -> Option<SchemaId> {
    let Expr::Path(Path { start: Start::Context, steps }) = expr else { return None };
    let [Step { axis: Axis::Child, ids: Some(ids), predicates, .. }] = steps.as_slice() else { return None };
    match ids.as_slice() {
        [only] if predicates.is_empty() => Some(*only),
        _ => None,
    }
}

/// Returns whether an expression has the same value whatever the context node.
fn is_free(expr: &Expr) -> bool {
    match expr {
        Expr::Or(parts) | Expr::And(parts) | Expr::Union(parts) => parts.iter().all(is_free),
        Expr::Compare(_, left, right) | Expr::Arithmetic(_, left, right) => is_free(left) && is_free(right),
        Expr::Negate(inner) | Expr::Match(inner, _) | Expr::Derived(inner, ..) => is_free(inner),
        Expr::Literal(_) | Expr::Number(_) => true,
        Expr::Call(function, arguments) => match function {
            Function::Current | Function::True | Function::False => true,
            Function::Position | Function::Last | Function::Lang => false,
            // Without arguments they speak of the context node.
            _ => !arguments.is_empty() && arguments.iter().all(is_free),
        },
        Expr::Path(path) => match &path.start {
            Start::Root => true,
            Start::Context => false,
            Start::Filter(inner, _) => is_free(inner),
        },
    }
}
