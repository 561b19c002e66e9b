//! Instance documents: written ones with the verdict on each, generated ones, and what yanglint makes of both.

use super::folder;
use crate::peers::ask;
use annunciator::codec::{self, Builder, Format, JsonLayout, Rules, XmlFrame, write_json, write_xml, write_yaml};
use annunciator::diagnostic::{Diagnostics, Source};
use annunciator::secret::KeyRing;
use annunciator::tree::{Contents, DataPath, DataTree, Plan, validate_as};
use annunciator::yang::{CompileOptions, compile};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MODULES: [&str; 2] = ["documents.yang", "documents-more.yang"];

fn modules() -> Vec<PathBuf> {
    MODULES.iter().map(|name| folder().join("documents").join(name)).collect()
}

fn plan() -> Arc<Plan> {
    let text = |path: &PathBuf| Source::new(path.display().to_string(), std::fs::read_to_string(path).unwrap());
    let sources: Vec<Arc<Source>> = modules().iter().map(text).collect();
    let (schema, _) = compile(&sources, &CompileOptions::default()).unwrap_or_else(|faults| panic!("{faults}"));
    Plan::new(Arc::new(schema))
}

fn format_of(text: &str) -> Format {
    if text.starts_with('<') { Format::Xml } else { Format::Json }
}

/// Returns what a document makes, or all that is told about it.
fn ours(plan: &Arc<Plan>, format: Format, text: &str) -> Result<DataTree, Diagnostics> {
    let keys = KeyRing::ephemeral().unwrap();
    let rules = Rules { has_state: true, is_exact: true };
    let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), &keys).rules(rules);
    codec::read(&mut builder, format, &Source::new("document", text));
    if !builder.diagnostics.has_errors() {
        let found = validate_as(&builder.tree, Contents::Everything);
        builder.validated(found);
    }
    let Builder { tree, diagnostics, .. } = builder;
    if diagnostics.has_errors() { Err(diagnostics) } else { Ok(tree) }
}

/// Asks yanglint about a document, with what it prints of it in JSON.
fn theirs(folder: &Path, format: Format, text: &str) -> Option<crate::peers::Judged> {
    let file = folder.join(format!("document.{format}"));
    annunciator::persist::write_atomically(&file, text.as_bytes(), 0o600).unwrap();
    let mut arguments: Vec<PathBuf> = ["-f", "json"].iter().map(PathBuf::from).collect();
    arguments.extend(modules());
    arguments.push(file);
    ask("yanglint", &arguments)
}

struct Document {
    text: String,
    is_valid: bool,
    /// Whether yanglint judges otherwise.
    differs: bool,
}

fn written() -> Vec<Document> {
    let text = std::fs::read_to_string(folder().join("documents/documents.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let documents = lines.map(|line| {
        let (verdict, text) = line.split_once(' ').unwrap();
        Document { text: text.to_owned(), is_valid: verdict.starts_with('+'), differs: verdict.ends_with('~') }
    });
    documents.collect()
}

