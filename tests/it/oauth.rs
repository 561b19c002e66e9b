//! Tokens of an OAuth 2.0 endpoint that checks what it gets.

use crate::harness::http::{Answer, Gate, HttpReceiver};
use crate::harness::pki::{Authority, VALID};
use crate::harness::secure::{Clients, SecureFront};
use crate::harness::supplies::{Given, end, plain, post, post_within, transport, trusting};
use crate::harness::token_server::{CLIENT_ID, Expects, TokenServer};
use annunciator::clock::Clock;
use annunciator::secret::Secret;
use annunciator::transport::{
    Authentication, ClientProof, End, FailureReason, HttpClient, HttpClientSpec, NoSupplies, OAuthSpec, TokenRoute,
    Transport, Url,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECRET: &str = "p+l/a ns!";

fn oauth(token_endpoint: &str, proof: ClientProof, through: TokenRoute) -> Authentication {
    Authentication::OAuth(Box::new(OAuthSpec {
        client_id: CLIENT_ID.to_owned(),
        proof,
        scopes: Vec::new(),
        token_endpoint: Url::parse(token_endpoint).unwrap(),
        through,
    }))
}

fn by_secret(server: &TokenServer) -> HttpClientSpec {
    let proof = ClientProof::Secret { secret: Secret::new(SECRET), in_header: false };
    HttpClientSpec { authentication: oauth(&server.url(), proof, TokenRoute::Same), ..plain() }
}

fn build(spec: &HttpClientSpec) -> HttpClient {
    transport().client(spec, &NoSupplies).unwrap()
}

fn guarded(server: &TokenServer) -> HttpReceiver {
    let receiver = HttpReceiver::start();
    server.guard(&receiver);
    receiver
}

#[tokio::test]
async fn a_hundred_requests_at_once_fetch_one_token() {
    let server = TokenServer::start(Expects::SecretInBody(SECRET));
    let receiver = guarded(&server);
    let client = build(&by_secret(&server));
    let url = receiver.url("/");
    let mut all = tokio::task::JoinSet::new();
    let client = Arc::new(client);
    for _ in 0..100 {
        let (client, url) = (Arc::clone(&client), url.clone());
        all.spawn(async move { end(&post(&client, &url).await) });
    }
    assert_eq!(all.join_all().await, vec![Ok(200); 100]);
    assert_eq!((server.issued(), server.receiver.requests().len()), (1, 1));
}

#[tokio::test]
async fn secret_and_scopes_go_where_the_endpoint_wants_them() {
    for (expects, in_header) in [(Expects::SecretInBody(SECRET), false), (Expects::SecretInHeader(SECRET), true)] {
        let server = TokenServer::start(expects.clone()).scope("alarms:write alarms:read");
        let receiver = guarded(&server);
        let mut spec = by_secret(&server);
        if let Authentication::OAuth(oauth) = &mut spec.authentication {
            oauth.scopes = vec!["alarms:write".to_owned(), "alarms:read".to_owned()];
            oauth.proof = ClientProof::Secret { secret: Secret::new(SECRET), in_header };
        }
        assert_eq!(end(&post(&build(&spec), &receiver.url("/")).await), Ok(200), "{expects:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_taken_back_is_fetched_again_once() {
    let server = TokenServer::start(Expects::SecretInBody(SECRET));
    let receiver = guarded(&server);
    let client = build(&by_secret(&server));
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(200));
    server.revoke();
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(200));
    assert_eq!((server.issued(), receiver.requests().len()), (2, 3), "one was refused and repeated");
    // A service that accepts none does not have one fetched for each request.
    receiver.always(Answer::status(401));
    for _ in 0..5 {
        assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(401));
    }
    assert_eq!(server.issued(), 3);
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_nobody_waits_for_that() {
    let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
    let server = TokenServer::start(Expects::SecretInBody(SECRET));
    server.lifetime(Some(100));
    let receiver = guarded(&server);
    let client = Transport::new(&clock).client(&by_secret(&server), &NoSupplies).unwrap();
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(200));
    clock.advance(Duration::from_secs(75));
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(200));
    assert_eq!(server.issued(), 1, "a fifth of its lifetime before the end at the earliest");
    clock.advance(Duration::from_secs(18));
    // The endpoint is away for a moment: the token still holds.
    server.receiver.then(Answer::status(503));
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(200));
    assert_eq!(server.issued(), 1);
    clock.advance(Duration::from_secs(5));
    assert_eq!(end(&post(&client, &receiver.url("/")).await), Ok(200));
    assert_eq!(server.issued(), 2);
}

