//! Secrets found again in texts that others wrote: a receiver may send back what it was sent.

use super::{PLACEHOLDER, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of the shortest text that is looked for: shorter ones occur in every text by chance, so that to put something in
/// their place would spoil the text and tell by its gaps what they are.
pub const MASKED_BYTES_MIN: usize = 4;

/// Finds secrets in the forms in which peers send them back, whatever their case: as they are; escaped as in JSON, HTML and
/// addresses; and in base64 or hexadecimal digits, also as a part of a larger text that was encoded.
#[derive(Clone, Default)]
pub struct Mask {
    /// The forms in lower case, by their first bytes, longer ones first.
    forms: Vec<Form>,
}

/// A form with the number that its first bytes make.
type Form = (u32, Zeroizing<Vec<u8>>);

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({})", self.forms.len())
    }
}

impl Mask {
    /// Builds a mask of what must not be seen.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut found = Vec::new();
        for secret in secrets {
            forms_of(secret.expose(), &mut found);
        }
        let mut forms: Vec<Form> =
            found.into_iter().filter_map(|form| first(&form).map(|number| (number, form))).collect();
        forms.sort_by(|(a, one), (b, other)| {
            a.cmp(b).then_with(|| other.len().cmp(&one.len())).then_with(|| one.as_slice().cmp(other.as_slice()))
        });
        forms.dedup();
        Self { forms }
    }

    /// Returns whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Puts [`PLACEHOLDER`] in the place of what must not be seen; `None` where there is nothing of it. Of a text that is cut
    /// short the beginning of such a form at its end counts, too.
    #[must_use]
    pub fn bytes(&self, text: &[u8], is_cut: bool) -> Option<Vec<u8>> {
        if self.forms.is_empty() || text.len() < MASKED_BYTES_MIN {
            return None;
        }
        let mut masked: Option<Vec<u8>> = None;
        let (mut at, mut copied) = (0, 0);
        while let Some(rest) = text.get(at..).filter(|rest| rest.len() >= MASKED_BYTES_MIN) {
            let Some(length) = self.at_start(rest, is_cut) else {
                at += 1;
                continue;
            };
            let masked = masked.get_or_insert_with(|| Vec::with_capacity(text.len()));
            masked.extend_from_slice(text.get(copied..at).unwrap_or_default());
            masked.extend_from_slice(PLACEHOLDER.as_bytes());
            at += length;
            copied = at;
        }
        if let Some(masked) = &mut masked {
            masked.extend_from_slice(text.get(copied..).unwrap_or_default());
        }
        masked
    }

    /// Does the same with a text of characters.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes(), false) {
            None => Cow::Borrowed(text),
            Some(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
        }
    }

    /// Returns how long the longest form is that a text begins with.
    fn at_start(&self, text: &[u8], is_cut: bool) -> Option<usize> {
        let number = first(text)?;
        let from = self.forms.partition_point(|(of, _)| *of < number);
        let candidates = self.forms.get(from..)?.iter().take_while(|(of, _)| *of == number);
        let mut forms = candidates.map(|(_, form)| form.as_slice());
        forms.find_map(|form| match text.get(..form.len()) {
            Some(start) => start.eq_ignore_ascii_case(form).then_some(form.len()),
            None if is_cut => form.get(..text.len())?.eq_ignore_ascii_case(text).then_some(text.len()),
            None => None,
        })
    }
}

/// Returns the number that the first bytes of a text make, in lower case.
fn first(text: &[u8]) -> Option<u32> {
    text.first_chunk::<MASKED_BYTES_MIN>().map(|bytes| u32::from_be_bytes(bytes.map(|byte| byte.to_ascii_lowercase())))
}

fn forms_of(secret: &str, into: &mut Vec<Zeroizing<Vec<u8>>>) {
    let bytes = secret.as_bytes();
    let mut put = |form: Vec<u8>| {
        let mut form = Zeroizing::new(form);
        form.make_ascii_lowercase();
        if form.len() >= MASKED_BYTES_MIN {
            into.push(form);
        }
    };
    put(bytes.to_vec());
    if bytes.len() < MASKED_BYTES_MIN {
        return;
    }
    // A writer of JSON escapes what it must; some escape slashes, some what HTML knows, some all that is not ASCII.
    for (slash, html, ascii) in
        [(false, false, false), (true, false, false), (false, true, false), (false, false, true), (true, true, true)]
    {
        put(escaped(secret, |c| json_escape(c, slash, html, ascii)));
    }
    for quote in ["&#39;", "&#x27;", "'"] {
        put(escaped(secret, |c| html_escape(c, quote)));
    }
    for (blank, spared) in [("%20", "-._~"), ("+", "*-._"), ("%20", "-._~!$&'()*+,;=:@/?")] {
        put(percent_encoded(bytes, blank, spared));
    }
    put(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect());
    // As a whole, its last digit and what fills it up go with it.
    put(STANDARD.encode(bytes).into_bytes());
    for before in 0..3 {
        put(within_base64(bytes, before, &STANDARD_NO_PAD));
        put(within_base64(bytes, before, &URL_SAFE_NO_PAD));
    }
}

