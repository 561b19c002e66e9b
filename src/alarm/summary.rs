//! How many alarms there are of each severity (RFC 8632 §4.4, `summary`).

use super::{AlarmRecord, OperatorState, Severity};

/// The alarms of one severity, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeveritySummary {
    /// Standing and not closed.
    pub not_cleared_not_closed: u64,
    /// Standing and closed.
    pub not_cleared_closed: u64,
    /// Gone and not closed.
    pub cleared_not_closed: u64,
    /// Gone and closed.
    pub cleared_closed: u64,
}

impl SeveritySummary {
    /// Returns how many stand.
    #[must_use]
    pub fn not_cleared(&self) -> u64 {
        self.not_cleared_not_closed + self.not_cleared_closed
    }

    /// Returns how many are gone.
    #[must_use]
    pub fn cleared(&self) -> u64 {
        self.cleared_not_closed + self.cleared_closed
    }

    /// Returns how many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.not_cleared() + self.cleared()
    }
}

/// All alarms that are on no shelf, by severity, and how many are on one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    counts: [SeveritySummary; Severity::ALL.len()],
    /// How many are on a shelf.
    pub shelved: u64,
}

impl Summary {
    /// Counts alarms.
    pub fn of<'a>(alarms: impl IntoIterator<Item = &'a AlarmRecord>) -> Self {
        let mut summary = Self::default();
        for alarm in alarms {
            summary.count(alarm);
        }
        summary
    }

    fn count(&mut self, alarm: &AlarmRecord) {
        if alarm.shelf.is_some() {
            self.shelved += 1;
            return;
        }
        let at = Severity::ALL.iter().position(|severity| *severity == alarm.severity());
        let Some(counts) = at.and_then(|at| self.counts.get_mut(at)) else { return };
        let is_closed = alarm.operator_state() == OperatorState::Closed;
        *match (alarm.is_cleared(), is_closed) {
            (false, false) => &mut counts.not_cleared_not_closed,
            (false, true) => &mut counts.not_cleared_closed,
            (true, false) => &mut counts.cleared_not_closed,
            (true, true) => &mut counts.cleared_closed,
        } += 1;
    }

    /// Returns the counts, the worst severity first.
    pub fn by_severity(&self) -> impl Iterator<Item = (Severity, &SeveritySummary)> {
        Severity::ALL.into_iter().zip(&self.counts).rev()
    }
}
