//! `annunciator schema`: the YANG engine for any modules, those of other people included.

mod files;
mod lint;
mod message;
mod site;
mod tree;
mod validate;

pub use files::{Gathered, gather};
pub use lint::{SchemaOptions, lint};
pub use site::plan_with;
pub use tree::tree;
pub use validate::{DocumentContents, ValidateOptions, validate_documents};
