//! Batches of points, params and tags are logged as a whole or not at all.

use tracklite::{Batch, Database, ErrorKind, Limits, MetricPoint, Run, Step, Timestamp};

use super::snapshot;
use crate::common::{
    TestDatabase, builder, count_frames, error_kind, error_message, open, start_run,
};

fn point(step: i64, value: f64) -> MetricPoint {
    MetricPoint { step, time: Timestamp::from_nanos(1000 - step), value }
}

/// Counts the params, tags and metrics of a run.
fn counts(run: &Run) -> (usize, usize, usize) {
    let record = run.record().unwrap();
    (record.params.len(), record.tags.len(), record.metrics.len())
}

/// Builds a batch of two params, a tag set twice, and two metrics with special values.
fn mixed_batch() -> Batch {
    let mut batch = Batch::new();
    batch.param("depth", 3).param("rate", "").tag("stage", "a").tag("stage", "b");
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1.0, 1.0];
    for (step, value) in (-2..).zip(special) {
        batch.point("loss", point(step, value)).point("other", point(-step, value));
    }
    batch.point("loss", point(3, 1.0));
    batch
}

#[test]
fn a_batch_is_one_frame() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let batch = mixed_batch();
    assert_eq!(batch.len(), 17);

    let before = count_frames(database.path());
    run.log_batch(&batch).unwrap();
    assert_eq!(count_frames(database.path()), before + 1);
    assert_eq!(counts(&run), (2, 2, 2));
    assert_eq!(run.tags().unwrap()["stage"], "b");
}

#[test]
fn points_of_a_batch_are_sorted_by_time_and_keep_their_bits() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_batch(&mixed_batch()).unwrap();
    let history = run.history("loss").unwrap();
    assert_eq!(history.steps, [3, 3, 2, 1, 0, -1, -2], "an exact repeat is kept");
    assert_eq!(history.values[6].to_bits(), f64::NAN.to_bits());
    assert_eq!(history.values[4], f64::NEG_INFINITY);

    assert_eq!(run.latest("loss").unwrap(), Some(point(3, 1.0)));
    assert_eq!(run.statistics("other").unwrap().unwrap().count, 6);
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));
}

#[test]
fn batches_and_single_points_form_one_series() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let id = run.id();
    run.log_metric("before", 1.0, 0).unwrap();
    let mut batch = Batch::new();
    batch.point("before", point(1, 2.0)).point("after", point(1, 2.0));
    run.log_batch(&batch).unwrap();
    run.log_batch(&batch).unwrap();
    run.log_metrics(&[("after", 3.0), ("before", 3.0)], 2).unwrap();
    run.log_metric("new", 4.0, Step::NEXT).unwrap();
    let check = |run: &Run| {
        assert_eq!(run.history("before").unwrap().len(), 4);
        assert_eq!(run.history("after").unwrap().len(), 3);
        assert_eq!(run.latest("before").unwrap().map(|point| point.step), Some(2));
        assert_eq!(run.metrics().unwrap().len(), 3);
    };
    check(&run);
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));
    drop(run);
    let folder = database.close();
    let path = folder.file();
    assert_eq!(Database::verify(&path).unwrap().damages, []);
    check(&open(&path).run(id).unwrap());
    Database::vacuum(&path).unwrap();
    check(&open(&path).run(id).unwrap());
}

