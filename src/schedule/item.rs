//! Items of a field, between commas: a value, a range or a step, and its suffix.

use std::ops::Range;

use super::days::LastDay;
use super::field::Field;
use super::problem::{Checked, Problem};
use crate::entity::excerpt::{listed, quoted};
use crate::entity::nearest::nearest;

/// The largest n of `L-n`.
const BEFORE_LAST_MAX: u32 = 30;
/// The largest n of `6#n`.
const NTH_MAX: u32 = 5;

/// A cursor in an item.
#[derive(Debug)]
pub(super) struct Item<'a> {
    text: &'a str,
    /// Where the item starts in the expression.
    start: usize,
    /// The bytes that are parsed already.
    at: usize,
    field: &'static Field,
}

/// The values of an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: u32,
    /// Below `from` if the range continues with the first value after the last.
    to: u32,
    step: u32,
    pub(super) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    All,
    Single,
    Range,
}

/// A number or name.
struct Value {
    number: u32,
    is_named: bool,
}

impl Span {
    /// Returns the values. Those after the last begin again with the first.
    pub(super) fn values(self, field: &Field) -> impl Iterator<Item = u32> {
        let (first, count) = (field.first, field.last - field.first + 1);
        let end = if self.to < self.from { self.to + count } else { self.to };
        let step = usize::try_from(self.step).unwrap_or(usize::MAX);
        (self.from..=end).step_by(step).map(move |value| (value - first) % count + first)
    }
}

impl<'a> Item<'a> {
    pub(super) fn new(text: &'a str, start: usize, field: &'static Field) -> Self {
        Item { text, start, at: 0, field }
    }

    /// Parses values: `*`, `5`, `MON-FRI`, `0/15`, `9-17/2`.
    pub(super) fn span(&mut self) -> Checked<Span> {
        let Field { first, last, step_max, .. } = *self.field;
        if self.eat('*') || self.peek() == Some('/') {
            let step = self.step(step_max)?.unwrap_or(1);
            return Ok(Span { from: first, to: last, step, form: Form::All });
        }
        let from = self.value()?;
        if self.eat('-') {
            let to = self.range_end(&from)?;
            let step = self.step_of(&from, u32::MAX)?.unwrap_or(1);
            return Ok(Span { from: from.number, to, step, form: Form::Range });
        }
        let step = self.step_of(&from, step_max)?;
        let to = if step.is_some() { last } else { from.number };
        let form = if step.is_some() { Form::Range } else { Form::Single };
        Ok(Span { from: from.number, to, step: step.unwrap_or(1), form })
    }

    /// Parses the suffix of `L` in the day of month: nothing, `-3`, `W` or `-3W`.
    pub(super) fn last_day(&mut self) -> Checked<LastDay> {
        let mut before = 0;
        if self.eat('-') {
            let begin = self.at;
            let expected = "the days before the last, from 0 to 30";
            before = self.digits().ok_or_else(|| self.unexpected(expected))?;
            if before > BEFORE_LAST_MAX {
                let summary = format!("`L-` goes back {before} days");
                return Err(Problem::new(self.place_from(begin), summary, "at most 30"));
            }
        }
        Ok(LastDay { before, nearest: self.eat('W') })
    }

    /// Parses the number after `#` in the day of week.
    pub(super) fn nth(&mut self) -> Checked<u32> {
        let begin = self.at;
        let expected = "a number from 1 to 5, like `6#3` for the third Friday";
        let nth = self.digits().ok_or_else(|| self.unexpected(expected))?;
        if (1..=NTH_MAX).contains(&nth) {
            return Ok(nth);
        }
        let summary = format!("week of the month is {nth}");
        Err(Problem::new(self.place_from(begin), summary, expected))
    }

