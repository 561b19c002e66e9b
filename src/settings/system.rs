//! `system`: where the element listens and what it keeps.

use super::reader::Reader;
use crate::diagnostic::Diagnostics;
use crate::store::LogRetention;
use crate::tree::{DataPath, DataTree, Value};
use std::time::Duration;

/// Where the HTTP server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpServerSpec {
    /// Host name or address.
    pub address: String,
    /// Port.
    pub port: u16,
}

/// Reads where the HTTP server listens; defaults where nothing is configured.
///
/// # Errors
/// What cannot be read, each with its path.
pub fn http_server(tree: &DataTree) -> Result<HttpServerSpec, Diagnostics> {
    let mut reader = Reader::new(tree.root(), &DataPath::ROOT);
    let address = reader.mandatory_text("system/http-server/address");
    let port = reader.number("system/http-server/port");
    let read = (|| Some(HttpServerSpec { address: address?, port: port? }))();
    reader.finish(read)
}

/// Revisions kept where the schema does not say: a year of three commits a day.
const REVISIONS_KEPT: usize = 1000;

/// Reads how many revisions are kept.
#[must_use]
pub fn revisions_kept(tree: &DataTree) -> usize {
    let kept = tree.root().leaf("system/revisions-kept").and_then(Value::as_u64);
    kept.and_then(|kept| usize::try_from(kept).ok()).unwrap_or(REVISIONS_KEPT)
}

/// Reads what of the delivery log is kept.
#[must_use]
pub fn delivery_log(tree: &DataTree) -> LogRetention {
    let number = |leaf: &str| tree.root().leaf(&format!("system/delivery-log/{leaf}")).and_then(Value::as_u64);
    // A schema without the leaves has the same defaults.
    let defaults = LogRetention::default();
    LogRetention {
        age: number("age").map_or(defaults.age, |hours| Duration::from_secs(hours.saturating_mul(3600))),
        count: number("count").unwrap_or(defaults.count),
        bytes: number("size").map_or(defaults.bytes, |megabytes| megabytes.saturating_mul(1 << 20)),
    }
}
