//! The tracking core as a user sees it: what is logged is there, live and after reopening.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tracklite::{
    Database, ErrorKind, ExperimentId, IndexPlace, Lifecycle, Limits, MetricPoint, RunStatus, Step,
    Timestamp, WritePath,
};

fn open(path: &std::path::Path) -> Database {
    Database::builder().create(true).index(IndexPlace::InMemory).open(path).unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn what_is_logged_is_there_live_and_after_reopening() {
    let folder = folder();
    let path = folder.path().join("runs.tracklite");
    let database = open(&path);
    let experiment = database.experiment("/Shared/team/churn").unwrap();
    let run = experiment.start_run("baseline").unwrap();
    run.log_params([("rate", "0.1"), ("depth", "3")]).unwrap();
    run.set_tag("stage", "test").unwrap();
    let special = [1.5, f64::NAN, f64::INFINITY, -0.0, f64::NEG_INFINITY];
    for (step, value) in (-2_i64..).zip(special) {
        run.log_metric("loss", value, step).unwrap();
        run.log_metrics(&[("a", value), ("b", 2.0)], step).unwrap();
    }
    let id = run.id();
    let check = |database: &Database| {
        let run = database.run(id).unwrap();
        for key in ["loss", "a"] {
            let history = run.history(key).unwrap();
            let bits: Vec<u64> = history.values.iter().map(|value| value.to_bits()).collect();
            assert_eq!(bits, special.map(f64::to_bits), "{key}");
            assert_eq!(history.steps, [-2, -1, 0, 1, 2]);
        }
        assert_eq!(run.params().unwrap()["rate"], "0.1");
        assert_eq!(run.tags().unwrap()["stage"], "test");
        let statistics = run.statistics("loss").unwrap().unwrap();
        assert_eq!((statistics.count, statistics.nan_count), (5, 1));
        assert_eq!((statistics.first_step, statistics.last_step), (-2, 2));
        assert_eq!((statistics.min, statistics.max), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(run.latest("b").unwrap().unwrap().step, 2);
        assert_eq!(run.latest("c").unwrap(), None);
        assert!(run.history("c").unwrap().is_empty());
    };
    check(&database);
    database.tick().unwrap();
    check(&database);
    assert!(run.is_alive().unwrap());
    drop(run);
    drop(experiment);
    database.close().unwrap();
    let database = open(&path);
    check(&database);
    let run = database.run(id).unwrap();
    assert_eq!(run.info().unwrap().status, RunStatus::Running);
    assert!(!run.is_alive().unwrap());
    let report = Database::verify(&path).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.points, 15);
}

#[test]
fn the_same_file_opened_twice_shares_one_engine() {
    let folder = folder();
    let path = folder.path().join("runs.tracklite");
    let first = open(&path);
    let link = folder.path().join("link.tracklite");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let second = open(&link);
    let run = first.default_experiment().unwrap().start_run("").unwrap();
    run.log_metric("loss", 1.0, 0).unwrap();
    assert_eq!(second.run(run.id()).unwrap().history("loss").unwrap().len(), 1);
    assert_eq!(first.info().unwrap().writers.len(), 1);
}

#[test]
fn many_extents_are_sealed_and_read_back() {
    for write_path in [WritePath::Mapped, WritePath::Positioned] {
        let folder = folder();
        let path = folder.path().join("runs.tracklite");
        let builder = Database::builder().create(true).index(IndexPlace::InMemory);
        let database = builder.write_path(write_path).background(false).open(&path).unwrap();
        let run = database.default_experiment().unwrap().start_run("many").unwrap();
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
        let check = |database: &Database| {
            let run = database.run(run.id()).unwrap();
            let history = run.history("loss").unwrap();
            assert_eq!(history.len(), 50_000);
            assert!(history.iter().zip(0..).all(|(point, step)| point.step == step));
            assert_eq!(run.history("x").unwrap().values, history.values);
            assert_eq!(run.latest("loss").unwrap().unwrap().value, 49_999.0);
        };
        check(&database);
        let reader =
            Database::builder().read_only(true).index(IndexPlace::InMemory).open(&path).unwrap();
        check(&reader);
        assert!(Database::verify(&path).unwrap().is_sound());
        drop((loss, row));
        let id = run.id();
        drop(run.clone());
        check(&reader);
        assert_eq!(database.run(id).unwrap().statistics("y").unwrap().unwrap().count, 50_000);
    }
}

#[test]
fn params_are_set_once_and_tags_overwritten() {
    let folder = folder();
    let database = open(&folder.path().join("runs.tracklite"));
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    run.log_param("rate", 0.1).unwrap();
    run.log_param("rate", 0.1).unwrap();
    assert_eq!(run.log_param("rate", 0.2).unwrap_err().kind(), ErrorKind::InvalidInput);
    let both = run.log_params([("depth", "3"), ("rate", "9")]);
    assert_eq!(both.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(run.params().unwrap().len(), 1, "a refused batch sets nothing");
    run.set_tag("stage", "a").unwrap();
    run.set_tag("stage", "b").unwrap();
    assert_eq!(run.tags().unwrap()["stage"], "b");
    run.delete_tag("stage").unwrap();
    assert_eq!(run.delete_tag("stage").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn experiments_are_named_by_their_path() {
    let folder = folder();
    let database = open(&folder.path().join("runs.tracklite"));
    let first = database.experiment("/a/b").unwrap();
    assert_eq!(first.id(), ExperimentId::new(1));
    assert_eq!(database.experiment("/a/b").unwrap().id(), first.id());
    assert!(database.find_experiment("/a/c").unwrap().is_none());
    let second = database.experiment("/a/c").unwrap();
    assert_eq!(second.rename("/a/b").unwrap_err().kind(), ErrorKind::AlreadyExists);
    second.rename("/a/d").unwrap();
    second.set_tag("owner", "me").unwrap();
    let run = second.start_run("x").unwrap();
    second.delete().unwrap();
    assert_eq!(second.delete().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(second.start_run("y").unwrap_err().kind(), ErrorKind::InvalidState);
    assert_eq!(run.log_metric("loss", 1.0, 0).unwrap_err().kind(), ErrorKind::InvalidState);
    assert_eq!(database.experiment("/a/d").unwrap_err().kind(), ErrorKind::InvalidState);
    second.restore().unwrap();
    run.log_metric("loss", 1.0, 0).unwrap();
    let infos = database.experiments().unwrap();
    let paths: Vec<&str> = infos.iter().map(|info| info.path.as_str()).collect();
    assert_eq!(paths, ["Default", "/a/b", "/a/d"]);
    assert_eq!(infos[2].tags["owner"], "me");
    let missing = database.experiment_by_id(ExperimentId::new(99));
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_finished_run_takes_writes_through_a_new_handle_only() {
    let folder = folder();
    let database = open(&folder.path().join("runs.tracklite"));
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    let loss = run.metric("loss").unwrap();
    let id = run.id();
    run.finish().unwrap();
    assert_eq!(loss.log(1.0, 0).unwrap_err().kind(), ErrorKind::InvalidState);
    let again = database.run(id).unwrap();
    let info = again.info().unwrap();
    assert_eq!(info.status, RunStatus::Finished);
    assert!(info.ended.is_some());
    again.log_metric("loss", 2.0, Step::NEXT).unwrap();
    let resumed = database.resume_run(id).unwrap();
    assert_eq!(resumed.info().unwrap().status, RunStatus::Running);
    assert_eq!(resumed.info().unwrap().ended, None);
    assert!(resumed.is_alive().unwrap());
}

#[test]
fn deleted_runs_are_read_only_until_restored_and_gone_after_gc() {
    let folder = folder();
    let path = folder.path().join("runs.tracklite");
    let database = open(&path);
    let experiment = database.default_experiment().unwrap();
    let kept = experiment.start_run("kept").unwrap();
    let run = experiment.start_run("deleted").unwrap();
    for step in 0..5000 {
        kept.log_metric("loss", f64::from(step), step).unwrap();
        run.log_metric("loss", f64::from(step) * 0.37, step).unwrap();
    }
    let handle = run.clone();
    let id = run.id();
    run.delete().unwrap();
    assert_eq!(handle.log_metric("loss", 0.0, 0).unwrap_err().kind(), ErrorKind::InvalidState);
    assert_eq!(handle.set_tag("a", "b").unwrap_err().kind(), ErrorKind::InvalidState);
    assert_eq!(handle.history("loss").unwrap().len(), 5000);
    assert_eq!(database.runs().unwrap().len(), 1);
    let all = database.all_runs().unwrap();
    assert_eq!(all.iter().filter(|run| run.info.lifecycle == Lifecycle::Deleted).count(), 1);
    database.restore_run(id).unwrap();
    handle.log_metric("loss", 0.0, 5000).unwrap();
    database.delete_run(id).unwrap();
    let report = database.gc().unwrap();
    assert_eq!(report.runs, 1);
    assert_eq!(database.run(id).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(handle.history("loss").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(handle.latest("loss").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(handle.log_metric("loss", 0.0, 0).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(handle.set_tag("a", "b").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(handle.params().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(kept.history("loss").unwrap().len(), 5000);
    let kept_id = kept.id();
    drop((handle, kept, experiment));
    database.close().unwrap();
    let report = Database::vacuum(&path).unwrap();
    assert!(report.after_bytes <= report.before_bytes);
    let bytes = std::fs::read(&path).unwrap();
    let gone = id.to_bits().to_le_bytes();
    assert!(!bytes.windows(16).any(|window| window == gone), "a vacuum erases purged runs");
    let database = open(&path);
    assert_eq!(database.run(kept_id).unwrap().history("loss").unwrap().len(), 5000);
    assert!(Database::verify(&path).unwrap().is_sound());
}

#[test]
fn a_backup_of_a_live_file_holds_what_was_logged() {
    let folder = folder();
    let path = folder.path().join("runs.tracklite");
    let database = open(&path);
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    let row = run.metric_row(&["a", "b"]).unwrap();
    for step in 0..10_000 {
        row.log(&[f64::from(step), 1.0], step).unwrap();
    }
    let copy = folder.path().join("copy.tracklite");
    database.backup(&copy).unwrap();
    assert_eq!(database.backup(&copy).unwrap_err().kind(), ErrorKind::AlreadyExists);
    row.log(&[0.0, 0.0], 10_000).unwrap();
    let other = Database::open_read_only(&copy).unwrap();
    assert_eq!(other.run(run.id()).unwrap().history("a").unwrap().len(), 10_000);
    assert!(!other.run(run.id()).unwrap().is_alive().unwrap());
    assert!(Database::verify(&copy).unwrap().is_sound());
}

#[test]
fn nested_runs_and_prefixes() {
    let folder = folder();
    let database = open(&folder.path().join("runs.tracklite"));
    let experiment = database.default_experiment().unwrap();
    let parent = experiment.start_run("parent").unwrap();
    let child = experiment.new_run().parent(parent.id()).param("seed", 1).start().unwrap();
    assert_eq!(parent.children().unwrap(), [child.id()]);
    assert_eq!(child.info().unwrap().parent, Some(parent.id()));
    let text = child.id().to_string();
    assert_eq!(database.find_run(&text).unwrap(), child.id());
    assert_eq!(database.find_run(&text[..12].to_uppercase()).unwrap(), child.id());
    assert_eq!(database.find_run("xyz").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(database.find_run("").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn arrays_rows_and_large_things() {
    let folder = folder();
    let path = folder.path().join("runs.tracklite");
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    let database = builder.limits(Limits::default().tag_value(1 << 20)).open(&path).unwrap();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    let points: Vec<MetricPoint> = (0..1000)
        .map(|step| MetricPoint { step, time: Timestamp::from_nanos(step), value: step as f64 })
        .collect();
    run.metric("array").unwrap().log_points(&points).unwrap();
    assert!(run.history("array").unwrap().iter().eq(points.iter().copied()));
    let keys: Vec<String> = (0..100_000).map(|number| format!("k{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let row = run.metric_row(&keys).unwrap();
    let values: Vec<f64> = (0..100_000).map(f64::from).collect();
    row.log(&values, 1).unwrap();
    assert_eq!(row.log(&values[1..], 1).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(run.history("k99999").unwrap().values, [99_999.0]);
    let large = "x".repeat(1 << 20);
    run.set_tag("large", &large).unwrap();
    assert_eq!(run.tags().unwrap()["large"], large);
    let twice = run.log_metrics(&[("a", 1.0), ("a", 2.0)], 0);
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::InvalidInput);
    let id = run.id();
    drop((row, run));
    database.close().unwrap();
    let database = open(&path);
    let run = database.run(id).unwrap();
    assert_eq!(run.metrics().unwrap().len(), 100_001);
    assert_eq!(run.history("k5").unwrap().values, [5.0]);
    assert_eq!(run.tags().unwrap()["large"], large);
}

#[test]
fn background_thread_seals_while_the_program_logs() {
    let folder = folder();
    let database = open(&folder.path().join("runs.tracklite"));
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    let loss = run.metric("loss").unwrap();
    let mut logged = 0_u32;
    let sealed = |database: &Database| {
        let table = database.sql("SELECT count(*) FROM blocks").unwrap();
        format!("{:?}", table.rows[0][0]) != "Integer(0)"
    };
    while !sealed(&database) {
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
    let folder = folder();
    let database = open(&folder.path().join("runs.tracklite"));
    let runs: Vec<_> = (0..3)
        .map(|number| {
            database.default_experiment().unwrap().start_run(&format!("run {number}")).unwrap()
        })
        .collect();
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
                    // As fast as extents can be sealed, and not faster.
                    if step % 1000 == 0 {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            });
        }
        for _ in 0..30 {
            let before: Vec<i64> = logged.iter().map(|it| it.load(Ordering::Acquire)).collect();
            let listed = database.runs().unwrap();
            for (run, before) in runs.iter().zip(before) {
                let record = listed.iter().find(|it| it.info.id == run.id()).unwrap();
                let seen = record.metrics.get("loss").map_or(-1, |point| point.step);
                assert!(seen >= before, "{before} was logged, {seen} is the latest");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let count: i64 = logged.iter().map(|it| it.load(Ordering::Relaxed) + 1).sum();
    let told = database.info().unwrap().points;
    assert!(told >= count as u64 && told <= count as u64 + 3, "{told} points of {count}");
}
