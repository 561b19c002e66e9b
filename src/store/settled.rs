//! What became of each delivery: records of one size, many in a row, written along with the progress that they are part of.

use super::error::{StoreError, from_sql, to_sql};
use super::{Store, WriteTransaction};
use crate::alarm::{AlarmId, JournalPosition};
use crate::clock::format_utc;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;
use uuid::Uuid;

/// Bytes of one record.
const RECORD_BYTES: usize = 64;

/// Longest duration that fits its three bytes: four hours and a half, longer than an attempt can take.
const DURATION_MAX: u32 = (1 << 24) - 1;

/// What became of one delivery. The codes are the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// Its number in the delivery log.
    pub number: u64,
    /// The transition.
    pub position: JournalPosition,
    /// The alarm.
    pub alarm: AlarmId,
    /// The transition's number among those of its alarm; what does not fit is the largest that does, here and below.
    pub sequence: u32,
    /// The lane's number.
    pub lane: u32,
    /// When it was settled.
    pub time: Timestamp,
    /// Attempts made.
    pub attempts: u32,
    /// The configuration revision in force at the first attempt, or at the end where there was none.
    pub revision: u32,
    /// How long the last attempt took, in milliseconds.
    pub duration: Duration,
    /// Status of the last answer, 0 for none.
    pub status: u16,
    /// Why.
    pub reason: u16,
    /// What became of it: below 16.
    pub fate: u8,
    /// How the alarm stood after the transition: below 16.
    pub standing: u8,
}

impl Settlement {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.number.to_le_bytes());
        into.extend_from_slice(&self.position.0.to_le_bytes());
        into.extend_from_slice(self.alarm.as_uuid().as_bytes());
        into.extend_from_slice(&self.time.as_microsecond().to_le_bytes());
        for number in [self.sequence, self.lane, self.attempts, self.revision] {
            into.extend_from_slice(&number.to_le_bytes());
        }
        let millis = u32::try_from(self.duration.as_millis()).unwrap_or(DURATION_MAX).min(DURATION_MAX);
        into.extend_from_slice(&self.status.to_le_bytes());
        into.extend_from_slice(&self.reason.to_le_bytes());
        into.push((self.fate & 0x0f) | (self.standing << 4));
        into.extend_from_slice(&millis.to_le_bytes()[..3]);
    }

    fn decode(record: &[u8; RECORD_BYTES]) -> Option<Self> {
        let mut at = Fields(record);
        let mut one = Self {
            number: u64::from_le_bytes(at.take()?),
            position: JournalPosition(u64::from_le_bytes(at.take()?)),
            alarm: AlarmId::from_uuid(Uuid::from_bytes(at.take()?)),
            time: Timestamp::from_microsecond(i64::from_le_bytes(at.take()?)).ok()?,
            sequence: u32::from_le_bytes(at.take()?),
            lane: u32::from_le_bytes(at.take()?),
            attempts: u32::from_le_bytes(at.take()?),
            revision: u32::from_le_bytes(at.take()?),
            status: u16::from_le_bytes(at.take()?),
            reason: u16::from_le_bytes(at.take()?),
            fate: 0,
            standing: 0,
            duration: Duration::ZERO,
        };
        let [both] = at.take()?;
        (one.fate, one.standing) = (both & 0x0f, both >> 4);
        let [a, b, c] = at.take()?;
        one.duration = Duration::from_millis(u64::from(u32::from_le_bytes([a, b, c, 0])));
        Some(one)
    }
}

/// The rest of a record.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

/// A lane that the delivery log knows, perhaps one that is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedLane {
    /// The lane.
    pub incarnation: Uuid,
    /// Its handler's name, the last that it had.
    pub handler: String,
    /// How it was removed, if it was.
    pub ended: Option<LaneEnd>,
}

/// The removal of a lane: what it had not come to is removed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneEnd {
    /// Everything at or below was settled or an exception.
    pub low: JournalPosition,
    /// Where it began; of what is at or below and above `low`, it had to tell the alarms that stood.
    pub start: JournalPosition,
    /// Where the journal was.
    pub at: JournalPosition,
    /// When it was.
    pub time: Timestamp,
    /// Under which revision.
    pub revision: u64,
}

/// Which filter a lane read the journal with, from one position on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneFilter {
    /// The first position read with it.
    pub from: JournalPosition,
    /// The configuration revision that it came with.
    pub revision: u64,
    /// The filter, as the caller writes it.
    pub filter: String,
}

