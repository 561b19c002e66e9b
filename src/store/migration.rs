//! The numbered formats of the two files, and the steps from one to the next.

use super::StoreError;
use rusqlite::Connection;
use std::path::Path;

/// Steps of `journal.db`; the n-th leads to format n.
pub(super) const JOURNAL: &[&str] = &["
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE revision (
  number INTEGER PRIMARY KEY, time TEXT NOT NULL, user TEXT NOT NULL, via TEXT NOT NULL,
  label TEXT, comment TEXT, delta TEXT NOT NULL, journal_position INTEGER NOT NULL) STRICT;
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY, alarm BLOB NOT NULL, alarm_seq INTEGER NOT NULL, revision INTEGER NOT NULL,
  time TEXT NOT NULL, before TEXT, after TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE removal (seq INTEGER PRIMARY KEY, alarm BLOB NOT NULL) STRICT;
CREATE TABLE contribution (
  alarm BLOB NOT NULL, key TEXT NOT NULL, severity TEXT NOT NULL, ends_at TEXT, turn INTEGER NOT NULL,
  text TEXT NOT NULL, PRIMARY KEY (alarm, key)) STRICT, WITHOUT ROWID;
CREATE TABLE lane (
  incarnation BLOB PRIMARY KEY, handler TEXT NOT NULL, low INTEGER NOT NULL, created TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE exception (
  incarnation BLOB NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
  next_at TEXT, detail TEXT, PRIMARY KEY (incarnation, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX exception_seq ON exception (seq);
", "
ALTER TABLE contribution ADD COLUMN note TEXT;
", "
CREATE TABLE amendment (seq INTEGER PRIMARY KEY, alarm BLOB NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE silence (id BLOB PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE answer (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, time TEXT NOT NULL, body TEXT NOT NULL) STRICT;
", "
CREATE TABLE settled (
  id INTEGER PRIMARY KEY, last INTEGER NOT NULL, count INTEGER NOT NULL, time TEXT NOT NULL, data BLOB NOT NULL) STRICT;
CREATE TABLE logged_lane (
  number INTEGER PRIMARY KEY AUTOINCREMENT, incarnation BLOB NOT NULL UNIQUE, handler TEXT NOT NULL, ended INTEGER) STRICT;
INSERT INTO logged_lane (incarnation, handler) SELECT incarnation, handler FROM lane;
ALTER TABLE lane ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane ADD COLUMN condition TEXT;
CREATE TABLE lane_filter (
  lane INTEGER NOT NULL, from_seq INTEGER NOT NULL, revision INTEGER NOT NULL, filter TEXT NOT NULL,
  PRIMARY KEY (lane, from_seq)) STRICT, WITHOUT ROWID;
", "
ALTER TABLE contribution RENAME TO contribution_by_alarm;
CREATE TABLE contribution (
  number INTEGER PRIMARY KEY, alarm BLOB NOT NULL, key TEXT NOT NULL, severity TEXT NOT NULL, ends_at TEXT,
  turn INTEGER NOT NULL, text TEXT NOT NULL, note TEXT) STRICT;
INSERT INTO contribution (alarm, key, severity, ends_at, turn, text, note)
  SELECT alarm, key, severity, ends_at, turn, text, note FROM contribution_by_alarm;
DROP TABLE contribution_by_alarm;
", "
ALTER TABLE logged_lane ADD COLUMN low INTEGER;
ALTER TABLE logged_lane ADD COLUMN start INTEGER;
ALTER TABLE logged_lane ADD COLUMN ended_at TEXT;
ALTER TABLE logged_lane ADD COLUMN ended_revision INTEGER;
"];

/// Steps of `records.db`.
pub(super) const RECORDS: &[&str] = &["
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE alarm (
  id BLOB PRIMARY KEY, position INTEGER NOT NULL, severity TEXT NOT NULL, is_cleared INTEGER NOT NULL,
  resource TEXT NOT NULL, alarm_type TEXT NOT NULL, last_changed TEXT NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (revision INTEGER PRIMARY KEY, tree TEXT NOT NULL) STRICT;
", "
CREATE TABLE attempt (
  id INTEGER PRIMARY KEY, number INTEGER NOT NULL, lane INTEGER NOT NULL, attempt INTEGER NOT NULL, time TEXT NOT NULL,
  duration INTEGER NOT NULL, reason TEXT, detail TEXT NOT NULL, remote TEXT, destination TEXT NOT NULL,
  request_headers TEXT NOT NULL, request_body BLOB NOT NULL, status INTEGER, response_headers TEXT NOT NULL,
  response_body BLOB NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE INDEX attempt_number ON attempt (number);
CREATE INDEX attempt_lane ON attempt (lane, id) WHERE reason IS NULL;
", "
CREATE INDEX attempt_kept ON attempt (id, bytes, time);
"];

/// Brings a file to the newest format; each step is one transaction with its number.
pub(super) fn migrate(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), StoreError> {
    let open = StoreError::open(path);
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&open)?;
    if found > known || found < 0 {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for (format, step) in (1_i64..).zip(steps).skip_while(|(format, _)| *format <= found) {
        let transaction = connection.transaction().map_err(&open)?;
        transaction.execute_batch(step).map_err(&open)?;
        transaction.execute_batch(&format!("PRAGMA user_version = {format}")).map_err(&open)?;
        transaction.commit().map_err(&open)?;
    }
    Ok(())
}
