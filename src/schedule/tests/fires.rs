//! Which times expressions fire at, in a zone without changes.

use super::{days, fires};

#[test]
fn a_daily_time_fires_each_day() {
    let expected = ["2026-12-31 06:00:00", "2027-01-01 06:00:00", "2027-01-02 06:00:00"];
    assert_eq!(fires("0 0 6 * * ?", "2026-12-31 05:59:59", 3), expected);
    assert_eq!(fires("0 0 6 * * ?", "2026-12-31 06:00:00", 2), expected[1..]);
}

#[test]
fn a_step_counts_from_its_first_value() {
    let minutes = |expression| {
        let fires = fires(expression, "2027-01-01 00:59:59", 5);
        fires.iter().map(|fire| fire[14..16].to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(minutes("0 0/15 * * * ?"), "00 15 30 45 00");
    assert_eq!(minutes("0 /15 * * * ?"), "00 15 30 45 00");
    assert_eq!(minutes("0 */25 * * * ?"), "00 25 50 00 25");
    assert_eq!(minutes("0 7/20 * * * ?"), "07 27 47 07 27");
    assert_eq!(minutes("0 10-30/10 * * * ?"), "10 20 30 10 20");
}

#[test]
fn ranges_go_on_after_the_last_value() {
    let hours = |expression| {
        let fires = fires(expression, "2027-01-01 12:00", 5);
        fires.iter().map(|fire| fire[11..13].to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(hours("0 0 22-2 * * ?"), "22 23 00 01 02");
    assert_eq!(hours("0 0 22-3/2 * * ?"), "22 00 02 22 00");
    // 2027-01-01 is a Friday.
    let weekend = ["2027-01-01", "2027-01-02", "2027-01-03", "2027-01-04", "2027-01-08"];
    assert_eq!(days("0 0 0 ? * FRI-MON", "2026-12-31", 5), weekend);
    assert_eq!(days("0 0 0 ? * 6-2", "2026-12-31", 5), weekend);
    let winter = ["2027-01-01", "2027-02-01", "2027-11-01", "2027-12-01"];
    assert_eq!(days("0 0 0 1 NOV-FEB ?", "2026-12-31", 4), winter);
    assert_eq!(
        days("0 0 0 30-2 JAN ?", "2027-01-02", 3),
        ["2027-01-30", "2027-01-31", "2028-01-01"]
    );
}

#[test]
fn the_last_day_depends_on_the_month() {
    assert_eq!(days("0 0 0 L * ?", "2028-01-31", 3), ["2028-02-29", "2028-03-31", "2028-04-30"]);
    assert_eq!(days("0 0 0 L-3 * ?", "2027-01-31", 2), ["2027-02-25", "2027-03-28"]);
    // Only months of 31 days have a day that is 30 days before the last.
    assert_eq!(days("0 0 0 L-30 * ?", "2027-01-31", 2), ["2027-03-01", "2027-05-01"]);
    // The last of January 2027 is a Sunday, and that of February too.
    assert_eq!(days("0 0 0 LW * ?", "2027-01-01", 2), ["2027-01-29", "2027-02-26"]);
    assert_eq!(days("0 0 0 L-1W * ?", "2027-01-01", 1), ["2027-01-29"]);
}

#[test]
fn a_workday_stays_in_its_month() {
    // 2027-05-01 is a Saturday, 2027-08-01 a Sunday, 2027-10-31 a Sunday, 2027-07-31 a Saturday.
    assert_eq!(days("0 0 0 1W * ?", "2027-04-30", 1), ["2027-05-03"]);
    assert_eq!(days("0 0 0 1W * ?", "2027-07-31", 1), ["2027-08-02"]);
    assert_eq!(days("0 0 0 31W * ?", "2027-10-01", 1), ["2027-10-29"]);
    assert_eq!(days("0 0 0 31W * ?", "2027-07-01", 1), ["2027-07-30"]);
    // April has no 31st.
    assert_eq!(days("0 0 0 31W * ?", "2027-04-01", 1), ["2027-05-31"]);
}

#[test]
fn each_workday_of_a_list_fires() {
    let expected = ["2027-01-11", "2027-01-20", "2027-02-10"];
    assert_eq!(days("0 0 0 10W,20W * ?", "2027-01-01", 3), expected);
    assert_eq!(days("0 0 0 10W,20 * ?", "2027-01-01", 3), expected);
}

#[test]
fn days_of_the_week_count_from_sunday() {
    assert_eq!(days("0 0 0 ? * 1", "2027-01-01", 1), ["2027-01-03"]);
    assert_eq!(days("0 0 0 ? * L", "2027-01-01", 2), ["2027-01-02", "2027-01-09"]);
    assert_eq!(days("0 0 0 ? * 6L", "2027-01-01", 2), ["2027-01-29", "2027-02-26"]);
    assert_eq!(days("0 0 0 ? * friL", "2027-01-01", 1), ["2027-01-29"]);
    assert_eq!(days("0 0 0 ? * 6#3", "2027-01-01", 2), ["2027-01-15", "2027-02-19"]);
    // Not each month has a fifth Friday.
    assert_eq!(days("0 0 0 ? * FRI#5", "2027-01-01", 2), ["2027-01-29", "2027-04-30"]);
}

#[test]
fn years_end() {
    assert_eq!(days("0 0 0 1 1 ? 2027,2030", "2026-01-01", 9), ["2027-01-01", "2030-01-01"]);
    assert_eq!(days("0 0 0 1 1 ? 2027/2", "2026-01-01", 2), ["2027-01-01", "2029-01-01"]);
    assert_eq!(days("0 0 0 29 2 ? 2097-2105", "2026-01-01", 9), ["2104-02-29"]);
    assert_eq!(fires("59 59 23 31 12 ?", "2260-12-31 23:59:59", 9), ["2261-12-31 23:59:59"]);
    assert_eq!(days("0 0 0 30 2 ?", "2026-01-01", 1), [""; 0]);
}

#[test]
fn a_fraction_of_a_second_is_before_the_next() {
    assert_eq!(fires("* * * * * ?", "2027-01-01 00:00:00.9", 1), ["2027-01-01 00:00:01"]);
    assert_eq!(fires("0 * * * * ?", "2027-01-01 00:00:00.001", 1), ["2027-01-01 00:01:00"]);
}

#[test]
fn times_before_1970_wait_for_it() {
    assert_eq!(fires("0 0 6 * * ?", "1900-05-05", 1), ["1970-01-01 06:00:00"]);
}
