//! The handle that parts report to, and the task that reports to the ledger.

use super::watch::{Said, SlidingWindow, Watch};
use crate::alarm::{AlarmKey, ContributionKey, OwnType, Severity};
use crate::clock::Clock;
use crate::ledger::{Ledger, Report};
use crate::task::Scope;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Things watched at most: an element with so many parts that fail at once has other worries, and each costs memory.
const WATCHED_MAX: usize = 100_000;

/// Pause before alarms are reported again that the ledger could not take: a full disk does not empty at once.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Says the name of this node, which a commit may change.
pub type NodeName = Arc<dyn Fn() -> String + Send + Sync>;

/// What an own alarm is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The alarm type.
    pub alarm_type: OwnType,
    /// The kind of the alarming resource: that of the list in the configuration, as `http-client`.
    pub resource_type: String,
    /// The alarming resource.
    pub resource: String,
    /// What tells apart alarms of one type on one resource; usually empty.
    pub qualifier: String,
}

impl Subject {
    /// Builds a subject without a qualifier.
    #[must_use]
    pub fn new(alarm_type: OwnType, resource_type: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { alarm_type, resource_type: resource_type.into(), resource: resource.into(), qualifier: String::new() }
    }

    /// Adds a qualifier: the remote address, for example.
    #[must_use]
    pub fn qualified(self, qualifier: impl Into<String>) -> Self {
        Self { qualifier: qualifier.into(), ..self }
    }

    fn key(&self, node: &str) -> AlarmKey {
        AlarmKey {
            node: node.to_owned(),
            resource_type: self.resource_type.clone(),
            resource: self.resource.clone(),
            alarm_type: self.alarm_type.as_str().to_owned(),
            qualifier: self.qualifier.clone(),
        }
    }
}

/// What there is to say of one alarm beside what its type says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// One line in place of the type's.
    pub brief: Option<String>,
    /// Lines after the type's description.
    pub detail: Vec<String>,
}

impl Words {
    /// Adds one line to the type's description.
    #[must_use]
    pub fn detail(line: impl Into<String>) -> Self {
        Self { brief: None, detail: vec![line.into()] }
    }

    /// Takes the place of the type's brief line.
    #[must_use]
    pub fn brief(line: impl Into<String>) -> Self {
        Self { brief: Some(line.into()), detail: Vec::new() }
    }

    fn with(self, severity: Severity) -> Said {
        Said { severity, brief: self.brief, detail: self.detail }
    }
}

/// Takes reports of the element's parts; clones share it.
#[derive(Clone)]
pub struct Supervisor(Arc<Inner>);

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Supervisor({})", self.0.watched.load(Ordering::Relaxed))
    }
}

struct Inner {
    clock: Clock,
    desk: Mutex<Desk>,
    /// How many are watched: who says that all is well need not lock when nothing is.
    watched: AtomicUsize,
    changed: Notify,
}

#[derive(Default)]
struct Desk {
    watches: HashMap<Subject, Watch>,
    /// When standing alarms clear.
    timers: BTreeSet<(Duration, Subject)>,
    /// What changed and was not reported yet.
    unreported: BTreeSet<Subject>,
}

