//! Expressions in plain English.

use super::calendar::Calendar;
use super::days::{Days, LastDay, MonthDays};
use super::set::{Set, YEAR_FIRST, YEAR_LAST};

/// The maximum number of times of day that are listed one by one.
const TIMES_MAX: u32 = 6;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const NTHS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// Returns when an expression fires.
pub(super) fn explain(calendar: &Calendar) -> String {
    let times = times(calendar);
    let days = days(calendar);
    let years = years(calendar);
    // In equal steps through the day, it is clear that each day is meant.
    let is_even = !matches!(shape(calendar.hours, 24), Shape::Some);
    let is_clear = days == EVERY_DAY && years.is_empty() && is_even;
    let days = if is_clear && times.contains("every") { "" } else { days.as_str() };
    let parts = [times.as_str(), days, years.as_str()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

const EVERY_DAY: &str = "every day";

/// The values of a field of the clock.
enum Shape {
    All,
    /// From 0 in equal steps, the last of which ends with the minute, hour or day.
    Every(u32),
    Some,
}

fn shape(set: Set, count: u32) -> Shape {
    if set.len() == count {
        return Shape::All;
    }
    let step = set.next(1).unwrap_or(count);
    let even = set.contains(0) && count.is_multiple_of(step) && set.len() == count / step;
    if even && step < count && set.numbers().all(|value| value.is_multiple_of(step)) {
        Shape::Every(step)
    } else {
        Shape::Some
    }
}

fn times(calendar: &Calendar) -> String {
    let Calendar { seconds, minutes, hours, .. } = calendar;
    let count = seconds.len() * minutes.len() * hours.len();
    if count <= TIMES_MAX {
        return format!("at {}", joined(clock_times(calendar)));
    }
    let on_the_minute = only_zero(*seconds);
    let on_the_hour = on_the_minute && only_zero(*minutes);
    let within = hours_of(calendar);
    let text = match (shape(*seconds, 60), shape(*minutes, 60), shape(*hours, 24)) {
        (_, _, Shape::All) if on_the_hour => return "every hour".to_owned(),
        (_, _, Shape::Every(step)) if on_the_hour => return format!("every {step} hours"),
        _ if on_the_hour => return format!("every hour {within}"),
        (_, Shape::All, _) if on_the_minute => "every minute".to_owned(),
        (_, Shape::Every(step), _) if on_the_minute => format!("every {step} minutes"),
        (_, Shape::Some, _) if on_the_minute => {
            let hours = if within.is_empty() { "of every hour" } else { "of each hour" };
            format!("at {} {hours}", numbered("minute", *minutes))
        }
        (seconds_shape, minutes_shape, _) => {
            let first = match seconds_shape {
                Shape::All => "every second".to_owned(),
                Shape::Every(step) => format!("every {step} seconds"),
                Shape::Some => format!("at {}", numbered("second", *seconds)),
            };
            match (minutes_shape, first.starts_with("every")) {
                (Shape::All, true) => first,
                (Shape::All, false) => format!("{first} of every minute"),
                (Shape::Every(step), _) => format!("{first} of every {} minute", ordinal(step)),
                (Shape::Some, _) => format!("{first} of {}", numbered("minute", *minutes)),
            }
        }
    };
    if within.is_empty() { text } else { format!("{text} {within}") }
}

/// Returns the times of day, with seconds if any has some.
fn clock_times(calendar: &Calendar) -> Vec<String> {
    let Calendar { seconds, minutes, hours, .. } = calendar;
    let mut texts = Vec::new();
    for hour in hours.numbers() {
        for minute in minutes.numbers() {
            for second in seconds.numbers() {
                texts.push(if only_zero(*seconds) {
                    format!("{hour:02}:{minute:02}")
                } else {
                    format!("{hour:02}:{minute:02}:{second:02}")
                });
            }
        }
    }
    texts
}

/// Returns the part of the day, or nothing if it is the whole day.
fn hours_of(calendar: &Calendar) -> String {
    let hours = calendar.hours;
    let runs = runs(hours.numbers());
    // The last minute of the hour, unless it fires only on the hour.
    let end = calendar.minutes.numbers().last().unwrap_or(0);
    match (shape(hours, 24), runs.as_slice()) {
        (Shape::All, _) => String::new(),
        (Shape::Every(step), _) => format!("of every {} hour", ordinal(step)),
        (Shape::Some, [(from, to)]) => format!("from {from:02}:00 to {to:02}:{end:02}"),
        (Shape::Some, _) => format!("of {}", numbered("hour", hours)),
    }
}

fn days(calendar: &Calendar) -> String {
    let months = match calendar.months.len() {
        12 => None,
        _ => Some(joined(named(calendar.months, &MONTHS))),
    };
    let of = months.as_ref().map_or("of the month".to_owned(), |months| format!("of {months}"));
    let within = months.map(|months| format!(" in {months}")).unwrap_or_default();
    match &calendar.days {
        Days::Month(rule) if rule.plain.len() == 31 => format!("{EVERY_DAY}{within}"),
        Days::Month(rule) => format!("on the {} {of}", joined(month_days(rule))),
        Days::Week(weekdays) if weekdays.len() == 7 => format!("{EVERY_DAY}{within}"),
        Days::Week(weekdays) => format!("on {}{within}", joined(named(*weekdays, &WEEKDAYS))),
        Days::LastOfWeek(weekday) => format!("on the last {} {of}", name(&WEEKDAYS, *weekday)),
        Days::NthOfWeek { weekday, nth } => {
            format!("on the {} {} {of}", name(&NTHS, *nth), name(&WEEKDAYS, *weekday))
        }
    }
}

fn month_days(rule: &MonthDays) -> Vec<String> {
    let plain = runs(rule.plain.numbers()).into_iter();
    let mut texts: Vec<String> = plain.flat_map(|run| spoken(run, ordinal)).collect();
    let nearest = rule.nearest.numbers();
    texts.extend(nearest.map(|day| format!("workday nearest to the {}", ordinal(day))));
    texts.extend(rule.last.map(|last| match last {
        LastDay { before: 0, nearest: false } => "last day".to_owned(),
        LastDay { before: 0, nearest: true } => "last workday".to_owned(),
        LastDay { before, nearest: false } => format!("{} day before the last", ordinal(before)),
        LastDay { before, nearest: true } => {
            format!("workday nearest to the {} day before the last", ordinal(before))
        }
    }));
    texts
}

/// Returns the years, or nothing if it is every year.
fn years(calendar: &Calendar) -> String {
    let years: Vec<u32> = calendar.years.numbers().collect();
    let (first, last) = (years.first().copied().unwrap_or(0), years.last().copied().unwrap_or(0));
    let mut steps = years.windows(2).map(|pair| pair[1] - pair[0]);
    let step = steps.next().filter(|step| years.len() > 2 && steps.all(|other| other == *step));
    let until = if last + step.unwrap_or(1) > YEAR_LAST { None } else { Some(last) };
    match (step, until) {
        (Some(1), None) if first == YEAR_FIRST => String::new(),
        (Some(1), None) => format!("from {first} on"),
        (Some(step), None) if step > 1 => format!("every {step} years from {first} on"),
        (Some(step), Some(last)) if step > 1 => {
            format!("every {step} years from {first} to {last}")
        }
        _ => {
            let texts = runs(years.into_iter()).into_iter();
            let texts: Vec<String> =
                texts.flat_map(|run| spoken(run, |year| year.to_string())).collect();
            format!("in {}", joined(texts))
        }
    }
}

fn only_zero(set: Set) -> bool {
    set.len() == 1 && set.contains(0)
}

/// Returns the numbers as runs without gaps: the first and last of each.
fn runs(numbers: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// Returns a run as one text with `to`, or as single texts if it is short.
fn spoken(run: (u32, u32), text: impl Fn(u32) -> String) -> Vec<String> {
    match run {
        (from, to) if to - from >= 2 => vec![format!("{} to {}", text(from), text(to))],
        (from, to) => (from..=to).map(text).collect(),
    }
}

fn named(set: Set, names: &[&str]) -> Vec<String> {
    let runs = runs(set.numbers()).into_iter();
    runs.flat_map(|run| spoken(run, |value| name(names, value).to_owned())).collect()
}

/// Returns the name of a value that counts from 1.
fn name<'a>(names: &[&'a str], value: u32) -> &'a str {
    let place = usize::try_from(value).unwrap_or(0).saturating_sub(1);
    names.get(place).copied().unwrap_or_default()
}

/// Returns `minute 5`, or `minutes 5, 10 and 20 to 29`.
fn numbered(unit: &str, set: Set) -> String {
    let plural = if set.len() == 1 { "" } else { "s" };
    let runs = runs(set.numbers()).into_iter();
    let texts: Vec<String> = runs.flat_map(|run| spoken(run, |value| value.to_string())).collect();
    format!("{unit}{plural} {}", joined(texts))
}

/// Returns `1st`, `2nd`, `3rd`, `4th`.
fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Joins texts with commas and a final `and`.
fn joined(mut texts: Vec<String>) -> String {
    let Some(last) = texts.pop() else { return String::new() };
    if texts.is_empty() { last } else { format!("{} and {last}", texts.join(", ")) }
}
