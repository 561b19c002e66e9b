//! Alerts of Alertmanager's clients, taken into the alarm list and given back from it.

use crate::alarm::{AlarmId, Contribution as Said, ContributionKey, qualifier};
use crate::clock::format_utc;
use crate::delivery::HandlerState;
use crate::diagnostic::Seldom;
use crate::ingest::{
    AlarmIntake, Alert, AlertState, Alerts, Contribution, Fingerprint, IntakeError, LabelSet, Mapping, ServerStatus,
    fingerprint,
};
use crate::ledger::{AlarmList, Ledger, LedgerError, Report, ReportError};
use crate::management::Management;
use crate::settings;
use crate::store::Refusal;
use crate::task::Scope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
    refusals: Arc<Mutex<Seldom>>,
}

impl Intake {
    /// Builds it; it takes nothing any more once the scope stops.
    #[must_use]
    pub fn new(ledger: Ledger, management: Management, scope: Scope) -> Self {
        let started = management.clock().now();
        Self { ledger, management, scope, started, refusals: Arc::default() }
    }

    fn tell(&self, error: &LedgerError) {
        let elapsed = self.management.clock().elapsed();
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unsaid) = refusals.may(elapsed, SAY_EVERY) {
            tracing::warn!(error = error as &dyn std::error::Error, unsaid, "alerts could not be taken");
        }
    }
}

impl AlarmIntake for Intake {
    async fn report(&self, contributions: Vec<Contribution>) -> Result<(), IntakeError> {
        if self.scope.is_stopping() {
            return Err(IntakeError::Unavailable(STOPPING.to_owned()));
        }
        let (list, now) = (self.ledger.alarms(), self.now());
        let reports = contributions.into_iter().map(|contribution| report(contribution, &list, now)).collect();
        let verdicts = self.ledger.report(reports).await.map_err(|error| {
            self.tell(&error);
            IntakeError::Unavailable(why_refused(&error))
        })?;
        let mut refused = Vec::new();
        for (index, verdict) in verdicts.into_iter().enumerate() {
            match verdict {
                Ok(_) => {}
                Err(error @ ReportError::ListFull { .. }) => return Err(IntakeError::Unavailable(error.to_string())),
                Err(error) => refused.push((index, error.to_string())),
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(IntakeError::Refused(refused)) }
    }

    async fn alerts(&self) -> Result<Alerts, IntakeError> {
        let (list, receivers, now) = (self.ledger.alarms(), self.receivers().into(), self.now());
        // Very many take a while to sort, and others wait for this thread.
        let sorted = tokio::task::spawn_blocking(move || {
            let standing = Standing::sorted(&list, now);
            Box::new(standing.into_iter().filter_map(move |one| alert(one.said(&list)?, &receivers))) as Alerts
        });
        sorted.await.map_err(|error| IntakeError::Unavailable(error.to_string()))
    }

    fn receivers(&self) -> Vec<String> {
        let told = self.management.handlers().into_iter().filter(|handler| handler.state != HandlerState::Disabled);
        told.map(|handler| handler.id).collect()
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
        why_unready(&self.scope, &self.management)
    }
}

/// Says why, to the sender.
fn why_refused(error: &LedgerError) -> String {
    let LedgerError::Store(cause) = error;
    format!("{error}: {cause}")
}

/// Said while the element drains.
const STOPPING: &str = "the element is shutting down";

/// How often the log tells of alerts that could not be taken: senders repeat them.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Returns why reports are not taken now; `None` when they are.
pub(super) fn why_unready(scope: &Scope, management: &Management) -> Option<String> {
    if scope.is_stopping() {
        return Some(STOPPING.to_owned());
    }
    let Refusal { since, reason } = management.refusal()?;
    Some(format!("reports are refused since {}: {reason}", format_utc(since)))
}

fn contribution_key(labels: &LabelSet) -> ContributionKey {
    ContributionKey(qualifier::from_labels(labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
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

/// Where in the alarm list an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    fingerprint: Fingerprint,
    alarm: AlarmId,
    /// Its place among the contributions of the alarm.
    place: usize,
}

impl Standing {
    /// Finds the alerts that stand at `now`, sorted by fingerprint as Alertmanager shows them. Where the mapping of labels changed
    /// meanwhile, the same alert may stand for two alarms until the older one ends; the newer is shown.
    fn sorted(list: &AlarmList, now: Timestamp) -> Vec<Self> {
        let mut all = Vec::new();
        for record in list.iter() {
            for (place, said) in list.contributions(&record.id).into_iter().flatten().enumerate() {
                // What is past its end stands for the time after a start in which its source may say it again.
                let is_over = said.ends_at.is_none_or(|ends_at| ends_at <= now);
                if said.note.is_some()
                    && !is_over
                    && let Some(labels) = labels(said)
                {
                    all.push(Self { fingerprint: fingerprint(&labels), alarm: record.id, place });
                }
            }
        }
        all.sort_unstable();
        for run in all.chunk_by_mut(|a, b| a.fingerprint == b.fingerprint).filter(|run| run.len() > 1) {
            run.sort_by_cached_key(|one| (one.key(list).cloned(), Reverse(one.updated_at(list))));
        }
        all.dedup_by(|later, one| later.fingerprint == one.fingerprint && later.key(list) == one.key(list));
        all
    }

    fn said<'a>(&self, list: &'a AlarmList) -> Option<&'a Said> {
        list.contributions(&self.alarm)?.iter().nth(self.place)
    }

    fn key<'a>(&self, list: &'a AlarmList) -> Option<&'a ContributionKey> {
        self.said(list).map(|said| &said.key)
    }

    fn updated_at(&self, list: &AlarmList) -> Option<Timestamp> {
        self.said(list).and_then(note).map(|note| note.updated_at)
    }
}

fn labels(said: &Said) -> Option<LabelSet> {
    Some(qualifier::to_labels(&said.key.0)?.into_iter().collect())
}

/// Reads back an alert; `None` for what other kinds of source said.
fn alert(said: &Said, receivers: &Arc<[String]>) -> Option<Alert> {
    let Note { annotations, starts_at, updated_at, generator_url } = note(said)?;
    Some(Alert {
        labels: labels(said)?,
        annotations,
        starts_at,
        ends_at: said.ends_at?,
        updated_at,
        generator_url,
        receivers: Arc::clone(receivers),
        state: AlertState::Active,
    })
}
