//! `environments environment`: who this element is.

use crate::tree::DataTree;

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
