//! Independent programs from package registries against the real binary and its modules. Without the program a test says
//! that it skipped.

mod prometheus;
mod schema;

use std::path::Path;

/// Returns whether a program can be started; says that the test is skipped when it cannot.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("skipped: `{program}` is not installed");
    }
    found
}

/// Returns the folder of the package.
fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
