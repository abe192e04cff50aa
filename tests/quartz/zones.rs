//! Zones and their aliases have the offsets that Java knows.

use tracklite::Timestamp;
use tracklite::schedule::TimeZone;

use crate::java;

/// The zones of the comparison: none, half-hour and two-hour changes, changes at midnight, fixed
/// offsets, aliases of Java.
pub(crate) const ZONES: [&str; 12] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Santiago",
    "America/Havana",
    "Antarctica/Troll",
    "Asia/Beirut",
    "PST",
    "NST",
    "IST",
    "GMT-03:30",
];

pub(crate) const SECOND: i64 = 1000;
pub(crate) const HOUR: i64 = 3600 * SECOND;

/// From 2000 to the end of 2036. After it, Java has only approximate rules.
pub(crate) const FROM: i64 = 946_684_800 * SECOND;
const TO: i64 = 2_114_380_800 * SECOND;
/// The start of 2025. Until then, all databases have the same rules.
const SETTLED: i64 = 1_735_689_600 * SECOND;

/// A zone for the comparison.
pub(crate) struct Zone {
    pub(crate) name: &'static str,
    pub(crate) zone: TimeZone,
    /// The times at which clocks change, in milliseconds.
    pub(crate) changes: Vec<i64>,
    /// Until when Java's database has the same rules: a government may have changed them since.
    pub(crate) until: i64,
}

/// Returns the zones of the comparison.
pub(crate) fn zones() -> Vec<Zone> {
    let step = 6 * HOUR;
    let questions = ZONES.map(|zone| format!("zone\t{zone}\t{FROM}\t{TO}\t{step}"));
    let answers = java::answers(&questions);
    let zones = ZONES.iter().zip(answers).map(|(name, answer)| {
        let zone = TimeZone::named(name).expect("a known zone");
        let mut times = (FROM..).step_by(usize::try_from(step).expect("a small number"));
        let mut pairs = answer.split(' ').zip(times.by_ref());
        let differs =
            |(expected, time): &(&str, i64)| offset(&zone, *time).to_string() != *expected;
        let until = pairs.find(differs).map_or(TO, |(_, time)| time - step);
        Zone { name, changes: changes(&zone), zone, until }
    });
    zones.collect()
}

fn offset(zone: &TimeZone, time: i64) -> i64 {
    let time = Timestamp::from_millis(time).expect("a time of these years");
    i64::from(zone.local_time(time).utc_offset()) * SECOND
}

/// Returns the times at which clocks change, in milliseconds.
fn changes(zone: &TimeZone) -> Vec<i64> {
    let mut changes = Vec::new();
    let mut time = FROM;
    while time < TO {
        let (mut low, mut high) = (time, time + 12 * HOUR);
        if offset(zone, low) != offset(zone, high) {
            while high - low > SECOND {
                let middle = (low + high) / 2 / SECOND * SECOND;
                if offset(zone, middle) == offset(zone, low) { low = middle } else { high = middle }
            }
            changes.push(high);
        }
        time += 12 * HOUR;
    }
    changes
}

#[test]
fn the_zones_of_the_comparison_have_the_offsets_of_java() {
    if !java::is_there() {
        return;
    }
    for Zone { name, until, .. } in zones() {
        assert!(until >= SETTLED, "{name} differs from {until} on");
    }
}

#[test]
fn all_names_of_java_are_zones_with_the_same_offset() {
    if !java::is_there() {
        return;
    }
    let names = java::answers(&["zones".to_owned()]).remove(0);
    // These are years in which the rules of both databases are settled.
    let (from, to) = (1_577_836_800 * SECOND, 1_672_531_200 * SECOND);
    let step = 30 * 24 * HOUR;
    // Java keeps old names of IBM, which the database of zones never had.
    let names: Vec<&str> = names.split(' ').filter(|name| !name.starts_with("SystemV/")).collect();
    let questions: Vec<String> =
        names.iter().map(|name| format!("zone\t{name}\t{from}\t{to}\t{step}")).collect();
    assert!(names.len() > 500, "{} names", names.len());
    for (name, answer) in names.iter().zip(java::answers(&questions)) {
        let zone = TimeZone::named(name).expect("a name of Java is known");
        for (at, expected) in answer.split(' ').enumerate() {
            let time = from + i64::try_from(at).expect("a small number") * step;
            assert_eq!(offset(&zone, time).to_string(), expected, "{name} at {time}");
        }
    }
}