impl Supervisor {
    /// Builds a supervisor; what is said is kept until [`Supervisor::run`] reports it.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let desk = Mutex::new(Desk::default());
        Self(Arc::new(Inner { clock, desk, watched: AtomicUsize::new(0), changed: Notify::new() }))
    }

    /// Says that something failed: the alarm is raised when the window is full. `words` is asked for when it is.
    pub fn fault(&self, subject: &Subject, severity: Severity, window: SlidingWindow, words: impl FnOnce() -> Words) {
        self.tell(subject, |watch, now| watch.fault(now, words().with(severity), window));
    }

    /// Says that something works: its alarm, when one stands, clears after a quiet time without faults.
    pub fn fine(&self, subject: &Subject, quiet: Duration) {
        if self.0.watched.load(Ordering::Relaxed) > 0 {
            self.tell_if_watched(subject, |watch, now| watch.fine(now, quiet));
        }
    }

    /// Says that a condition holds: its alarm is raised, or changed, at once.
    pub fn raise(&self, subject: &Subject, severity: Severity, words: Words) {
        self.tell(subject, |watch, _| watch.raise(words.with(severity)));
    }

    /// Says that a condition is gone: its alarm clears at once.
    pub fn clear(&self, subject: &Subject) {
        self.tell_if_watched(subject, |watch, _| watch.clear());
    }

    /// Says that a resource is there no more: all alarms about it clear.
    pub fn retire(&self, resource_type: &str, resource: &str) {
        self.retire_where(|subject| subject.resource_type == resource_type && subject.resource == resource);
    }

    /// Clears all alarms of one kind of resource but of those named: for a part that knows all that there is.
    pub fn retain(&self, resource_type: &str, names: &BTreeSet<String>) {
        self.retire_where(|subject| subject.resource_type == resource_type && !names.contains(&subject.resource));
    }

    /// Returns whether the alarm of a subject stands, as far as this element says.
    #[must_use]
    pub fn stands(&self, subject: &Subject) -> bool {
        self.lock().watches.get(subject).is_some_and(|watch| watch.said().is_some())
    }

    /// Returns what is watched of one kind of resource.
    #[must_use]
    pub fn watched(&self, resource_type: &str) -> Vec<Subject> {
        if self.watches_nothing() {
            return Vec::new();
        }
        self.lock().watches.keys().filter(|subject| subject.resource_type == resource_type).cloned().collect()
    }

    /// Returns whether nothing is watched, so that there is nothing to say of what works.
    #[must_use]
    pub fn watches_nothing(&self) -> bool {
        self.0.watched.load(Ordering::Relaxed) == 0
    }

    fn retire_where(&self, is_gone: impl Fn(&Subject) -> bool) {
        let gone: Vec<Subject> = self.lock().watches.keys().filter(|subject| is_gone(subject)).cloned().collect();
        for subject in gone {
            self.clear(&subject);
        }
    }

    fn tell(&self, subject: &Subject, change: impl FnOnce(&mut Watch, Duration) -> bool) {
        {
            let now = self.0.clock.elapsed();
            let mut desk = self.lock();
            if !desk.watches.contains_key(subject) {
                if desk.watches.len() >= WATCHED_MAX {
                    desk.forget_idle(now);
                }
                if desk.watches.len() >= WATCHED_MAX {
                    tracing::error!(?subject, "too much fails at once: this is not watched");
                    return;
                }
                desk.watches.insert(subject.clone(), Watch::default());
                self.0.watched.store(desk.watches.len(), Ordering::Relaxed);
            }
        }
        self.tell_if_watched(subject, change);
    }

    fn tell_if_watched(&self, subject: &Subject, change: impl FnOnce(&mut Watch, Duration) -> bool) {
        let now = self.0.clock.elapsed();
        let mut desk = self.lock();
        let Some(watch) = desk.watches.get_mut(subject) else { return };
        let timer = watch.clears_at();
        let is_changed = change(watch, now);
        let new_timer = watch.clears_at();
        if timer != new_timer {
            desk.timers.retain(|(at, of)| Some(*at) != timer || of != subject);
            desk.timers.extend(new_timer.map(|at| (at, subject.clone())));
        }
        if is_changed {
            desk.unreported.insert(subject.clone());
        }
        drop(desk);
        if is_changed || timer != new_timer {
            self.0.changed.notify_one();
        }
    }

    /// Takes up the element's alarms that stood before this process.
    pub fn adopt(&self, ledger: &Ledger) {
        let list = ledger.alarms();
        let mut desk = self.lock();
        for record in list.iter().filter(|record| !record.is_cleared()) {
            let Ok(alarm_type) = record.key.alarm_type.parse::<OwnType>() else { continue };
            let own = ContributionKey::own();
            let Some(said) = list.contributions(&record.id).and_then(|all| all.get(&own)) else { continue };
            let AlarmKey { resource_type, resource, qualifier, .. } = AlarmKey::clone(&record.key);
            let subject = Subject { alarm_type, resource_type, resource, qualifier };
            let said =
                Said { severity: said.severity, brief: Some(said.text.brief.as_ref().to_owned()), detail: Vec::new() };
            desk.watches.entry(subject).or_insert_with(|| Watch::standing(said));
        }
        self.0.watched.store(desk.watches.len(), Ordering::Relaxed);
    }

    /// Reports to the ledger until the scope stops.
    pub async fn run(&self, ledger: &Ledger, node: &NodeName, scope: &Scope) {
        tokio::select! {
            () = scope.stopped() => {}
            () = self.report_for_ever(ledger, node) => {}
        }
    }

    async fn report_for_ever(&self, ledger: &Ledger, node: &NodeName) {
        loop {
            let changed = self.0.changed.notified();
            if !self.settle(ledger, node).await {
                self.0.clock.sleep(AFTER_FAILURE).await;
                continue;
            }
            let next = self.lock().timers.first().map(|(at, _)| *at);
            let sleep = async {
                match next {
                    Some(at) => self.0.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = sleep => {}
            }
        }
    }

    /// Reports what changed, and what has been quiet for long enough; returns whether the ledger took it.
    pub async fn settle(&self, ledger: &Ledger, node: &NodeName) -> bool {
        let (subjects, reports) = self.take(&node());
        if reports.is_empty() {
            return true;
        }
        match ledger.report(reports).await {
            Ok(verdicts) => {
                for refused in verdicts.iter().filter_map(|verdict| verdict.as_ref().err()) {
                    tracing::error!(error = refused as &dyn std::error::Error, "an own alarm was not taken");
                }
                true
            }
            Err(error) => {
                // The store says why, once; this comes as often as it is tried.
                tracing::debug!(error = &error as &dyn std::error::Error, "own alarms could not be recorded yet");
                self.lock().unreported.extend(subjects);
                false
            }
        }
    }

    fn take(&self, node: &str) -> (BTreeSet<Subject>, Vec<Report>) {
        let now = self.0.clock.elapsed();
        let mut desk = self.lock();
        while let Some((at, subject)) = desk.timers.first().cloned().filter(|(at, _)| *at <= now) {
            desk.timers.remove(&(at, subject.clone()));
            if desk.watches.get_mut(&subject).is_some_and(|watch| watch.ripen(now)) {
                desk.unreported.insert(subject);
            }
        }
        let subjects = std::mem::take(&mut desk.unreported);
        let reports = subjects.iter().map(|subject| report(subject, desk.watches.get(subject), node)).collect();
        if !subjects.is_empty() {
            desk.forget_idle(now);
            self.0.watched.store(desk.watches.len(), Ordering::Relaxed);
        }
        (subjects, reports)
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.0.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn forget_idle(&mut self, now: Duration) {
        self.watches.retain(|_, watch| !watch.is_idle(now));
    }
}

fn report(subject: &Subject, watch: Option<&Watch>, node: &str) -> Report {
    let (key, contribution) = (subject.key(node), ContributionKey::own());
    match watch.and_then(Watch::said) {
        Some(Said { severity, brief, detail }) => {
            let text = subject.alarm_type.alarm_text(brief.clone(), detail.clone());
            Report::Raise { key, severity: *severity, text, contribution, ends_at: None, note: None }
        }
        None => Report::Clear { key, contribution, text: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerOptions;
    use crate::store::Store;
    use jiff::Timestamp;

    struct World {
        _folder: tempfile::TempDir,
        clock: Clock,
        ledger: Ledger,
        node: NodeName,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Clock::manual(Timestamp::UNIX_EPOCH);
            let store = Store::open(folder.path(), clock.clone()).unwrap();
            let ledger = Ledger::open(store, clock.clone(), LedgerOptions::default()).unwrap();
            Self { _folder: folder, clock, ledger, node: Arc::new(|| "n1".to_owned()) }
        }

        async fn standing(&self, supervisor: &Supervisor) -> Vec<(String, Severity)> {
            assert!(supervisor.settle(&self.ledger, &self.node).await);
            let list = self.ledger.alarms();
            let standing = list.iter().filter(|record| !record.is_cleared());
            standing.map(|record| (record.key.resource.clone(), record.severity())).collect()
        }
    }

    fn client(name: &str) -> Subject {
        Subject::new(OwnType::FailedConnection, "http-client", name)
    }

    #[tokio::test]
    async fn faults_raise_an_alarm_that_a_quiet_time_clears() {
        let world = World::new();
        let supervisor = Supervisor::new(world.clock.clone());
        let fault = || {
            supervisor.fault(&client("c1"), Severity::Minor, SlidingWindow::default(), || Words::detail("refused"));
        };
        fault();
        assert_eq!(world.standing(&supervisor).await, []);
        fault();
        assert_eq!(world.standing(&supervisor).await, [("c1".to_owned(), Severity::Minor)]);
        let record = world.ledger.alarms().iter().next().cloned().unwrap();
        assert_eq!(&*record.state.text.brief, "No connection to a remote host");
        assert_eq!(record.state.text.detailed.last().map(String::as_str), Some("refused"));
        supervisor.fine(&client("c1"), Duration::from_secs(5));
        assert_eq!(world.standing(&supervisor).await.len(), 1);
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(world.standing(&supervisor).await, []);
    }

    #[tokio::test]
    async fn an_alarm_of_an_earlier_process_is_taken_up_and_cleared_by_the_first_success() {
        let world = World::new();
        let before = Supervisor::new(world.clock.clone());
        before.raise(&client("c1"), Severity::Major, Words::default());
        before.raise(&client("c2"), Severity::Major, Words::default());
        assert_eq!(world.standing(&before).await.len(), 2);
        let after = Supervisor::new(world.clock.clone());
        after.adopt(&world.ledger);
        after.fine(&client("c1"), Duration::ZERO);
        after.retain("http-client", &BTreeSet::from(["c1".to_owned()]));
        assert_eq!(world.standing(&after).await, []);
    }

    #[tokio::test]
    async fn what_is_retired_clears_whatever_was_said() {
        let world = World::new();
        let supervisor = Supervisor::new(world.clock.clone());
        supervisor.raise(&client("c1"), Severity::Major, Words::brief("gone wrong"));
        supervisor.raise(&client("c2"), Severity::Minor, Words::default());
        assert_eq!(world.standing(&supervisor).await.len(), 2);
        supervisor.retire("http-client", "c1");
        assert_eq!(world.standing(&supervisor).await, [("c2".to_owned(), Severity::Minor)]);
        assert!(supervisor.stands(&client("c2")) && !supervisor.stands(&client("c1")));
    }

    #[tokio::test]
    async fn the_task_reports_as_time_goes_by() {
        let world = World::new();
        let supervisor = Supervisor::new(world.clock.clone());
        let scope = Scope::new();
        let (own, ledger, node, inner) = (supervisor.clone(), world.ledger.clone(), world.node.clone(), scope.clone());
        scope.spawn("supervision", async move { own.run(&ledger, &node, &inner).await });
        let mut tail = world.ledger.tail();
        supervisor.raise(&client("c1"), Severity::Major, Words::default());
        tail.changed().await.unwrap();
        supervisor.fine(&client("c1"), Duration::from_secs(5));
        loop {
            world.clock.advance(Duration::from_secs(5));
            tokio::select! {
                biased;
                changed = tail.changed() => break changed.unwrap(),
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(world.ledger.alarms().standing(), 0);
        scope.drain(&Clock::system(), Duration::from_secs(10)).await.unwrap();
    }
}
