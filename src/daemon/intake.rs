//! Alerts of Alertmanager's clients, taken into the alarm list and given back from it.

use crate::alarm::{AlarmId, Contribution as Said, ContributionKey, qualifier};
use crate::ingest::{AlarmIntake, Alert, AlertState, Contribution, IntakeError, LabelSet, Mapping, ServerStatus};
use crate::ledger::{AlarmList, Ledger, Report, ReportError};
use crate::management::Management;
use crate::settings;
use crate::task::Scope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an alert has beside what the alarm list knows; it is kept with the alert's contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    annotations: LabelSet,
    starts_at: Timestamp,
    updated_at: Timestamp,
    #[serde(rename = "generatorURL")]
    generator_url: String,
}

/// Takes alerts into a ledger. The labels of an alert are the key of its contribution.
#[derive(Debug, Clone)]
pub struct Intake {
    ledger: Ledger,
    management: Management,
    scope: Scope,
    started: Timestamp,
}

impl Intake {
    /// Builds it; it takes nothing any more once the scope stops.
    #[must_use]
    pub fn new(ledger: Ledger, management: Management, scope: Scope) -> Self {
        let started = management.clock().now();
        Self { ledger, management, scope, started }
    }
}

impl AlarmIntake for Intake {
    async fn report(&self, contributions: Vec<Contribution>) -> Result<(), IntakeError> {
        if let Some(reason) = self.unready() {
            return Err(IntakeError::Unavailable(reason));
        }
        let (list, now) = (self.ledger.alarms(), self.now());
        let names: Vec<String> = contributions.iter().map(told_as).collect();
        let reports = contributions.into_iter().map(|contribution| report(contribution, &list, now)).collect();
        let verdicts = self.ledger.report(reports).await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "alerts could not be taken");
            IntakeError::Unavailable(error.to_string())
        })?;
        let mut refused = Vec::new();
        for (name, verdict) in names.iter().zip(verdicts) {
            match verdict {
                Ok(_) => {}
                Err(error @ ReportError::ListFull { .. }) => return Err(IntakeError::Unavailable(error.to_string())),
                Err(error) => refused.push(format!("{name}: {error}")),
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(IntakeError::Refused(refused)) }
    }

    async fn alerts(&self) -> Result<Vec<Alert>, IntakeError> {
        let (list, receivers) = (self.ledger.alarms(), self.receivers());
        // Very many take a while to read, and others wait for this thread.
        let read = tokio::task::spawn_blocking(move || alerts(&list, &receivers));
        read.await.map_err(|error| IntakeError::Unavailable(error.to_string()))
    }

    fn receivers(&self) -> Vec<String> {
        self.management.handlers().into_iter().map(|handler| handler.id).collect()
    }

    fn status(&self) -> ServerStatus {
        ServerStatus { started: self.started, node: self.management.node() }
    }

    fn mapping(&self) -> Arc<Mapping> {
        let mut mapping = Mapping::new(self.management.node());
        mapping.default_severity = settings::default_severity(&self.management.running().tree);
        Arc::new(mapping)
    }

    fn now(&self) -> Timestamp {
        self.management.clock().now()
    }

    fn unready(&self) -> Option<String> {
        self.scope.is_stopping().then(|| "the element is shutting down".to_owned())
    }
}

fn contribution_key(labels: &LabelSet) -> ContributionKey {
    ContributionKey(qualifier::from_labels(labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

/// Returns how a refusal names an alert.
fn told_as(contribution: &Contribution) -> String {
    /// Characters of a name told: enough to find the alert.
    const NAME_CHARS_MAX: usize = 80;
    let cut = |text: &str| text.chars().take(NAME_CHARS_MAX).collect::<String>();
    format!("alert `{}` of `{}`", cut(&contribution.key.alarm_type), cut(&contribution.key.resource))
}

fn report(contribution: Contribution, list: &AlarmList, now: Timestamp) -> Report {
    let key = contribution_key(&contribution.labels);
    if contribution.is_resolved {
        return Report::Clear { key: contribution.key, contribution: key, text: None };
    }
    let Contribution { key: alarm, annotations, severity, text, starts_at, ends_at, generator_url, .. } = contribution;
    // Clients that state no start mean now each time; what stands began when that was said first.
    let began = standing_note(list, &alarm.id(), &key).map_or(starts_at, |note| note.starts_at.min(starts_at));
    let note = Note { annotations, starts_at: began, updated_at: now, generator_url };
    Report::Raise {
        key: alarm,
        severity,
        text,
        contribution: key,
        ends_at: Some(ends_at),
        // Texts and times are always written; an alert without its note is still an alarm.
        note: serde_json::to_string(&note).ok().map(Into::into),
    }
}

fn standing_note(list: &AlarmList, alarm: &AlarmId, key: &ContributionKey) -> Option<Note> {
    note(list.contributions(alarm)?.get(key)?)
}

fn note(said: &Said) -> Option<Note> {
    serde_json::from_str(said.note.as_deref()?).ok()
}

/// Reads back the alerts that stand, by their labels. Where the mapping of labels changed meanwhile, the same alert may
/// stand for two alarms until the older one ends; the newer is shown.
fn alerts(list: &AlarmList, receivers: &[String]) -> Vec<Alert> {
    let mut found: BTreeMap<LabelSet, Alert> = BTreeMap::new();
    let all = list.iter().filter_map(|record| list.contributions(&record.id));
    for alert in all.flatten().filter_map(|said| alert(said, receivers)) {
        let newest = found.get(&alert.labels).is_none_or(|known| known.updated_at < alert.updated_at);
        if newest {
            found.insert(alert.labels.clone(), alert);
        }
    }
    found.into_values().collect()
}

/// Reads back an alert; `None` for what other kinds of source said.
fn alert(said: &Said, receivers: &[String]) -> Option<Alert> {
    let Note { annotations, starts_at, updated_at, generator_url } = note(said)?;
    Some(Alert {
        labels: qualifier::to_labels(&said.key.0)?.into_iter().collect(),
        annotations,
        starts_at,
        ends_at: said.ends_at?,
        updated_at,
        generator_url,
        receivers: receivers.to_vec(),
        state: AlertState::Active,
    })
}
