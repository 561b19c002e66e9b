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

/// Bytes of a page of the file, without what SQLite keeps of each.
const PAGE_BYTES: usize = 4088;

/// Bytes of the longest row that stands in one page; of a longer one the rest is in pages of its own.
const WHOLE_ROW_BYTES_MAX: usize = 4061;

/// Bytes of a longer row that stand with the others at least.
const BEGINNING_BYTES_MIN: usize = 489;

/// Bytes of a row's numbers and time, and of its places in the indices.
const BESIDE_BYTES: usize = 160;

impl AttemptRow {
    /// Returns how much of the file it takes: pages are filled by whole rows, and the rest of a long row by whole pages.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        let texts = [&self.detail, &self.destination, &self.request_headers, &self.response_headers];
        let texts = texts.iter().map(|text| text.len()).fold(0, usize::saturating_add);
        let row = texts.saturating_add(self.request_body.len()).saturating_add(self.response_body.len());
        let row = row.saturating_add(BESIDE_BYTES);
        let (beginning, pages) = if row <= WHOLE_ROW_BYTES_MAX {
            (row, 0)
        } else {
            let rest = row.saturating_sub(BEGINNING_BYTES_MIN);
            let beginning = BEGINNING_BYTES_MIN.saturating_add(rest % PAGE_BYTES);
            let is_short = beginning <= WHOLE_ROW_BYTES_MAX;
            (
                if is_short { beginning } else { BEGINNING_BYTES_MIN },
                (rest / PAGE_BYTES).saturating_add(usize::from(!is_short)),
            )
        };
        let rows_a_page = (PAGE_BYTES / beginning.max(1)).max(1);
        let bytes = (PAGE_BYTES / rows_a_page).saturating_add(pages.saturating_mul(PAGE_BYTES));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// Pages that are given back at once: a megabyte, which holds nobody up who waits for the file.
const PAGES_AT_ONCE: u64 = 256;

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
        self.records().with_patience(|connection| {
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

    /// Gives a portion of the file's free room back to the disk, but for `spare` bytes; returns whether there is more to give
    /// back. Blocks the thread, not the journal's writer.
    ///
    /// # Errors
    /// Those of the database.
    pub fn release_attempts(&self, spare: u64) -> Result<bool, StoreError> {
        let doing = "give room back to the disk";
        self.records().with_patience(|connection| {
            let number = |sql| super::transaction::read_number(connection, doing, sql);
            let kept = spare / number("PRAGMA page_size")?.max(1);
            let free = number("PRAGMA freelist_count")?;
            let more = free.saturating_sub(kept);
            if more == 0 {
                return Ok(false);
            }
            let portion = more.min(PAGES_AT_ONCE);
            let mut statement =
                connection.prepare(&format!("PRAGMA incremental_vacuum({portion})")).map_err(StoreError::sql(doing))?;
            let mut steps = statement.query([]).map_err(StoreError::sql(doing))?;
            while steps.next().map_err(StoreError::sql(doing))?.is_some() {}
            // A file of an older program that could not be rewritten gives nothing back.
            Ok(more > portion && number("PRAGMA freelist_count")? < free)
        })
    }

    /// Moves the write-ahead log of attempts and the alarm list into the file, and empties it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn shorten_records_log(&self) -> Result<(), StoreError> {
        self.records().with_patience(|connection| {
            connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .map_err(StoreError::sql("shorten the write-ahead log"))
        })
    }

    /// Returns the attempts of one delivery that are kept, in order.
    ///
    /// # Errors
    /// Those of the database.
    pub fn attempts(&self, number: u64) -> Result<Vec<AttemptRow>, StoreError> {
        let doing = "read the delivery log";
        let number = to_sql("delivery number", number)?;
        self.records().with_patience(|connection| {
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
        self.records().with_patience(|connection| {
            super::transaction::read_number(connection, "read the delivery log", "SELECT max(number) FROM attempt")
        })
    }
}

fn insert(connection: &Connection, attempt: &AttemptRow) -> Result<(), StoreError> {
    let number = to_sql("delivery number", attempt.number)?;
    let millis = u32::try_from(attempt.duration.as_millis()).unwrap_or(u32::MAX);
    let bytes = i64::try_from(attempt.disk_bytes()).unwrap_or(i64::MAX);
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
        .prepare_cached(
            "DELETE FROM attempt WHERE id <= (SELECT max(id) FROM attempt INDEXED BY attempt_kept WHERE time < ?1)",
        )
        .and_then(|mut statement| statement.execute([format_utc(oldest)]))
        .map_err(StoreError::sql(doing))?;
    let limit = i64::try_from(keep.bytes).unwrap_or(i64::MAX);
    let count = i64::try_from(keep.count).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM attempt WHERE id <= (SELECT id FROM (SELECT id, sum(bytes) OVER newest AS behind,
             row_number() OVER newest AS place FROM attempt INDEXED BY attempt_kept WINDOW newest AS (ORDER BY id DESC))
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
