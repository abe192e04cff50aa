//! Errors with MLflow's texts and codes, as MLflow's clients and servers expect them.

use tracklite::registry::ModelStage;
use tracklite::{ExperimentId, Limits, LoggedModelId, Result, RunId, RunSearch};

use crate::common::{TestDatabase, TestFolder, builder};

/// Returns MLflow's code and the message of a failure.
fn failure<T>(result: Result<T>) -> (&'static str, String) {
    match result {
        Ok(_) => panic!("this call must fail"),
        Err(error) => (error.mlflow_code(), error.message().to_owned()),
    }
}

fn invalid(message: &str) -> (&'static str, String) {
    ("INVALID_PARAMETER_VALUE", message.to_owned())
}

fn missing(message: &str) -> (&'static str, String) {
    ("RESOURCE_DOES_NOT_EXIST", message.to_owned())
}

#[test]
fn missing_things_have_the_texts_of_mlflow() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("").unwrap();
    let zeros = "0".repeat(32);
    assert_eq!(
        failure(database.run(RunId::lookup(&zeros).unwrap())),
        missing(&format!("Run with id={zeros} not found"))
    );
    assert_eq!(failure(RunId::lookup("no run")), missing("Run with id=no run not found"));
    assert_eq!(
        failure(LoggedModelId::lookup("m-1")),
        missing("Logged model with ID 'm-1' not found.")
    );
    assert_eq!(
        failure(database.experiment_by_id(ExperimentId::new(7))),
        missing("No Experiment with id=7 exists")
    );
    assert_eq!(
        failure(run.delete_tag("t")),
        missing(&format!("No tag with name: t in run with id {}", run.id()))
    );
    assert_eq!(
        failure(experiment.delete_tag("t")),
        missing("No tag with name: t in experiment with id 0")
    );
    let registry = database.registry();
    assert_eq!(failure(registry.model("a")), missing("Registered Model with name=a not found"));
    let no_version = missing("Model Version (name=a, version=1) not found");
    assert_eq!(failure(registry.version("a", 1)), no_version);
    assert_eq!(failure(registry.set_alias("a", "b", 1)), no_version);
    registry.create_model("a").unwrap();
    let (code, message) = failure(registry.version_by_alias("a", "b"));
    assert_eq!(code, "INVALID_PARAMETER_VALUE");
    assert!(message.starts_with("Registered model alias b not found."), "{message}");
}

#[test]
fn taken_names_have_the_texts_of_mlflow() {
    let database = TestDatabase::new();
    database.create_experiment("one").unwrap();
    let (code, message) = failure(database.create_experiment("one"));
    assert_eq!(code, "RESOURCE_ALREADY_EXISTS");
    assert!(message.starts_with("Experiment(name=one) already exists. Error: "), "{message}");
    let registry = database.registry();
    let prompt = || registry.new_model("it's").tag("mlflow.prompt.is_prompt", "true");
    prompt().create().unwrap();
    let taken = |message: &str| ("RESOURCE_ALREADY_EXISTS", message.to_owned());
    assert_eq!(failure(prompt().create()), taken("Prompt (name=it's) already exists."));
    assert_eq!(
        failure(registry.create_model("it's")),
        taken(
            "Tried to create a registered model with name \"it's\", but the name is already taken \
             by a prompt. MLflow does not allow creating a model and a prompt with the same name."
        )
    );
    registry.create_model("a").unwrap();
    let again = taken("Registered Model (name=a) already exists.");
    assert_eq!(failure(registry.create_model("a")), again);
}

#[test]
fn deleted_things_have_the_texts_of_mlflow() {
    let database = TestDatabase::new();
    let experiment = database.create_experiment("one").unwrap();
    let run = experiment.start_run("").unwrap();
    let model = experiment.new_logged_model().create().unwrap();
    database.delete_run(run.id()).unwrap();
    let state = "must be in the 'active' state. Current state is deleted.";
    let message = format!("The run {} {state} Restore it first.", run.id());
    assert_eq!(failure(run.set_tag("a", "b")), invalid(&message));
    assert_eq!(failure(run.check_active()), invalid(&message));
    model.delete().unwrap();
    let (code, message) = failure(model.active_info());
    assert_eq!(code, "RESOURCE_DOES_NOT_EXIST");
    assert!(message.starts_with(&format!("Logged model with ID '{}' not found.", model.id())));
    experiment.delete().unwrap();
    let id = experiment.id();
    let message = format!("The experiment {id} {state} Restore it first.");
    assert_eq!(failure(experiment.set_tag("a", "b")), invalid(&message));
    let both = experiment.new_run().name("a").tag("mlflow.runName", "b");
    assert_eq!(failure(both.start()), invalid(&message), "the experiment is checked first");
    let message = "Cannot rename a non-active experiment. Restore it first.";
    assert_eq!(failure(experiment.rename("two")), ("INVALID_STATE", message.to_owned()));
    let (code, message) = failure(experiment.delete());
    assert_eq!(code, "RESOURCE_DOES_NOT_EXIST");
    assert!(message.starts_with(&format!("No Experiment with id={id} exists")), "{message}");
}

#[test]
fn mistakes_without_a_code_in_mlflow_are_internal_errors() {
    let database = TestDatabase::new();
    let search = RunSearch::new().order_by("start_time").order_by("created DESC");
    let (code, message) = failure(database.search_runs(&search));
    assert_eq!(code, "INTERNAL_ERROR");
    let repeated = "`order_by` contains duplicate fields: ['start_time', 'created DESC']\n";
    assert!(message.starts_with(repeated), "{message}");
    let version = database.registry().create_model("a").unwrap().new_version("s3://a");
    let version = version.create().unwrap();
    let (code, message) = failure(version.transition_stage(ModelStage::Archived, true));
    assert_eq!(code, "INTERNAL_ERROR");
    assert_eq!(
        message,
        "Model version transition cannot archive existing model versions because 'Archived' is not \
         an Active stage. Valid stages are ['Staging', 'Production']"
    );
}

#[test]
fn a_batch_names_the_place_of_each_mistake() {
    let folder = TestFolder::new();
    let limits = Limits::default().batch_params(1);
    let path = folder.join("runs.tracklite");
    let database = builder().create(true).limits(limits).open(path).unwrap();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    let mut batch = tracklite::Batch::new();
    batch.tag("fine", 1).tag("a*b", 2);
    let (_, message) = failure(run.log_batch(&batch));
    let place =
        "Invalid value \"a*b\" for parameter 'tags[1].key' supplied: Names may only contain";
    assert!(message.starts_with(place), "{message}");
    let mut batch = tracklite::Batch::new();
    batch.tag("long", "x".repeat(8001));
    let (_, message) = failure(run.log_batch(&batch));
    let length = "'tags[0].value' exceeds the maximum length of 8000 characters";
    assert!(message.starts_with(length), "{message}");
    let mut batch = tracklite::Batch::new();
    batch.param("a", 1).param("b", 2);
    let (_, message) = failure(run.log_batch(&batch));
    let most =
        "A batch logging request can contain at most 1 params. Got 2 params. Please split up";
    assert!(message.starts_with(most), "{message}");
    let database = TestDatabase::new();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    batch.param("a", 1).param("b", 3);
    let duplicates = "Duplicate parameter keys have been submitted: ['a', 'b']. Please ensure the \
                      request contains only one param value per param key.";
    assert_eq!(failure(run.log_batch(&batch)), invalid(duplicates));
}
