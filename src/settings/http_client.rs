//! `facilities http client`.

use super::reader::{Reader, Reported};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::secret::Sealer;
use crate::transport::{
    Authentication, Bypass, ClientAlarmSpec, ClientProof, EgressSpec, HttpClientSpec, IpRange, OAuthSpec, PoolSpec,
    ProxySpec, RetrySpec, Scheme, SlowThresholds, TlsSpec, TlsVersion, TokenRoute, Url,
};
use crate::tree::{DataPath, NodeRef};
use std::time::Duration;

/// Reads an HTTP client.
///
/// # Errors
/// What cannot be read, each with its path: a secret of another key, mostly.
pub fn http_client(node: NodeRef<'_>, path: &DataPath, sealer: &dyn Sealer) -> Result<HttpClientSpec, Diagnostics> {
    let mut reader = Reader::new(node, path);
    let id = reader.mandatory_text("id");
    let scheme = scheme(&mut reader, "scheme");
    let connect_timeout = reader.timeout("connect-timeout");
    let socket_timeout = reader.timeout("socket-timeout");
    let tls = tls(&mut reader, "tls");
    let authentication = tls.as_ref().and_then(|tls| authentication(&mut reader, tls, sealer));
    let http2 = reader.boolean("http2");
    let proxy = proxy(&mut reader, sealer).ok();
    let pool = pool(&mut reader).ok();
    let retries = retries(&mut reader).ok();
    let egress = egress(&mut reader);
    let alarms = alarms(&mut reader);
    let read = (|| {
        Some(HttpClientSpec {
            id: id?,
            scheme: scheme?,
            connect_timeout: connect_timeout?.limit(),
            socket_timeout: socket_timeout?.limit(),
            authentication: authentication?,
            tls: tls?,
            http2: http2?,
            proxy: proxy?,
            pool: pool?,
            retries: retries?,
            egress: egress?,
            alarms: alarms?,
        })
    })();
    reader.finish(read)
}

fn scheme(reader: &mut Reader<'_, '_>, leaf: &str) -> Option<Scheme> {
    let text = reader.mandatory_text(leaf)?;
    let found = [Scheme::Http, Scheme::Https].into_iter().find(|scheme| scheme.as_str() == text);
    if found.is_none() {
        reader.report(leaf, Diagnostic::error(format!("`{text}` is not a scheme: expected `http` or `https`")));
    }
    found
}

/// Reads the leaves of the grouping `tls-client` in a container.
fn tls(reader: &mut Reader<'_, '_>, container: &str) -> Option<TlsSpec> {
    let at = |leaf: &str| format!("{container}/{leaf}");
    let skips_hostname = reader.boolean(&at("disable-hostname-verification"));
    let uses_truststore = reader.boolean(&at("use-truststore"));
    let client_keystore = reader.text(&at("client-keystore"));
    let version = at("minimum-version");
    let minimum_version = match reader.mandatory_text(&version).as_deref() {
        Some("1.2") => Some(TlsVersion::Tls12),
        Some("1.3") => Some(TlsVersion::Tls13),
        Some(other) => {
            reader.report(&version, Diagnostic::error(format!("`{other}` is no version: expected `1.2` or `1.3`")));
            None
        }
        None => None,
    };
    Some(TlsSpec {
        checks_hostname: !skips_hostname?,
        uses_truststore: uses_truststore?,
        client_keystore,
        minimum_version: minimum_version?,
    })
}

fn authentication(reader: &mut Reader<'_, '_>, own: &TlsSpec, sealer: &dyn Sealer) -> Option<Authentication> {
    if reader.has("http-basic-authn") {
        let username = reader.mandatory_text("http-basic-authn/username");
        let password = reader.secret("http-basic-authn/password", sealer).ok();
        return Some(Authentication::Basic { username: username?, password: password? });
    }
    if reader.has("oauth-credentials") {
        return oauth(reader, own, sealer).map(|spec| Authentication::OAuth(Box::new(spec)));
    }
    match reader.secret("bearer-token", sealer).ok()? {
        Some(token) => Some(Authentication::Bearer(token)),
        None => Some(Authentication::None),
    }
}

