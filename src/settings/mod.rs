//! The typed view of the configuration: the only reader of leaf names.
//!
//! **Invariants**: what the schema guarantees (types, mandatory leaves, defaults) is relied on; what it cannot say is
//! checked here and told at its data path.

mod system;

pub use system::{http_address, http_server_path, node_id, revisions_kept};
