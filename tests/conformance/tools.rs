//! The other tools: pyang as a library in one process, yanglint a process each.

use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What pyang says of a module.
pub(super) struct Judged {
    /// `None` where it stumbled.
    pub(super) accepts: Option<bool>,
    pub(super) said: String,
    pub(super) tree: String,
}

/// Returns a Python that has pyang, and where it keeps the modules that pyang ships.
pub(super) fn python_with_pyang() -> Option<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for python in [root.join("target/peers/bin/python"), "python3".into()] {
        let script = "import pyang, sys; print(sys.prefix)";
        let said = Command::new(&python).args(["-c", script]).stderr(Stdio::null()).output();
        if let Some(said) = said.ok().filter(|said| said.status.success()) {
            let prefix = String::from_utf8(said.stdout).unwrap();
            return Some((python, Path::new(prefix.trim()).join("share/yang/modules")));
        }
    }
    eprintln!("skipped: no Python here has `pyang`");
    None
}

/// Asks pyang about files.
pub(super) fn ask_pyang(python: &Path, files: &[PathBuf], folders: &[PathBuf], with_trees: bool) -> Vec<Judged> {
    let mut child = Command::new(python)
        .arg(super::folder().join("pyang_judge.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut requests = String::new();
    for file in files {
        requests.push_str(&json!({"file": file, "path": folders, "tree": with_trees}).to_string());
        requests.push('\n');
    }
    let mut stdin = child.stdin.take().unwrap();
    // From a thread of its own: answers come while there are still questions.
    let asking = std::thread::spawn(move || stdin.write_all(requests.as_bytes()));
    let said = child.wait_with_output().unwrap();
    asking.join().unwrap().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let judged: Vec<Judged> = text
        .lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).unwrap();
            let string = |name: &str| answer[name].as_str().unwrap().to_owned();
            Judged { accepts: answer["accepts"].as_bool(), said: string("said"), tree: string("tree") }
        })
        .collect();
    assert_eq!(judged.len(), files.len(), "pyang answered all");
    judged
}

/// Returns whether yanglint is there.
pub(super) fn has_yanglint() -> bool {
    let there = Command::new("yanglint").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        eprintln!("skipped: no `yanglint` here");
    }
    there
}

/// Asks yanglint about a file: whether it accepts it, and what it says.
pub(super) fn ask_yanglint(file: &Path, folders: &[PathBuf]) -> (bool, String) {
    let mut command = Command::new("yanglint");
    for folder in folders {
        command.arg("-p").arg(folder);
    }
    let said = command.arg(file).stdin(Stdio::null()).output().unwrap();
    (said.status.success(), String::from_utf8_lossy(&said.stderr).into_owned())
}
