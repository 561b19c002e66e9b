//! Costs of the configuration half: compiling the schema, loading, and what one edit costs in small and large trees.
//!
//! `cargo bench --bench configuration` prints medians; sizes are compared as ratios, since machines differ.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark reads the clock and prints")]

use annunciator::codec::{self, Builder, Format, JsonLayout, XmlFrame, write_json, write_xml, write_yaml};
use annunciator::diagnostic::Source;
use annunciator::secret::KeyRing;
use annunciator::tree::{DataPath, DataTree, Key, Plan, Value, diff, validate, validate_change};
use annunciator::yang::builtin_schema;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs of each measurement; the median is told.
const RUNS: usize = 9;

/// Edits in one run of the one-leaf measurement: each is too short to be timed alone.
const EDITS: usize = 200;

fn median(mut measure: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<Duration> = (0..RUNS).map(|_| measure()).collect();
    all.sort();
    all[RUNS / 2]
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn document(handlers: usize) -> String {
    let mut text = String::from(
        r#"{"facilities":{"http":{"client":[{"id":"c"}]}},"environments":{"environment":{"alarms":{"alarm-handlers":{"alarm-handler":["#,
    );
    for number in 0..handlers {
        if number > 0 {
            text.push(',');
        }
        text.push_str(&format!(
            r#"{{"id":"h{number:06}","description":"number {number}","webhook-notifier":{{"web-service":{{"hostname":"h.example","port":443,"context":"/x","http-client":"c"}},"message-format":"flat"}}}}"#
        ));
    }
    text.push_str("]}}}}}");
    text
}

fn load(plan: &Arc<Plan>, format: Format, source: &Arc<Source>, keys: &KeyRing) -> DataTree {
    let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), keys);
    codec::read(&mut builder, format, source);
    assert!(!builder.diagnostics.has_errors(), "{}", builder.diagnostics);
    builder.tree
}

fn written(tree: &DataTree, format: Format) -> String {
    let mut text = String::new();
    let done = match format {
        Format::Xml => write_xml(&mut text, tree, &DataPath::ROOT, XmlFrame::Config),
        Format::Yaml => write_yaml(&mut text, tree, &DataPath::ROOT),
        _ => write_json(&mut text, tree, &DataPath::ROOT, JsonLayout::PRETTY),
    };
    assert!(done.is_ok());
    text
}

/// Reads a text with the crate that reads its notation alone, into nothing or, of JSON, into its own tree.
fn read_bare(format: Format, text: &str) -> bool {
    match format {
        Format::Xml => {
            let mut reader = quick_xml::Reader::from_str(text);
            loop {
                match reader.read_event() {
                    Ok(quick_xml::events::Event::Eof) => return true,
                    Ok(event) => drop(black_box(event)),
                    Err(_) => return false,
                }
            }
        }
        Format::Yaml => saphyr_parser::Parser::new_from_str(text).all(|event| black_box(event).is_ok()),
        _ => serde_json::from_str::<serde_json::Value>(text).is_ok(),
    }
}

/// Bytes that the process holds, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Loading and printing in each notation, and what a loaded tree takes.
fn notations(plan: &Arc<Plan>, keys: &KeyRing, handlers: usize) {
    let source = Source::new("bench.json", document(handlers));
    let before = resident();
    let tree = load(plan, Format::Json, &source, keys);
    if let (Some(before), Some(after)) = (before, resident()) {
        let each = after.saturating_sub(before) / handlers;
        println!(
            "{handlers:>7} handlers: memory            {each:>12}   bytes each, what reading left behind included"
        );
    }
    for format in [Format::Json, Format::Xml, Format::Yaml] {
        let source = Source::new(format!("bench.{format}"), written(&tree, format));
        let name = format.name();
        let bare = median(|| timed(|| read_bare(format, source.text())));
        let read = median(|| timed(|| load(plan, format, &source, keys)));
        let print = median(|| timed(|| written(&tree, format)));
        println!("{handlers:>7} handlers: {name:<5} load        {read:>12.1?}   (parsed bare {bare:.1?})");
        println!("{handlers:>7} handlers: {name:<5} print       {print:>12.1?}");
    }
}

/// One leaf of one entry in the middle: edit, diff, validation of the change, inverse.
fn one_leaf(tree: &DataTree, leaf: &DataPath) -> Duration {
    let total = timed(|| {
        for number in 0..EDITS {
            let mut edited = tree.clone();
            let value = Value::Text(format!("edit {number}").into());
            assert!(edited.set(leaf, value).is_ok());
            let delta = diff(tree, &edited);
            assert!(!validate_change(tree, &edited, &delta).has_errors());
            black_box(delta.inverse());
        }
    });
    total / u32::try_from(EDITS).unwrap_or(1)
}

fn main() {
    let schema = median(|| timed(builtin_schema));
    println!("compile the built-in modules          {schema:>12.1?}");
    let (Ok(schema), Ok(keys)) = (builtin_schema(), KeyRing::ephemeral()) else { return };
    let Some(leaf) =
        schema.find(["environments", "environment", "alarms", "alarm-handlers", "alarm-handler", "description"])
    else {
        return;
    };
    let plan = Plan::new(schema);
    let mut edits = Vec::new();
    for handlers in [1_000, 10_000, 100_000] {
        notations(&plan, &keys, handlers);
        let source = Source::new("bench.json", document(handlers));
        let tree = load(&plan, Format::Json, &source, &keys);
        let full = median(|| timed(|| validate(&tree)));
        let key = Key::One(Value::Text(format!("h{:06}", handlers / 2).into()));
        let path = DataPath::new(leaf, vec![key]);
        let edit = median(|| one_leaf(&tree, &path));
        println!("{handlers:>7} handlers: full validation   {full:>12.1?}");
        println!("{handlers:>7} handlers: one leaf edited   {edit:>12.1?}   (edit, diff, validate, inverse)");
        edits.push(edit);
    }
    if let [small, .., large] = edits.as_slice() {
        println!("one leaf, 100,000 against 1,000:      {:>11.2} x", large.as_secs_f64() / small.as_secs_f64());
    }
}
