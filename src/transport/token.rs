//! OAuth tokens by client credentials (RFC 6749 §4.4): fetched once for all who wait, renewed ahead of their end.

use super::assertion::{ASSERTION_TYPE, AssertionError, Signer};
use super::client::{HttpClient, Request};
use super::observe::{End, Observation, Observer};
use super::token_reply::{lacks, mended};
use super::{ClientAlarmSpec, FailureReason, Fault, HeaderValue, Url};
use crate::clock::Clock;
use crate::retry::Schedule;
use crate::secret::{Mask, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest time for one fetch: the timeouts of the client that fetches are shorter, unless they are switched off.
const FETCH_DEADLINE: Duration = Duration::from_secs(30);

/// How long a token is taken to hold whose endpoint does not say: an hour is what most say.
const LIFETIME_UNSAID: Duration = Duration::from_secs(3600);

/// A token is used for a second at least, so that an endpoint that gives shorter ones is not asked for each request.
const LIFETIME_MIN: Duration = Duration::from_secs(1);

/// Longest lifetime that is believed.
const LIFETIME_MAX: Duration = Duration::from_secs(30 * 86_400);

/// How long before its end a token is renewed, at least: a tenth of its lifetime, and not more than this. Up to as much
/// again is added by chance, so that many clients do not renew at once.
const MARGIN_MAX: Duration = Duration::from_secs(30);

/// Characters kept of what an endpoint says of a refusal.
const SAID_CHARS_MAX: usize = 200;

/// Tokens that are looked for in answers: that of an attempt which ended a moment ago may have been replaced, and a second one
/// is fetched where the first is rejected.
const GIVEN_KEPT: usize = 4;

/// How a client proves who it is.
pub(super) enum Proof {
    Secret { secret: Secret, in_header: bool },
    Assertion(Signer),
    Tls,
}

/// Fetches tokens and keeps the newest.
pub(super) struct TokenSource {
    client_id: String,
    proof: Proof,
    scopes: Vec<String>,
    endpoint: Url,
    /// What reaches the endpoint.
    sender: Arc<HttpClient>,
    clock: Clock,
    held: Mutex<Option<Token>>,
    /// Held by the one who fetches.
    fetching: tokio::sync::Mutex<Pause>,
    /// Fresh tokens that were rejected in a row.
    rejections: AtomicU32,
    /// When a rejected token may be dropped again.
    drop_after: Mutex<Duration>,
    watch: Watch,
    /// The newest tokens, and what finds them in what a server sends back.
    given: Mutex<(VecDeque<Secret>, Arc<Mask>)>,
}

/// Whom to tell how fetches end.
pub(super) struct Watch {
    pub(super) client: String,
    pub(super) alarms: ClientAlarmSpec,
    pub(super) observer: Observer,
}

/// A token to send.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    serial: u64,
    renew_at: Duration,
    ends_at: Duration,
    /// What the endpoint said of its lifetime.
    pub(super) lifetime: Option<Duration>,
}

/// After failures the endpoint is left alone for a while.
#[derive(Default)]
struct Pause {
    failures: u32,
    until: Duration,
    last: Option<Fault>,
    serial: u64,
}

/// What an endpoint that fails is spared: the waits between fetches.
fn pauses() -> Schedule {
    Schedule::new([1, 2, 5, 15, 30, 60].map(Duration::from_secs))
}

/// What is built into a source.
pub(super) struct Parts {
    pub(super) client_id: String,
    pub(super) proof: Proof,
    pub(super) scopes: Vec<String>,
    pub(super) endpoint: Url,
    pub(super) sender: Arc<HttpClient>,
    pub(super) clock: Clock,
    pub(super) watch: Watch,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl TokenSource {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { client_id, proof, scopes, endpoint, sender, clock, watch } = parts;
        Self {
            client_id,
            proof,
            scopes,
            endpoint,
            sender,
            clock,
            held: Mutex::new(None),
            fetching: tokio::sync::Mutex::new(Pause::default()),
            rejections: AtomicU32::new(0),
            drop_after: Mutex::new(Duration::ZERO),
            watch,
            given: Mutex::default(),
        }
    }

