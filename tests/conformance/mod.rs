//! The YANG engine beside pyang and yanglint: the same modules, the same verdicts, the same diagrams.
//!
//! A tool that is not there is skipped with a word; what is stored beside this file (`statements.txt`, `mutants.txt`,
//! `trees/`) was found with both, holds without them, and is proven again where they are there.

mod cases;
mod collections;
mod documents;
mod messages;
mod tools;
mod validation;

use annunciator::daemon::{SchemaOptions, Stopped, lint, tree};
use std::path::{Path, PathBuf};

/// Where the modules and cases are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

fn options(file: &Path, folders: &[PathBuf]) -> SchemaOptions {
    SchemaOptions { files: vec![file.to_owned()], folders: folders.to_vec(), ..SchemaOptions::default() }
}

/// Returns our verdict, with what is said when a module is refused.
fn our_verdict(file: &Path, folders: &[PathBuf]) -> Result<(), String> {
    match lint(&options(file, folders), &mut Vec::new(), &mut Vec::new()) {
        Ok(_) => Ok(()),
        Err(stopped @ Stopped::Refused(_)) => Err(stopped.to_string()),
        Err(stopped) => panic!("{}: {stopped}", file.display()),
    }
}

/// Returns our diagram, or what is said when a module is refused.
fn our_tree(file: &Path, folders: &[PathBuf]) -> Result<String, String> {
    let mut text = Vec::new();
    match tree(&options(file, folders), &mut text) {
        Ok(_) => Ok(String::from_utf8(text).unwrap()),
        Err(stopped) => Err(stopped.to_string()),
    }
}

/// Returns the first lines in which two texts differ.
fn difference(one: &str, other: &str) -> String {
    let at = one.lines().zip(other.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    format!("line {}:\n  {}\n  {}", at + 1, line(one), line(other))
}
