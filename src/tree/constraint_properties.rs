//! Validation for random conditions over random trees: what changed says what everything says, and a simple judge agrees.

use super::arbitrary::{Edit, edits, grown};
use super::oracle::{Ast, Copy, Filter, Hop, Whens};
use super::{DataPath, DataTree, Plan, diff, validate, validate_change};
use crate::diagnostic::{Diagnostics, Source};
use crate::yang::{CompileOptions, SchemaId, SchemaTree, compile};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A node of the schema: name, parent, text in front of what is generated.
struct Sketch(&'static str, usize, &'static str);

const ENUM: &str = "type enumeration { enum a; enum b; enum c; enum d; }";
const NODES: [Sketch; 28] = [
    Sketch("", 0, ""),
    Sketch("t1", 0, "leaf t1 { ENUM"),
    Sketch("t2", 0, "leaf t2 { type uint8; default 2;"),
    Sketch("c", 0, "container c {"),
    Sketch("c1", 3, "leaf c1 { ENUM"),
    Sketch("c2", 3, "leaf c2 { type uint8; default 3;"),
    Sketch("d", 3, "container d {"),
    Sketch("d1", 6, "leaf d1 { ENUM default a;"),
    Sketch("l", 0, "list l { key k;"),
    Sketch("k", 8, "leaf k { ENUM"),
    Sketch("x", 8, "leaf x { ENUM"),
    Sketch("y", 8, "leaf y { type uint8; default 1;"),
    Sketch("r", 8, "leaf r { type leafref { path \"/g:l/g:k\"; }"),
    Sketch("m", 8, "list m { key mk;"),
    Sketch("mk", 13, "leaf mk { ENUM"),
    Sketch("mx", 13, "leaf mx { ENUM default b;"),
    Sketch("w", 8, "leaf-list w { ENUM"),
    Sketch("u", 0, "list u { key uk; ordered-by user;"),
    Sketch("uk", 17, "leaf uk { ENUM"),
    Sketch("ux", 17, "leaf ux { ENUM"),
    Sketch("ur", 17, "leaf ur { type leafref { path \"/g:l/g:k\"; require-instance false; }"),
    Sketch("s", 0, "leaf s { type leafref { path \"/g:l/g:x\"; }"),
    Sketch("o1", 0, "case one { leaf o1 { ENUM default c;"),
    Sketch("o2", 0, "case two { container o2 {"),
    Sketch("o3", 23, "leaf o3 { ENUM default b;"),
    Sketch("p", 0, "container p { presence p;"),
    Sketch("pv", 25, "leaf pv { type uint8; default 4;"),
    Sketch("pr", 25, "leaf pr { type leafref { path \"../../l[k = current()/../../s]/k\"; require-instance false; }"),
];

const SET: &[&str] = &["a", "b", "c", "d"];
/// What conditions look at: none of these has a condition.
const SAFE: [usize; 5] = [1, 4, 10, 8, 2];
/// What has conditions.
const CONDITIONAL: [usize; 6] = [6, 11, 15, 16, 19, 26];
const REFERENCES: [usize; 3] = [12, 20, 21];

