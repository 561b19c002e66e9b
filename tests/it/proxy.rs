//! Proxies: with CONNECT and without, with credentials, bypassed, and misbehaving.

use crate::harness::http::{Answer, HttpReceiver};
use crate::harness::pki::{Authority, VALID};
use crate::harness::proxy::Proxy;
use crate::harness::secure::{Clients, SecureFront};
use crate::harness::supplies::{Given, end, plain, post, post_within, trusting};
use annunciator::secret::Secret;
use annunciator::transport::{Bypass, EgressSpec, FailureReason, ProxySpec, Scheme};
use std::net::SocketAddr;
use std::time::Duration;

/// `user:geheim`
const WANTED: &str = "Basic dXNlcjpnZWhlaW0=";

fn through(proxy: SocketAddr, password: Option<&str>, bypass: &[&str]) -> ProxySpec {
    ProxySpec {
        scheme: Scheme::Http,
        hostname: proxy.ip().to_string(),
        port: proxy.port(),
        username: password.map(|_| "user".to_owned()),
        password: password.map(Secret::new),
        bypass: bypass.iter().map(|text| Bypass::parse(text).unwrap()).collect(),
    }
}

#[tokio::test]
async fn a_server_is_reached_through_a_proxy_that_knows_the_user() {
    let ours = Authority::new("ours");
    let receiver = HttpReceiver::start();
    let front = SecureFront::start(&receiver, &ours.server(&["hook.test"], VALID), &Clients::Anybody);
    let given = Given::trusting(ours.pem());
    let proxy = Proxy::start(Some(WANTED));
    for (password, tunnelled, forwarded) in [
        (Some("geheim"), Ok(200), Ok(200)),
        (Some("falsch"), Err(FailureReason::ProxyAuthentication), Ok(407)),
        (None, Err(FailureReason::ProxyAuthentication), Ok(407)),
    ] {
        let mut spec = trusting();
        spec.proxy = Some(through(proxy.address(), password, &[]));
        let attempt = post(&given.build(&spec), &front.url("hook.test", "/")).await;
        assert_eq!(end(&attempt), tunnelled, "{attempt:?}");
        let mut spec = plain();
        spec.proxy = Some(through(proxy.address(), password, &[]));
        let url = format!("http://hook.test:{}/", receiver.address().port());
        let attempt = post(&given.build(&spec), &url).await;
        assert_eq!(end(&attempt), forwarded, "{attempt:?}");
    }
    let seen = proxy.seen();
    assert!(seen.contains(&format!("CONNECT hook.test:{} HTTP/1.1", front.port())), "{seen:?}");
    assert_eq!(receiver.requests().len(), 2);
    let shows = receiver.requests().iter().any(|request| request.header("proxy-authorization").is_some());
    assert!(!shows, "the server is not told the user of the proxy");
}

#[tokio::test]
async fn a_proxy_behind_tls_is_judged_as_a_server_is() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let receiver = HttpReceiver::start();
    let server = SecureFront::start(&receiver, &ours.server(&["hook.test"], VALID), &Clients::Anybody);
    let proxy = Proxy::start(Some(WANTED));
    for (authority, expected) in [(&ours, Ok(200)), (&theirs, Err(FailureReason::TlsCertificate))] {
        let identity = authority.server(&["localhost"], VALID);
        let front = SecureFront::over(proxy.address(), &identity, &Clients::Anybody);
        let mut spec = trusting();
        let own = through(proxy.address(), Some("geheim"), &[]);
        let (hostname, port) = ("localhost".to_owned(), front.port());
        spec.proxy = Some(ProxySpec { scheme: Scheme::Https, hostname, port, ..own });
        let attempt = post(&Given::trusting(ours.pem()).build(&spec), &server.url("hook.test", "/")).await;
        assert_eq!(end(&attempt), expected, "{attempt:?}");
    }
}

#[tokio::test]
async fn hosts_of_the_bypass_list_are_reached_without_the_proxy() {
    let (receiver, proxy) = (HttpReceiver::start(), Proxy::start(None));
    let mut spec = plain();
    spec.proxy = Some(through(proxy.address(), None, &["localhost", "127.0.0.0/8"]));
    let client = Given::trusting(Authority::new("a").pem()).build(&spec);
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("http://{host}:{}/", receiver.address().port());
        assert_eq!(end(&post(&client, &url).await), Ok(200));
    }
    assert!(proxy.seen().is_empty());
    assert_eq!(end(&post(&client, &format!("http://hook.test:{}/", receiver.address().port())).await), Ok(200));
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_misbehaves_has_a_reason() {
    let given = Given::trusting(Authority::new("a").pem());
    let stand_in = HttpReceiver::start();
    let mut spec = trusting();
    spec.proxy = Some(through(stand_in.address(), None, &[]));
    let client = given.build(&spec);
    for (answer, expected) in [
        (Answer::status(403), FailureReason::ProxyRefused),
        (Answer::status(502), FailureReason::ProxyRefused),
        (Answer::status(407), FailureReason::ProxyAuthentication),
        (Answer::raw("HTTP/1.1 "), FailureReason::ProxyRefused),
        (Answer::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), FailureReason::ProxyRefused),
        // The proxy says yes, and then something else answers and ends.
        (Answer::raw("HTTP/1.1 200 OK\r\n\r\nnot TLS at all, really"), FailureReason::ConnectionReset),
    ] {
        stand_in.always(answer.clone());
        let attempt = post(&client, "https://hook.test/").await;
        assert_eq!(end(&attempt), Err(expected), "{answer:?}: {attempt:?}");
    }
    stand_in.always(Answer::silence());
    let short = Duration::from_millis(200);
    let mut spec = spec.clone();
    spec.connect_timeout = Some(short);
    let attempt = post(&given.build(&spec), "https://hook.test/").await;
    assert_eq!(end(&attempt), Err(FailureReason::ConnectTimeout), "{attempt:?}");
    spec.connect_timeout = None;
    let attempt = post_within(&given.build(&spec), "https://hook.test/", short).await;
    assert_eq!(end(&attempt), Err(FailureReason::Timeout), "{attempt:?}");
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    spec.proxy = Some(through(nobody.local_addr().unwrap(), None, &[]));
    let attempt = post(&given.build(&spec), "https://hook.test/").await;
    assert_eq!(end(&attempt), Err(FailureReason::ConnectionRefused), "{attempt:?}");
}

#[tokio::test]
async fn what_stands_in_the_place_of_a_name_is_judged_though_the_proxy_connects() {
    let proxy = Proxy::start(None);
    let given = Given::trusting(Authority::new("a").pem());
    let mut spec = plain();
    spec.proxy = Some(through(proxy.address(), None, &[]));
    spec.egress = EgressSpec { public_only: true, ..EgressSpec::default() };
    let client = given.build(&spec);
    for host in ["10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "127.0.0.1"] {
        let attempt = post(&client, &format!("http://{host}/")).await;
        assert_eq!(end(&attempt), Err(FailureReason::EgressRefused), "{host}");
    }
    assert!(proxy.seen().is_empty());
    // The proxy itself may be on the inside.
    let receiver = HttpReceiver::start();
    assert_eq!(end(&post(&client, &format!("http://hook.test:{}/", receiver.address().port())).await), Ok(200));
}
