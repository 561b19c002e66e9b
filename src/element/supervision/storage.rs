//! Whether there is room to write: the disk under the data folder, and the alarm list.

use super::reserve::Reserve;
use super::{Subject, Supervisor, Words};
use crate::alarm::{OwnType, Severity};
use crate::clock::{Clock, format_utc};
use crate::ledger::Ledger;
use crate::store::{Refusal, files_set_aside};
use crate::task::Scope;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The resource type of the element itself.
pub const ELEMENT: &str = "element";

/// How often is looked: who is refused because something is full soon finds the alarm that says so, and looking costs a
/// system call or two.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Free bytes below which there is little room: a busy hour of the journal.
const LOW_BYTES: u64 = 256 << 20;

/// Free bytes below which there is hardly any: what the write-ahead logs may take before they are moved into the files.
const VERY_LOW_BYTES: u64 = 64 << 20;

/// How much more must be free before an alarm about it clears: a disk at the edge must not make it come and go.
const SPARE: u64 = 2;

/// Of how many hundredths the list must stand for it to count as full no longer.
const FULL_UNTIL_PERCENT: usize = 90;

/// What is known of the room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes free for this process under the data folder; `None` when the system does not say.
    pub free_bytes: Option<u64>,
    /// Alarms that stand.
    pub standing: usize,
    /// Alarms that are kept at most.
    pub alarms_max: usize,
    /// Reports refused since the start because the list was full.
    pub refused: u64,
}

/// Looks at the room there is.
#[derive(Debug)]
pub struct RoomWatch {
    refused: u64,
}

impl RoomWatch {
    /// Begins to look.
    #[must_use]
    pub fn new() -> Self {
        Self { refused: 0 }
    }

    /// Says what the room there is means.
    pub fn look(&mut self, supervisor: &Supervisor, node: &str, room: Room) {
        if let Some(free) = room.free_bytes {
            look_at_disk(supervisor, node, free);
        }
        let full = Subject::new(OwnType::AlarmListFull, ELEMENT, node);
        let more = room.refused.saturating_sub(self.refused);
        self.refused = room.refused;
        if more > 0 {
            let said = format!("{} alarms are kept at most, and reports of further ones are refused.", room.alarms_max);
            if !supervisor.stands(&full) {
                supervisor.raise(&full, Severity::Major, Words::detail(said));
            }
        } else if room.standing.saturating_mul(100) <= room.alarms_max.saturating_mul(FULL_UNTIL_PERCENT) {
            supervisor.clear(&full);
        }
    }
}

impl Default for RoomWatch {
    fn default() -> Self {
        Self::new()
    }
}

fn look_at_disk(supervisor: &Supervisor, node: &str, free: u64) {
    let low = Subject::new(OwnType::LowDiskSpace, ELEMENT, node);
    let said = || Words::detail(format!("{} MiB are free.", free >> 20));
    if free < VERY_LOW_BYTES {
        supervisor.fault(&low, Severity::Major, super::SlidingWindow::AT_ONCE, said);
    } else if free < LOW_BYTES {
        supervisor.fault(&low, Severity::Warning, super::SlidingWindow::AT_ONCE, said);
    } else if free >= LOW_BYTES.saturating_mul(SPARE) {
        supervisor.clear(&low);
    }
}

/// How long writes must succeed before the alarm clears that says that they were refused: it is told only then.
const WRITES_QUIET: Duration = Duration::from_secs(60);

/// Says that writes are refused for another reason than a full disk, or that they succeed.
fn look_at_writes(supervisor: &Supervisor, node: &str, refusal: Option<&Refusal>) {
    let failing = Subject::new(OwnType::StorageFailing, ELEMENT, node);
    match refusal.filter(|refusal| !refusal.is_full) {
        Some(Refusal { since, reason, .. }) => {
            let words = || Words::detail(format!("Writes are refused since {}: {reason}", format_utc(*since)));
            supervisor.fault(&failing, Severity::Critical, super::SlidingWindow::AT_ONCE, words);
        }
        None => supervisor.fine(&failing, WRITES_QUIET),
    }
}

/// Says which files are in the data folder that were set aside because they are damaged.
fn look_at_damage(supervisor: &Supervisor, node: &str, aside: &[String]) {
    let damaged = Subject::new(OwnType::StorageDamaged, ELEMENT, node);
    if aside.is_empty() {
        supervisor.clear(&damaged);
    } else {
        let detail = aside.iter().map(|name| format!("Set aside: `{name}`.")).collect();
        supervisor.raise(&damaged, Severity::Major, Words { brief: None, detail });
    }
}

