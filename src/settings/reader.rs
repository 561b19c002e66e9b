//! Reading the leaves of one entry, collecting what is wrong with them.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::{Sealer, Secret};
use crate::tree::{DataPath, NodeRef, Value};
use crate::yang::SchemaId;
use std::str::FromStr;
use std::time::Duration;

/// Reads leaves below one node by name, defaults included.
pub(super) struct Reader<'t, 's> {
    node: NodeRef<'t>,
    path: &'s DataPath,
    faults: Diagnostics,
}

impl<'t, 's> Reader<'t, 's> {
    pub(super) fn new(node: NodeRef<'t>, path: &'s DataPath) -> Self {
        Self { node, path, faults: Diagnostics::new() }
    }

    /// Returns what was read, unless something was wrong.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, Diagnostics> {
        match read {
            Some(read) if !self.faults.has_errors() => Ok(read),
            _ => Err(self.faults),
        }
    }

    /// Reports a fault of a leaf below.
    pub(super) fn report(&mut self, leaf: &str, diagnostic: Diagnostic) {
        let schema = self.node.plan().schema();
        let id = leaf.split('/').try_fold(self.path.schema_id(), |at: SchemaId, name| schema.child(at, name));
        let path = id.map_or_else(|| self.path.clone(), |id| self.path.child(id));
        self.faults.push(diagnostic.on(path.display(schema).to_string()));
    }

    /// Returns whether a container below exists.
    pub(super) fn has(&self, container: &str) -> bool {
        self.node.find(container).is_some()
    }

    /// Returns the leaf's value or default.
    pub(super) fn value(&self, leaf: &str) -> Option<&'t Value> {
        self.node.leaf(leaf)
    }

    /// Returns a leaf's text.
    pub(super) fn text(&self, leaf: &str) -> Option<String> {
        self.value(leaf).map(ToString::to_string)
    }

    /// Returns the text of a leaf that must be there. A validated tree has it.
    pub(super) fn mandatory_text(&mut self, leaf: &str) -> Option<String> {
        let text = self.text(leaf);
        if text.is_none() {
            self.missing(leaf);
        }
        text
    }

    fn missing(&mut self, leaf: &str) {
        let name = leaf.rsplit('/').next().unwrap_or(leaf);
        self.report(leaf, Diagnostic::error(format!("`{name}` is not configured")));
    }

    /// Returns a number that must be there, by default at least.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, leaf: &str) -> Option<T> {
        let Some(value) = self.value(leaf) else {
            self.missing(leaf);
            return None;
        };
        let number = value.as_u64().and_then(|n| T::try_from(n).ok());
        if number.is_none() {
            self.report(leaf, Diagnostic::error(format!("`{value}` is out of range")));
        }
        number
    }

    /// Returns a duration given in seconds.
    pub(super) fn seconds(&mut self, leaf: &str) -> Option<Duration> {
        self.number(leaf).map(Duration::from_secs)
    }

    /// Returns a timeout in seconds, of which 0 is none: the outer `None` is a fault.
    pub(super) fn timeout(&mut self, leaf: &str) -> Option<Timeout> {
        self.seconds(leaf).map(|wait| if wait.is_zero() { Timeout::Never } else { Timeout::After(wait) })
    }

    /// Returns durations given in seconds.
    pub(super) fn seconds_list(&self, leaf_list: &str) -> Vec<Duration> {
        let values = self.node.leaf_list(leaf_list);
        values.iter().filter_map(Value::as_u64).map(Duration::from_secs).collect()
    }

    /// Returns the texts of a leaf-list.
    pub(super) fn texts(&self, leaf_list: &str) -> Vec<String> {
        self.node.leaf_list(leaf_list).iter().map(ToString::to_string).collect()
    }

    /// Reads the entries of a list below, each with a reader of its own.
    pub(super) fn each(&mut self, list: &str, mut read: impl FnMut(&mut Reader<'_, '_>)) {
        let schema = self.node.plan().schema();
        let Some(node) = self.node.find(list) else { return };
        let id = list.split('/').try_fold(self.path.schema_id(), |at: SchemaId, name| schema.child(at, name));
        for entry in node.entries() {
            let (Some(id), Some(key)) = (id, entry.key()) else { continue };
            let path = DataPath::new(id, self.path.keys().iter().cloned().chain([key.clone()]).collect());
            let mut reader = Reader::new(entry, &path);
            read(&mut reader);
            self.faults.extend(reader.faults);
        }
    }

    /// Returns a boolean with a default.
    pub(super) fn boolean(&mut self, leaf: &str) -> Option<bool> {
        let value = self.value(leaf).and_then(Value::as_bool);
        if value.is_none() {
            self.missing(leaf);
        }
        value
    }

    /// Returns a leaf's text as a type whose names are the schema's.
    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, leaf: &str) -> Option<T> {
        let text = self.mandatory_text(leaf)?;
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.report(leaf, Diagnostic::error(error.to_string()));
                None
            }
        }
    }

    /// Opens the secrets of a leaf-list; `Err` where one cannot be opened, which is then reported.
    pub(super) fn secrets(&mut self, leaf_list: &str, sealer: &dyn Sealer) -> Result<Vec<Secret>, Reported> {
        let values = self.node.leaf_list(leaf_list);
        let opened: Result<Vec<Secret>, _> = values
            .iter()
            .map(|value| match value {
                Value::Secret(text) => sealer.open(text).map_err(|error| error.to_string()),
                _ => Err("not an encrypted value".to_owned()),
            })
            .collect();
        opened.map_err(|error| {
            let said = Diagnostic::error(format!("a secret cannot be opened: {error}"));
            self.report(
                leaf_list,
                said.hint("set it again in clear text, or restore the key file that it was made with"),
            );
            Reported
        })
    }

    /// Opens a secret: `Ok(None)` where it is not set, `Err` where it cannot be opened, which is then reported.
    pub(super) fn secret(&mut self, leaf: &str, sealer: &dyn Sealer) -> Result<Option<Secret>, Reported> {
        match self.value(leaf) {
            None => Ok(None),
            Some(Value::Secret(text)) => sealer.open(text).map(Some).map_err(|error| {
                let said = Diagnostic::error(format!("the secret cannot be opened: {error}"));
                self.report(
                    leaf,
                    said.hint("set it again in clear text, or restore the key file that it was made with"),
                );
                Reported
            }),
            Some(_) => {
                self.report(leaf, Diagnostic::error("not an encrypted value"));
                Err(Reported)
            }
        }
    }
}

/// Stands for a fault that was reported.
pub(super) struct Reported;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timeout {
    Never,
    After(Duration),
}

impl Timeout {
    /// Returns the limit, when there is one.
    pub(super) fn limit(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::After(wait) => Some(wait),
        }
    }
}
