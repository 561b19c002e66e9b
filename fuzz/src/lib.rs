//! What the fuzz targets run: each function takes any bytes and panics only when the package is at fault.
//!
//! `tests/it/fuzz_smoke.rs` runs the same functions on the seeds and on inputs of its own, without a fuzzer.

use annunciator::codec::{self, Builder, Format, JsonLayout, write_curly, write_json, write_set, write_yaml};
use annunciator::diagnostic::Source;
use annunciator::secret::KeyRing;
use annunciator::shell::engine::is_command;
use annunciator::shell::protocol::{FromClient, FromDaemon, decode, encode};
use annunciator::tree::{DataPath, DataTree, Plan};
use annunciator::yang::{CompileOptions, builtin_schema, compile};
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
