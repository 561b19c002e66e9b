//! Telling a secret from what merely stands for one in somebody's output.

/// How RFC 7317 (`crypt-hash`) and the J-style family mark a text that is in clear: the rest is the secret as it is.
pub(super) const CLEAR_PREFIX: &str = "$0$";

/// What other products write in front of a secret that only they can decrypt.
const FOREIGN_PREFIX: &str = "$8$";

/// Characters that displays repeat in place of a secret's own.
const MASKS: &str = "*•●·∙◦○⁎＊※█■▪#xX-._?…";

/// Repetitions of a mask that can be nothing else; fewer of a letter or a dash may be somebody's word.
const REPEATED_MIN: usize = 3;

/// Words that stand in brackets or comment marks where a secret was taken out.
const WORDS: &[&str] = &[
    "secret",
    "secrets",
    "redacted",
    "hidden",
    "encrypted",
    "masked",
    "removed",
    "omitted",
    "sensitive",
    "suppressed",
    "censored",
    "filtered",
    "scrubbed",
    "confidential",
    "obfuscated",
    "password",
    "private",
    "data",
];

/// Words that stand for a secret even without brackets; nobody's password in their usual writing.
const BARE: &[&str] = &["REDACTED", "SECRET-DATA", "[REDACTED]", "CENSORED"];

/// Why a text is not taken for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// It is what displays show instead of a secret.
    Display,
    /// It is another product's encrypted form.
    Foreign,
}

/// Returns what a text is when it is no secret but stands for one. `$0$` in front of it says that it is meant.
pub(super) fn placeholder(text: &str) -> Option<Placeholder> {
    let text = text.trim();
    if text.starts_with(FOREIGN_PREFIX) {
        return Some(Placeholder::Foreign);
    }
    (is_mask(text) || BARE.contains(&text) || is_marked_word(text)).then_some(Placeholder::Display)
}

/// Returns whether a text is one masking character over and over.
fn is_mask(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next().filter(|c| MASKS.contains(*c)) else { return false };
    let is_ambiguous = first.is_ascii() && first != '*';
    chars.all(|c| c == first) && (!is_ambiguous || text.len() >= REPEATED_MIN)
}

/// Returns whether a text is a word such as `redacted` in brackets or comment marks.
fn is_marked_word(text: &str) -> bool {
    let inside = [("<", ">"), ("[", "]"), ("{", "}"), ("(", ")"), ("/*", "*/"), ("**", "**"), ("__", "__"), ("%", "%")]
        .iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close));
    let inside = inside.or_else(|| text.strip_prefix('#'));
    let Some(inside) = inside else { return false };
    // Brackets are doubled in templates, and `##SECRET-DATA##` has its marks on either side.
    let inside = inside.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let mut words = inside.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    words.peek().is_some() && words.any(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_displays_show_is_no_secret() {
        for text in [
            "<secret>",
            "********",
            "*",
            "•••",
            "●",
            "[REDACTED]",
            "<redacted>",
            "<hidden>",
            "<encrypted>",
            "REDACTED",
            "##SECRET-DATA",
            "## SECRET-DATA",
            "##SECRET-DATA##",
            "/* SECRET-DATA */",
            "xxxxxxxx",
            "XXX",
            "######",
            "----",
            "....",
            "<AES encrypted string>",
            "{{ password }}",
            "**hidden**",
            " ****** ",
            "(hidden)",
            "____",
        ] {
            assert_eq!(placeholder(text), Some(Placeholder::Display), "{text}");
        }
        assert_eq!(placeholder("$8$QWxhZGRpbg=="), Some(Placeholder::Foreign));
    }

    #[test]
    fn what_somebody_may_have_chosen_is_a_secret() {
        for text in [
            "hunter2",
            "",
            "xx",
            "x",
            "-",
            "secret",
            "redacted",
            "password",
            "#1fan",
            "<3",
            "[a]",
            "*a*",
            "(hello)",
            "$6$salt$hash",
            "xxxy",
            "aaaa",
            "1111",
            "<b>",
            "#",
            "data",
            "{x}",
        ] {
            assert_eq!(placeholder(text), None, "{text}");
        }
    }
}
