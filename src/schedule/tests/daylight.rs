//! Fires when clocks are set forward and back.

use super::{local_fires, schedule};
use crate::entity::id::Timestamp;
use crate::schedule::DaylightSaving::{Once, Quartz};

const NEW_YORK: &str = "America/New_York";

fn in_new_york(expression: &str, after: &str, count: usize) -> [Vec<String>; 2] {
    [Once, Quartz].map(|mode| local_fires(&schedule(expression, NEW_YORK, mode), after, count))
}

#[test]
fn six_in_the_morning_is_six_on_both_days_of_change() {
    let spring = ["2027-03-13 06:00:00 -05", "2027-03-14 06:00:00 -04", "2027-03-15 06:00:00 -04"];
    let autumn = ["2027-11-06 06:00:00 -04", "2027-11-07 06:00:00 -05", "2027-11-08 06:00:00 -05"];
    for fires in in_new_york("0 0 6 * * ?", "2027-03-13", 3) {
        assert_eq!(fires, spring);
    }
    for fires in in_new_york("0 0 6 * * ?", "2027-11-06", 3) {
        assert_eq!(fires, autumn);
    }
}

#[test]
fn a_skipped_time_fires_at_the_end_of_the_gap() {
    let [once, quartz] = in_new_york("0 30 2 * * ?", "2027-03-13", 3);
    let before = "2027-03-13 02:30:00 -05";
    let after = "2027-03-15 02:30:00 -04";
    assert_eq!(once, [before, "2027-03-14 03:00:00 -04", after]);
    assert_eq!(quartz, [before, after, "2027-03-16 02:30:00 -04"]);
}

#[test]
fn skipped_times_fire_together_once() {
    let [once, _] = in_new_york("0 0/15 2,3 * * ?", "2027-03-13 12:00", 3);
    let expected =
        ["2027-03-14 03:00:00 -04", "2027-03-14 03:15:00 -04", "2027-03-14 03:30:00 -04"];
    assert_eq!(once, expected);
}

#[test]
fn a_repeated_time_fires_once() {
    let [once, quartz] = in_new_york("0 30 1 * * ?", "2027-11-06 12:00", 2);
    assert_eq!(once, ["2027-11-07 01:30:00 -04", "2027-11-08 01:30:00 -05"]);
    assert_eq!(quartz, ["2027-11-07 01:30:00 -05", "2027-11-08 01:30:00 -05"]);
    // Nothing fires again in the repeated hour, wherever the search begins.
    let schedule = schedule("0 0/20 1 * * ?", NEW_YORK, Once);
    let change = schedule.zone().instant_of("2027-11-07 00:59").expect("a time").as_nanos();
    for minutes in 61..=121 {
        let after = Timestamp::from_nanos(change + minutes * 60_000_000_000);
        let next = schedule.next_after(after).map(|fire| schedule.zone().local_time(fire));
        assert_eq!(next.map(|time| time.to_string()).as_deref(), Some("2027-11-08 01:00:00 -05"));
    }
}

#[test]
fn a_running_expression_fires_in_each_real_hour() {
    let [once, quartz] = in_new_york("0 0/30 * * * ?", "2027-11-07 00:45", 5);
    let first = ["2027-11-07 01:00:00 -04", "2027-11-07 01:30:00 -04"];
    let second = ["2027-11-07 01:00:00 -05", "2027-11-07 01:30:00 -05", "2027-11-07 02:00:00 -05"];
    assert_eq!(once, [&first[..], &second[..]].concat());
    // Quartz loses the first hour.
    assert_eq!(quartz[..3], second);
    let [once, quartz] = in_new_york("0 30 * * * ?", "2027-03-14 01:00", 2);
    assert_eq!(once, ["2027-03-14 01:30:00 -05", "2027-03-14 03:30:00 -04"]);
    assert_eq!(quartz, once);
}

#[test]
fn a_gap_at_midnight_does_not_lose_the_day() {
    // Clocks in Santiago are set forward at midnight of Sunday, 2024-09-08.
    let zone = "America/Santiago";
    let fires = |mode| local_fires(&schedule("0 0 0 ? * SUN", zone, mode), "2024-09-03", 2);
    assert_eq!(fires(Once), ["2024-09-08 01:00:00 -03", "2024-09-15 00:00:00 -03"]);
    assert_eq!(fires(Quartz), ["2024-09-15 00:00:00 -03", "2024-09-22 00:00:00 -03"]);
}

#[test]
fn a_skipped_day_fires_at_its_end() {
    // Apia went from Thursday to Saturday, over the date line.
    let fires =
        |mode| local_fires(&schedule("0 0 6 * * ?", "Pacific/Apia", mode), "2011-12-29 12:00", 2);
    assert_eq!(fires(Once), ["2011-12-31 00:00:00 +14", "2011-12-31 06:00:00 +14"]);
}

#[test]
fn quartz_sets_an_hour_too_many_in_a_gap_of_two() {
    // Troll goes from 01:00 to 03:00. Quartz finds 03:00 instead of 01:00, and sets 02:00.
    let fires = |expression| {
        let schedule = schedule(expression, "Antarctica/Troll", Quartz);
        local_fires(&schedule, "2027-03-28 00:30", 1)
    };
    assert_eq!(fires("0 0 1,3,4 * * ?"), ["2027-03-28 04:00:00 +02"]);
}
