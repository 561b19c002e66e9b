//! The HTTP listener that faces share: accepts connections for one router, with limits and an orderly end.

use super::crowd::{Busy, Crowd, CrowdLimits, Seat};
use super::lent::Lent;
use super::patience::Patient;
use crate::clock::Clock;
use crate::diagnostic::Seldom;
use crate::task::Scope;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::EXPECT;
use axum::http::{Request, Response, StatusCode};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service as _;

/// What a listener bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Open connections. When all are open, an idle one gives way to one that comes; where none is idle, those that come wait
    /// in the system's backlog, so that a flood costs this process nothing.
    pub connections_max: usize,
    /// Open connections of one address.
    pub connections_per_address_max: usize,
    /// Longest time for a request's head, an idle kept-alive connection included, so that silent peers do not hold a place.
    pub head_timeout: Duration,
    /// The same while three connections of four are open and more come.
    pub crowded_head_timeout: Duration,
    /// Longest time from a request's head to its response, the reading of its body included.
    pub request_timeout: Duration,
    /// Longest time in which a peer takes a piece of a response.
    pub write_timeout: Duration,
    /// Bytes buffered of a request's head.
    pub head_bytes_max: usize,
}

impl Default for ServerLimits {
    /// Returns 1,024 connections (some 40 MB at worst), half of them for one address (a fleet of hundreds of senders behind
    /// one address translator uses one or two each), 30 s for a head and 5 s in a crowd, 60 s for a request, 20 s for a piece
    /// of a response, and heads of 32 KiB.
    fn default() -> Self {
        Self {
            connections_max: 1024,
            connections_per_address_max: 512,
            head_timeout: Duration::from_secs(30),
            crowded_head_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(20),
            head_bytes_max: 32 * 1024,
        }
    }
}

/// How long to wait after an accept that failed: what is missing (file descriptors, mostly) is not there at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the log says so: the pause is short.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// A bound listener.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
    address: SocketAddr,
    limits: ServerLimits,
}

impl HttpServer {
    /// Binds an address; port 0 takes a free one. Connections wait until [`HttpServer::serve`].
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr, limits: ServerLimits) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, limits })
    }

    /// Returns the bound address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the scope stops; then takes no more connections, finishes the requests under way and returns.
    pub async fn serve(self, router: Router, scope: Scope) {
        let (limits, clock) = (self.limits, Clock::system());
        let crowd = Crowd::new(
            CrowdLimits {
                connections_max: limits.connections_max,
                per_address_max: limits.connections_per_address_max,
                idle_when_crowded: limits.crowded_head_timeout,
            },
            clock.clone(),
        );
        let mut failures = Seldom::default();
        loop {
            let accepted = tokio::select! {
                () = scope.stopped() => break,
                accepted = async {
                    crowd.room().await;
                    self.listener.accept().await
                } => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // One that gets no place is closed at once.
                    let Some(seat) = crowd.seat(peer) else { continue };
                    let serving = serve_connection(stream, peer, Arc::new(seat), router.clone(), limits, scope.clone());
                    scope.spawn(format!("http connection of {peer}"), serving);
                }
                Err(error) => {
                    if let Some(unsaid) = failures.may(clock.elapsed(), SAY_EVERY) {
                        tracing::warn!(%error, address = %self.address, unsaid, "cannot accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    seat: Arc<Seat>,
    router: Router,
    limits: ServerLimits,
    scope: Scope,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "cannot switch off delayed sending");
    }
    let sitting = Arc::clone(&seat);
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, busy) = (router.clone(), sitting.begin());
        async move {
            let answered = answer(router, request, limits.request_timeout).await;
            Ok::<_, Infallible>(answered.map(|body| Tracked { body, _busy: busy }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes_max)
        .serve_connection(TokioIo::new(Patient::new(stream, limits.write_timeout)), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        biased;
        () = seat.gives_way() => return tracing::debug!(%peer, "an idle connection gave way"),
        () = scope.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        ended = connection.as_mut() => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

async fn answer(mut router: Router, request: Request<Incoming>, timeout: Duration) -> Response<Body> {
    let is_held_back = request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let body = Lent::new(body);
    let lent = Request::from_parts(head, Body::new(body.clone()));
    match tokio::time::timeout(timeout, router.call(lent)).await {
        Ok(Ok(response)) => {
            body.discard(is_held_back).await;
            response
        }
        Err(_) => {
            let mut response = Response::new(Body::from("the request was not finished in time\n"));
            *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
            response
        }
    }
}

/// A response's body; the connection is idle once it is sent.
struct Tracked {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
