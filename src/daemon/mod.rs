//! The process's life: configuration files in, parts built, run until told to stop, drained with a deadline.
//!
//! **Invariants**: faulty input, and an address or socket that cannot be had, leave the store untouched; whoever is late at the end is named.

mod alarm_notices;
mod check;
mod demo;
mod faces;
mod files;
mod folder;
mod handler_board;
mod intake;
mod listed;
mod log;
mod look_again;
mod open_files;
mod pages;
mod receive;
mod reference;
mod run;
mod schema;
mod signals;
mod start;
mod stopped;
mod store_watch;
mod trial;

pub use alarm_notices::announce_alarms;
pub use check::{builtin_plan, check};
pub use demo::demo;
pub use files::{ConfigFile, Found, discover, load};
pub use handler_board::HandlerBoard;
pub use intake::Intake;
pub use log::{LogForm, Voice, lost_log_writes, start_log};
pub use pages::Pages;
pub use receive::receive;
pub use reference::configuration_reference;
pub use run::{RunOptions, run};
pub use schema::{
    DocumentContents, Gathered, SchemaOptions, ValidateOptions, gather, lint, plan_with, tree, validate_documents,
};
pub use signals::Signals;
pub use start::{Running, StartOptions, start};
pub use stopped::Stopped;
pub use store_watch::{restore_checkpoints, watch_store};

/// Name of the shell's socket in the data folder.
pub const SOCKET_NAME: &str = "annunciator.sock";

/// Name of the key file in the data folder.
pub const KEY_FILE_NAME: &str = "secret.key";

use crate::shell::engine;
use std::io::Write;

/// Prints a generated reference: of the command line's language, or of the configuration.
///
/// # Errors
/// When the schema cannot be compiled, or nobody reads.
pub fn print_reference(of_cli: bool, out: &mut dyn Write) -> Result<u8, Stopped> {
    let text = if of_cli { engine::reference() } else { configuration_reference(builtin_plan()?.schema()) };
    out.write_all(text.as_bytes()).map_err(|e| Stopped::failed("print the reference", e))?;
    Ok(0)
}
