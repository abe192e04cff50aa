//! Histories of one metric across several runs.

use tracklite::{Batch, ErrorKind, MetricPoint, Run, RunHistory, RunId, Timestamp};

use crate::common::{TestDatabase, error_kind};

/// Points as (step, time, value), in the order of logging.
type Points = &'static [(i64, i64, f64)];

const FIRST: Points =
    &[(3, 10, 1.0), (1, 20, 2.0), (2, 20, 2.0), (2, 20, 1.0), (2, 20, f64::NAN), (9, 5, -1.0)];
const SECOND: Points = &[(0, 7, 0.5), (1, 8, 0.25)];

/// Logs the first half of the points as sealed blocks and the rest as live points.
fn log(run: &Run, points: Points) {
    let (sealed, live) = points.split_at(points.len() / 2);
    let point = |&(step, time, value): &(i64, i64, f64)| {
        (step, Timestamp::from_millis(time).unwrap(), value)
    };
    let mut batch = Batch::new();
    for (step, time, value) in sealed.iter().map(point) {
        batch.point("loss", MetricPoint { step, time, value });
    }
    run.log_batch(&batch).unwrap();
    let loss = run.metric("loss").unwrap();
    live.iter().map(point).for_each(|(step, time, value)| loss.log_at(value, step, time).unwrap());
}

/// Creates three runs, sorted by id: one with six points, one with two, one with none.
fn three_runs() -> (TestDatabase, [RunId; 3]) {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let mut runs = [(); 3].map(|()| experiment.start_run("").unwrap());
    runs.sort_by_key(Run::id);
    log(&runs[0], FIRST);
    log(&runs[1], SECOND);
    let ids = runs.map(|run| run.id());
    (database, ids)
}

/// A run and its points as (step, time, value).
type RunPoints = (RunId, Vec<(i64, i64, f64)>);

/// Returns the points with 100 in place of NaN, so that they can be compared.
fn run_points(histories: &[RunHistory]) -> Vec<RunPoints> {
    let comparable = |point: MetricPoint| {
        let value = if point.value.is_nan() { 100.0 } else { point.value };
        (point.step, point.time.as_millis(), value)
    };
    let points = |history: &RunHistory| history.points.iter().map(comparable).collect();
    histories.iter().map(|history| (history.run, points(history))).collect()
}

#[test]
fn histories_are_sorted_by_run_time_step_and_value_and_share_one_limit() {
    let (database, ids) = three_runs();
    let [a, b, c] = ids;
    let first =
        vec![(9, 5, -1.0), (3, 10, 1.0), (1, 20, 2.0), (2, 20, 1.0), (2, 20, 2.0), (2, 20, 100.0)];
    let second = vec![(0, 7, 0.5), (1, 8, 0.25)];
    let all = |limit| run_points(&database.histories(&[c, b, a, b], "loss", limit).unwrap());
    assert_eq!(all(100), [(a, first.clone()), (b, second.clone())]);
    assert_eq!(all(8), all(100));
    assert_eq!(all(7), [(a, first.clone()), (b, second[..1].to_vec())]);
    assert_eq!(all(6), [(a, first.clone())]);
    assert_eq!(all(2), [(a, first[..2].to_vec())]);
    assert!(database.histories(&ids, "none", 10).unwrap().is_empty());
    assert!(database.histories(&[], "loss", 10).unwrap().is_empty());
    // A deleted run is read like any other.
    database.delete_run(a).unwrap();
    assert_eq!(all(2), [(a, first[..2].to_vec())]);
}

#[test]
fn samples_are_sorted_by_step_time_and_value_and_keep_both_ends() {
    let (database, ids) = three_runs();
    let [a, b, _] = ids;
    let first =
        vec![(1, 20, 2.0), (2, 20, 100.0), (2, 20, 1.0), (2, 20, 2.0), (3, 10, 1.0), (9, 5, -1.0)];
    let second = vec![(0, 7, 0.5), (1, 8, 0.25)];
    let sampled =
        |steps, limit| run_points(&database.sampled_histories(&ids, "loss", steps, limit).unwrap());
    assert_eq!(sampled(None, 6), [(a, first.clone()), (b, second.clone())]);
    let [one, two] = [first[5], second[1]];
    assert_eq!(sampled(None, 1), [(a, vec![one]), (b, vec![two])]);
    assert_eq!(sampled(None, 2), [(a, vec![first[0], one]), (b, second.clone())]);
    // Four groups of six points: two of two points and two of one, the last for the last point.
    assert_eq!(sampled(None, 4)[0].1, [first[0], first[2], first[4], one]);
    assert_eq!(sampled(None, 3)[0].1, [first[0], first[2], one]);
    assert_eq!(sampled(Some(2..=3), 100), [(a, first[1..5].to_vec())]);
    assert_eq!(sampled(Some(2..=3), 2), [(a, vec![first[1], first[4]])]);
    assert_eq!(sampled(Some(1..=1), 100), [(a, vec![first[0]]), (b, vec![second[1]])]);
    assert!(sampled(Some(4..=8), 100).is_empty());
    assert_eq!(sampled(Some(i64::MIN..=i64::MAX), usize::MAX), sampled(None, 6));
}

#[test]
fn an_unknown_run_and_a_limit_of_zero_are_errors() {
    let (database, ids) = three_runs();
    let unknown = [ids[0], RunId::from_bits(7)];
    assert_eq!(error_kind(database.histories(&unknown, "loss", 1)), ErrorKind::NotFound);
    let sampled = |ids: &[RunId], limit| database.sampled_histories(ids, "loss", None, limit);
    assert_eq!(error_kind(sampled(&unknown, 1)), ErrorKind::NotFound);
    assert_eq!(error_kind(sampled(&ids, 0)), ErrorKind::InvalidInput);
    assert_eq!(error_kind(database.histories(&ids, "loss", 0)), ErrorKind::InvalidInput);
}
