//! Runs are started for a user, and changed in one step; experiments that must be new.

use tracklite::{Database, ErrorKind, RunSearch, RunStatus, RunUpdate, Timestamp};

use super::{kind, new, told};

/// How many frames the file's chain has.
fn frames(database: &Database) -> usize {
    let mut frames = 0;
    let count = |_: &_| {
        frames += 1;
        Ok(())
    };
    Database::frames(database.path(), count).unwrap();
    frames
}

#[test]
fn name_status_and_end_are_changed_in_one_step() {
    let (_folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("before").unwrap();
    let end = Timestamp::from_nanos(17);
    let before = frames(&database);
    let all = RunUpdate::new().name("after").status(RunStatus::Failed).ended(end);
    run.update(all).unwrap();
    assert_eq!(frames(&database), before + 1);
    let info = run.info().unwrap();
    assert_eq!((&*info.name, info.status, info.ended), ("after", RunStatus::Failed, Some(end)));
    assert_eq!(run.tags().unwrap()["mlflow.runName"], "after");
    run.update(RunUpdate::new()).unwrap();
    assert_eq!(frames(&database), before + 1, "a change of nothing is nothing");
    // What is not named stays, and a status alone says what it always says of the end.
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
fn an_update_that_is_refused_changes_nothing() {
    let (_folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("one").unwrap();
    let before = run.info().unwrap();
    let update = RunUpdate::new().name(" ").status(RunStatus::Failed);
    assert_eq!(kind(run.update(update)), ErrorKind::InvalidInput);
    assert_eq!(run.info().unwrap(), before);
    database.delete_run(run.id()).unwrap();
    let update = RunUpdate::new().status(RunStatus::Failed);
    assert_eq!(kind(run.update(update)), ErrorKind::InvalidState);
    assert_eq!(kind(run.update(RunUpdate::new())), ErrorKind::InvalidState);
}

#[test]
fn a_run_is_started_for_a_user() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.new_run().user("ada").start().unwrap();
    assert_eq!(run.info().unwrap().user, "ada");
    assert_eq!(run.record().unwrap().info.user, "ada");
    let nobody = experiment.new_run().user("").start().unwrap();
    assert_eq!(nobody.info().unwrap().user, "");
    assert_ne!(experiment.start_run("").unwrap().info().unwrap().user, "");
    let search = RunSearch::new().filter("user_id = 'ada'");
    assert_eq!(database.search_runs(&search).unwrap().items.len(), 1);
    let error = told(experiment.new_run().user(&"u".repeat(257)).start(), ErrorKind::InvalidInput);
    assert!(error.contains("user") && error.contains("256"), "{error}");
    experiment.new_run().user(&"u".repeat(256)).start().unwrap();
}

#[test]
fn an_experiment_that_must_be_new_is_created_once() {
    let (_folder, database) = new();
    let created = database.create_experiment("/a").unwrap();
    assert_eq!(database.experiment("/a").unwrap().id(), created.id());
    for taken in ["/a", "Default"] {
        let error = told(database.create_experiment(taken), ErrorKind::AlreadyExists);
        assert!(error.contains(taken), "{error}");
    }
    created.delete().unwrap();
    assert_eq!(kind(database.create_experiment("/a")), ErrorKind::AlreadyExists);
    database.gc().unwrap();
    assert_ne!(database.create_experiment("/a").unwrap().id(), created.id());
    assert_eq!(kind(database.create_experiment(" ")), ErrorKind::InvalidInput);
    let created = std::thread::scope(|scope| {
        let create = || database.create_experiment("/raced").is_ok();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads.into_iter().filter_map(|it| it.join().ok()).filter(|it| *it).count()
    });
    assert_eq!(created, 1);
}
