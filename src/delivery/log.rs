//! The delivery log's attempts on their way to the disk: all failures, and of each handler the newest successes.

use super::handle::Handler;
use crate::handler::OutgoingMessage;
use crate::store::{AttemptRow, LogRetention, Store, WriteTransaction};
use crate::transport::{Attempt, FailureReason};
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Successes of each handler kept with request and answer: what was sent a moment ago is what people ask for.
pub(super) const SUCCESSES_KEPT: u32 = 100;

/// Failures that wait to be written: what a lane with a thousand attempts under way has at once. Beyond it the oldest go:
/// that they failed is in the log of what became of deliveries.
const FAILURES_WAITING_MAX: usize = 1024;

/// How long attempts are gathered.
const GATHER: Duration = Duration::from_millis(200);

/// Share of the time that writing may take under load: after a write that took a moment, twenty as long are gathered. Of
/// what succeeds in that time the newest are kept.
const GATHER_TIMES: u32 = 20;

/// Longest time that attempts are gathered: people look for what was sent a moment ago.
const GATHER_MAX: Duration = Duration::from_secs(2);

/// How often what is beyond what is kept is looked for, when little is written: that looks at all of it.
const TRIM_EVERY: Duration = Duration::from_secs(30);

/// Share of the room for attempts after which it is looked for sooner, and as much of the file may be free: an eighth.
const STEP_SHARE: u64 = 8;

/// Bounds of that: less is not worth looking at all, more would hold the file for long.
const STEP_BYTES: std::ops::RangeInclusive<u64> = 256 << 10..=8 << 20;

/// Portions of the file that are given back in one go; the rest follows after other work.
const PORTIONS_AT_ONCE: usize = 16;

/// An attempt that ended.
pub(super) struct Ended {
    pub(super) number: u64,
    pub(super) lane: u32,
    pub(super) attempt: u32,
    pub(super) at: Timestamp,
    pub(super) handler: Arc<Handler>,
    pub(super) message: OutgoingMessage,
    pub(super) made: Attempt,
    pub(super) reason: Option<FailureReason>,
}

#[derive(Default)]
struct Desk {
    failures: VecDeque<Ended>,
    successes: HashMap<u32, VecDeque<Ended>>,
    keep: LogRetention,
    /// Whether what is kept is another than before.
    is_rearranged: bool,
    is_closing: bool,
}

/// Takes attempts; clones share it.
#[derive(Clone, Default)]
pub(super) struct AttemptLog(Arc<(Mutex<Desk>, Condvar)>);

impl std::fmt::Debug for AttemptLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AttemptLog")
    }
}

impl AttemptLog {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an attempt down. Never waits for the disk.
    pub(super) fn put(&self, ended: Ended) {
        let mut desk = self.lock();
        let was_empty = desk.is_empty();
        if ended.reason.is_some() {
            if desk.failures.len() >= FAILURES_WAITING_MAX {
                desk.failures.pop_front();
            }
            desk.failures.push_back(ended);
        } else {
            let newest = desk.successes.entry(ended.lane).or_default();
            if newest.len() >= SUCCESSES_KEPT as usize {
                newest.pop_front();
            }
            newest.push_back(ended);
        }
        drop(desk);
        if was_empty {
            self.0.1.notify_one();
        }
    }

    /// Says what is kept from now on.
    pub(super) fn keep(&self, keep: LogRetention) {
        let mut desk = self.lock();
        desk.is_rearranged |= desk.keep != keep;
        desk.keep = keep;
        drop(desk);
        self.0.1.notify_one();
    }

    /// Lets the thread write what there is and end.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.0.1.notify_one();
    }

    /// Writes until it is closed.
    pub(super) fn run(&self, store: &Store) {
        let clock = store.clock().clone();
        let mut gather = GATHER;
        // Looked for at the first write: a stopped element had no retention.
        let mut keeper = Keeper { trimmed: None, unlooked: 0, has_more: false };
        loop {
            let Taken { ended, keep, is_closing, is_rearranged } = self.take(gather, keeper.has_more);
            let begun = clock.elapsed();
            if is_rearranged {
                keeper.trimmed = None;
            }
            let rows: Vec<AttemptRow> = ended.iter().map(Ended::row).collect();
            drop(ended);
            keeper.write(store, &rows, keep, clock.elapsed());
            gather = clock.elapsed().saturating_sub(begun).saturating_mul(GATHER_TIMES).clamp(GATHER, GATHER_MAX);
            if is_closing {
                return;
            }
        }
    }

    /// Waits for attempts, then a moment for more; `has_work` waits for the moment only.
    fn take(&self, gather: Duration, has_work: bool) -> Taken {
        let (_, filled) = &*self.0;
        let mut desk = self.lock();
        if !has_work {
            let idle = |desk: &mut Desk| desk.is_empty() && !desk.is_closing && !desk.is_rearranged;
            desk = filled.wait_timeout_while(desk, TRIM_EVERY, idle).unwrap_or_else(PoisonError::into_inner).0;
        }
        let (mut desk, _) =
            filled.wait_timeout_while(desk, gather, |desk| !desk.is_closing).unwrap_or_else(PoisonError::into_inner);
        let mut ended: Vec<Ended> = desk.failures.drain(..).collect();
        ended.extend(desk.successes.drain().flat_map(|(_, newest)| newest));
        let is_rearranged = std::mem::take(&mut desk.is_rearranged);
        Taken { ended, keep: desk.keep, is_closing: desk.is_closing, is_rearranged }
    }
}

