//! Why a verb ended before its work was done, and the exit code that says so.

use crate::datastore::{BootError, RollbackError};
use crate::diagnostic::Diagnostics;
use crate::store::StoreError;
use std::fmt;

/// Why a verb ended early.
#[derive(Debug)]
pub enum Stopped {
    /// The input is faulty; nothing was changed.
    Refused(Diagnostics),
    /// The system or the element's state does not allow it.
    Failed {
        /// What was being done.
        doing: &'static str,
        /// What went wrong.
        cause: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A signal asked for the end before there was anything to drain.
    Asked(&'static str),
}

impl Stopped {
    /// Builds a failure.
    pub fn failed(doing: &'static str, cause: impl fmt::Display) -> Self {
        Self::Failed { doing, cause: cause.to_string(), hint: None }
    }

    /// Builds a failure that one knows a way out of.
    pub fn failed_with_hint(doing: &'static str, cause: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self::Failed { doing, cause: cause.to_string(), hint: Some(hint.into()) }
    }

    /// Builds a failure of an error with its causes.
    pub fn caused(doing: &'static str, error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut at = error.source();
        while let Some(cause) = at {
            text.push_str(&format!(": {cause}"));
            at = cause.source();
        }
        Self::failed(doing, text)
    }

    /// Returns the process's exit code: 0 ended as asked, 1 failed, 2 refused input.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Asked(_) => 0,
            Self::Refused(_) => 2,
            Self::Failed { .. } => 1,
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(diagnostics) => write!(f, "{diagnostics}\n\n{}", diagnostics.summary()),
            Self::Asked(signal) => write!(f, "{signal} came before the start was complete"),
            Self::Failed { doing, cause, hint } => {
                write!(f, "error: cannot {doing}: {cause}")?;
                match hint {
                    Some(hint) => write!(f, "\nhint: {hint}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        let doing = "use the data folder";
        match error {
            StoreError::Full => Self::failed_with_hint(doing, error, "make room on it: what is stored is whole"),
            error => Self::caused(doing, &error),
        }
    }
}

impl From<BootError> for Stopped {
    fn from(error: BootError) -> Self {
        match error {
            BootError::Input(diagnostics) | BootError::Refused { diagnostics, .. } => Self::Refused(diagnostics),
            BootError::Store(error) => error.into(),
            BootError::Stored(cause @ RollbackError::Unreadable { .. }) => Self::failed_with_hint(
                "start",
                BootError::Stored(cause),
                "a YANG module that the configuration was stored with is missing or has changed: start with its \
                 `--schema-dir` again, delete what is configured under it, commit and stop before it goes",
            ),
            other @ BootError::Stored(_) => Self::caused("start", &other),
        }
    }
}
