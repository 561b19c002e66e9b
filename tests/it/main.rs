//! Tests that run the program or large parts of it; one binary, so that it links once. Each has a world of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test ends at the first surprise, and says what it cannot test"
)]

mod boot;
mod change_of_names;
mod check;
mod clients;
mod commit;
#[path = "../conformance/mod.rs"]
mod conformance;
mod crash;
mod crash_delivery;
#[path = "../crash/mod.rs"]
mod crashes;
mod data_folder;
mod deliveries;
mod egress;
mod fates;
mod fault_matrix;
mod fuzz_smoke;
mod harness;
mod intake;
mod listener;
mod oauth;
mod outside_text;
#[path = "../peers/mod.rs"]
mod peers;
mod proxy;
mod receive;
mod restart;
mod schema;
mod script;
mod script_manners;
mod secrets;
mod session;
mod session_manners;
mod shell_client;
mod site_modules;
mod tls;
mod transcripts;
mod transport;
mod webhook;
mod whoever_heard;
