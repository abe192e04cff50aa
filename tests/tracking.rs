//! The rules of experiments, runs, params, tags and metrics, one by one.

use std::collections::BTreeSet;
use tracklite::{
    Database, ErrorKind, ExperimentId, Lifecycle, MetricPoint, RunId, RunStatus, Step, Timestamp,
};

use crate::common::{TestDatabase, error_kind, start_run};

#[test]
fn the_default_experiment_always_exists() {
    let database = TestDatabase::new();
    let default = database.default_experiment().unwrap();
    assert_eq!(default.id(), ExperimentId::DEFAULT);
    assert_eq!(default.info().unwrap().path, "Default");
    assert_eq!(database.experiment("Default").unwrap().id(), ExperimentId::DEFAULT);
}

#[test]
fn the_default_experiment_can_be_deleted_and_restored() {
    let database = TestDatabase::new();
    let default = database.default_experiment().unwrap();
    let run = default.start_run("one").unwrap();
    default.delete().unwrap();
    assert_eq!(default.info().unwrap().lifecycle, Lifecycle::Deleted);
    assert_eq!(run.info().unwrap().lifecycle, Lifecycle::Deleted);
    let again = database.default_experiment().unwrap();
    for refused in [
        again.start_run("two").map(drop),
        database.experiment("Default").map(drop),
        again.new_logged_model().create().map(drop),
        run.log_metric("loss", 1.0, 0),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidState);
        assert!(error.to_string().contains("Restore it first."), "{error}");
    }
    default.restore().unwrap();
    run.log_metric("loss", 1.0, 0).unwrap();
    again.start_run("two").unwrap();
}

#[test]
fn a_gc_purges_the_runs_of_the_deleted_default_experiment_but_not_itself() {
    let database = TestDatabase::new();
    let default = database.default_experiment().unwrap();
    let other = database.experiment("/other").unwrap();
    for experiment in [&default, &other] {
        experiment.start_run("").unwrap();
        experiment.new_logged_model().create().unwrap();
        experiment.delete().unwrap();
    }
    let report = database.gc().unwrap();
    assert_eq!((report.runs, report.experiments, report.logged_models), (2, 1, 2));
    let left: Vec<_> = database.experiments().unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(left, [ExperimentId::DEFAULT]);
    assert_eq!(database.gc().unwrap().experiments, 0);
    default.restore().unwrap();
    assert_eq!(database.all_runs().unwrap().len(), 0);

    default.start_run("").unwrap();
    default.delete().unwrap();
    let deleted = database.deleted_before(Timestamp::now()).unwrap();
    assert_eq!(deleted.experiments, [ExperimentId::DEFAULT]);
    let report = database.purge(&deleted).unwrap();
    assert_eq!((report.runs, report.experiments), (1, 0));
    assert_eq!(default.info().unwrap().lifecycle, Lifecycle::Deleted);
    // Every handle must be closed before a vacuum, which rewrites the file.
    let (path, copy) = (database.path().to_owned(), database.path().with_extension("copy"));
    database.backup(&copy).unwrap();
    for path in [path, copy] {
        let reader = tracklite::Database::open_read_only(path).unwrap();
        let info = reader.default_experiment().unwrap().info().unwrap();
        assert_eq!(info.lifecycle, Lifecycle::Deleted);
    }
}

#[test]
fn runs_are_deleted_and_restored_with_their_experiment() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/team/churn").unwrap();
    let run = experiment.start_run("one").unwrap();
    assert_eq!(error_kind(experiment.restore()), ErrorKind::NotFound);
    experiment.delete().unwrap();
    let found = database.find_experiment("/team/churn").unwrap().unwrap();
    assert_eq!(found.info().unwrap().lifecycle, Lifecycle::Deleted);
    assert_eq!(run.info().unwrap().lifecycle, Lifecycle::Deleted);
    assert!(database.runs().unwrap().is_empty());
    let other = database.experiment("/team/other").unwrap();
    experiment.restore().unwrap();
    assert_eq!(run.info().unwrap().lifecycle, Lifecycle::Active);
    assert_eq!(experiment.runs().unwrap().len(), 1);
    assert!(other.runs().unwrap().is_empty());
}

