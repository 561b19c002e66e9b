//! Costs of the configuration half: compiling the schema, loading, and what one edit costs in small and large trees.
//!
//! `cargo bench --bench configuration` prints medians, `… -- commits` only those of whole commits; sizes are compared as ratios, since machines differ.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark reads the clock and prints")]

use annunciator::clock::Clock;
use annunciator::codec::{self, Builder, Format, JsonLayout, XmlFrame, write_json, write_xml, write_yaml};
use annunciator::datastore::{BootInput, BootOptions, Candidate, CommitRequest, Datastore, boot};
use annunciator::diagnostic::Source;
use annunciator::secret::KeyRing;
use annunciator::store::Store;
use annunciator::task::Scope;
use annunciator::tree::{DataPath, DataTree, Key, Plan, Value, diff, validate, validate_change};
use annunciator::yang::builtin_schema;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs of each measurement; the median is told.
const RUNS: usize = 9;

/// Commits of each size: each ends on the disk, whose own times scatter.
const COMMITS: usize = 300;

/// Bytes of the bare write that commits stand beside: about what a commit of one leaf adds to the journal.
const BARE_BYTES: usize = 8 << 10;

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

/// What a loaded tree takes. In a process of its own: what others gave back would hide it.
fn memory(plan: &Arc<Plan>, keys: &KeyRing, handlers: usize) {
    let source = Source::new("bench.json", document(handlers));
    let before = resident();
    let tree = load(plan, Format::Json, &source, keys);
    if let (Some(before), Some(after)) = (before, resident()) {
        let each = after.saturating_sub(before) / handlers;
        println!(
            "{handlers:>7} handlers: memory            {each:>12}   bytes each, what reading left behind included"
        );
    }
    drop(black_box(tree));
}

/// Measures memory in another process, with `memory N`.
fn memory_apart(handlers: usize) -> std::io::Result<()> {
    let own = std::env::current_exe()?;
    std::process::Command::new(own).args(["memory", &handlers.to_string()]).status().map(drop)
}

