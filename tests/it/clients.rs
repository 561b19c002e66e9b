//! HTTP clients of a running element: certificates in its configuration, alarms about clients, and trying them out.

use crate::harness::element::{Home, files_below};
use crate::harness::http::{Answer, HttpReceiver};
use crate::harness::pki::{Authority, EXPIRED, Identity, VALID};
use crate::harness::proxy::Proxy;
use crate::harness::secure::{Clients, SecureFront};
use crate::harness::token_server::{CLIENT_ID, Expects, TokenServer};

const HANDLER: &str = "environments environment alarms alarm-handlers alarm-handler";

/// Writes a text as a word of a `set` line.
fn word(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

pub(crate) fn trust(authority: &Authority) -> String {
    format!("set facilities crypto ssl server-truststore server-certificate ca certificate {}", word(authority.pem()))
}

pub(crate) fn keystore(id: &str, identity: &Identity) -> String {
    let (chain, key) = (word(&identity.certificate_pem), word(&identity.key_pem));
    format!(
        "set facilities crypto ssl client-keystores client-keystore {id} certificate-chain {chain} private-key {key}"
    )
}

pub(crate) fn client(id: &str, rest: &str) -> String {
    format!("set facilities http client {id} {rest}")
}

pub(crate) fn handler(id: &str, host: &str, port: u16, client: &str) -> String {
    format!("set {HANDLER} {id} webhook-notifier web-service hostname {host} port {port} http-client {client}")
}

pub(crate) fn commit(home: &Home, lines: &[String]) {
    home.commit(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

pub(crate) fn raise(home: &Home, resource: &str) {
    let said = home.told(&[&format!(
        "request alarms raise resource-type database resource {resource} alarm-type slow severity major"
    )]);
    assert!(said.contains("raised"), "{said}");
}

/// Waits until the alarms that stand say something, or say it no more.
pub(crate) fn wait_for_alarms(home: &Home, is_it: impl Fn(&str) -> bool) -> String {
    let clock = annunciator::clock::Clock::system();
    loop {
        let said = home.told(&["show alarms"]);
        if is_it(&said) {
            return said;
        }
        assert!(clock.elapsed() < crate::harness::WITHIN, "{said}");
    }
}

/// Waits until so many deliveries have arrived, their answers included.
pub(crate) fn wait_for_deliveries(home: &Home, handler: &str, count: u64) {
    let clock = annunciator::clock::Clock::system();
    loop {
        let said = home.told(&["show handlers"]);
        let line = said.lines().find(|line| line.starts_with(handler)).unwrap_or_default();
        if line.split_whitespace().nth(5) == Some(&count.to_string()) {
            return;
        }
        assert!(clock.elapsed() < crate::harness::WITHIN, "{said}");
    }
}

#[test]
fn mutual_tls_is_configured_in_the_shell_and_kept_over_commits_and_restarts() {
    let ours = Authority::new("Ours");
    let receiver = HttpReceiver::start();
    let front = SecureFront::start(&receiver, &ours.server(&["localhost"], VALID), &Clients::Of(&ours));
    let home = Home::new();
    let element = home.start(&[]);
    commit(
        &home,
        &[
            trust(&ours),
            keystore("panel", &ours.client("panel", VALID)),
            client("tls", "tls use-truststore true client-keystore panel"),
            handler("wh", "localhost", front.port(), "tls"),
        ],
    );
    raise(&home, "db1");
    wait_for_deliveries(&home, "wh", 1);
    let shown = home.told(&["show crypto"]);
    for expected in
        ["client-keystore panel", "used by     http-client tls", "subject     CN=panel", "issuer      CN=Ours"]
    {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(shown.contains("SHA-256 ") && shown.contains("server-certificate ca"), "{shown}");
    assert!(!home.running().contains("PRIVATE KEY"));
    // A commit that does not concern the client, and one that says the same again, keep its connection.
    commit(&home, &["set system revisions-kept 500".to_owned()]);
    raise(&home, "db2");
    wait_for_deliveries(&home, "wh", 2);
    assert_eq!((front.seen().full, front.seen().resumed), (1, 0), "one connection before and after");
    commit(&home, &[client("tls", "socket-timeout 7")]);
    raise(&home, "db3");
    wait_for_deliveries(&home, "wh", 3);
    assert_eq!((front.seen().full, front.seen().resumed), (2, 0), "another client has a connection of its own");
    element.stop();
    let element = home.start(&[]);
    raise(&home, "db4");
    receiver.wait_for(4);
    assert!(front.seen().clients.iter().all(|name| name == "CN=panel"));
    element.stop();
}

#[test]
fn material_is_judged_at_the_commit_with_its_path() {
    let ours = Authority::new("Ours");
    let (one, other, old) = (ours.client("one", VALID), ours.client("other", VALID), ours.client("retired", EXPIRED));
    let home = Home::new();
    let element = home.start(&[]);
    let mut mixed = ours.client("one", VALID);
    mixed.key_pem.clone_from(&other.key_pem);
    let store = "set facilities crypto ssl client-keystores client-keystore k";
    for (line, expected) in [
        (keystore("k", &mixed), "the key is not that of the certificate `CN=one`"),
        (format!("{store} certificate-chain nonsense private-key nonsense"), "there is no certificate in it"),
        (format!("{store} certificate-chain {}", word(&one.certificate_pem)), "`private-key` is not configured"),
        (
            format!(
                "{store} certificate-chain {} private-key {}",
                word(&one.certificate_pem),
                word(&one.certificate_pem)
            ),
            "there is no private key in it",
        ),
        (format!("{store} keystore AAAA password x"), "the keystore is not PKCS#12"),
        (format!("{store} keystore-file /dev/zero"), "not a regular file"),
        (
            "set facilities crypto ssl server-truststore server-certificate c certificate-file /nowhere/ca.pem"
                .to_owned(),
            "the file `/nowhere/ca.pem` cannot be read",
        ),
    ] {
        let finished = home.shell(&["configure", &line, "commit"]);
        assert_eq!(finished.code, Some(2), "{line}: {}", finished.stdout);
        assert!(finished.stderr.contains(expected), "{expected}: {}", finished.stderr);
        assert!(finished.stderr.contains("/annunciator-facilities:facilities/crypto/ssl/"), "{}", finished.stderr);
        let secret = mixed.key_pem.lines().nth(1).unwrap();
        assert!(!finished.stderr.contains(secret), "{}", finished.stderr);
    }
    // What has expired is a warning, with subject and dates, and then an alarm.
    let finished = home.shell(&["configure", &keystore("old", &old), "commit"]);
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert_eq!(finished.code, Some(0), "{said}");
    for expected in ["`CN=retired` has expired", "2019-01-01", "2020-01-01", "client-keystore[id='old']"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let alarms = wait_for_alarms(&home, |said| said.contains("certificate-expiry"));
    assert!(alarms.contains("critical") && alarms.contains("client-keystore"), "{alarms}");
    commit(&home, &["delete facilities crypto ssl client-keystores client-keystore old".to_owned()]);
    wait_for_alarms(&home, |said| !said.contains("certificate-expiry"));
    element.stop();
}

#[test]
fn a_client_whose_material_is_gone_is_alarmed_at_the_restart_and_the_rest_runs() {
    let ours = Authority::new("Ours");
    let receiver = HttpReceiver::start();
    let front = SecureFront::start(&receiver, &ours.server(&["localhost"], VALID), &Clients::Of(&ours));
    let panel = ours.client("panel", VALID);
    let home = Home::with(&[("chain.pem", &panel.certificate_pem), ("key.pem", &panel.key_pem)]);
    let element = home.start(&[]);
    let path = |name: &str| home.path().join(name).display().to_string();
    let files = format!("certificate-chain-file {} private-key-file {}", path("chain.pem"), path("key.pem"));
    commit(
        &home,
        &[
            trust(&ours),
            format!("set facilities crypto ssl client-keystores client-keystore panel {files}"),
            client("tls", "tls use-truststore true client-keystore panel"),
            handler("wh", "localhost", front.port(), "tls"),
            client("plain", "scheme http"),
            handler("other", "127.0.0.1", receiver.address().port(), "plain"),
        ],
    );
    element.stop();
    std::fs::rename(home.path().join("key.pem"), home.path().join("away.pem")).unwrap();
    let element = home.start(&[]);
    let kinds = ["client-keystore", "http-client", "alarm-handler"];
    let told = |said: &str, kind: &str| {
        said.lines().any(|line| line.contains(kind) && line.contains("configuration-not-built"))
    };
    wait_for_alarms(&home, |said| kinds.iter().all(|kind| told(said, kind)));
    raise(&home, "db1");
    assert!(receiver.wait_for(1).iter().all(|request| request.header("host") != Some("localhost")));
    assert!(home.told(&["show crypto"]).contains("cannot be read"));
    // The file is back: the next commit that touches the client takes it, and what waited is delivered.
    std::fs::rename(home.path().join("away.pem"), home.path().join("key.pem")).unwrap();
    commit(
        &home,
        &[
            "delete facilities crypto ssl client-keystores client-keystore panel private-key-file".to_owned(),
            format!(
                "set facilities crypto ssl client-keystores client-keystore panel private-key {}",
                word(&panel.key_pem)
            ),
        ],
    );
    wait_for_alarms(&home, |said| !said.contains("configuration-not-built"));
    let delivered = |request: &crate::harness::http::Recorded| request.text().contains("db1");
    // Both handlers are told of the alarms about what could not be built, too; how many there are by then is open.
    let mut all = receiver.wait_for(2);
    while all.iter().filter(|request| delivered(request)).count() < 2 {
        all = receiver.wait_for(all.len() + 1);
    }
    element.stop();
}

#[test]
fn trouble_with_a_remote_host_is_an_alarm_that_success_there_clears() {
    let receiver = HttpReceiver::start();
    receiver.always(Answer::status(503));
    let home = Home::new();
    let element = home.start(&[]);
    let port = receiver.address().port();
    commit(
        &home,
        &[
            client("c1", "scheme http client-alarms quiet-time 0"),
            handler("wh1", "127.0.0.1", port, "c1"),
            format!("set {HANDLER} wh1 delivery retry-intervals [ 0 1 ]"),
        ],
    );
    raise(&home, "db1");
    let alarms = wait_for_alarms(&home, |said| said.contains("failed-communication"));
    assert!(alarms.contains(&format!("http://127.0.0.1:{port}")), "{alarms}");
    let detail = home.told(&["show alarms alarm-type failed-communication detail"]);
    assert!(detail.contains("Alarm handlers: wh1") && detail.contains("status 503"), "{detail}");
    receiver.always(Answer::status(401));
    let alarms = wait_for_alarms(&home, |said| said.contains("failed-authentication"));
    assert!(alarms.contains("failed-communication"), "no success has cleared it: {alarms}");
    receiver.always(Answer::status(200));
    wait_for_alarms(&home, |said| !said.contains("failed-"));
    element.stop();
}

#[test]
fn an_alarm_about_a_host_that_nothing_reaches_any_more_ends() {
    let home = Home::new();
    let element = home.start(&[]);
    let receiver = HttpReceiver::start();
    receiver.always(Answer::status(500));
    commit(&home, &[client("c1", "scheme http"), handler("wh1", "127.0.0.1", receiver.address().port(), "c1")]);
    raise(&home, "db1");
    wait_for_alarms(&home, |said| said.contains("failed-communication"));
    let elsewhere = HttpReceiver::start();
    commit(&home, &[handler("wh1", "127.0.0.1", elsewhere.address().port(), "c1")]);
    wait_for_alarms(&home, |said| !said.contains("failed-communication"));
    element.stop();
}

#[test]
fn a_client_is_tried_out_step_by_step() {
    let ours = Authority::new("Ours");
    let receiver = HttpReceiver::start();
    let front = SecureFront::start(&receiver, &ours.server(&["localhost", "hook.test"], VALID), &Clients::Of(&ours));
    let tokens = TokenServer::start(Expects::SecretInBody("s3cret-in-body"));
    tokens.guard(&receiver);
    let proxy = Proxy::start(Some("Basic dXNlcjpnZWhlaW0="));
    let home = Home::new();
    let element = home.start(&[]);
    let tls = "tls use-truststore true client-keystore panel";
    let address = proxy.address();
    commit(
        &home,
        &[
            trust(&ours),
            keystore("panel", &ours.client("panel", VALID)),
            client("direct", tls),
            client("full", tls),
            client(
                "full",
                &format!(
                    "oauth-credentials client-id {} client-secret s3cret-in-body token-endpoint {}",
                    word(CLIENT_ID),
                    tokens.url()
                ),
            ),
            client(
                "full",
                &format!("proxy scheme http hostname 127.0.0.1 port {} username user password geheim", address.port()),
            ),
            client("full", "proxy bypass [ 127.0.0.1 ]"),
            client("unknown", "tls use-truststore false"),
            client("guarded", "egress public-only true"),
            handler("wh", "hook.test", front.port(), "full"),
        ],
    );
    let said = home.told(&["request facilities http client full test"]);
    let steps: Vec<&str> = said.lines().filter(|line| line.starts_with("  ")).collect();
    for (line, step) in
        steps.iter().zip(["resolve", "connect", "proxy tunnel", "TLS handshake", "authenticate", "request"])
    {
        assert!(line.trim().starts_with(step) && line.contains(" ok ") && line.contains(" ms "), "{said}");
    }
    assert_eq!(steps.len(), 6, "{said}");
    assert!(said.contains("CN=localhost") && said.contains("a token of http://127.0.0.1"), "{said}");
    assert!(!said.contains("tok-secret") && !said.contains("s3cret-in-body"), "{said}");
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request.method == "HEAD"), "{requests:?}");

    let fails = |id: &str, url: &str, step: &str, reason: &str| {
        let finished = home.shell(&[&format!("request facilities http client {id} test url {url}")]);
        assert_eq!(finished.code, Some(2), "{}", finished.stdout);
        assert!(
            finished.stderr.contains(&format!("{step} failed: {reason}")),
            "{}{}",
            finished.stdout,
            finished.stderr
        );
    };
    let url = front.url("localhost", "/");
    fails("direct", "http://no-such-host.invalid/", "resolve", "dns");
    fails("direct", "http://127.0.0.1:9/", "connect", "connection-refused");
    fails("unknown", &url, "TLS handshake", "tls-certificate");
    fails("guarded", &url, "resolve", "egress-refused");
    fails("direct", &url, "request", "authentication-refused");
    tokens.receiver.always(Answer::status(500));
    fails("full", &format!("{url}x"), "authenticate", "token-unavailable");
    let finished = home.shell(&["request facilities http client nobody test"]);
    assert!(finished.stderr.contains("there is no HTTP client `nobody`"), "{}", finished.stderr);
    let finished = home.shell(&["request facilities http client direct test"]);
    assert!(finished.stderr.contains("no alarm handler uses"), "{}", finished.stderr);
    element.stop();
}

#[test]
fn clients_that_fetch_tokens_through_each_other_are_refused() {
    let home = Home::new();
    let element = home.start(&[]);
    let oauth = |id: &str, through: &str| {
        client(
            id,
            &format!(
                "oauth-credentials client-id x client-secret y token-endpoint https://t.example/ http-client {through}"
            ),
        )
    };
    let (a, b) = (oauth("a", "b"), oauth("b", "a"));
    let finished = home.shell(&["configure", &a, &b, "commit"]);
    assert_eq!(finished.code, Some(2), "{}", finished.stdout);
    assert!(finished.stderr.contains("fetch their tokens through each other"), "{}", finished.stderr);
    let proof = client("c", "oauth-credentials client-id x token-endpoint https://t.example/");
    let finished = home.shell(&["configure", &proof, "commit"]);
    assert!(finished.stderr.contains("nothing proves to the token endpoint"), "{}", finished.stderr);
    let range = client("d", "egress deny 10.0.0.0/33");
    let finished = home.shell(&["configure", &range, "commit"]);
    assert!(finished.stderr.contains("is not an address or a range"), "{}", finished.stderr);
    element.stop();
}

#[test]
fn a_key_among_certificates_is_refused_before_it_is_stored_or_shown() {
    let identity = Authority::new("Ours").client("panel", VALID);
    let both = word(&format!("{}{}", identity.certificate_pem, identity.key_pem));
    let ssl = "set facilities crypto ssl";
    let key_line = identity.key_pem.lines().nth(1).unwrap().to_owned();
    let home = Home::new();
    let element = home.start(&[]);
    for place in
        ["client-keystores client-keystore k certificate-chain", "server-truststore server-certificate c certificate"]
    {
        let refused = home.shell(&["configure", &format!("{ssl} {place} {both}"), "commit"]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("there is a private key in it"), "{}", refused.stderr);
    }
    element.stop();
    for file in files_below(home.path()) {
        let content = std::fs::read(&file).unwrap();
        assert!(!content.windows(key_line.len()).any(|window| window == key_line.as_bytes()), "{}", file.display());
    }
}