#[test]
fn written_documents_get_the_verdict_beside_them_and_yanglint_s() {
    let plan = plan();
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for Document { text, is_valid, differs } in written() {
        let format = format_of(&text);
        let judged = ours(&plan, format, &text);
        if judged.is_ok() != is_valid {
            wrong.push(format!("{text}\nwe: {:?}", judged.map(|_| ()).map_err(|told| told.to_string())));
        }
        if let Some(theirs) = theirs(folder.path(), format, &text)
            && theirs.accepts != (is_valid != differs)
        {
            wrong.push(format!("{text}\nyanglint: {}", theirs.said));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn printed(tree: &DataTree, format: Format) -> String {
    let mut text = String::new();
    let done = match format {
        Format::Xml => write_xml(&mut text, tree, &DataPath::ROOT, XmlFrame::Bare),
        Format::Yaml => write_yaml(&mut text, tree, &DataPath::ROOT),
        _ => write_json(&mut text, tree, &DataPath::ROOT, JsonLayout::PRETTY),
    };
    done.unwrap();
    text
}

#[test]
fn what_a_document_says_it_says_in_every_notation() {
    let plan = plan();
    for Document { text, .. } in written().into_iter().filter(|document| document.is_valid) {
        let tree = ours(&plan, format_of(&text), &text).unwrap_or_else(|told| panic!("{text}\n{told}"));
        for format in [Format::Json, Format::Xml, Format::Yaml] {
            let again = printed(&tree, format);
            let same = ours(&plan, format, &again).unwrap_or_else(|told| panic!("{text}\n{again}\n{told}"));
            assert_eq!(same, tree, "{text}\n{again}");
        }
    }
}

#[test]
fn no_document_cut_or_changed_anywhere_ends_in_a_panic() {
    let plan = plan();
    for Document { text, .. } in written() {
        let format = format_of(&text);
        for at in 0..text.len() {
            if let Some(cut) = text.get(..at) {
                ours(&plan, format, cut).ok();
            }
            if let (Some(before), Some(after)) = (text.get(..at), text.get(at + 1..)) {
                ours(&plan, format, &format!("{before}{after}")).ok();
            }
        }
    }
}

/// Leaves with a value that they take; any two go into one document.
const LEAVES: [(&str, &str); 15] = [
    ("small", "5"),
    ("long", "\"-7\""),
    ("longer", "\"7\""),
    ("ratio", "\"2.5\""),
    ("flag", "false"),
    ("none", "[null]"),
    ("options", "\"b a\""),
    ("colour", "\"light blue\""),
    ("shape", "\"documents-more:oval\""),
    ("mixed", "7"),
    ("text", "\"abc\""),
    ("with-default", "7"),
    ("loose", "\"]]> & <\""),
    ("shoes", "\" s \""),
    ("wheels", "4"),
];
/// What may stand in some leaf, right or wrong.
const VALUES: [&str; 22] = [
    "5",
    "300",
    "-1",
    "99",
    "0.5",
    "\"5\"",
    "\"-7\"",
    "\"abc\"",
    "\"\"",
    "true",
    "\"true\"",
    "[null]",
    "null",
    "\"1.5\"",
    "\"10\"",
    "\"a b\"",
    "\"red\"",
    "\"documents:circle\"",
    "\"circle\"",
    "\"documents-more:oval\"",
    "\"auto\"",
    "[1]",
];

/// Documents of the generator that are compared.
const GENERATED: u64 = 150;

#[test]
fn generated_documents_get_the_verdict_of_yanglint_and_mean_the_same_in_xml() {
    let plan = plan();
    let folder = tempfile::tempdir().unwrap();
    let (mut wrong, mut valid) = (Vec::new(), 0);
    // Knuth's multiplier: the sequence only has to mix, and to be the same each time.
    let mut state = 1u64;
    let mut pick = |count: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % count
    };
    for _ in 0..GENERATED {
        let first = pick(LEAVES.len());
        let second = (first + 1 + pick(LEAVES.len() - 1)) % LEAVES.len();
        let mut member = |leaf: usize| {
            let (name, good) = LEAVES[leaf];
            let value = if pick(3) == 0 { VALUES[pick(VALUES.len())] } else { good };
            format!("\"{name}\": {value}")
        };
        let (one, other) = (member(first), member(second));
        let text = format!("{{\"documents:c\": {{{one}, {other}}}}}");
        let judged = ours(&plan, Format::Json, &text);
        let Some(peer) = theirs(folder.path(), Format::Json, &text) else { return };
        if peer.accepts != judged.is_ok() {
            wrong.push(format!("{text}\nwe: {:?}\nyanglint: {}", judged.map(|_| ()), peer.said));
            continue;
        }
        let Ok(tree) = judged else { continue };
        valid += 1;
        let xml = printed(&tree, Format::Xml);
        let Some(peer) = theirs(folder.path(), Format::Xml, &xml) else { return };
        match ours(&plan, Format::Json, &peer.said) {
            Ok(again) if again == tree => {}
            again => wrong.push(format!("{text}\n{xml}\nyanglint: {}\nwe: {again:?}", peer.said)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(valid > 30, "{valid} of {GENERATED} are valid: the generator tells nothing");
}
