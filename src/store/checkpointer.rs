//! The thread that moves the journal's write-ahead log into its file, so that nobody who waits for the writer waits for that.

use super::error::StoreError;
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Pages of the log that are added before the thread moves them: 16 MB, so that a page that changes often is moved once.
const PAGES_AT_ONCE: u64 = 4000;

/// Pages of the log from which on the writer moves what the thread left, so that the log begins anew: while groups are
/// committed all the time, the thread is never quite done. 32 MB.
const PAGES_MAX: u64 = 8000;

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is set and cleared by itself, and all combinations occur")]
struct Desk {
    is_called: bool,
    is_working: bool,
    is_closing: bool,
    /// How long the log was when the thread was called last; 0 when it began anew since.
    called_at: u64,
    /// Whether the thread was called since the writer moved what was left.
    leaves_rest: bool,
}

/// What the writer does after a commit.
enum Due {
    Nothing,
    Call,
    MoveRest,
}

#[derive(Debug, Default)]
struct Shared {
    desk: Mutex<Desk>,
    called: Condvar,
}

/// Moves the log of one file; joined when dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread, and lets every commit of the writer's connection tell it how long the log is.
    ///
    /// # Errors
    /// Those of the database, and of a thread that cannot be started.
    pub(super) fn start(path: &Path, writer: &mut Connection, own: Connection) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let (here, there) = (Arc::clone(&shared), Arc::clone(&shared));
        let note = move |log: &mut Wal, pages: i32| {
            here.note(log, u64::try_from(pages).unwrap_or(0));
            // An error would make a commit that has happened look as if it had failed.
            Ok(())
        };
        writer.wal_hook(Some(note)).map_err(StoreError::open(path))?;
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || there.work(&own))
            .map_err(StoreError::io("start a thread to move the write-ahead log", path))?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.called.notify_all();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that moves the write-ahead log ended unexpectedly");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of how long the log is after a commit.
    fn note(&self, log: &mut Wal, pages: u64) {
        let due = self.lock().due(pages);
        match due {
            Due::Nothing => {}
            Due::Call => self.called.notify_one(),
            Due::MoveRest => tell(log.checkpoint_v2(CheckpointMode::PASSIVE).map(drop)),
        }
    }

    fn work(&self, connection: &Connection) {
        loop {
            {
                let idle = |desk: &mut Desk| !desk.is_called && !desk.is_closing;
                let mut desk = self.called.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
                if desk.is_closing {
                    return;
                }
                (desk.is_called, desk.is_working) = (false, true);
            }
            tell(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
            self.lock().is_working = false;
        }
    }
}

impl Desk {
    fn due(&mut self, pages: u64) -> Due {
        if pages < self.called_at {
            self.called_at = 0;
        }
        if self.is_called || self.is_working {
            Due::Nothing
        } else if self.leaves_rest && pages >= PAGES_MAX {
            self.leaves_rest = false;
            Due::MoveRest
        } else if pages.saturating_sub(self.called_at) >= PAGES_AT_ONCE {
            (self.is_called, self.leaves_rest, self.called_at) = (true, true, pages);
            Due::Call
        } else {
            Due::Nothing
        }
    }
}

/// What is not moved now is moved with what comes after it: a full disk is told of by the commits.
fn tell(moved: rusqlite::Result<()>) {
    if let Err(error) = moved {
        tracing::debug!(error = &error as &dyn std::error::Error, "the write-ahead log is moved later");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(due: &Due) -> &'static str {
        match due {
            Due::Nothing => "nothing",
            Due::Call => "call",
            Due::MoveRest => "move the rest",
        }
    }

    #[test]
    fn the_thread_is_called_for_a_portion_and_the_writer_moves_what_a_long_log_is_left_with() {
        let mut desk = Desk::default();
        assert_eq!(word(&desk.due(PAGES_AT_ONCE - 1)), "nothing");
        assert_eq!(word(&desk.due(PAGES_AT_ONCE)), "call");
        // It has not begun, or is at it.
        assert_eq!(word(&desk.due(PAGES_MAX + 1)), "nothing");
        (desk.is_called, desk.is_working) = (false, true);
        assert_eq!(word(&desk.due(PAGES_MAX + 1)), "nothing");
        desk.is_working = false;
        assert_eq!(word(&desk.due(PAGES_MAX + 2)), "move the rest");
        // Somebody reads the log, which therefore cannot begin anew: that is tried once a portion.
        assert_eq!(word(&desk.due(PAGES_MAX + 3)), "call");
        desk.is_called = false;
        assert_eq!(word(&desk.due(PAGES_MAX + 4)), "move the rest");
        assert_eq!(word(&desk.due(PAGES_MAX + 5)), "nothing");
        // It began anew.
        assert_eq!(word(&desk.due(3)), "nothing");
        assert_eq!(word(&desk.due(PAGES_AT_ONCE)), "call");
    }

    #[test]
    fn a_log_begins_anew_while_groups_are_committed_all_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let open = || Connection::open(&path).unwrap();
        let mut writer = open();
        writer.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (x)").unwrap();
        let checkpointer = Checkpointer::start(&path, &mut writer, open()).unwrap();
        let text = "x".repeat(1 << 20);
        for _ in 0..400 {
            writer.execute("INSERT INTO t VALUES (?1)", [&text]).unwrap();
        }
        let log = std::fs::metadata(folder.path().join("a.db-wal")).unwrap().len();
        assert!(log < 200 << 20, "400 MB were written, and the log has {log} bytes");
        drop(checkpointer);
    }
}
