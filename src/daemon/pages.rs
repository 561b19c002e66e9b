//! The alarm list as its pages show it.

use crate::alarm::AlarmId;
use crate::ledger::Ledger;
use crate::task::Scope;
use crate::web::{AlarmChange, AlarmRecord, PageSource, UnreadableError};

/// Shows the ledger's alarms.
#[derive(Debug)]
pub struct LedgerPages {
    ledger: Ledger,
    scope: Scope,
}

impl LedgerPages {
    /// Builds the source; the element is not healthy once the scope stops.
    #[must_use]
    pub fn new(ledger: Ledger, scope: Scope) -> Self {
        Self { ledger, scope }
    }
}

impl PageSource for LedgerPages {
    async fn alarm(&self, id: AlarmId) -> Result<Option<AlarmRecord>, UnreadableError> {
        Ok(self.ledger.alarm(&id).map(|record| AlarmRecord {
            key: record.key.clone(),
            state: record.state.clone(),
            time_created: record.time_created,
            last_updated: record.last_updated,
            changes: record.status_changes.iter().map(change).collect(),
        }))
    }

    fn faults(&self) -> Vec<String> {
        if self.scope.is_stopping() { vec!["the element is stopping".to_owned()] } else { Vec::new() }
    }
}

fn change(change: &crate::alarm::StatusChange) -> AlarmChange {
    AlarmChange { time: change.time, standing: change.standing, brief: change.text.clone() }
}
