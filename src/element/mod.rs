//! The participants: what turns settings into running parts, and reports of parts into alarms.
//!
//! **Invariants**: whatever can fail, fails in prepare; an unchanged part is left alone by a commit.

mod http_server;

pub use http_server::HttpListener;
