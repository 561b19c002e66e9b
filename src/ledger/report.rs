//! What sources say to the ledger, and what they are answered.

use crate::alarm::{
    AlarmId, AlarmKey, AlarmText, ContributionKey, ImpactGroup, Severity, TooManyContributions, Transition,
};
use crate::store::StoreError;
use jiff::Timestamp;
use std::sync::Arc;

/// Bytes of a key's parts together at most: they are names, and each alarm keeps them in memory.
pub(super) const KEY_BYTES_MAX: usize = 4 << 10;

/// Bytes of an alarm's texts at most, and of a source's note: some screens; each alarm keeps them in memory and each transition in the journal.
pub(super) const TEXT_BYTES_MAX: usize = 64 << 10;

/// What a source says of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The condition holds.
    Raise {
        /// The alarm.
        key: AlarmKey,
        /// How bad it is.
        severity: Severity,
        /// Texts, final.
        text: AlarmText,
        /// Which of several sources says so; the default one when there is one only.
        contribution: ContributionKey,
        /// When it no longer holds, unless said again. One that is past already says that the condition is gone.
        ends_at: Option<Timestamp>,
        /// What the source wants to be given back with its contribution, also after a restart.
        note: Option<Arc<str>>,
    },
    /// The condition is gone, as far as this source goes: what others say of the alarm still holds.
    Clear {
        /// The alarm.
        key: AlarmKey,
        /// Which of several sources says so.
        contribution: ContributionKey,
        /// What to say of it now; `None` keeps what was said.
        text: Option<AlarmText>,
    },
}

impl Report {
    /// Returns the alarm's key.
    #[must_use]
    pub fn key(&self) -> &AlarmKey {
        match self {
            Self::Raise { key, .. } | Self::Clear { key, .. } => key,
        }
    }
}

/// What a report came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The alarm changed, and handlers are told.
    Announced(Arc<Transition>),
    /// The alarm changed, and handlers are not told: not now, not of such changes, or not while it is on its shelf.
    Held,
    /// Only the alarm's texts changed; nobody is told.
    TextChanged,
    /// Nothing that can be seen changed: the alarm stood so already.
    Unchanged,
}

/// Why one report was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The list is full of standing alarms.
    #[error("the alarm list is full: {alarms_max} alarms stand, and a standing alarm gives way to none")]
    ListFull {
        /// How many alarms the list holds.
        alarms_max: usize,
    },
    /// The alarm has too many contributions.
    #[error(transparent)]
    TooManyContributions(#[from] TooManyContributions),
    /// The parts of the key are too long.
    #[error("the alarm's key has {bytes} bytes, at most {KEY_BYTES_MAX} are kept")]
    KeyTooLong {
        /// How long they are.
        bytes: usize,
    },
    /// The texts are too long.
    #[error("the alarm's texts have {bytes} bytes, at most {TEXT_BYTES_MAX} are kept")]
    TextTooLong {
        /// How long they are.
        bytes: usize,
    },
    /// What the source wants to be given back is too long.
    #[error("what came with the alarm has {bytes} bytes, at most {TEXT_BYTES_MAX} are kept")]
    NoteTooLong {
        /// How long it is.
        bytes: usize,
    },
}

/// The answer to one report.
pub type Verdict = Result<Outcome, ReportError>;

/// Why reports could not be taken at all: the source says them again later.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// They could not be made durable; nothing of them is kept.
    #[error("the reports could not be written")]
    Store(#[from] StoreError),
}

/// What the configuration says of an alarm at its transition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impact {
    /// The revision looked at.
    pub revision: u64,
    /// What depends on the resource, sorted by kind.
    pub groups: Vec<ImpactGroup>,
    /// What links to the alarm begin with.
    pub base_url: Option<String>,
    /// The project that the resource belongs to.
    pub project: Option<String>,
}

/// Who knows what depends on a resource.
pub trait ImpactSource: Send + Sync {
    /// Returns what depends on the alarming resource in running, and where people look at it. Called on the writer's thread: quick, no waiting.
    fn impact(&self, key: &AlarmKey) -> Impact;

    /// Returns where the alarming resource is configured, when it is. Quick, too.
    fn path(&self, _key: &AlarmKey) -> Option<String> {
        None
    }
}

/// Nothing depends on anything: for elements without a configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoImpact;

impl ImpactSource for NoImpact {
    fn impact(&self, _key: &AlarmKey) -> Impact {
        Impact::default()
    }
}

/// Refuses what is too long to keep.
pub(super) fn check(report: &Report) -> Result<(), ReportError> {
    let key = report.key();
    let parts = [&key.node, &key.resource_type, &key.resource, &key.alarm_type, &key.qualifier];
    let bytes = parts.iter().map(|part| part.len()).sum();
    if bytes > KEY_BYTES_MAX {
        return Err(ReportError::KeyTooLong { bytes });
    }
    let text = match report {
        Report::Raise { text, .. } => Some(text),
        Report::Clear { text, .. } => text.as_ref(),
    };
    let linked = text.map(|text| {
        let names = text.correlation.root_causes.iter().map(|name| name.resource_type.len() + name.resource.len());
        names.sum::<usize>() + text.correlation.related.len() * size_of::<AlarmId>()
    });
    let lines = text.into_iter().flat_map(|t| t.detailed.iter().chain(&t.suggested_actions));
    let brief = text.map_or(0, |text| text.brief.len());
    if let Report::Raise { note: Some(note), .. } = report
        && note.len() > TEXT_BYTES_MAX
    {
        return Err(ReportError::NoteTooLong { bytes: note.len() });
    }
    let bytes = brief + lines.map(String::len).sum::<usize>() + linked.unwrap_or_default();
    if bytes > TEXT_BYTES_MAX { Err(ReportError::TextTooLong { bytes }) } else { Ok(()) }
}
