//! Patterns of XML Schema (RFC 7950 §9.4.5) into those of the `regex` crate.

use regex::Regex;
use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// Deepest nesting of class subtractions: published patterns use one, and reading them recurses.
const CLASS_DEPTH_MAX: usize = 16;

/// `\i`: what an XML name may start with (XML 1.0, `NameStartChar`).
const NAME_START: &str = ":A-Z_a-z\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{2ff}\u{370}-\u{37d}\u{37f}-\u{1fff}\u{200c}-\u{200d}\u{2070}-\u{218f}\u{2c00}-\u{2fef}\u{3001}-\u{d7ff}\u{f900}-\u{fdcf}\u{fdf0}-\u{fffd}\u{10000}-\u{effff}";

/// `\c` beyond `\i`: what an XML name may go on with (XML 1.0, `NameChar`).
const NAME_MORE: &str = "\\-.0-9\u{b7}\u{300}-\u{36f}\u{203f}-\u{2040}";

/// The Unicode blocks that `\p{Is…}` names, sorted by name (XML Schema 1.0 part 2, appendix F.1.1).
const BLOCKS: &[(&str, u32, u32)] = &[
    ("AlphabeticPresentationForms", 0xfb00, 0xfb4f),
    ("Arabic", 0x0600, 0x06ff),
    ("ArabicPresentationForms-A", 0xfb50, 0xfdff),
    ("ArabicPresentationForms-B", 0xfe70, 0xfefe),
    ("Armenian", 0x0530, 0x058f),
    ("Arrows", 0x2190, 0x21ff),
    ("BasicLatin", 0x0000, 0x007f),
    ("Bengali", 0x0980, 0x09ff),
    ("BlockElements", 0x2580, 0x259f),
    ("Bopomofo", 0x3100, 0x312f),
    ("BopomofoExtended", 0x31a0, 0x31bf),
    ("BoxDrawing", 0x2500, 0x257f),
    ("BraillePatterns", 0x2800, 0x28ff),
    ("CJKCompatibility", 0x3300, 0x33ff),
    ("CJKCompatibilityForms", 0xfe30, 0xfe4f),
    ("CJKCompatibilityIdeographs", 0xf900, 0xfaff),
    ("CJKRadicalsSupplement", 0x2e80, 0x2eff),
    ("CJKSymbolsandPunctuation", 0x3000, 0x303f),
    ("CJKUnifiedIdeographs", 0x4e00, 0x9fff),
    ("CJKUnifiedIdeographsExtensionA", 0x3400, 0x4db5),
    ("Cherokee", 0x13a0, 0x13ff),
    ("CombiningDiacriticalMarks", 0x0300, 0x036f),
    ("CombiningHalfMarks", 0xfe20, 0xfe2f),
    ("CombiningMarksforSymbols", 0x20d0, 0x20ff),
    ("ControlPictures", 0x2400, 0x243f),
    ("CurrencySymbols", 0x20a0, 0x20cf),
    ("Cyrillic", 0x0400, 0x04ff),
    ("Devanagari", 0x0900, 0x097f),
    ("Dingbats", 0x2700, 0x27bf),
    ("EnclosedAlphanumerics", 0x2460, 0x24ff),
    ("EnclosedCJKLettersandMonths", 0x3200, 0x32ff),
    ("Ethiopic", 0x1200, 0x137f),
    ("GeneralPunctuation", 0x2000, 0x206f),
    ("GeometricShapes", 0x25a0, 0x25ff),
    ("Georgian", 0x10a0, 0x10ff),
    ("Greek", 0x0370, 0x03ff),
    ("GreekExtended", 0x1f00, 0x1fff),
    ("Gujarati", 0x0a80, 0x0aff),
    ("Gurmukhi", 0x0a00, 0x0a7f),
    ("HalfwidthandFullwidthForms", 0xff00, 0xffef),
    ("HangulCompatibilityJamo", 0x3130, 0x318f),
    ("HangulJamo", 0x1100, 0x11ff),
    ("HangulSyllables", 0xac00, 0xd7a3),
    ("Hebrew", 0x0590, 0x05ff),
    ("Hiragana", 0x3040, 0x309f),
    ("IPAExtensions", 0x0250, 0x02af),
    ("IdeographicDescriptionCharacters", 0x2ff0, 0x2fff),
    ("Kanbun", 0x3190, 0x319f),
    ("KangxiRadicals", 0x2f00, 0x2fdf),
    ("Kannada", 0x0c80, 0x0cff),
    ("Katakana", 0x30a0, 0x30ff),
    ("Khmer", 0x1780, 0x17ff),
    ("Lao", 0x0e80, 0x0eff),
    ("Latin-1Supplement", 0x0080, 0x00ff),
    ("LatinExtended-A", 0x0100, 0x017f),
    ("LatinExtended-B", 0x0180, 0x024f),
    ("LatinExtendedAdditional", 0x1e00, 0x1eff),
    ("LetterlikeSymbols", 0x2100, 0x214f),
    ("Malayalam", 0x0d00, 0x0d7f),
    ("MathematicalOperators", 0x2200, 0x22ff),
    ("MiscellaneousSymbols", 0x2600, 0x26ff),
    ("MiscellaneousTechnical", 0x2300, 0x23ff),
    ("Mongolian", 0x1800, 0x18af),
    ("Myanmar", 0x1000, 0x109f),
    ("NumberForms", 0x2150, 0x218f),
    ("Ogham", 0x1680, 0x169f),
    ("OpticalCharacterRecognition", 0x2440, 0x245f),
    ("Oriya", 0x0b00, 0x0b7f),
    ("PrivateUse", 0xe000, 0xf8ff),
    ("Runic", 0x16a0, 0x16ff),
    ("Sinhala", 0x0d80, 0x0dff),
    ("SmallFormVariants", 0xfe50, 0xfe6f),
    ("SpacingModifierLetters", 0x02b0, 0x02ff),
    ("Specials", 0xfff0, 0xfffd),
    ("SuperscriptsandSubscripts", 0x2070, 0x209f),
    ("Syriac", 0x0700, 0x074f),
    ("Tamil", 0x0b80, 0x0bff),
    ("Telugu", 0x0c00, 0x0c7f),
    ("Thaana", 0x0780, 0x07bf),
    ("Thai", 0x0e00, 0x0e7f),
    ("Tibetan", 0x0f00, 0x0fff),
    ("UnifiedCanadianAboriginalSyllabics", 0x1400, 0x167f),
    ("YiRadicals", 0xa490, 0xa4cf),
    ("YiSyllables", 0xa000, 0xa48f),
];