fn oauth(reader: &mut Reader<'_, '_>, own: &TlsSpec, sealer: &dyn Sealer) -> Option<OAuthSpec> {
    let client_id = reader.mandatory_text("oauth-credentials/client-id");
    let scopes = reader.texts("oauth-credentials/scope");
    let token_endpoint = token_endpoint(reader);
    let through = token_route(reader);
    let proof = through.as_ref().and_then(|through| client_proof(reader, own, through, sealer));
    Some(OAuthSpec { client_id: client_id?, proof: proof?, scopes, token_endpoint: token_endpoint?, through: through? })
}

fn token_endpoint(reader: &mut Reader<'_, '_>) -> Option<Url> {
    let leaf = "oauth-credentials/token-endpoint";
    let text = reader.mandatory_text(leaf)?;
    let url = Url::parse(&text).ok().filter(Url::has_host);
    if url.is_none() {
        reader.report(leaf, Diagnostic::error(format!("`{text}` is not an address")));
    }
    url
}

fn token_route(reader: &mut Reader<'_, '_>) -> Option<TokenRoute> {
    if let Some(client) = reader.text("oauth-credentials/http-client") {
        return Some(TokenRoute::Client(client));
    }
    if reader.has("oauth-credentials/token-endpoint-tls") {
        return tls(reader, "oauth-credentials/token-endpoint-tls").map(TokenRoute::Tls);
    }
    Some(TokenRoute::Same)
}

fn client_proof(
    reader: &mut Reader<'_, '_>,
    own: &TlsSpec,
    through: &TokenRoute,
    sealer: &dyn Sealer,
) -> Option<ClientProof> {
    let secret = reader.secret("oauth-credentials/client-secret", sealer).ok()?;
    let in_header = reader.boolean("oauth-credentials/send-client-credentials-in-authorization-header")?;
    let has_assertion = reader.has("oauth-credentials/client-assertion");
    match (secret, has_assertion) {
        (Some(_), true) => {
            let said = "a client proves who it is by `client-secret` or by `client-assertion`, not by both";
            reader.report("oauth-credentials/client-secret", Diagnostic::error(said).hint("delete one of them"));
            None
        }
        (Some(secret), false) => Some(ClientProof::Secret { secret, in_header }),
        (None, true) => Some(ClientProof::Assertion {
            keystore: reader.mandatory_text("oauth-credentials/client-assertion/keystore")?,
            key_id: reader.text("oauth-credentials/client-assertion/key-id"),
            audience: reader.text("oauth-credentials/client-assertion/audience"),
        }),
        (None, false) => {
            // Which certificate another client shows is its own affair.
            let shows_certificate = match through {
                TokenRoute::Same => own.client_keystore.is_some(),
                TokenRoute::Tls(tls) => tls.client_keystore.is_some(),
                TokenRoute::Client(_) => true,
            };
            if shows_certificate {
                return Some(ClientProof::Tls);
            }
            let said = "nothing proves to the token endpoint who the client is";
            let hint = "set `client-secret`, `client-assertion`, or a `client-keystore` for the TLS connection to it";
            reader.report("oauth-credentials", Diagnostic::error(said).hint(hint));
            None
        }
    }
}

fn proxy(reader: &mut Reader<'_, '_>, sealer: &dyn Sealer) -> Result<Option<ProxySpec>, Reported> {
    if !reader.has("proxy") {
        return Ok(None);
    }
    let scheme = scheme(reader, "proxy/scheme");
    let hostname = reader.mandatory_text("proxy/hostname");
    let port = match reader.value("proxy/port") {
        Some(_) => reader.number("proxy/port"),
        None => scheme.map(|scheme| if scheme == Scheme::Https { 443 } else { 80 }),
    };
    let username = reader.text("proxy/username");
    let password = reader.secret("proxy/password", sealer).ok();
    if username.is_none() && matches!(password, Some(Some(_))) {
        let said = Diagnostic::error("a password for the proxy needs a user name");
        reader.report("proxy/password", said.hint("set `proxy username`"));
    }
    let bypass = parsed(reader, "proxy/bypass", Bypass::parse);
    let read = (|| {
        Some(ProxySpec {
            scheme: scheme?,
            hostname: hostname?,
            port: port?,
            username,
            password: password?,
            bypass: bypass?,
        })
    })();
    read.map(Some).ok_or(Reported)
}

