//! The argument of `range` and `length` (RFC 7950 §9.2.4, §9.4.4) into parts within those of the base type.

/// Parts that one restriction may have: published ones stay below ten.
const PARTS_MAX: usize = 1000;

/// Reads the parts of a restriction and checks that they rise and stay within `base`. `number` reads one bound.
pub(super) fn parse(
    text: &str,
    base: &[(i128, i128)],
    number: impl Fn(&str) -> Option<i128>,
) -> Result<Vec<(i128, i128)>, String> {
    let (Some(lowest), Some(highest)) = (base.first().map(|b| b.0), base.last().map(|b| b.1)) else {
        return Err("the base type has no values".to_owned());
    };
    let bound = |text: &str| match text.trim_matches(BLANKS) {
        "min" => Ok(lowest),
        "max" => Ok(highest),
        other => {
            number(other).ok_or_else(|| format!("`{}` is not a number of the type", super::argument::shorten(other)))
        }
    };
    let mut parts: Vec<(i128, i128)> = Vec::new();
    for part in text.split('|') {
        let (low, high) = match part.split_once("..") {
            Some((low, high)) => (bound(low)?, bound(high)?),
            None => (bound(part)?, bound(part)?),
        };
        let shown = part.trim_matches(BLANKS);
        if low > high {
            return Err(format!("`{shown}` is empty: its lower bound is above its upper bound"));
        }
        if parts.last().is_some_and(|before| before.1 >= low) {
            return Err(format!("`{shown}` does not lie above the part before it"));
        }
        if parts.len() >= PARTS_MAX {
            return Err(format!("there are more than {PARTS_MAX} parts"));
        }
        if !is_within(low, high, base) {
            return Err(format!("`{shown}` is not within what the base type allows"));
        }
        parts.push((low, high));
    }
    Ok(parts)
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Returns whether all of `low..high` is in the parts, two that touch counting as one.
fn is_within(low: i128, high: i128, base: &[(i128, i128)]) -> bool {
    let mut from = low;
    for (start, end) in base {
        if *start <= from && from <= *end {
            if high <= *end {
                return true;
            }
            from = end.saturating_add(1);
        }
    }
    false
}

/// Reads a whole number as restrictions write it.
pub(super) fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // RFC 7950 §14: no leading zeros; a plus is not in its grammar, and is read everywhere.
    let is_canonical = digits == "0" || !digits.starts_with('0');
    if digits.is_empty() || !is_canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Reads a decimal number, scaled by ten to the fraction digits (RFC 7950 §9.3.1).
pub(super) fn decimal(text: &str, fraction_digits: u8) -> Option<i64> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, ""), |(w, f)| (w, f));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || (unsigned.contains('.') && fraction.is_empty()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = usize::from(fraction_digits).checked_sub(fraction.len())?;
    format!("{sign}{whole}{fraction}{}", "0".repeat(missing)).parse().ok()
}

/// Writes a scaled decimal in canonical form (RFC 7950 §9.3.2).
pub(super) fn decimal_text(scaled: i64, fraction_digits: u8) -> String {
    let digits = usize::from(fraction_digits);
    let padded = format!("{:0>width$}", scaled.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = padded.split_at_checked(padded.len().saturating_sub(digits)).unwrap_or((&padded, ""));
    let fraction = fraction.trim_end_matches('0');
    let sign = if scaled < 0 { "-" } else { "" };
    format!("{sign}{whole}.{}", if fraction.is_empty() { "0" } else { fraction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_rise_and_narrow() {
        let base = [(0, 10), (20, 30)];
        assert_eq!(parse("min..3 | 5 | 25 .. max", &base, integer), Ok(vec![(0, 3), (5, 5), (25, 30)]));
        assert_eq!(parse("1..2", &[(1, 1), (2, 2)], integer), Ok(vec![(1, 2)]));
        let fault = |text| parse(text, &base, integer).unwrap_err();
        assert_eq!(fault("5..25"), "`5..25` is not within what the base type allows");
        assert_eq!(fault("3..1"), "`3..1` is empty: its lower bound is above its upper bound");
        assert_eq!(fault("1..3|3..4"), "`3..4` does not lie above the part before it");
        assert_eq!(fault("a"), "`a` is not a number of the type");
        assert_eq!(fault("1|"), "`` is not a number of the type");
    }

    #[test]
    fn decimals_are_scaled_and_written_canonically() {
        assert_eq!(decimal("-3.14", 3), Some(-3140));
        assert_eq!(decimal("3.140000", 2), Some(314));
        assert_eq!(decimal("3.145", 2), None);
        assert_eq!((decimal("3.", 2), decimal(".5", 2), decimal("", 2), decimal("1e3", 2)), (None, None, None, None));
        assert_eq!(decimal_text(-3140, 3), "-3.14");
        assert_eq!(decimal_text(5, 3), "0.005");
        assert_eq!(decimal_text(2000, 3), "2.0");
        assert_eq!(decimal_text(i64::MIN, 18), "-9.223372036854775808");
    }
}
