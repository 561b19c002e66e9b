//! Small modules with one thing each that matters: written ones, and changes to sound modules.

use super::tools::{ask_pyang, ask_yanglint, has_yanglint, python_with_pyang};
use super::{difference, folder, our_tree, our_verdict};
use annunciator::persist;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A module, and whether it is accepted; nothing where the tools differ.
struct Case {
    name: String,
    text: String,
    accepted: Option<bool>,
    /// What tells it from others.
    what: String,
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// Bodies of a module, as YANG 1 and as YANG 1.1.
fn statements() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in read("statements.txt").lines().filter(|line| !line.starts_with('#')) {
        let (verdicts, body) = line.split_once(' ').unwrap();
        for (verdict, version) in verdicts.chars().zip(["1", "1.1"]) {
            let text = format!(
                "module x {{\n  yang-version {version};\n  namespace \"urn:x\";\n  prefix x;\n  import dep {{ prefix d; }}\n{body}\n}}\n"
            );
            let accepted = match verdict {
                '+' => Some(true),
                '-' => Some(false),
                _ => None,
            };
            cases.push(Case { name: "x".to_owned(), text, accepted, what: format!("YANG {version}: {body}") });
        }
    }
    cases
}

/// Changes to the modules beside this file.
fn mutants() -> Vec<Case> {
    let text = read("mutants.txt");
    let mut cases = Vec::new();
    for section in text.split("\n=== ").skip(1) {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        let words: Vec<&str> = head.split(' ').collect();
        let [name, verdict, at, removed] = words.as_slice() else { panic!("{head}") };
        let (at, removed): (usize, usize) = (at.parse().unwrap(), removed.parse().unwrap());
        let module = read(&format!("modules/{name}.yang"));
        let lines: Vec<&str> = module.lines().collect();
        let changed: Vec<&str> = lines[..at - 1]
            .iter()
            .copied()
            .chain(body.lines())
            .chain(lines[at - 1 + removed..].iter().copied())
            .collect();
        cases.push(Case {
            name: (*name).to_owned(),
            text: changed.join("\n") + "\n",
            accepted: Some(*verdict == "accepted"),
            what: format!("{head}\n{body}"),
        });
    }
    cases
}

/// Writes each case into a folder of its own, since a file is named for its module.
fn write(cases: &[Case], at: &Path) -> Vec<PathBuf> {
    let one = |(nth, case): (usize, &Case)| {
        let folder = at.join(nth.to_string());
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join(format!("{}.yang", case.name));
        persist::write_atomically(&file, case.text.as_bytes(), 0o600).unwrap();
        file
    };
    cases.iter().enumerate().map(one).collect()
}

fn judge(cases: &[Case]) {
    let world = tempfile::tempdir().unwrap();
    let files = write(cases, world.path());
    let folders = [folder().join("modules")];
    let mut faults = Vec::new();
    for (case, file) in cases.iter().zip(&files) {
        let ours = our_verdict(file, &folders);
        if case.accepted.is_some_and(|accepted| accepted != ours.is_ok()) {
            faults.push(format!("{}\n  we say: {}", case.what, ours.err().unwrap_or_else(|| "accepted".to_owned())));
        }
    }
    if let Some((python, _)) = python_with_pyang() {
        for (case, judged) in cases.iter().zip(ask_pyang(&python, &files, &folders, false)) {
            if let (Some(accepted), Some(theirs)) = (case.accepted, judged.accepts)
                && accepted != theirs
            {
                faults.push(format!("{}\n  pyang says: {}", case.what, judged.said));
            }
        }
    }
    if has_yanglint() {
        let next = AtomicUsize::new(0);
        let ask = || {
            let mut found = Vec::new();
            while let Some((case, file)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                cases.get(at).zip(files.get(at))
            } {
                let (accepts, said) = ask_yanglint(file, &folders);
                if case.accepted.is_some_and(|accepted| accepted != accepts) {
                    found.push(format!("{}\n  yanglint says: {said}", case.what));
                }
            }
            found
        };
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..2).map(|_| scope.spawn(ask)).collect();
            faults.extend(asking.into_iter().flat_map(|asked| asked.join().unwrap()));
        });
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n\n"));
}

#[test]
fn statements_are_judged_as_pyang_and_yanglint_judge_them() {
    judge(&statements());
}

#[test]
fn changed_modules_are_judged_as_pyang_and_yanglint_judge_them() {
    judge(&mutants());
}

#[test]
fn diagrams_are_as_stored() {
    let folders = [folder().join("modules")];
    let mut stored: Vec<PathBuf> =
        std::fs::read_dir(folder().join("trees")).unwrap().map(|entry| entry.unwrap().path()).collect();
    stored.sort();
    assert!(!stored.is_empty());
    for file in stored {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let ours = our_tree(&folder().join("modules").join(format!("{name}.yang")), &folders).unwrap();
        let expected = std::fs::read_to_string(&file).unwrap();
        assert!(ours == expected, "{name}: {}", difference(&expected, &ours));
    }
}
