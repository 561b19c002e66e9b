//! Deciding reports against the staged alarm list, and appending what they change.

use super::alarm_list::{AlarmList, Entry};
use super::report::{ImpactSource, Outcome, Report, ReportError, Verdict, check};
use crate::alarm::{
    AlarmId, AlarmKey, AlarmRecord, Change, Circumstances, Contribution, ContributionKey, Contributions, Reading,
    Transition, decide,
};
use crate::clock::format_utc;
use crate::store::{ContributionRow, StoreError, WriteTransaction};
use jiff::Timestamp;
use std::sync::Arc;

/// Key under which the time is kept that no removed alarm was changed after.
pub(super) const REMOVED_UNTIL: &str = "alarms-removed-until";

/// What deciding needs to know beside the list.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) now: Timestamp,
    pub(super) alarms_max: usize,
    pub(super) status_changes_max: usize,
    pub(super) impact: &'a dyn ImpactSource,
}

/// The alarm list as it will be when the running group is committed.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) list: AlarmList,
    /// Transitions of the group, in journal order.
    pub(super) transitions: Vec<Arc<Transition>>,
    pub(super) is_changed: bool,
}

impl Staged {
    pub(super) fn new(list: AlarmList) -> Self {
        Self { list, transitions: Vec::new(), is_changed: false }
    }

