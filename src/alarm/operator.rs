//! What operators make of an alarm: its own life cycle beside the condition's (RFC 8632 §4.5.2, `operator-state-change`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Operator state changes kept for one alarm: as many hands as an alarm goes through, and a bound on what a script
/// that acknowledges every minute costs.
pub const OPERATOR_CHANGES_MAX: usize = 32;

/// Characters of an operator's remark: some lines.
pub const REMARK_CHARS_MAX: usize = 1000;

/// Operator state of an alarm (RFC 8632, `operator-state`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorState {
    /// Nobody takes care of it.
    #[default]
    None,
    /// Somebody takes care of it.
    Ack,
    /// Somebody says that it is resolved.
    Closed,
    /// It is on a shelf; set by the element only.
    Shelved,
    /// It was on a shelf; set by the element only.
    UnShelved,
}

impl OperatorState {
    /// All.
    pub const ALL: [Self; 5] = [Self::None, Self::Ack, Self::Closed, Self::Shelved, Self::UnShelved];

    /// Those that an operator may set (`writable-operator-state`).
    pub const WRITABLE: [Self; 3] = [Self::None, Self::Ack, Self::Closed];

    /// Returns the name that RFC 8632 gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ack => "ack",
            Self::Closed => "closed",
            Self::Shelved => "shelved",
            Self::UnShelved => "un-shelved",
        }
    }

    /// Returns whether an operator may set it.
    #[must_use]
    pub fn is_writable(self) -> bool {
        Self::WRITABLE.contains(&self)
    }
}

impl fmt::Display for OperatorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no operator state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an operator state: expected `none`, `ack`, `closed`, `shelved` or `un-shelved`")]
pub struct UnknownOperatorState(pub String);

impl FromStr for OperatorState {
    type Err = UnknownOperatorState;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| UnknownOperatorState(text.to_owned()))
    }
}

/// One entry of an alarm's operator history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorChange {
    /// When; each entry's is later than the one's before.
    pub time: Timestamp,
    /// Who.
    pub operator: String,
    /// The state from then on.
    pub state: OperatorState,
    /// A remark; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}
