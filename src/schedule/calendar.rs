//! The wall times of an expression, in order.

use jiff::civil::{Date, DateTime};

use super::days::{Days, number};
use super::set::{Set, YearSet};

/// The wall times at which an expression fires, in any zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Calendar {
    pub(super) seconds: Set,
    pub(super) minutes: Set,
    pub(super) hours: Set,
    pub(super) days: Days,
    pub(super) months: Set,
    pub(super) years: YearSet,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
}

impl Clock {
    const MIDNIGHT: Clock = Clock { hour: 0, minute: 0, second: 0 };

    fn of(wall: DateTime) -> Self {
        let (hour, minute, second) = (wall.hour(), wall.minute(), wall.second());
        Clock { hour: number(hour), minute: number(minute), second: number(second) }
    }
}

impl Calendar {
    /// Returns the first wall time that is not before `wall`, whose fraction is ignored.
    pub(super) fn first_from(&self, wall: DateTime) -> Option<DateTime> {
        let date = self.first_date_from(wall.date())?;
        if date == wall.date() {
            if let Some(clock) = self.first_clock_from(Clock::of(wall)) {
                return join(date, clock);
            }
            let date = self.first_date_from(date.tomorrow().ok()?)?;
            return join(date, self.first_clock_from(Clock::MIDNIGHT)?);
        }
        join(date, self.first_clock_from(Clock::MIDNIGHT)?)
    }

    /// Returns the first wall time after `wall`, whose fraction is ignored.
    pub(super) fn first_after(&self, wall: DateTime) -> Option<DateTime> {
        self.first_from(super::zone::plus_seconds(wall, 1)?)
    }

    /// Returns the first date that is not before `date`.
    pub(super) fn first_date_from(&self, date: Date) -> Option<Date> {
        let mut year = u32::from(date.year().unsigned_abs());
        let (mut month, mut day) = (number(date.month()), number(date.day()));
        loop {
            let next_year = self.years.next(year)?;
            if next_year != year {
                (year, month, day) = (next_year, 1, 1);
            }
            let Some(next_month) = self.months.next(month) else {
                (year, month, day) = (year + 1, 1, 1);
                continue;
            };
            if next_month != month {
                (month, day) = (next_month, 1);
            }
            let (in_year, in_month) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?);
            if let Some(found) = self.days.in_month(in_year, in_month).next(day) {
                return Date::new(in_year, in_month, i8::try_from(found).ok()?).ok();
            }
            (month, day) = (month + 1, 1);
        }
    }

    /// Returns the first time of day that is not before `clock`.
    fn first_clock_from(&self, clock: Clock) -> Option<Clock> {
        let Clock { hour, minute, second } = clock;
        let first_second = self.seconds.first();
        if self.hours.contains(hour) {
            if self.minutes.contains(minute)
                && let Some(second) = self.seconds.next(second)
            {
                return Some(Clock { hour, minute, second });
            }
            if let Some(minute) = self.minutes.next(minute + 1) {
                return Some(Clock { hour, minute, second: first_second });
            }
        }
        let hour = self.hours.next(hour + 1)?;
        Some(Clock { hour, minute: self.minutes.first(), second: first_second })
    }
}

fn join(date: Date, clock: Clock) -> Option<DateTime> {
    let part = |value: u32| i8::try_from(value).ok();
    let time = (part(clock.hour)?, part(clock.minute)?, part(clock.second)?);
    Some(date.at(time.0, time.1, time.2, 0))
}
