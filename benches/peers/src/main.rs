//! The configuration tree beside the C library's, on the same schema, the same documents and in one run.
//!
//! `cargo run --release` prints a table; `cargo run --release -- memory ours|peer N` prints the bytes that one tree holds.

use annunciator::codec::{Builder, JsonLayout, read_json, write_json};
use annunciator::diagnostic::Source;
use annunciator::secret::KeyRing;
use annunciator::tree::{DataPath, DataTree, Key, Plan, Value, diff, validate, validate_change};
use annunciator::yang::builtin_schema;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use yang5::context::{Context, ContextFlags};
use yang5::data::{
    Data as _, DataDiffFlags, DataFormat, DataParserFlags, DataPrinterFlags, DataTree as PeerTree, DataValidationFlags,
};

/// Runs of each measurement; the median is told.
const RUNS: usize = 5;

/// Edits of our tree in one run: each is too short to be timed alone.
const EDITS: u32 = 200;

const HANDLERS: &str = "/annunciator-environments:environments/environment/alarms/alarm-handlers/alarm-handler";

fn document(handlers: usize) -> String {
    let mut text = String::from(
        r#"{"annunciator-facilities:facilities":{"http":{"client":[{"id":"c"},{"id":"d"}]}},"annunciator-environments:environments":{"environment":{"alarms":{"alarm-handlers":{"alarm-handler":["#,
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

fn median(mut measure: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<Duration> = (0..RUNS).map(|_| measure()).collect();
    all.sort();
    all[RUNS / 2]
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let done = work();
    let took = start.elapsed();
    drop(black_box(done));
    took
}

/// Our side: a tree, and the operations that are compared.
struct Ours {
    plan: Arc<Plan>,
    keys: KeyRing,
}

impl Ours {
    fn new() -> Self {
        let schema = builtin_schema().expect("the built-in modules compile");
        Self { plan: Plan::new(schema), keys: KeyRing::ephemeral().expect("random bytes") }
    }

    fn load(&self, text: &str) -> DataTree {
        let source = Source::new("bench.json", text);
        let mut builder = Builder::new(DataTree::new(Arc::clone(&self.plan)), &self.keys);
        read_json(&mut builder, &source);
        assert!(!builder.diagnostics.has_errors(), "{}", builder.diagnostics);
        assert!(!validate(&builder.tree).has_errors());
        builder.tree
    }

    fn description(&self, number: usize) -> DataPath {
        let way = ["environments", "environment", "alarms", "alarm-handlers", "alarm-handler", "description"];
        let leaf = self.plan.schema().find(way).expect("it is in the schema");
        DataPath::new(leaf, vec![Key::One(Value::Text(format!("h{number:06}").into()))])
    }

    /// Edits so many entries, and returns what it costs up to the disk: edit, diff, validation, inverse.
    fn edit(&self, tree: &DataTree, paths: &[DataPath]) -> Duration {
        let total = timed(|| {
            for number in 0..EDITS {
                let mut edited = tree.clone();
                for path in paths {
                    edited.set(path, Value::Text(format!("edit {number}").into())).expect("it can be set");
                }
                let delta = diff(tree, &edited);
                assert!(!validate_change(tree, &edited, &delta).has_errors());
                black_box(delta.inverse());
            }
        });
        total / EDITS
    }

    /// Deletes a client that all handlers refer to; finds that it cannot be.
    fn delete_referenced(&self, tree: &DataTree) -> Duration {
        let client = DataPath::parse(self.plan.schema(), "/annunciator-facilities:facilities/http/client[id='c']")
            .expect("it is in the schema");
        timed(|| {
            let mut edited = tree.clone();
            edited.remove(&client);
            let found = validate_change(tree, &edited, &diff(tree, &edited));
            assert!(found.has_errors());
        })
    }
}

fn peer_context() -> Context {
    let mut context = Context::new(ContextFlags::empty()).expect("a context");
    context.set_searchdir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema")).expect("the folder is there");
    for module in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema")).expect("the folder is there") {
        let name = module.expect("an entry").file_name().into_string().expect("ASCII");
        let name = name.trim_end_matches(".yang").split('@').next().expect("a name").to_owned();
        context.load_module(&name, None, &[]).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
    context
}

fn peer_load<'a>(context: &'a Context, text: &str) -> PeerTree<'a> {
    let flags = DataValidationFlags::NO_STATE;
    PeerTree::parse_string(context, text, DataFormat::JSON, DataParserFlags::STRICT, flags).expect("it is valid")
}

