//! Properties of all expressions, on random ones.

use proptest::prelude::*;

use super::{CronExpression, CronSchedule, DaylightSaving, TimeZone, schedule};
use crate::entity::id::Timestamp;

const MINUTE: i64 = 60;

/// Zones, with a time shortly before a change of clocks.
const CHANGES: [(&str, &str); 9] = [
    ("America/New_York", "2027-03-13"),
    ("America/New_York", "2027-11-06"),
    ("Europe/Berlin", "2025-03-29"),
    ("Europe/Berlin", "2025-10-25"),
    ("Australia/Lord_Howe", "2024-04-06"),
    ("Australia/Lord_Howe", "2024-10-05"),
    ("Antarctica/Troll", "2025-03-29"),
    ("America/Santiago", "2024-09-07"),
    ("America/Santiago", "2024-04-06"),
];

/// The minutes of four days in a zone, as times and as what clocks show: day and minute of the day.
struct Clocks {
    zone: TimeZone,
    minutes: Vec<(i64, String)>,
}

impl Clocks {
    fn new((name, start): (&str, &str)) -> Self {
        let zone = TimeZone::named(name).expect("a known zone");
        let start = zone.instant_of(start).expect("a valid time").as_nanos() / 1_000_000_000;
        let minutes = (0..4 * 24 * 60).map(|minute| {
            let time = start + minute * MINUTE;
            (time, zone.local_time(nanos(time)).to_string()[..16].to_owned())
        });
        Clocks { minutes: minutes.collect(), zone }
    }

    /// Returns the fires within the minutes.
    fn fires(&self, expression: &str, mode: DaylightSaving) -> Vec<i64> {
        let schedule = schedule(expression, self.zone.name(), mode);
        let (first, last) = (self.minutes[0].0, self.minutes[self.minutes.len() - 1].0);
        let fires =
            schedule.fires_after(nanos(first - 1)).map(|fire| fire.as_nanos() / 1_000_000_000);
        fires.take_while(|fire| *fire <= last).collect()
    }

    /// Returns the first minute in which clocks show this time or a later one.
    fn first_reaching(&self, wall: &str) -> i64 {
        let reached = self.minutes.iter().find(|(_, shown)| shown.as_str() >= wall);
        reached.map_or(i64::MAX, |(time, _)| *time)
    }

    fn dates(&self) -> Vec<String> {
        let mut dates: Vec<String> =
            self.minutes.iter().map(|(_, shown)| shown[..10].to_owned()).collect();
        dates.dedup();
        dates
    }
}

