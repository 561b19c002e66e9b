//! The journal: transitions in order, amendments and removals of alarms among them, and its trimming.

use super::error::{StoreError, from_sql, to_sql};
use super::queue::Queue;
use super::writer::Pair;
use super::{FaultPoint, Isolation, Store, StoredAlarms, WriteTransaction};
use crate::alarm::{AlarmId, AlarmRecord, JournalPosition, Standing, Transition};
use crate::clock::format_utc;
use rusqlite::Connection;
use std::sync::Arc;
use uuid::Uuid;

/// Entries read at once at most: some megabytes, so that a reader that is far behind does not take all memory.
pub const JOURNAL_READ_MAX: usize = 4096;

/// Key under which the newest position is kept when the rows that showed it are trimmed.
const FLOOR: &str = "journal-floor";

/// What stands at one journal position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEntry {
    /// An alarm changed.
    Transition(Box<Transition>),
    /// An alarm is now like this; nobody is told.
    Amendment {
        /// Where it stands.
        position: JournalPosition,
        /// The alarm.
        record: Box<AlarmRecord>,
    },
    /// An alarm left the alarm list; nobody is told.
    Removal {
        /// Where it stands.
        position: JournalPosition,
        /// The alarm.
        alarm: AlarmId,
    },
}

impl JournalEntry {
    /// Returns where it stands.
    #[must_use]
    pub fn position(&self) -> JournalPosition {
        match self {
            Self::Transition(transition) => transition.position,
            Self::Amendment { position, .. } | Self::Removal { position, .. } => *position,
        }
    }
}

impl WriteTransaction<'_> {
    /// Appends a transition at the position that it names, which [`WriteTransaction::next_position`] handed out.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`]; else those of the database.
    pub fn append_transition(&mut self, transition: &Transition) -> Result<(), StoreError> {
        self.reach(FaultPoint::BeforeAppend)?;
        let seq = self.advance(transition.position)?;
        let written = insert(self.connection, seq, transition)?;
        self.bytes = self.bytes.saturating_add(written);
        self.reach(FaultPoint::AfterAppend)
    }

    /// Records what an alarm is like where no transition says so: texts, operator states, shelves.
    ///
    /// # Errors
    /// Those of the database.
    pub fn append_amendment(&mut self, record: &AlarmRecord) -> Result<JournalPosition, StoreError> {
        let position = self.next_position()?;
        let seq = self.advance(position)?;
        let body = serde_json::to_string(record).map_err(StoreError::encode("an alarm"))?;
        self.bytes = self.bytes.saturating_add(body.len());
        let sql = "INSERT INTO amendment (seq, alarm, body) VALUES (?1, ?2, ?3)";
        self.execute("append to the journal", sql, (seq, record.id.as_uuid().as_bytes(), body))?;
        Ok(position)
    }

    /// Records that an alarm leaves the alarm list.
    ///
    /// # Errors
    /// Those of the database.
    pub fn append_removal(&mut self, alarm: AlarmId) -> Result<JournalPosition, StoreError> {
        let position = self.next_position()?;
        let seq = self.advance(position)?;
        let sql = "INSERT INTO removal (seq, alarm) VALUES (?1, ?2)";
        self.execute("append to the journal", sql, (seq, alarm.as_uuid().as_bytes()))?;
        Ok(position)
    }

    fn advance(&mut self, position: JournalPosition) -> Result<i64, StoreError> {
        if position.0 <= self.end.written || position.0 > self.end.handed_out {
            return Err(StoreError::OutOfOrder { position: position.0, newest: self.end.written });
        }
        self.end.written = position.0;
        to_sql("journal position", position.0)
    }

    /// Removes what neither a lane nor a restart needs: everything at or below `up_to`, every lane's low-water mark
    /// and below every exception. Removes at most `rows_max` rows, the oldest first, so that writers wait for it
    /// briefly only; returns how many.
    ///
    /// `up_to` is the watermark of the durable alarm list, or below it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn trim_journal(&mut self, up_to: JournalPosition, rows_max: usize) -> Result<usize, StoreError> {
        let doing = "trim the journal";
        self.set_meta(FLOOR, &self.end.written.to_string())?;
        let limit = self.trimmable(up_to)?;
        let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
        let mut removed = 0;
        for table in ["journal", "amendment", "removal"] {
            let sql = format!(
                "DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} WHERE seq <= ?1 ORDER BY seq LIMIT ?2)"
            );
            removed += self.execute(doing, &sql, (limit, rows_max))?;
        }
        Ok(removed)
    }

    fn trimmable(&self, up_to: JournalPosition) -> Result<i64, StoreError> {
        let up_to = to_sql("journal position", up_to.0)?;
        self.connection
            .prepare_cached(
                "SELECT min(?1, ifnull((SELECT min(max(low, start)) FROM lane), ?1), ifnull((SELECT min(seq) - 1 FROM exception), ?1))",
            )
            .and_then(|mut statement| statement.query_row([up_to], |row| row.get(0)))
            .map_err(StoreError::sql("trim the journal"))
    }
}

