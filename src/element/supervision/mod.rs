//! The element watches itself: reports of its parts become alarms of its own.
//!
//! Every part says what it sees of a [`Subject`] to a [`Supervisor`]: a fault, that all is well, that a condition holds
//! or is gone. Faults count in a [`SlidingWindow`], an alarm clears after a quiet time; what comes of it is reported to
//! the ledger by one task.
//!
//! ```
//! # use annunciator::element::supervision::{SlidingWindow, Subject, Supervisor, Words};
//! # use annunciator::alarm::{OwnType, Severity};
//! # use annunciator::clock::Clock;
//! # use std::time::Duration;
//! let supervisor = Supervisor::new(Clock::system());
//! let subject = Subject::new(OwnType::FailedConnection, "http-client", "c1").qualified("https://a.example:443");
//! supervisor.fault(&subject, Severity::Minor, SlidingWindow::default(), || Words::detail("connection refused"));
//! supervisor.fine(&subject, Duration::from_secs(5));
//! ```
//!
//! **Invariants**: saying something never waits and never fails. What is said of one subject is reported in order, the
//! newest only when the ledger is behind. An alarm that stood before a restart stands until somebody says otherwise.

mod configuration;
mod handlers;
mod reserve;
mod storage;
mod supervisor;
mod watch;

pub use configuration::{StartFindings, tell_commit, tell_start, tell_whole, watch_commits};
pub use handlers::{look_at_handlers, watch_handlers};
pub use storage::{ELEMENT, Room, RoomWatch, watch_room};
pub use supervisor::{NodeName, Subject, Supervisor, Words};
pub use watch::SlidingWindow;
