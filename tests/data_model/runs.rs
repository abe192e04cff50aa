//! Updates of runs, runs started for a user, and experiments that must be new.

use tracklite::{ErrorKind, RunSearch, RunStatus, RunUpdate, Timestamp};

use crate::common::{TestDatabase, count_frames, error_kind, error_message, start_run};

#[test]
fn an_update_changes_name_status_and_end_in_one_frame() {
    let database = TestDatabase::new();
    let run = start_run(&database, "before");
    let end = Timestamp::from_nanos(17);
    let before = count_frames(database.path());
    let all = RunUpdate::new().name("after").status(RunStatus::Failed).ended(end);
    run.update(all).unwrap();
    assert_eq!(count_frames(database.path()), before + 1);
    let info = run.info().unwrap();
    assert_eq!((&*info.name, info.status, info.ended), ("after", RunStatus::Failed, Some(end)));
    assert_eq!(run.tags().unwrap()["mlflow.runName"], "after");
    run.update(RunUpdate::new()).unwrap();
    assert_eq!(count_frames(database.path()), before + 1, "an empty update must write nothing");
}

#[test]
fn an_update_keeps_the_end_unless_the_status_changes_it() {
    let database = TestDatabase::new();
    let run = start_run(&database, "before");
    let end = Timestamp::from_nanos(17);
    run.update(RunUpdate::new().status(RunStatus::Failed).ended(end)).unwrap();
    run.update(RunUpdate::new().name("third")).unwrap();
    assert_eq!(run.info().unwrap().ended, Some(end));
    run.update(RunUpdate::new().status(RunStatus::Running).keep_end()).unwrap();
    assert_eq!(run.info().unwrap().ended, Some(end));
    run.update(RunUpdate::new().status(RunStatus::Scheduled)).unwrap();
    assert_eq!(run.info().unwrap().ended, None);
    run.update(RunUpdate::new().status(RunStatus::Killed).keep_end()).unwrap();
    assert_eq!(run.info().unwrap().ended, None);

    run.update(RunUpdate::new().status(RunStatus::Scheduled)).unwrap();
    run.update(RunUpdate::new().ended(end)).unwrap();
    let info = run.info().unwrap();
    assert_eq!((info.status, info.ended), (RunStatus::Scheduled, Some(end)));
    run.update(RunUpdate::new().status(RunStatus::Finished)).unwrap();
    assert!(run.info().unwrap().ended > Some(end));
}

#[test]
fn a_rejected_update_changes_nothing() {
    let database = TestDatabase::new();
    let run = start_run(&database, "one");
    let before = run.info().unwrap();
    let update = RunUpdate::new().name(" ").status(RunStatus::Failed);
    assert_eq!(error_kind(run.update(update)), ErrorKind::InvalidInput);
    assert_eq!(run.info().unwrap(), before);
    database.delete_run(run.id()).unwrap();
    let update = RunUpdate::new().status(RunStatus::Failed);
    assert_eq!(error_kind(run.update(update)), ErrorKind::InvalidState);
    assert_eq!(error_kind(run.update(RunUpdate::new())), ErrorKind::InvalidState);
}

#[test]
fn a_run_can_be_started_for_a_user() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.new_run().user("ada").start().unwrap();
    assert_eq!(run.info().unwrap().user, "ada");
    assert_eq!(run.record().unwrap().info.user, "ada");
    let anonymous = experiment.new_run().user("").start().unwrap();
    assert_eq!(anonymous.info().unwrap().user, "");
    assert_ne!(experiment.start_run("").unwrap().info().unwrap().user, "");
    let search = RunSearch::new().filter("user_id = 'ada'");
    assert_eq!(database.search_runs(&search).unwrap().items.len(), 1);
    let error =
        error_message(experiment.new_run().user(&"u".repeat(257)).start(), ErrorKind::InvalidInput);
    assert!(error.contains("user") && error.contains("256"), "{error}");
    experiment.new_run().user(&"u".repeat(256)).start().unwrap();
}

#[test]
fn create_experiment_succeeds_once_per_path() {
    let database = TestDatabase::new();
    let created = database.create_experiment("/a").unwrap();
    assert_eq!(database.experiment("/a").unwrap().id(), created.id());
    for taken in ["/a", "Default"] {
        let error = error_message(database.create_experiment(taken), ErrorKind::AlreadyExists);
        assert!(error.contains(taken), "{error}");
    }
    created.delete().unwrap();
    assert_eq!(error_kind(database.create_experiment("/a")), ErrorKind::AlreadyExists);
    database.gc().unwrap();
    assert_ne!(database.create_experiment("/a").unwrap().id(), created.id());
    assert_eq!(error_kind(database.create_experiment(" ")), ErrorKind::InvalidInput);
    let created = std::thread::scope(|scope| {
        let create = || database.create_experiment("/raced").is_ok();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
    });
    assert_eq!(created, 1);
}
