//! The basic API: logged values are read back, live and after reopening.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tracklite::{
    Database, ErrorKind, ExperimentId, Lifecycle, Limits, MetricPoint, Run, RunId, RunStatus, Step,
    Timestamp, WritePath,
};

use crate::common::{TestDatabase, builder, error_kind, open, open_read_only, start_run};

const SPECIAL_VALUES: [f64; 5] = [1.5, f64::NAN, f64::INFINITY, -0.0, f64::NEG_INFINITY];

/// Starts a run with two params and a tag, and logs each special value once alone and once in a
/// row.
fn log_special_values(database: &Database) -> RunId {
    let experiment = database.experiment("/Shared/team/churn").unwrap();
    let run = experiment.start_run("baseline").unwrap();
    run.log_params([("rate", "0.1"), ("depth", "3")]).unwrap();
    run.set_tag("stage", "test").unwrap();
    for (step, value) in (-2_i64..).zip(SPECIAL_VALUES) {
        run.log_metric("loss", value, step).unwrap();
        run.log_metrics(&[("a", value), ("b", 2.0)], step).unwrap();
    }
    run.id()
}

/// Runs a check on live points, after a tick, and after reopening.
fn check_at_each_stage(check: impl Fn(&Database, RunId)) {
    let database = TestDatabase::new();
    let id = log_special_values(&database);
    check(&database, id);
    database.tick().unwrap();
    check(&database, id);
    check(&database.reopen(), id);
}

#[test]
fn histories_keep_every_bit_of_special_values() {
    check_at_each_stage(|database, id| {
        let run = database.run(id).unwrap();
        for key in ["loss", "a"] {
            let history = run.history(key).unwrap();
            let bits: Vec<u64> = history.values.iter().map(|value| value.to_bits()).collect();
            assert_eq!(bits, SPECIAL_VALUES.map(f64::to_bits), "{key}");
            assert_eq!(history.steps, [-2, -1, 0, 1, 2]);
        }
    });
}

#[test]
fn params_and_tags_are_read_back() {
    check_at_each_stage(|database, id| {
        let run = database.run(id).unwrap();
        assert_eq!(run.params().unwrap()["rate"], "0.1");
        assert_eq!(run.tags().unwrap()["stage"], "test");
    });
}

#[test]
fn statistics_include_infinities_and_count_nan() {
    check_at_each_stage(|database, id| {
        let statistics = database.run(id).unwrap().statistics("loss").unwrap().unwrap();
        assert_eq!((statistics.count, statistics.nan_count), (5, 1));
        assert_eq!((statistics.first_step, statistics.last_step), (-2, 2));
        assert_eq!((statistics.min, statistics.max), (f64::NEG_INFINITY, f64::INFINITY));
    });
}

#[test]
fn an_unknown_metric_has_no_points() {
    check_at_each_stage(|database, id| {
        let run = database.run(id).unwrap();
        assert_eq!(run.latest("b").unwrap().unwrap().step, 2);
        assert_eq!(run.latest("c").unwrap(), None);
        assert!(run.history("c").unwrap().is_empty());
    });
}

#[test]
fn a_run_is_alive_while_the_database_is_open() {
    let database = TestDatabase::new();
    let id = log_special_values(&database);
    assert!(database.run(id).unwrap().is_alive().unwrap());
    let database = database.reopen();
    let run = database.run(id).unwrap();
    assert_eq!(run.info().unwrap().status, RunStatus::Running);
    assert!(!run.is_alive().unwrap());
}

#[test]
fn verify_counts_the_points_of_a_sound_file() {
    let database = TestDatabase::new();
    log_special_values(&database);
    let database = database.reopen();
    let report = Database::verify(database.path()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.points, 15);
}

#[test]
fn a_file_opened_twice_shares_one_engine() {
    let first = TestDatabase::new();
    let link = first.folder().join("link.tracklite");
    std::os::unix::fs::symlink(first.path(), &link).unwrap();
    let second = open(&link);
    let run = start_run(&first, "");
    run.log_metric("loss", 1.0, 0).unwrap();
    assert_eq!(second.run(run.id()).unwrap().history("loss").unwrap().len(), 1);
    assert_eq!(first.info().unwrap().writers.len(), 1);
}

