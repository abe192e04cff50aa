//! Facts about the environment and panics that are recorded in runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use tracklite::capture::Capture;
use tracklite::{Database, ErrorKind, Run, RunStatus};

use crate::common::{TestDatabase, start_run};

fn with_run(test: impl FnOnce(&Database, Run)) {
    let database = TestDatabase::build(Database::builder().create(true));
    let run = start_run(&database, "");
    test(&database, run);
}

#[test]
fn nothing_is_captured_by_default() {
    with_run(|_, run| {
        let before = run.tags().unwrap();
        Capture::new().start(&run).unwrap().stop();
        assert_eq!(run.tags().unwrap(), before);
        assert!(run.metrics().unwrap().is_empty());
        assert!(run.artifacts().list_all().unwrap().is_empty());
    });
}

#[test]
fn a_panic_fails_the_run_and_records_its_message() {
    with_run(|database, run| {
        let id = run.id();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _capturing = Capture::new().panics(true).start(&run).unwrap();
            panic!("the loss is {}", f64::NAN);
        }));
        assert!(panicked.is_err());
        let run = database.run(id).unwrap();
        assert_eq!(run.info().unwrap().status, RunStatus::Failed);
        let message = &run.tags().unwrap()["tracklite.exception"];
        assert!(message.contains("the loss is NaN"), "{message}");
        assert!(message.contains("capture.rs"), "the message must name the place: {message}");
    });
}

#[test]
fn a_panic_changes_nothing_unless_panics_are_captured() {
    with_run(|_, run| {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _capturing = Capture::new().start(&run).unwrap();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(run.info().unwrap().status, RunStatus::Running);
    });
}

#[test]
fn system_metrics_are_sampled_until_capturing_stops() {
    with_run(|_, run| {
        let key = "system/system_memory_usage_percentage";
        let capture = Capture::new().system_metrics(Some(Duration::from_millis(5)));
        let capturing = capture.start(&run).unwrap();
        while run.history(key).unwrap().len() < 5 {
            thread::sleep(Duration::from_millis(5));
        }
        capturing.stop();
        let history = run.history(key).unwrap();
        assert!(history.values.iter().all(|value| (0.0..=100.0).contains(value)));
        let steps = (0..).take(history.len());
        assert!(history.steps.iter().copied().eq(steps), "{:?}", history.steps);
        thread::sleep(Duration::from_millis(50));
        assert_eq!(run.history(key).unwrap().len(), history.len());
    });
}

#[test]
fn sampling_stops_when_the_run_finishes() {
    with_run(|_, run| {
        let capture = Capture::new().system_metrics(Some(Duration::from_millis(5)));
        let capturing = capture.start(&run).unwrap();
        run.finish().unwrap();
        thread::sleep(Duration::from_millis(50));
        capturing.stop();
    });
}

#[test]
fn an_interval_of_zero_is_rejected() {
    with_run(|_, run| {
        let error = Capture::new().system_metrics(Some(Duration::ZERO)).start(&run).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn the_build_the_command_the_host_and_the_user_become_tags() {
    with_run(|_, run| {
        let words = ["train", "--name", "a b"].map(str::to_owned).to_vec();
        let capture = Capture::new().command(true).command_line(words).host(true).user(true);
        capture.build(tracklite::build_facts!("capture", "polars")).start(&run).unwrap().stop();
        let tags = run.tags().unwrap();
        assert_eq!(tags["tracklite.command"], "train --name 'a b'");
        assert_eq!(tags["mlflow.source.name"], "train");
        assert_eq!(tags["tracklite.build.version"], env!("CARGO_PKG_VERSION"));
        let features = if cfg!(feature = "polars") { "capture polars" } else { "capture" };
        assert_eq!(tags["tracklite.build.features"], features);
        assert!(!tags["tracklite.host"].is_empty() && !tags["mlflow.user"].is_empty());
    });
}
