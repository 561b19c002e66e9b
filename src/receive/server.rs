//! The HTTP side of the receiver: any path takes notifications, `GET` shows the table.

use super::table::Summary;
use super::{AlarmTable, Notification, Verdict};
use crate::clock::{Clock, format_utc};
use crate::diagnostic::printable;
use crate::handler::{SigningKey, verify};
use crate::secret::Secret;
use crate::task::Scope;
use crate::transport::{HttpServer, ServerLimits};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};
use tokio::sync::mpsc;

/// Bytes of a notification: many times the largest that an element sends.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Events that wait to be read; past it, senders wait for their answers.
const EVENTS_MAX: usize = 1024;

/// Bytes of a delivery id that is remembered.
const DELIVERY_ID_BYTES_MAX: usize = 256;

/// What a sender must say who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// What a receiver is to be.
#[derive(Debug, Clone)]
pub struct ReceiverOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What senders must say who they are (HTTP Basic), when anything.
    pub credentials: Option<Credentials>,
    /// Secrets that senders must sign with, one of them at least, when anything.
    pub secrets: Vec<SigningKey>,
    /// Answers each Nth notification with 503 instead of taking it, so that a sender's retries can be watched.
    pub fail_every: Option<NonZeroU64>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A notification was read.
    Taken(Box<Taken>),
    /// A request was not taken.
    Refused {
        /// When.
        time: Timestamp,
        /// The status answered.
        status: u16,
        /// Why.
        reason: String,
    },
}

/// A notification that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// When.
    pub time: Timestamp,
    /// What it was to the table.
    pub verdict: Verdict,
    /// What it says.
    pub notification: Notification,
    /// Its `webhook-id`.
    pub delivery: Option<String>,
    /// The body as it came.
    pub body: Bytes,
}

impl fmt::Display for Event {
    /// Writes one line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(taken) => {
                let Taken { verdict, notification, .. } = &**taken;
                let time = format_utc(notification.last_updated);
                write!(f, "{time}  {:<7}  {:<13}  ", verdict.as_str(), notification.severity)?;
                write!(f, "{}  alarm {}", Summary(notification), printable(&notification.alarm_id).replace('\n', " "))?;
                if let Verdict::Stale { known } = verdict {
                    write!(f, "  (known since {})", format_utc(*known))?;
                }
                Ok(())
            }
            Self::Refused { time, status, reason } => {
                let reason = printable(reason).replace('\n', "; ");
                write!(f, "{}  refused  {status}: {reason}", format_utc(*time))
            }
        }
    }
}

/// A handle on a receiver's table.
#[derive(Debug, Clone, Default)]
pub struct SharedTable(Arc<Mutex<AlarmTable>>);

impl SharedTable {
    /// Looks at the table.
    pub fn with<T>(&self, look: impl FnOnce(&AlarmTable) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A bound receiver.
#[derive(Debug)]
pub struct Receiver {
    server: HttpServer,
    state: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    table: SharedTable,
    events: mpsc::Sender<Event>,
    credentials: Option<Credentials>,
    secrets: Vec<SigningKey>,
    fail_every: Option<NonZeroU64>,
    posts: AtomicU64,
}

impl Receiver {
    /// Binds a receiver and gives the channel on which it tells what happens. When the channel's end is dropped, events
    /// are; when it is kept but not read, senders wait.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(options: ReceiverOptions, clock: &Clock) -> io::Result<(Self, mpsc::Receiver<Event>)> {
        let server = HttpServer::bind(options.listen, ServerLimits::default()).await?;
        let (events, told) = mpsc::channel(EVENTS_MAX);
        let state = Arc::new(Shared {
            clock: clock.clone(),
            table: SharedTable::default(),
            events,
            credentials: options.credentials,
            secrets: options.secrets,
            fail_every: options.fail_every,
            posts: AtomicU64::new(0),
        });
        Ok((Self { server, state }, told))
    }

    /// Returns the bound address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Returns a handle on the table.
    #[must_use]
    pub fn table(&self) -> SharedTable {
        self.state.table.clone()
    }

    /// Serves until the scope stops.
    pub async fn serve(self, scope: Scope) {
        let router = Router::new()
            .fallback(take_request)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Arc::clone(&self.state));
        self.server.serve(router, scope).await;
    }
}

async fn take_request(
    State(shared): State<Arc<Shared>>,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answered = match method {
        _ if !shared.is_allowed(&headers) => Err((StatusCode::UNAUTHORIZED, "wrong or no credentials".to_owned())),
        Method::GET => return text(StatusCode::OK, shared.table.with(ToString::to_string)),
        Method::POST => shared.take(&headers, body),
        _ => Err((StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not taken; POST a notification"))),
    };
    let (event, response) = match answered {
        Ok(taken) => {
            let said = match taken.verdict {
                Verdict::Stale { known } => format!("stale: {} is known\n", format_utc(known)),
                verdict => format!("{}\n", verdict.as_str()),
            };
            (Event::Taken(Box::new(taken)), text(StatusCode::OK, said))
        }
        Err((status, reason)) => {
            let response = refusal(status, &reason);
            (Event::Refused { time: shared.clock.now(), status: status.as_u16(), reason }, response)
        }
    };
    // Whoever dropped the other end wants no events.
    if shared.events.send(event).await.is_err() {
        tracing::trace!("nobody reads the receiver's events");
    }
    response
}

type Refusal = (StatusCode, String);

impl Shared {
    fn take(&self, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Taken, Refusal> {
        let count = self.posts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.fail_every.is_some_and(|every| count.is_multiple_of(every.get())) {
            return Err((StatusCode::SERVICE_UNAVAILABLE, "failed on purpose".to_owned()));
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = header(CONTENT_TYPE.as_str()).and_then(|kind| kind.split(';').next()).unwrap_or("missing").trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let reason = format!("the content type is {kind}; expected `application/json`");
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
        }
        let body = body.map_err(|rejection| {
            let reason = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => format!("the body is larger than {BODY_BYTES_MAX} bytes"),
                _ => "the body ended early".to_owned(),
            };
            (rejection.status(), reason)
        })?;
        if !self.secrets.is_empty() {
            verify(&self.secrets, header, &body, self.clock.now().as_second())
                .map_err(|error| (StatusCode::UNAUTHORIZED, format!("the signature is refused: {error}")))?;
        }
        let delivery = header("webhook-id").filter(|id| id.len() <= DELIVERY_ID_BYTES_MAX).map(str::to_owned);
        let notification = Notification::parse(&body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        let verdict = self
            .table
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(notification.clone(), delivery.as_deref())
            .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
        Ok(Taken { time: self.clock.now(), verdict, notification, delivery, body })
    }

    fn is_allowed(&self, headers: &HeaderMap) -> bool {
        let Some(Credentials { username, password }) = &self.credentials else { return true };
        let said = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
            .unwrap_or_default();
        let wanted = Secret::new(format!("{username}:{}", password.expose()));
        // Digests are compared, so that the time taken says nothing about the password.
        Sha256::digest(said) == Sha256::digest(wanted.expose())
    }
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    let mut response = text(status, format!("{reason}\n"));
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"annunciator receive\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn text(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
