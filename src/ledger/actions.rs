//! What is done to alarms from above: configuration, operators, silences, reminders, requests that may be repeated.

use super::handle::Ledger;
use super::report::{Impact, LedgerError, Report, Verdict};
use crate::alarm::{
    AlarmFilter, AlarmId, AlarmKey, AlarmRecord, CompressFilter, Control, OperatorState, Silence, set_operator_state,
};
use crate::store::KeptAnswer;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Silences kept at most, those that are over included: each is looked at for every alarm.
pub const SILENCES_MAX: usize = 1000;

/// How long a silence is kept after it is over, as its clients expect.
const SILENCE_KEPT: Duration = Duration::from_secs(5 * 86_400);

/// Answers kept for requests that are repeated: a client that repeats does so within seconds.
const ANSWERS_KEPT: u32 = 10_000;

/// An alarm that handlers are to be reminded of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderFor {
    /// The alarm.
    pub alarm: AlarmId,
    /// The handlers.
    pub handlers: Vec<String>,
}

/// Why a silence was not put up.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SilenceError {
    /// There are too many.
    #[error("there are {SILENCES_MAX} silences already, and none of them is over")]
    TooMany,
    /// It could not be made durable.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What became of a request that names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It was done now, or has been before: this was the answer.
    With(String),
    /// Another request had the same name.
    Otherwise,
}

impl Ledger {
    /// Puts what configuration makes of alarms into force: alarms go to shelves and come from them, severities follow
    /// their profiles, the oldest cleared alarms go where the list has become too long. Without a `control` the one in force
    /// stays. With `with_impact` what depends on
    /// each standing alarm's resource is looked up again, too. Blocks until that is durable.
    ///
    /// # Errors
    /// [`LedgerError`] when that could not be made durable; all is as it was then.
    pub fn set_control(&self, control: Option<Control>, with_impact: bool) -> Result<(), LedgerError> {
        if !self.is_concerned(control.as_ref(), with_impact) {
            return Ok(());
        }
        let control = control.map(Arc::new);
        self.stage_blocking(move |inner, tx| {
            let (context, mut staged) = (inner.context(), inner.staged());
            if let Some(control) = control {
                staged.list.set_control(control, context.now);
            }
            staged.is_changed = true;
            for id in staged.list.ids() {
                staged.revise(tx, id, with_impact, context)?;
            }
            let alarms_max = staged.list.control().alarms_max;
            while staged.list.len() > alarms_max {
                let Some(oldest) = staged.list.oldest_cleared() else { break };
                staged.remove(tx, oldest)?;
            }
            Ok(())
        })
    }

    /// Returns whether alarms may be otherwise under another control: a start finds them as it left them, mostly.
    fn is_concerned(&self, control: Option<&Control>, with_impact: bool) -> bool {
        let list = self.alarms();
        let is_same = control.is_none_or(|control| *control == *list.configured());
        let is_as_controlled = || list.iter().all(|record| record.shelf.is_none() && record.reported.is_none());
        !is_same || with_impact && !list.is_empty() || control.is_some() && !is_as_controlled()
    }

    /// Returns what depends on a resource now.
    #[must_use]
    pub fn impact(&self, key: &AlarmKey) -> Impact {
        self.impact_source().impact(key)
    }

    /// Returns where a resource is configured, when it is.
    #[must_use]
    pub fn path(&self, key: &AlarmKey) -> Option<String> {
        self.impact_source().path(key)
    }

    /// Sets an operator state of alarms; returns them as they are then. Those that are not there are left out. Blocks.
    ///
    /// # Errors
    /// [`LedgerError`] when that could not be made durable.
    pub fn set_operator_state(
        &self,
        alarms: Vec<AlarmId>,
        state: OperatorState,
        operator: &str,
        text: &str,
    ) -> Result<Vec<Arc<AlarmRecord>>, LedgerError> {
        let (operator, text) = (operator.to_owned(), text.to_owned());
        self.stage_blocking(move |inner, tx| {
            let (now, mut staged) = (inner.context().now, inner.staged());
            let mut changed = Vec::new();
            for id in alarms {
                let Some(current) = staged.list.get(&id).cloned() else { continue };
                let record = set_operator_state(&current, state, &operator, &text, now);
                staged.amend(tx, record)?;
                changed.extend(staged.list.get(&id).cloned());
            }
            Ok(changed)
        })
    }