/// What a server does with it: a copy as candidate, the edit, validation of the whole, the difference.
fn peer_edit(tree: &PeerTree<'_>, paths: &[String]) -> Duration {
    let mut number = 0;
    timed(|| {
        number += 1;
        let mut edited = tree.duplicate().expect("memory");
        for path in paths {
            edited.new_path(path, Some(&format!("edit {number}")), false).expect("it can be set");
        }
        edited.validate(DataValidationFlags::NO_STATE).expect("it is valid");
        tree.diff(&edited, DataDiffFlags::empty()).expect("there is a difference")
    })
}

fn peer_delete_referenced(tree: &PeerTree<'_>) -> Duration {
    timed(|| {
        let mut edited = tree.duplicate().expect("memory");
        edited.remove("/annunciator-facilities:facilities/http/client[id='c']").expect("it is there");
        assert!(edited.validate(DataValidationFlags::NO_STATE).is_err());
    })
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

fn memory(side: &str, handlers: usize) {
    // The document lives in a file of its own pages until it is parsed: it is let go before memory is read.
    let text = document(handlers);
    match side {
        "ours" => {
            let ours = Ours::new();
            let before = resident() - text.len();
            let tree = ours.load(&text);
            drop(text);
            println!("{}", resident().saturating_sub(before));
            drop(tree);
        }
        _ => {
            let context = peer_context();
            let before = resident() - text.len();
            let tree = peer_load(&context, &text);
            drop(text);
            println!("{}", resident().saturating_sub(before));
            drop(tree);
        }
    }
}

fn measured_memory(side: &str, handlers: usize) -> usize {
    let program = std::env::current_exe().expect("a path");
    let output = std::process::Command::new(program)
        .args(["memory", side, &handlers.to_string()])
        .output()
        .expect("it starts again");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

fn row(handlers: usize, what: &str, ours: Duration, peer: Duration) {
    let ratio = peer.as_secs_f64() / ours.as_secs_f64();
    println!("| {handlers} | {what} | {ours:.1?} | {peer:.1?} | {ratio:.1} x |");
}

fn compare(ours: &Ours, context: &Context, handlers: usize) {
    let text = document(handlers);
    row(
        handlers,
        "load JSON, with validation",
        median(|| timed(|| ours.load(&text))),
        median(|| timed(|| peer_load(context, &text))),
    );
    let (tree, peer) = (ours.load(&text), peer_load(context, &text));
    row(
        handlers,
        "full validation",
        median(|| timed(|| validate(&tree))),
        median(|| {
            let mut copy = peer.duplicate().expect("memory");
            timed(|| copy.validate(DataValidationFlags::NO_STATE).is_ok())
        }),
    );
    for edits in [1, 100] {
        let numbers: Vec<usize> = (0..edits).map(|n| (handlers / 2 + n * 7) % handlers).collect();
        let paths: Vec<DataPath> = numbers.iter().map(|n| ours.description(*n)).collect();
        let peer_paths: Vec<String> = numbers.iter().map(|n| format!("{HANDLERS}[id='h{n:06}']/description")).collect();
        let what = format!("{edits} leaves: edit, validate, diff (ours with inverse)");
        row(handlers, &what, median(|| ours.edit(&tree, &paths)), median(|| peer_edit(&peer, &peer_paths)));
    }
    row(
        handlers,
        "delete what all refer to, refused",
        median(|| ours.delete_referenced(&tree)),
        median(|| peer_delete_referenced(&peer)),
    );
    row(
        handlers,
        "print JSON",
        median(|| {
            timed(|| {
                let mut out = String::new();
                write_json(&mut out, &tree, &DataPath::ROOT, JsonLayout::PRETTY).expect("memory");
                out
            })
        }),
        median(|| timed(|| peer.print_string(DataFormat::JSON, DataPrinterFlags::WITH_SIBLINGS).expect("memory"))),
    );
    let (mine, theirs) = (measured_memory("ours", handlers), measured_memory("peer", handlers));
    let each = |bytes: usize| bytes / handlers;
    println!(
        "| {handlers} | memory for a handler | {} B | {} B | {:.2} x |",
        each(mine),
        each(theirs),
        theirs as f64 / mine as f64
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, side, handlers] = arguments.as_slice()
        && what == "memory"
    {
        memory(side, handlers.parse().expect("a number"));
        return;
    }
    let (ours, context) = (Ours::new(), peer_context());
    println!("| handlers | | ours | the C library | ratio |\n|---|---|---|---|---|");
    for handlers in [1_000, 10_000, 100_000] {
        compare(&ours, &context, handlers);
    }
}