    /// Decides one report and appends what it changes.
    pub(super) fn report(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        report: Report,
        context: Context<'_>,
    ) -> Result<Verdict, StoreError> {
        if let Err(refusal) = check(&report) {
            return Ok(Err(refusal));
        }
        let key = report.key().clone();
        let id = key.id();
        let entry = self.list.entry(&id);
        let (reading, contributions) = match weigh(entry, report, context.now) {
            Ok(weighed) => weighed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.settle(tx, id, &key, reading, contributions, context)
    }

    /// Takes away what no longer holds of the alarm with the next deadline; `None` when none is due.
    pub(super) fn expire_one(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        context: Context<'_>,
    ) -> Result<Option<Verdict>, StoreError> {
        let Some(id) = self.list.due(context.now) else { return Ok(None) };
        let Some(entry) = self.list.entry(&id) else { return Ok(None) };
        let key = entry.record.key.clone();
        let mut contributions = entry.contributions.clone().unwrap_or_default();
        contributions.expire(context.now);
        let reading = contributions.reading();
        self.settle(tx, id, &key, reading, some_unless_empty(contributions), context).map(Some)
    }

    /// Takes an alarm out of the list.
    pub(super) fn remove(&mut self, tx: &mut WriteTransaction<'_>, id: AlarmId) -> Result<bool, StoreError> {
        let Some(entry) = self.list.remove(id) else { return Ok(false) };
        self.is_changed = true;
        for contribution in entry.contributions.iter().flatten() {
            tx.remove_contribution(id, &contribution.key.0)?;
        }
        if let Some(time) = self.list.removed_until() {
            tx.set_meta(REMOVED_UNTIL, &format_utc(time))?;
        }
        let position = tx.append_removal(id)?;
        self.list.set_position(position);
        Ok(true)
    }

    /// Brings an alarm to what a reading says of it.
    fn settle(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        id: AlarmId,
        key: &AlarmKey,
        reading: Reading,
        contributions: Option<Contributions>,
        context: Context<'_>,
    ) -> Result<Verdict, StoreError> {
        let old = self.list.entry(&id).cloned();
        let current = old.as_ref().map(|entry| &*entry.record);
        let circumstances = Circumstances {
            now: context.now,
            not_before: if current.is_none() { self.list.removed_until() } else { None },
            revision: 0,
            status_changes_max: context.status_changes_max,
        };
        let change = decide(key, current, reading, &circumstances);
        if old.is_none() && change.is_some() && !self.make_room(tx, context.alarms_max)? {
            return Ok(Err(ReportError::ListFull { alarms_max: context.alarms_max }));
        }
        let (record, outcome) = match change {
            None => match &old {
                None => return Ok(Ok(Outcome::Unchanged)),
                Some(entry) => (Arc::clone(&entry.record), Outcome::Unchanged),
            },
            Some(Change::Quiet(record)) => (Arc::new(record), Outcome::TextChanged),
            Some(Change::Announced(transition)) => {
                let transition = self.append(tx, transition, context.impact)?;
                let record = AlarmRecord::replay(current, &transition, context.status_changes_max);
                (Arc::new(record), Outcome::Announced(transition))
            }
        };
        let old_contributions = old.as_ref().and_then(|entry| entry.contributions.as_ref());
        write_contributions(tx, id, old_contributions, contributions.as_ref())?;
        let entry = Entry { record, contributions };
        if old.as_ref() != Some(&entry) {
            self.list.put(entry);
            self.is_changed = true;
        }
        Ok(Ok(outcome))
    }

    /// Numbers a transition, says what it impacts, and appends it.
    fn append(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        mut transition: Transition,
        impact: &dyn ImpactSource,
    ) -> Result<Arc<Transition>, StoreError> {
        let impact = impact.impact(&transition.key);
        transition.after.impact = impact.groups;
        transition.revision = impact.revision;
        transition.base_url = impact.base_url;
        transition.position = tx.next_position()?;
        tx.append_transition(&transition)?;
        self.list.set_position(transition.position);
        let transition = Arc::new(transition);
        self.transitions.push(Arc::clone(&transition));
        Ok(transition)
    }

    /// Makes room for one more alarm; only those cleared give way, the oldest first.
    fn make_room(&mut self, tx: &mut WriteTransaction<'_>, alarms_max: usize) -> Result<bool, StoreError> {
        while self.list.len() >= alarms_max {
            let Some(oldest) = self.list.oldest_cleared() else { return Ok(false) };
            self.remove(tx, oldest)?;
        }
        Ok(true)
    }
}

/// Says what an alarm comes to when a report is added to what is said of it already.
fn weigh(
    entry: Option<&Entry>,
    report: Report,
    now: Timestamp,
) -> Result<(Reading, Option<Contributions>), ReportError> {
    let only_default = entry.is_none_or(|entry| entry.contributions.is_none());
    match report {
        Report::Raise { severity, text, contribution, ends_at: None, note: None, .. }
            if only_default && contribution == ContributionKey::default() =>
        {
            Ok((Reading::Standing { severity, text }, None))
        }
        Report::Clear { contribution, text, .. } if only_default && contribution == ContributionKey::default() => {
            Ok((Reading::Gone { text }, None))
        }
        Report::Raise { severity, text, contribution, ends_at, note, .. } => {
            let mut all = said_of(entry);
            if ends_at.is_some_and(|ends_at| ends_at <= now) {
                all.clear(&contribution);
            } else {
                all.raise(contribution, severity, text, ends_at, note)?;
            }
            Ok((all.reading(), some_unless_default(entry, all)))
        }
        Report::Clear { contribution, text, .. } => {
            let mut all = said_of(entry);
            all.clear(&contribution);
            let reading = match all.reading() {
                Reading::Gone { .. } => Reading::Gone { text },
                standing @ Reading::Standing { .. } => standing,
            };
            Ok((reading, some_unless_default(entry, all)))
        }
    }
}

/// Returns what is said of an alarm, the default source's part spelled out.
fn said_of(entry: Option<&Entry>) -> Contributions {
    let Some(entry) = entry else { return Contributions::default() };
    if let Some(contributions) = &entry.contributions {
        return contributions.clone();
    }
    let mut all = Contributions::default();
    if !entry.record.is_cleared() {
        all.restore(Contribution {
            key: ContributionKey::default(),
            severity: entry.record.severity(),
            text: Arc::new(entry.record.state.text.clone()),
            ends_at: None,
            note: None,
            turn: 1,
        });
    }
    all
}

/// Keeps the default source's part implicit as long as nobody else has said anything.
fn some_unless_default(entry: Option<&Entry>, all: Contributions) -> Option<Contributions> {
    let was_implicit = entry.is_none_or(|entry| entry.contributions.is_none());
    let is_default = all.len() == 1 && all.iter().all(is_bare);
    if was_implicit && is_default { None } else { some_unless_empty(all) }
}

/// Returns whether a contribution says nothing that the alarm's record does not.
fn is_bare(contribution: &Contribution) -> bool {
    contribution.key == ContributionKey::default() && contribution.ends_at.is_none() && contribution.note.is_none()
}

fn some_unless_empty(all: Contributions) -> Option<Contributions> {
    if all.is_empty() { None } else { Some(all) }
}

/// Makes the stored rows those of `new`.
fn write_contributions(
    tx: &mut WriteTransaction<'_>,
    alarm: AlarmId,
    old: Option<&Contributions>,
    new: Option<&Contributions>,
) -> Result<(), StoreError> {
    for gone in old.into_iter().flatten().filter(|c| new.is_none_or(|new| new.get(&c.key).is_none())) {
        tx.remove_contribution(alarm, &gone.key.0)?;
    }
    for changed in new.into_iter().flatten().filter(|c| old.and_then(|old| old.get(&c.key)) != Some(*c)) {
        tx.put_contribution(&ContributionRow {
            alarm,
            key: changed.key.0.clone(),
            severity: changed.severity,
            ends_at: changed.ends_at,
            turn: changed.turn,
            text: (*changed.text).clone(),
            note: changed.note.as_deref().map(str::to_owned),
        })?;
    }
    Ok(())
}
