//! The closed list of reasons for which a delivery attempt fails, and how a fault is put under one of them.

use super::EgressRefused;
use super::material::shown;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::{fmt, io};

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// The egress guard refuses the address.
    EgressRefused,
    /// The name does not resolve.
    Dns,
    /// Nobody listens.
    ConnectionRefused,
    /// The peer, or something between, ended the connection.
    ConnectionReset,
    /// There is no route, or the network says no.
    Unreachable,
    /// No connection in time.
    ConnectTimeout,
    /// The TLS handshake failed.
    TlsHandshake,
    /// The certificate of the peer, or ours, is not accepted.
    TlsCertificate,
    /// The proxy makes no connection to the server.
    ProxyRefused,
    /// The proxy does not accept who the client says it is: 407.
    ProxyAuthentication,
    /// The token endpoint does not accept who the client says it is, or gives it no token.
    TokenRefused,
    /// No token can be had now: the token endpoint is not reached, fails, or answers with something else.
    TokenUnavailable,
    /// No whole response in time.
    Timeout,
    /// What came is not HTTP.
    ProtocolError,
    /// 3xx: redirects are not followed.
    Redirect,
    /// 401 or 403, or a server that wants another client certificate.
    AuthenticationRefused,
    /// 404 or 405.
    NotFound,
    /// 410.
    Gone,
    /// 400, 413, 415 or 422: this body will never be taken.
    BodyRefused,
    /// 429.
    Throttled,
    /// Another 4xx.
    RequestRefused,
    /// 5xx.
    ServerError,
    /// A status that HTTP does not define here.
    UnexpectedStatus,
    /// A request that cannot be sent: a fault of ours.
    InvalidRequest,
}

impl FailureReason {
    /// All.
    pub const ALL: [Self; 24] = [
        Self::EgressRefused,
        Self::Dns,
        Self::ConnectionRefused,
        Self::ConnectionReset,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::TlsHandshake,
        Self::TlsCertificate,
        Self::ProxyRefused,
        Self::ProxyAuthentication,
        Self::TokenRefused,
        Self::TokenUnavailable,
        Self::Timeout,
        Self::ProtocolError,
        Self::Redirect,
        Self::AuthenticationRefused,
        Self::NotFound,
        Self::Gone,
        Self::BodyRefused,
        Self::Throttled,
        Self::RequestRefused,
        Self::ServerError,
        Self::UnexpectedStatus,
        Self::InvalidRequest,
    ];

