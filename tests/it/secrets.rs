//! Secrets that are planted everywhere they may stand, and looked for everywhere they must not.

use crate::harness::element::{Home, files_below};
use crate::harness::http::{Answer, HttpReceiver, Recorded};
use crate::harness::pki::{Authority, VALID};
use crate::harness::proxy::Proxy;
use crate::harness::token_server::{Expects, TokenServer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PASSWORD: &str = "planted-basic-password-1";
const CLIENT_SECRET: &str = "planted-client-secret-2";
const BEARER: &str = "planted-bearer-token-3";
const PROXY_PASSWORD: &str = "planted-proxy-password-4";
/// What the token server's tokens begin with.
const TOKEN: &str = "tok-secret-";

fn word(text: &str) -> String {
    format!("\"{}\"", text.replace('\n', "\\n"))
}

/// Returns a stretch of a key that stands in one line of its PEM.
fn inner(pem: &str) -> String {
    pem.lines().nth(1).unwrap().to_owned()
}

#[test]
fn planted_secrets_are_in_no_log_no_error_no_database_and_no_output() {
    let key = Authority::new("a").client("panel", VALID);
    let pair = STANDARD.encode(format!("u:{PASSWORD}"));
    let planted =
        [PASSWORD, CLIENT_SECRET, BEARER, PROXY_PASSWORD, TOKEN, &inner(&key.key_pem), &pair].map(str::to_owned);
    let receiver = HttpReceiver::start();
    receiver.always(Answer::status(401));
    let tokens = TokenServer::start(Expects::SecretInBody(CLIENT_SECRET));
    let proxy = Proxy::start(Some("Basic nobody"));
    let home = Home::new();
    // Everything that the element can say.
    let element = home.start_logging("trace");
    let port = receiver.address().port();
    let handler = "set environments environment alarms alarm-handlers alarm-handler";
    let lines = [
        format!(
            "set facilities crypto ssl client-keystores client-keystore k certificate-chain {} private-key {}",
            word(&key.certificate_pem),
            word(&key.key_pem)
        ),
        format!("set facilities http client basic scheme http http-basic-authn username u password {PASSWORD}"),
        format!("set facilities http client bearer scheme http bearer-token {BEARER}"),
        format!(
            "set facilities http client oauth scheme http oauth-credentials client-id {} client-secret {CLIENT_SECRET} token-endpoint {}",
            word("alarm panel"),
            tokens.url()
        ),
        format!(
            "set facilities http client proxied scheme http proxy scheme http hostname 127.0.0.1 port {} username u password {PROXY_PASSWORD}",
            proxy.address().port()
        ),
        format!("{handler} h1 webhook-notifier web-service hostname 127.0.0.1 port {port} http-client basic"),
        format!("{handler} h2 webhook-notifier web-service hostname 127.0.0.1 port {port} http-client bearer"),
        format!("{handler} h3 webhook-notifier web-service hostname 127.0.0.1 port {port} http-client oauth"),
        format!("{handler} h4 webhook-notifier web-service hostname hook.test port {port} http-client proxied"),
    ];
    home.commit(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let mut said = home.told(&["request alarms raise resource-type t resource r alarm-type a severity major"]);
    let requests = receiver.wait_for(3);
    assert!(
        requests.iter().any(|r| r.header("authorization") == Some(&format!("Basic {pair}"))),
        "they are sent all the same"
    );
    for id in ["basic", "bearer", "oauth", "proxied"] {
        let finished = home.shell(&[&format!("request facilities http client {id} test")]);
        said = said + &finished.stdout + &finished.stderr;
    }
    for refused in [
        format!("set facilities http client basic http-basic-authn password {PASSWORD} nonsense {CLIENT_SECRET}"),
        "set facilities http client basic http-basic-authn password <secret>".to_owned(),
    ] {
        let finished = home.shell(&["configure", &refused]);
        assert_eq!(finished.code, Some(2), "{refused}");
        said = said + &finished.stdout + &finished.stderr;
    }
    said += &home.told(&[
        "show configuration",
        "show configuration | display set",
        "show configuration | display json",
        "show configuration | display yaml",
        "show alarms all detail",
        "show handlers",
        "show crypto",
        "show system commit",
        "request system secrets rotate",
        "show configuration | display set",
    ]);
    assert!(said.contains("$9$"), "{said}");
    let finished = element.stop();
    said = said + &finished.stdout + &finished.stderr;
    for secret in &planted {
        // Lines that a test typed itself are no output.
        let at = said.find(secret.as_str());
        assert!(at.is_none(), "`{secret}` was said: {}", at.map_or("", |at| &said[at.saturating_sub(300)..at + 40]));
        for file in files_below(&home.data()) {
            let content = std::fs::read(&file).unwrap();
            let has = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!has, "`{secret}` is in `{}`", file.display());
        }
    }
    // What was sealed with the new key, and before with the old one, still opens.
    let element = home.start(&[]);
    let count = receiver.requests().len();
    home.told(&["request alarms raise resource-type t resource r2 alarm-type a severity major"]);
    receiver.wait_for(count + 1);
    home.told(&["configure", "rollback 1", "commit"]);
    element.stop();
}

#[test]
fn secrets_are_sealed_anew_and_what_was_shown_before_still_loads() {
    let home = Home::new();
    let element = home.start(&[]);
    home.commit(&["set facilities http client c http-basic-authn username u password geheim"]);
    let before = home.running();
    let said = home.told(&["request system secrets rotate"]);
    assert_eq!(said, "A new key is in use; 1 secret sealed with it.\n");
    let after = home.running();
    assert_ne!(before, after);
    let sealed = |text: &str| text.split_whitespace().find(|word| word.starts_with("$9$")).unwrap().to_owned();
    assert_ne!(sealed(&before), sealed(&after));
    // The old form means the same: loading it changes nothing.
    let line = before.lines().find(|line| line.contains("$9$")).unwrap();
    assert_eq!(home.told(&["configure", line, "commit"]), "No modifications to commit.\n");
    assert_eq!(home.running(), after);
    element.stop();
    let element = home.start(&[]);
    assert_eq!(home.running(), after);
    element.stop();
}

const HEADER_VALUE: &str = "Token planted/header<value>5";
const SIGNING: &str = "whsec_cGxhbnRlZC1zaWduaW5nLXNlY3JldC02LTEyMzQ1";

/// Sends back what came, in the forms that debugging pages have, and ends just in a secret where the answer is cut.
fn echo(request: &Recorded) -> Answer {
    let lines: String = request.headers.iter().flat_map(|(name, value)| [name, ": ", value, "\n"]).collect();
    let token = request.header("authorization").unwrap_or_default();
    let signed_with = request.header("webhook-signature").map(|_| SIGNING);
    let secret = token.contains(TOKEN).then_some(CLIENT_SECRET);
    let said = serde_json::json!({ "headers": &request.headers, "signed with": signed_with, "secret": secret });
    let text = format!("{said}\n{}\n{}\n", said.to_string().replace('/', "\\/"), STANDARD.encode(&lines));
    let filling = "-".repeat((64 << 10) - text.len() - 12);
    Answer::status(500)
        .header("x-echo", token)
        .header("x-tok", request.header("x-tok").unwrap_or_default())
        .header("set-cookie", "sid=planted-cookie-7")
        .body(format!("{text}{filling}{}", HEADER_VALUE.repeat(2)))
}

#[test]
fn secrets_that_a_receiver_sends_back_are_neither_kept_nor_shown() {
    let receiver = HttpReceiver::start();
    receiver.always(Answer::decided(echo));
    let tokens = TokenServer::start(Expects::SecretInBody(CLIENT_SECRET));
    let home = Home::new();
    let element = home.start_logging("trace");
    let port = receiver.address().port();
    let handler = "set environments environment alarms alarm-handlers alarm-handler";
    let lines = [
        format!("set facilities http client basic scheme http http-basic-authn username u password {PASSWORD}"),
        format!("set facilities http client bearer scheme http bearer-token {BEARER}"),
        format!(
            "set facilities http client oauth scheme http oauth-credentials client-id {} client-secret {CLIENT_SECRET} token-endpoint {}",
            word("alarm panel"),
            tokens.url()
        ),
        format!("{handler} h1 webhook-notifier web-service hostname 127.0.0.1 port {port} http-client basic"),
        format!("{handler} h1 webhook-notifier header x-tok value {}", word(HEADER_VALUE)),
        format!("{handler} h1 webhook-notifier signing-secret {SIGNING}"),
        format!("{handler} h2 webhook-notifier web-service hostname 127.0.0.1 port {port} http-client bearer"),
        format!("{handler} h2 webhook-notifier header x-tok value {}", word(HEADER_VALUE)),
        format!("{handler} h3 webhook-notifier web-service hostname 127.0.0.1 port {port} http-client oauth"),
        format!("{handler} h3 webhook-notifier header x-tok value {}", word(HEADER_VALUE)),
        format!("{handler} h3 webhook-notifier signing-secret {SIGNING}"),
    ];
    home.commit(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    home.told(&["request alarms raise resource-type t resource r alarm-type a severity major"]);
    receiver.wait_for(3);
    let mut said = home.told(&["show deliveries", "show handlers"]);
    let finished = element.stop();
    said = said + &finished.stdout + &finished.stderr;
    let element = home.start(&[]);
    for number in 1..=3 {
        let shown = home.told(&[&format!("show deliveries {number} detail")]);
        let echoed = ["x-echo: Basic <secret>\n", "x-echo: Bearer <secret>\n"];
        assert!(echoed.iter().any(|line| shown.contains(line)), "{shown}");
        assert!(shown.contains("set-cookie: <secret>"), "{shown}");
        said += &shown;
    }
    element.stop();
    let pair = STANDARD.encode(format!("u:{PASSWORD}"));
    let inside = |text: &str| STANDARD.encode(format!("{text}--")).chars().skip(4).take(8).collect::<String>();
    let of_header = [inside(&format!("x{HEADER_VALUE}")), inside(&format!("xy{HEADER_VALUE}")), inside(HEADER_VALUE)];
    let plain = [PASSWORD, BEARER, TOKEN, HEADER_VALUE, "planted\\/header", "planted-cookie", "whsec_cGxhbn", &pair];
    let of_body = ["Token plan", "planted/hea", "planted-cli"];
    for secret in plain.into_iter().chain(of_body).chain(of_header.iter().map(String::as_str)) {
        let at = said.find(secret);
        assert!(at.is_none(), "`{secret}` was said: {}", at.map_or("", |at| &said[at.saturating_sub(300)..at + 8]));
        for file in files_below(&home.data()) {
            let content = std::fs::read(&file).unwrap();
            let has = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!has, "`{secret}` is in `{}`", file.display());
        }
    }
}
