//! Deciding reports against the staged alarm list, and appending what they change.

use super::alarm_list::{AlarmList, Entry};
use super::report::{ImpactSource, Outcome, Report, ReportError, Verdict, check};
use crate::alarm::{
    AlarmId, AlarmKey, AlarmRecord, AlarmText, Announced, Change, Circumstances, Contribution, ContributionKey,
    Contributions, Control, Reading, Transition, announce_held, decide,
};
use crate::clock::format_utc;
use crate::store::{ContributionRow, StoreError, WriteTransaction};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Key under which the time is kept that no removed alarm was changed after.
pub(super) const REMOVED_UNTIL: &str = "alarms-removed-until";

/// What deciding needs to know beside the list.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) now: Timestamp,
    pub(super) impact: &'a dyn ImpactSource,
    /// Counts reports that were refused because the list is full.
    pub(super) refused: &'a AtomicU64,
}

/// Room for alarms of the element itself beyond the limit: that the list is full must be said in the list.
const OWN_ROOM: usize = 256;

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
        let id = report.key().id();
        let entry = self.list.entry(&id);
        let key = match entry {
            Some(entry) => Arc::clone(&entry.record.key),
            None => Arc::new(report.key().clone()),
        };
        let is_own = matches!(&report, Report::Raise { contribution, .. } if contribution.is_own());
        let (reading, contributions) = match weigh(entry, report, context.now) {
            Ok(weighed) => weighed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.settle(tx, (id, &key), reading, contributions, is_own, context)
    }

    /// Takes away what no longer holds of the alarm with the next deadline; `None` when none is due.
    pub(super) fn expire_one(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        context: Context<'_>,
    ) -> Result<Option<Verdict>, StoreError> {
        let Some(id) = self.list.due(context.now) else { return Ok(None) };
        let Some(entry) = self.list.entry(&id) else { return Ok(None) };
        let key = Arc::clone(&entry.record.key);
        let mut contributions = entry.contributions.clone().unwrap_or_default();
        contributions.expire(context.now);
        let reading = contributions.reading();
        self.settle(tx, (id, &key), reading, some_unless_empty(contributions), false, context).map(Some)
    }

    /// Tells what was held back of the alarm whose turn is next; `false` when none is due.
    pub(super) fn tell_one(&mut self, tx: &mut WriteTransaction<'_>, context: Context<'_>) -> Result<bool, StoreError> {
        let Some(entry) = self.list.held_due(context.now).and_then(|id| self.list.entry(&id)).cloned() else {
            return Ok(false);
        };
        let control = Arc::clone(self.list.control());
        let circumstances =
            Circumstances { now: context.now, not_before: None, control: &control, path: None, contributions: &[] };
        if let Some(change) = announce_held(&entry.record, &circumstances) {
            self.take(tx, Some(&entry), change, entry.contributions.clone(), context)?;
        }
        Ok(true)
    }

    /// Looks at an alarm again because what configuration makes of it, or what depends on it, may have changed.
    pub(super) fn revise(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        id: AlarmId,
        with_impact: bool,
        context: Context<'_>,
    ) -> Result<(), StoreError> {
        let Some(entry) = self.list.entry(&id) else { return Ok(()) };
        let (key, contributions) = (Arc::clone(&entry.record.key), entry.contributions.clone());
        let reading = match &contributions {
            _ if entry.record.is_cleared() => Reading::Gone { text: None },
            Some(said) => said.reading(),
            None => {
                let record = &entry.record;
                Reading::Standing { severity: record.reported_severity(), text: Arc::clone(&record.state.text) }
            }
        };
        // What could be refused was taken when it was reported.
        drop(self.settle(tx, (id, &key), reading, contributions, true, context)?);
        let Some(entry) = self.list.entry(&id).filter(|entry| with_impact && !entry.record.is_cleared()) else {
            return Ok(());
        };
        let impact = context.impact.impact(&key);
        if entry.record.state.impact != impact.groups {
            let mut record = AlarmRecord::clone(&entry.record);
            record.state.impact = impact.groups;
            self.amend(tx, record)?;
        }
        Ok(())
    }

    /// Writes an alarm as it is now, where no transition says so.
    pub(super) fn amend(&mut self, tx: &mut WriteTransaction<'_>, record: AlarmRecord) -> Result<(), StoreError> {
        let contributions = self.list.contributions(&record.id).cloned();
        self.amend_with(tx, record, contributions)
    }

    fn amend_with(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        record: AlarmRecord,
        contributions: Option<Contributions>,
    ) -> Result<(), StoreError> {
        let position = tx.append_amendment(&record)?;
        self.list.set_position(position);
        self.list.put(Entry { record: Arc::new(record), contributions });
        self.is_changed = true;
        Ok(())
    }

    /// Reminds handlers of an alarm that stands as they were told; returns whether it does.
    pub(super) fn remind(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        id: AlarmId,
        handlers: Vec<String>,
        context: Context<'_>,
    ) -> Result<bool, StoreError> {
        let Some(entry) = self.list.entry(&id).cloned() else { return Ok(false) };
        let record = &entry.record;
        if record.is_cleared() || record.untold.is_some() || record.shelf.is_some() || handlers.is_empty() {
            return Ok(false);
        }
        let standing = record.state.standing;
        let time = record.next_time(context.now);
        let change =
            Change { record: AlarmRecord::clone(record), announced: Some(Announced { before: Some(standing) }), time };
        let transition = Transition { reminds: handlers, ..transition_of(&change) };
        self.announce(tx, Some(record), transition, change.record, entry.contributions.clone(), context)?;
        Ok(true)
    }

    /// Takes an alarm out of the list.
    pub(super) fn remove(&mut self, tx: &mut WriteTransaction<'_>, id: AlarmId) -> Result<bool, StoreError> {
        let Some(entry) = self.list.remove(id) else { return Ok(false) };
        self.is_changed = true;
        for contribution in entry.contributions.iter().flatten() {
            tx.remove_contribution(contribution.row)?;
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
        (id, key): (AlarmId, &Arc<AlarmKey>),
        reading: Reading,
        contributions: Option<Contributions>,
        is_own: bool,
        context: Context<'_>,
    ) -> Result<Verdict, StoreError> {
        let control = Arc::clone(self.list.control());
        let old = self.list.entry(&id).cloned();
        let current = old.as_ref().map(|entry| &*entry.record);
        let path = is_path_wanted(&control).then(|| context.impact.path(key)).flatten();
        let said: Vec<&Contribution> = contributions.iter().flatten().collect();
        let circumstances = Circumstances {
            now: context.now,
            not_before: if current.is_none() { self.list.removed_until() } else { None },
            control: &control,
            path: path.as_deref(),
            contributions: &said,
        };
        let change = decide(key, current, reading, &circumstances);
        if old.is_none() && change.is_some() {
            let alarms_max = control.alarms_max.saturating_add(if is_own { OWN_ROOM } else { 0 });
            if !self.make_room(tx, alarms_max)? {
                context.refused.fetch_add(1, Ordering::Relaxed);
                return Ok(Err(ReportError::ListFull { alarms_max: control.alarms_max }));
            }
        }
        let Some(change) = change else {
            if let Some(entry) = old {
                self.put_contributions(tx, &entry, contributions)?;
            }
            return Ok(Ok(Outcome::Unchanged));
        };
        self.take(tx, old.as_ref(), change, contributions, context).map(Ok)
    }

    /// Appends what became of an alarm, and takes it into the list.
    fn take(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        old: Option<&Entry>,
        change: Change,
        mut contributions: Option<Contributions>,
        context: Context<'_>,
    ) -> Result<Outcome, StoreError> {
        let current = old.map(|entry| &*entry.record);
        let id = change.record.id;
        write_contributions(tx, id, old.and_then(|entry| entry.contributions.as_ref()), contributions.as_mut())?;
        let outcome = if change.announced.is_some() {
            let transition = transition_of(&change);
            Outcome::Announced(self.announce(tx, current, transition, change.record, contributions, context)?)
        } else {
            let is_edge = current.is_none_or(|current| current.state.standing != change.record.state.standing);
            self.amend_with(tx, change.record, contributions)?;
            if is_edge { Outcome::Held } else { Outcome::TextChanged }
        };
        Ok(outcome)
    }

    /// Keeps what several sources say of an alarm that did not change.
    fn put_contributions(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        entry: &Entry,
        mut contributions: Option<Contributions>,
    ) -> Result<(), StoreError> {
        if entry.contributions == contributions {
            return Ok(());
        }
        write_contributions(tx, entry.record.id, entry.contributions.as_ref(), contributions.as_mut())?;
        self.list.put(Entry { record: Arc::clone(&entry.record), contributions });
        self.is_changed = true;
        Ok(())
    }

    /// Numbers a transition, says what it impacts, and appends it; where it alone does not say what the alarm is like, an
    /// amendment follows.
    fn announce(
        &mut self,
        tx: &mut WriteTransaction<'_>,
        current: Option<&AlarmRecord>,
        mut transition: Transition,
        record: AlarmRecord,
        contributions: Option<Contributions>,
        context: Context<'_>,
    ) -> Result<Arc<Transition>, StoreError> {
        let impact = context.impact.impact(&transition.key);
        transition.after.impact = impact.groups;
        transition.revision = impact.revision;
        transition.base_url = impact.base_url;
        if transition.before.is_some_and(|before| !before.is_cleared) {
            transition.moves = record.moves(impact.project.as_deref());
        }
        transition.project = impact.project;
        transition.position = tx.next_position()?;
        tx.append_transition(&transition)?;
        self.list.set_position(transition.position);
        let record = record.announced_by(&transition);
        if record.is_replayed_from(current) {
            self.list.put(Entry { record: Arc::new(record), contributions });
            self.is_changed = true;
        } else {
            self.amend_with(tx, record, contributions)?;
        }
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

/// Returns whether shelves or profiles may look at where a resource is configured.
fn is_path_wanted(control: &Control) -> bool {
    !control.shelves.is_empty() || !control.profiles.is_empty()
}

/// Returns the transition of a change; where it stands in the journal, and its impact, are not in it yet.
fn transition_of(change: &Change) -> Transition {
    let record = &change.record;
    let before = change.announced.and_then(|announced| announced.before);
    let is_standing = before.is_some_and(|before| !before.is_cleared);
    Transition {
        position: record.position,
        id: record.id,
        key: Arc::clone(&record.key),
        sequence: record.sequence.saturating_add(1),
        before,
        stood: if is_standing { record.stood.clone() } else { BTreeSet::new() },
        raised: record.raised.filter(|_| is_standing).unwrap_or_default(),
        project: None,
        moves: None,
        after: record.state.clone(),
        last_updated: change.time,
        revision: 0,
        reminds: Vec::new(),
        base_url: None,
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
            Ok((Reading::Standing { severity, text: Arc::new(text) }, None))
        }
        Report::Clear { contribution, text, .. } if only_default && contribution == ContributionKey::default() => {
            Ok((Reading::Gone { text: text.map(Arc::new) }, None))
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
                Reading::Gone { .. } => Reading::Gone { text: text.map(Arc::new) },
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
            text: Arc::clone(&entry.record.state.text),
            ends_at: None,
            note: None,
            turn: 1,
            row: 0,
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

/// Makes the stored rows those of `new`, and notes in it which they are.
fn write_contributions(
    tx: &mut WriteTransaction<'_>,
    alarm: AlarmId,
    old: Option<&Contributions>,
    mut new: Option<&mut Contributions>,
) -> Result<(), StoreError> {
    let kept = new.as_deref();
    for gone in old.into_iter().flatten().filter(|c| kept.is_none_or(|new| new.get(&c.key).is_none())) {
        tx.remove_contribution(gone.row)?;
    }
    let is_changed = |c: &&Contribution| old.and_then(|old| old.get(&c.key)) != Some(*c);
    let changed: Vec<Contribution> = kept.into_iter().flatten().filter(is_changed).cloned().collect();
    for Contribution { key, severity, text, ends_at, note, turn, row } in changed {
        let (text, note) = (AlarmText::clone(&text), note.as_deref().map(str::to_owned));
        let written = ContributionRow { row, alarm, key: key.0.clone(), severity, ends_at, turn, text, note };
        let row = tx.put_contribution(&written)?;
        if let Some(new) = new.as_deref_mut() {
            new.stored(&key, row);
        }
    }
    Ok(())
}
