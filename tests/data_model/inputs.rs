//! Datasets and models that runs read, and models that they produce.

use tracklite::inputs::{Dataset, DatasetInput, DatasetSummary, ModelOutput};
use tracklite::{Database, ErrorKind};

use super::snapshot;
use crate::common::{TestDatabase, error_kind, error_message, open, start_run};

fn iris() -> Dataset {
    Dataset::new("iris", "5f2c", "local", "/data/iris.csv").schema("{\"x\": 1}").profile("{}")
}

#[test]
fn a_run_keeps_the_first_tags_of_a_dataset() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let first = DatasetInput::new(iris()).context("train").tag("rows", "150");
    let again = DatasetInput::new(iris()).context("eval").tag("late", "x");
    run.log_inputs(&[first.clone(), again.clone()], &["m-1", "m-2", "m-1"]).unwrap();
    run.log_inputs(&[again], &["m-2"]).unwrap();
    let mut other = iris();
    other.digest = "another".to_owned();
    run.log_dataset(other.clone(), "eval").unwrap();
    run.log_inputs(&[], &[]).unwrap();
    let inputs = run.inputs().unwrap();
    assert_eq!(inputs.datasets, [first, DatasetInput::new(other).context("eval")]);
    assert_eq!(inputs.models, ["m-1", "m-2"]);
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));
}

#[test]
fn each_output_is_stored_once_per_step() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_outputs([("m-1", 5), ("m-1", 5), ("m-2", -1)]).unwrap();
    run.log_outputs([("m-1", 5), ("m-1", i64::MAX)]).unwrap();
    let wanted = [("m-1", 5), ("m-2", -1), ("m-1", i64::MAX)];
    assert_eq!(run.outputs().unwrap(), wanted.map(|(model, step)| ModelOutput::new(model, step)));
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));
}

#[test]
fn an_experiment_keeps_the_first_version_of_a_dataset() {
    let database = TestDatabase::new();
    let first = database.experiment("/a").unwrap();
    let [one, two] = ["one", "two"].map(|name| first.start_run(name).unwrap());
    let elsewhere = database.experiment("/b").unwrap().start_run("three").unwrap();
    let mut moved = iris();
    moved.source = "/elsewhere".to_owned();
    one.log_dataset(iris(), "train").unwrap();
    two.log_dataset(moved.clone(), "eval").unwrap();
    elsewhere.log_dataset(moved.clone(), "train").unwrap();
    assert_eq!(two.inputs().unwrap().datasets, [DatasetInput::new(iris()).context("eval")]);
    assert_eq!(elsewhere.inputs().unwrap().datasets[0].dataset, moved);
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));

    // Purging the run that logged the dataset keeps it while another run uses it.
    database.delete_run(one.id()).unwrap();
    database.gc().unwrap();
    assert_eq!(two.inputs().unwrap().datasets[0].dataset, iris());
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));
    database.delete_run(two.id()).unwrap();
    database.gc().unwrap();
    let three = first.start_run("three").unwrap();
    three.log_dataset(moved.clone(), "eval").unwrap();
    assert_eq!(three.inputs().unwrap().datasets[0].dataset, moved);
    assert_eq!(snapshot(&database.verified_backup()), snapshot(&database));
}

#[test]
fn datasets_are_listed_once_per_context() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/a").unwrap();
    for context in ["train", "eval", "train"] {
        experiment.start_run("").unwrap().log_dataset(iris(), context).unwrap();
    }
    let run = experiment.start_run("").unwrap();
    run.log_inputs(&[DatasetInput::new(iris())], &[]).unwrap();
    run.delete().unwrap();
    let found = database.search_datasets(&[experiment.id(), experiment.id()]).unwrap();
    let contexts: Vec<_> = found.iter().map(|dataset| dataset.context.as_deref()).collect();
    assert_eq!(contexts, [None, Some("eval"), Some("train")]);
    let DatasetSummary { name, digest, experiment: owner, .. } = &found[0];
    assert_eq!((name.as_str(), digest.as_str(), *owner), ("iris", "5f2c", experiment.id()));
    assert!(database.search_datasets(&[]).unwrap().is_empty());
    let other = database.default_experiment().unwrap().id();
    assert!(database.search_datasets(&[other]).unwrap().is_empty());
    let table = database.sql("SELECT DISTINCT context FROM run_datasets").unwrap();
    assert_eq!(table.rows.len(), 3);
}

