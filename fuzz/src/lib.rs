//! What the fuzz targets run: each function takes any bytes and panics only when the package is at fault.
//!
//! `tests/it/fuzz_smoke.rs` runs the same functions on the seeds and on inputs of its own, without a fuzzer.

use annunciator::codec::{
    self, Builder, Format, JsonLayout, XmlFrame, write_curly, write_json, write_set, write_xml, write_yaml,
};
use annunciator::diagnostic::Source;
use annunciator::secret::KeyRing;
use annunciator::shell::engine::is_command;
use annunciator::shell::protocol::{FromClient, FromDaemon, decode, encode};
use annunciator::tree::{
    Cell, DataPath, DataTree, Key, Plan, Position, Value, diff, settle, validate, validate_change,
};
use annunciator::yang::{CompileOptions, NodeKind, SchemaId, Type, builtin_schema, compile};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// Bytes of an input looked at: readers have larger limits of their own, which only cost time here.
const INPUT_BYTES_MAX: usize = 64 << 10;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data.get(..INPUT_BYTES_MAX).unwrap_or(data)).ok()
}

/// The product's schema and a key that lives as long as the process.
fn ground() -> &'static (Arc<Plan>, KeyRing) {
    static GROUND: OnceLock<(Arc<Plan>, KeyRing)> = OnceLock::new();
    GROUND.get_or_init(|| {
        let schema = builtin_schema().expect("the product's own modules compile");
        (Plan::new(schema), KeyRing::ephemeral().expect("the system has randomness"))
    })
}

fn written(tree: &DataTree, format: Format) -> String {
    let mut text = String::new();
    let done = match format {
        Format::Json => write_json(&mut text, tree, &DataPath::ROOT, JsonLayout::PRETTY),
        Format::Yaml => write_yaml(&mut text, tree, &DataPath::ROOT),
        Format::Xml => write_xml(&mut text, tree, &DataPath::ROOT, XmlFrame::Config),
        Format::Curly => write_curly(tree.root(), &mut text),
        Format::Set => write_set(tree.root(), &DataPath::ROOT, &mut text),
    };
    done.expect("a text takes all that is written");
    text
}

/// Returns the tree that a text makes, or what is told about it.
fn read(text: &str, format: Format) -> Result<DataTree, String> {
    let (plan, keys) = ground();
    let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), keys);
    codec::read(&mut builder, format, &Source::new("fuzz", text));
    let Builder { tree, diagnostics, .. } = builder;
    if diagnostics.has_errors() { Err(diagnostics.to_string()) } else { Ok(tree) }
}

/// Reads a text in every notation; what one accepts must read back as the same tree from all of them.
pub fn codecs(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for format in Format::ALL {
        let Ok(tree) = read(text, format) else { continue };
        for format in Format::ALL {
            let again = written(&tree, format);
            let same = read(&again, format).unwrap_or_else(|told| panic!("{format}: {told}\n{again}"));
            assert!(same == tree, "{format}: what is written reads back otherwise:\n{again}");
        }
    }
}

/// Compiles a text as a YANG module.
pub fn yang(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Err(faults) = compile(&[Source::new("fuzz.yang", text)], &CompileOptions::default()) {
        assert!(!faults.to_string().is_empty());
    }
}

/// Reads each line of a text as a command of the shell.
pub fn line(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for line in text.lines() {
        std::hint::black_box(is_command(line));
    }
}

/// Reads bytes as frames of the event protocol, of either direction; what is understood must say itself again.
pub fn frames(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((message, taken))) = decode::<FromClient>(rest) {
        let frame = encode(&message).expect("a message that came in a frame fits one");
        assert!(matches!(decode(&frame), Ok(Some((again, _))) if message == again));
        rest = rest.get(taken..).unwrap_or_default();
    }
    let mut rest = data;
    while let Ok(Some((message, taken))) = decode::<FromDaemon>(rest) {
        let frame = encode(&message).expect("a message that came in a frame fits one");
        assert!(matches!(decode(&frame), Ok(Some((again, _))) if message == again));
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Reads a text as an XPath expression in a module; one that is accepted is evaluated on the instances of a small tree.
pub fn xpath(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    let module = include_str!("../schema/xpath.yang").replace("EXPRESSION", &quoted);
    let Ok((schema, _)) = compile(&[Source::new("fuzz.yang", module)], &CompileOptions::default()) else { return };
    let plan = Plan::new(Arc::new(schema));
    let (_, keys) = ground();
    let mut builder = Builder::new(DataTree::new(plan), keys);
    codec::read(&mut builder, Format::Json, &Source::new("fuzz.json", include_str!("../schema/xpath.json")));
    assert!(!builder.diagnostics.has_errors(), "{}", builder.diagnostics);
    std::hint::black_box(validate(&builder.tree));
}

/// The schema that edits are made in.
fn edited_plan() -> &'static Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| {
        let source = Source::new("edits.yang", include_str!("../schema/edits.yang"));
        let (schema, _) = compile(&[source], &CompileOptions::default()).expect("the module compiles");
        Plan::new(Arc::new(schema))
    })
}

