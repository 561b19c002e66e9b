//! An OAuth 2.0 token endpoint that checks what it gets, and a service that accepts only its tokens.

use super::http::{Answer, HttpReceiver, Recorded};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How the client must prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expects {
    SecretInBody(&'static str),
    SecretInHeader(&'static str),
    Assertion { audience: String, algorithm: &'static str, key_id: Option<&'static str> },
    CertificateOnly,
}

/// What the endpoint knows.
#[derive(Debug)]
struct Desk {
    expects: Expects,
    scope: Option<String>,
    lifetime: Option<u64>,
    issued: usize,
    revoked: usize,
    assertions: Vec<String>,
}

/// A token endpoint at `/token`, in a receiver of its own.
#[derive(Clone)]
pub(crate) struct TokenServer {
    pub(crate) receiver: HttpReceiver,
    desk: Arc<Mutex<Desk>>,
}

/// The client that the endpoint knows.
pub(crate) const CLIENT_ID: &str = "alarm panel";

impl TokenServer {
    pub(crate) fn start(expects: Expects) -> Self {
        let desk = Desk { expects, scope: None, lifetime: Some(3600), issued: 0, revoked: 0, assertions: Vec::new() };
        let desk = Arc::new(Mutex::new(desk));
        let receiver = HttpReceiver::start();
        let answering = Arc::clone(&desk);
        receiver.always(Answer::decided(move |request| answer(&mut answering.lock().unwrap(), request)));
        Self { receiver, desk }
    }

    pub(crate) fn scope(self, scope: &str) -> Self {
        self.desk.lock().unwrap().scope = Some(scope.to_owned());
        self
    }

    pub(crate) fn lifetime(&self, seconds: Option<u64>) {
        self.desk.lock().unwrap().lifetime = seconds;
    }

    pub(crate) fn url(&self) -> String {
        self.receiver.url("/token")
    }

    /// Returns how many tokens were issued.
    pub(crate) fn issued(&self) -> usize {
        self.desk.lock().unwrap().issued
    }

    /// Takes back all tokens issued so far.
    pub(crate) fn revoke(&self) {
        let mut desk = self.desk.lock().unwrap();
        desk.revoked = desk.issued;
    }

    /// Returns the statements that were accepted.
    pub(crate) fn assertions(&self) -> Vec<String> {
        self.desk.lock().unwrap().assertions.clone()
    }

    /// Makes a receiver answer 401 to whoever has no token that holds.
    pub(crate) fn guard(&self, receiver: &HttpReceiver) {
        let desk = Arc::clone(&self.desk);
        receiver.always(Answer::decided(move |request| {
            let desk = desk.lock().unwrap();
            let number = request.header("authorization").and_then(|value| value.strip_prefix("Bearer tok-secret-"));
            let holds =
                number.and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n > desk.revoked && n <= desk.issued);
            Answer::status(if holds { 200 } else { 401 })
        }));
    }
}

fn refusal(status: u16, error: &str) -> Answer {
    Answer::status(status)
        .header("content-type", "application/json")
        .body(format!("{{\"error\":\"{error}\",\"error_description\":\"as seen by the endpoint\"}}"))
}

fn answer(desk: &mut Desk, request: &Recorded) -> Answer {
    if (request.method.as_str(), request.path.as_str()) != ("POST", "/token") {
        return Answer::status(404);
    }
    if request.header("content-type") != Some("application/x-www-form-urlencoded") {
        return refusal(400, "invalid_request");
    }
    let form: BTreeMap<String, String> = form(&request.text());
    let field = |name: &str| form.get(name).map(String::as_str);
    if field("grant_type") != Some("client_credentials") {
        return refusal(400, "unsupported_grant_type");
    }
    if field("scope").map(str::to_owned) != desk.scope {
        return refusal(400, "invalid_scope");
    }
    let is_known = match &desk.expects {
        Expects::SecretInBody(secret) => {
            field("client_id") == Some(CLIENT_ID)
                && field("client_secret") == Some(secret)
                && request.header("authorization").is_none()
        }
        Expects::SecretInHeader(secret) => {
            // Name and secret are form-encoded before they are put together (RFC 6749 §2.3.1).
            let pair = format!("{}:{}", CLIENT_ID.replace(' ', "+"), encoded(secret));
            request.header("authorization") == Some(&format!("Basic {}", STANDARD.encode(pair)))
                && field("client_secret").is_none()
        }
        Expects::Assertion { audience, algorithm, key_id } => {
            let statement = field("client_assertion").unwrap_or_default();
            let is_right = field("client_assertion_type")
                == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                && says(statement, audience, algorithm, *key_id);
            desk.assertions.push(statement.to_owned());
            is_right
        }
        Expects::CertificateOnly => field("client_id") == Some(CLIENT_ID) && field("client_secret").is_none(),
    };
    if !is_known {
        return refusal(401, "invalid_client");
    }
    desk.issued += 1;
    let lifetime = desk.lifetime.map_or_else(String::new, |seconds| format!(",\"expires_in\":{seconds}"));
    let body = format!("{{\"access_token\":\"tok-secret-{}\",\"token_type\":\"Bearer\"{lifetime}}}", desk.issued);
    Answer::status(200).header("content-type", "application/json;charset=UTF-8").body(body)
}

fn encoded(text: &str) -> String {
    text.replace('+', "%2B").replace(' ', "+").replace('/', "%2F").replace('!', "%21")
}

fn form(text: &str) -> BTreeMap<String, String> {
    annunciator::transport::Url::parse(&format!("http://form/?{text}")).unwrap().query_pairs().into_owned().collect()
}

/// Returns whether a statement says what it must; its signature is for the test, which knows the key.
fn says(statement: &str, audience: &str, algorithm: &str, key_id: Option<&str>) -> bool {
    let parts: Vec<&str> = statement.split('.').collect();
    let [header, claims, _] = parts[..] else { return false };
    let read = |part: &str| -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
    };
    let (header, claims) = (read(header), read(claims));
    let lives = claims["exp"].as_i64().unwrap_or(0) - claims["iat"].as_i64().unwrap_or(0);
    header["alg"] == algorithm
        && header["kid"].as_str() == key_id
        && claims["iss"] == CLIENT_ID
        && claims["sub"] == CLIENT_ID
        && claims["aud"] == audience
        && claims["jti"].as_str().is_some_and(|id| !id.is_empty())
        && (1..=300).contains(&lives)
}
