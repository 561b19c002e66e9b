//! The alarms as faces see them: what stands, what an operator says of them, and how the handlers fare.

use super::Management;
use super::operations::SeenTypes;
use crate::alarm::{
    AlarmId, AlarmKey, AlarmRecord, AlarmText, ContributionKey, OperatorState, REMARK_CHARS_MAX, Severity,
};
use crate::delivery::{Deliveries, HandlerStatus};
use crate::ledger::{AlarmList, Ledger, LedgerError, Outcome, Report, ReportError};
use crate::settings;
use crate::store::Refusal;
use std::sync::Arc;

/// Who knows how the handlers fare.
pub trait HandlerStatuses: Send + Sync {
    /// Returns all, by name. Never waits for the disk.
    fn statuses(&self) -> Vec<HandlerStatus>;
}

impl HandlerStatuses for Deliveries {
    fn statuses(&self) -> Vec<HandlerStatus> {
        Deliveries::statuses(self)
    }
}

/// An alarm of this node, as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmName {
    /// The kind of the alarming resource.
    pub resource_type: String,
    /// The alarming resource.
    pub resource: String,
    /// The alarm type.
    pub alarm_type: String,
    /// What tells apart alarms of one type on one resource; usually empty.
    pub qualifier: String,
}

/// Why an operator's word about an alarm was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AlarmError {
    /// The element was built without an alarm list.
    #[error("this element keeps no alarms")]
    NotKept,
    /// A part of the name is empty.
    #[error("`{0}` is empty: an alarm is of a type, and of a resource of some kind")]
    EmptyName(&'static str),
    /// There is nothing to clear.
    #[error("no such standing alarm")]
    NotStanding,
    /// The operator never said that it stands; others do.
    #[error("the alarm stands because of what other sources report, and only they can clear it")]
    StandsByOthers,
    /// A remark is longer than what is kept.
    #[error("the remark is longer than {REMARK_CHARS_MAX} characters")]
    RemarkTooLong,
    /// Only the element sets that state.
    #[error("`{0}` is set by the element only: expected `none`, `ack` or `closed`")]
    NotWritable(OperatorState),
    /// The ledger refused it.
    #[error(transparent)]
    Refused(#[from] ReportError),
    /// It could not be made durable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What an element with alarms has.
pub(super) struct AlarmSide {
    pub(super) ledger: Ledger,
    stored_node: String,
    handlers: Arc<dyn HandlerStatuses>,
    pub(super) seen_types: SeenTypes,
}

impl Management {
    /// Adds the alarms. `stored_node` names this node where the configuration does not.
    #[must_use]
    pub fn with_alarms(
        self,
        ledger: Ledger,
        stored_node: impl Into<String>,
        handlers: Arc<dyn HandlerStatuses>,
    ) -> Self {
        let seen_types = SeenTypes::default();
        let side = AlarmSide { ledger, stored_node: stored_node.into(), handlers, seen_types };
        Self { alarm_side: Some(Arc::new(side)), ..self }
    }

    /// Returns the name of this node: the configured one, else the stored one.
    #[must_use]
    pub fn node(&self) -> String {
        let configured = settings::environment(&self.running().tree).node_id;
        configured.or_else(|| self.alarm_side.as_ref().map(|side| side.stored_node.clone())).unwrap_or_default()
    }

    /// Returns a snapshot of all alarms. Never waits for the disk.
    #[must_use]
    pub fn alarms(&self) -> AlarmList {
        self.alarm_side.as_ref().map(|side| side.ledger.alarms()).unwrap_or_default()
    }

    /// Returns one alarm. Never waits for the disk.
    #[must_use]
    pub fn alarm(&self, id: &AlarmId) -> Option<Arc<AlarmRecord>> {
        self.alarm_side.as_ref().and_then(|side| side.ledger.alarm(id))
    }

    /// Returns why reports and commits are refused, while the disk takes no writes.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.alarm_side.as_ref().and_then(|side| side.ledger.refusal())
    }

    /// Returns how the handlers fare, by name, the disabled included.
    #[must_use]
    pub fn handlers(&self) -> Vec<HandlerStatus> {
        self.alarm_side.as_ref().map(|side| side.handlers.statuses()).unwrap_or_default()
    }

    /// Takes an operator's word that an alarm of this node stands; without a text it keeps the one that it has. Blocks
    /// until that is durable.
    ///
    /// # Errors
    /// Why it was not taken; nothing has changed then.
    pub fn raise_alarm(
        &self,
        name: AlarmName,
        severity: Severity,
        brief: Option<&str>,
    ) -> Result<(AlarmId, Outcome), AlarmError> {
        let side = self.alarm_side.as_ref().ok_or(AlarmError::NotKept)?;
        let key = self.key(name)?;
        let id = key.id();
        let text = match brief {
            Some(brief) => AlarmText { brief: one_line(brief).into(), ..AlarmText::default() },
            None => side.ledger.alarm(&id).map(|record| AlarmText::clone(&record.state.text)).unwrap_or_default(),
        };
        let contribution = ContributionKey::default();
        self.note_type(&key.alarm_type);
        let report = Report::Raise { key, severity, text, contribution, ends_at: None, note: None };
        Ok((id, side.say(report)?))
    }

    /// Takes an operator's word that an alarm of this node is gone. Blocks until that is durable; returns the alarm as it
    /// is then, which still stands when other sources say so.
    ///
    /// # Errors
    /// Why it was not taken; nothing has changed then.
    pub fn clear_alarm(&self, name: AlarmName) -> Result<Arc<AlarmRecord>, AlarmError> {
        let side = self.alarm_side.as_ref().ok_or(AlarmError::NotKept)?;
        let key = self.key(name)?;
        let id = key.id();
        let own = ContributionKey::default();
        let has_said = |list: &AlarmList| {
            let is_standing = list.get(&id).is_some_and(|record| !record.is_cleared());
            is_standing && list.contributions(&id).is_none_or(|all| all.get(&own).is_some())
        };
        let had_said = has_said(&side.ledger.alarms());
        side.say(Report::Clear { key, contribution: own.clone(), text: None })?;
        match side.ledger.alarm(&id) {
            Some(record) if had_said => Ok(record),
            Some(record) if !record.is_cleared() => Err(AlarmError::StandsByOthers),
            _ => Err(AlarmError::NotStanding),
        }
    }

    /// Reports one thing, and waits until it is durable.
    pub(super) fn report_one(&self, report: Report) -> Result<Outcome, AlarmError> {
        self.alarm_side.as_ref().ok_or(AlarmError::NotKept)?.say(report)
    }

    fn key(&self, name: AlarmName) -> Result<AlarmKey, AlarmError> {
        let AlarmName { resource_type, resource, alarm_type, qualifier } = name;
        let parts = [("resource-type", &resource_type), ("resource", &resource), ("alarm-type", &alarm_type)];
        if let Some((part, _)) = parts.into_iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(AlarmError::EmptyName(part));
        }
        Ok(AlarmKey { node: self.node(), resource_type, resource, alarm_type, qualifier })
    }
}

impl AlarmSide {
    fn say(&self, report: Report) -> Result<Outcome, AlarmError> {
        let verdicts = self.ledger.report_blocking(vec![report])?;
        // One report has one verdict.
        Ok(verdicts.into_iter().next().unwrap_or(Ok(Outcome::Unchanged))?)
    }
}

/// A brief text is one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
