//! Alarms of clients, taken into the alarm list and given back from it.

use crate::alarm::shelf::{Shelf, Shelved};
use crate::alarm::{AlarmId, AlarmKey, AlarmRecord, Contribution as Said, ContributionKey, Silence, qualifier};
use crate::ingest::{
    Admission, AlarmIntake, Alert, AlertState, Contribution, IntakeError, LabelSet, Mapping, NativeAlarm, NativeResult,
    Once, Rate, ServerStatus, WriteAnswer,
};
use crate::ledger::{AlarmList, Answered, Ledger, LedgerError, Outcome, Report, SilenceError, Verdict};
use crate::management::Management;
use crate::secret::Sealer;
use crate::settings::{self, IngestSpec};
use crate::task::Scope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

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
#[derive(Clone)]
pub struct Intake {
    ledger: Ledger,
    management: Management,
    sealer: Arc<dyn Sealer>,
    scope: Scope,
    started: Timestamp,
    /// What the configuration of a revision comes to: read once, not for each request.
    read: Arc<Mutex<Option<(u64, Read)>>>,
}

/// What a configuration says of taking alarms.
#[derive(Clone)]
struct Read {
    mapping: Arc<Mapping>,
    admission: Arc<Admission>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

impl Intake {
    /// Builds it; it takes nothing any more once the scope stops.
    #[must_use]
    pub fn new(ledger: Ledger, management: Management, sealer: Arc<dyn Sealer>, scope: Scope) -> Self {
        let started = management.clock().now();
        Self { ledger, management, sealer, scope, started, read: Arc::default() }
    }

    fn read(&self) -> Read {
        let running = self.management.running();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, read)) = read.as_ref().filter(|(revision, _)| *revision == running.revision) {
            return read.clone();
        }
        let (spec, faults) = settings::ingest(&running.tree, &*self.sealer);
        for fault in &faults {
            tracing::error!(fault = fault.message, "a client is not let in");
        }
        let new =
            Read { mapping: Arc::new(mapping(&spec, self.management.node())), admission: Arc::new(admission(&spec)) };
        *read = Some((running.revision, new.clone()));
        new
    }

    /// Makes the report of a native alarm.
    fn native(&self, alarm: NativeAlarm) -> Report {
        let NativeAlarm { node, resource_type, resource, alarm_type, qualifier, source, severity, .. } = alarm;
        self.management.note_type(&alarm_type);
        let known = self.ledger.alarms().control().types.get(&alarm_type).and_then(|spec| spec.severity);
        let severity = severity.or(known).unwrap_or_else(|| self.read().mapping.default_severity);
        let node = node.unwrap_or_else(|| self.management.node());
        let key = AlarmKey { node, resource_type, resource, alarm_type, qualifier };
        let contribution = ContributionKey(source);
        if alarm.is_raise {
            Report::Raise { key, severity, text: alarm.text, contribution, ends_at: alarm.ends_at, note: None }
        } else {
            let text = Some(alarm.text).filter(|text| *text != crate::alarm::AlarmText::default());
            Report::Clear { key, contribution, text }
        }
    }
}

fn mapping(spec: &IngestSpec, node: String) -> Mapping {
    Mapping {
        resource_labels: spec.resource_labels.clone(),
        resource_type_labels: spec.resource_type_labels.clone(),
        node_label: spec.node_label.clone(),
        severity_label: spec.severity_label.clone(),
        default_severity: spec.default_severity,
        labels_max: spec.labels_max,
        ..Mapping::new(node)
    }
}

fn admission(spec: &IngestSpec) -> Admission {
    let digests = spec.tokens.iter().map(|(_, token)| Admission::digest(token.expose())).collect();
    Admission {
        tokens: if spec.tokens.is_empty() { None } else { Some(digests) },
        rate: spec.alarms_per_second.map(|per_second| Rate { per_second, burst: spec.burst }),
    }
}

fn unavailable(error: &LedgerError) -> IntakeError {
    tracing::warn!(error = error as &dyn std::error::Error, "alarms could not be taken");
    IntakeError::Unavailable(error.to_string())
}

/// Says what became of native alarms, in the order of `ids`.
fn results(ids: &[AlarmId], verdicts: Vec<Verdict>) -> Vec<NativeResult> {
    let result = |(id, verdict): (&AlarmId, Verdict)| match verdict {
        Ok(outcome) => NativeResult::Taken { id: *id, word: word(&outcome) },
        Err(error) => NativeResult::Refused(error.to_string()),
    };
    ids.iter().zip(verdicts).map(result).collect()
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Announced(transition) if transition.after.standing.is_cleared => "cleared",
        Outcome::Announced(transition) if transition.before.is_some_and(|before| !before.is_cleared) => "changed",
        Outcome::Announced(_) => "raised",
        Outcome::Held => "held",
        Outcome::TextChanged => "text-changed",
        Outcome::Unchanged => "unchanged",
    }
}

