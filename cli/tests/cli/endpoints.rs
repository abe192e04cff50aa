//! `tracklite endpoints`.

use std::process::Output;

use serde_json::{Value, json};
use tracklite::Database;

use super::{Sample, errors, failure_of, program};

/// Creates the sample with a registered model of two versions.
fn sample() -> Sample {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file can be opened");
    let model = database.registry().create_model("churn").expect("the model is new");
    for version in 1..=2 {
        model.new_version(&format!("s3://churn/{version}")).create().expect("a version");
    }
    model.set_alias("champion", 1).expect("the version exists");
    database.close().expect("the file is closed");
    sample
}

/// Runs `tracklite endpoints COMMAND FILE ARGUMENTS`.
fn endpoints(sample: &Sample, command: &str, arguments: &[&str]) -> Output {
    let mut program = program(sample.folder.path());
    program.env("USER", "eve").args(["endpoints", command]).arg(&sample.file).args(arguments);
    program.output().expect("the program starts")
}

fn print(sample: &Sample, command: &str, arguments: &[&str]) -> String {
    let output = endpoints(sample, command, arguments);
    assert_eq!((errors(&output).as_str(), output.status.code()), ("", Some(0)));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

fn json(sample: &Sample, command: &str, arguments: &[&str]) -> Value {
    let printed = print(sample, command, &[arguments, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn end_update(sample: &Sample, config: u64, outcome: Result<(), &str>) {
    let database = Database::open(&sample.file).expect("the file can be opened");
    database.endpoints().end_update("e", config, outcome).expect("it is pending");
    database.close().expect("the file is closed");
}

#[test]
fn an_endpoint_is_created_updated_shown_listed_and_deleted() {
    let sample = sample();
    assert_eq!(print(&sample, "ls", &[]), "no endpoints\n");
    assert_eq!(json(&sample, "ls", &[]), json!([]));
    let arguments =
        ["e", "-m", "models:/churn@champion", "--tag", "team=growth", "--idle", "60", "--native"];
    let created = print(&sample, "create", &arguments);
    assert_eq!(created, "endpoint e has the pending configuration 1\n");
    let shown = json(&sample, "show", &["e"]);
    assert_eq!((&shown["state"], &shown["creator"]), (&json!("loading"), &json!("eve")));
    assert_eq!(shown["tags"], json!({"team": "growth"}));
    let served = &shown["pending_config"]["served_entities"][0];
    assert_eq!(
        (&served["entity_version"], &served["alias"], &served["traffic_percentage"]),
        (&json!("1"), &json!("champion"), &json!(100))
    );
    assert_eq!(served["scale_to_zero_enabled"], true);
    assert_eq!(served["lane"], "native");
    assert_eq!(json(&sample, "ls", &[]), json!([shown]));

    end_update(&sample, 1, Ok(()));
    let listed = print(&sample, "ls", &[]);
    let line = listed.lines().nth(1).expect("a line");
    assert!(line.contains("active") && line.contains("churn/1 100 %"), "{listed}");
    let models = ["e", "-m", "old=models:/churn/1", "-m", "new=models:/churn/2"];
    let routes = ["-r", "old=90", "-r", "new=10", "--shadow", "quiet=models:/churn/2"];
    let own = ["--own-environment"];
    let updated = json(&sample, "update", &[&models[..], &routes, &own].concat());
    assert_eq!(updated["state"], "updating");
    let entities = updated["pending_config"]["served_entities"].as_array().expect("models");
    assert_eq!(
        (&served["environment"], &entities[0]["environment"]),
        (&json!("server"), &json!("model"))
    );
    let shares = entities.iter().map(|entity| (&entity["traffic_percentage"], &entity["shadow"]));
    let (yes, no, shares) = (json!(true), json!(false), shares.collect::<Vec<_>>());
    assert_eq!(shares, [(&json!(90), &no), (&json!(10), &no), (&json!(0), &yes)]);

    let shown = print(&sample, "show", &["e"]);
    assert!(shown.contains("configuration 1 (active)"), "{shown}");
    assert!(shown.contains("configuration 2 (pending)") && shown.contains("shadow"), "{shown}");
    assert_eq!(print(&sample, "delete", &["e"]), "endpoint e is deleted\n");
    assert_eq!(print(&sample, "ls", &[]), "no endpoints\n");
}

#[test]
fn logs_show_why_an_update_failed() {
    let sample = sample();
    print(&sample, "create", &["e", "-m", "models:/churn/1"]);
    end_update(&sample, 1, Ok(()));
    print(&sample, "update", &["e", "-m", "models:/churn/2", "--timeout", "5"]);
    end_update(&sample, 2, Err("the weights are missing\nlast line"));
    let printed = print(&sample, "logs", &["e"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[1].contains('2') && lines[1].contains("failed"), "{printed}");
    assert!(lines[2].contains('1') && lines[2].contains("active"), "{printed}");
    let end = ["", "the last update failed:", "the weights are missing", "last line"];
    assert_eq!(lines[3..], end);
    let listed = json(&sample, "logs", &["e"]);
    assert_eq!((&listed[0]["state"], &listed[0]["timeout_ms"]), (&json!("failed"), &json!(5000)));
}

#[test]
fn mistakes_are_reported() {
    let sample = sample();
    let failure =
        |command: &str, arguments: &[&str]| failure_of(&endpoints(&sample, command, arguments));
    print(&sample, "create", &["e", "-m", "models:/churn/1"]);
    for (command, arguments, wanted) in [
        ("show", &["nobody"][..], "Endpoint with name 'nobody' does not exist."),
        ("create", &["e", "-m", "models:/churn/1"], "already exists"),
        ("create", &["f", "-m", "churn"], "models:/"),
        ("create", &["f", "-m", "models:/churn/latest"], "expected a version or an alias"),
        ("create", &["f", "-m", "models:/churn/1", "-r", "x"], "expected NAME=PERCENT"),
        ("create", &["f", "-m", "models:/churn/1", "-r", "churn-1=50"], "sum to 50"),
        ("create", &["f", "-m", "models:/churn/1", "--tag", "x"], "expected KEY=VALUE"),
        ("create", &["f", "-m", "models:/churn/1", "--env", "PATH=x"], "PATH"),
        (
            "create",
            &["f", "-m", "models:/churn/1", "--env", "TRACKLITE_ENVIRONMENT=mine"],
            "expected \"model\" or \"server\"",
        ),
        ("create", &["f", "-m", "models:/churn/1", "--size", "Huge"], "Small, Medium or Large"),
        ("update", &["e", "-m", "models:/churn/1"], "is being updated"),
        ("create", &["a b", "-m", "models:/churn/1"], "letters, digits"),
    ] {
        let message = failure(command, arguments);
        assert!(message.contains(wanted), "{command} {arguments:?}: {message}");
    }
}
