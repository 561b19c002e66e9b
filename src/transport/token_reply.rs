//! What token endpoints answer in place of what RFC 6749 §5.1 asks for, where it is clear what they mean.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use zeroize::Zeroize;

/// Longest lifetime that a reply is read to say, in seconds: far longer than any is believed.
const SECONDS_MAX: f64 = 4_294_967_295.0;

/// What there is to see of a reply without taking its token.
#[derive(Deserialize)]
struct Shape {
    access_token: Option<IgnoredAny>,
    token_type: Option<IgnoredAny>,
    expires_in: Option<Value>,
    scope: Option<Value>,
}

/// Returns a reply as RFC 6749 has it: a lifetime that is written as a text or a fraction is a number (as some endpoints
/// answer), and a scope that is no text is left out. `None` where there is nothing to mend.
pub(super) fn mended(body: &[u8]) -> Option<Vec<u8>> {
    let shape: Shape = serde_json::from_slice(body).ok()?;
    let is_sound = |value: &Option<Value>, test: fn(&Value) -> bool| value.as_ref().is_none_or(test);
    if is_sound(&shape.expires_in, Value::is_u64) && is_sound(&shape.scope, Value::is_string) {
        return None;
    }
    let mut reply: Map<String, Value> = serde_json::from_slice(body).ok()?;
    if let Some(seconds) = shape.expires_in.as_ref().and_then(seconds) {
        reply.insert("expires_in".to_owned(), Value::from(seconds));
    }
    if reply.get("scope").is_some_and(|scope| !scope.is_string()) {
        reply.remove("scope");
    }
    let written = serde_json::to_vec(&reply).ok();
    for value in reply.values_mut() {
        if let Value::String(text) = value {
            text.zeroize();
        }
    }
    written
}

/// Returns what a reply lacks that every reply has.
pub(super) fn lacks(body: &[u8]) -> Option<&'static str> {
    let shape: Shape = serde_json::from_slice(body).ok()?;
    match shape {
        Shape { access_token: None, .. } => Some("access_token"),
        Shape { token_type: None, .. } => Some("token_type"),
        Shape { .. } => None,
    }
}

fn seconds(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite())?,
        _ => return None,
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
    Some(number.clamp(0.0, SECONDS_MAX) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expires_in(text: &str) -> Option<Value> {
        let body = format!(r#"{{"access_token":"t","token_type":"bearer","expires_in":{text}}}"#);
        let mended: Map<String, Value> = serde_json::from_slice(&mended(body.as_bytes())?).unwrap();
        assert_eq!(mended.get("access_token"), Some(&Value::from("t")));
        mended.get("expires_in").cloned()
    }

    #[test]
    fn a_lifetime_is_a_number_however_it_is_written() {
        assert_eq!(expires_in("3600"), None);
        assert_eq!(expires_in("null"), None);
        for (written, read) in [
            ("\"3600\"", 3600),
            ("3600.0", 3600),
            ("\" 59.9 \"", 59),
            ("-5", 0),
            ("99999999999999999999", 4_294_967_295_u64),
        ] {
            assert_eq!(expires_in(written), Some(Value::from(read)), "{written}");
        }
        for nonsense in ["\"soon\"", "true", "[]", "\"NaN\""] {
            let kept = expires_in(nonsense).map(|value| value.to_string());
            assert_eq!(kept.as_deref(), Some(nonsense));
        }
    }

    #[test]
    fn a_scope_that_is_a_list_is_no_reason_to_refuse_the_token() {
        let body = br#"{"access_token":"t","token_type":"bearer","scope":["a","b"]}"#;
        assert_eq!(mended(body).as_deref(), Some(br#"{"access_token":"t","token_type":"bearer"}"#.as_slice()));
        assert_eq!(mended(br#"{"access_token":"t","token_type":"bearer","scope":"a b"}"#), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(lacks(br#"{"access_token":"t"}"#), Some("token_type"));
        assert_eq!(lacks(br#"{"token_type":"bearer"}"#), Some("access_token"));
        assert_eq!(lacks(br#"{"access_token":"t","token_type":"bearer"}"#), None);
        assert_eq!(lacks(b"<html>"), None);
    }
}
