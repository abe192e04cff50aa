//! `tracklite compare`.

use serde_json::json;
use tracklite::Database;

use super::{Sample, program};

fn line<'a>(printed: &'a str, field: &str) -> Option<&'a str> {
    printed.lines().find(|line| line.split("  ").next() == Some(field))
}

#[test]
fn only_what_differs_is_shown() {
    let sample = Sample::new();
    let (first, nested) = (sample.first.to_string(), sample.nested.to_string());
    let printed = sample.print("compare", &[&first, &nested]);
    let head = printed.lines().next().unwrap_or_default();
    let titles: Vec<&str> = head.split_whitespace().collect();
    assert_eq!(titles, ["first", "nested"], "{printed}");
    let cells = |field: &str| -> Vec<&str> {
        let line = line(&printed, field).unwrap_or_else(|| panic!("no {field} in:\n{printed}"));
        line.split_whitespace().collect()
    };
    assert_eq!(cells("run_id"), ["run_id", &first[..8], &nested[..8]]);
    assert_eq!(cells("status"), ["status", "FINISHED", "FAILED"]);
    assert_eq!(cells("metrics.loss"), ["metrics.loss", "0.01", "0.25"]);
    assert_eq!(cells("metrics.acc"), ["metrics.acc", "NaN", "-"]);
    assert_eq!(cells("params.rate"), ["params.rate", "0.1", "0.5"]);
    assert_eq!(cells("tags.note"), ["tags.note", "two\\nlines", "-"]);
    for same in ["params.depth", "experiment_name", "lifecycle_stage", "tags.mlflow.runName"] {
        assert_eq!(line(&printed, same), None, "{printed}");
    }
    assert!(printed.contains("the same (--all)"), "{printed}");
    let all = sample.print("compare", &[&first, &nested, "--all"]);
    for same in ["params.depth", "experiment_name"] {
        assert!(line(&all, same).is_some(), "{all}");
    }
}

#[test]
fn the_runs_of_a_filter_are_compared_in_its_order() {
    let sample = Sample::new();
    let order = ["--filter", "metrics.loss < 1", "--order", "params.rate DESC"];
    let object = sample.json("compare", &order);
    assert_eq!(object["runs"][0]["run_name"], "nested");
    assert_eq!(object["runs"][1]["run_id"], sample.first.to_string());
    assert_eq!(object["params"], json!({"rate": ["0.5", "0.1"]}));
    assert_eq!(object["metrics"]["loss"], json!([0.25, 0.01]));
    assert_eq!(object["metrics"]["wild"], json!([null, 7.0]));
    assert_eq!(object["metrics"]["acc"], json!([null, "NaN"]));
    assert_eq!(object["attributes"]["parent_run_id"], json!([sample.first.to_string(), null]));
    let all = sample.json("compare", &[&order[..], &["--all"]].concat());
    assert!(all["attributes"]["start_time"][0].as_i64() > Some(1_600_000_000_000));
    assert_eq!(object["attributes"]["user_id"], json!(null));
    let newest = sample.json("compare", &["--experiment", "/Shared/team/churn", "-n", "2"]);
    assert_eq!(newest["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn values_that_look_alike_are_shown_in_full() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let mut ids = Vec::new();
    for (at, value) in [0.123_456_71, 0.123_456_72].into_iter().enumerate() {
        let experiment = database.default_experiment().expect("there is always one");
        let run = experiment.new_run().name("twin").start().expect("the run starts");
        run.log_metric("close", value, 0).expect("a metric is logged");
        run.log_metric("nothing", f64::NAN, 0).expect("a metric is logged");
        run.set_tag("mlflow.source.name", if at == 0 { "a.py" } else { "b.py" }).expect("a tag");
        run.set_tag("mlflow.note.content", at).expect("a tag");
        ids.push(run.id().to_string());
    }
    database.close().expect("the file is closed");
    let printed = sample.print("compare", &[&ids[0], &ids[1]]);
    let close = line(&printed, "metrics.close").expect("the metric is shown");
    assert!(close.contains("0.12345671") && close.contains("0.12345672"), "{printed}");
    assert_eq!(line(&printed, "metrics.nothing"), None, "NaN is NaN: {printed}");
    assert!(line(&printed, "tags.mlflow.note.content").is_some(), "{printed}");
    assert_eq!(line(&printed, "tags.mlflow.source.name"), None, "{printed}");
    assert!(printed.contains("1 tag of MLflow's left out (--tags)"), "{printed}");
    let printed = sample.print("compare", &[&ids[0], &ids[1], "--tags"]);
    assert!(line(&printed, "tags.mlflow.source.name").is_some(), "{printed}");
}

#[test]
fn less_than_two_runs_are_no_comparison() {
    let sample = Sample::new();
    let first = sample.first.to_string();
    for arguments in [
        vec![first.as_str()],
        vec![first.as_str(), &first[..20]],
        vec!["--filter", "run_name = 'first'"],
        vec!["--filter", "run_name = 'none'"],
    ] {
        let message = sample.failure("compare", &arguments);
        assert!(message.contains("at least two"), "{message}");
    }
    sample.failure("compare", &[&first, "0000000000000000"]);
    sample.failure_lines("compare", &["--filter", "metrcs.loss < 1"]);
    sample.failure("compare", &["--filter", "", "-n", "0"]);
    let without = program(sample.folder.path()).arg("compare").arg(&sample.file).output();
    assert_eq!(without.expect("the program starts").status.code(), Some(2));
    let both = sample.run("compare", &[&first, "--filter", "run_name = 'first'"]);
    assert_eq!(both.status.code(), Some(2));
}