/// Translates and compiles a pattern, anchored at both ends. The error says what is wrong with it.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern)?;
    Regex::new(&translated).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it is too large once compiled".to_owned(),
        // The last line says what is wrong; those before point into the translation, which nobody wrote.
        other => {
            let text = other.to_string();
            text.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned()
        }
    })
}

fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::from(r"\A(?:");
    let mut chars = pattern.chars().peekable();
    let mut open = 0_usize;
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str(&escape(&mut chars)?.standing_alone()),
            '[' => out.push_str(&class(&mut chars, 0)?),
            '.' => out.push_str(r"[^\n\r]"),
            '(' => {
                // `(?` would start a directive of the regex crate.
                if chars.peek() == Some(&'?') {
                    return Err("nothing stands before `?`".to_owned());
                }
                open += 1;
                out.push_str("(?:");
            }
            ')' => {
                open = open.checked_sub(1).ok_or("`)` closes nothing")?;
                out.push(')');
            }
            '|' | '?' | '*' | '+' => out.push(c),
            '{' => out.push_str(&quantity(&mut chars)?),
            ']' | '}' => return Err(format!("`{c}` closes nothing")),
            other => push_literal(&mut out, other),
        }
    }
    if open > 0 {
        return Err("`(` is not closed".to_owned());
    }
    out.push_str(r")\z");
    Ok(out)
}

/// Reads `n}`, `n,}` or `n,m}`.
fn quantity(chars: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut quantity = String::from("{");
    let mut is_bounded = false;
    while let Some(c) = chars.next_if(|c| c.is_ascii_digit() || *c == ',') {
        // Published modules leave the lower bound out where it is none, and validators read them so.
        if c == ',' && quantity.ends_with('{') {
            quantity.push('0');
        }
        is_bounded |= c != ',';
        quantity.push(c);
    }
    if chars.next_if_eq(&'}').is_none() || !is_bounded {
        return Err("expected a quantity such as `{1,3}` after `{`".to_owned());
    }
    quantity.push('}');
    Ok(quantity)
}

fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii() {
        out.push(c);
    } else {
        // Writing to a text cannot fail.
        let _written = write!(out, "\\x{{{:x}}}", u32::from(c));
    }
}

/// What an escape stands for.
enum Escape {
    One(char),
    /// What goes between the brackets of a class.
    Set(String),
}

impl Escape {
    fn standing_alone(&self) -> String {
        match self {
            Self::One(c) => {
                let mut out = String::new();
                push_literal(&mut out, *c);
                out
            }
            Self::Set(set) => format!("[{set}]"),
        }
    }
}

fn escape(chars: &mut Peekable<Chars<'_>>) -> Result<Escape, String> {
    let c = chars.next().ok_or("nothing follows `\\`")?;
    let set = |text: &str| Ok(Escape::Set(text.to_owned()));
    match c {
        'n' => Ok(Escape::One('\n')),
        'r' => Ok(Escape::One('\r')),
        't' => Ok(Escape::One('\t')),
        's' => set(r"\x20\t\n\r"),
        'S' => set(r"[^\x20\t\n\r]"),
        'd' => set(r"\p{Nd}"),
        'D' => set(r"\P{Nd}"),
        'w' => set(r"[^\p{P}\p{Z}\p{C}]"),
        'W' => set(r"\p{P}\p{Z}\p{C}"),
        'i' => set(NAME_START),
        'I' => set(&format!("[^{NAME_START}]")),
        'c' => set(&format!("{NAME_START}{NAME_MORE}")),
        'C' => set(&format!("[^{NAME_START}{NAME_MORE}]")),
        'p' | 'P' => property(chars, c == 'P').map(Escape::Set),
        // XML Schema escapes fewer, but published modules also escape `/`, `$`, `:` and the like.
        c if c.is_ascii_punctuation() || c == ' ' => Ok(Escape::One(c)),
        c => Err(format!("`\\{c}` is not an escape of XML Schema")),
    }
}

fn property(chars: &mut Peekable<Chars<'_>>, is_negated: bool) -> Result<String, String> {
    let letter = if is_negated { 'P' } else { 'p' };
    if chars.next_if_eq(&'{').is_none() {
        return Err(format!("expected `{{` after `\\{letter}`"));
    }
    let mut name = String::new();
    loop {
        match chars.next() {
            Some('}') => break,
            Some(c) if name.len() < 64 => name.push(c),
            _ => return Err(format!("`\\{letter}{{` is not closed")),
        }
    }
    if let Some(block) = name.strip_prefix("Is") {
        let Some((_, low, high)) = BLOCKS.iter().find(|(known, _, _)| *known == block) else {
            return Err(format!("`{name}` is not a Unicode block"));
        };
        let set = format!("\\x{{{low:x}}}-\\x{{{high:x}}}");
        return Ok(if is_negated { format!("[^{set}]") } else { set });
    }
    // Surrogates are no characters in Rust, so nothing has that category.
    if name == "Cs" {
        return Ok(if is_negated { r"\x{0}-\x{10ffff}" } else { r"[^\x{0}-\x{10ffff}]" }.to_owned());
    }
    let known = matches!(name.len(), 1 | 2) && "LMNPZSC".contains(name.get(..1).unwrap_or(" "));
    if known { Ok(format!("\\{letter}{{{name}}}")) } else { Err(format!("`{name}` is not a Unicode category")) }
}

/// Reads a class behind its `[`, with its subtraction.
fn class(chars: &mut Peekable<Chars<'_>>, depth: usize) -> Result<String, String> {
    if depth >= CLASS_DEPTH_MAX {
        return Err(format!("classes are nested more than {CLASS_DEPTH_MAX} deep"));
    }
    let is_negated = chars.next_if_eq(&'^').is_some();
    let mut set = String::new();
    let mut is_first = true;
    loop {
        let c = chars.next().ok_or("`[` is not closed")?;
        match c {
            ']' if !is_first => return Ok(bracket(is_negated, &set)),
            ']' => return Err("a class is empty".to_owned()),
            '[' => return Err("`[` stands in a class: write `\\[`".to_owned()),
            '-' if chars.next_if_eq(&'[').is_some() => {
                let subtracted = class(chars, depth + 1)?;
                return match chars.next() {
                    Some(']') => Ok(format!("[{}--{subtracted}]", bracket(is_negated, &set))),
                    _ => Err("expected `]` after a subtracted class".to_owned()),
                };
            }
            '\\' => match escape(chars)? {
                Escape::Set(more) => set.push_str(&more),
                Escape::One(low) => range(chars, low, &mut set)?,
            },
            low => range(chars, low, &mut set)?,
        }
        is_first = false;
    }
}