/// Loading and printing in each notation.
fn notations(plan: &Arc<Plan>, keys: &KeyRing, handlers: usize) {
    let source = Source::new("bench.json", document(handlers));
    let tree = load(plan, Format::Json, &source, keys);
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

/// Some leaves, each of another entry: edit, diff, validation of the change, inverse.
fn edited(tree: &DataTree, leaves: &[DataPath]) -> Duration {
    let total = timed(|| {
        for number in 0..EDITS {
            let mut edited = tree.clone();
            for leaf in leaves {
                let value = Value::Text(format!("edit {number}").into());
                assert!(edited.set(leaf, value).is_ok());
            }
            let delta = diff(tree, &edited);
            assert!(!validate_change(tree, &edited, &delta).has_errors());
            black_box(delta.inverse());
        }
    });
    total / u32::try_from(EDITS).unwrap_or(1)
}

/// A client that all handlers refer to, deleted and refused with a diagnostic for each.
fn delete_referenced(tree: &DataTree) -> Duration {
    let client = DataPath::parse(tree.schema(), "/annunciator-facilities:facilities/http/client[id='c']");
    let Ok(client) = client else { return Duration::ZERO };
    timed(|| {
        let mut edited = tree.clone();
        assert!(edited.remove(&client).is_some());
        assert!(validate_change(tree, &edited, &diff(tree, &edited)).has_errors());
    })
}

/// A datastore on the disk with so many handlers, and one candidate of it.
struct Stored {
    datastore: Datastore,
    candidate: Candidate,
    leaf: DataPath,
    number: usize,
    took: Vec<Duration>,
    _folder: tempfile::TempDir,
    _scope: Scope,
}

impl Stored {
    fn new(plan: &Arc<Plan>, leaf: DataPath, handlers: usize) -> Result<Self, Box<dyn std::error::Error>> {
        let (folder, scope) = (tempfile::tempdir_in("target")?, Scope::new());
        let options = BootOptions {
            store: Store::open(folder.path(), Clock::system())?,
            plan: Arc::clone(plan),
            sealer: Arc::new(KeyRing::ephemeral()?),
            participants: Vec::new(),
            scope: scope.clone(),
            revisions_kept: |_| COMMITS * 2,
        };
        let source = Source::new("bench.json", document(handlers));
        let input = BootInput {
            sources: std::slice::from_ref(&source),
            read: &|builder, source| codec::read(builder, Format::Json, source),
            unreadable: &BTreeMap::new(),
            is_override: false,
        };
        let datastore = boot(options, input)?.datastore;
        datastore.write_checkpoint()?;
        let candidate = datastore.candidate();
        Ok(Self { datastore, candidate, leaf, number: 0, took: Vec::new(), _folder: folder, _scope: scope })
    }

    /// Edits one leaf and commits: rebased, validated, written, synced, in force.
    fn commit(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        self.number += 1;
        let value = Value::Text(format!("edit {}", self.number).into());
        let request = CommitRequest { user: "bench".to_owned(), via: "bench".to_owned(), ..CommitRequest::default() };
        let start = Instant::now();
        self.candidate.tree.set(&self.leaf, value)?;
        self.datastore.commit(&mut self.candidate, &request)?;
        self.took.push(start.elapsed());
        Ok(())
    }
}

/// Whole commits among few and many handlers, and a bare write with its sync, in turns.
fn commits(plan: &Arc<Plan>, leaf: &dyn Fn(usize) -> DataPath) -> Result<(), Box<dyn std::error::Error>> {
    let sizes = [1_000, 100_000];
    let mut stored = sizes.map(|handlers| Stored::new(plan, leaf(handlers), handlers));
    let mut file = tempfile::tempfile_in("target")?;
    let mut bare = Vec::new();
    for _ in 0..COMMITS {
        // Whatever goes first after the bare write finds the disk otherwise.
        stored.reverse();
        for one in &mut stored {
            one.as_mut().map_err(|e| e.to_string())?.commit()?;
        }
        let start = Instant::now();
        file.write_all(&[7; BARE_BYTES])?;
        file.sync_data()?;
        bare.push(start.elapsed());
    }
    let middle = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    println!("bare write of {BARE_BYTES} bytes, synced      {:>12.1?}", middle(&mut bare));
    let mut medians = Vec::new();
    for (handlers, one) in sizes.into_iter().zip(stored) {
        let took = middle(&mut one?.took);
        println!("{handlers:>7} handlers: whole commit      {took:>12.1?}   (one leaf, on the disk)");
        medians.push(took);
    }
    if let [small, large] = medians.as_slice() {
        println!("whole commit, 100,000 against 1,000:  {:>11.2} x", large.as_secs_f64() / small.as_secs_f64());
    }
    Ok(())
}

fn main() {
    let mut arguments = std::env::args().skip(1).skip_while(|argument| argument != "memory").skip(1);
    if let Some(handlers) = arguments.next().and_then(|number| number.parse().ok()) {
        let (Ok(schema), Ok(keys)) = (builtin_schema(), KeyRing::ephemeral()) else { return };
        return memory(&Plan::new(schema), &keys, handlers);
    }
    let schema = median(|| timed(builtin_schema));
    println!("compile the built-in modules          {schema:>12.1?}");
    let (Ok(schema), Ok(keys)) = (builtin_schema(), KeyRing::ephemeral()) else { return };
    let Some(leaf) =
        schema.find(["environments", "environment", "alarms", "alarm-handlers", "alarm-handler", "description"])
    else {
        return;
    };
    let plan = Plan::new(schema);
    let entry = |handlers: usize, number: usize| {
        let key = Key::One(Value::Text(format!("h{:06}", (handlers / 2 + number * 7) % handlers).into()));
        DataPath::new(leaf, vec![key])
    };
    if let Err(error) = commits(&plan, &|handlers| entry(handlers, 0)) {
        println!("whole commits cannot be measured: {error}");
    }
    if std::env::args().any(|argument| argument == "commits") {
        return;
    }
    let mut edits = Vec::new();
    for handlers in [1_000, 10_000, 100_000] {
        if let Err(error) = memory_apart(handlers) {
            println!("memory cannot be measured: {error}");
        }
        notations(&plan, &keys, handlers);
        let source = Source::new("bench.json", document(handlers));
        let tree = load(&plan, Format::Json, &source, &keys);
        let full = median(|| timed(|| validate(&tree)));
        let paths: Vec<DataPath> = (0..100).map(|number| entry(handlers, number)).collect();
        let edit = median(|| edited(&tree, &paths[..1]));
        let hundred = median(|| edited(&tree, &paths));
        let delete = median(|| delete_referenced(&tree));
        println!("{handlers:>7} handlers: full validation   {full:>12.1?}");
        println!("{handlers:>7} handlers: one leaf edited   {edit:>12.1?}   (edit, diff, validate, inverse)");
        println!("{handlers:>7} handlers: 100 leaves edited {hundred:>12.1?}");
        println!("{handlers:>7} handlers: referenced client {delete:>12.1?}   (deleted, and refused)");
        edits.push(edit);
    }
    if let [small, .., large] = edits.as_slice() {
        println!("one leaf, 100,000 against 1,000:      {:>11.2} x", large.as_secs_f64() / small.as_secs_f64());
    }
}
