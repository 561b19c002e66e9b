//! What an HTTP client is configured to be, and the address that it makes of a web service.

use super::Url;
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
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user; holds no colon, which would end it.
        username: String,
        /// The password, when there is one.
        password: Option<Secret>,
    },
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
