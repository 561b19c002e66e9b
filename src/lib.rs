//! An alarm annunciator: a network element whose whole behaviour is a YANG-modelled configuration tree.
//!
//! The layers, from the bottom up; imports go down only (`tests/tidy.rs` holds it):
//!
//! * L0 `clock` `secret` `task` `persist` `retry` `diagnostic`
//! * L1 `transport`, `codec` > `tree` > `yang`, `alarm`
//! * L2 `ledger` > `datastore` > `store`
//! * L3 `settings` > `delivery` > `handler`
//! * L4 `management` > `element`
//! * L5 `shell`, `web`, `ingest`, `receive`
//! * L6 `daemon`
//! * L7 `main`, `args`

pub mod alarm;
pub mod clock;
pub mod codec;
pub mod daemon;
pub mod datastore;
pub mod delivery;
pub mod diagnostic;
pub mod element;
pub mod handler;
pub mod ingest;
pub mod ledger;
pub mod management;
pub mod persist;
pub mod receive;
pub mod retry;
pub mod secret;
pub mod settings;
pub mod shell;
pub mod store;
pub mod task;
pub mod transport;
pub mod tree;
pub mod web;
pub mod yang;
