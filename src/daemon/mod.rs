//! The process's life: configuration files in, parts built, run until told to stop, drained with a deadline.
//!
//! **Invariants**: faulty input leaves the store untouched; whoever is late at the end is named.

mod files;
mod reference;

pub use files::{ConfigFile, discover, load};
pub use reference::configuration_reference;
