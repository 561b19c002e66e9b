//! The modules that the tools ship: each is judged and drawn as they judge and draw it.

use super::tools::{ask_pyang, ask_yanglint, has_yanglint, python_with_pyang};
use super::{difference, folder, our_tree, our_verdict};
use std::path::{Path, PathBuf};

/// Where Debian's packages of libyang put modules.
const OF_LIBYANG: [&str; 2] = ["/usr/share/yang/modules/libyang", "/usr/share/doc/libyang2-tools/examples"];

fn modules_in(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            modules_in(&path, found);
        } else if path.extension().is_some_and(|e| e == "yang") {
            found.push(path);
        }
    }
}

/// Modules on which the tools differ, and whether we accept them: `docs/yang.md` says why.
const DIFFERENT: [(&str, bool); 1] = [("yang@2022-06-16.yang", true)];

fn is_different(file: &Path, accepted: bool) -> bool {
    DIFFERENT.iter().any(|(name, ours)| file.ends_with(name) && *ours == accepted)
}

#[test]
fn modules_are_judged_and_drawn_as_pyang_does_it() {
    let Some((python, shipped)) = python_with_pyang() else { return };
    let folders: Vec<PathBuf> =
        [shipped, folder().join("modules")].into_iter().chain(OF_LIBYANG.map(PathBuf::from)).collect();
    let mut files = Vec::new();
    for folder in &folders {
        modules_in(folder, &mut files);
    }
    let mut faults = Vec::new();
    for (file, judged) in files.iter().zip(ask_pyang(&python, &files, &folders, true)) {
        let ours = our_tree(file, &folders);
        match (&ours, judged.accepts) {
            (Ok(tree), Some(true)) if *tree != judged.tree => {
                faults.push(format!("{}: {}", file.display(), difference(&judged.tree, tree)));
            }
            (_, Some(accepts)) if accepts != ours.is_ok() && !is_different(file, ours.is_ok()) => {
                faults.push(format!("{}:\n{}\n{:?}", file.display(), judged.said, ours.err()));
            }
            _ => {}
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), files.len(), faults.join("\n"));
}

#[test]
fn modules_are_judged_as_yanglint_does_it() {
    if !has_yanglint() {
        return;
    }
    for folder in OF_LIBYANG {
        let mut files = Vec::new();
        modules_in(Path::new(folder), &mut files);
        let folders = [PathBuf::from(folder), PathBuf::from(OF_LIBYANG[0])];
        for file in files {
            let (accepts, said) = ask_yanglint(&file, &folders);
            let ours = our_verdict(&file, &folders);
            assert_eq!(accepts, ours.is_ok(), "{}:\n{said}\n{:?}", file.display(), ours.err());
        }
    }
}
