//! Integration tests: one binary, each test with a world of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test ends at the first surprise, and says what it cannot test"
)]

mod alertmanager_clients;
mod harness;
mod intake;
mod listener;
mod receive;
mod shell_client;
mod transcripts;
mod transport;
mod webhook;
