//! Alarms told to the people at a shell as they change.

use crate::alarm::{JournalPosition, Transition};
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::shell::server::Notices;
use crate::task::Scope;
use std::time::Duration;

/// Notices told one by one within [`WINDOW`]: a screen; nobody reads more, and the line being typed must stay usable.
const TOLD_MAX: usize = 20;

/// After what time as many may be told again.
const WINDOW: Duration = Duration::from_secs(1);

/// Tells people at the shell about alarms that change from now on, until the scope stops. When very many change at once,
/// one line says how many more.
pub fn announce_alarms(scope: &Scope, ledger: &Ledger, clock: &Clock, notices: &Notices) {
    let mut tail = ledger.tail();
    let next = behind(*tail.borrow_and_update());
    let mut teller = Teller {
        ledger: ledger.clone(),
        clock: clock.clone(),
        notices: notices.clone(),
        next,
        window_from: clock.elapsed(),
        told: 0,
    };
    let stopping = scope.clone();
    scope.spawn("alarm notices", async move {
        loop {
            tokio::select! {
                () = stopping.stopped() => return,
                changed = tail.changed() => if changed.is_err() { return; },
            }
            tokio::select! {
                () = stopping.stopped() => return,
                () = teller.tell(&mut tail) => {}
            }
        }
    });
}

struct Teller {
    ledger: Ledger,
    clock: Clock,
    notices: Notices,
    /// The first position not yet looked at.
    next: JournalPosition,
    window_from: Duration,
    told: usize,
}

impl Teller {
    /// Tells what is new; waits for the end of the window when that is more than may be told.
    async fn tell(&mut self, tail: &mut tokio::sync::watch::Receiver<JournalPosition>) {
        let elapsed = self.clock.elapsed();
        if elapsed.saturating_sub(self.window_from) >= WINDOW {
            (self.window_from, self.told) = (elapsed, 0);
        }
        let newest = *tail.borrow_and_update();
        let room = TOLD_MAX.saturating_sub(self.told);
        // What is no longer in memory is so much that nobody could read it.
        let some = self.ledger.read_ring(self.next, room).unwrap_or_default();
        for transition in &some {
            self.notices.send(&line(transition));
            self.next = behind(transition.position);
        }
        self.told += some.len();
        if self.next <= newest {
            let end = self.window_from.saturating_add(WINDOW);
            self.clock.sleep(end.saturating_sub(self.clock.elapsed())).await;
            self.count_rest(tail);
        }
    }

    /// Says how many more there were by now.
    fn count_rest(&mut self, tail: &mut tokio::sync::watch::Receiver<JournalPosition>) {
        let newest = *tail.borrow_and_update();
        let (count, last) = match self.ledger.read_ring(self.next, usize::MAX) {
            Some(rest) => (rest.len().to_string(), rest.last().map(|transition| transition.position)),
            None => ("thousands of".to_owned(), Some(newest)),
        };
        if let Some(last) = last {
            let changes = if count == "1" { "alarm change" } else { "alarm changes" };
            self.notices.send(&format!("*** {count} more {changes}: `show alarms` shows what stands"));
            self.next = behind(last);
        }
    }
}

fn behind(position: JournalPosition) -> JournalPosition {
    JournalPosition(position.0.saturating_add(1))
}

fn line(transition: &Transition) -> String {
    let (key, standing) = (&transition.key, transition.after.standing);
    let what = if standing.is_cleared { "CLEAR" } else { "ALARM" };
    let said = format!(
        "*** {what} {} {} {} {}: {}",
        standing.severity, key.alarm_type, key.resource_type, key.resource, transition.after.text.brief
    );
    said.trim_end_matches([':', ' ']).replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::{AlarmKey, AlarmText, ContributionKey, Severity};
    use crate::ledger::{LedgerOptions, Report};
    use crate::store::Store;
    use jiff::Timestamp;

    fn key(resource: usize) -> AlarmKey {
        AlarmKey {
            node: "n1".to_owned(),
            resource_type: "database".to_owned(),
            resource: format!("db{resource}"),
            alarm_type: "disk-full".to_owned(),
            qualifier: String::new(),
        }
    }

    fn raise(resource: usize) -> Report {
        Report::Raise {
            key: key(resource),
            severity: Severity::Major,
            text: AlarmText { brief: "two\nlines".into(), ..AlarmText::default() },
            contribution: ContributionKey::default(),
            ends_at: None,
            note: None,
        }
    }

    #[tokio::test]
    async fn changes_are_told_one_by_one_and_the_rest_of_a_flood_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let store = Store::open(folder.path(), clock.clone()).unwrap();
        let ledger = Ledger::open(store, clock.clone(), LedgerOptions::default()).unwrap();
        ledger.report(vec![raise(0)]).await.unwrap();
        let (scope, notices) = (Scope::new(), Notices::new());
        let mut heard = notices.listen(1);
        announce_alarms(&scope, &ledger, &clock, &notices);
        let clear = Report::Clear { key: key(0), contribution: ContributionKey::default(), text: None };
        ledger.report(vec![clear]).await.unwrap();
        assert_eq!(heard.next().await, "*** CLEAR major disk-full database db0: two lines");
        ledger.report((1..=30).map(raise).collect()).await.unwrap();
        for number in 1..TOLD_MAX {
            assert_eq!(heard.next().await, format!("*** ALARM major disk-full database db{number}: two lines"));
        }
        clock.advance(WINDOW);
        assert_eq!(heard.next().await, "*** 11 more alarm changes: `show alarms` shows what stands");
        ledger.report(vec![raise(31)]).await.unwrap();
        assert_eq!(heard.next().await, "*** ALARM major disk-full database db31: two lines");
        scope.drain(&Clock::system(), Duration::from_secs(10)).await.unwrap();
    }
}
