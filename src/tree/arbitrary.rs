//! Random trees and edits over a schema that has one of everything, for the property tests of this layer and of codecs.

use super::{Cell, DataPath, DataTree, Key, Mark, Plan, Position, Value};
use crate::diagnostic::Source;
use crate::secret::{OpenError, SEALED_PREFIX, Sealer, Secret};
use crate::yang::{
    BaseType, CompileOptions, NodeKind, SchemaId, SchemaNode, SchemaTree, Type, builtin_sources, compile,
};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

/// Every kind of node, every type.
pub(crate) const MODULE: &str = r#"
module arb {
  yang-version 1.1;
  namespace "urn:arb";
  prefix arb;
  import annunciator-extensions { prefix ann; }

  identity shape;
  identity round { base shape; }
  identity circle { base round; }
  identity square { base shape; }

  grouping scalars {
    leaf text { type string; }
    leaf tiny { type int8; }
    leaf port { type uint16; }
    leaf long { type int64; }
    leaf longer { type uint64 { range "0..10 | 1000..max"; } }
    leaf ratio { type decimal64 { fraction-digits 3; } }
    leaf flag { type boolean; }
    leaf nothing { type empty; }
    leaf raw { type binary; }
    leaf options { type bits { bit zero; bit one; bit two; } }
    leaf colour { type enumeration { enum red; enum "light blue"; enum no; } }
    leaf shape { type identityref { base shape; } }
    leaf place { type instance-identifier { require-instance false; } }
    leaf mixed {
      type union {
        type uint8;
        type int64;
        type boolean;
        type enumeration { enum "off"; enum "017"; }
        type decimal64 { fraction-digits 2; }
        type string;
      }
    }
    leaf mixed-empty { type union { type empty; type uint64; type identityref { base round; } } }
    leaf code { type string { pattern "[a-z]{1,3}[0-9]?"; length "2..3"; } }
    leaf with-default { type uint32; default 7; }
  }

  container top {
    uses scalars;
    leaf password { type string { length "1..max"; } ann:secret; }
    leaf-list words { type string; }
    leaf-list steps { ordered-by user; type int32; }
    leaf-list wide { type uint64; }
    leaf-list tokens { ordered-by user; type string; ann:secret; }
    leaf-list shapes { type identityref { base shape; } max-elements 2; }
    container held {
      presence "It is held.";
      leaf by { type string; mandatory true; }
      leaf-list witnesses { type string; min-elements 1; }
    }
    container plain {
      leaf y { type string; }
      container deeper { leaf z { type uint8; } }
    }
    choice way {
      case by-foot { leaf shoes { type string; } leaf-list stops { type string; } }
      container by-car { leaf wheels { type uint8; mandatory true; } }
      case by-rail {
        container train { presence "A train."; leaf number { type uint16; } }
        choice class { leaf first { type empty; } leaf second { type empty; } }
      }
    }
    anydata notes;
  }

  list pair {
    key "a b";
    unique "c d/e";
    leaf a { type string; }
    leaf b { type uint8; }
    leaf c { type string; }
    container d { leaf e { type string; default "it's"; } }
    list inner {
      key id;
      ordered-by user;
      leaf id { type uint64; }
      leaf beside { type leafref { path "../../inner/id"; } }
      leaf value { type union { type leafref { path "/arb:queue/arb:id"; } type uint8; } }
    }
    uses scalars;
  }

  list queue {
    key id;
    ordered-by user;
    max-elements 4;
    leaf id { type string; }
    leaf required { type string; mandatory true; }
    container opts { leaf level { type uint8; mandatory true; } }
    choice kind {
      mandatory true;
      leaf soft { type empty; }
      container hard { presence "Hard."; leaf degree { type uint8; } }
    }
    leaf next { type leafref { path "/arb:queue/arb:id"; } }
    leaf maybe { type leafref { path "/arb:queue/arb:id"; require-instance false; } }
    leaf a-pair { type leafref { path "/arb:pair/arb:a"; } }
    leaf-list words { type leafref { path "/arb:top/arb:words"; } }
    leaf-list texts { ordered-by user; type leafref { path "/arb:top/arb:text"; } }
  }

