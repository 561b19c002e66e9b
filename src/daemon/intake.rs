//! Alerts from outside into the ledger, and back: what ingest is given.

use crate::alarm::{AlarmRecord, ContributionKey, Severity};
use crate::clock::Clock;
use crate::datastore::Datastore;
use crate::element::Handlers;
use crate::ingest::{
    AlarmIntake, Alert, AlertState, Contribution, IntakeError, LabelSet, Mapping, RESOLVE_TIMEOUT, ServerStatus,
};
use crate::ledger::{Ledger, Report, ReportError, Verdict};
use crate::settings;
use crate::task::Scope;
use jiff::Timestamp;
use std::sync::Arc;

/// Refused reports that an answer tells of; the log has all.
const REFUSALS_TOLD_MAX: usize = 10;

/// Takes alerts into the ledger.
#[derive(Debug)]
pub struct LedgerIntake {
    ledger: Ledger,
    datastore: Datastore,
    handlers: Handlers,
    node: String,
    clock: Clock,
    started: Timestamp,
    scope: Scope,
}

impl LedgerIntake {
    /// Builds the intake of an element.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        datastore: Datastore,
        handlers: Handlers,
        node: String,
        clock: Clock,
        scope: Scope,
    ) -> Self {
        let started = clock.now();
        Self { ledger, datastore, handlers, node, clock, started, scope }
    }
}

impl AlarmIntake for LedgerIntake {
    async fn report(&self, contributions: Vec<Contribution>) -> Result<(), IntakeError> {
        let reports = contributions.into_iter().map(report).collect();
        let verdicts = self.ledger.report(reports).await;
        judge(verdicts.map_err(|error| IntakeError::Unavailable(error.to_string()))?)
    }

    async fn alerts(&self) -> Result<Vec<Alert>, IntakeError> {
        let (alarms, now) = (self.ledger.alarms(), self.clock.now());
        let receivers: Vec<String> = self.receivers();
        let mut alerts = Vec::new();
        for record in alarms.iter().filter(|record| !record.is_cleared()) {
            match alarms.contributions(&record.id) {
                Some(all) if !all.is_empty() => {
                    alerts.extend(all.iter().map(|c| {
                        let labels = labels_of(&c.key).unwrap_or_else(|| labels_from_key(record, c.severity));
                        let text = (&*c.text.brief, &c.text.detailed[..], &c.text.suggested_actions[..]);
                        alert(record, labels, text, c.ends_at, now, &receivers)
                    }));
                }
                _ => {
                    let said = &record.state.text;
                    let text = (&*said.brief, &said.detailed[..], &said.suggested_actions[..]);
                    alerts.push(alert(record, labels_from_key(record, record.severity()), text, None, now, &receivers));
                }
            }
        }
        Ok(alerts)
    }

    fn receivers(&self) -> Vec<String> {
        self.handlers.all().iter().filter(|h| h.spec.is_enabled).map(|h| h.spec.id.clone()).collect()
    }

    fn status(&self) -> ServerStatus {
        ServerStatus { started: self.started, node: self.node.clone() }
    }

    fn mapping(&self) -> Arc<Mapping> {
        let default_severity = settings::default_severity(&self.datastore.running().tree);
        Arc::new(Mapping { default_severity, ..Mapping::new(self.node.clone()) })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn unready(&self) -> Option<String> {
        self.scope.is_stopping().then(|| "the element is stopping".to_owned())
    }
}

/// Says to the ledger what a label set says. The labels are the contribution's name, so that they can be shown again.
fn report(contribution: Contribution) -> Report {
    let Contribution { key, labels, severity, text, ends_at, is_resolved, .. } = contribution;
    let contribution = ContributionKey(name_of(&labels));
    if is_resolved {
        return Report::Clear { key, contribution, text: None };
    }
    Report::Raise { key, severity, text, contribution, ends_at: Some(ends_at) }
}

fn name_of(labels: &LabelSet) -> String {
    let object = labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    serde_json::Value::Object(object).to_string()
}

fn labels_of(key: &ContributionKey) -> Option<LabelSet> {
    serde_json::from_str(&key.0).ok()
}

/// Judges what became of a batch. A full list may have room again, and clients try again; what can never be taken is
/// told as such.
fn judge(verdicts: Vec<Verdict>) -> Result<(), IntakeError> {
    let refusals: Vec<ReportError> = verdicts.into_iter().filter_map(Result::err).collect();
    if let Some(full) = refusals.iter().find(|refusal| matches!(refusal, ReportError::ListFull { .. })) {
        return Err(IntakeError::Unavailable(full.to_string()));
    }
    if refusals.is_empty() {
        return Ok(());
    }
    for refusal in &refusals {
        tracing::warn!(%refusal, "an alert is refused");
    }
    let told: Vec<String> = refusals.iter().take(REFUSALS_TOLD_MAX).map(ToString::to_string).collect();
    Err(IntakeError::Refused(told.join("\n")))
}

fn alert(
    record: &AlarmRecord,
    labels: LabelSet,
    (brief, detailed, actions): (&str, &[String], &[String]),
    ends_at: Option<Timestamp>,
    now: Timestamp,
    receivers: &[String],
) -> Alert {
    let said = [
        ("summary", brief.to_owned()),
        ("description", detailed.join("\n")),
        ("runbook_url", actions.first().cloned().unwrap_or_default()),
    ];
    let annotations = said.into_iter().filter(|(_, text)| !text.is_empty());
    Alert {
        labels,
        annotations: annotations.map(|(name, text)| (name.to_owned(), text)).collect(),
        starts_at: record.last_raised,
        // What stands until it is cleared is shown as standing for as long as an alert without an end.
        ends_at: ends_at.unwrap_or_else(|| now.checked_add(RESOLVE_TIMEOUT).unwrap_or(Timestamp::MAX)),
        updated_at: record.last_changed,
        generator_url: String::new(),
        receivers: receivers.to_vec(),
        state: AlertState::Active,
    }
}

/// Returns labels that say what the alarm's key says.
fn labels_from_key(record: &AlarmRecord, severity: Severity) -> LabelSet {
    let key = &record.key;
    let named = [
        ("alertname", key.alarm_type.as_str()),
        ("node", &key.node),
        ("resource_type", &key.resource_type),
        ("resource", &key.resource),
        ("severity", severity.as_str()),
        ("qualifier", &key.qualifier),
    ];
    let set = named.into_iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
