//! Holds the house together: imports go down the layers only, and every file opens with its purpose.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rooms of each layer from the bottom up. Rooms inside one list of a layer may import those to their right;
/// lists of one layer do not import each other.
const LAYERS: &[&[&[&str]]] = &[
    &[&["persist"], &["secret", "persist"], &["task", "clock"], &["retry"], &["diagnostic"]],
    &[&["transport"], &["codec", "tree", "yang"], &["alarm"]],
    &[&["ledger", "datastore", "store"]],
    &[&["settings", "delivery", "handler"]],
    &[&["management", "element"]],
    &[&["shell"], &["web"], &["ingest"], &["receive"]],
    &[&["daemon"]],
    &[&["main", "args"]],
];

/// Rooms that could become crates unchanged: no runtime, no files, no network.
const PURE: &[&str] = &["yang", "tree", "codec", "alarm", "retry", "diagnostic"];
const IMPURE: &[&str] = &["tokio::", "std::fs", "std::net", "std::process", "std::thread", "reqwest", "rusqlite"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn all_sources(top: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    if root.join(top).is_dir() {
        sources(&root.join(top), &mut found);
    }
    found.sort();
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn room(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// Everything that may be imported from a room: all lower layers, and what stands to its right.
fn allowed() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut lower: Vec<&str> = Vec::new();
    let mut allowed = BTreeMap::new();
    for layer in LAYERS {
        for chain in *layer {
            for (at, room) in chain.iter().enumerate() {
                let rooms: Vec<&str> = lower.iter().copied().chain(chain[at..].iter().copied()).collect();
                allowed.entry(*room).or_insert(rooms);
            }
        }
        lower.extend(layer.iter().copied().flatten());
    }
    allowed
}

/// Returns the rooms that a text imports by `crate::room` (or `annunciator::room`, from the binary), comments left out.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
        for prefix in ["crate::", "annunciator::"] {
            for (at, _) in line.match_indices(prefix) {
                if line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
                    continue;
                }
                let rest = &line[at + prefix.len()..];
                match rest.strip_prefix('{') {
                    Some(group) => {
                        let names = group.split(['{', '}', ',', ' ']).filter(|n| !n.is_empty());
                        found.extend(names.map(|n| n.split("::").next().unwrap_or(n).to_owned()));
                    }
                    None => found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()),
                }
            }
        }
    }
    found
}

#[test]
fn imports_go_down_the_layers_only() {
    let allowed = allowed();
    let mut faults = Vec::new();
    for (file, text) in all_sources("src") {
        let room = room(&file);
        if room == "lib" {
            continue;
        }
        let Some(rooms) = allowed.get(room) else {
            faults.push(format!("{file}: the room `{room}` has no layer in tests/tidy.rs and docs/architecture.md"));
            continue;
        };
        for import in imports(&text) {
            if allowed.contains_key(import.as_str()) && !rooms.contains(&import.as_str()) {
                faults.push(format!("{file}: `{room}` may not import `{import}`"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_rooms_touch_neither_runtime_nor_system() {
    let mut faults = Vec::new();
    for (file, text) in all_sources("src").into_iter().filter(|(file, _)| PURE.contains(&room(file))) {
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for line in code.lines().filter(|l| !l.trim_start().starts_with("//")) {
            faults.extend(
                IMPURE.iter().filter(|i| line.contains(**i)).map(|i| format!("{file}: {i} in `{}`", line.trim())),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn leaf_names_are_read_in_settings_only() {
    let mut faults = Vec::new();
    for (file, text) in all_sources("src") {
        if ["settings", "tree", "codec"].contains(&room(&file)) || file.contains("/tests") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for call in [".leaf(\"", ".leaf_list(\""] {
            if code.contains(call) {
                faults.push(format!("{file}: reads a leaf by name; only `settings` does"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_opens_with_its_purpose() {
    let files = ["src", "tests", "benches"].into_iter().flat_map(all_sources);
    let faults: Vec<String> = files.filter(|(_, text)| !text.starts_with("//! ")).map(|(file, _)| file).collect();
    assert!(faults.is_empty(), "without a `//! ` header:\n{}", faults.join("\n"));
}

#[test]
fn names_that_say_nothing_are_not_used() {
    let banned = ["util", "utils", "common", "helpers", "misc", "manager", "info", "core"];
    let stem = |file: &str| Path::new(file).file_stem().unwrap().to_string_lossy().into_owned();
    let files = all_sources("src").into_iter().map(|(file, _)| file);
    let faults: Vec<String> = files
        .filter(|file| banned.contains(&stem(file).as_str()) || file.split('/').any(|part| banned.contains(&part)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
