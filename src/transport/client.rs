//! A named HTTP client: one pool of kept-alive connections, one way to say who it is, and one attempt at a time.

use super::attempt::bounded_headers;
use super::connecting::{TellConnecting, watch_silence};
use super::egress::{GuardedResolver, check_literal};
use super::failure::{detail_of, reason_of};
use super::spec::address;
use super::{Answer, Attempt, Authentication, FailureReason, Fault, HeaderMap, HeaderValue, HttpClientSpec};
use super::{RESPONSE_BODY_BYTES_MAX, Scheme, Url};
use crate::clock::Clock;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::PLACEHOLDER;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, USER_AGENT as USER_AGENT_HEADER};
use rustls::ClientConfig;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use zeroize::Zeroizing;

/// What this element calls itself.
pub const USER_AGENT: &str = concat!("annunciator/", env!("CARGO_PKG_VERSION"));

/// Idle connections kept to one host: as many as handlers that share a client have in flight at a busy time.
const POOL_IDLE_PER_HOST_MAX: usize = 256;

/// How long an idle connection is kept: below the five seconds after which the most impatient common servers close
/// theirs, because a request that meets the close is a failed attempt.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// One POST to make.
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

/// A named HTTP client; clones share its connections.
#[derive(Clone)]
pub struct HttpClient {
    id: String,
    scheme: Scheme,
    clock: Clock,
    client: reqwest::Client,
    authorization: Option<HeaderValue>,
    socket_timeout: Option<Duration>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({})", self.id)
    }
}

