//! The product's modules, as pyang and yanglint judge them.

use super::{has, package};
use std::process::Command;

/// Runs a program on each module and returns what it says.
fn said_by(program: &str, arguments: &[&str]) -> String {
    let folder = package().join("schema");
    let mut said = String::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        let output = Command::new(program).args(arguments).arg("-p").arg(&folder).arg(&file).output().unwrap();
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            said.push_str(&format!("{}: {}\n", file.display(), output.status));
        }
    }
    said
}

#[test]
fn pyang_finds_nothing_in_the_modules() {
    if has("pyang") {
        assert_eq!(said_by("pyang", &["--strict"]), "");
    }
}

#[test]
fn yanglint_finds_nothing_in_the_modules() {
    if has("yanglint") {
        assert_eq!(said_by("yanglint", &[]), "");
    }
}