fn escaped(secret: &str, escape: impl Fn(char) -> Option<String>) -> Vec<u8> {
    let mut form = Vec::with_capacity(secret.len().saturating_mul(2));
    for c in secret.chars() {
        match escape(c) {
            Some(escaped) => form.extend_from_slice(escaped.as_bytes()),
            None => form.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    form
}

fn json_escape(c: char, slash: bool, html: bool, ascii: bool) -> Option<String> {
    match c {
        '"' | '\\' => Some(format!("\\{c}")),
        '/' if slash => Some("\\/".to_owned()),
        '\t' => Some("\\t".to_owned()),
        '\n' => Some("\\n".to_owned()),
        '\r' => Some("\\r".to_owned()),
        '<' | '>' | '&' | '\'' if html => Some(format!("\\u{:04x}", u32::from(c))),
        c if c.is_control() || (ascii && !c.is_ascii()) => {
            Some(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat())
        }
        _ => None,
    }
}

fn html_escape(c: char, quote: &str) -> Option<String> {
    let entity = match c {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => quote,
        _ => return None,
    };
    Some(entity.to_owned())
}

fn percent_encoded(secret: &[u8], blank: &str, spared: &str) -> Vec<u8> {
    let encode = |byte: &u8| match char::from(*byte) {
        ' ' => blank.as_bytes().to_vec(),
        c if c.is_ascii_alphanumeric() || (c.is_ascii() && spared.contains(c)) => vec![*byte],
        _ => format!("%{byte:02x}").into_bytes(),
    };
    secret.iter().flat_map(encode).collect()
}

/// Returns the base64 digits that are those of the secret alone when so many bytes (in threes) stand before it.
fn within_base64(secret: &[u8], before: usize, engine: &impl base64::Engine) -> Vec<u8> {
    let mut text = Zeroizing::new(vec![0; before]);
    text.extend_from_slice(secret);
    let mut digits = engine.encode(&*text).into_bytes();
    // Six bits a digit: one with bits of what is before or behind is not the secret's alone.
    digits.truncate(text.len().saturating_mul(8) / 6);
    digits.drain(..before.saturating_mul(8).div_ceil(6).min(digits.len()));
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask(secrets: &[&str]) -> Mask {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        Mask::new(&secrets)
    }

    #[test]
    fn a_secret_is_found_in_every_form_that_peers_write() {
        let secret = "p/ss \"w<rd>&é'1";
        let one = mask(&[secret]);
        let json = serde_json::to_string(secret).unwrap();
        for text in [
            secret.to_owned(),
            secret.to_uppercase().replace('É', "é"),
            json.clone(),
            json.replace('/', "\\/"),
            "p/ss \\\"w\\u003crd\\u003e\\u0026é\\u00271".to_owned(),
            "p/ss \\\"w<rd>&\\u00e9'1".to_owned(),
            "p/ss &quot;w&lt;rd&gt;&amp;é&#39;1".to_owned(),
            "p%2Fss+%22w%3Crd%3E%26%C3%A9%271".to_owned(),
            "p%2fss%20%22w%3crd%3e%26%c3%a9%271".to_owned(),
            secret.bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat(),
            STANDARD.encode(secret),
            STANDARD.encode(format!("{{\"a\":\"{secret}\"}}")),
            STANDARD.encode(format!("{{\"ab\":\"{secret}\"}}")),
            STANDARD.encode(format!("{{\"abc\":\"{secret}\"}}")),
        ] {
            let shown = one.text(&text);
            assert!(shown.contains(PLACEHOLDER), "{text} became {shown}");
        }
        assert_eq!(one.text("p/ss w<rd>"), "p/ss w<rd>");
    }

    #[test]
    fn the_longest_goes_first_and_nothing_else_is_touched() {
        let one = mask(&["abcd", "abcdefgh", "0123456789", "xyz", ""]);
        assert_eq!(one.text("-abcdefghabcd- 0123456789 Token xyz"), "-<secret><secret>- <secret> Token xyz");
        assert_eq!(one.bytes(b"nothing of it", true), None);
        assert!(mask(&["xyz"]).is_empty() || mask(&["xyz"]).bytes(b"xyz", false).is_none());
    }

    #[test]
    fn the_beginning_of_a_secret_at_the_end_of_a_text_that_was_cut_is_found() {
        let one = mask(&["a-very-long-secret"]);
        assert_eq!(one.bytes(b"x: a-very-l", true).unwrap(), b"x: <secret>");
        assert_eq!(one.bytes(b"x: a-very-l", false), None);
        assert_eq!(one.bytes(b"x: a-very-l.", true), None);
    }

    proptest! {
        #[test]
        fn no_text_holds_a_secret_afterwards_however_it_stands_there(
            secret in "[ -~é€]{4,40}", before in ".{0,20}", after in ".{0,20}", cut in 0_usize..80,
        ) {
            let one = mask(&[&secret]);
            let text = format!("{before}{secret}{after}");
            let shown = one.bytes(text.as_bytes(), false).unwrap();
            prop_assert!(!shown.windows(secret.len()).any(|window| window == secret.as_bytes()));
            let text = &text.as_bytes()[..cut.min(text.len())];
            let shown = one.bytes(text, true).unwrap_or_default();
            prop_assert!(!shown.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}