#[test]
fn a_rejected_batch_logs_nothing() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_param("rate", 0.1).unwrap();
    let full = || {
        let mut batch = Batch::new();
        batch.param("fine", 1).tag("fine", 1).point("fine", point(0, 1.0));
        batch
    };
    let before = count_frames(database.path());
    let error = error_message(run.log_batch(full().param("rate", 0.2)), ErrorKind::InvalidInput);
    for part in ["'rate'", "'0.1'", "'0.2'"] {
        assert!(error.contains(part), "{error}");
    }
    let rejected = [
        full().param("fine", 1).clone(),
        full().param("a//b", 1).clone(),
        full().param("long", "x".repeat(6001)).clone(),
        full().tag("", 1).clone(),
        full().tag("mlflow.runName", " ").clone(),
        full().point("bad*", point(0, 1.0)).clone(),
    ];
    for batch in rejected {
        assert_eq!(error_kind(run.log_batch(&batch)), ErrorKind::InvalidInput, "{batch:?}");
    }
    assert_eq!((counts(&run), count_frames(database.path())), ((1, 1, 0), before));

    // Ids prepared for the rejected batches must not reach later series.
    run.log_batch(full().param("rate", 0.1)).unwrap();
    assert_eq!(run.history("fine").unwrap().values, [1.0]);
    run.log_batch(&Batch::new()).unwrap();

    database.delete_run(run.id()).unwrap();
    assert_eq!(error_kind(run.log_batch(&full())), ErrorKind::InvalidState);
}

#[test]
fn a_batch_renames_the_run() {
    let database = TestDatabase::new();
    let run = start_run(&database, "first");
    run.log_batch(Batch::new().tag("mlflow.runName", "second")).unwrap();
    assert_eq!(run.name().unwrap(), "second");
}

#[test]
fn mlflow_batch_limits_can_be_enabled() {
    let database = TestDatabase::build(builder().limits(Limits::default().mlflow_batches()));
    let run = start_run(&database, "");
    let batch = |points: i64, params: usize, tags: usize| {
        let mut batch = Batch::new();
        for step in 0..points {
            batch.point("loss", point(step, 0.5));
        }
        for number in 0..params {
            batch.param(&format!("p{number}"), number);
        }
        for number in 0..tags {
            batch.tag(&format!("t{number}"), number);
        }
        batch
    };
    for (points, params, tags) in [(1001, 0, 0), (0, 101, 0), (0, 0, 101), (801, 100, 100)] {
        let rejected = run.log_batch(&batch(points, params, tags));
        assert_eq!(error_kind(rejected), ErrorKind::InvalidInput, "{points} {params} {tags}");
    }
    run.log_batch(&batch(800, 100, 100)).unwrap();
    run.log_batch(&batch(1000, 0, 0)).unwrap();
    assert_eq!(counts(&run), (100, 101, 1));
}

#[test]
fn a_large_batch_is_split_into_several_blocks() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let mut batch = Batch::new();
    for step in 0..200_000 {
        batch.point("loss", MetricPoint { time: Timestamp::from_nanos(step), ..point(step, 0.5) });
    }
    for key in 0..300 {
        batch.point(&format!("k/{key}"), point(key, 1.0));
    }
    run.log_batch(&batch).unwrap();
    assert!(run.history("loss").unwrap().steps.into_iter().eq(0..200_000));
    assert_eq!(run.metrics().unwrap().len(), 301);
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));
    database.delete_run(run.id()).unwrap();
    assert_eq!(database.gc().unwrap().runs, 1);
    assert_eq!(database.info().unwrap().points, 0);
}

#[test]
fn the_next_step_follows_the_last_step_of_a_batch() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let early = run.metric("early").unwrap();
    early.log(0.5, 40).unwrap();
    let mut batch = Batch::new();
    batch.point("early", point(7, 0.5)).point("late", point(9, 0.5)).point("late", point(3, 0.5));
    run.log_batch(&batch).unwrap();
    let before = count_frames(database.path());
    early.log(0.5, Step::NEXT).unwrap();
    run.log_metric("early", 0.5, Step::NEXT).unwrap();
    run.log_metric("late", 0.5, Step::NEXT).unwrap();
    let steps = |key| {
        let mut steps = run.history(key).unwrap().steps;
        steps.sort_unstable();
        steps
    };
    assert_eq!(steps("early"), [7, 8, 9, 40]);
    assert_eq!(steps("late"), [3, 4, 9]);
    let frames = count_frames(database.path()) - before;
    assert!(frames <= 1, "at most the frame of a new extent is expected, found {frames} frames");
}
