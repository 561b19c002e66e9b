//! Tests that run the program or large parts of it; one binary, so that it links once.

mod harness;
mod shell_client;
