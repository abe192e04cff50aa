//! Values for people to read: numbers, counts, bytes, durations and dates.

use std::borrow::Cow;
use std::fmt::Write as _;

use tracklite::Timestamp;
use tracklite::table::Value;

/// The number of significant digits in tables.
const SIGNIFICANT: usize = 5;

/// The maximum number of decimals in an aligned column.
const DECIMALS_MAX: usize = 6;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Formats a number with about five digits, such as `0.093124`, `1.5e-7`, `42`, `NaN`.
pub(crate) fn number(value: f64) -> String {
    if let Some(word) = not_finite(value) {
        return word.to_owned();
    }
    let (mantissa, exponent) = scientific(value, SIGNIFICANT - 1);
    if (-4..9).contains(&exponent) {
        return without_trailing_zeros(&format!("{value:.*}", decimals_at(exponent))).to_owned();
    }
    format!("{}e{exponent}", without_trailing_zeros(&mantissa))
}

/// Returns the decimals for the significant digits of a number with this decimal exponent.
fn decimals_at(exponent: i32) -> usize {
    let digits = i32::try_from(SIGNIFICANT).unwrap_or(i32::MAX);
    usize::try_from(digits - 1 - exponent).unwrap_or(0)
}

/// Formats a number exactly, in the shortest text that reads back as the same number.
pub(crate) fn exact(value: f64) -> String {
    Value::Float(value).to_string()
}

/// Returns MLflow's word for NaN and infinities.
pub(crate) fn not_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        None
    }
}

/// Formats a column of numbers. Decimal points are aligned unless a number has an exponent.
pub(crate) fn number_column(values: &[f64]) -> Vec<String> {
    let plain: Vec<String> = values.iter().copied().map(number).collect();
    if plain.iter().any(|text| text.contains('e')) {
        return plain;
    }
    let decimals = plain.iter().map(|text| text.split_once('.').map_or(0, |parts| parts.1.len()));
    let decimals = decimals.max().unwrap_or(0).min(DECIMALS_MAX);
    let aligned = |value: f64| match not_finite(value) {
        Some(word) => word.to_owned(),
        None => format!("{value:.decimals$}"),
    };
    values.iter().copied().map(aligned).collect()
}

/// Returns the mantissa as text and the decimal exponent of a finite number.
pub(crate) fn scientific(value: f64, decimals: usize) -> (String, i32) {
    let text = format!("{value:.decimals$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Formats a count with separated thousands: `1,234,567`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats an integer with separated thousands: `-1,234`.
pub(crate) fn grouped(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", count(value.unsigned_abs()))
}

/// Formats a count with its noun: `1 run` or `2 runs`.
pub(crate) fn plural(value: u64, noun: &str) -> String {
    let ending = if value == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(value))
}

/// Formats a number of bytes: `812 B` or `1.4 MiB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut size = value as f64;
    let mut unit = "B";
    for next in UNITS {
        if size < 1023.95 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

/// Formats a duration in its largest units: `350 ms`, `12.3 s`, `4 min 05 s` or `3 d 04 h`.
///
/// A duration is negative if the clock was set back.
pub(crate) fn span(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let tenths = nanos / 100_000_000;
    let seconds = tenths / 10;
    match seconds {
        0 => format!("{sign}{} ms", nanos / 1_000_000),
        1..60 => format!("{sign}{seconds}.{} s", tenths % 10),
        60..3600 => format!("{sign}{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{sign}{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{sign}{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Formats the time since an instant in its largest unit: `12 s`, `3 min`, `5 h` or `8 d`.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_nanos().saturating_sub(then.as_nanos()) / NANOS_PER_SECOND;
    match seconds {
        ..0 => "in the future".to_owned(),
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Formats the date and time of day in UTC, to the second: `2026-01-31 18:05:09`.
pub(crate) fn date(time: Timestamp) -> String {
    time.to_string().replace('T', " ").split('.').next().unwrap_or_default().to_owned()
}

/// Escapes characters that are not safe for a terminal, for example as `\n` and `\u{1b}`: control
/// characters, and those that change the direction of text.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_unsafe(letter) {
            // Writing to a string cannot fail.
            let _ = write!(clean, "{}", letter.escape_default());
        } else {
            clean.push(letter);
        }
    }
    Cow::Owned(clean)
}

fn is_unsafe(letter: char) -> bool {
    let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns || matches!(letter, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_their_size() {
        let cases = [
            (0.0, "0"),
            (0.093_123_9, "0.093124"),
            (42.0, "42"),
            (123_456_789.0, "123456789"),
            (1_234_567_890.0, "1.2346e9"),
            (1.5e-7, "1.5e-7"),
            (-0.001, "-0.001"),
            (0.99999999, "1"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, want) in cases {
            assert_eq!(number(value), want, "{value:e}");
        }
    }

    #[test]
    fn exact_numbers_read_back_as_the_same() {
        for value in [0.1 + 0.2, 1e300, -5e-324, 0.0, 123_456_789.125, 1e15] {
            assert_eq!(exact(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
        assert_eq!(exact(1e300), "1e300");
        assert_eq!(exact(0.25), "0.25");
    }

    #[test]
    fn a_column_aligns_its_decimal_points() {
        assert_eq!(number_column(&[0.5, 12.25, 3.0]), ["0.50", "12.25", "3.00"]);
        assert_eq!(number_column(&[1.0, f64::NAN]), ["1", "NaN"]);
        assert_eq!(number_column(&[1e-9, 1.0]), ["1e-9", "1"]);
    }

    #[test]
    fn counts_and_bytes() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(grouped(-1234), "-1,234");
        assert_eq!(plural(1, "run"), "1 run");
        assert_eq!(plural(2000, "run"), "2,000 runs");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1.0 MiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn spans_show_two_units() {
        let second = NANOS_PER_SECOND;
        let cases = [
            (350_000_000, "350 ms"),
            (12 * second + 340_000_000, "12.3 s"),
            (59 * second + 999_000_000, "59.9 s"),
            (245 * second, "4 min 05 s"),
            (7620 * second, "2 h 07 min"),
            (273_600 * second, "3 d 04 h"),
            (-2 * second, "-2.0 s"),
        ];
        for (nanos, want) in cases {
            assert_eq!(span(nanos), want);
        }
        assert!(span(i64::MIN).starts_with('-'));
    }

    #[test]
    fn ages_show_one_unit() {
        let at = |seconds: i64| Timestamp::from_nanos(seconds * NANOS_PER_SECOND);
        assert_eq!(age(at(0), at(59)), "59 s");
        assert_eq!(age(at(0), at(3599)), "59 min");
        assert_eq!(age(at(0), at(86_400 * 9)), "9 d");
        assert_eq!(age(at(10), at(5)), "in the future");
    }

    #[test]
    fn dates_follow_the_calendar() {
        let cases = [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
        ];
        for (seconds, want) in cases {
            assert_eq!(date(Timestamp::from_nanos(seconds * NANOS_PER_SECOND)), want);
        }
        assert_eq!(date(Timestamp::from_nanos(i64::MIN)), "1677-09-21 00:12:43");
        assert_eq!(date(Timestamp::from_nanos(i64::MAX)), "2262-04-11 23:47:16");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("plain \u{e9}\u{4e2d}"), "plain \u{e9}\u{4e2d}");
        assert_eq!(printable("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(printable("\u{202e}x"), "\\u{202e}x");
    }
}
