//! The delivery log's attempts on their way to the disk: all failures, and of each handler the newest successes.

use super::handle::Handler;
use crate::handler::OutgoingMessage;
use crate::store::{AttemptRow, LogRetention, Store, WriteTransaction};
use crate::transport::{Answer, Attempt, FailureReason};
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

/// How often what is beyond what is kept is looked for: that looks at all of it.
const TRIM_EVERY: Duration = Duration::from_secs(30);

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
        self.lock().keep = keep;
    }

    /// Lets the thread write what there is and end.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.0.1.notify_one();
    }

    /// Writes until it is closed.
    pub(super) fn run(&self, store: &Store) {
        let clock = store.clock().clone();
        // Looked for at the first write: a stopped element had no retention.
        let mut trimmed: Option<Duration> = None;
        let mut gather = GATHER;
        loop {
            let (ended, keep, is_closing) = self.take(gather);
            let begun = clock.elapsed();
            let rows: Vec<AttemptRow> = ended.iter().map(Ended::row).collect();
            let now = clock.elapsed();
            let is_due = trimmed.is_none_or(|at| now.saturating_sub(at) >= TRIM_EVERY);
            if !rows.is_empty() || is_due {
                let trim_to = is_due.then_some(keep);
                let written = store.write_attempts(&rows, SUCCESSES_KEPT, trim_to);
                if let Err(error) = written {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, attempts = rows.len(), "attempts could not be written to the delivery log");
                }
                if is_due {
                    trimmed = Some(now);
                    trim(store, keep);
                }
            }
            gather = clock.elapsed().saturating_sub(begun).saturating_mul(GATHER_TIMES).clamp(GATHER, GATHER_MAX);
            if is_closing {
                return;
            }
        }
    }

    /// Waits for attempts, then a moment for more.
    fn take(&self, gather: Duration) -> (Vec<Ended>, LogRetention, bool) {
        let (_, filled) = &*self.0;
        let desk = self.lock();
        let idle = |desk: &mut Desk| desk.is_empty() && !desk.is_closing;
        let (desk, _) = filled.wait_timeout_while(desk, TRIM_EVERY, idle).unwrap_or_else(PoisonError::into_inner);
        let (mut desk, _) =
            filled.wait_timeout_while(desk, gather, |desk| !desk.is_closing).unwrap_or_else(PoisonError::into_inner);
        let mut ended: Vec<Ended> = desk.failures.drain(..).collect();
        ended.extend(desk.successes.drain().flat_map(|(_, newest)| newest));
        (ended, desk.keep, desk.is_closing)
    }
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
        let (answer, detail) = match &self.made.result {
            Ok(answer) => (Some(answer), String::new()),
            Err(fault) => (fault.partial.as_ref(), fault.detail.clone()),
        };
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
            status: answer.map(|answer| answer.status),
            response_headers: answer.map(|answer: &Answer| lines(&answer.headers)).unwrap_or_default(),
            response_body: answer.map(|answer| answer.body.clone()).unwrap_or_default(),
        }
    }
}

fn lines(headers: &[(String, String)]) -> String {
    headers.iter().flat_map(|(name, value)| [name.as_str(), ": ", value.as_str(), "\n"]).collect()
}