/// What was taken from the desk.
struct Taken {
    ended: Vec<Ended>,
    keep: LogRetention,
    is_closing: bool,
    is_rearranged: bool,
}

/// Writes attempts, and keeps the file within its bounds.
struct Keeper {
    /// When all that is kept was looked at last.
    trimmed: Option<Duration>,
    /// Bytes written since what is beyond the room for them was looked for.
    unlooked: u64,
    /// Whether the file has more to give back.
    has_more: bool,
}

impl Keeper {
    fn write(&mut self, store: &Store, rows: &[AttemptRow], keep: LogRetention, now: Duration) {
        let step = (keep.bytes / STEP_SHARE).clamp(*STEP_BYTES.start(), *STEP_BYTES.end());
        let is_due = self.trimmed.is_none_or(|at| now.saturating_sub(at) >= TRIM_EVERY);
        let mut rest = rows;
        let mut is_first = true;
        while !rest.is_empty() || (is_first && is_due) {
            let (portion, after) = rest.split_at(portion_of(rest, step));
            let bytes = portion.iter().map(AttemptRow::disk_bytes).fold(0, u64::saturating_add);
            self.unlooked = self.unlooked.saturating_add(bytes);
            let looks = self.unlooked >= step || (is_first && is_due);
            if let Err(error) = store.write_attempts(portion, SUCCESSES_KEPT, looks.then_some(keep)) {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, attempts = portion.len(), "attempts could not be written to the delivery log");
            }
            if looks {
                self.unlooked = 0;
                self.has_more = true;
            }
            (rest, is_first) = (after, false);
        }
        if is_due {
            self.trimmed = Some(now);
            trim(store, keep);
        }
        if self.has_more {
            self.release(store, step, is_due);
        }
    }

    /// Gives the disk back what the file has free, a portion after the other.
    fn release(&mut self, store: &Store, spare: u64, is_due: bool) {
        let (mut released, mut given) = (Ok(true), 0);
        while given < PORTIONS_AT_ONCE && matches!(released, Ok(true)) {
            released = store.release_attempts(spare);
            given += 1;
        }
        self.has_more = matches!(released, Ok(true));
        // The file itself grows shorter only with this.
        let shortened = if is_due || given > 1 { store.shorten_records_log() } else { Ok(()) };
        if let Err(error) = released.map(drop).and(shortened) {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "room of the delivery log is given back later");
        }
    }
}

/// Returns how many of the first rows are written together: some bytes, and one row at least.
fn portion_of(rows: &[AttemptRow], bytes_max: u64) -> usize {
    let sizes = rows.iter().scan(0_u64, |sum, row| {
        *sum = sum.saturating_add(row.disk_bytes());
        Some(*sum)
    });
    sizes.take_while(|sum| *sum <= bytes_max).count().max(1).min(rows.len())
}

impl Desk {
    fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.successes.is_empty()
    }
}

/// Lets the journal's writer remove what is beyond what is kept.
fn trim(store: &Store, keep: LogRetention) {
    let trimmed = store.ride(
        move |tx: &mut WriteTransaction<'_>| tx.trim_settled(keep),
        |outcome| {
            if let Err(error) = outcome {
                tracing::debug!(error = &error as &dyn std::error::Error, "the delivery log is trimmed later");
            }
        },
    );
    if let Err(error) = trimmed {
        tracing::debug!(error = &error as &dyn std::error::Error, "the delivery log is trimmed later");
    }
}

impl Ended {
    fn row(&self) -> AttemptRow {
        // Here and not where answers come: of most that succeed nothing is kept.
        let answer = self.made.concealed_answer(&self.handler.notifier.masks());
        let detail = self.made.result.as_ref().err().map(|fault| fault.detail.clone()).unwrap_or_default();
        AttemptRow {
            number: self.number,
            lane: self.lane,
            attempt: self.attempt,
            time: self.at.checked_sub(self.made.duration).unwrap_or(self.at),
            duration: self.made.duration,
            reason: self.reason.map(|reason| reason.as_str().to_owned()),
            detail,
            remote: self.made.remote.map(|remote| remote.to_string()),
            destination: format!(
                "{}{}",
                self.handler.notifier.destination(),
                self.handler.spec.notifier.shown_context()
            ),
            request_headers: lines(&self.handler.notifier.shown_headers(&self.message)),
            request_body: self.message.body.clone(),
            status: answer.as_ref().map(|answer| answer.status),
            response_headers: answer.as_ref().map(|answer| lines(&answer.headers)).unwrap_or_default(),
            response_body: answer.map(|answer| answer.body).unwrap_or_default(),
        }
    }
}

fn lines(headers: &[(String, String)]) -> String {
    headers.iter().flat_map(|(name, value)| [name.as_str(), ": ", value.as_str(), "\n"]).collect()
}