/// Reads the values of a leaf-list; reports all that are wrong.
fn parsed<T>(
    reader: &mut Reader<'_, '_>,
    leaf_list: &str,
    parse: impl Fn(&str) -> Result<T, Diagnostic>,
) -> Option<Vec<T>> {
    let texts = reader.texts(leaf_list);
    let mut all = Vec::with_capacity(texts.len());
    let mut is_whole = true;
    for text in texts {
        match parse(&text) {
            Ok(value) => all.push(value),
            Err(fault) => {
                reader.report(leaf_list, fault);
                is_whole = false;
            }
        }
    }
    is_whole.then_some(all)
}

fn pool(reader: &mut Reader<'_, '_>) -> Result<Option<PoolSpec>, Reported> {
    if !reader.has("connection-pool") {
        return Ok(None);
    }
    let connections_max = reader.number("connection-pool/max-connections");
    let per_route_max = reader.number("connection-pool/max-connections-per-route");
    let idle = reader.seconds("connection-pool/idle-connection-timeout");
    let read = (|| Some(PoolSpec { connections_max: connections_max?, per_route_max: per_route_max?, idle: idle? }))();
    read.map(Some).ok_or(Reported)
}

fn retries(reader: &mut Reader<'_, '_>) -> Result<Option<RetrySpec>, Reported> {
    if !reader.has("retry-on-failures") {
        return Ok(None);
    }
    let retries_max = reader.number("retry-on-failures/max-retries");
    let interval = reader.number("retry-on-failures/retry-interval").map(Duration::from_millis);
    let read = (|| Some(RetrySpec { retries_max: retries_max?, interval: interval? }))();
    read.map(Some).ok_or(Reported)
}

fn egress(reader: &mut Reader<'_, '_>) -> Option<EgressSpec> {
    let public_only = reader.boolean("egress/public-only");
    let deny = parsed(reader, "egress/deny", str::parse::<IpRange>);
    let allow = parsed(reader, "egress/allow", str::parse::<IpRange>);
    Some(EgressSpec { public_only: public_only?, deny: deny?, allow: allow? })
}

fn alarms(reader: &mut Reader<'_, '_>) -> Option<ClientAlarmSpec> {
    let window = "client-alarms/failed-communication-alarm/sliding-window";
    let failed_connection = reader.boolean("client-alarms/enable-failed-connection-alarm");
    let failed_authentication = reader.boolean("client-alarms/enable-failed-authentication-alarm");
    let failed_communication = reader.boolean("client-alarms/enable-failed-communication-alarm");
    let counts = reader.boolean("client-alarms/raise-failed-communication-alarms-http-client-errors");
    let quiet = reader.seconds("client-alarms/quiet-time");
    let faults = reader.number(&format!("{window}/faults-to-raise-alarm"));
    let duration = reader.seconds(&format!("{window}/sliding-window-duration"));
    let slow = slow(reader);
    Some(ClientAlarmSpec {
        failed_connection: failed_connection?,
        failed_authentication: failed_authentication?,
        failed_communication: failed_communication?,
        counts_client_errors: counts?,
        quiet: quiet?,
        faults: faults?,
        window: duration?,
        slow: slow?,
    })
}

/// Reads from when on an answer is slow; a threshold of 0 is none.
fn slow(reader: &mut Reader<'_, '_>) -> Option<SlowThresholds> {
    let is_on = reader.boolean("client-alarms/enable-slow-connection-alarm");
    let mut threshold = |severity: &str| {
        let seconds = reader.seconds(&format!("client-alarms/slow-connection-alarm/thresholds/{severity}"));
        seconds.map(|seconds| (!seconds.is_zero()).then_some(seconds))
    };
    let (warning, minor) = (threshold("warning"), threshold("minor"));
    let (major, critical) = (threshold("major"), threshold("critical"));
    let thresholds = SlowThresholds { warning: warning?, minor: minor?, major: major?, critical: critical? };
    Some(if is_on? { thresholds } else { SlowThresholds::NONE })
}
