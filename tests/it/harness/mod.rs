//! What the tests stand on: real processes and real terminals, each with a folder of its own and a deadline for every wait.
//!
//! **Invariants**: no sleeps and no retries: a wait blocks on what it waits for; nothing outlives its test.

#![allow(clippy::panic, reason = "a wait that fails ends its test and shows what was there instead")]

pub(crate) mod element;
pub(crate) mod http;
pub(crate) mod parts;
pub(crate) mod pki;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod pty;
pub(crate) mod secure;
pub(crate) mod supplies;
pub(crate) mod token_server;

use std::path::Path;
use std::time::Duration;

/// How long anything may take: a loaded machine is slow, and a test that hangs must say where.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);

/// Returns the environment of a program under test: its folder is its home, and nothing of the developer's leaks in.
pub(crate) fn environment(folder: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
    vec![
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
        ("HOME", folder.as_os_str().to_owned()),
        ("XDG_STATE_HOME", folder.join("state").into_os_string()),
        ("XDG_RUNTIME_DIR", folder.as_os_str().to_owned()),
        ("TERM", "xterm".into()),
        ("LANG", "C.UTF-8".into()),
        ("TZ", "UTC".into()),
    ]
}
