//! Named points at which a test makes the store fail or the process die.

use super::StoreError;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// A point in the life of a write, or of a commit of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// A transition is about to be appended.
    BeforeAppend,
    /// A transition was appended and not committed.
    AfterAppend,
    /// A group is complete and not committed.
    BeforeCommit,
    /// A group is on the disk and nobody knows yet.
    AfterCommit,
    /// The alarm list is about to be written to `records.db`.
    BeforeRecords,
    /// The participants of a commit are about to prepare.
    BeforePrepare,
    /// All participants have prepared and the revision is not written.
    BeforeRevision,
    /// The revision is on the disk and not in force.
    BeforeApply,
    /// The revision is in force and not announced.
    BeforeAnnounce,
}

impl FaultPoint {
    /// All points, in the order of a write's life.
    pub const ALL: [Self; 9] = [
        Self::BeforeAppend,
        Self::AfterAppend,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeRecords,
        Self::BeforePrepare,
        Self::BeforeRevision,
        Self::BeforeApply,
        Self::BeforeAnnounce,
    ];

    /// Returns the name that the command line uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeforeAppend => "before-append",
            Self::AfterAppend => "after-append",
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
            Self::BeforeRecords => "before-records",
            Self::BeforePrepare => "before-prepare",
            Self::BeforeRevision => "before-revision",
            Self::BeforeApply => "before-apply",
            Self::BeforeAnnounce => "before-announce",
        }
    }
}

impl fmt::Display for FaultPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no fault point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fault point: expected {names}", names = names())]
pub struct UnknownFaultPoint(pub String);

fn names() -> String {
    FaultPoint::ALL.map(|point| format!("`{point}`")).join(", ")
}

impl FromStr for FaultPoint {
    type Err = UnknownFaultPoint;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|p| p.as_str() == text).ok_or_else(|| UnknownFaultPoint(text.to_owned()))
    }
}

/// Says that a test wants the write to fail here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InjectedFault;

/// What a test does at the points that a write passes.
pub trait Fault: Send + Sync {
    /// Is called at each point; the write fails there when this does. Behind the write ([`FaultPoint::AfterCommit`],
    /// [`FaultPoint::BeforeApply`], [`FaultPoint::BeforeAnnounce`]) failing changes nothing.
    ///
    /// # Errors
    /// [`InjectedFault`] to make the write fail.
    fn reach(&self, point: FaultPoint) -> Result<(), InjectedFault>;
}

/// Aborts the process at the n-th passage of a point, as a loss of power would.
#[derive(Debug)]
pub struct AbortAt {
    point: FaultPoint,
    passages_left: AtomicU64,
}

impl AbortAt {
    /// Aborts at passage `nth` of `point`, from 1.
    #[must_use]
    pub fn new(point: FaultPoint, nth: u64) -> Self {
        Self { point, passages_left: AtomicU64::new(nth.max(1)) }
    }
}

impl Fault for AbortAt {
    fn reach(&self, point: FaultPoint) -> Result<(), InjectedFault> {
        if point == self.point && self.passages_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
        Ok(())
    }
}

/// The production side of the hook: `None` costs one comparison.
pub(super) fn reach(fault: Option<&dyn Fault>, point: FaultPoint) -> Result<(), StoreError> {
    match fault {
        None => Ok(()),
        Some(fault) => fault.reach(point).map_err(|InjectedFault| StoreError::Injected(point)),
    }
}