/// Looks at the disk and the alarm list until the scope stops.
pub async fn watch_room(
    supervisor: &Supervisor,
    ledger: &Ledger,
    node: &super::NodeName,
    data_dir: &Path,
    clock: &Clock,
    scope: &Scope,
) {
    let mut watch = RoomWatch::new();
    let reserve = Reserve::new(data_dir);
    // One that stood when the process ended stands until there is room to keep again.
    let mut is_spent = supervisor.stands(&Subject::new(OwnType::StorageFull, ELEMENT, &*node()));
    loop {
        let free_bytes = free_bytes(data_dir.to_owned()).await;
        let aside = set_aside(data_dir.to_owned()).await;
        let list = ledger.alarms();
        let (standing, alarms_max) = (list.standing(), list.control().alarms_max);
        drop(list);
        let node = node();
        watch.look(supervisor, &node, Room { free_bytes, standing, alarms_max, refused: ledger.refused() });
        look_at_writes(supervisor, &node, ledger.refusal().as_ref());
        if let Some(aside) = aside {
            look_at_damage(supervisor, &node, &aside);
        }
        let subject = Subject::new(OwnType::StorageFull, ELEMENT, &*node);
        if ledger.is_disk_full() {
            if !supervisor.stands(&subject) {
                tracing::error!("the disk under the data folder is full: nothing can be written");
            }
            // What was kept makes room for the alarm itself, and for telling it.
            is_spent |= changed(&reserve, Reserve::spend).await;
            supervisor.raise(&subject, Severity::Critical, Words::default());
        } else {
            let is_kept = changed(&reserve, move |reserve| reserve.keep(free_bytes.unwrap_or(0))).await;
            if is_kept || !is_spent {
                is_spent = false;
                supervisor.clear(&subject);
            }
        }
        tokio::select! {
            () = scope.stopped() => return,
            () = clock.sleep(LOOK_EVERY) => {}
        }
    }
}

/// Does something with the reserve, and returns what it says; a disk that does not let it is not worth more than a word.
async fn changed(reserve: &Reserve, change: impl FnOnce(&Reserve) -> io::Result<bool> + Send + 'static) -> bool {
    let reserve = reserve.clone();
    match tokio::task::spawn_blocking(move || change(&reserve)).await {
        Ok(Ok(is_so)) => is_so,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the room that is kept on the disk could not be changed");
            false
        }
        Err(_) => false,
    }
}

/// Looks for files that were set aside.
async fn set_aside(folder: PathBuf) -> Option<Vec<String>> {
    let asked = tokio::task::spawn_blocking(move || files_set_aside(&folder));
    asked.await.ok().and_then(Result::ok)
}

/// Asks the system how much is free; a network disk may take a while to answer.
async fn free_bytes(folder: PathBuf) -> Option<u64> {
    let asked = tokio::task::spawn_blocking(move || crate::persist::free_bytes(&folder));
    asked.await.ok().and_then(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn writes_that_are_refused_are_an_alarm_until_they_have_succeeded_for_a_while() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let supervisor = Supervisor::new(clock.clone());
        let failing = Subject::new(OwnType::StorageFailing, ELEMENT, "n1");
        let refusal = |is_full| Refusal { since: Timestamp::UNIX_EPOCH, reason: "read-only".into(), is_full };
        look_at_writes(&supervisor, "n1", None);
        look_at_writes(&supervisor, "n1", Some(&refusal(true)));
        assert!(!supervisor.stands(&failing));
        look_at_writes(&supervisor, "n1", Some(&refusal(false)));
        assert!(supervisor.stands(&failing));
        // It could not be told while they were refused: it stands for some time after that.
        look_at_writes(&supervisor, "n1", None);
        assert!(supervisor.stands(&failing));
    }

    #[test]
    fn a_file_set_aside_is_an_alarm_while_it_is_there() {
        let supervisor = Supervisor::new(Clock::manual(Timestamp::UNIX_EPOCH));
        let damaged = Subject::new(OwnType::StorageDamaged, ELEMENT, "n1");
        for (aside, stands) in [(vec![], false), (vec!["records.db.damaged-1".to_owned()], true), (vec![], false)] {
            look_at_damage(&supervisor, "n1", &aside);
            assert_eq!(supervisor.stands(&damaged), stands);
        }
    }

    #[test]
    fn little_room_is_an_alarm_until_there_is_some_to_spare() {
        let supervisor = Supervisor::new(Clock::manual(Timestamp::UNIX_EPOCH));
        let mut watch = RoomWatch::new();
        let mut look = |free: u64, standing, refused| {
            let room = Room { free_bytes: Some(free), standing, alarms_max: 100, refused };
            watch.look(&supervisor, "n1", room);
            let stands = |own| supervisor.stands(&Subject::new(own, ELEMENT, "n1"));
            (stands(OwnType::LowDiskSpace), stands(OwnType::AlarmListFull))
        };
        assert_eq!(look(1 << 40, 100, 0), (false, false));
        assert_eq!(look(LOW_BYTES - 1, 100, 3), (true, true));
        assert_eq!(look(LOW_BYTES + 1, 95, 3), (true, true));
        assert_eq!(look(LOW_BYTES * 2, 90, 3), (false, false));
    }
}