#[test]
fn datasets_beyond_a_limit_are_rejected() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let rejects = |dataset: Dataset, rule: &str| {
        let inputs = [DatasetInput::new(iris()), DatasetInput::new(dataset)];
        let error = error_message(run.log_inputs(&inputs, &["m-1"]), ErrorKind::InvalidInput);
        assert!(error.contains(rule), "{error}");
    };
    for blank in 0..4 {
        let field = |place| if place == blank { "" } else { "x" };
        rejects(Dataset::new(field(0), field(1), field(2), field(3)), "blank");
    }
    let long = |count: usize| "x".repeat(count);
    rejects(Dataset::new(long(501), "d", "t", "s"), "500");
    rejects(Dataset::new("n", long(37), "t", "s"), "36");
    rejects(Dataset::new("n", "d", "t", long(65_536)), "65535");
    rejects(iris().schema(long(1_048_576)), "1048575");
    rejects(iris().profile(long(16_777_216)), "16777215");
    assert_eq!(run.inputs().unwrap(), tracklite::inputs::RunInputs::default(), "all or nothing");
}

#[test]
fn dataset_tags_and_model_names_beyond_a_limit_are_rejected() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let tagged = |key: &str, value: &str| [DatasetInput::new(iris()).tag(key, value)];
    for (key, value) in [("k".repeat(256), String::new()), ("k".to_owned(), "v".repeat(501))] {
        assert_eq!(error_kind(run.log_inputs(&tagged(&key, &value), &[])), ErrorKind::InvalidInput);
    }
    assert_eq!(error_kind(run.log_inputs(&[], &["m-1", " "])), ErrorKind::InvalidInput);
    assert_eq!(error_kind(run.log_outputs([("", 1)])), ErrorKind::InvalidInput);
    assert_eq!(run.inputs().unwrap(), tracklite::inputs::RunInputs::default(), "all or nothing");
    run.log_inputs(&tagged(&"k".repeat(255), &"v".repeat(500)), &[]).unwrap();
}

#[test]
fn inputs_and_outputs_survive_reopening() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_inputs(&[DatasetInput::new(iris()).context("train")], &["m-1"]).unwrap();
    run.log_outputs([("m-2", 1)]).unwrap();
    let record = run.record().unwrap();
    assert_eq!((record.datasets.len(), record.model_inputs.len()), (1, 1));
    let id = run.id();
    drop(run);
    let database = database.reopen();
    assert_eq!(database.run(id).unwrap().record().unwrap(), record);
}

#[test]
fn purging_a_run_removes_its_inputs_and_outputs() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_inputs(&[DatasetInput::new(iris()).context("train")], &["m-1"]).unwrap();
    run.log_outputs([("m-2", 1)]).unwrap();
    let id = run.id();
    drop(run);
    let database = database.reopen();
    let run = database.run(id).unwrap();
    database.delete_run(id).unwrap();
    database.gc().unwrap();
    assert_eq!(error_kind(run.inputs()), ErrorKind::NotFound);
    assert_eq!(error_kind(run.outputs()), ErrorKind::NotFound);
    run.log_inputs(&[], &["m-3"]).unwrap_err();
    for table in ["datasets", "dataset_inputs", "dataset_input_tags", "model_inputs"] {
        let left = database.sql(&format!("SELECT * FROM {table}")).unwrap();
        assert!(left.rows.is_empty(), "{table}");
    }
    drop(run);
    let folder = database.close();
    let path = folder.file();
    Database::vacuum(&path).unwrap();
    assert!(Database::verify(&path).unwrap().is_sound());
    assert!(open(&path).all_runs().unwrap().is_empty());
}

#[test]
fn a_dataset_search_stops_at_its_limit_but_an_experiment_lists_all() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/many").unwrap();
    let run = experiment.start_run("").unwrap();
    let all = (0..1003).map(|number| {
        DatasetInput::new(Dataset::new(format!("d{number:04}"), "1", "local", "here"))
    });
    run.log_inputs(&all.collect::<Vec<_>>(), &[]).unwrap();
    let found = database.search_datasets(&[experiment.id(), experiment.id()]).unwrap();
    assert_eq!(found.len(), DatasetSummary::MAX_RESULTS);
    let names = |datasets: &[DatasetSummary]| -> Vec<String> {
        datasets.iter().map(|dataset| dataset.name.clone()).collect()
    };
    let all = names(&experiment.datasets().unwrap());
    assert_eq!(all.len(), 1003);
    assert!(all.is_sorted());
    assert_eq!(names(&found), all[..1000]);
}
