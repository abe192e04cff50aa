//! The parser of expressions.

use std::ops::Range;

use super::calendar::Calendar;
use super::days::{Days, MonthDays};
use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH, SECOND, YEAR};
use super::item::{Form, Item, Span};
use super::problem::{Checked, Problem};
use super::set::{Set, YearSet};

/// The longest expression accepted, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 4096;

/// The fields that an expression must have. A year may follow.
const FIELDS_MIN: usize = 6;

/// A field of the text, with its place.
#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Word<'a> {
    fn place(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Returns the parts between commas.
    fn items(self, field: &'static Field) -> impl Iterator<Item = Item<'a>> {
        let mut start = self.start;
        self.text.split(',').map(move |text| {
            let item = Item::new(text, start, field);
            start += text.len() + 1;
            item
        })
    }

    fn is(&self, text: &str) -> bool {
        self.text == text
    }

    fn is_list(&self) -> bool {
        self.text.contains(',')
    }
}

/// An expression in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) calendar: Calendar,
    /// Whether the hours have a `*` or `/`, so that it fires in each real hour.
    pub(super) runs: bool,
}

/// Parses an expression of six or seven fields.
pub(super) fn parse(text: &str) -> Checked<Parsed> {
    if text.len() > TEXT_BYTES_MAX {
        let summary = format!("text is {} bytes long", text.len());
        return Err(Problem::new(0..0, summary, format!("at most {TEXT_BYTES_MAX} bytes")));
    }
    let words = words(text);
    check_count(text, &words)?;
    let [second, minute, hour, of_month, month, of_week] = std::array::from_fn(|at| words[at]);
    let seconds = set(second, &SECOND)?;
    let minutes = set(minute, &MINUTE)?;
    let hours = set(hour, &HOUR)?;
    let days = days(of_month, of_week)?;
    let months = set(month, &MONTH)?;
    let years = years(words.get(FIELDS_MIN).copied())?;
    let runs = hour.text.contains(['*', '/']);
    Ok(Parsed { calendar: Calendar { seconds, minutes, hours, days, months, years }, runs })
}

/// Splits the text at spaces and tabs.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut start = text.len() - text.trim_start().len();
    let mut words = Vec::with_capacity(FIELDS_MIN + 1);
    for word in text.trim().split([' ', '\t']) {
        if !word.is_empty() {
            words.push(Word { text: word, start });
        }
        start += word.len() + 1;
    }
    words
}

fn check_count(text: &str, words: &[Word<'_>]) -> Checked<()> {
    let expected = "six or seven: second, minute, hour, day of month, month, day of week and \
                    maybe year";
    let summary = match words.len() {
        1 => "expression has 1 field".to_owned(),
        count => format!("expression has {count} fields"),
    };
    if let Some(extra) = words.get(FIELDS_MIN + 1) {
        return Err(Problem::new(extra.start..text.trim_end().len(), summary, expected));
    }
    if words.len() >= FIELDS_MIN {
        return Ok(());
    }
    let end = text.trim_end().len();
    let problem = Problem::new(end..end + 1, summary, expected);
    if words.len() + 1 < FIELDS_MIN {
        return Err(problem);
    }
    let hint = "a line of a crontab needs a second before it, and counts week days from 1 for SUN";
    Err(problem.hint(hint))
}

/// Parses the day fields, exactly one of which is `?`.
fn days(of_month: Word<'_>, of_week: Word<'_>) -> Checked<Days> {
    match (of_month.is("?"), of_week.is("?")) {
        (false, true) => Ok(Days::Month(month_days(of_month)?)),
        (true, false) => week_days(of_week),
        (true, true) => {
            let summary = "day of month and day of week are both `?`";
            Err(Problem::new(of_week.place(), summary, "`?` in only one of them"))
        }
        (false, false) => {
            // A mistake inside of a field is reported first.
            month_days(of_month)?;
            week_days(of_week)?;
            let summary = "day of month and day of week are both given";
            let place = if of_month.is("*") { of_month } else { of_week }.place();
            Err(Problem::new(place, summary, "`?` in one of them"))
        }
    }
}

/// Parses a field of plain values.
fn set(word: Word<'_>, field: &'static Field) -> Checked<Set> {
    let mut set = Set::default();
    for mut item in word.items(field) {
        let span = item.span()?;
        item.end()?;
        insert(&mut set, span, field);
    }
    Ok(set)
}

fn insert(set: &mut Set, span: Span, field: &Field) {
    for value in span.values(field) {
        set.insert(value);
    }
}

/// Parses the year, which is every year if it is missing.
fn years(word: Option<Word<'_>>) -> Checked<YearSet> {
    let mut years = YearSet::default();
    for mut item in word.unwrap_or(Word { text: "*", start: 0 }).items(&YEAR) {
        let span = item.span()?;
        item.end()?;
        for year in span.values(&YEAR) {
            years.insert(year);
        }
    }
    Ok(years)
}

fn month_days(word: Word<'_>) -> Checked<MonthDays> {
    let mut days = MonthDays::default();
    for mut item in word.items(&DAY_OF_MONTH) {
        if item.eat('L') {
            check_alone(word, "`L`")?;
            days.last = Some(item.last_day()?);
        } else {
            let span = item.span()?;
            if span.form == Form::Single && item.eat('W') {
                days.nearest.insert(span.from);
            } else {
                insert(&mut days.plain, span, &DAY_OF_MONTH);
            }
        }
        item.end()?;
    }
    Ok(days)
}

fn week_days(word: Word<'_>) -> Checked<Days> {
    let mut days = Set::default();
    for mut item in word.items(&DAY_OF_WEEK) {
        if item.eat('L') {
            check_alone(word, "`L`")?;
            item.end()?;
            // The last day of the week.
            days.insert(DAY_OF_WEEK.last);
            continue;
        }
        let span = item.span()?;
        if span.form == Form::Single && item.eat('L') {
            check_alone(word, "`L`")?;
            item.end()?;
            return Ok(Days::LastOfWeek(span.from));
        }
        if span.form == Form::Single && item.eat('#') {
            let nth = item.nth()?;
            item.end()?;
            check_alone(word, "`#`")?;
            return Ok(Days::NthOfWeek { weekday: span.from, nth });
        }
        item.end()?;
        insert(&mut days, span, &DAY_OF_WEEK);
    }
    Ok(Days::Week(days))
}

/// Checks that a field with this mark is not a list.
fn check_alone(word: Word<'_>, mark: &str) -> Checked<()> {
    if !word.is_list() {
        return Ok(());
    }
    let summary = format!("{mark} is in a list of days");
    Err(Problem::new(word.place(), summary, format!("{mark} alone, without commas")))
}
