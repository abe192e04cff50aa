//! `tracklite models` and `lineage`.

use tracklite::Database;

use super::{Sample, errors, failure_of, program};

/// Creates the sample with a registered model of two versions.
fn sample() -> Sample {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file can be opened");
    let registry = database.registry();
    let model = registry.new_model("churn").description("who leaves").tag("team", "a").create();
    let model = model.expect("the model is new");
    let source = format!("runs:/{}/model", sample.first);
    for _ in 0..2 {
        model.new_version(&source).create().expect("the run exists");
    }
    model.set_alias("champion", 1).expect("the version exists");
    database.close().expect("the file is closed");
    sample
}

/// Runs `tracklite models COMMAND FILE ARGUMENTS`.
fn models(sample: &Sample, command: &str, arguments: &[&str]) -> std::process::Output {
    let mut program = program(sample.folder.path());
    program.args(["models", command]).arg(&sample.file).args(arguments);
    program.output().expect("the program starts")
}

fn print(sample: &Sample, command: &str, arguments: &[&str]) -> String {
    let output = models(sample, command, arguments);
    assert_eq!((errors(&output).as_str(), output.status.code()), ("", Some(0)));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

fn json(sample: &Sample, command: &str, arguments: &[&str]) -> serde_json::Value {
    let printed = print(sample, command, &[arguments, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[test]
fn ls_lists_models_and_filters_them() {
    let sample = sample();
    let listed = print(&sample, "ls", &[]);
    assert!(listed.contains("churn") && listed.contains("champion=1"), "{listed}");
    assert_eq!(print(&sample, "ls", &["name = 'nobody'"]), "no registered models\n");
    let listed = json(&sample, "ls", &["tags.team = 'a'", "-o", "name DESC"]);
    assert_eq!(listed[0]["name"], "churn");
    assert_eq!(listed[0]["aliases"]["champion"], 1);
}

#[test]
fn show_prints_a_model_with_its_versions() {
    let sample = sample();
    let shown = print(&sample, "show", &["churn"]);
    assert!(shown.contains("who leaves") && shown.contains("champion"), "{shown}");
    let shown = json(&sample, "show", &["churn"]);
    assert_eq!(shown["versions"][1]["version"], 2);
    assert_eq!(shown["versions"][0]["run_id"], sample.first.to_string());
    let failure = failure_of(&models(&sample, "show", &["nobody"]));
    assert!(failure.contains("Registered Model with name=nobody not found"), "{failure}");
}

#[test]
fn alias_moves_creates_and_deletes_aliases() {
    let sample = sample();
    let moved = print(&sample, "alias", &["churn", "champion", "2", "--expect", "1"]);
    assert_eq!(moved, "churn@champion points to version 2\n");
    let rejected = models(&sample, "alias", &["churn", "champion", "1", "--expect", "1"]);
    assert!(failure_of(&rejected).contains("another process moved it"));
    print(&sample, "alias", &["churn", "other", "1", "--expect", "none"]);
    print(&sample, "alias", &["churn", "other"]);
    assert_eq!(json(&sample, "show", &["churn"])["aliases"], serde_json::json!({"champion": 2}));
}

#[test]
fn copy_copies_a_version_but_not_a_run() {
    let sample = sample();
    print(&sample, "alias", &["churn", "champion", "2"]);
    let copied = print(&sample, "copy", &["models:/churn@champion", "prod"]);
    assert_eq!(copied, "copied models:/churn/2 to models:/prod/1\n");
    assert_eq!(json(&sample, "copy", &["models:/churn/1", "prod"])["version"], 2);
    let run = format!("runs:/{}", sample.first);
    assert!(failure_of(&models(&sample, "copy", &[&run, "prod"])).contains("is not a version"));
}

#[test]
fn lineage_prints_text_json_mermaid_and_dot() {
    let sample = sample();
    let steps = sample.print("lineage", &["models:/churn@champion"]);
    assert!(steps.contains("run first --registered--> model version churn version 1"), "{steps}");
    let graph = sample.json("lineage", &[&sample.first.to_string()[..8], "--downstream"]);
    assert_eq!(graph["nodes"].as_array().map(Vec::len), Some(4));
    assert_eq!(graph["edges"][0]["kind"], "registered");
    let upstream = sample.json("lineage", &["models:/churn/1", "--upstream"]);
    assert_eq!(upstream["edges"].as_array().map(Vec::len), Some(1));
    assert!(sample.print("lineage", &["models:/churn/2", "--mermaid"]).starts_with("flowchart"));
    assert!(sample.print("lineage", &["models:/churn/2", "--dot"]).starts_with("digraph"));
    assert!(sample.failure("lineage", &["models:/churn/9"]).contains("there is no model version"));
}
