//! One metric of many runs.

use tracklite::{Batch, Database, ErrorKind, MetricPoint, Run, RunHistory, RunId, Timestamp};

use super::{kind, new};

/// Points as (step, time, value), in the order of logging.
type Points = &'static [(i64, i64, f64)];

const FIRST: Points =
    &[(3, 10, 1.0), (1, 20, 2.0), (2, 20, 2.0), (2, 20, 1.0), (2, 20, f64::NAN), (9, 5, -1.0)];
const SECOND: Points = &[(0, 7, 0.5), (1, 8, 0.25)];

/// Half of the points sealed at once, the others not.
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

/// Two runs with points and one without, by id; the first of them has more.
fn three() -> (tempfile::TempDir, Database, [RunId; 3]) {
    let (folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let mut runs = [(); 3].map(|()| experiment.start_run("").unwrap());
    runs.sort_by_key(Run::id);
    log(&runs[0], FIRST);
    log(&runs[1], SECOND);
    let ids = runs.map(|run| run.id());
    (folder, database, ids)
}

/// The points as (step, time, value) with NaN as 100, so that they can be compared.
/// Steps, times and values of a run.
type Told = (RunId, Vec<(i64, i64, f64)>);

fn told(histories: &[RunHistory]) -> Vec<Told> {
    let point = |it: MetricPoint| {
        (it.step, it.time.as_millis(), if it.value.is_nan() { 100.0 } else { it.value })
    };
    histories.iter().map(|it| (it.run, it.points.iter().map(point).collect())).collect()
}

#[test]
fn histories_come_by_run_time_step_and_value_up_to_one_limit() {
    let (_folder, database, ids) = three();
    let [a, b, c] = ids;
    let first =
        vec![(9, 5, -1.0), (3, 10, 1.0), (1, 20, 2.0), (2, 20, 1.0), (2, 20, 2.0), (2, 20, 100.0)];
    let second = vec![(0, 7, 0.5), (1, 8, 0.25)];
    let all = |most| told(&database.histories(&[c, b, a, b], "loss", most).unwrap());
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
fn samples_come_by_step_time_and_value_with_both_ends() {
    let (_folder, database, ids) = three();
    let [a, b, _] = ids;
    let first =
        vec![(1, 20, 2.0), (2, 20, 100.0), (2, 20, 1.0), (2, 20, 2.0), (3, 10, 1.0), (9, 5, -1.0)];
    let second = vec![(0, 7, 0.5), (1, 8, 0.25)];
    let sampled =
        |steps, most| told(&database.sampled_histories(&ids, "loss", steps, most).unwrap());
    assert_eq!(sampled(None, 6), [(a, first.clone()), (b, second.clone())]);
    let [one, two] = [first[5], second[1]];
    assert_eq!(sampled(None, 1), [(a, vec![one]), (b, vec![two])]);
    assert_eq!(sampled(None, 2), [(a, vec![first[0], one]), (b, second.clone())]);
    assert_eq!(sampled(None, 3)[0].1, [first[0], first[2], one]);
    assert_eq!(sampled(Some(2..=3), 100), [(a, first[1..5].to_vec())]);
    assert_eq!(sampled(Some(2..=3), 2), [(a, vec![first[1], first[4]])]);
    assert_eq!(sampled(Some(1..=1), 100), [(a, vec![first[0]]), (b, vec![second[1]])]);
    assert!(sampled(Some(4..=8), 100).is_empty());
    assert_eq!(sampled(Some(i64::MIN..=i64::MAX), usize::MAX), sampled(None, 6));
}

#[test]
fn no_such_run_and_no_points_wanted_are_errors() {
    let (_folder, database, ids) = three();
    let unknown = [ids[0], RunId::from_bits(7)];
    assert_eq!(kind(database.histories(&unknown, "loss", 1)), ErrorKind::NotFound);
    let sampled = |ids: &[RunId], most| database.sampled_histories(ids, "loss", None, most);
    assert_eq!(kind(sampled(&unknown, 1)), ErrorKind::NotFound);
    assert_eq!(kind(sampled(&ids, 0)), ErrorKind::InvalidInput);
    assert_eq!(kind(database.histories(&ids, "loss", 0)), ErrorKind::InvalidInput);
}