const KEYS: [&str; 4] = ["a", "b", "c", "d"];
const VALUES: [&str; 8] = ["a", "b", "c", "d", "1", "2", "9", "true"];

fn value(tree: &DataTree, ty: &Type, byte: u8) -> Option<Value> {
    let fits = |text: &&str| Value::parse(tree.schema(), ty, text).ok();
    let at = usize::from(byte) % VALUES.len();
    let (before, from) = VALUES.split_at(at);
    from.iter().chain(before).find_map(fits)
}

/// Makes one edit of five bytes.
fn edit(tree: &mut DataTree, bytes: &[u8]) {
    let [node, action, first, second, third] = *bytes else { return };
    let schema = Arc::clone(tree.schema());
    let targets: Vec<SchemaId> = schema.nodes().iter().filter(|n| !n.is_key() && n.config).map(|n| n.id).collect();
    let id = targets[usize::from(node) % targets.len()];
    let mut path = DataPath::ROOT;
    let mut letters = [first, second].into_iter().cycle();
    for step in schema.ancestry(id) {
        path = path.child(step);
        let Some(list) = schema.node(step).as_list() else { continue };
        let keys = list.keys.iter().filter_map(|leaf| {
            let ty = schema.node(*leaf).ty()?;
            let letter = usize::from(letters.next().unwrap_or_default());
            Value::parse(&schema, ty, KEYS[letter % KEYS.len()]).ok()
        });
        path = path.entry(Key::new(keys.collect()));
    }
    let position = match third % 4 {
        0 => Position::First,
        1 => Position::Last,
        2 => Position::Before(Key::One(Value::Text(KEYS[usize::from(third / 4) % 4].into()))),
        _ => Position::After(Key::One(Value::Text(KEYS[usize::from(third / 4) % 4].into()))),
    };
    let ty = schema.node(id).ty();
    match (&schema.node(id).kind, action % 8) {
        (_, 0) => drop(tree.remove(&path)),
        (NodeKind::List(_), 1) => drop(tree.remove(&path.parent(&schema).unwrap_or(DataPath::ROOT).child(id))),
        (NodeKind::List(_), 2) => drop(tree.move_entry(&path, &position)),
        (NodeKind::LeafList(_), 3) => {
            if let Some(value) = ty.and_then(|ty| value(tree, ty, third)) {
                tree.remove(&path.entry(Key::One(value)));
            }
        }
        (NodeKind::List(_) | NodeKind::Container { .. }, _) => drop(tree.create(&path)),
        (NodeKind::Leaf(_), _) => {
            if let Some(value) = ty.and_then(|ty| value(tree, ty, third)) {
                drop(tree.set(&path, value));
            }
        }
        (NodeKind::LeafList(_), _) => {
            if let Some(value) = ty.and_then(|ty| value(tree, ty, third)) {
                drop(tree.add_value(&path, value, &position));
            }
        }
        (NodeKind::AnyData, _) => drop(tree.put(&path, Cell::AnyData(format!("{{\"a\":{third}}}").into()))),
        _ => {}
    }
}

/// What was found, as lines that can be compared: only a change knows whether a dangling reference lost its target or
/// never had one.
fn told(found: &annunciator::diagnostic::Diagnostics) -> BTreeSet<String> {
    let said = |message: &str| match message {
        m if m.ends_with("would no longer exist") || m.ends_with("which does not exist") => "dangles".to_owned(),
        m => m.to_owned(),
    };
    found.iter().map(|d| format!("{} {}", d.data_path.as_deref().unwrap_or(""), said(&d.message))).collect()
}

/// Makes edits in a tree: its deltas lead there and back, and validating a change says what validating everything says.
pub fn edits(data: &[u8]) {
    let data = data.get(..4_000).unwrap_or(data);
    let mut valid = DataTree::new(Arc::clone(edited_plan()));
    let mut tree = valid.clone();
    for (number, bytes) in data.chunks_exact(5).enumerate() {
        edit(&mut tree, bytes);
        if number % 3 == 2 {
            settle(&valid, &mut tree);
        }
        let delta = diff(&valid, &tree);
        let mut there = valid.clone();
        delta.apply(&mut there);
        assert!(there == tree, "the delta leads elsewhere");
        let mut back = tree.clone();
        delta.inverse().apply(&mut back);
        assert!(back == valid, "the inverse leads elsewhere");
        assert!(back.references() == valid.references(), "the index of references is another");
        let (all, some) = (validate(&tree), validate_change(&valid, &tree, &delta));
        assert_eq!(told(&some), told(&all));
        if !all.has_errors() {
            valid = tree.clone();
        } else if number % 7 == 6 {
            tree = valid.clone();
        }
    }
}
