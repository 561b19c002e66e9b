//! Attempts against a receiver that misbehaves in every way that it can.

use crate::harness::http::{Answer, Gate, HttpReceiver};
use annunciator::clock::Clock;
use annunciator::secret::Secret;
use annunciator::transport::{
    Attempt, Authentication, FailureReason, HeaderMap, HttpClient, HttpClientSpec, NoSupplies, RESPONSE_BODY_BYTES_MAX,
    Request, Scheme, Transport, Url,
};
use std::net::TcpListener;
use std::time::Duration;

/// Short, for what must run into it.
const SHORT: Duration = Duration::from_millis(150);

/// Long, for what must not.
const LONG: Duration = Duration::from_secs(20);

fn spec() -> HttpClientSpec {
    HttpClientSpec { scheme: Scheme::Http, ..HttpClientSpec::new("c1") }
}

fn client(spec: &HttpClientSpec) -> HttpClient {
    Transport::new(&Clock::system()).client(spec, &NoSupplies).unwrap()
}

async fn post(client: &HttpClient, url: &str, deadline: Duration) -> Attempt {
    let url = Url::parse(url).unwrap();
    client.post(Request { url, headers: HeaderMap::new(), body: "{\"a\":1}".into(), deadline }).await
}

async fn reason(answer: Answer, deadline: Duration) -> FailureReason {
    let receiver = HttpReceiver::start();
    receiver.always(answer);
    post(&client(&spec()), &receiver.url("/"), deadline).await.result.unwrap_err().reason
}