fn nanos(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

fn list(values: &[u32]) -> String {
    values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn values(end: u32) -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(0..end, 1..6)
}

/// A field of any form, mostly valid.
fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
    let value = first..=last;
    prop_oneof![
        Just("*".to_owned()),
        value.clone().prop_map(|value| value.to_string()),
        (value.clone(), value.clone()).prop_map(|(from, to)| format!("{from}-{to}")),
        (value.clone(), 1..6_u32).prop_map(|(from, step)| format!("{from}/{step}")),
        (value.clone(), value).prop_map(|(one, two)| format!("{one},{two}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let days = prop_oneof![
        field(1, 31).prop_map(|days| (days, "?".to_owned())),
        field(1, 7).prop_map(|days| ("?".to_owned(), days)),
        (1..=31_u32).prop_map(|day| (format!("{day}W"), "?".to_owned())),
        (0..=30_u32).prop_map(|day| (format!("L-{day}W"), "?".to_owned())),
        (1..=7_u32, 1..=5_u32).prop_map(|(day, nth)| ("?".to_owned(), format!("{day}#{nth}"))),
        (1..=7_u32).prop_map(|day| ("?".to_owned(), format!("{day}L"))),
    ];
    (field(0, 59), field(0, 59), field(0, 23), days, field(1, 12)).prop_map(
        |(second, minute, hour, (of_month, of_week), month)| {
            format!("{second} {minute} {hour} {of_month} {month} {of_week}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..Default::default()
    })]

    /// The definition of `Once` for listed hours, minute by minute.
    #[test]
    fn each_listed_wall_time_fires_when_clocks_first_reach_it(
        hours in values(24), minutes in values(60), place in 0..CHANGES.len(),
    ) {
        let clocks = Clocks::new(CHANGES[place]);
        let expression = format!("0 {} {} * * ?", list(&minutes), list(&hours));
        let mut expected = Vec::new();
        for date in clocks.dates() {
            for hour in &hours {
                for minute in &minutes {
                    expected.push(clocks.first_reaching(&format!("{date} {hour:02}:{minute:02}")));
                }
            }
        }
        expected.retain(|time| *time != i64::MAX);
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(clocks.fires(&expression, DaylightSaving::Once), expected);
    }

    /// The definition of `Once` for running hours, minute by minute.
    #[test]
    fn a_running_expression_fires_whenever_clocks_show_its_time(
        step in 1..=23_u32, first in 0..24_u32, minutes in values(60), place in 0..CHANGES.len(),
    ) {
        let clocks = Clocks::new(CHANGES[place]);
        let expression = format!("0 {} {first}/{step} * * ?", list(&minutes));
        let fits = |shown: &str| {
            let number = |text: &str| text.parse::<u32>().unwrap_or(99);
            let (hour, minute) = (number(&shown[11..13]), number(&shown[14..16]));
            hour >= first && (hour - first).is_multiple_of(step) && minutes.contains(&minute)
        };
        let shown = clocks.minutes.iter().filter(|(_, shown)| fits(shown));
        let expected: Vec<i64> = shown.map(|(time, _)| *time).collect();
        prop_assert_eq!(clocks.fires(&expression, DaylightSaving::Once), expected);
    }

    #[test]
    fn fires_increase_and_do_not_depend_on_where_the_search_begins(
        expression in expression(), place in 0..CHANGES.len(), seconds in 0..400_000_i64,
    ) {
        for mode in [DaylightSaving::Once, DaylightSaving::Quartz] {
            let schedule = schedule(&expression, CHANGES[place].0, mode);
            let start = schedule.zone().instant_of(CHANGES[place].1).expect("a valid time");
            let start = nanos(start.as_nanos() / 1_000_000_000 + seconds);
            let fires: Vec<Timestamp> = schedule.fires_after(start).take(20).collect();
            prop_assert!(fires.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", fires);
            prop_assert!(fires.first().is_none_or(|first| *first > start));
            if let (DaylightSaving::Once, Some(first)) = (mode, fires.first()) {
                let middle = start.as_nanos() + (first.as_nanos() - start.as_nanos()) / 2;
                let middle = Timestamp::from_nanos(middle);
                prop_assert_eq!(schedule.next_after(middle), Some(*first));
            }
        }
    }

    #[test]
    fn zones_without_changes_do_not_depend_on_the_mode(
        expression in expression(), start in 0..4_000_000_000_i64,
    ) {
        let [once, quartz] = [DaylightSaving::Once, DaylightSaving::Quartz].map(|mode| {
            let schedule = schedule(&expression, "UTC", mode);
            schedule.fires_after(nanos(start)).take(10).collect::<Vec<_>>()
        });
        prop_assert_eq!(once, quartz);
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "[0-9*?/,#LWAJN \t-]{0,40}|.{0,40}") {
        match CronExpression::parse(&text) {
            Ok(expression) => {
                prop_assert!(!expression.explain().is_empty());
                let schedule = CronSchedule::new(expression, TimeZone::utc());
                let _ = schedule.next_after(nanos(0));
            }
            Err(error) => {
                let place = error.place().expect("each refusal has a place");
                prop_assert!(place.start <= place.end && place.start <= text.len());
            }
        }
    }
}

/// Days by their definitions, counted one by one.
#[test]
fn special_days_agree_with_their_definitions() {
    let days = |expression: &str| -> Vec<String> {
        let start = "2026-12-31 23:59:59";
        let all = super::days(expression, start, 400);
        all.into_iter().take_while(|day| day.as_str() < "2031").collect()
    };
    let all = days("0 0 0 * * ?");
    let weekday = |day: &str| {
        let time = TimeZone::utc().instant_of(day).expect("a valid day");
        TimeZone::utc().local_time(time).weekday()
    };
    let is_workday = |day: &&String| !["Sat", "Sun"].contains(&weekday(day));
    for month in all.chunk_by(|one, two| one[..7] == two[..7]).filter(|month| month.len() > 27) {
        let prefix = &month[0][..7];
        let only = |expression: &str| -> Vec<String> {
            days(expression).into_iter().filter(|day| day.starts_with(prefix)).collect()
        };
        let last_workday = month.iter().rfind(is_workday).cloned();
        assert_eq!(only("0 0 0 LW * ?"), Vec::from_iter(last_workday));
        let fridays = month.iter().filter(|day| weekday(day) == "Fri");
        assert_eq!(only("0 0 0 ? * 6L"), Vec::from_iter(fridays.clone().next_back().cloned()));
        assert_eq!(only("0 0 0 ? * 6#5"), Vec::from_iter(fridays.clone().nth(4).cloned()));
        assert_eq!(only("0 0 0 ? * 6#2"), Vec::from_iter(fridays.clone().nth(1).cloned()));
        let fifteenth = &month[14];
        let nearest = match weekday(fifteenth) {
            "Sat" => &month[13],
            "Sun" => &month[15],
            _ => fifteenth,
        };
        assert_eq!(only("0 0 0 15W * ?"), std::slice::from_ref(nearest));
    }
}
