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

/// The feature `internals` chooses the way of evaluation.
#[cfg(feature = "internals")]
#[test]
fn searches_follow_the_artifact_location_of_an_experiment() {
    let database = TestDatabase::new();
    let tagged = |path, location: &str| {
        let tags = [(tracklite::ARTIFACT_LOCATION_TAG, location)];
        database.create_experiment_with(path, tags).unwrap()
    };
    let plain = database.experiment("/plain").unwrap();
    let (own, asked) = (tagged("/own", "s3://own/"), tagged("/asked", "http://a/b?c=d"));
    let below = database.create_experiment_below("/below", "s3://all", [("a", "b")]).unwrap();
    assert_eq!(below.tags().unwrap()[tracklite::ARTIFACT_LOCATION_TAG], "s3://all/4");
    assert_eq!(below.tags().unwrap()["a"], "b");
    let root = database.address();
    for (experiment, before, after) in [
        (&plain, format!("{root}/1/"), ""),
        (&own, "s3://own/".to_owned(), ""),
        (&asked, "http://a/b/".to_owned(), "?c=d"),
        (&below, "s3://all/4/".to_owned(), ""),
    ] {
        let run = experiment.start_run("").unwrap().id();
        let address = format!("{before}{run}/artifacts{after}");
        for way in [tracklite::internals::Way::Sql, tracklite::internals::Way::Columns] {
            let search = RunSearch::new().filter(format!("artifact_uri = '{address}'")).way(way);
            let found = database.search_runs(&search).unwrap().items;
            assert_eq!(found.len(), 1, "{address} {way:?}");
            assert_eq!(found[0].info.id, run);
        }
        let model = experiment.new_logged_model().create().unwrap().id();
        let address = format!("{before}models/{model}/artifacts{after}");
        let search = tracklite::logged_model::LoggedModelSearch::new();
        let search = search.filter(format!("artifact_location = '{address}'"));
        let found = database.search_logged_models(&search).unwrap().items;
        assert_eq!((found.len(), found[0].id), (1, model), "{address}");
    }
    let order = |way| {
        let search = RunSearch::new().order_by("artifact_uri").way(way);
        let found = database.search_runs(&search).unwrap().items.into_iter();
        found.map(|run| run.info.experiment.get()).collect::<Vec<_>>()
    };
    assert_eq!(order(tracklite::internals::Way::Sql), [3, 4, 2, 1]);
    assert_eq!(order(tracklite::internals::Way::Columns), [3, 4, 2, 1]);
    let table = database.runs_table(&RunSearch::new().order_by("artifact_uri")).unwrap();
    let first = format!("{:?}", table.column("artifact_uri").unwrap().values().next());
    assert!(first.contains("http://a/b/"), "{first}");
}

#[test]
fn the_unused_default_experiment_can_be_moved_out_of_the_file() {
    let location = |database: &Database| {
        let tags = database.default_experiment().unwrap().tags().unwrap();
        tags.get(tracklite::ARTIFACT_LOCATION_TAG).cloned()
    };
    let database = TestDatabase::new();
    database.place_default_experiment("s3://bucket/").unwrap();
    assert_eq!(location(&database).as_deref(), Some("s3://bucket/0"));
    database.place_default_experiment("s3://other").unwrap();
    assert_eq!(location(&database).as_deref(), Some("s3://bucket/0"));

    let used = TestDatabase::new();
    let run = used.default_experiment().unwrap().start_run("").unwrap();
    run.delete().unwrap();
    used.place_default_experiment("s3://bucket").unwrap();
    assert_eq!(location(&used), None);
    used.gc().unwrap();
    used.default_experiment().unwrap().delete().unwrap();
    used.place_default_experiment("s3://bucket").unwrap();
    assert_eq!(location(&used), None);
    used.default_experiment().unwrap().restore().unwrap();
    used.default_experiment().unwrap().new_logged_model().create().unwrap();
    used.place_default_experiment("s3://bucket").unwrap();
    assert_eq!(location(&used), None);
}