#[tokio::test]
async fn an_answer_is_recorded_and_the_connection_used_again() {
    let receiver = HttpReceiver::start();
    receiver.always(Answer::status(202).header("X-Trace", "t1").body("taken"));
    let authentication = Authentication::Basic { username: "wh".to_owned(), password: Some(Secret::new("päss:word")) };
    let client = client(&HttpClientSpec { authentication, ..spec() });
    for _ in 0..3 {
        let attempt = post(&client, &receiver.url("/in?x=1"), LONG).await;
        assert_eq!(attempt.remote, Some(receiver.address()));
        let answer = attempt.result.unwrap();
        assert_eq!((answer.status, answer.body.as_ref(), answer.is_truncated), (202, b"taken".as_slice(), false));
        assert_eq!(answer.header("x-trace"), Some("t1"));
    }
    let requests = receiver.requests();
    assert!(requests.iter().all(|r| r.connection == 0 && r.method == "POST" && r.path == "/in?x=1"));
    let first = requests.first().unwrap();
    assert_eq!(first.text(), "{\"a\":1}");
    assert_eq!(first.header("user-agent"), Some(concat!("annunciator/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(first.header("authorization"), Some("Basic d2g6cMOkc3M6d29yZA=="));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (receiver, elsewhere) = (HttpReceiver::start(), HttpReceiver::start());
    for status in [301, 302, 303, 307, 308] {
        receiver.then(Answer::status(status).header("location", &elsewhere.url("/")));
        let attempt = post(&client(&spec()), &receiver.url("/"), LONG).await;
        assert_eq!(attempt.result.unwrap().status, status);
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn every_fault_has_its_reason() {
    assert_eq!(reason(Answer::reset(), LONG).await, FailureReason::ConnectionReset);
    assert_eq!(reason(Answer::close(), LONG).await, FailureReason::ConnectionReset);
    assert_eq!(reason(Answer::truncated(200), LONG).await, FailureReason::ConnectionReset);
    assert_eq!(reason(Answer::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), LONG).await, FailureReason::ProtocolError);
    assert_eq!(reason(Answer::silence(), SHORT).await, FailureReason::Timeout);
    // Bound, so that nobody else gets the port, but not listening.
    let mute = tokio::net::TcpSocket::new_v4().unwrap();
    mute.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = mute.local_addr().unwrap();
    let refused = post(&client(&spec()), &format!("http://{nobody}/"), LONG).await.result.unwrap_err();
    assert_eq!(refused.reason, FailureReason::ConnectionRefused, "{refused:?}");
    let unknown = post(&client(&spec()), "http://no-such-host.invalid/", LONG).await.result.unwrap_err();
    assert_eq!(unknown.reason, FailureReason::Dns, "{unknown:?}");
    let literal = post(&client(&spec()), "http://[::ffff:169.254.169.254]/", LONG).await.result.unwrap_err();
    assert_eq!(literal.reason, FailureReason::EgressRefused, "{literal:?}");
}

#[tokio::test]
async fn a_dripping_body_ends_at_the_deadline_and_what_came_is_kept() {
    let receiver = HttpReceiver::start();
    receiver.always(Answer::dripping(200));
    let attempt = post(&client(&spec()), &receiver.url("/"), SHORT).await;
    let fault = attempt.result.unwrap_err();
    assert_eq!(fault.reason, FailureReason::Timeout);
    let partial = fault.partial.unwrap();
    assert_eq!(partial.status, 200);
    assert!(!partial.body.is_empty() && partial.body.iter().all(|byte| *byte == b'.'));
    assert!(attempt.duration >= SHORT && attempt.duration < LONG);
}

#[tokio::test]
async fn a_body_without_end_is_read_up_to_the_limit() {
    let receiver = HttpReceiver::start();
    receiver.always(Answer::endless(200));
    let answer = post(&client(&spec()), &receiver.url("/"), LONG).await.result.unwrap();
    assert!(answer.is_truncated);
    assert_eq!(answer.body.len(), RESPONSE_BODY_BYTES_MAX);
}

#[tokio::test]
async fn silence_is_counted_apart_from_the_deadline() {
    let receiver = HttpReceiver::start();
    receiver.always(Answer::silence());
    let patient = client(&HttpClientSpec { socket_timeout: Some(SHORT), ..spec() });
    let attempt = post(&patient, &receiver.url("/"), LONG).await;
    let fault = attempt.result.unwrap_err();
    assert_eq!((fault.reason, fault.detail.as_str()), (FailureReason::Timeout, "the peer was silent for 150ms"));
    // A body that drips is not silent.
    receiver.always(Answer::dripping(200));
    let fault = post(&patient, &receiver.url("/"), 4 * SHORT).await.result.unwrap_err();
    assert_eq!(fault.detail, "no whole response within 600ms");
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_has_its_own_reason() {
    // A listener whose backlog is full answers no further connection.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(SHORT, tokio::net::TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    let hasty = client(&HttpClientSpec { connect_timeout: Some(SHORT), socket_timeout: None, ..spec() });
    let fault = post(&hasty, &format!("http://{address}/"), LONG).await.result.unwrap_err();
    assert_eq!(fault.reason, FailureReason::ConnectTimeout, "{fault:?}");
    // The silence of a connection that is still being made is not the peer's.
    let patient = client(&HttpClientSpec { connect_timeout: Some(3 * SHORT), socket_timeout: Some(SHORT), ..spec() });
    let attempt = post(&patient, &format!("http://{address}/"), LONG).await;
    assert_eq!(attempt.result.unwrap_err().reason, FailureReason::ConnectTimeout);
    assert!(attempt.duration >= 3 * SHORT);
}

#[tokio::test]
async fn a_peer_that_does_not_speak_tls_fails_the_handshake() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = receiver.accept().unwrap();
        let mut hello = [0; 512];
        assert!(stream.read(&mut hello).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let transport = Transport::with_roots(&Clock::system(), rustls::RootCertStore::empty());
    let client = transport.client(&HttpClientSpec::new("tls"), &NoSupplies).unwrap();
    let fault = post(&client, &format!("https://{address}/"), LONG).await.result.unwrap_err();
    assert_eq!(fault.reason, FailureReason::TlsHandshake, "{fault:?}");
    answering.join().unwrap();
}

/// Serves one TLS connection with a certificate for `localhost`: answers one request with 200.
fn serve_tls(certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> (u16, std::thread::JoinHandle<std::io::Result<()>>) {
    use std::io::{Read as _, Write as _};
    let key = rustls::pki_types::PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        let connection = rustls::ServerConnection::new(config.into()).map_err(std::io::Error::other)?;
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let mut request = Vec::new();
        while !request.ends_with(b"{\"a\":1}") {
            let mut chunk = [0; 1024];
            let count = stream.read(&mut chunk)?;
            request.extend_from_slice(
                chunk.get(..count).filter(|c| !c.is_empty()).ok_or(std::io::ErrorKind::UnexpectedEof)?,
            );
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        stream.flush()
    });
    (port, serving)
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_for_the_host() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.cert.der().clone()).unwrap();
    let trusting =
        Transport::with_roots(&Clock::system(), roots).client(&HttpClientSpec::new("tls"), &NoSupplies).unwrap();
    let distrusting = Transport::with_roots(&Clock::system(), rustls::RootCertStore::empty());
    let distrusting = distrusting.client(&HttpClientSpec::new("tls"), &NoSupplies).unwrap();
    for (client, host, expected) in [
        (&trusting, "localhost", None),
        (&trusting, "127.0.0.1", Some(FailureReason::TlsCertificate)),
        (&distrusting, "localhost", Some(FailureReason::TlsCertificate)),
    ] {
        let (port, serving) = serve_tls(&certificate);
        let attempt = post(client, &format!("https://{host}:{port}/"), LONG).await;
        assert_eq!(attempt.result.as_ref().err().map(|fault| fault.reason), expected, "{host}: {attempt:?}");
        assert_eq!(serving.join().unwrap().is_ok(), expected.is_none());
    }
}

#[tokio::test]
async fn a_slow_answer_holds_up_nobody_else() {
    let receiver = HttpReceiver::start();
    let gate = Gate::new();
    receiver.then(Answer::status(200).held_by(&gate));
    let client = client(&spec());
    let address = receiver.url("/slow");
    let slow = post(&client, &address, LONG);
    let others = async {
        tokio::task::spawn_blocking({
            let receiver = receiver.clone();
            move || receiver.wait_for(1)
        })
        .await
        .unwrap();
        let quick = post(&client, &receiver.url("/quick"), LONG).await;
        assert_eq!(quick.result.unwrap().status, 200);
        gate.open();
    };
    let (slow, ()) = tokio::join!(slow, others);
    assert_eq!(slow.result.unwrap().status, 200);
    assert_eq!(receiver.requests().len(), 2);
}
