//! Small modules and documents with the verdict on each, for us and for `yanglint` where it is installed.
//!
//! A `.case` file has sections that `=== ` opens: `module NAME` with a module's text; `valid TITLE` or
//! `invalid TAG TITLE` with a document, where TAG is the error-app-tag that one of the faults has, or `-`;
//! `alone REASON` before a document that only we judge.

use crate::peers::ask;
use annunciator::codec::{Builder, read_json};
use annunciator::diagnostic::{Diagnostics, Source};
use annunciator::secret::KeyRing;
use annunciator::tree::{DataTree, Plan, diff, validate, validate_change};
use annunciator::yang::{CompileOptions, compile};
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Document {
    title: String,
    text: String,
    is_valid: bool,
    /// The tag that a fault must have; none asked for where it is empty.
    tag: String,
    /// Whether only we judge it.
    alone: bool,
}

struct Case {
    name: String,
    modules: Vec<(String, String)>,
    documents: Vec<Document>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/validation");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "case")).collect();
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Case {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let mut case = Case { name, modules: Vec::new(), documents: Vec::new() };
    let mut alone = false;
    for section in text.split("=== ").skip(1) {
        let (head, body) = section.split_once('\n').unwrap();
        let (kind, rest) = head.split_once(' ').unwrap();
        let mut document = |is_valid: bool, tag: &str, title: &str| {
            let (title, tag) = (title.to_owned(), if tag == "-" { "" } else { tag }.to_owned());
            case.documents.push(Document { title, text: body.to_owned(), is_valid, tag, alone });
            alone = false;
        };
        match kind {
            "module" => case.modules.push((rest.to_owned(), body.to_owned())),
            "valid" => document(true, "", rest),
            "invalid" => {
                let (tag, title) = rest.split_once(' ').unwrap();
                document(false, tag, title);
            }
            "alone" => alone = true,
            other => panic!("{}: `{other}` opens no section", case.name),
        }
    }
    case
}

/// Our verdict: by validating everything and, where nothing is valid, also by validating the change from nothing.
fn judged(case: &Case, plan: &Arc<Plan>, document: &Document) -> Diagnostics {
    let keys = KeyRing::ephemeral().unwrap();
    let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), &keys);
    read_json(&mut builder, &Source::new("document.json", document.text.as_str()));
    assert!(!builder.diagnostics.has_errors(), "{}, {}: {}", case.name, document.title, builder.diagnostics);
    let tree = builder.tree;
    let found = validate(&tree);
    let empty = DataTree::new(Arc::clone(plan));
    if !validate(&empty).has_errors() {
        let changed = validate_change(&empty, &tree, &diff(&empty, &tree));
        let lines = |found: &Diagnostics| {
            let mut lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&changed), lines(&found), "{}, {}", case.name, document.title);
    }
    found
}

#[test]
fn every_document_gets_the_verdict_that_is_written_beside_it() {
    let mut wrong = Vec::new();
    for case in cases() {
        let sources: Vec<Arc<Source>> =
            case.modules.iter().map(|(name, text)| Source::new(format!("{name}.yang"), text.as_str())).collect();
        let (schema, _) =
            compile(&sources, &CompileOptions::default()).unwrap_or_else(|f| panic!("{}: {f}", case.name));
        let plan = Plan::new(Arc::new(schema));
        for document in &case.documents {
            let found = judged(&case, &plan, document);
            let tags: Vec<&str> = found.iter().map(|d| d.app_tag.as_deref().unwrap_or("")).collect();
            let is_right =
                found.has_errors() != document.is_valid && (document.is_valid || tags.contains(&&*document.tag));
            if !is_right {
                wrong.push(format!("{}, {}: expected {:?}\n{found}", case.name, document.title, document.tag));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn yanglint_gives_every_document_the_same_verdict() {
    if ask("yanglint", &["--version"]).is_none() {
        return;
    }
    let mut wrong = Vec::new();
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            annunciator::persist::write_atomically(&file, text.as_bytes(), 0o600).unwrap();
            file
        };
        let modules: Vec<PathBuf> =
            case.modules.iter().map(|(name, text)| write(&format!("{name}.yang"), text)).collect();
        for document in case.documents.iter().filter(|document| !document.alone) {
            let mut arguments: Vec<PathBuf> = ["-t", "config", "-p"].iter().map(PathBuf::from).collect();
            arguments.push(folder.path().to_owned());
            arguments.extend(modules.iter().cloned());
            arguments.push(write("document.json", &document.text));
            let theirs = ask("yanglint", &arguments).unwrap();
            if theirs.accepts != document.is_valid {
                wrong.push(format!("{}, {}: yanglint says\n{}", case.name, document.title, theirs.said));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
