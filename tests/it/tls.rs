//! TLS against real servers: whom a client trusts, what it shows, and what it says of servers that are not right.

use crate::harness::http::{Answer, HttpReceiver};
use crate::harness::pki::{Authority, EXPIRED, Identity, NOT_YET, VALID};
use crate::harness::secure::{Clients, SecureFront};
use crate::harness::supplies::{Given, end, post, trusting};
use annunciator::transport::{FailureReason, HttpClientSpec, PoolSpec, TlsVersion};
use std::time::Duration;

const LOCALHOST: &[&str] = &["localhost", "127.0.0.1"];

fn front(identity: &Identity, clients: &Clients<'_>) -> (HttpReceiver, SecureFront) {
    let receiver = HttpReceiver::start();
    let front = SecureFront::start(&receiver, identity, clients);
    (receiver, front)
}

#[tokio::test]
async fn a_server_is_trusted_by_who_issued_its_certificate_its_dates_and_its_name() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    // Several certificates in one text, and remarks between them.
    let given = Given::trusting(&format!("{}\nremark\n{}", Authority::new("other").pem(), ours.pem()));
    let client = given.build(&trusting());
    for (identity, expected) in [
        (ours.server(LOCALHOST, VALID), Ok(200)),
        (ours.server(LOCALHOST, EXPIRED), Err(FailureReason::TlsCertificate)),
        (ours.server(LOCALHOST, NOT_YET), Err(FailureReason::TlsCertificate)),
        (ours.server(&["elsewhere.example"], VALID), Err(FailureReason::TlsCertificate)),
        (theirs.server(LOCALHOST, VALID), Err(FailureReason::TlsCertificate)),
    ] {
        let (_receiver, front) = front(&identity, &Clients::Anybody);
        for host in LOCALHOST {
            let attempt = post(&client, &front.url(host, "/")).await;
            assert_eq!(end(&attempt), expected, "{host}: {attempt:?}");
        }
    }
}

#[tokio::test]
async fn without_looking_at_the_host_the_rest_is_looked_at_all_the_same() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let mut spec = trusting();
    spec.tls.checks_hostname = false;
    let client = Given::trusting(ours.pem()).build(&spec);
    for (identity, expected) in [
        (ours.server(&["elsewhere.example"], VALID), Ok(200)),
        (ours.server(&["elsewhere.example"], EXPIRED), Err(FailureReason::TlsCertificate)),
        (theirs.server(LOCALHOST, VALID), Err(FailureReason::TlsCertificate)),
    ] {
        let (_receiver, front) = front(&identity, &Clients::Anybody);
        let attempt = post(&client, &front.url("localhost", "/")).await;
        assert_eq!(end(&attempt), expected, "{attempt:?}");
    }
}

#[tokio::test]
async fn a_server_that_signed_its_own_certificate_is_trusted_when_that_is_in_the_truststore() {
    let (ours, other) = (Identity::self_signed(LOCALHOST), Identity::self_signed(LOCALHOST));
    let elsewhere = Identity::self_signed(&["elsewhere.example"]);
    let given = Given::trusting(&format!("{}{}", ours.certificate_pem, elsewhere.certificate_pem));
    let client = given.build(&trusting());
    for (identity, expected) in [
        (&ours, Ok(200)),
        (&other, Err(FailureReason::TlsCertificate)),
        (&elsewhere, Err(FailureReason::TlsCertificate)),
    ] {
        let (_receiver, front) = front(identity, &Clients::Anybody);
        let attempt = post(&client, &front.url("localhost", "/")).await;
        assert_eq!(end(&attempt), expected, "{attempt:?}");
    }
}

