//! The HTTP listener that faces share: accepts connections for one router, with limits and an orderly end.

use crate::task::Scope;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service as _;

/// What a listener bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Open connections; more wait in the system's backlog, so that a flood costs this process nothing.
    pub connections_max: usize,
    /// Longest time for a request's head, an idle kept-alive connection included, so that silent peers do not hold a place.
    pub head_timeout: Duration,
    /// Longest time from a request's head to its response, the reading of its body included.
    pub request_timeout: Duration,
    /// Bytes buffered of a request's head.
    pub head_bytes_max: usize,
}

impl Default for ServerLimits {
    /// Returns 1,024 connections (some 40 MB at worst), 30 s for a head, 60 s for a request and heads of 32 KiB.
    fn default() -> Self {
        Self {
            connections_max: 1024,
            head_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            head_bytes_max: 32 * 1024,
        }
    }
}

/// How long to wait after an accept that failed: what is missing (file descriptors, mostly) is not there at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
        let places = Arc::new(Semaphore::new(self.limits.connections_max));
        loop {
            let place = tokio::select! {
                () = scope.stopped() => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            // The semaphore is never closed.
            let Ok(place) = place else { break };
            let accepted = tokio::select! {
                () = scope.stopped() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let serving = serve_connection(stream, peer, router.clone(), self.limits, scope.clone());
                    scope.spawn(format!("http connection of {peer}"), async move {
                        serving.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, router: Router, limits: ServerLimits, scope: Scope) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "cannot switch off delayed sending");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(answer(router, request.map(Body::new), limits.request_timeout).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes_max)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = scope.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

async fn answer(mut router: Router, request: Request<Body>, timeout: Duration) -> Response<Body> {
    match tokio::time::timeout(timeout, router.call(request)).await {
        Ok(Ok(response)) => response,
        Err(_) => {
            let mut response = Response::new(Body::from("the request was not finished in time\n"));
            *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
            response
        }
    }
}
