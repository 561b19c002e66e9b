//! Text inside HTML.

use crate::diagnostic::is_steering;
use std::fmt;

/// Writes a text so that HTML takes it for text, in elements and in quoted attributes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => write!(f, "{c}")?,
                // Control characters are not allowed in HTML, not even as references; what hides or turns the text beside
                // it would make one alarm look like another.
                c if is_steering(c) => f.write_str("\u{fffd}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_opens_an_element_or_ends_an_attribute(text in ".*") {
            let escaped = Escaped(&text).to_string();
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }
    }

    #[test]
    fn nothing_that_turns_or_hides_text_is_on_a_page() {
        let text = "a\u{202e}b\u{2066}c\u{200f}d\u{1b}e\u{9b}f\ng\th";
        assert_eq!(Escaped(text).to_string(), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f\ng\th");
    }
}
