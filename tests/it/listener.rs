//! The listener's end and its limits.

use annunciator::clock::Clock;
use annunciator::task::Scope;
use annunciator::transport::{HttpServer, ServerLimits};
use axum::Router;
use axum::routing::get;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

const LONG: Duration = Duration::from_secs(20);

async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
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
    let limits =
        ServerLimits { connections_max: 1, head_timeout: Duration::from_millis(200), ..ServerLimits::default() };
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
    let address = server.local_addr();
    scope.spawn("listener", server.serve(Router::new().route("/", get(async || "done")), scope.clone()));
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(b"GET / HT").await.unwrap();
    let mut waiting = TcpStream::connect(address).await.unwrap();
    ask(&mut waiting).await;
    let said = rest(&mut waiting).await;
    assert!(said.ends_with("done"), "{said}");
    assert!(!rest(&mut silent).await.contains("200"));
}
