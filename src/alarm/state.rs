//! What an alarm is like at one moment.

use super::Severity;
use serde::{Deserialize, Serialize};

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
    /// One line.
    pub brief: String,
    /// Paragraphs.
    pub detailed: Vec<String>,
    /// What to do, a step a line.
    pub suggested_actions: Vec<String>,
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
    /// Texts.
    pub text: AlarmText,
    /// What depends on the resource, sorted by kind.
    pub impact: Vec<ImpactGroup>,
}