  list link {
    key to;
    leaf to { type leafref { path "/arb:queue/arb:id"; } }
    leaf weight { type uint32; }
  }

  container status { config false; leaf seen { type uint64; } }
}
"#;

/// A second module: names that need their module, and one that two modules have in one place.
pub(crate) const MODULE_MORE: &str = r#"
module arb-more {
  yang-version 1.1;
  namespace "urn:arb-more";
  prefix more;
  import arb { prefix arb; }

  augment "/arb:top" {
    leaf text { type string; }
    container more { leaf x { type uint8; } }
  }
  augment "/arb:queue" { leaf remark { type string; } }
  identity oval { base arb:round; }
}
"#;

/// Returns the schema of both modules.
pub(crate) fn plan() -> Arc<Plan> {
    static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
        let mut sources: Vec<Arc<Source>> =
            builtin_sources().into_iter().filter(|s| s.name() == "annunciator-extensions.yang").collect();
        sources.push(Source::new("arb.yang", MODULE));
        sources.push(Source::new("arb-more.yang", MODULE_MORE));
        match compile(&sources, &CompileOptions::default()) {
            Ok((schema, _)) => Plan::new(Arc::new(schema)),
            Err(faults) => panic!("{faults}"),
        }
    });
    Arc::clone(&PLAN)
}

/// Seals by hexadecimal digits: opens anything it sealed, equal texts give equal seals.
#[derive(Debug)]
pub(crate) struct HexSealer;

impl Sealer for HexSealer {
    fn seal(&self, clear: &str) -> String {
        clear.bytes().fold(SEALED_PREFIX.to_owned(), |sealed, byte| sealed + &format!("{byte:02x}"))
    }

    fn is_current(&self, _sealed: &str) -> bool {
        true
    }

    fn rotate(&self) -> Result<(), crate::secret::KeyRingError> {
        Ok(())
    }

    fn open(&self, sealed: &str) -> Result<Secret, OpenError> {
        let digits = sealed.strip_prefix(SEALED_PREFIX).ok_or(OpenError::Malformed)?;
        let byte = |at: usize| digits.get(at..at + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
        let clear = bytes.and_then(|b| String::from_utf8(b).ok()).ok_or(OpenError::Malformed)?;
        Ok(Secret::new(clear))
    }
}

/// Comments, with what the notations have to be careful with.
const COMMENTS: [&str; 4] = ["why not", "# \"quoted\" ; { 'x' }", "ends with \\ & <b> /* !", "é \u{1f600}: - [x]"];

/// One edit, as numbers that [`Edit::apply`] makes sense of for whatever schema: any numbers do, and fewer shrink well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit {
    node: u16,
    keys: [u8; 3],
    value: u16,
    action: u8,
}