/// What of the delivery log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRetention {
    /// What is older goes.
    pub age: Duration,
    /// Settled deliveries kept at most.
    pub count: u64,
    /// Bytes of attempts with their requests and answers kept at most.
    pub bytes: u64,
}

impl Default for LogRetention {
    /// Returns a week, a hundred thousand deliveries, 256 MB.
    fn default() -> Self {
        Self { age: Duration::from_secs(7 * 86_400), count: 100_000, bytes: 256 << 20 }
    }
}

impl WriteTransaction<'_> {
    /// Appends records of settled deliveries, in the order in which they were settled.
    ///
    /// # Errors
    /// Those of the database.
    pub fn append_settled(&mut self, settled: &[Settlement]) -> Result<(), StoreError> {
        let Some(last) = settled.iter().map(|one| one.number).max() else { return Ok(()) };
        let mut data = Vec::with_capacity(settled.len().saturating_mul(RECORD_BYTES));
        for one in settled {
            one.encode(&mut data);
        }
        self.bytes = self.bytes.saturating_add(data.len());
        let count = i64::try_from(deliveries_in(settled)).unwrap_or(i64::MAX);
        self.execute(
            "record deliveries",
            "INSERT INTO settled (last, count, time, data) VALUES (?1, ?2, ?3, ?4)",
            (to_sql("delivery number", last)?, count, format_utc(self.now), data),
        )?;
        Ok(())
    }

    /// Records which filter a lane reads with from now on. Only the newest hundred are kept.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_lane_filter(&mut self, lane: u32, filter: &LaneFilter) -> Result<(), StoreError> {
        let doing = "record a filter";
        let from = to_sql("journal position", filter.from.0)?;
        let revision = to_sql("revision", filter.revision)?;
        self.execute(
            doing,
            "INSERT OR REPLACE INTO lane_filter (lane, from_seq, revision, filter) VALUES (?1, ?2, ?3, ?4)",
            (lane, from, revision, &filter.filter),
        )?;
        self.execute(
            doing,
            "DELETE FROM lane_filter WHERE lane = ?1 AND from_seq <= (SELECT from_seq FROM lane_filter WHERE lane = ?1
             ORDER BY from_seq DESC LIMIT 1 OFFSET 100)",
            [lane],
        )?;
        Ok(())
    }

    /// Removes the oldest records beyond what is kept: those written before its age, and all but the newest of its count.
    ///
    /// # Errors
    /// Those of the database.
    pub fn trim_settled(&mut self, keep: LogRetention) -> Result<(), StoreError> {
        let doing = "trim the delivery log";
        let oldest = self.now.checked_sub(keep.age).unwrap_or(Timestamp::MIN);
        self.execute(doing, "DELETE FROM settled WHERE time < ?1", [format_utc(oldest)])?;
        let limit = i64::try_from(keep.count).unwrap_or(i64::MAX);
        let sql = "SELECT id, count, behind FROM (SELECT id, count, sum(count) OVER (ORDER BY id DESC) AS behind FROM settled)
             WHERE behind > ?1 ORDER BY id DESC LIMIT 1";
        let crossing = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))
            .optional()
            .map_err(StoreError::sql(doing))?;
        let Some((id, count, behind)): Option<(i64, i64, i64)> = crossing else { return Ok(()) };
        self.execute(doing, "DELETE FROM settled WHERE id < ?1", [id])?;
        // What was settled at once stands in one row, of which the newest records may be kept.
        let kept = count.saturating_sub(behind.saturating_sub(limit));
        if kept <= 0 {
            self.execute(doing, "DELETE FROM settled WHERE id = ?1", [id])?;
            return Ok(());
        }
        let data: Vec<u8> = self
            .connection
            .prepare_cached("SELECT data FROM settled WHERE id = ?1")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
            .map_err(StoreError::sql(doing))?;
        let newest = newest_of(&data, usize::try_from(kept).unwrap_or(usize::MAX));
        self.execute(doing, "UPDATE settled SET data = ?2, count = ?3 WHERE id = ?1", (id, newest, kept))?;
        Ok(())
    }
}

