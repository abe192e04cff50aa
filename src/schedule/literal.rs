//! The mode `Quartz`: daylight saving as in Quartz itself.
//!
//! Quartz moves the fields of a lenient Java calendar. A wall time that clocks skip becomes a later
//! one as soon as a field is read. Only the second of two equal wall times is known.
//! Fires thus depend on the order in which fields move: seconds, minutes, hours, days.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::calendar::Calendar;
use super::days::number;
use super::zone::{Resolved, TimeZone, plus_seconds};

/// Returns the first fire after an instant.
pub(super) fn next(calendar: &Calendar, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let lenient = Lenient { calendar, zone };
    let mut wall = plus_seconds(zone.wall(after), 1)?;
    // The next second may be the first after a gap.
    if let Some(Resolved::Skipped { change, .. }) = zone.resolve(wall) {
        wall = zone.wall(change);
    }
    loop {
        wall = lenient.second_moved(wall)?;
        match lenient.moved(wall)? {
            Some(moved) => wall = moved,
            None => return lenient.last_instant(wall),
        }
    }
}

/// The hours of a day. The hour with this number is the first of the next day.
const DAY_HOURS: u32 = 24;

/// A lenient calendar in a zone, and the expression that moves it.
struct Lenient<'a> {
    calendar: &'a Calendar,
    zone: &'a TimeZone,
}

impl Lenient<'_> {
    /// Moves to the next fitting second, which may be one of the next minute.
    fn second_moved(&self, wall: DateTime) -> Option<DateTime> {
        let second = number(wall.second());
        let ahead = match self.calendar.seconds.next(second) {
            Some(next) => next - second,
            None => 60 - second + self.calendar.seconds.first(),
        };
        if ahead == 0 { Some(wall) } else { self.settled(plus_seconds(wall, i64::from(ahead))?) }
    }

    /// Moves the first field that does not fit, and clears those below it.
    fn moved(&self, wall: DateTime) -> Option<Option<DateTime>> {
        let (date, hour, minute) = (wall.date(), number(wall.hour()), number(wall.minute()));
        let Calendar { minutes, hours, .. } = self.calendar;
        if !minutes.contains(minute) {
            let (hour, minute) = match minutes.next(minute) {
                Some(next) => (hour, next),
                None => (hour + 1, minutes.first()),
            };
            return Some(Some(self.at_hour(date, hour, minute)?));
        }
        if !hours.contains(hour) {
            let (date, hour) = match hours.next(hour) {
                Some(next) => (date, next),
                None => (date.tomorrow().ok()?, hours.first()),
            };
            return Some(Some(self.at_hour(date, hour, 0)?));
        }
        let next = self.calendar.first_date_from(date)?;
        if next == date {
            return Some(None);
        }
        Some(Some(self.settled(next.at(0, 0, 0, 0))?))
    }

    /// Sets the hour. If clocks skip it, sets the one after it, which may skip an hour more.
    fn at_hour(&self, date: Date, hour: u32, minute: u32) -> Option<DateTime> {
        let wall = self.settled(start_of(date, hour, minute)?)?;
        if hour == DAY_HOURS || number(wall.hour()) == hour {
            return Some(wall);
        }
        let next = start_of(wall.date(), hour + 1, number(wall.minute()))?;
        self.settled(plus_seconds(next, i64::from(wall.second()))?)
    }

    /// Returns what clocks show at the instant of a wall time.
    fn settled(&self, wall: DateTime) -> Option<DateTime> {
        match self.zone.resolve(wall)? {
            Resolved::Once(_) | Resolved::Twice(..) => Some(wall),
            Resolved::Skipped { lenient, .. } => Some(self.zone.wall(lenient)),
        }
    }

    /// Returns the last instant at which clocks show a wall time.
    fn last_instant(&self, wall: DateTime) -> Option<Timestamp> {
        match self.zone.resolve(wall)? {
            Resolved::Once(instant) | Resolved::Twice(_, instant) => Some(instant),
            Resolved::Skipped { lenient, .. } => Some(lenient),
        }
    }
}

/// Returns the start of a minute. The hour may be that after the last of the day.
fn start_of(date: Date, hour: u32, minute: u32) -> Option<DateTime> {
    plus_seconds(date.at(0, 0, 0, 0), i64::from(hour * 3600 + minute * 60))
}
