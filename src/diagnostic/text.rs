//! Words of the input as messages may show them: bounded, masked, and without what steers a terminal.

use std::borrow::Cow;

/// Characters of one quoted name or value in a message at most: a name that is longer cannot be told from another anyway,
/// and an input of megabytes must not come back as megabytes.
pub const NAME_CHARS_MAX: usize = 200;

/// Characters of a whole message or hint at most: a screen. Reached only where input has backticks of its own.
pub const MESSAGE_CHARS_MAX: usize = 2000;

/// Stands for what a message may not quote; as long for any secret.
const MASK: &str = "*****";

/// Returns a text cut to so many characters, with `…` where it goes on.
#[must_use]
pub fn shortened(text: &str, chars_max: usize) -> Cow<'_, str> {
    let Some((cut, _)) = text.char_indices().nth(chars_max) else { return Cow::Borrowed(text) };
    let last = text.get(..cut).and_then(|kept| kept.char_indices().next_back()).map_or(0, |(at, _)| at);
    Cow::Owned(format!("{}…", text.get(..last).unwrap_or("")))
}

/// Returns a message in which no name in backticks, and not the whole, is longer than people read.
pub(super) fn bounded(message: String) -> String {
    if message.len() <= NAME_CHARS_MAX {
        return message;
    }
    let parts: Vec<Cow<'_, str>> = message
        .split('`')
        .enumerate()
        .map(|(at, part)| if at % 2 == 1 { shortened(part, NAME_CHARS_MAX) } else { Cow::Borrowed(part) })
        .collect();
    shortened(&parts.join("`"), MESSAGE_CHARS_MAX).into_owned()
}

/// Returns a message in which what it quotes of `secret`, a stretch of input, is masked. `open` is what stands before
/// the secret in the same word, as `password=`.
pub(super) fn masked(message: &str, open: &str, secret: &str) -> String {
    let bare = |text: &str| -> String { text.chars().filter(|c| !"\"'\\".contains(*c)).collect() };
    let (open, secret) = (bare(open), bare(secret));
    let is_quote = |part: &str| {
        let part = bare(part.trim_end_matches('…'));
        // Joined to what is open, the rest is masked however the input writes it (escapes).
        let joined = !open.is_empty() && part.len() > open.len() && part.starts_with(&open);
        let begun = open.is_empty() && secret.starts_with(&part);
        !part.is_empty() && (joined || begun || (!secret.is_empty() && part.contains(&secret)))
    };
    let parts: Vec<&str> = message
        .split('`')
        .enumerate()
        .map(|(at, part)| if at % 2 == 1 && is_quote(part) { MASK } else { part })
        .collect();
    parts.join("`")
}

/// Returns the text with what steers a terminal, or turns the direction of what stands beside it, replaced one for one,
/// so that input can neither act on the reader's terminal nor look like something else there.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => c,
            '\t' => ' ',
            c if is_steering(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Returns whether a character acts on what shows it instead of being shown: one that steers a terminal, or that hides,
/// joins or turns the direction of what stands beside it.
#[must_use]
pub fn is_steering(c: char) -> bool {
    c.is_control() || is_format_control(c)
}

/// Returns whether a character shows nothing of its own and changes how others are shown (Unicode category Cf, and the
/// separators of lines and paragraphs).
fn is_format_control(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb
        | 0xe0001 | 0xe0020..=0xe007f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_megabytes_is_cut() {
        let said = bounded(format!("`{}` is not an element of `client`", "x".repeat(5 << 20)));
        assert_eq!(said, format!("`{}…` is not an element of `client`", "x".repeat(NAME_CHARS_MAX - 1)));
        assert!(bounded("`a".repeat(1 << 20)).chars().count() <= MESSAGE_CHARS_MAX);
        assert_eq!(shortened("éé", 2), "éé");
        assert_eq!(shortened("ééé", 2), "é…");
    }

    #[test]
    fn what_a_message_quotes_of_a_secret_is_masked() {
        assert_eq!(masked("unexpected `P17`: expected `;`", "", "P17"), "unexpected `*****`: expected `;`");
        assert_eq!(masked("`a \"b` is no element of `client`", "", r#""a \"b""#), "`*****` is no element of `client`");
        assert_eq!(masked("`lon…` is wrong", "", "longer"), "`*****` is wrong");
        assert_eq!(masked("no `password=P17` in `password`", "password=", "P17"), "no `*****` in `password`");
        assert_eq!(masked("no `password=P17`", "\"password=", "\\x5017"), "no `*****`");
    }

    #[test]
    fn nothing_that_turns_or_hides_text_reaches_a_terminal() {
        let said = printable("a\u{202e}b\u{2066}c\u{200b}d\u{1b}[2Je\tf\ng");
        assert_eq!(said, "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}[2Je f\ng");
    }
}