/// Makes choices out of random bytes.
struct Maker<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Maker<'_> {
    fn pick(&mut self, count: usize) -> usize {
        let byte = self.bytes.get(self.at % self.bytes.len().max(1)).copied().unwrap_or(0);
        self.at += 1;
        (usize::from(byte) + self.at / self.bytes.len().max(1)) % count
    }

    fn literal(&mut self) -> Ast {
        Ast::Text(SET[self.pick(SET.len())])
    }

    fn children(of: usize) -> Vec<usize> {
        (1..NODES.len()).filter(|n| NODES[*n].1 == of).collect()
    }

    /// Walks about the schema from a node.
    fn path(&mut self, from: usize, depth: usize) -> (Vec<Hop>, usize) {
        let (mut hops, mut at) = match self.pick(5) {
            0 => (vec![Hop::Root], 0),
            1 if depth > 0 => (vec![Hop::Current, Hop::Here], from),
            _ => (vec![Hop::Here], from),
        };
        for _ in 0..=self.pick(4) {
            let children = Self::children(at);
            match self.pick(8) {
                0 | 1 if at != 0 => {
                    hops.push(Hop::Up);
                    at = NODES[at].1;
                }
                2 if self.pick(3) == 0 => {
                    at = 1 + self.pick(NODES.len() - 1);
                    hops.push(Hop::Below(NODES[at].0));
                }
                3 if at != 0 && self.pick(2) == 0 => {
                    hops.push(Hop::Siblings(self.pick(2) == 0, NODES[at].0));
                }
                4 if at != 0 && self.pick(3) == 0 => {
                    at = NODES[at].1;
                    hops.push(Hop::Ancestors(NODES[at].0));
                    if at == 0 {
                        hops.pop();
                        hops.push(Hop::Up);
                    }
                }
                5 if !children.is_empty() && self.pick(3) == 0 => {
                    hops.push(Hop::Any(self.filters(from, children[0], depth)));
                    at = children[self.pick(children.len())];
                }
                _ if !children.is_empty() => {
                    at = children[self.pick(children.len())];
                    hops.push(Hop::Name(NODES[at].0, self.filters(from, at, depth)));
                }
                _ => {
                    hops.push(Hop::Up);
                    at = NODES[at].1;
                }
            }
        }
        (hops, at)
    }

    fn filters(&mut self, from: usize, at: usize, depth: usize) -> Vec<Filter> {
        if depth > 1 || self.pick(3) != 0 {
            return Vec::new();
        }
        let children = Self::children(at);
        vec![match self.pick(5) {
            0 => Filter::Position(1 + self.pick(2)),
            1 => Filter::Last,
            2 if !children.is_empty() => {
                // The shapes that look-ups and joins are made from.
                let leaf = Ast::Path(vec![Hop::Name(NODES[children[0]].0, Vec::new())]);
                let value = match self.pick(3) {
                    0 => self.literal(),
                    _ => Ast::Path(self.own_leaf(from)),
                };
                Filter::Holds(Box::new(Ast::Compare("=", Box::new(leaf), Box::new(value))))
            }
            // Nothing numeric: it would be a position.
            _ => Filter::Holds(Box::new(Ast::Not(Box::new(self.expr(at, depth + 2))))),
        }]
    }

    /// A leaf beside or in the place of evaluation, from `current()`.
    fn own_leaf(&mut self, from: usize) -> Vec<Hop> {
        let holder = if Self::children(from).is_empty() { NODES[from].1 } else { from };
        let mut hops = vec![Hop::Current];
        if holder != from {
            hops.push(Hop::Up);
        }
        let children = Self::children(holder);
        let references: Vec<usize> = children.iter().copied().filter(|c| REFERENCES.contains(c)).collect();
        let among = if references.is_empty() { children } else { references };
        if !among.is_empty() {
            hops.push(Hop::Name(NODES[among[self.pick(among.len())]].0, Vec::new()));
        }
        hops
    }

    fn nodes(&mut self, from: usize, depth: usize) -> Ast {
        match self.pick(7) {
            0 => {
                Ast::Union(Box::new(Ast::Path(self.path(from, depth).0)), Box::new(Ast::Path(self.path(from, depth).0)))
            }
            1 => {
                let inner = self.own_leaf(from);
                let mut hops = vec![Hop::Deref(inner), Hop::Up];
                hops.push(Hop::Name(["x", "y", "w", "k"][self.pick(4)], Vec::new()));
                Ast::Path(hops)
            }
            _ => Ast::Path(self.path(from, depth).0),
        }
    }

    fn number(&mut self, from: usize, depth: usize) -> Ast {
        match self.pick(5) {
            0 => Ast::Count(Box::new(self.nodes(from, depth))),
            1 => Ast::Sum(Box::new(self.nodes(from, depth))),
            2 => Ast::Length(Box::new(self.nodes(from, depth))),
            3 => Ast::Plus(Box::new(self.nodes(from, depth)), Box::new(Ast::Number(1))),
            _ => Ast::Number(i32::try_from(self.pick(4)).unwrap()),
        }
    }

    fn expr(&mut self, from: usize, depth: usize) -> Ast {
        let operator = ["=", "!=", "<", "<=", ">", ">="][self.pick(6)];
        let equality = ["=", "!="][self.pick(2)];
        match self.pick(if depth > 2 { 4 } else { 8 }) {
            0 => Ast::Compare(equality, Box::new(self.nodes(from, depth)), Box::new(self.literal())),
            1 => self.nodes(from, depth),
            2 => Ast::Compare(operator, Box::new(self.number(from, depth)), Box::new(self.number(from, depth))),
            3 => Ast::Compare(operator, Box::new(self.nodes(from, depth)), Box::new(self.nodes(from, depth))),
            4 => Ast::Not(Box::new(self.expr(from, depth + 1))),
            5 => Ast::Both(Box::new(self.expr(from, depth + 1)), Box::new(self.expr(from, depth + 1))),
            6 => Ast::Either(Box::new(self.expr(from, depth + 1)), Box::new(self.expr(from, depth + 1))),
            _ => Ast::StartsWith(Box::new(self.nodes(from, depth)), SET[self.pick(4)]),
        }
    }

    /// A condition that looks only at what has none.
    fn condition(&mut self, from: usize) -> Ast {
        let (mut hops, is_near) = match (self.pick(3), NODES[from].1) {
            (0 | 1, 8) => (vec![Hop::Up, Hop::Name("x", Vec::new())], true),
            (0, 13) => (vec![Hop::Up, Hop::Up, Hop::Name("x", Vec::new())], true),
            (0, 3) => (vec![Hop::Up, Hop::Name("c1", Vec::new())], true),
            _ => (vec![Hop::Root], false),
        };
        let mut is_list = false;
        if !is_near {
            let mut way = vec![SAFE[self.pick(SAFE.len())]];
            while NODES[way[0]].1 != 0 {
                way.insert(0, NODES[way[0]].1);
            }
            // The texts in an entry would be those of what has conditions too.
            is_list = way == [8];
            hops.extend(way.into_iter().map(|n| Hop::Name(NODES[n].0, Vec::new())));
        }
        let path = Box::new(Ast::Path(hops));
        match self.pick(if is_list { 3 } else { 4 }) {
            0 => Ast::Compare(">", Box::new(Ast::Count(path)), Box::new(Ast::Number(1))),
            1 => Ast::Not(path),
            2 => *path,
            _ => Ast::Compare("=", path, Box::new(self.literal())),
        }
    }
}

