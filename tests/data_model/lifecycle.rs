//! Rules for deleting, restoring, renaming and writing to experiments and runs.

use tracklite::{ErrorKind, Lifecycle};

use super::snapshot;
use crate::common::{TestDatabase, error_kind, start_run};

#[test]
fn only_active_experiments_can_be_deleted_and_only_deleted_ones_restored() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/a").unwrap();
    assert_eq!(error_kind(experiment.restore()), ErrorKind::NotFound);
    let before = experiment.info().unwrap().updated;
    experiment.delete().unwrap();
    assert!(experiment.info().unwrap().updated > before);
    assert_eq!(error_kind(experiment.delete()), ErrorKind::NotFound);
    assert_eq!(database.find_experiment("/a").unwrap().unwrap().id(), experiment.id());
    assert_eq!(experiment.info().unwrap().lifecycle, Lifecycle::Deleted);
}

#[test]
fn deleting_or_restoring_an_experiment_includes_all_its_runs() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/a").unwrap();
    let by_hand = experiment.start_run("by hand").unwrap();
    let other = experiment.start_run("other").unwrap();
    database.delete_run(by_hand.id()).unwrap();
    experiment.delete().unwrap();
    assert_eq!(other.info().unwrap().lifecycle, Lifecycle::Deleted);
    experiment.restore().unwrap();
    for run in [&by_hand, &other] {
        assert_eq!(run.info().unwrap().lifecycle, Lifecycle::Active);
    }
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));
}

#[test]
fn the_name_of_a_deleted_experiment_stays_taken() {
    let database = TestDatabase::new();
    let deleted = database.experiment("/deleted").unwrap();
    deleted.delete().unwrap();
    let other = database.experiment("/other").unwrap();
    assert_eq!(error_kind(other.rename("/deleted")), ErrorKind::AlreadyExists);
    assert_eq!(error_kind(other.rename("Default")), ErrorKind::AlreadyExists);
    assert_eq!(error_kind(database.experiment("/deleted")), ErrorKind::InvalidState);
    assert_eq!(error_kind(deleted.rename("/free")), ErrorKind::InvalidState);
    other.rename("/other").unwrap();
}

#[test]
fn a_deleted_experiment_cannot_be_written() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/a").unwrap();
    experiment.set_tag("owner", "me").unwrap();
    experiment.delete().unwrap();
    assert_eq!(error_kind(experiment.start_run("")), ErrorKind::InvalidState);
    assert_eq!(error_kind(experiment.set_tag("owner", "you")), ErrorKind::InvalidState);
    assert_eq!(error_kind(experiment.delete_tag("owner")), ErrorKind::InvalidState);
    assert_eq!(experiment.tags().unwrap()["owner"], "me");
    experiment.restore().unwrap();
    experiment.delete_tag("owner").unwrap();
    assert_eq!(error_kind(experiment.delete_tag("owner")), ErrorKind::NotFound);
}

#[test]
fn a_deleted_run_can_be_read_but_not_written() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_params([("rate", 1)]).unwrap();
    run.log_metric("loss", 1.0, 0).unwrap();
    for _ in 0..2 {
        database.delete_run(run.id()).unwrap();
    }
    let rejected = [
        run.log_param("b", 1),
        run.set_tag("b", 1),
        run.delete_tag("mlflow.runName"),
        run.log_metric("loss", 2.0, 1),
        run.set_name("b"),
        run.log_inputs(&[], &["m-1"]),
        run.log_outputs([("m-1", 0)]),
    ];
    for write in rejected {
        assert_eq!(error_kind(write), ErrorKind::InvalidState);
    }
    assert_eq!((run.params().unwrap().len(), run.history("loss").unwrap().len()), (1, 1));
    for _ in 0..2 {
        database.restore_run(run.id()).unwrap();
    }
    run.log_metric("loss", 2.0, 1).unwrap();
}
