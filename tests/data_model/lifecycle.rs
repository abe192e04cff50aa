//! Who may be deleted, restored, renamed and written to, row by row.

use tracklite::{ErrorKind, Lifecycle};

use super::{backup, kind, new, told_of};

#[test]
fn only_an_active_experiment_is_deleted_and_only_a_deleted_one_restored() {
    let (_folder, database) = new();
    let experiment = database.experiment("/a").unwrap();
    assert_eq!(kind(experiment.restore()), ErrorKind::NotFound);
    let before = experiment.info().unwrap().updated;
    experiment.delete().unwrap();
    assert!(experiment.info().unwrap().updated > before);
    assert_eq!(kind(experiment.delete()), ErrorKind::NotFound);
    assert_eq!(database.find_experiment("/a").unwrap().unwrap().id(), experiment.id());
    assert_eq!(experiment.info().unwrap().lifecycle, Lifecycle::Deleted);
}

#[test]
fn deleting_and_restoring_an_experiment_takes_all_its_runs_along() {
    let (folder, database) = new();
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
    assert_eq!(told_of(&backup(&folder, &database)), told_of(&database));
}

#[test]
fn the_name_of_a_deleted_experiment_stays_taken() {
    let (_folder, database) = new();
    let deleted = database.experiment("/deleted").unwrap();
    deleted.delete().unwrap();
    let other = database.experiment("/other").unwrap();
    assert_eq!(kind(other.rename("/deleted")), ErrorKind::AlreadyExists);
    assert_eq!(kind(other.rename("Default")), ErrorKind::AlreadyExists);
    assert_eq!(kind(database.experiment("/deleted")), ErrorKind::InvalidState);
    assert_eq!(kind(deleted.rename("/free")), ErrorKind::InvalidState);
    other.rename("/other").unwrap();
}

#[test]
fn nothing_is_written_to_a_deleted_experiment() {
    let (_folder, database) = new();
    let experiment = database.experiment("/a").unwrap();
    experiment.set_tag("owner", "me").unwrap();
    experiment.delete().unwrap();
    assert_eq!(kind(experiment.start_run("")), ErrorKind::InvalidState);
    assert_eq!(kind(experiment.set_tag("owner", "you")), ErrorKind::InvalidState);
    assert_eq!(kind(experiment.delete_tag("owner")), ErrorKind::InvalidState);
    assert_eq!(experiment.tags().unwrap()["owner"], "me");
    experiment.restore().unwrap();
    experiment.delete_tag("owner").unwrap();
    assert_eq!(kind(experiment.delete_tag("owner")), ErrorKind::NotFound);
}

#[test]
fn a_deleted_run_is_read_and_not_written_to() {
    let (_folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    run.log_params([("rate", 1)]).unwrap();
    run.log_metric("loss", 1.0, 0).unwrap();
    for _ in 0..2 {
        database.delete_run(run.id()).unwrap();
    }
    let refused = [
        run.log_param("b", 1),
        run.set_tag("b", 1),
        run.delete_tag("mlflow.runName"),
        run.log_metric("loss", 2.0, 1),
        run.set_name("b"),
        run.log_inputs(&[], &["m-1"]),
        run.log_outputs([("m-1", 0)]),
    ];
    for refused in refused {
        assert_eq!(kind(refused), ErrorKind::InvalidState);
    }
    assert_eq!((run.params().unwrap().len(), run.history("loss").unwrap().len()), (1, 1));
    for _ in 0..2 {
        database.restore_run(run.id()).unwrap();
    }
    run.log_metric("loss", 2.0, 1).unwrap();
}