/// Returns how many deliveries records are about: what there is to say of one beside what became of it follows it under its
/// number.
fn deliveries_in(settled: &[Settlement]) -> usize {
    let besides = settled.windows(2).filter(|pair| matches!(pair, [one, next] if one.number == next.number)).count();
    settled.len().saturating_sub(besides)
}

/// Returns the records of the newest deliveries of a row, of as many as are asked for.
fn newest_of(data: &[u8], deliveries: usize) -> &[u8] {
    let (records, _) = data.as_chunks::<RECORD_BYTES>();
    let mut left = deliveries;
    let mut from = data.len();
    let mut last = None;
    for record in records.iter().rev() {
        let number = Fields(record).take::<8>();
        if last != number {
            let Some(fewer) = left.checked_sub(1) else { break };
            (left, last) = (fewer, number);
        }
        from = from.saturating_sub(RECORD_BYTES);
    }
    data.get(from..).unwrap_or_default()
}

impl Store {
    /// Shows settled deliveries, the newest first, until told to stop.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settled(&self, see: impl FnMut(&Settlement) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.read(|connection| walk(connection, see))
    }

    /// Returns the largest number of a settled delivery.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_delivery_number(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            super::transaction::read_number(connection, "read the delivery log", "SELECT max(last) FROM settled")
        })
    }

    /// Returns the lanes that the delivery log knows, by their numbers.
    ///
    /// # Errors
    /// Those of the database.
    pub fn logged_lanes(&self) -> Result<BTreeMap<u32, LoggedLane>, StoreError> {
        let doing = "read the delivery log";
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached(
                    "SELECT number, incarnation, handler, ended, low, ended_at, ended_revision, start FROM logged_lane",
                )
                .map_err(StoreError::sql(doing))?;
            let mut rows = statement.query([]).map_err(StoreError::sql(doing))?;
            let mut lanes = BTreeMap::new();
            while let Some(row) = rows.next().map_err(StoreError::sql(doing))? {
                let (number, incarnation, handler) = read_name(row).map_err(StoreError::sql(doing))?;
                lanes.insert(number, LoggedLane { incarnation, handler, ended: read_end(row)? });
            }
            Ok(lanes)
        })
    }

    /// Returns which filters a lane read with, the newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn lane_filters(&self, lane: u32) -> Result<Vec<LaneFilter>, StoreError> {
        self.read(|connection| read_filters(connection, lane))
    }
}