#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone_for_a_while() {
    let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
    let server = TokenServer::start(Expects::SecretInBody("another"));
    let receiver = guarded(&server);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noting = Arc::clone(&seen);
    let transport = Transport::new(&clock).observed_by(Arc::new(move |seen| {
        let what = match seen.end {
            End::Answered { status, .. } => status.to_string(),
            End::Failed { reason, .. } => reason.to_string(),
        };
        noting.lock().unwrap().push((seen.origin.to_owned(), what));
    }));
    let client = transport.client(&by_secret(&server), &NoSupplies).unwrap();
    for _ in 0..4 {
        let attempt = post(&client, &receiver.url("/")).await;
        let fault = attempt.result.unwrap_err();
        assert_eq!(fault.reason, FailureReason::TokenRefused, "{fault:?}");
        assert!(fault.detail.contains("invalid_client") && !fault.detail.contains(SECRET), "{fault:?}");
    }
    assert_eq!(server.receiver.requests().len(), 1);
    assert!(receiver.requests().is_empty(), "nothing is sent without a token");
    let origin = format!("http://{}", server.receiver.address());
    assert_eq!(*seen.lock().unwrap(), [(origin, "token-refused".to_owned())], "told once, of the endpoint");
    clock.advance(Duration::from_secs(2));
    post(&client, &receiver.url("/")).await.result.unwrap_err();
    assert_eq!(server.receiver.requests().len(), 2);
    clock.advance(Duration::from_secs(1));
    post(&client, &receiver.url("/")).await.result.unwrap_err();
    assert_eq!(server.receiver.requests().len(), 2, "longer the second time");
}