impl AlarmIntake for Intake {
    async fn report(&self, contributions: Vec<Contribution>) -> Result<(), IntakeError> {
        if let Some(reason) = self.unready() {
            return Err(IntakeError::Unavailable(reason));
        }
        let (list, now) = (self.ledger.alarms(), self.now());
        for contribution in &contributions {
            self.management.note_type(&contribution.key.alarm_type);
        }
        let names: Vec<String> = contributions.iter().map(told_as).collect();
        let reports = contributions.into_iter().map(|contribution| report(contribution, &list, now)).collect();
        let verdicts = self.ledger.report(reports).await.map_err(|error| unavailable(&error))?;
        let mut refused = Vec::new();
        for (name, verdict) in names.iter().zip(verdicts) {
            match verdict {
                Ok(_) => {}
                Err(error) => refused.push(format!("{name}: {error}")),
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(IntakeError::Refused(refused)) }
    }

    async fn report_native(
        &self,
        alarms: Vec<NativeAlarm>,
        once: Option<Once>,
        write: WriteAnswer,
    ) -> Result<String, IntakeError> {
        if let Some(reason) = self.unready() {
            return Err(IntakeError::Unavailable(reason));
        }
        let reports: Vec<Report> = alarms.into_iter().map(|alarm| self.native(alarm)).collect();
        let ids: Vec<AlarmId> = reports.iter().map(|report| report.key().id()).collect();
        let Some(Once { key, digest }) = once else {
            let verdicts = if reports.is_empty() { Ok(Vec::new()) } else { self.ledger.report(reports).await };
            return Ok(write(results(&ids, verdicts.map_err(|error| unavailable(&error))?)));
        };
        let answer = move |verdicts| write(results(&ids, verdicts));
        match self.ledger.report_once(key, digest, reports, answer).await {
            Ok(Answered::With(text)) => Ok(text),
            Ok(Answered::Otherwise) => Err(IntakeError::Conflict),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn alarm(&self, id: AlarmId) -> Option<serde_json::Value> {
        self.management.alarm_value(&*self.ledger.alarm(&id)?)
    }

    fn silences(&self) -> Vec<Silence> {
        self.ledger.alarms().silences().map(|silence| Silence::clone(silence)).collect()
    }

    async fn put_silence(&self, silence: Silence) -> Result<(), IntakeError> {
        if let Some(reason) = self.unready() {
            return Err(IntakeError::Unavailable(reason));
        }
        self.ledger.put_silence(silence).await.map_err(|error| match error {
            SilenceError::TooMany => IntakeError::Refused(vec![error.to_string()]),
            SilenceError::Ledger(error) => unavailable(&error),
        })
    }

    fn admission(&self) -> Arc<Admission> {
        self.read().admission
    }

    async fn alerts(&self) -> Result<Vec<Alert>, IntakeError> {
        let (list, receivers, now) = (self.ledger.alarms(), self.receivers(), self.now());
        // Very many take a while to read, and others wait for this thread.
        let read = tokio::task::spawn_blocking(move || alerts(&list, &receivers, now));
        read.await.map_err(|error| IntakeError::Unavailable(error.to_string()))
    }

    fn receivers(&self) -> Vec<String> {
        self.management.handlers().into_iter().map(|handler| handler.id).collect()
    }

    fn status(&self) -> ServerStatus {
        ServerStatus { started: self.started, node: self.management.node() }
    }

    fn mapping(&self) -> Arc<Mapping> {
        self.read().mapping
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
fn alerts(list: &AlarmList, receivers: &[String], now: Timestamp) -> Vec<Alert> {
    let silences: Vec<Shelf> =
        list.silences().filter(|silence| silence.is_active(now)).filter_map(|silence| silence.shelf().ok()).collect();
    let mut found: BTreeMap<LabelSet, Alert> = BTreeMap::new();
    for record in list.iter() {
        for said in list.contributions(&record.id).into_iter().flatten() {
            let Some(alert) = alert(record, said, list, &silences, receivers) else { continue };
            let newest = found.get(&alert.labels).is_none_or(|known| known.updated_at < alert.updated_at);
            if newest {
                found.insert(alert.labels.clone(), alert);
            }
        }
    }
    found.into_values().collect()
}

/// Reads back an alert; `None` for what other kinds of source said.
fn alert(
    record: &AlarmRecord,
    said: &Said,
    list: &AlarmList,
    silences: &[Shelf],
    receivers: &[String],
) -> Option<Alert> {
    let Note { annotations, starts_at, updated_at, generator_url } = note(said)?;
    let shelved = Shelved { key: &record.key, severity: said.severity, path: None, contributions: &[said] };
    let types = &list.control().types;
    let mut by: Vec<String> =
        silences.iter().filter(|shelf| shelf.is_match(&shelved, types)).map(|shelf| shelf.name.clone()).collect();
    // A shelf of the configuration keeps all of the alarm from handlers.
    by.extend(record.shelf.iter().filter(|name| name.parse::<Uuid>().is_err()).cloned());
    Some(Alert {
        labels: qualifier::to_labels(&said.key.0)?.into_iter().collect(),
        annotations,
        starts_at,
        ends_at: said.ends_at?,
        updated_at,
        generator_url,
        receivers: receivers.to_vec(),
        state: if by.is_empty() { AlertState::Active } else { AlertState::Silenced { by } },
    })
}
