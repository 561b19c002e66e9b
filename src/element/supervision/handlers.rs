//! How alarm handlers fare, as alarms about them.

use super::{Subject, Supervisor, Words};
use crate::alarm::{ALARM_HANDLER, OwnType, Severity};
use crate::clock::Clock;
use crate::delivery::{HandlerState, HandlerStatus};
use crate::task::Scope;
use std::time::Duration;

/// How often handlers are looked at: an alarm a second late is early enough, and looking costs microseconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks at the handlers until the scope stops.
pub async fn watch_handlers(
    supervisor: &Supervisor,
    statuses: impl Fn() -> Vec<HandlerStatus>,
    clock: &Clock,
    scope: &Scope,
) {
    loop {
        look_at_handlers(supervisor, &statuses());
        tokio::select! {
            () = scope.stopped() => return,
            () = clock.sleep(LOOK_EVERY) => {}
        }
    }
}

/// Says what the state of each handler means.
pub fn look_at_handlers(supervisor: &Supervisor, statuses: &[HandlerStatus]) {
    for status in statuses {
        let failing = Subject::new(OwnType::HandlerFailing, ALARM_HANDLER, &status.id);
        let suspended = Subject::new(OwnType::HandlerSuspended, ALARM_HANDLER, &status.id);
        match status.state {
            HandlerState::Suspended => {
                if !supervisor.stands(&suspended) {
                    supervisor.raise(&suspended, Severity::Major, why(status));
                }
                supervisor.clear(&failing);
            }
            // One that somebody resumed has not recovered before it took something.
            HandlerState::Failing | HandlerState::Retrying if supervisor.stands(&suspended) => {}
            HandlerState::Failing | HandlerState::Refused => {
                if !supervisor.stands(&failing) {
                    supervisor.raise(&failing, Severity::Minor, why(status));
                }
                supervisor.clear(&suspended);
            }
            // A handler with an attempt under way has not recovered yet.
            HandlerState::Retrying => {}
            _ => {
                supervisor.clear(&failing);
                supervisor.clear(&suspended);
            }
        }
    }
}

fn why(status: &HandlerStatus) -> Words {
    let mut words = Words { brief: None, detail: vec![format!("It delivers to {}.", status.destination)] };
    if status.state == HandlerState::Refused {
        words.detail.push(
            "It answers, and refuses every message for its body: notifications are given up. Compare `message-format` and \
             `context` with what it expects, then `request deliveries resend failed`."
                .to_owned(),
        );
    }
    if let Some((_, reason)) = &status.last_failure {
        words.detail.push(format!("Its last failure: {reason}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Kind;
    use jiff::Timestamp;

    fn status(state: HandlerState) -> HandlerStatus {
        HandlerStatus {
            id: "wh1".to_owned(),
            kind: Kind::Webhook,
            destination: "http://a.example:80/".to_owned(),
            state,
            waiting: 0,
            delivered: 0,
            given_up: 0,
            last_success: None,
            last_failure: Some((Timestamp::UNIX_EPOCH, "gone: status 410".to_owned())),
        }
    }

    #[test]
    fn a_handler_that_fails_or_is_suspended_is_an_alarm_until_it_takes_something() {
        let supervisor = Supervisor::new(Clock::manual(Timestamp::UNIX_EPOCH));
        let stands = |own| supervisor.stands(&Subject::new(own, ALARM_HANDLER, "wh1"));
        for (state, failing, suspended) in [
            (HandlerState::Retrying, false, false),
            (HandlerState::Failing, true, false),
            (HandlerState::Retrying, true, false),
            (HandlerState::Suspended, false, true),
            (HandlerState::Retrying, false, true),
            (HandlerState::Failing, false, true),
            (HandlerState::Suspended, false, true),
            (HandlerState::Delivering, false, false),
            (HandlerState::Refused, true, false),
            (HandlerState::Idle, false, false),
        ] {
            look_at_handlers(&supervisor, &[status(state)]);
            assert_eq!(stands(OwnType::HandlerFailing), failing, "{state}");
            assert_eq!(stands(OwnType::HandlerSuspended), suspended, "{state}");
        }
    }
}
