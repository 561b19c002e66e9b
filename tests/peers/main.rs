//! Other programs as judges of ours; a test says so when its peer is not installed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test ends at the first surprise")]

mod schema;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::Command;

/// How a peer judged.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) accepts: bool,
    /// All that it wrote.
    pub(crate) said: String,
}

/// Runs a peer; `None`, and a word about it, when it is not installed.
pub(crate) fn ask<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> Option<Judged> {
    let output = match Command::new(program).args(arguments).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: `{program}` is not installed");
            return None;
        }
        Err(error) => panic!("`{program}` cannot be run: {error}"),
    };
    let said = [output.stdout, output.stderr].concat();
    Some(Judged { accepts: output.status.success(), said: String::from_utf8_lossy(&said).into_owned() })
}
