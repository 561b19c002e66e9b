//! What an alarm is like at one moment.

use super::{AlarmId, Severity};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The part of an alarm's state that decides whether there is something to announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// The last severity that was not clear; a clear keeps it (RFC 8632, `perceived-severity`).
    pub severity: Severity,
    /// Whether the condition is gone.
    pub is_cleared: bool,
}

/// Texts for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AlarmText {
    /// One line; an alarm's history shares it.
    pub brief: Arc<str>,
    /// Paragraphs.
    pub detailed: Vec<String>,
    /// What to do, a step a line.
    pub suggested_actions: Vec<String>,
    /// What the source knows of its causes and kin.
    #[serde(default, skip_serializing_if = "Correlation::is_empty")]
    pub correlation: Correlation,
}

/// What a source knows of an alarm's causes and kin (RFC 8632, `root-cause-resource` and `related-alarm`): hints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Correlation {
    /// Resources that are likely the cause.
    #[serde(default)]
    pub root_causes: Vec<ResourceName>,
    /// Alarms that belong together with it.
    #[serde(default)]
    pub related: Vec<AlarmId>,
}

impl Correlation {
    /// Returns whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root_causes.is_empty() && self.related.is_empty()
    }
}

/// A resource, as people and clients name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceName {
    /// Its kind.
    pub resource_type: String,
    /// Its name among those of its kind.
    pub resource: String,
}

impl std::fmt::Display for ResourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.resource_type, self.resource)
    }
}

/// Resources of one kind that depend on the alarming one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImpactGroup {
    /// Their kind.
    pub resource_type: String,
    /// The kind as people read it.
    pub title: String,
    /// The resources, sorted.
    pub resources: Vec<String>,
}

/// An alarm's whole state after a transition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmState {
    /// Severity and clearance.
    pub standing: Standing,
    /// Texts; whoever has this state of the alarm shares them.
    pub text: Arc<AlarmText>,
    /// What depends on the resource, sorted by kind.
    pub impact: Vec<ImpactGroup>,
}
