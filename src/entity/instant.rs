//! Times as text.

use std::str::FromStr;

use crate::entity::id::Timestamp;
use crate::entity::wording::invalid_value;
use crate::error::{Error, Result};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl FromStr for Timestamp {
    type Err = Error;

    /// Parses a time by RFC 3339, such as `2026-01-31T18:05:09.5+01:00`, or a day alone.
    ///
    /// A time without a zone is one of UTC. Digits behind the nanoseconds are left out.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it is no such time, or
    ///   outside the years 1678 to 2261.
    ///
    /// ```
    /// let time: tracklite::Timestamp = "2026-01-31T18:05:09.5+01:00".parse()?;
    /// assert_eq!(time.to_string(), "2026-01-31T17:05:09.500000000Z");
    /// # Ok::<(), tracklite::Error>(())
    /// ```
    fn from_str(text: &str) -> Result<Self> {
        let expected =
            "expected a time by RFC 3339 from 1678 to 2261, such as 2026-01-31T18:05:09Z";
        let nanos = nanos_of(text).ok_or_else(|| invalid_value("time", text, expected))?;
        Ok(Timestamp::from_nanos(nanos))
    }
}

fn nanos_of(text: &str) -> Option<i64> {
    let days = days_of(text.get(..10)?)?;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return days.checked_mul(SECONDS_PER_DAY)?.checked_mul(NANOS_PER_SECOND);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let clock = rest.get(..8)?;
    let (hour, minute, second) =
        (digits(clock.get(..2)?)?, digits(clock.get(3..5)?)?, digits(clock.get(6..)?)?);
    let is_clock = clock.as_bytes().get(2) == Some(&b':') && clock.as_bytes().get(5) == Some(&b':');
    if !is_clock || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, zone) = fraction_of(rest.get(8..)?)?;
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset_of(zone)?;
    seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(fraction)
}

/// Returns the nanoseconds of a fraction, and the text behind it.
fn fraction_of(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, zone) = rest.split_at(end);
    let kept = fraction.get(..end.min(9))?;
    let power = u32::try_from(9 - kept.len()).ok()?;
    (end > 0).then_some((kept.parse::<i64>().ok()? * 10_i64.pow(power), zone))
}

/// Returns the seconds by which a zone is ahead of UTC.
fn offset_of(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, clock) = match zone.strip_prefix('-') {
        Some(clock) => (-1, clock),
        None => (1, zone.strip_prefix('+')?),
    };
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (clock.len() == 5 && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// Returns the days from 1970 to a date `YYYY-MM-DD`, by Howard Hinnant's `days_from_civil`.
fn days_of(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn digits(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_is_displayed() {
        for nanos in [0, -1, i64::MIN, i64::MAX, 951_782_400_000_000_000, 1_709_164_800_000_000_001]
        {
            let time = Timestamp::from_nanos(nanos);
            let text = time.to_string();
            // The first second of the range begins before it.
            let found = text.parse::<Timestamp>().ok();
            assert_eq!(found, (nanos != i64::MIN).then_some(time), "{text}");
        }
    }

    #[test]
    fn zones_and_fractions_are_read() {
        for (text, wanted) in [
            ("2026-01-31", "2026-01-31T00:00:00.000000000Z"),
            ("2026-01-31 18:05:09", "2026-01-31T18:05:09.000000000Z"),
            ("2026-01-31T18:05:09.1234567891Z", "2026-01-31T18:05:09.123456789Z"),
            ("2026-01-31T00:30:00+01:00", "2026-01-30T23:30:00.000000000Z"),
            ("2024-02-29T23:00:00-02:30", "2024-03-01T01:30:00.000000000Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), wanted, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2026",
            "2026-1-31",
            "2026-02-29",
            "2026-13-01",
            "2026-01-00",
            "2026-01-31x",
            "2026-01-31T",
            "2026-01-31T24:00:00",
            "2026-01-31T18:60:00",
            "2026-01-31T18:05",
            "2026-01-31T18:05:09.",
            "2026-01-31T18:05:09+1:00",
            "2026-01-31T18:05:09 Z",
            "1600-01-01",
            "2300-01-01",
            "+026-01-01",
            "2026-01-31T18-05-09",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