/// Random edits of which most add.
pub(crate) fn edits(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Edit>> {
    let edit = (any::<u16>(), any::<[u8; 3]>(), any::<u16>(), 0u8..10);
    let edit = edit.prop_map(|(node, keys, value, action)| Edit { node, keys, value, action });
    proptest::collection::vec(edit, count)
}

/// Random trees, not necessarily valid as wholes.
pub(crate) fn trees() -> impl Strategy<Value = DataTree> {
    edits(0..80).prop_map(|edits| grown(DataTree::new(plan()), &edits))
}

/// Returns a tree with edits made.
pub(crate) fn grown(mut tree: DataTree, edits: &[Edit]) -> DataTree {
    for edit in edits {
        edit.apply(&mut tree);
    }
    tree
}

impl Edit {
    /// Makes the edit; one that the tree refuses changes nothing.
    pub(crate) fn apply(self, tree: &mut DataTree) {
        let schema = Arc::clone(tree.schema());
        let targets: Vec<&SchemaNode> = schema.nodes().iter().filter(|n| is_target(&schema, n)).collect();
        let node = targets[usize::from(self.node) % targets.len()];
        let Some(path) = self.path(&schema, node.id) else { return };
        if self.action == 9 && self.value.is_multiple_of(2) {
            let comment = COMMENTS.get(usize::from(self.value / 4) % (COMMENTS.len() + 1)).map(|text| Arc::from(*text));
            // What is not there is nothing to note anything about.
            tree.set_mark(&path, &Mark { comment, is_inactive: self.keys[0].is_multiple_of(2) }).ok();
            return;
        }
        match (self.action, &node.kind) {
            (7, NodeKind::List(_)) if self.value.is_multiple_of(4) => {
                tree.remove(&DataPath::new(node.id, path.keys()[..path.keys().len() - 1].to_vec()));
            }
            (7, NodeKind::LeafList(list)) if self.value.is_multiple_of(2) => {
                if let Some(value) = self.value(&schema, node, &list.ty) {
                    tree.remove(&path.entry(Key::One(value)));
                }
            }
            (7, _) => drop(tree.remove(&path)),
            (8, NodeKind::List(_)) => {
                let position = match self.value % 3 {
                    0 => Position::First,
                    1 => Position::Last,
                    _ => Position::After(self.key(&schema, node.id, 2).unwrap_or(Key::One(Value::Empty))),
                };
                tree.move_entry(&path, &position).ok();
            }
            (_, NodeKind::Container { .. } | NodeKind::List(_)) => drop(tree.create(&path)),
            (_, NodeKind::AnyData) => {
                let text = ANY_DATA[usize::from(self.value) % ANY_DATA.len()];
                tree.put(&path, Cell::AnyData(text.into())).ok();
            }
            (_, NodeKind::Leaf(leaf)) => {
                if let Some(value) = self.value(&schema, node, &leaf.ty) {
                    tree.set(&path, value).ok();
                }
            }
            (_, NodeKind::LeafList(list)) => {
                if let Some(value) = self.value(&schema, node, &list.ty) {
                    let position = if self.action == 6 { Position::First } else { Position::Last };
                    tree.add_value(&path, value, &position).ok();
                }
            }
            _ => {}
        }
    }

    /// Sets something at a leaf or leaf-list that is missing.
    pub(crate) fn fill(self, tree: &mut DataTree, path: &DataPath) {
        let schema = Arc::clone(tree.schema());
        let node = schema.node(path.schema_id());
        let Some(value) = node.ty().and_then(|ty| self.value(&schema, node, ty)) else { return };
        match node.kind {
            NodeKind::LeafList(_) => drop(tree.add_value(path, value, &Position::Last)),
            _ => drop(tree.set(path, value)),
        }
    }

    fn path(self, schema: &SchemaTree, id: SchemaId) -> Option<DataPath> {
        let lists = schema.ancestry(id).into_iter().filter(|id| schema.node(*id).as_list().is_some());
        let keys = lists.enumerate().map(|(at, list)| self.key(schema, list, at)).collect::<Option<Vec<_>>>()?;
        Some(DataPath::new(id, keys))
    }

    fn key(self, schema: &SchemaTree, list: SchemaId, at: usize) -> Option<Key> {
        let seed = u16::from(self.keys[at % 3]);
        let leaves = schema.node(list).as_list()?.keys.iter().enumerate();
        let value = |(at, leaf): (usize, &SchemaId)| value_of(schema, schema.node(*leaf).ty()?, seed >> (2 * at), true);
        leaves.map(value).collect::<Option<Vec<_>>>().map(Key::new)
    }

    fn value(self, schema: &SchemaTree, node: &SchemaNode, ty: &Type) -> Option<Value> {
        let value = value_of(schema, ty, self.value, false)?;
        if node.is_secret() { Value::sealed(&HexSealer.seal(&value.to_string())) } else { Some(value) }
    }
}

fn is_target(schema: &SchemaTree, node: &SchemaNode) -> bool {
    let is_data = matches!(
        node.kind,
        NodeKind::Container { .. } | NodeKind::List(_) | NodeKind::Leaf(_) | NodeKind::LeafList(_) | NodeKind::AnyData
    );
    let is_reachable = |id: &SchemaId| schema.node(*id).config;
    is_data && !node.is_key() && node.config && schema.ancestry(node.id).iter().all(is_reachable)
}

/// Texts that some notation takes for something else, or cannot write without care.
const NASTY: &[&str] = &[
    "a",
    "it's",
    "no",
    "\"x\" and 'y'",
    "b",
    "",
    " ",
    " lead",
    "trail ",
    "two words",
    "a: b",
    "a #b",
    "- x",
    "017",
    "1e3",
    "true",
    "null",
    "~",
    "<<",
    "=",
    "{",
    "}",
    "[x]",
    ";",
    "a;b",
    "a{b",
    "\\",
    "a\\nb",
    "\\\\",
    "l1\nl2",
    "\n",
    "a\n",
    "\t",
    "a\tb",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{7f}",
    "\u{9b}31m",
    "é",
    "😀",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a`",
    "#",
    "/* a */",
    "// a",
    "---",
    "...",
    "$9$",
    "$9",
    "<secret>",
    "/a/b",
    "a,b",
    "?",
    ":",
    "-",
    "'",
    "\"",
    "0x1f",
    "1:30",
    "2001-01-01",
    ".5",
    "set",
    "delete",
    "pair a",
    "\"",
    "\u{10fffd}",
    "ab1",
    "zz",
    "xyz",
    "a]b",
    "it''s",
    "\"\"",
];

/// `anydata` as readers keep it: compact JSON.
const ANY_DATA: &[&str] = &[
    "{\"a\":1}",
    "{}",
    "{\"x\":[null,true,\"no\",1.5e3,{\"y\":[]}]}",
    "[\"a\\nb\",[[]]]",
    "\"text\"",
    "{\"a b\":{\"é\":\"~\"}}",
];

/// Texts tried at most until one fits the type's restrictions.
const TRIES: u16 = 200;

fn value_of(schema: &SchemaTree, ty: &Type, seed: u16, few: bool) -> Option<Value> {
    (0..TRIES).find_map(|more| {
        let text = text_of(schema, ty, seed.wrapping_add(more), few);
        Value::parse(schema, ty, &text).ok()
    })
}

/// Returns a text that may be a value of a type; `few` different ones for keys, so that entries and references meet.
fn text_of(schema: &SchemaTree, ty: &Type, seed: u16, few: bool) -> String {
    let pick = |from: &[&str]| from[usize::from(seed) % from.len()].to_owned();
    match &ty.base {
        BaseType::Boolean => pick(&["true", "false"]),
        BaseType::Empty => String::new(),
        BaseType::Integer { kind, .. } if !few => {
            let (low, high) = kind.bounds();
            let numbers = [0, 1, low, high, 7, -1, 42, high / 2, low / 2, i128::from(seed)];
            numbers[usize::from(seed) % numbers.len()].to_string()
        }
        BaseType::Integer { .. } => (seed % 4).to_string(),
        BaseType::Decimal64 { .. } => pick(&["0.0", "1.5", "-1.05", "9223372036854775.807", "-0.001", "3", "12.34"]),
        BaseType::Binary { .. } => pick(&["", "AA==", "/+8=", "aGVsbG8gd29ybGQ="]),
        BaseType::Bits(bits) => {
            let set = bits.iter().filter(|bit| seed >> (bit.position % 16) & 1 == 1);
            set.map(|bit| &*bit.name).collect::<Vec<_>>().join(" ")
        }
        BaseType::Enumeration(members) => members[usize::from(seed) % members.len()].name.to_string(),
        BaseType::IdentityRef { .. } => {
            let identities = schema.identities();
            let identity = &identities[usize::from(seed) % identities.len()];
            format!("{}:{}", schema.module(identity.module).name, identity.name)
        }
        BaseType::InstanceIdentifier { .. } => pick(&[
            "/arb:top/text",
            "/arb:top/arb-more:text",
            "/arb:queue[id='a']/required",
            "/arb:pair[a=\"it's\"][b='1']/inner[id='3']",
            "/arb:top/words[.='x']",
        ]),
        // References meet keys, which have few values.
        BaseType::Leafref(leafref) => text_of(schema, &leafref.target_type, seed, true),
        BaseType::String { .. } if few => pick(&NASTY[..4]),
        BaseType::String { .. } => pick(NASTY),
        BaseType::Union(members) => {
            let member = &members[usize::from(seed) % members.len()];
            text_of(schema, member, seed / 7, few)
        }
    }
}
