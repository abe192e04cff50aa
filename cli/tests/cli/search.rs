//! `tracklite search`.

use std::process::Output;

use tracklite::Database;

use super::Sample;

fn names(found: &serde_json::Value) -> Vec<&str> {
    let runs = found.as_array().expect("an array");
    runs.iter().map(|run| run["run_name"].as_str().expect("a name")).collect()
}

#[test]
fn a_search_filters_and_sorts_runs() {
    let sample = Sample::new();
    let all = sample.json("search", &[]);
    assert_eq!(names(&all).len(), 3);
    let found = sample.json("search", &["metrics.loss < 0.5", "--order", "metrics.loss"]);
    assert_eq!(names(&found), ["first", "nested"]);
    let order = ["-o", "params.rate DESC", "-o", "run_name"];
    let found = sample.json("search", &[&["params.rate LIKE '0.%'"][..], &order].concat());
    assert_eq!(names(&found), ["nested", "first"]);
    let found = sample.json("search", &["run_name = 'gone'", "--deleted"]);
    assert_eq!(names(&found), ["gone"]);
    let found = sample.json("search", &["", "--experiment", "Default"]);
    assert_eq!(names(&found), ["\u{4e2d}\u{6587} \u{fc}ber"]);
}

#[test]
fn the_found_runs_are_a_table_with_the_chosen_columns() {
    let sample = Sample::new();
    let printed = sample.print("search", &["params.depth = '3'", "--columns", "loss,status"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(
        lines[0].contains("loss") && lines[0].contains("STATUS") || lines[0].contains("status")
    );
    assert!(printed.contains("first") && printed.contains("nested"), "{printed}");
    assert!(!printed.contains("acc"), "{printed}");
    assert_eq!(sample.print("search", &["metrics.loss > 9"]), "no runs\n");
}

#[test]
fn a_page_prints_the_token_of_the_next_page() {
    let sample = Sample::new();
    let first = sample.print("search", &["--order", "run_name", "-n", "2"]);
    let (_, token) = first.trim_end().rsplit_once("--page ").expect("a token");
    let second = sample.print("search", &["--order", "run_name", "-n", "2", "--page", token]);
    assert!(!second.contains("--page"), "{second}");
    assert_eq!(second.matches("nested").count() + first.matches("nested").count(), 1);
    let message = sample.failure("search", &["--order", "status", "--page", token]);
    assert!(message.contains("another query"), "{message}");
}

#[test]
fn an_invalid_filter_is_shown_with_a_marked_position() {
    let sample = Sample::new();
    let output = sample.run("search", &["metrcs.loss < 1"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("metrcs.loss < 1\n"), "{message}");
    assert!(message.contains("^"), "{message}");
    assert!(message.contains("metrics.loss"), "{message}");
}

#[test]
fn columns_may_name_any_key_but_plain_words_must_be_known() {
    let sample = Sample::new();
    let titles = |arguments: &[&str]| -> Vec<String> {
        let printed = sample.print("search", arguments);
        let first = printed.lines().next().expect("a line");
        first.split_whitespace().map(str::to_owned).collect()
    };
    let keys = "metrics.loss,params.none,tags.none";
    let order = ["", "--order", "run_name DESC", "-n", "1", "--columns", keys];
    assert_eq!(titles(&order), ["id", "name", "loss", "params.none", "tags.none"]);
    // No run on this page has the metric, but another run has it.
    let last = ["run_name LIKE '%ber'", "--columns", "loss"];
    assert_eq!(titles(&last), ["id", "name", "loss"]);
    let names = "run_id,run_name,start_time,end_time,user_id,parent_run_id";
    let all = ["", "--columns", names];
    assert_eq!(titles(&all), ["id", "name", "started", "ended", "user", "parent"]);
    for filter in ["", "metrics.loss > 9"] {
        let message = sample.failure("search", &[filter, "--columns", "nonsense"]);
        assert!(message.contains("\"nonsense\""), "{message}");
    }
    assert_eq!(sample.print("search", &["metrics.loss > 9", "--columns", "loss"]), "no runs\n");
}

/// Creates the sample with an experiment of this many more runs.
fn many(runs: usize) -> Sample {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let experiment = database.experiment("/many").expect("a valid path");
    for _ in 0..runs {
        experiment.start_run("one of many").expect("the run starts");
    }
    database.close().expect("the file is closed");
    sample
}

#[test]
fn json_has_all_runs_unless_a_limit_is_given() {
    let sample = many(150);
    let found = |arguments: &[&str]| names(&sample.json("search", arguments)).len();
    assert_eq!(found(&["", "--experiment", "/many"]), 150);
    let limited = sample.run("search", &["", "--experiment", "/many", "-n", "40", "--json"]);
    let rest = next_token(&limited);
    let page = ["", "--experiment", "/many", "--page", &rest];
    assert_eq!(found(&page), 110);
    assert_eq!(found(&["", "--experiment", "/many", "-n", "150"]), 150);
    let printed = sample.print("search", &["", "--experiment", "/many"]);
    assert_eq!(printed.matches("one of many").count(), 100);
}

/// Returns the token of the next page, which standard error has when the JSON is not complete.
pub(super) fn next_token(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(printed.is_array());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, token) = message.trim_end().rsplit_once("more results: --page ").expect("a token");
    token.to_owned()
}
