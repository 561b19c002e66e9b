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