    /// Returns what finds the newest tokens in what a server sends back.
    pub(super) fn mask(&self) -> Arc<Mask> {
        Arc::clone(&lock(&self.given).1)
    }

    fn remember(&self, token: Secret) {
        let mut given = lock(&self.given);
        given.0.push_back(token);
        if given.0.len() > GIVEN_KEPT {
            given.0.pop_front();
        }
        given.1 = Arc::new(Mask::new(&given.0));
    }

    /// Returns where tokens come from.
    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Returns what reaches the endpoint.
    pub(super) fn sender(&self) -> &Arc<HttpClient> {
        &self.sender
    }

    /// Returns the token to send: the one that is held, or a new one. Of all who wait one fetches; while a token holds,
    /// nobody waits for its renewal but the one who renews it.
    pub(super) async fn token(&self) -> Result<Token, Fault> {
        let now = self.clock.elapsed();
        let held = lock(&self.held).clone();
        match held {
            Some(token) if now < token.renew_at => Ok(token),
            Some(token) if now < token.ends_at => match self.fetching.try_lock() {
                Ok(mut pause) => Ok(self.fetch(&mut pause).await.unwrap_or(token)),
                Err(_) => Ok(token),
            },
            _ => {
                let mut pause = self.fetching.lock().await;
                let now = self.clock.elapsed();
                let fetched = lock(&self.held).clone().filter(|token| now < token.ends_at);
                match fetched {
                    Some(token) => Ok(token),
                    None => self.fetch(&mut pause).await,
                }
            }
        }
    }

    /// Drops a token that a server did not accept, unless one was dropped for that a moment ago: a server that accepts
    /// none must not have tokens fetched for each request.
    pub(super) fn reject(&self, token: &Token) {
        let now = self.clock.elapsed();
        let mut drop_after = lock(&self.drop_after);
        let mut held = lock(&self.held);
        if now >= *drop_after && held.as_ref().is_some_and(|held| held.serial == token.serial) {
            *held = None;
            let rejections = self.rejections.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            *drop_after = now.saturating_add(pauses().wait(rejections, chance()));
        }
    }

    /// Says that a server accepted a token.
    pub(super) fn accept(&self) {
        if self.rejections.load(Ordering::Relaxed) > 0 {
            self.rejections.store(0, Ordering::Relaxed);
            *lock(&self.drop_after) = Duration::ZERO;
        }
    }

    async fn fetch(&self, pause: &mut Pause) -> Result<Token, Fault> {
        let started = self.clock.elapsed();
        if let Some(left) = pause.until.checked_sub(started).filter(|left| !left.is_zero()) {
            let last = pause.last.clone();
            let (reason, detail) =
                last.map_or((FailureReason::TokenUnavailable, String::new()), |f| (f.reason, f.detail));
            return Err(Fault::new(reason, format!("{detail}; the token endpoint is asked again in {}", shown(left))));
        }
        // Whoever fetches may give up and drop this: then it counts as a fetch that failed, only that the next one who
        // waits tries once more at once.
        pause.failures = pause.failures.saturating_add(1);
        let wait = pauses().wait(pause.failures, chance());
        if pause.failures > 1 {
            pause.until = started.saturating_add(wait);
        }
        pause.last = Some(Fault::new(FailureReason::TokenUnavailable, "the token endpoint did not answer in time"));
        let mut about = Exchange::default();
        let fetched = self.ask(&mut about).await.and_then(|(secret, lifetime)| {
            pause.serial = pause.serial.wrapping_add(1);
            let now = self.clock.elapsed();
            let made = token(&secret, lifetime, pause.serial, started, now);
            self.remember(secret);
            made
        });
        match fetched {
            Ok(token) => {
                let serial = pause.serial;
                *pause = Pause { serial, ..Pause::default() };
                self.tell(End::Answered { status: 200, failure: None });
                tracing::debug!(client = self.watch.client, "fetched a token");
                *lock(&self.held) = Some(token.clone());
                Ok(token)
            }
            Err(fault) => {
                let wait = wait.max(about.retry_after.unwrap_or_default());
                pause.until = self.clock.elapsed().saturating_add(wait);
                pause.last = Some(fault.clone());
                if about.status.is_some() {
                    self.tell(End::Failed { reason: fault.reason, detail: &fault.detail, has_begun: false });
                }
                Err(fault)
            }
        }
    }