    /// Returns the name that logs and people use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EgressRefused => "egress-refused",
            Self::Dns => "dns",
            Self::ConnectionRefused => "connection-refused",
            Self::ConnectionReset => "connection-reset",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect-timeout",
            Self::TlsHandshake => "tls-handshake",
            Self::TlsCertificate => "tls-certificate",
            Self::ProxyRefused => "proxy-refused",
            Self::ProxyAuthentication => "proxy-authentication",
            Self::TokenRefused => "token-refused",
            Self::TokenUnavailable => "token-unavailable",
            Self::Timeout => "timeout",
            Self::ProtocolError => "protocol-error",
            Self::Redirect => "redirect",
            Self::AuthenticationRefused => "authentication-refused",
            Self::NotFound => "not-found",
            Self::Gone => "gone",
            Self::BodyRefused => "body-refused",
            Self::Throttled => "throttled",
            Self::RequestRefused => "request-refused",
            Self::ServerError => "server-error",
            Self::UnexpectedStatus => "unexpected-status",
            Self::InvalidRequest => "invalid-request",
        }
    }

    /// Returns why a status is a failure; `None` for 2xx.
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            200..=299 => return None,
            300..=399 => Self::Redirect,
            // 407 means a proxy, which the status alone does not show; 495 and 496 are nginx's words for a client certificate
            // that it does not accept, or misses.
            401 | 403 | 407 | 495 | 496 => Self::AuthenticationRefused,
            404 | 405 => Self::NotFound,
            410 => Self::Gone,
            400 | 413 | 415 | 422 => Self::BodyRefused,
            429 => Self::Throttled,
            402..=499 => Self::RequestRefused,
            500..=599 => Self::ServerError,
            _ => Self::UnexpectedStatus,
        })
    }

    /// Returns whether no connection came about: what a `failed-connection` alarm is about.
    #[must_use]
    pub fn is_connection(self) -> bool {
        matches!(
            self,
            Self::EgressRefused
                | Self::Dns
                | Self::ConnectionRefused
                | Self::ConnectionReset
                | Self::Unreachable
                | Self::ConnectTimeout
                | Self::TlsHandshake
                | Self::TlsCertificate
                | Self::ProxyRefused
        )
    }

    /// Returns whether somebody does not accept who the client is: what a `failed-authentication` alarm is about.
    #[must_use]
    pub fn is_authentication(self) -> bool {
        matches!(self, Self::AuthenticationRefused | Self::ProxyAuthentication | Self::TokenRefused)
    }

    /// Returns whether the network or the peer failed for the moment, so that an immediate repetition may succeed.
    #[must_use]
    pub fn is_momentary(self) -> bool {
        matches!(
            self,
            Self::Dns
                | Self::ConnectionRefused
                | Self::ConnectionReset
                | Self::Unreachable
                | Self::ConnectTimeout
                | Self::TlsHandshake
                | Self::ProxyRefused
                | Self::TokenUnavailable
                | Self::Timeout
                | Self::ProtocolError
        )
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Names of a certificate that are told at most: some have a hundred.
const NAMES_SHOWN_MAX: usize = 5;

/// Links of a chain of causes that are looked at: real chains have fewer than ten, and a chain that loops must end.
const CAUSES_MAX: usize = 32;

/// What the connector says when a proxy answers CONNECT with 407: its error has no type of its own to ask for, so that this
/// is its text. Were it another one, the reason would be that the proxy refused.
const PROXY_AUTHENTICATION: &str = "tunnel error: proxy authorization required";

/// Puts a client's error under a reason. `tunnels` says whether the request went through the tunnel of a proxy.
pub(super) fn reason_of(error: &reqwest::Error, tunnels: bool) -> FailureReason {
    let causes = causes(error);
    if causes.iter().any(|c| c.is::<EgressRefused>()) {
        return FailureReason::EgressRefused;
    }
    if let Some(tls) = causes.iter().find_map(|c| c.downcast_ref::<rustls::Error>()) {
        return reason_of_tls(tls);
    }
    // Before DNS: a resolver that does not answer is a connection that took too long, too.
    if error.is_timeout() {
        return if error.is_connect() { FailureReason::ConnectTimeout } else { FailureReason::Timeout };
    }
    if error.is_dns() {
        return FailureReason::Dns;
    }
    // An error of the system may lie in another one that only carries it.
    let of_io = |cause: &&(dyn Error + 'static)| reason_of_io(cause.downcast_ref::<io::Error>()?.kind());
    if let Some(reason) = causes.iter().find_map(of_io) {
        return reason;
    }
    match causes.iter().find_map(|c| c.downcast_ref::<hyper::Error>()) {
        Some(http) if http.is_parse() || http.is_user() => FailureReason::ProtocolError,
        Some(http) if http.is_incomplete_message() || http.is_closed() || http.is_canceled() => {
            FailureReason::ConnectionReset
        }
        _ if error.is_builder() => FailureReason::InvalidRequest,
        _ if error.is_connect() && tunnels => {
            let is_named = |cause: &&(dyn Error + 'static)| cause.to_string() == PROXY_AUTHENTICATION;
            if causes.iter().any(is_named) { FailureReason::ProxyAuthentication } else { FailureReason::ProxyRefused }
        }
        _ if error.is_connect() => FailureReason::Unreachable,
        _ => FailureReason::ProtocolError,
    }
}

/// Puts an error of TLS under a reason.
pub(super) fn reason_of_tls(error: &rustls::Error) -> FailureReason {
    use rustls::AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::InvalidCertRevocationList(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::UnsupportedNameType
        | rustls::Error::AlertReceived(
            Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::CertificateRequired
            | Alert::UnsupportedCertificate
            | Alert::UnknownCA,
        ) => FailureReason::TlsCertificate,
        _ => FailureReason::TlsHandshake,
    }
}

/// Puts an error of a socket under a reason.
pub(super) fn reason_of_io(kind: io::ErrorKind) -> Option<FailureReason> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => FailureReason::ConnectionRefused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => FailureReason::ConnectionReset,
        io::ErrorKind::TimedOut => FailureReason::Timeout,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::PermissionDenied => FailureReason::Unreachable,
        _ => return None,
    })
}

