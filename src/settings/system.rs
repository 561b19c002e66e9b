//! Settings of the element as a whole: its name, its listener, how much history it keeps.

use crate::tree::{DataPath, DataTree, Value};
use crate::yang::SchemaTree;

/// Revisions kept where the schema states no number.
const REVISIONS_KEPT: usize = 1000;

/// Address and port of the HTTP listener where the schema states none.
const HTTP_HOST: &str = "127.0.0.1";
const HTTP_PORT: u16 = 8008;

/// Returns the configured node id.
#[must_use]
pub fn node_id(tree: &DataTree) -> Option<String> {
    tree.root().leaf("environments/environment/node-id").and_then(Value::as_str).map(str::to_owned)
}

/// Returns how many revisions are kept.
#[must_use]
pub fn revisions_kept(tree: &DataTree) -> usize {
    let kept = tree.root().leaf("system/revisions-kept").and_then(Value::as_u64);
    kept.and_then(|n| usize::try_from(n).ok()).unwrap_or(REVISIONS_KEPT)
}

/// Returns host and port of the HTTP listener.
#[must_use]
pub fn http_address(tree: &DataTree) -> (String, u16) {
    let root = tree.root();
    let host = root.leaf("system/http-server/address").and_then(Value::as_str).unwrap_or(HTTP_HOST);
    let port = root.leaf("system/http-server/port").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
    (host.to_owned(), port.unwrap_or(HTTP_PORT))
}

/// Returns the data path of a leaf of the HTTP listener (`address`, `port`), for diagnostics.
#[must_use]
pub fn http_server_path(schema: &SchemaTree, leaf: &str) -> String {
    let leaf = schema.find(["system", "http-server", leaf]);
    leaf.map_or_else(String::new, |id| DataPath::new(id, Vec::new()).display(schema).to_string())
}