/// A schema with random conditions.
struct Schema {
    plan: Arc<Plan>,
    text: String,
    musts: Vec<(SchemaId, Ast)>,
    whens: Whens,
}

fn id_of(schema: &SchemaTree, node: usize) -> SchemaId {
    let mut way = vec![node];
    while NODES[way[0]].1 != 0 {
        way.insert(0, NODES[way[0]].1);
    }
    schema.find(way.into_iter().map(|n| NODES[n].0)).unwrap()
}

fn schema(bytes: &[u8]) -> Schema {
    let mut maker = Maker { bytes, at: 0 };
    let mut musts: Vec<(usize, Ast)> = Vec::new();
    for _ in 0..6 {
        let node = 1 + maker.pick(NODES.len() - 1);
        let ast = maker.expr(node, 0);
        musts.push((node, ast));
    }
    let mut whens: Vec<(usize, Ast)> = Vec::new();
    for node in CONDITIONAL {
        if maker.pick(2) == 0 {
            whens.push((node, maker.condition(node)));
        }
    }
    let mut text = String::from("module g { yang-version 1.1; namespace 'urn:g'; prefix g;\n");
    write(&mut text, 0, &musts, &whens, maker.pick(2) == 0);
    text.push_str("}\n");
    let compiled = compile(&[Source::new("g.yang", text.as_str())], &CompileOptions::default());
    let (compiled, _) = compiled.unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    let musts = musts.into_iter().map(|(node, ast)| (id_of(&compiled, node), ast)).collect();
    let whens = whens.into_iter().map(|(node, ast)| (id_of(&compiled, node), ast)).collect();
    Schema { plan: Plan::new(Arc::new(compiled)), text, musts, whens }
}

