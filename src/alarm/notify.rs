//! Which changes of an alarm's state are told (RFC 8632 §4.1.1, `notify-status-changes`).

use super::{Severity, Standing};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which changes are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notify {
    /// All.
    #[default]
    AllStateChanges,
    /// Raises, clears, and raises after a clear; no changes of severity.
    RaiseAndClear,
    /// Those at or above a level, the one that drops below it, and every clear.
    SeverityLevel(Severity),
}

impl Notify {
    /// Returns the name that RFC 8632 gives the mode.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllStateChanges => "all-state-changes",
            Self::RaiseAndClear => "raise-and-clear",
            Self::SeverityLevel(_) => "severity-level",
        }
    }

    /// Returns whether a change is told. `before` is `None` for an alarm's first raise.
    #[must_use]
    pub fn tells(self, before: Option<Standing>, after: Standing) -> bool {
        let stood = before.filter(|before| !before.is_cleared);
        match self {
            Self::AllStateChanges => true,
            Self::RaiseAndClear => after.is_cleared || stood.is_none(),
            Self::SeverityLevel(level) => {
                after.is_cleared || after.severity >= level || stood.is_some_and(|before| before.severity >= level)
            }
        }
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(severity: Severity) -> Standing {
        Standing { severity, is_cleared: false }
    }

    fn told(notify: Notify, states: &[Standing]) -> Vec<usize> {
        let before = |at: usize| at.checked_sub(1).and_then(|at| states.get(at)).copied();
        (0..states.len()).filter(|at| notify.tells(before(*at), states[*at])).map(|at| at + 1).collect()
    }

    #[test]
    fn the_worked_example_of_the_rfc_tells_t1_t2_t5_t6_t7_t8() {
        use Severity::{Critical, Major, Minor, Warning};
        let mut states = [Major, Minor, Warning, Minor, Major, Critical, Major].map(stands).to_vec();
        states.push(Standing { severity: Major, is_cleared: true });
        assert_eq!(told(Notify::SeverityLevel(Major), &states), [1, 2, 5, 6, 7, 8]);
        assert_eq!(told(Notify::RaiseAndClear, &states), [1, 8]);
        assert_eq!(told(Notify::AllStateChanges, &states), [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_raise_after_a_clear_is_a_raise() {
        let cleared = Standing { severity: Severity::Critical, is_cleared: true };
        assert!(Notify::RaiseAndClear.tells(Some(cleared), stands(Severity::Minor)));
        assert!(!Notify::SeverityLevel(Severity::Major).tells(Some(cleared), stands(Severity::Minor)));
    }
}
