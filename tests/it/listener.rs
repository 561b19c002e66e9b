//! The listener's end and its limits.

use annunciator::clock::Clock;
use annunciator::task::Scope;
use annunciator::transport::{HttpServer, ServerLimits};
use axum::Router;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

const LONG: Duration = Duration::from_secs(20);

async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
}

/// Asks on a connection that is kept.
async fn ask_for(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
}

/// Reads an answer up to the text that it ends with.
async fn answer(stream: &mut TcpStream, end: &str) -> String {
    let mut said = Vec::new();
    while !said.ends_with(end.as_bytes()) {
        let byte = tokio::time::timeout(LONG, stream.read_u8()).await.unwrap().unwrap();
        said.push(byte);
    }
    String::from_utf8(said).unwrap()
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut said = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut said)).await.unwrap().unwrap();
    said
}

#[tokio::test]
async fn a_request_under_way_is_finished_and_an_idle_connection_closed() {
    let (scope, clock) = (Scope::new(), Clock::system());
    let (reached, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let router = {
        let (reached, finish) = (Arc::clone(&reached), Arc::clone(&finish));
        Router::new().route(
            "/",
            get(async move || {
                reached.notify_one();
                finish.notified().await;
                "done"
            }),
        )
    };
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap(), ServerLimits::default()).await.unwrap();
    let address = server.local_addr();
    scope.spawn("listener", server.serve(router, scope.clone()));
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    ask(&mut busy).await;
    reached.notified().await;
    scope.stop();
    assert_eq!(rest(&mut idle).await, "");
    finish.notify_one();
    let said = rest(&mut busy).await;
    assert!(said.starts_with("HTTP/1.1 200 OK") && said.ends_with("done"), "{said}");
    assert_eq!(scope.drain(&clock, LONG).await, Ok(()));
}

#[tokio::test]
async fn silent_peers_lose_their_place_to_those_who_wait() {
    let scope = Scope::new();
    // The silent peer gives way at once, not when its time is over.
    let limits = ServerLimits { connections_max: 1, head_timeout: LONG * 10, ..ServerLimits::default() };
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
    let address = server.local_addr();
    scope.spawn("listener", server.serve(Router::new().route("/", get(async || "done")), scope.clone()));
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(b"GET / HT").await.unwrap();
    let mut waiting = TcpStream::connect(address).await.unwrap();
    ask(&mut waiting).await;
    let said = rest(&mut waiting).await;
    assert!(said.ends_with("done"), "{said}");
    let closed = tokio::time::timeout(LONG, silent.read_u8()).await.unwrap();
    assert!(closed.is_err(), "{closed:?}");
}

/// Serves a route until the scope stops.
async fn serving(router: Router, limits: ServerLimits, scope: &Scope) -> SocketAddr {
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
    let address = server.local_addr();
    scope.spawn("listener", server.serve(router, scope.clone()));
    address
}

#[tokio::test]
async fn kept_alive_connections_that_are_idle_give_way_and_busy_ones_do_not() {
    let (scope, reached, finish) = (Scope::new(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrived, go_on) = (Arc::clone(&reached), Arc::clone(&finish));
    let slow = async move || {
        arrived.notify_one();
        go_on.notified().await;
        "slow"
    };
    let router = Router::new().route("/", get(async || "done")).route("/slow", get(slow));
    let limits = ServerLimits { connections_max: 2, ..ServerLimits::default() };
    let address = serving(router, limits, &scope).await;
    let mut kept = TcpStream::connect(address).await.unwrap();
    ask_for(&mut kept, "/").await;
    let mut first_answer = [0; 12];
    kept.read_exact(&mut first_answer).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    ask_for(&mut busy, "/slow").await;
    reached.notified().await;
    for _ in 0..3 {
        let mut next = TcpStream::connect(address).await.unwrap();
        ask(&mut next).await;
        assert!(rest(&mut next).await.ends_with("done"));
    }
    assert!(rest(&mut kept).await.ends_with("done"));
    finish.notify_one();
    let said = answer(&mut busy, "slow").await;
    assert!(said.ends_with("slow"), "{said}");
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_loses_its_connection() {
    let (scope, reached) = (Scope::new(), Arc::new(Notify::new()));
    let arrived = Arc::clone(&reached);
    let large = async move || {
        arrived.notify_one();
        vec![b'x'; 64 << 20]
    };
    let limits = ServerLimits { write_timeout: Duration::from_millis(100), ..ServerLimits::default() };
    let address = serving(Router::new().route("/", get(large)), limits, &scope).await;
    let mut deaf = TcpStream::connect(address).await.unwrap();
    ask(&mut deaf).await;
    reached.notified().await;
    // An answer under way is finished before the end, however long that takes.
    assert_eq!(scope.drain(&Clock::system(), LONG).await, Ok(()));
}

#[tokio::test]
async fn a_client_that_still_sends_sees_why_its_request_is_refused() {
    let scope = Scope::new();
    let refuse = async || axum::http::StatusCode::PAYLOAD_TOO_LARGE;
    let router = Router::new().route("/", axum::routing::post(refuse)).route("/next", get(async || "done"));
    let address = serving(router, ServerLimits::default(), &scope).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = vec![b' '; 20 << 20];
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    // All of it is sent before the answer is looked at, as simple clients do; the connection stays of use.
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let said = answer(&mut stream, "\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
    ask_for(&mut stream, "/next").await;
    assert!(answer(&mut stream, "done").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_not_made_to_send_what_is_refused() {
    let scope = Scope::new();
    let refuse = async || axum::http::StatusCode::PAYLOAD_TOO_LARGE;
    let address = serving(Router::new().route("/", axum::routing::post(refuse)), ServerLimits::default(), &scope).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9000000\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
}
