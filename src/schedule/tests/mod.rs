//! Tests of schedules.

mod daylight;
mod explain;
mod fires;
mod properties;
mod refusals;
mod zones;

use super::{CronExpression, CronSchedule, DaylightSaving, TimeZone};

/// Returns the next fires as local times, after a local time.
fn local_fires(schedule: &CronSchedule, after: &str, count: usize) -> Vec<String> {
    let after = schedule.zone().instant_of(after).expect("a valid time");
    let fires = schedule.fires_after(after).take(count);
    fires.map(|fire| schedule.zone().local_time(fire).to_string()).collect()
}

/// Returns the next fires in UTC, without offset.
fn fires(expression: &str, after: &str, count: usize) -> Vec<String> {
    let expression = CronExpression::parse(expression).expect(expression);
    let fires = local_fires(&CronSchedule::new(expression, TimeZone::utc()), after, count);
    fires.iter().map(|fire| fire.trim_end_matches(" +00").to_owned()).collect()
}

/// Returns the days of the next fires in UTC.
fn days(expression: &str, after: &str, count: usize) -> Vec<String> {
    let fires = fires(expression, after, count);
    fires.iter().map(|fire| fire.split(' ').next().unwrap_or_default().to_owned()).collect()
}

fn refusal(expression: &str) -> String {
    match CronExpression::parse(expression) {
        Ok(_) => panic!("{expression:?} is accepted"),
        Err(error) => error.message().to_owned(),
    }
}

/// Returns a schedule in a zone and a mode.
fn schedule(expression: &str, zone: &str, mode: DaylightSaving) -> CronSchedule {
    CronSchedule::parse(expression, zone).expect(expression).daylight_saving(mode)
}
