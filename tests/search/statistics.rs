//! Searches and columns of statistics, compared with the statistics of each run.

use proptest::prelude::*;
use tracklite::table::Value;
use tracklite::{
    Database, GOAL_TAG_PREFIX, MetricHistory, MetricPoint, MetricStatistics, RunId, RunSearch,
};

use crate::common::{TestDatabase, error_message, start_run};

const NAMES: [&str; 10] =
    ["min", "max", "mean", "best", "count", "nan_count", "at_7", "at_100", "at_299", "smooth_best"];

fn value_of(name: &str, of: &MetricStatistics) -> f64 {
    match name {
        "min" | "best" => of.min,
        "max" => of.max,
        "mean" => of.mean(),
        "count" => of.count as f64,
        _ => of.nan_count as f64,
    }
}

/// Returns the latest value up to a step, if the metric continues to it.
fn at_step(step: i64, history: &MetricHistory) -> Option<f64> {
    history.iter().find(|point| point.step >= step)?;
    let steps = history.iter().map(|point| point.step);
    let last = steps.filter(|known| *known <= step).max()?;
    let of_step = history.iter().filter(|point| point.step == last);
    // The latest time, and then the largest value.
    let order = |point: &MetricPoint| (point.time.as_nanos(), point.value);
    let latest = of_step.reduce(|a, b| match (order(&a), order(&b)) {
        ((first, _), (second, _)) if first < second => b,
        ((first, low), (second, high)) if first == second && high >= low => b,
        _ => a,
    });
    latest.map(|point| point.value)
}

/// Returns the lowest value of the average that forgets a tenth with each point.
fn smooth_best(history: &MetricHistory) -> f64 {
    let mut points: Vec<MetricPoint> = history.iter().filter(|p| p.value.is_finite()).collect();
    points.sort_by_key(|point| point.step);
    let average = |count: usize| {
        let weighted = points[..count].iter().rev().zip(0_i32..);
        let weight = |age: i32| 0.9_f64.powi(age);
        let sum: f64 = weighted.clone().map(|(point, age)| point.value * weight(age)).sum();
        sum / weighted.map(|(_, age)| weight(age)).sum::<f64>()
    };
    (1..=points.len()).map(average).fold(f64::NAN, f64::min)
}

/// Returns a statistic of `loss` of each run by plain code.
fn plain(database: &Database, name: &str) -> Vec<(RunId, Option<f64>)> {
    let ids = database.search_run_ids(&RunSearch::new().order_by("run_id")).unwrap();
    let value = |id: &RunId| {
        let run = database.run(*id).unwrap();
        let statistics = run.statistics("loss").unwrap();
        let history = run.history("loss").unwrap();
        let value = match name.strip_prefix("at_").map(|step| step.parse().unwrap()) {
            Some(step) => at_step(step, &history),
            None if name == "smooth_best" => statistics.map(|_| smooth_best(&history)),
            None => statistics.map(|statistics| value_of(name, &statistics)),
        };
        (*id, value)
    };
    ids.iter().map(value).collect()
}

/// Compares numbers whose parts may have been added up in another order.
fn is_equal((found, wanted): (Option<f64>, Option<f64>)) -> bool {
    match (found, wanted) {
        (Some(found), Some(wanted)) => {
            (found.is_nan() && wanted.is_nan()) || (found - wanted).abs() < 1e-9
        }
        (found, wanted) => found.is_none() && wanted.is_none(),
    }
}

