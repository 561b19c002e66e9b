//! Which alarms an administrative action is for (RFC 8632 §4.5, `filter-input`).

use super::{AlarmRecord, OperatorState, Severity};
use jiff::Timestamp;

/// Whether alarms stand (`alarm-clearance-status`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clearance {
    /// Whatever.
    #[default]
    Any,
    /// They do not.
    Cleared,
    /// They do.
    NotCleared,
}

impl Clearance {
    /// All.
    pub const ALL: [Self; 3] = [Self::Any, Self::Cleared, Self::NotCleared];

    /// Returns the name that RFC 8632 gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Cleared => "cleared",
            Self::NotCleared => "not-cleared",
        }
    }
}

/// How bad alarms are, beside a severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeverityBound {
    /// Less bad.
    Below(Severity),
    /// As bad.
    Is(Severity),
    /// Worse.
    Above(Severity),
}

impl SeverityBound {
    fn holds(self, severity: Severity) -> bool {
        match self {
            Self::Below(bound) => severity < bound,
            Self::Is(bound) => severity == bound,
            Self::Above(bound) => severity > bound,
        }
    }
}

/// Which alarms are meant: all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmFilter {
    /// Whether they stand.
    pub clearance: Clearance,
    /// They changed last before this (`older-than`, on `last-changed`).
    pub changed_before: Option<Timestamp>,
    /// How bad they are.
    pub severity: Option<SeverityBound>,
    /// Their newest operator state.
    pub operator_state: Option<OperatorState>,
    /// Who set it.
    pub operator: Option<String>,
}

impl AlarmFilter {
    /// Returns whether an alarm is meant.
    #[must_use]
    pub fn is_match(&self, alarm: &AlarmRecord) -> bool {
        let is_cleared = match self.clearance {
            Clearance::Any => true,
            Clearance::Cleared => alarm.is_cleared(),
            Clearance::NotCleared => !alarm.is_cleared(),
        };
        is_cleared
            && self.changed_before.is_none_or(|before| alarm.last_changed < before)
            && self.severity.is_none_or(|bound| bound.holds(alarm.severity()))
            && self.operator_state.is_none_or(|state| alarm.operator_state() == state)
            && self
                .operator
                .as_ref()
                .is_none_or(|who| alarm.operator_changes.first().is_some_and(|c| c.operator == *who))
    }
}

/// Which alarms are compressed: those of a resource, a type and a qualifier, where these are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompressFilter {
    /// The resource, as its name or as `TYPE/NAME`.
    pub resource: Option<String>,
    /// The type.
    pub alarm_type: Option<String>,
    /// The qualifier.
    pub qualifier: Option<String>,
}

impl CompressFilter {
    /// Returns whether an alarm is meant.
    #[must_use]
    pub fn is_match(&self, alarm: &AlarmRecord) -> bool {
        let key = &alarm.key;
        let is_resource =
            |wanted: &String| *wanted == key.resource || *wanted == format!("{}/{}", key.resource_type, key.resource);
        self.resource.as_ref().is_none_or(is_resource)
            && self.alarm_type.as_ref().is_none_or(|wanted| *wanted == key.alarm_type)
            && self.qualifier.as_ref().is_none_or(|wanted| *wanted == key.qualifier)
    }
}