/// Logs 50,000 points and rows, and seals some of their extents meanwhile.
fn log_many_extents(write_path: WritePath) -> (TestDatabase, RunId) {
    let database = TestDatabase::build(builder().write_path(write_path).background(false));
    let run = start_run(&database, "many");
    let loss = run.metric("loss").unwrap();
    let row = run.metric_row(&["x", "y", "z"]).unwrap();
    for step in 0..50_000_i64 {
        let time = Timestamp::from_nanos(1_000_000 * step);
        loss.log_at(step as f64, step, time).unwrap();
        row.log_at(&[step as f64, 0.5, -1.0], step, time).unwrap();
        if step % 20_000 == 19_999 {
            database.tick().unwrap();
        }
    }
    (database, run.id())
}

fn check_many_extents(database: &Database, id: RunId) {
    let run = database.run(id).unwrap();
    let history = run.history("loss").unwrap();
    assert_eq!(history.len(), 50_000);
    assert!(history.iter().zip(0..).all(|(point, step)| point.step == step));
    assert_eq!(run.history("x").unwrap().values, history.values);
    assert_eq!(run.latest("loss").unwrap().unwrap().value, 49_999.0);
}

#[test]
fn sealed_and_live_extents_are_read_together() {
    for write_path in [WritePath::Mapped, WritePath::Positioned] {
        let (database, id) = log_many_extents(write_path);
        check_many_extents(&database, id);
        let reader = open_read_only(database.path());
        check_many_extents(&reader, id);
        assert!(Database::verify(database.path()).unwrap().is_sound());
        let statistics = database.run(id).unwrap().statistics("y").unwrap().unwrap();
        assert_eq!(statistics.count, 50_000);
    }
}

#[test]
fn a_param_cannot_be_changed() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_param("rate", 0.1).unwrap();
    run.log_param("rate", 0.1).unwrap();
    assert_eq!(error_kind(run.log_param("rate", 0.2)), ErrorKind::InvalidInput);
    let both = run.log_params([("depth", "3"), ("rate", "9")]);
    assert_eq!(error_kind(both), ErrorKind::InvalidInput);
    assert_eq!(run.params().unwrap().len(), 1, "a rejected batch must set nothing");
}

#[test]
fn tags_can_be_replaced_and_deleted() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.set_tag("stage", "a").unwrap();
    run.set_tag("stage", "b").unwrap();
    assert_eq!(run.tags().unwrap()["stage"], "b");
    run.delete_tag("stage").unwrap();
    assert_eq!(run.delete_tag("stage").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_path_names_one_experiment() {
    let database = TestDatabase::new();
    let first = database.experiment("/a/b").unwrap();
    assert_eq!(first.id(), ExperimentId::new(1));
    assert_eq!(database.experiment("/a/b").unwrap().id(), first.id());
    assert!(database.find_experiment("/a/c").unwrap().is_none());
    let second = database.experiment("/a/c").unwrap();
    assert_eq!(error_kind(second.rename("/a/b")), ErrorKind::AlreadyExists);
    let missing = database.experiment_by_id(ExperimentId::new(99));
    assert_eq!(error_kind(missing), ErrorKind::NotFound);
}

#[test]
fn experiments_are_listed_with_their_paths_and_tags() {
    let database = TestDatabase::new();
    database.experiment("/a/b").unwrap();
    let second = database.experiment("/a/c").unwrap();
    second.rename("/a/d").unwrap();
    second.set_tag("owner", "me").unwrap();
    second.delete().unwrap();
    second.restore().unwrap();
    let infos = database.experiments().unwrap();
    let paths: Vec<&str> = infos.iter().map(|info| info.path.as_str()).collect();
    assert_eq!(paths, ["Default", "/a/b", "/a/d"]);
    assert_eq!(infos[2].tags["owner"], "me");
}

#[test]
fn a_deleted_experiment_cannot_be_used_until_it_is_restored() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/a/d").unwrap();
    let run = experiment.start_run("x").unwrap();
    experiment.delete().unwrap();
    assert_eq!(error_kind(experiment.delete()), ErrorKind::NotFound);
    assert_eq!(error_kind(experiment.start_run("y")), ErrorKind::InvalidState);
    assert_eq!(error_kind(run.log_metric("loss", 1.0, 0)), ErrorKind::InvalidState);
    assert_eq!(error_kind(database.experiment("/a/d")), ErrorKind::InvalidState);
    experiment.restore().unwrap();
    run.log_metric("loss", 1.0, 0).unwrap();
}

#[test]
fn a_finished_run_can_be_written_only_through_a_new_handle() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let loss = run.metric("loss").unwrap();
    let id = run.id();
    run.finish().unwrap();
    assert_eq!(loss.log(1.0, 0).unwrap_err().kind(), ErrorKind::InvalidState);
    let again = database.run(id).unwrap();
    let info = again.info().unwrap();
    assert_eq!(info.status, RunStatus::Finished);
    assert!(info.ended.is_some());
    again.log_metric("loss", 2.0, Step::NEXT).unwrap();
}