impl HttpClient {
    /// `tls` is `None` when it could not be had: the rest of the specification is looked at all the same.
    pub(super) fn build(spec: &HttpClientSpec, clock: &Clock, tls: Option<ClientConfig>) -> Result<Self, Diagnostics> {
        let mut faults = Diagnostics::new();
        let authorization = authorization(&spec.authentication).map_err(|all| faults.extend(all)).ok().flatten();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
            .pool_idle_timeout(POOL_IDLE)
            .dns_resolver(GuardedResolver)
            .connector_layer(TellConnecting);
        if let Some(timeout) = spec.connect_timeout {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(tls) = tls {
            builder = builder.tls_backend_preconfigured(tls);
        } else {
            return Err(faults);
        }
        match builder.build() {
            Ok(client) if !faults.has_errors() => Ok(Self {
                id: spec.id.clone(),
                scheme: spec.scheme,
                clock: clock.clone(),
                client,
                authorization,
                socket_timeout: spec.socket_timeout,
            }),
            Ok(_) => Err(faults),
            Err(error) => {
                faults.push(Diagnostic::error(format!("the HTTP client cannot be built: {}", detail_of(&error))));
                Err(faults)
            }
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Makes the address of a web service that is reached through this client.
    ///
    /// # Errors
    /// When the host is not a host name or address, the context not a path, or the egress guard refuses the literal.
    pub fn address(&self, hostname: &str, port: u16, context: &str) -> Result<Url, Diagnostic> {
        let url = address(self.scheme, hostname, port, context)?;
        check_literal(url.host_str().unwrap_or_default()).map_err(|error| Diagnostic::error(error.to_string()))?;
        Ok(url)
    }

    /// Returns the headers of a request as the delivery log shows them: secrets as a placeholder.
    #[must_use]
    pub fn shown_headers(&self, request: &HeaderMap) -> Vec<(String, String)> {
        let own = self.authorization.as_ref().map(|value| (&AUTHORIZATION, value));
        let mut shown = vec![(USER_AGENT_HEADER.as_str().to_owned(), USER_AGENT.to_owned())];
        shown.extend(own.into_iter().chain(request).map(|(name, value)| {
            let text = if value.is_sensitive() {
                PLACEHOLDER.to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str().to_owned(), text)
        }));
        shown
    }

    /// Makes one attempt. Never follows a redirect, never tries twice.
    pub async fn post(&self, request: Request) -> Attempt {
        let started = self.clock.elapsed();
        let deadline = request.deadline;
        let mut head = None;
        let result = {
            let exchange = self.exchange(request, &mut head);
            tokio::pin!(exchange);
            tokio::select! {
                biased;
                done = &mut exchange => done,
                () = self.clock.sleep(deadline) => {
                    Err(Fault::new(FailureReason::Timeout, format!("no whole response within {deadline:?}")))
                }
            }
        };
        let duration = self.clock.elapsed().saturating_sub(started);
        let (remote, partial) = head
            .map_or((None, None), |head: Head| (head.remote, Some(Answer { body: head.body.freeze(), ..head.answer })));
        let result = match (result, partial) {
            (Ok(()), Some(answer)) => Ok(answer),
            (Ok(()), None) => Err(Fault::new(FailureReason::ProtocolError, "the response has no head")),
            (Err(fault), partial) => Err(Fault { partial, ..fault }),
        };
        Attempt { duration, remote, result }
    }

    async fn exchange(&self, request: Request, head: &mut Option<Head>) -> Result<(), Fault> {
        check_literal(request.url.host_str().unwrap_or_default())
            .map_err(|error| Fault::new(FailureReason::EgressRefused, error.to_string()))?;
        let mut headers = request.headers;
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let sending = self.client.post(request.url).headers(headers).body(request.body).send();
        let response = self.unless_silent(sending).await?;
        let answer = Answer {
            status: response.status().as_u16(),
            headers: bounded_headers(response.headers()),
            ..Answer::default()
        };
        let head = head.insert(Head { remote: response.remote_addr(), answer, body: BytesMut::new() });
        self.read_body(response, head).await
    }

    /// Reads up to the limit into `head`, where what came before a deadline or a reset stays as part of the record.
    /// What is left is not read: dropping the response closes its connection.
    async fn read_body(&self, mut response: reqwest::Response, head: &mut Head) -> Result<(), Fault> {
        while let Some(chunk) = self.unless_silent(response.chunk()).await? {
            let room = RESPONSE_BODY_BYTES_MAX.saturating_sub(head.body.len());
            head.body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() > room {
                head.answer.is_truncated = true;
                return Ok(());
            }
        }
        Ok(())
    }

    async fn unless_silent<T>(&self, step: impl Future<Output = Result<T, reqwest::Error>>) -> Result<T, Fault> {
        let outcome = match self.socket_timeout {
            None => step.await,
            Some(limit) => watch_silence(step, || self.clock.sleep(limit))
                .await
                .ok_or_else(|| Fault::new(FailureReason::Timeout, format!("the peer was silent for {limit:?}")))?,
        };
        outcome.map_err(|error| Fault::new(reason_of(&error), detail_of(&error)))
    }
}

/// What has come of a response.
struct Head {
    remote: Option<SocketAddr>,
    answer: Answer,
    body: BytesMut,
}

fn authorization(authentication: &Authentication) -> Result<Option<HeaderValue>, Diagnostics> {
    let Authentication::Basic { username, password } = authentication else { return Ok(None) };
    let mut faults = Diagnostics::new();
    if username.contains(':') {
        faults.push(Diagnostic::error(format!(
            "the username `{username}` has a colon, which HTTP Basic authentication takes for its end"
        )));
    }
    let password = password.as_ref().map_or("", |p| p.expose());
    for (name, text) in [("username", username.as_str()), ("password", password)] {
        if text.chars().any(char::is_control) {
            faults.push(Diagnostic::error(format!("the {name} has a control character")));
        }
    }
    if faults.has_errors() {
        return Err(faults);
    }
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let encoded = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&encoded)
        .map_err(|_| Diagnostics::from(Diagnostic::error("the username and password do not fit a header")))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::super::Transport;
    use super::*;
    use crate::secret::Secret;

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
        let client = Transport::new(&Clock::system()).client(&spec("wh", "s3cret-word")).unwrap();
        let shown = format!("{client:?} {:?} {:?}", spec("wh", "s3cret-word"), client.shown_headers(&HeaderMap::new()));
        assert!(shown.contains("authorization") && shown.contains(PLACEHOLDER), "{shown}");
        assert!(!shown.contains("s3cret-word") && !shown.contains(&STANDARD.encode("wh:s3cret-word")), "{shown}");
    }

    #[test]
    fn all_faults_of_a_specification_are_told_at_once_without_the_password() {
        let faults = Transport::new(&Clock::system()).client(&spec("a:b\n", "x\u{1}y")).unwrap_err();
        assert_eq!(faults.error_count(), 3);
        assert!(!faults.to_string().contains("x\u{1}y"));
    }

    #[test]
    fn a_metadata_address_is_refused_when_it_is_configured() {
        let client = Transport::new(&Clock::system()).client(&spec("u", "p")).unwrap();
        assert!(client.address("169.254.169.254", 80, "/latest").is_err());
        assert!(client.address("2852039166", 80, "/latest").is_err());
        assert!(client.address("127.0.0.1", 80, "/x").is_ok());
    }
}
