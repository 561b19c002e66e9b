//! Costs of the configuration half: compiling the schema, loading, and what one edit costs in small and large trees.
//!
//! `cargo bench --bench configuration` prints medians; sizes are compared as ratios, since machines differ.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark reads the clock and prints")]

use annunciator::codec::{Builder, read_json};
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

fn load(plan: &Arc<Plan>, source: &Arc<Source>, keys: &KeyRing) -> DataTree {
    let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), keys);
    read_json(&mut builder, source);
    assert!(!builder.diagnostics.has_errors(), "{}", builder.diagnostics);
    builder.tree
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
        let source = Source::new("bench.json", document(handlers));
        let read = median(|| timed(|| load(&plan, &source, &keys)));
        let tree = load(&plan, &source, &keys);
        let full = median(|| timed(|| validate(&tree)));
        let key = Key::One(Value::Text(format!("h{:06}", handlers / 2).into()));
        let path = DataPath::new(leaf, vec![key]);
        let edit = median(|| one_leaf(&tree, &path));
        println!("{handlers:>7} handlers: load JSON         {read:>12.1?}");
        println!("{handlers:>7} handlers: full validation   {full:>12.1?}");
        println!("{handlers:>7} handlers: one leaf edited   {edit:>12.1?}   (edit, diff, validate, inverse)");
        edits.push(edit);
    }
    if let [small, .., large] = edits.as_slice() {
        println!("one leaf, 100,000 against 1,000:      {:>11.2} x", large.as_secs_f64() / small.as_secs_f64());
    }
}
