//! Datasets and models that runs were given, and models that they made.

use tracklite::{
    DATASET_RESULTS_MAX, Database, Dataset, DatasetInput, DatasetSummary, ErrorKind, ModelOutput,
};

use super::{backup, kind, new, open, told, told_of};

fn iris() -> Dataset {
    Dataset::new("iris", "5f2c", "local", "/data/iris.csv").schema("{\"x\": 1}").profile("{}")
}

#[test]
fn a_run_keeps_the_first_tags_of_a_dataset() {
    let (folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
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
    assert_eq!(told_of(&backup(&folder, &database)), told_of(&database));
}

#[test]
fn outputs_are_kept_once_for_each_step() {
    let (folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    run.log_outputs([("m-1", 5), ("m-1", 5), ("m-2", -1)]).unwrap();
    run.log_outputs([("m-1", 5), ("m-1", i64::MAX)]).unwrap();
    let wanted = [("m-1", 5), ("m-2", -1), ("m-1", i64::MAX)];
    assert_eq!(run.outputs().unwrap(), wanted.map(|(model, step)| ModelOutput::new(model, step)));
    assert_eq!(told_of(&backup(&folder, &database)), told_of(&database));
}

#[test]
fn a_dataset_of_an_experiment_is_what_was_logged_first() {
    let (folder, database) = new();
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
    assert_eq!(told_of(&backup(&folder, &database)), told_of(&database));

    // The first run of it goes; what it said stays as long as another run was given it.
    database.delete_run(one.id()).unwrap();
    database.gc().unwrap();
    assert_eq!(two.inputs().unwrap().datasets[0].dataset, iris());
    assert_eq!(told_of(&backup(&folder, &database)), told_of(&database));
    database.delete_run(two.id()).unwrap();
    database.gc().unwrap();
    let three = first.start_run("three").unwrap();
    three.log_dataset(moved.clone(), "eval").unwrap();
    assert_eq!(three.inputs().unwrap().datasets[0].dataset, moved);
    assert_eq!(told_of(&backup(&folder, &database)), told_of(&database));
}

#[test]
fn datasets_are_listed_by_use() {
    let (_folder, database) = new();
    let experiment = database.experiment("/a").unwrap();
    for context in ["train", "eval", "train"] {
        experiment.start_run("").unwrap().log_dataset(iris(), context).unwrap();
    }
    let run = experiment.start_run("").unwrap();
    run.log_inputs(&[DatasetInput::new(iris())], &[]).unwrap();
    run.delete().unwrap();
    let found = database.search_datasets(&[experiment.id(), experiment.id()]).unwrap();
    let uses: Vec<_> = found.iter().map(|it| it.context.as_deref()).collect();
    assert_eq!(uses, [None, Some("eval"), Some("train")]);
    let DatasetSummary { name, digest, experiment: of, .. } = &found[0];
    assert_eq!((name.as_str(), digest.as_str(), *of), ("iris", "5f2c", experiment.id()));
    assert!(database.search_datasets(&[]).unwrap().is_empty());
    let other = database.default_experiment().unwrap().id();
    assert!(database.search_datasets(&[other]).unwrap().is_empty());
    let table = database.sql("SELECT DISTINCT context FROM run_datasets").unwrap();
    assert_eq!(table.rows.len(), 3);
}

#[test]
fn a_dataset_breaks_no_limit() {
    let (_folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    let refuse = |dataset: Dataset, about: &str| {
        let inputs = [DatasetInput::new(iris()), DatasetInput::new(dataset)];
        let error = told(run.log_inputs(&inputs, &["m-1"]), ErrorKind::InvalidInput);
        assert!(error.contains(about), "{error}");
    };
    for blank in 0..4 {
        let field = |place| if place == blank { "" } else { "x" };
        refuse(Dataset::new(field(0), field(1), field(2), field(3)), "blank");
    }
    let long = |count: usize| "x".repeat(count);
    refuse(Dataset::new(long(501), "d", "t", "s"), "500");
    refuse(Dataset::new("n", long(37), "t", "s"), "36");
    refuse(Dataset::new("n", "d", "t", long(65_536)), "65535");
    refuse(iris().schema(long(1_048_576)), "1048575");
    refuse(iris().profile(long(16_777_216)), "16777215");
    let tagged = |key: &str, value: &str| [DatasetInput::new(iris()).tag(key, value)];
    for (key, value) in [("k".repeat(256), String::new()), ("k".to_owned(), "v".repeat(501))] {
        assert_eq!(kind(run.log_inputs(&tagged(&key, &value), &[])), ErrorKind::InvalidInput);
    }
    assert_eq!(kind(run.log_inputs(&[], &["m-1", " "])), ErrorKind::InvalidInput);
    assert_eq!(kind(run.log_outputs([("", 1)])), ErrorKind::InvalidInput);
    assert_eq!(run.inputs().unwrap(), tracklite::RunInputs::default(), "all of it or nothing");
    run.log_inputs(&tagged(&"k".repeat(255), &"v".repeat(500)), &[]).unwrap();
}

#[test]
fn inputs_come_back_after_closing_and_go_with_their_run() {
    let (folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    run.log_inputs(&[DatasetInput::new(iris()).context("train")], &["m-1"]).unwrap();
    run.log_outputs([("m-2", 1)]).unwrap();
    let record = run.record().unwrap();
    let id = run.id();
    drop(run);
    database.close().unwrap();
    let database = open(&folder.path().join("runs.tracklite"));
    let run = database.run(id).unwrap();
    assert_eq!((record.datasets.len(), record.model_inputs.len()), (1, 1));
    assert_eq!(run.record().unwrap(), record);
    database.delete_run(id).unwrap();
    database.gc().unwrap();
    assert_eq!(kind(run.inputs()), ErrorKind::NotFound);
    assert_eq!(kind(run.outputs()), ErrorKind::NotFound);
    run.log_inputs(&[], &["m-3"]).unwrap_err();
    for table in ["datasets", "dataset_inputs", "dataset_input_tags", "model_inputs"] {
        let left = database.sql(&format!("SELECT * FROM {table}")).unwrap();
        assert!(left.rows.is_empty(), "{table}");
    }
    drop(run);
    database.close().unwrap();
    let path = folder.path().join("runs.tracklite");
    Database::vacuum(&path).unwrap();
    assert!(Database::verify(&path).unwrap().is_sound());
    assert!(open(&path).all_runs().unwrap().is_empty());
}

#[test]
fn a_search_for_datasets_ends_at_a_thousand_and_an_experiment_has_them_all() {
    let (_folder, database) = new();
    let experiment = database.experiment("/many").unwrap();
    let run = experiment.start_run("").unwrap();
    let all = (0..1003).map(|number| {
        DatasetInput::new(Dataset::new(format!("d{number:04}"), "1", "local", "here"))
    });
    run.log_inputs(&all.collect::<Vec<_>>(), &[]).unwrap();
    let found = database.search_datasets(&[experiment.id(), experiment.id()]).unwrap();
    assert_eq!(found.len(), DATASET_RESULTS_MAX);
    let names = |from: &[DatasetSummary]| -> Vec<String> {
        from.iter().map(|it| it.name.clone()).collect()
    };
    let all = names(&experiment.datasets().unwrap());
    assert_eq!(all.len(), 1003);
    assert!(all.is_sorted());
    assert_eq!(names(&found), all[..1000]);
}
