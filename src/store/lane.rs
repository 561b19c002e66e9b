//! Lanes: how far each handler came in the journal, and what it left behind.

use super::error::{StoreError, from_sql, to_sql};
use super::{LaneFilter, Settlement, Store, WriteTransaction};
use crate::alarm::JournalPosition;
use crate::clock::format_utc;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use uuid::Uuid;

/// Records of the delivery log that are looked at for what is settled above the low-water marks: some tens of milliseconds.
/// What is further back was settled long ago, and may be told twice.
const SETTLED_READ_MAX: usize = 262_144;

/// Times of deliveries that a lane is given at most: as many as a handler may be limited to.
const SENT_MAX: usize = 10_000;

/// A handler's ordered progress through the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneRow {
    /// Tells apart lanes of handlers that had the same name at different times.
    pub incarnation: Uuid,
    /// Its number, by which the delivery log knows it.
    pub number: u32,
    /// The handler's name.
    pub handler: String,
    /// Everything at or below is settled or an exception.
    pub low: JournalPosition,
    /// Where the journal was when the lane was created. What is at or below, and above `low`, are alarms that stood then.
    pub start: JournalPosition,
    /// How the lane fared, as the caller writes it.
    pub condition: Option<String>,
    /// When the lane was created.
    pub created: Timestamp,
    /// What is not settled at or below `low`, and what above it the journal alone does not tell, rising.
    pub exceptions: Vec<LaneException>,
    /// What is settled above `low`, as far as the delivery log has it: it is not to be told again.
    pub settled_above: BTreeSet<JournalPosition>,
    /// When deliveries were settled that had been attempted, the newest first; only the newest are there.
    pub sent: Vec<Timestamp>,
}

/// A transition at or below the low-water mark that is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneException {
    /// The transition.
    pub position: JournalPosition,
    /// What it waits for.
    pub state: LaneExceptionState,
    /// Attempts made so far.
    pub attempts: u32,
    /// When the first attempt was made, or anything else that the lane needs after a restart; the store does not look into it.
    pub detail: Option<String>,
}

/// What an unsettled transition waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneExceptionState {
    /// For its next attempt.
    Retrying {
        /// When the next attempt is due.
        next_at: Timestamp,
    },
    /// For an earlier transition of the same alarm.
    Parked,
    /// For the handler to be resumed.
    Suspended,
}

impl LaneExceptionState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Retrying { .. } => "retrying",
            Self::Parked => "parked",
            Self::Suspended => "suspended",
        }
    }
}

/// A lane to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLane<'a> {
    /// The lane.
    pub incarnation: Uuid,
    /// The handler's name.
    pub handler: &'a str,
    /// Where it begins: [`WriteTransaction::last_position`] to begin with what comes next.
    pub start: JournalPosition,
    /// Everything at or below is settled; below `start` when the alarms that stand are to be told.
    pub low: JournalPosition,
}

/// What changed in a lane since its progress was written last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneProgress {
    /// The lane.
    pub incarnation: Uuid,
    /// Its low-water mark now.
    pub low: JournalPosition,
    /// Exceptions that are new or changed.
    pub put: Vec<LaneException>,
    /// Exceptions that are settled.
    pub settled: Vec<JournalPosition>,
    /// What became of deliveries, in the order in which they were settled. Kept also when the lane is no more.
    pub settlements: Vec<Settlement>,
    /// How the lane fares now, when that changed.
    pub condition: Option<String>,
    /// The lane's number, and the filters that it began to read with.
    pub filters: Vec<(u32, LaneFilter)>,
    /// Whether the lane was removed, and this settles all that it had: its exceptions are not needed any more.
    pub is_last: bool,
}

