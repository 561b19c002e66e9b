//! Times as people type them: so long ago, so late, or a date and time.

use super::Engine;
use super::fault::Fault;
use super::line::Given;
use crate::diagnostic::Diagnostic;
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use std::time::Duration;

/// Reads the stretch of time that `since` and `until` bound.
pub(super) fn stretch(engine: &Engine, given: &Given) -> Result<(Option<Timestamp>, Option<Timestamp>), Fault> {
    let now = engine.management.clock().now();
    let at = |option: &str| given.option(option).map(|text| read(text, now, &engine.zone)).transpose();
    let (since, until) = (at("since")?, at("until")?);
    if since.is_some_and(|since| since > now) {
        let said = format!("`{}` is in the future", given.option("since").unwrap_or_default());
        return Err(Diagnostic::error(said).hint("`since` takes when something began").into());
    }
    if since.zip(until).is_some_and(|(since, until)| until <= since) {
        let said = Diagnostic::error("nothing lies between `since` and `until`");
        return Err(said.hint("`until` takes the later of the two; `1h` is earlier than `30m`").into());
    }
    Ok((since, until))
}

/// Reads a time: how long ago (`30s`, `1h30m`, `1d`, `1w`), the last time that it was so late (`16:00`), or a date, with or
/// without a time, of the zone where it names none.
fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Diagnostic> {
    if let Some(ago) = ago(text) {
        return Ok(now.checked_sub(ago).unwrap_or(Timestamp::MIN));
    }
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let local = |at: DateTime| at.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
    let of_day = |time: Time| {
        let today = now.to_zoned(zone.clone()).date();
        let days = [Some(today), today.yesterday().ok()];
        days.into_iter().flatten().filter_map(|day| local(day.to_datetime(time))).find(|at| *at <= now)
    };
    let found = match text.parse::<DateTime>() {
        Ok(at) => local(at),
        Err(_) => text.parse::<Time>().ok().filter(|_| text.contains(':')).and_then(of_day),
    };
    found.ok_or_else(|| {
        let said = Diagnostic::error(format!("`{text}` is not a time"));
        said.hint("`30m`, `1h30m`, `1d` or `1w` for so long ago, `16:00`, or a date and time like 2026-05-01T12:00:00")
    })
}

/// Reads a length of time: numbers, each with its unit.
fn ago(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text;
    loop {
        let (number, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let number: u64 = number.parse().ok()?;
        let unit = after.chars().next()?;
        let each = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        seconds = seconds.saturating_add(number.saturating_mul(each));
        rest = after.get(1..)?;
        if rest.is_empty() {
            return Some(Duration::from_secs(seconds));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_so_long_ago_or_so_late_or_a_date() {
        let now: Timestamp = "2026-05-08T12:30:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let at = |text: &str| read(text, now, &zone).map_err(|error| error.to_string()).unwrap().to_string();
        assert_eq!(at("30s"), "2026-05-08T12:29:30Z");
        assert_eq!(at("1h30m"), "2026-05-08T11:00:00Z");
        assert_eq!(at("1w"), "2026-05-01T12:30:00Z");
        assert_eq!(at("1d12h"), "2026-05-07T00:30:00Z");
        assert_eq!(at("14:00"), "2026-05-08T12:00:00Z");
        assert_eq!(at("16:00"), "2026-05-07T14:00:00Z");
        assert_eq!(at("16:00:30"), "2026-05-07T14:00:30Z");
        assert_eq!(at("2026-05-01"), "2026-04-30T22:00:00Z");
        assert_eq!(at("2026-05-01 12:00"), "2026-05-01T10:00:00Z");
        assert_eq!(at("2026-05-01T12:00:00Z"), "2026-05-01T12:00:00Z");
        for text in ["", "h", "1", "1x", "30m1", "m30", "1h é", "25:00", "yesterday", "-1h", "99999999999999999999s"] {
            assert!(read(text, now, &zone).is_err(), "{text}");
        }
        assert_eq!(at("99999999999999999w"), Timestamp::MIN.to_string());
    }
}