#[test]
fn a_deleted_experiment_keeps_its_path_and_cannot_be_changed() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/team/churn").unwrap();
    experiment.start_run("one").unwrap();
    experiment.delete().unwrap();
    assert_eq!(error_kind(experiment.set_tag("a", "b")), ErrorKind::InvalidState);
    assert_eq!(error_kind(experiment.rename("/team/other")), ErrorKind::InvalidState);
    let other = database.experiment("/team/other").unwrap();
    assert_eq!(error_kind(other.rename("/team/churn")), ErrorKind::AlreadyExists);
}

#[test]
fn a_renamed_experiment_frees_its_path() {
    let database = TestDatabase::new();
    let first = database.experiment("/a").unwrap();
    first.rename("/a").unwrap();
    first.rename("/b").unwrap();
    assert!(database.find_experiment("/a").unwrap().is_none());
    assert_ne!(database.experiment("/a").unwrap().id(), first.id());
    assert_eq!(database.experiment("/b").unwrap().id(), first.id());
}

#[test]
fn tags_of_an_experiment_can_be_replaced_and_deleted() {
    let database = TestDatabase::new();
    let first = database.experiment("/a").unwrap();
    first.set_tag("owner", "me").unwrap();
    first.set_tag("owner", "you").unwrap();
    assert_eq!(first.tags().unwrap()["owner"], "you");
    first.delete_tag("owner").unwrap();
    assert_eq!(error_kind(first.delete_tag("owner")), ErrorKind::NotFound);
}

#[test]
fn a_run_without_a_name_gets_a_generated_one() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let names: BTreeSet<String> =
        (0..20).map(|_| experiment.start_run("").unwrap().name().unwrap()).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in &names {
        let parts: Vec<&str> = name.split('-').collect();
        let [adjective, noun, number] = parts[..] else { panic!("{name}") };
        assert!(!adjective.is_empty() && !noun.is_empty() && number.parse::<u16>().is_ok());
    }
}

#[test]
fn a_run_can_be_renamed() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("baseline").unwrap();
    run.set_name("second").unwrap();
    assert_eq!(run.name().unwrap(), "second");
    assert_eq!(error_kind(run.set_name(" ")), ErrorKind::InvalidInput);
}

#[test]
fn a_nested_run_needs_an_existing_active_parent() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let parent = experiment.start_run("parent").unwrap();
    let children: Vec<RunId> = (0..3)
        .map(|seed| {
            experiment.new_run().parent(parent.id()).param("seed", seed).start().unwrap().id()
        })
        .collect();
    assert_eq!(parent.children().unwrap(), children);
    let unknown = experiment.new_run().parent(RunId::from_bits(1)).start();
    assert_eq!(error_kind(unknown), ErrorKind::NotFound);
    let id = parent.id();
    parent.delete().unwrap();
    assert_eq!(error_kind(experiment.new_run().parent(id).start()), ErrorKind::InvalidState);
    let child = database.run(children[0]).unwrap();
    assert_eq!(child.info().unwrap().lifecycle, Lifecycle::Active, "children must stay active");
}

#[test]
fn a_rejected_run_is_not_started() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let twice = experiment.new_run().param("a", 1).param("a", 2).start();
    assert_eq!(error_kind(twice), ErrorKind::InvalidInput);
    assert_eq!(error_kind(experiment.new_run().param("", 1).start()), ErrorKind::InvalidInput);
    assert_eq!(error_kind(experiment.new_run().tag("a*", 1).start()), ErrorKind::InvalidInput);
    assert!(database.all_runs().unwrap().is_empty());
}

#[test]
fn a_run_can_be_started_with_a_time_params_and_tags() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let started = Timestamp::from_millis(1_000).unwrap();
    let run = experiment.new_run().name("old").started(started).param("a", 1).param("a", 1);
    let run = run.params([("b", 0.5)]).tags([("t", "x")]).start().unwrap();
    assert_eq!(run.info().unwrap().started, started);
    let record = run.record().unwrap();
    assert_eq!((&*record.params["a"], &*record.params["b"], &*record.tags["t"]), ("1", "0.5", "x"));
}

#[test]
fn given_steps_are_stored_unchanged() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let at = |nanos| Timestamp::from_nanos(nanos);
    let metric = run.metric("loss").unwrap();
    let steps = [5, 5, i64::MIN, -1, i64::MAX, 5];
    for (time, step) in (0..).zip(steps) {
        metric.log_at(0.5, step, at(time)).unwrap();
    }
    assert_eq!(run.history("loss").unwrap().steps, steps);
}

