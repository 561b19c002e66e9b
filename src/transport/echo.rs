//! What a peer sent back of what it was sent as a secret: found, and not kept.

use super::attempt::RESPONSE_BODY_BYTES_MAX;
use super::spec::{Authentication, ClientProof};
use super::{Answer, Attempt, HttpClientSpec};
use crate::secret::{Mask, PLACEHOLDER, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Headers of answers whose values are secrets whoever sends them: sessions, and what says who somebody is.
const SECRET_HEADERS: [&str; 12] = [
    "authentication-info",
    "authorization",
    "cookie",
    "proxy-authentication-info",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-xsrf-token",
];

/// Puts placeholders in a text in the place of what masks look for.
#[must_use]
pub fn concealed_text<'t>(masks: &[Arc<Mask>], text: &'t str) -> Cow<'t, str> {
    masks.iter().fold(Cow::Borrowed(text), |text, mask| match mask.text(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => Cow::Owned(masked),
    })
}

impl Attempt {
    /// Returns what came of a response as it may be kept and shown.
    #[must_use]
    pub fn concealed_answer(&self, masks: &[Arc<Mask>]) -> Option<Answer> {
        let (answer, is_cut) = match &self.result {
            Ok(answer) => (answer, answer.is_truncated),
            Err(fault) => (fault.partial.as_ref()?, true),
        };
        let conceal = |(name, value): &(String, String)| {
            let value = match &**name {
                name if SECRET_HEADERS.contains(&name) => PLACEHOLDER.to_owned(),
                _ => concealed_text(masks, value).into_owned(),
            };
            (name.clone(), value)
        };
        let body = masks.iter().fold(answer.body.clone(), |body, mask| match mask.bytes(&body, is_cut) {
            Some(mut masked) => {
                // A placeholder may be longer than what it stands for.
                masked.truncate(RESPONSE_BODY_BYTES_MAX);
                Bytes::from(masked)
            }
            None => body,
        });
        let headers = answer.headers.iter().map(conceal).collect();
        Some(Answer { headers, body, ..*answer })
    }
}

/// Returns a mask of what a client is configured to send as a secret: to servers, to its proxy and to its token endpoint.
pub(super) fn mask_of(spec: &HttpClientSpec) -> Mask {
    let mut secrets = Vec::new();
    let mut pair = |username: &str, password: &Secret| {
        let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
        // As the header has it: who sends a header back may encode all of it once more.
        secrets.push(Secret::new(STANDARD.encode(pair.as_bytes())));
        secrets.push(Secret::new(pair.as_str()));
        secrets.push(password.clone());
    };
    if let Some(proxy) = &spec.proxy
        && let (Some(username), Some(password)) = (&proxy.username, &proxy.password)
    {
        pair(username, password);
    }
    match &spec.authentication {
        Authentication::None => {}
        Authentication::Basic { username, password } => {
            if let Some(password) = password {
                pair(username, password);
            }
        }
        Authentication::Bearer(token) => secrets.push(token.clone()),
        Authentication::OAuth(oauth) => {
            if let ClientProof::Secret { secret, .. } = &oauth.proof {
                let [in_form, id] = [secret.expose(), &oauth.client_id].map(super::token::in_form);
                pair(&id, &Secret::new(&**in_form));
                pair(&oauth.client_id, secret);
            }
        }
    }
    Mask::new(&secrets)
}
