//! What an HTTP client is configured to be, and the address that it makes of a web service.

use super::{EgressSpec, ProxySpec, Url};
use crate::diagnostic::Diagnostic;
use crate::secret::Secret;
use std::time::Duration;

/// Scheme of a client's requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the schemes")]
pub enum Scheme {
    Http,
    #[default]
    Https,
}

impl Scheme {
    /// Returns the name as configuration and addresses have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// How a client says who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all, but for the certificate that TLS may show.
    #[default]
    None,
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user; holds no colon, which would end it.
        username: String,
        /// The password, when there is one.
        password: Option<Secret>,
    },
    /// A token that does not change (RFC 6750).
    Bearer(Secret),
    /// A token that is fetched (RFC 6749 §4.4).
    OAuth(Box<OAuthSpec>),
}

/// How tokens are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthSpec {
    /// Name under which the token endpoint knows the client.
    pub client_id: String,
    /// How the client proves it.
    pub proof: ClientProof,
    /// Scopes to ask for.
    pub scopes: Vec<String>,
    /// Where tokens are fetched.
    pub token_endpoint: Url,
    /// How the token endpoint is reached.
    pub through: TokenRoute,
}

/// How a client proves to a token endpoint who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// By a secret.
    Secret {
        /// The secret.
        secret: Secret,
        /// Whether it goes in the `Authorization` header and not in the body.
        in_header: bool,
    },
    /// By a statement that it signs (RFC 7523 §2.2).
    Assertion {
        /// Name of the keystore whose key signs.
        keystore: String,
        /// The `kid` of the statement.
        key_id: Option<String>,
        /// Whom it is for; `None` for the token endpoint.
        audience: Option<String>,
    },
    /// By the certificate of its TLS connection (RFC 8705 §2).
    Tls,
}

/// How a token endpoint is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRoute {
    /// As the client itself reaches servers.
    Same,
    /// As the client itself, with other TLS settings.
    Tls(TlsSpec),
    /// Through another client.
    Client(String),
}

/// Oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// The `tls` container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSpec {
    /// Whether a certificate must be for the host.
    pub checks_hostname: bool,
    /// Whether the truststore is trusted in the place of the system's.
    pub uses_truststore: bool,
    /// Name of the keystore whose certificate is shown.
    pub client_keystore: Option<String>,
    /// Oldest version that is spoken.
    pub minimum_version: TlsVersion,
}

impl Default for TlsSpec {
    fn default() -> Self {
        Self {
            checks_hostname: true,
            uses_truststore: false,
            client_keystore: None,
            minimum_version: TlsVersion::default(),
        }
    }
}

/// The `connection-pool` container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSpec {
    /// Requests at once.
    pub connections_max: u16,
    /// Of them to one host and port.
    pub per_route_max: u16,
    /// How long an idle connection is kept.
    pub idle: Duration,
}

/// The `retry-on-failures` container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySpec {
    /// How often a request is repeated.
    pub retries_max: u8,
    /// How long to wait before.
    pub interval: Duration,
}

/// A named client as `facilities http client` configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpClientSpec {
    /// Its name.
    pub id: String,
    /// Scheme of its requests.
    pub scheme: Scheme,
    /// Longest time to connect, the TLS handshake included; `None` for no limit but the attempt's.
    pub connect_timeout: Option<Duration>,
    /// Longest silence of the peer on an open connection; `None` for no limit but the attempt's.
    pub socket_timeout: Option<Duration>,
    /// How it says who it is.
    pub authentication: Authentication,
    /// TLS.
    pub tls: TlsSpec,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// The proxy.
    pub proxy: Option<ProxySpec>,
    /// Limits of its connections.
    pub pool: Option<PoolSpec>,
    /// Repetitions within an attempt.
    pub retries: Option<RetrySpec>,
    /// Which addresses it connects to.
    pub egress: EgressSpec,
    /// Which alarms it raises.
    pub alarms: ClientAlarmSpec,
}

/// The `client-alarms` container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a leaf that switches one thing")]
pub struct ClientAlarmSpec {
    /// Whether connections that do not come about are alarmed.
    pub failed_connection: bool,
    /// Whether refusals of who the client is are alarmed.
    pub failed_authentication: bool,
    /// Whether failures of servers are alarmed.
    pub failed_communication: bool,
    /// Whether other 4xx are failures of the server, too.
    pub counts_client_errors: bool,
    /// Time without a fault before an alarm is cleared.
    pub quiet: Duration,
    /// Faults that raise an alarm.
    pub faults: u16,
    /// Within this time; zero for each fault alone.
    pub window: Duration,
    /// From when on an answer is slow.
    pub slow: SlowThresholds,
}

/// How long an answer may take, by how bad it is to take longer; `None` for no such severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowThresholds {
    /// From here on it is a warning.
    pub warning: Option<Duration>,
    /// From here on it is minor.
    pub minor: Option<Duration>,
    /// From here on it is major.
    pub major: Option<Duration>,
    /// From here on it is critical.
    pub critical: Option<Duration>,
}

impl SlowThresholds {
    /// No answer is slow.
    pub const NONE: Self = Self { warning: None, minor: None, major: None, critical: None };
}

