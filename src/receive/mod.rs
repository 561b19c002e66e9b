//! A small downstream receiver of webhooks: correlates by alarm, drops what is out of order or repeated, keeps a table.
//!
//! * `notification`: both message formats → [`Notification`]; pure.
//! * `table`: what stands, and whether a notification is news; pure.
//! * [`Receiver`]: the HTTP side, with a channel of [`Event`]s, so that it runs in a process of its own or inside another.
//!
//! **Invariants**: knows nothing of the element that sends but the payload; success is answered for a repeat and for what is
//! stale, because sending it again would change nothing. Every size has a limit.

mod notification;
mod server;
mod table;

pub use notification::{BadNotification, MessageForm, Notification};
pub use server::{BODY_BYTES_MAX, Credentials, Event, Receiver, ReceiverOptions, SharedTable, Taken};
pub use table::{ALARMS_MAX, AlarmTable, DELIVERY_IDS_MAX, TableFull, Verdict};
