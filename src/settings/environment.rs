//! `environments environment`: who this element is, and what it makes of alarms that come in.

use crate::alarm::Severity;
use crate::tree::{DataTree, Value};

/// The environment that the element serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its name, for people.
    pub name: Option<String>,
    /// Where people reach the web interface; links begin with it.
    pub base_url: Option<String>,
    /// The node in alarms, where it is not to be the stored host name.
    pub node_id: Option<String>,
}

/// Reads the environment.
#[must_use]
pub fn environment(tree: &DataTree) -> Environment {
    let text = |leaf: &str| tree.root().leaf(&format!("environments/environment/{leaf}")).map(ToString::to_string);
    Environment { name: text("name"), base_url: text("base-url"), node_id: text("node-id") }
}

/// Reads the severity of an alarm whose sender states none.
#[must_use]
pub fn default_severity(tree: &DataTree) -> Severity {
    let leaf = tree.root().leaf("environments/environment/alarms/ingest/default-severity");
    // The schema's names are those of `Severity`; a schema without the leaf has the same default.
    leaf.and_then(Value::as_str).and_then(|name| name.parse().ok()).unwrap_or(Severity::Major)
}