impl WriteTransaction<'_> {
    /// Creates a lane; returns its number.
    ///
    /// # Errors
    /// Those of the database.
    pub fn create_lane(&mut self, lane: &NewLane<'_>) -> Result<u32, StoreError> {
        let doing = "create a lane";
        let NewLane { incarnation, handler, start, low } = lane;
        let (start, low) = (to_sql("journal position", start.0)?, to_sql("journal position", low.0)?);
        self.execute(
            doing,
            "INSERT INTO lane (incarnation, handler, low, start, created) VALUES (?1, ?2, ?3, ?4, ?5)",
            (incarnation.as_bytes(), handler, low, start, format_utc(self.now)),
        )?;
        let sql = "INSERT INTO logged_lane (incarnation, handler) VALUES (?1, ?2)";
        self.execute(doing, sql, (incarnation.as_bytes(), handler))?;
        let number = self.connection.last_insert_rowid();
        u32::try_from(number).map_err(|e| StoreError::corrupt("logged_lane", number, e))
    }

    /// Removes a lane; one that does not exist is fine. Its exceptions stay until [`WriteTransaction::forget_exceptions`]:
    /// whoever has it in memory knows what becomes of them.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_lane(&mut self, incarnation: Uuid) -> Result<(), StoreError> {
        let doing = "remove a lane";
        let end = to_sql("journal position", self.end.handed_out)?;
        let revision = to_sql("revision", self.last_revision()?)?;
        let sql = "UPDATE logged_lane SET ended = ?2, ended_at = ?3, ended_revision = ?4,
                   (low, start) = (SELECT low, start FROM lane WHERE lane.incarnation = logged_lane.incarnation)
                   WHERE incarnation = ?1 AND ended IS NULL";
        self.execute(doing, sql, (incarnation.as_bytes(), end, format_utc(self.now), revision))?;
        self.execute(doing, "DELETE FROM lane WHERE incarnation = ?1", [incarnation.as_bytes()])?;
        Ok(())
    }

    /// Removes the exceptions of a lane that is no more.
    ///
    /// # Errors
    /// Those of the database.
    pub fn forget_exceptions(&mut self, incarnation: Uuid) -> Result<(), StoreError> {
        let sql = "DELETE FROM exception WHERE incarnation = ?1 AND incarnation NOT IN (SELECT incarnation FROM lane)";
        self.execute("remove a lane", sql, [incarnation.as_bytes()])?;
        Ok(())
    }

    /// Gives a lane's handler another name; its progress and the identifiers of its deliveries stay.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; else those of the database.
    pub fn rename_lane(&mut self, incarnation: Uuid, handler: &str) -> Result<(), StoreError> {
        let sql = "UPDATE lane SET handler = ?2 WHERE incarnation = ?1";
        let changed = self.execute("rename a lane", sql, (incarnation.as_bytes(), handler))?;
        let sql = "UPDATE logged_lane SET handler = ?2 WHERE incarnation = ?1";
        self.execute("rename a lane", sql, (incarnation.as_bytes(), handler))?;
        if changed == 0 { Err(missing(incarnation)) } else { Ok(()) }
    }

    /// Records a lane's progress.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the lane was removed meanwhile; else those of the database.
    pub fn record_progress(&mut self, progress: &LaneProgress) -> Result<(), StoreError> {
        let doing = "record a lane's progress";
        let lane = progress.incarnation.as_bytes();
        let low = to_sql("journal position", progress.low.0)?;
        if self.execute(doing, "UPDATE lane SET low = ?2 WHERE incarnation = ?1", (lane, low))? == 0 {
            return Err(missing(progress.incarnation));
        }
        if let Some(condition) = &progress.condition {
            self.execute(doing, "UPDATE lane SET condition = ?2 WHERE incarnation = ?1", (lane, condition))?;
        }
        for (lane, filter) in &progress.filters {
            self.put_lane_filter(*lane, filter)?;
        }
        for position in &progress.settled {
            let seq = to_sql("journal position", position.0)?;
            self.execute(doing, "DELETE FROM exception WHERE incarnation = ?1 AND seq = ?2", (lane, seq))?;
        }
        for exception in &progress.put {
            let seq = to_sql("journal position", exception.position.0)?;
            let next_at = match exception.state {
                LaneExceptionState::Retrying { next_at } => Some(format_utc(next_at)),
                LaneExceptionState::Parked | LaneExceptionState::Suspended => None,
            };
            self.execute(
                doing,
                "INSERT INTO exception (incarnation, seq, state, attempts, next_at, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (incarnation, seq) DO UPDATE SET
                 state = excluded.state, attempts = excluded.attempts, next_at = excluded.next_at,
                 detail = excluded.detail",
                (lane, seq, exception.state.as_str(), exception.attempts, next_at, &exception.detail),
            )?;
        }
        Ok(())
    }
}

impl Store {
    /// Returns all lanes with their exceptions, by handler.
    ///
    /// # Errors
    /// Those of the database.
    pub fn lanes(&self) -> Result<Vec<LaneRow>, StoreError> {
        self.read(|connection| {
            let both = connection.unchecked_transaction().map_err(StoreError::sql("read the lanes"))?;
            let mut exceptions = read_exceptions(&both)?;
            let mut lanes = read_lanes(&both)?;
            for lane in &mut lanes {
                lane.exceptions = exceptions.remove(&lane.incarnation).unwrap_or_default();
            }
            read_settled(&both, &mut lanes)?;
            Ok(lanes)
        })
    }

    /// Returns the exceptions of lanes that are no more, with the lanes' numbers: an end of the process left them without a
    /// word of what became of them.
    ///
    /// # Errors
    /// Those of the database.
    pub fn left_behind(&self) -> Result<Vec<(u32, Uuid, LaneException)>, StoreError> {
        let logged: BTreeMap<Uuid, u32> =
            self.logged_lanes()?.into_iter().map(|(number, lane)| (lane.incarnation, number)).collect();
        self.read(|connection| {
            let both = connection.unchecked_transaction().map_err(StoreError::sql("read the lanes"))?;
            let mut exceptions = read_exceptions(&both)?;
            for lane in read_lanes(&both)? {
                exceptions.remove(&lane.incarnation);
            }
            let left = exceptions.into_iter().filter_map(|(lane, left)| Some((*logged.get(&lane)?, lane, left)));
            Ok(left.flat_map(|(number, lane, left)| left.into_iter().map(move |one| (number, lane, one))).collect())
        })
    }
}