    fn tell(&self, end: End<'_>) {
        let origin = origin(&self.endpoint);
        (self.watch.observer)(&Observation {
            client: &self.watch.client,
            origin: &origin,
            alarms: &self.watch.alarms,
            end,
            took: None,
        });
    }

    async fn ask(&self, about: &mut Exchange) -> Result<(Secret, Option<Duration>), Fault> {
        let exchange = Mutex::new(Exchange::default());
        let mut client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_token_uri(TokenUrl::from_url(self.endpoint.clone()))
            .set_auth_type(AuthType::RequestBody);
        if let Proof::Secret { secret, in_header } = &self.proof {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
            if *in_header {
                client = client.set_auth_type(AuthType::BasicAuth);
            }
        }
        let mut asking = client.exchange_client_credentials();
        for scope in &self.scopes {
            asking = asking.add_scope(Scope::new(scope.clone()));
        }
        if let Proof::Assertion(signer) = &self.proof {
            let statement = signer.sign(&self.client_id, self.clock.now());
            let statement = statement
                .map_err(|error: AssertionError| Fault::new(FailureReason::TokenUnavailable, error.to_string()))?;
            asking = asking.add_extra_param("client_assertion_type", ASSERTION_TYPE);
            asking = asking.add_extra_param("client_assertion", statement);
        }
        let answered = asking.request_async(&Asking { source: self, exchange: &exchange }).await;
        *about = exchange.into_inner().unwrap_or_else(PoisonError::into_inner);
        match answered {
            Ok(reply) if reply.access_token().secret().is_empty() => {
                Err(Fault::new(FailureReason::TokenUnavailable, "the token endpoint gave an empty token"))
            }
            Ok(reply) if *reply.token_type() == BasicTokenType::Bearer => {
                Ok((Secret::new(reply.access_token().secret().clone()), reply.expires_in()))
            }
            Ok(_) => Err(Fault::new(
                FailureReason::TokenUnavailable,
                "the token endpoint gave a token of another type than bearer",
            )),
            Err(error) => Err(self.fault(error, about)),
        }
    }

    async fn send(&self, request: HttpRequest, exchange: &Mutex<Exchange>) -> Result<HttpResponse, SendError> {
        let (parts, body) = request.into_parts();
        let mut headers = parts.headers;
        for value in headers.values_mut() {
            value.set_sensitive(true);
        }
        let request = Request { url: self.endpoint.clone(), headers, body: body.into(), deadline: FETCH_DEADLINE };
        let answer = self.sender.post(request).await.result.map_err(SendError)?;
        let mut about = lock(exchange);
        about.status = Some(answer.status);
        about.retry_after = answer
            .header("retry-after")
            .and_then(|value| value.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(Duration::from_secs(300)));
        about.lacks = lacks(&answer.body);
        let mut reply = HttpResponse::new(mended(&answer.body).unwrap_or_else(|| answer.body.to_vec()));
        *reply.status_mut() = http_status(answer.status);
        for (name, value) in &answer.headers {
            if name == "content-type"
                && let Ok(value) = HeaderValue::from_str(value)
            {
                reply.headers_mut().insert(reqwest::header::CONTENT_TYPE, value);
            }
        }
        Ok(reply)
    }

    /// Puts what went wrong under a reason. Nothing of a reply that may hold a token is said.
    fn fault(&self, error: RequestTokenError<SendError, BasicErrorResponse>, about: &Exchange) -> Fault {
        let status = about.status;
        let is_refusal = matches!(status, Some(400..=428 | 430..=499));
        let reason = if is_refusal { FailureReason::TokenRefused } else { FailureReason::TokenUnavailable };
        let answered = status.map_or_else(String::new, |status| format!(" (status {status})"));
        let detail = match error {
            RequestTokenError::Request(SendError(fault)) => {
                let detail = format!("the token endpoint: {}: {}", fault.reason, fault.detail);
                let reason = match fault.reason {
                    reason @ (FailureReason::EgressRefused | FailureReason::ProxyAuthentication) => reason,
                    _ => FailureReason::TokenUnavailable,
                };
                return Fault::new(reason, detail);
            }
            RequestTokenError::ServerResponse(said) => {
                let mut text = format!("the token endpoint says `{}`{answered}", self.harmless(said.error().as_ref()));
                if let Some(description) = said.error_description() {
                    text.push_str(&format!(": {}", self.harmless(description)));
                }
                text
            }
            RequestTokenError::Parse(error, _) if status == Some(200) => match about.lacks {
                Some(field) => format!("the token endpoint's reply has no `{field}`, which RFC 6749 wants"),
                None => format!("the token endpoint's reply is not that of RFC 6749, at `{}`", error.path()),
            },
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => match status {
                Some(200) => "the token endpoint's reply is not JSON".to_owned(),
                _ => format!("the token endpoint gave no token{answered}"),
            },
        };
        Fault::new(reason, detail)
    }