/// Writes a transition; returns how long it is.
fn insert(connection: &Connection, seq: i64, transition: &Transition) -> Result<usize, StoreError> {
    let doing = "append to the journal";
    let body = serde_json::to_string(transition).map_err(StoreError::encode("a transition"))?;
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO journal (seq, alarm, alarm_seq, revision, time, before, after, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .map_err(StoreError::sql(doing))?;
    let row = (
        seq,
        transition.id.as_uuid().as_bytes(),
        to_sql("alarm sequence", transition.sequence)?,
        to_sql("revision", transition.revision)?,
        format_utc(transition.last_updated),
        transition.before.map(standing_word),
        standing_word(transition.after.standing),
        &body,
    );
    statement.execute(row).map_err(StoreError::sql(doing))?;
    Ok(body.len())
}

/// Puts the newest transition of each alarm back into a journal that ends at `written`, before what the alarm list knows:
/// lanes tell of it, under the identifier that it had. Returns how many.
pub(super) fn mend(connection: &mut Connection, written: u64, known: &StoredAlarms) -> Result<usize, StoreError> {
    let doing = "mend the journal";
    let both = connection.transaction().map_err(StoreError::sql(doing))?;
    let mut count = 0;
    for record in known.records.iter().filter(|record| record.position.0 > written) {
        let Some(announced) = record.announced() else { continue };
        insert(&both, to_sql("journal position", record.position.0)?, &record.retold(announced, None))?;
        count += 1;
    }
    both.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (FLOOR, known.watermark.0.to_string()),
    )
    .map_err(StoreError::sql(doing))?;
    both.commit().map_err(StoreError::sql(doing))?;
    Ok(count)
}

/// Rows that a background trim removes in one group: about a millisecond, which nobody feels.
const TRIM_ROWS: usize = 1024;