fn bracket(is_negated: bool, set: &str) -> String {
    format!("[{}{set}]", if is_negated { "^" } else { "" })
}

/// Adds `low`, or `low-high` when a range follows, to a class.
fn range(chars: &mut Peekable<Chars<'_>>, low: char, set: &mut String) -> Result<(), String> {
    push_literal(set, low);
    let mut ahead = chars.clone();
    // A hyphen before the end or before a subtraction is not that of a range.
    if low == '-' && ahead.peek() != Some(&'-')
        || ahead.next() != Some('-')
        || matches!(ahead.peek(), None | Some(']' | '['))
    {
        return Ok(());
    }
    let _hyphen = chars.next();
    let high = match chars.next() {
        Some('\\') => match escape(chars)? {
            Escape::One(high) => high,
            Escape::Set(_) => return Err("a range ends in a class".to_owned()),
        },
        Some(high) => high,
        None => return Err("`[` is not closed".to_owned()),
    };
    if high < low {
        return Err(format!("range `{low}-{high}` is empty"));
    }
    set.push('-');
    push_literal(set, high);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        compile(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}")).is_match(text)
    }

    #[test]
    fn a_pattern_covers_the_whole_text() {
        assert!(matches("a|bc", "bc") && !matches("a|bc", "abc") && !matches("a", "a\n"));
        assert!(matches("^a$", "^a$") && !matches("^a$", "a"));
        assert!(matches("a{2}b{1,2}c{0,}", "aabb") && !matches("a{2}", "a"));
        assert!(matches("a{,2}", "aa") && !matches("a{,2}", "aaa"));
        assert!(matches("a.c", "a c") && !matches("a.c", "a\nc"));
    }

    #[test]
    fn classes_are_those_of_xml_schema() {
        assert!(matches(r"\i\c*", "_a-b.c:9") && !matches(r"\i\c*", "9a"));
        assert!(matches("[a-z-[aeiou]]+", "xyz") && !matches("[a-z-[aeiou]]+", "xaz"));
        assert!(matches(r"[^\s-[\n]]", "a") && matches(r"[\w\-]+", "a-b") && !matches(r"\w", "-"));
        assert!(matches(r"\d", "٣") && matches(r"[&~#-]+", "&&~~#-") && matches("[a-]+", "a-"));
        assert!(matches(r"\p{IsBasicLatin}+", "abc") && !matches(r"\p{IsBasicLatin}", "é"));
        assert!(matches(r"\P{IsBasicLatin}", "é") && matches(r"[\p{L}\p{Nd}]+", "é3") && matches(r"\P{Cs}", "a"));
        assert!(matches(r"\p{C}", "\u{1}") && !matches(r"[^\p{C}\p{Z}]", " "));
    }

    #[test]
    fn a_bad_pattern_says_what_is_wrong() {
        let fault = |p: &str| compile(p).err().unwrap_or_default();
        assert_eq!(fault("(a"), "`(` is not closed");
        assert_eq!(fault("a)"), "`)` closes nothing");
        assert_eq!(fault("[a"), "`[` is not closed");
        assert_eq!(fault("a{1,x}"), "expected a quantity such as `{1,3}` after `{`");
        assert!(!fault("a{2,1}").is_empty() && !fault("a{}").is_empty() && !fault("a{,}").is_empty());
        assert_eq!(fault("[b-a]"), "range `b-a` is empty");
        assert_eq!(fault(r"\b"), "`\\b` is not an escape of XML Schema");
        assert_eq!(fault(r"\p{IsKlingon}"), "`IsKlingon` is not a Unicode block");
        assert_eq!(fault("*a"), "repetition operator missing expression");
        assert_eq!(fault("((a{999}){999}){999}"), "it is too large once compiled");
    }

    #[test]
    fn all_blocks_compile_and_are_sorted() {
        for (name, _, _) in BLOCKS {
            assert!(compile(&format!("\\p{{Is{name}}}")).is_ok(), "{name}");
        }
    }
}