/// Says the causes below a client's error, outermost first. The error itself is left out: it names the address, which
/// may hold a secret.
pub(super) fn detail_of(error: &reqwest::Error, tunnels: bool) -> String {
    let mut said: Vec<String> = Vec::new();
    let causes = causes(error);
    if let Some(tls) = causes.iter().find_map(|c| c.downcast_ref::<rustls::Error>()) {
        return said_of_tls(tls);
    }
    for cause in causes.into_iter().skip(1).filter(|c| !c.is::<reqwest::Error>()) {
        let text = cause.to_string();
        if !is_wrapping(&text) && !said.iter().any(|s| s.contains(&text)) {
            said.push(text);
        }
    }
    if said.is_empty() { reason_of(error, tunnels).to_string() } else { said.join(": ") }
}

/// Returns whether a text of a library only says where it was when a cause below befell it.
fn is_wrapping(text: &str) -> bool {
    text.starts_with("client error (") || matches!(text, "connection error" | "dns error" | "error resolving DNS")
}

/// Says an error of TLS in words of the person who looks after the client.
pub(super) fn said_of_tls(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error};
    let date = |time: rustls::pki_types::UnixTime| {
        i64::try_from(time.as_secs()).ok().and_then(|s| Timestamp::from_second(s).ok()).map_or_else(String::new, shown)
    };
    match error {
        Error::InvalidCertificate(Bad::ExpiredContext { not_after, .. }) => {
            format!("the certificate of the server has expired: it was valid until {}", date(*not_after))
        }
        Error::InvalidCertificate(Bad::NotValidYetContext { not_before, .. }) => {
            format!("the certificate of the server is not valid yet: it is from {}", date(*not_before))
        }
        Error::InvalidCertificate(Bad::NotValidForNameContext { expected, presented }) => {
            let bare = |name: &String| {
                let inner = name.strip_prefix("DnsName(\"").and_then(|n| n.strip_suffix("\")"));
                inner.unwrap_or(name).chars().filter(|c| !c.is_control()).collect::<String>()
            };
            let names: Vec<String> = presented.iter().take(NAMES_SHOWN_MAX).map(bare).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!("the certificate of the server is not for `{}`, it is for {names}", expected.to_str())
        }
        Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "the certificate of the server is issued by nobody that the client trusts (unknown issuer)".to_owned()
        }
        Error::InvalidCertificate(bad) => format!("the certificate of the server {}", said_of_certificate(bad)),
        Error::AlertReceived(Alert::CertificateRequired) => {
            "the server asks for a client certificate (certificate required)".to_owned()
        }
        Error::AlertReceived(Alert::ProtocolVersion) => {
            "the server speaks no version of TLS that the client speaks (protocol version)".to_owned()
        }
        Error::AlertReceived(alert) => {
            let name = format!("{alert:?}");
            format!("the server ends the handshake with the alert {} ({name})", spaced(&name))
        }
        Error::InvalidMessage(_) => format!("what the server sends is not TLS: {error}"),
        other => other.to_string(),
    }
}