/// Trims a slice with the next group, and the next slice with the one after it, until nothing is left to trim.
fn trim_slices(queue: &Arc<Queue>, up_to: JournalPosition) -> Result<(), StoreError> {
    let again = Arc::clone(queue);
    queue.push_rider(Box::new(Pair {
        run: Some(move |tx: &mut WriteTransaction<'_>| tx.trim_journal(up_to, TRIM_ROWS)),
        value: None,
        done: move |outcome: Result<usize, StoreError>| {
            let next = match outcome {
                Ok(removed) if removed >= TRIM_ROWS => trim_slices(&again, up_to),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            // Nothing is lost: the next call trims what this one left.
            if let Err(error) = next {
                tracing::debug!(error = &error as &dyn std::error::Error, "trimming the journal stopped early");
            }
        },
        isolation: Isolation::Isolated,
    }))
}

impl Store {
    /// Trims the journal up to `up_to` in the background, a slice with each group: see [`WriteTransaction::trim_journal`].
    ///
    /// # Errors
    /// As [`Store::ride`].
    pub fn trim_behind(&self, up_to: JournalPosition) -> Result<(), StoreError> {
        trim_slices(self.queue(), up_to)
    }

    /// Returns the transitions at and after `from`, oldest first, at most `limit` and [`JOURNAL_READ_MAX`].
    ///
    /// # Errors
    /// Those of the database.
    pub fn read_journal(&self, from: JournalPosition, limit: usize) -> Result<Vec<Transition>, StoreError> {
        let limit = limit.min(JOURNAL_READ_MAX);
        self.read(|connection| read_transitions(connection, from, limit))
    }

    /// Returns the transition at one position.
    ///
    /// # Errors
    /// Those of the database.
    pub fn transition(&self, position: JournalPosition) -> Result<Option<Transition>, StoreError> {
        let found = self.read(|connection| read_transitions(connection, position, 1))?;
        Ok(found.into_iter().next().filter(|transition| transition.position == position))
    }

    /// Returns the newest transitions of an alarm that the journal has, the newest first. Looks at all that it has.
    ///
    /// # Errors
    /// Those of the database.
    pub fn transitions_of(&self, alarm: &AlarmId, limit: usize) -> Result<Vec<Transition>, StoreError> {
        let doing = "read the journal";
        let limit = i64::try_from(limit.min(JOURNAL_READ_MAX)).unwrap_or(i64::MAX);
        let alarm = alarm.as_uuid().as_bytes();
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT seq, body FROM journal WHERE alarm = ?1 ORDER BY seq DESC LIMIT ?2")
                .map_err(StoreError::sql(doing))?;
            let rows = statement
                .query_map((alarm, limit), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
                .map_err(StoreError::sql(doing))?;
            rows.map(|row| {
                let (seq, body) = row.map_err(StoreError::sql(doing))?;
                let transition: Transition =
                    serde_json::from_str(&body).map_err(|e| StoreError::corrupt("journal", seq, e))?;
                Ok(Transition { position: JournalPosition(from_sql("journal", seq)?), ..transition })
            })
            .collect()
        })
    }

    /// Returns transitions, amendments and removals at and after `from` in order, at most `limit` and [`JOURNAL_READ_MAX`]: what
    /// a restart applies to the stored alarm list.
    ///
    /// # Errors
    /// Those of the database.
    pub fn read_entries(&self, from: JournalPosition, limit: usize) -> Result<Vec<JournalEntry>, StoreError> {
        let limit = limit.clamp(1, JOURNAL_READ_MAX);
        let mut entries = self.read(|connection| {
            // One read transaction, so that all tables are seen at the same moment.
            let all = connection.unchecked_transaction().map_err(StoreError::sql("read the journal"))?;
            let transitions = read_transitions(&all, from, limit)?;
            let mut entries: Vec<JournalEntry> =
                transitions.into_iter().map(|t| JournalEntry::Transition(Box::new(t))).collect();
            entries.extend(read_amendments(&all, from, limit)?);
            entries.extend(read_removals(&all, from, limit)?);
            Ok(entries)
        })?;
        entries.sort_by_key(JournalEntry::position);
        // Each table may hold more behind its last row, so only the first `limit` of the merged list are complete.
        entries.truncate(limit);
        Ok(entries)
    }
}

fn read_transitions(
    connection: &Connection,
    from: JournalPosition,
    limit: usize,
) -> Result<Vec<Transition>, StoreError> {
    let doing = "read the journal";
    let params = (i64::try_from(from.0).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statement = connection
        .prepare_cached("SELECT seq, body FROM journal WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
        .map_err(StoreError::sql(doing))?;
    let mut rows = statement.query(params).map_err(StoreError::sql(doing))?;
    let mut transitions = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::sql(doing))? {
        let seq: i64 = row.get(0).map_err(StoreError::sql(doing))?;
        let body = row.get_ref(1).map_err(StoreError::sql(doing))?;
        let body = body.as_str().map_err(|e| StoreError::corrupt("journal", seq, e))?;
        let transition: Transition = serde_json::from_str(body).map_err(|e| StoreError::corrupt("journal", seq, e))?;
        transitions.push(Transition { position: JournalPosition(from_sql("journal", seq)?), ..transition });
    }
    Ok(transitions)
}

fn read_amendments(
    connection: &Connection,
    from: JournalPosition,
    limit: usize,
) -> Result<Vec<JournalEntry>, StoreError> {
    let doing = "read the journal";
    let params = (i64::try_from(from.0).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statement = connection
        .prepare_cached("SELECT seq, body FROM amendment WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
        .map_err(StoreError::sql(doing))?;
    let rows = statement
        .query_map(params, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
        .map_err(StoreError::sql(doing))?;
    rows.map(|row| {
        let (seq, body) = row.map_err(StoreError::sql(doing))?;
        let record = serde_json::from_str(&body).map_err(|e| StoreError::corrupt("amendment", seq, e))?;
        let position = JournalPosition(from_sql("amendment", seq)?);
        Ok(JournalEntry::Amendment { position, record: Box::new(record) })
    })
    .collect()
}

fn read_removals(
    connection: &Connection,
    from: JournalPosition,
    limit: usize,
) -> Result<Vec<JournalEntry>, StoreError> {
    let doing = "read the journal";
    let params = (i64::try_from(from.0).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statement = connection
        .prepare_cached("SELECT seq, alarm FROM removal WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
        .map_err(StoreError::sql(doing))?;
    let rows = statement
        .query_map(params, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?)))
        .map_err(StoreError::sql(doing))?;
    rows.map(|row| {
        let (seq, alarm) = row.map_err(StoreError::sql(doing))?;
        let position = JournalPosition(from_sql("removal", seq)?);
        Ok(JournalEntry::Removal { position, alarm: AlarmId::from_uuid(Uuid::from_bytes(alarm)) })
    })
    .collect()
}

/// Reads the newest position ever used, also when its row was trimmed.
pub(super) fn newest_position(connection: &Connection) -> Result<u64, StoreError> {
    let rows = super::transaction::read_number(
        connection,
        "read the newest journal position",
        "SELECT max(ifnull((SELECT max(seq) FROM journal), 0), ifnull((SELECT max(seq) FROM amendment), 0),
             ifnull((SELECT max(seq) FROM removal), 0))",
    )?;
    let floor = match super::transaction::read_meta(connection, FLOOR)? {
        None => 0,
        Some(text) => text.parse().map_err(|e| StoreError::corrupt("meta", FLOOR, e))?,
    };
    Ok(rows.max(floor))
}

fn standing_word(standing: Standing) -> &'static str {
    if standing.is_cleared { "cleared" } else { standing.severity.as_str() }
}
