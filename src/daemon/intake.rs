//! Alarms of clients, taken into the alarm list and given back from it.

use super::listed::Listed;
use crate::alarm::{AlarmId, AlarmKey, Contribution as Said, ContributionKey, Silence, qualifier};
use crate::clock::format_utc;
use crate::delivery::HandlerState;
use crate::diagnostic::Seldom;
use crate::ingest::{
    Admission, AlarmIntake, Alerts, Contribution, IntakeError, LabelSet, Mapping, NativeAlarm, NativeResult, Once,
    Rate, ServerStatus, WriteAnswer,
};
use crate::ledger::{AlarmList, Answered, Ledger, LedgerError, Outcome, Report, SilenceError, Verdict};
use crate::management::Management;
use crate::secret::Sealer;
use crate::settings::{self, IngestSpec};
use crate::store::Refusal;
use crate::task::Scope;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What an alert has beside what the alarm list knows; it is kept with the alert's contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Note {
    pub(super) annotations: LabelSet,
    pub(super) starts_at: Timestamp,
    pub(super) updated_at: Timestamp,
    #[serde(rename = "generatorURL")]
    pub(super) generator_url: String,
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
    refusals: Arc<Mutex<Seldom>>,
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
        Self { ledger, management, sealer, scope, started, read: Arc::default(), refusals: Arc::default() }
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

    /// Refuses what comes while the element drains. A disk that refuses is no reason: only who tries finds out that it does
    /// not any more.
    fn check_running(&self) -> Result<(), IntakeError> {
        if self.scope.is_stopping() { Err(IntakeError::Unavailable(STOPPING.to_owned())) } else { Ok(()) }
    }

    /// Says why reports are not taken, to the sender and now and then to the log.
    fn unavailable(&self, error: &LedgerError) -> IntakeError {
        let elapsed = self.management.clock().elapsed();
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unsaid) = refusals.may(elapsed, SAY_EVERY) {
            tracing::warn!(error = error as &dyn std::error::Error, unsaid, "alarms could not be taken");
        }
        let LedgerError::Store(cause) = error;
        let causes = std::iter::successors(cause.source(), |cause: &&dyn Error| (*cause).source());
        let why = causes.fold(cause.to_string(), |said, cause| format!("{said}: {cause}"));
        IntakeError::Unavailable(format!("{error}: {why}"))
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
        self.check_running()?;
        let (list, now) = (self.ledger.alarms(), self.now());
        for contribution in &contributions {
            self.management.note_type(&contribution.key.alarm_type);
        }
        let reports = contributions.into_iter().map(|contribution| report(contribution, &list, now)).collect();
        let verdicts = self.ledger.report(reports).await.map_err(|error| self.unavailable(&error))?;
        let mut refused = Vec::new();
        for (index, verdict) in verdicts.into_iter().enumerate() {
            match verdict {
                Ok(_) => {}
                Err(error) => refused.push((index, error.to_string())),
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
        self.check_running()?;
        let reports: Vec<Report> = alarms.into_iter().map(|alarm| self.native(alarm)).collect();
        let ids: Vec<AlarmId> = reports.iter().map(|report| report.key().id()).collect();
        let Some(Once { key, digest }) = once else {
            let verdicts = if reports.is_empty() { Ok(Vec::new()) } else { self.ledger.report(reports).await };
            return Ok(write(results(&ids, verdicts.map_err(|error| self.unavailable(&error))?)));
        };
        let answer = move |verdicts| write(results(&ids, verdicts));
        match self.ledger.report_once(key, digest, reports, answer).await {
            Ok(Answered::With(text)) => Ok(text),
            Ok(Answered::Otherwise) => Err(IntakeError::Conflict),
            Err(error) => Err(self.unavailable(&error)),
        }
    }

    fn alarm(&self, id: AlarmId) -> Option<serde_json::Value> {
        self.management.alarm_value(&*self.ledger.alarm(&id)?)
    }

    fn silences(&self) -> Vec<Silence> {
        self.ledger.alarms().silences().map(|silence| Silence::clone(silence)).collect()
    }

    async fn put_silence(&self, silence: Silence) -> Result<(), IntakeError> {
        self.check_running()?;
        self.ledger.put_silence(silence).await.map_err(|error| match error {
            SilenceError::TooMany => IntakeError::Refused(vec![(0, error.to_string())]),
            SilenceError::Ledger(error) => self.unavailable(&error),
        })
    }

    fn admission(&self) -> Arc<Admission> {
        self.read().admission
    }

    async fn alerts(&self) -> Result<Alerts, IntakeError> {
        let (list, receivers, now) = (self.ledger.alarms(), self.receivers().into(), self.now());
        // Very many take a while to sort, and others wait for this thread.
        let sorted = tokio::task::spawn_blocking(move || Box::new(Listed::of(list, receivers, now)) as Alerts);
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
        self.read().mapping
    }

    fn now(&self) -> Timestamp {
        self.management.clock().now()
    }

    fn unready(&self) -> Option<String> {
        why_unready(&self.scope, &self.management)
    }
}

/// Said while the element drains.
const STOPPING: &str = "the element is shutting down";

/// How often the log tells of alarms that could not be taken: senders repeat them.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Returns why reports are not taken now; `None` when they are.
pub(super) fn why_unready(scope: &Scope, management: &Management) -> Option<String> {
    if scope.is_stopping() {
        return Some(STOPPING.to_owned());
    }
    let Refusal { since, reason, .. } = management.refusal()?;
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

pub(super) fn note(said: &Said) -> Option<Note> {
    serde_json::from_str(said.note.as_deref()?).ok()
}
