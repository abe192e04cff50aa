//! The days of a month on which an expression fires.

use jiff::civil::Date;

use super::set::Set;

/// Which days fire: those of the month or those of the week, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Days {
    Month(MonthDays),
    /// Week days as numbers: 1 is Sunday, 7 is Saturday.
    Week(Set),
    /// The last such day of the week in the month: `6L`.
    LastOfWeek(u32),
    /// The n-th such day of the week in the month: `6#3`.
    NthOfWeek {
        weekday: u32,
        nth: u32,
    },
}

/// Days of the month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MonthDays {
    /// Plain days.
    pub(super) plain: Set,
    /// Days that move to the nearest day from Monday to Friday: `15W`.
    pub(super) nearest: Set,
    /// A day counted from the last.
    pub(super) last: Option<LastDay>,
}

/// A day counted from the last of the month: `L`, `L-3`, `LW`, `L-3W`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastDay {
    /// How many days before the last.
    pub(super) before: u32,
    /// Whether it moves to the nearest day from Monday to Friday.
    pub(super) nearest: bool,
}

/// A month of a year.
#[derive(Clone, Copy, Debug)]
struct Month {
    year: i16,
    month: i8,
    length: u32,
}

impl Days {
    /// Returns the days of this month, which may be none.
    pub(super) fn in_month(&self, year: i16, month: i8) -> Set {
        let month = Month { year, month, length: length(year, month) };
        let mut days = Set::default();
        match self {
            Days::Month(rule) => rule.fill(month, &mut days),
            Days::Week(weekdays) => {
                for first in weekdays.numbers().map(|weekday| month.first_such(weekday)) {
                    (first..=month.length).step_by(7).for_each(|day| days.insert(day));
                }
            }
            Days::LastOfWeek(weekday) => {
                let first = month.first_such(*weekday);
                days.insert(first + (month.length - first) / 7 * 7);
            }
            Days::NthOfWeek { weekday, nth } => {
                let day = month.first_such(*weekday) + (nth - 1) * 7;
                if day <= month.length {
                    days.insert(day);
                }
            }
        }
        days
    }
}

impl MonthDays {
    fn fill(&self, month: Month, days: &mut Set) {
        *days = self.plain.up_to(month.length);
        for day in self.nearest.up_to(month.length).numbers() {
            days.insert(month.nearest_workday(day));
        }
        if let Some(last) = self.last
            && last.before < month.length
        {
            let day = month.length - last.before;
            days.insert(if last.nearest { month.nearest_workday(day) } else { day });
        }
    }
}

impl Month {
    /// Returns the number of the week day of the first.
    fn first(self) -> u32 {
        let first = Date::new(self.year, self.month, 1);
        first.map_or(SUNDAY, |date| number(date.weekday().to_sunday_one_offset()))
    }

    /// Returns the number of the week day of a day.
    fn weekday(self, day: u32) -> u32 {
        (self.first() + day - 2) % 7 + 1
    }

    /// Returns the first day that is this day of the week.
    fn first_such(self, weekday: u32) -> u32 {
        (weekday + 7 - self.first()) % 7 + 1
    }

    /// Returns the nearest day from Monday to Friday in the same month.
    fn nearest_workday(self, day: u32) -> u32 {
        match self.weekday(day) {
            SATURDAY if day == 1 => day + 2,
            SATURDAY => day - 1,
            SUNDAY if day == self.length => day - 2,
            SUNDAY => day + 1,
            _ => day,
        }
    }
}

const SUNDAY: u32 = 1;
const SATURDAY: u32 = 7;

/// Returns the number of days in a month.
fn length(year: i16, month: i8) -> u32 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Converts a part of a date, which is never negative.
pub(super) fn number(part: i8) -> u32 {
    u32::from(part.unsigned_abs())
}
