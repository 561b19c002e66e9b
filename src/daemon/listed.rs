//! The alerts that stand, read back from the alarm list one by one.

use super::intake::{Note, note};
use crate::alarm::shelf::{Shelf, Shelved};
use crate::alarm::{AlarmId, AlarmRecord, Contribution as Said, ContributionKey, qualifier};
use crate::ingest::{Alert, AlertState, Fingerprint, LabelSet, fingerprint};
use crate::ledger::AlarmList;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::sync::Arc;
use uuid::Uuid;

/// The alerts of one moment: a snapshot of the alarm list, and where in it they stand.
pub(super) struct Listed {
    list: AlarmList,
    places: std::vec::IntoIter<Place>,
    silences: Vec<Shelf>,
    receivers: Arc<[String]>,
}

/// Where in the alarm list an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    fingerprint: Fingerprint,
    alarm: AlarmId,
    /// Its place among the contributions of the alarm.
    contribution: usize,
}

impl Listed {
    /// Finds the alerts that stand at `now`, sorted by fingerprint as Alertmanager shows them. Blocks for a moment where there
    /// are very many.
    pub(super) fn of(list: AlarmList, receivers: Arc<[String]>, now: Timestamp) -> Self {
        let silences = list.silences().filter(|silence| silence.is_active(now));
        let silences = silences.filter_map(|silence| silence.shelf().ok()).collect();
        Self { places: places(&list, now).into_iter(), list, silences, receivers }
    }

    fn alert(&self, place: &Place) -> Option<Alert> {
        let (record, said) = (self.list.get(&place.alarm)?, place.said(&self.list)?);
        let Note { annotations, starts_at, updated_at, generator_url } = note(said)?;
        let by = self.silenced_by(record, said);
        Some(Alert {
            labels: labels(said)?,
            annotations,
            starts_at,
            ends_at: said.ends_at?,
            updated_at,
            generator_url,
            receivers: Arc::clone(&self.receivers),
            state: if by.is_empty() { AlertState::Active } else { AlertState::Silenced { by } },
        })
    }

    fn silenced_by(&self, record: &AlarmRecord, said: &Said) -> Vec<String> {
        let shelved = Shelved { key: &record.key, severity: said.severity, path: None, contributions: &[said] };
        let types = &self.list.control().types;
        let silences = self.silences.iter().filter(|shelf| shelf.is_match(&shelved, types));
        let mut by: Vec<String> = silences.map(|shelf| shelf.name.clone()).collect();
        // A shelf of the configuration keeps all of the alarm from handlers.
        by.extend(record.shelf.iter().filter(|name| name.parse::<Uuid>().is_err()).cloned());
        by
    }
}

impl Iterator for Listed {
    type Item = Alert;

    fn next(&mut self) -> Option<Alert> {
        loop {
            let place = self.places.next()?;
            if let Some(alert) = self.alert(&place) {
                return Some(alert);
            }
        }
    }
}

/// Finds the alerts. Where the mapping of labels changed meanwhile, the same one may stand for two alarms until the older one
/// ends; the newer is shown.
fn places(list: &AlarmList, now: Timestamp) -> Vec<Place> {
    let mut all = Vec::new();
    for record in list.iter() {
        for (contribution, said) in list.contributions(&record.id).into_iter().flatten().enumerate() {
            // What is past its end stands for the time after a start in which its source may say it again.
            let is_over = said.ends_at.is_none_or(|ends_at| ends_at <= now);
            if said.note.is_some()
                && !is_over
                && let Some(labels) = labels(said)
            {
                all.push(Place { fingerprint: fingerprint(&labels), alarm: record.id, contribution });
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

impl Place {
    fn said<'a>(&self, list: &'a AlarmList) -> Option<&'a Said> {
        list.contributions(&self.alarm)?.iter().nth(self.contribution)
    }

    fn key<'a>(&self, list: &'a AlarmList) -> Option<&'a ContributionKey> {
        self.said(list).map(|said| &said.key)
    }

    fn updated_at(&self, list: &AlarmList) -> Option<Timestamp> {
        self.said(list).and_then(note).map(|note| note.updated_at)
    }
}

/// Returns an alert's labels, which are the key of its contribution.
fn labels(said: &Said) -> Option<LabelSet> {
    Some(qualifier::to_labels(&said.key.0)?.into_iter().collect())
}
