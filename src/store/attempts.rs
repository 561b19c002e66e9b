//! Attempts with their requests and answers, for people: failures, and the newest successes of each handler.

use super::error::{StoreError, from_sql, to_sql};
use super::{LogRetention, Store};
use crate::clock::format_utc;
use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use std::time::Duration;

/// One attempt as the delivery log keeps it. Secrets are placeholders already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Number of the delivery in the delivery log.
    pub number: u64,
    /// The lane's number.
    pub lane: u32,
    /// Which attempt of the delivery, from 1.
    pub attempt: u32,
    /// When it began.
    pub time: Timestamp,
    /// How long it took, in milliseconds.
    pub duration: Duration,
    /// Why it failed; `None` when it did not.
    pub reason: Option<String>,
    /// What the system said of the failure.
    pub detail: String,
    /// Who answered.
    pub remote: Option<String>,
    /// Where it was sent to.
    pub destination: String,
    /// Headers of the request, one `name: value` a line.
    pub request_headers: String,
    /// Body of the request.
    pub request_body: Bytes,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Headers of the answer, as those of the request.
    pub response_headers: String,
    /// Body of the answer, as far as it was read.
    pub response_body: Bytes,
}

impl AttemptRow {
    fn bytes(&self) -> usize {
        let texts = [&self.detail, &self.destination, &self.request_headers, &self.response_headers];
        texts.iter().map(|text| text.len()).sum::<usize>() + self.request_body.len() + self.response_body.len() + 100
    }
}

impl Store {
    /// Writes attempts, keeps of successes the newest `successes_kept` of each lane, and removes what is beyond `trim_to`, when
    /// that is given: it looks at all that is kept. Blocks the thread, not the journal's writer.
    ///
    /// # Errors
    /// Those of the database; nothing is written then.
    pub fn write_attempts(
        &self,
        attempts: &[AttemptRow],
        successes_kept: u32,
        trim_to: Option<LogRetention>,
    ) -> Result<(), StoreError> {
        let doing = "write the delivery log";
        let now = self.clock().now();
        self.records().with(|connection| {
            let tx = connection.transaction().map_err(StoreError::sql(doing))?;
            for attempt in attempts {
                insert(&tx, attempt)?;
            }
            let mut lanes: Vec<u32> = attempts.iter().filter(|a| a.reason.is_none()).map(|a| a.lane).collect();
            lanes.sort_unstable();
            lanes.dedup();
            for lane in lanes {
                tx.prepare_cached(
                    "DELETE FROM attempt WHERE lane = ?1 AND reason IS NULL AND id <= (SELECT id FROM attempt WHERE
                     lane = ?1 AND reason IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                )
                .and_then(|mut statement| statement.execute((lane, successes_kept)))
                .map_err(StoreError::sql(doing))?;
            }
            if let Some(keep) = trim_to {
                trim(&tx, now.checked_sub(keep.age).unwrap_or(Timestamp::MIN), keep)?;
            }
            tx.commit().map_err(StoreError::sql(doing))
        })
    }

    /// Returns the attempts of one delivery that are kept, in order.
    ///
    /// # Errors
    /// Those of the database.
    pub fn attempts(&self, number: u64) -> Result<Vec<AttemptRow>, StoreError> {
        let doing = "read the delivery log";
        let number = to_sql("delivery number", number)?;
        self.records().with(|connection| {
            let mut statement = connection
                .prepare_cached(
                    "SELECT number, lane, attempt, time, duration, reason, detail, remote, destination, request_headers,
                     request_body, status, response_headers, response_body FROM attempt WHERE number = ?1 ORDER BY id",
                )
                .map_err(StoreError::sql(doing))?;
            let rows = statement.query_map([number], read).map_err(StoreError::sql(doing))?;
            rows.map(|row| row.map_err(StoreError::sql(doing)).and_then(|(time, row)| row.at(&time))).collect()
        })
    }

    /// Returns the largest number of a delivery with an attempt.
    ///
    /// # Errors
    /// Those of the database.
    pub fn last_attempt_number(&self) -> Result<u64, StoreError> {
        self.records().with(|connection| {
            super::transaction::read_number(connection, "read the delivery log", "SELECT max(number) FROM attempt")
        })
    }
}

fn insert(connection: &Connection, attempt: &AttemptRow) -> Result<(), StoreError> {
    let number = to_sql("delivery number", attempt.number)?;
    let millis = u32::try_from(attempt.duration.as_millis()).unwrap_or(u32::MAX);
    let bytes = i64::try_from(attempt.bytes()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO attempt (number, lane, attempt, time, duration, reason, detail, remote, destination,
             request_headers, request_body, status, response_headers, response_body, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )
        .and_then(|mut statement| {
            statement.execute(rusqlite::params![
                number,
                attempt.lane,
                attempt.attempt,
                format_utc(attempt.time),
                millis,
                attempt.reason,
                attempt.detail,
                attempt.remote,
                attempt.destination,
                attempt.request_headers,
                &attempt.request_body[..],
                attempt.status,
                attempt.response_headers,
                &attempt.response_body[..],
                bytes,
            ])
        })
        .map_err(StoreError::sql("write the delivery log"))?;
    Ok(())
}

fn trim(connection: &Connection, oldest: Timestamp, keep: LogRetention) -> Result<(), StoreError> {
    let doing = "trim the delivery log";
    // The clock may have stepped back, so the time of one row says nothing about those before it: the newest old one does.
    connection
        .prepare_cached("DELETE FROM attempt WHERE id <= (SELECT max(id) FROM attempt WHERE time < ?1)")
        .and_then(|mut statement| statement.execute([format_utc(oldest)]))
        .map_err(StoreError::sql(doing))?;
    let limit = i64::try_from(keep.bytes).unwrap_or(i64::MAX);
    let count = i64::try_from(keep.count).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM attempt WHERE id <= (SELECT id FROM (SELECT id, sum(bytes) OVER newest AS behind,
             row_number() OVER newest AS place FROM attempt WINDOW newest AS (ORDER BY id DESC))
             WHERE behind > ?1 OR place > ?2 ORDER BY id DESC LIMIT 1)",
        )
        .and_then(|mut statement| statement.execute((limit, count)))
        .map_err(StoreError::sql(doing))?;
    Ok(())
}

/// A row whose time was not read yet.
struct Untimed(AttemptRow, i64);

impl Untimed {
    fn at(self, time: &str) -> Result<AttemptRow, StoreError> {
        let time = time.parse().map_err(|e| StoreError::corrupt("attempt", self.1, e))?;
        let number = from_sql("attempt", self.1)?;
        Ok(AttemptRow { number, time, ..self.0 })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<(String, Untimed)> {
    let millis: u32 = row.get(4)?;
    let attempt = AttemptRow {
        number: 0,
        lane: row.get(1)?,
        attempt: row.get(2)?,
        time: Timestamp::UNIX_EPOCH,
        duration: Duration::from_millis(u64::from(millis)),
        reason: row.get(5)?,
        detail: row.get(6)?,
        remote: row.get(7)?,
        destination: row.get(8)?,
        request_headers: row.get(9)?,
        request_body: row.get::<_, Vec<u8>>(10)?.into(),
        status: row.get(11)?,
        response_headers: row.get(12)?,
        response_body: row.get::<_, Vec<u8>>(13)?.into(),
    };
    Ok((row.get(3)?, Untimed(attempt, row.get(0)?)))
}
