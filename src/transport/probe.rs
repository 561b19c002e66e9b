//! Trying a client out, step by step: resolve, connect, tunnel, handshake, authenticate, request.
//!
//! The steps up to the handshake are made on a connection of the probe's own, with the client's settings and without what
//! it remembers of earlier ones; the request then goes the way of every other.

use super::client::{HttpClient, Request, USER_AGENT};
use super::egress::{self, ResolveError, literal};
use super::failure::{causes, reason_of_io, reason_of_tls, said_of_tls};
use super::identity::Identity;
use super::material::{self, Certificate};
use super::token::origin;
use super::{FailureReason, Fault, HeaderMap, ProxySpec, Scheme, Url};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::Method;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

/// Longest time for a step whose timeout the client has switched off: somebody waits for the answer.
const STEP_MAX: Duration = Duration::from_secs(30);

/// Bytes read of what a proxy answers to CONNECT.
const TUNNEL_HEAD_BYTES_MAX: usize = 8 * 1024;

/// A step of trying a client out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepName {
    /// The name of the host, or of the proxy, is looked up.
    Resolve,
    /// A TCP connection is made.
    Connect,
    /// The proxy connects to the server.
    Tunnel,
    /// TLS.
    TlsHandshake,
    /// What says who the client is, is had.
    Authenticate,
    /// A request is answered.
    Request,
}

impl StepName {
    /// Returns the name that people are shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tunnel => "proxy tunnel",
            Self::TlsHandshake => "TLS handshake",
            Self::Authenticate => "authenticate",
            Self::Request => "request",
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// How long it took.
    pub took: Duration,
    /// What came of it, for people, or why it failed.
    pub outcome: Result<String, Fault>,
}

/// A connection, encrypted or not.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl HttpClient {
    /// Tries the way to an address; `tell` is told of each step when it ends. Stops at the first that fails, and returns
    /// whether none did.
    pub async fn probe(&self, url: &Url, mut tell: impl FnMut(Step)) -> bool {
        let mut probe = Probe { client: self, url, tell: &mut tell };
        probe.run().await.is_some()
    }
}

struct Probe<'a, F> {
    client: &'a HttpClient,
    url: &'a Url,
    tell: &'a mut F,
}

impl<F: FnMut(Step)> Probe<'_, F> {
    async fn run(&mut self) -> Option<()> {
        let client = self.client;
        let proxy = client.proxy_for(self.url).cloned();
        let limit = client.spec().connect_timeout.unwrap_or(STEP_MAX);
        let addresses = self.step(StepName::Resolve, limit, resolve(client, self.url, proxy.as_ref())).await?;
        let stream = self.step(StepName::Connect, limit, connect(addresses)).await?;
        let mut wire: Box<dyn Wire> = Box::new(stream);
        let is_https = self.url.scheme() == "https";
        if let Some(proxy) = proxy.filter(|_| is_https) {
            wire = self.step(StepName::Tunnel, limit, tunnel(client, self.url, proxy, wire)).await?;
        }
        if is_https {
            let host = self.url.host_str().unwrap_or_default().to_owned();
            let handshake = async {
                let stream = handshake(client, &host, wire).await?;
                Ok(((), shown(&stream)))
            };
            self.step(StepName::TlsHandshake, limit, handshake).await?;
        }
        self.step(StepName::Authenticate, STEP_MAX, authenticate(client)).await?;
        self.step(StepName::Request, STEP_MAX, request(client, self.url)).await
    }

    /// Makes a step, with its limit, and tells of it.
    async fn step<T>(
        &mut self,
        name: StepName,
        limit: Duration,
        step: impl Future<Output = Result<(T, String), Fault>>,
    ) -> Option<T> {
        let clock = self.client.clock();
        let started = clock.elapsed();
        let made = tokio::select! {
            biased;
            made = step => made,
            () = clock.sleep(limit) => {
                let reason = match name {
                    StepName::Authenticate => FailureReason::TokenUnavailable,
                    StepName::Request => FailureReason::Timeout,
                    _ => FailureReason::ConnectTimeout,
                };
                Err(Fault::new(reason, format!("not within {limit:?}")))
            }
        };
        let took = clock.elapsed().saturating_sub(started);
        let (made, outcome) = match made {
            Ok((made, said)) => (Some(made), Ok(said)),
            Err(fault) => (None, Err(fault)),
        };
        (self.tell)(Step { name, took, outcome });
        made
    }
}