    /// Takes alarms out of the list (RFC 8632, `purge-alarms`); with `is_shelved` those on shelves, else those on none.
    /// Nobody is told: an alarm that changes again afterwards comes into the list anew. Returns how many. Blocks.
    ///
    /// # Errors
    /// [`LedgerError`] when that could not be made durable.
    pub fn purge_where(&self, filter: AlarmFilter, is_shelved: bool) -> Result<usize, LedgerError> {
        self.stage_blocking(move |inner, tx| {
            let mut staged = inner.staged();
            let is_meant = |record: &AlarmRecord| record.shelf.is_some() == is_shelved && filter.is_match(record);
            let meant: Vec<AlarmId> = staged.list.iter().filter(|record| is_meant(record)).map(|r| r.id).collect();
            for id in &meant {
                staged.remove(tx, *id)?;
            }
            Ok(meant.len())
        })
    }

    /// Forgets all but the newest status change of alarms (RFC 8632, `compress-alarms`); with `is_shelved` of those on
    /// shelves, else of those on none. Returns how many alarms had more. Blocks.
    ///
    /// # Errors
    /// [`LedgerError`] when that could not be made durable.
    pub fn compress_where(&self, filter: CompressFilter, is_shelved: bool) -> Result<usize, LedgerError> {
        self.stage_blocking(move |inner, tx| {
            let mut staged = inner.staged();
            let is_meant = |record: &AlarmRecord| {
                record.shelf.is_some() == is_shelved && record.status_changes.len() > 1 && filter.is_match(record)
            };
            let meant: Vec<Arc<AlarmRecord>> = staged.list.iter().filter(|r| is_meant(r)).cloned().collect();
            for record in &meant {
                let mut record = AlarmRecord::clone(record);
                record.compress();
                staged.amend(tx, record)?;
            }
            Ok(meant.len())
        })
    }

    /// Puts up a silence, or changes the one of its identifier. Waits until that is durable, and its alarms are on their shelf.
    ///
    /// # Errors
    /// [`SilenceError`]; nothing has changed then.
    pub async fn put_silence(&self, silence: Silence) -> Result<(), SilenceError> {
        let has_room = self
            .stage(move |inner, tx| {
                let (context, mut staged) = (inner.context(), inner.staged());
                let old =
                    staged.list.silences().filter(|s| is_forgotten(s, context.now)).map(|s| s.id).collect::<Vec<_>>();
                for id in old {
                    tx.remove_silence(id)?;
                    staged.list.set_silence(id, None, context.now);
                }
                let is_new = staged.list.silence(&silence.id).is_none();
                if is_new && staged.list.silences().count() >= SILENCES_MAX {
                    return Ok(false);
                }
                tx.put_silence(&silence)?;
                staged.list.set_silence(silence.id, Some(Arc::new(silence)), context.now);
                staged.is_changed = true;
                for id in staged.list.ids() {
                    staged.revise(tx, id, false, context)?;
                }
                Ok(true)
            })
            .await?;
        if has_room { Ok(()) } else { Err(SilenceError::TooMany) }
    }

    /// Reminds handlers of alarms that still stand as they were told; returns how many do.
    ///
    /// # Errors
    /// [`LedgerError`] when that could not be made durable.
    pub async fn remind(&self, reminders: Vec<ReminderFor>) -> Result<usize, LedgerError> {
        self.stage(move |inner, tx| {
            let (context, mut staged) = (inner.context(), inner.staged());
            let mut told = 0;
            for ReminderFor { alarm, handlers } in reminders {
                told += usize::from(staged.remind(tx, alarm, handlers, context)?);
            }
            Ok(told)
        })
        .await
    }

    /// Decides the reports of a request once: when a request of the same key and digest was answered before, that answer
    /// is given again and nothing is decided. `answer` writes the answer; it is kept in the transaction of the reports.
    ///
    /// # Errors
    /// [`LedgerError`] when they could not be made durable; the request can be repeated.
    pub async fn report_once(
        &self,
        key: String,
        digest: String,
        reports: Vec<Report>,
        answer: impl FnOnce(Vec<Verdict>) -> String + Send + 'static,
    ) -> Result<Answered, LedgerError> {
        self.stage(move |inner, tx| {
            if let Some(kept) = tx.answer(&key)? {
                return Ok(if kept.digest == digest { Answered::With(kept.body) } else { Answered::Otherwise });
            }
            let (context, mut staged) = (inner.context(), inner.staged());
            let mut verdicts = Vec::with_capacity(reports.len());
            for report in reports {
                verdicts.push(staged.report(tx, report, context)?);
            }
            drop(staged);
            let kept = KeptAnswer { digest, body: answer(verdicts) };
            tx.keep_answer(&key, &kept, ANSWERS_KEPT)?;
            Ok(Answered::With(kept.body))
        })
        .await
    }
}

/// Returns whether a silence has been over for so long that nobody asks for it.
fn is_forgotten(silence: &Silence, now: Timestamp) -> bool {
    silence.ends_at.checked_add(SILENCE_KEPT).is_ok_and(|until| until <= now)
}
