//! The end of a lane whose handler goes while it is behind: what waited for it unread is read once more and written down as
//! removed, so that nothing is left without a fate.

use super::lane::Lane;
use super::parcel::Now;
use super::progress::Desk;
use super::reading;
use crate::alarm::JournalPosition;
use crate::clock::Clock;
use crate::ledger::Ledger;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Transitions read at once.
const PORTION: usize = 1024;

/// Deliveries of one lane that are written down one by one, roughly: as many as the delivery log keeps unless configured
/// otherwise. Of more it would keep these alone.
const WRITTEN_MAX: usize = 100_000;

/// What a farewell reads and writes with.
pub(super) struct Means {
    pub(super) ledger: Ledger,
    pub(super) clock: Clock,
    pub(super) disk: Arc<Semaphore>,
    pub(super) desk: Arc<Desk>,
}

/// Settles all that a lane did not come to, up to `newest`.
pub(super) async fn farewell(mut lane: Lane, newest: JournalPosition, means: Means) {
    let Means { ledger, clock, disk, desk } = means;
    let mut written = 0;
    while lane.read() < newest && written < WRITTEN_MAX {
        let from = JournalPosition(lane.read().0.saturating_add(1));
        let read = reading::read(ledger.clone(), clock.clone(), Arc::clone(&disk), from, PORTION).await;
        let up_to = if read.is_empty() { newest } else { JournalPosition(0) };
        let now = Now { elapsed: clock.elapsed(), wall: clock.now() };
        lane.offer(read.into_iter().filter(|transition| transition.position <= newest).collect(), up_to, now);
        written += lane.unsettled();
        lane.end(now);
        if let Some(progress) = lane.progress(now) {
            desk.put(progress);
        }
    }
    if lane.read() < newest {
        let positions = newest.0.saturating_sub(lane.read().0);
        tracing::warn!(positions, "more waited for a handler that is gone than is written down one by one");
    }
}
