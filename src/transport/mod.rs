//! Outbound HTTP under named clients, and the HTTP listener that faces share.
//!
//! * [`Transport`] builds an [`HttpClient`] from an [`HttpClientSpec`]; [`HttpClient::post`] makes one [`Attempt`].
//! * [`HttpServer`] accepts connections for any router, with limits and an orderly end.
//!
//! **Invariants**: a redirect is never followed, no proxy is taken from the environment, nothing is decompressed, no
//! cookie is kept. One TLS provider (ring), handed over explicitly: there is no process-wide state. Every attempt
//! ends at its deadline, the reading of the body included. A secret is in no `Debug`, no error and no log.
//! Link-local and metadata addresses are not connected to, whatever way they are spelled or resolved.

mod attempt;
mod client;
mod connecting;
mod crowd;
mod egress;
mod failure;
mod lent;
mod patience;
mod server;
mod spec;
mod tls;

pub use attempt::{Answer, Attempt, Fault, HEADERS_KEPT_BYTES_MAX, RESPONSE_BODY_BYTES_MAX};
pub use client::{HttpClient, Request, USER_AGENT};
pub use egress::{EgressRefused, check as check_egress};
pub use failure::FailureReason;
pub use reqwest::Url;
pub use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use server::{HttpServer, ServerLimits};
pub use spec::{Authentication, HttpClientSpec, Scheme};
pub use tls::Transport;
