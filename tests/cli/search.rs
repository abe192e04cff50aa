//! `tracklite search`.

use super::Sample;

fn names(found: &serde_json::Value) -> Vec<&str> {
    let runs = found.as_array().expect("an array");
    runs.iter().map(|run| run["run_name"].as_str().expect("a name")).collect()
}

#[test]
fn a_filter_and_an_order_choose_runs() {
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
fn what_is_found_is_a_table_with_these_columns() {
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
fn pages_follow_each_other() {
    let sample = Sample::new();
    let first = sample.print("search", &["--order", "run_name", "-n", "2"]);
    let (_, token) = first.trim_end().rsplit_once("--page ").expect("a token");
    let second = sample.print("search", &["--order", "run_name", "-n", "2", "--page", token]);
    assert!(!second.contains("--page"), "{second}");
    assert_eq!(second.matches("nested").count() + first.matches("nested").count(), 1);
    let refused = sample.failure("search", &["--order", "status", "--page", token]);
    assert!(refused.contains("another query"), "{refused}");
}

#[test]
fn a_filter_that_is_wrong_is_shown_with_its_place() {
    let sample = Sample::new();
    let output = sample.run("search", &["metrcs.loss < 1"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("metrcs.loss < 1\n"), "{message}");
    assert!(message.contains("^"), "{message}");
    assert!(message.contains("metrics.loss"), "{message}");
}
