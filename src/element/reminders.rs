//! Reminders: handlers that want it are told again of what still stands.

use super::Handlers;
use crate::alarm::{AlarmId, AlarmRecord, OperatorState};
use crate::clock::Clock;
use crate::delivery::HandlerSpec;
use crate::ledger::{AlarmList, Ledger, ReminderFor};
use crate::task::Scope;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often is looked: a reminder a few seconds late is early enough, and looking at 100,000 alarms takes milliseconds.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reminders in one transaction: alarms that come in wait for it.
const BATCH: usize = 1000;

/// Reminds until the scope stops. What was due while the element was down is not made up for: the next one comes in time.
pub async fn remind(ledger: &Ledger, handlers: &Handlers, clock: &Clock, scope: &Scope) {
    let mut looked = clock.now();
    loop {
        tokio::select! {
            () = scope.stopped() => return,
            () = clock.sleep(LOOK_EVERY) => {}
        }
        let now = clock.now();
        let specs: Vec<HandlerSpec> = handlers.all().iter().map(|(_, handler)| handler.spec.clone()).collect();
        let mut due = due(&ledger.alarms(), &specs, looked, now);
        looked = now;
        while !due.is_empty() {
            let rest = due.split_off(due.len().min(BATCH));
            if let Err(error) = ledger.remind(std::mem::replace(&mut due, rest)).await {
                // The next look finds those that are due then.
                tracing::warn!(error = &error as &dyn std::error::Error, "reminders could not be written");
                break;
            }
        }
    }
}

/// Returns the alarms that handlers are to be reminded of because an interval since they were raised ended between two
/// times.
#[must_use]
pub fn due(list: &AlarmList, handlers: &[HandlerSpec], after: Timestamp, until: Timestamp) -> Vec<ReminderFor> {
    let wanting: Vec<(&HandlerSpec, Duration)> = handlers
        .iter()
        .filter(|spec| spec.is_enabled)
        .filter_map(|spec| Some((spec, spec.reminder_interval?)))
        .collect();
    if wanting.is_empty() || until <= after {
        return Vec::new();
    }
    let mut found: BTreeMap<AlarmId, Vec<String>> = BTreeMap::new();
    for record in list.iter().filter(|record| is_nobodys(record)) {
        for (spec, interval) in &wanting {
            let is_wanted = spec.filter.admits(&record.key, record.project.as_deref(), record.state.standing);
            if is_wanted && ended(record.last_raised, *interval, until) > ended(record.last_raised, *interval, after) {
                found.entry(record.id).or_default().push(spec.id.clone());
            }
        }
    }
    found.into_iter().map(|(alarm, handlers)| ReminderFor { alarm, handlers }).collect()
}

/// Returns whether an alarm stands and nobody takes care of it.
fn is_nobodys(record: &AlarmRecord) -> bool {
    let is_taken_care_of = matches!(record.operator_state(), OperatorState::Ack | OperatorState::Closed);
    !record.is_cleared() && record.shelf.is_none() && record.untold.is_none() && !is_taken_care_of
}

/// Returns how many intervals ended since a time.
fn ended(since: Timestamp, interval: Duration, at: Timestamp) -> u128 {
    let elapsed = Duration::try_from(at.duration_since(since)).unwrap_or(Duration::ZERO);
    elapsed.as_millis().checked_div(interval.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::{AlarmKey, AlarmText, ContributionKey, Notify, Severity};
    use crate::delivery::{DeliverySpec, Filter};
    use crate::handler::webhook::{MessageFormat, WebhookSpec};
    use crate::handler::{NotifierSpec, WebService};
    use crate::ledger::{LedgerOptions, Report};
    use crate::store::Store;

    fn handler(id: &str, seconds: Option<u64>) -> HandlerSpec {
        let web_service =
            WebService { hostname: "a".to_owned(), port: 9, context: "/".to_owned(), http_client: "c".to_owned() };
        HandlerSpec {
            id: id.to_owned(),
            description: None,
            is_enabled: true,
            notify: Notify::default(),
            reminder_interval: seconds.map(Duration::from_secs),
            filter: Filter::default(),
            notifier: NotifierSpec::Webhook(WebhookSpec {
                web_service,
                message_format: MessageFormat::Flat,
                headers: Vec::new(),
                signing_secrets: Vec::new(),
            }),
            delivery: DeliverySpec::default(),
        }
    }

    #[test]
    fn each_handler_is_reminded_in_its_own_time_until_somebody_cares() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let store = Store::open(folder.path(), clock.clone()).unwrap();
        let ledger = Ledger::open(store, clock, LedgerOptions::default()).unwrap();
        let key = AlarmKey {
            node: "n1".to_owned(),
            resource_type: "database".to_owned(),
            resource: "db1".to_owned(),
            alarm_type: "no-answer".to_owned(),
            qualifier: String::new(),
        };
        let (id, contribution) = (key.id(), ContributionKey::default());
        let text = AlarmText::default();
        let raise = Report::Raise { key, severity: Severity::Major, text, contribution, ends_at: None, note: None };
        drop(ledger.report_blocking(vec![raise]).unwrap());
        let handlers = [handler("a", Some(60)), handler("b", Some(90)), handler("c", None)];
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let due = |after, until| {
            let due = due(&ledger.alarms(), &handlers, at(after), at(until));
            due.into_iter().flat_map(|reminder| reminder.handlers).collect::<Vec<_>>().join(" ")
        };
        assert_eq!([due(0, 59), due(59, 60), due(60, 89), due(89, 95), due(175, 180)], ["", "a", "", "b", "a b"]);
        assert_eq!([due(0, 600), due(60, 0)], ["a b", ""]);
        drop(ledger.set_operator_state(vec![id], OperatorState::Ack, "ops", "").unwrap());
        assert_eq!(due(0, 600), "");
    }
}
