//! How many files the process may have open: connections, sessions and the store share them.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Below this the listener's connections and a few busy handlers are more than the process may have open.
const ENOUGH: u64 = 4096;

/// Raises the limit of open files to what the administrator allows: the usual soft one, 1,024, is for programs that use
/// `select`. Says so when what is allowed is little, or cannot be had.
pub(super) fn raise_limit() {
    let allowed = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard => setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard),
        Ok((soft, _)) => Ok(soft),
        Err(error) => Err(error),
    };
    match allowed {
        Ok(allowed) if allowed < ENOUGH => tracing::warn!(
            allowed,
            "few files may be open at once: with many handlers, connections will fail; allow {ENOUGH} (LimitNOFILE, ulimit -n)"
        ),
        Ok(allowed) => tracing::debug!(allowed, "files may be open at once"),
        Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
    }
}
