//! Why the datastore could not do what it was asked.

use super::{Conflict, Holder, Unconfirmed};
use crate::diagnostic::Diagnostics;
use crate::store::StoreError;

/// Why a commit was refused. Running, and all that follows it, is as it was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The configuration is not valid.
    #[error("the configuration is not valid\n{0}")]
    Invalid(Diagnostics),
    /// Others changed the same nodes since the candidate was begun.
    #[error("{} of the nodes edited here were changed by others meanwhile", .0.len())]
    Conflict(Vec<Conflict>),
    /// A part of the element cannot put the configuration into force.
    #[error("refused by {participant}\n{diagnostics}")]
    Refused {
        /// Which part.
        participant: &'static str,
        /// Why.
        diagnostics: Diagnostics,
    },
    /// Another session holds the configuration exclusively.
    #[error("the configuration is locked by {0}")]
    Locked(Holder),
    /// A commit of somebody else awaits confirmation: what came on top of it would be lost with it, or confirm it.
    #[error("revision {} by {} awaits confirmation", .0.revision, .0.user)]
    Unconfirmed(Unconfirmed),
    /// The revision could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a stored revision cannot be brought back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RollbackError {
    /// It is not stored: never written, or removed since.
    #[error("revision {revision} is not kept: {}", kept(*.oldest, *.newest))]
    NotKept {
        /// The revision asked for.
        revision: u64,
        /// The oldest kept, when there is one.
        oldest: Option<u64>,
        /// The newest.
        newest: u64,
    },
    /// It was written with nodes that the schema of this program does not have.
    #[error("revision {revision} cannot be read: {reason}")]
    Unreadable {
        /// The revision whose change or checkpoint cannot be read.
        revision: u64,
        /// Which node, and what is wrong with it.
        reason: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn kept(oldest: Option<u64>, newest: u64) -> String {
    match oldest {
        Some(oldest) => format!("expected {oldest} to {newest}"),
        None => "there is none yet".to_owned(),
    }
}

/// Why the element cannot start from its stored or given configuration. The store is as it was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BootError {
    /// The configuration files are faulty.
    #[error("{0}")]
    Input(Diagnostics),
    /// A part of the element cannot put the configuration files into force.
    #[error("refused by {participant}\n{diagnostics}")]
    Refused {
        /// Which part.
        participant: &'static str,
        /// Why.
        diagnostics: Diagnostics,
    },
    /// The stored configuration cannot be read by this program.
    #[error("the stored configuration cannot be used: {0}")]
    Stored(#[source] RollbackError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