impl Default for SlowThresholds {
    /// Returns the defaults of the configuration. The last is 31 s because 30 is a common timeout.
    fn default() -> Self {
        let after = |seconds| Some(Duration::from_secs(seconds));
        Self { warning: after(2), minor: after(5), major: after(10), critical: after(31) }
    }
}

impl Default for ClientAlarmSpec {
    /// Returns the defaults of the configuration: all but client errors, two faults in ten seconds, ten quiet seconds.
    fn default() -> Self {
        Self {
            failed_connection: true,
            failed_authentication: true,
            failed_communication: true,
            counts_client_errors: false,
            quiet: Duration::from_secs(10),
            faults: 2,
            window: Duration::from_secs(10),
            slow: SlowThresholds::default(),
        }
    }
}

impl HttpClientSpec {
    /// Builds a client's specification with the defaults of the configuration: `https`, ten seconds, no authentication.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            scheme: Scheme::default(),
            connect_timeout: Some(Duration::from_secs(10)),
            socket_timeout: Some(Duration::from_secs(10)),
            authentication: Authentication::None,
            tls: TlsSpec::default(),
            http2: true,
            proxy: None,
            pool: None,
            retries: None,
            egress: EgressSpec::default(),
            alarms: ClientAlarmSpec::default(),
        }
    }

    /// Returns the TLS settings that it connects with: its own, and those to its token endpoint.
    fn all_tls(&self) -> impl Iterator<Item = &TlsSpec> {
        let token = match &self.authentication {
            Authentication::OAuth(oauth) => match &oauth.through {
                TokenRoute::Tls(tls) => Some(tls),
                _ => None,
            },
            _ => None,
        };
        std::iter::once(&self.tls).chain(token)
    }

    /// Returns whether it trusts whom the truststore names.
    #[must_use]
    pub fn uses_truststore(&self) -> bool {
        self.all_tls().any(|tls| tls.uses_truststore)
    }

    /// Returns the names of the keystores that it uses.
    #[must_use]
    pub fn keystores(&self) -> Vec<&str> {
        let signs = match &self.authentication {
            Authentication::OAuth(oauth) => match &oauth.proof {
                ClientProof::Assertion { keystore, .. } => Some(keystore),
                _ => None,
            },
            _ => None,
        };
        self.all_tls().filter_map(|tls| tls.client_keystore.as_ref()).chain(signs).map(String::as_str).collect()
    }

    /// Returns the name of the client through which it fetches tokens.
    #[must_use]
    pub fn token_client(&self) -> Option<&str> {
        match &self.authentication {
            Authentication::OAuth(oauth) => match &oauth.through {
                TokenRoute::Client(id) => Some(id),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Makes the address of a web service.
///
/// # Errors
/// When the host is not a host name or address, or the context not a path.
pub(super) fn address(scheme: Scheme, hostname: &str, port: u16, context: &str) -> Result<Url, Diagnostic> {
    let host = if hostname.contains(':') && !hostname.starts_with('[') {
        format!("[{hostname}]")
    } else {
        hostname.to_owned()
    };
    let bad_host = || {
        Diagnostic::error(format!("`{hostname}` is not a host name or an IP address"))
            .hint("write the host alone: the port and the path have their own leaves, the scheme is the HTTP client's")
    };
    let scheme = scheme.as_str();
    let root = Url::parse(&format!("{scheme}://{host}:{port}/")).map_err(|_| bad_host())?;
    let is_plain = root.username().is_empty()
        && root.password().is_none()
        && root.path() == "/"
        && root.query().is_none()
        && root.fragment().is_none()
        && !hostname.chars().any(|c| c.is_whitespace() || c.is_control() || "/\\?#@".contains(c));
    if !is_plain {
        return Err(bad_host());
    }
    if context.contains('#') || context.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Diagnostic::error(format!(
            "`{context}` is not a path: it has a space, a control character or `#`"
        ))
        .hint("percent-encode it, as in `/a%20path`"));
    }
    let slash = if context.starts_with('/') { "" } else { "/" };
    Url::parse(&format!("{scheme}://{host}:{port}{slash}{context}"))
        .map_err(|_| Diagnostic::error(format!("`{context}` is not a path")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hostname: &str, context: &str) -> Option<String> {
        address(Scheme::Http, hostname, 8080, context).ok().map(String::from)
    }

    #[test]
    fn a_service_has_an_address() {
        assert_eq!(of("example.com", "/postme?a=b").as_deref(), Some("http://example.com:8080/postme?a=b"));
        assert_eq!(of("example.com", "postme").as_deref(), Some("http://example.com:8080/postme"));
        assert_eq!(of("::1", "").as_deref(), Some("http://[::1]:8080/"));
        assert_eq!(of("[::1]", "/").as_deref(), Some("http://[::1]:8080/"));
    }

    #[test]
    fn a_host_cannot_smuggle_a_user_a_port_or_a_path() {
        for hostname in ["", "a@b", "a/b", "a?b", "a#b", "http://a", "a b", "a:1", "a\\b", "a\nb"] {
            assert_eq!(of(hostname, "/"), None, "{hostname:?}");
        }
        assert_eq!(of("a", "/#x"), None);
        assert_eq!(of("a", "/ x"), None);
        assert_eq!(of("a", "//evil.example/").as_deref(), Some("http://a:8080//evil.example/"));
        assert_eq!(of("a", "@evil.example/").as_deref(), Some("http://a:8080/@evil.example/"));
    }
}