/// Adds what the newest records of the delivery log know of lanes.
fn read_settled(connection: &Connection, lanes: &mut [LaneRow]) -> Result<(), StoreError> {
    let mut by_number: HashMap<u32, &mut LaneRow> = lanes.iter_mut().map(|lane| (lane.number, lane)).collect();
    let mut seen = 0;
    super::settled::walk(connection, |settled| {
        seen += 1;
        if let Some(lane) = by_number.get_mut(&settled.lane) {
            if settled.position > lane.low {
                lane.settled_above.insert(settled.position);
            }
            if settled.attempts > 0 && lane.sent.len() < SENT_MAX {
                lane.sent.push(settled.time);
            }
        }
        if seen < SETTLED_READ_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
}

fn missing(incarnation: Uuid) -> StoreError {
    StoreError::Missing { what: "lane", name: incarnation.to_string() }
}

fn read_lanes(connection: &Connection) -> Result<Vec<LaneRow>, StoreError> {
    let doing = "read the lanes";
    let mut statement = connection
        .prepare_cached(
            "SELECT incarnation, lane.handler, lane.low, created, lane.start, condition, number FROM lane
             JOIN logged_lane USING (incarnation) ORDER BY lane.handler, incarnation",
        )
        .map_err(StoreError::sql(doing))?;
    let mut rows = statement.query([]).map_err(StoreError::sql(doing))?;
    let mut lanes = Vec::new();
    while let Some(row) = rows.next().map_err(StoreError::sql(doing))? {
        let (lane, created) = read_lane(row).map_err(StoreError::sql(doing))?;
        let (incarnation, low, start) = (Uuid::from_bytes(lane.0), lane.2, lane.3);
        lanes.push(LaneRow {
            incarnation,
            handler: lane.1,
            low: JournalPosition(from_sql("lane", low)?),
            start: JournalPosition(from_sql("lane", start)?),
            condition: lane.4,
            number: lane.5,
            created: created.parse().map_err(|e| StoreError::corrupt("lane", incarnation, e))?,
            exceptions: Vec::new(),
            settled_above: BTreeSet::new(),
            sent: Vec::new(),
        });
    }
    Ok(lanes)
}

/// Incarnation, handler, low-water mark, start, condition, number.
type LaneColumns = ([u8; 16], String, i64, i64, Option<String>, u32);

fn read_lane(row: &Row<'_>) -> rusqlite::Result<(LaneColumns, String)> {
    Ok(((row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?, row.get(5)?, row.get(6)?), row.get(3)?))
}

type ExceptionColumns = ([u8; 16], i64, String, u32, Option<String>, Option<String>);

fn read_exceptions(connection: &Connection) -> Result<BTreeMap<Uuid, Vec<LaneException>>, StoreError> {
    let doing = "read the lanes";
    let mut statement = connection
        .prepare_cached(
            "SELECT incarnation, seq, state, attempts, next_at, detail FROM exception ORDER BY incarnation, seq",
        )
        .map_err(StoreError::sql(doing))?;
    let columns = |row: &Row<'_>| -> rusqlite::Result<ExceptionColumns> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
    };
    let mut exceptions: BTreeMap<Uuid, Vec<LaneException>> = BTreeMap::new();
    for row in statement.query_map([], columns).map_err(StoreError::sql(doing))? {
        let (incarnation, seq, state, attempts, next_at, detail) = row.map_err(StoreError::sql(doing))?;
        let state = read_state(seq, &state, next_at.as_deref())?;
        let position = JournalPosition(from_sql("exception", seq)?);
        exceptions.entry(Uuid::from_bytes(incarnation)).or_default().push(LaneException {
            position,
            state,
            attempts,
            detail,
        });
    }
    Ok(exceptions)
}

fn read_state(seq: i64, state: &str, next_at: Option<&str>) -> Result<LaneExceptionState, StoreError> {
    match (state, next_at) {
        ("retrying", Some(next_at)) => {
            let next_at = next_at.parse().map_err(|e| StoreError::corrupt("exception", seq, e))?;
            Ok(LaneExceptionState::Retrying { next_at })
        }
        ("parked", _) => Ok(LaneExceptionState::Parked),
        ("suspended", _) => Ok(LaneExceptionState::Suspended),
        _ => Err(StoreError::corrupt("exception", seq, format!("unknown state `{state}`"))),
    }
}
