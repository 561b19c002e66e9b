//! What is wrong with the configuration as a whole: parts not built, files that changed, commits taken back.

use super::storage::ELEMENT;
use super::{NodeName, Subject, Supervisor, Words};
use crate::alarm::{OwnType, Severity};
use crate::datastore::Committed;
use crate::task::Scope;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Lines of an alarm at most: the log has all.
const LINES_MAX: usize = 10;

/// What a start found wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartFindings {
    /// What could not be built of the stored configuration.
    pub not_built: Vec<String>,
    /// Files that are not those that were loaded.
    pub changed_files: Vec<String>,
    /// Whether looking again at what is running may build the rest.
    pub may_heal: bool,
    /// What was taken back because nobody confirmed it in time.
    pub taken_back: Option<String>,
}

/// Says what a start found wrong with the configuration; what an earlier one found and this one did not, is over.
pub fn tell_start(supervisor: &Supervisor, node: &str, found: &StartFindings) {
    if let Some(said) = &found.taken_back {
        let rolled_back = Subject::new(OwnType::ConfigurationRolledBack, ELEMENT, node);
        supervisor.raise(&rolled_back, Severity::Warning, Words::detail(said.clone()));
    }
    for (own, severity, lines) in [
        (OwnType::ConfigurationNotBuilt, Severity::Major, &found.not_built),
        (OwnType::ConfigurationFileChanged, Severity::Warning, &found.changed_files),
    ] {
        let subject = Subject::new(own, ELEMENT, node);
        if lines.is_empty() {
            supervisor.clear(&subject);
        } else {
            let mut detail: Vec<String> = lines.iter().take(LINES_MAX).cloned().collect();
            if let Some(more) = lines.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
                detail.push(format!("and {more} more"));
            }
            supervisor.raise(&subject, severity, Words { brief: None, detail });
        }
    }
}

/// Says that all that is configured is built, though a start found otherwise.
pub fn tell_whole(supervisor: &Supervisor, node: &str) {
    supervisor.clear(&Subject::new(OwnType::ConfigurationNotBuilt, ELEMENT, node));
}

/// Says what a commit means: it takes one back that nobody confirmed, or somebody has looked at the configuration since.
/// `is_whole` says whether all that is configured is built now.
pub fn tell_commit(supervisor: &Supervisor, node: &str, committed: &Committed, is_whole: bool) {
    let rolled_back = Subject::new(OwnType::ConfigurationRolledBack, ELEMENT, node);
    if committed.is_taken_back() {
        let said = committed.comment.clone().unwrap_or_default();
        supervisor.raise(&rolled_back, Severity::Warning, Words::detail(said));
    } else {
        supervisor.clear(&rolled_back);
        if is_whole {
            tell_whole(supervisor, node);
        }
    }
}

/// Looks at commits until the scope stops.
pub async fn watch_commits(
    supervisor: &Supervisor,
    node: &NodeName,
    mut commits: broadcast::Receiver<Arc<Committed>>,
    is_whole: impl Fn() -> bool + Send,
    scope: &Scope,
) {
    loop {
        let committed = tokio::select! {
            () = scope.stopped() => return,
            committed = commits.recv() => committed,
        };
        match committed {
            Ok(committed) => tell_commit(supervisor, &node(), &committed, is_whole()),
            // Those that were missed were followed by others.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use jiff::Timestamp;

    #[test]
    fn a_commit_that_leaves_something_unbuilt_does_not_end_the_alarm() {
        let supervisor = Supervisor::new(Clock::manual(Timestamp::UNIX_EPOCH));
        let stands = || supervisor.stands(&Subject::new(OwnType::ConfigurationNotBuilt, ELEMENT, "n1"));
        tell_start(&supervisor, "n1", &StartFindings { not_built: vec!["a".to_owned()], ..StartFindings::default() });
        let committed = Committed {
            revision: 2,
            user: "op".to_owned(),
            via: "cli".to_owned(),
            session: None,
            comment: None,
            time: Timestamp::UNIX_EPOCH,
            warnings: crate::diagnostic::Diagnostics::new(),
            delta: Arc::default(),
        };
        tell_commit(&supervisor, "n1", &committed, false);
        assert!(stands());
        tell_commit(&supervisor, "n1", &committed, true);
        assert!(!stands());
    }

    #[test]
    fn what_a_start_finds_stands_until_one_does_not() {
        let supervisor = Supervisor::new(Clock::manual(Timestamp::UNIX_EPOCH));
        let stands = |own| supervisor.stands(&Subject::new(own, ELEMENT, "n1"));
        let both = StartFindings {
            not_built: (0..20).map(|n| format!("fault {n}")).collect(),
            changed_files: vec!["a.set has changed".to_owned()],
            may_heal: true,
            taken_back: None,
        };
        tell_start(&supervisor, "n1", &both);
        assert!(stands(OwnType::ConfigurationNotBuilt) && stands(OwnType::ConfigurationFileChanged));
        tell_start(&supervisor, "n1", &StartFindings::default());
        assert!(!stands(OwnType::ConfigurationNotBuilt) && !stands(OwnType::ConfigurationFileChanged));
    }
}
