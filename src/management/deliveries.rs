//! Deliveries as faces see them: the log, what each handler was told, a handler's test.

use super::{AlarmError, Management};
use crate::alarm::{ALARM_HANDLER, AlarmKey, AlarmText, ContributionKey, JournalPosition, SELF_TEST, Severity};
use crate::delivery::{Deliveries, DeliveryEntry, DeliveryStep, Fate, InquiryError, LaneView};
use crate::handler::DeliveryId;
use crate::ledger::{Outcome, Report};
use jiff::Timestamp;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How long a person waits for the fate of a test: longer than an attempt takes by default.
const TEST_WITHIN: Duration = Duration::from_secs(60);

/// Why deliveries cannot be shown or a handler not be tested.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeliveryError {
    /// The element was built without delivery.
    #[error("this element delivers nothing")]
    NotKept,
    /// Delivery does not do it.
    #[error(transparent)]
    Inquiry(#[from] InquiryError),
    /// The test alarm could not be raised.
    #[error("the self-test alarm cannot be raised")]
    Alarm(#[from] AlarmError),
    /// The test did not arrive.
    #[error("the self-test did not arrive: {0}")]
    NotArrived(String),
}

/// Returns the identifier that a delivery has on its receiver's side.
#[must_use]
pub fn delivery_id(entry: &DeliveryEntry) -> String {
    DeliveryId::new(entry.incarnation, entry.position).to_string()
}

/// A step of a handler's test.
#[derive(Debug, Clone)]
pub enum TestStep {
    /// The alarm is in the journal.
    Raised(JournalPosition),
    /// How the handler's lane is, and what keeps it from making an attempt now.
    Lane(Box<LaneView>),
    /// An attempt ended.
    Attempted(DeliveryStep),
    /// The alarm is cleared again.
    Cleared,
}

impl Management {
    /// Adds what delivers.
    #[must_use]
    pub fn with_deliveries(self, deliveries: Deliveries) -> Self {
        Self { deliveries: Some(deliveries), ..self }
    }

    /// Returns what delivers.
    ///
    /// # Errors
    /// When the element was built without it.
    pub fn deliveries(&self) -> Result<&Deliveries, DeliveryError> {
        self.deliveries.as_ref().ok_or(DeliveryError::NotKept)
    }

    /// Raises a self-test alarm, which goes to one handler only, waits for its first attempt, and clears it again. Tells each
    /// step. Blocks.
    ///
    /// # Errors
    /// Why it did not arrive; the alarm is cleared all the same.
    pub fn test_handler(&self, handler: &str, tell: &mut dyn FnMut(TestStep)) -> Result<(), DeliveryError> {
        let deliveries = self.deliveries()?;
        let key = AlarmKey {
            node: self.node(),
            resource_type: ALARM_HANDLER.to_owned(),
            resource: handler.to_owned(),
            alarm_type: SELF_TEST.to_owned(),
            qualifier: String::new(),
        };
        // Before the alarm is raised: its attempt may be quick.
        let steps = deliveries.watch(handler, key.id())?;
        // One that an element left behind when it died.
        self.clear_test(&key)?;
        let text = AlarmText {
            brief: format!("Test of the alarm handler {handler}").into(),
            detailed: vec!["Somebody asked for this test; nothing is wrong.".to_owned()],
            ..AlarmText::default()
        };
        let contribution = ContributionKey::default();
        let severity = Severity::Indeterminate;
        let report = Report::Raise { key: key.clone(), severity, text, contribution, ends_at: None, note: None };
        if let Outcome::Announced(transition) = self.report_one(report)? {
            tell(TestStep::Raised(transition.position));
        }
        let lane = deliveries.look(Some(key.id()))?.into_iter().find(|lane| lane.handler == handler);
        let paused_until = lane.as_ref().and_then(|lane| lane.paused_until);
        if let Some(lane) = lane {
            tell(TestStep::Lane(Box::new(lane)));
        }
        let patience = self.patience_with(paused_until);
        let verdict = match steps.recv_timeout(patience) {
            Ok(step) => {
                tell(TestStep::Attempted(step.clone()));
                match step {
                    DeliveryStep { fate: Some(Fate::Delivered), .. } => Ok(()),
                    DeliveryStep { failure, .. } => {
                        Err(DeliveryError::NotArrived(failure.unwrap_or_else(|| "no reason is known".to_owned())))
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) if patience.is_zero() => Err(DeliveryError::NotArrived(format!(
                "its receiver asked to be left alone for more than {} seconds",
                TEST_WITHIN.as_secs()
            ))),
            Err(RecvTimeoutError::Timeout) => {
                let why = format!("no attempt ended within {} seconds", TEST_WITHIN.as_secs());
                Err(DeliveryError::NotArrived(why))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(DeliveryError::NotArrived("the handler was removed meanwhile".to_owned()))
            }
        };
        self.clear_test(&key)?;
        tell(TestStep::Cleared);
        verdict
    }

    /// Returns how long to wait for an attempt: not at all where the receiver asked for a longer time without any.
    fn patience_with(&self, paused_until: Option<Timestamp>) -> Duration {
        let left = paused_until.map(|until| Duration::try_from(until.duration_since(self.clock().now())));
        match left {
            Some(Ok(left)) if left > TEST_WITHIN => Duration::ZERO,
            _ => TEST_WITHIN,
        }
    }

    fn clear_test(&self, key: &AlarmKey) -> Result<(), DeliveryError> {
        let report = Report::Clear { key: key.clone(), contribution: ContributionKey::default(), text: None };
        self.report_one(report)?;
        Ok(())
    }
}