#[test]
fn a_finished_run_can_be_resumed() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let id = run.id();
    run.finish().unwrap();
    let resumed = database.resume_run(id).unwrap();
    assert_eq!(resumed.info().unwrap().status, RunStatus::Running);
    assert_eq!(resumed.info().unwrap().ended, None);
    assert!(resumed.is_alive().unwrap());
}

/// Starts two runs of 5,000 points and deletes the second, of which a handle is kept.
fn kept_and_deleted(database: &Database) -> [Run; 2] {
    let runs = ["kept", "deleted"].map(|name| start_run(database, name));
    for step in 0..5000 {
        runs[0].log_metric("loss", f64::from(step), step).unwrap();
        runs[1].log_metric("loss", f64::from(step) * 0.37, step).unwrap();
    }
    runs[1].clone().delete().unwrap();
    runs
}

#[test]
fn a_deleted_run_is_read_only_until_it_is_restored() {
    let database = TestDatabase::new();
    let [_kept, run] = kept_and_deleted(&database);
    assert_eq!(error_kind(run.log_metric("loss", 0.0, 0)), ErrorKind::InvalidState);
    assert_eq!(error_kind(run.set_tag("a", "b")), ErrorKind::InvalidState);
    assert_eq!(run.history("loss").unwrap().len(), 5000);
    assert_eq!(database.runs().unwrap().len(), 1);
    let all = database.all_runs().unwrap();
    assert_eq!(all.iter().filter(|run| run.info.lifecycle == Lifecycle::Deleted).count(), 1);

    database.restore_run(run.id()).unwrap();
    run.log_metric("loss", 0.0, 5000).unwrap();
}

#[test]
fn gc_purges_a_deleted_run() {
    let database = TestDatabase::new();
    let [kept, run] = kept_and_deleted(&database);
    database.restore_run(run.id()).unwrap();
    database.delete_run(run.id()).unwrap();
    assert_eq!(database.gc().unwrap().runs, 1);
    assert_eq!(error_kind(database.run(run.id())), ErrorKind::NotFound);
    assert_eq!(error_kind(run.history("loss")), ErrorKind::NotFound);
    assert_eq!(error_kind(run.latest("loss")), ErrorKind::NotFound);
    assert_eq!(error_kind(run.log_metric("loss", 0.0, 0)), ErrorKind::NotFound);
    assert_eq!(error_kind(run.set_tag("a", "b")), ErrorKind::NotFound);
    assert_eq!(error_kind(run.params()), ErrorKind::NotFound);
    assert_eq!(kept.history("loss").unwrap().len(), 5000);
}

#[test]
fn vacuum_erases_the_bytes_of_purged_runs() {
    let database = TestDatabase::new();
    let [kept, run] = kept_and_deleted(&database);
    database.gc().unwrap();
    let (kept_id, id) = (kept.id(), run.id());
    drop((kept, run));
    let folder = database.close();
    let report = Database::vacuum(folder.file()).unwrap();
    assert!(report.after_bytes <= report.before_bytes);
    let bytes = std::fs::read(folder.file()).unwrap();
    let purged = id.to_bits().to_le_bytes();
    assert!(!bytes.windows(16).any(|window| window == purged), "the id is still in the file");

    let database = open(&folder.file());
    assert_eq!(database.run(kept_id).unwrap().history("loss").unwrap().len(), 5000);
    assert!(Database::verify(folder.file()).unwrap().is_sound());
}

#[test]
fn a_backup_of_a_live_file_has_the_points_logged_before_it() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let row = run.metric_row(&["a", "b"]).unwrap();
    for step in 0..10_000 {
        row.log(&[f64::from(step), 1.0], step).unwrap();
    }
    let copy = database.folder().join("copy.tracklite");
    database.backup(&copy).unwrap();
    assert_eq!(error_kind(database.backup(&copy)), ErrorKind::AlreadyExists);
    row.log(&[0.0, 0.0], 10_000).unwrap();
    let other = Database::open_read_only(&copy).unwrap();
    assert_eq!(other.run(run.id()).unwrap().history("a").unwrap().len(), 10_000);
    assert!(!other.run(run.id()).unwrap().is_alive().unwrap());
    assert!(Database::verify(&copy).unwrap().is_sound());
}

#[test]
fn a_run_can_be_nested() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let parent = experiment.start_run("parent").unwrap();
    let child = experiment.new_run().parent(parent.id()).param("seed", 1).start().unwrap();
    assert_eq!(parent.children().unwrap(), [child.id()]);
    assert_eq!(child.info().unwrap().parent, Some(parent.id()));
}