#[tokio::test]
async fn a_bad_reply_of_the_endpoint_has_a_reason_and_says_nothing_of_its_content() {
    let json = |body: &str| Answer::status(200).header("content-type", "application/json").body(body);
    let leak = "leaked-token-9";
    for (answer, expected) in [
        (json(&format!("{{\"access_token\":\"{leak}\",\"token_type\":\"mac\"}}")), FailureReason::TokenUnavailable),
        (json(&format!("{{\"access_token\":\"{leak}\"}}")), FailureReason::TokenUnavailable),
        (json(&format!("{{\"access_token\":7,\"token_type\":\"{leak}\"}}")), FailureReason::TokenUnavailable),
        (
            json(&format!("{{\"access_token\":\"{leak}\\n\",\"token_type\":\"Bearer\"}}")),
            FailureReason::TokenUnavailable,
        ),
        (json(&format!("{{\"access_token\":\"{leak}")), FailureReason::TokenUnavailable),
        (json(""), FailureReason::TokenUnavailable),
        (Answer::status(200).body(leak), FailureReason::TokenUnavailable),
        (Answer::status(200).header("content-type", "text/html").body(leak), FailureReason::TokenUnavailable),
        (Answer::status(500).body(leak), FailureReason::TokenUnavailable),
        (Answer::status(302).header("location", "http://127.0.0.1:1/"), FailureReason::TokenUnavailable),
        (Answer::status(400).body("{\"error\":\"invalid_scope\"}"), FailureReason::TokenRefused),
        (Answer::status(403), FailureReason::TokenRefused),
        (Answer::close(), FailureReason::TokenUnavailable),
        (Answer::truncated(200), FailureReason::TokenUnavailable),
        (Answer::endless(200), FailureReason::TokenUnavailable),
        (Answer::raw("no HTTP\r\n\r\n"), FailureReason::TokenUnavailable),
    ] {
        let server = TokenServer::start(Expects::SecretInBody(SECRET));
        let receiver = guarded(&server);
        server.receiver.then(answer.clone());
        let client = build(&by_secret(&server));
        let fault = post(&client, &receiver.url("/")).await.result.unwrap_err();
        assert_eq!(fault.reason, expected, "{answer:?}: {fault:?}");
        assert!(!fault.detail.contains(leak) && !fault.detail.contains(SECRET), "{fault:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_drips_or_is_silent_ends_with_the_attempt() {
    for answer in [Answer::dripping(200), Answer::silence()] {
        let server = TokenServer::start(Expects::SecretInBody(SECRET));
        let receiver = guarded(&server);
        server.receiver.then(answer);
        let client = build(&by_secret(&server));
        let attempt = post_within(&client, &receiver.url("/"), Duration::from_millis(200)).await;
        assert_eq!(end(&attempt), Err(FailureReason::TokenUnavailable), "{attempt:?}");
    }
}

#[tokio::test]
async fn one_who_waits_for_a_token_goes_on_when_the_one_who_fetches_gives_up() {
    let server = TokenServer::start(Expects::SecretInBody(SECRET));
    let receiver = guarded(&server);
    let gate = Gate::new();
    server.receiver.then(Answer::status(500).held_by(&gate));
    let client = build(&by_secret(&server));
    let url = receiver.url("/");
    let hasty = post_within(&client, &url, Duration::from_millis(200));
    let patient = post(&client, &url);
    let (hasty, patient) = tokio::join!(hasty, patient);
    gate.open();
    assert_eq!((end(&hasty), end(&patient)), (Err(FailureReason::TokenUnavailable), Ok(200)));
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_left_alone_though_everybody_gives_up_first() {
    let server = TokenServer::start(Expects::SecretInBody(SECRET));
    let receiver = guarded(&server);
    server.receiver.always(Answer::silence());
    let client = build(&by_secret(&server));
    for _ in 0..10 {
        let attempt = post_within(&client, &receiver.url("/"), Duration::from_millis(50)).await;
        assert_eq!(end(&attempt), Err(FailureReason::TokenUnavailable), "{attempt:?}");
    }
    let asked = server.receiver.requests().len();
    assert!(asked <= 2, "the endpoint was asked {asked} times");
}

#[tokio::test]
async fn a_token_is_taken_whose_lifetime_is_written_in_another_way_and_an_empty_one_is_not() {
    let ask = async |reply: &str| {
        let server = TokenServer::start(Expects::SecretInBody(SECRET));
        server.receiver.always(Answer::status(200).header("content-type", "application/json").body(reply));
        let receiver = HttpReceiver::start();
        let attempt = post(&build(&by_secret(&server)), &receiver.url("/")).await;
        let detail = attempt.result.as_ref().err().map(|fault| fault.detail.clone()).unwrap_or_default();
        (end(&attempt), detail)
    };
    for expires in ["\"3600\"", "3600.0", "-1", "1e30"] {
        let reply = format!(r#"{{"access_token":"t","token_type":"Bearer","expires_in":{expires}}}"#);
        let (end, detail) = ask(&reply).await;
        assert_eq!(end, Ok(200), "{expires}: {detail}");
    }
    for (reply, said) in [
        (r#"{"access_token":"","token_type":"Bearer"}"#, "an empty token"),
        (r#"{"access_token":"t"}"#, "has no `token_type`"),
    ] {
        let (end, detail) = ask(reply).await;
        assert_eq!(end, Err(FailureReason::TokenUnavailable), "{reply}");
        assert!(detail.contains(said), "{detail}");
    }
}

#[tokio::test]
async fn an_endpoint_that_quotes_the_secret_in_any_form_is_not_quoted() {
    for in_header in [false, true] {
        let server = TokenServer::start(Expects::SecretInBody(SECRET));
        server.receiver.always(Answer::decided(|request| {
            let heard = format!("{} {}", request.header("authorization").unwrap_or_default(), request.text());
            let said = serde_json::json!({ "error": "invalid_client", "error_description": heard });
            Answer::status(401).header("content-type", "application/json").body(said.to_string())
        }));
        let receiver = HttpReceiver::start();
        let proof = ClientProof::Secret { secret: Secret::new(SECRET), in_header };
        let spec = HttpClientSpec { authentication: oauth(&server.url(), proof, TokenRoute::Same), ..plain() };
        let attempt = post(&build(&spec), &receiver.url("/")).await;
        let detail = attempt.result.unwrap_err().detail;
        assert!(detail.ends_with("(status 401): <secret>"), "{detail}");
    }
}

#[tokio::test]
async fn a_client_signs_who_it_is() {
    let ours = Authority::new("ours");
    let panel = ours.client("panel", VALID);
    let given = Given::trusting(ours.pem()).keystore("signing", &panel);
    let server = TokenServer::start(Expects::CertificateOnly);
    let expects = Expects::Assertion { audience: server.url(), algorithm: "ES256", key_id: Some("k7") };
    let server = TokenServer::start(match expects {
        Expects::Assertion { algorithm, key_id, .. } => {
            Expects::Assertion { audience: "https://tokens.example".to_owned(), algorithm, key_id }
        }
        other => other,
    });
    let receiver = guarded(&server);
    let proof = ClientProof::Assertion {
        keystore: "signing".to_owned(),
        key_id: Some("k7".to_owned()),
        audience: Some("https://tokens.example".to_owned()),
    };
    let spec = HttpClientSpec { authentication: oauth(&server.url(), proof, TokenRoute::Same), ..plain() };
    assert_eq!(end(&post(&given.build(&spec), &receiver.url("/")).await), Ok(200));
    let statements = server.assertions();
    let [statement] = statements.as_slice() else { panic!("{statements:?}") };
    assert!(verifies(statement, &panel.certificate), "{statement}");
    assert!(!verifies(&statement.replacen("eyJ", "eyK", 1), &panel.certificate));
}

/// Verifies a signature of ES256 by the public key of a certificate.
fn verifies(statement: &str, certificate: &rustls::pki_types::CertificateDer<'_>) -> bool {
    use base64::Engine as _;
    use x509_parser::prelude::FromDer as _;
    let (signed, signature) = statement.rsplit_once('.').unwrap();
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate).unwrap();
    let key = &parsed.public_key().subject_public_key.data;
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, key);
    key.verify(signed.as_bytes(), &signature).is_ok()
}

#[tokio::test]
async fn the_certificate_of_the_connection_says_who_the_client_is() {
    let ours = Authority::new("ours");
    let given = Given::trusting(ours.pem()).keystore("k", &ours.client("panel", VALID));
    let server = TokenServer::start(Expects::CertificateOnly);
    let front = SecureFront::start(&server.receiver, &ours.server(&["localhost"], VALID), &Clients::Of(&ours));
    let receiver = guarded(&server);
    let shown = {
        let mut spec = trusting();
        spec.tls.client_keystore = Some("k".to_owned());
        spec.tls
    };
    let endpoint = front.url("localhost", "/token");
    // By settings of the endpoint's own, by those of the client, and through another client.
    let own = oauth(&endpoint, ClientProof::Tls, TokenRoute::Tls(shown.clone()));
    assert_eq!(
        end(&post(&given.build(&HttpClientSpec { authentication: own, ..plain() }), &receiver.url("/")).await),
        Ok(200)
    );
    let same = oauth(&endpoint, ClientProof::Tls, TokenRoute::Same);
    let same = HttpClientSpec { authentication: same, tls: shown.clone(), ..plain() };
    assert_eq!(end(&post(&given.build(&same), &receiver.url("/")).await), Ok(200));
    let inner = given.build(&HttpClientSpec { tls: shown, ..HttpClientSpec::new("inner") });
    let given = given.with_client(inner);
    let named = oauth(&endpoint, ClientProof::Tls, TokenRoute::Client("inner".to_owned()));
    assert_eq!(
        end(&post(&given.build(&HttpClientSpec { authentication: named, ..plain() }), &receiver.url("/")).await),
        Ok(200)
    );
    assert_eq!(front.seen().clients, ["CN=panel", "CN=panel", "CN=panel"]);
}
