//! How a client says who it is: not at all, by a header that does not change, or by tokens that are fetched.

use super::assertion::Signer;
use super::client::HttpClient;
use super::observe::{End, Observation, Observer};
use super::spec::{Authentication, ClientProof, OAuthSpec, Scheme, TokenRoute};
use super::tls::{Supplies, Transport};
use super::token::{Parts, Proof, TokenSource, Watch};
use super::{HeaderValue, HttpClientSpec};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How a client says who it is.
pub(super) enum Identity {
    Nobody,
    Fixed(HeaderValue),
    Tokens(Box<TokenSource>),
}

impl Identity {
    pub(super) fn build(
        spec: &HttpClientSpec,
        transport: &Transport,
        supplies: &dyn Supplies,
        observer: &Observer,
    ) -> Result<Self, Diagnostics> {
        match &spec.authentication {
            Authentication::None => Ok(Self::Nobody),
            Authentication::Basic { username, password } => basic(username, password.as_ref()).map(Self::Fixed),
            Authentication::Bearer(token) => Ok(Self::Fixed(bearer(token)?)),
            Authentication::OAuth(oauth) => {
                tokens(spec, oauth, transport, supplies, observer).map(|source| Self::Tokens(Box::new(source)))
            }
        }
    }

    /// Returns whether requests carry a header that says who the client is.
    pub(super) fn sends_header(&self) -> bool {
        !matches!(self, Self::Nobody)
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, Diagnostic> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value =
        HeaderValue::from_str(&text).map_err(|_| Diagnostic::error("the bearer token does not fit a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn basic(username: &str, password: Option<&Secret>) -> Result<HeaderValue, Diagnostics> {
    let mut faults = Diagnostics::new();
    if username.contains(':') {
        faults.push(Diagnostic::error(format!(
            "the username `{username}` has a colon, which HTTP Basic authentication takes for its end"
        )));
    }
    let password = password.map_or("", Secret::expose);
    for (name, text) in [("username", username), ("password", password)] {
        if text.chars().any(char::is_control) {
            faults.push(Diagnostic::error(format!("the {name} has a control character")));
        }
    }
    if faults.has_errors() {
        return Err(faults);
    }
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let encoded = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&encoded)
        .map_err(|_| Diagnostics::from(Diagnostic::error("the username and password do not fit a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

fn tokens(
    spec: &HttpClientSpec,
    oauth: &OAuthSpec,
    transport: &Transport,
    supplies: &dyn Supplies,
    observer: &Observer,
) -> Result<TokenSource, Diagnostics> {
    let mut faults = Diagnostics::new();
    let proof = proof(oauth, supplies).map_err(|fault| faults.push(fault)).ok();
    let sender = sender(spec, oauth, transport, supplies, observer).map_err(|all| faults.extend(all)).ok();
    let (Some(proof), Some(sender), false) = (proof, sender, faults.has_errors()) else { return Err(faults) };
    let endpoint = oauth.token_endpoint.clone();
    let refused = sender.spec().egress.check_literal(endpoint.host_str().unwrap_or_default());
    refused.map_err(|error| Diagnostic::error(format!("the token endpoint: {error}")))?;
    Ok(TokenSource::new(Parts {
        client_id: oauth.client_id.clone(),
        proof,
        scopes: oauth.scopes.clone(),
        endpoint,
        sender,
        clock: transport.clock().clone(),
        watch: Watch { client: spec.id.clone(), alarms: spec.alarms.clone(), observer: Arc::clone(observer) },
    }))
}

fn proof(oauth: &OAuthSpec, supplies: &dyn Supplies) -> Result<Proof, Diagnostic> {
    Ok(match &oauth.proof {
        ClientProof::Secret { secret, in_header } => Proof::Secret { secret: secret.clone(), in_header: *in_header },
        ClientProof::Tls => Proof::Tls,
        ClientProof::Assertion { keystore: id, key_id, audience } => {
            let keystore = supplies.keystore(id).ok_or_else(|| {
                Diagnostic::error(format!("the keystore `{id}` cannot be used"))
                    .hint("`show crypto` tells what is wrong with it")
            })?;
            let audience = audience.clone().unwrap_or_else(|| oauth.token_endpoint.to_string());
            let signer = Signer::new(keystore, key_id.clone(), audience);
            Proof::Assertion(signer.map_err(|error| Diagnostic::error(format!("the keystore `{id}`: {error}")))?)
        }
    })
}

/// Returns what reaches the token endpoint: another client, or one of its own kind that sends no token.
fn sender(
    spec: &HttpClientSpec,
    oauth: &OAuthSpec,
    transport: &Transport,
    supplies: &dyn Supplies,
    observer: &Observer,
) -> Result<Arc<HttpClient>, Diagnostics> {
    let tls = match &oauth.through {
        TokenRoute::Client(id) => {
            return supplies.client(id).ok_or_else(|| {
                Diagnostic::error(format!("the HTTP client `{id}`, which fetches the tokens, cannot be used")).into()
            });
        }
        TokenRoute::Same => spec.tls.clone(),
        TokenRoute::Tls(tls) => tls.clone(),
    };
    let scheme = if oauth.token_endpoint.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    let own = HttpClientSpec { scheme, authentication: Authentication::None, tls, retries: None, ..spec.clone() };
    // How the endpoint answers is told by who asks; that it is not reached, by the client that reaches it.
    let observer = Arc::clone(observer);
    let only_failures = Arc::new(move |seen: &Observation<'_>| {
        if matches!(seen.end, End::Failed { .. }) {
            observer(seen);
        }
    });
    HttpClient::build_observed(&own, transport, supplies, only_failures).map(Arc::new)
}