/// Compares columns, filters and orders with plain code.
fn assert_found(database: &Database) {
    for name in NAMES {
        let wanted = plain(database, name);
        let field = format!("{name}.loss");
        let ids: Vec<RunId> = wanted.iter().map(|(id, _)| *id).collect();
        let search = RunSearch::new().order_by("run_id").columns(["run_id", field.as_str()]);
        let tables = [
            database.runs_table(&search).unwrap(),
            database.columns_of_runs(&ids, &[field.as_str()]).unwrap(),
        ];
        for table in &tables {
            let found = table.column(&field).unwrap().values().map(|value| match value {
                Value::Float(number) => Some(number),
                _ => None,
            });
            let found: Vec<Option<f64>> = found.collect();
            let values = found.iter().zip(&wanted);
            let mut pairs = values.map(|(found, (_, wanted))| (*found, *wanted));
            assert!(pairs.all(is_equal), "{field}: {found:?}, wanted {wanted:?}");
        }
        let some = wanted.iter().find_map(|(_, value)| value.filter(|value| value.is_finite()));
        // Sums in another order differ by less than this.
        let limit = some.unwrap_or(0.0) + 1e-7;
        let found = RunSearch::new().filter(format!("{field} <= {limit:?}")).order_by("run_id");
        let found = database.search_run_ids(&found).unwrap();
        let passing = wanted.iter().filter(|(_, value)| value.is_some_and(|value| value <= limit));
        assert_eq!(found, passing.map(|(id, _)| *id).collect::<Vec<_>>(), "{field} <= {limit}");
        let ordered = RunSearch::new().order_by(format!("{field} DESC"));
        let ordered = database.search_run_ids(&ordered).unwrap();
        let values = ordered.iter().filter_map(|id| {
            wanted.iter().find(|(other, _)| other == id).and_then(|(_, value)| *value)
        });
        let values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        assert!(values.is_sorted_by(|left, right| left >= right), "{field}: {values:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn statistics_follow_every_change(
        steps in prop::collection::vec((0..6_u8, 0..5_usize, prop_oneof![
            9 => -5.0..5.0_f64, 1 => Just(f64::NAN),
        ]), 1..24),
    ) {
        let database = TestDatabase::quiet();
        let other = crate::common::open_quietly(&database.folder().file());
        let runs: Vec<_> = (0..5).map(|name| start_run(&database, &name.to_string())).collect();
        for (action, run, value) in steps {
            let run = &runs[run];
            match action {
                0 => (0..300_i32).try_for_each(|step| run.log_metric("loss", value, step)).unwrap(),
                1 => run.log_metric("loss", value, 7).unwrap(),
                2 => {
                    let of_other = other.run(run.id()).unwrap();
                    of_other.log_metric("loss", value, 9).unwrap();
                }
                3 => {
                    (0..5000_i32).try_for_each(|_| run.log_metric("fill", 0.5, 0)).unwrap();
                    database.tick().unwrap();
                }
                4 => {
                    let time = tracklite::Timestamp::now();
                    let mut batch = tracklite::Batch::new();
                    batch.point("loss", tracklite::MetricPoint { step: 1, time, value });
                    run.log_batch(&batch).unwrap();
                }
                _ => assert_found(&other),
            }
            assert_found(&database);
        }
        assert_found(&other);
    }
}

#[test]
fn the_best_value_depends_on_the_words_of_the_key() {
    let database = TestDatabase::quiet();
    let run = start_run(&database, "");
    for (key, values) in [("val_loss", [3.0, 1.0]), ("accuracy", [0.9, 0.5])] {
        (0..2_i32).for_each(|step| run.log_metric(key, values[step as usize], step).unwrap());
    }
    let table = database.columns_of_runs(&[run.id()], &["best.val_loss", "best.accuracy"]).unwrap();
    let row: Vec<Value<'_>> = table.rows().next().unwrap().values().collect();
    assert_eq!(row, [Value::Float(1.0), Value::Float(0.9)]);
}

#[test]
fn a_tag_of_the_experiment_decides_what_is_best() {
    let database = TestDatabase::quiet();
    let tagged = database.experiment("/tagged").unwrap();
    let (run, other) = (tagged.start_run("").unwrap(), start_run(&database, ""));
    for run in [&run, &other] {
        (0..3_i32).for_each(|step| run.log_metric("loss", f64::from(step), step).unwrap());
    }
    let best = || {
        let columns = ["best.loss", "smooth_best.loss"];
        let table = database.columns_of_runs(&[run.id(), other.id()], &columns).unwrap();
        // Rounded, because sums have other last digits.
        let rounded = |value: Value<'_>| match value {
            Value::Float(number) => (number * 1000.0).round(),
            _ => f64::NAN,
        };
        let rows = table.rows().map(|row| row.values().map(rounded).collect());
        rows.collect::<Vec<Vec<f64>>>()
    };
    // The average of 0, 1 and 2 at the end is 2.9 / 2.71.
    let (low, high) = ([0.0, 0.0], [2000.0, 1070.0]);
    assert_eq!(best(), [low, low]);
    tagged.set_tag(&format!("{GOAL_TAG_PREFIX}loss"), "higher").unwrap();
    assert_eq!(best(), [high, low]);
    let found = RunSearch::new().filter("best.loss = 2");
    for _ in 0..3 {
        assert_eq!(database.search_run_ids(&found).unwrap(), [run.id()]);
    }
    let goals = database.metric_goals().unwrap();
    assert_eq!(goals.of(tagged.id(), "loss"), tracklite::MetricGoal::Higher);
    tagged.delete_tag(&format!("{GOAL_TAG_PREFIX}loss")).unwrap();
    assert_eq!(best(), [low, low]);
    assert!(database.search_run_ids(&found).unwrap().is_empty());
}

