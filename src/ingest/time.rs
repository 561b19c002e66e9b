//! Times as clients write them: RFC 3339 `date-time`, whatever its year and however fine its fraction. Pure.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// Reads an RFC 3339 `date-time` (§5.6). A leap second is the second before it; digits beyond the ninth of a fraction are
/// dropped; what is beyond the times that can be told is the first or last of these: who says "for ever" by the year 9999 is
/// understood.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let mut reader = Reader(text.as_bytes());
    let (year, month, day) = (reader.number(4)?, reader.after(b"-")?.number(2)?, reader.after(b"-")?.number(2)?);
    reader.after(b"Tt ")?;
    let (hour, minute, second) = (reader.number(2)?, reader.after(b":")?.number(2)?, reader.after(b":")?.number(2)?);
    let nanoseconds = reader.fraction()?;
    let offset = reader.offset()?;
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    if second == 60 && minute != 59 {
        return None;
    }
    let second = if second == 60 { 59 } else { second };
    let time = Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()?;
    let fraction = SignedDuration::from_nanos(nanoseconds);
    let told = Offset::UTC.to_timestamp(date.to_datetime(time));
    let whole = told.unwrap_or(if year > 0 { Timestamp::MAX } else { Timestamp::MIN });
    let time = whole.saturating_sub(offset).and_then(|time| time.saturating_add(fraction));
    reader.0.is_empty().then_some(time.unwrap_or(whole))
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Passes one of these.
    fn after(&mut self, wanted: &[u8]) -> Option<&mut Self> {
        let next = self.next()?;
        wanted.contains(&next).then_some(self)
    }

    /// Reads a number of so many digits, four at most.
    fn number(&mut self, digits: usize) -> Option<i16> {
        (0..digits).try_fold(0_i16, |number, _| {
            let digit = self.next().filter(u8::is_ascii_digit)?;
            Some(number.saturating_mul(10).saturating_add(i16::from(digit - b'0')))
        })
    }

    /// Reads a fraction of a second, where there is one, as nanoseconds.
    fn fraction(&mut self) -> Option<i64> {
        if !matches!(self.0.first(), Some(b'.' | b',')) {
            return Some(0);
        }
        self.next()?;
        let (mut nanoseconds, mut weight, mut digits) = (0_i64, 100_000_000_i64, 0_usize);
        while let Some(digit) = self.0.first().copied().filter(u8::is_ascii_digit) {
            nanoseconds = nanoseconds.saturating_add(i64::from(digit - b'0').saturating_mul(weight));
            weight /= 10;
            digits += 1;
            self.next()?;
        }
        (digits > 0).then_some(nanoseconds)
    }

    /// Reads `Z`, or an offset of less than a day, with or without its colon.
    fn offset(&mut self) -> Option<SignedDuration> {
        let sign = match self.next()? {
            b'Z' | b'z' => return Some(SignedDuration::ZERO),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(2).filter(|hours| *hours < 24)?;
        if self.0.first() == Some(&b':') {
            self.next()?;
        }
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        Some(SignedDuration::from_mins(sign * (i64::from(hours) * 60 + i64::from(minutes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<String> {
        parse(text).map(|time| time.to_string())
    }

    #[test]
    fn every_date_time_of_rfc_3339_is_read() {
        for (text, expected) in [
            ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z"),
            ("2026-05-01t12:00:00.5z", "2026-05-01T12:00:00.5Z"),
            ("2026-05-01 14:30:00+02:30", "2026-05-01T12:00:00Z"),
            ("2026-05-01T12:00:00-0000", "2026-05-01T12:00:00Z"),
            ("2026-04-30T12:01:00-23:59", "2026-05-01T12:00:00Z"),
            ("2026-05-01T12:00:00.1234567891234Z", "2026-05-01T12:00:00.123456789Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.25Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_lies_beyond_the_times_that_can_be_told_is_the_last_of_them() {
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999-23:59", "9999-12-31T00:00:00+00:00"] {
            assert_eq!(parse(text), Some(Timestamp::MAX), "{text}");
        }
        assert!(parse("9999-12-30T00:00:00Z").is_some_and(|time| time < Timestamp::MAX));
    }

    #[test]
    fn what_is_no_date_time_is_refused() {
        for text in [
            "",
            "soon",
            "2026-05-01",
            "2026-05-01T12:00:00",
            "2026-05-01T12:00Z",
            "2026-13-01T12:00:00Z",
            "2026-02-29T12:00:00Z",
            "2026-05-01T24:00:00Z",
            "2026-05-01T12:60:00Z",
            "2026-05-01T12:00:61Z",
            "2026-05-01T12:30:60Z",
            "2026-05-01T12:00:00+25:00",
            "2026-05-01T12:00:00+24:00",
            "2026-05-01T12:00:00+02:60",
            "2026-05-01T12:00:00.Z",
            "2026-05-01T12:00:00Z ",
            " 2026-05-01T12:00:00Z",
            "+002026-05-01T12:00:00Z",
            "2026-05-01T12:00:00+02:00[Europe/Berlin]",
            "2026-5-01T12:00:00Z",
            "２０２６-05-01T12:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_is_read_as_it_is_written(second in -60_000_000_000_i64..253_000_000_000, nanosecond in 0_i32..1_000_000_000) {
            let time = Timestamp::new(second, nanosecond).unwrap();
            prop_assert_eq!(parse(&time.to_string()), Some(time));
        }

        #[test]
        fn no_text_panics(text in ".*", digits in "[0-9TZ:.+-]{0,40}") {
            for text in [text, digits] {
                prop_assert!(parse(&text).is_none() || text.len() >= 20);
            }
        }
    }
}
