//! Which characters XML 1.0 allows, where, and how the others are written.

use std::fmt::{self, Write};

/// XML 1.0 §2.2, `Char`.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// XML 1.0 §2.3, `S`.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Returns whether a text is a name without a colon (Namespaces in XML §3, `NCName`).
pub(super) fn is_local_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(c, '_'
            | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
            | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
            | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || c.is_ascii_digit()
        || matches!(c, '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Writes a text so that a reader gets it back: with what is markup escaped, `]]>` included, carriage returns, which a
/// reader would take for line feeds, and the other controls, which would steer a terminal, as references.
///
/// A character that XML 1.0 has no form for is a fault of the caller: strings of YANG cannot hold one, and what else may
/// is written as JSON.
pub(super) fn write_text(out: &mut dyn Write, text: &str) -> fmt::Result {
    write_escaped(out, text, |c| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// Writes the value of an attribute, which stands in `"`.
pub(super) fn write_attribute(out: &mut dyn Write, text: &str) -> fmt::Result {
    // A reader would take line breaks and tabs here for blanks.
    write_escaped(out, text, |c| c == '"' || c.is_control())
}

fn write_escaped(out: &mut dyn Write, text: &str, is_referred: fn(char) -> bool) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '&' | '<' | '>') || is_referred(c)) {
        let (plain, special) = rest.split_at(at);
        out.write_str(plain)?;
        let mut chars = special.chars();
        match chars.next() {
            Some('&') => out.write_str("&amp;")?,
            Some('<') => out.write_str("&lt;")?,
            Some('>') => out.write_str("&gt;")?,
            Some('"') => out.write_str("&quot;")?,
            Some(c) if is_char(c) => write!(out, "&#{};", u32::from(c))?,
            Some(_) => return Err(fmt::Error),
            None => {}
        }
        rest = chars.as_str();
    }
    out.write_str(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_escaped_so_that_it_comes_back_and_steers_nothing() {
        let mut out = String::new();
        write_text(&mut out, "a<b>&\"]]>\r\n\t\u{9b}\u{7f}é").unwrap();
        assert_eq!(out, "a&lt;b&gt;&amp;\"]]&gt;&#13;\n\t&#155;&#127;é");
        let mut out = String::new();
        write_attribute(&mut out, "a\"b\n'").unwrap();
        assert_eq!(out, "a&quot;b&#10;'");
        assert!(write_text(&mut out, "\u{1}").is_err());
    }

    #[test]
    fn names_are_those_of_xml() {
        for name in ["a", "_x", "é-1.b", "a·b"] {
            assert!(is_local_name(name), "{name}");
        }
        for name in ["", "1a", "-a", "a:b", "a b", "a/", "×"] {
            assert!(!is_local_name(name), "{name}");
        }
    }
}