fn write(text: &mut String, parent: usize, musts: &[(usize, Ast)], whens: &[(usize, Ast)], unique: bool) {
    for node in Maker::children(parent) {
        let Sketch(name, _, head) = &NODES[node];
        if node == 22 {
            text.push_str("choice ch { default one;\n");
        }
        text.push_str(&head.replace("ENUM", ENUM));
        if *name == "l" && unique {
            text.push_str(" unique \"x y\";");
        }
        for (_, when) in whens.iter().filter(|(at, _)| *at == node) {
            text.push_str(&format!("\n  when \"{when}\";"));
        }
        for (index, (at, must)) in musts.iter().enumerate() {
            if *at == node {
                text.push_str(&format!("\n  must \"{must}\" {{ error-message 'must {index}'; }}"));
            }
        }
        write(text, node, musts, whens, unique);
        text.push_str(match node {
            22 => "} }\n",
            23 => "} } }\n",
            _ => "}\n",
        });
    }
}

/// What was found, as comparable lines.
fn lines(found: &Diagnostics) -> BTreeSet<String> {
    let line = |d: &crate::diagnostic::Diagnostic| {
        let message = match &*d.message {
            m if m.ends_with("would no longer exist") || m.ends_with("which does not exist") => "dangles",
            m if m.contains("must be unique") => "not unique",
            m => m,
        };
        format!("{} {message}", d.data_path.as_deref().unwrap_or(""))
    };
    found.iter().map(line).collect()
}

/// Returns which conditions do not hold where, as the engine says.
fn judged(tree: &DataTree, found: &Diagnostics) -> BTreeSet<String> {
    let shown = |path: &str| {
        let path = DataPath::parse(tree.schema(), path).unwrap();
        let mut keys = path.keys().iter();
        let mut text = String::new();
        for id in tree.schema().ancestry(path.schema_id()) {
            let node = tree.schema().node(id);
            text.push_str(&format!("/{}", node.name));
            if node.as_leaf().is_none() && !matches!(node.kind, crate::yang::NodeKind::Container { .. }) {
                text.push_str(&format!("[{}]", keys.next().unwrap().values()[0]));
            }
        }
        text
    };
    let relevant = found.iter().filter_map(|d| match &*d.message {
        m if m.starts_with("must ") => Some(format!("{} {m}", shown(d.data_path.as_deref().unwrap()))),
        m if m.contains("may not be configured here") => {
            Some(format!("{} when", shown(d.data_path.as_deref().unwrap())))
        }
        _ => None,
    });
    relevant.collect()
}

fn expected(tree: &DataTree, schema: &Schema) -> BTreeSet<String> {
    let copy = Copy::of(tree, &schema.whens);
    let mut all = BTreeSet::new();
    for (index, (id, ast)) in schema.musts.iter().enumerate() {
        all.extend(copy.failing(*id, ast, false).into_iter().map(|path| format!("{path} must {index}")));
    }
    for (id, ast) in &schema.whens {
        all.extend(copy.failing(*id, ast, true).into_iter().map(|path| format!("{path} when")));
    }
    all
}

fn steps() -> impl Strategy<Value = (Vec<Edit>, Vec<Vec<Edit>>)> {
    (edits(0..40), proptest::collection::vec(edits(1..4), 1..12))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn conditions_are_judged_as_a_simple_judge_does_and_changes_as_the_whole(
        bytes in proptest::collection::vec(any::<u8>(), 8..120),
        (start, steps) in steps(),
    ) {
        let schema = schema(&bytes);
        let mut before = grown(DataTree::new(Arc::clone(&schema.plan)), &start);
        for step in &steps {
            let after = grown(before.clone(), step);
            let all = validate(&after);
            prop_assert_eq!(judged(&after, &all), expected(&after, &schema), "{}\n{:?}", schema.text, after);
            let (old, new) = (lines(&validate(&before)), lines(&all));
            let some = lines(&validate_change(&before, &after, &diff(&before, &after)));
            // What changed says nothing that is not so, and leaves out only what was wrong before.
            let missing: Vec<&String> = new.difference(&old).filter(|line| !some.contains(*line)).collect();
            prop_assert!(missing.is_empty(), "missing {:?}\n{}\n{:?}\n{:?}", missing, schema.text, before, after);
            let extra: Vec<&String> = some.difference(&new).collect();
            prop_assert!(extra.is_empty(), "extra {:?}\n{}\n{:?}\n{:?}", extra, schema.text, before, after);
            before = after;
        }
    }
}
