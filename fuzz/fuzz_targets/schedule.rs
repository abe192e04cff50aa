//! Parses arbitrary text as a Quartz expression, and looks for its fires.
//!
//! Parsing must end without a panic. Fires must increase, whatever the zone and the mode. The last
//! bytes of an input choose the zone and the time.

use tracklite::schedule::{CronExpression, CronSchedule, DaylightSaving, TimeZone};
use tracklite::{Error, ErrorKind, Timestamp};

tracklite_fuzz::fuzz_program!(run, seeds);

/// The maximum length of an error message.
const MESSAGE_BYTES_MAX: usize = 1000;

/// Zones with all kinds of changes.
const ZONES: [&str; 8] = [
    "UTC",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Africa/Casablanca",
    "GMT-03:30",
];

const FIRES: usize = 20;

fn run(input: &[u8]) {
    let (text, rest) = input.split_at(input.len().saturating_sub(9));
    let text = String::from_utf8_lossy(text);
    check_rejection(TimeZone::named(&text).err());
    check_rejection(TimeZone::utc().instant_of(&text).err());
    let expression = match CronExpression::parse(&text) {
        Ok(expression) => expression,
        Err(error) => {
            let place = error.place().expect("each refusal has a place");
            assert!(place.start <= place.end && place.start <= text.len(), "{place:?}");
            return check_rejection(Some(error));
        }
    };
    assert_eq!(CronExpression::parse(expression.as_str()).ok().as_ref(), Some(&expression));
    assert!(!expression.explain().is_empty());
    let [zone, time @ ..] = rest else { return };
    let zone = TimeZone::named(ZONES[usize::from(*zone) % ZONES.len()]).expect("a known zone");
    let time = time.iter().fold(0_i64, |time, byte| time << 8 | i64::from(*byte));
    check_fires(&CronSchedule::new(expression, zone), Timestamp::from_nanos(time));
}

fn check_fires(schedule: &CronSchedule, start: Timestamp) {
    for mode in [DaylightSaving::Once, DaylightSaving::Quartz] {
        let schedule = schedule.clone().daylight_saving(mode);
        let mut last = start;
        for fire in schedule.fires_after(start).take(FIRES) {
            assert!(fire > last, "{fire} after {last} in {mode}: {schedule}");
            last = fire;
        }
    }
}

fn check_rejection(error: Option<Error>) {
    if let Some(error) = error {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let length = error.to_string().len();
        assert!(length <= MESSAGE_BYTES_MAX, "the message has {length} bytes");
    }
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    // The second 0 of 2027 in UTC, and hours before clocks change in New York.
    let (plain, spring, autumn) = (1_798_761_600_i64, 1_805_004_000, 1_825_563_600);
    let texts = [
        ("daily", "0 0 6 * * ?", 1, spring),
        ("skipped", "0 30 2 * * ?", 1, spring),
        ("repeated", "0 0/15 1 * * ?", 1, autumn),
        ("running", "*/10 * */2 * * ?", 2, autumn),
        ("midnight", "0 0 0 ? * SUN", 3, plain),
        ("two-hours", "0 0 1,3 L-3W * ?", 4, spring),
        ("workdays", "0 0 12 10W,20W,31W * ?", 5, plain),
        ("third", "59 59 23 ? JAN-MAR FRI#3 2027/2", 6, plain),
        ("last", "0 0 22-2/2 ? NOV-FEB 6L *", 7, plain),
        ("never", "0 0 0 30 2 ?", 0, plain),
        ("crontab", "0 6 * * MON-FRI", 0, plain),
        ("refused", "0 0/0 6 1,L ? MONDAY/2 1969", 0, plain),
    ];
    let seed = |(name, text, zone, time): (&'static str, &str, u8, i64)| {
        let time = (time * 1_000_000_000).to_be_bytes();
        (name, [text.as_bytes(), &[zone], &time].concat())
    };
    texts.into_iter().map(seed).collect()
}
