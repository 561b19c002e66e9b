//! `annunciator schema`: the YANG engine for any modules, those of other people included.

mod files;
mod lint;
mod site;
mod tree;

pub use files::{Gathered, gather};
pub use lint::{SchemaOptions, lint};
pub use site::plan_with;
pub use tree::tree;
