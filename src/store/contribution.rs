//! Contributions: what outside sources say of an alarm, with the deadline after which it no longer holds.

use super::error::{StoreError, from_sql, to_sql};
use super::{Store, WriteTransaction};
use crate::alarm::{AlarmId, AlarmText, Severity};
use crate::clock::format_utc;
use jiff::Timestamp;
use rusqlite::Row;
use uuid::Uuid;

/// One contribution as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributionRow {
    /// Its number; 0 for one that is not stored yet. Rows are in the order in which they came, so that those of one group
    /// are on few pages: by alarm, each would be on a page of its own, which the write-ahead log takes as a whole.
    pub row: i64,
    /// The alarm.
    pub alarm: AlarmId,
    /// Which of the alarm's contributions; the store does not look into it.
    pub key: String,
    /// What it says.
    pub severity: Severity,
    /// When it no longer holds, unless said again.
    pub ends_at: Option<Timestamp>,
    /// Order in which the alarm's contributions came: of two of one severity the later gives the text.
    pub turn: u64,
    /// Its texts.
    pub text: AlarmText,
    /// What the source wants to be given back; the store does not look into it.
    pub note: Option<String>,
}

impl WriteTransaction<'_> {
    /// Writes a contribution: in place of the row whose number it has, or in a row of its own. Returns the row's number.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_contribution(&mut self, row: &ContributionRow) -> Result<i64, StoreError> {
        let text = serde_json::to_string(&row.text).map_err(StoreError::encode("a contribution"))?;
        self.bytes = self.bytes.saturating_add(text.len()).saturating_add(row.note.as_ref().map_or(0, String::len));
        let (alarm, number) = (row.alarm.as_uuid(), (row.row != 0).then_some(row.row));
        self.execute(
            "write a contribution",
            "INSERT OR REPLACE INTO contribution (number, alarm, key, severity, ends_at, turn, text, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                number,
                alarm.as_bytes(),
                &row.key,
                row.severity.as_str(),
                row.ends_at.map(format_utc),
                to_sql("contribution turn", row.turn)?,
                text,
                &row.note,
            ),
        )?;
        Ok(number.unwrap_or_else(|| self.connection.last_insert_rowid()))
    }

    /// Removes a contribution; one that does not exist is fine.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_contribution(&mut self, row: i64) -> Result<(), StoreError> {
        self.execute("remove a contribution", "DELETE FROM contribution WHERE number = ?1", [row])?;
        Ok(())
    }
}

type Columns = (i64, [u8; 16], String, String, Option<String>, i64, String, Option<String>);

impl Store {
    /// Returns all contributions, in the order in which they came.
    ///
    /// # Errors
    /// Those of the database.
    pub fn contributions(&self) -> Result<Vec<ContributionRow>, StoreError> {
        let doing = "read the contributions";
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT number, alarm, key, severity, ends_at, turn, text, note FROM contribution")
                .map_err(StoreError::sql(doing))?;
            let columns = |row: &Row<'_>| -> rusqlite::Result<Columns> {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                    row.get(6)?,
                    row.get(7)?,
                ))
            };
            let rows = statement.query_map([], columns).map_err(StoreError::sql(doing))?;
            rows.map(|row| parse(row.map_err(StoreError::sql(doing))?)).collect()
        })
    }
}

fn parse((row, alarm, key, severity, ends_at, turn, text, note): Columns) -> Result<ContributionRow, StoreError> {
    let alarm = AlarmId::from_uuid(Uuid::from_bytes(alarm));
    let corrupt = |reason: String| StoreError::corrupt("contribution", alarm, reason);
    Ok(ContributionRow {
        row,
        alarm,
        severity: severity.parse().map_err(|e: crate::alarm::UnknownSeverity| corrupt(e.to_string()))?,
        ends_at: ends_at.map(|t| t.parse()).transpose().map_err(|e: jiff::Error| corrupt(e.to_string()))?,
        turn: from_sql("contribution", turn)?,
        text: serde_json::from_str(&text).map_err(|e| corrupt(e.to_string()))?,
        key,
        note,
    })
}