/// Says what is wrong with a certificate; the libraries' own words stand behind it, for those who search for them.
fn said_of_certificate(bad: &rustls::CertificateError) -> String {
    use rustls::CertificateError as Bad;
    let what = match bad {
        Bad::Expired => "has expired",
        Bad::NotValidYet => "is not valid yet",
        Bad::NotValidForName => "is not for the name of the server",
        Bad::UnknownIssuer => "is issued by nobody that the client trusts",
        Bad::Revoked => "is revoked",
        Bad::UnknownRevocationStatus => "may be revoked: no list says",
        Bad::ExpiredRevocationList | Bad::ExpiredRevocationListContext { .. } => {
            "may be revoked: the list that says so has expired"
        }
        Bad::BadEncoding => "cannot be read",
        Bad::BadSignature => "has a signature that does not fit it",
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => "is not one for servers",
        Bad::UnhandledCriticalExtension => "has a critical extension that is not understood",
        Bad::Other(other) => return said_of_other(&other.0),
        other => return format!("is not accepted ({other})"),
    };
    what.to_owned()
}

/// Says what is wrong with a certificate where only the library below knows: its errors are names, and their type is its own.
fn said_of_other(error: &(dyn Error + 'static)) -> String {
    let name = error.to_string();
    match name.as_str() {
        "CaUsedAsEndEntity" => {
            "is that of a certificate authority, as a self-signed one mostly is, and no server's: the server \
                                needs one of its own, issued by an authority that the client trusts (CaUsedAsEndEntity)"
                .to_owned()
        }
        _ if name.chars().all(char::is_alphanumeric) => format!("is not accepted: {} ({name})", spaced(&name)),
        _ => format!("is not accepted: {name}"),
    }
}

/// Makes words of a name in which each word begins with a capital.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// Returns an error and all its causes; unlike `source()`, it looks into what an [`io::Error`] carries.
pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut all = vec![error];
    let mut next = below(error);
    while let Some(cause) = next
        && all.len() < CAUSES_MAX
    {
        all.push(cause);
        next = below(cause);
    }
    all
}

fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(carried) => Some(carried),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_words() {
        use rustls::{CertificateError as Bad, Error as Tls, OtherError};
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Named(&'static str);
        let other = |name| Bad::Other(OtherError(std::sync::Arc::new(Named(name))));
        let said = |bad| said_of_tls(&Tls::InvalidCertificate(bad));
        assert!(said(other("CaUsedAsEndEntity")).contains("self-signed"));
        let unsupported = "the certificate of the server is not accepted: bad der time (BadDerTime)";
        assert_eq!(said(other("BadDerTime")), unsupported);
        assert_eq!(said(Bad::Revoked), "the certificate of the server is revoked");
        for bad in [other("CaUsedAsEndEntity"), other("X"), Bad::BadEncoding, Bad::ApplicationVerificationFailure] {
            let text = said(bad);
            assert!(!text.contains("Other("), "{text}");
        }
    }

    #[test]
    fn every_status_but_success_has_a_reason() {
        for status in 100..=599 {
            assert_eq!(FailureReason::of_status(status).is_none(), (200..300).contains(&status), "{status}");
        }
        assert_eq!(FailureReason::of_status(302), Some(FailureReason::Redirect));
        assert_eq!(FailureReason::of_status(418), Some(FailureReason::RequestRefused));
        assert_eq!(FailureReason::of_status(0), Some(FailureReason::UnexpectedStatus));
    }

    #[test]
    fn names_are_distinct_and_are_those_of_the_stored_form() {
        for reason in FailureReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(FailureReason::ALL.iter().filter(|r| r.as_str() == reason.as_str()).count(), 1);
        }
    }

    #[test]
    fn what_an_io_error_carries_is_a_cause() {
        let inner = io::Error::other(rustls::Error::HandshakeNotComplete);
        let outer = io::Error::other(inner);
        assert!(causes(&outer).iter().any(|c| c.is::<rustls::Error>()));
    }
}
