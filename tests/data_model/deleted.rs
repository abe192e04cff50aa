//! Listing and purging deleted objects, experiments created with tags, and artifact addresses.

use tracklite::upkeep::Deleted;
use tracklite::{Database, ErrorKind, Lifecycle, RunSearch, Timestamp};

use crate::common::{TestDatabase, error_kind};

fn all(database: &Database) -> Vec<tracklite::RunId> {
    database.all_runs().unwrap().iter().map(|run| run.info.id).collect()
}

#[test]
fn deleted_before_lists_what_was_deleted_before_a_time() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/a").unwrap();
    let [first, second] = ["first", "second"].map(|name| experiment.start_run(name).unwrap().id());
    let model = experiment.new_logged_model().create().unwrap();
    let before = Timestamp::now();
    assert_eq!(database.deleted_before(before).unwrap(), Deleted::default());
    database.delete_run(first).unwrap();
    model.delete().unwrap();
    let between = Timestamp::now();
    experiment.delete().unwrap();
    assert_eq!(database.deleted_before(before).unwrap(), Deleted::default());
    let early = database.deleted_before(between).unwrap();
    assert_eq!((early.runs, early.logged_models), (vec![first], vec![model.id()]));
    assert!(early.experiments.is_empty());
    let late = database.deleted_before(Timestamp::now()).unwrap();
    assert_eq!(late.experiments, [experiment.id()]);
    assert!(late.runs.len() == 2 && late.runs.contains(&second));
}

#[test]
fn purge_removes_only_chosen_objects_that_are_deleted() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let runs = ["a", "b", "c"].map(|name| experiment.start_run(name).unwrap().id());
    database.delete_run(runs[0]).unwrap();
    database.delete_run(runs[1]).unwrap();
    let chosen = |runs: &[_]| Deleted { runs: runs.to_vec(), ..Deleted::default() };
    assert_eq!(error_kind(database.purge(&chosen(&[runs[0], runs[2]]))), ErrorKind::InvalidState);
    assert_eq!(all(&database).len(), 3, "one active run must block the whole purge");
    let report = database.purge(&chosen(&[runs[0], runs[0]])).unwrap();
    assert_eq!((report.runs, report.experiments, report.logged_models), (1, 0, 0));
    assert_eq!(error_kind(database.purge(&chosen(&runs[..1]))), ErrorKind::NotFound);
    assert_eq!(error_kind(database.run(runs[0])), ErrorKind::NotFound);
    let left = database.run(runs[1]).unwrap();
    assert_eq!(left.info().unwrap().lifecycle, Lifecycle::Deleted);
    drop(left);
    assert_eq!(all(&database.reopen()).len(), 2);
}

#[test]
fn purging_an_experiment_removes_its_runs_and_models() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/a").unwrap();
    let run = experiment.start_run("gone").unwrap();
    run.log_bytes(&[7; 100_000], "blob").unwrap();
    let model = experiment.new_logged_model().create().unwrap();
    let chosen = Deleted { experiments: vec![experiment.id()], ..Deleted::default() };
    assert_eq!(error_kind(database.purge(&chosen)), ErrorKind::InvalidState);
    experiment.delete().unwrap();
    let report = database.purge(&chosen).unwrap();
    assert_eq!((report.runs, report.experiments, report.logged_models), (1, 1, 1));
    assert!(report.freed_bytes > 0);
    assert!(database.find_experiment("/a").unwrap().is_none());
    assert_eq!(error_kind(model.info()), ErrorKind::NotFound);
    assert!(database.create_experiment("/a").unwrap().id() > experiment.id());
}

#[test]
fn an_experiment_can_be_created_with_tags() {
    let database = TestDatabase::new();
    let tags = [("team", "growth"), ("place", "s3://models")];
    let experiment = database.create_experiment_with("/a", tags).unwrap();
    let info = experiment.info().unwrap();
    assert_eq!(info.tags.len(), 2);
    assert_eq!(info.updated, info.created);
    assert_eq!(
        error_kind(database.create_experiment_with("/b", [("", "x")])),
        ErrorKind::InvalidInput
    );
    assert!(database.find_experiment("/b").unwrap().is_none());
}

#[test]
fn artifact_addresses_begin_with_the_requested_root() {
    let database = TestDatabase::new();
    let run = database.experiment("/a").unwrap().start_run("").unwrap();
    let found = |root: Option<&str>, begin: &str| {
        let address = format!("{begin}/1/{}/artifacts", run.id());
        let search = RunSearch::new().filter(format!("artifact_uri = '{address}'"));
        let search = root.iter().fold(search, |search, root| search.artifact_root(*root));
        database.search_runs(&search).unwrap().items.len()
    };
    assert_eq!(found(None, &database.address()), 1);
    assert_eq!(found(Some("mlflow-artifacts:"), "mlflow-artifacts:"), 1);
    assert_eq!(found(Some("mlflow-artifacts:"), &database.address()), 0);
}