#[test]
fn a_statistic_needs_a_number() {
    let database = TestDatabase::quiet();
    let found = database.search_runs(&RunSearch::new().filter("min.loss = 'x'"));
    let message = error_message(found, tracklite::ErrorKind::InvalidInput);
    assert!(message.contains("min.loss = 'x'"), "{message}");
    let found = database.columns_of_runs(&[], &["median.loss"]);
    let message = error_message(found, tracklite::ErrorKind::InvalidInput);
    assert!(message.contains("unknown column \"median.loss\""), "{message}");
}

#[test]
fn keys_are_counted_over_the_runs_that_a_search_finds() {
    let database = TestDatabase::quiet();
    for (name, rate, loss) in [("a", "0.1", 1.0), ("b", "0.2", f64::NAN), ("c", "x", 3.0)] {
        let run = start_run(&database, name);
        run.log_param("rate", rate).unwrap();
        run.log_param("model", "net").unwrap();
        run.log_metric("loss", loss, 0).unwrap();
    }
    let keys = |filter: &str| {
        let keys = database.run_keys(&RunSearch::new().filter(filter)).unwrap();
        let keys = keys.into_iter().filter(|key| key.kind != tracklite::KeyKind::Tag);
        keys.map(|key| (key.key, key.runs, key.distinct, key.is_constant, key.range))
            .collect::<Vec<_>>()
    };
    let of = |key: &str, runs, distinct, constant, range| {
        (key.to_owned(), runs, distinct, constant, range)
    };
    let all = keys("");
    assert_eq!(all[0], of("model", 3, 1, true, None));
    assert_eq!(all[1], of("rate", 3, 3, false, None));
    assert_eq!(all[2], of("loss", 3, 3, false, Some((1.0, 3.0))));
    let two = keys("params.rate != 'x'");
    assert_eq!(two[1], of("rate", 2, 2, false, Some((0.1, 0.2))));
    assert_eq!(keys("params.rate = 'none'"), []);
}

#[test]
fn groups_count_every_run() {
    let database = TestDatabase::quiet();
    for rate in ["0.1", "0.2"] {
        for seed in ["0", "1", "2"] {
            let run = start_run(&database, &format!("{rate} {seed}"));
            run.log_param("rate", rate).unwrap();
            run.log_param("random_seed", seed).unwrap();
            run.log_param("data", "digits").unwrap();
            let seed: f64 = seed.parse().unwrap();
            run.log_metric("loss", if rate == "0.1" { seed } else { 10.0 }, 0).unwrap();
        }
    }
    start_run(&database, "bare");
    let search = RunSearch::new().order_by("run_name");
    // `data` is not constant, because one run does not have it.
    let keys = database.params_but_seeds(&search).unwrap();
    assert_eq!(keys, ["params.data", "params.rate"]);
    let columns = ["metrics.loss", "params.data", "params.random_seed"];
    let found = database.group_runs(&search, &["params.rate"], &columns).unwrap();
    let spread = |group: usize| match &found.groups[group].columns[0] {
        tracklite::groups::GroupColumn::Numbers(spread) => *spread,
        other => panic!("{other:?}"),
    };
    let values: Vec<_> = found.groups.iter().map(|group| group.values[0].as_deref()).collect();
    assert_eq!(values, [Some("0.1"), Some("0.2"), None]);
    let first = spread(0);
    assert_eq!((first.count, first.mean, first.deviation), (3, 1.0, 1.0));
    assert_eq!((first.min, first.max), (0.0, 2.0));
    assert_eq!((spread(1).deviation, spread(2).count), (0.0, 0));
    use tracklite::groups::GroupColumn::Text;
    assert_eq!(found.groups[0].columns[1..], [Text(Some("digits".into())), Text(None)]);
}