#[test]
fn missing_steps_follow_the_last_one() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let at = |nanos| Timestamp::from_nanos(nanos);
    let counted = run.metric("counted").unwrap();
    counted.log_at(1.0, Step::NEXT, at(0)).unwrap();
    counted.log_at(1.0, Step::NEXT, at(1)).unwrap();
    counted.log_at(1.0, 40, at(2)).unwrap();
    counted.clone().log_at(1.0, None, at(3)).unwrap();
    run.metric("counted").unwrap().log_at(1.0, Step::NEXT, at(4)).unwrap();
    assert_eq!(run.history("counted").unwrap().steps, [0, 1, 40, 41, 42]);
    let row = run.metric_row(&["x", "y"]).unwrap();
    row.log_at(&[1.0, 2.0], Step::NEXT, at(0)).unwrap();
    row.log_at(&[1.0, 2.0], Step::NEXT, at(1)).unwrap();
    assert_eq!(run.history("y").unwrap().steps, [0, 1]);
}

#[test]
fn a_point_without_a_time_gets_the_current_time() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let before = Timestamp::now();
    run.log_metric("loss", 1.0, 0).unwrap();
    run.log_metrics(&[("a", 1.0)], 0).unwrap();
    let after = Timestamp::now();
    for key in ["loss", "a"] {
        let time = run.latest(key).unwrap().unwrap().time;
        assert!((before..=after).contains(&time), "{key}: {time:?}");
    }
}

#[test]
fn the_latest_point_is_the_maximum_by_step_time_and_value() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let point = |step, time, value| MetricPoint { step, time: Timestamp::from_nanos(time), value };
    let cases: [(&str, Vec<MetricPoint>, usize); 5] = [
        ("step", vec![point(3, 1, 0.0), point(2, 9, 9.0)], 0),
        ("time", vec![point(1, 5, 0.0), point(1, 7, -9.0), point(1, 6, 9.0)], 1),
        ("value", vec![point(1, 1, 1.0), point(1, 1, 3.0), point(1, 1, 2.0)], 1),
        ("nan_above", vec![point(1, 1, -1.0), point(1, 1, f64::NAN)], 1),
        ("nan_below", vec![point(1, 1, 1.0), point(1, 1, f64::NAN)], 0),
    ];
    for (key, points, _) in &cases {
        run.metric(key).unwrap().log_points(points).unwrap();
    }
    let check = |database: &Database| {
        let run = database.run(run.id()).unwrap();
        let metrics = run.metrics().unwrap();
        for (key, points, latest) in &cases {
            assert_eq!(run.latest(key).unwrap(), Some(points[*latest]), "{key}");
            assert_eq!(metrics[*key], points[*latest], "{key}");
            assert_eq!(run.record().unwrap().metrics[*key], points[*latest], "{key}");
        }
    };
    check(&database);
    let copy = database.folder().join("sealed.tracklite");
    database.backup(&copy).unwrap();
    check(&Database::open_read_only(&copy).unwrap());
}

#[test]
fn statistics_ignore_nan_except_for_its_count() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    for (step, value) in [(4, 1.0), (-3, 2.0), (4, f64::NAN), (0, 6.0)] {
        run.log_metric("loss", value, step).unwrap();
    }
    let statistics = run.statistics("loss").unwrap().unwrap();
    assert_eq!((statistics.count, statistics.nan_count), (4, 1));
    assert_eq!((statistics.first_step, statistics.last_step), (-3, 4));
    assert_eq!((statistics.min, statistics.max, statistics.mean()), (1.0, 6.0, 3.0));
    assert_eq!(statistics.latest.step, 4);
    assert_eq!(run.statistics("none").unwrap(), None);
}

#[test]
fn a_run_is_alive_until_its_process_closes_the_database() {
    let database = TestDatabase::new();
    let id = start_run(&database, "").id();
    assert!(database.run(id).unwrap().is_alive().unwrap(), "dropping a handle must not end it");
    let database = database.reopen();
    let run = database.run(id).unwrap();
    assert!(!run.is_alive().unwrap());
    assert_eq!(run.info().unwrap().status, RunStatus::Running, "the stored status must stay");
}

#[test]
fn a_resumed_run_is_alive_while_its_status_is_running() {
    let database = TestDatabase::new();
    let id = start_run(&database, "").id();
    let database = database.reopen();
    let resumed = database.resume_run(id).unwrap();
    assert!(resumed.is_alive().unwrap());
    resumed.set_status(RunStatus::Scheduled).unwrap();
    assert!(!resumed.is_alive().unwrap(), "only a running run is alive");
    resumed.set_status(RunStatus::Running).unwrap();
    let handle = resumed.clone();
    resumed.finish_as(RunStatus::Failed).unwrap();
    assert!(!handle.is_alive().unwrap());
}

