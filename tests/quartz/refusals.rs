//! The same refusals as Quartz, apart from texts of which Quartz ignores a part.

use std::collections::BTreeMap;

use tracklite::Timestamp;
use tracklite::schedule::{CronExpression, CronSchedule, DaylightSaving, TimeZone};

use crate::random::{Random, damaged};
use crate::{EXPRESSIONS, amount, java};

/// The start of 2027, in milliseconds.
const START: i64 = 1_798_761_600_000;
const FIRES: usize = 5;
/// Random damaged expressions for each valid one of the other test.
const DAMAGED: u64 = 5;

fn fires(expression: &str) -> Result<String, String> {
    let expression = CronExpression::parse(expression).map_err(|error| error.to_string())?;
    let schedule = CronSchedule::new(expression, TimeZone::utc());
    let schedule = schedule.daylight_saving(DaylightSaving::Quartz);
    let start = Timestamp::from_millis(START).expect("a time of these years");
    let fires = schedule.fires_after(start).take(FIRES);
    Ok(fires.map(|fire| fire.as_millis().to_string()).collect::<Vec<_>>().join(" "))
}

/// The texts that Quartz accepts and tracklite refuses: words of the message, and the reason.
const STRICT: &[(&str, &str)] = &[
    (" after `", "Quartz ignores the rest of an item"),
    ("has an empty item", "Quartz ignores empty items"),
    ("step after a name", "Quartz ignores a step after a name"),
    (" is 0: expected 1 to", "Quartz ignores a step of 0"),
    (" is 0: expected at least 1", "Quartz ignores a step of 0"),
    ("expression has 8 fields", "Quartz ignores fields after the year"),
    ("expression has 9 fields", "Quartz ignores fields after the year"),
    ("`#` is in a list", "Quartz ignores all but one of the days"),
    ("has `?", "Quartz ignores what follows `?`"),
    ("year is `", "Quartz has years that never come"),
    ("second has `L", "Quartz ignores `L` in other fields"),
    ("minute has `L", "Quartz ignores `L` in other fields"),
    ("hour has `L", "Quartz ignores `L` in other fields"),
    ("month has `L", "Quartz ignores `L` in other fields"),
    ("year has `L", "Quartz ignores `L` in other fields"),
    ("day of month has `W`", "Quartz takes the missing number of `L-W` for 0"),
    ("day of week is `", "Quartz never fires on the week day 8 and later, if `#` follows"),
    ("day of month is `0", "Quartz takes 0 as the end of a range for the last"),
    ("month is `0", "Quartz takes 0 as the end of a range for the last"),
    ("day of week is `0", "Quartz takes 0 as the end of a range for the last"),
];

fn known_reason(refusal: &str) -> Option<&'static str> {
    let last = refusal.lines().nth(3).unwrap_or_default();
    STRICT.iter().find(|(words, _)| last.contains(words)).map(|(_, why)| *why)
}

#[test]
fn damaged_expressions_are_refused_when_quartz_refuses_them() {
    if !java::is_there() {
        return;
    }
    let mut random = Random(17);
    let count = amount(EXPRESSIONS) * DAMAGED;
    let expressions: Vec<String> = (0..count).map(|_| damaged(&mut random)).collect();
    let ask = |expression: &String| format!("next\tUTC\t{START}\t{FIRES}\t{expression}");
    let asked: Vec<String> = expressions.iter().map(ask).collect();
    let mut counts = BTreeMap::new();
    for (expression, answer) in expressions.iter().zip(java::answers(&asked)) {
        let verdict = match (fires(expression), answer.strip_prefix('!')) {
            (_, None) if answer == "?" => Some("Quartz never ends"),
            (Ok(fires), None) if fires == answer => Some("equal fires"),
            (Ok(_), None) if expression.contains(['W', 'w']) => Some("days that move"),
            (Err(_), Some(_)) => Some("both refuse"),
            (Err(why), None) => known_reason(&why),
            (Ok(_), _) => None,
        };
        let verdict = verdict.unwrap_or_else(|| {
            panic!("{expression}: {:?}, but Quartz: {answer}", fires(expression))
        });
        *counts.entry(verdict).or_insert(0_u64) += 1;
    }
    println!("{counts:#?}");
    let part = |verdict| counts.get(verdict).copied().unwrap_or(0) * 100 / count;
    assert!(part("equal fires") >= 3 && part("both refuse") >= 50, "{counts:#?}");
    assert!(part("days that move") < 1, "{counts:#?}");
}