    /// Cuts what an endpoint says to a line that holds no secret of ours.
    fn harmless(&self, said: &str) -> String {
        let is_leak = match &self.proof {
            Proof::Secret { secret, .. } => forms(&self.client_id, secret).iter().any(|form| said.contains(&**form)),
            // A statement that holds for another minute.
            Proof::Assertion(_) => said.contains("eyJ"),
            Proof::Tls => false,
        };
        if is_leak {
            return crate::secret::PLACEHOLDER.to_owned();
        }
        said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_CHARS_MAX).collect()
    }
}

/// Returns a secret in the forms in which it was sent.
fn forms(client_id: &str, secret: &Secret) -> [Zeroizing<String>; 3] {
    let in_body = in_form(secret.expose());
    let pair = Zeroizing::new(format!("{}:{}", *in_form(client_id), *in_body));
    let in_header = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    [Zeroizing::new(secret.expose().to_owned()), in_body, in_header]
}

/// Writes a text as forms do.
pub(super) fn in_form(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.bytes().map(form_encoded).collect())
}

/// Writes a byte as forms do (the URL standard, application/x-www-form-urlencoded).
fn form_encoded(byte: u8) -> String {
    match byte {
        b' ' => "+".to_owned(),
        b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

/// Carries the exchange over the client that reaches the endpoint.
struct Asking<'a> {
    source: &'a TokenSource,
    exchange: &'a Mutex<Exchange>,
}

impl<'c> AsyncHttpClient<'c> for Asking<'_> {
    type Error = SendError;
    // Boxed, because a client that fetches a token is in the middle of a request itself.
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.source.send(request, self.exchange))
    }
}

/// What there is to know of one exchange beside its reply.
#[derive(Default)]
struct Exchange {
    status: Option<u16>,
    retry_after: Option<Duration>,
    /// What a reply has not that it must have.
    lacks: Option<&'static str>,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", .0.reason, .0.detail)]
struct SendError(Fault);

fn http_status(status: u16) -> reqwest::StatusCode {
    reqwest::StatusCode::from_u16(status).unwrap_or(reqwest::StatusCode::INTERNAL_SERVER_ERROR)
}

fn token(
    secret: &Secret,
    lifetime: Option<Duration>,
    serial: u64,
    asked: Duration,
    now: Duration,
) -> Result<Token, Fault> {
    let text = Zeroizing::new(format!("Bearer {}", secret.expose()));
    let mut header = HeaderValue::from_str(&text).map_err(|_| {
        Fault::new(FailureReason::TokenUnavailable, "the token endpoint gave a token that fits no header")
    })?;
    header.set_sensitive(true);
    let holds = lifetime.unwrap_or(LIFETIME_UNSAID).min(LIFETIME_MAX);
    let margin = (holds / 10).min(MARGIN_MAX);
    let least = now.saturating_add(LIFETIME_MIN);
    let end = asked.saturating_add(holds);
    let ends_at = end.saturating_sub(margin / 4).max(least);
    let renew_at = end.saturating_sub(margin.mul_f64(1.0 + chance())).max(least).min(ends_at);
    Ok(Token { header, serial, renew_at, ends_at, lifetime })
}

/// Returns the scheme, host and port of an address.
pub(super) fn origin(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

/// Returns a number from 0 to 1 by chance; without random bytes the middle.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

/// Writes a time to wait.
fn shown(wait: Duration) -> String {
    format!("{:.1} s", wait.as_secs_f64())
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
