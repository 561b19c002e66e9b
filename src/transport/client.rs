//! A named HTTP client: one pool of kept-alive connections, one way to say who it is, and one attempt at a time.

use super::attempt::bounded_headers;
use super::connecting::{TellConnecting, watch_silence};
use super::echo::{concealed_text, mask_of};
use super::egress::GuardedResolver;
use super::failure::{detail_of, reason_of};
use super::identity::Identity;
use super::limit::Limits;
use super::material::{KeyStore, TrustStore};
use super::observe::{End, Observation, Observer};
use super::spec::address;
use super::tls::{Supplies, Transport};
use super::token::{Token, origin};
use super::{Answer, Attempt, FailureReason, Fault, HeaderMap, HeaderValue, HttpClientSpec};
use super::{ProxySpec, RESPONSE_BODY_BYTES_MAX, Scheme, Url};
use crate::clock::Clock;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::{Mask, PLACEHOLDER};
use bytes::{Bytes, BytesMut};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, USER_AGENT as USER_AGENT_HEADER};
use rustls::ClientConfig;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What this element calls itself.
pub const USER_AGENT: &str = concat!("annunciator/", env!("CARGO_PKG_VERSION"));

/// Connections to one host without a limit of the configuration, all of them kept when idle: as many as the handlers that
/// share a client have in flight at a busy time. More would only be opened and closed again, and a thousand that come at
/// once are more than a listener has room for.
pub(super) const PER_ROUTE_MAX: usize = 256;

/// How long an idle connection is kept without a limit of the configuration: below the five seconds after which the most
/// impatient common servers close theirs, because a request that meets the close is a failed attempt.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// One request to make.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// Headers beside those of the client. One that is marked sensitive is shown as a placeholder.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// From start to the end of the response's body.
    pub deadline: Duration,
}

/// A named HTTP client. What it was built with stays with it, so that whoever holds it can finish what is under way after
/// another has taken its place.
pub struct HttpClient {
    spec: HttpClientSpec,
    clock: Clock,
    client: reqwest::Client,
    tls: ClientConfig,
    identity: Identity,
    limits: Limits,
    observer: Observer,
    supplied: Supplied,
    mask: Arc<Mask>,
}

/// What a client was built with, beside its specification.
#[derive(Debug, Clone, Default)]
struct Supplied {
    truststore: Option<Arc<TrustStore>>,
    keystores: Vec<Arc<KeyStore>>,
    token_client: Option<Arc<HttpClient>>,
}

impl Supplied {
    fn of(spec: &HttpClientSpec, supplies: &dyn Supplies) -> Self {
        Self {
            truststore: spec.uses_truststore().then(|| supplies.truststore()).flatten(),
            keystores: spec.keystores().into_iter().filter_map(|id| supplies.keystore(id)).collect(),
            token_client: spec.token_client().and_then(|id| supplies.client(id)),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let same_trust = match (&self.truststore, &other.truststore) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
            (one, other) => one.is_none() && other.is_none(),
        };
        let same_client = match (&self.token_client, &other.token_client) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        same_trust && same_client && self.keystores == other.keystores
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({})", self.spec.id)
    }
}

impl HttpClient {
    pub(super) fn build(
        spec: &HttpClientSpec,
        transport: &Transport,
        supplies: &dyn Supplies,
    ) -> Result<Self, Diagnostics> {
        Self::build_observed(spec, transport, supplies, Arc::clone(transport.observer()))
    }

