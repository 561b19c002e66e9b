//! The proxy that a client's connections go through, and the hosts that are reached without it.

use super::egress::{IpRange, literal};
use super::spec::Scheme;
use crate::diagnostic::Diagnostic;
use crate::secret::Secret;

/// A proxy as the `proxy` container configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySpec {
    /// Whether the connection to it is encrypted.
    pub scheme: Scheme,
    /// Its host name or address.
    pub hostname: String,
    /// Its port.
    pub port: u16,
    /// The user, when it wants one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// Hosts that are reached without it.
    pub bypass: Vec<Bypass>,
}

/// Hosts that are reached without a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bypass {
    /// One host, in lower case.
    Host(String),
    /// All hosts of a domain, and the domain itself; in lower case, without a dot in front.
    Domain(String),
    /// Addresses that stand in the place of a name.
    Range(IpRange),
    /// All.
    All,
}

impl Bypass {
    /// Reads a member of the bypass list.
    ///
    /// # Errors
    /// When it is neither a host, a domain, nor a range of addresses.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        if text == "*" {
            return Ok(Self::All);
        }
        if text.contains('/') || literal(text).is_some() {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            return bare.parse().map(Self::Range);
        }
        let domain = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
        let name = domain.unwrap_or(text).trim_end_matches('.').to_ascii_lowercase();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
        if !is_name {
            return Err(Diagnostic::error(format!("`{text}` is not a host, a domain or a range of addresses")).hint(
                "expected a form such as example.com, .example.com, 192.0.2.1 or 10.0.0.0/8; the port is not named",
            ));
        }
        Ok(if domain.is_some() { Self::Domain(name) } else { Self::Host(name) })
    }

    fn covers(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Range(range) => literal(host).is_some_and(|address| range.contains(address)),
            Self::Host(name) => host == name,
            Self::Domain(domain) => {
                host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
        }
    }
}

impl ProxySpec {
    /// Returns whether a host is reached through the proxy.
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        !self.bypass.iter().any(|bypass| bypass.covers(&host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_domains_and_ranges_go_past_the_proxy() {
        let bypass = ["Plain.Example", ".corp.example", "*.wild.example", "10.0.0.0/8", "::1", "192.0.2.7"];
        let proxy = ProxySpec {
            scheme: Scheme::Http,
            hostname: "p".to_owned(),
            port: 3128,
            username: None,
            password: None,
            bypass: bypass.iter().map(|text| Bypass::parse(text).unwrap()).collect(),
        };
        for host in
            ["plain.example", "PLAIN.example.", "corp.example", "a.b.corp.example", "x.wild.example", "10.9.9.9"]
        {
            assert!(!proxy.serves(host), "{host}");
        }
        for host in ["[::1]", "192.0.2.7"] {
            assert!(!proxy.serves(host), "{host}");
        }
        for host in ["sub.plain.example", "notcorp.example", "11.0.0.1", "192.0.2.8", "10.example"] {
            assert!(proxy.serves(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "a b", "http://a", "a:80", "10.0.0.0/40", "a/b", ".", "*"] {
            assert_eq!(Bypass::parse(text).is_ok(), text == "*", "{text:?}");
        }
    }
}
