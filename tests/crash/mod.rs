//! The real program under load with real receivers that fail: killed, stopped, on a full disk; and its handlers changed.
//!
//! `ANNUNCIATOR_CRASHES` says how often it is killed; 100 times where it says nothing.

mod changes;
mod disk;
mod model;
mod rounds;
