//! Dates as text: those of HTTP headers, and those of arguments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_SECONDS: u64 = 86_400;

/// Returns the date of an HTTP header for a number of seconds since 1970.
pub(crate) fn http_date(seconds: u64) -> String {
    let (days, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
    let (year, month, day) = date(days);
    let name = |names: &[&'static str], index: u64| {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
    };
    // The first day of 1970 was a Thursday.
    let (weekday, month) = (name(&WEEKDAYS, (days + 4) % 7), name(&MONTHS, month - 1));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Parses a date of an HTTP header, such as `Sun, 06 Nov 1994 08:49:37 GMT`. Returns the seconds
/// since 1970.
pub(crate) fn from_http(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(", ")?;
    let parts: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    seconds(number(year)?, month, number(day)?, time)
}

/// Parses a time in UTC as in RFC 3339, such as `2026-01-31T12:00:00Z`. A fraction is left out.
pub(crate) fn from_rfc3339(text: &str) -> Option<SystemTime> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let parts: Vec<&str> = day.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    let time = time.split('.').next()?;
    let seconds = seconds(number(year)?, number(month)?, number(day)?, time)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn seconds(year: u64, month: u64, day: u64, time: &str) -> Option<u64> {
    let parts: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = parts[..] else { return None };
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days_before(year, month, day)? * DAY_SECONDS + hour * 3600 + minute * 60 + second)
}

/// Returns the days from 1970 to a date. Returns `None` if there is no such date.
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    // A year that begins in March has its leap day at its end.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = years / 4 - years / 100 + years / 400;
    let days = (years * 365 + leap_days + (153 * months + 2) / 5 + day).checked_sub(719_469)?;
    (date(days) == (year, month, day)).then_some(days)
}

/// Returns year, month and day of a number of days since 1970, by the rules of Gregory's calendar.
pub(crate) fn date(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_786, (2026, 11, 29)),
            (20_818, (2026, 12, 31)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    #[test]
    fn dates_of_headers_survive_printing_and_parsing() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        for seconds in [0, 784_111_777, 951_782_400, 1_800_000_000, 4_102_444_799] {
            assert_eq!(from_http(&http_date(seconds)), Some(seconds));
        }
        for bad in ["", "yesterday", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8 GMT"] {
            assert_eq!(from_http(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_of_arguments_are_parsed() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(from_rfc3339("1994-11-06T08:49:37Z"), at(784_111_777));
        assert_eq!(from_rfc3339("1994-11-06T08:49:37.25Z"), at(784_111_777));
        for bad in ["", "1994-11-06", "1994-11-06T08:49:37", "1994-13-06T08:49:37Z", "x-1-1T0:0:0Z"]
        {
            assert_eq!(from_rfc3339(bad), None, "{bad}");
        }
    }
}
