//! Outbound HTTP under named clients, and the HTTP listener that faces share.
//!
//! * [`Transport`] builds an [`HttpClient`] from an [`HttpClientSpec`]; [`HttpClient::post`] makes one [`Attempt`].
//! * [`HttpServer`] accepts connections for any router, with limits and an orderly end.
//!
//! **Invariants**: a redirect is never followed, no proxy is taken from the environment, nothing is decompressed, no
//! cookie is kept. One TLS provider (ring), handed over explicitly: there is no process-wide state. Every attempt
//! ends at its deadline, the reading of the body included. A secret is in no `Debug`, no error and no log.
//! An address that the client's egress rules refuse is not connected to, whatever way it is spelled or resolved.

mod assertion;
mod attempt;
mod client;
mod connecting;
mod crowd;
mod echo;
mod egress;
mod failure;
mod identity;
mod lent;
mod limit;
pub mod material;
mod observe;
mod patience;
mod probe;
mod proxy;
mod server;
mod spec;
mod tls;
mod token;
mod token_reply;
mod verify;

pub use attempt::{Answer, Attempt, Fault, HEADERS_KEPT_BYTES_MAX, RESPONSE_BODY_BYTES_MAX};
pub use client::{HttpClient, Request, USER_AGENT};
pub use echo::concealed_text;
pub use egress::{EgressRefused, EgressSpec, IpRange};
pub use failure::FailureReason;
pub use observe::{End, Observation, Observer};
pub use probe::{Step, StepName};
pub use proxy::{Bypass, ProxySpec};
pub use reqwest::Url;
pub use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use server::{HttpServer, ServerLimits};
pub use spec::{
    Authentication, ClientAlarmSpec, ClientProof, HttpClientSpec, OAuthSpec, PoolSpec, RetrySpec, Scheme,
    SlowThresholds, TlsSpec, TlsVersion, TokenRoute,
};
pub use tls::{NoSupplies, Supplies, Transport};
