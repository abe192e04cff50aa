//! Names of zones, and local times.

use crate::entity::id::Timestamp;
use crate::schedule::{CronSchedule, DaylightSaving, TimeZone};

fn name(text: &str) -> String {
    TimeZone::named(text).map(|zone| zone.name().to_owned()).unwrap_or_default()
}

fn refusal(text: &str) -> String {
    TimeZone::named(text).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn names_are_those_of_the_database_in_any_case() {
    assert_eq!(name("America/New_York"), "America/New_York");
    assert_eq!(name("america/new_york"), "America/New_York");
    assert_eq!(name("UTC"), "UTC");
    assert_eq!(name("US/Pacific"), "US/Pacific");
}

#[test]
fn short_names_have_the_meaning_of_java() {
    for (short, meaning) in [
        ("PST", "America/Los_Angeles"),
        ("IST", "Asia/Kolkata"),
        ("JST", "Asia/Tokyo"),
        ("BST", "Asia/Dhaka"),
        ("EST", "Etc/GMT+5"),
    ] {
        assert_eq!(name(short), meaning);
    }
}

#[test]
fn fixed_offsets_are_those_of_java() {
    let offset = |text: &str| {
        let zone = TimeZone::named(text).ok()?;
        Some(zone.local_time(Timestamp::from_nanos(0)).utc_offset())
    };
    assert_eq!(offset("GMT+5"), Some(5 * 3600));
    assert_eq!(offset("GMT-0330"), Some(-(3 * 3600 + 1800)));
    assert_eq!(offset("GMT+05:30"), Some(5 * 3600 + 1800));
    assert_eq!(offset("GMT+23:59"), Some(24 * 3600 - 60));
    for bad in ["GMT+24", "GMT+5:3", "GMT+05:60", "GMT+", "GMT5", "UTC+5", "+05:00", "GMT+12345"] {
        assert_eq!(offset(bad), None, "{bad}");
    }
}

#[test]
fn unknown_names_are_refused_with_a_suggestion() {
    for bad in ["", "Mars/Olympus", "America", "Etc/Unknown", "localtime", "../etc/passwd", "EST5"]
    {
        let message = refusal(bad);
        assert!(
            message.starts_with(&format!("unknown time zone `{bad}`: expected ")),
            "{bad}: {message}"
        );
    }
    let message = refusal("Europe/Berln");
    assert!(message.ends_with("\ndid you mean `Europe/Berlin`?"), "{message}");
}

#[test]
fn local_times_are_read_as_clocks_show_them() {
    let zone = TimeZone::named("America/New_York").expect("a known zone");
    let local = |text| {
        let time = zone.instant_of(text).expect(text);
        format!("{} {}", zone.local_time(time).weekday(), zone.local_time(time))
    };
    assert_eq!(local("2027-03-14"), "Sun 2027-03-14 00:00:00 -05");
    assert_eq!(local("2027-03-14 02:30"), "Sun 2027-03-14 03:00:00 -04");
    assert_eq!(local("2027-11-07T01:30:00"), "Sun 2027-11-07 01:30:00 -04");
    for bad in [
        "",
        "now",
        "2027-02-30",
        "2027-01-01 25:00",
        "1600-01-01",
        "2027-01-01Z",
        "-1",
        "2027-01-01T02:00-05:00",
        "2027-01-01T02:00[UTC]",
    ] {
        let error = zone.instant_of(bad).map(Timestamp::as_nanos).expect_err(bad).to_string();
        assert!(error.starts_with("invalid local time "), "{error}");
    }
}

#[test]
fn modes_have_names() {
    for mode in [DaylightSaving::Once, DaylightSaving::Quartz] {
        assert_eq!(mode.to_string().parse::<DaylightSaving>().ok(), Some(mode));
    }
    assert!("twice".parse::<DaylightSaving>().is_err());
    let schedule = CronSchedule::parse("0 0 6 * * ?", "pst").expect("a valid schedule");
    assert_eq!(schedule.to_string(), "at 06:00 every day (America/Los_Angeles)");
}
