//! The same fires as Quartz.

use tracklite::Timestamp;
use tracklite::schedule::{CronExpression, CronSchedule, DaylightSaving};

use crate::random::{Random, expression};
use crate::zones::{FROM, HOUR, SECOND, Zone, zones};
use crate::{EXPRESSIONS, amount, java};

/// The fires of each expression in each zone.
const FIRES: usize = 20;
/// Expressions for each process of Java.
const BATCH: u64 = 500;

struct Question<'a> {
    zone: &'a Zone,
    expression: &'a str,
    start: i64,
}

impl Question<'_> {
    fn ask(&self) -> String {
        let Question { zone, expression, start } = self;
        format!("next\t{}\t{start}\t{FIRES}\t{expression}", zone.name)
    }

    fn fires(&self, mode: DaylightSaving) -> Vec<i64> {
        let expression = CronExpression::parse(self.expression).expect(self.expression);
        let schedule = CronSchedule::new(expression, self.zone.zone.clone()).daylight_saving(mode);
        let start = Timestamp::from_millis(self.start).expect("a time of these years");
        schedule.fires_after(start).take(FIRES).map(Timestamp::as_millis).collect()
    }

    /// Returns whether no clocks change around these fires.
    fn is_steady(&self, fires: &[i64]) -> bool {
        let last = fires.last().copied().unwrap_or(i64::MAX - 48 * HOUR);
        let around = self.start - 48 * HOUR..last + 48 * HOUR;
        !self.zone.changes.iter().any(|change| around.contains(change))
    }
}

/// The numbers of what was compared.
#[derive(Debug, Default)]
struct Counts {
    fires: usize,
    with_changes: usize,
    once: usize,
}

fn check(question: &Question<'_>, answer: &str, counts: &mut Counts) {
    assert!(!answer.starts_with('!'), "{}: {answer}", question.expression);
    let expected = answer.split_whitespace().map(|fire| fire.parse().expect("a number"));
    let known = |fires: &mut dyn Iterator<Item = i64>| -> Vec<i64> {
        fires.take_while(|fire| *fire < question.zone.until).collect()
    };
    let expected = known(&mut expected.into_iter());
    let describe =
        || format!("{} in {} after {}", question.expression, question.zone.name, question.start);
    let literal = known(&mut question.fires(DaylightSaving::Quartz).into_iter());
    assert_eq!(literal, expected, "quartz: {}", describe());
    let once = known(&mut question.fires(DaylightSaving::Once).into_iter());
    assert!(once.windows(2).all(|pair| pair[0] < pair[1]), "{}: {once:?}", describe());
    counts.fires += expected.len();
    if question.is_steady(&expected) {
        assert_eq!(once, expected, "once: {}", describe());
        counts.once += expected.len();
    } else {
        counts.with_changes += 1;
    }
}

/// Returns a whole second, half of them within a day of a change.
fn start(random: &mut Random, zone: &Zone) -> i64 {
    let below = |random: &mut Random, end: i64| {
        let end = u64::try_from(end).expect("a positive number");
        i64::try_from(random.below(end)).expect("a small number")
    };
    let changes = zone.changes.partition_point(|change| *change < zone.until);
    if changes > 0 && random.below(2) == 0 {
        let at = usize::try_from(random.below(changes as u64)).expect("a small number");
        return zone.changes[at] - 24 * HOUR + below(random, 90_000) * SECOND;
    }
    FROM + below(random, (zone.until - FROM) / SECOND) * SECOND
}

#[test]
fn random_expressions_fire_when_quartz_does() {
    if !java::is_there() {
        return;
    }
    let zones = zones();
    let (mut random, mut counts) = (Random(16), Counts::default());
    let mut left = amount(EXPRESSIONS);
    while left > 0 {
        let count = left.min(BATCH);
        left -= count;
        let expressions: Vec<String> = (0..count).map(|_| expression(&mut random)).collect();
        let mut questions = Vec::new();
        for expression in &expressions {
            for zone in &zones {
                questions.push(Question { zone, expression, start: start(&mut random, zone) });
            }
        }
        let asked: Vec<String> = questions.iter().map(Question::ask).collect();
        for (question, answer) in questions.iter().zip(java::answers(&asked)) {
            check(question, &answer, &mut counts);
        }
    }
    println!("{counts:?}");
    assert!(counts.once * 4 > counts.fires && counts.with_changes > 0, "{counts:?}");
}
