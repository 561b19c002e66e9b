//! Perceived severity (RFC 8632 §4.2, `severity`): cleared is not one of them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How bad an alarm is; rises in declaration order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of RFC 8632")]
pub enum Severity {
    Indeterminate,
    Warning,
    Minor,
    Major,
    Critical,
}

impl Severity {
    /// All, rising.
    pub const ALL: [Self; 5] = [Self::Indeterminate, Self::Warning, Self::Minor, Self::Major, Self::Critical];

    /// Returns the name that configuration, payloads and people use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Indeterminate => "indeterminate",
            Self::Warning => "warning",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a severity: expected `indeterminate`, `warning`, `minor`, `major` or `critical`")]
pub struct UnknownSeverity(pub String);

impl FromStr for Severity {
    type Err = UnknownSeverity;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| UnknownSeverity(text.to_owned()))
    }
}