type Made<T> = Result<(T, String), Fault>;

async fn resolve(client: &HttpClient, url: &Url, proxy: Option<&ProxySpec>) -> Made<Vec<SocketAddr>> {
    let refused = |error: egress::EgressRefused| Fault::new(FailureReason::EgressRefused, error.to_string());
    let rules = &client.spec().egress;
    // What stands in the place of a name is judged even where the proxy connects to it.
    rules.check_literal(url.host_str().unwrap_or_default()).map_err(refused)?;
    let (host, port, rules, whose) = match proxy {
        Some(proxy) => (proxy.hostname.as_str(), proxy.port, rules.for_proxy(), " (the proxy)"),
        None => (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0), rules.clone(), ""),
    };
    if let Some(address) = literal(host) {
        rules.check(address).map_err(refused)?;
        return Ok((vec![SocketAddr::new(address, port)], format!("{address} is an address{whose}")));
    }
    let found = egress::resolve(host, port, &rules).await.map_err(|error| match error {
        ResolveError::Refused(error) => refused(error),
        ResolveError::Lookup(error) => Fault::new(FailureReason::Dns, format!("`{host}`: {error}")),
    })?;
    if found.is_empty() {
        return Err(Fault::new(FailureReason::Dns, format!("`{host}` has no address")));
    }
    let shown: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
    Ok((found, format!("{host}{whose} is {}", shown.join(", "))))
}

async fn connect(addresses: Vec<SocketAddr>) -> Made<TcpStream> {
    let mut last = Fault::new(FailureReason::Unreachable, "there is no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((stream, format!("connected to {address}"))),
            Err(error) => {
                let reason = reason_of_io(error.kind()).unwrap_or(FailureReason::Unreachable);
                last = Fault::new(reason, format!("{address}: {error}"));
            }
        }
    }
    Err(last)
}

async fn handshake(client: &HttpClient, host: &str, wire: Box<dyn Wire>) -> Result<TlsStream<Box<dyn Wire>>, Fault> {
    let name = match literal(host) {
        Some(address) => ServerName::IpAddress(IpAddr::into(address)),
        None => ServerName::try_from(host.to_owned())
            .map_err(|_| Fault::new(FailureReason::TlsCertificate, format!("`{host}` is no name for TLS")))?,
    };
    let mut tls = client.tls().clone();
    tls.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(tls)).connect(name, wire).await.map_err(|error| tls_fault(&error))
}

fn tls_fault(error: &io::Error) -> Fault {
    let tls = causes(error).into_iter().find_map(|cause| cause.downcast_ref::<rustls::Error>());
    let reason = match tls {
        Some(tls) => reason_of_tls(tls),
        None => reason_of_io(error.kind()).unwrap_or(FailureReason::TlsHandshake),
    };
    Fault::new(reason, tls.map_or_else(|| error.to_string(), said_of_tls))
}

/// Says what was agreed on and who the server is.
fn shown(stream: &TlsStream<Box<dyn Wire>>) -> String {
    let (_, connection) = stream.get_ref();
    let mut said: Vec<String> = Vec::new();
    said.extend(connection.protocol_version().and_then(|version| version.as_str()).map(str::to_owned));
    said.extend(connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).map(str::to_owned));
    said.extend(connection.alpn_protocol().map(|alpn| String::from_utf8_lossy(alpn).into_owned()));
    let certificate = connection.peer_certificates().and_then(|all| all.first().cloned());
    if let Some(certificate) = certificate.and_then(|der| Certificate::from_der(der.into_owned()).ok()) {
        said.push(format!("certificate `{}` until {}", certificate.subject, material::shown(certificate.not_after)));
    }
    said.join(", ")
}

