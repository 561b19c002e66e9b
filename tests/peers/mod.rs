//! Independent programs from package registries against the real binary and its modules. Without the program a test says
//! that it skipped.

pub(crate) mod amtool;
mod nginx;
mod openssl;
mod prometheus;
mod schema;
mod squid;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::Command;

/// Returns whether a program can be started; says that the test is skipped when it cannot.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("skipped: `{program}` is not installed");
    }
    found
}

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
