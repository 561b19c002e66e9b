//! A damaged file that is set aside: nothing of it is deleted, and what can still be read of it is taken over.

use super::error::{StoreError, to_sql};
use super::records::{put_checkpoint, put_record, put_watermark, read_alarms, read_checkpoint};
use super::{Checkpoint, RECORDS_NAME, StoredAlarms};
use jiff::Timestamp;
use rusqlite::Connection;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What stands between the name of a file and the time at which it was set aside.
const MARK: &str = ".damaged-";

/// Names tried for files that are set aside within one second.
const NAMES_MAX: u32 = 1000;

/// Gives a database and its side files another name; returns that of the database.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let doing = "set aside";
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let named = |number: u32| {
        let again = if number == 0 { String::new() } else { format!("-{number}") };
        with(path, &format!("{MARK}{stamp}{again}"))
    };
    let aside = (0..NAMES_MAX).map(named).find(|aside| !aside.exists()).unwrap_or_else(|| named(NAMES_MAX));
    // The log first: left behind, it would be taken for the new file's.
    for side in ["-wal", "-shm", ""] {
        match std::fs::rename(with(path, side), with(&aside, side)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(StoreError::io(doing, path)(error)),
            _ => {}
        }
    }
    Ok(aside)
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

/// Returns the names of the databases that were set aside in a data folder and are still there, sorted.
///
/// # Errors
/// Those of the file system.
pub fn files_set_aside(data_dir: &Path) -> std::io::Result<Vec<String>> {
    let begin = format!("{RECORDS_NAME}{MARK}");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data_dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&begin) && !name.ends_with("-wal") && !name.ends_with("-shm") {
            found.push(name.into_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// What could still be read of a damaged `records.db`.
pub(super) struct Saved {
    checkpoint: Option<Checkpoint>,
    alarms: Option<StoredAlarms>,
}

impl Saved {
    /// Reads what can be read: the alarm list as a whole or not at all, because without a part of it the journal's is better.
    pub(super) fn from(connection: &Connection) -> Self {
        Self { checkpoint: read_checkpoint(connection).ok().flatten(), alarms: read_alarms(connection).ok() }
    }

    /// Writes it to a new file.
    pub(super) fn write(&self, into: &mut Connection) -> Result<(), StoreError> {
        let doing = "take over what is whole";
        let tx = into.transaction().map_err(StoreError::sql(doing))?;
        if let Some(checkpoint) = &self.checkpoint {
            put_checkpoint(&tx, to_sql("revision", checkpoint.revision)?, &checkpoint.tree)?;
        }
        if let Some(alarms) = &self.alarms {
            for record in &alarms.records {
                put_record(&tx, record)?;
            }
            put_watermark(&tx, alarms.watermark)?;
        }
        tx.commit().map_err(StoreError::sql(doing))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AttemptRow, LogRetention, RECORDS_NAME, RecordChange, Store};
    use super::*;
    use crate::alarm::{AlarmKey, AlarmRecord, AlarmState, JournalPosition, Severity, Standing, Transition};
    use crate::clock::Clock;
    use bytes::Bytes;
    use std::collections::BTreeSet;
    use std::io::{Seek, SeekFrom, Write};
    use std::sync::Arc;
    use std::time::Duration;

    fn open(folder: &Path) -> Store {
        Store::open(folder, Clock::manual(Timestamp::UNIX_EPOCH)).unwrap()
    }

    fn record(resource: &str) -> Arc<AlarmRecord> {
        let key = AlarmKey {
            node: "n1".to_owned(),
            resource_type: "database".to_owned(),
            resource: resource.to_owned(),
            alarm_type: "full".to_owned(),
            qualifier: String::new(),
        };
        let standing = Standing { severity: Severity::Major, is_cleared: false };
        let transition = Transition {
            position: JournalPosition(1),
            id: key.id(),
            key: key.into(),
            sequence: 1,
            before: None,
            after: AlarmState { standing, text: Arc::default(), impact: Vec::new() },
            last_updated: Timestamp::UNIX_EPOCH,
            revision: 1,
            base_url: None,
            reminds: Vec::new(),
            stood: BTreeSet::new(),
            raised: JournalPosition(0),
            project: None,
            moves: None,
        };
        Arc::new(AlarmRecord::replay(None, &transition, 8))
    }

    fn attempt(number: u64, bytes: usize) -> AttemptRow {
        AttemptRow {
            number,
            lane: 1,
            attempt: 1,
            time: Timestamp::UNIX_EPOCH,
            duration: Duration::ZERO,
            reason: Some("server-error".to_owned()),
            detail: String::new(),
            remote: None,
            destination: String::new(),
            request_headers: String::new(),
            request_body: Bytes::new(),
            status: Some(500),
            response_headers: String::new(),
            response_body: vec![b'x'; bytes].into(),
        }
    }

    fn fill(folder: &Path) {
        let store = open(folder);
        store.write_records(JournalPosition(7), [RecordChange::Put(record("db1"))]).unwrap();
        store.write_checkpoint(3, "tree").unwrap();
        let rows: Vec<AttemptRow> = (1..=100).map(|number| attempt(number, 60_000)).collect();
        store.write_attempts(&rows, 100, None).unwrap();
        store.close();
    }

    /// Overwrites a part of a file.
    fn spoil(path: &Path, from: u64, bytes: usize) {
        let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(from)).unwrap();
        file.write_all(&vec![0x5a; bytes]).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_set_aside_as_it_is_and_begun_anew() {
        let ways: [fn(&Path); 4] = [
            |path| std::fs::File::options().write(true).open(path).unwrap().set_len(40_960).unwrap(),
            |path| {
                std::fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap();
                spoil(path, 0, 2000);
            },
            |path| spoil(path, 0, 4096),
            |path| spoil(path, 100, 4096),
        ];
        for spoil in ways {
            let folder = tempfile::tempdir().unwrap();
            fill(folder.path());
            let path = folder.path().join(RECORDS_NAME);
            spoil(&path);
            let before = std::fs::read(&path).unwrap();
            let store = open(folder.path());
            assert_eq!(*store.records_era().borrow(), 1);
            assert_eq!(store.read_records().unwrap(), StoredAlarms::default());
            let aside = files_set_aside(folder.path()).unwrap();
            assert_eq!(aside, ["records.db.damaged-19700101T000000Z"]);
            assert!(std::fs::read(folder.path().join(&aside[0])).unwrap() == before);
            store.write_records(JournalPosition(9), [RecordChange::Put(record("db2"))]).unwrap();
            store.close();
            assert_eq!(open(folder.path()).read_records().unwrap().records.len(), 1);
        }
    }

    #[test]
    fn damage_that_is_found_later_costs_no_more_than_what_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        let path = folder.path().join(RECORDS_NAME);
        // Behind what is in a page with others: requests, answers and where to find them.
        let pages = std::fs::metadata(&path).unwrap().len() / 4096;
        for page in 16..pages {
            spoil(&path, page * 4096, 64);
        }
        let store = open(folder.path());
        assert_eq!(*store.records_era().borrow(), 0);
        let read: usize = (1..=100).filter_map(|number| store.attempts(number).ok()).map(|all| all.len()).sum();
        assert!(read < 100);
        assert_eq!(*store.records_era().borrow(), 1);
        assert_eq!(store.read_records().unwrap().watermark, JournalPosition(7));
        assert_eq!(store.newest_checkpoint().unwrap().unwrap().tree, "tree");
        store.write_attempts(&[attempt(101, 10)], 100, Some(LogRetention::default())).unwrap();
        assert_eq!(store.attempts(101).unwrap().len(), 1);
        // What follows from the file before is not written to the one after it.
        assert!(store.write_records_of(0, false, JournalPosition(8), []).is_err());
        store.write_records_of(1, true, JournalPosition(8), [RecordChange::Put(record("db2"))]).unwrap();
        let stored = store.read_records().unwrap();
        assert_eq!((stored.watermark.0, stored.records), (8, vec![record("db2").as_ref().clone()]));
    }

    #[test]
    fn an_alarm_that_cannot_be_read_leaves_the_list_to_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        let path = folder.path().join(RECORDS_NAME);
        let connection = Connection::open(&path).unwrap();
        connection.execute("UPDATE alarm SET body = substr(body, 3)", []).unwrap();
        drop(connection);
        let store = open(folder.path());
        assert_eq!(store.read_records().unwrap(), StoredAlarms::default());
        assert_eq!(store.newest_checkpoint().unwrap().unwrap().revision, 3);
        assert_eq!(files_set_aside(folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_journal_stays_where_it_is_and_is_named() {
        for size in [40, 5000] {
            let folder = tempfile::tempdir().unwrap();
            fill(folder.path());
            let path = folder.path().join(super::super::JOURNAL_NAME);
            std::fs::File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
            let before = std::fs::read(&path).unwrap();
            let refused = Store::open(folder.path(), Clock::system()).unwrap_err();
            assert!(refused.to_string().starts_with(&format!("`{}` is ", path.display())), "{refused}");
            assert!(std::fs::read(&path).unwrap() == before);
        }
    }

    #[test]
    fn what_is_removed_is_given_back_to_the_disk_by_files_of_older_programs_too() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        let path = folder.path().join(RECORDS_NAME);
        let older = Connection::open(&path).unwrap();
        older.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
        drop(older);
        let store = open(folder.path());
        let size = || {
            store.shorten_records_log().unwrap();
            std::fs::metadata(&path).unwrap().len()
        };
        assert!(size() > 6_000_000);
        let keep = LogRetention { bytes: 1 << 20, age: Duration::from_secs(60), ..LogRetention::default() };
        store.write_attempts(&[], 100, Some(keep)).unwrap();
        let mut portions = 1;
        while store.release_attempts(256 << 10).unwrap() {
            portions += 1;
        }
        assert!((4..8).contains(&portions), "{portions}");
        assert!(size() < (1 << 20) + (400 << 10), "{}", size());
        assert_eq!(store.attempts(100).unwrap().len(), 1);
    }
}