    /// Checks that nothing is left.
    pub(super) fn end(&self) -> Checked<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.leftover()),
        }
    }

    /// Moves over a character, in any case.
    pub(super) fn eat(&mut self, character: char) -> bool {
        let is_next = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(&character));
        self.at += usize::from(is_next);
        is_next
    }

    /// Returns the place of the item.
    pub(super) fn place(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn place_from(&self, begin: usize) -> Range<usize> {
        self.start + begin..self.start + self.at
    }

    /// Parses digits. A number too large for anything is the largest.
    fn digits(&mut self) -> Option<u32> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        self.at += length;
        (length > 0).then(|| rest[..length].parse().unwrap_or(u32::MAX))
    }

    fn value(&mut self) -> Checked<Value> {
        let begin = self.at;
        if let Some(number) = self.digits() {
            let Field { name, first, last, forms, .. } = self.field;
            if (*first..=*last).contains(&number) {
                return Ok(Value { number, is_named: false });
            }
            let summary = format!("{name} is {}", quoted(&self.text[begin..self.at]));
            return Err(Problem::new(self.place_from(begin), summary, *forms));
        }
        match self.name() {
            Some(number) => Ok(Value { number, is_named: true }),
            None => Err(self.unexpected(self.field.forms)),
        }
    }

    /// Parses a name of three letters.
    fn name(&mut self) -> Option<u32> {
        let word = self.rest().get(..3)?;
        let place = self.field.names.iter().position(|name| name.eq_ignore_ascii_case(word))?;
        self.at += word.len();
        Some(self.field.first + u32::try_from(place).ok()?)
    }

    fn range_end(&mut self, from: &Value) -> Checked<u32> {
        let begin = self.at;
        let to = self.value()?;
        if from.is_named != to.is_named {
            let summary = "range mixes a name and a number";
            return Err(Problem::new(self.place(), summary, "two names or two numbers"));
        }
        let goes_back = to.number < from.number;
        if goes_back && self.field.name == super::field::YEAR.name {
            let summary = format!("years end before {}", from.number);
            let expected = "the last year, not before the first";
            return Err(Problem::new(self.place_from(begin), summary, expected));
        }
        Ok(to.number)
    }

    /// Parses a step after a value. Quartz ignores it after a name.
    fn step_of(&mut self, value: &Value, largest: u32) -> Checked<Option<u32>> {
        if value.is_named && self.peek() == Some('/') {
            let place = self.start + self.at..self.place().end;
            let problem = Problem::new(place, "step after a name", "numbers, like `2-6/2`");
            return Err(problem.hint("Quartz ignores a step after a name"));
        }
        self.step(largest)
    }

    fn step(&mut self, largest: u32) -> Checked<Option<u32>> {
        if !self.eat('/') {
            return Ok(None);
        }
        let begin = self.at;
        let step = self.digits().ok_or_else(|| self.unexpected("a number after `/`"))?;
        if (1..=largest).contains(&step) {
            return Ok(Some(step));
        }
        let summary = format!("step of the {} is {step}", self.field.name);
        let expected = match largest {
            u32::MAX => "at least 1".to_owned(),
            _ => format!("1 to {largest}"),
        };
        Err(Problem::new(self.place_from(begin), summary, expected))
    }

    fn unexpected(&self, expected: &str) -> Box<Problem> {
        let rest = self.rest();
        let length = rest.find(['-', '/', '#']).filter(|length| *length > 0);
        let word = &rest[..length.unwrap_or(rest.len())];
        let place = self.start + self.at;
        if word.is_empty() {
            let what = if self.text.is_empty() { "has an empty item" } else { "ends too early" };
            let summary = format!("{} {what}", self.field.name);
            return Problem::new(place..place + 1, summary, expected);
        }
        let summary = format!("{} has {}", self.field.name, quoted(word));
        let problem = Problem::new(place..place + word.len(), summary, expected);
        match nearest(word, self.field.names.iter().copied()) {
            Some(name) => problem.hint(format!("did you mean {}?", quoted(name))),
            None => problem,
        }
    }

    /// Returns the problem of text after a complete item.
    fn leftover(&self) -> Box<Problem> {
        let (before, rest) = self.text.split_at(self.at);
        let place = self.start + self.at..self.place().end;
        let summary = format!("{} has {} after {}", self.field.name, quoted(rest), quoted(before));
        let problem = Problem::new(place, summary, "the end of the field, or a comma");
        let is_name = self.field.names.iter().any(|name| name.eq_ignore_ascii_case(before));
        if is_name && rest.starts_with(|next: char| next.is_ascii_alphabetic()) {
            return problem.hint(format!("names have three letters: {}", listed([before])));
        }
        problem
    }
}
