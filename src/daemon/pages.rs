//! The alarm list as the pages for people show it.

use super::intake::why_unready;
use crate::alarm::AlarmId;
use crate::management::Management;
use crate::task::Scope;
use crate::web::{AlarmChange, AlarmRecord, PageSource, UnreadableError};
use std::sync::Arc;

/// Shows alarms of the element.
#[derive(Debug, Clone)]
pub struct Pages {
    management: Management,
    scope: Scope,
}

impl Pages {
    /// Builds it; health says that the element ends once the scope stops.
    #[must_use]
    pub fn new(management: Management, scope: Scope) -> Self {
        Self { management, scope }
    }
}

impl PageSource for Pages {
    async fn alarm(&self, id: AlarmId) -> Result<Option<AlarmRecord>, UnreadableError> {
        let record = self.management.alarm(&id);
        Ok(record.map(|record| AlarmRecord {
            key: Arc::clone(&record.key),
            state: record.state.clone(),
            time_created: record.time_created,
            last_updated: record.last_updated,
            changes: record
                .status_changes
                .iter()
                .map(|change| AlarmChange {
                    time: change.time,
                    standing: change.standing,
                    brief: Arc::clone(&change.text),
                })
                .collect(),
        }))
    }

    fn faults(&self) -> Vec<String> {
        why_unready(&self.scope, &self.management).into_iter().collect()
    }
}
