//! The mode `Once`: a fixed wall time fires once a day, and a running expression in each real hour.

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::calendar::Calendar;
use super::zone::{Resolved, TimeZone};

/// Returns the first fire after an instant for hours that are listed.
///
/// A time that clocks skip fires at the end of the gap. A time that they show twice fires at the
/// first. Wall times map to instants in order, so that the first later instant is the next fire.
pub(super) fn next_fixed(
    calendar: &Calendar,
    zone: &TimeZone,
    after: Timestamp,
) -> Option<Timestamp> {
    let mut wall = calendar.first_after(zone.wall(after))?;
    loop {
        let resolved = zone.resolve(wall)?;
        if resolved.first() > after {
            return Some(resolved.first());
        }
        wall = match resolved {
            // The clocks were set back, and all that they repeat has fired.
            Resolved::Twice(first, _) => calendar.first_from(end_of_repeated(zone, first)?)?,
            Resolved::Once(_) | Resolved::Skipped { .. } => calendar.first_after(wall)?,
        };
    }
}

/// Returns the first wall time after those that clocks show twice. `first` is before the change.
fn end_of_repeated(zone: &TimeZone, first: Timestamp) -> Option<DateTime> {
    Some(zone.offset(first).to_datetime(zone.change_after(first)?))
}

/// Returns the first instant after another at which clocks show a time of the expression.
pub(super) fn next_running(
    calendar: &Calendar,
    zone: &TimeZone,
    after: Timestamp,
) -> Option<Timestamp> {
    let later = first_shown(calendar, zone, after);
    // Clocks that will be set back show times again that are not after the present wall time.
    let Some(Resolved::Twice(first, _)) = zone.resolve(zone.wall(after)) else { return later };
    if first != after {
        return later;
    }
    let again = first_repeated(calendar, zone, after);
    [later, again].into_iter().flatten().min()
}

/// Returns the first such instant whose wall time is later too.
fn first_shown(calendar: &Calendar, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut wall = calendar.first_after(zone.wall(after))?;
    loop {
        match zone.resolve(wall)? {
            Resolved::Once(fire) => return Some(fire),
            Resolved::Twice(first, second) => {
                return Some(if first > after { first } else { second });
            }
            Resolved::Skipped { change, .. } => wall = calendar.first_from(zone.wall(change))?,
        }
    }
}

/// Returns the first such instant among those that clocks show again. `after` is before the change.
fn first_repeated(calendar: &Calendar, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let wall = calendar.first_from(zone.wall(zone.change_after(after)?))?;
    match zone.resolve(wall)? {
        Resolved::Twice(_, second) => Some(second),
        Resolved::Once(_) | Resolved::Skipped { .. } => None,
    }
}
