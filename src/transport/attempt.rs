//! What one try to send a request came to.

use super::FailureReason;
use super::HeaderMap;
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes read of a response's body: enough for any receiver's error message; the rest is left unread.
pub const RESPONSE_BODY_BYTES_MAX: usize = 64 * 1024;

/// Bytes kept of a response's headers: the delivery log shows them to people.
pub const HEADERS_KEPT_BYTES_MAX: usize = 16 * 1024;

/// What nginx says below a 400 when a client certificate is missing, or not accepted.
const CERTIFICATE_REFUSALS: [&[u8]; 2] = [b"No required SSL certificate was sent", b"The SSL certificate error"];

fn contains(text: &[u8], mark: &[u8]) -> bool {
    text.windows(mark.len()).any(|window| window == mark)
}

/// One try to send a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From the start to the end of the body, or to the fault.
    pub duration: Duration,
    /// The peer, where a response's head came from it.
    pub remote: Option<SocketAddr>,
    /// The answer, or why there is none.
    pub result: Result<Answer, Fault>,
}

/// A response that was read to its end, or to the limit of its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers in the order received, up to [`HEADERS_KEPT_BYTES_MAX`]; a byte that is not UTF-8 is replaced.
    pub headers: Vec<(String, String)>,
    /// Body, up to [`RESPONSE_BODY_BYTES_MAX`].
    pub body: Bytes,
    /// Whether the body went on.
    pub is_truncated: bool,
    /// Whether it came through a proxy that reads requests, so that a 407 is the proxy's own.
    pub is_through_proxy: bool,
}

impl Answer {
    /// Returns why the answer is a failure; `None` where it is none.
    #[must_use]
    pub fn failure(&self) -> Option<FailureReason> {
        match self.status {
            407 if self.is_through_proxy => Some(FailureReason::ProxyAuthentication),
            // nginx, which closes no handshake for it: the request is refused and nothing is wrong with its body.
            400 if CERTIFICATE_REFUSALS.iter().any(|mark| contains(&self.body, mark)) => {
                Some(FailureReason::AuthenticationRefused)
            }
            status => FailureReason::of_status(status),
        }
    }

    /// Returns the first header of a name given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The reason, out of the closed list.
    pub reason: FailureReason,
    /// What the system says, for people; holds neither address nor secret of the request.
    pub detail: String,
    /// What had come of the response: a body that stops or drips is a fault, whatever the status line said.
    pub partial: Option<Answer>,
}

impl Fault {
    pub(super) fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), partial: None }
    }
}

/// Returns headers as text, as many as fit.
pub(super) fn bounded_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut room = HEADERS_KEPT_BYTES_MAX;
    let mut kept = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let Some(left) = room.checked_sub(name.as_str().len() + value.len()) else { break };
        room = left;
        kept.push((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_407_is_the_proxy_s_only_where_a_proxy_reads_the_request() {
        let answer = |is_through_proxy| Answer { status: 407, is_through_proxy, ..Answer::default() };
        assert_eq!(answer(true).failure(), Some(FailureReason::ProxyAuthentication));
        assert_eq!(answer(false).failure(), Some(FailureReason::AuthenticationRefused));
    }

    #[test]
    fn a_400_about_the_client_certificate_is_no_refusal_of_the_body() {
        let answer = |body: &'static str| Answer { status: 400, body: Bytes::from(body), ..Answer::default() };
        for body in [
            "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>",
            "<html>\r\n<head><title>400 The SSL certificate error</title></head>",
        ] {
            assert_eq!(answer(body).failure(), Some(FailureReason::AuthenticationRefused), "{body}");
        }
        assert_eq!(answer("no such field").failure(), Some(FailureReason::BodyRefused));
    }
}