#[test]
fn other_handles_of_a_finished_run_cannot_write() {
    let database = TestDatabase::new();
    let id = start_run(&database, "").id();
    let database = database.reopen();
    let resumed = database.resume_run(id).unwrap();
    let handle = resumed.clone();
    resumed.finish_as(RunStatus::Failed).unwrap();
    assert_eq!(error_kind(handle.set_tag("a", "b")), ErrorKind::InvalidState);
    assert_eq!(error_kind(handle.clone().finish_as(RunStatus::Running)), ErrorKind::InvalidInput);
}

#[test]
fn a_deleted_run_can_be_resumed_only_after_it_is_restored() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let id = run.id();
    run.finish_as(RunStatus::Failed).unwrap();
    database.delete_run(id).unwrap();
    assert_eq!(error_kind(database.resume_run(id)), ErrorKind::InvalidState);
    database.delete_run(id).unwrap();
    database.restore_run(id).unwrap();
    assert_eq!(database.resume_run(id).unwrap().info().unwrap().ended, None);
}

#[test]
fn logging_to_a_finished_run_does_not_make_it_alive() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let id = run.id();
    run.finish().unwrap();
    let again = database.run(id).unwrap();
    again.log_metric("loss", 1.0, 0).unwrap();
    again.log_param("late", 1).unwrap();
    assert_eq!(again.info().unwrap().status, RunStatus::Finished);
    assert!(!again.is_alive().unwrap());
}

#[test]
fn many_handles_of_a_run_define_each_metric_once() {
    let database = TestDatabase::new();
    let id = start_run(&database, "").id();
    let log = |step| {
        let run = database.run(id).unwrap();
        run.log_metric("loss", 0.5, step).unwrap();
        run.log_metrics(&[("a", 1.0), ("b", 2.0)], step).unwrap();
    };
    log(0);
    let frames = || Database::verify(database.path()).unwrap().frames;
    let before = frames();
    (1..1000).for_each(log);
    // Only background sealing may write frames.
    assert!(frames() < before + 20, "{before} frames became {}", frames());
    let run = database.run(id).unwrap();
    for key in ["loss", "a", "b"] {
        assert_eq!(run.history(key).unwrap().len(), 1000, "{key}");
    }
}

#[test]
fn handles_can_be_shared_by_threads() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let metric = run.metric("shared").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (run, metric) = (run.clone(), metric.clone());
            scope.spawn(move || {
                for step in 0..500 {
                    metric.log(f64::from(thread), step).unwrap();
                    run.log_metrics(&[("x", 1.0), ("y", f64::from(thread))], step).unwrap();
                }
            });
        }
    });
    for key in ["shared", "x", "y"] {
        assert_eq!(run.statistics(key).unwrap().unwrap().count, 2000, "{key}");
    }
}

#[test]
fn salvage_restores_a_lost_definition_from_the_blocks() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let id = run.id();
    run.log_metrics(&[("loss", 0.5), ("accuracy", 0.25)], 3).unwrap();
    run.log_metric("loss", 0.125, 4).unwrap();
    drop(run);
    let folder = database.close();
    let path = folder.file();
    let mut definition = None;
    let damages = Database::frames(&path, |frame| {
        if frame.records.iter().any(|record| record.text.starts_with("SeriesDefined")) {
            definition.get_or_insert(frame.position);
        }
        Ok(())
    });
    assert_eq!(damages.unwrap(), []);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(definition.unwrap()).unwrap() + 20] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let out = folder.join("saved.tracklite");
    let report = Database::salvage(&path, &out).unwrap();
    assert_eq!((report.runs, report.points), (1, 3), "{report:?}");
    let saved = Database::open_read_only(&out).unwrap();
    assert_eq!(saved.run(id).unwrap().history("loss").unwrap().values, [0.5, 0.125]);
    assert_eq!(saved.run(id).unwrap().history("accuracy").unwrap().steps, [3]);
    let report = Database::verify(&out).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn one_of_several_concurrent_deletions_of_a_tag_succeeds() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/shared").unwrap();
    for round in 0..20 {
        experiment.set_tag("owner", round).unwrap();
        let deleted: usize = std::thread::scope(|scope| {
            let delete = || usize::from(experiment.delete_tag("owner").is_ok());
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(delete)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(deleted, 1, "round {round}");
    }
}
