//! Numbers of XPath (XPath 1.0 §3.5, §4.2, §4.4).

use crate::yang::xpath::Comparison;

/// Reads a number; what is none is NaN.
pub(super) fn parse(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return f64::NAN;
    }
    text.parse().unwrap_or(f64::NAN)
}

/// Writes a number.
pub(super) fn format(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if number == 0.0 {
        "0".to_owned()
    } else {
        number.to_string()
    }
}

/// Compares two numbers.
#[allow(clippy::float_cmp, reason = "XPath compares numbers as they are")]
pub(super) fn compare(comparison: Comparison, one: f64, other: f64) -> bool {
    match comparison {
        Comparison::Equal => one == other,
        Comparison::NotEqual => one != other,
        Comparison::Less => one < other,
        Comparison::LessOrEqual => one <= other,
        Comparison::Greater => one > other,
        Comparison::GreaterOrEqual => one >= other,
    }
}

/// Rounds to the nearest integer, halves up.
pub(super) fn round(number: f64) -> f64 {
    if number.is_finite() && (-0.5..0.0).contains(&number) { -0.0 } else { (number + 0.5).floor() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written_as_xpath_does() {
        for (text, number) in [(" 12 ", 12.0), ("-.5", -0.5), ("3.", 3.0), ("007", 7.0)] {
            assert_eq!(parse(text).to_bits(), f64::to_bits(number), "{text}");
        }
        for text in ["", "1e3", "+1", ".", "0x1", "1 2", "inf", "-"] {
            assert!(parse(text).is_nan(), "{text}");
        }
        for (number, text) in
            [(1.0, "1"), (-0.0, "0"), (0.1, "0.1"), (1e21, "1000000000000000000000"), (f64::NEG_INFINITY, "-Infinity")]
        {
            assert_eq!(format(number), text);
        }
        assert_eq!([round(2.5), round(-2.5), round(-0.2)].map(f64::to_bits), [3.0, -2.0, -0.0].map(f64::to_bits));
    }
}