#[tokio::test]
async fn the_client_shows_its_certificate_and_one_that_does_not_is_told_why() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = ours.server(LOCALHOST, VALID);
    let given = Given::trusting(ours.pem())
        .keystore("right", &ours.client("panel", VALID))
        .keystore("wrong", &theirs.client("stranger", VALID));
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let receiver = HttpReceiver::start();
        let front = SecureFront::with_versions(&receiver, &server, &Clients::Of(&ours), versions);
        let mut spec = trusting();
        for (keystore, is_right) in [(Some("right"), true), (Some("wrong"), false), (None, false)] {
            spec.tls.client_keystore = keystore.map(str::to_owned);
            let attempt = post(&given.build(&spec), &front.url("localhost", "/")).await;
            match end(&attempt) {
                Ok(200) => assert!(is_right),
                // With TLS 1.3 the refusal comes when the request is on its way, and a reset may overtake it.
                Err(FailureReason::TlsCertificate | FailureReason::ConnectionReset) => assert!(!is_right),
                other => panic!("{keystore:?}: {other:?}: {attempt:?}"),
            }
        }
        assert_eq!(front.seen().clients, ["CN=panel"]);
        assert_eq!(receiver.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_old_version_of_tls_is_refused_where_a_newer_one_is_asked_for() {
    let ours = Authority::new("ours");
    let receiver = HttpReceiver::start();
    let old = [&rustls::version::TLS12];
    let front = SecureFront::with_versions(&receiver, &ours.server(LOCALHOST, VALID), &Clients::Anybody, &old);
    let given = Given::trusting(ours.pem());
    let mut spec = trusting();
    assert_eq!(end(&post(&given.build(&spec), &front.url("localhost", "/")).await), Ok(200));
    spec.tls.minimum_version = TlsVersion::Tls13;
    let attempt = post(&given.build(&spec), &front.url("localhost", "/")).await;
    assert_eq!(end(&attempt), Err(FailureReason::TlsHandshake), "{attempt:?}");
}

#[tokio::test]
async fn connections_are_used_again_and_new_ones_resume_the_session() {
    let ours = Authority::new("ours");
    let given = Given::trusting(ours.pem()).keystore("k", &ours.client("panel", VALID));
    let mut spec = trusting();
    spec.tls.client_keystore = Some("k".to_owned());
    let (_receiver, kept) = front(&ours.server(LOCALHOST, VALID), &Clients::Of(&ours));
    let client = given.build(&spec);
    for _ in 0..10 {
        assert_eq!(end(&post(&client, &kept.url("localhost", "/")).await), Ok(200));
    }
    assert_eq!((kept.seen().full, kept.seen().resumed), (1, 0), "one connection for all");

    let idle = Duration::ZERO;
    spec.pool = Some(PoolSpec { connections_max: 100, per_route_max: 6, idle });
    let (_receiver, closed) = front(&ours.server(LOCALHOST, VALID), &Clients::Of(&ours));
    let client = given.build(&spec);
    for _ in 0..10 {
        assert_eq!(end(&post(&client, &closed.url("localhost", "/")).await), Ok(200));
    }
    assert_eq!((closed.seen().full, closed.seen().resumed), (1, 9), "a handshake for each, and one whole one");
}

#[tokio::test]
async fn a_client_of_an_empty_truststore_trusts_nobody() {
    let ours = Authority::new("ours");
    let (_receiver, front) = front(&ours.server(LOCALHOST, VALID), &Clients::Anybody);
    let client = Given::trusting(Authority::new("nobody").pem()).build(&HttpClientSpec::new("c1"));
    let attempt = post(&client, &front.url("localhost", "/")).await;
    assert_eq!(end(&attempt), Err(FailureReason::TlsCertificate), "the system's trust is empty here: {attempt:?}");
}

#[tokio::test]
async fn faults_behind_tls_have_the_reasons_that_they_have_without() {
    let ours = Authority::new("ours");
    let client = Given::trusting(ours.pem()).build(&trusting());
    let (receiver, front) = front(&ours.server(LOCALHOST, VALID), &Clients::Anybody);
    for (answer, expected) in [
        (Answer::close(), Err(FailureReason::ConnectionReset)),
        (Answer::truncated(200), Err(FailureReason::ConnectionReset)),
        (Answer::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), Err(FailureReason::ProtocolError)),
        (Answer::status(503), Ok(503)),
    ] {
        receiver.always(answer);
        let attempt = post(&client, &front.url("localhost", "/")).await;
        assert_eq!(end(&attempt), expected, "{attempt:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_silent_in_the_handshake_ends_with_the_time_to_connect() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut spec = trusting();
    spec.connect_timeout = Some(Duration::from_millis(200));
    let client = Given::trusting(Authority::new("ours").pem()).build(&spec);
    let attempt = post(&client, &format!("https://{}/", silent.local_addr().unwrap())).await;
    assert_eq!(end(&attempt), Err(FailureReason::ConnectTimeout), "{attempt:?}");
}