async fn tunnel(client: &HttpClient, url: &Url, proxy: ProxySpec, mut wire: Box<dyn Wire>) -> Made<Box<dyn Wire>> {
    if proxy.scheme == Scheme::Https {
        let inner = handshake(client, &proxy.hostname, wire)
            .await
            .map_err(|fault| Fault { detail: format!("the proxy: {}", fault.detail), ..fault })?;
        wire = Box::new(inner);
    }
    let target = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443));
    let mut head =
        Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {USER_AGENT}\r\n"));
    if let Some(username) = &proxy.username {
        let pair = Zeroizing::new(format!("{username}:{}", proxy.password.as_ref().map_or("", |p| p.expose())));
        head.push_str(&format!("Proxy-Authorization: Basic {}\r\n", *Zeroizing::new(STANDARD.encode(pair.as_bytes()))));
    }
    head.push_str("\r\n");
    let lost = |error: io::Error| {
        let reason = reason_of_io(error.kind()).unwrap_or(FailureReason::ConnectionReset);
        Fault::new(reason, format!("the proxy: {error}"))
    };
    wire.write_all(head.as_bytes()).await.map_err(lost)?;
    wire.flush().await.map_err(lost)?;
    let line = first_line(&mut wire).await.map_err(lost)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok((wire, format!("{}:{} connected to {target}", proxy.hostname, proxy.port))),
        // 401 is what tinyproxy says where it means 407.
        Some(status @ (401 | 407)) => {
            Err(Fault::new(FailureReason::ProxyAuthentication, format!("the proxy answered {status}")))
        }
        Some(status) => Err(Fault::new(FailureReason::ProxyRefused, format!("the proxy answered {status}"))),
        None => Err(Fault::new(FailureReason::ProxyRefused, "what the proxy answered is not HTTP")),
    }
}

/// Reads the head of an answer to its end and returns its first line.
async fn first_line(wire: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < TUNNEL_HEAD_BYTES_MAX {
        head.push(wire.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

async fn authenticate(client: &HttpClient) -> Made<()> {
    let said = match client.identity() {
        Identity::Nobody => "not asked for".to_owned(),
        Identity::Fixed(_) => "requests carry the configured credentials".to_owned(),
        Identity::Tokens(tokens) => {
            let token = tokens.token().await?;
            let holds = token.lifetime.map_or_else(String::new, |holds| format!(", for {} s", holds.as_secs()));
            let through = tokens.sender().id();
            let through =
                if through == client.id() { String::new() } else { format!(" through the HTTP client `{through}`") };
            format!("a token of {}{through}{holds}", origin(tokens.endpoint()))
        }
    };
    Ok(((), said))
}

/// Asks for the head only: whatever is at the address is not told of an alarm that is none.
async fn request(client: &HttpClient, url: &Url) -> Made<()> {
    let deadline = STEP_MAX;
    let request = || Request { url: url.clone(), headers: HeaderMap::new(), body: Bytes::new(), deadline };
    let answer = client.perform(Method::HEAD, request()).await.result?;
    if answer.status == 400 && url.scheme() == "https" {
        // Why it is one, nginx says in a body, which HEAD has not; OPTIONS tells nobody of an alarm either.
        let options = client.perform(Method::OPTIONS, request()).await.result?;
        if let Some(reason) = options.failure().filter(|reason| reason.is_authentication()) {
            let said = "the server answers 400: it misses a client certificate, or does not accept the one that it got";
            return Err(Fault::new(reason, said));
        }
    }
    let status = answer.status;
    match answer.failure() {
        // Many services take POST alone.
        None | Some(FailureReason::NotFound | FailureReason::BodyRefused | FailureReason::RequestRefused) => {}
        Some(_) if status == 501 => {}
        Some(reason) => return Err(Fault::new(reason, format!("HEAD was answered with {status}"))),
    }
    Ok(((), format!("HEAD was answered with {status}")))
}
