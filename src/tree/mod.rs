//! Instance data: a persistent, shared tree of values that a schema gives names and types to.
//!
//! A [`DataTree`] is a snapshot: cloning it copies a pointer, editing the clone copies the nodes from the root to the
//! edited one and shares all others, [`diff`] passes over what is shared. The index of references (every leafref is an
//! edge) is part of the snapshot.
//!
//! **Invariants**: no I/O, no async; never panics on input; key leaves are stored as the entry's [`Key`] only;
//! an empty non-presence container is not stored; defaults are synthesised, never stored; of a choice at most one case
//! is stored. RFC 7950 §6–§9, RFC 7951 §6.11 for paths.

mod access;
#[cfg(test)]
pub(crate) mod arbitrary;
mod assemble;
#[cfg(test)]
mod constraint_properties;
mod cursor;
mod data_tree;
mod dependency;
mod diff;
mod edit;
mod evaluate;
mod index;
mod map;
mod marks;
mod node;
#[cfg(test)]
mod oracle;
mod path;
mod plan;
#[cfg(test)]
mod properties;
mod references;
mod rename;
mod settle;
mod validate;
mod value;
mod with_defaults;

pub use cursor::NodeRef;
pub use data_tree::{DataTree, EditError, Position};
pub use diff::{Change, Delta, EntryChange, diff};
pub use edit::{EditContent, EditNode, ErrorTag, Operation, OperationError};
pub use map::Map;
pub use marks::{Mark, MarkChange};
pub use node::{Branch, Cell, List};
pub use path::{DataPath, Key, PathError};
pub use plan::Plan;
pub use references::References;
pub use settle::{PruneReason, Pruned, settle};
pub use validate::{Contents, validate, validate_as, validate_change, validate_inside};
pub use value::{Form, Value, ValueError};
pub use with_defaults::{DefaultsError, Reading, WithDefaults};
