//! `environments environment alarms ingest`: how alarms of other systems are taken and understood.

use crate::alarm::Severity;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::{Sealer, Secret};
use crate::tree::{DataTree, Value};

/// How alarms of other systems are taken and understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSpec {
    /// Severity of an alarm whose sender states none.
    pub default_severity: Severity,
    /// Labels that name the resource.
    pub resource_labels: Vec<String>,
    /// Labels that name the kind of resource.
    pub resource_type_labels: Vec<String>,
    /// Label that names the node.
    pub node_label: String,
    /// Label that names the severity.
    pub severity_label: String,
    /// Labels that an alert may have.
    pub labels_max: usize,
    /// Alarms taken in a second on the average; as many as can be stored where there is none.
    pub alarms_per_second: Option<u32>,
    /// Alarms that may come at once.
    pub burst: u32,
    /// Tokens by the name of the client; with none every client may report.
    pub tokens: Vec<(String, Secret)>,
}

/// Reads how alarms are taken.
///
/// # Errors
/// Tokens that cannot be opened, each with its path. The client of such a token is not let in.
pub fn ingest(tree: &DataTree, sealer: &dyn Sealer) -> (IngestSpec, Diagnostics) {
    const PLACE: &str = "environments/environment/alarms/ingest";
    let root = tree.root();
    let leaf = |name: &str| root.leaf(&format!("{PLACE}/{name}"));
    let text = |name: &str| leaf(name).map(ToString::to_string).unwrap_or_default();
    let texts =
        |name: &str| root.leaf_list(&format!("{PLACE}/{name}")).iter().map(ToString::to_string).collect::<Vec<_>>();
    let number = |name: &str| leaf(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let mut faults = Diagnostics::new();
    let mut tokens = Vec::new();
    let list = root.find(&format!("{PLACE}/api-token"));
    for entry in list.into_iter().flat_map(|list| list.entries().collect::<Vec<_>>()) {
        let name = entry.leaf("name").map(ToString::to_string).unwrap_or_default();
        let opened = match entry.leaf("token") {
            Some(Value::Secret(sealed)) => sealer.open(sealed).map_err(|error| error.to_string()),
            _ => Err("it is not an encrypted value".to_owned()),
        };
        match opened {
            Ok(token) => tokens.push((name, token)),
            Err(error) => {
                let said = Diagnostic::error(format!("the token of `{name}` cannot be opened: {error}"));
                faults.push(said.hint("set it again in clear text, or restore the key file that it was made with"));
                // No token opens the door: that a list is not empty must not be forgotten.
                tokens.push((name, Secret::new("")));
            }
        }
    }
    let spec = IngestSpec {
        default_severity: text("default-severity").parse().unwrap_or(Severity::Major),
        resource_labels: texts("labels/resource"),
        resource_type_labels: texts("labels/resource-type"),
        node_label: text("labels/node"),
        severity_label: text("labels/severity"),
        labels_max: number("limits/labels-max").and_then(|n| usize::try_from(n).ok()).unwrap_or(128),
        alarms_per_second: number("limits/alarms-per-second"),
        burst: number("limits/burst").unwrap_or(10_000),
        tokens,
    };
    (spec, faults)
}
