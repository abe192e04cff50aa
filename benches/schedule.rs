//! The next fire of Quartz expressions: `cargo bench --features schedule --bench schedule`. Prints
//! the median for each expression and mode, over starts in all of a year.

#![allow(clippy::expect_used, reason = "a bench may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use tracklite::Timestamp;
use tracklite::schedule::{CronExpression, CronSchedule, DaylightSaving, TimeZone};

/// Expressions from the simplest to the rarest fire.
const EXPRESSIONS: [&str; 9] = [
    "0 0 6 * * ?",
    "0 0/15 * * * ?",
    "* * * * * ?",
    "0 30 1 ? * MON-FRI",
    "0 0 12 LW * ?",
    "0 0 12 ? * 6#5",
    "0 0 0 29 2 ?",
    "59 59 23 31 12 ? 2261",
    "0 0 0 30 2 ?",
];

const STARTS: i64 = 1000;
/// Calls for one measured time.
const CALLS: u32 = 100;

fn main() {
    let begun = Instant::now();
    let zone = TimeZone::named("America/New_York").expect("a known zone");
    println!("first zone: {:?}; database {}", begun.elapsed(), TimeZone::database_version());
    for text in EXPRESSIONS {
        let expression = CronExpression::parse(text).expect("a valid expression");
        let begun = Instant::now();
        for _ in 0..CALLS {
            black_box(CronExpression::parse(black_box(text)).expect("a valid expression"));
        }
        let parsed = begun.elapsed() / CALLS;
        let schedule = CronSchedule::new(expression, zone.clone());
        let once = measure(&schedule);
        let quartz = measure(&schedule.daylight_saving(DaylightSaving::Quartz));
        println!("{text:<24} parse {parsed:>9.0?}  once {once}  quartz {quartz}");
    }
}

/// Returns the median and the largest time of a call.
fn measure(schedule: &CronSchedule) -> String {
    let mut times: Vec<Duration> = (0..STARTS).map(|start| time(schedule, start)).collect();
    times.sort();
    format!("{:>9.0?} (max {:>9.0?})", times[times.len() / 2], times[times.len() - 1])
}

fn time(schedule: &CronSchedule, start: i64) -> Duration {
    // From 2027 on, in steps of about nine hours.
    let start = Timestamp::from_nanos((1_798_761_600 + start * 31_557) * 1_000_000_000);
    let begun = Instant::now();
    for _ in 0..CALLS {
        black_box(schedule.next_after(black_box(start)));
    }
    begun.elapsed() / CALLS
}
