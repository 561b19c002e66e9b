//! Who is here.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sessions at once, over all faces: each may hold a candidate; a team and its scripts stay far below.
pub const SESSIONS_MAX: usize = 256;

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionMode {
    /// It looks.
    Operational,
    /// It edits a private candidate.
    Configuration,
}

/// A session, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number, from 1; never used again.
    pub id: u64,
    /// Who.
    pub user: String,
    /// Over which face.
    pub via: String,
    /// Since when.
    pub since: Timestamp,
    /// What it is doing.
    pub mode: SessionMode,
}

/// Why no session can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all {SESSIONS_MAX} sessions are in use")]
pub struct SessionsExhausted;

#[derive(Debug, Default)]
struct Registry {
    last: u64,
    sessions: BTreeMap<u64, Session>,
}

/// The sessions of all faces; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions(Arc<Mutex<Registry>>);

impl Sessions {
    pub(super) fn open(&self, user: &str, via: &str, since: Timestamp) -> Result<SessionHandle, SessionsExhausted> {
        let mut registry = self.lock();
        if registry.sessions.len() >= SESSIONS_MAX {
            return Err(SessionsExhausted);
        }
        registry.last += 1;
        let id = registry.last;
        let (user, via) = (user.to_owned(), via.to_owned());
        let session = Session { id, user, via, since, mode: SessionMode::Operational };
        registry.sessions.insert(id, session);
        Ok(SessionHandle { id, sessions: self.clone() })
    }

    pub(super) fn list(&self) -> Vec<Session> {
        self.lock().sessions.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds a session open.
#[derive(Debug)]
pub struct SessionHandle {
    id: u64,
    sessions: Sessions,
}

impl SessionHandle {
    /// Returns the session's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Says what the session is doing.
    pub fn set_mode(&self, mode: SessionMode) {
        if let Some(session) = self.sessions.lock().sessions.get_mut(&self.id) {
            session.mode = mode;
        }
    }
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        self.sessions.lock().sessions.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_session_is_gone_and_its_number_is_not_used_again() {
        let sessions = Sessions::default();
        let first = sessions.open("ops", "console", Timestamp::UNIX_EPOCH).unwrap();
        let second = sessions.open("ops", "script", Timestamp::UNIX_EPOCH).unwrap();
        second.set_mode(SessionMode::Configuration);
        drop(first);
        let left = sessions.list();
        assert_eq!(left.iter().map(|s| (s.id, s.mode)).collect::<Vec<_>>(), [(2, SessionMode::Configuration)]);
        drop(second);
        assert_eq!(sessions.open("ops", "console", Timestamp::UNIX_EPOCH).unwrap().id(), 3);
    }
}
