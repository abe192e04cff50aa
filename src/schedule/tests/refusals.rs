//! Expressions that are refused, with the place.

use super::refusal;
use crate::schedule::CronExpression;

/// Returns the line with carets, without its indentation, and the last lines.
fn shown(expression: &str) -> (String, String) {
    let message = refusal(expression);
    let mut lines = message.lines();
    assert_eq!(lines.next(), Some("invalid Quartz expression"));
    let [text, carets] = [lines.next(), lines.next()].map(Option::unwrap_or_default);
    assert_eq!(text.strip_prefix("    "), Some(expression), "{message}");
    let carets = carets.strip_prefix("    ").unwrap_or_default().to_owned();
    (carets, lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn carets_are_under_the_place() {
    for (expression, carets, words) in [
        ("0 60 6 * * ?", "  ^^", "minute is `60`: expected `*`, a number from 0 to 59"),
        ("0 0 24 * * ?", "    ^^", "hour is `24`: "),
        ("0 0 6 0 * ?", "      ^", "day of month is `0`: "),
        ("0 0 6 32 * ?", "      ^^", "day of month is `32`: "),
        ("0 0 6 * 13 ?", "        ^^", "month is `13`: "),
        ("0 0 6 ? * 0", "          ^", "day of week is `0`: "),
        ("0 0 6 ? * 2-8", "            ^", "day of week is `8`: "),
        ("0 0 6 ? * FUN", "          ^^^", "day of week has `FUN`: "),
        ("0 0 6 ? JANE *", "           ^", "month has `E` after `JAN`: expected the end"),
        ("0 0 6 * * ? 1969", "            ^^^^", "year is `1969`: "),
        ("0 0 6 * * ? 2030-2029", "                 ^^^^", "years end before 2030: "),
        ("0 0/0 6 * * ?", "    ^", "step of the minute is 0: expected 1 to 59"),
        ("0 0/60 6 * * ?", "    ^^", "step of the minute is 60: expected 1 to 59"),
        ("0 0/ 6 * * ?", "    ^", "minute ends too early: expected a number after `/`"),
        ("0 0/x 6 * * ?", "    ^", "minute has `x`: expected a number after `/`"),
        ("0 5- 6 * * ?", "    ^", "minute ends too early: expected `*`"),
        ("0 5,,7 6 * * ?", "    ^", "minute has an empty item: "),
        ("0 5x 6 * * ?", "   ^", "minute has `x` after `5`: expected the end of the field"),
        ("0 ? 6 * * ?", "  ^", "minute has `?`: "),
        ("0 0 6 ? * ?", "          ^", "day of month and day of week are both `?`: "),
        ("0 0 6 * * *", "      ^", "day of month and day of week are both given: "),
        ("0 0 6 1 * MON", "          ^^^", "day of month and day of week are both given: "),
        ("0 0 6 1,L * ?", "      ^^^", "`L` is in a list of days: expected `L` alone"),
        ("0 0 6 L-31 * ?", "        ^^", "`L-` goes back 31 days: expected at most 30"),
        ("0 0 6 LX * ?", "       ^", "day of month has `X` after `L`: "),
        ("0 0 6 1-5W * ?", "         ^", "day of month has `W` after `1-5`: "),
        ("0 0 6 ? * 6#6", "            ^", "week of the month is 6: expected a number from 1 to 5"),
        ("0 0 6 ? * 6#", "            ^", "day of week ends too early: "),
        ("0 0 6 ? * 6#3,2", "          ^^^^^", "`#` is in a list of days: "),
        ("0 0 6 ? * MON-6", "          ^^^^^", "range mixes a name and a number: "),
        ("0 0 6", "     ^", "expression has 3 fields: expected six or seven"),
        ("0 0 6 * * ? 2027 8", "                 ^", "expression has 8 fields: "),
        ("0 99999999999 6 * * ?", "  ^^^^^^^^^^^", "minute is `99999999999`: "),
    ] {
        let (found, lines) = shown(expression);
        assert_eq!(found, carets, "{expression}: {lines}");
        assert!(lines.starts_with(words), "{expression}: {lines}");
    }
}

#[test]
fn hints_name_the_next_step() {
    for (expression, hint) in [
        ("0 6 * * *", "a line of a crontab needs a second before it"),
        ("0 0 6 ? * MONDAY", "names have three letters: `MON`"),
        ("0 0 6 ? * MNO", "did you mean `MON`?"),
        ("0 0 6 ? * MON-FRI/2", "Quartz ignores a step after a name"),
    ] {
        let message = refusal(expression);
        assert!(message.lines().last().is_some_and(|line| line.starts_with(hint)), "{message}");
    }
}

#[test]
fn spaces_around_an_expression_are_ignored() {
    let expected = CronExpression::parse("0 0 6 * * ?").ok();
    assert!(expected.is_some());
    assert_eq!(CronExpression::parse("  0\t0  6 * * ?\n").ok(), expected);
}

#[test]
fn long_texts_are_refused() {
    let long = format!("0 0 6 {} * ?", vec!["1"; 2048].join(","));
    assert!(refusal(&long).contains("text is 4105 bytes long: expected at most 4096 bytes"));
}