#[test]
fn a_run_is_found_by_a_prefix_of_its_id() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let text = run.id().to_string();
    assert_eq!(database.run_by_prefix(&text).unwrap().id(), run.id());
    assert_eq!(database.run_by_prefix(&text[..12].to_uppercase()).unwrap().id(), run.id());
    assert_eq!(error_kind(database.run_by_prefix("xyz")), ErrorKind::NotFound);
    assert_eq!(error_kind(database.run_by_prefix("")), ErrorKind::NotFound);
}

#[test]
fn an_array_of_points_can_be_logged_at_once() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let points: Vec<MetricPoint> = (0..1000)
        .map(|step| MetricPoint { step, time: Timestamp::from_nanos(step), value: step as f64 })
        .collect();
    run.metric("array").unwrap().log_points(&points).unwrap();
    assert!(run.history("array").unwrap().iter().eq(points.iter().copied()));
}

#[test]
fn a_row_may_have_100_000_metrics() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let keys: Vec<String> = (0..100_000).map(|number| format!("k{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let row = run.metric_row(&keys).unwrap();
    let values: Vec<f64> = (0..100_000).map(f64::from).collect();
    row.log(&values, 1).unwrap();
    assert_eq!(error_kind(row.log(&values[1..], 1)), ErrorKind::InvalidInput);
    assert_eq!(run.history("k99999").unwrap().values, [99_999.0]);
    let id = run.id();
    drop((row, run));

    let database = database.reopen();
    let run = database.run(id).unwrap();
    assert_eq!(run.metrics().unwrap().len(), 100_000);
    assert_eq!(run.history("k5").unwrap().values, [5.0]);
}

#[test]
fn a_tag_may_be_as_long_as_its_limit() {
    let database = TestDatabase::build(builder().limits(Limits::default().tag_value(1 << 20)));
    let run = start_run(&database, "");
    let large = "x".repeat(1 << 20);
    run.set_tag("large", &large).unwrap();
    assert_eq!(run.tags().unwrap()["large"], large);
    let id = run.id();
    drop(run);
    assert_eq!(database.reopen().run(id).unwrap().tags().unwrap()["large"], large);
}

#[test]
fn a_row_with_a_duplicate_metric_is_rejected() {
    let database = TestDatabase::new();
    let duplicate = start_run(&database, "").log_metrics(&[("a", 1.0), ("a", 2.0)], 0);
    assert_eq!(error_kind(duplicate), ErrorKind::InvalidInput);
}

#[test]
fn the_background_thread_seals_while_points_are_logged() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let loss = run.metric("loss").unwrap();
    let mut logged = 0_u32;
    let is_sealed = |database: &Database| {
        let table = database.sql("SELECT count(*) FROM blocks").unwrap();
        format!("{:?}", table.rows[0][0]) != "Integer(0)"
    };
    while !is_sealed(&database) {
        for _ in 0..10_000 {
            loss.log(0.5, i64::from(logged)).unwrap();
            logged += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(run.history("loss").unwrap().len(), logged as usize);
}

#[test]
fn runs_are_listed_with_their_latest_values_while_extents_are_sealed() {
    let database = TestDatabase::new();
    let runs: Vec<_> =
        (0..3).map(|number| start_run(&database, &format!("run {number}"))).collect();
    let logged = [const { AtomicI64::new(-1) }; 3];
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (run, logged) in runs.iter().zip(&logged) {
            let loss = run.metric("loss").unwrap();
            let is_over = &is_over;
            scope.spawn(move || {
                for step in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    loss.log(0.5, step).unwrap();
                    logged.store(step, Ordering::Release);
                    // Log no faster than extents can be sealed.
                    if step % 1000 == 0 {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
        for _ in 0..30 {
            let before: Vec<i64> = logged.iter().map(|step| step.load(Ordering::Acquire)).collect();
            let listed = database.runs().unwrap();
            for (run, before) in runs.iter().zip(before) {
                let record = listed.iter().find(|record| record.info.id == run.id()).unwrap();
                let seen = record.metrics.get("loss").map_or(-1, |point| point.step);
                assert!(
                    seen >= before,
                    "step {before} was logged, but {seen} is listed as the latest"
                );
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let count: i64 = logged.iter().map(|step| step.load(Ordering::Relaxed) + 1).sum();
    let counted = database.info().unwrap().points;
    assert!((count as u64..=count as u64 + 3).contains(&counted), "{counted} points of {count}");
}
