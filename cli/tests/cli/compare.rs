//! `tracklite compare`.

use serde_json::json;
use tracklite::Database;

use super::{Sample, program};
use crate::common::start_run;

/// Returns the line of a field, if it is printed.
fn line<'a>(printed: &'a str, field: &str) -> Option<&'a str> {
    printed.lines().find(|line| line.split("  ").next() == Some(field))
}

#[test]
fn only_fields_that_differ_are_printed() {
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
}

#[test]
fn all_fields_are_printed_on_request() {
    let sample = Sample::new();
    let (first, nested) = (sample.first.to_string(), sample.nested.to_string());
    let all = sample.print("compare", &[&first, &nested, "--all"]);
    for same in ["params.depth", "experiment_name"] {
        assert!(line(&all, same).is_some(), "{all}");
    }
}

#[test]
fn filtered_runs_are_compared_in_their_order() {
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
    assert_eq!(object["attributes"]["user_id"], json!(null), "an equal attribute must be hidden");
}

#[test]
fn compared_runs_can_be_limited_and_printed_in_full() {
    let sample = Sample::new();
    let order = ["--filter", "metrics.loss < 1", "--order", "params.rate DESC"];
    let all = sample.json("compare", &[&order[..], &["--all"]].concat());
    assert!(all["attributes"]["start_time"][0].as_i64() > Some(1_600_000_000_000));
    let newest = sample.json("compare", &["--experiment", "/Shared/team/churn", "-n", "2"]);
    assert_eq!(newest["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn similar_values_are_printed_in_full() {
    let sample = Sample::new();
    let ids = twins(&sample);
    let printed = sample.print("compare", &[&ids[0], &ids[1]]);
    let close = line(&printed, "metrics.close").expect("the metric is printed");
    assert!(close.contains("0.12345671") && close.contains("0.12345672"), "{printed}");
    assert_eq!(line(&printed, "metrics.nothing"), None, "NaN must equal NaN: {printed}");
}

/// Logs two runs that differ only slightly, and returns their ids.
fn twins(sample: &Sample) -> Vec<String> {
    let database = Database::open(&sample.file).expect("the file opens");
    let mut ids = Vec::new();
    for (at, value) in [0.123_456_71, 0.123_456_72].into_iter().enumerate() {
        let run = start_run(&database, "twin");
        run.log_metric("close", value, 0).expect("a metric is logged");
        run.log_metric("nothing", f64::NAN, 0).expect("a metric is logged");
        run.set_tag("mlflow.source.name", if at == 0 { "a.py" } else { "b.py" }).expect("a tag");
        run.set_tag("mlflow.note.content", at).expect("a tag");
        ids.push(run.id().to_string());
    }
    database.close().expect("the file is closed");
    ids
}

#[test]
fn source_tags_of_mlflow_are_printed_on_request() {
    let sample = Sample::new();
    let ids = twins(&sample);
    let printed = sample.print("compare", &[&ids[0], &ids[1]]);
    assert!(line(&printed, "tags.mlflow.note.content").is_some(), "{printed}");
    assert_eq!(line(&printed, "tags.mlflow.source.name"), None, "{printed}");
    assert!(printed.contains("1 tag of MLflow left out (--tags)"), "{printed}");
    let printed = sample.print("compare", &[&ids[0], &ids[1], "--tags"]);
    assert!(line(&printed, "tags.mlflow.source.name").is_some(), "{printed}");
}

#[test]
fn a_comparison_needs_two_runs() {
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
}

#[test]
fn invalid_comparisons_are_rejected() {
    let sample = Sample::new();
    let first = sample.first.to_string();
    sample.failure("compare", &[&first, "0000000000000000"]);
    sample.failure_lines("compare", &["--filter", "metrcs.loss < 1"]);
    sample.failure("compare", &["--filter", "", "-n", "0"]);
    let without = program(sample.folder.path()).arg("compare").arg(&sample.file).output();
    assert_eq!(without.expect("the program starts").status.code(), Some(2));
    let both = sample.run("compare", &[&first, "--filter", "run_name = 'first'"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn packages_and_code_are_compared() {
    let sample = Sample::new();
    let (first, nested) = (sample.first.to_string(), sample.nested.to_string());
    let database = Database::open(&sample.file).unwrap();
    for (id, packages, patch) in [
        (sample.first, "numpy==1\nscipy==2\n", "one\ntwo\nthree\n"),
        (sample.nested, "numpy==1\nscipy==3\npolars==1\n", "one\n2\nthree\n"),
    ] {
        let artifacts = database.run(id).unwrap().artifacts();
        artifacts.log_text(packages, "requirements.txt").unwrap();
        artifacts.log_text(patch, "git/dirty.patch").unwrap();
    }
    database.close().unwrap();
    let object = sample.json("compare", &[&first, &nested]);
    assert_eq!(object["packages"], json!({"polars": [null, "1"], "scipy": ["2", "3"]}));
    assert!(object["code"]["patch"][0].is_string(), "{object}");
    let printed = sample.print("compare", &[&first, &nested, "--code"]);
    let scipy = line(&printed, "packages.scipy").expect("the package is printed");
    assert_eq!(scipy.split_whitespace().collect::<Vec<_>>(), ["packages.scipy", "2", "3"]);
    assert!(printed.ends_with("@@ -1 +1 @@\n one\n-two\n+2\n three\n"), "{printed}");
    let same = sample.print("compare", &[&first, &first, &nested, "--code"]);
    assert!(same.contains("uncommitted code of"), "{same}");
}
