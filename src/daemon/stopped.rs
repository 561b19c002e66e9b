//! Why a verb ended before its work was done, and the exit code that says so.

use crate::datastore::{BootError, RollbackError};
use crate::diagnostic::Diagnostics;
use crate::store::{JOURNAL_NAME, StoreError};
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
    pub fn caused(doing: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut at = Some(error);
        while let Some(cause) = at {
            if let Some((said, hint)) = cause.downcast_ref().and_then(of_the_file) {
                return Self::failed_with_hint(doing, said, hint);
            }
            let said = cause.to_string();
            // SQLite says the same twice, the second time with its number.
            let is_said = text.rsplit(": ").next().is_some_and(|last| said.ends_with(last));
            if !is_said {
                text.push_str(&format!(": {said}"));
            }
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

/// What to do about a journal that cannot be used.
const JOURNAL_HINT: &str = "the journal holds the configuration, its revisions and what nobody was told yet, so it is not begun anew \
     by itself: put it back from a copy together with `records.db`, or move it away with its `-wal` and `-shm`, and the element \
     begins anew with the configuration files";

/// What to do about another file that cannot be used.
const FILE_HINT: &str = "move it out of the data folder, and a new one is begun";

/// Returns what there is to say of a file that is not as it was written, and what to do about it.
fn of_the_file(error: &StoreError) -> Option<(String, &'static str)> {
    let (StoreError::Damaged { path, .. } | StoreError::Foreign { path, .. }) = error else { return None };
    let is_journal = path.file_name().is_some_and(|name| name == JOURNAL_NAME);
    Some((error.to_string(), if is_journal { JOURNAL_HINT } else { FILE_HINT }))
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
            BootError::Stored(RollbackError::Store(error @ StoreError::Corrupt { table: "revision", .. })) => {
                Self::failed_with_hint(
                    "start",
                    format!("the configuration cannot be put together: {error}"),
                    "`records.db` held the configuration as of a later revision: put it back from a copy, or move `journal.db` \
                     and `records.db` away, and the element begins anew with the configuration files",
                )
            }
            other @ BootError::Stored(_) => Self::caused("start", &other),
        }
    }
}
