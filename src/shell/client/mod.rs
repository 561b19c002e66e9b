//! The shell's client.