    pub(super) fn build_observed(
        spec: &HttpClientSpec,
        transport: &Transport,
        supplies: &dyn Supplies,
        observer: Observer,
    ) -> Result<Self, Diagnostics> {
        let mut faults = Diagnostics::new();
        let is_encrypted =
            spec.scheme == Scheme::Https || spec.proxy.as_ref().is_some_and(|proxy| proxy.scheme == Scheme::Https);
        let tls = transport.tls(&spec.tls, spec.http2, is_encrypted, supplies);
        let tls = tls.map_err(|all| faults.extend(all)).ok();
        let identity = Identity::build(spec, transport, supplies, &observer).map_err(|all| faults.extend(all)).ok();
        let client = tls.and_then(|tls| {
            let built = build_inner(spec, tls.clone());
            built.map_err(|all| faults.extend(all)).ok().map(|client| (client, tls))
        });
        match (client, identity) {
            (Some((client, tls)), Some(identity)) if !faults.has_errors() => Ok(Self {
                spec: spec.clone(),
                clock: transport.clock().clone(),
                client,
                tls,
                identity,
                limits: Limits::new(spec.pool.as_ref()),
                observer,
                supplied: Supplied::of(spec, supplies),
                mask: Arc::new(mask_of(spec)),
            }),
            _ => Err(faults),
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.spec.id
    }

    /// Returns what it is configured to be.
    #[must_use]
    pub fn spec(&self) -> &HttpClientSpec {
        &self.spec
    }

    /// Returns whether a specification and what it refers to would make the same client.
    #[must_use]
    pub fn is_as(&self, spec: &HttpClientSpec, supplies: &dyn Supplies) -> bool {
        self.spec == *spec && self.supplied.is_same(&Supplied::of(spec, supplies))
    }

    /// Returns the origin of a web service that is reached through this client: `https://a.example:443`.
    #[must_use]
    pub fn origin_of(&self, hostname: &str, port: u16) -> Option<String> {
        address(self.spec.scheme, hostname, port, "/").ok().map(|url| origin(&url))
    }

    /// Returns the origin of the token endpoint, when there is one.
    #[must_use]
    pub fn token_origin(&self) -> Option<String> {
        match &self.identity {
            Identity::Tokens(tokens) => Some(origin(tokens.endpoint())),
            _ => None,
        }
    }

    pub(super) fn tls(&self) -> &ClientConfig {
        &self.tls
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Makes the address of a web service that is reached through this client.
    ///
    /// # Errors
    /// When the host is not a host name or address, the context not a path, or the egress rules refuse the literal.
    pub fn address(&self, hostname: &str, port: u16, context: &str) -> Result<Url, Diagnostic> {
        let url = address(self.spec.scheme, hostname, port, context)?;
        let host = url.host_str().unwrap_or_default();
        self.spec.egress.check_literal(host).map_err(|error| Diagnostic::error(error.to_string()))?;
        Ok(url)
    }

    /// Returns the headers of a request as the delivery log shows them: secrets as a placeholder.
    #[must_use]
    pub fn shown_headers(&self, request: &HeaderMap) -> Vec<(String, String)> {
        let mut shown = vec![(USER_AGENT_HEADER.as_str().to_owned(), USER_AGENT.to_owned())];
        if self.identity.sends_header() {
            shown.push((AUTHORIZATION.as_str().to_owned(), PLACEHOLDER.to_owned()));
        }
        shown.extend(request.iter().map(|(name, value)| {
            let text = if value.is_sensitive() {
                PLACEHOLDER.to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str().to_owned(), text)
        }));
        shown
    }

    /// Returns what finds the secrets that it sends, where a peer sends them back.
    #[must_use]
    pub fn masks(&self) -> Vec<Arc<Mask>> {
        let tokens = match &self.identity {
            Identity::Tokens(tokens) => Some(tokens.mask()),
            _ => None,
        };
        tokens.into_iter().chain([Arc::clone(&self.mask)]).filter(|mask| !mask.is_empty()).collect()
    }

    /// Returns the proxy through which a host is reached.
    pub(super) fn proxy_for(&self, url: &Url) -> Option<&ProxySpec> {
        self.spec.proxy.as_ref().filter(|proxy| proxy.serves(url.host_str().unwrap_or_default()))
    }

    /// Makes one attempt to POST. Never follows a redirect; tries again only as `retry-on-failures` says, within the
    /// attempt's own time.
    pub async fn post(&self, request: Request) -> Attempt {
        self.perform(Method::POST, request).await
    }

    pub(super) async fn perform(&self, method: Method, request: Request) -> Attempt {
        // Held until the body is read: the connection is in use as long. That others are before it is no fault of the peer's,
        // so the deadline is from here on; each of those has one.
        let origin = origin(&request.url);
        let _place = self.limits.place(&origin).await;
        let started = self.clock.elapsed();
        let deadline = request.deadline;
        let mut progress =
            Progress { since: started, until: started.saturating_add(deadline), head: None, gets_token: false };
        let result = {
            let exchange = self.persist(&method, &request, &mut progress);
            tokio::pin!(exchange);
            tokio::select! {
                biased;
                done = &mut exchange => Some(done),
                () = self.clock.sleep(deadline) => None,
            }
        };
        let result = result.unwrap_or_else(|| {
            let (reason, what) = if progress.gets_token {
                (FailureReason::TokenUnavailable, "no token")
            } else {
                (FailureReason::Timeout, "no whole response")
            };
            Err(Fault::new(reason, format!("{what} within {deadline:?}")))
        });
        let ended = self.clock.elapsed();
        let (duration, took) = (ended.saturating_sub(started), ended.saturating_sub(progress.since));
        let (remote, partial) = progress
            .head
            .map_or((None, None), |head| (head.remote, Some(Answer { body: head.body.freeze(), ..head.answer })));
        let result = match (result, partial) {
            (Ok(()), Some(answer)) => Ok(answer),
            (Ok(()), None) => Err(Fault::new(FailureReason::ProtocolError, "the response has no head")),
            (Err(fault), partial) => {
                let detail = concealed_text(&self.masks(), &fault.detail).into_owned();
                Err(Fault { detail, partial, ..fault })
            }
        };
        self.observe(&origin, &result, took);
        Attempt { duration, remote, result }
    }

    /// Tells how an attempt ended. What a token endpoint did was told when it did it.
    fn observe(&self, origin: &str, result: &Result<Answer, Fault>, took: Duration) {
        let end = match result {
            Ok(answer) => End::Answered { status: answer.status, failure: answer.failure() },
            Err(fault) if matches!(fault.reason, FailureReason::TokenRefused | FailureReason::TokenUnavailable) => {
                return;
            }
            Err(fault) => {
                End::Failed { reason: fault.reason, detail: &fault.detail, has_begun: fault.partial.is_some() }
            }
        };
        let alarms = &self.spec.alarms;
        (self.observer)(&Observation { client: &self.spec.id, origin, alarms, end, took: Some(took) });
    }

    /// Repeats what failed for the moment.
    async fn persist(&self, method: &Method, request: &Request, progress: &mut Progress) -> Result<(), Fault> {
        let mut repeated = 0;
        loop {
            let result = self.authenticated(method, request, progress).await;
            let is_momentary = match &result {
                Ok(()) => matches!(progress.status(), Some(502..=504)),
                Err(fault) => fault.reason.is_momentary(),
            };
            let retries = self.spec.retries.as_ref().filter(|retries| is_momentary && repeated < retries.retries_max);
            let left = progress.until.saturating_sub(self.clock.elapsed());
            match retries {
                Some(retries) if retries.interval < left => {
                    repeated = repeated.saturating_add(1);
                    self.clock.sleep(retries.interval).await;
                }
                _ => return result,
            }
        }
    }

    /// Sends a request with what says who the client is; a token that is not accepted is fetched again once.
    async fn authenticated(&self, method: &Method, request: &Request, progress: &mut Progress) -> Result<(), Fault> {
        progress.head = None;
        let tokens = match &self.identity {
            Identity::Nobody => return self.exchange(method, request, None, progress).await,
            Identity::Fixed(header) => return self.exchange(method, request, Some(header), progress).await,
            Identity::Tokens(tokens) => tokens,
        };
        let token = Self::token(tokens.token(), progress).await?;
        let result = self.exchange(method, request, Some(&token.header), progress).await;
        if progress.status() != Some(401) {
            if result.is_ok() {
                tokens.accept();
            }
            return result;
        }
        tokens.reject(&token);
        let Ok(fresh) = Self::token(tokens.token(), progress).await else { return result };
        if fresh.header == token.header {
            return result;
        }
        progress.head = None;
        let result = self.exchange(method, request, Some(&fresh.header), progress).await;
        if result.is_ok() && progress.status() != Some(401) {
            tokens.accept();
        }
        result
    }

    async fn token(
        getting: impl Future<Output = Result<Token, Fault>>,
        progress: &mut Progress,
    ) -> Result<Token, Fault> {
        progress.gets_token = true;
        let token = getting.await;
        progress.gets_token = false;
        token
    }

    async fn exchange(
        &self,
        method: &Method,
        request: &Request,
        authorization: Option<&HeaderValue>,
        progress: &mut Progress,
    ) -> Result<(), Fault> {
        let host = request.url.host_str().unwrap_or_default();
        let refused = self.spec.egress.check_literal(host);
        refused.map_err(|error| Fault::new(FailureReason::EgressRefused, error.to_string()))?;
        progress.since = self.clock.elapsed();
        let tunnels = request.url.scheme() == "https" && self.proxy_for(&request.url).is_some();
        let mut outgoing = reqwest::Request::new(method.clone(), request.url.clone());
        outgoing.headers_mut().clone_from(&request.headers);
        if let Some(authorization) = authorization {
            outgoing.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        *outgoing.body_mut() = Some(request.body.clone().into());
        let response = self.unless_silent(self.client.execute(outgoing), tunnels).await?;
        let answer = Answer {
            status: response.status().as_u16(),
            headers: bounded_headers(response.headers()),
            is_through_proxy: !tunnels && self.proxy_for(&request.url).is_some(),
            ..Answer::default()
        };
        let head = progress.head.insert(Head { remote: response.remote_addr(), answer, body: BytesMut::new() });
        self.read_body(response, head, tunnels).await
    }

    /// Reads up to the limit into `head`, where what came before a deadline or a reset stays as part of the record.
    /// What is left is not read: dropping the response closes its connection.
    async fn read_body(&self, mut response: reqwest::Response, head: &mut Head, tunnels: bool) -> Result<(), Fault> {
        while let Some(chunk) = self.unless_silent(response.chunk(), tunnels).await? {
            let room = RESPONSE_BODY_BYTES_MAX.saturating_sub(head.body.len());
            head.body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() > room {
                head.answer.is_truncated = true;
                return Ok(());
            }
        }
        Ok(())
    }

    async fn unless_silent<T>(
        &self,
        step: impl Future<Output = Result<T, reqwest::Error>>,
        tunnels: bool,
    ) -> Result<T, Fault> {
        let outcome = match self.spec.socket_timeout {
            None => step.await,
            Some(limit) => watch_silence(step, || self.clock.sleep(limit))
                .await
                .ok_or_else(|| Fault::new(FailureReason::Timeout, format!("the peer was silent for {limit:?}")))?,
        };
        outcome.map_err(|error| Fault::new(reason_of(&error, tunnels), detail_of(&error, tunnels)))
    }
}

/// How far an attempt is.
struct Progress {
    /// When the newest request went out.
    since: Duration,
    until: Duration,
    head: Option<Head>,
    gets_token: bool,
}

impl Progress {
    fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|head| head.answer.status)
    }
}

/// What has come of a response.
struct Head {
    remote: Option<SocketAddr>,
    answer: Answer,
    body: BytesMut,
}

fn build_inner(spec: &HttpClientSpec, tls: ClientConfig) -> Result<reqwest::Client, Diagnostics> {
    let rules = Arc::new(spec.egress.clone());
    let proxy_rules = spec.proxy.as_ref().map(|proxy| (proxy.hostname.clone(), Arc::new(spec.egress.for_proxy())));
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .dns_resolver(GuardedResolver { rules, proxy: proxy_rules })
        .connector_layer(TellConnecting)
        .tls_backend_preconfigured(tls);
    builder = match &spec.pool {
        None => builder.pool_max_idle_per_host(PER_ROUTE_MAX).pool_idle_timeout(POOL_IDLE),
        Some(pool) if pool.idle.is_zero() => builder.pool_max_idle_per_host(0),
        Some(pool) => {
            let kept = pool.per_route_max.min(pool.connections_max);
            builder.pool_max_idle_per_host(kept.into()).pool_idle_timeout(pool.idle)
        }
    };
    if !spec.http2 {
        builder = builder.http1_only();
    }
    if let Some(timeout) = spec.connect_timeout {
        builder = builder.connect_timeout(timeout);
    }
    if let Some(proxy) = &spec.proxy {
        builder = builder.proxy(reqwest_proxy(proxy, spec)?);
    }
    builder.build().map_err(|error| {
        Diagnostic::error(format!("the HTTP client cannot be built: {}", detail_of(&error, false))).into()
    })
}

fn reqwest_proxy(proxy: &ProxySpec, spec: &HttpClientSpec) -> Result<reqwest::Proxy, Diagnostics> {
    let url = address(proxy.scheme, &proxy.hostname, proxy.port, "/")?;
    let refused = spec.egress.for_proxy().check_literal(url.host_str().unwrap_or_default());
    refused.map_err(|error| Diagnostic::error(format!("the proxy: {error}")))?;
    let own = proxy.clone();
    let mut made =
        reqwest::Proxy::custom(move |target| own.serves(target.host_str().unwrap_or_default()).then(|| url.clone()));
    if let Some(username) = &proxy.username {
        made = made.basic_auth(username, proxy.password.as_ref().map_or("", |password| password.expose()));
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::{Authentication, NoSupplies, Transport};
    use super::*;
    use crate::secret::Secret;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn spec(username: &str, password: &str) -> HttpClientSpec {
        HttpClientSpec {
            scheme: Scheme::Http,
            authentication: Authentication::Basic {
                username: username.to_owned(),
                password: Some(Secret::new(password)),
            },
            ..HttpClientSpec::new("c1")
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let client = Transport::new(&Clock::system()).client(&spec("wh", "s3cret-word"), &NoSupplies).unwrap();
        let shown = format!("{client:?} {:?} {:?}", spec("wh", "s3cret-word"), client.shown_headers(&HeaderMap::new()));
        assert!(shown.contains("authorization") && shown.contains(PLACEHOLDER), "{shown}");
        assert!(!shown.contains("s3cret-word") && !shown.contains(&STANDARD.encode("wh:s3cret-word")), "{shown}");
    }

    #[test]
    fn all_faults_of_a_specification_are_told_at_once_without_the_password() {
        let faults = Transport::new(&Clock::system()).client(&spec("a:b\n", "x\u{1}y"), &NoSupplies).unwrap_err();
        assert_eq!(faults.error_count(), 3);
        assert!(!faults.to_string().contains("x\u{1}y"));
    }

    #[test]
    fn a_metadata_address_is_refused_when_it_is_configured() {
        let client = Transport::new(&Clock::system()).client(&spec("u", "p"), &NoSupplies).unwrap();
        assert!(client.address("169.254.169.254", 80, "/latest").is_err());
        assert!(client.address("2852039166", 80, "/latest").is_err());
        assert!(client.address("127.0.0.1", 80, "/x").is_ok());
    }
}