/// Shows settled deliveries, the newest first, until told to stop.
pub(super) fn walk(
    connection: &Connection,
    mut see: impl FnMut(&Settlement) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let doing = "read the delivery log";
    let mut statement =
        connection.prepare_cached("SELECT id, data FROM settled ORDER BY id DESC").map_err(StoreError::sql(doing))?;
    let mut rows = statement.query([]).map_err(StoreError::sql(doing))?;
    while let Some(row) = rows.next().map_err(StoreError::sql(doing))? {
        let id: i64 = row.get(0).map_err(StoreError::sql(doing))?;
        let data = row.get_ref(1).map_err(StoreError::sql(doing))?;
        let data = data.as_blob().map_err(|e| StoreError::corrupt("settled", id, e))?;
        let (records, rest) = data.as_chunks::<RECORD_BYTES>();
        if !rest.is_empty() {
            return Err(StoreError::corrupt("settled", id, "a record is cut short"));
        }
        for record in records.iter().rev() {
            let one = Settlement::decode(record)
                .ok_or_else(|| StoreError::corrupt("settled", id, "a time is out of range"))?;
            if see(&one).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn read_name(row: &Row<'_>) -> rusqlite::Result<(u32, Uuid, String)> {
    Ok((row.get(0)?, Uuid::from_bytes(row.get(1)?), row.get(2)?))
}

/// Reads how a lane was removed. One that was by a version that did not say so left nothing behind that is known.
fn read_end(row: &Row<'_>) -> Result<Option<LaneEnd>, StoreError> {
    type Columns = (Option<i64>, Option<i64>, Option<String>, Option<i64>, Option<i64>);
    let columns = |row: &Row<'_>| -> rusqlite::Result<Columns> {
        Ok((row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?))
    };
    let (Some(at), low, time, revision, start) = columns(row).map_err(StoreError::sql("read the delivery log"))? else {
        return Ok(None);
    };
    let time = time.map(|time| time.parse().map_err(|e| StoreError::corrupt("logged_lane", at, e))).transpose()?;
    Ok(Some(LaneEnd {
        low: JournalPosition(from_sql("logged_lane", low.unwrap_or(at))?),
        start: JournalPosition(from_sql("logged_lane", start.unwrap_or(at))?),
        at: JournalPosition(from_sql("logged_lane", at)?),
        time: time.unwrap_or(Timestamp::UNIX_EPOCH),
        revision: from_sql("logged_lane", revision.unwrap_or(0))?,
    }))
}

fn read_filters(connection: &Connection, lane: u32) -> Result<Vec<LaneFilter>, StoreError> {
    let doing = "read a lane's filters";
    let mut statement = connection
        .prepare_cached("SELECT from_seq, revision, filter FROM lane_filter WHERE lane = ?1 ORDER BY from_seq DESC")
        .map_err(StoreError::sql(doing))?;
    let rows = statement
        .query_map([lane], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get(2)?)))
        .map_err(StoreError::sql(doing))?;
    rows.map(|row| {
        let (from, revision, filter) = row.map_err(StoreError::sql(doing))?;
        let from = JournalPosition(from_sql("lane_filter", from)?);
        Ok(LaneFilter { from, revision: from_sql("lane_filter", revision)?, filter })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use proptest::prelude::*;

    fn settlement(number: u64, fate: u8) -> Settlement {
        Settlement {
            number,
            position: JournalPosition(number),
            alarm: AlarmId::from_uuid(Uuid::nil()),
            sequence: 1,
            lane: 1,
            time: Timestamp::UNIX_EPOCH,
            attempts: 1,
            revision: 1,
            duration: Duration::ZERO,
            status: 200,
            reason: 0,
            fate,
            standing: 0,
        }
    }

    fn numbers(store: &Store) -> Vec<u64> {
        let mut seen = Vec::new();
        let read = store.settled(|one| {
            seen.push(one.number);
            ControlFlow::Continue(())
        });
        read.unwrap();
        seen
    }

    #[test]
    fn the_newest_are_kept_to_the_count_however_they_were_settled() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::manual(Timestamp::UNIX_EPOCH));
        let store = Store::open(folder.path(), clock.clone()).unwrap();
        let trim = |count, age| {
            let keep = LogRetention { count, age: Duration::from_secs(age), ..LogRetention::default() };
            store.write(move |tx| tx.trim_settled(keep)).unwrap();
        };
        let append = |settled: Vec<Settlement>| store.write(move |tx| tx.append_settled(&settled)).unwrap();
        append((1..=200).map(|number| settlement(number, 0)).collect());
        trim(20, 3600);
        assert_eq!(numbers(&store), (181..=200).rev().collect::<Vec<_>>());
        // Small rows after a large one, and what stands beside a record, which is no delivery of its own.
        append(vec![settlement(201, 0), settlement(201, 10), settlement(202, 0)]);
        trim(4, 3600);
        assert_eq!(numbers(&store), [202, 201, 201, 200, 199]);
        trim(2, 3600);
        assert_eq!(numbers(&store), [202, 201, 201]);
        trim(1, 3600);
        assert_eq!(numbers(&store), [202]);
        clock.advance(Duration::from_secs(3000));
        append(vec![settlement(203, 0)]);
        clock.advance(Duration::from_secs(3000));
        trim(100, 3600);
        assert_eq!(numbers(&store), [203]);
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            numbers in any::<(u64, u64, u128, u32, u32, u32, u32)>(), micros in -1_000_000_000_000_i64..4_000_000_000_000_000,
            codes in (any::<u16>(), any::<u16>(), 0_u8..16, 0_u8..16), millis in 0_u64..u64::from(DURATION_MAX),
        ) {
            let one = Settlement {
                number: numbers.0, position: JournalPosition(numbers.1), alarm: AlarmId::from_uuid(Uuid::from_u128(numbers.2)),
                sequence: numbers.3, lane: numbers.4, attempts: numbers.5, revision: numbers.6,
                time: Timestamp::from_microsecond(micros).unwrap(), duration: Duration::from_millis(millis),
                status: codes.0, reason: codes.1, fate: codes.2, standing: codes.3,
            };
            let mut data = Vec::new();
            one.encode(&mut data);
            let record: [u8; RECORD_BYTES] = data.try_into().unwrap();
            prop_assert_eq!(Settlement::decode(&record), Some(one));
        }
    }
}
